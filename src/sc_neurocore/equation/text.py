"""Expressions and neurons as text: the exact inverse of the parser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sc_neurocore.equation.expression import (
    CALL,
    OPERATORS,
    PRODUCT,
    SIGN,
    Constant,
    Expression,
    Symbol,
)

if TYPE_CHECKING:
    from sc_neurocore.equation.neuron import Neuron


def format_number(value: float) -> str:
    """Write a float so that reading it back gives the same float; whole numbers without a dot."""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value)) if (value or math.copysign(1, value) > 0) else "-0.0"
    return repr(value)


def format_expression(expression: Expression) -> str:
    """Write an expression with the fewest parentheses that keep its structure."""
    return _format(expression)[0]


def _format(expression: Expression) -> tuple[str, int]:
    """Return the text and the precedence of its outermost operator."""
    if isinstance(expression, Constant):
        text = format_number(expression.value)
        return text, SIGN if text.startswith("-") else CALL
    if isinstance(expression, Symbol):
        return expression.name, CALL
    name, operands = expression.operator, expression.operands
    operator = OPERATORS[name]
    if operator.notation == "call":
        return f"{name}({', '.join(_format(operand)[0] for operand in operands)})", CALL
    if operator.notation == "prefix":
        return f"-{_wrapped(operands[0], SIGN)}", SIGN
    # Infix operators associate to the left; comparisons do not associate at all.
    left = _wrapped(operands[0], operator.precedence + operator.is_condition)
    right = _wrapped(operands[1], operator.precedence + 1)
    joint = name if operator.precedence == PRODUCT else f" {name} "
    return f"{left}{joint}{right}", operator.precedence


def _wrapped(operand: Expression, weakest: int) -> str:
    text, precedence = _format(operand)
    return text if precedence >= weakest else f"({text})"


def format_neuron(neuron: Neuron) -> str:
    """Write a neuron in the text form that `parse_neuron` reads."""
    lines = [f"neuron {neuron.name}"]
    lines += [f"state {name} = {format_number(value)}" for name, value in neuron.states.items()]
    for name, parameter in neuron.parameters.items():
        interval = f"({format_number(parameter.low)}, {format_number(parameter.high)})"
        lines.append(f"parameter {name} = {format_number(parameter.default)} in {interval}")
    lines.append(f"input {', '.join(neuron.inputs)}")
    for keyword, assignments in (
        ("update", neuron.update),
        ("spike", None),
        ("reset", neuron.reset),
        ("after", neuron.after),
    ):
        if assignments is None:
            lines.append(f"spike {neuron.spike}")
        else:
            lines += [f"{keyword} {assignment}" for assignment in assignments]
    return "\n".join(lines) + "\n"
