"""What the lists of mistakes share: small networks and data, and what an answer must be.

What Python says itself of a missing argument, and PyTorch of sizes in a state dict, stays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sc_neurocore.data import Dataset
from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.network import InputEncoding
from sc_neurocore.training import SpikingNet, TrainingOptions

WARNINGS = [
    pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning"),
    # What PyTorch warns of on the way to the error.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
OPT = TrainingOptions(epochs=1, batch_size=6, steps=3)
x = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
y = torch.arange(4) % 3
enc = InputEncoding(shape=(6,), bits=4, fraction_bits=4)

Call = Callable[[], Any]


def ds(**changes: Any) -> Dataset:
    inputs = np.random.default_rng(0).integers(0, 16, (12, 6)).astype(np.uint8)
    values: dict[str, Any] = {"name": "d", "inputs": inputs, "labels": np.arange(12) % 3}
    return Dataset(**{**values, "n_classes": 3, "input_bits": 4, "fraction_bits": 4, **changes})


def net(**options: Any) -> Any:
    return SpikingNet(6, 5, 3, **options)


def check_answer(call: Call) -> None:
    """Make a mistake, which must be answered in our own words."""
    with pytest.raises(ScNeurocoreError) as caught:
        call()
    assert len(str(caught.value)) > 20
