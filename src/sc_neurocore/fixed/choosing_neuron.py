"""The narrowest formats of a neuron, one for each state and local, for the currents, for constants.

Bits before the point are those that floats ask for. Bits behind it are sought for all at once, as a
share of what each one spans, until integers do what floats do; then each gives up bits that the
others do not miss. Tables cover what their arguments span in floats, with a margin.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import Expression, Symbol, evaluate, symbols
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed.comparison import LEVEL_ERROR, compare_neuron
from sc_neurocore.fixed.logic import luts
from sc_neurocore.fixed.lowering import NeuronProgram, bits_for, lower
from sc_neurocore.fixed.qformat import (
    LEAST_CONSTANT_BITS,
    MAXIMUM_CONSTANT_BITS,
    MAXIMUM_TABLE_BITS,
    MAXIMUM_WIDTH,
    FixedPoint,
    QFormat,
)
from sc_neurocore.fixed.stimulus import Stimulus, currents_of, run_neuron
from sc_neurocore.fixed.trials import (
    AUTO_FORMAT,
    USUAL_TARGET,
    Chosen,
    Target,
    Tried,
    integer_bits,
)

_CONSTANT_ERROR = 0.002
_MARGIN = 0.05
"""What a table covers beyond what was seen, as a share of it, to either side."""
_TABLE_ERROR = 2.0**-9
_PROBED = 40
"""Fraction bits of constants while nothing is known of them."""
_SOUND = 0.01
"""Nothing that is chosen is farther off: of more, people are warned."""
_TRIALS, _LEAST_TRIALS, _MOST_TRIALS = 5000, 20, 60
"""So many by the operations of a step, which make a trial long: some seconds on one core."""
_LEAST_PRECISION, _FIRST_GUESS, _MOST = 2, 14, 40
_LEFT_FOR_EACH = 4
"""So many trials are kept for what single states can do without."""
_LEAST_WIDTH = 2
_CURRENT = "current"
_STATE_BITS = MAXIMUM_WIDTH - 4
"""The current's usual format beside a state's, with four bits more, must exist too."""


@dataclass(frozen=True)
class _Plan:
    """What is settled, and what is sought.

    Attributes:
        largest: Of each state and local, and of the currents, the largest magnitude.
        modes: Rounding and overflow, as text behind a format.
        fraction_bits: Of each of them.
        constant_bits: Fraction bits of constants.
        table_bits: See `FixedPoint`.
        ranges: See `FixedPoint`.
    """

    states: tuple[str, ...]
    largest: Mapping[str, float]
    modes: str
    fraction_bits: Mapping[str, int]
    constant_bits: int = _PROBED
    table_bits: int = 6
    ranges: tuple[tuple[str, float, float], ...] = ()

    def form(self, name: str) -> QFormat:
        whole = integer_bits(self.largest[name])
        most = _STATE_BITS - whole if name in self.states else MAXIMUM_WIDTH - whole
        bits = min(max(self.fraction_bits[name], _LEAST_WIDTH - whole, 0), most)
        return QFormat.parse(f"Q{whole}.{bits}{self.modes}")

    @property
    def formats(self) -> FixedPoint:
        state = self.form(self.states[0] if self.states else _CURRENT)
        own = {name: self.form(name) for name in self.largest if name != _CURRENT}
        return FixedPoint(
            state,
            constant_fraction_bits=self.constant_bits,
            table_bits=self.table_bits,
            own=tuple((name, form) for name, form in own.items() if name not in self.states[:1]),
            own_current=self.form(_CURRENT),
            ranges=self.ranges,
        )

    @property
    def width(self) -> int:
        """Bits of all states, locals and currents together, and of a constant."""
        return sum(self.form(name).width for name in self.largest) + self.constant_bits


def choose_for_neuron(
    neuron: Neuron,
    stimulus: Stimulus,
    format: str = AUTO_FORMAT,
    target: Target = USUAL_TARGET,
    constant_bits: int | None = None,
    parameters: Mapping[str, float] = MappingProxyType({}),
) -> Chosen:
    """Choose the formats of a neuron: one for each state and local, and for the current.

    Args:
        neuron: The neuron.
        stimulus: The currents on which floats and integers are compared.
        format: "auto", and after it `:nearest` or `:wrap` where that is wanted.
        target: What is good enough.
        constant_bits: Fraction bits of constants; by default as many as the constants ask for.
        parameters: Values of parameters; those not given take their default.

    Raises:
        UserError: If no formats of at most 44 bits are good enough.
    """
    search = _Search(neuron, stimulus, format, target, constant_bits, parameters)
    return search.chosen()


class _Search:
    def __init__(
        self,
        neuron: Neuron,
        stimulus: Stimulus,
        format: str,
        target: Target,
        constant_bits: int | None,
        parameters: Mapping[str, float],
    ) -> None:
        self._neuron = neuron
        self._stimulus = stimulus
        self._target = target
        self._given_constants = constant_bits
        self._parameters = parameters
        self._floats = run_neuron(neuron, stimulus.currents, parameters)
        self._finite = self._floats.finite
        if not self._finite.any():
            raise UserError(
                f"{neuron.name}: floats run away on {stimulus.origin}, so that no format can be "
                f"chosen: make dt smaller, use method exponential-euler, or name a format"
            )
        self._modes = format.removeprefix(AUTO_FORMAT)
        self._tried: dict[str, Tried] = {}
        # Counters, such as that of a refractory time.
        traces = {**self._floats.states, **self._floats.locals}
        self._whole = [
            name
            for name, trace in traces.items()
            if name not in neuron.sources and _is_whole(trace[:, self._finite])
        ]
        self._left = 0

    def chosen(self) -> Chosen:
        plan = self._with_tables(self._first())
        program = self._program(plan)
        # Locals that are only parts of tables have no format.
        kept = {*plan.states, *(store.target for store in program.stores), _CURRENT}
        largest = {name: value for name, value in plan.largest.items() if name in kept}
        plan = replace(plan, largest=largest)
        # A run takes as long as the program is; large ones are tried fewer times.
        self._left = min(max(_TRIALS // len(program.program.nodes), _LEAST_TRIALS), _MOST_TRIALS)
        spans = {name: self._span(name, largest) for name, largest in plan.largest.items()}
        plan = self._narrowest(plan, spans)
        plan = self._given_up(plan)
        tried = sorted(self._tried.values(), key=lambda each: (each.width, not each.is_enough))
        return Chosen(plan.formats, tuple(tried))

    def _first(self) -> _Plan:
        """Return what is known before anything is tried."""
        neuron, floats, finite = self._neuron, self._floats, self._finite
        largest = {}
        words = neuron.sources  # of noise, whose format is given
        for name in [name for name in floats.most if name not in words]:
            ends = [floats.least[name][finite], floats.most[name][finite]]
            largest[name] = max(float(np.abs(end).max()) for end in ends)
        for name, value in largest_constants(neuron, neuron.resolve(self._parameters)).items():
            largest[name] = max(largest.get(name, 0.0), value)
        largest[_CURRENT] = float(np.abs(self._stimulus.currents[:, finite]).max())
        for name, value in largest.items():
            if integer_bits(value) > _STATE_BITS - 1:
                raise UserError(
                    f"{neuron.name}: {name} goes up to {value:.3g}, for which no format of "
                    f"{_STATE_BITS} bits is wide enough: use larger units"
                )
        names = dict.fromkeys(largest, _FIRST_GUESS)
        states = tuple(name for name in neuron.states if name not in words)
        return _Plan(states, largest, self._modes, names)

    def _program(self, plan: _Plan) -> NeuronProgram:
        return lower(self._neuron, plan.formats, self._parameters)

    def _with_tables(self, plan: _Plan) -> _Plan:
        """Choose what tables cover, in how many segments, and the bits of constants."""
        for _ in range(2):  # a table may need its range before another one is seen
            ranges = dict.fromkeys(plan.ranges)
            before: frozenset[str] = frozenset()
            try:
                program = self._program(replace(plan, table_bits=4))
                missing, before = {table.of for table in program.tables}, program.read_before
            except EquationError:
                names = (*self._neuron.states, *self._neuron.inputs, *self._floats.locals)
                missing = {Symbol(name) for name in names}
            known = {name for name, _, _ in ranges}
            for of in sorted(missing, key=str):
                ends = self._seen(of, only_before=str(of) in before)
                if str(of) not in known and ends is not None:
                    ranges[str(of), *ends] = None
            plan = replace(plan, ranges=tuple(ranges))
        used = {str(table.of) for table in self._program(replace(plan, table_bits=4)).tables}
        plan = replace(plan, ranges=tuple(each for each in plan.ranges if each[0] in used))
        for bits in range(4, MAXIMUM_TABLE_BITS + 1):
            plan = replace(plan, table_bits=bits, constant_bits=_PROBED)
            errors = [table.relative_error for table in self._program(plan).tables]
            if max(errors, default=0.0) <= _TABLE_ERROR:
                break
        return replace(plan, constant_bits=self._constants(plan))

    def _seen(self, of: Expression, *, only_before: bool) -> tuple[float, float] | None:
        """Return what something spans in floats, with a margin, in few digits; None if unknown."""
        neuron, floats = self._neuron, self._floats
        values: dict[str, Any] = dict(neuron.resolve(self._parameters))
        values |= {
            name: currents_of(neuron, self._stimulus.currents, name) for name in neuron.inputs
        }
        values |= floats.locals
        before = {
            name: np.concatenate([np.full((1, trace.shape[1]), neuron.states[name]), trace[:-1]])
            for name, trace in floats.states.items()
        }
        found = []
        name = str(of)
        if name in floats.least and not only_before:
            found += [floats.least[name], floats.most[name]]
        try:
            with np.errstate(all="ignore"):
                for states in (before,) if only_before else (before, floats.states):
                    value = np.asarray(evaluate(of, {**values, **states}, Doubles()), np.float64)
                    value = np.broadcast_to(value, self._stimulus.currents.shape[:2])
                    found += [value[:, self._finite].min(), value[:, self._finite].max()]
        except KeyError:
            return None
        numbers = np.concatenate([np.ravel(each) for each in found])
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            return None
        low, high = float(numbers.min()), float(numbers.max())
        margin = _MARGIN * ((high - low) or max(abs(low), 1.0))
        digits = 2 - math.floor(math.log10(margin))
        low, high = (round(end, digits) for end in (low - margin, high + margin))
        return low, high

    def _span(self, name: str, largest: float) -> float:
        """Return how far apart the values of a state, local or the currents are."""
        least, most = self._floats.least.get(name), self._floats.most.get(name)
        if least is None or most is None:
            return largest or 1.0
        span = float(most[self._finite].max() - least[self._finite].min())
        return span or largest or 1.0

    def _constants(self, plan: _Plan) -> int:
        """Return the fraction bits with which every constant is close enough."""
        if self._given_constants is not None:
            return self._given_constants
        widest = replace(plan, constant_bits=MAXIMUM_CONSTANT_BITS)
        needed = [LEAST_CONSTANT_BITS]
        program = self._program(widest)
        for each in program.constants:
            leak = 1 - abs(each.value)
            if each.value:
                needed.append(bits_for(each.value, _CONSTANT_ERROR))
            if each.multiplies and 0 < leak < 0.5:
                needed.append(bits_for(leak, _CONSTANT_ERROR))
        for table in program.tables:
            span = (max(table.entries) - min(table.entries)) * 2.0**-table.entry_bits
            if span:
                needed.append(math.ceil(-math.log2(span * _TABLE_ERROR)))
        return min(max(needed), MAXIMUM_CONSTANT_BITS)

    def _attempt(self, plan: _Plan) -> bool:
        formats = plan.formats
        text = str(formats)
        if text not in self._tried:
            try:
                program = lower(self._neuron, formats, self._parameters)
            except EquationError:  # a constant became 0
                return False
            self._left -= 1
            found = compare_neuron(program, self._stimulus, self._floats)
            self._tried[text] = Tried(
                format=formats.text,
                constant_bits=formats.constant_fraction_bits,
                spike_agreement=found.spike_agreement,
                mean_state_error=found.mean_state_error,
                is_enough=self._target.met_by(found.spike_agreement, found.mean_state_error)
                and found.level_error <= LEVEL_ERROR
                and is_sound(program),
                width=plan.width,
                luts=luts(program.program),
            )
        return self._tried[text].is_enough

    def _narrowest(self, plan: _Plan, spans: Mapping[str, float]) -> _Plan:
        """Return the least bits that are enough, the same share of what each spans."""

        def at(precision: int) -> _Plan:
            bits = {name: precision - math.floor(math.log2(span)) for name, span in spans.items()}
            return replace(plan, fraction_bits=bits | dict.fromkeys(self._whole, 0))

        low, high = _LEAST_PRECISION, _FIRST_GUESS  # low is not enough, high is to be
        while not self._attempt(at(high)):
            if high >= _MOST:
                worst = list(self._tried.values())[-1] if self._tried else None
                raise UserError(
                    f"{self._neuron.name}: not even {at(high).formats.text} is good enough "
                    f"({worst.line if worst else 'a constant is lost'}; asked for: "
                    f"{self._target.agreement:.1%} and {self._target.state_error:.2%}): ask for "
                    f"less, or name a format"
                )
            low, high = high, min(high + 4, _MOST)
            plan = replace(plan, table_bits=min(plan.table_bits + 1, MAXIMUM_TABLE_BITS))
        while high - low > 1 and self._left > _LEFT_FOR_EACH:
            middle = (low + high) // 2
            low, high = (low, middle) if self._attempt(at(middle)) else (middle, high)
        return at(high)

    def _given_up(self, plan: _Plan) -> _Plan:
        """Let each one lose bits, the widest first, as long as it is enough."""
        changes: list[Callable[[_Plan, int], _Plan]] = [_fewer_segments]
        if self._given_constants is None:
            changes.append(_fewer_constants)
        names = sorted(plan.largest, key=lambda name: -plan.form(name).width)
        changes += [_fewer_bits_of(name) for name in names]
        for amount in (3, 1):
            for change in changes:
                if self._left <= 0:
                    return plan
                fewer = change(plan, amount)
                if fewer.formats != plan.formats and self._attempt(fewer):
                    plan = fewer
        return plan


def largest_constants(neuron: Neuron, values: Mapping[str, ArrayLike]) -> dict[str, float]:
    """Return how large the constants are that `reset` and `after` lines assign; 0 without any.

    A run does not show them: nothing may have fired, and `after` lines go on from them at once.

    Args:
        neuron: The neuron.
        values: What its parameters are.
    """
    found: dict[str, float] = {}
    for line in (*neuron.reset, *neuron.after):
        value = 0.0
        if values.keys() >= {*symbols(line.value)}:
            value = float(np.abs(evaluate(line.value, dict(values), Doubles())).max())
        found[line.target] = max(found.get(line.target, 0.0), value)
    return found


def is_sound(program: NeuronProgram) -> bool:
    """Return whether constants and tables are as close as judges of them want."""
    for each in program.constants:
        became = abs(each.integer) * 2.0**-each.fraction_bits
        error, leak = abs(became - abs(each.value)), 1 - abs(each.value)
        if error > _SOUND * abs(each.value):
            return False
        if each.multiplies and 0 < leak < 0.5 and error > _SOUND * leak:
            return False
    return all(table.relative_error <= _SOUND for table in program.tables)


def _is_whole(trace: NDArray[np.float64]) -> bool:
    """Return whether something takes whole values only, and more than one."""
    return bool(trace.size and np.ptp(trace) > 0 and np.abs(trace - np.round(trace)).max() < 1e-9)


def _fewer_constants(plan: _Plan, amount: int) -> _Plan:
    return replace(plan, constant_bits=max(plan.constant_bits - amount, 1))


def _fewer_segments(plan: _Plan, amount: int) -> _Plan:
    return replace(plan, table_bits=max(plan.table_bits - 1, 3)) if plan.ranges else plan


def _fewer_bits_of(name: str) -> Callable[[_Plan, int], _Plan]:
    def change(plan: _Plan, amount: int) -> _Plan:
        bits = {**plan.fraction_bits, name: max(plan.form(name).fraction_bits - amount, 0)}
        return replace(plan, fraction_bits=bits)

    return change
