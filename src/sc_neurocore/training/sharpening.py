"""Delays that are learnt through wide kernels, which narrow until whole steps are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from torch import nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_numbers, shown
from sc_neurocore.training.delays import DelayLinear, Kernel


@dataclass(frozen=True)
class Sharpening:
    """How the delays of a training become whole steps.

    A delay that only sees the two steps beside it does not find one that is far away. Here a
    synapse takes the inputs of many steps, as a kernel around its delay weighs them, whose width
    falls geometrically from `start` to `end`; then, for the last `hold` of the gradient steps, the
    delays are whole and held, and what is left learns to do with them. Validation always takes
    whole delays, and so does the network that is returned: rounding costs nothing any more.
    Hammouamri, Khalfaoui-Hassani and Masquelier, Learning delays in spiking neural networks using
    dilated convolutions with learnable spacings, ICLR 2024.

    Attributes:
        kernel: "gaussian", with this standard deviation; "triangle", with this half-width; or
            "rounded": whole delays from the first step, whose gradient is that of interpolation
            between two steps (Bengio, Léonard and Courville, 2013). It looks no farther than that.
        start: The first width in steps; None takes half of the longest delay of each layer.
        end: The last width in steps.
        hold: The share of all gradient steps, from 0 to below 1, with whole delays.
    """

    kernel: Kernel = "gaussian"
    start: float | None = None
    end: float = 0.3
    hold: float = 0.2

    def __post_init__(self) -> None:
        if self.kernel not in get_args(Kernel):
            raise UserError(
                f"kernel = {shown(self.kernel)}: expected one of {', '.join(get_args(Kernel))}"
            )
        check_numbers(end=self.end, hold=self.hold)
        if self.start is not None:
            check_numbers(start=self.start)
            if not self.start >= self.end:
                raise UserError(f"start = {self.start}: expected at least end = {self.end}")
        if not self.end > 0:
            raise UserError(f"end = {self.end}: expected a width above 0")
        if not 0 <= self.hold < 1:
            raise UserError(f"hold = {self.hold}: expected 0 or more, and less than 1")

    def width(self, share: float, longest: int) -> float | None:
        """Return the width at a share of the training, from 0 to 1; None where delays are whole."""
        start = max(longest / 2 if self.start is None else self.start, self.end)
        learnt = 1 - self.hold
        if share >= learnt:
            return None
        return float(start * (self.end / start) ** (share / learnt))

    def apply(self, layers: Sequence[DelayLinear], share: float) -> None:
        """Give layers the width of a share of the training."""
        for layer in layers:
            layer.soften(self.kernel, self.width(share, layer.max_delay))


def delayed_layers(net: nn.Module) -> list[DelayLinear]:
    """Return the layers of a network whose delays are learnt.

    Raises:
        UserError: If there is none.
    """
    layers = [each for each in net.modules() if isinstance(each, DelayLinear)]
    learnt = [each for each in layers if isinstance(each.positions, nn.Parameter)]
    if not learnt:
        raise UserError(
            f"sharpen: {type(net).__name__} has no delays to learn: give it a DelayLinear, such as "
            f"by max_delay, or leave the option out"
        )
    return learnt
