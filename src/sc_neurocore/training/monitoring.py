"""How much the neurons of a network fire, and which of them never or always do."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import as_whole, check_called, check_currents
from sc_neurocore.kernels.fused import Outputs, Run
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.training.encoders import Encoder, find_encoder
from sc_neurocore.training.recording import find_cells, observed, steps_of_each

HISTOGRAM_BINS = 20


@dataclass(frozen=True)
class LayerActivity:
    """How much the neurons of one cell fire over the data.

    Attributes:
        name: The cell's name in the network.
        neuron: The name of its model.
        counts: Spikes of each neuron over all samples and steps, in the shape of one sample.
        steps: Number of steps of all samples together.
    """

    name: str
    neuron: str
    counts: NDArray[np.int64]
    steps: int

    @property
    def rates(self) -> NDArray[np.float64]:
        """Spikes per step of each neuron, from 0 to 1."""
        return self.counts / self.steps

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Which neurons never fired: they take no part, and a surrogate may not reach them."""
        return np.asarray(self.counts == 0)

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Which neurons fired at every step of every sample: they say nothing about the input."""
        return np.asarray(self.counts == self.steps)

    def histogram(self, bins: int = HISTOGRAM_BINS) -> NDArray[np.int64]:
        """Return how many neurons have a rate in each of so many equal parts of [0, 1]."""
        return np.histogram(self.rates, bins, (0, 1))[0].astype(np.int64)

    def summary(self) -> dict[str, Any]:
        """Return the layer's figures as plain JSON values."""
        return {
            "layer": self.name,
            "neuron": self.neuron,
            "neurons": self.counts.size,
            "mean_rate": float(self.rates.mean()),
            "dead": int(self.dead.sum()),
            "saturated": int(self.saturated.sum()),
            "rate_histogram": self.histogram().tolist(),
        }


@dataclass(frozen=True)
class ActivityReport:
    """How much the neurons of a network fire over the data; printed, it is a table.

    Attributes:
        layers: The cells that ran, in the order of the network.
    """

    layers: tuple[LayerActivity, ...]

    def summary(self) -> list[dict[str, Any]]:
        """Return one row per layer, as plain JSON values."""
        return [layer.summary() for layer in self.layers]

    def __str__(self) -> str:
        rows = [("layer", "neuron", "neurons", "spikes per step", "dead", "saturated")]
        for layer in self.layers:
            size = layer.counts.size
            silent, busy = int(layer.dead.sum()), int(layer.saturated.sum())
            rows.append(
                (
                    layer.name,
                    layer.neuron,
                    f"{size:,}",
                    f"{layer.rates.mean():.4f}",
                    f"{silent:,} ({silent / size:.1%})",
                    f"{busy:,} ({busy / size:.1%})",
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
        return "\n".join(lines)


@torch.no_grad()
def activity_report(
    net: nn.Module,
    data: Dataset | Tensor,
    steps: int | None = None,
    *,
    encoder: Encoder | str = "direct",
    generator: torch.Generator | int | None = None,
    batch_size: int = 256,
    progress: ProgressCallback = ignore_progress,
) -> ActivityReport:
    """Count the spikes of every neuron over a data set, and find dead and saturated ones.

    The network runs in evaluation mode. Memory does not grow with the data: only one count per
    neuron is kept.

    Args:
        net: Maps x and `steps` to anything, such as `SpikingNet`.
        data: A data set, or static frames (batch, ...), or with `steps=None` a sequence
            (T, batch, ...).
        steps: Number of steps for static frames. A data set of sequences has its own.
        encoder: What the network was trained behind: a name in `ENCODERS`, or a function like one.
        generator: For an encoder that draws at random.
        batch_size: Samples that run together.
        progress: Receives an event after every batch.

    Raises:
        UserError: If the network has no cells, or a layer's size changes between batches.
        DataError: If there are no samples.
    """
    cells = find_cells(net)
    batch_size = as_whole("batch_size", batch_size)
    encode = encoder if callable(encoder) else find_encoder(encoder)
    check_called(progress=progress)
    totals: dict[str, _Total] = {name: _Total(name) for name in cells}
    frames, steps = _frames(net, data, steps)
    axis = 0 if steps is not None else 1
    samples = frames.shape[axis]
    if isinstance(generator, int):  # one stream over all batches
        generator = torch.Generator().manual_seed(generator)
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        with ExitStack() as stack:
            for name, cell in cells.items():
                stack.enter_context(observed(cell, totals[name].observe))
            for start in range(0, samples, batch_size):
                batch = frames.narrow(axis, start, min(batch_size, samples - start))
                x, still = encode(batch, steps, generator)
                net(x, steps=still)
                progress(Progress("activity", start + batch.shape[axis], samples))
    finally:
        for module, mode in modes.items():
            module.training = mode
    return ActivityReport(
        tuple(
            LayerActivity(
                name,
                cells[name].neuron.name,
                total.counts.round().to(torch.int64).cpu().numpy(),
                int(total.steps),
            )
            for name, total in totals.items()
            if total.counts is not None
        )
    )


class _Total:
    """Adds up one cell's spikes per neuron."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Tensor | None = None
        self.steps: Tensor | int = 0

    def observe(
        self,
        run: Callable[..., Run],
        currents: Tensor,
        state: Any,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        result = run(currents, state, steps, lengths, replace(outputs, counts=True))
        counts = result.counts.double().sum(0)
        if self.counts is not None and self.counts.shape != counts.shape:
            raise UserError(
                f"{self.name} has {tuple(self.counts.shape)} neurons in one batch and "
                f"{tuple(counts.shape)} in another: expected inputs of one size"
            )
        self.counts = counts if self.counts is None else self.counts + counts
        self.steps = self.steps + steps_of_each(currents, steps, lengths).sum()
        return result


def _frames(net: nn.Module, data: Dataset | Tensor, steps: int | None) -> tuple[Tensor, int | None]:
    """Return frames as a network takes them, where it is, and the steps of static ones."""
    if isinstance(data, Dataset):
        parameter = next(net.parameters(), torch.empty(0))
        frames = torch.from_numpy(data.frames()).to(parameter.device, parameter.dtype)
        if data.encoding.kind != "static":
            frames, steps = frames.transpose(0, 1), None
        elif steps is None:
            raise UserError(f"{data.name} has static inputs: give the number of steps")
    else:
        check_currents("data", data, steps)
        frames = data
    if not frames.numel():
        raise DataError(f"the data have shape {tuple(frames.shape)}: expected at least one sample")
    return frames, steps
