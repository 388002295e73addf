"""A training in a process of its own, for tests that interrupt it.

interrupted_training.py CHECKPOINT RESULT [plain|streamed]
interrupted_training.py                            reads such lines, each run in a fork: prints
the fork's process number, then its exit code
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from sc_neurocore.data import Dataset
from sc_neurocore.training import SpikingNet, SpikingSequential, TrainingOptions, fit, seeded
from sc_neurocore.training.distributed import current_group, joined


def stripes(samples: int, seed: int) -> Dataset:
    """Three classes: which third of the inputs is bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, samples)
    inputs = generator.integers(0, 10, (samples, 9))
    inputs += 5 * (np.arange(9) // 3 == labels[:, None])
    return Dataset("stripes", inputs.astype(np.uint8), labels, 3, 4, 4)


def dim(frames: Tensor, generator: Generator) -> Tensor:
    """Give every sample a brightness of its own."""
    return frames * (0.5 + torch.rand(len(frames), 1, generator=generator) / 2)


class Streamed:
    """Batches that come one by one, in another order each time, and nobody knows how many."""

    def __init__(self, data: Dataset) -> None:
        self.frames, self.labels = torch.from_numpy(data.frames()), torch.from_numpy(data.labels)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for indices in torch.randperm(len(self.labels)).split(17):
            yield self.frames[indices], self.labels[indices]


def network(dropout: float) -> SpikingSequential:
    """Return a network with everything that has a state: BatchNorm, dropout, learnt neurons."""
    with seeded(0):
        first, cell, *rest = SpikingNet(9, 16, 3, learn=("beta",), per_channel=True).layers
    if not dropout:
        return SpikingSequential(first, cell, *rest)
    return SpikingSequential(first, nn.BatchNorm1d(16), cell, nn.Dropout(dropout), *rest)


def main(folder: str, result: str, kind: str = "everything") -> None:
    """Train, and write the history and a hash of the network."""
    is_plain = kind != "everything"
    is_streamed = kind == "streamed"
    options = TrainingOptions(
        epochs=2 if is_streamed else 6,
        batch_size=16,
        steps=6,
        seed=5,
        optimiser="adamw",
        weight_decay=0.01,
        schedule="constant" if is_streamed else "one-cycle",
        truncate=4 if is_streamed else None,
        max_norm=2.0,
        label_smoothing=0.1,
        average=None if is_plain else 0.98,
        augment=dim,
        encoder="rate",
    )
    samples: Any = stripes(300 if is_plain else 900, 0)
    if is_streamed:
        samples = Streamed(samples)
    with joined("cpu"):
        mine = Path(result).with_name(f"process-{current_group().rank}")
        mine.write_text(str(os.getpid()))
        net = network(0.0 if is_plain else 0.2)
        history = fit(
            net,
            samples,
            stripes(60, 1),
            options,
            checkpoint=Path(folder),
            checkpoint_seconds=0.01,
        )
        if not current_group().is_first:
            return
    numbers = [tensor.numpy().tobytes() for tensor in net.state_dict().values()]
    epochs = [
        [each.loss, each.largest_gradient, each.validation_accuracy] for each in history.epochs
    ]
    content = {
        "weights": hashlib.sha256(b"".join(numbers)).hexdigest(),
        "epochs": epochs,
        "kept": history.kept,
    }
    Path(result).write_text(json.dumps(content))


def serve() -> None:
    """Fork a process for every line, so that they need not import PyTorch each."""
    torch.optim.Adam(network(0.2).parameters())  # imports what PyTorch imports late
    for line in sys.stdin:
        process = os.fork()
        if not process:
            try:
                main(*line.split())
            except KeyboardInterrupt as error:
                sys.stderr.write(f"{error}\n")
                os._exit(130)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        print(process, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else serve()
