"""Sources of the number sequences that values are compared with to make stochastic bits.

A source is a deterministic sequence of 16-bit numbers r in 0..65535. A stream's bit k is
`r[k] < threshold` with a threshold in 0..65536, so that 0 and 1 are exact whatever the source.

One source serves all inputs of a layer and another one all its weights (a `SourcePair`): in
hardware that is two generators, not thousands. Streams of one side are then as correlated as
they can be, which costs nothing, because they are never multiplied with each other. All that
decides the error of the AND of an input and a weight stream is how evenly the points
(r_inputs[k], r_weights[k]) fill the unit square: averaged over all values, its mean square is the
squared L2 star discrepancy of the first `length` points. That number and the reasons given here
chose the pairs that `make_sources` gives by default; the accuracy of a network did not:

- Sobol: dimensions 0 and 1, with the digital shifts 0x5555 and 0xAAAA. Unshifted, the first 2^k
  points are the lower edges of the 2^k levels, so that every value is rounded up. A shift by
  alternating bits puts them within a sixth of the middle of their level at every length, in
  opposite directions for the two sides, and costs nothing in hardware: XOR with a constant.
- LFSR: two different primitive polynomials. Two seeds of one LFSR are shifted copies of one
  sequence, and a small shift is a strong correlation (each state is nearly the double of the one
  before). Two polynomials alone are, on average, no better than random numbers. What helps are
  the seeds: of a million random pairs, the 3000 best of the lengths 16 to 256 were compared up to
  4096, and the default is the pair with the smallest mean logarithm of the discrepancy over the
  powers of two.

References:
    Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
    Alaghi and Hayes 2013, "Survey of stochastic computing", ACM TECS 12 (2s).
    Sobol' 1967, "On the distribution of points in a cube and the approximate evaluation of
    integrals", USSR Computational Mathematics and Mathematical Physics 7 (4).
    Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections",
    SIAM Journal on Scientific Computing 30 (5): the direction numbers.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol, SupportsIndex, get_args

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError

BITS = 16
LEVELS = 1 << BITS
"""Thresholds run from 0 to LEVELS, both included."""

MAXIMUM_LENGTH = 1 << 24

Sequence = NDArray[np.uint16]
SourceName = Literal["lfsr", "sobol", "bernoulli"]

TAPS_INPUTS = (16, 15, 13, 4)
TAPS_WEIGHTS = (16, 14, 13, 11)

# Primitive polynomials and initial direction numbers of the dimensions after the first, from the
# table of Joe and Kuo: the polynomial's inner coefficients as a number, then m_1, m_2, ...
_JOE_KUO = (
    (0, (1,)),
    (1, (1, 3)),
    (1, (1, 3, 1)),
    (2, (1, 1, 1)),
    (1, (1, 1, 3, 3)),
    (4, (1, 3, 5, 13)),
    (2, (1, 1, 5, 5, 17)),
)
SOBOL_DIMENSIONS = 1 + len(_JOE_KUO)


class Source(Protocol):
    """A reproducible sequence of 16-bit numbers."""

    def sequence(self, length: int) -> Sequence:
        """Return the first `length` numbers; a shorter sequence is a prefix of a longer one."""
        ...


@dataclass(frozen=True)
class LFSR16:
    """A Fibonacci linear-feedback shift register of 16 bits.

    Each step shifts left and puts the XOR of the tapped bits into the lowest bit; tap n is the
    n-th bit, counted from 1. The state runs through 1..65535 and gives r = state - 1. The period
    is 65535 for the taps of a primitive polynomial: (16, 15, 13, 4) stands for
    x^16 + x^15 + x^13 + x^4 + 1, (16, 14, 13, 11) for x^16 + x^14 + x^13 + x^11 + 1.

    Attributes:
        seed: The first state, 1..65535.
        taps: The tapped bits, of a primitive polynomial.

    Raises:
        UserError: If the seed is out of range or the taps do not give the full period.
    """

    seed: int = 1
    taps: tuple[int, ...] = TAPS_INPUTS

    def __post_init__(self) -> None:
        _check_range("LFSR16 seed", self.seed, 1, LEVELS - 1)
        for tap in self.taps:
            _check_range("LFSR16 tap", tap, 1, BITS)
        _lfsr_orbit(tuple(self.taps))

    def sequence(self, length: int) -> Sequence:
        """Return state - 1 for the first `length` states, beginning with the seed."""
        orbit = _lfsr_orbit(tuple(self.taps))
        start = int(np.flatnonzero(orbit == self.seed - 1)[0])
        return orbit[(start + np.arange(check_length(length))) % orbit.size]


@dataclass(frozen=True)
class Sobol:
    """One dimension of the Sobol sequence, with 16-bit direction numbers.

    The points come in Gray-code order from 0 on, as hardware makes them: r becomes r XOR
    direction[c], where c is the number of trailing ones of a 16-bit counter (15 when all are
    ones, which closes the period of 65536). Dimension 0 is the van der Corput sequence.

    Attributes:
        dimension: Which of the `SOBOL_DIMENSIONS` dimensions, from 0.
        shift: A digital shift, 0..65535: each number is XORed with it.

    Raises:
        UserError: If the dimension or the shift is out of range.
    """

    dimension: int = 0
    shift: int = 0

    def __post_init__(self) -> None:
        _check_range("Sobol dimension", self.dimension, 0, SOBOL_DIMENSIONS - 1)
        _check_range("Sobol shift", self.shift, 0, LEVELS - 1)

    @property
    def direction_numbers(self) -> tuple[int, ...]:
        """The 16 direction numbers v_1 .. v_16, each with its leading one at bit 16 - j."""
        if self.dimension == 0:
            numbers = [1] * BITS
        else:
            coefficients, initial = _JOE_KUO[self.dimension - 1]
            degree = len(initial)
            numbers = list(initial)
            while len(numbers) < BITS:
                number = numbers[-degree] ^ (numbers[-degree] << degree)
                for back in range(1, degree):
                    if coefficients >> (degree - 1 - back) & 1:
                        number ^= numbers[-back] << back
                numbers.append(number)
        return tuple(m << (BITS - j) for j, m in enumerate(numbers, start=1))

    def sequence(self, length: int) -> Sequence:
        """Return the first `length` points as 16-bit integers."""
        index = np.arange(check_length(length)) % LEVELS
        gray = index ^ (index >> 1)
        numbers = np.full(length, self.shift, dtype=np.uint16)
        for bit, direction in enumerate(self.direction_numbers):
            numbers[gray >> bit & 1 == 1] ^= np.uint16(direction)
        return numbers


@dataclass(frozen=True)
class Bernoulli:
    """Independent uniform numbers: the textbook's ideal, for software only.

    Attributes:
        seed: Any integer >= 0, the seed of a NumPy PCG64 generator.

    Raises:
        UserError: If the seed is negative.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"Bernoulli seed {self.seed}: expected an integer >= 0")

    def sequence(self, length: int) -> Sequence:
        """Return `length` numbers drawn uniformly from 0..65535."""
        generator = np.random.Generator(np.random.PCG64(self.seed))
        return generator.integers(0, LEVELS, check_length(length), dtype=np.uint16)


