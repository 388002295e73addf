"""What generated Triton kernels call: the operators that Triton lacks or rounds in another way.

Kernels are compiled without contraction, so sums and products round as IEEE 754 says; division and
square root do here, where Triton's own are approximations. The exponential is the sequence of
operations of `kernels.exponential`. Other functions are a few units in the last place away from
PyTorch's.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl


def inner(function: Any) -> Any:
    """Compile a function that only kernels call.

    Triton's interpreter takes it as it is: there each call of a compiled one takes milliseconds.
    """
    return function if triton.knobs.runtime.interpret else triton.jit(function)


@inner
def minimum(left: tl.tensor, right: tl.tensor) -> tl.tensor:
    """Return the smaller one, as the eager kernel defines it."""
    return tl.where(left <= right, left, right)


@inner
def maximum(left: tl.tensor, right: tl.tensor) -> tl.tensor:
    """Return the larger one, as the eager kernel defines it."""
    return tl.where(left >= right, left, right)


@inner
def negative(x: tl.tensor) -> tl.tensor:
    """Return -x, also of 0, which Triton subtracts from 0."""
    return x * -1.0


@inner
def one_like(x: tl.tensor) -> tl.tensor:
    """Return ones in the shape and type of x."""
    return tl.full(x.shape, 1.0, x.dtype)


@inner
def divide(left: tl.tensor, right: tl.tensor) -> tl.tensor:
    """Return the quotient, rounded to nearest."""
    if left.dtype == tl.float32:
        return tl.math.div_rn(left, right)
    else:
        return left / right


@inner
def root(x: tl.tensor) -> tl.tensor:
    """Return the square root, rounded to nearest."""
    if x.dtype == tl.float32:
        return tl.math.sqrt_rn(x)
    else:
        return tl.sqrt(x)


@inner
def reduced(x: tl.tensor) -> tl.tensor:
    """Return k and r with x = k ln 2 + r, k whole (an int32) and r small."""
    k = tl.floor(x * 1.4426950408889634 + 0.5)
    if x.dtype == tl.float32:
        k = minimum(maximum(k, -88.0), 129.0)
        r = (x - k * 0.693359375) - k * -2.1219444005469057e-04
    else:
        k = minimum(maximum(k, -870.0), 1025.0)
        r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10
    return k.to(tl.int32), r


@inner
def series(r: tl.tensor) -> tl.tensor:
    """Return (e^r - 1) / r for a small r, its Taylor polynomial."""
    if r.dtype == tl.float32:
        p = (1 / 5040) * r + 1 / 720
    else:
        p = (1 / 6227020800) * r + 1 / 479001600
        p = (p * r + 1 / 39916800) * r + 1 / 3628800
        p = (p * r + 1 / 362880) * r + 1 / 40320
        p = (p * r + 1 / 5040) * r + 1 / 720
    p = (p * r + 1 / 120) * r + 1 / 24
    return ((p * r + 1 / 6) * r + 1 / 2) * r + 1.0


@inner
def power_of_two(exponent: tl.tensor, like: tl.tensor) -> tl.tensor:
    """Return 2 to an int32 in the type of another number, made from its bits."""
    if like.dtype == tl.float32:
        return ((exponent + 127) << 23).to(tl.float32, bitcast=True)
    else:
        return ((exponent.to(tl.int64) + 1023) << 52).to(tl.float64, bitcast=True)


@inner
def scaled(x: tl.tensor, k: tl.tensor) -> tl.tensor:
    """Return x times 2 to the k, in two steps, so that the largest results are reached."""
    half = k >> 1
    return (x * power_of_two(half, x)) * power_of_two(k - half, x)


@inner
def exp(x: tl.tensor) -> tl.tensor:
    """Return e^x within 1.5 units in the last place, or 0 far below; NaN stays NaN."""
    k, r = reduced(x)
    y = scaled(series(r) * r + 1.0, k)
    if x.dtype == tl.float32:
        return tl.where(x < -60.0, 0.0, tl.where(x > 89.0, float("inf"), y))
    else:
        return tl.where(x < -600.0, 0.0, tl.where(x > 710.0, float("inf"), y))


@inner
def expm1(x: tl.tensor) -> tl.tensor:
    """Return e^x - 1, also of a small x."""
    k, r = reduced(x)
    y = scaled(series(r) * r, k) + (scaled(one_like(x), k) - 1.0)
    return tl.where(x > 40.0, exp(x), tl.where(x < -60.0, -1.0, y))


@inner
def sigmoid(x: tl.tensor) -> tl.tensor:
    """Return 1 / (1 + e^-x)."""
    return divide(one_like(x), 1.0 + exp(x * -1.0))


@inner
def exprel(x: tl.tensor) -> tl.tensor:
    """Return (e^x - 1)/x, and 1 at 0, as `kernels.eager` does."""
    small = tl.abs(x) < 1e-3
    safe = tl.where(small, 1.0, x)
    near = 1.0 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x * (1 / 120))))
    return tl.where(small, near, divide(expm1(safe), safe))


@inner
def tanh(x: tl.tensor) -> tl.tensor:
    """Return the hyperbolic tangent."""
    size = tl.abs(x)
    grown = expm1(2.0 * size)
    y = tl.where(size > 20.0, 1.0, divide(grown, grown + 2.0))
    return tl.where(x < 0.0, y * -1.0, y)


@inner
def cosh(x: tl.tensor) -> tl.tensor:
    """Return the hyperbolic cosine."""
    root_of_large = exp(tl.abs(x) * 0.5)
    large = (0.5 * root_of_large) * root_of_large
    return large + divide(0.25 * one_like(x), large)


@inner
def power(x: tl.tensor, p: tl.tensor) -> tl.tensor:
    """Return x to the p; NaN for x below 0 and a p that is not whole."""
    half = p * 0.5
    is_whole, is_even = tl.floor(p) == p, tl.floor(half) == half
    y = exp(p * tl.log(tl.abs(x)))
    of_negative = tl.where(is_even, y, tl.where(is_whole, y * -1.0, float("nan")))
    return tl.where(p == 0.0, 1.0, tl.where(x < 0.0, of_negative, y))


@inner
def put(pointers: tl.tensor, values: tl.tensor, inside: tl.tensor) -> None:
    """Store float32 or float64 in the type of the memory, rounded to nearest, ties to even."""
    if pointers.dtype.element_ty == tl.bfloat16:
        # Triton's interpreter would round in another way.
        bits = values.to(tl.uint32, bitcast=True)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        bits = tl.where(values == values, bits, 0x7FC0).to(tl.uint16)
        tl.store(pointers, bits.to(tl.bfloat16, bitcast=True), mask=inside)
    else:
        tl.store(pointers, values, mask=inside)


@inner
def put_squares(
    spikes: tl.tensor, values: tl.tensor, neurons: tl.tensor, BLOCK: tl.constexpr
) -> None:
    """Store the averages of each four lanes, the squares of `places`."""
    averages = tl.sum(tl.reshape(values, (BLOCK // 4, 4)), 1) * 0.25
    squares = tl.program_id(0).to(tl.int64) * (BLOCK // 4) + tl.arange(0, BLOCK // 4)
    put(spikes + squares, averages, squares < neurons // 4)


@inner
def places(
    neurons: tl.tensor,
    columns: tl.tensor,
    pooled: tl.tensor,
    POOL: tl.constexpr,
    BLOCK: tl.constexpr,
) -> tl.tensor:
    """Return the neurons of this program's lanes, where their spikes are, and which lanes are used.

    With pooling each four lanes are one square of 2 x 2, whose spikes are at one place.

    Args:
        neurons: How many there are.
        columns: Columns of the images, as the next ones only with pooling.
        pooled: Values in each place of a column.
        POOL: Whether spikes are averaged.
        BLOCK: The number of lanes.
    """
    lanes = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    if POOL:
        square, corner = lanes // 4, lanes % 4
        across = square // pooled
        column = across % (columns // 2) * 2 + corner % 2
        row = across // (columns // 2) * 2 + corner // 2
        return (row * columns + column) * pooled + square % pooled, square, lanes < neurons
    else:
        return lanes, lanes, lanes < neurons
