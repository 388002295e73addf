"""What a neuron is: states, parameters, an update, a firing condition, a reset.

A `Neuron` is plain data. It does not compute: `equation.step` gives its meaning over any algebra.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from sc_neurocore.equation.expression import (
    FUNCTIONS,
    Constant,
    Expression,
    Operation,
    Symbol,
    is_condition,
    symbols,
)
from sc_neurocore.equation.sources import check_sources, check_start, find_sources
from sc_neurocore.equation.text import format_expression, format_neuron, format_number
from sc_neurocore.errors import EquationError

if TYPE_CHECKING:
    from sc_neurocore.equation.ode import Method

SPIKE = "s"
"""The name under which `after` lines see the spike: 1 where the neuron fired, else 0."""

RESERVED_NAMES = frozenset({SPIKE, "pi", "inf", "local", *FUNCTIONS, *keyword.kwlist})
NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")

ResetKind: TypeAlias = Literal["subtract", "zero", "none"] | float


def reserved(name: str) -> str:
    """Return the message about a name of `RESERVED_NAMES`, Python's own words among them."""
    return f"the name {name!r} is reserved; choose another one, such as {name}_"


@dataclass(frozen=True)
class Parameter:
    """A number of the neuron that may be fixed or learnt.

    Attributes:
        default: Its value when the user gives none.
        low: It must be greater than this; learnable parameters keep to it by construction.
        high: It must be less than this.
    """

    default: float
    low: float = -math.inf
    high: float = math.inf

    def check(self, name: str, value: float) -> None:
        """Raise `EquationError` unless `value` lies inside the open interval (low, high)."""
        if not self.low < value < self.high:
            interval = f"({format_number(self.low)}, {format_number(self.high)})"
            raise EquationError(f"{name} = {value}: the parameter must lie in {interval}")


@dataclass(frozen=True)
class Assignment:
    """`target = value`; a local names an intermediate result that is not a state."""

    target: str
    value: Expression
    is_local: bool = False

    def __str__(self) -> str:
        return f"{'local ' * self.is_local}{self.target} = {format_expression(self.value)}"


