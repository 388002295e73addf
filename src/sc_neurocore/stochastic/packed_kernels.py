"""The compiled inner loop of stochastic layers: AND, count, accumulate.

One kernel serves every encoding, because the counts of the others follow exactly from that of
the AND and from counts of single streams:

    ones(x AND NOT w) = ones(x) - ones(x AND w)
    ones(x XNOR w)    = length - ones(x) - ones(w) + 2 ones(x AND w)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from sc_neurocore.stochastic.streams import Packed

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _compiled(function: _Function) -> _Function:
    return cast(_Function, numba.njit(cache=True, parallel=True)(function))


def _count_ones(typing_context: Any, word: Any) -> Any:
    """Count the ones of a 64-bit word by LLVM's ctpop, one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


_ones = cast(Callable[[np.uint64], int], intrinsic(_count_ones))


def and_counts(x: Packed, w: Packed) -> NDArray[np.int64]:
    """Return counts[b, o], the number of ones in `x[b] AND w[o]`, summed over all their words.

    Args:
        x: Shape (batch, ...), the same axes after the first as w.
        w: Shape (outputs, ...).

    Returns:
        Shape (batch, outputs). Integers, so the order of summation cannot matter.
    """
    counts = np.empty((x.shape[0], w.shape[0]), dtype=np.int64)
    if counts.size:
        flat_x = np.ascontiguousarray(x).reshape(x.shape[0], -1)
        flat_w = np.ascontiguousarray(w).reshape(w.shape[0], -1)
        _and_counts(flat_x, flat_w, counts)
    return counts


@_compiled
def _and_counts(x: Packed, w: Packed, counts: NDArray[np.int64]) -> None:
    """Fill blocks of 2 x 4 counts: eight sums in registers for six loads.

    A block at the edge repeats the last row, which writes the same number again.
    """
    last_x, last_w = x.shape[0] - 1, w.shape[0] - 1
    blocks_w = last_w // 4 + 1
    for block in numba.prange((last_x // 2 + 1) * blocks_w):
        b0 = block // blocks_w * 2
        b1 = min(b0 + 1, last_x)
        o0 = block % blocks_w * 4
        o1, o2, o3 = min(o0 + 1, last_w), min(o0 + 2, last_w), min(o0 + 3, last_w)
        x0, x1 = x[b0], x[b1]
        w0, w1, w2, w3 = w[o0], w[o1], w[o2], w[o3]
        c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = 0
        for k in range(x.shape[1]):
            c00 += _ones(x0[k] & w0[k])
            c01 += _ones(x0[k] & w1[k])
            c02 += _ones(x0[k] & w2[k])
            c03 += _ones(x0[k] & w3[k])
            c10 += _ones(x1[k] & w0[k])
            c11 += _ones(x1[k] & w1[k])
            c12 += _ones(x1[k] & w2[k])
            c13 += _ones(x1[k] & w3[k])
        counts[b0, o0], counts[b0, o1], counts[b0, o2], counts[b0, o3] = c00, c01, c02, c03
        counts[b1, o0], counts[b1, o1], counts[b1, o2], counts[b1, o3] = c10, c11, c12, c13
