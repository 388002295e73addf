"""The stochastic convolution against dense layers on patches cut by hand, and against torch."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import (
    ENCODINGS,
    EncodedWeights,
    WeightEncoding,
    encode_weights,
)
from sc_neurocore.stochastic.convolution import SCConv2dLayer
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import Sharing

every_encoding = pytest.mark.parametrize("encoding", ENCODINGS)
every_sharing = pytest.mark.parametrize("sharing", get_args(Sharing))
GEOMETRIES: list[dict[str, Any]] = [
    {},
    {"padding": (2, 1), "stride": (2, 3)},
    {"dilation": (2, 1), "groups": 2},
    {"groups": 4, "padding": (1, 1)},
]
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES)


def random_weights(
    encoding: WeightEncoding, groups: int = 1
) -> tuple[np.ndarray, np.ndarray, EncodedWeights]:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(8, 4 // groups, 3, 2)) / 5, rng.normal(size=8) / 5
    return weight, bias, encode_weights(weight, bias, encoding)


def by_hand(layer: SCConv2dLayer, x: np.ndarray, geometry: dict[str, Any]) -> np.ndarray:
    """Cut every patch out of the padded image and give it to a dense layer of its group."""
    groups = geometry.get("groups", 1)
    (above, left), (down, right) = geometry.get("padding", (0, 0)), geometry.get("stride", (1, 1))
    apart = geometry.get("dilation", (1, 1))
    weights, width, channels = layer.weights, 8 // groups, 4 // groups
    padded = np.pad(x, ((0, 0), (0, 0), (above, above), (left, left)))
    rows = (padded.shape[2] - 2 * apart[0] - 1) // down + 1
    columns = (padded.shape[3] - apart[1] - 1) // right + 1
    out = np.empty((len(x), 8, rows, columns))
    for group in range(groups):
        own = slice(group * width, (group + 1) * width)
        dense = SCDenseLayer(
            EncodedWeights(
                weights.encoding,
                weights.values[own].reshape(width, -1),
                None if weights.sign is None else weights.sign[own].reshape(width, -1),
                weights.scale,
                weights.offset,
                None if weights.bias is None else weights.bias[own],
            ),
            layer.length,
            layer.sources,
        )
        for row, column in np.ndindex(rows, columns):
            top, start = row * down, column * right
            patch = padded[
                :,
                group * channels : (group + 1) * channels,
                top : top + 2 * apart[0] + 1 : apart[0],
                start : start + apart[1] + 1 : apart[1],
            ]
            out[:, own, row, column] = dense(patch.reshape(len(x), -1))
    return out


@every_encoding
@every_sharing
@every_geometry
def test_equals_dense_layers_on_patches(
    encoding: WeightEncoding, sharing: Sharing, geometry: dict[str, Any]
) -> None:
    _, _, weights = random_weights(encoding, geometry.get("groups", 1))
    layer = SCConv2dLayer(weights, 48, "lfsr", sharing=sharing, **geometry)
    x = np.random.default_rng(1).random((2, 4, 7, 9))
    np.testing.assert_allclose(layer(x), by_hand(layer, x, geometry), rtol=0, atol=1e-12)


@every_encoding
@every_sharing
@every_geometry
@settings(max_examples=3)
@given(length=st.integers(1, 150), seed=st.integers(0, 100), window=st.integers(1, 4))
def test_spike_short_cut_is_the_long_way_bit_for_bit(
    encoding: WeightEncoding,
    sharing: Sharing,
    geometry: dict[str, Any],
    length: int,
    seed: int,
    window: int,
) -> None:
    _, _, weights = random_weights(encoding, geometry.get("groups", 1))
    layer = SCConv2dLayer(weights, length, "lfsr", seed, sharing, **geometry)
    spikes = np.random.default_rng(seed).random((window, 3, 4, 6, 7)) < 0.4
    assert np.array_equal(layer.spikes(spikes[0]), layer(spikes[0]))
    long_way = sum(layer.counts(each) for each in spikes)
    assert np.array_equal(layer.spike_counts(spikes.sum(axis=0), window), long_way)
    mean = np.mean([layer(each) for each in spikes], axis=0)
    np.testing.assert_allclose(layer.spikes(spikes.sum(axis=0), window), mean, atol=1e-12)


@every_encoding
@every_geometry
def test_long_streams_approach_the_convolution(
    encoding: WeightEncoding, geometry: dict[str, Any]
) -> None:
    weight, bias, weights = random_weights(encoding, geometry.get("groups", 1))
    x = np.random.default_rng(1).random((2, 4, 7, 9))
    expected = torch.conv2d(*map(torch.tensor, (x, weight, bias)), **geometry).numpy()
    found = SCConv2dLayer(weights, 65536, "sobol", **geometry)(x)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_effective_weights_are_what_spikes_meet() -> None:
    _, _, weights = random_weights("bipolar", 2)
    layer = SCConv2dLayer(weights, 50, padding=(1, 0), groups=2)
    spikes = np.random.default_rng(0).integers(0, 2, (3, 4, 6, 6))
    weight, bias = layer.effective_weights()
    found = torch.conv2d(
        torch.tensor(spikes, dtype=torch.float64), torch.tensor(weight), torch.tensor(bias),
        padding=(1, 0), groups=2,
    )  # fmt: skip
    np.testing.assert_allclose(found.numpy(), layer.spikes(spikes), atol=1e-12)


def test_slices_do_not_change_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, weights = random_weights("unipolar")
    layer = SCConv2dLayer(weights, 30)
    x = np.random.default_rng(0).random((7, 4, 5, 5))
    whole = layer(x)
    monkeypatch.setattr("sc_neurocore.stochastic.convolution._VALUES_AT_ONCE", 1500)
    assert np.array_equal(layer(x), whole)


def test_wrong_layers_and_inputs_are_named() -> None:
    _, _, weights = random_weights("sign-magnitude")
    layer = SCConv2dLayer(weights, 8)
    for x, message in [
        (np.zeros((1, 3, 5, 5)), r"input of shape \(1, 3, 5, 5\): expected \(batch, 4, rows"),
        (np.zeros((4, 5, 5)), r"input of shape \(4, 5, 5\)"),
        (np.zeros((1, 4, 2, 5)), r"the kernel \(3, 2\) is larger than \(2, 5\)"),
        (np.full((1, 4, 5, 5), 1.5), "value 1.5 at index"),
        (np.full((1, 4, 5, 5), np.nan), "value nan"),
    ]:
        with pytest.raises(UserError, match=message):
            layer(x)
    with pytest.raises(UserError, match="sums of 4 spikes"):
        layer.spikes(np.full((1, 4, 5, 5), 5), window=4)
    with pytest.raises(UserError, match=r"groups=3: expected a divisor of 8 outputs"):
        SCConv2dLayer(weights, 8, groups=3)
    with pytest.raises(UserError, match="stride"):
        SCConv2dLayer(weights, 8, stride=(0, 1))
    with pytest.raises(UserError, match=r"weights of shape \(2, 3\): SCConv2dLayer takes"):
        SCConv2dLayer(encode_weights(np.ones((2, 3))), 8)
    with pytest.raises(UserError, match="exported as sign-magnitude in a layer that is bipolar"):
        SCConv2dLayer(weights, 8, encoding="bipolar")