@dataclass(frozen=True)
class Neuron:
    r"""One neuron model as data.

    One step does, in this order: the `update` lines as written, later lines seeing earlier
    results; the test of `spike` on the updated states; the `reset` lines where it fired; the
    `after` lines, which may use the spike `s`.

    Attributes:
        name: An identifier; becomes the module's name in Verilog.
        states: Name and initial value of each state.
        parameters: Name, default and permitted interval of each parameter.
        update: Assignments to states and locals.
        spike: The firing condition, a comparison. The surrogate gradient acts on its crossing:
            left minus right for `>=` and `>`, right minus left for `<=` and `<`.
        reset: Assignments to states, done where the neuron fired.
        after: Assignments to states, done always and last.
        input: The name of the input current, the first if there are several.
        description: One paragraph for people: what the model is, and the paper it comes from.
        more_inputs: The names of further inputs, each of which has a current of its own.
    """

    name: str
    states: Mapping[str, float]
    parameters: Mapping[str, Parameter]
    update: tuple[Assignment, ...]
    spike: Operation
    reset: tuple[Assignment, ...] = ()
    after: tuple[Assignment, ...] = ()
    input: str = "I"
    description: str = field(default="", compare=False)
    more_inputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", MappingProxyType(dict(self.states)))
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))
        _check(self)

    def __reduce__(self) -> tuple[object, ...]:
        # Read-only mappings do not pickle; plain dictionaries do.
        fields = (self.name, dict(self.states), dict(self.parameters), self.update, self.spike)
        rest = (self.reset, self.after, self.input, self.description, self.more_inputs)
        return Neuron, (*fields, *rest)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        """The neuron in the text form that `parse_neuron` reads."""
        return format_neuron(self)

    @classmethod
    def from_equations(
        cls,
        text: str,
        *,
        name: str = "Custom",
        states: Mapping[str, float] = MappingProxyType({}),
        parameters: Mapping[str, float | Parameter] = MappingProxyType({}),
        spike: str | None = None,
        reset: str | Sequence[str] = (),
        method: Method | None = None,
        dt: float | None = None,
        description: str = "",
    ) -> Neuron:
        """Make a neuron from differential equations, or from any lines that `parse_neuron` reads.

        What the text does not say may be given beside it::

            Neuron.from_equations(
                "dv/dt = (-(v - v_rest) + R*I)/tau",
                states={"v": 0},
                parameters={"tau": Parameter(20, low=0), "R": 20, "v_rest": 0},
                spike="v >= 1",
                reset="v = v_rest",
                method="exponential-euler",
            )

        Args:
            text: The equations, one a line. The input current is `I`.
            name: The neuron's name where the text has no `neuron` line.
            states: Initial value of each state.
            parameters: Default of each parameter, or a `Parameter` with its interval.
            spike: The firing condition.
            reset: One assignment or several, done where the neuron fired.
            method: "euler" (the default) or "exponential-euler"; see `equation.ode`.
            dt: Length of a time step, in the unit of the time constants (ms, where the text has
                units), by default 1. It becomes the parameter `dt`.
            description: One paragraph for people.

        Raises:
            EquationError: Showing the line, with a caret, or naming what is missing.
        """
        from sc_neurocore.equation.parser import NeuronReader

        reader = NeuronReader()
        reader.read_text(text)
        if reader.name is None:
            reader.name = name
        for state, value in states.items():
            reader.read(f"state {state} = {_number_text(state, value)}")
        if dt is not None:
            parameters = {**parameters, "dt": Parameter(dt, 0.0)}
        for key, given in parameters.items():
            parameter = given if isinstance(given, Parameter) else Parameter(given)
            low, high = format_number(parameter.low), format_number(parameter.high)
            default = _number_text(key, parameter.default)
            default += "*ms" if key == "dt" and reader.has_units else ""
            reader.read(f"parameter {key} = {default} in ({low}, {high})")
        if spike is not None:
            reader.read(f"spike {spike}")
        for line in [reset] if isinstance(reset, str) else reset:
            reader.read(f"reset {line}")
        if method is not None:
            reader.read(f"method {method}")
        return replace(reader.neuron(), description=description)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of all inputs."""
        return (self.input, *self.more_inputs)

    @property
    def sources(self) -> dict[str, str]:
        """Of each source of noise, the state that holds its word, and the parameter of its start.

        A `noise` line makes both; see `equation.noise`.
        """
        lines = [line for line in self.update if not line.is_local]
        return find_sources((line.target, line.value) for line in lines)

    def need_no_noise(self, what: str) -> None:
        """Raise `EquationError` if there is a source of noise, for what has none."""
        if self.sources:
            raise EquationError(
                f"{self.name} has a source of noise ({_listed(self.sources)}), and {what} has "
                f"none: train without it, then give the network's description the noisy equation"
            )

    def need_one_input(self, what: str) -> None:
        """Raise `EquationError` if there are several inputs, for what has but one current."""
        if self.more_inputs:
            raise EquationError(
                f"{self.name} has the inputs {_listed(self.inputs)}: {what} has one current; "
                f"write the equation with one input, or describe the network in "
                f"sc_neurocore.network, whose neurons may have several, and compile that"
            )

    @property
    def membrane(self) -> str:
        """The state that the readout "membrane" sums over the steps: `v`, or the only state.

        Raises:
            EquationError: If there are several states and none is called v.
        """
        states = [name for name in self.states if name not in self.sources] or [*self.states]
        if "v" not in states and len(states) > 1:
            raise EquationError(
                f"{self.name} has the states {_listed(states)}: call the membrane 'v', so "
                f"that a network knows which state to read out"
            )
        return "v" if "v" in states else states[0]

    def with_reset(self, kind: ResetKind) -> Neuron:
        """Return the neuron with another reset.

        Args:
            kind: What becomes of the state that fires: "subtract" (it loses the threshold),
                "zero", "none", or a number to which it is set. Reset lines of other states, such
                as Izhikevich's u = u + d, stay.

        Raises:
            EquationError: If the firing condition does not start with a state, so that there is
                nothing to reset, or the kind is unknown.
        """
        number: object = kind
        state, level = self.spike.operands
        if not isinstance(state, Symbol) or state.name not in self.states:
            raise EquationError(
                f"{self.name} fires when {self.spike}: reset={kind!r} needs a condition that "
                f"starts with one state ({', '.join(self.states)}); write the reset lines instead"
            )
        value: Expression | None
        if kind == "none":
            value = None
        elif kind == "subtract":
            value = state - level
        elif kind == "zero":
            value = Constant(0.0)
        elif not isinstance(number, bool) and isinstance(number, Real) and math.isfinite(number):
            value = Constant(float(number))
        else:
            raise EquationError(
                f"reset={kind!r}: expected 'subtract', 'zero', 'none' or a finite number"
            )
        line = () if value is None else (Assignment(state.name, value),)
        others = [each for each in self.reset if each.target != state.name]
        place = next((i for i, each in enumerate(self.reset) if each.target == state.name), 0)
        return replace(self, reset=(*others[:place], *line, *others[place:]))

    def resolve(self, values: Mapping[str, float] = MappingProxyType({})) -> dict[str, float]:
        """Return every parameter's value: the given ones, checked, and defaults for the rest."""
        unknown = sorted(set(values) - set(self.parameters))
        if unknown:
            raise EquationError(
                f"{self.name} has no parameter {unknown[0]!r}; it has {_listed(self.parameters)}"
            )
        resolved = {name: parameter.default for name, parameter in self.parameters.items()}
        for name, value in values.items():
            self.parameters[name].check(name, value)
            resolved[name] = value
        for name in self.sources.values():
            check_start(name, resolved[name])
        return resolved


