"""Which states of a neuron are sources of noise, and what may be done with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from sc_neurocore.equation.expression import Expression, Operation, Symbol
from sc_neurocore.equation.noise import NEXT_WORD, NOISE_OPERATORS, PERIOD
from sc_neurocore.errors import EquationError


def find_sources(lines: Iterable[tuple[str, Expression]]) -> dict[str, str]:
    """Return the parameter that holds the start of each source, by the state that holds its word.

    Args:
        lines: Targets and values of the update lines that assign states.
    """
    found = {}
    for target, value in lines:
        match value:
            case Operation(operator, (Symbol(word), Symbol(start))) if operator == NEXT_WORD:
                if target == word:
                    found[word] = start
    return found


def check_sources(
    found: Mapping[str, str], lines: Iterable[tuple[str, Expression]], initial: Mapping[str, float]
) -> None:
    """Raise `EquationError` where noise is used as no `noise` line does.

    Args:
        found: The sources, as `find_sources` finds them.
        lines: Targets and values of all lines.
        initial: Each state before the first step.
    """
    steps = 0
    for target, value in lines:
        for each in _operations(value):
            word = each.operands[0]
            is_source = isinstance(word, Symbol) and word.name in found
            is_step = each.operator == NEXT_WORD
            if not is_source or (is_step and value != each):
                raise EquationError(
                    f"{target} = {value}: {each.operator} is what a line such as "
                    f"'noise xi = normal(0, 1)' becomes; write that"
                )
            steps += is_step
        if target in found and not (isinstance(value, Operation) and value.operator == NEXT_WORD):
            raise EquationError(f"{target} = {value}: {target!r} is the word of a source of noise")
    if steps > len(found):
        raise EquationError("a source of noise takes one step in each step of the neuron")
    for name in {*found} & {*initial}:
        first = initial[name]
        if not (0 <= first <= PERIOD and first == round(first)):
            raise EquationError(
                f"state {name} = {first:g}: the word of a source of noise is a whole number, 0 to "
                f"{PERIOD}"
            )


def check_start(name: str, value: Any) -> None:
    """Raise `EquationError` unless a source can begin at what is given, a number or several."""
    values = np.asarray(value)
    if ((values < 1) | (values > PERIOD) | (values != np.round(values))).any():
        raise EquationError(
            f"{name} = {value}: a source of noise begins at a whole number from 1 to {PERIOD}"
        )


def _operations(expression: Expression) -> Iterator[Operation]:
    if isinstance(expression, Operation):
        if expression.operator in NOISE_OPERATORS:
            yield expression
        for operand in expression.operands:
            yield from _operations(operand)
