"""What is asked of a format that is chosen, and what is known of those that were tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.qformat import FixedPoint, QFormat

AUTO_FORMAT = "auto"


@dataclass(frozen=True)
class Target:
    """What is good enough.

    Attributes:
        agreement: Spike counts agree at least so far, as a share.
        state_error: The mean difference of each state is at most this share of its range.
        equal_spikes: Of a network: at least this share of the spikes is in the same step in both.
    """

    agreement: float = 0.98
    state_error: float = 0.01
    equal_spikes: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.agreement <= 1 and self.state_error > 0):
            raise UserError(
                f"agreement {self.agreement}, state error {self.state_error}: expected more than "
                f"0, and at most 1 for the agreement"
            )

    def met_by(self, agreement: float, state_error: float, equal_spikes: float = 1.0) -> bool:
        """Whether that is good enough."""
        is_close = agreement >= self.agreement and state_error <= self.state_error
        return is_close and equal_spikes >= self.equal_spikes


USUAL_TARGET = Target()
CLOSE_TARGET = Target(agreement=0.99, state_error=0.02, equal_spikes=0.998)
"""For a network from elsewhere, whose floats are what it is known by."""
WEIGHT_CHOICES = (8, 10, 12, 14, 16, 18, 20, 24)


@dataclass(frozen=True)
class Tried:
    """A format that was tried.

    Attributes:
        format: All formats, as `FixedPoint.parse` reads them.
        constant_bits: Fraction bits of constants.
        spike_agreement: How far spike counts agree, as a share.
        mean_state_error: Of the worst state, as a share of its range.
        is_enough: Whether that is good enough.
        width: Bits of all states, locals and currents together, and of a constant.
        luts: About how many look-up tables a step takes, of several equations all of them; 0 if
            that is not known.
        equal_spikes: Of a network: the share of spikes that are in the same step in both.
        weight_bits: Of a network: bits of a weight, where they are chosen too.
        is_less: Whether it is enough only because no format of these weights does better.
        is_chance: Whether it was enough on the inputs that decide, and not on those that confirm.
    """

    format: str
    constant_bits: int
    spike_agreement: float
    mean_state_error: float
    is_enough: bool
    width: int = 0
    luts: int = 0
    equal_spikes: float | None = None
    weight_bits: int | None = None
    is_less: bool = False
    is_chance: bool = False

    @property
    def line(self) -> str:
        """The format in a line."""
        return (
            f"{f'{self.width} bits, about {self.luts} LUTs: ' if self.luts else ''}"
            f"spikes agree in {self.spike_agreement:.1%}{self._equal}, states differ by "
            f"{self.mean_state_error:.2%}{self._verdict}"
        )

    @property
    def _verdict(self) -> str:
        if self.is_chance:
            return ": not enough on the inputs that confirm"
        if not self.is_enough:
            return ": not enough"
        return ": less than asked for, as in the widest format" if self.is_less else ""

    @property
    def _equal(self) -> str:
        if self.equal_spikes is None:
            return ""
        weights = f", weights of {self.weight_bits} bits" if self.weight_bits else ""
        return f" ({self.equal_spikes:.1%} are the same{weights})"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Chosen:
    """The format that was chosen, and all that were tried, by width.

    Attributes:
        formats: The format.
        tried: What was tried.
        weight_bits: Bits of a weight, where they were chosen too.
    """

    formats: FixedPoint
    tried: tuple[Tried, ...]
    weight_bits: int | None = None


def is_auto(format: str | QFormat) -> bool:
    """Whether a format is to be chosen: "auto", or "auto:nearest"."""
    return isinstance(format, str) and format.split(":")[0] == AUTO_FORMAT


def integer_bits(largest: float) -> int:
    """Return the bits before the point, the sign counted, for numbers up to the largest."""
    return max(1, math.frexp(largest)[1] + 1) if largest > 0 else 1
