"""Normalised inputs: what the description computes is what torch computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding
from sc_neurocore.training import (
    DelayLinear,
    LIFCell,
    Normalize,
    Residual,
    SpikingSequential,
    seeded,
)

STEPS = 5


def norm(kind: Any, features: int) -> nn.Module:
    """BatchNorm with statistics and factors of its own."""
    module: nn.Module = kind(features)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, low in (("running_mean", -0.5), ("running_var", 0.5), ("weight", -1.0)):
            getattr(module, name).copy_(low + torch.rand(features, generator=generator))
        module.bias.copy_(torch.rand(features, generator=generator))
    return module


NETWORKS: dict[str, tuple[tuple[int, ...], Any]] = {
    "signed vectors": ((12,), lambda: [Normalize(0.5, 0.5), nn.Linear(12, 5)]),
    "channels": (
        (3, 6, 6),
        lambda: [
            Normalize([0.4, 0.5, 0.6], [0.2, -0.3, 0.1]),
            nn.Conv2d(3, 6, 3, groups=3),
            LIFCell(),
            nn.Flatten(),
            nn.Linear(96, 5),
        ],
    ),
    "through pooling and flatten": (
        (2, 4, 4),
        lambda: [
            Normalize([0.1, 0.9], 0.5),
            norm(nn.BatchNorm2d, 2),
            nn.AvgPool2d(2),
            nn.Flatten(),
            norm(nn.BatchNorm1d, 8),
            nn.Linear(8, 5, bias=False),
        ],
    ),
    "lines": ((2, 9), lambda: [norm(nn.BatchNorm1d, 2), nn.Conv1d(2, 5, 4), nn.Flatten()]),
    "behind neurons too": (
        (12,),
        lambda: [
            nn.Linear(12, 7),
            norm(nn.BatchNorm1d, 7),
            LIFCell(),
            norm(nn.BatchNorm1d, 7),
            nn.Dropout(),
            nn.Linear(7, 5),
        ],
    ),
    "padding where nothing is shifted": (
        (2, 4, 4),
        lambda: [
            Normalize(0.0, 0.25),
            nn.Conv2d(2, 2, 3, padding=1),
            nn.MaxPool2d(2),
            nn.Flatten(),
        ],
    ),
    "in a block": (
        (12,),
        lambda: [
            nn.Linear(12, 6),
            LIFCell(),
            Residual(norm(nn.BatchNorm1d, 6), nn.Linear(6, 6), LIFCell()),
            nn.Linear(6, 5),
        ],
    ),
    "maximum": (
        (2, 4, 4),
        lambda: [
            Normalize([0.5, 0.1], [0.3, 0.5]),
            nn.MaxPool2d(2, padding=1),
            nn.Flatten(),
            nn.Linear(18, 5),
        ],
    ),
}


def make(name: str) -> tuple[SpikingSequential, InputEncoding]:
    shape, modules = NETWORKS[name]
    with seeded(0):
        net = SpikingSequential(*modules(), LIFCell(threshold=0.5)).eval().double()
    return net, InputEncoding(shape=shape, bits=8, fraction_bits=8)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_description_takes_values_as_they_come(name: str) -> None:
    net, coding = make(name)
    description = net.to_description("normal", coding, STEPS)
    inputs = np.random.default_rng(0).integers(0, 256, (20, *coding.shape)).astype(np.uint16)
    x = torch.from_numpy(inputs.astype(np.float64)) / 256
    found = run_float(description, inputs)
    wanted = net(x, steps=STEPS)
    np.testing.assert_allclose(found.membrane, wanted.membrane.detach().numpy(), atol=1e-9)
    assert (found.spike_counts == wanted.spike_counts.detach().numpy()).all()
    assert found.membrane.std() > 0.1
    integers = quantize(description, "Q8.12", weight_bits=16).run(inputs)
    assert np.abs(integers.spike_counts - found.spike_counts).mean() < 0.2
    again = SpikingSequential.from_description(description, dtype=torch.float64)
    torch.testing.assert_close(again(x, steps=STEPS).membrane, wanted.membrane)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([Normalize(0.5), nn.Conv2d(2, 5, 3, padding=1)], r"module 0 .*take padding=0 there, or"),
        ([Normalize([0.5, 0.5, 0.5]), nn.Conv2d(2, 5, 3)], r"module 0 .*3 features for values of"),
        (
            [Normalize(0.5), LIFCell(), nn.Conv2d(2, 5, 3)],
            r"module 0 .*it comes first, and a layer",
        ),
        (
            [Normalize(0.5, -1.0), nn.MaxPool2d(2), nn.Conv2d(2, 5, 1)],
            r"module 0 .*'max-pool2d' comes before the next weights",
        ),
        (
            [
                LIFCell(),
                Normalize(0.5),
                Residual(nn.Conv2d(2, 2, 1), LIFCell()),
                nn.Conv2d(2, 5, 1),
            ],
            r"module 1 .*follows a layer of kind 'population', and a block with two paths",
        ),
        (
            [nn.Flatten(), Normalize(0.5), DelayLinear(32, 5, 2, delays=1)],
            r"module 1 .*before the first step",
        ),
    ],
)
def test_what_cannot_be_folded_is_named(modules: list[nn.Module], message: str) -> None:
    net = SpikingSequential(*modules, LIFCell())
    with pytest.raises(UserError, match=message):
        net.to_description("net", InputEncoding(shape=(2, 4, 4), bits=4, fraction_bits=4), 2)


@pytest.mark.parametrize("numbers", [("a", 1), (0.0, 0.0), ([[1.0]], 1), (float("nan"), 1)])
def test_other_numbers_are_refused(numbers: Any) -> None:
    with pytest.raises(UserError, match=r"(mean|deviation) = .*: expected a number"):
        Normalize(*numbers)