def _number_text(name: str, value: float) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise EquationError(f"{name} = {value!r}: expected a number") from None
    return format_number(number) if math.isfinite(number) else str(number)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _check(neuron: Neuron) -> None:
    """Raise `EquationError` for a neuron that no interpretation could run."""
    declared = [*neuron.states, *neuron.parameters, *neuron.inputs]
    locals_ = [line.target for line in neuron.update if line.is_local]
    for name in [neuron.name, *declared, *locals_]:
        if not NAME_PATTERN.fullmatch(name):
            raise EquationError(
                f"{name!r} is not a usable name: expected a letter, then letters, digits or "
                f"underscores, 64 at most"
            )
        if name in RESERVED_NAMES:
            raise EquationError(reserved(name))
    for names in (declared, [*declared, *dict.fromkeys(locals_)]):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise EquationError(f"the name {twice[0]!r} is declared twice in {neuron.name}")
    if not neuron.states:
        raise EquationError(f"{neuron.name} has no state; add a line such as: state v = 0")
    for name, value in neuron.states.items():
        if not math.isfinite(value):
            raise EquationError(f"state {name} = {value}: expected a finite number")
    for name, parameter in neuron.parameters.items():
        parameter.check(name, parameter.default)

    sources = neuron.sources
    for name in sources.values():
        if name in neuron.parameters:
            check_start(name, neuron.parameters[name].default)
    lines = [(line.target, line.value) for line in (*neuron.update, *neuron.reset, *neuron.after)]
    check_sources(sources, [*lines, ("spike", neuron.spike)], neuron.states)
    known = set(declared)
    for line in neuron.update:
        _check_line(neuron, line, known, locals_allowed=True)
        known.add(line.target)
    if not is_condition(neuron.spike):
        raise EquationError(f"spike {neuron.spike}: expected a comparison, such as v >= threshold")
    _check_names(f"spike {neuron.spike}", neuron.spike, known)
    for line in neuron.reset:
        _check_line(neuron, line, known, locals_allowed=False)
    for line in neuron.after:
        _check_line(neuron, line, known | {SPIKE}, locals_allowed=False)


def _check_line(neuron: Neuron, line: Assignment, known: set[str], *, locals_allowed: bool) -> None:
    if not line.is_local and line.target not in neuron.states:
        raise EquationError(
            f"{line}: {line.target!r} is not a state of {neuron.name} "
            f"(states: {_listed(neuron.states)}); declare it, or write 'local {line.target} = …'"
        )
    if line.is_local and not locals_allowed:
        raise EquationError(f"{line}: locals belong to the update lines")
    if is_condition(line.value):
        raise EquationError(f"{line}: a comparison is not a number; use select(…, 1, 0)")
    _check_names(str(line), line.value, known)


def _check_names(where: str, expression: Expression, known: set[str]) -> None:
    for name in symbols(expression):
        if name not in known:
            raise EquationError(f"{where}: unknown name {name!r}; known: {_listed(sorted(known))}")
