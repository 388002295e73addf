"""The stochastic layer against naive bits, against its own short cut, and against the matmul."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import ENCODINGS, EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import Sharing, SourceName, make_sources

every_encoding = pytest.mark.parametrize("encoding", ENCODINGS)
every_source = pytest.mark.parametrize("source", get_args(SourceName))
every_sharing = pytest.mark.parametrize("sharing", get_args(Sharing))


def random_layer(
    n_out: int, n_in: int, encoding: WeightEncoding, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, EncodedWeights]:
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 1 / np.sqrt(n_in), (n_out, n_in))
    bias = rng.normal(0, 0.1, n_out)
    return weight, bias, encode_weights(weight, bias, encoding)


def naive_counts(layer: SCDenseLayer, x: np.ndarray) -> np.ndarray:
    """Count the ones of every product stream by comparing numbers, without packing."""
    weights = layer.weights
    r_x, r_w = (r.astype(int) for r in layer.sources.sequences(layer.n_in, layer.length))
    p_x = (x + 1) / 2 if weights.encoding == "bipolar" else x
    x_bits = r_x < np.rint(p_x * 65536)[..., np.newaxis]
    w_bits = r_w < np.rint(weights.values * 65536)[..., np.newaxis]
    x_bits, w_bits = x_bits[:, np.newaxis], w_bits[np.newaxis]
    product = x_bits == w_bits if weights.encoding == "bipolar" else x_bits & w_bits
    sign = np.ones(weights.values.shape, int) if weights.sign is None else weights.sign
    return (product.sum(axis=3) * sign.astype(int)).sum(axis=2)


@every_encoding
@every_source
@every_sharing
@settings(max_examples=12)
@given(
    shape=st.tuples(st.integers(0, 4), st.integers(1, 6), st.integers(1, 7)),
    length=st.integers(1, 150),
    seed=st.integers(0, 1000),
)
def test_counts_equal_naive_bits(
    encoding: WeightEncoding,
    source: str,
    sharing: Sharing,
    shape: tuple[int, int, int],
    length: int,
    seed: int,
) -> None:
    batch, n_out, n_in = shape
    _, _, weights = random_layer(n_out, n_in, encoding, seed)
    layer = SCDenseLayer(weights, length, source, seed, sharing)
    x = np.random.default_rng(seed).random((batch, n_in)).round(1)
    assert np.array_equal(layer.counts(x), naive_counts(layer, x))


@every_encoding
@every_source
@every_sharing
@settings(max_examples=20)
@given(length=st.integers(1, 300), seed=st.integers(0, 1000))
def test_spike_short_cut_is_the_long_way_bit_for_bit(
    encoding: WeightEncoding, source: str, sharing: Sharing, length: int, seed: int
) -> None:
    _, _, weights = random_layer(5, 9, encoding, seed)
    layer = SCDenseLayer(weights, length, source, seed, sharing)
    spikes = np.random.default_rng(seed).random((6, 9)) < 0.4
    assert np.array_equal(layer.spike_counts(spikes), layer.counts(spikes))
    assert np.array_equal(layer.spikes(spikes), layer(spikes))
    assert np.array_equal(layer.spikes(spikes.astype(float)), layer(spikes))


@every_encoding
@every_source
@given(length=st.integers(1, 300), seed=st.integers(0, 1000), window=st.integers(1, 9))
@settings(max_examples=20)
def test_sums_of_spikes_count_what_each_spike_counts_the_long_way(
    encoding: WeightEncoding, source: str, length: int, seed: int, window: int
) -> None:
    _, _, weights = random_layer(5, 9, encoding, seed)
    layer = SCDenseLayer(weights, length, source, seed)
    spikes = np.random.default_rng(seed).random((window, 6, 9)) < 0.4
    long_way = sum(layer.counts(each) for each in spikes)
    assert np.array_equal(layer.spike_counts(spikes.sum(axis=0), window), long_way)
    mean = np.mean([layer(each) for each in spikes], axis=0)
    np.testing.assert_allclose(layer.spikes(spikes.sum(axis=0), window), mean, atol=1e-12)


def test_counts_are_exact_where_float32_is_not() -> None:
    # 299 weights of almost 65536 ones each: 9 windows of them sum to more than 2^24.
    weights = encode_weights(np.append(np.full(299, 0.99999), 1)[np.newaxis])
    layer = SCDenseLayer(weights, 65536, "sobol")
    expected = 9 * int(layer.spike_gains.sum())
    assert expected % 2 == 1 and expected > 1 << 24
    assert layer.spike_counts(np.full((1, 300), 9), 9).tolist() == [[expected]]


@every_encoding
@every_source
def test_effective_weights_are_what_spikes_meet(encoding: WeightEncoding, source: str) -> None:
    weight, bias, weights = random_layer(5, 9, encoding)
    layer = SCDenseLayer(weights, 100, source, sharing="per-input")
    spikes = np.random.default_rng(1).random((40, 9)) < 0.5
    met, met_bias = layer.effective_weights()
    np.testing.assert_allclose(spikes @ met.T + met_bias, layer(spikes), atol=1e-12)
    if encoding == "sign-magnitude":
        assert np.array_equal(met_bias, bias)
        assert (np.sign(met) * np.sign(weight) >= 0).all()


@every_encoding
@pytest.mark.parametrize(("source", "per_step", "bound"), [("lfsr", 1, 0.06), ("sobol", 8, 0.001)])
def test_estimate_converges_to_the_matrix_product(
    encoding: WeightEncoding, source: str, per_step: float, bound: float
) -> None:
    weight, bias, weights = random_layer(24, 32, encoding)
    x = np.random.default_rng(1).random((16, 32))
    expected = x @ weight.T + bias
    errors = [
        np.sqrt(np.mean((SCDenseLayer(weights, length, source)(x) - expected) ** 2))
        for length in (16, 256, 4096, 65536)
    ]
    # Each step is 16 times as many bits: about 16 times less error for Sobol points, while an
    # LFSR's short prefixes are as uneven as random numbers.
    for shorter, longer in pairwise(errors):
        assert shorter > per_step * longer
    assert errors[3] < bound * expected.std()


def test_bernoulli_estimate_is_unbiased() -> None:
    weight, bias, weights = random_layer(3, 5, "sign-magnitude")
    x = np.random.default_rng(2).random((2, 5))
    runs = np.array([SCDenseLayer(weights, 64, "bernoulli", seed)(x) for seed in range(400)])
    standard_error = runs.std(axis=0) / np.sqrt(len(runs))
    assert (np.abs(runs.mean(axis=0) - (x @ weight.T + bias)) < 4.5 * standard_error).all()


def test_unipolar_offset_is_exact_for_values_the_stream_holds() -> None:
    # All weights equal: only offset * sum(x) remains, and 8-bit inputs are exact in 256 bits.
    weights = encode_weights(np.full((2, 3), -0.75), None, "unipolar")
    x = np.array([[3, 100, 256]]) / 256
    assert SCDenseLayer(weights, 256, "sobol")(x).tolist() == [[-0.75 * 359 / 256] * 2]


@every_encoding
def test_one_chunk_or_many_give_the_same(
    encoding: WeightEncoding, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, weights = random_layer(4, 6, encoding)
    layer = SCDenseLayer(weights, 100)
    x = np.random.default_rng(0).random((11, 6))
    whole = layer(x)
    monkeypatch.setattr("sc_neurocore.stochastic.layer._BYTES_AT_ONCE", 200)
    assert np.array_equal(layer(x), whole)


@every_encoding
@every_sharing
@pytest.mark.parametrize("outputs", [1, 3])
def test_weights_in_blocks_give_the_same(
    encoding: WeightEncoding, sharing: Sharing, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, weights = random_layer(7, 6, encoding)
    x = np.random.default_rng(0).random((5, 6))
    whole = SCDenseLayer(weights, 100, "sobol", sharing=sharing)
    monkeypatch.setattr("sc_neurocore.stochastic.layer._BYTES_KEPT", 0)
    monkeypatch.setattr("sc_neurocore.stochastic.layer._BYTES_OF_BLOCK", 8 * 2 * 6 * outputs)
    blocks = SCDenseLayer(weights, 100, "sobol", sharing=sharing)
    assert np.array_equal(blocks.counts(x), whole.counts(x))
    spikes = np.round(x)
    assert np.array_equal(blocks.spike_counts(spikes), blocks.counts(spikes))


def test_streams_that_no_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, weights = random_layer(2, 6, "sign-magnitude")
    monkeypatch.setattr("sc_neurocore.stochastic.layer._MOST_BYTES", 8 * 2 * 6)
    SCDenseLayer(weights, 128)
    with pytest.raises(UserError, match=r"streams of 129 bits for 6 inputs.* make the streams"):
        SCDenseLayer(weights, 129)


@every_source
def test_same_seed_same_bits(source: str) -> None:
    _, _, weights = random_layer(4, 6, "sign-magnitude")
    x = np.random.default_rng(0).random((3, 6))
    first, again = (SCDenseLayer(weights, 77, source, seed=9).counts(x) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(first, SCDenseLayer(weights, 77, make_sources(source, 9)).counts(x))
    assert not np.array_equal(first, SCDenseLayer(weights, 77, source, seed=10).counts(x))


def test_layer_without_bias() -> None:
    weights = encode_weights([[0.5, -0.25]], None, "sign-magnitude")
    assert SCDenseLayer(weights, 8, "sobol")([[1.0, 1.0]]).tolist() == [[0.25]]


def test_wrong_layers_are_refused() -> None:
    _, _, good = random_layer(2, 3, "sign-magnitude")
    with pytest.raises(UserError, match="stream length 0"):
        SCDenseLayer(good, 0)
    with pytest.raises(UserError, match="unknown source 'dice'"):
        SCDenseLayer(good, 8, "dice")
    with pytest.raises(UserError, match="unknown weight encoding 'ternary'"):
        SCDenseLayer(replace(good, encoding="ternary"), 8)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="without signs"):
        SCDenseLayer(replace(good, sign=None), 8)
    with pytest.raises(UserError, match="unipolar weights with signs"):
        SCDenseLayer(replace(good, encoding="unipolar"), 8)
    with pytest.raises(UserError, match="exported as bipolar in a layer that is unipolar"):
        SCDenseLayer(encode_weights(np.eye(2), None, "bipolar"), 8, encoding="unipolar")
    with pytest.raises(UserError, match=r"signs of shape \(3,\)"):
        SCDenseLayer(replace(good, sign=np.ones(3, np.int8)), 8)
    with pytest.raises(UserError, match=r"biases of shape \(3,\) for 2 outputs"):
        SCDenseLayer(replace(good, bias=np.ones(3)), 8)
    with pytest.raises(UserError, match="scale nan"):
        SCDenseLayer(replace(good, scale=np.nan), 8)
    with pytest.raises(UserError, match="weights of type ndarray"):
        SCDenseLayer(np.eye(3), 8)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"weights of shape \(2, 3, 1, 1\)"):
        SCDenseLayer(encode_weights(np.ones((2, 3, 1, 1))), 8)
    with pytest.raises(UserError, match=r"value 2\.0"):
        SCDenseLayer(replace(good, values=np.full((2, 3), 2.0)), 8)


@every_encoding
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros(3), r"input of shape \(3,\): expected \(batch, 3\)"),
        (np.zeros((2, 4)), r"input of shape \(2, 4\)"),
        ([[0, 0, np.nan]], "value nan"),
        ([[0, -0.5, 0]], r"value -0.5 at index \(0, 1\)"),
        ([[0, 1.5, 0]], "value 1.5"),
    ],
)
def test_wrong_inputs_are_named(encoding: WeightEncoding, x: object, message: str) -> None:
    layer = SCDenseLayer(random_layer(2, 3, encoding)[2], 8)
    with pytest.raises(UserError, match=message):
        layer(x)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.5, 2, -1, np.nan])
def test_only_zeros_and_ones_are_spikes(value: float) -> None:
    layer = SCDenseLayer(random_layer(2, 3, "sign-magnitude")[2], 8)
    with pytest.raises(UserError, match="spikes must be 0 or 1"):
        layer.spikes([[0, 1, value]])


@pytest.mark.parametrize("value", [0.5, 5, -1, np.nan, "x"])
def test_sums_of_spikes_are_whole_and_no_larger_than_the_window(value: object) -> None:
    layer = SCDenseLayer(random_layer(2, 3, "sign-magnitude")[2], 8)
    with pytest.raises(UserError, match="sums of 4 spikes must be whole numbers from 0 to 4"):
        layer.spikes([[0, 4, value]], window=4)


def test_spikes_below_zero_are_counted_exactly() -> None:
    """The bound that chooses how sums are formed is of magnitudes."""
    layer = SCDenseLayer(encode_weights([[0.999] * 64 + [0.501]]), 1024, "sobol")
    spikes = np.full((1, 65), -32767)
    found, _ = layer.count_spikes(spikes)
    np.testing.assert_array_equal(found, spikes @ layer.spike_gains.T)
