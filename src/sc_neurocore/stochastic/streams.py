"""Stochastic bitstreams: values in [0, 1] as the share of ones, 64 bits to a word.

Bit k of a stream is bit k % 64 of its word k // 64; unused bits of the last word are 0. A packed
array has the shape of the values with one axis more, the words.

Value p becomes the threshold round(p * 65536), ties to even, and bit k is r[k] < threshold
(see `stochastic.sources`). Comparing with one shared sequence makes streams that contain each
other: the stream of a larger value has a one wherever that of a smaller one has. Thus `length`
bits know at most `length` + 1 different streams, and only those are ever generated.

Reference: Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sources import LEVELS, Sequence, Source, check_length

WORD_BITS = 64
_BYTES_AT_ONCE = 1 << 25
_BYTES_KEPT = 1 << 26

Packed = NDArray[np.uint64]


def word_count(length: int) -> int:
    """Return how many 64-bit words hold `length` bits."""
    return -(-length // WORD_BITS)


def thresholds(values: ArrayLike) -> NDArray[np.uint32]:
    """Return the comparator threshold, 0..65536, of each value in [0, 1].

    Raises:
        UserError: If a value is NaN or outside [0, 1].
    """
    return np.rint(check_values(values) * LEVELS).astype(np.uint32)


def check_values(values: ArrayLike) -> NDArray[np.float64]:
    """Return the values as float64; raise `UserError` if one is NaN or outside [0, 1]."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{error}: expected an array of numbers from 0 to 1") from None
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        where = tuple(int(index) for index in np.argwhere(~((array >= 0) & (array <= 1)))[0])
        raise UserError(
            f"value {array[where]} at index {where}: a stochastic stream holds values from 0 to 1; "
            f"scale the data first"
        )
    return array


class StreamTable:
    """All the streams that comparing with one sequence can make: one for each number of ones.

    Args:
        sequence: 16-bit numbers, one for each bit of a stream.
        is_kept: Whether to hold tables that make it faster, for a sequence that many values share.
    """

    def __init__(self, sequence: Sequence, is_kept: bool = True) -> None:
        self.sequence = sequence
        self.length = check_length(len(sequence))
        self._sorted = np.sort(sequence).astype(np.int64)
        self._ones_below: NDArray[np.int32] | None = None
        self._rows: Packed | None = None
        if is_kept:
            below = np.searchsorted(self._sorted, np.arange(LEVELS + 1))
            self._ones_below = below.astype(np.int32)
            if 8 * word_count(self.length) * self.length <= _BYTES_KEPT:
                self._rows = self._made(np.arange(self.length + 1))

    def levels(self, values: ArrayLike) -> NDArray[np.int32]:
        """Return the number of ones of the stream of each value.

        Raises:
            UserError: If a value is NaN or outside [0, 1].
        """
        found = thresholds(values)
        if self._ones_below is not None:
            return self._ones_below[found]
        return np.searchsorted(self._sorted, found).astype(np.int32)

    def streams(self, levels: NDArray[np.integer[Any]]) -> Packed:
        """Return the streams of what `levels` returned, shape (*levels.shape, words)."""
        if self._rows is not None:
            kept: Packed = self._rows[levels]
            return kept
        occurring = np.flatnonzero(np.bincount(levels.ravel(), minlength=self.length + 1))
        row_of = np.zeros(self.length + 1, dtype=np.intp)
        row_of[occurring] = np.arange(occurring.size)
        made: Packed = self._made(occurring)[row_of[levels]]
        return made

    def _made(self, levels: NDArray[np.integer[Any]]) -> Packed:
        """Compare the sequence with a threshold that gives each number of ones."""
        threshold = least_thresholds(self._sorted[np.newaxis], levels[:, np.newaxis])[:, 0]
        rows = np.empty((levels.size, word_count(self.length)), dtype=np.uint64)
        at_once = max(1, _BYTES_AT_ONCE // self.length)
        for start in range(0, levels.size, at_once):
            part = slice(start, start + at_once)
            rows[part] = pack(self.sequence < threshold[part, np.newaxis])
        return rows


def least_thresholds(
    sequences: NDArray[np.integer[Any]], ones: NDArray[np.integer[Any]]
) -> NDArray[np.int64]:
    """Return the smallest threshold, 0..65536, that gives each number of ones.

    Numbers of a sequence may be equal; a number of ones between them is then exceeded.

    Args:
        sequences: (n, length), or (1, length) where all n share one.
        ones: (..., n), from 0 to length.

    Returns:
        The shape of `ones`.
    """
    numbers = np.sort(sequences, axis=1).astype(np.int64)
    row = np.arange(ones.shape[-1]) if len(numbers) > 1 else 0
    # Below the k-th number and one lie k.
    least: NDArray[np.int64] = np.where(ones > 0, numbers[row, np.maximum(ones - 1, 0)] + 1, 0)
    return least


def encode(values: ArrayLike, source: Source, length: int) -> Packed:
    """Return the streams of values that share one source.

    Args:
        values: Any shape, each in [0, 1].
        source: The number sequence that all the values are compared with.
        length: Bits per stream, at least 1.

    Returns:
        Packed streams, shape (*values.shape, word_count(length)).

    Raises:
        UserError: If a value is NaN or outside [0, 1], or the length is less than 1.
    """
    table = StreamTable(source.sequence(check_length(length)), is_kept=False)
    return table.streams(table.levels(values))


def decode(packed: Packed, length: int) -> NDArray[np.float64]:
    """Return the value of each stream: its share of ones, shape packed.shape[:-1].

    Raises:
        UserError: If the words do not match the length, or bits after the end are set.
    """
    return popcount(checked(packed, length)) / length


def checked(packed: ArrayLike, length: int) -> Packed:
    """Return packed streams; raise `UserError` where they are none of that length."""
    length = check_length(length)
    given = np.asarray(packed)
    if given.dtype.kind not in "ui" or given.ndim == 0 or given.shape[-1] != word_count(length):
        raise UserError(
            f"packed streams of shape {given.shape} and type {given.dtype}: {length} bits need a "
            f"last axis of {word_count(length)} words of type uint64"
        )
    words: Packed = given.astype(np.uint64, copy=False)
    used = (length - 1) % WORD_BITS + 1
    if used < WORD_BITS and np.any(words[..., -1] >> np.uint64(used)):
        raise UserError(f"packed streams have ones after bit {length - 1}: was the length longer?")
    return words


def popcount(packed: Packed) -> NDArray[np.int64]:
    """Return the number of ones of each stream, shape packed.shape[:-1]."""
    ones: NDArray[np.int64] = np.bitwise_count(packed).sum(axis=-1, dtype=np.int64)
    return ones


def pack(bits: NDArray[np.bool_]) -> Packed:
    """Pack bits, shape (..., length), into words, shape (..., word_count(length))."""
    padding = -bits.shape[-1] % WORD_BITS
    padded = np.pad(bits, [(0, 0)] * (bits.ndim - 1) + [(0, padding)])
    octets = np.packbits(padded, axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u8").astype(np.uint64, copy=False)


def unpack(packed: Packed, length: int) -> NDArray[np.bool_]:
    """Return the bits of packed streams, shape (..., length)."""
    octets = np.ascontiguousarray(packed.astype("<u8", copy=False)).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little", count=check_length(length))
    return bits.astype(np.bool_)
