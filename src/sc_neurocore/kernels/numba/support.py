"""What every generated Numba kernel stands on. The emitter puts this file's text before its own.

A generated module is thereby complete: its hash covers all that it computes, and Numba's cache on
disk cannot go stale.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import llvmlite.ir
import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numba.np.numpy_support import carray  # noqa: F401  for the generated text

_Function = TypeVar("_Function", bound=Callable[..., Any])


# No reassociation, and no Python exception for a division by zero.
_INNER: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
_INLINED: dict[str, Any] = {**_INNER, "forceinline": True}


def inner(function: _Function) -> _Function:
    """Compile a function that only compiled functions call."""
    return cast(_Function, numba.njit(**_INNER)(function))


def contracted(function: _Function) -> _Function:
    """Compile like `inner`, a product and the sum that it goes into rounded once.

    A product by 0 or 1 is exact: there it changes nothing.
    """
    return cast(_Function, numba.njit(**_INNER, fastmath={"contract"})(function))


def inlined(function: _Function) -> _Function:
    """Compile a function of numbers into the loops that call it, which LLVM then vectorises."""
    return cast(_Function, numba.njit(**_INLINED)(function))


def entry(function: Callable[[Any], None]) -> Any:
    """Compile a function of a pointer to int64 as C would, and cache it on disk with all it calls.

    Its `address` can be called without the interpreter, so threads need not wait for one another.
    """
    pointer = types.CPointer(types.int64)  # type: ignore[no-untyped-call]
    return numba.cfunc(types.void(pointer), error_model="numpy", cache=True)(function)


def instruction(define: Callable[..., Any]) -> Callable[..., Any]:
    """Make a compiled function of a function that writes its LLVM instructions."""
    return cast(Callable[..., Any], intrinsic(define))


@instruction
def arguments_do_not_overlap(typing_context: Any) -> Any:
    """Promise that no two array arguments of the function that calls this share memory.

    Without the promise LLVM compares every pair of arrays before a vectorised loop, and gives up
    when there are many.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for argument in builder.function.args:
            if isinstance(argument.type, llvmlite.ir.PointerType):
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), generate


@instruction
def memory_at(typing_context: Any, address: Any) -> Any:
    """Return a pointer to an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.int64), generate


@instruction
def take_one(typing_context: Any, counter: Any) -> Any:
    """Return an int64 in memory and count it up, at once: no two threads get the same number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.atomic_rmw("add", arguments[0], llvmlite.ir.IntType(64)(1), "monotonic")

    return types.int64(counter), generate


@instruction
def power_of_two(typing_context: Any, exponent: Any) -> Any:
    """Return 2 to an int32 as float32, or to an int64 as float64, made from its bits."""
    real, bits, mantissa, bias = (
        (types.float32, 32, 23, 127) if exponent == types.int32 else (types.float64, 64, 52, 1023)
    )

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        integer = llvmlite.ir.IntType(bits)
        biased = builder.add(arguments[0], integer(bias))
        return builder.bitcast(builder.shl(biased, integer(mantissa)), context.get_value_type(real))

    return real(exponent), generate


@instruction
def bits_of(typing_context: Any, value: Any) -> Any:
    """Return the bits of a float32 as uint32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], llvmlite.ir.IntType(32))

    return types.uint32(types.float32), generate


@instruction
def float_of(typing_context: Any, bits: Any) -> Any:
    """Return the float32 that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], llvmlite.ir.FloatType())

    return types.float32(types.uint32), generate


@inlined
def where(condition: bool, chosen: Any, otherwise: Any) -> Any:
    """Return one of two values that are both computed, so that loops need no branch."""
    return chosen if condition else otherwise


@inlined
def minimum(left: Any, right: Any) -> Any:
    """Return the smaller one, as the eager kernel defines it."""
    return left if left <= right else right


@inlined
def maximum(left: Any, right: Any) -> Any:
    """Return the larger one, as the eager kernel defines it."""
    return left if left >= right else right


# e^x = 2^k e^r with k the integer nearest to x / ln 2 and |r| <= ln(2)/2; e^r is its Taylor
# polynomial, the first term left out below a tenth of the last bit. ln 2 comes in two parts, the
# first with so few bits that k times it is exact; 2^k in two factors, so that the largest results
# are reached. Below e^-60 (float64: e^-600) the result is 0: no neuron could tell, but products of
# such numbers fall below the normal range, where processors take a hundred times longer.
# `kernels.exponential` does the same, step by step.


@inlined
def exp_float32(x: Any) -> Any:
    """Return e^x within 1.5 units in the last place, or 0 far below; NaN stays NaN."""
    k = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
    k = minimum(maximum(k, np.float32(-88)), np.float32(129))
    r = (x - k * np.float32(0.693359375)) - k * np.float32(-2.1219444005469057e-04)
    p = np.float32(1 / 5040) * r + np.float32(1 / 720)
    p = (p * r + np.float32(1 / 120)) * r + np.float32(1 / 24)
    p = (p * r + np.float32(1 / 6)) * r + np.float32(1 / 2)
    p = (p * r + np.float32(1)) * r + np.float32(1)
    exponent = np.int32(k)
    half = np.int32(exponent >> np.int32(1))
    y = (p * power_of_two(half)) * power_of_two(np.int32(exponent - half))
    y = where(x > np.float32(89), np.float32(np.inf), y)
    return where(x < np.float32(-60), np.float32(0), y)


