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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sources import LEVELS, Source, check_length

WORD_BITS = 64
_BYTES_AT_ONCE = 1 << 25

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
    array = np.asarray(values, dtype=np.float64)
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        where = tuple(int(index) for index in np.argwhere(wrong)[0])
        raise UserError(
            f"value {array[where]} at index {where}: a stochastic stream holds values from 0 to 1; "
            f"scale the data first"
        )
    return array


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
    length = check_length(length)
    sequence = source.sequence(length)
    # A stream is known by its number of ones: how many numbers lie below the threshold.
    ones_below = np.concatenate([[0], np.cumsum(np.bincount(sequence, minlength=LEVELS))])
    ones = ones_below[thresholds(values)]
    occurring = np.flatnonzero(np.bincount(ones.ravel(), minlength=length + 1))
    threshold = np.append(0, np.sort(sequence).astype(np.int64) + 1)[occurring]

    streams = np.empty((occurring.size, word_count(length)), dtype=np.uint64)
    at_once = max(1, _BYTES_AT_ONCE // length)
    for start in range(0, occurring.size, at_once):
        rows = slice(start, start + at_once)
        streams[rows] = pack(sequence < threshold[rows, np.newaxis])
    row_of = np.zeros(length + 1, dtype=np.intp)
    row_of[occurring] = np.arange(occurring.size)
    packed: Packed = streams[row_of[ones]]
    return packed


def decode(packed: Packed, length: int) -> NDArray[np.float64]:
    """Return the value of each stream: its share of ones, shape packed.shape[:-1].

    Raises:
        UserError: If the words do not match the length, or bits after the end are set.
    """
    length = check_length(length)
    packed = np.asarray(packed, dtype=np.uint64)
    if packed.ndim == 0 or packed.shape[-1] != word_count(length):
        raise UserError(
            f"packed streams of shape {packed.shape}: {length} bits need a last axis of "
            f"{word_count(length)} words"
        )
    used = (length - 1) % WORD_BITS + 1
    if used < WORD_BITS and np.any(packed[..., -1] >> np.uint64(used)):
        raise UserError(f"packed streams have ones after bit {length - 1}: was the length longer?")
    return popcount(packed) / length


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
