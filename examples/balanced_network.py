"""A balanced network of excitatory and inhibitory neurons, whose synapses are conductances.

The neurons are those of Vogels and Abbott (2005), benchmark 1 of Brette et al., Simulation of
networks of spiking neurons, Journal of Computational Neuroscience 23(3), 2007: every neuron has two
inputs, which open an excitatory and an inhibitory conductance. There are 200 of them instead of
4,000, and each has as many synapses of each kind as there, 64 and 16, with the same weights (in
units of the leak). Trains of spikes from outside drive them all the time.

    python examples/balanced_network.py runs/balanced

writes it into a folder, with trains of spikes; docs/accelerators.md takes it to hardware.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation import parse_neuron
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Recurrent,
    by_input,
    save_description,
)

NEURON = Path(__file__).parent / "gallery" / "vogels_abbott.txt"
EXCITATORY, INHIBITORY, OUTSIDE = 160, 40, 64
SYNAPSES = {"excitatory": 64, "inhibitory": 16, "outside": 16}
WEIGHTS = {"excitatory": 0.6, "inhibitory": 6.7}
STEPS = 2000  # of 0.1 ms


def balanced_network(seed: int = 0) -> NetworkDescription:
    """Return the network; its synapses are drawn, the same number for each neuron."""
    random = np.random.default_rng(seed)
    neuron = parse_neuron(NEURON.read_text(encoding="utf-8"))
    count = EXCITATORY + INHIBITORY

    def drawn(sources: int, kind: str, weight: float) -> NDArray[np.float64]:
        matrix = np.zeros((count, sources))
        for row in matrix:
            row[random.choice(sources, SYNAPSES[kind], replace=False)] = weight
        return matrix

    excitatory = drawn(EXCITATORY, "excitatory", WEIGHTS["excitatory"])
    inhibitory = drawn(INHIBITORY, "inhibitory", WEIGHTS["inhibitory"])
    outside = drawn(OUTSIDE, "outside", WEIGHTS["excitatory"])
    recurrent = {  # sources are all neurons, the excitatory ones first
        "in_e": np.pad(excitatory, ((0, 0), (0, INHIBITORY))),
        "in_i": np.pad(inhibitory, ((0, 0), (EXCITATORY, 0))),
    }
    return NetworkDescription(
        name="balanced",
        input=InputEncoding(kind="spikes", shape=(OUTSIDE,), bits=1, fraction_bits=0),
        steps=STEPS,
        layers=(
            Dense(weight=by_input(neuron, {"in_e": outside})),
            Recurrent(neuron=neuron, weight=by_input(neuron, recurrent)),
        ),
    )


def spikes_from_outside(samples: int, seed: int = 0, rate: float = 50.0) -> NDArray[np.int64]:
    """Return independent trains of spikes, (steps, samples, trains), `rate` of them in a second."""
    random = np.random.default_rng(seed)
    fired = random.random((STEPS, samples, OUTSIDE)) < rate * 1e-4
    return fired.astype(np.int64)


def main() -> None:
    """Write the network and a few trains of spikes into a folder."""
    folder = save_description(balanced_network(), Path(sys.argv[1]))
    trains = spikes_from_outside(4).swapaxes(0, 1).astype(np.uint8)  # samples come first in files
    np.savez_compressed(folder / "spikes.npz", inputs=trains, labels=np.zeros(4, dtype=np.int64))
    print(folder)


if __name__ == "__main__":
    main()
