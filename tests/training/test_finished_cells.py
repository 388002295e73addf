"""What is done to a cell after it was made acts on every backend, or raises."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.equation import LIF, SURROGATES
from sc_neurocore.errors import UserError
from sc_neurocore.kernels import fused
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    DelayLinear,
    IFCell,
    LIFCell,
    RecurrentLIFCell,
    SpikingNet,
    record,
)
from sc_neurocore.training.layers import IntegratorCell


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def answer(cell: Cell) -> list[Tensor]:
    """Return spikes, membranes, and what the current and learnt parameters get for a gradient."""
    currents = (random(9, 4, 3) * 1.5).requires_grad_()
    spikes, _, trace = cell.unroll(currents, record=("v",))
    wanted = [currents, *cell.parameters()]
    loss = (spikes * random(9, 4, 3, seed=1)).sum() + trace.v.square().sum()
    return [spikes, trace.v, *torch.autograd.grad(loss, wanted)]


def same(one: Cell, other: Cell) -> None:
    for ours, theirs in zip(answer(one), answer(other), strict=True):
        torch.testing.assert_close(ours, theirs)


CHANGES: list[tuple[str, Any]] = [
    ("beta", 0.4),
    ("threshold", 0.3),
    ("beta", [0.2, 0.5, 0.8]),
    ("surrogate", "fast_sigmoid"),
    ("surrogate", SURROGATES["atan_surrogate"](7.0)),
    ("detach_reset", False),
    ("backend", "eager"),
    ("backend", "numba"),
]


@pytest.mark.parametrize("backend", ["eager", "numba", "recurrent"])
@pytest.mark.parametrize(("name", "value"), CHANGES, ids=str)
def test_a_change_makes_the_cell_that_was_made_so(backend: str, name: str, value: Any) -> None:
    def make(**options: Any) -> Cell:
        if backend == "recurrent":
            return RecurrentLIFCell(3, **{"backend": "eager", **options})
        return LIFCell(**{"backend": backend, **options})

    cell, wanted = make(), make(**{name: value})
    before = answer(cell)
    setattr(cell, name, value)
    same(cell, wanted)
    if name != "backend":
        found = answer(cell)
        assert any(not torch.equal(*pair) for pair in zip(before, found, strict=True))
    again = copy.deepcopy(cell)
    same(again, wanted)


@pytest.mark.parametrize("backend", ["eager", "numba"])
def test_a_learnt_parameter_is_set_by_its_name_and_goes_on_learning(backend: Any) -> None:
    cell = LIFCell(learn_beta=True, channels=3, backend=backend)
    parameter = cell.free["beta"]
    cell.beta = 0.4
    assert cell.free["beta"] is parameter  # an optimiser that holds it moves it on
    assert cell.beta == pytest.approx([0.4] * 3)
    same(cell, LIFCell(beta=0.4, learn_beta=True, channels=3, backend=backend))
    cell.beta = [0.2, 0.4, 0.6]
    assert cell.beta == pytest.approx([0.2, 0.4, 0.6])
    one = LIFCell(learn_beta=True)
    with pytest.raises(UserError, match="one for all is learnt: give a number, or make"):
        one.beta = [0.1, 0.2]


@pytest.mark.parametrize("backend", ["eager", "numba"])
def test_a_buffer_that_is_written_acts(backend: Any) -> None:
    cell = LIFCell(backend=backend)
    answer(cell)
    cell.fixed.get_buffer("threshold").fill_(0.25)
    assert cell.threshold == 0.25
    same(cell, LIFCell(threshold=0.25, backend=backend))
    with torch.inference_mode():
        cell.fixed.get_buffer("threshold").fill_(0.5)
    same(cell, LIFCell(threshold=0.5, backend=backend))


def test_a_schedule_of_slopes_compiles_and_derives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = LIFCell(backend="numba")
    answer(cell)
    assert cell.fused is not None
    keys = cell.fused._keys
    monkeypatch.setattr(fused, "derive", None)
    for alpha in (1.0, 3.0, 9.0):
        cell.surrogate = cell.surrogate(alpha)
        assert cell.fused._keys == keys
        same(cell, LIFCell(backend="eager", surrogate=SURROGATES["atan_surrogate"](alpha)))


@pytest.mark.parametrize("name", ["neuron", "reset", "channels", "learn", "learn_beta"])
def test_what_a_cell_cannot_follow_raises(name: str) -> None:
    cell = LIFCell()
    with pytest.raises(UserError, match=f"{name} of a finished cell cannot be changed: make ano"):
        setattr(cell, name, LIF)
    for option, value in [("beta", 2.0), ("beta", "x"), ("surrogate", "relu"), ("backend", "gpu")]:
        with pytest.raises(UserError):
            setattr(cell, option, value)
    with pytest.raises(UserError):
        cell.detach_reset = "no"  # type: ignore[assignment]
    cell.label = "any other attribute"  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        _ = cell.tau


def test_fixed_numbers_stay_exact_whatever_the_type() -> None:
    cell = LIFCell(beta=0.9)
    for moved in (cell.half(), cell.float(), cell.double(), cell.to(torch.bfloat16)):
        assert moved.parameter_values()["beta"] == 0.9
        assert moved.state_dict()["fixed.beta"].dtype == torch.float64
    empty = LIFCell(beta=0.7).to("meta").to_empty(device="cpu")
    assert empty.parameter_values()["beta"] == 0.7
    with torch.inference_mode():
        assert LIFCell(beta=0.3).beta == 0.3


def test_a_state_dict_carries_all_that_a_network_computes_with() -> None:
    x = random(5, 6) * 3
    made = SpikingNet(6, 8, 3, beta=0.5, threshold=0.7)
    other = SpikingNet(6, 8, 3)
    other.load_state_dict(made.state_dict())
    for ours, theirs in zip(other(x, steps=9), made(x, steps=9), strict=True):
        assert torch.equal(ours, theirs)
    assert other.layers[1].parameter_values() == {"beta": 0.5, "threshold": 0.7}
    assert other.to_sc_weights()[0].bias is not None


@pytest.mark.parametrize(
    ("there", "here", "message"),
    [
        (LIFCell(), LIFCell(reset="zero"), "layers.1: the state dict is of another neuron, which"),
        (LIFCell(), IFCell(), "another neuron, which has 'neuron LIF' where this one has 'neuron"),
        (
            LIFCell(),
            LIFCell(reset="none"),
            "'reset v = v - threshold' where this one has 'nothing'",
        ),
        (Cell(LIF), IntegratorCell(LIF), "has 'spikes' where this one has 'membrane'"),
        (LIFCell(beta=[0.5] * 8), LIFCell(), r"has 'channel_axis -1'"),
        (LIFCell(learn="beta", channels=8), LIFCell(learn="beta"), "channel_axis"),
        (
            LIFCell(beta=[0.5] * 8, channel_axis=-1),
            LIFCell(beta=[0.5] * 8, channel_axis=-3),
            "'channel_axis -1' where this one has 'channel_axis -3'",
        ),
    ],
)
def test_numbers_of_another_neuron_are_refused(there: Cell, here: Cell, message: str) -> None:
    state = nn.ModuleDict({"layers": nn.ModuleList([nn.Identity(), there])}).state_dict()
    target = nn.ModuleDict({"layers": nn.ModuleList([nn.Identity(), here])})
    with pytest.raises(UserError, match=message):
        target.load_state_dict(state)


def test_shapes_and_ranges_in_a_state_dict_are_looked_at() -> None:
    state = LIFCell(learn="beta", channels=1).state_dict()
    del state["_extra_state"]
    with pytest.raises(UserError, match=r"free.beta has shape \(1,\) in the state dict and \(\) h"):
        LIFCell(learn="beta").load_state_dict(state)
    state = LIFCell().state_dict()
    state["fixed.beta"] = torch.tensor(1.5)
    with pytest.raises(UserError, match=r"the cell: beta = 1.5: the parameter must lie in"):
        LIFCell().load_state_dict(state)


def test_a_state_dict_of_before_is_loaded_and_says_what_it_does_not_know() -> None:
    net = SpikingNet(6, 8, 3, beta=0.5, learn="threshold")
    old = {
        name: value
        for name, value in SpikingNet(6, 8, 3, learn="threshold").state_dict().items()
        if ".fixed." not in name and "extra" not in name
    }
    with pytest.warns(UserWarning) as caught:
        net.load_state_dict(old)
    assert [str(each.message).split(":")[0] for each in caught] == ["layers.1", "layers.3"]
    assert "does not say beta" in str(caught[0].message) and "keeps beta = 0.5" in str(
        caught[0].message
    )
    assert all(torch.equal(net.state_dict()[name], value) for name, value in old.items())


def test_delays_of_another_range_are_refused() -> None:
    state = DelayLinear(3, 2, 12).state_dict()
    with pytest.raises(UserError, match=re.escape("max_delay = 12 in the state dict, 16 here")):
        DelayLinear(3, 2, 16).load_state_dict(state)


class Watched:
    """Keeps what a forward hook is given."""

    def __init__(self, change: Callable[[Tensor], Tensor] | None = None) -> None:
        self.outputs: list[Any] = []
        self.inputs: list[Any] = []
        self.change = change

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> Any:
        self.inputs.append(inputs)
        self.outputs.append(output)
        return (self.change(output[0]), output[1]) if self.change else None


@pytest.mark.parametrize("kind", ["dense", "conv", "recurrent"])
def test_hooks_on_cells_fire_inside_networks_and_change_nothing(kind: str) -> None:
    torch.manual_seed(0)
    x = random(3, 1, 8, 8) if kind == "conv" else random(3, 6) * 3
    if kind == "conv":
        net: Any = ConvSpikingNet((1, 8, 8), (2,), 5, 4, 3)
    else:
        net = SpikingNet(6, 8, 4, cell=LIFCell if kind == "dense" else RecurrentLIFCell)
    wanted = net(x, steps=5)
    cells = {n: m for n, m in net.named_modules() if isinstance(m, Cell | nn.AvgPool2d)}
    hooks = {name: Watched() for name in cells}
    handles = [cells[name].register_forward_hook(hooks[name]) for name in cells]
    grads: list[Any] = []
    handles.append(cells["layers.1"].register_full_backward_hook(lambda *all: grads.append(all)))
    with record(net) as recording:
        found = net(x, steps=5)
    for ours, theirs in zip(found, wanted, strict=True):
        assert torch.equal(ours, theirs)
    for name, hook in hooks.items():
        assert len(hook.outputs) == 1, name
        if name in recording:
            spikes, state = hook.outputs[0]
            assert torch.equal(spikes, recording[name].spikes)
            assert state.v.shape == spikes.shape[1:]
            assert hook.inputs[0][0].shape in (spikes.shape, spikes.shape[1:])
    found.spike_counts.sum().backward()
    assert len(grads) == 1
    for handle in handles:
        handle.remove()
    net(x, steps=5)
    assert all(len(hook.outputs) == 1 for hook in hooks.values())


def test_a_hook_may_put_other_spikes_in_their_place() -> None:
    net = SpikingNet(6, 8, 4)
    x = random(3, 6) * 3
    handle = net.layers[-1].register_forward_hook(Watched(torch.ones_like))
    assert torch.equal(net(x, steps=5).spike_counts, torch.full((3, 4), 5.0))
    handle.remove()
    seen: list[Tensor] = []
    net.layers[2].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    net.layers[1].register_forward_hook(Watched(torch.zeros_like))
    net(x, steps=5)
    assert seen[0].shape == (15, 8) and not seen[0].any()


def test_hooks_of_one_step_and_hooks_of_all_modules_fire_once() -> None:
    cell, hook = LIFCell(), Watched()
    cell.register_forward_hook(hook)
    spike, state = cell(random(2, 3))
    assert hook.outputs[0][0] is spike and hook.outputs[0][1] is state
    calls: list[nn.Module] = []
    net = SpikingNet(6, 8, 4)
    register = torch.nn.modules.module.register_module_forward_hook
    handle = register(lambda module, *_: calls.append(module))
    try:
        net(random(2, 6), steps=3)
    finally:
        handle.remove()
    assert calls == [*net.layers, net]
