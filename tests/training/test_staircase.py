"""benchmarks/_staircase.py: a network of staircases is the spiking network, where it says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sc_neurocore.training import IFCell, SpikingSequential

ROOT = Path(__file__).parents[2]


@pytest.fixture
def staircase(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from _staircase import Staircase

    return Staircase


def hidden_net(*, outputs: float = 100.0) -> SpikingSequential:
    """Return 20-16-4 whose sums are exact in floats: all numbers are multiples of 2**-6."""
    generator = torch.Generator().manual_seed(0)
    net = SpikingSequential(
        nn.Linear(20, 16), IFCell(), nn.Linear(16, 4), IFCell(threshold=outputs)
    )
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randint(-40, 41, parameter.shape, generator=generator) / 64)
    return net


@pytest.mark.parametrize("steps", [1, 2, 3, 8])
def test_behind_one_hidden_layer_the_membranes_are_those_of_the_spikes(
    staircase: Any, steps: int
) -> None:
    net = hidden_net()
    x = torch.randint(0, 2, (200, 20), generator=torch.Generator().manual_seed(1)).float()
    currents = net.layers[0](x)
    # Below 0, above 1 and between: all parts of a staircase are there.
    assert (currents < 0).any() and (currents > 1).any()
    assert ((currents > 0) & (currents < 1)).any()
    spiking = net(x, steps=steps)
    assert (spiking.spike_counts == 0).all()
    found = staircase(net, steps)(x, steps=steps)
    torch.testing.assert_close(found.membrane, spiking.membrane, atol=1e-4, rtol=0)


def test_its_gradients_reach_every_parameter_of_the_network(staircase: Any) -> None:
    net = hidden_net()
    x = torch.rand(50, 20, generator=torch.Generator().manual_seed(2))
    staircase(net, 4)(x, steps=4).membrane.square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and (parameter.grad != 0).any(), name
