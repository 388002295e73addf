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
    """

    agreement: float = 0.98
    state_error: float = 0.01

    def __post_init__(self) -> None:
        if not (0 < self.agreement <= 1 and self.state_error > 0):
            raise UserError(
                f"agreement {self.agreement}, state error {self.state_error}: expected more than "
                f"0, and at most 1 for the agreement"
            )

    def met_by(self, agreement: float, state_error: float) -> bool:
        """Whether that is good enough."""
        return agreement >= self.agreement and state_error <= self.state_error


USUAL_TARGET = Target()


@dataclass(frozen=True)
class Tried:
    """A format that was tried.

    Attributes:
        format: All formats, as `FixedPoint.parse` reads them.
        constant_bits: Fraction bits of constants.
        spike_agreement: How far spike counts agree, as a share.
        mean_state_error: Of the worst state, as a share of its range.
        is_enough: Whether that is good enough.
        width: Bits of all states, locals and currents together, and of a constant; of a network
            those of a state.
        luts: About how many look-up tables a step takes; 0 if that is not known.
    """

    format: str
    constant_bits: int
    spike_agreement: float
    mean_state_error: float
    is_enough: bool
    width: int = 0
    luts: int = 0

    @property
    def line(self) -> str:
        """The format in a line."""
        return (
            f"{f'{self.width} bits, about {self.luts} LUTs: ' if self.luts else ''}"
            f"spikes agree in {self.spike_agreement:.1%}, states differ by "
            f"{self.mean_state_error:.2%}{'' if self.is_enough else ': not enough'}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Chosen:
    """The format that was chosen, and all that were tried, by width."""

    formats: FixedPoint
    tried: tuple[Tried, ...]


def is_auto(format: str | QFormat) -> bool:
    """Whether a format is to be chosen: "auto", or "auto:nearest"."""
    return isinstance(format, str) and format.split(":")[0] == AUTO_FORMAT


def integer_bits(largest: float) -> int:
    """Return the bits before the point, the sign counted, for numbers up to the largest."""
    return max(1, math.frexp(largest)[1] + 1) if largest > 0 else 1
