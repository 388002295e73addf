"""What a backend promises: one meaning, on every road by which people train."""

from __future__ import annotations

import copy
import importlib.util
import io
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.equation import CATALOGUE, LIF, SURROGATES, Neuron
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    LIFCell,
    RecurrentLIFCell,
    SpikingNet,
)

STEPS = 6


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def make(backend: Any, **options: Any) -> SpikingNet:
    torch.manual_seed(3)
    options = {"learn_beta": True, "learn_threshold": True, **options}
    return SpikingNet(20, 64, 4, backend=backend, **options)


def train(net: nn.Module, steps: int = 4) -> list[Tensor]:
    """Return the parameters after a few steps of training."""
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for seed in range(steps):
        optimiser.zero_grad()
        out = net(random(8, 20, seed=seed) * 6, steps=STEPS)
        loss = nn.functional.cross_entropy(out.spike_counts + out.membrane, torch.arange(8) % 4)
        loss.backward()
        optimiser.step()
    return [parameter.detach() for parameter in net.parameters()]


def test_a_network_learns_the_same_on_both_backends() -> None:
    nets = {backend: make(backend, per_channel=True) for backend in ("eager", "numba", "auto")}
    x = random(8, 20) * 6
    outs = {backend: net(x, steps=STEPS) for backend, net in nets.items()}
    assert outs["eager"].spike_counts.any()
    assert torch.equal(outs["eager"].spike_counts, outs["numba"].spike_counts)
    torch.testing.assert_close(outs["eager"].membrane, outs["numba"].membrane)
    learnt = {backend: train(net) for backend, net in nets.items()}
    for ours, theirs, auto in zip(*(learnt[b] for b in ("numba", "eager", "auto")), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
        assert torch.equal(ours, auto)


# PyTorch's tracer makes an object of every autograd function, and warns of that itself.
@pytest.mark.sample(2)
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize(
    ("cell", "options"),
    [
        (CATALOGUE["LIF"], {"backend": "numba"}),
        (CATALOGUE["AdEx"], {"backend": "numba"}),
        (CATALOGUE["LIF"], {"backend": "eager", "detach_reset": False}),
        (CATALOGUE["ExpIF"], {"backend": "eager", "surrogate": SURROGATES["gaussian"]}),
        (RecurrentLIFCell, {}),
    ],
    ids=["LIF", "AdEx", "LIF eager", "ExpIF eager", "recurrent LIF"],
)
def test_a_whole_network_compiles_into_one_graph(cell: Any, options: dict[str, Any]) -> None:
    net = SpikingNet(20, 16, 4, cell=cell, learn=("beta",), **options)
    torch._dynamo.reset()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    x = random(8, 20) * 2
    found, expected = (
        (out := each(x, steps=2)).spike_counts.sum() + out.membrane.square().sum()
        for each in (compiled, net)
    )
    torch.testing.assert_close(found, expected)
    parameters = list(net.parameters())
    for batch in (5, 6):  # a size that changes becomes a symbol
        other = random(batch, 20) * 2
        assert torch.equal(compiled(other, steps=2).spike_counts, net(other, steps=2).spike_counts)
    torch.testing.assert_close(
        torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters)
    )


def test_a_cell_that_records_compiles_into_one_graph() -> None:
    cell = LIFCell(backend="numba")
    currents = random(5, 2, 3)
    expected = cell.unroll(currents, record=("v",))
    torch._dynamo.reset()
    compiled = torch.compile(cell.unroll, fullgraph=True, backend="aot_eager")
    spikes, state, trace = compiled(currents, record=("v",))
    assert torch.equal(spikes, expected[0])
    assert torch.equal(state.v, expected[1].v)
    assert torch.equal(trace.v, expected[2].v)


