"""Peak memory of training on 60,000 recordings of N-MNIST's shape: 20 steps of 2 x 34 x 34 spikes.

The spikes are drawn at random, more often in a stripe that moves with the class. Each way to bring
them is a process of its own, whose whole peak is given, Python, PyTorch and the data included:

- `Dataset`: all of them in memory, a byte for each spike (2.6 GiB)
- packed: all of them in memory, eight spikes in a byte, as `numpy.packbits` makes them
- streamed: an iterable that draws them a batch at a time

    python benchmarks/event_memory.py
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from _results import Target, write_results
from torch import nn
from torch.utils.data import TensorDataset

from sc_neurocore.data import Dataset
from sc_neurocore.training import LIFCell, SpikingSequential, TrainingOptions, fit, seeded

SAMPLES, STEPS, FRAME, CLASSES = 60_000, 20, (2, 34, 34), 10
BATCH = 64
SEED = 0
FORMS = ("Dataset", "packed", "streamed")
GIBIBYTES = 4


def spikes(count: int, seed: int) -> tuple[Any, Any]:
    """Return recordings (count, STEPS, *FRAME) as bytes, and their classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    drawn = random.integers(0, 256, (count, STEPS, *FRAME), dtype=np.uint8)
    often = np.zeros((CLASSES, 1, 1, FRAME[1], 1), np.uint8)
    for label in range(CLASSES):
        often[label, :, :, 3 * label : 3 * label + 5] = 32
    return (drawn < 2 + often[labels]).view(np.uint8), labels


class Streamed:
    """The same recordings, drawn a batch at a time, again in each pass."""

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for first in range(0, SAMPLES, BATCH):
            inputs, labels = spikes(min(BATCH, SAMPLES - first), first)
            yield torch.from_numpy(inputs), torch.from_numpy(labels)


def in_parts() -> Iterator[tuple[int, Any, Any]]:
    """Yield them so that no second copy of all of them is ever there."""
    for first in range(0, SAMPLES, 1000):
        yield first, *spikes(1000, first)


def data(form: str) -> tuple[Any, dict[str, Any]]:
    """Return the data in a form, and what `fit` is told of them."""
    if form == "streamed":
        return Streamed(), {"time_axis": 1}
    labels = np.empty(SAMPLES, np.int64)
    size = int(np.prod(FRAME))
    shape = (STEPS, *FRAME) if form == "Dataset" else (STEPS, -(-size // 8))
    inputs = np.empty((SAMPLES, *shape), np.uint8)
    for first, drawn, classes in in_parts():
        if form == "packed":
            drawn = np.packbits(drawn.reshape(len(drawn), STEPS, size), axis=-1)
        inputs[first : first + len(drawn)] = drawn
        labels[first : first + len(drawn)] = classes
    if form == "Dataset":
        return Dataset("events", inputs, labels, CLASSES, 1, 0, kind="spikes"), {}
    tensors = torch.from_numpy(inputs), torch.from_numpy(labels)
    return TensorDataset(*tensors), {"time_axis": 1, "packed": FRAME}


def train(form: str) -> dict[str, Any]:
    """Train a small convolutional network for an epoch; return what it took."""
    with seeded(SEED):
        net = SpikingSequential(
            nn.Conv2d(2, 8, 5, stride=2),
            LIFCell(),
            nn.AvgPool2d(3),
            nn.Flatten(),
            nn.Linear(8 * 5 * 5, CLASSES),
            LIFCell(),
        )
    began = time.perf_counter()
    source, told = data(form)
    options = TrainingOptions(epochs=1, batch_size=BATCH, learning_rate=2e-3, seed=SEED)
    history = fit(net, source, options=options, **told)
    return {
        "form": form,
        "samples": SAMPLES,
        "shape": f"{STEPS} x {' x '.join(map(str, FRAME))}",
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "training_accuracy_percent": round(100 * history.epochs[-1].accuracy, 2),
        "seconds": round(time.perf_counter() - began),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--form", choices=FORMS, help=argparse.SUPPRESS)
    form = parser.parse_args().form
    if form:
        print(json.dumps(train(form)))
        return 0
    rows = []
    for each in FORMS:
        command = [sys.executable, __file__, "--form", each]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    targets = [
        Target(f"{row['form']}: peak memory, MiB", "<=", 1024 * GIBIBYTES, row["peak_mb"])
        for row in rows
    ]
    packages = ["sc-neurocore", "torch", "numpy", "numba"]
    write_results("event_memory", seeds=[SEED], rows=rows, targets=targets, packages=packages)
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
