"""What every back end keeps: the spikes of eager bit for bit, and the gradients of autograd.

Each entry of `kernels.backends.BACK_ENDS` that is installed goes through all of it.
"""

from __future__ import annotations

import copy
import io
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sc_neurocore.equation import CATALOGUE, LIF, SURROGATES, Neuron, Surrogate, atan_surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.backends import BackEnd
from sc_neurocore.kernels.eager import unroll
from sc_neurocore.kernels.fused import FusedNeuron, Outputs, Run, can_pool

RESETS = (None, "subtract", "zero", "none", -0.25)
LEARN = ("nothing", "one value", "one per channel")


class Case(NamedTuple):
    """One combination of what a kernel is made from."""

    neuron: Neuron
    surrogate: Surrogate
    reset: Any
    detach_reset: bool
    learn: str


def covering_case(neuron: Neuron) -> Case:
    """One case per neuron, so chosen that every other choice occurs."""
    index = [*CATALOGUE].index(neuron.name)
    surrogates = list(SURROGATES.values())
    return Case(
        neuron,
        surrogates[index % len(surrogates)],
        RESETS[index % len(RESETS)],
        index % 2 == 0,
        LEARN[(index + 2) % len(LEARN)],
    )


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def parameters_of(case: Case, channels: int, dtype: torch.dtype) -> dict[str, Tensor]:
    values = {}
    for name, parameter in case.neuron.parameters.items():
        value = torch.tensor(parameter.default, dtype=dtype)
        if case.learn == "one per channel":
            value = value * torch.linspace(0.97, 1.03, channels, dtype=dtype)
        values[name] = value.requires_grad_(case.learn != "nothing")
    return values


def check(
    backend: BackEnd, case: Case, dtype: torch.dtype, tolerance: float, shape: tuple[int, ...]
) -> None:
    """Compare everything that a run returns, and every gradient."""
    neuron = case.neuron if case.reset is None else case.neuron.with_reset(case.reset)
    parameters = parameters_of(case, shape[-1], dtype)
    currents = (random(*shape, dtype=dtype) * 1.4 - 0.4).requires_grad_()
    state = {
        name: (random(*shape[1:], seed=9, dtype=dtype) * 0.5).requires_grad_()
        for name in neuron.states
    }
    names = tuple(neuron.states)
    learnable = () if case.learn == "nothing" else tuple(parameters)
    fused = FusedNeuron(neuron, case.surrogate, case.detach_reset, learnable).run(
        currents,
        state,
        parameters=parameters,
        outputs=Outputs(counts=True, trace=names, sums=names),
        backend=backend,
    )
    eager = Run.of(
        unroll(
            neuron,
            currents,
            state,
            parameters=parameters,
            surrogate=case.surrogate,
            detach_reset=case.detach_reset,
            record=names,
        )
    )
    assert eager.spikes.any()
    assert torch.equal(fused.spikes, eager.spikes)
    assert torch.equal(fused.counts, eager.counts)
    for name in names:
        assert torch.equal(fused.trace[name], eager.trace[name])
        assert torch.equal(fused.state[name], eager.state[name])
        torch.testing.assert_close(fused.sums[name], eager.sums[name])

    inputs = [currents, *state.values(), *(v for v in parameters.values() if v.requires_grad)]
    found, expected = (gradients(run, inputs) for run in (fused, eager))
    for ours, theirs in zip(found, expected, strict=True):
        scale = theirs.abs().max().item()
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * scale)


def gradients(run: Run, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    outputs = [
        run.spikes,
        run.counts,
        *run.trace.values(),
        *run.sums.values(),
        *run.state.values(),
    ]
    total: Any = sum(
        (output * random(*output.shape, seed=index, dtype=output.dtype)).sum()
        for index, output in enumerate(outputs)
    )
    found: tuple[Tensor, ...] = torch.autograd.grad(
        total, inputs, allow_unused=True, materialize_grads=True
    )
    return found


in_both_precisions = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=str
)


@in_both_precisions
def test_every_neuron_equals_eager(
    backend: BackEnd, neuron: Neuron, dtype: torch.dtype, tolerance: float
) -> None:
    check(backend, covering_case(neuron), dtype, tolerance, (8, 3, 5))


