"""Arithmetic on packed streams, one gate per bit, and the correlation that decides its accuracy.

Every function takes streams as `streams.encode` packs them, of any shapes that broadcast together.
What a gate computes depends on the encoding of its streams and on their correlation:

| operation          | gate    | value of the result                     | wants                  |
|--------------------|---------|-----------------------------------------|------------------------|
| `multiply`         | AND     | unipolar x * y                          | uncorrelated (SCC 0)   |
| `multiply_bipolar` | XNOR    | bipolar x * y                           | uncorrelated (SCC 0)   |
| `scaled_add`       | MUX     | s * x + (1 - s) * y, either encoding    | an uncorrelated select |
| `saturating_add`   | OR      | x + y - x * y; min(1, x + y) at SCC -1  | small values or SCC -1 |
| `count`            | counter | the exact sum, a binary number          | nothing                |

With SCC +1 an AND is the smaller of two values, and with SCC -1 it is max(0, x + y - 1).

References:
    Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
    Alaghi and Hayes 2013, "Exploiting correlation in stochastic circuit design", ICCD: the SCC.
    Parhami and Yeh 1995, "Accumulative parallel counters", Asilomar Conference on Signals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.stochastic.sources import check_length
from sc_neurocore.stochastic.streams import WORD_BITS, Packed, checked, popcount


def multiply(x: Packed, y: Packed, length: int) -> Packed:
    """Return x AND y: for uncorrelated unipolar streams the product of their values.

    Raises:
        UserError: If the words do not match the length, or the shapes do not fit together.
    """
    x, y = _alike(x, y, length)
    return x & y


def multiply_bipolar(x: Packed, y: Packed, length: int) -> Packed:
    """Return x XNOR y: for uncorrelated bipolar streams the product of their values.

    A bipolar stream whose share of ones is p stands for 2 p - 1.

    Raises:
        UserError: If the words do not match the length, or the shapes do not fit together.
    """
    x, y = _alike(x, y, length)
    same: Packed = ~(x ^ y) & _used(length)
    return same


def scaled_add(select: Packed, x: Packed, y: Packed, length: int) -> Packed:
    """Return x where the select stream is one, else y: a multiplexer.

    The value is s * x + (1 - s) * y, the mean for s = 1/2, if the select stream is correlated
    with neither of them. What is lost are the bits that are not selected.

    Raises:
        UserError: If the words do not match the length, or the shapes do not fit together.
    """
    x, y = _alike(x, y, length)
    select, x = _alike(select, x, length)
    return (select & x) | (~select & y)


def saturating_add(x: Packed, y: Packed, length: int) -> Packed:
    """Return x OR y: x + y less what falls together, x * y for uncorrelated streams.

    Raises:
        UserError: If the words do not match the length, or the shapes do not fit together.
    """
    x, y = _alike(x, y, length)
    return x | y


def count(streams: Packed, length: int) -> NDArray[np.int64]:
    """Return the ones of all streams along the next-to-last axis together: an exact sum.

    In hardware a parallel counter, whose binary result is accumulated bit by bit of the streams.

    Args:
        streams: Shape (..., inputs, words).
        length: Bits per stream.

    Returns:
        Shape (...).

    Raises:
        UserError: If the words do not match the length, or there is no axis of inputs.
    """
    streams = checked(streams, length)
    if streams.ndim < 2:
        raise UserError(
            f"streams of shape {streams.shape}: expected (..., inputs, words) to count over"
        )
    total: NDArray[np.int64] = popcount(streams).sum(axis=-1)
    return total


def correlation(x: Packed, y: Packed, length: int) -> NDArray[np.float64]:
    r"""Return the stochastic cross-correlation SCC of pairs of streams, from -1 to 1.

    With p the share of ones of x AND y, and what independent streams would have in
    $\delta = p - p_x p_y$,

    $$\mathrm{SCC} = \delta / (\min(p_x, p_y) - p_x p_y)$$ for $\delta > 0$, else
    $$\mathrm{SCC} = \delta / (p_x p_y - \max(0, p_x + p_y - 1)).$$

    1 means that the ones overlap as much as they can, -1 as little, 0 as those of independent
    streams. A constant stream overlaps in one way only; its SCC is 0.

    Raises:
        UserError: If the words do not match the length, or the shapes do not fit together.
    """
    x, y = _alike(x, y, length)
    ones_x, ones_y, both = popcount(x), popcount(y), popcount(x & y)
    # In integers, times length^2: exact, so that what should be 0 or 1 is.
    product = ones_x * ones_y
    excess = both * length - product
    most = np.minimum(ones_x, ones_y) * length - product
    least = product - np.maximum(0, ones_x + ones_y - length) * length
    room = np.where(excess > 0, most, least)
    share: NDArray[np.float64] = np.divide(excess, room, out=np.zeros(excess.shape), where=room > 0)
    return share


def _alike(x: ArrayLike, y: ArrayLike, length: int) -> tuple[Packed, Packed]:
    first, second = checked(x, length), checked(y, length)
    try:
        np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise UserError(
            f"streams of shapes {first.shape} and {second.shape} do not fit together: expected "
            f"shapes that broadcast, the last axis the words of {length} bits"
        ) from None
    return first, second


def _used(length: int) -> Packed:
    """Return a mask of the bits of a stream, one word after the other."""
    last = (check_length(length) - 1) % WORD_BITS + 1
    mask = np.full(-(-length // WORD_BITS), np.iinfo(np.uint64).max, dtype=np.uint64)
    mask[-1] >>= np.uint64(WORD_BITS - last)
    return mask
