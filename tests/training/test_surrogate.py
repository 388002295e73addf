"""The gradient that a spike passes on in PyTorch is the surrogate's closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sc_neurocore.equation import ArrayAlgebra, evaluate, parse_neuron
from sc_neurocore.kernels.eager import unroll
from sc_neurocore.training import surrogate

NAMES = [
    "atan_surrogate",
    "fast_sigmoid",
    "superspike",
    "sigmoid_surrogate",
    "straight_through",
    "triangular",
    "gaussian",
    "piecewise_quadratic",
]
ONE_STEP = "neuron N\nstate v = 0\nupdate v = I\nspike v {} 0"


def test_all_eight_are_here() -> None:
    assert list(surrogate.SURROGATES) == NAMES
    for name in NAMES:
        assert getattr(surrogate, name) is surrogate.SURROGATES[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("condition", [">=", ">", "<=", "<"])
def test_autograd_of_a_spike_is_the_pulse(name: str, condition: str) -> None:
    """tests/equation/test_surrogate.py holds the same expressions against the published forms."""
    chosen = getattr(surrogate, name)(1.7)
    x = torch.linspace(-3, 3, 400, dtype=torch.float64, requires_grad=True)
    neuron = parse_neuron(ONE_STEP.format(condition))
    spikes = unroll(neuron, x, steps=1, parameters={}, surrogate=chosen).spikes
    assert spikes.sum() == 200
    spikes.sum().backward()
    environment = {"x": x.detach().numpy(), "alpha": 1.7}
    pulse = evaluate(chosen.derivative, environment, ArrayAlgebra())
    sign = 1 if condition.startswith(">") else -1
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), sign * pulse, rtol=1e-12, atol=1e-13)
