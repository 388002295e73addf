"""Training with integer weights: what is learnt is what the hardware gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sc_neurocore.data import load_split
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.network import InputEncoding, load_description
from sc_neurocore.training import (
    ConvSpikingNet,
    DelayLinear,
    LIFCell,
    Normalize,
    RecurrentLIFCell,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    fit,
    seeded,
)
from sc_neurocore.training.integer_aware import integer_aware
from sc_neurocore.training.layers import Factor

MODELS = Path(__file__).parent.parent.parent / "models"


def network(kind: str) -> tuple[SpikingSequential, tuple[int, ...]]:
    with seeded(0):
        if kind == "dense":
            return SpikingNet(20, 16, 4, n_layers=2), (20,)
        if kind == "conv":
            net = ConvSpikingNet(
                (1, 12, 12), channels=(4, 6), n_hidden=8, n_output=3, kernel_size=3
            )
            return net, (1, 12, 12)
        if kind == "delays":
            return SpikingSequential(DelayLinear(12, 5, 3), LIFCell()), (12,)
        cell = RecurrentLIFCell(7)
        cell.set_weight(torch.randn(7, 7))
        return SpikingSequential(nn.Linear(12, 7), cell, nn.Linear(7, 4), LIFCell()), (12,)


@pytest.mark.filterwarnings("ignore::sc_neurocore.training.delays.RoundingWarning")
@pytest.mark.parametrize("kind", ["dense", "conv", "delays", "recurrent"])
@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8, 16])
def test_quantising_what_was_learnt_loses_nothing(kind: str, bits: int) -> None:
    net, shape = network(kind)
    x = torch.rand(30, *shape, generator=torch.Generator().manual_seed(1))
    with integer_aware(net, bits), torch.no_grad():
        found = net(x, steps=9)
    after = net(x, steps=9)
    assert torch.equal(found.membrane, after.membrane)
    coding = InputEncoding(shape=shape, bits=8, fraction_bits=8)
    integers = quantize(net.to_description("net", coding, 9), "Q8.8", bits)
    weights = [
        np.ldexp(each.weight.astype(float), -each.scale_bits).ravel()
        for layer in integers.layers
        for each in (*layer.synapses, layer.feedback)
        if each is not None and each.weight_bits
    ]
    learnt = [
        module.weight.detach().numpy().ravel()
        for module in net.layers
        if isinstance(module, nn.Linear | nn.Conv2d | DelayLinear | RecurrentLIFCell)
    ]
    # An average of 2 x 2 in front is a sum, whose 1/4 is in the unit.
    assert len(weights) == len(learnt)
    for exact, expected in zip(weights, learnt, strict=True):
        np.testing.assert_array_equal(exact, expected)


def test_gradient_passes_rounding_and_stops_where_weights_are_clipped() -> None:
    layer = nn.Linear(4, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.3, -0.3, 0.26, 0.3]]))
    net = SpikingSequential(layer, LIFCell())
    with integer_aware(net, 3):  # units of 1/8, up to 3/8
        stored: Any = layer.parametrizations["weight"].original
        with torch.no_grad():
            stored[0, 3] = 9.0
        assert layer.weight.tolist() == [[0.25, -0.25, 0.25, 0.375]]
        layer.weight.backward(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
        assert stored.grad.tolist() == [[1.0, 2.0, 3.0, 0.0]]


def test_fine_tuning_wins_back_what_two_bits_lose() -> None:
    description = load_description(MODELS / "digits")
    parts = load_split("digits")
    train = parts.train

    def integer_accuracy(net: SpikingSequential) -> float:
        found = net.to_description("net", description.input, description.steps)
        return quantize(found, "Q8.8", 2).run(train.network_inputs()).accuracy(train.labels)

    net = SpikingSequential.from_description(description)
    before = integer_accuracy(net)
    options = TrainingOptions(
        epochs=3, learning_rate=1e-3, steps=description.steps, schedule="cosine"
    )
    with integer_aware(net, 2):
        fit(net, train, options=options)
    assert integer_accuracy(net) > before + 0.01


@pytest.mark.parametrize(
    ("layers", "bits", "message"),
    [
        ([nn.Linear(4, 3), LIFCell()], 1, "expected 2 to 24"),
        ([nn.Linear(4, 3), LIFCell()], True, "expected 2 to 24"),
        ([nn.Linear(4, 3), LIFCell()], [8, 8], "expected one number, or 1"),
        ([nn.Linear(4, 3), nn.BatchNorm1d(3), LIFCell()], 8, "fold it first"),
        ([Normalize(0.5, 0.3), nn.Linear(4, 3), LIFCell()], 8, r"layers\[0\] .* fold it first"),
        ([nn.Linear(4, 3), Factor(0.5), LIFCell()], 8, "fold them first"),
        ([nn.Conv2d(1, 1, 3), LIFCell(), nn.AvgPool2d(3), LIFCell()], 8, "averages 9 values"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_the_network_alone(
    layers: list[nn.Module], bits: Any, message: str
) -> None:
    net = SpikingSequential(*layers)
    names = list(net.state_dict())
    with pytest.raises(UserError, match=message), integer_aware(net, bits):
        pass
    assert list(net.state_dict()) == names
