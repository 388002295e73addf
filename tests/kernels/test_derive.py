"""The derived scan, interpreted in NumPy without any code generator, against eager autograd."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sc_neurocore.equation import (
    LIF,
    SURROGATES,
    ArrayAlgebra,
    Neuron,
    Surrogate,
    atan_surrogate,
    evaluate,
    parse_neuron,
)
from sc_neurocore.equation.neuron import SPIKE
from sc_neurocore.kernels.derive import LENGTH, SHARPNESS, STEP, Pass, derive, gradient_name
from sc_neurocore.kernels.eager import TorchAlgebra, unroll

STEPS, SHAPE = 6, (3, 4)
RESETS = (None, "subtract", "zero", "none", -0.25)

Arrays = dict[str, NDArray[Any]]


def interpret(of: Pass, environment: Arrays) -> Arrays:
    known = dict(environment)
    for line in of.lines:
        known[line.target] = evaluate(line.value, known, ArrayAlgebra())
    return {name: evaluate(value, known, ArrayAlgebra()) for name, value in of.results.items()}


def scan_and_adjoint(
    neuron: Neuron,
    surrogate: Surrogate,
    currents: NDArray[Any],
    parameters: Mapping[str, Tensor],
    weights: Arrays,
    lengths: NDArray[Any] | None = None,
    **options: Any,
) -> tuple[NDArray[Any], list[Any]]:
    """Return the spikes, and the gradients of the weighted spikes and states over time."""
    masked = lengths is not None
    scan = derive(neuron, surrogate, learnable=tuple(neuron.parameters), masked=masked, **options)
    algebra = TorchAlgebra(dtype=torch.float64)
    constants: dict[str, Any] = {**parameters, SHARPNESS: surrogate.alpha}
    for line in scan.prelude:
        constants[line.target] = algebra.as_tensor(evaluate(line.value, constants, algebra))
    fixed: Arrays = {
        name: algebra.as_tensor(constants[name]).detach().numpy() for name in scan.constants
    }
    if lengths is not None:
        fixed[LENGTH] = lengths

    state = {name: np.full(SHAPE, value) for name, value in neuron.states.items()}
    history: list[Arrays] = []
    spikes = []
    for t, current in enumerate(currents):
        history.append({**fixed, **state, neuron.input: current, STEP: np.float64(t)})
        state = interpret(scan.forward, history[-1])
        spikes.append(state.pop(SPIKE))
    gradients = {gradient_name(name): np.zeros(SHAPE) for name in neuron.states}
    towards_currents = np.zeros_like(currents)
    totals = {name: np.zeros(SHAPE) for name in scan.wanted}
    for t in range(STEPS - 1, -1, -1):
        for name in neuron.states:
            gradients[gradient_name(name)] = gradients[gradient_name(name)] + weights[name][t]
        gradients[gradient_name(SPIKE)] = weights[SPIKE][t]
        results = interpret(scan.backward, {**history[t], **gradients})
        towards_currents[t] = results[gradient_name(neuron.input)]
        for name in scan.wanted:
            totals[name] += results[gradient_name(name)]
        gradients = {gradient_name(name): results[gradient_name(name)] for name in neuron.states}
    # What the prelude is made of gets its gradient from PyTorch.
    learnt = [constants[name] for name in scan.wanted]
    total: Any = sum(
        (value * torch.from_numpy(totals[name])).sum()
        for name, value in zip(scan.wanted, learnt, strict=True)
    )
    towards_parameters = torch.autograd.grad(
        total, list(parameters.values()), allow_unused=True, materialize_grads=True
    )
    return np.stack(spikes), [towards_currents, *(g.numpy() for g in towards_parameters)]


def compare(
    neuron: Neuron, surrogate: Surrogate, lengths: Any = None, scale: float = 1.0, **options: Any
) -> None:
    random = np.random.default_rng(0)
    currents = scale * random.uniform(-0.4, 1.0, (STEPS, *SHAPE))
    weights = {name: random.normal(size=currents.shape) for name in (*neuron.states, SPIKE)}
    parameters = {
        name: torch.full((SHAPE[1],), parameter.default, dtype=torch.float64)
        .mul_(torch.linspace(0.97, 1.03, SHAPE[1], dtype=torch.float64))
        .requires_grad_()
        for name, parameter in neuron.parameters.items()
    }
    column = None if lengths is None else np.array(lengths, dtype=np.float64)[:, None]
    spikes, found = scan_and_adjoint(
        neuron, surrogate, currents, parameters, weights, column, **options
    )
    source = torch.tensor(currents, requires_grad=True)
    result = unroll(
        neuron,
        source,
        parameters=parameters,
        surrogate=surrogate,
        record=tuple(neuron.states),
        lengths=None if lengths is None else torch.tensor(lengths),
        **options,
    )
    np.testing.assert_array_equal(spikes, result.spikes.detach().numpy())
    total: Any = (result.spikes * torch.from_numpy(weights[SPIKE])).sum()
    for name, values in result.trace.items():
        total = total + (values * torch.from_numpy(weights[name])).sum()
    expected = torch.autograd.grad(
        total, [source, *parameters.values()], allow_unused=True, materialize_grads=True
    )
    for ours, theirs in zip(found, expected, strict=True):
        largest = theirs.abs().max().item()
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-10 * largest)


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_every_neuron_surrogate_and_reset_equals_eager_autograd(
    neuron: Neuron, surrogate: Surrogate
) -> None:
    for reset, detach_reset in product(RESETS, (True, False)):
        changed = neuron if reset is None else neuron.with_reset(reset)
        compare(changed, surrogate, detach_reset=detach_reset)


def test_padded_steps_change_nothing(neuron: Neuron) -> None:
    compare(neuron, atan_surrogate, lengths=[0, 3, 6])


ODD = """
    neuron Odd
    state start = 0.25
    state u = -0.5
    parameter k = 0.7 in (0, 1)
    parameter step = 0.3 in (0, 2)
    update local rate = exp(-step/2)
    update local both = 2*rate + 0.1*3
    update local slow = select(start < u, abs(u), tanh(both*start)*sigmoid(u))
    update start = k*start + min(slow, 0.4) - max(u, -I)/(1 + u*u) + I
    update u = rate*u + 0.2*start
    spike 0.3 + 0.1*u < start
    reset start = -0.1
    reset u = u + 0.5*start
    after u = u - 0.05*s*k
