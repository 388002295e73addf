"""The picture of docs/encoders-and-losses.md: a digit in two codes, and in a network.

python benchmarks/encoders_picture.py
"""

from __future__ import annotations

from pathlib import Path

import torch

from sc_neurocore import SpikingSequential, load_description
from sc_neurocore.data import load_digits
from sc_neurocore.report import activity
from sc_neurocore.report.style import new_figure
from sc_neurocore.training import latency_encode, rate_encode, record

ROOT = Path(__file__).parents[1]


def draw(path: Path) -> None:
    """Draw it for the first of the digits and the committed network."""
    digit = torch.from_numpy(load_digits().frames()[:1]).flatten(1)
    by_rate = rate_encode(digit, 25, generator=0)
    by_latency = latency_encode(digit, 25, unreached="silent")
    network = SpikingSequential.from_description(load_description(ROOT / "models" / "digits"))
    with record(network, states=("v",)) as recording:
        network(digit, steps=25)
    hidden = recording["layers.1"]

    figure = new_figure(9, 5.6)
    panels = figure.subfigures(2, 2)
    activity.raster.onto(panels[0, 0], by_rate[:, 0], "Rate code of a digit", "Pixel")
    activity.raster.onto(panels[0, 1], by_latency[:, 0], "Latency code of the same digit", "Pixel")
    activity.raster.onto(panels[1, 0], hidden.spikes[:, 0], "Hidden layer, the digit as a current")
    neuron = (hidden.rates[0] - 0.3).abs().argmin()
    activity.membrane_trace.onto(
        panels[1, 1],
        hidden.states["v"][:, 0, neuron],
        hidden.spikes[:, 0, neuron],
        threshold=1,
        title=f"Membrane of hidden neuron {neuron}",
    )
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw(ROOT / "docs" / "images" / "encoders.png")
