"""The picture of docs/stochastic-computing.md: points of sources, errors of sums, accuracies.

python benchmarks/stochastic_picture.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np

from sc_neurocore import load_description
from sc_neurocore.cli.stages import test_part
from sc_neurocore.network import encode_weights
from sc_neurocore.stochastic import SCDenseLayer, make_sources, run_network

matplotlib.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).parents[1]
LENGTHS = [2**k for k in range(3, 11)]


def draw(path: Path) -> None:
    """Draw it for the committed digits network, 60 images for the errors and all for accuracy."""
    description = load_description(ROOT / "models" / "digits")
    data = test_part(description)
    figure, axes = pyplot.subplots(2, 4, figsize=(10, 5.4), layout="constrained")
    for axis, name in zip(axes[0], ("lfsr", "sobol", "halton", "counter"), strict=True):
        pair = make_sources(name)
        axis.plot(pair.inputs.sequence(64), pair.weights.sequence(64), ".")
        axis.set(title=f"{name}, 64 points", aspect="equal", xticks=[], yticks=[])

    layer, frames = description.layers[0], data.frames()[:60]
    exact = frames @ layer.weight.T + layer.bias
    grid = axes[1, 0].get_gridspec()
    for axis in axes[1]:
        axis.remove()
    by_encoding = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    accuracies = figure.add_subplot(grid[1, 2:])
    for axis, encoding in zip(by_encoding, ("sign-magnitude", "bipolar"), strict=True):
        weights = encode_weights(layer.weight, layer.bias, encoding)
        for name, colour in (("lfsr", "C0"), ("sobol", "C1")):
            for sharing, style in (("shared", "-"), ("rotated", "--"), ("per-input", ":")):
                found = []
                for length in LENGTHS:
                    currents = SCDenseLayer(weights, length, name, sharing=sharing)(frames)
                    found.append(np.sqrt(np.mean((currents - exact) ** 2)))
                axis.loglog(LENGTHS, found, style, color=colour, label=f"{name}, {sharing}", base=2)
        axis.set(xlabel="bits", ylim=(2**-10, 4), title=f"error, {encoding}")
    by_encoding[0].legend(fontsize=6)
    for name in ("lfsr", "sobol", "halton", "counter", "bernoulli"):
        shares = [
            run_network(description, data.inputs, n, name).accuracy(data.labels) for n in LENGTHS
        ]
        accuracies.semilogx(LENGTHS, shares, ".-", label=name, base=2)
    accuracies.axhline(description.metadata["test_accuracy"], color="grey", label="float")
    accuracies.set(xlabel="bits", title="accuracy on 360 digits")
    accuracies.legend(fontsize=7)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    draw(ROOT / "docs" / "images" / "stochastic.png")
