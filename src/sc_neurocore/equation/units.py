"""Units: checked while a neuron is read, then gone.

Numbers that stay are in ms, mV and pA, and in what follows from them: pF, nS, GOhm, Hz as 1e-3 per
ms. A length is in tens of um, so that uA/cm2, mS/cm2 and uF/cm2 are 1 too; a concentration is in
mM. So all of it has one coherent set of units, in which a membrane is a number of the order of 50.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

import numpy as np

from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    evaluate,
    symbols,
)
from sc_neurocore.errors import EquationError

_NAMES = ("ms", "pA", "mV", "10 um", "mM", "K")
"""What a number of each base dimension is in."""

Dimensions = tuple[Fraction, ...]
"""The exponents of time, current, voltage, length, concentration and temperature."""


def _base(*exponents: int) -> Dimensions:
    padded = (*exponents, *([0] * (len(_NAMES) - len(exponents))))
    return tuple(map(Fraction, padded))


NONE = _base()
TIME = _base(1)

_PREFIXES = {"": 1.0, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "c": 1e-2, "k": 1e3, "M": 1e6,
             "G": 1e9}  # fmt: skip

# Long name, other names that take prefixes, its size in ours, its dimensions.
_UNITS = (
    ("second", ("s",), 1e3, _base(1)),
    ("hertz", ("Hz",), 1e-3, _base(-1)),
    ("amp", ("A", "ampere"), 1e12, _base(0, 1)),
    ("volt", ("V",), 1e3, _base(0, 0, 1)),
    ("ohm", ("Ohm",), 1e-9, _base(0, -1, 1)),
    ("siemens", ("S",), 1e9, _base(0, 1, -1)),
    ("farad", ("F",), 1e12, _base(1, 1, -1)),
    ("coulomb", ("C",), 1e15, _base(1, 1)),
    ("watt", ("W",), 1e15, _base(0, 1, 1)),
    ("joule", ("J",), 1e18, _base(1, 1, 1)),
    ("metre", ("m", "meter"), 1e5, _base(0, 0, 0, 1)),
    ("molar", ("M",), 1e3, _base(0, 0, 0, 0, 1)),
    ("kelvin", ("K",), 1.0, _base(0, 0, 0, 0, 0, 1)),
)


def _all_units() -> dict[str, tuple[float, Dimensions]]:
    units = {}
    for long, short, size, dimensions in _UNITS:
        for prefix, factor in _PREFIXES.items():
            for name in (long, *short):
                # A letter alone is too likely to be a name of the equation's.
                if len(prefix + name) > 1:
                    units[prefix + name] = round_trip(size * factor), dimensions
    for name in ("metre", "meter", "m"):
        for prefix in ("u", "m", "c"):
            size, dimensions = units[prefix + name]
            for power in (2, 3):
                powers = tuple(power * each for each in dimensions)
                units[f"{prefix}{name}{power}"] = round_trip(size**power), powers
    return units


def round_trip(value: float) -> float:
    """Cut what products of powers of ten leave in the last digits."""
    return float(f"{value:.12g}")


UNITS: Mapping[str, tuple[float, Dimensions]] = MappingProxyType(_all_units())
"""Of each unit, its size in ours and its dimensions."""


PLAIN = frozenset(name for long, short, _, _ in _UNITS for name in (long, *short))
"""The units without a prefix."""


class UnitError(Exception):
    """Two parts of an expression do not fit together."""


@dataclass(frozen=True)
class _Quantity:
    """What is known of a value: dimensions, None where they are not known; a plain number."""

    dimensions: Dimensions | None
    number: float | None = None


_QUANTITIES = {name: _Quantity(dimensions) for name, (_, dimensions) in UNITS.items()}


class _Units:
    """The algebra of dimensions."""

    def constant(self, value: float) -> _Quantity:
        # 0 is 0 in any unit.
        return _Quantity(None if value == 0 else NONE, value)

    def apply(self, operator: str, operands: tuple[_Quantity, ...]) -> _Quantity:
        first = operands[0].dimensions
        match operator:
            case "*" | "/":
                second = operands[1].dimensions
                if first is None or second is None:
                    return _Quantity(None)
                sign = 1 if operator == "*" else -1
                return _Quantity(tuple(a + sign * b for a, b in zip(first, second, strict=True)))
            case "neg" | "abs":
                return _Quantity(first)
            case "sqrt":
                return _Quantity(first and tuple(each / 2 for each in first))
            case "power":
                if first is None or first == NONE:
                    return _Quantity(first)
                exponent = operands[1].number
                if exponent is None:
                    raise UnitError(f"a power of what is in {written(first)} needs a plain number")
                factor = Fraction(exponent).limit_denominator(1000)
                return _Quantity(tuple(each * factor for each in first))
            case "+" | "-" | "min" | "max" | ">=" | ">" | "<=" | "<":
                return _Quantity(_same(operator, *(each.dimensions for each in operands)))
            case "select":
                return _Quantity(_same(operator, *(each.dimensions for each in operands[1:])))
        if first not in (None, NONE):
            raise UnitError(f"{operator} of what is in {written(first)}: expected a plain number")
        return _Quantity(NONE)


def _same(operator: str, a: Dimensions | None, b: Dimensions | None) -> Dimensions | None:
    if a is not None and b is not None and a != b:
        raise UnitError(f"{operator} takes {written(a)} and {written(b)} together")
    return b if a is None else a


def written(dimensions: Dimensions | None) -> str:
    """Return dimensions as people write them, such as `pA/mV`."""
    if dimensions is None:
        return "any unit"
    above: list[str] = []
    below: list[str] = []
    for name, exponent in zip(_NAMES, dimensions, strict=True):
        if exponent:
            size = abs(exponent)
            text = name if " " not in name else f"({name})"
            (above if exponent > 0 else below).append(f"{text}^{size}" if size != 1 else text)
    top = "*".join(above) or ("1" if below else "no unit")
    return f"{top}/{'/'.join(below)}" if below else top


def dimensions_of(
    expression: Expression, known: Mapping[str, Dimensions | None]
) -> Dimensions | None:
    """Return the dimensions of an expression; None where they do not follow.

    Args:
        expression: The expression, in names and units.
        known: The dimensions of names; what is not among them is a unit.

    Raises:
        UnitError: If parts of it do not fit together.
    """
    names = _QUANTITIES | {name: _Quantity(dimensions) for name, dimensions in known.items()}
    try:
        return evaluate(expression, names, _Units()).dimensions
    except KeyError as missing:
        raise EquationError(f"unknown name {missing.args[0]!r}") from None


def sizes(names: set[str]) -> dict[str, Expression]:
    """Return the units among some names, as numbers."""
    return {name: Constant(UNITS[name][0]) for name in names if name in UNITS}


def size_of(unit: Expression, *, exact: bool = False) -> float:
    """Return how many of ours a unit is.

    Args:
        unit: A product of units.
        exact: Whether units without any prefix are what they say, too; else they only name what is
            measured, as in Brian2, and are 1.
    """
    names = set(symbols(unit))
    is_counted = exact or not names <= PLAIN
    values = {name: np.float64(UNITS[name][0] if is_counted else 1) for name in names}
    with np.errstate(all="ignore"):
        return round_trip(float(evaluate(unit, values, Doubles())))
