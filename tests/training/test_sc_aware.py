"""Training with streams: the forward pass is stochastic inference, the backward the identity."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sc_neurocore.data import load_split
from sc_neurocore.errors import UserError
from sc_neurocore.network import InputEncoding, load_description
from sc_neurocore.stochastic import (
    SCConv2dLayer,
    SCDenseLayer,
    SourceName,
    SourcePair,
    calibrate_weights,
    make_sources,
    run_network,
)
from sc_neurocore.training import (
    ConvSpikingNet,
    DelayLinear,
    LIFCell,
    RecurrentLIFCell,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
)
from sc_neurocore.training.sc_aware import StreamLayer, stream_aware

MODELS = Path(__file__).parent.parent.parent / "models"
every_source = pytest.mark.parametrize("source", get_args(SourceName))


def dense_net(seed: int = 0) -> SpikingNet:
    with seeded(seed):
        return SpikingNet(20, 16, 4, n_layers=2).double()


@every_source
@pytest.mark.parametrize("sharing", ["shared", "rotated", "per-input"])
@pytest.mark.parametrize("length", [7, 64])
def test_dense_network_answers_as_stochastic_inference_does(
    source: str, sharing: Any, length: int
) -> None:
    net, sources = dense_net(), make_sources(source, sharing=sharing)
    x = torch.rand(30, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with stream_aware(net, length, sources), torch.no_grad():
        found = net(2 * x / 2, steps=12)
    description = net.to_description("net", InputEncoding(shape=(20,), bits=8, fraction_bits=8), 12)
    expected = run_network(description, x.numpy(), length, sources)
    assert np.array_equal(found.spike_counts.numpy(), expected.spike_counts)
    np.testing.assert_allclose(found.membrane.numpy(), expected.membrane, atol=1e-9)


@pytest.mark.parametrize("sharing", ["shared", "rotated"])
def test_convolutional_network_answers_as_stochastic_inference_does(sharing: Any) -> None:
    with seeded(0):
        net = ConvSpikingNet((2, 12, 12), channels=(4, 6), n_hidden=8, n_output=3, kernel_size=3)
    net.double()
    sources = make_sources("sobol", sharing=sharing)
    x = torch.rand(6, 2, 12, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    with stream_aware(net, 32, sources), torch.no_grad():
        found = net(x, steps=6)
    encoding = InputEncoding(shape=(2, 12, 12), bits=8, fraction_bits=8)
    expected = run_network(net.to_description("net", encoding, 6), x.numpy(), 32, sources)
    assert expected.membrane.std() > 0.1
    assert np.array_equal(found.spike_counts.numpy(), expected.spike_counts)
    np.testing.assert_allclose(found.membrane.numpy(), expected.membrane, atol=1e-9)


def test_maxima_answer_as_in_stochastic_inference() -> None:
    with seeded(2):
        net = SpikingSequential(
            nn.MaxPool2d(2, stride=1),
            nn.Conv2d(1, 3, 2),
            nn.MaxPool2d(2, padding=1),
            LIFCell(threshold=0.25),
            nn.MaxPool2d((1, 2)),
            nn.Flatten(),
            nn.Linear(30, 3),
            LIFCell(threshold=0.25),
        ).double()
    x = torch.rand(20, 1, 11, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    sources = make_sources("sobol")
    with stream_aware(net, 64, sources), torch.no_grad():
        found = net(x, steps=6)
    encoding = InputEncoding(shape=(1, 11, 9), bits=8, fraction_bits=8)
    expected = run_network(net.to_description("net", encoding, 6), x.numpy(), 64, sources)
    assert expected.spike_counts.sum() > 10
    assert np.array_equal(found.spike_counts.numpy(), expected.spike_counts)
    np.testing.assert_allclose(found.membrane.numpy(), expected.membrane, atol=1e-9)


@pytest.mark.parametrize("at_once", [1, 1 << 24])
@pytest.mark.parametrize("groups", [1, 2])
def test_currents_are_those_of_the_stochastic_layers(
    at_once: int, groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sc_neurocore.training.sc_aware._BITS_AT_ONCE", at_once)
    sources = make_sources("lfsr")
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2), "groups": groups}
    for layer, x in (
        (nn.Linear(9, 5), torch.rand(6, 9)),
        (nn.Conv2d(4, 6, 3, **options), torch.rand(3, 4, 8, 7)),
        (nn.Conv2d(4, 6, 3, padding="same", bias=False), torch.rand(3, 4, 8, 7)),
    ):
        layer = layer.double()
        streams = StreamLayer(layer, 40, sources, "streams")
        weights = calibrate_weights(
            layer.weight.detach().numpy(),
            None if layer.bias is None else layer.bias.detach().numpy(),
            "sign-magnitude",
            40,
            sources,
        )
        if isinstance(layer, nn.Linear):
            expected = SCDenseLayer(weights, 40, sources)(x.double().numpy())
        else:
            same = {"padding": (1, 1)} if layer.padding == "same" else options
            expected = SCConv2dLayer(weights, 40, sources, **same)(x.double().numpy())
        assert np.array_equal(streams(x.double()).detach().numpy(), expected)


def test_float32_counts_the_same_bits() -> None:
    layer = nn.Linear(50, 8)
    sources, x = make_sources("sobol"), torch.rand(10, 50)
    streams = StreamLayer(layer, 128, sources, "streams")
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    weights = calibrate_weights(weight, bias, "sign-magnitude", 128, sources)
    expected = SCDenseLayer(weights, 128, sources)(x.numpy())
    np.testing.assert_allclose(streams(x).detach().numpy(), expected, rtol=1e-6, atol=1e-7)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert np.array_equal(streams(x).float().numpy(), streams(x).detach().numpy())


@pytest.mark.parametrize("products", ["streams", "levels", None])
def test_gradients_go_straight_through(products: Any) -> None:
    layer = nn.Linear(9, 5).double()
    with torch.no_grad():
        layer.weight[0, 0] = 0.51  # is clipped, and then at the limit, where a gradient still acts
    x = torch.rand(6, 9, dtype=torch.float64, requires_grad=True)
    streams = StreamLayer(layer, 8, make_sources("lfsr"), products)
    assert streams.limit == 0.5 and layer.weight[0, 0] == streams.limit
    upstream = torch.rand(6, 5, dtype=torch.float64)
    found = torch.autograd.grad(streams(x), [x, layer.weight, layer.bias], upstream)
    plain = functional.linear(x, layer.weight, layer.bias)
    met_x, met_weight = x.detach(), layer.weight
    if products != "streams":  # the other factor of the product is the one of the forward pass
        met_weight = streams._levels(layer.weight.detach())
        met_x = x.detach() if products is None else streams._input_levels(x.detach())
    assert torch.allclose(found[0], upstream @ met_weight)
    assert torch.allclose(found[1], upstream.T @ met_x)
    assert torch.allclose(found[2], torch.autograd.grad(plain, layer.bias, upstream)[0])


def test_limits_trade_clipping_against_rounding() -> None:
    layer = nn.Linear(400, 30)
    with torch.no_grad():
        layer.weight[0, 0] = 3.0  # its scale would be 4, and of 16 levels the others had one
    streams = StreamLayer(layer, 16, make_sources("sobol"), None)
    assert streams.limit <= 0.5
    fine = StreamLayer(nn.Linear(400, 30), 65536, make_sources("sobol"), None)
    assert fine.limit == 0.0625  # 1 / 20 is the largest of them: nothing is clipped


def test_the_network_is_what_it_was_when_the_context_ends() -> None:
    net = dense_net()
    layers, names = list(net.layers), list(net.state_dict())
    with pytest.raises(ZeroDivisionError), stream_aware(net, 8, make_sources("lfsr")):
        assert list(net.state_dict()) == names
        assert [id(p) for p in net.parameters()] == [
            id(p) for layer in layers for p in layer.parameters()
        ]
        with torch.no_grad():
            net.layers[0].weight += 100
        raise ZeroDivisionError
    assert all(now is then for now, then in zip(net.layers, layers, strict=True))
    assert net.layers[0].weight.max() <= 1


def test_fine_tuning_recovers_accuracy_at_three_bits() -> None:
    parts, sources = load_split("digits"), make_sources("lfsr")
    trained = load_description(MODELS / "digits")
    net = SpikingSequential.from_description(trained)
    with stream_aware(net, 3, sources):
        before = evaluate(net, parts.test, steps=25)
        fit(net, parts.train, options=TrainingOptions(epochs=2, steps=25))
        after = evaluate(net, parts.test, steps=25)
    assert after > before + 0.02
    tuned = net.to_description("digits", parts.test.encoding, steps=25)
    for description, expected in ((trained, before), (tuned, after)):
        run = run_network(description, parts.test.inputs, 3, sources)
        assert abs(run.accuracy(parts.test.labels) - expected) <= 1 / len(parts.test)


def test_what_streams_cannot_hold_is_named() -> None:
    sources = make_sources("lfsr")
    cell = LIFCell()
    for layers, message in [
        ((nn.Linear(4, 4), nn.Linear(4, 4), cell), r"layers\[1\] \(Linear\).*put a cell before"),
        ((nn.Linear(4, 4), nn.BatchNorm1d(4), cell), r"layers\[1\] \(BatchNorm1d\).*fold"),
        ((DelayLinear(4, 4, 2), cell), r"layers\[0\] \(DelayLinear\)"),
        ((nn.Linear(4, 4), RecurrentLIFCell(n_neurons=4)), r"layers\[1\] \(RecurrentLIFCell\)"),
        ((nn.Conv2d(1, 2, 3, padding_mode="circular"), cell), "padding_mode='circular'"),
    ]:
        net = SpikingSequential(*layers)
        with pytest.raises(UserError, match=message), stream_aware(net, 8, sources):
            pass
        assert list(net.layers) == list(layers)
    net = dense_net()
    for length in (0, 65537, 2.0, True):
        with pytest.raises(UserError, match="stream length"), stream_aware(net, length, sources):  # type: ignore[arg-type]
            pass
    with pytest.raises(UserError, match="products='bits'"), stream_aware(net, 8, sources, "bits"):  # type: ignore[arg-type]
        pass
    for value in (1.5, -0.1, float("nan")):
        x = torch.full((2, 20), value, dtype=torch.float64)
        with stream_aware(net, 8, sources), pytest.raises(UserError, match="from 0 to 1"):
            net(x, steps=2)
    pair = SourcePair(sources.inputs, sources.weights, "per-input")
    conv = ConvSpikingNet((1, 12, 12), channels=(2,), n_hidden=4, n_output=2)
    with pytest.raises(UserError, match="do not share a sequence"), stream_aware(conv, 8, pair):
        pass
    with stream_aware(conv, 8, pair, "levels"):
        conv(torch.rand(2, 1, 12, 12), steps=2)