@pytest.mark.soak
@in_both_precisions
@pytest.mark.parametrize("learn", LEARN)
@pytest.mark.parametrize("detach_reset", [True, False], ids=["detached", "attached"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
def test_every_combination_equals_eager(
    backend: BackEnd,
    neuron: Neuron,
    surrogate: Surrogate,
    reset: Any,
    detach_reset: bool,
    learn: str,
    dtype: torch.dtype,
    tolerance: float,
) -> None:
    check(backend, Case(neuron, surrogate, reset, detach_reset, learn), dtype, tolerance, (8, 3, 5))


LIF_CASE = Case(LIF, atan_surrogate, None, True, "one per channel")


@pytest.mark.often
@given(
    shape=st.tuples(st.integers(1, 30), st.integers(1, 4), st.integers(1, 700), st.integers(1, 3))
)
@settings(deadline=None, max_examples=30)
def test_any_shape_equals_eager(backend: BackEnd, shape: tuple[int, ...]) -> None:
    check(backend, LIF_CASE, torch.float64, 1e-10, shape)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_channels_may_be_any_axis(backend: BackEnd, axis: int) -> None:
    shape = (5, 2, 3, 4)
    view = [1] * 3
    view[axis - 1] = shape[axis]
    beta = torch.linspace(0.5, 0.9, shape[axis], dtype=torch.float64).view(view).requires_grad_()
    parameters: dict[str, Any] = {"beta": beta, "threshold": 1.0}
    currents = random(*shape)
    fused = FusedNeuron(LIF, atan_surrogate, True, ("beta",)).run(
        currents, parameters=parameters, backend=backend
    )
    eager = Run.of(unroll(LIF, currents, parameters=parameters))
    assert torch.equal(fused.spikes, eager.spikes)
    weight = random(*shape, seed=1)
    ours, theirs = (
        torch.autograd.grad((run.spikes * weight).sum(), beta)[0] for run in (fused, eager)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_static_current_is_the_same_current_at_each_step(backend: BackEnd) -> None:
    static = random(3, 40).requires_grad_()
    neuron = FusedNeuron(LIF, atan_surrogate)
    parameters = {"beta": 0.9, "threshold": 1.0}
    outputs = Outputs(spikes=False, counts=True, sums=("v",))
    once = neuron.run(static, parameters=parameters, steps=7, outputs=outputs, backend=backend)
    again = neuron.run(
        static.expand(7, 3, 40), parameters=parameters, outputs=outputs, backend=backend
    )
    assert once.spikes.shape == (0, 3, 40)
    assert torch.equal(once.counts, again.counts)
    assert torch.equal(once.sums["v"], again.sums["v"])
    ours, theirs = (
        torch.autograd.grad((run.counts * random(3, 40, seed=1) + run.sums["v"]).sum(), static)[0]
        for run in (once, again)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.often
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5))
@settings(deadline=None, max_examples=20)
def test_lengths_equal_eager(backend: BackEnd, lengths: list[int]) -> None:
    currents = (random(6, len(lengths), 3) * 2).requires_grad_()
    options: dict[str, Any] = {
        "parameters": {"beta": 0.9, "threshold": 1.0},
        "lengths": torch.tensor(lengths),
    }
    outputs = Outputs(counts=True, trace=("v",), sums=("v",))
    fused = FusedNeuron(LIF, atan_surrogate).run(
        currents, outputs=outputs, **options, backend=backend
    )
    eager = Run.of(unroll(LIF, currents, record=("v",), **options))
    assert torch.equal(fused.spikes, eager.spikes)
    assert torch.equal(fused.trace["v"], eager.trace["v"])
    ours, theirs = (gradients(run, [currents])[0] for run in (fused, eager))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_an_empty_batch_runs(backend: BackEnd) -> None:
    currents = torch.zeros(4, 0, 3, requires_grad=True)
    run = FusedNeuron(LIF, atan_surrogate).run(
        currents, parameters={"beta": 0.9, "threshold": 1.0}, backend=backend
    )
    assert run.spikes.shape == (4, 0, 3)
    run.spikes.sum().backward()
    assert currents.grad is not None


@pytest.mark.often
def test_gradcheck_passes_between_spikes(backend: BackEnd) -> None:
    neuron = FusedNeuron(LIF, atan_surrogate, True, ("beta",))

    def membrane(currents: Tensor, start: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        run = neuron.run(
            currents,
            {"v": start},
            parameters={"beta": beta, "threshold": 100.0},
            outputs=Outputs(trace=("v",)),
            backend=backend,
        )
        return run.trace["v"], run.state["v"]

    inputs = (random(5, 2, 3), random(2, 3, seed=1), random(3, seed=2))
    assert torch.autograd.gradcheck(membrane, [value.requires_grad_() for value in inputs])


@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.often)]
)
def test_two_runs_and_any_number_of_threads_give_the_same_bits(
    backend: BackEnd, dtype: torch.dtype
) -> None:
    currents = random(10, 16, 900, dtype=dtype).requires_grad_()
    parameters = {
        "beta": torch.tensor(0.9, dtype=dtype, requires_grad=True),
        "threshold": (random(900, dtype=dtype) * 0.1 + 0.9).requires_grad_(),
    }
    neuron = FusedNeuron(LIF, atan_surrogate, True, tuple(parameters))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 2, 3):
            torch.set_num_threads(threads)
            run = neuron.run(currents, parameters=parameters, backend=backend)
            inputs = [currents, *parameters.values()]
            loss = (run.spikes * random(10, 16, 900, seed=1, dtype=dtype)).sum()
            results.append((run.spikes, *torch.autograd.grad(loss, inputs)))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            assert torch.equal(first, second)


