"""Torch modules into a description and back: the network computes the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from sc_neurocore.equation import LIF
from sc_neurocore.equation.surrogate import fast_sigmoid
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    ENCODINGS,
    Conv2d,
    DelayDense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    WeightedLayer,
    load_description,
    save_description,
)
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    DelayLinear,
    LIFCell,
    RecurrentLIFCell,
    RoundingWarning,
    SpikingNet,
    SpikingSequential,
)

IMAGES = InputEncoding(shape=(2, 9, 8), bits=4, fraction_bits=3)
VECTORS = InputEncoding(shape=(6,), bits=4, fraction_bits=3)


def images(samples: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 16, (samples, *IMAGES.shape))


def everything() -> SpikingSequential:
    """A network with every kind of layer that there is, its BatchNorms trained a little."""
    torch.manual_seed(0)
    net = SpikingSequential(
        nn.Sequential(nn.Conv2d(2, 4, 3, padding="same", bias=False), nn.BatchNorm2d(4)),
        LIFCell(learn_beta=True, channels=4, channel_axis=-3, threshold=[0.5, 0.6, 0.7, 0.8]),
        nn.AvgPool2d(2),
        nn.Dropout2d(0.2),
        nn.Conv2d(4, 6, (2, 3), stride=(2, 1), padding=(1, 0), dilation=(1, 1), groups=2),
        nn.BatchNorm2d(6, affine=False),
        LIFCell(threshold=0.5),
        nn.Flatten(),
        nn.Identity(),
        DelayLinear(6 * 3 * 2, 7, max_delay=3),
        nn.Sequential(nn.BatchNorm1d(7), RecurrentLIFCell(7, bias=True, learn_threshold=True)),
        nn.Dropout(0.1),
        nn.Linear(7, 3),
        nn.BatchNorm1d(3),
        LIFCell(learn_beta=True, channels=3, beta=[0.5, 0.7, 0.9]),
    ).double()
    cell = next(layer for layer in net.layers if isinstance(layer, RecurrentLIFCell))
    cell.set_weight(torch.randn(7, 7), torch.randn(7))
    with torch.no_grad():
        for layer in net.layers:
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) and layer.affine:
                layer.weight.uniform_(0.5, 2)
                layer.bias.uniform_(-0.2, 0.5)
        for _ in range(20):
            net(torch.from_numpy(images(16) / 8), steps=5)
    for index, layer in enumerate(net.layers):
        if isinstance(layer, DelayLinear):
            with pytest.warns(RoundingWarning):
                net.layers[index] = layer.rounded()
    return net.eval()


def test_every_kind_of_layer_goes_out_and_comes_back() -> None:
    net = everything()
    description = net.to_description("everything", IMAGES, steps=8)
    assert [layer.kind for layer in description.layers] == [
        *("conv2d", "population", "average-pool2d", "conv2d", "population", "flatten"),
        *("delay-dense", "recurrent", "dense", "population"),
    ]
    inputs = images(12)
    x = torch.from_numpy(inputs / 8)
    rebuilt = SpikingSequential.from_description(description, torch.float64)
    with torch.no_grad():
        expected = net(x, steps=8)
        assert expected.spike_counts.sum() > 10
        for output in (rebuilt(x, steps=8), net(x.expand(8, *x.shape))):
            torch.testing.assert_close(output, expected, rtol=1e-9, atol=1e-9)
    run = run_float(description, inputs)
    np.testing.assert_array_equal(run.spike_counts, expected.spike_counts)
    np.testing.assert_allclose(run.membrane, expected.membrane, rtol=1e-9, atol=1e-9)
    assert rebuilt.to_description("everything", IMAGES, steps=8) == description
    first, second = (layer for layer in description.layers if isinstance(layer, Conv2d))
    assert (first.padding, second.padding, second.groups) == ((1, 1), (1, 0), 2)
    assert np.shape(description.layers[1].parameters["beta"]) == (4,)


def test_files_in_single_precision_come_back_exactly(tmp_path: Any) -> None:
    net = everything().float()
    made = net.to_description("everything", IMAGES, steps=8)
    assert all(
        layer.weight.dtype == np.float32 for layer in made.layers if hasattr(layer, "weight")
    )
    description = load_description(save_description(made, tmp_path))
    rebuilt = SpikingSequential.from_description(description)
    assert rebuilt.to_description("everything", IMAGES, steps=8) == made
    assert all(parameter.dtype == torch.float32 for parameter in rebuilt.parameters())


def test_a_rebuilt_network_trains_further() -> None:
    description = everything().to_description("everything", IMAGES, steps=4)
    options = {"learn": ("beta",), "surrogate": fast_sigmoid, "backend": "eager"}
    before = torch.get_rng_state()
    net = SpikingSequential.from_description(description, **options)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_default_dtype() == torch.float32
    cells = [layer for layer in net.layers if isinstance(layer, Cell)]
    assert [cell.channel_axis for cell in cells] == [-3, -3, -1, -1]
    assert [cell.channels for cell in cells] == [4, None, None, 3]
    assert {cell.surrogate for cell in cells} == {fast_sigmoid}
    output = net(torch.rand(8, 2, 9, 8) * 2, steps=6)
    (output.spike_counts.square().sum() + output.membrane.sum()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    with pytest.raises(UserError, match="no parameter 'tau'"):
        SpikingSequential.from_description(description, learn=("tau",))
    assert torch.get_default_dtype() == torch.float32


def test_delays_are_rounded_on_the_way_out() -> None:
    net = SpikingNet(6, 5, 3, max_delay=4)
    with pytest.warns(RoundingWarning, match=r"module [02] \(DelayLinear\): .*on average") as said:
        layers = net.to_description("delayed", VECTORS, steps=5).layers
    assert len(said) == 2
    with pytest.warns(RoundingWarning, match=r"layers\[[02]\]: ") as said:
        net = net.rounded()
    assert len(said) == 2
    again = net.to_description("delayed", VECTORS, steps=5).layers  # what is whole stays as it is
    assert [str(layer) for layer in again] == [str(layer) for layer in layers]
    for module, layer in zip(net.layers, layers, strict=True):
        if isinstance(layer, DelayDense):
            np.testing.assert_array_equal(layer.delays, module.delays)
            assert layer.delays.dtype == np.int64


def test_batch_norm_is_folded_in_double_precision() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4)
    linear = nn.Linear(6, 4)
    norm(100 + 0.01 * torch.randn(50, 4))  # where single precision would cancel
    net = SpikingSequential(linear, nn.Dropout(), norm, LIFCell()).eval()
    dense = net.to_description("folded", VECTORS, steps=1).layers[0]
    x = torch.randn(20, 6, dtype=torch.float64)
    expected = norm.double()(linear.double()(x)).detach().numpy()
    scale = np.abs(expected).max()
    found = x.numpy() @ dense.weight.T + dense.bias
    np.testing.assert_allclose(found, expected, atol=1e-6 * scale)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_weight_becomes_probabilities(encoding: Any) -> None:
    net = everything()
    encoded = net.to_sc_weights(encoding)
    layers = net.to_description("everything", IMAGES, steps=1).layers
    weighted = [layer for layer in layers if isinstance(layer, WeightedLayer)]
    assert [weights.values.ndim for weights in encoded] == [4, 4, 2, 2, 2]
    for weights, layer in zip(encoded, weighted, strict=True):
        difference = np.abs(weights.decode() - layer.weight)
        assert difference.max() <= weights.error_bound
        if layer.bias is not None:
            np.testing.assert_array_equal(weights.bias, layer.bias)
    assert isinstance(weighted[3], Recurrent)


def test_conv_nets_have_their_weights_in_plain_order() -> None:
    net = ConvSpikingNet((1, 12, 12), (2, 3), 4, 3, kernel_size=3, per_channel=True)
    encoding = InputEncoding(shape=(1, 12, 12), bits=8, fraction_bits=8)
    description = net.to_description("conv", encoding, steps=3)
    for layer in description.layers:
        if isinstance(layer, Conv2d):
            assert layer.weight.flags.c_contiguous
    assert [weights.values.shape for weights in net.to_sc_weights()] == [
        *((2, 1, 3, 3), (3, 2, 3, 3), (4, 3), (3, 4)),
    ]
    rebuilt = SpikingSequential.from_description(description)
    x = torch.rand(5, 1, 12, 12)
    torch.testing.assert_close(rebuilt(x, steps=3), net(x, steps=3))


def test_parametrized_and_half_precision_weights_are_exported_as_they_act() -> None:
    linear = parametrizations.weight_norm(nn.Linear(6, 3))
    with torch.no_grad():
        linear.parametrizations.weight.original0.mul_(2)
    layers = SpikingSequential(linear, LIFCell()).to_description("norm", VECTORS, 1).layers
    np.testing.assert_array_equal(layers[0].weight, linear.weight.detach())
    half = nn.Linear(6, 3).bfloat16()
    layers = SpikingSequential(half, LIFCell()).to_description("half", VECTORS, 1).layers
    np.testing.assert_array_equal(layers[0].weight, half.weight.detach().float())


class Doubled(nn.Linear):
    """Not what its class says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(2 * x)


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Linear(6, 3), nn.ReLU()], r"module 1 \(ReLU\): a network description cannot hold it"),
        ([Doubled(6, 3)], r"module 0 \(Doubled\): a network description cannot hold it"),
        ([nn.LazyLinear(3)], r"module 0 \(LazyLinear\): it has no sizes yet"),
        ([nn.BatchNorm1d(6)], r"module 0 \(BatchNorm1d\): it comes first"),
        ([nn.Flatten(), nn.BatchNorm1d(6)], r"module 1 \(BatchNorm1d\): .* 'flatten'"),
        (
            [nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False)],
            r"module 1 \(BatchNorm1d\): track_running_stats=False",
        ),
        ([nn.Linear(6, 3), nn.BatchNorm1d(4)], r"module 1 .* 4 features behind .* 3 outputs"),
        ([nn.Flatten(2)], r"module 0 \(Flatten\): only Flatten\(\) without arguments"),
    ],
)
def test_what_cannot_be_exported_is_named(modules: list[nn.Module], message: str) -> None:
    net = SpikingSequential(*modules, LIFCell())
    for export in (net.to_sc_weights, lambda: net.to_description("net", VECTORS, 2)):
        with pytest.raises(UserError, match=message):
            export()


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ([nn.Conv2d(2, 3, 3, padding_mode="circular")], "padding_mode='circular'"),
        ([nn.Conv2d(2, 3, 2, padding="same")], "pads one side more"),
        ([nn.AvgPool2d(2, padding=1)], r"AvgPool2d\): ceil_mode, divisor_override and padding"),
        ([nn.AvgPool2d(2, ceil_mode=True)], "ceil_mode"),
        ([nn.Conv2d(3, 3, 2)], r"module 0 \(Conv2d\): conv2d \(channels\) expects"),
        (
            [nn.Conv2d(2, 4, 2), LIFCell(beta=[0.1] * 7)],
            r"module 1 \(CatalogueCell|LIFCell\): beta differ along axis -1",
        ),
    ],
)
def test_what_does_not_fit_images_is_named(modules: list[nn.Module], message: str) -> None:
    with pytest.raises(UserError, match=message):
        SpikingSequential(*modules, LIFCell()).to_description("net", IMAGES, 2)


