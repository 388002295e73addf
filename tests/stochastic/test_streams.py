"""Streams: exact ends, round trips, error bounds, products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.packed_kernels import and_counts
from sc_neurocore.stochastic.sharing import make_sources
from sc_neurocore.stochastic.sources import LEVELS, LFSR16, Bernoulli, Sobol, Source
from sc_neurocore.stochastic.streams import (
    decode,
    encode,
    pack,
    popcount,
    thresholds,
    unpack,
    word_count,
)

SOURCES = [LFSR16(), Sobol(0), Sobol(1, 0xAAAA), Bernoulli(0)]
lengths = st.integers(1, 200)
probabilities = st.floats(0, 1)


@pytest.mark.parametrize("source", SOURCES)
@given(
    values=hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=4), elements=probabilities),
    length=lengths,
)
def test_encode_is_the_comparator_bit_by_bit(
    source: Source, values: np.ndarray, length: int
) -> None:
    packed = encode(values, source, length)
    assert packed.shape == (*values.shape, word_count(length))
    sequence = source.sequence(length).astype(int)
    for index in np.ndindex(values.shape):
        threshold = round(float(values[index]) * 65536)
        word_of_bits = sum(int(r < threshold) << k for k, r in enumerate(sequence.tolist()))
        assert word_of_bits == sum(int(w) << 64 * k for k, w in enumerate(packed[index]))


@pytest.mark.parametrize("source", SOURCES)
@given(length=lengths)
def test_zero_and_one_are_exact(source: Source, length: int) -> None:
    assert decode(encode([0.0, 1.0], source, length), length).tolist() == [0.0, 1.0]


def test_length_beyond_the_period_of_a_source() -> None:
    length = LEVELS + 100
    bits = unpack(encode([0.3], LFSR16(), length), length)[0]
    assert np.array_equal(bits[LEVELS - 1 :], bits[:101])
    assert bits.sum() == (LFSR16().sequence(length) < round(0.3 * LEVELS)).sum()


@given(bits=hnp.arrays(np.bool_, st.tuples(st.integers(0, 3), lengths)))
def test_pack_and_unpack_are_inverse(bits: np.ndarray) -> None:
    packed = pack(bits)
    assert np.array_equal(unpack(packed, bits.shape[1]), bits)
    assert np.array_equal(popcount(packed), bits.sum(axis=1))


def test_thresholds_have_17_bits_and_round_half_to_even() -> None:
    values = np.array([0, 0.5, 1.5, 2.5, 65535.5, 65536]) / LEVELS
    assert thresholds(values).tolist() == [0, 0, 2, 2, 65536, 65536]


@pytest.mark.parametrize("exponent", range(17))
@pytest.mark.parametrize("source", [Sobol(0), Sobol(1), Sobol(0, 0x5555), Sobol(1, 0xAAAA)])
def test_sobol_value_is_within_one_level(source: Source, exponent: int) -> None:
    length = 2**exponent
    values = np.random.default_rng(1).random(200)
    error = decode(encode(values, source, length), length) - values
    assert np.abs(error).max() <= 1 / length + 0.5 / LEVELS


@pytest.mark.parametrize("shift", [0x5555, 0xAAAA])
@pytest.mark.parametrize("length", [4, 32, 256, 2048])
def test_alternating_shift_rounds_almost_to_nearest(shift: int, length: int) -> None:
    values = np.linspace(0, 1, 3 * LEVELS // length, endpoint=False)
    error = decode(encode(values, Sobol(0, shift), length), length) - values
    assert np.abs(error).max() <= (2 / 3) / length + 1 / LEVELS


def test_full_sobol_period_returns_the_threshold() -> None:
    levels = np.arange(0, LEVELS + 1, 257)
    assert np.array_equal(popcount(encode(levels / LEVELS, Sobol(1), LEVELS)), levels)


def test_lfsr_is_unbiased_over_its_period() -> None:
    levels = np.arange(0, LEVELS + 1, 255)
    ones = popcount(encode(levels / LEVELS, LFSR16(seed=4711), LEVELS - 1))
    assert np.array_equal(ones, np.minimum(levels, LEVELS - 1))


@pytest.mark.parametrize(("name", "bound"), [("sobol", 3 / 4096), ("lfsr", 0.02)])
def test_and_multiplies(name: str, bound: float) -> None:
    pair = make_sources(name)
    x, w = np.random.default_rng(0).random((2, 100))
    both = encode(x, pair.inputs, 4096) & encode(w, pair.weights, 4096)
    assert np.abs(decode(both, 4096) - x * w).max() <= bound


def test_bernoulli_and_is_binomial() -> None:
    pair = make_sources("bernoulli")
    length = 100_000
    both = encode([0.6], pair.inputs, length) & encode([0.7], pair.weights, length)
    deviation = np.sqrt(0.42 * 0.58 / length)
    assert abs(decode(both, length)[0] - 0.42) < 5 * deviation


def test_and_of_one_source_with_itself_is_the_minimum() -> None:
    x, w = np.random.default_rng(0).random((2, 50))
    both = encode(x, LFSR16(), 1000) & encode(w, LFSR16(), 1000)
    assert np.array_equal(popcount(both), popcount(encode(np.minimum(x, w), LFSR16(), 1000)))


@pytest.mark.parametrize("threads", [None, 1, 2, 5])
@given(
    batch=st.integers(0, 40),
    outputs=st.integers(0, 40),
    inputs=st.integers(0, 4),
    words=st.sampled_from([1, 2, 9, 127, 128, 129, 400]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25)
def test_kernel_equals_plain_numpy(
    threads: int | None, batch: int, outputs: int, inputs: int, words: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2**64, (batch, inputs, words), dtype=np.uint64)
    w = rng.integers(0, 2**64, (outputs, inputs, words), dtype=np.uint64)
    naive = np.bitwise_count(x[:, np.newaxis] & w).sum(axis=(2, 3), dtype=np.int64)
    assert np.array_equal(and_counts(x, w, threads), naive)


@pytest.mark.parametrize("value", [-0.001, 1.001, np.nan, np.inf])
def test_values_outside_the_unit_interval_are_named(value: float) -> None:
    with pytest.raises(UserError, match=rf"value {value} at index \(1, 0\)"):
        encode([[0.5], [value]], Sobol(0), 64)


@pytest.mark.parametrize("length", [0, -1, 1.5, None])
def test_length_must_be_a_positive_integer(length: object) -> None:
    with pytest.raises(UserError, match="stream length"):
        encode([0.5], Sobol(0), length)  # type: ignore[arg-type]


def test_decode_refuses_another_length() -> None:
    packed = encode([0.9], Sobol(0), 100)
    with pytest.raises(UserError, match="need a last axis of 1 words"):
        decode(packed, 64)
    with pytest.raises(UserError, match="ones after bit 89"):
        decode(packed, 90)
