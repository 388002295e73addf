"""Spikes that come back inside a fused scan: what every back end keeps, against eager autograd.

Weights are multiples of 1/64, so that sums of them are exact in any order: then spikes and states
are those of eager bit for bit.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from sc_neurocore.equation import CATALOGUE, LIF, SURROGATES, Neuron
from sc_neurocore.kernels.backends import BackEnd
from sc_neurocore.kernels.fused import FusedNeuron
from sc_neurocore.training import RecurrentCell

RESETS = (None, "subtract", "zero", "none", -0.25)
LEARN = ("nothing", "one value", "one per channel")


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def layer(neuron: Neuron, n: int, learn: str = "nothing", **options: Any) -> RecurrentCell:
    """A recurrent layer that runs on eager."""
    names = () if learn == "nothing" else tuple(neuron.parameters)
    channels = n if learn == "one per channel" else None
    cell = RecurrentCell(
        neuron, n, bias=True, learn=names, channels=channels, backend="eager", **options
    )
    weight = torch.round((random(n, n, seed=5) - 0.4) * 64) / 64
    cell.set_weight(weight, torch.round((random(n, seed=6) - 0.5) * 16) / 64)
    return cell


def answer(
    cell: RecurrentCell, shape: tuple[int, ...], dtype: torch.dtype, **options: Any
) -> tuple[list[Tensor], list[Tensor]]:
    """Return all that a run gives, and every gradient, also towards where it starts."""
    currents = (random(*shape) * 1.4 - 0.4).to(dtype).requires_grad_()
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    frame = shape if "steps" in options else shape[1:]
    start = {
        name: (random(*frame, seed=9) * 0.5).round(decimals=0 if name == "s" else 3)
        for name in cell.state_names
    }
    state = {name: value.to(wide).requires_grad_() for name, value in start.items()}
    names = cell.state_names
    spikes, last, trace = cell.unroll(currents, state, record=names, **options)
    counts, membrane = cell.readout(currents, state, **options)
    given = [spikes, *last, *trace, counts, membrane]
    total: Any = sum(
        (each.double() * random(*each.shape, seed=index)).sum() for index, each in enumerate(given)
    )
    inputs = [currents, *state.values(), *cell.parameters()]
    found = torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    return [each.detach() for each in given], list(found)


def check(
    backend: BackEnd,
    cell: RecurrentCell,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    tolerance: float,
    **options: Any,
) -> None:
    """Compare a layer on eager and on a back end."""
    cell = cell.double() if dtype == torch.float64 else cell
    fused = copy.deepcopy(cell)
    fused.backend = backend.name
    given, expected = answer(cell, shape, dtype, **options)
    ours, found = answer(fused, shape, dtype, **options)
    assert 0 < given[0].double().mean() < 1
    *exact, membrane = ours
    assert all(map(torch.equal, exact, given[:-1]))
    torch.testing.assert_close(membrane, given[-1])
    for one, other in zip(found, expected, strict=True):
        scale = other.abs().max().item()
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * scale)


def check_covering_case(backend: BackEnd, neuron: Neuron) -> None:
    """Compare one case of a neuron, so chosen that every surrogate, reset and learning occurs."""
    index = [*CATALOGUE].index(neuron.name)
    cell = layer(
        neuron,
        6,
        LEARN[(index + 2) % len(LEARN)],
        surrogate=[*SURROGATES.values()][index % len(SURROGATES)],
        reset=RESETS[index % len(RESETS)],
        detach_reset=index % 2 == 0,
    )
    check(backend, cell, (8, 3, 6), torch.float64, 1e-10)


@pytest.mark.parametrize("name", ["ALIF", "AdEx"])
def test_other_neurons_equal_eager(backend: BackEnd, name: str) -> None:
    check_covering_case(backend, CATALOGUE[name])


@pytest.mark.soak
def test_every_neuron_equals_eager(backend: BackEnd, neuron: Neuron) -> None:
    check_covering_case(backend, neuron)


@pytest.mark.soak
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("detach_reset", [True, False], ids=["detached", "attached"])
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=str
)
def test_every_combination_equals_eager(
    backend: BackEnd,
    neuron: Neuron,
    surrogate: Any,
    reset: Any,
    detach_reset: bool,
    masked: bool,
    dtype: torch.dtype,
    tolerance: float,
) -> None:
    options = {"lengths": torch.tensor([8, 0, 5])} if masked else {}
    options_of_cell = {"surrogate": surrogate, "reset": reset, "detach_reset": detach_reset}
    cell = layer(neuron, 6, "one per channel", **options_of_cell)
    check(backend, cell, (8, 3, 6), dtype, tolerance, **options)


# The last one fills a tile of weights more than once; those before have rows and samples left over.
@pytest.mark.parametrize("shape", [(3, 1, 1), (12, 71, 7), (4, 5, 3, 9), (3, 2, 1031)], ids=str)
def test_any_shape_equals_eager(backend: BackEnd, shape: tuple[int, ...]) -> None:
    cell = layer(LIF, shape[-1], "one value")
    check(backend, cell, shape, torch.float64, 1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_shorter_types_equal_eager(backend: BackEnd, dtype: torch.dtype) -> None:
    tolerance = 1e-4 if dtype == torch.float32 else 2e-2
    check(backend, layer(LIF, 37, "one per channel"), (9, 5, 37), dtype, tolerance)


@pytest.mark.parametrize("static", [False, True])
def test_lengths_and_static_currents_equal_eager(backend: BackEnd, static: bool) -> None:
    lengths = torch.tensor([6, 0, 2, 4])
    cell = layer(LIF, 5, "one value")
    shape, options = ((4, 5), {"steps": 6}) if static else ((6, 4, 5), {})
    check(backend, cell, shape, torch.float64, 1e-10, **options)
    check(backend, cell, shape, torch.float64, 1e-10, lengths=lengths, **options)


def test_weights_of_any_value_equal_eager_within_rounding(backend: BackEnd) -> None:
    cell = layer(LIF, 33, "one value").double()
    cell.set_weight(torch.randn(33, 33, generator=torch.Generator().manual_seed(1)).double() / 4)
    fused = copy.deepcopy(cell)
    fused.backend = backend.name
    both = [answer(each, (9, 5, 33), torch.float64) for each in (fused, cell)]
    for ours, expected in zip(*both, strict=True):  # what is given, then the gradients
        for one, other in zip(ours, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_a_copy_and_another_surrogate_are_recurrent_too() -> None:
    fused = FusedNeuron(LIF, SURROGATES["atan_surrogate"], True, ("beta",), recurrent=True)
    assert not FusedNeuron(LIF, fused.surrogate).recurrent
    for other in (
        copy.deepcopy(fused),
        pickle.loads(pickle.dumps(fused)),
        fused.with_surrogate(SURROGATES["fast_sigmoid"]),
        fused.with_surrogate(SURROGATES["atan_surrogate"](7.0)),
    ):
        assert other.recurrent and other.learnable == ("beta",)


@pytest.mark.often
def test_any_number_of_threads_gives_the_same_bits(backend: BackEnd) -> None:
    # An interpreted one has its products from PyTorch, whose sums on a processor depend on them.
    numbers = (2, 2) if backend.is_interpreted() else (1, 2, 2, 3)
    cell = layer(LIF, 40, "one per channel")
    cell.backend = backend.name
    before = torch.get_num_threads()
    results = []
    try:
        for threads in numbers:
            torch.set_num_threads(threads)
            given, found = answer(cell, (10, 210, 40), torch.float32)
            results.append([*given, *found])
    finally:
        torch.set_num_threads(before)
    assert all(all(map(torch.equal, results[0], other)) for other in results[1:])
