from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sc_neurocore.errors import UserError
from sc_neurocore.interop.equations import equation
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    Dense,
    Flatten,
    InputEncoding,
    Integrator,
    NetworkDescription,
    Population,
    Scale,
    SumPool2d,
)
from sc_neurocore.training import SpikingSequential
from sc_neurocore.training.layers import Later

random = np.random.default_rng(0)
BY_CHANNEL = {"decay": np.array([0.5, 0.7, 0.9])}

IMAGES = (
    Conv2d(weight=random.normal(size=(3, 2, 3, 3))),
    Integrator(neuron=equation("LI"), parameters=BY_CHANNEL),
    SumPool2d(size=(3, 2), stride=(1, 2), padding=(1, 0)),
    Scale(factor=random.uniform(0.5, 1, (3, 6, 3))),
    Population(neuron=equation("CubaLIF")),
    Integrator(neuron=equation("CubaLI"), parameters=BY_CHANNEL),
    AveragePool2d(size=(2, 2)),
    Delay(delays=np.array([0, 2, 1])),
    Flatten(),
    Dense(weight=random.normal(size=(4, 9))),
    Population(neuron=equation("LI")),
)
LINES = (
    Delay(delays=random.integers(0, 4, (2, 7))),
    Conv1d(weight=random.normal(size=(3, 2, 3)), bias=random.normal(size=3), padding=1, stride=2),
    Population(neuron=equation("LIF"), parameters=BY_CHANNEL),
    Scale(factor=2.0),
    Flatten(),
    Dense(weight=random.normal(size=(4, 12))),
    Population(neuron=equation("IF")),
)


def network(kind: Any, shape: tuple[int, ...], layers: Any) -> NetworkDescription:
    return NetworkDescription(
        name="net",
        input=InputEncoding(kind=kind, shape=shape, bits=4, fraction_bits=3),
        steps=9,
        layers=layers,
        readout="membrane",
    )


@pytest.mark.parametrize("kind", ["static", "sequence"])
@pytest.mark.parametrize(("shape", "layers"), [((2, 8, 8), IMAGES), ((2, 7), LINES)])
def test_torch_computes_what_numpy_does_and_goes_back(
    kind: Any, shape: tuple[int, ...], layers: Any
) -> None:
    description = network(kind, shape, layers)
    lead = (5,) if kind == "static" else (9, 5)
    inputs = np.random.default_rng(1).integers(0, 16, (*lead, *shape))
    wanted = run_float(description, inputs)
    module = SpikingSequential.from_description(description, torch.float64, backend="eager")
    steps = {"steps": 9} if kind == "static" else {}
    output = module(torch.from_numpy(inputs / 8), **steps)
    np.testing.assert_allclose(output.membrane.detach(), wanted.membrane, atol=1e-9)
    np.testing.assert_array_equal(output.spike_counts.detach(), wanted.spike_counts)
    back = module.to_description("net", description.input, 9, "membrane")
    assert [layer.kind for layer in back.layers] == [layer.kind for layer in layers]
    np.testing.assert_allclose(run_float(back, inputs).membrane, wanted.membrane, atol=1e-9)


@pytest.mark.parametrize(("shape", "layers"), [((2, 8, 8), IMAGES), ((2, 7), LINES)])
def test_every_weight_gets_a_gradient(shape: tuple[int, ...], layers: Any) -> None:
    description = network("sequence", shape, layers)
    module = SpikingSequential.from_description(description, torch.float64, backend="eager")
    inputs = torch.rand(9, 5, *shape, dtype=torch.float64)
    module(inputs).membrane.pow(2).sum().backward()
    for name, weights in module.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


def test_an_integrators_gradient_is_that_of_its_sum() -> None:
    description = network(
        "sequence", (2,), (Integrator(neuron=equation("LI")), Population(neuron=equation("LI")))
    )
    module = SpikingSequential.from_description(description, torch.float64, backend="eager")
    inputs = torch.rand(4, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: module(x).membrane, inputs)


def test_what_is_late_is_zero_before() -> None:
    x = torch.arange(1.0, 5).view(4, 1, 1).expand(4, 1, 2)
    found = Later(np.array([1, 3]))(x)[:, 0]
    assert found.tolist() == [[0, 0], [1, 0], [2, 0], [3, 1]]
    assert Later(2)(x[0], steps=4)[:, 0].tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


def test_numbers_for_each_neuron_of_an_image_are_refused_by_name() -> None:
    layer = Population(neuron=equation("IF"), parameters={"gain": np.ones((2, 3, 3))})
    with pytest.raises(UserError, match=r"NIR_IF: gain has shape \(2, 3, 3\)"):
        SpikingSequential.from_description(network("static", (2, 3, 3), (layer,)))
