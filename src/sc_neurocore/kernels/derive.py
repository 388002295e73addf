"""From a neuron and a surrogate to the scan that a fused kernel runs: one step and its adjoint.

The scan is data: assignments over named values, each name assigned once. It is made by running
the step itself (`equation.step`) on expressions, so its meaning is written in one place. An
emitter turns it into Numba, or into any other language with loops and floats.

Expressions of parameters alone leave the loop: they become `constants`, computed once per run by
PyTorch, exactly as the eager kernel does it, and differentiated there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sc_neurocore.equation.derivative import (
    ONE,
    ZERO,
    SimplifyingAlgebra,
    accumulate,
    fold,
    simplify,
    substitute,
)
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    Operation,
    Symbol,
    is_condition,
    symbols,
)
from sc_neurocore.equation.neuron import SPIKE, Assignment, Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.equation.surrogate import Surrogate

# A quote or a blank cannot be in a user's name.
STEP, LENGTH, LAST = "time step", "sequence length", "last spike"
SHARPNESS = "surrogate alpha"


def gradient_name(name: str) -> str:
    """Return the name of the gradient towards a value."""
    return f"gradient {name}"


@dataclass(frozen=True)
class Pass:
    """Assignments in order, and what the loop takes from them.

    Attributes:
        lines: Each name is assigned once.
        results: The values that leave the step, by what they are.
        constants: The constants that the lines and the results read.
    """

    lines: tuple[Assignment, ...]
    results: Mapping[str, Expression]
    constants: tuple[str, ...]


@dataclass(frozen=True)
class Scan:
    """One neuron, ready to be emitted.

    Attributes:
        neuron: The model.
        prelude: Assignments to be computed once per run, from the parameters.
        constants: What the passes read from the parameters and the prelude, in a fixed order.
        wanted: The constants through which learnable parameters get their gradient.
        forward: One step. Reads the states, the input and constants; results are the spike `s`
            and each state.
        backward: The same step and its adjoint. Also reads `gradient_name` of the spike and of
            each state after the step; results are the gradients towards the input, each state
            before the step and each wanted constant, and each state after the step, by name.
        masked: Whether steps at or beyond `LENGTH` change nothing; reads `STEP` and `LENGTH`.
        recurrent: Whether the spike is kept for the next step, as a state `LAST`. What it then
            brings to the currents is a product over the neurons of a sample, which is not part of
            a neuron's step: the loop adds it to the input before the step, and after the adjoint
            to the gradient towards `LAST`.
    """

    neuron: Neuron
    prelude: tuple[Assignment, ...]
    constants: tuple[str, ...]
    wanted: tuple[str, ...]
    forward: Pass
    backward: Pass
    masked: bool
    recurrent: bool = False

    @property
    def states(self) -> tuple[str, ...]:
        """What a neuron keeps from one step to the next, in a fixed order."""
        return (*self.neuron.states, LAST) if self.recurrent else tuple(self.neuron.states)


def derive(
    neuron: Neuron,
    surrogate: Surrogate,
    *,
    detach_reset: bool = True,
    learnable: Collection[str] = (),
    masked: bool = False,
    recurrent: bool = False,
) -> Scan:
    """Derive the scan of a neuron.

    Args:
        neuron: The model.
        surrogate: What stands in for the derivative of the spike. Its sharpness stays a
            parameter, named `SHARPNESS`.
        detach_reset: Whether the reset sends no gradient to the spike.
        learnable: The parameters that want a gradient.
        masked: Whether sequences have lengths of their own.
        recurrent: Whether the spikes come back to the neurons in the next step.
    """
    algebra = _StepAlgebra(neuron, surrogate, detach_reset)
    names = {name: Symbol(name) for name in (*neuron.states, *neuron.parameters)}
    state = {name: names[name] for name in neuron.states}
    parameters = {name: names[name] for name in neuron.parameters}
    spike, new = step(neuron, state, Symbol(neuron.input), parameters, algebra)
    if recurrent:
        state[LAST], new[LAST] = Symbol(LAST), spike
    if masked:
        valid = Operation("<", (Symbol(STEP), Symbol(LENGTH)))
        spike = algebra.store(SPIKE, Operation("select", (valid, spike, ZERO)))
        new = {
            name: algebra.store(name, Operation("select", (valid, value, state[name])))
            for name, value in new.items()
        }
    hoist = _Hoist(algebra)
    lines = tuple(hoist.line(line) for line in algebra.lines)
    results = {SPIKE: spike, **new}
    forward = _finish(lines, results, algebra.invariants)
    wanted = tuple(name for name in forward.constants if algebra.invariants[name] & set(learnable))
    gradients, adjoint = _adjoint(lines, results, algebra.partials, (neuron.input, *state, *wanted))
    adjoint = [hoist.line(line) for line in adjoint]
    gradients = {name: hoist(value) for name, value in gradients.items()}
    backward = _finish([*lines, *adjoint], {**new, **gradients}, algebra.invariants)
    read = {*forward.constants, *backward.constants}
    constants = tuple(name for name in algebra.invariants if name in read)
    prelude = tuple(algebra.prelude)
    return Scan(neuron, prelude, constants, wanted, forward, backward, masked, recurrent)


class _StepAlgebra:
    """Run a step on expressions, keeping a list of what it assigns."""

    def __init__(self, neuron: Neuron, surrogate: Surrogate, detach_reset: bool) -> None:
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.lines: list[Assignment] = []
        self.prelude: list[Assignment] = []
        # In the order in which they become known, each with the names that it is made of.
        self.invariants: dict[str, frozenset[str]] = {
            name: frozenset((name,)) for name in (*neuron.parameters, SHARPNESS)
        }
        self.partials: dict[str, dict[str, Expression]] = {}
        self._versions: Counter[str] = Counter()

    def constant(self, value: float) -> Expression:
        return Constant(value)

    def apply(self, operator: str, operands: tuple[Expression, ...]) -> Expression:
        if all(isinstance(operand, Constant) for operand in operands):
            return fold(operator, operands)
        return Operation(operator, operands)

    def assign(self, target: str, value: Expression, *, is_local: bool) -> Expression:
        return self.store(target, value)

    def fire(self, operator: str, left: Expression, right: Expression) -> Expression:
        sides = (left, right) if operator.startswith(">") else (right, left)
        excess = self.store("excess", self.apply("-", sides))
        fires = Operation(">" if "=" not in operator else ">=", (excess, ZERO))
        spike = self.store(SPIKE, Operation("select", (fires, ONE, ZERO)))
        of_excess = {"x": excess, "alpha": Symbol(SHARPNESS)}
        pulse = substitute(self.surrogate.derivative, of_excess)
        self.partials[spike.name] = {excess.name: pulse}
        return spike

    def reset(self, spike: Expression, value: Expression, kept: Expression) -> Expression:
        fired = Operation(">", (spike, ZERO))
        after = self.store("reset", Operation("select", (fired, value, kept)))
        if not self.detach_reset and isinstance(spike, Symbol):
            self.partials[after.name] = {spike.name: simplify(Operation("-", (value, kept)))}
        return after

    def store(self, target: str, value: Expression) -> Symbol:
        """Assign to a new version of a name; what does not change with time goes to the prelude."""
        self._versions[target] += 1
        name = f"{target}'{self._versions[target]}"
        assignment = Assignment(name, value, is_local=True)
        origin = self.origin(value)
        if origin is None:
            self.lines.append(assignment)
        else:
            self.prelude.append(assignment)
            self.invariants[name] = origin
        return Symbol(name)

    def origin(self, value: Expression) -> frozenset[str] | None:
        """Return the parameters that a value is made of, or None if it changes with time."""
        parts = set(symbols(value))
        if not parts <= self.invariants.keys():
            return None
        return frozenset().union(*(self.invariants[name] for name in parts))


class _Hoist:
    """Replace what does not change with time by constants of the prelude."""

    def __init__(self, algebra: _StepAlgebra) -> None:
        self._algebra = algebra
        self._names: dict[Expression, Symbol] = {}

    def __call__(self, value: Expression) -> Expression:
        if not isinstance(value, Operation):
            return value
        if value in self._names:
            return self._names[value]
        if is_condition(value) or self._algebra.origin(value) is None:
            return Operation(value.operator, tuple(map(self, value.operands)))
        self._names[value] = self._algebra.store("constant", value)
        return self._names[value]

    def line(self, line: Assignment) -> Assignment:
        return Assignment(line.target, self(line.value), line.is_local)


def _adjoint(
    lines: Sequence[Assignment],
    results: Mapping[str, Expression],
    partials: Mapping[str, Mapping[str, Expression]],
    inputs: Iterable[str],
) -> tuple[dict[str, Expression], list[Assignment]]:
    """Differentiate the lines in reverse; return the gradients that leave, and what they need."""
    totals: dict[str, Expression] = {}
    for name, value in results.items():
        accumulate(value, Symbol(gradient_name(name)), totals)
    adjoint: list[Assignment] = []
    for line in reversed(lines):
        total = totals.pop(line.target, ZERO)
        if total == ZERO:
            continue
        if isinstance(total, Operation):
            adjoint.append(Assignment(gradient_name(line.target), total, is_local=True))
            total = Symbol(gradient_name(line.target))
        accumulate(line.value, total, totals)
        for name, partial in partials.get(line.target, {}).items():
            accumulate(Symbol(name), SimplifyingAlgebra().apply("*", (total, partial)), totals)
    return {gradient_name(name): totals.get(name, ZERO) for name in inputs}, adjoint


def _finish(
    lines: Iterable[Assignment],
    results: Mapping[str, Expression],
    invariants: Iterable[str],
) -> Pass:
    """Compute what occurs twice once, and drop what nothing needs."""
    needed: set[str] = set()
    for value in results.values():
        needed.update(symbols(value))
    kept: list[Assignment] = []
    for line in reversed(list(lines)):
        if line.target in needed:
            needed.update(symbols(line.value))
            kept.append(line)
    sharing = _Sharing([*(line.value for line in reversed(kept)), *results.values()])
    for line in reversed(kept):
        sharing.line(line)
    shared = {name: sharing.rewrite(value) for name, value in results.items()}
    constants = tuple(name for name in invariants if name in needed)
    return Pass(tuple(sharing.lines), shared, constants)


class _Sharing:
    """Give every operation that occurs more than once a line of its own."""

    def __init__(self, values: Iterable[Expression]) -> None:
        self.lines: list[Assignment] = []
        self._names: dict[Expression, Symbol] = {}
        self._uses: Counter[Expression] = Counter()
        for value in values:
            self._count(value)

    def _count(self, value: Expression) -> None:
        if isinstance(value, Operation):
            self._uses[value] += 1
            if self._uses[value] == 1:
                for operand in value.operands:
                    self._count(operand)

    def line(self, line: Assignment) -> None:
        value = self.rewrite(line.value, line.target)
        self.lines.append(Assignment(line.target, value, line.is_local))

    def rewrite(self, value: Expression, target: str | None = None) -> Expression:
        """Return the value with what is shared replaced by names, defining them if need be."""
        if not isinstance(value, Operation):
            return value
        if value in self._names:
            return self._names[value]
        rewritten = Operation(value.operator, tuple(map(self.rewrite, value.operands)))
        if self._uses[value] > 1 and not is_condition(value):
            if target is None:
                target = f"shared {len(self._names)}"
                self.lines.append(Assignment(target, rewritten, is_local=True))
                self._names[value] = Symbol(target)
                return self._names[value]
            self._names[value] = Symbol(target)
        return rewritten
