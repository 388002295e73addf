r"""Expressions and neurons as LaTeX, made from the same graph that computes."""

from __future__ import annotations

import re

from sc_neurocore.equation.expression import (
    CALL,
    COMPARISON,
    OPERATORS,
    PRODUCT,
    SIGN,
    Constant,
    Expression,
    Symbol,
)
from sc_neurocore.equation.neuron import Assignment, Neuron
from sc_neurocore.equation.text import format_number

_GREEK = re.compile(
    "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|"
    "upsilon|phi|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega"
)
_INFIX = {">=": r"\ge", ">": ">", "<=": r"\le", "<": "<", "+": "+", "-": "-"}
_FUNCTION = {
    "min": r"\min",
    "max": r"\max",
    "exp": r"\exp",
    "tanh": r"\tanh",
    "sigmoid": r"\sigma",
    "exprel": r"\operatorname{exprel}",
    "log": r"\ln",
    "sin": r"\sin",
    "cos": r"\cos",
    "cosh": r"\cosh",
    "noise_word": r"\operatorname{next}",
    "noise_normal": r"\operatorname{normal}",
    "noise_uniform": r"\operatorname{uniform}",
}


def latex_name(name: str) -> str:
    """Write a name: Greek letters as such, words upright, what follows `_` as a subscript."""
    stem, _, index = name.partition("_")
    if _GREEK.fullmatch(stem):
        body = "\\" + stem
    elif len(stem) == 1:
        body = stem
    else:
        body = rf"\mathrm{{{stem}}}"
    subscript = index.replace("_", r"\,")
    return body + (rf"_{{\mathrm{{{subscript}}}}}" if index else "")


def latex_expression(expression: Expression) -> str:
    r"""Write an expression; quotients become fractions, `select` becomes cases."""
    return _latex(expression)[0]


def _latex(expression: Expression) -> tuple[str, int]:
    if isinstance(expression, Constant):
        mantissa, _, exponent = format_number(expression.value).partition("e")
        text = mantissa + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")
        return text, SIGN if text.startswith("-") else CALL
    if isinstance(expression, Symbol):
        return latex_name(expression.name), CALL
    name, operands = expression.operator, expression.operands
    if name == "/":
        return rf"\frac{{{_latex(operands[0])[0]}}}{{{_latex(operands[1])[0]}}}", CALL
    if name == "abs":
        return rf"\left|{_latex(operands[0])[0]}\right|", CALL
    if name == "select":
        condition, chosen, otherwise = (_latex(operand)[0] for operand in operands)
        rows = rf"{chosen} & {condition} \\ {otherwise} & \text{{otherwise}}"
        return rf"\begin{{cases}}{rows}\end{{cases}}", CALL
    if name == "sqrt":
        return rf"\sqrt{{{_latex(operands[0])[0]}}}", CALL
    if name == "power":
        return rf"{_wrapped(operands[0], CALL)}^{{{_latex(operands[1])[0]}}}", SIGN
    if name in _FUNCTION:
        arguments = ", ".join(_latex(operand)[0] for operand in operands)
        return rf"{_FUNCTION[name]}\left({arguments}\right)", CALL
    if name == "neg":
        return f"-{_wrapped(operands[0], SIGN)}", SIGN
    precedence = OPERATORS[name].precedence
    left = _wrapped(operands[0], precedence + (precedence == COMPARISON))
    right = _wrapped(operands[1], precedence + 1)
    if precedence == PRODUCT:
        dot = r" \cdot " if right[0].isdigit() else r" \, "
        return f"{left}{dot}{right}", PRODUCT
    return f"{left} {_INFIX[name]} {right}", precedence


def _wrapped(operand: Expression, weakest: int) -> str:
    text, precedence = _latex(operand)
    return text if precedence >= weakest else rf"\left({text}\right)"


def latex_neuron(neuron: Neuron) -> str:
    r"""Write one step of a neuron as an `aligned` block, in the order in which it happens."""

    def rows(lines: tuple[Assignment, ...], remark: str) -> list[str]:
        return [
            rf"{latex_name(line.target)} &\leftarrow {latex_expression(line.value)}{remark}"
            for line in lines
        ]

    fired = r" && \text{where } s = 1"
    body = [
        *rows(neuron.update, ""),
        rf"s &= \left[\,{latex_expression(neuron.spike)}\,\right]",
        *rows(neuron.reset, fired),
        *rows(neuron.after, ""),
    ]
    return "\\begin{aligned}\n" + " \\\\\n".join(body) + "\n\\end{aligned}"
