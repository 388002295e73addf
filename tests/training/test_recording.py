from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.training import (
    ALIFCell,
    ConvSpikingNet,
    LIFCell,
    RecurrentLIFCell,
    SpikingNet,
    record,
    spike_l1_loss,
)


def random(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def convolutional(**options: Any) -> nn.Module:
    torch.manual_seed(1)
    # 13 x 11 images after the first convolution: the kernel cannot average them on the way.
    return ConvSpikingNet((1, 15, 13), (4, 5), 6, 3, kernel_size=3, threshold=0.5, **options)


def even(**options: Any) -> nn.Module:
    torch.manual_seed(1)
    return ConvSpikingNet((1, 14, 14), (4, 5), 6, 3, kernel_size=3, threshold=0.5, **options)


def dense(**options: Any) -> nn.Module:
    torch.manual_seed(2)
    return SpikingNet(16, 12, 4, n_layers=2, threshold=0.3, learn_beta=True, **options)


def recurrent(**options: Any) -> nn.Module:
    torch.manual_seed(3)
    net = SpikingNet(16, 12, 4, cell=RecurrentLIFCell, threshold=0.3, **options)
    net.layers[1].set_weight(torch.randn(12, 12) / 4)
    return net


def answers(net: nn.Module, x: Tensor) -> list[Tensor]:
    net.zero_grad()
    output = net(x, steps=7)
    (output.membrane.sum() + output.spike_counts.sum()).backward()
    return [*output, *(weight.grad.clone() for weight in net.parameters())]


@pytest.mark.parametrize("backend", ["auto", "eager"])
@pytest.mark.parametrize(
    ("make", "shape"),
    [(convolutional, (1, 15, 13)), (even, (1, 14, 14)), (dense, (16,)), (recurrent, (16,))],
)
@pytest.mark.parametrize("detach", [True, False])
def test_a_recorded_network_answers_and_learns_the_same_bit_for_bit(
    make: Callable[..., nn.Module], shape: tuple[int, ...], backend: str, detach: bool
) -> None:
    net, x = make(backend=backend), random(5, *shape)
    before = answers(net, x)
    assert before[2].abs().sum() > 0  # the first weights learn through every layer
    with record(net, states=("v",), detach=detach), record(net, spikes=False):
        during = answers(net, x)
    for one, other in zip(before, during, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("backend", ["auto", "eager"])
def test_the_recording_is_what_the_cells_do_by_themselves(backend: str) -> None:
    net, x = convolutional(backend=backend), random(5, 1, 15, 13)
    with record(net, states=("v",)) as recording:
        output = net(x, steps=7)
    assert list(recording) == ["layers.1", "layers.4", "layers.8", "layers.10"]
    steps: int | None = 7
    for number, layer in enumerate(net.layers):
        if isinstance(layer, LIFCell):
            spikes, _, trace = layer.unroll(x, steps=steps, record=("v",))
            seen = recording[f"layers.{number}"]
            assert seen.spikes.sum() > 0
            assert torch.equal(seen.spikes, spikes)
            assert torch.equal(seen.states["v"], trace.v)
            assert torch.equal(seen.rates, spikes.mean(0))
            x, steps = spikes, None
        else:
            x = layer(x) if steps else layer(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    assert torch.equal(recording["layers.10"].spikes.sum(0), output.spike_counts)
    assert torch.allclose(recording["layers.10"].states["v"].sum(0), output.membrane)


def test_batches_join_along_the_batch_and_steps_along_time() -> None:
    net, x = dense(), random(6, 16)
    with record(net, states=("v",)) as whole:
        net(x, steps=7)
    with record(net, states=("v",)) as parts:
        for batch in x.split(4):
            net(batch, steps=7)
    for name, layer in whole.items():
        assert torch.equal(parts[name].spikes, layer.spikes)
        # Other batch sizes may take other matrix kernels, which round the last bit differently.
        torch.testing.assert_close(parts[name].states["v"], layer.states["v"])
        assert torch.equal(parts[name].rates, layer.rates)
    cell, currents = ALIFCell(), 3 * random(9, 4, 5)
    spikes, _, trace = cell.unroll(currents, record=("a",))
    with record(cell, states="a", join="time") as stepped:
        state = None
        for current in currents:
            _, state = cell(current, state)
    assert spikes.sum() > 0
    assert torch.equal(stepped["cell"].spikes, spikes)
    assert torch.equal(stepped["cell"].states["a"], trace.a)
    assert torch.equal(stepped["cell"].rates, spikes.mean(0))


def test_padded_steps_do_not_count_towards_rates() -> None:
    cell = LIFCell(threshold=0.1)
    with record(cell) as recording:
        cell.unroll(torch.ones(8, 2, 3), lengths=torch.tensor([2, 8]))
    assert recording["cell"].rates.tolist() == [[1] * 3] * 2


def test_any_module_with_cells_is_recorded_and_layers_can_be_chosen() -> None:
    class Ours(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = LIFCell(threshold=0.1), ALIFCell()

        def forward(self, x: Tensor) -> Tensor:
            return self.second.unroll(self.first.unroll(x, steps=3)[0])[0]

    net = Ours()
    with record(net, states=("a",), layers=("second",)) as recording:
        net(torch.ones(2, 4))
    assert list(recording) == ["second"]
    assert recording["second"].states["a"].shape == (3, 2, 4)
    # What a caller traces is not mixed with what is recorded.
    with record(net.second, states=("a",)):
        assert net.second.unroll(torch.ones(3, 2, 4), record=("v",))[2]._fields == ("v",)


@pytest.mark.parametrize("backend", ["auto", "eager"])
def test_without_detaching_a_loss_on_hidden_rates_reaches_the_weights(backend: str) -> None:
    net, x = even(backend=backend), random(5, 1, 14, 14)
    gradients = []
    for of_rates in (True, False):
        net.zero_grad()
        with record(net, spikes=not of_rates, layers=("layers.1",), detach=False) as recording:
            net(x, steps=7)
        layer = recording["layers.1"]
        spike_l1_loss(layer.rates.unsqueeze(0) if of_rates else layer.spikes).backward()
        gradients.append(net.layers[0].weight.grad.clone())
    assert gradients[0].abs().sum() > 0
    assert torch.allclose(*gradients, atol=1e-6)
    with record(net) as recording:
        net(x, steps=7)
    assert not recording["layers.1"].spikes.requires_grad
    assert not recording["layers.1"].rates.requires_grad


def test_a_compiled_network_is_recorded_too() -> None:
    net, x = SpikingNet(16, 8, 4), random(5, 16)
    compiled = torch.compile(net, backend="aot_eager")
    before = compiled(x, steps=7)
    with record(net) as expected:
        net(x, steps=7)
    with record(compiled) as recording:
        during = compiled(x, steps=7)
    after = compiled(x, steps=7)
    assert torch.equal(before.membrane, during.membrane)
    assert torch.equal(before.membrane, after.membrane)
    for layer, other in zip(recording.values(), expected.values(), strict=True):
        assert torch.equal(layer.spikes, other.spikes)


def test_nothing_is_recorded_after_the_block_even_if_it_fails() -> None:
    net, x = dense(), random(5, 16)
    with pytest.raises(ZeroDivisionError), record(net) as recording:
        net(x, steps=7)
        raise ZeroDivisionError
    net(x, steps=7)
    assert recording["layers.1"].spikes.shape == (7, 5, 12)
    assert not any(layer.cell.observers for layer in recording.values())


def test_mistakes_are_named() -> None:
    net, x = dense(), random(5, 16)

    def recorded(**options: Any) -> Any:
        with record(net, **options) as recording:
            net(x, steps=7)
            net(x, steps=5)
        return recording["layers.1"]

    with pytest.raises(UserError, match=r"no cell 'layers.0'.*layers.1, layers.3, layers.5"):
        recorded(layers=("layers.0",))
    with pytest.raises(UserError, match=r"layers.1 has no state 'u'; LIF has v"):
        recorded(states=("u",))
    with pytest.raises(UserError, match="join='neurons'"):
        recorded(join="neurons")
    with pytest.raises(UserError, match="not recorded"):
        _ = recorded(spikes=False).spikes
    with pytest.raises(UserError, match=r"layers.1 ran 2 times, on shapes that cannot be joined"):
        _ = recorded().spikes
    with pytest.raises(UserError, match="Linear has no cells"), record(nn.Linear(2, 2)):
        pass
    with record(net) as recording:
        pass
    with pytest.raises(UserError, match=r"layers.1 has not run"):
        _ = recording["layers.1"].rates
    with pytest.raises(UserError, match=r"no recorded layer 'layers.2'"):
        recording["layers.2"]
