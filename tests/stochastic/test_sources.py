"""Sources: periods, independent oracles, the discrepancy that the defaults were chosen by."""

from __future__ import annotations

import warnings
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sharing import SourceName, make_sources
from sc_neurocore.stochastic.sources import (
    HALTON_BASES,
    LEVELS,
    LFSR16,
    SOBOL_DIMENSIONS,
    TAPS_INPUTS,
    TAPS_WEIGHTS,
    Bernoulli,
    Counter,
    Halton,
    Sobol,
    Source,
)

LENGTHS = [2**k for k in range(4, 13)]
ONE_OF_EACH = [LFSR16(), Sobol(1), Halton(3, 77), Bernoulli(3)]
NAMES = get_args(SourceName)


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


@pytest.mark.parametrize("base", HALTON_BASES)
def test_halton_equals_scipy_within_its_tables(base: int) -> None:
    which = HALTON_BASES.index(base)
    oracle = qmc.Halton(len(HALTON_BASES), scramble=False).random(5000)[:, which] * LEVELS
    # Each of at most 16 digits loses less than one unit, and none in base 2.
    lost = oracle - Halton(base).sequence(5000)
    assert lost.min() > -1e-6
    assert lost.max() < (1e-6 if base == 2 else 16)


def test_halton_in_base_two_is_sobol_in_another_order() -> None:
    # Dimension 0 of Sobol visits the same points of van der Corput's, block by block.
    for exponent in range(1, 12):
        vdc, sobol = Halton(2).sequence(2**exponent), Sobol(0).sequence(2**exponent)
        assert np.array_equal(np.sort(vdc), np.sort(sobol))


@given(length=st.integers(1, 70_000))
def test_a_counter_rounds_every_value_to_the_nearest_level(length: int) -> None:
    sequence = Counter().sequence(length).astype(int)
    assert (np.diff(sequence) >= 0).all()  # unary: ones come first
    values = np.random.default_rng(length).random(20)
    ones = (sequence < np.rint(values * LEVELS)[:, None]).sum(axis=1)
    assert np.abs(ones - values * length).max() <= 0.5 + length / LEVELS + 1e-9


@pytest.mark.parametrize("source", [*ONE_OF_EACH, Counter()])
def test_displaced_sources_are_others_of_the_same_kind(source: Source) -> None:
    assert source.displaced(0) == source
    others = [source.displaced(offset) for offset in (1, 2, 40_000, 65534)]
    assert {type(other) for other in others} == {type(source)}
    assert len({tuple(each.sequence(64)) for each in (source, *others)}) == 5
    with pytest.raises(UserError, match="displacement 65536"):
        source.displaced(65536)


def test_an_lfsr_is_displaced_along_its_cycle() -> None:
    source = LFSR16(seed=99)
    assert np.array_equal(source.displaced(1000).sequence(50), source.sequence(1050)[1000:])


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


@pytest.mark.parametrize("name", ["lfsr", "sobol", "halton", "counter"])
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


@pytest.mark.parametrize("name", NAMES)
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
        (lambda: Bernoulli(0, 65536), "Bernoulli offset 65536"),
        (lambda: Halton(4), "Halton base 4: expected one of 2, 3, 5"),
        (lambda: Halton(2, -1), "Halton shift -1"),
        (lambda: Counter(65536), "Counter shift 65536"),
        (
            lambda: make_sources("dice"),
            "unknown source 'dice'.*lfsr, sobol, halton, counter, bernoulli",
        ),
        (lambda: make_sources("lfsr", -3), "source seed -3"),
        (lambda: Sobol(0).sequence(0), "stream length 0"),
        (lambda: LFSR16().sequence(2.5), "stream length 2.5"),  # type: ignore[arg-type]
        (lambda: Bernoulli().sequence(True), "stream length True"),
    ],
)
def test_wrong_arguments_are_named(make: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make()  # type: ignore[operator]
