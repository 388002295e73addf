"""Fixed-point number formats.

In Qm.n, m counts the integer bits with the sign and n the fraction bits: Q8.8 is 16 bits wide,
an integer k stands for k / 256, and the range is [-128, 128).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError

MAXIMUM_WIDTH = 48


@dataclass(frozen=True)
class QFormat:
    """A two's complement format with `integer_bits` (the sign counted) and `fraction_bits`."""

    integer_bits: int
    fraction_bits: int

    def __post_init__(self) -> None:
        if not (isinstance(self.integer_bits, int) and isinstance(self.fraction_bits, int)):
            raise UserError(
                f"QFormat({self.integer_bits!r}, {self.fraction_bits!r}): expected whole numbers"
            )
        if self.integer_bits < 1 or self.fraction_bits < 0 or not 2 <= self.width <= MAXIMUM_WIDTH:
            raise UserError(
                f"Q{self.integer_bits}.{self.fraction_bits}: expected at least 1 integer bit (the "
                f"sign), and 2 to {MAXIMUM_WIDTH} bits in all"
            )

    @classmethod
    def parse(cls, text: str | QFormat) -> QFormat:
        """Read a format such as "Q8.8"."""
        if isinstance(text, QFormat):
            return text
        match = re.fullmatch(r"[Qq](\d{1,3})\.(\d{1,3})", text) if isinstance(text, str) else None
        if match is None:
            raise UserError(f"number format {text!r}: expected Qm.n, such as Q8.8")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"Q{self.integer_bits}.{self.fraction_bits}"

    @property
    def width(self) -> int:
        """Bits in all."""
        return self.integer_bits + self.fraction_bits

    @property
    def minimum(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.width - 1))

    @property
    def maximum(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.width - 1)) - 1

    def quantize(self, values: ArrayLike) -> NDArray[np.int64]:
        """Return the nearest integers (ties to even), saturated to the range.

        Raises:
            UserError: For a value that is not a number.
        """
        if np.isnan(values).any():
            raise UserError(f"NaN has no integer in {self}: clean the values first")
        scaled = np.round(np.ldexp(np.asarray(values, dtype=np.float64), self.fraction_bits))
        return np.clip(scaled, self.minimum, self.maximum).astype(np.int64)

    def to_float(self, integers: ArrayLike) -> NDArray[np.float64]:
        """Return the numbers that integers of this format stand for, exactly."""
        return np.ldexp(np.asarray(integers, dtype=np.float64), -self.fraction_bits)


@dataclass(frozen=True)
class FixedPoint:
    """The formats of a neuron in hardware.

    Attributes:
        state: The format of every state.
        current_extra_bits: The input current, and every local of the equation, has the state's
            fraction bits and this many integer bits more.
        constant_fraction_bits: Fraction bits of constants and parameters.
    """

    state: QFormat
    current_extra_bits: int = 4
    constant_fraction_bits: int = 15

    def __post_init__(self) -> None:
        if self.state.width + self.current_extra_bits > MAXIMUM_WIDTH:
            raise UserError(
                f"{self.state} with {self.current_extra_bits} more bits for the current: at most "
                f"{MAXIMUM_WIDTH} bits in all"
            )
        if self.current_extra_bits < 0 or not 0 <= self.constant_fraction_bits <= 30:
            raise UserError(
                f"current_extra_bits={self.current_extra_bits}, constant_fraction_bits="
                f"{self.constant_fraction_bits}: expected 0 or more, and 0 to 30"
            )

    @property
    def current(self) -> QFormat:
        """The format of the input current and of locals."""
        return QFormat(self.state.integer_bits + self.current_extra_bits, self.state.fraction_bits)
