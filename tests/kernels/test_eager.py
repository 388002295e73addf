"""The eager kernel against closed forms, finite differences, a loop by hand and snnTorch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import snntorch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sc_neurocore.equation import (
    LIF,
    SURROGATES,
    ArrayAlgebra,
    Neuron,
    Surrogate,
    atan_surrogate,
    evaluate,
    parse_expression,
    parse_neuron,
)
from sc_neurocore.kernels.eager import TorchAlgebra, Unrolled, surrogate_gradient, unroll

BETA, THRESHOLD = 0.9, 1.0
PARAMETERS = {"beta": BETA, "threshold": THRESHOLD}


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def lif(currents: Tensor, neuron: Neuron = LIF, **options: Any) -> Unrolled:
    parameters: Mapping[str, Any] = options.pop("parameters", PARAMETERS)
    return unroll(neuron, currents, parameters=parameters, **options)


def test_a_current_below_rheobase_charges_the_membrane_geometrically() -> None:
    current = 0.0999  # the membrane tends to current / (1 - beta), just below the threshold
    result = lif(torch.tensor([[current]], dtype=torch.float64), steps=200, record=("v",))
    expected = [current * (1 - BETA**t) / (1 - BETA) for t in range(1, 201)]
    assert result.spikes.sum() == 0
    np.testing.assert_allclose(result.trace["v"].flatten(), expected, rtol=1e-12)


@pytest.mark.parametrize("current", [0.11, 0.2, 0.37, 0.8])
def test_spike_times_of_a_constant_current_follow_from_the_closed_form(current: float) -> None:
    steps = 120
    expected, start, began = [], 0.0, 0
    for t in range(1, steps + 1):
        decay = BETA ** (t - began)
        v = decay * start + current * (1 - decay) / (1 - BETA)
        if v >= THRESHOLD:
            expected.append(t)
            start, began = v - THRESHOLD, t
    result = lif(torch.tensor([[current]], dtype=torch.float64), steps=steps)
    assert (result.spikes.flatten().nonzero().flatten() + 1).tolist() == expected
    assert result.spikes.unique().tolist() == [0, 1]
    # From rest the first spike comes when 1 - beta^t reaches threshold (1 - beta) / current.
    assert expected[0] == math.ceil(math.log1p(-THRESHOLD * (1 - BETA) / current) / math.log(BETA))


def test_a_membrane_exactly_at_threshold_fires() -> None:
    assert lif(torch.ones(1, 1)).spikes.item() == 1
    just_below = torch.nextafter(torch.ones(1, 1), torch.zeros(()))
    assert lif(just_below).spikes.item() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_snntorch_leaky_step_for_step_in_values_and_gradients(dtype: torch.dtype) -> None:
    # snnTorch keeps the firing of the step before apart, so the currents stay where one
    # subtraction takes the membrane below threshold.
    currents = random(40, 6, 5, dtype=dtype).requires_grad_()
    weight = random(40, 6, 5, seed=1, dtype=dtype)
    oracle = snntorch.Leaky(
        beta=BETA,
        threshold=THRESHOLD,
        spike_grad=snntorch.surrogate.atan(alpha=2.0),
        reset_delay=False,
    )
    membrane = torch.zeros(6, 5, dtype=dtype)
    spikes, membranes = [], []
    for current in currents:
        spike, membrane = oracle(current, membrane)
        spikes.append(spike)
        membranes.append(membrane)
    ours = lif(currents, record=("v",), detach_reset=False)
    assert ours.spikes.sum() > 100
    assert torch.equal(ours.spikes, torch.stack(spikes))
    torch.testing.assert_close(ours.trace["v"], torch.stack(membranes), rtol=1e-6, atol=1e-6)

    (expected,) = torch.autograd.grad((torch.stack(spikes) * weight).sum(), currents)
    (gradient,) = torch.autograd.grad((ours.spikes * weight).sum(), currents)
    # snnTorch rounds beta to float32.
    torch.testing.assert_close(gradient, expected, rtol=1e-4, atol=1e-5)


def test_snntorch_default_is_another_equation_and_equals_it_too() -> None:
    delayed = parse_neuron("""
        neuron DelayedReset
        state v = 0
        state fired = 0
        parameter beta = 0.9 in (0, 1)
        parameter threshold = 1 in (0, inf)
        update v = beta*v + I - fired*threshold
        spike v > threshold
        after fired = s
    """)
    currents = random(60, 4, 3, dtype=torch.float32) * 2
    oracle, membrane = snntorch.Leaky(beta=BETA), torch.zeros(4, 3)
    spikes = []
    for current in currents:
        spike, membrane = oracle(current, membrane)
        spikes.append(spike)
    assert torch.equal(lif(currents, delayed).spikes, torch.stack(spikes))


@pytest.mark.parametrize("alpha", [0.5, 2.0, 5.0])
def test_the_gradient_of_a_spike_is_the_published_closed_form(alpha: float) -> None:
    excess = torch.linspace(-4, 4, 1601, dtype=torch.float64)
    closed = alpha / 2 / (1 + (np.pi / 2 * alpha * excess.numpy()) ** 2)
    surrogate = atan_surrogate(alpha)
    np.testing.assert_allclose(surrogate_gradient(surrogate, excess), closed, atol=1e-12)

    left = excess.clone().requires_grad_()
    spike = TorchAlgebra(surrogate).fire(">=", left, torch.zeros((), dtype=torch.float64))
    spike.sum().backward()
    assert torch.equal(spike, (excess >= 0).double())
    np.testing.assert_allclose(left.grad, closed, atol=1e-12)


def test_a_condition_that_falls_below_has_the_mirrored_gradient() -> None:
    below = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    above = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    algebra = TorchAlgebra()
    assert algebra.fire("<", below, 0.3).item() == 0
    assert algebra.fire("<=", below, 0.3).item() == 1
    algebra.fire("<=", below, 0.5).backward()
    algebra.fire(">=", above, 0.1).backward()
    torch.testing.assert_close(below.grad, -above.grad)


def by_hand(currents: Tensor, beta: Tensor, threshold: Tensor, detach: bool) -> Tensor:
    """LIF written out with torch operations and the arctangent as the smooth stand-in."""
    v = torch.zeros_like(currents[0])
    spikes = []
    for current in currents:
        v = beta * v + current
        smooth = torch.atan(torch.pi / 2 * 2.0 * (v - threshold)) / torch.pi
        spike = (v >= threshold).to(v) + smooth - smooth.detach()
        v = v - (spike.detach() if detach else spike) * threshold
        spikes.append(spike)
    return torch.stack(spikes)


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_equal_a_loop_by_hand(detach: bool) -> None:
    shape = (12, 3, 4)
    inputs = [
        random(*shape).requires_grad_(),
        torch.tensor(0.85, dtype=torch.float64, requires_grad=True),
        (random(4, seed=3) * 0.5 + 0.5).requires_grad_(),  # one threshold per channel
    ]
    weight = random(*shape, seed=2)
    currents, beta, threshold = inputs
    ours = lif(currents, parameters={"beta": beta, "threshold": threshold}, detach_reset=detach)
    hand = by_hand(currents, beta, threshold, detach)
    torch.testing.assert_close(ours.spikes, hand, rtol=0, atol=1e-12)
    found, expected = (
        torch.autograd.grad((spikes * weight).sum(), inputs, create_graph=True)
        for spikes in (ours.spikes, hand)
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    for _ in range(2):  # second and third derivatives
        totals: Any = [sum(g.square().sum() for g in each) for each in (found, expected)]
        found, expected = (
            torch.autograd.grad(total, inputs, create_graph=True) for total in totals
        )
        assert all(gradient.any() for gradient in expected)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_every_surrogate_can_be_differentiated_again(surrogate: Surrogate) -> None:
    excess = (random(40) * 4 - 2).requires_grad_()

    def fire(excess: Tensor) -> Tensor:
        return TorchAlgebra(surrogate).fire(">=", excess, 0.0)

    assert torch.autograd.gradgradcheck(fire, excess)


def test_the_membrane_between_spikes_passes_finite_differences() -> None:
    def membrane(currents: Tensor, beta: Tensor, start: Tensor) -> Tensor:
        parameters = {"beta": beta, "threshold": torch.tensor(100.0, dtype=torch.float64)}
        result = lif(currents, state={"v": start}, parameters=parameters, record=("v",))
        return result.trace["v"]

    inputs = (random(5, 2, 3), torch.tensor(0.8, dtype=torch.float64), random(2, 3, seed=1))
    assert torch.autograd.gradcheck(membrane, [value.requires_grad_() for value in inputs])


@pytest.mark.parametrize("reset", ["subtract", "zero", "none", -0.25])
def test_detaching_the_reset_changes_gradients_but_no_bit_of_the_values(reset: Any) -> None:
    neuron = LIF.with_reset(reset)
    # Currents of both signs and exact cancellations, so that negative zeros occur.
    currents = (random(30, 4, 4, dtype=torch.float32) * 4).round() - 1
    runs = {}
    for detach in (True, False):
        source = currents.clone().requires_grad_()
        result = lif(source, neuron, detach_reset=detach, record=("v",))
        result.spikes.sum().backward()
        runs[detach] = result, source.grad
    attached, detached = runs[False], runs[True]
    assert detached[0].spikes.any()
    for name in ("spikes", "v"):
        values = [
            (result.spikes if name == "spikes" else result.trace[name]).detach().view(torch.int32)
            for result, _ in (attached, detached)
        ]
        assert torch.equal(*values)
    assert torch.equal(attached[1], detached[1]) == (reset == "none")


@pytest.mark.parametrize(
    "text",
    [
        "a*b + a/b - (-b)",
        "min(a, b) + 2*max(a, 0.1)",
        "exp(-abs(a)) * tanh(b)",
        "sigmoid(a - b)",
        "select(a >= b, a*a, exp(b))",
        "select(a < 0.2, 0.1, 0.7) * b",
        "exprel(a) + exprel(0.0001*a) + log(b) + sqrt(b)",
        "sin(3*a)*cos(b) + cosh(a)",
        "b**0.3 + power(b, a) + 2**a",
        "min(0.3, exp(-1/0.7)) * a + max(1, 2) + select(1 > 2, 3, 4) + b",
    ],
)
def test_the_language_means_the_same_on_tensors_and_on_arrays(text: str) -> None:
    expression = parse_expression(text)
    a, b = random(50) * 4 - 2, random(50, seed=1) + 0.5

    def on_tensors(a: Tensor, b: Tensor) -> Tensor:
        algebra = TorchAlgebra(dtype=torch.float64)
        result: Tensor = evaluate(expression, {"a": a, "b": b}, algebra)
        return result

    arrays: Any = {"a": a.numpy(), "b": b.numpy()}
    result = on_tensors(a, b)
    assert result.dtype == torch.float64
    np.testing.assert_allclose(result, evaluate(expression, arrays, ArrayAlgebra()), rtol=1e-14)
    assert torch.autograd.gradcheck(on_tensors, (a.requires_grad_(), b.requires_grad_()))


def test_a_state_that_ignores_the_current_still_has_its_shape() -> None:
    clock = parse_neuron("""
        neuron Clock
        state v = 0
        update v = 0.25
        spike v >= 0.2
        reset v = 0
    """)
    result = lif(torch.zeros(3, 2, 5), clock, parameters={}, record=("v",))
    assert torch.equal(result.spikes, torch.ones(3, 2, 5))
    assert result.state["v"].shape == (2, 5)


@given(
    steps=st.integers(1, 8),
    cut=st.integers(0, 8),
    batch=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=40)
def test_two_halves_are_the_whole_and_static_is_repeated(
    steps: int, cut: int, batch: int, seed: int
) -> None:
    currents = random(steps, batch, 3, seed=seed) * 2 - 0.3
    whole = lif(currents)
    cut = min(cut, steps)
    state, parts = None, []
    for part in (currents[:cut], currents[cut:]):
        if len(part):
            result = lif(part, state=state)
            state = result.state
            parts.append(result.spikes)
    assert torch.equal(torch.cat(parts), whole.spikes)
    assert state is not None
    assert torch.equal(state["v"], whole.state["v"])

    static = lif(currents[0], steps=steps)
    repeated = lif(currents[0].expand(steps, batch, 3))
    assert torch.equal(static.spikes, repeated.spikes)
    assert torch.equal(static.state["v"], repeated.state["v"])


@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=40)
def test_padding_changes_nothing(lengths: list[int], seed: int) -> None:
    currents = random(6, len(lengths), 4, seed=seed) * 2
    for index, length in enumerate(lengths):
        currents[length:, index] = 1e6  # what stands in the padding must not matter
    currents.requires_grad_()
    padded = lif(currents, lengths=torch.tensor(lengths), record=("v",))
    (padded.spikes.sum() + padded.state["v"].sum()).backward()
    assert currents.grad is not None
    for index, length in enumerate(lengths):
        assert not padded.spikes[length:, index].any()
        assert not currents.grad[length:, index].any()
        if length:
            alone = lif(currents.detach()[:length, index : index + 1])
            assert torch.equal(padded.spikes[:length, index], alone.spikes[:, 0])
            assert torch.equal(padded.state["v"][index], alone.state["v"][0])
        else:
            assert not padded.state["v"][index].any()
        held = padded.trace["v"][length:, index]
        assert torch.equal(held, padded.state["v"][index].expand_as(held))
