"""Functions in integers: straight lines between the entries of a table.

A table stands for a function of one thing that changes: exp, a quotient, or whatever an equation
makes of a membrane, such as the rate 0.1*(v + 40)/(1 - exp(-(v + 40)/10)). It is part of the
semantics. With an argument x in units of 2 ** -argument_bits, cut to the ends of the table,

    position = x - first          index = position >> segment_bits
    offset = position - (index << segment_bits)
    result = entry[index] + ((entry[index + 1] - entry[index]) * offset >> segment_bits),

in units of 2 ** -entry_bits. An entry is the function there, rounded to nearest, ties to even, so
that the result is exact at the entries but for that rounding: tanh(0) = 0, exp(0) = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Floats
from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import Expression, Operation, Symbol, evaluate, substituted
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.qformat import FixedPoint

_SAMPLES = 1 << 16
_SAMPLES_BEYOND = 257
_SCANNED = 1 << 13
_NARROW = 1 << 62  # the sum of two such integers fits 64 bits
_HALVINGS = 24

EXTRA_ARGUMENT_BITS = 4
"""An argument keeps so many fraction bits more than the finest state has."""

MAXIMUM_ENTRY = 2.0**31
"""An entry is held to so much: a table that needs more is wrong there, and says by how much."""


ARGUMENT = "x"
"""The name of the argument in the expression of a table's function."""


@dataclass(frozen=True)
class PiecewiseLinear:
    """One function as a table, with equal segments.

    Attributes:
        function: What it is a function of: an expression in `ARGUMENT`.
        of: What stands for the argument in the neuron, such as `v`.
        argument_bits: Fraction bits of the argument.
        segment_bits: A segment is 2 ** segment_bits units of the argument.
        first: The argument of entry 0, in its units.
        entries: The function at the ends of the segments, one more than there are segments.
        entry_bits: Fraction bits of the entries and the result.
        error: The largest difference between result and function, for arguments between the ends
            at which the function has a value; checked at every argument, or at 65,536 of them if
            there are more.
        low_error: The largest difference below the first entry, for arguments that can come,
            checked at 257 of them; infinite where the function has no value at one.
        high_error: The same above the last one.
    """

    function: Expression
    of: Expression
    argument_bits: int
    segment_bits: int
    first: int
    entries: tuple[int, ...]
    entry_bits: int
    error: float
    low_error: float
    high_error: float

    @property
    def last(self) -> int:
        """The largest argument that is not cut."""
        return self.first + ((len(self.entries) - 1) << self.segment_bits) - 1

    @property
    def differences(self) -> tuple[int, ...]:
        """What the function gains over each segment, in units of the entries."""
        return tuple(b - a for a, b in zip(self.entries, self.entries[1:], strict=False))

    @property
    def name(self) -> str:
        """What its wires and functions are called after: exp, or `curve` for what has no name."""
        match self.function:
            case Operation(operator, (Symbol(),)) if operator.isalpha():
                return operator
        return "curve"

    @property
    def relative_error(self) -> float:
        """The largest error between the ends, as a share of what the table spans."""
        span = (max(self.entries) - min(self.entries)) * 2.0**-self.entry_bits
        return self.error / span if span else 0.0

    @property
    def written(self) -> str:
        """The function with what stands for its argument, such as `exp(v - w)`."""
        if self.name != "curve":
            return self.name
        return str(substituted(self.function, {ARGUMENT: self.of}))

    def __str__(self) -> str:
        unit = 2.0**-self.argument_bits
        width = 2.0 ** (self.segment_bits - self.argument_bits)
        start, segments = self.first * unit, len(self.entries) - 1
        ends = [
            f" {side} the table by at most {error:.2g}"
            if math.isfinite(error)
            else f" held {side} the table, where it has no value"
            for side, error in (("below", self.low_error), ("above", self.high_error))
            if error > self.error
        ]
        of = f" for {self.of}" if self.name == "curve" else ""
        return (
            f"{self.written}{of} from {start:g} to {start + segments * width:g} as {segments} "
            f"straight lines over {width:g} each, wrong by at most {self.error:.2g}"
            + "".join(f",{end}" for end in ends)
        )


