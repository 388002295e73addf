"""The cells of the catalogue: made from the equations, and all of them train."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import sc_neurocore
from sc_neurocore import training
from sc_neurocore.equation import CATALOGUE, Neuron, Parameter, latex_neuron
from sc_neurocore.equation.expression import symbols
from sc_neurocore.errors import UserError
from sc_neurocore.training import Cell, SpikingNet, catalogue

CELLS = {
    "LIFCell": ("v",),
    "IFCell": ("v",),
    "SynapticCell": ("i", "v"),
    "ALIFCell": ("v", "a"),
    "ExpIFCell": ("v",),
    "AdExCell": ("v", "w"),
    "LapicqueCell": ("v",),
    "AlphaCell": ("i_exc", "i_inh", "v"),
    "SecondOrderLIFCell": ("a", "v"),
}


@pytest.mark.parametrize("name", CELLS)
def test_the_cells_are_where_people_look_and_have_these_states(name: str) -> None:
    kind = getattr(sc_neurocore, name)
    assert kind is getattr(training, name) is getattr(catalogue, name)
    assert kind().state_names == CELLS[name]


def test_a_cell_has_the_states_and_the_documentation_of_its_equation(neuron: Neuron) -> None:
    kind = getattr(catalogue, f"{neuron.name}Cell")
    assert latex_neuron(neuron) in kind.__doc__
    for word in neuron.description.split():
        assert word in kind.__doc__
    options = inspect.signature(kind).parameters
    for parameter, interval in neuron.parameters.items():
        assert options[parameter].default == interval.default
        assert options[f"learn_{parameter}"].default is False
    spike, state = kind(backend="eager")(torch.ones(2, 3))
    assert state._fields == tuple(neuron.states)
    assert spike.shape == state[0].shape == (2, 3)
    assert type(pickle.loads(pickle.dumps(kind()))) is kind


@pytest.mark.parametrize("reset", [None, "subtract", "zero", "none", -0.25])
def test_every_parameter_gets_a_gradient_and_none_is_a_nan(neuron: Neuron, reset: Any) -> None:
    learnable = neuron.parameters
    options = {"learn": tuple(learnable), "channels": 3, "reset": reset, "detach_reset": False}
    made: Cell = getattr(catalogue, f"{neuron.name}Cell")(backend="eager", **options)
    currents = 1.5 * torch.rand(20, 4, 3, generator=torch.Generator().manual_seed(0))
    currents[0, 0, 0], currents[1, 1, 1] = 1e6, -1e6
    currents.requires_grad_()
    spikes, _, trace = made.unroll(currents, record=("v",))
    (spikes.sum() + trace.v.tanh().sum()).backward()
    assert 0 < spikes.sum() < spikes.numel()
    lines = [*made.neuron.update, *made.neuron.reset, *made.neuron.after]
    used = {*symbols(made.neuron.spike), *(name for line in lines for name in symbols(line.value))}
    for parameter in used & set(learnable):  # another reset may do without some
        gradient = made.free[parameter].grad
        assert gradient is not None and gradient.shape == (3,)
        assert gradient.isfinite().all() and gradient.any(), parameter
    assert currents.grad is not None and currents.grad.isfinite().all()


@pytest.mark.parametrize("name", ["AdExCell", "LapicqueCell", "AlphaCell"])
def test_a_network_of_any_cell_goes_out_and_comes_back(name: str) -> None:
    from sc_neurocore.network.description import InputEncoding

    torch.manual_seed(0)
    net = SpikingNet(6, 5, 3, cell=getattr(training, name), learn_threshold=True)
    encoding = InputEncoding(shape=(6,), bits=4, fraction_bits=3)
    description = net.to_description("net", encoding, steps=9)
    again = training.SpikingSequential.from_description(description)
    x = torch.randint(0, 16, (4, 6)) / 8
    np.testing.assert_array_equal(
        again(x, steps=9).spike_counts.detach(), net(x, steps=9).spike_counts.detach()
    )


def test_a_neuron_of_ones_own_trains_towards_its_teacher() -> None:
    neuron = Neuron.from_equations(
        "dv/dt = (-(v - v_rest) + R*I)/tau",
        states={"v": 0},
        parameters={"tau": Parameter(20, low=0), "R": Parameter(1, low=0), "v_rest": 0.0},
        spike="v >= 1",
        reset="v = v_rest",
        method="exponential-euler",
    )
    currents = torch.rand(30, 8, 4, generator=torch.Generator().manual_seed(1))
    target = Cell(neuron, tau=6.0).unroll(currents, record=("v",))[2].v
    student = Cell(neuron, tau=9.0, learn_tau=True)
    optimiser = torch.optim.Adam(student.parameters(), lr=0.03)
    for _ in range(120):
        optimiser.zero_grad()
        loss = (student.unroll(currents, record=("v",))[2].v - target).square().mean()
        loss.backward()
        optimiser.step()
    assert student.parameter_values()["tau"] == pytest.approx(6.0, abs=0.2)


def test_a_neuron_added_later_needs_no_line_here(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = Neuron.from_equations("dv/dt = I - v", name="Ours", states={"v": 0}, spike="v >= 1")
    monkeypatch.setitem(CATALOGUE, "Ours", ours)  # type: ignore[arg-type]
    assert catalogue.OursCell().neuron == ours
    assert "OursCell" in dir(catalogue)
    with pytest.raises(AttributeError, match="no attribute 'TheirsCell'"):
        _ = catalogue.TheirsCell

    class Derived(catalogue.OursCell):  # type: ignore[misc]
        """Ours, with something more."""

    assert Derived().neuron == ours and "more" in (Derived.__doc__ or "")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *(
            (name, f"has a parameter '{name}', but Cell has an option of that name")
            for name in inspect.signature(Cell).parameters
            if name != "options"
        ),
        ("learn_k", "has a parameter 'learn_k', but Cell has an option"),
        ("type", "'type', a name that PyTorch's modules use"),
    ],
)
def test_a_parameter_that_would_be_taken_for_an_option_is_refused(name: str, message: str) -> None:
    neuron = Neuron.from_equations(
        f"dv/dt = I - {name}*v", states={"v": 0}, parameters={"k": 1, name: 1}, spike="v >= k"
    )
    with pytest.raises(UserError, match=message):
        Cell(neuron)
