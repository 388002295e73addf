from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from sc_neurocore.equation import LIF, atan_surrogate, latex_neuron
from sc_neurocore.errors import EquationError, ScNeurocoreError, UserError
from sc_neurocore.training import Cell, LIFCell


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_step_is_pure_and_starts_from_rest() -> None:
    cell = LIFCell(beta=0.5)
    current = torch.tensor([[0.75, 2.0]])
    spike, state = cell(current)
    assert spike.tolist() == [[0, 1]]
    assert state.v.tolist() == [[0.75, 1.0]]
    for _ in range(2):  # the same arguments give the same results
        spike, later = cell(current, state)
        assert spike.tolist() == [[1, 1]]
        assert later.v.tolist() == [[0.125, 1.5]]
    assert not any("v" in name for name in cell.state_dict())  # states belong to the caller


def test_a_state_is_a_tuple_and_a_tree_and_may_be_a_mapping() -> None:
    cell = LIFCell()
    currents = random(4, 2, 3)
    spikes, state = cell.unroll(currents)
    (v,) = state
    assert v is state.v
    detached = pytree.tree_map(torch.detach, state)
    assert type(detached) is type(state)
    by_tuple, _ = cell.unroll(currents, state)
    by_mapping, _ = cell.unroll(currents, {"v": state.v})
    assert torch.equal(by_tuple, by_mapping)
    assert not torch.equal(by_tuple, spikes)


def test_unroll_is_the_steps_in_a_row() -> None:
    cell = LIFCell(learn_beta=True, learn_threshold=True, channels=3)
    currents = random(9, 2, 3)
    spikes, last, trace = cell.unroll(currents, record=("v",))
    state = None
    for t, current in enumerate(currents):
        spike, state = cell(current, state)
        assert torch.equal(spikes[t], spike)
        assert torch.equal(trace.v[t], state.v)
    assert torch.equal(last.v, trace.v[-1])


def test_a_static_current_is_the_same_current_at_each_step() -> None:
    cell = LIFCell()
    current = random(2, 3)
    static, state = cell.unroll(current, steps=7)
    repeated, expected = cell.unroll(current.expand(7, 2, 3))
    assert torch.equal(static, repeated)
    assert torch.equal(state.v, expected.v)


def test_learnable_parameters_start_where_they_are_set_and_stay_inside() -> None:
    cell = LIFCell(beta=0.95, threshold=0.5, learn_beta=True, learn_threshold=True)
    values = cell.parameter_values()
    assert values == {"beta": pytest.approx(0.95), "threshold": pytest.approx(0.5)}
    assert set(cell.state_dict()) == {"free.beta", "free.threshold", "_extra_state"}
    optimiser = torch.optim.SGD(cell.parameters(), lr=1e4)
    for sign in (1, 1, -1, -1, -1):
        spikes, _, trace = cell.unroll(random(10, 4, 3), record=("v",))
        optimiser.zero_grad()
        (sign * (spikes.sum() + trace.v.sum())).backward()
        optimiser.step()
        for name, value in cell.parameter_values().items():
            LIF.parameters[name].check(name, float(value))


