"""Sources of the number sequences that values are compared with to make stochastic bits.

A source is a deterministic sequence of 16-bit numbers r in 0..65535. A stream's bit k is
`r[k] < threshold` with a threshold in 0..65536, so that 0 and 1 are exact whatever the source.

| source    | numbers                                    | made by                               |
|-----------|--------------------------------------------|---------------------------------------|
| LFSR16    | pseudo-random, each once in 65535          | a shift register with four taps       |
| Sobol     | low discrepancy, base 2                    | a counter and XORs with 16 constants  |
| Halton    | low discrepancy, any prime base            | a counter of digits, tables and adder |
| Counter   | one ramp over the stream: unary, exact     | a counter                             |
| Bernoulli | independent and uniform                    | software only                         |

A source can be `displaced` by a 16-bit number into one that is just as good and different; which
streams of a layer share a sequence, and why it matters, is said in `stochastic.sharing`.

References:
    Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
    Alaghi and Hayes 2013, "Survey of stochastic computing", ACM TECS 12 (2s).
    Halton 1960, "On the efficiency of certain quasi-random sequences of points in evaluating
    multi-dimensional integrals", Numerische Mathematik 2; in base 2 van der Corput's of 1935.
    Sobol' 1967, "On the distribution of points in a cube and the approximate evaluation of
    integrals", USSR Computational Mathematics and Mathematical Physics 7 (4).
    Joe and Kuo 2008, "Constructing Sobol sequences with better two-dimensional projections",
    SIAM Journal on Scientific Computing 30 (5): the direction numbers.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError

BITS = 16
LEVELS = 1 << BITS
"""Thresholds run from 0 to LEVELS, both included."""

MAXIMUM_LENGTH = 1 << 24

Sequence = NDArray[np.uint16]

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

HALTON_BASES = (2, 3, 5, 7, 11, 13)


class Source(Protocol):
    """A reproducible sequence of 16-bit numbers."""

    def sequence(self, length: int) -> Sequence:
        """Return the numbers of a stream of `length` bits.

        Those of a shorter stream are a prefix of those of a longer one, except for `Counter`.
        """
        ...

    def displaced(self, offset: int) -> Source:
        """Return another source of the same kind; offset 0..65535, where 0 is the source itself."""
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
        return orbit[(self._position + np.arange(check_length(length))) % orbit.size]

    def displaced(self, offset: int) -> LFSR16:
        """Start `offset` states later; 65535 are the whole period."""
        _check_range("displacement", offset, 0, LEVELS - 1)
        orbit = _lfsr_orbit(tuple(self.taps))
        return replace(self, seed=int(orbit[(self._position + offset) % orbit.size]) + 1)

    @property
    def _position(self) -> int:
        """Where the seed is in the cycle of states, which begins with state 1."""
        return int(_lfsr_positions(tuple(self.taps))[self.seed - 1])


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

    def displaced(self, offset: int) -> Sobol:
        """XOR the shift with the offset."""
        _check_range("displacement", offset, 0, LEVELS - 1)
        return replace(self, shift=self.shift ^ offset)


@dataclass(frozen=True)
class Halton:
    """One dimension of the Halton sequence; base 2 is the van der Corput sequence.

    A counter of digits in the base is read with its digits reversed, as a fraction: digit d of
    weight base^j adds floor(65536 d / base^(j+1)). With the fewest digits that tell 65536 numbers
    apart, the period is base^digits. The shift is then added modulo 65536.

    Attributes:
        base: One of `HALTON_BASES`; two streams that are multiplied need different ones.
        shift: 0..65535.

    Raises:
        UserError: If the base or the shift is not one of these.
    """

    base: int = 2
    shift: int = 0

    def __post_init__(self) -> None:
        if self.base not in HALTON_BASES:
            raise UserError(
                f"Halton base {self.base}: expected one of {', '.join(map(str, HALTON_BASES))}"
            )
        _check_range("Halton shift", self.shift, 0, LEVELS - 1)

    def sequence(self, length: int) -> Sequence:
        """Return the first `length` points as 16-bit integers."""
        index = np.arange(check_length(length))
        numbers = np.full(length, self.shift)
        weight = 1
        while weight < LEVELS:
            weight *= self.base
            numbers += (index % self.base << BITS) // weight
            index //= self.base
        return (numbers % LEVELS).astype(np.uint16)

    def displaced(self, offset: int) -> Halton:
        """Add the offset to the shift."""
        _check_range("displacement", offset, 0, LEVELS - 1)
        return replace(self, shift=(self.shift + offset) % LEVELS)


@dataclass(frozen=True)
class Counter:
    """A ramp over the whole stream, which makes unary streams: first all ones, then all zeros.

    The numbers are the middles of as many levels as the stream has bits, so that every value is
    rounded to the nearest one. It is the one source that must know the length. The product with
    a stream from a low-discrepancy sequence is then that sequence's count over a prefix.

    Attributes:
        shift: 0..65535, added modulo 65536.

    Raises:
        UserError: If the shift is out of range.
    """

    shift: int = 0

    def __post_init__(self) -> None:
        _check_range("Counter shift", self.shift, 0, LEVELS - 1)

    def sequence(self, length: int) -> Sequence:
        """Return floor(65536 (k + 1/2) / length) + shift for k = 0 .. length - 1."""
        index = np.arange(check_length(length))
        return (((2 * index + 1 << BITS) // (2 * length) + self.shift) % LEVELS).astype(np.uint16)

    def displaced(self, offset: int) -> Counter:
        """Add the offset to the shift."""
        _check_range("displacement", offset, 0, LEVELS - 1)
        return Counter((self.shift + offset) % LEVELS)


@dataclass(frozen=True)
class Bernoulli:
    """Independent uniform numbers: the textbook's ideal, for software only.

    Attributes:
        seed: Any integer >= 0, the seed of a NumPy PCG64 generator.
        offset: 0..65535; another one is another generator.

    Raises:
        UserError: If the seed is negative or the offset out of range.
    """

    seed: int = 0
    offset: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"Bernoulli seed {self.seed}: expected an integer >= 0")
        _check_range("Bernoulli offset", self.offset, 0, LEVELS - 1)

    def sequence(self, length: int) -> Sequence:
        """Return `length` numbers drawn uniformly from 0..65535."""
        entropy = self.seed if not self.offset else (self.seed, self.offset)
        generator = np.random.Generator(np.random.PCG64(entropy))
        return generator.integers(0, LEVELS, check_length(length), dtype=np.uint16)

    def displaced(self, offset: int) -> Bernoulli:
        """Return a generator that is independent of this one."""
        _check_range("displacement", offset, 0, LEVELS - 1)
        return replace(self, offset=(self.offset + offset) % LEVELS)


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


@lru_cache(maxsize=64)
def _lfsr_positions(taps: tuple[int, ...]) -> NDArray[np.int32]:
    """Return where each state - 1 is in the cycle."""
    positions = np.empty(LEVELS - 1, dtype=np.int32)
    positions[_lfsr_orbit(taps)] = np.arange(LEVELS - 1)
    return positions


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise UserError(f"{what} {value}: expected {low}..{high}")