def test_bfloat16_is_read_and_written_but_computed_in_float32(backend: BackEnd) -> None:
    short = random(9, 4, 300, dtype=torch.float32).bfloat16().requires_grad_()
    wide = short.detach().float().requires_grad_()
    beta = torch.tensor(0.9, requires_grad=True)
    neuron = FusedNeuron(LIF, atan_surrogate, True, ("beta",))
    weight = random(9, 4, 300, seed=1, dtype=torch.float32).bfloat16()
    found = []
    for currents in (short, wide):
        run = neuron.run(currents, parameters={"beta": beta, "threshold": 1.0}, backend=backend)
        assert run.spikes.dtype == currents.dtype
        assert run.state["v"].dtype == torch.float32
        loss = (run.spikes * weight.to(currents.dtype)).float().sum()
        gradient = torch.autograd.grad(loss, [currents, beta])
        found.append((run.spikes.float(), run.state["v"], *gradient))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert torch.equal(found[0][2], found[1][2].bfloat16())
    assert torch.equal(found[0][3], found[1][3])


def test_a_second_derivative_is_refused(backend: BackEnd) -> None:
    currents = random(3, 2, 2).requires_grad_()
    run = FusedNeuron(LIF, atan_surrogate).run(
        currents, parameters={"beta": 0.9, "threshold": 1.0}, backend=backend
    )
    (gradient,) = torch.autograd.grad(run.spikes.sum(), currents, create_graph=True)
    with pytest.raises(UserError, match="differentiable once"):
        gradient.sum().backward()


def test_a_copy_and_a_saved_neuron_run_the_same(backend: BackEnd) -> None:
    neuron = FusedNeuron(LIF, atan_surrogate(3.0), False, ("beta",))
    file = io.BytesIO()
    torch.save(neuron, file)
    file.seek(0)
    currents = random(5, 2, 3)
    options: Any = {"parameters": {"beta": 0.9, "threshold": 1.0}}
    expected = neuron.run(currents, **options, backend=backend).spikes
    for other in (copy.deepcopy(neuron), torch.load(file, weights_only=False)):
        assert torch.equal(other.run(currents, **options, backend=backend).spikes, expected)
        assert other.learnable == ("beta",)
        assert not other.detach_reset


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("static", [False, True])
def test_pooled_spikes_are_those_of_average_pooling(
    backend: BackEnd, memory: torch.memory_format, dtype: torch.dtype, static: bool
) -> None:
    images = (random(1 if static else 5, 2, 3, 6, 8) * 2).flatten(0, 1).to(dtype)
    images = images.contiguous(memory_format=memory).requires_grad_()
    currents = images if static else images.unflatten(0, (5, 2))
    steps = 5 if static else None
    frame = currents if static else currents[0]
    assert can_pool(frame)
    beta = torch.linspace(0.5, 0.9, 3).view(3, 1, 1).requires_grad_()
    state = {"v": random(2, 3, 6, 8, seed=4, dtype=torch.float32).requires_grad_()}
    found = []
    for pool in (True, False):
        run = FusedNeuron(LIF, atan_surrogate, True, ("beta",)).run(
            currents,
            state,
            parameters={"beta": beta, "threshold": 1.0},
            steps=steps,
            outputs=Outputs(pool=pool, counts=True, trace=("v",)),
            backend=backend,
        )
        spikes = run.spikes if pool else torch.nn.functional.avg_pool2d(run.spikes.flatten(0, 1), 2)
        spikes = spikes.reshape(5, 2, 3, 3, 4)
        weight = random(*spikes.shape, seed=1).to(dtype)
        loss = (spikes * weight).double().sum() + run.trace["v"].sum() + run.state["v"].sum()
        gradient = torch.autograd.grad(loss, [images, beta, state["v"]])
        found.append((spikes, run.counts, run.trace["v"], run.state["v"], *gradient))
    for pooled, plain in zip(*found, strict=True):
        assert pooled.shape == plain.shape
        torch.testing.assert_close(pooled, plain, rtol=1e-6, atol=1e-6)
    assert torch.equal(found[0][0], found[1][0])


def test_images_of_odd_size_are_not_pooled_on_the_way() -> None:
    assert not can_pool(torch.empty(2, 3, 5, 8))
    assert not can_pool(torch.empty(2, 3, 8, 5))
    assert not can_pool(torch.empty(2, 8))
    assert not can_pool(torch.empty(2, 3, 8, 8192))