def test_numbers_that_are_none_are_the_descriptions_error() -> None:
    linear = nn.Linear(6, 3)
    nn.init.constant_(linear.weight, float("nan"))
    with pytest.raises(DescriptionError, match=r"module 0 \(Linear\): .*weight\[0, 0\] is nan"):
        SpikingSequential(linear, LIFCell()).to_description("net", VECTORS, 2)


def test_valid_padding_is_none() -> None:
    conv = nn.Conv2d(2, 3, 2, padding="valid")
    layers = SpikingSequential(conv, LIFCell()).to_description("net", IMAGES, 2).layers
    assert layers[0].padding == (0, 0)


def test_a_description_by_other_hands_is_rebuilt() -> None:
    description = NetworkDescription(
        name="foreign",
        input=VECTORS,
        steps=4,
        layers=[
            DelayDense(weight=np.eye(6), delays=np.zeros((6, 6))),
            Population(neuron=LIF, parameters={"beta": np.linspace(0.1, 0.9, 6)}),
        ],
    )
    net = SpikingSequential.from_description(description)
    x = torch.rand(3, 6)
    plain = SpikingSequential(nn.Linear(6, 6, bias=False), net.layers[1])
    nn.init.eye_(plain.layers[0].weight)
    torch.testing.assert_close(net(x, steps=4), plain(x, steps=4))