def tabulate(
    function: str | Expression,
    low: int,
    high: int,
    argument_bits: int,
    formats: FixedPoint,
    of: Expression = Symbol(ARGUMENT),  # noqa: B008 - an expression does not change
) -> PiecewiseLinear:
    """Make the table of a function.

    It covers the range that is chosen for its argument in the formats, or the part of [low, high]
    where the function moves by more than half a unit of the finest state and stays within the range
    of the current; its segments are the shortest powers of two of which 2 ** table_bits are enough.

    Args:
        function: The name of one, or an expression in `ARGUMENT`.
        low: The least argument that can come, in units of 2 ** -argument_bits.
        high: The largest.
        argument_bits: Fraction bits of the argument.
        formats: The formats of the neuron.
        of: What the argument is.

    Raises:
        EquationError: If the function has no value somewhere between the ends.
    """
    if isinstance(function, str):
        function = Operation(function, (Symbol(ARGUMENT),))
    return _tabulate(function, low, high, argument_bits, formats, of)


@lru_cache(maxsize=512)
def _tabulate(
    function: Expression,
    low: int,
    high: int,
    argument_bits: int,
    formats: FixedPoint,
    of: Expression,
) -> PiecewiseLinear:
    unit, value = 2.0**-argument_bits, meaning(function)
    largest = float(formats.current.to_float(1)) * 2.0 ** (formats.current.width - 1)
    chosen = formats.range_of(str(of))
    if chosen is None:
        resolution = 2.0 ** -(formats.finest + 1)
        part = _part(value, low * unit, high * unit, resolution, largest, unit)
        if part is None:
            raise EquationError(
                f"{substituted(function, {ARGUMENT: of})} has no value that "
                f"{formats.current.plain} could hold, for {of} from {low * unit:g} to "
                f"{high * unit:g}"
            )
        start, stop = part
    else:
        if chosen[0] >= high * unit or chosen[1] <= low * unit:
            raise EquationError(
                f"the table's range from {chosen[0]:g} to {chosen[1]:g} lies beside what {of} can "
                f"be, {low * unit:g} to {high * unit:g}: choose one within"
            )
        start, stop = (min(max(end, low * unit), high * unit) for end in chosen)
    segment_bits = 0
    while True:
        width = unit * 2.0**segment_bits
        first, last = math.floor(start / width), math.ceil(stop / width)
        last = max(last, first + 1)
        if last - first <= 1 << formats.table_bits:
            break
        segment_bits += 1
    bits = formats.constant_fraction_bits
    places = np.arange(first, last + 1, dtype=np.float64) * width
    values = value(places)
    # Beyond what it covers the table may end a part of a segment further on.
    outside = ~np.isfinite(values) | (np.abs(values) > MAXIMUM_ENTRY)
    if outside.any():
        values = np.where(outside, value(np.clip(places, start, stop)), values)
    if not np.isfinite(values).all():
        raise _no_value(function, of, float(places[~np.isfinite(values)][0]))
    values = np.clip(values, -MAXIMUM_ENTRY, MAXIMUM_ENTRY)
    entries = tuple(int(entry) for entry in np.round(np.ldexp(values, bits)))
    table = PiecewiseLinear(
        function, of, argument_bits, segment_bits, first << segment_bits, entries, bits, 0, 0, 0
    )
    table = _with_errors(table, value, low, high)
    inside = _integers(_sampled(table)).astype(np.float64) * unit
    inside = inside[(inside >= start) & (inside <= stop)]
    holes = inside[~np.isfinite(value(inside))]
    if holes.size:
        raise _no_value(function, of, float(holes[0]))
    return table


def _no_value(function: Expression, of: Expression, place: float) -> EquationError:
    return EquationError(
        f"{substituted(function, {ARGUMENT: of})} has no finite value where {of} is about "
        f"{place:g}: hold it away from there, such as with clamp({of}, low, high)"
    )


def meaning(function: Expression) -> Callable[[Floats], Floats]:
    """Return a function of `ARGUMENT` on arrays; where it is 0/0 at a point, it has its limit."""

    def direct(x: Floats) -> Floats:
        with np.errstate(all="ignore"):
            found = evaluate(function, {ARGUMENT: x}, Doubles())
        return np.broadcast_to(np.asarray(found, dtype=np.float64), x.shape)

    def mended(x: Floats) -> Floats:
        values = direct(x)
        holes = np.isnan(values)
        if not holes.any():
            return values
        at = x[holes]
        aside = np.maximum(np.abs(at), 1.0) * 1e-5
        left, right = direct(at - aside), direct(at + aside)
        with np.errstate(all="ignore"):
            near = np.abs(left - right) <= 1e-2 * np.maximum(np.abs(left), np.abs(right))
            values = values.copy()
            values[holes] = np.where(near, (left + right) / 2, np.nan)
        return values

    return mended


