"""Where a convolution's clocks go, and what other fetches would save: counted, not built.

The second convolution of the MNIST networks takes most of the clocks of an image. From the spikes
of the integer model this counts what its fetch takes as it is, a clock for each active input and
one for each word in which there is none, and what it would take otherwise. What is beside the fetch
stays as fpga_conv.json has it, measured in the Verilog.

    as built         a word of spikes without anything in it costs a clock
    words skipped    a summary bit tells that a word is empty before it is fetched
    two tokens       two active inputs of a word in a clock, from two banks of weights
    two positions    two windows side by side, each with its own lanes and reads of the weights; the
                     next pair begins when both are through
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _conv_networks import MODELS, describe, samples_of
from _page import RESULTS
from _results import write_results
from numpy.lib.stride_tricks import sliding_window_view

from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.network import AveragePool2d, Conv2d

IMAGES, AT_ONCE = 1000, 100
BEFORE, AT = 0, 1  # the first layer of neurons, whose spikes the second convolution reads


def windows(network: str) -> Iterator[np.ndarray[Any, Any]]:
    """Yield how many inputs are active in each word of each window of the second convolution.

    Yields:
        (T, images, rows, columns, words), for some images after the others.
    """
    description = describe(network)
    stages = list(description.stages())
    pool, convolution = (each for _, each in stages[AT].between)
    assert isinstance(pool, AveragePool2d)
    assert isinstance(convolution, Conv2d)
    assert (convolution.stride, convolution.padding) == ((1, 1), (0, 0))
    size = tuple(np.multiply(convolution.weight.shape[2:], pool.size))
    with tempfile.TemporaryDirectory() as folder:
        integers = compile_design(description, Path(folder), lanes=64).design.network
    inputs, _, _ = samples_of(description, integers, IMAGES)
    for start in range(0, IMAGES, AT_ONCE):
        run = integers.run(inputs[start : start + AT_ONCE], record=True)
        spikes = run.spikes[BEFORE]
        active = spikes.reshape(*spikes.shape[:2], *stages[BEFORE].shape).sum(axis=2)
        seen = sliding_window_view(active, size, axis=(2, 3))
        seen = seen[:, :, :: pool.size[0], :: pool.size[1]]
        yield seen.reshape(*seen.shape[:4], -1)


def choices(tokens: np.ndarray[Any, Any]) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Yield each choice and the clocks of each window, of each pair where there are two."""
    halved = -(-tokens // 2)
    as_built = np.maximum(tokens, 1).sum(axis=-1)
    skipped = np.maximum(tokens.sum(axis=-1), 1)
    yield "as built", as_built
    yield "words skipped", skipped
    yield "two tokens", np.maximum(halved, 1).sum(axis=-1)
    yield "two tokens, words skipped", np.maximum(halved.sum(axis=-1), 1)
    yield "two positions", np.maximum(as_built[..., 0::2], as_built[..., 1::2])
    yield "two positions, words skipped", np.maximum(skipped[..., 0::2], skipped[..., 1::2])


def measure() -> Iterator[dict[str, Any]]:
    """Yield a row for each network and choice."""
    built = json.loads((RESULTS / "fpga_conv.json").read_text(encoding="utf-8"))["rows"]
    for network in sorted(folder.name for folder in MODELS.glob("mnist-conv*")):
        of_image = next(
            row["clocks_per_sample"]
            for row in built
            if (row["network"], row["lanes"]) == (network, 64) and "clocks_per_sample" in row
        )
        active = empty = words = 0
        found: dict[str, float] = {}
        for tokens in windows(network):
            active += int(tokens.sum())
            empty, words = empty + int((tokens == 0).sum()), words + tokens.size
            for choice, clocks in choices(tokens):
                found[choice] = found.get(choice, 0.0) + float(clocks.sum()) / IMAGES
        for choice, fetch in found.items():
            total = of_image - found["as built"] + fetch
            row = {
                "network": network,
                "choice": choice,
                "active_inputs": round(active / IMAGES),
                "empty_words": round(empty / words, 3),
                "clocks_of_fetch": round(fetch),
                "clocks_of_image": round(total),
                "saved": round(1 - total / of_image, 3),
            }
            print(row, file=sys.stderr, flush=True)
            yield row


def main() -> int:
    """Write the table."""
    rows = list(measure())
    print(write_results("conv_clocks", seeds=[], rows=rows, targets=[], packages=["numpy"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