def test_autocast_computes_states_in_float32_and_passes_bfloat16_on() -> None:
    for backend in ("eager", "numba"):
        net = make(backend)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            current = net.layers[0](random(8, 20))
            spikes, state = net.layers[1].unroll(current, steps=STEPS)
            out = net(random(8, 20), steps=STEPS)
        assert current.dtype == spikes.dtype == torch.bfloat16
        assert state.v.dtype == out.membrane.dtype == out.spike_counts.dtype == torch.float32
        (out.spike_counts.sum() + out.membrane.sum()).backward()
        for parameter in net.parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all()


def test_half_precision_currents_run_in_float32_too() -> None:
    currents = random(4, 2, 3).half()
    for backend in ("eager", "numba"):
        spikes, state = LIFCell(backend=backend).unroll(currents)
        assert spikes.dtype == torch.float16
        assert state.v.dtype == torch.float32


def test_a_saved_network_resumes_bit_for_bit() -> None:
    whole = make("numba", per_channel=True)
    expected = train(copy.deepcopy(whole), 4)
    other = make("numba", per_channel=True, beta=0.5)
    other.load_state_dict(whole.state_dict())
    assert all(map(torch.equal, train(other, 4), expected))
    file = io.BytesIO()
    torch.save(whole, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert all(map(torch.equal, train(loaded, 4), expected))


def test_every_cell_runs_on_any_device_and_takes_eager_there(neuron: Neuron) -> None:
    """The meta device computes shapes only, and refuses a tensor that stayed on the CPU."""
    learn = tuple(neuron.parameters)
    cell = Cell(neuron, learn=learn, channels=3, detach_reset=False).to("meta")
    fixed = Cell(neuron, **dict.fromkeys(learn[:1], [neuron.parameters[learn[0]].default] * 3))
    currents = torch.empty(5, 2, 3, device="meta", requires_grad=True)
    lengths = torch.empty(2, device="meta", dtype=torch.int64)
    _, state = fixed.to("meta")(currents[0])
    spikes, state, trace = cell.unroll(currents, state, lengths=lengths, record=neuron.states)
    counts, membrane = cell.readout(currents[0], steps=4)
    assert spikes.shape == trace[0].shape == (5, 2, 3)
    assert state[0].shape == counts.shape == membrane.shape == (2, 3)
    (spikes.sum() + sum(values.sum() for values in trace)).backward()
    assert currents.grad is not None and currents.grad.device.type == "meta"


def test_networks_run_on_any_device() -> None:
    with torch.device("meta"):
        images, frames = torch.empty(2, 1, 12, 12), torch.empty(2, 20)
        nets: list[Any] = [
            (ConvSpikingNet((1, 12, 12), (2, 3), 5, 4, 3, per_channel=True), images),
            (SpikingNet(20, 16, 4, learn_beta=True), frames),
            (SpikingNet(20, 16, 4, cell=RecurrentLIFCell, bias=True), frames),
        ]
    for net, x in nets:
        out = net(x, steps=3)
        assert out.spike_counts.shape == out.membrane.shape == (2, 4)
        assert out.membrane.device.type == "meta"
        (out.spike_counts.sum() + out.membrane.sum()).backward()
        assert all(parameter.grad is not None for parameter in net.parameters() if parameter.ndim)


def test_a_backend_runs_or_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="runs on cpu, but the currents are on meta"):
        LIFCell(backend="numba").unroll(torch.empty(3, 2, 2, device="meta"))
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ToolMissingError, match=r"runs on cuda.*'auto', or set TRITON_INTERPRET=1"):
        LIFCell(backend="triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(UserError, match="runs on cuda, but the currents are on cpu"):
        LIFCell(backend="triton").unroll(torch.empty(3, 2, 2))
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in ("numba", "triton") else find(name),
    )
    with pytest.raises(ToolMissingError, match="pip install triton"):
        LIFCell(backend="triton")
    with pytest.raises(ToolMissingError, match="pip install numba"):
        LIFCell(backend="numba")
    assert Cell(LIF, backend="auto").fused is None
