"""What a network costs, held against the neurobench package on the same network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.errors import DataError
from sc_neurocore.kernels.workload import measure_workload
from sc_neurocore.network import (
    DelayDense,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.training import LIFCell, SpikingSequential, seeded

STEPS, SAMPLES = 6, 9


class Fire(nn.Module):
    """A cell of one of our networks, a step at a time, as neurobench's hooks look at it."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell
        self.state: Any = None

    def forward(self, current: Tensor) -> Tensor:
        spikes, self.state = self.cell(current, self.state)
        return spikes


class Stepped(nn.Module):
    """One of our networks, called step after step on (batch, T, ...)."""

    def __init__(self, net: SpikingSequential) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(Fire(each) if isinstance(each, LIFCell) else each for each in net.layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, Fire):
                layer.state = None
        return torch.stack([self.layers(frame) for frame in x.transpose(0, 1)]).sum(0)


def network(shape: tuple[int, ...]) -> SpikingSequential:
    with seeded(0):
        if len(shape) == 1:
            front = [nn.Linear(12, 10), LIFCell(), nn.Linear(10, 8, bias=False)]
        else:
            front = [
                nn.Conv2d(2, 4, 3, padding=1, stride=2),
                LIFCell(threshold=0.2),
                nn.AvgPool2d(2),
                nn.Conv2d(4, 4, 1),
                LIFCell(threshold=0.1),
                nn.Flatten(),
                nn.Linear(16, 8),
            ]
        net = SpikingSequential(*front, LIFCell(threshold=0.3), nn.Linear(8, 4), LIFCell())
    with torch.no_grad():
        for each in net.parameters():
            each[each.abs() < 0.05] = 0.0
    return net.eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [1, 4])
@pytest.mark.parametrize("shape", [(12,), (2, 8, 8)])
def test_the_measures_are_those_of_neurobench(
    shape: tuple[int, ...], bits: int, require_package: Callable[[str], Any]
) -> None:
    static = require_package("neurobench.metrics.static")
    measures = require_package("neurobench.metrics.workload")
    net = network(shape)
    generator = np.random.default_rng(1)
    inputs = generator.integers(0, 1 << bits, (STEPS, SAMPLES, *shape)).astype(np.uint8)
    inputs[generator.random(inputs.shape) < 0.5] = 0
    kind: Any = "spikes" if bits == 1 else "sequence"
    coding = InputEncoding(kind=kind, shape=shape, bits=bits, fraction_bits=bits - (bits == 1))
    found = measure_workload(net.to_description("net", coding, STEPS), inputs)

    x = torch.from_numpy(inputs.astype(np.float32)).transpose(0, 1) / (1 << coding.fraction_bits)
    model = require_package("neurobench.models").TorchModel(Stepped(net))
    model.add_activation_module(Fire)
    model.register_hooks()
    sparsity, operations = measures.ActivationSparsity(), measures.SynapticOperations()
    with torch.no_grad():
        answer = model(x)
    data = (x, torch.zeros(SAMPLES))
    counted = operations(model, answer, data)
    assert found.footprint == static.Footprint()(model)
    assert round(found.connection_sparsity, 4) == static.ConnectionSparsity()(model)
    assert found.connection_sparsity > 0.1
    assert found.activation_sparsity == pytest.approx(sparsity(model, answer, data), abs=1e-12)
    assert 0 < found.activation_sparsity < 1
    assert found.effective_macs == pytest.approx(counted["Effective_MACs"])
    assert found.effective_acs == pytest.approx(counted["Effective_ACs"])
    assert found.dense_operations == pytest.approx(counted["Dense"])
    assert (found.effective_macs > 0) == (bits > 1 or len(shape) == 3)
    assert found.effective_acs > 0


NEURON = "neuron N\nstate v=0\nupdate v=v+I\nspike v >= 1\nreset v = v - 1"


def described(*layers: Any, kind: Any = "spikes") -> NetworkDescription:
    coding = InputEncoding(kind=kind, shape=(2,), bits=1, fraction_bits=0)
    return NetworkDescription(name="net", input=coding, steps=4, layers=layers)


def test_what_is_static_is_computed_once() -> None:
    net = described(Dense(weight=np.array([[1.0, 0.0]])), Population(neuron=NEURON), kind="static")
    found = measure_workload(net, np.array([[1, 1], [0, 1], [1, 0]], np.uint8))
    assert (found.effective_acs, found.dense_operations) == (2 / 3, 2.0)
    assert found.activation_sparsity == 1 - 2 * 4 / (3 * 4)
    assert found.connection_sparsity == 0.5
    assert found.as_dict()["samples"] == 3


def test_late_and_recurrent_synapses_count_what_arrives_in_time() -> None:
    late = DelayDense(weight=np.ones((1, 2)), delays=np.array([[0, 3]]))
    inputs = np.zeros((4, 1, 2), np.uint8)
    inputs[:, 0, 1] = 1
    found = measure_workload(described(late, Population(neuron=NEURON)), inputs)
    assert found.effective_acs == 1  # of four spikes, three are still on their way
    assert found.dense_operations == 4 + 1
    own = Recurrent(neuron=NEURON, weight=np.array([[0.0, 1.0], [0.0, 0.0]]))
    inputs = np.zeros((4, 1, 2), np.uint8)
    inputs[0, 0, 1] = 1
    found = measure_workload(described(own), inputs)
    assert found.effective_acs == 1
    assert found.dense_operations == 3 * 4
    assert found.activation_sparsity == 1 - 2 / 8


def test_there_must_be_samples() -> None:
    with pytest.raises(DataError, match="expected at least one sample"):
        measure_workload(described(Population(neuron=NEURON)), np.zeros((4, 0, 2), np.uint8))