@inlined
def exp_float64(x: Any) -> Any:
    """Return e^x within 1.5 units in the last place, or 0 far below; NaN stays NaN."""
    k = np.floor(x * 1.4426950408889634 + 0.5)
    k = minimum(maximum(k, -870.0), 1025.0)
    r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    p = 1 / 6227020800 * r + 1 / 479001600
    p = (p * r + 1 / 39916800) * r + 1 / 3628800
    p = (p * r + 1 / 362880) * r + 1 / 40320
    p = (p * r + 1 / 5040) * r + 1 / 720
    p = (p * r + 1 / 120) * r + 1 / 24
    p = (p * r + 1 / 6) * r + 1 / 2
    p = (p * r + 1.0) * r + 1.0
    exponent = np.int64(k)
    half = exponent >> 1
    y = (p * power_of_two(half)) * power_of_two(exponent - half)
    y = where(x > 710.0, np.inf, y)
    return where(x < -600.0, 0.0, y)


@inlined
def sigmoid_float32(x: Any) -> Any:
    """Return 1 / (1 + e^-x)."""
    return np.float32(1) / (np.float32(1) + exp_float32(-x))


@inlined
def sigmoid_float64(x: Any) -> Any:
    """Return 1 / (1 + e^-x)."""
    return 1.0 / (1.0 + exp_float64(-x))


@inlined
def exprel_float32(x: Any) -> Any:
    """Return (e^x - 1)/x, and 1 at 0, as `kernels.eager` does."""
    small = abs(x) < np.float32(1e-3)
    safe = where(small, np.float32(1), x)
    series = np.float32(1 / 24) + x / np.float32(120)
    series = np.float32(0.5) + x * (np.float32(1 / 6) + x * series)
    return where(small, np.float32(1) + x * series, np.expm1(safe) / safe)


@inlined
def exprel_float64(x: Any) -> Any:
    """Return (e^x - 1)/x, and 1 at 0, as `kernels.eager` does."""
    small = abs(x) < 1e-3
    safe = where(small, 1.0, x)
    series = 1.0 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x / 120.0)))
    return where(small, series, np.expm1(safe) / safe)


@inner
def copy_row(row: Any, out: Any) -> None:
    """Copy a row of the same type."""
    for j in range(len(out)):
        out[j] = row[j]


@inner
def add_row(row: Any, total: Any) -> None:
    """Add one row to another."""
    for j in range(len(total)):
        total[j] += row[j]


@inner
def gather(values: Any, start: int, inner: int, block: Any) -> None:
    """Spread one value per channel over a block of neurons.

    Neuron n belongs to channel (n // inner) mod (number of values); the block begins at `start`.
    """
    if len(values) == 1:
        block[:] = values[0]
        return
    channel = start // inner % len(values)
    left = inner - start % inner
    for j in range(len(block)):
        block[j] = values[channel]
        left -= 1
        if left == 0:
            left = inner
            channel += 1
            if channel == len(values):
                channel = 0


@inner
def scatter(block: Any, start: int, inner: int, totals: Any) -> None:
    """Add a block of neurons to the totals of their channels: the adjoint of `gather`."""
    channel = start // inner % len(totals)
    left = inner - start % inner
    for j in range(len(block)):
        totals[channel] += block[j]
        left -= 1
        if left == 0:
            left = inner
            channel += 1
            if channel == len(totals):
                channel = 0


@inner
def spread(row: Any, start: int, block: Any) -> None:
    """Take a block's part of a row of all neurons, or the one value that they share."""
    if len(row) == 1:
        block[:] = row[0]
    else:
        copy_row(row[start : start + len(block)], block)


@inner
def pool_row(row: Any, columns: int, inner: int, pooled: Any) -> None:
    """Average squares of 2 x 2 over an even number of image rows of `columns` times `inner`."""
    arguments_do_not_overlap()
    line = columns * inner
    for first in range(0, len(row), 2 * line):
        above, below = row[first : first + line], row[first + line : first + 2 * line]
        out = pooled[first // 4 : first // 4 + line // 2]
        if inner == 1:
            for j in range(len(out)):
                total = (above[2 * j] + above[2 * j + 1]) + (below[2 * j] + below[2 * j + 1])
                out[j] = total * np.float32(0.25)
            continue
        for start in range(0, line, 2 * inner):
            a, b = above[start : start + inner], above[start + inner : start + 2 * inner]
            c, d = below[start : start + inner], below[start + inner : start + 2 * inner]
            square = out[start // 2 : start // 2 + inner]
            for j in range(inner):
                square[j] = ((a[j] + b[j]) + (c[j] + d[j])) * np.float32(0.25)


@inner
def unpool_row(pooled: Any, columns: int, inner: int, row: Any) -> None:
    """Add a quarter of each average to the square that it is of: the adjoint of `pool_row`."""
    arguments_do_not_overlap()
    line = columns * inner
    for first in range(0, len(row), line):
        source = first // (2 * line) * (line // 2)
        for start in range(0, line, 2 * inner):
            for corner in range(first + start, first + start + 2 * inner, inner):
                share, target = pooled[source : source + inner], row[corner : corner + inner]
                for j in range(inner):
                    target[j] += share[j] * np.float32(0.25)
            source += inner


@inner
def widen(row: Any, out: Any) -> None:
    """Convert bfloat16 (as uint16) to float32."""
    for j in range(len(out)):
        out[j] = float_of(np.uint32(row[j]) << np.uint32(16))


@inner
def add_wide(row: Any, total: Any) -> None:
    """Add bfloat16 (as uint16) to float32."""
    for j in range(len(total)):
        total[j] += float_of(np.uint32(row[j]) << np.uint32(16))


@inner
def narrow(row: Any, out: Any) -> None:
    """Convert float32 to bfloat16 (as uint16), to nearest, ties to even; NaN stays NaN."""
    for j in range(len(out)):
        bits = bits_of(row[j])
        odd = (bits >> np.uint32(16)) & np.uint32(1)
        rounded = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)
        out[j] = np.uint16(rounded) if row[j] == row[j] else np.uint16(0x7FC0)
