"""Torch modules for layers of a description that PyTorch has no module for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.training.cells import Cell, State


class Factor(nn.Module):
    """Every value times a factor, which is trained: one, one per channel, or one per value.

    Args:
        factor: A number, or an array (channels,) or in the shape of a sample.
    """

    def __init__(self, factor: Any) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor, dtype=torch.get_default_dtype()))

    def forward(self, x: Tensor) -> Tensor:
        """Return the products; x is (batch, ...)."""
        return x * _along_channels(self.factor, x.ndim - 1)


class SumPool(nn.Module):
    """Sums over windows of images, with zeros around the image.

    Args:
        size: Rows and columns of a window.
        stride: From one window to the next; the size if it is None.
        padding: Rows and columns of zeros on each side.
    """

    def __init__(
        self,
        size: tuple[int, int],
        stride: tuple[int, int] | None = None,
        padding: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """Return the sums; x is (batch, channels, rows, columns)."""
        return functional.avg_pool2d(x, self.size, self.stride, self.padding, divisor_override=1)


class Later(nn.Module):
    """Every value some whole steps later; before the first step it is 0.

    Args:
        delays: Steps: a number, or an array (channels,) or in the shape of a sample.
    """

    over_time: ClassVar[bool] = True
    delays: Tensor

    def __init__(self, delays: Any) -> None:
        super().__init__()
        self.register_buffer("delays", torch.tensor(delays, dtype=torch.int64))

    def forward(self, x: Tensor, steps: int | None = None) -> Tensor:
        """Return (T, batch, ...) for (T, batch, ...), or for (batch, ...) that acts for T steps."""
        length = len(x) if steps is None else steps
        sample = x if steps is not None else x[0]
        delays = _along_channels(self.delays, sample.ndim - 1).expand(sample.shape)
        time = torch.arange(length, device=x.device).view(-1, *(1,) * sample.ndim)
        sent = time - delays
        if steps is not None:
            return torch.where(sent >= 0, sample, torch.zeros_like(sample))
        arrived = x.gather(0, sent.clamp(min=0))
        return torch.where(sent >= 0, arrived, torch.zeros_like(arrived))


class IntegratorCell(Cell):
    """A cell that passes on its membrane instead of spikes."""

    def unroll(
        self,
        currents: Tensor,
        state: State | None = None,
        steps: int | None = None,
        lengths: Tensor | None = None,
        record: Sequence[str] = (),
    ) -> Any:
        """Run over time as `Cell.unroll` does, with the membrane in place of the spikes."""
        membrane = self.neuron.membrane
        names = tuple(dict.fromkeys((*record, membrane)))
        _, new, trace = super().unroll(currents, state, steps, lengths, names)
        values = getattr(trace, membrane)
        return (values, new, trace) if record else (values, new)

    def pooled(
        self, currents: Tensor, state: State | None = None, steps: int | None = None
    ) -> Tensor:
        """Run over time and return the membrane averaged over squares of 2 x 2."""
        values = self.unroll(currents, state, steps)[0]
        means = functional.avg_pool2d(values.flatten(0, 1), 2)
        return means.view(*values.shape[:2], *means.shape[1:])


def _along_channels(values: Tensor, axes: int) -> Tensor:
    return values.view(-1, *(1,) * (axes - 1)) if values.ndim == 1 else values
