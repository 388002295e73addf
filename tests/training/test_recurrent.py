"""Recurrent layers against a loop by hand, and what they are without recurrence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sc_neurocore.equation import find_neuron
from sc_neurocore.equation.catalogue import IF
from sc_neurocore.errors import DescriptionError, ToolMissingError, UserError
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.layers import engine_layers
from sc_neurocore.interop.exporting import to_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import (
    InputEncoding,
    NetworkDescription,
    Recurrent,
    RecurrentConv2d,
)
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.training import (
    IFCell,
    LIFCell,
    RecurrentCell,
    RecurrentConvCell,
    RecurrentLIFCell,
    SpikingNet,
    SpikingSequential,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def layer(n: int = 4, seed: int = 2, **options: Any) -> RecurrentLIFCell:
    made = RecurrentLIFCell(n, bias=True, **options)
    made.set_weight(random(n, n, seed=seed) - 0.5, 0.1 * random(n, seed=seed + 1))
    return made


def test_it_starts_as_the_layer_without_recurrence() -> None:
    currents = random(12, 3, 4)
    spikes, state = RecurrentLIFCell(4).unroll(currents)
    expected, plain = LIFCell(backend="eager").unroll(currents)
    assert torch.equal(spikes, expected)
    assert state._fields == ("v", "s")
    assert torch.equal(state.v, plain.v) and torch.equal(state.s, expected[-1])


def test_the_spikes_of_the_step_before_come_back_through_the_weights() -> None:
    made = layer()
    weight, bias = made.weight.detach(), made.recurrent_bias
    assert bias is not None
    currents = random(12, 3, 4)
    spikes, last, trace = made.unroll(currents, record=("v", "s"))
    v = s = torch.zeros(3, 4)
    for t, current in enumerate(currents):
        v = 0.9 * v + (current + s @ weight.T + bias)
        s = (v >= 1).float()
        v = v - s
        assert torch.equal(spikes[t], s)
        torch.testing.assert_close(trace.v[t], v)
    assert torch.equal(trace.s, spikes) and torch.equal(last.s, s)
    stepped, state = [], None
    for current in currents:
        spike, state = made(current, state)
        stepped.append(spike)
    assert torch.equal(torch.stack(stepped), spikes)


def test_a_static_current_and_padding_are_those_of_every_cell() -> None:
    made = layer()
    current = random(3, 4)
    static, _ = made.unroll(current, steps=6)
    repeated, _ = made.unroll(current.expand(6, 3, 4))
    assert torch.equal(static, repeated)
    lengths = torch.tensor([6, 2, 4])
    spikes, state = made.unroll(current, steps=6, lengths=lengths)
    for index, length in enumerate(lengths.tolist()):
        alone, expected = made.unroll(current[index : index + 1], steps=length)
        assert torch.equal(spikes[:length, index], alone[:, 0])
        assert not spikes[length:, index].any()
        assert torch.equal(state.v[index], expected.v[0])
        assert torch.equal(state.s[index], expected.s[0])


def test_gradients_reach_the_weights_through_time() -> None:
    """In the linear regime of v the only path from step 0 to step 2 is through the spikes."""
    made = layer(learn_beta=True).double()
    currents = (2 * random(3, 2, 4).double()).requires_grad_()
    _, _, trace = made.unroll(currents, record=("v",))
    trace.v[-1].sum().backward()
    for parameter in made.parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all()
    assert made.recurrent.grad is not None and made.recurrent.grad.any()
    assert currents.grad is not None and currents.grad[0].any()


def test_any_neuron_can_be_in_a_recurrent_layer() -> None:
    made = RecurrentCell(find_neuron("ALIF"), 5, beta_adapt=0.3)
    _, state = made.unroll(random(7, 2, 5))
    assert state._fields == ("v", "a", "s")


def test_a_recurrent_network_goes_out_and_comes_back() -> None:
    torch.manual_seed(0)
    net = SpikingNet(6, 5, 3, cell=RecurrentLIFCell, bias=True)
    for index in (1, 3):
        cell = net.layers[index]
        cell.set_weight(torch.randn(cell.n_neurons, cell.n_neurons) / 3)
    encoding = InputEncoding(shape=(6,), bits=4, fraction_bits=3)
    description: NetworkDescription = net.to_description("net", encoding, steps=9)
    recurrent = description.layers[1]
    assert isinstance(recurrent, Recurrent)
    np.testing.assert_array_equal(recurrent.weight, net.layers[1].weight.detach().numpy())
    again = SpikingSequential.from_description(description)
    assert again.to_description("net", encoding, steps=9) == description
    x = torch.randint(0, 16, (4, 6)) / 8
    found, expected = again(x, steps=9), net(x, steps=9)
    assert torch.equal(found.spike_counts, expected.spike_counts)
    assert torch.equal(found.membrane, expected.membrane)


def test_what_a_recurrent_layer_cannot_do_is_refused() -> None:
    with pytest.raises(UserError, match="n_neurons = 0"):
        RecurrentLIFCell(0)
    with pytest.raises(ToolMissingError, match="no fused kernels for recurrent convolutions"):
        RecurrentConvCell(IF, 3, backend="numba")
    with pytest.raises(UserError, match=r"\(5, 2, 3\) are not averaged"):
        RecurrentLIFCell(3).pooled(torch.ones(4, 5, 2, 3))
    with pytest.raises(UserError, match=r"the layer has 3 neurons, .* \(2, 4\) arrives"):
        RecurrentLIFCell(3).unroll(torch.ones(5, 2, 4))
    with pytest.raises(UserError, match="state 's' of LIF: found none"):
        RecurrentLIFCell(3)(torch.ones(2, 3), {"v": torch.zeros(2, 3)})


def images(threshold: float = 1.0) -> SpikingSequential:
    """Weights are quarters, which every number format holds."""
    cell = RecurrentConvCell(IF, 3, (3, 5), bias=True, threshold=threshold)
    generator = torch.Generator().manual_seed(1)
    net = SpikingSequential(
        torch.nn.Conv2d(2, 3, 3), cell, torch.nn.Flatten(), torch.nn.Linear(48, 4), IFCell()
    )
    with torch.no_grad():
        for each in net.parameters():
            each.copy_(torch.randint(-3, 4, each.shape, generator=generator) / 4)
        cell.set_weight(torch.randint(-3, 4, cell.weight.shape, generator=generator) / 4)
    return net


def test_a_recurrent_convolution_is_what_its_steps_written_out_are() -> None:
    net = images()
    conv, cell = net.layers[0], net.layers[1]
    assert isinstance(cell, RecurrentConvCell)
    x = (torch.rand(5, 2, 2, 6, 6, generator=torch.Generator().manual_seed(2)) < 0.5).float()
    spikes, state = cell.unroll(torch.stack([conv(frame) for frame in x]))
    v, before, wanted = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4), []
    for frame in x:
        back = torch.nn.functional.conv2d(before, cell.weight, cell.recurrent_bias, padding=(1, 2))
        v = v + conv(frame) + back
        before = (v >= 1.0).float()
        v = v - before
        wanted.append(before)
    assert torch.equal(spikes, torch.stack(wanted))
    torch.testing.assert_close(state.v, v)
    assert spikes.any() and not spikes.all()
    spikes.sum().backward()
    assert cell.recurrent.grad is not None and cell.recurrent.grad.any()


def test_a_recurrent_convolution_is_the_same_in_floats_integers_and_streams() -> None:
    net = images(2.0)
    x = (torch.rand(5, 3, 2, 6, 6, generator=torch.Generator().manual_seed(2)) < 0.5).float()
    coding = InputEncoding(kind="spikes", shape=(2, 6, 6), bits=1, fraction_bits=0)
    description = net.to_description("images", coding, 5)
    assert description.layers[1].kind == "recurrent-conv2d"
    wanted = net(x).spike_counts.detach()
    assert wanted.unique().numel() > 2
    inputs = x.numpy().astype(np.uint8)
    floats = run_float(description, inputs, record=True)
    assert (floats.spike_counts == wanted.numpy()).all()
    network = quantize(description, "Q12.8")
    for ours, theirs in zip(network.run(inputs, record=True).spikes, floats.spikes, strict=True):
        assert (ours == theirs).all()
    assert (run_network(description, inputs, 256, "sobol").spike_counts == wanted.numpy()).all()
    back = SpikingSequential.from_description(description)
    assert torch.equal(back(x).spike_counts, wanted)
    assert back.to_description("images", coding, 5) == description
    with pytest.raises(UserError, match="gets its own spikes back through a convolution"):
        engine_layers(network)
    with pytest.raises(DescriptionError, match="come back through a conv2d"):
        to_nir(description)


@pytest.mark.parametrize("backend", ["eager", "auto"])
def test_spikes_of_recurrent_layers_are_averaged_over_squares(backend: str) -> None:
    conv = RecurrentConvCell(IF, 3, backend=backend)
    conv.set_weight(random(3, 3, 3, 3) - 0.5)
    dense = RecurrentLIFCell(4, backend=backend)
    dense.set_weight(random(4, 4) - 0.5)
    for cell, shape in ((conv, (5, 2, 3, 6, 8)), (dense, (5, 2, 3, 6, 4))):
        currents = 2 * random(*shape)
        spikes, _ = cell.unroll(currents)
        wanted = torch.nn.functional.avg_pool2d(spikes.flatten(0, 1), 2).unflatten(0, (5, 2))
        assert torch.equal(cell.pooled(currents), wanted) and wanted.any()
    net = SpikingSequential(
        torch.nn.Conv2d(2, 3, 3), conv, torch.nn.AvgPool2d(2), torch.nn.Conv2d(3, 2, 1), IFCell()
    )
    assert net(random(2, 2, 8, 8), steps=4).spike_counts.shape == (2, 2, 3, 3)


@pytest.mark.parametrize("size", [2, (3, 4), 0, "3", (3, 3, 3)])
def test_a_recurrent_convolution_has_an_odd_kernel(size: Any) -> None:
    with pytest.raises(UserError, match=r"kernel_size = .*expected an odd number"):
        RecurrentConvCell(IF, 3, size)
    with pytest.raises(UserError, match="has 3 channels, but a current of shape"):
        RecurrentConvCell(IF, 3)(torch.rand(2, 4, 5, 5))
    with pytest.raises(DescriptionError, match="odd rows and columns"):
        RecurrentConv2d(neuron=IF, weight=np.ones((2, 2, 2, 3)))