def _part(
    value: Callable[[Floats], Floats],
    low: float,
    high: float,
    resolution: float,
    largest: float,
    unit: float,
) -> tuple[float, float] | None:
    """Return the part of [low, high] where the function moves and is not too large."""
    octaves = np.arange(math.log2(unit) - 1, max(math.log2(max(abs(low), abs(high), unit)), 0) + 1,
                        1 / 16)  # fmt: skip
    powers = 2.0**octaves
    places = np.concatenate([np.linspace(low, high, _SCANNED), powers, -powers, [0.0]])
    places = np.unique(places[(places >= low) & (places <= high)])
    values = value(places)
    with np.errstate(all="ignore"):
        good = np.isfinite(values) & (np.abs(values) <= largest)
    if not good.any():
        # Too large everywhere: then it stays where it is least.
        sizes = np.where(np.isfinite(values), np.abs(values), np.inf)
        least = int(np.argmin(sizes))
        place = float(places[least])
        return (place, place) if np.isfinite(sizes[least]) else None
    first, last = (int(end) for end in np.flatnonzero(good)[[0, -1]])

    def between(inside: float, outside: float, holds: Callable[[float], bool]) -> float:
        """Return the outermost place at which something holds."""
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            if holds(middle):
                inside = middle
            else:
                outside = middle
        return inside

    def fits(place: float) -> bool:
        found = value(np.array([place]))[0]
        return bool(np.isfinite(found) and abs(found) <= largest)

    ends = []
    for here, step in ((first, 1), (last, -1)):
        end, outer = float(places[here]), here - step
        if 0 <= outer < len(places):
            end = between(end, float(places[outer]), fits)
        level = float(value(np.array([end]))[0])
        inner = places[first : last + 1][::step]
        moved = np.abs(values[first : last + 1][::step] - level) > resolution
        if moved.any():
            index = int(np.argmax(moved))
            flat = float(inner[index - 1]) if index else end

            def is_flat(place: float, level: float = level) -> bool:
                return bool(abs(value(np.array([place]))[0] - level) <= resolution)

            end = between(flat, float(inner[index]), is_flat)
        ends.append(end)
    return min(ends), max(ends)


def _with_errors(
    table: PiecewiseLinear, value: Callable[[Floats], Floats], low: int, high: int
) -> PiecewiseLinear:
    unit = 2.0**-table.argument_bits
    arguments = _sampled(table)
    least, beyond_all = (-(-(end - table.first) // arguments.step) for end in (low, high + 1))
    inside = _integers(arguments[max(least, 0) : max(beyond_all, 0)] or arguments)

    def error(places: NDArray[Any], numbers: Floats) -> float:
        with np.errstate(all="ignore"):
            found = np.abs(approximation(table, places) - value(numbers * unit))
        return math.inf if np.isnan(found).any() else float(found.max())

    def beyond(end: int, argument: int) -> float:
        """Beyond an end the table stays."""
        numbers = np.linspace(float(end), float(argument), _SAMPLES_BEYOND)
        return error(np.full(numbers.shape, end, dtype=object), numbers)

    within = np.abs(approximation(table, inside) - value(inside.astype(np.float64) * unit))
    return replace(
        table,
        error=float(within[np.isfinite(within)].max(initial=0.0)),
        low_error=beyond(table.first, low) if low < table.first else 0.0,
        high_error=beyond(table.last, high) if high > table.last else 0.0,
    )


def _sampled(table: PiecewiseLinear) -> range:
    """Return arguments all over what a table covers; they can have more than 63 bits."""
    span = table.last - table.first + 1
    return range(table.first, table.last + 1, -(-span // _SAMPLES))


def _integers(values: range) -> NDArray[Any]:
    if max(abs(values[0]), abs(values[-1])) < _NARROW:
        return np.arange(values.start, values.stop, values.step, dtype=np.int64)
    return np.array(values, dtype=object)


def approximation(table: PiecewiseLinear, arguments: NDArray[Any]) -> Floats:
    """Return what the table gives, as numbers; for arguments in units of 2 ** -argument_bits.

    Arguments of more than 63 bits are Python's integers, in an array of objects.
    """
    gain = max(map(abs, table.differences))
    largest = max(gain << table.segment_bits, *map(abs, table.entries), abs(table.first),
                  abs(table.last), table.last - table.first)  # fmt: skip
    kind = np.int64 if largest < _NARROW else object
    arguments = arguments if kind is np.int64 else arguments.astype(object)
    position = np.clip(arguments, table.first, table.last).astype(kind) - table.first
    index = (position >> table.segment_bits).astype(np.int64)
    offset = position - (index.astype(kind) << table.segment_bits)
    entries, differences = np.array(table.entries, kind), np.array(table.differences, kind)
    result = entries[index] + (differences[index] * offset >> table.segment_bits)
    numbers: Floats = np.ldexp(result.astype(np.float64), -table.entry_bits)
    return numbers
