from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sc_neurocore.equation import LIF, atan_surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.network import (
    ENCODINGS,
    InputEncoding,
    Population,
    load_description,
    save_description,
)
from sc_neurocore.training import Cell, ConvSpikingNet, LIFCell, SpikingNet, SpikingSequential

ENCODING = InputEncoding(shape=(6,), bits=5, fraction_bits=4)


def net(**options: Any) -> SpikingNet:
    torch.manual_seed(1)
    return SpikingNet(6, 12, 3, **options)


def test_layers_and_parameters_are_as_the_shape_says() -> None:
    assert sum(p.numel() for p in SpikingNet(784, 128, 10, n_layers=2).parameters()) == 118_282
    # A learnable beta and threshold in each of three populations.
    learning = SpikingNet(784, 128, 10, n_layers=2, learn_beta=True, learn_threshold=True)
    assert sum(p.numel() for p in learning.parameters()) == 118_282 + 6
    own = SpikingNet(6, 12, 3, learn_beta=True, per_channel=True)
    assert [p.numel() for n, p in own.named_parameters() if "free" in n] == [12, 3]


def test_forward_is_layer_after_layer_and_step_after_step() -> None:
    model = net(n_layers=2)
    x = torch.rand(5, 6) * 40
    output = model(x, steps=8)
    states: list[Any] = [None] * 3
    counts, membrane = torch.zeros(5, 3), torch.zeros(5, 3)
    for _ in range(8):
        spike = x
        for index in range(3):
            spike, states[index] = model.layers[2 * index + 1](
                model.layers[2 * index](spike), states[index]
            )
        counts += spike
        membrane += states[2].v
    assert counts.sum() > 0
    torch.testing.assert_close(output.spike_counts, counts)
    torch.testing.assert_close(output.membrane, membrane)
    repeated = model(x.expand(8, 5, 6))
    torch.testing.assert_close(output, repeated)
    assert output.scores("membrane") is output.membrane
    assert output.scores("spike-count") is output.spike_counts


def test_a_cell_is_given_as_class_neuron_function_or_instance() -> None:
    x = torch.rand(4, 6)
    same = [
        net(cell=LIFCell, beta=0.7),
        net(cell=LIF, beta=0.7),
        net(cell=lambda: LIFCell(beta=0.7)),
        net(cell=LIFCell(beta=0.7)),
    ]
    for model in same:
        torch.testing.assert_close(model(x, steps=6), same[0](x, steps=6))
    copied = net(cell=LIFCell(learn_beta=True))
    assert copied.layers[1].free["beta"] is not copied.layers[3].free["beta"]
    sharp = net(surrogate=atan_surrogate(5.0))
    assert sharp.layers[1].surrogate.alpha == 5


def test_every_parameter_learns() -> None:
    model = net(n_layers=2, learn_beta=True, learn_threshold=True)
    output = model(torch.rand(8, 6) * 2, steps=10)
    output.spike_counts.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_sc_weights_lead_back_to_the_weights(encoding: Any) -> None:
    model = net(n_layers=2)
    layers = [layer for layer in model.layers if isinstance(layer, nn.Linear)]
    encoded = model.to_sc_weights(encoding)
    assert len(encoded) == len(layers) == 3
    for layer, weights in zip(layers, encoded, strict=True):
        assert weights.values.min() >= 0
        assert weights.values.max() <= 1
        difference = np.abs(weights.decode() - layer.weight.detach().double().numpy())
        assert difference.max() <= weights.error_bound
        np.testing.assert_array_equal(weights.bias, layer.bias.detach().numpy())
    assert model.to_sc_weights()[0].encoding == "sign-magnitude"
    assert all(weights.bias is None for weights in net(bias=False).to_sc_weights(encoding))


def test_a_description_goes_to_disk_and_back_into_the_same_network(tmp_path: Any) -> None:
    model = net(learn_beta=True, per_channel=True, threshold=0.75, reset="zero")
    made = model.to_description("test", ENCODING, 9, "membrane", {"dataset": "none"})
    description = load_description(save_description(made, tmp_path))
    assert description.content_hash == made.content_hash
    assert description.readout == "membrane"
    assert description.metadata == {"dataset": "none"}
    population = description.layers[1]
    assert isinstance(population, Population)
    assert population.neuron == LIF.with_reset("zero")
    assert population.parameters["threshold"] == 0.75
    assert np.shape(population.parameters["beta"]) == (12,)
    x = torch.rand(20, 6)
    rebuilt = SpikingSequential.from_description(description)
    torch.testing.assert_close(rebuilt(x, steps=9), model(x, steps=9))


