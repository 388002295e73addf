"""Torch modules for layers of a description that PyTorch has no module for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.kernels.fused import Outputs, Run
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

    def extra_repr(self) -> str:
        """Say the windows, for printing."""
        return f"size={self.size}, stride={self.stride}, padding={self.padding}"

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

    def unroll(
        self, x: Tensor, state: Tensor | None = None, steps: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the next steps of a sequence, and what is still on its way, as its state."""
        sequence = x if steps is None else x.expand(steps, *x.shape)
        longest = int(self.delays.max())
        before = sequence.new_zeros(longest, *sequence.shape[1:]) if state is None else state
        whole = torch.cat([before, sequence])
        return self(whole)[longest:], whole[len(whole) - longest :]


class IntegratorCell(Cell):
    """A cell that passes on its membrane instead of spikes."""

    passes_on: ClassVar[str] = "membrane"

    def _run(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        membrane = self.neuron.membrane
        more = tuple(dict.fromkeys((*outputs.trace, membrane)))
        wanted = replace(outputs, spikes=False, pool=False, counts=True, trace=more)
        run = super()._run(currents, state, steps, lengths, wanted)
        trace = {name: run.trace[name] for name in outputs.trace}
        run = replace(run, spikes=run.trace[membrane], trace=trace)
        return run.pooled() if outputs.pool else run


def _along_channels(values: Tensor, axes: int) -> Tensor:
    return values.view(-1, *(1,) * (axes - 1)) if values.ndim == 1 else values