def test_learning_beta_moves_it_towards_the_teacher() -> None:
    currents = random(30, 8, 4) * 0.1
    target = LIFCell(beta=0.8).unroll(currents, record=("v",))[2].v
    cell = LIFCell(beta=0.5, learn_beta=True)
    optimiser = torch.optim.Adam(cell.parameters(), lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        loss = (cell.unroll(currents, record=("v",))[2].v - target).square().mean()
        loss.backward()
        optimiser.step()
    assert cell.parameter_values()["beta"] == pytest.approx(0.8, abs=0.01)


def test_parameters_may_differ_by_channel() -> None:
    betas = np.array([0.5, 0.7, 0.9])
    currents = random(12, 2, 3)
    together = LIFCell(beta=betas)
    spikes, state = together.unroll(currents)
    for index, beta in enumerate(betas):
        alone, expected = LIFCell(beta=beta).unroll(currents[..., index])
        assert torch.equal(spikes[..., index], alone)
        assert torch.equal(state.v[..., index], expected.v)
    np.testing.assert_allclose(together.parameter_values()["beta"], betas, rtol=1e-7)
    assert set(together.state_dict()) == {"fixed.beta", "fixed.threshold", "_extra_state"}

    learnt = LIFCell(beta=0.9, learn=("beta",), channels=3)
    assert learnt.free["beta"].shape == (3,)
    assert np.shape(learnt.parameter_values()["beta"]) == (3,)
    learnt.unroll(currents)[0].sum().backward()
    assert learnt.free["beta"].grad.count_nonzero() == 3

    image = LIFCell(beta=betas, channel_axis=-3)
    rows = currents.permute(0, 2, 1).reshape(12, 1, 3, 2, 1)
    spread, _ = image.unroll(rows)
    assert torch.equal(spread[:, 0, :, :, 0], spikes.permute(0, 2, 1))


@pytest.mark.parametrize(
    ("reset", "after"), [("subtract", 0.5), ("zero", 0.0), ("none", 1.5), (0.25, 0.25), (None, 0.5)]
)
def test_reset_kinds(reset: Any, after: float) -> None:
    _, state = LIFCell(reset=reset)(torch.tensor([1.5]))
    assert state.v.item() == after


def test_cells_move_copy_and_load() -> None:
    cell = LIFCell(beta=[0.5, 0.6], learn_threshold=True, channels=2)
    other = copy.deepcopy(LIFCell(beta=[0.7, 0.8], threshold=3, learn_threshold=True, channels=2))
    other.load_state_dict(cell.state_dict())
    currents = random(5, 3, 2)
    assert torch.equal(cell.unroll(currents)[0], other.unroll(currents)[0])
    spikes, state = cell.double().unroll(currents.double())
    assert spikes.dtype == state.v.dtype == torch.float64


def test_a_fixed_number_stays_exact() -> None:
    assert LIFCell(beta=0.9).parameter_values() == {"beta": 0.9, "threshold": 1.0}


def test_the_class_documents_its_equation_and_its_options() -> None:
    assert LIFCell.__doc__ is not None
    assert latex_neuron(LIF) in LIFCell.__doc__
    assert "2019" in LIFCell.__doc__
    options = inspect.signature(LIFCell).parameters
    assert options["beta"].default == 0.9
    assert options["learn_threshold"].default is False
    assert options["surrogate"].default is atan_surrogate
    assert "learn=('beta',)" in repr(LIFCell(learn_beta=True))
    assert isinstance(LIFCell(), Cell)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: LIFCell(bata=0.5), UserError, "no parameter 'bata'; it has beta, threshold"),
        (lambda: LIFCell(learn=("tau",)), UserError, "no parameter 'tau'"),
        (lambda: LIFCell(beta=1.0), EquationError, r"beta = 1.0: .* in \(0, 1\)"),
        (lambda: LIFCell(beta=[0.5, 2.0]), EquationError, "beta = 2.0"),
        (lambda: LIFCell(threshold=float("nan")), EquationError, "threshold = nan"),
        (lambda: LIFCell(beta="high"), UserError, "beta = 'high': expected a number"),
        (lambda: LIFCell(beta=[0.5, 0.6], channels=3), UserError, r"shape \(2,\): .*\(3\)"),
        (
            lambda: LIFCell(backend="cuda"),
            UserError,
            "'cuda': expected 'auto', 'eager', 'numba' or",
        ),
    ],
)
def test_a_cell_that_cannot_be_is_refused(
    make: Callable[[], Cell], error: type[ScNeurocoreError], message: str
) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"currents": torch.ones(3)}, r"expected \(T, batch, \.\.\.\)"),
        ({"currents": torch.ones(0, 3)}, "T >= 1"),
        ({"currents": torch.ones(2, 3, dtype=torch.int64)}, "expected a float type"),
        ({"currents": torch.ones(2, 3), "steps": 0}, "steps = 0"),
        ({"currents": torch.ones(2, 3), "record": ("u",)}, "no such state; it has v"),
        ({"currents": torch.ones(2, 3), "lengths": torch.ones(2)}, r"of 3 whole .* found shape"),
        ({"currents": torch.ones(2, 3), "state": {"v": torch.ones(2)}}, r"found shape \(2,\)"),
        ({"currents": torch.ones(2, 3), "state": {}}, "found none"),
        ({"currents": torch.ones(2, 3, 4)}, r"2 channels along axis -1, .*\(3, 4\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments: dict[str, Any], message: str) -> None:
    cell = LIFCell(beta=[0.5, 0.6]) if arguments["currents"].ndim == 3 else LIFCell()
    with pytest.raises(UserError, match=message):
        cell.unroll(**arguments)