def test_own_compositions_run_also_out_of_parts() -> None:
    torch.manual_seed(0)
    parts = [nn.Flatten(), nn.Linear(6, 8), LIFCell(), nn.Linear(8, 3), LIFCell()]
    model = SpikingSequential(*parts)
    x = torch.rand(4, 2, 3)
    torch.testing.assert_close(model(x, steps=5), model(x.expand(5, 4, 2, 3)))
    block = SpikingSequential(nn.Sequential(parts[0], nn.Sequential(parts[1])), parts[2])
    nested = SpikingSequential(block, nn.Sequential(*parts[3:]))
    assert list(nested.layers) == parts
    assert nested.state_dict().keys() == model.state_dict().keys()


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_dropout_draws_one_mask_for_all_steps(kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    seen: list[torch.Tensor] = []

    class Keep(nn.Module):
        over_time = True

        def forward(self, x: torch.Tensor, steps: int | None = None) -> torch.Tensor:
            seen.append(x)
            assert steps is None
            return x

    model = SpikingSequential(LIFCell(threshold=0.5), kind(0.5), Keep(), LIFCell())
    model(torch.ones(7, 50, 4, 3, 3))
    (kept,) = seen
    assert kept.shape == (7, 50, 4, 3, 3)
    assert set(kept.unique().tolist()) == {0, 2}  # all spike; what is kept is scaled by 1/(1 - p)
    assert torch.equal(kept, kept[:1].expand_as(kept))
    assert 0.35 < (kept[0] > 0).float().mean() < 0.65
    by_channel = (kept[0].flatten(2) == kept[0].flatten(2)[..., :1]).all()
    assert by_channel == (kind is nn.Dropout2d)
    model.eval()(torch.ones(7, 50, 4, 3, 3))
    assert torch.equal(seen[1], torch.ones_like(seen[1]))


def test_batch_norm_counts_all_steps_and_samples() -> None:
    norm = nn.BatchNorm1d(3, momentum=1.0)
    model = SpikingSequential(LIFCell(threshold=0.5), norm, LIFCell())
    x = torch.rand(6, 5, 3)
    model(x)
    spikes = model.layers[0].unroll(x)[0].flatten(0, 1)
    torch.testing.assert_close(norm.running_mean, spikes.mean(0))
    torch.testing.assert_close(norm.running_var, spikes.var(0))


def test_a_network_that_cannot_be_is_refused() -> None:
    with pytest.raises(UserError, match="n_hidden=0"):
        SpikingNet(6, 0, 3)
    with pytest.raises(UserError, match="n_layers=0"):
        SpikingNet(6, 4, 3, n_layers=0)
    with pytest.raises(UserError, match="learn_beta: the cell is already made"):
        SpikingNet(6, 4, 3, cell=LIFCell(), learn_beta=True)
    with pytest.raises(UserError, match="ends with a cell, not with Linear"):
        SpikingSequential(LIFCell(), nn.Linear(2, 2))


@pytest.mark.parametrize("backend", ["eager", "numba"])
def test_the_conv_net_is_its_layers_one_after_the_other(backend: str) -> None:
    torch.manual_seed(0)
    options = {"learn_beta": True, "per_channel": True, "backend": backend}
    net = ConvSpikingNet(
        (2, 11, 13), channels=(3, 4), n_hidden=6, n_output=5, kernel_size=2, **options
    )
    x = torch.rand(3, 2, 11, 13) * 3
    out = net(x, steps=4)
    first, cell, pool, second, other, _, flatten, *rest = net.layers
    hidden = first(x).expand(4, 3, 3, 10, 12)
    hidden = pool(cell.unroll(hidden)[0].flatten(0, 1))
    assert hidden.any()
    hidden = second(hidden).unflatten(0, (4, 3))
    hidden = flatten(pool(other.unroll(hidden)[0].flatten(0, 1)))
    hidden = rest[1].unroll(rest[0](hidden).unflatten(0, (4, 3)))[0]
    spikes = rest[3].unroll(rest[2](hidden))[0]
    assert torch.equal(out.spike_counts, spikes.sum(0))
    cells = [layer for layer in net.layers if isinstance(layer, Cell)]
    assert [len(cell.free["beta"]) for cell in cells] == [3, 4, 6, 5]


def test_the_conv_net_of_the_anchors_has_its_parameters() -> None:
    assert sum(parameter.numel() for parameter in ConvSpikingNet().parameters()) == 184_586
    with pytest.raises(UserError, match="too small for 2 convolutions"):
        ConvSpikingNet((1, 8, 8))
    with pytest.raises(UserError, match="n_hidden=0"):
        ConvSpikingNet(n_hidden=0)
