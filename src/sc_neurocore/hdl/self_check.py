"""A test bench for whoever gets a design: samples, and the answers that the integers give to them.

FuseSoC finds it, and the core, by the file *.core; without it make and Icarus Verilog or Verilator
are enough, nothing of ours. `verify` looks at every spike and every state, and at far more samples;
this is for a first look, and for a simulator of one's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.memories import weight_words
from sc_neurocore.hdl.render import render

FOLDER = "sim"
_UPDATES = 100_000
"""So many updates of neurons, roughly, are simulated: a slow simulator has a minute's work then."""
_MOST_CLOCKS = (1 << 31) - 1
"""What an integer of Verilog holds: where a sample could take more, nobody waits for it."""
_DENSITIES = (0.3, 0.1, 0.0, 1.0, 0.6, 0.02, 0.3, 0.1)
"""The share of inputs that are not zero: sample by sample, as many as the updates allow."""


def self_check_files(network: IntegerNetwork, accelerator: Accelerator) -> dict[str, bytes]:
    """Return the bench, its numbers and its Makefile, by their paths in the design's folder.

    Args:
        network: The network in integers.
        accelerator: Its core.
    """
    g = accelerator.geometry
    samples = _samples(network)
    beats, expected = vectors(network, accelerator, samples)
    expected[:, 1:] &= (1 << g.count_bits) - 1
    bits = max(g.count_bits, g.output_bits)
    words = 0 if accelerator.weights == "rom" else weight_words(g)
    values = {
        "top": accelerator.top,
        "verilog": [f"../{path.as_posix()}" for path in accelerator.verilog],
        "samples": len(samples),
        "beats": g.beats * accelerator.frames_per_sample,
        "outputs": g.layers[-1].outputs,
        "in_bits": g.beat * g.input_bits,
        "output_bits": g.output_bits,
        "count_bits": g.count_bits,
        "bits": bits,
        "most_clocks": min(accelerator.clock_limit, _MOST_CLOCKS),
        "weight_words": words,
        "weight_address_bits": g.weight_address_bits if words else 1,
        "weights_file": accelerator.memories[-1].name,
        "files": {
            "verilog": [path.as_posix() for path in accelerator.verilog],
            "memories": [(path.as_posix(), path.name) for path in accelerator.memories],
        },
    }
    texts = {
        f"{accelerator.top}_tb.v": _rendered("self_check.v.j2", values),
        "Makefile": _rendered("Makefile.j2", values),
        "inputs.hex": _hex(beats),
        "expected.hex": _hex(expected),
    }
    found = {f"{FOLDER}/{name}": text.encode() for name, text in texts.items()}
    return found | {f"{accelerator.top}.core": _rendered("core.j2", values).encode()}


def vectors(
    network: IntegerNetwork, accelerator: Accelerator, samples: NDArray[np.int64]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return what goes into a core for some samples, and what must come out.

    Args:
        network: The network in integers.
        accelerator: Its core.
        samples: Its inputs, (samples, *shape) or (samples, steps, *shape).

    Returns:
        The port `in_data` beat by beat, (samples, beats of a sample); and of each sample the class
        and then the scores, membranes with their sign, (samples, 1 + outputs).
    """
    g = accelerator.geometry
    run = network.run(np.moveaxis(samples, 0, network.batch_axis))
    scores = run.membrane if g.membrane_bits else run.spike_counts
    expected = np.zeros((len(samples), 1 + g.layers[-1].outputs), dtype=object)
    expected[:, 0] = run.classes
    expected[:, 1:] = scores.astype(np.int64)
    return beats_of(network, accelerator, samples), expected


def beats_of(
    network: IntegerNetwork, accelerator: Accelerator, samples: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Return what goes into a core for some samples: the first half of `vectors`."""
    g = accelerator.geometry
    shape = (len(samples), accelerator.frames_per_sample, network.layers[0].inputs)
    frames = g.arranged(samples.reshape(shape))
    return _beats(frames, g.beats, g.beat, g.input_bits)


def _rendered(name: str, values: dict[str, Any]) -> str:
    return render("sc_neurocore.hdl", "templates", name, values)


def _samples(network: IntegerNetwork) -> NDArray[np.int64]:
    """Return inputs of several densities, (samples, *shape) or (samples, steps, *shape)."""
    updates = network.steps * sum(layer.outputs for layer in network.layers)
    count = int(np.clip(_UPDATES // updates, 1, len(_DENSITIES)))
    random = np.random.default_rng(0)
    steps = () if network.input.kind == "static" else (network.steps,)
    shape = (count, *steps, *network.input.shape)
    lowest, highest = network.input.low, network.input.high
    densities = np.array(_DENSITIES[:count]).reshape(-1, *(1 for _ in shape[1:]))
    values = random.integers(lowest or 1, highest, shape, endpoint=True)
    values = np.where(densities == 1, highest, values)
    return np.where(random.random(shape) < densities, values, 0)


def _beats(frames: NDArray[np.int64], beats: int, width: int, bits: int) -> NDArray[np.object_]:
    """Return what goes in clock by clock, (samples, beats of a sample): the first value lowest."""
    samples, frames_of_one, values = frames.shape
    padded = np.zeros((samples, frames_of_one, beats * width), dtype=object)
    padded[..., :values] = frames & ((1 << bits) - 1)  # two's complement, where there are signs
    weights = np.array([1 << bits * place for place in range(width)], dtype=object)
    words: NDArray[np.object_] = (
        padded.reshape(samples, frames_of_one * beats, width) * weights
    ).sum(axis=-1)
    return words


def _hex(words: NDArray[np.object_]) -> str:
    """Return a memory file with a line of words for each sample."""
    return "".join(" ".join(f"{word:x}" for word in line) + "\n" for line in words)
