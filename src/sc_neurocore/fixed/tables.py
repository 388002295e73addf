"""exp, tanh and sigmoid in integers: straight lines between the entries of a table.

The table is part of the semantics. With an argument x in units of 2 ** -argument_bits, cut to the
ends of the table,

    position = x - first          index = position >> segment_bits
    offset = position - (index << segment_bits)
    result = entry[index] + ((entry[index + 1] - entry[index]) * offset >> segment_bits),

in units of 2 ** -entry_bits. An entry is the function there, rounded to nearest, ties to even, so
that the result is exact at the entries but for that rounding: tanh(0) = 0, exp(0) = 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.qformat import FixedPoint

_SAMPLES = 1 << 16

EXTRA_ARGUMENT_BITS = 4
"""An argument keeps so many fraction bits more than a state has."""


@dataclass(frozen=True)
class Function:
    """A function that a table can stand for: increasing everywhere.

    Attributes:
        value: The function.
        ends: Beyond these arguments the function moves by less than `resolution`, or is larger
            than `largest`: `ends(resolution, largest)`.
    """

    value: Callable[[Numbers], Numbers]
    ends: Callable[[float, float], tuple[float, float]]


Numbers: TypeAlias = NDArray[np.float64]


def _symmetric(inverse: Callable[[float], float]) -> Callable[[float, float], tuple[float, float]]:
    def ends(resolution: float, largest: float) -> tuple[float, float]:
        end = inverse(1 - min(resolution, 0.25))
        return -end, end

    return ends


def _ends_of_exp(resolution: float, largest: float) -> tuple[float, float]:
    return math.log(resolution), math.log(largest)


FUNCTIONS: Mapping[str, Function] = {
    "exp": Function(lambda x: np.exp(np.minimum(x, 700.0)), _ends_of_exp),
    "tanh": Function(np.tanh, _symmetric(math.atanh)),
    "sigmoid": Function(
        lambda x: (1 + np.tanh(x / 2)) / 2, _symmetric(lambda y: math.log(y / (1 - y)))
    ),
}


@dataclass(frozen=True)
class PiecewiseLinear:
    """One function as a table, with equal segments.

    Attributes:
        function: A key of `FUNCTIONS`.
        argument_bits: Fraction bits of the argument.
        segment_bits: A segment is 2 ** segment_bits units of the argument.
        first: The argument of entry 0, in its units.
        entries: The function at the ends of the segments, one more than there are segments.
        entry_bits: Fraction bits of the entries and the result.
        error: The largest difference between result and function, for arguments between the ends;
            checked at every argument, or at 65,536 of them if there are more.
        low_error: The largest difference below the first entry, for arguments that can come.
        high_error: The same above the last one.
    """

    function: str
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

    def __str__(self) -> str:
        unit = 2.0**-self.argument_bits
        width = 2.0 ** (self.segment_bits - self.argument_bits)
        start, segments = self.first * unit, len(self.entries) - 1
        ends = [
            f" {side} the table by at most {error:.2g}"
            for side, error in (("below", self.low_error), ("above", self.high_error))
            if error > self.error
        ]
        return (
            f"{self.function} from {start:g} to {start + segments * width:g} as {segments} "
            f"straight lines over {width:g} each, wrong by at most {self.error:.2g}"
            + "".join(f",{end}" for end in ends)
        )


@lru_cache(maxsize=128)
def tabulate(
    function: str, low: int, high: int, argument_bits: int, formats: FixedPoint
) -> PiecewiseLinear:
    """Make the table of a function.

    It covers the part of [low, high] where the function moves by more than half a unit of the
    state and stays within the range of the current; its segments are the shortest powers of two
    of which 2 ** table_bits are enough.

    Args:
        function: A key of `FUNCTIONS`.
        low: The least argument that can come, in units of 2 ** -argument_bits.
        high: The largest.
        argument_bits: Fraction bits of the argument.
        formats: The formats of the neuron.
    """
    form, unit = FUNCTIONS[function], 2.0**-argument_bits
    ends = form.ends(
        2.0 ** -(formats.state.fraction_bits + 1),
        float(formats.current.to_float(1)) * 2.0 ** (formats.current.width - 1),
    )
    start, stop = (min(max(end * unit, ends[0]), ends[1]) for end in (low, high))
    segment_bits = 0
    while True:
        width = unit * 2.0**segment_bits
        first, last = math.floor(start / width), math.ceil(stop / width)
        last = max(last, first + 1)
        if last - first <= 1 << formats.table_bits:
            break
        segment_bits += 1
    bits = formats.constant_fraction_bits
    values = form.value(np.arange(first, last + 1, dtype=np.float64) * width)
    entries = tuple(int(entry) for entry in np.round(np.ldexp(values, bits)))
    table = PiecewiseLinear(
        function, argument_bits, segment_bits, first << segment_bits, entries, bits, 0.0, 0.0, 0.0
    )
    return _with_errors(table, low, high)


def _with_errors(table: PiecewiseLinear, low: int, high: int) -> PiecewiseLinear:
    value, unit = FUNCTIONS[table.function].value, 2.0**-table.argument_bits
    span = table.last - table.first + 1
    step = -(-span // _SAMPLES)
    arguments = np.arange(table.first, table.last + 1, step, dtype=np.int64)

    def error(inside: NDArray[np.int64], numbers: Numbers) -> float:
        return float(np.abs(approximation(table, inside) - value(numbers * unit)).max())

    def beyond(end: int, argument: int) -> float:
        """Beyond an end the table stays; an argument there can have more than 63 bits."""
        return error(np.array([end]), np.array([float(argument)]))

    return PiecewiseLinear(
        **{
            **vars(table),
            "error": error(arguments, arguments.astype(np.float64)),
            "low_error": beyond(table.first, low) if low < table.first else 0.0,
            "high_error": beyond(table.last, high) if high > table.last else 0.0,
        }
    )


def approximation(table: PiecewiseLinear, arguments: NDArray[np.int64]) -> Numbers:
    """Return what the table gives, as numbers; for arguments in units of 2 ** -argument_bits."""
    position = np.clip(arguments, table.first, table.last) - table.first
    index = position >> table.segment_bits
    offset = position - (index << table.segment_bits)
    entries, differences = np.array(table.entries), np.array(table.differences)
    result = entries[index] + (differences[index] * offset >> table.segment_bits)
    numbers: Numbers = np.ldexp(result.astype(np.float64), -table.entry_bits)
    return numbers
