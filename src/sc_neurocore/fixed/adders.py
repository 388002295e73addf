"""Multiplication by a constant as shifts and additions.

A constant is taken apart from either end, or by a factor 2^k + 1 or 2^k - 1, each of which costs
one adder, whichever way needs the fewest. 29491 = 7*(4096 + 9*(16 - 3)) takes five.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from sc_neurocore.fixed.program import ProgramBuilder

SEARCHED_BITS = 18
"""Every way is tried for odd constants of so many bits; there are too many for longer ones."""


@lru_cache(maxsize=1 << 16)
def _best(constant: int) -> tuple[int, Literal["one", "factor", "high", "low"], int, int, int]:
    """Return adders, way, shift, sign and the smaller odd constant, for an odd constant > 0.

    `factor`: (2^shift + sign)*smaller. `high`: 2^shift + sign*rest, where rest is smaller times a
    power of two. `low`: 2^shift*smaller + sign.
    """
    if constant == 1:
        return 0, "one", 0, 1, 1
    bits = constant.bit_length()
    if bits > SEARCHED_BITS:
        # Canonical signed digits from the low end, until the rest is short enough to search.
        sign = 2 - constant % 4
        rest = constant - sign
        smaller = rest >> _zeros(rest)
        return _best(smaller)[0] + 1, "low", _zeros(rest), sign, smaller
    ways: list[tuple[int, Literal["one", "factor", "high", "low"], int, int, int]] = []
    for shift in range(1, bits + 1):
        for sign in (1, -1):
            factor = (1 << shift) + sign
            if factor > 1 and constant % factor == 0:
                smaller = constant // factor
                ways.append((_best(smaller)[0] + 1, "factor", shift, sign, smaller))
    for shift, sign in ((bits - 1, 1), (bits, -1)):
        rest = sign * (constant - (1 << shift))
        smaller = rest >> _zeros(rest)
        ways.append((_best(smaller)[0] + 1, "high", shift, sign, smaller))
    for sign in (1, -1):
        rest = constant - sign
        smaller = rest >> _zeros(rest)
        ways.append((_best(smaller)[0] + 1, "low", _zeros(rest), sign, smaller))
    return min(ways)


def _zeros(value: int) -> int:
    return (value & -value).bit_length() - 1


def adders(constant: int) -> int:
    """Return how many additions and subtractions a product with a constant takes."""
    size = abs(constant)
    return 0 if size == 0 else _best(size >> _zeros(size))[0] + (constant < 0)


def multiplied(builder: ProgramBuilder, operand: int, constant: int, fraction_bits: int) -> int:
    """Return the node of a product with a constant other than 0, made of shifts and additions."""
    size = abs(constant)
    zeros = _zeros(size)
    node = _odd(builder, operand, size >> zeros, fraction_bits)
    node = builder.apply("<<", node, amount=zeros, fraction_bits=fraction_bits)
    return builder.apply("neg", node, fraction_bits=fraction_bits) if constant < 0 else node


def _odd(builder: ProgramBuilder, operand: int, constant: int, bits: int) -> int:
    _, way, shift, sign, smaller = _best(constant)
    if way == "one":
        return operand

    def shifted(node: int, amount: int) -> int:
        return builder.apply("<<", node, amount=amount, fraction_bits=bits)

    inner = _odd(builder, operand, smaller, bits)
    if way == "factor":
        left, right = shifted(inner, shift), inner
    elif way == "low":
        left, right = shifted(inner, shift), operand
    else:
        rest = sign * (constant - (1 << shift))
        left, right = shifted(operand, shift), shifted(inner, _zeros(rest))
    # Both sides come from one operand, so that the sum's range is that of the product.
    node = builder.nodes[operand]
    return builder.apply(
        "+" if sign > 0 else "-",
        left,
        right,
        fraction_bits=bits,
        interval=(node.low * constant, node.high * constant),
    )
