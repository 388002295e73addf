"""Data sets, encoders and augmentations that are not what they should be.

Each has a message of our own.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.training.mistakes import WARNINGS, Call, check_answer, ds, net, x

from sc_neurocore.data import Dataset, hold_out, load_split, split
from sc_neurocore.training import (
    SpectralDistortion,
    TrainingOptions,
    delta_decode,
    delta_encode,
    fit,
    latency_encode,
    rate_encode,
    seeded,
)
from sc_neurocore.training.augmentation import Distortion

pytestmark = WARNINGS


CALLS: dict[str, Call] = {
    "augment str": lambda: TrainingOptions(augment="rotate"),
    "augment returns other": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f, g: None)
    ),
    "augment one arg": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f: f)
    ),
    "augment other shape": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f, g: f[:, :3])
    ),
    "encoder fn": lambda: TrainingOptions(encoder=rate_encode),
    "split float": lambda: split(ds(), 0.5),
    "dataset list": lambda: Dataset("d", [[1, 2]], [0], 1, 4, 4),
    "dataset float": lambda: Dataset("d", np.random.rand(3, 2), np.zeros(3, int), 1, 4, 4),
    "dataset neg": lambda: Dataset("d", -np.ones((3, 2), int), np.zeros(3, int), 1, 4, 4),
    "dataset labels -100": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.array([0, -100, 0]), 1, 4, 4
    ),
    "dataset tensor": lambda: Dataset("d", torch.ones(3, 2).byte(), np.zeros(3, int), 1, 4, 4),
    "dataset bits str": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.zeros(3, int), 1, "4", 4
    ),
    "dataset kind": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.zeros(3, int), 1, 4, 4, kind="event"
    ),
    "rate_encode out of range": lambda: rate_encode(x * 3, 5, 0),
    "rate_encode no gen": lambda: rate_encode(x, 5, None),
    "rate_encode np": lambda: rate_encode(x.numpy(), 5, 0),
    "latency steps str": lambda: latency_encode(x, "5"),
    "delta threshold neg": lambda: delta_encode(torch.rand(3, 2, 2), -1),
    "delta list": lambda: delta_encode([[1.0]], 0.1),
    "distortion shape": lambda: Distortion((28, 28), rotation="x"),
    "distortion 6": lambda: fit(
        net(),
        ds(),
        options=TrainingOptions(epochs=1, steps=3, augment=Distortion((28, 28), shift=1)),
    ),
    "seeded str": lambda: seeded("x").__enter__(),
    "seeded float": lambda: seeded(0.5).__enter__(),
    "dataset take str": lambda: ds().take("a"),
    "dataset take out": lambda: ds().take(np.array([99])),
    "dataset shaped": lambda: ds().shaped((5,)),
    "split too small": lambda: split(ds(), 0, 0.01),
    "split str seed": lambda: split(ds(), "a"),
    "load_split name": lambda: load_split("mnst"),
    "dataset 1d": lambda: ds(inputs=np.arange(12).astype(np.uint8)),
    "dataset n_classes float": lambda: ds(n_classes=3.0),
    "dataset object": lambda: ds(inputs=np.array([[None] * 6] * 12)),
    "dataset labels str": lambda: ds(labels=np.array(["a"] * 12)),
    "dataset labels 1-based": lambda: ds(labels=np.arange(12) % 3 + 1),
    "dataset one-hot": lambda: ds(labels=np.eye(3, dtype=int)[np.arange(12) % 3]),
    "dataset groups list": lambda: ds(groups=["a"] * 12),
    "dataset name none": lambda: ds(name=None),
    "seeded none": lambda: seeded(None).__enter__(),
    "hold_out": lambda: hold_out(ds(), ["a"]),
    "dataset bits 0": lambda: ds(input_bits=0),
    "dataset bits few": lambda: ds(input_bits=2),
    "dataset seq 2d": lambda: ds(kind="sequence"),
    "dataset bool": lambda: ds(labels=np.ones(12, bool)),
    "dataset uint64 labels": lambda: ds(labels=np.full(12, 2**63, np.uint64)),
    "split fraction": lambda: split(ds(), 0, 1.5),
    "load_split option": lambda: load_split("digits", bands=3),
    "rate gen str": lambda: rate_encode(x, 5, "seed"),
    "rate process": lambda: rate_encode(x, 5, 0, "gauss"),
    "latency tau": lambda: latency_encode(x, 5, "logarithmic", tau=-1),
    "latency tau str": lambda: latency_encode(x, 5, "logarithmic", tau="x"),
    "delta nan": lambda: delta_encode(torch.full((3, 2, 2), float("nan")), 0.1),
    "delta thr str": lambda: delta_encode(torch.rand(3, 2, 2), "x"),
    "decode": lambda: delta_decode(torch.rand(3, 2, 2).int(), 0.1),
    "spectral on images": lambda: SpectralDistortion(warp=0.1)(
        torch.rand(2, 1, 4, 4), torch.Generator()
    ),
    "spectral share": lambda: SpectralDistortion(warp=1.5),
    "spectral str": lambda: SpectralDistortion(noise="white"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    check_answer(CALLS[name])
