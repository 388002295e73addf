"""Gates on streams: values of uncorrelated streams, extremes of correlated ones, exact counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.arithmetic import (
    correlation,
    count,
    multiply,
    multiply_bipolar,
    saturating_add,
    scaled_add,
)
from sc_neurocore.stochastic.sources import LFSR16, Bernoulli, Halton, Sobol
from sc_neurocore.stochastic.streams import decode, encode, pack, unpack

LENGTH = 4096
X, Y = np.random.default_rng(0).uniform(0.02, 0.98, (2, 60))
X_STREAMS, Y_STREAMS = encode(X, Halton(2), LENGTH), encode(Y, Halton(3), LENGTH)
HALF = encode(0.5, Halton(5), LENGTH)


def test_and_and_xnor_multiply() -> None:
    assert np.abs(decode(multiply(X_STREAMS, Y_STREAMS, LENGTH), LENGTH) - X * Y).max() < 0.005
    product = 2 * decode(multiply_bipolar(X_STREAMS, Y_STREAMS, LENGTH), LENGTH) - 1
    assert np.abs(product - (2 * X - 1) * (2 * Y - 1)).max() < 0.01


def test_a_multiplexer_adds_what_it_selects() -> None:
    mean = decode(scaled_add(HALF, X_STREAMS, Y_STREAMS, LENGTH), LENGTH)
    assert np.abs(mean - (X + Y) / 2).max() < 0.01
    weighted = scaled_add(encode(0.2, Halton(5), LENGTH), X_STREAMS, Y_STREAMS, LENGTH)
    assert np.abs(decode(weighted, LENGTH) - (0.2 * X + 0.8 * Y)).max() < 0.01


def test_or_adds_exactly_what_excludes_itself_and_saturates() -> None:
    both = decode(saturating_add(X_STREAMS, Y_STREAMS, LENGTH), LENGTH)
    assert np.abs(both - (X + Y - X * Y)).max() < 0.005
    # A stream and one from the numbers upside down overlap as little as they can.
    ramp = np.arange(256).astype(np.uint16) * 256
    low = pack(ramp < 65536 * X[:, None])
    high = pack(65535 - ramp < 65536 * Y[:, None])
    total = decode(saturating_add(low, high, 256), 256)
    expected = np.minimum(1, decode(low, 256) + decode(high, 256))
    assert np.array_equal(total, expected)


def test_and_of_correlated_streams_is_minimum_or_excess() -> None:
    ramp = np.arange(256).astype(np.uint16) * 256
    x, y = (pack(ramp < 65536 * values[:, None]) for values in (X, Y))
    away = pack(65535 - ramp < 65536 * Y[:, None])
    p, q, r = (decode(streams, 256) for streams in (x, y, away))
    assert np.array_equal(decode(multiply(x, y, 256), 256), np.minimum(p, q))
    assert np.array_equal(decode(multiply(x, away, 256), 256), np.maximum(0, p + r - 1))
    assert np.array_equal(correlation(x, y, 256), np.ones(60))
    assert np.array_equal(correlation(x, away, 256), -np.ones(60))


@given(
    length=st.integers(1, 130),
    seed=st.integers(0, 1000),
    p=st.floats(0, 1),
    q=st.floats(0, 1),
)
def test_correlation_is_the_published_formula(length: int, seed: int, p: float, q: float) -> None:
    x, y = encode(p, Bernoulli(2 * seed), length), encode(q, Bernoulli(2 * seed + 1), length)
    bits_x, bits_y = unpack(x, length), unpack(y, length)
    # Alaghi and Hayes in counts: a = 11, b = 10, c = 01, d = 00.
    a, b = (bits_x & bits_y).sum(), (bits_x & ~bits_y).sum()
    c, d = (~bits_x & bits_y).sum(), (~bits_x & ~bits_y).sum()
    n = length
    if a * d > b * c:
        below = n * min(a + b, a + c) - (a + b) * (a + c)
    else:
        below = (a + b) * (a + c) - n * max(a - d, 0)
    expected = (a * d - b * c) / below if below else 0.0
    found = correlation(x, y, length)
    assert found == pytest.approx(expected, abs=1e-12)
    assert -1 <= found <= 1
    assert correlation(y, x, length) == found


def test_independent_streams_are_hardly_correlated_and_a_shift_of_one_lfsr_is() -> None:
    x = encode(np.full(1, 0.5), LFSR16(7), LENGTH)
    beside = encode(np.full(1, 0.5), LFSR16(7, (16, 14, 13, 11)), LENGTH)
    shifted = encode(np.full(1, 0.25), LFSR16(7).displaced(1), LENGTH)
    assert abs(correlation(x, beside, LENGTH)[0]) < 0.1
    # Below a quarter after a doubling means below an eighth, or above a half, before it.
    assert abs(correlation(x, shifted, LENGTH)[0]) < 0.1
    shifted_more = encode(np.full(1, 0.125), LFSR16(7).displaced(1), LENGTH)
    small = encode(np.full(1, 0.0625), LFSR16(7), LENGTH)
    assert correlation(small, shifted_more, LENGTH)[0] > 0.9


@given(length=st.integers(1, 130))
def test_count_is_the_sum_of_all_bits(length: int) -> None:
    bits = np.random.default_rng(length).random((3, 5, length)) < 0.3
    assert np.array_equal(count(pack(bits), length), bits.sum(axis=(1, 2)))


@given(length=st.integers(1, 130))
def test_gates_leave_the_unused_bits_zero(length: int) -> None:
    bits_x, bits_y, bits_s = np.random.default_rng(length).random((3, 4, length)) < 0.5
    x, y, select = pack(bits_x), pack(bits_y), pack(bits_s)
    for found, expected in [
        (multiply(x, y, length), bits_x & bits_y),
        (multiply_bipolar(x, y, length), bits_x == bits_y),
        (saturating_add(x, y, length), bits_x | bits_y),
        (scaled_add(select, x, y, length), np.where(bits_s, bits_x, bits_y)),
    ]:
        assert np.array_equal(found, pack(expected))


def test_wrong_streams_are_named() -> None:
    x = encode(np.zeros((2, 3)), Sobol(0), 100)
    with pytest.raises(UserError, match=r"shapes \(2, 3, 2\) and \(4, 2\) do not fit"):
        multiply(x, encode(np.zeros(4), Sobol(0), 100), 100)
    with pytest.raises(UserError, match="200 bits need a last axis of 4 words"):
        saturating_add(x, x, 200)
    with pytest.raises(UserError, match="ones after bit 69"):
        multiply_bipolar(encode([1.0], Sobol(0), 100), encode([1.0], Sobol(0), 100), 70)
    with pytest.raises(UserError, match="float64"):
        correlation(x.astype(float), x, 100)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="stream length 0"):
        multiply(x, x, 0)
    with pytest.raises(UserError, match=r"expected \(\.\.\., inputs, words\)"):
        count(x[0, 0], 100)