@dataclass(frozen=True)
class SourcePair:
    """The source that all input streams of a layer share, and that of all its weight streams."""

    inputs: Source
    weights: Source


def make_sources(name: str, seed: int | None = None) -> SourcePair:
    """Return two decorrelated sources of a kind, one for inputs and one for weights.

    Args:
        name: "lfsr", "sobol" or "bernoulli".
        seed: None for the documented constants (see the module). An integer >= 0 draws other
            ones for Monte-Carlo runs: starting states of the LFSRs, digital shifts of the Sobol
            points, seeds of the generators.

    Raises:
        UserError: If the name is unknown or the seed is negative.
    """
    if name not in get_args(SourceName):
        raise UserError(
            f"unknown source {name!r}: expected one of {', '.join(get_args(SourceName))}"
        )
    if seed is not None and seed < 0:
        raise UserError(f"source seed {seed}: expected an integer >= 0, or None")

    def constants(chosen: tuple[int, int], low: int) -> tuple[int, int]:
        if seed is None:
            return chosen
        first, second = np.random.default_rng(seed).integers(low, LEVELS, size=2)
        return int(first), int(second)

    if name == "lfsr":
        first, second = constants((2223, 6035), low=1)
        return SourcePair(LFSR16(first, TAPS_INPUTS), LFSR16(second, TAPS_WEIGHTS))
    if name == "sobol":
        first, second = constants((0x5555, 0xAAAA), low=0)
        return SourcePair(Sobol(0, first), Sobol(1, second))
    first = 2 * (seed or 0)
    return SourcePair(Bernoulli(first), Bernoulli(first + 1))


def check_length(length: SupportsIndex) -> int:
    """Return the stream length as an int, or raise `UserError` unless it is a sensible integer."""
    try:
        number = operator.index(length)
    except TypeError:
        raise UserError(f"stream length {length!r}: expected an integer >= 1") from None
    if isinstance(length, bool) or not 1 <= number <= MAXIMUM_LENGTH:
        raise UserError(f"stream length {length}: expected 1 to {MAXIMUM_LENGTH} bits")
    return number


@lru_cache(maxsize=64)
def _lfsr_orbit(taps: tuple[int, ...]) -> Sequence:
    """Return state - 1 over one whole period, from state 1 on."""
    mask = sum(1 << (tap - 1) for tap in set(taps))
    orbit = np.zeros(LEVELS - 1, dtype=np.uint16)
    state = 1
    for position in range(orbit.size):
        orbit[position] = state - 1
        state = (state << 1) % LEVELS | (state & mask).bit_count() % 2
        # With the last bit tapped a step can be undone, so the orbit is a cycle through state 1.
        if BITS not in taps or (state == 1 and position < orbit.size - 1):
            raise UserError(
                f"LFSR16 taps {taps}: the period is not 65535; "
                f"expected the taps of a primitive polynomial, such as {TAPS_INPUTS}"
            )
    orbit.flags.writeable = False
    return orbit


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{what} {value}: expected {low}..{high}")