"""


@pytest.mark.parametrize("detach_reset", [True, False])
def test_a_neuron_with_all_of_the_language_equals_eager_autograd(detach_reset: bool) -> None:
    compare(parse_neuron(ODD), atan_surrogate(3.0), detach_reset=detach_reset)


FUNCTIONS = """
    neuron Functions
    state v = 0.2
    state w = 0.5
    parameter k = 0.7 in (0, 1)
    function gate(x) = 1/(1 + exp(-4*x)) in [-1, 2]
    local smooth = exprel(v)*log(2 + v*v) + sqrt(1 + w*w)
    update v = k*v + 0.1*smooth + 0.2*sin(w)*cos(v) + I
    update w = 0.9*w + 0.05*cosh(gate(v)) + 0.1*(1 + w*w)**k - 0.3
    spike v >= 1
    reset v = v - 1
    refractory 2 holds w
"""


def test_every_function_equals_eager_autograd() -> None:
    compare(parse_neuron(FUNCTIONS), atan_surrogate(3.0))


def test_the_scan_of_lif_is_what_one_would_write() -> None:
    scan = derive(LIF, atan_surrogate, learnable=("beta",))
    lines = [f"{line.target} = {line.value}" for line in scan.forward.lines]
    assert lines == [
        "v'1 = beta*v + I",
        "excess'1 = v'1 - threshold",
        "s'1 = select(excess'1 >= 0, 1, 0)",
        "v'2 = excess'1",
        "reset'1 = select(s'1 > 0, v'2, v'1)",
    ]
    assert scan.wanted == ("beta",)
    results = {name: str(value) for name, value in scan.backward.results.items()}
    assert results["gradient v"] == "gradient v'1*beta"
    assert results["gradient beta"] == "gradient v'1*v"


def test_what_does_not_change_with_time_leaves_the_loop() -> None:
    scan = derive(parse_neuron(ODD), atan_surrogate)
    prelude = {line.target: str(line.value) for line in scan.prelude}
    assert prelude["rate'1"] == "exp(-step/2)"
    assert prelude["both'1"] == "2*rate'1 + 0.30000000000000004"
    text = " ".join(str(line) for line in (*scan.forward.lines, *scan.backward.lines))
    assert "exp" not in text
    assert "alpha" not in text
    assert scan.wanted == ()
