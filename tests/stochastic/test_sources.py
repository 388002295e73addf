"""Sources: periods, independent oracles, the discrepancy that the defaults were chosen by."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sources import (
    LEVELS,
    LFSR16,
    SOBOL_DIMENSIONS,
    TAPS_INPUTS,
    TAPS_WEIGHTS,
    Bernoulli,
    Sobol,
    Source,
    make_sources,
)

LENGTHS = [2**k for k in range(4, 13)]
ONE_OF_EACH = [LFSR16(), Sobol(1), Bernoulli(3)]


def l2_discrepancy(first: Source, second: Source, length: int) -> float:
    """L2 star discrepancy of the points that two sources make (Warnock's formula, by SciPy)."""
    points = np.column_stack([first.sequence(length), second.sequence(length)])
    return float(qmc.discrepancy((points + 0.5) / LEVELS, method="L2-star"))


@pytest.mark.parametrize("taps", [TAPS_INPUTS, TAPS_WEIGHTS])
def test_lfsr_visits_every_state_once_in_a_period(taps: tuple[int, ...]) -> None:
    sequence = LFSR16(seed=777, taps=taps).sequence(2 * (LEVELS - 1))
    first, second = np.split(sequence, 2)
    assert np.array_equal(np.sort(first), np.arange(LEVELS - 1))
    assert np.array_equal(first, second)


def test_lfsr_follows_its_polynomial() -> None:
    # The new bit s[n] of x^16 + x^15 + x^13 + x^4 + 1 is s[n-16] ^ s[n-15] ^ s[n-13] ^ s[n-4].
    states = LFSR16(seed=0xACE1, taps=(16, 15, 13, 4)).sequence(500).astype(int) + 1
    assert states[0] == 0xACE1
    bits = states & 1
    for n in range(16, 500):
        assert bits[n] == bits[n - 16] ^ bits[n - 15] ^ bits[n - 13] ^ bits[n - 4]
    assert np.array_equal(states[1:] >> 1, states[:-1] & 0x7FFF)


@pytest.mark.parametrize("dimension", range(SOBOL_DIMENSIONS))
def test_sobol_equals_scipy(dimension: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about sizes that are no power of two
        oracle = qmc.Sobol(SOBOL_DIMENSIONS, scramble=False, bits=16).random(5000)
    expected = np.round(oracle[:, dimension] * LEVELS).astype(np.uint16)
    assert np.array_equal(Sobol(dimension).sequence(5000), expected)


def test_sobol_is_the_hardware_recurrence_over_more_than_a_period() -> None:
    source = Sobol(dimension=2, shift=0x1234)
    sequence = source.sequence(LEVELS + 100)
    directions = source.direction_numbers
    r, expected = 0x1234, []
    for counter in range(LEVELS + 100):
        expected.append(r)
        trailing_ones = (~counter & (counter + 1)).bit_length() - 1
        r ^= directions[min(trailing_ones, 15)]
    assert sequence.tolist() == expected
    assert np.array_equal(np.sort(sequence[:LEVELS]), np.arange(LEVELS))


def test_dimension_zero_reverses_the_bits_of_the_gray_code() -> None:
    sequence = Sobol(0).sequence(300)
    for index in range(300):
        gray = index ^ index >> 1
        assert sequence[index] == int(f"{gray:016b}"[::-1], 2)


def test_bernoulli_is_uniform_and_seeded() -> None:
    sequence = Bernoulli(5).sequence(100_000)
    share = np.bincount(sequence >> 12, minlength=16) / 100_000
    assert np.abs(share - 1 / 16).max() < 6 * np.sqrt(1 / 16 / 100_000)
    assert np.array_equal(sequence, Bernoulli(5).sequence(100_000))
    assert not np.array_equal(sequence, Bernoulli(6).sequence(100_000))


@pytest.mark.parametrize("source", ONE_OF_EACH)
@given(length=st.integers(1, 300))
def test_a_shorter_sequence_is_a_prefix(source: Source, length: int) -> None:
    assert source.sequence(length).dtype == np.uint16
    assert np.array_equal(source.sequence(length), source.sequence(400)[:length])


@pytest.mark.parametrize("name", ["lfsr", "sobol"])
def test_default_pair_beats_random_points_at_every_length(name: str) -> None:
    pair = make_sources(name)
    for length in LENGTHS:
        random_points = np.sqrt(5 / 36 / length)  # root of the expected square
        assert l2_discrepancy(pair.inputs, pair.weights, length) < 0.8 * random_points


def test_shifted_sobol_beats_unshifted_sobol_over_all_lengths() -> None:
    def mean_logarithm(first: Source, second: Source) -> float:
        return float(np.mean([np.log(l2_discrepancy(first, second, n)) for n in LENGTHS]))

    pair = make_sources("sobol")
    assert mean_logarithm(pair.inputs, pair.weights) < mean_logarithm(Sobol(0), Sobol(1))


@pytest.mark.parametrize("name", ["lfsr", "sobol", "bernoulli"])
def test_seed_gives_another_reproducible_pair(name: str) -> None:
    pairs = [make_sources(name, seed) for seed in (None, 1, 2)]
    assert len({*pairs}) == 3
    assert make_sources(name, 1) == pairs[1]
    for pair in pairs:
        assert pair.inputs != pair.weights


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LFSR16(seed=0), r"LFSR16 seed 0: expected 1\.\.65535"),
        (lambda: LFSR16(seed=65536), "LFSR16 seed 65536"),
        (lambda: LFSR16(taps=(17, 3)), "LFSR16 tap 17"),
        (lambda: LFSR16(taps=(16, 8)), "primitive polynomial"),
        (lambda: LFSR16(taps=(15, 14)), "primitive polynomial"),
        (lambda: Sobol(SOBOL_DIMENSIONS), "Sobol dimension"),
        (lambda: Sobol(0, shift=-1), "Sobol shift -1"),
        (lambda: Bernoulli(-1), "Bernoulli seed -1"),
        (lambda: make_sources("dice"), "unknown source 'dice'.*lfsr, sobol, bernoulli"),
        (lambda: make_sources("lfsr", -3), "source seed -3"),
        (lambda: Sobol(0).sequence(0), "stream length 0"),
        (lambda: LFSR16().sequence(2.5), "stream length 2.5"),  # type: ignore[arg-type]
        (lambda: Bernoulli().sequence(True), "stream length True"),
    ],
)
def test_wrong_arguments_are_named(make: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()  # type: ignore[operator]
