"""The compiled inner loop of stochastic layers: AND, count, accumulate, on all cores.

One kernel serves every encoding, because the counts of the others follow exactly from that of
the AND and from counts of single streams:

    ones(x AND NOT w) = ones(x) - ones(x AND w)
    ones(x XNOR w)    = length - ones(x) - ones(w) + 2 ones(x AND w)
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.caching import FunctionCache
from numba.np.numpy_support import carray
from numpy.typing import NDArray

from sc_neurocore.kernels.numba.runtime import check_settings, run_on_threads, say_compiling
from sc_neurocore.kernels.numba.support import (
    arguments_do_not_overlap,
    entry,
    inner,
    instruction,
    memory_at,
    take_one,
)
from sc_neurocore.kernels.threads import thread_count
from sc_neurocore.stochastic.streams import Packed

_NUMBA: Any = numba.config  # made when Numba starts

_ROWS = 32
"""Rows of x and of w in a tile: so many fit into a core's cache with `_WORDS` words each."""

_WORDS = 512
_SERIAL = 1 << 16
"""Below so many words one thread is as fast: others take a while to begin."""


@instruction
def _ones(typing_context: Any, word: Any) -> Any:
    """Count the ones of a 64-bit word by LLVM's ctpop, one machine instruction."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


def and_counts(x: Packed, w: Packed, threads: int | None = None) -> NDArray[np.int64]:
    """Return counts[b, o], the number of ones in `x[b] AND w[o]`, summed over all their words.

    Args:
        x: Shape (batch, ...), the same axes after the first as w.
        w: Shape (outputs, ...).
        threads: How many threads share the work; by default as many as `kernels.threads` says, and
            at most NUMBA_NUM_THREADS.

    Returns:
        Shape (batch, outputs). Integers, so the order of summation cannot matter.
    """
    counts = np.zeros((x.shape[0], w.shape[0]), dtype=np.int64)
    if counts.size and x.size:
        flat_x = np.ascontiguousarray(x).reshape(x.shape[0], -1)
        flat_w = np.ascontiguousarray(w).reshape(w.shape[0], -1)
        arrays = (flat_x, flat_w, counts)
        tiles = -(-x.shape[0] // _ROWS)
        numbers = np.array(
            [0, tiles, *flat_x.shape, w.shape[0], *(array.ctypes.data for array in arrays)]
        )
        is_small = counts.size * flat_x.shape[1] < _SERIAL
        usual = min(thread_count(), _NUMBA.NUMBA_NUM_THREADS)
        wanted = threads or (1 if is_small else usual)
        run_on_threads(_address(), numbers.ctypes.data, min(wanted, tiles))
    return counts


@cache
def _address() -> int:
    """Compile the kernel, or load it from Numba's cache, when it is first needed."""
    check_settings()
    cache: Any = FunctionCache
    kept = Path(cache(_work).cache_path)
    if not list(kept.glob(f"{Path(__file__).stem}.{_work.__name__}-*.nbi")):
        say_compiling(Path(__file__).stem)
    address: int = entry(_work).address
    return address


@inner
def _add_block(x0: Any, x1: Any, w0: Any, w1: Any, w2: Any, w3: Any, sums: Any) -> None:
    """Count a block of 2 x 4 pairs of rows: eight sums in registers for six loads."""
    arguments_do_not_overlap()
    c00 = c01 = c02 = c03 = c10 = c11 = c12 = c13 = 0
    for k in range(len(x0)):
        c00 += _ones(x0[k] & w0[k])
        c01 += _ones(x0[k] & w1[k])
        c02 += _ones(x0[k] & w2[k])
        c03 += _ones(x0[k] & w3[k])
        c10 += _ones(x1[k] & w0[k])
        c11 += _ones(x1[k] & w1[k])
        c12 += _ones(x1[k] & w2[k])
        c13 += _ones(x1[k] & w3[k])
    sums[0], sums[1], sums[2], sums[3] = c00, c01, c02, c03
    sums[4], sums[5], sums[6], sums[7] = c10, c11, c12, c13


@inner
def _add_tile(x: Any, w: Any, counts: Any, b: int, o: int, k: int, sums: Any) -> None:
    """Add the counts of some words of a few rows, from row b of x, row o of w and word k on.

    A block at the edge repeats the last row and leaves its sums out.
    """
    b_end, o_end, k_end = (
        min(b + _ROWS, len(x)),
        min(o + _ROWS, len(w)),
        min(k + _WORDS, x.shape[1]),
    )
    for b0 in range(b, b_end, 2):
        b1 = min(b0 + 1, b_end - 1)
        for o0 in range(o, o_end, 4):
            o1, o2, o3 = min(o0 + 1, o_end - 1), min(o0 + 2, o_end - 1), min(o0 + 3, o_end - 1)
            # Rows and then words: Numba takes these as contiguous, so that LLVM vectorises.
            _add_block(
                x[b0][k:k_end], x[b1][k:k_end],
                w[o0][k:k_end], w[o1][k:k_end], w[o2][k:k_end], w[o3][k:k_end],
                sums,
            )  # fmt: skip
            for i in range(b1 - b0 + 1):
                for j in range(o3 - o0 + 1):
                    counts[b0 + i, o0 + j] += sums[4 * i + j]


def _work(numbers: Any) -> None:
    """Take tiles of rows of x until all are taken, and add their counts with every row of w.

    The numbers: the next tile, the number of tiles, rows of x, words of a row, rows of w, and the
    addresses of x, w and the counts.
    """
    tiles, batch, words, outputs = numbers[1], numbers[2], numbers[3], numbers[4]
    x = carray(memory_at(numbers[5]), (batch, words), np.uint64)
    w = carray(memory_at(numbers[6]), (outputs, words), np.uint64)
    counts = carray(memory_at(numbers[7]), (batch, outputs), np.int64)
    sums = np.empty(8, np.int64)
    while True:
        tile = take_one(numbers)
        if tile >= tiles:
            return
        for k in range(0, words, _WORDS):
            for o in range(0, outputs, _ROWS):
                _add_tile(x, w, counts, tile * _ROWS, o, k, sums)
