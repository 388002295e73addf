"""Noise: draws that look random, and are the same numbers in every interpretation.

`noise xi = normal(0, 1)` is a state that goes through all words of 24 bits but 0, one in each step,
and a local that makes a number of it. The words are those of a linear-feedback shift register in
the form in which three shifts take it a whole word further (Marsaglia, Xorshift RNGs, Journal of
Statistical Software 8(14), 2003). Floats of 32 bits hold them exactly, so that floats and integers
see the same draws.

Over a period, a normal draw is the sum of four uniform ones of 6 bits each: its mean is 0, its
variance 1, its excess kurtosis -0.3, and it ends at 3.41 deviations. Draws of one source are not
correlated with those of 2000 steps around, and neither are their squares with those of the next.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")

WORD_BITS = 24
PERIOD = (1 << WORD_BITS) - 1
"""After so many steps a source begins again: every word but 0 has come once."""

NEXT_WORD, NORMAL, UNIFORM = "noise_word", "noise_normal", "noise_uniform"
NOISE_OPERATORS = (NEXT_WORD, NORMAL, UNIFORM)

_SHIFTS = (3, -7, 5)
"""Steps of a word: to the left, to the right, to the left. Of the triples with the full period this
one was taken for its squares, which are not correlated from one step to the next."""

_FIELDS, _FIELD_BITS = 4, 6
NORMAL_FRACTION_BITS = 5
UNIFORM_BITS = 16
_APART = 10368889
"""Steps from the start of one neuron to that of the next: the period over the golden ratio, so that
the starts of any number of neurons are nearly evenly spread."""

_SEEDS_APART = 6949349
"""Neurons from one seed to the next, in the same way: the period times the root of 2 less 1."""

_VARIANCE = _FIELDS * (4**_FIELD_BITS - 1) / 12
NORMAL_SCALE = 2.0**NORMAL_FRACTION_BITS / math.sqrt(_VARIANCE)
"""What brings the standard deviation of `noise_normal` to 1."""


class Words(Protocol[T]):
    """A kind of whole numbers, 0 or more, and what is done to words."""

    def left(self, word: T, amount: int) -> T:
        """Shift to the left, and keep `WORD_BITS` bits."""
        ...

    def right(self, word: T, amount: int) -> T:
        """Shift to the right."""
        ...

    def low(self, word: T, bits: int) -> T:
        """Return the number that the low bits make."""
        ...

    def exclusive_or(self, a: T, b: T) -> T:
        """Return the bits in which two words differ."""
        ...

    def add(self, a: T, b: T) -> T:
        """Return a sum."""
        ...

    def plus(self, a: T, number: int) -> T:
        """Return the sum with a plain number."""
        ...


def next_word(word: T, words: Words[T]) -> T:
    """Return the word that follows."""
    for amount in _SHIFTS:
        moved = words.left(word, amount) if amount > 0 else words.right(word, -amount)
        word = words.exclusive_or(word, moved)
    return word


def normal_draw(word: T, words: Words[T]) -> T:
    """Return a nearly normal number of mean 0, worth 2 ** -NORMAL_FRACTION_BITS each."""
    total = words.low(word, _FIELD_BITS)
    for field in range(1, _FIELDS):
        part = words.low(words.right(word, field * _FIELD_BITS), _FIELD_BITS)
        total = words.add(total, part)
    return words.plus(total, -_FIELDS * ((1 << _FIELD_BITS) - 1) // 2)


def uniform_draw(word: T, words: Words[T]) -> T:
    """Return an odd number between 0 and 2 ** 17, worth 2 ** -17 each: never 0, never 1."""
    high = words.right(word, WORD_BITS - UNIFORM_BITS)
    return words.plus(words.add(high, high), 1)


class _Arrays:
    """Words as NumPy's integers."""

    def left(self, word: Any, amount: int) -> Any:
        return (word << amount) & PERIOD

    def right(self, word: Any, amount: int) -> Any:
        return word >> amount

    def low(self, word: Any, bits: int) -> Any:
        return word & ((1 << bits) - 1)

    def exclusive_or(self, a: Any, b: Any) -> Any:
        return a ^ b

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def plus(self, a: Any, number: int) -> Any:
        return a + number


_ARRAYS = _Arrays()


def float_word(word: Any, seed: Any) -> Any:
    """Return the word after `word`, or after the seed where that is 0, as floats."""
    before = np.where(np.asarray(word) > 0, word, seed)
    return next_word(before.astype(np.int64), _ARRAYS).astype(before.dtype)


def float_normal(word: Any) -> Any:
    """Return what `noise_normal` is of a word, as floats."""
    array = np.asarray(word)
    draw = normal_draw(array.astype(np.int64), _ARRAYS)
    return draw.astype(array.dtype) * array.dtype.type(2.0**-NORMAL_FRACTION_BITS)


def float_uniform(word: Any) -> Any:
    """Return what `noise_uniform` is of a word, as floats."""
    array = np.asarray(word)
    draw = uniform_draw(array.astype(np.int64), _ARRAYS)
    return draw.astype(array.dtype) * array.dtype.type(2.0 ** -(UNIFORM_BITS + 1))


def first_word(seed: int) -> int:
    """Return where a seed begins: a word that is far from those of other seeds.

    Args:
        seed: 0 to `PERIOD` - 1.
    """
    return int(later_words(1, 1 + seed * _SEEDS_APART))


def later_words(word: int, neurons: ArrayLike) -> NDArray[np.int64]:
    """Return where neurons begin that are so many after the one that begins at a word.

    Args:
        word: The word, 1 to `PERIOD`.
        neurons: How many after it, 0 or more, of any shape.
    """
    left = np.asarray(neurons, dtype=np.int64) % PERIOD
    found = np.full(left.shape, word, dtype=np.int64)
    doublings = 0
    while left.any():
        found = np.where(left & 1, _applied(_jump(doublings), found), found)
        left, doublings = left >> 1, doublings + 1
    return found


@cache
def _jump(doublings: int) -> list[int]:
    """Return the map of words that goes 2**doublings neurons on: one for all that make noise."""
    if doublings == 0:
        return _power([next_word(1 << bit, _ARRAYS) for bit in range(WORD_BITS)], _APART)
    half = _jump(doublings - 1)
    return [int(_applied(half, column)) for column in half]


def _applied(matrix: list[int], words: Any) -> Any:
    """Return a linear map of words, given by what it makes of each bit."""
    found = np.zeros_like(np.asarray(words))
    for bit, column in enumerate(matrix):
        found = found ^ (column * ((np.asarray(words) >> bit) & 1))
    return found


def _power(matrix: list[int], exponent: int) -> list[int]:
    result = [1 << bit for bit in range(WORD_BITS)]
    while exponent:
        if exponent & 1:
            result = [int(_applied(matrix, column)) for column in result]
        matrix = [int(_applied(matrix, column)) for column in matrix]
        exponent >>= 1
    return result
