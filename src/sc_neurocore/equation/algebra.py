"""Floating-point arithmetic over NumPy arrays: the reference interpretation without torch."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.equation.noise import float_normal, float_uniform, float_word


def _sigmoid(x: Array) -> Array:
    # Without overflow, and with full relative precision in the lower tail.
    return np.exp(-np.logaddexp(0, -x))


def _exprel(x: Array) -> Array:
    # Near 0 the series: the next term is beyond what float64 holds.
    small = np.abs(x) < 1e-3
    safe = np.where(small, np.ones_like(x), x)
    series = 1 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x / 120)))
    return np.where(small, series, np.expm1(safe) / safe)


class ArrayAlgebra:
    """Interpret equations on NumPy arrays of any float type; scalars broadcast.

    Spikes are arrays of 0 and 1 in the float type of the crossing.
    """

    functions: Mapping[str, Callable[..., Any]] = {
        ">=": python.ge,
        ">": python.gt,
        "<=": python.le,
        "<": python.lt,
        "+": python.add,
        "-": python.sub,
        "*": python.mul,
        "/": python.truediv,
        "neg": python.neg,
        "abs": np.abs,
        "min": np.minimum,
        "max": np.maximum,
        "exp": np.exp,
        "tanh": np.tanh,
        "sigmoid": _sigmoid,
        "exprel": _exprel,
        "log": np.log,
        "sqrt": np.sqrt,
        "sin": np.sin,
        "cos": np.cos,
        "cosh": np.cosh,
        "power": np.power,
        "select": np.where,
        "noise_word": float_word,
        "noise_normal": float_normal,
        "noise_uniform": float_uniform,
    }

    def constant(self, value: float) -> Any:
        """Return the Python float, which takes the array's type in arithmetic."""
        return value

    def apply(self, operator: str, operands: tuple[Any, ...]) -> Any:
        """Apply the NumPy function of the operator."""
        return self.functions[operator](*operands)

    def assign(self, target: str, value: Any, *, is_local: bool) -> Any:
        """Return the value: floats are stored as they are."""
        return value

    def fire(self, operator: str, left: Any, right: Any) -> Any:
        """Return 1.0 where the condition holds, else 0.0."""
        crossing = np.asarray(left - right)
        return self.functions[operator](crossing, 0).astype(crossing.dtype)

    def reset(self, spike: Any, value: Any, kept: Any) -> Any:
        """Return `value` where the spike is 1."""
        return np.where(spike > 0, value, kept)


class Doubles(ArrayAlgebra):
    """NumPy's arithmetic for constants too: what divides by 0 is infinite, or not a number."""

    def constant(self, value: float) -> Any:
        """Return a NumPy number."""
        return np.float64(value)
