"""Lines of a neuron's text as they are read: where they stand, and what is said of names there."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sc_neurocore.equation.expression import Expression, Operation, substituted, symbols
from sc_neurocore.equation.neuron import RESERVED_NAMES, Assignment, reserved
from sc_neurocore.equation.ode import Equation
from sc_neurocore.equation.syntax import (
    MAXIMUM_NESTING,
    MAXIMUM_NUMBER_LENGTH,
    MAXIMUM_OPERANDS,
    Place,
)
from sc_neurocore.equation.units import UNITS


@dataclass(frozen=True)
class Line:
    """A line that computes, and where it stands."""

    place: Place
    content: Assignment | Equation | Operation

    @property
    def expression(self) -> Expression:
        """What it computes, or the condition."""
        return self.content if isinstance(self.content, Operation) else self.content.value

    def with_definitions(self, definitions: Mapping[str, Expression]) -> Line:
        """Return the line with expressions in place of names."""
        value = put_in(self.expression, definitions, self.place)
        if isinstance(self.content, Operation):
            assert isinstance(value, Operation)  # of the same operator
            return Line(self.place, value)
        return Line(self.place, replace(self.content, value=value))


def assignments(lines: Iterable[Line]) -> tuple[Assignment, ...]:
    """Return the assignments among lines."""
    return tuple(line.content for line in lines if isinstance(line.content, Assignment))


def put_in(
    expression: Expression, definitions: Mapping[str, Expression], place: Place
) -> Expression:
    """Return an expression with definitions in place of their names, if it does not grow too far.

    What definitions of definitions stand for may double with every line.
    """
    result = substituted(expression, definitions)
    if sum(1 for _ in symbols(result)) > MAXIMUM_OPERANDS or _depth(result) > 4 * MAXIMUM_NESTING:
        raise place.error("this is too large once the parameters' expressions are written out")
    return result


def _depth(expression: Expression) -> int:
    if isinstance(expression, Operation):
        return 1 + max(map(_depth, expression.operands))
    return 0


def check_known(line: Line, known: set[str]) -> None:
    """Raise `EquationError`, with a caret and a guess, for a name that is not known."""
    for name in symbols(line.expression):
        if name not in known:
            similar = difflib.get_close_matches(name, sorted(known), n=1)
            guess = f" (did you mean {similar[0]!r}?)" if similar else ""
            listed = sorted(known - {*UNITS})  # of hundreds of units, some are enough
            listed += ["units such as mV, ms and pA"] * bool(known & {*UNITS})
            raise line.place.error(
                f"unknown name {name!r}{guess}; known: {', '.join(listed) or 'none'}",
                line.place.find(name),
            )


def usable_name(name: str, place: Place, column: int = 0) -> str:
    """Return a name that is not reserved; else raise `EquationError` with a caret."""
    if name in RESERVED_NAMES:
        raise place.error(reserved(name), column)
    return name


def declaration(
    pattern: re.Pattern[str], text: str, place: Place, hint: str, known: object
) -> re.Match[str]:
    """Read a declaration by its pattern, whose group `name` must be new; `hint` shows one."""
    found = pattern.fullmatch(text)
    if found is None:
        raise place.error(f"expected something like: {hint}")
    usable_name(found["name"], place)
    if isinstance(known, dict) and found["name"] in known:
        raise place.error(f"{found['name']!r} is declared twice")
    return found


def number_of(found: re.Match[str], group: str, place: Place) -> float:
    """Return the finite number that a group of a match holds; bounds may be infinite."""
    text = found[group]
    unsigned = text.lstrip("+-")
    if text in ("inf", "-inf") and group != "value":
        return float(text)
    if len(text) <= MAXIMUM_NUMBER_LENGTH and re.fullmatch(
        r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", text
    ):
        value = float(text)
        if math.isfinite(value):
            return value
    raise place.error(f"{unsigned!r} is not a finite number", found.start(group))
