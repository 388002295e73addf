"""Derivatives of expressions: one rule per operator, as data, and reverse-mode differentiation.

The conventions where a function has no derivative are those of `kernels.eager`: at a tie of `min`
or `max` the whole gradient goes to the first operand, the derivative of `abs` at zero is zero, and
a condition passes no gradient.
"""

from __future__ import annotations

from collections.abc import Mapping

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    Operation,
    Symbol,
    evaluate,
    is_condition,
    symbols,
)
from sc_neurocore.equation.syntax import parse_expression

ADJOINTS: Mapping[str, tuple[Expression, ...]] = {
    operator: tuple(map(parse_expression, rules))
    for operator, rules in {
        "+": ("g", "g"),
        "-": ("g", "-g"),
        "*": ("g*b", "g*a"),
        "/": ("g*(1/b)", "-(g*y*(1/b))"),
        "neg": ("-g",),
        "abs": ("select(a > 0, g, select(a < 0, -g, 0))",),
        "min": ("select(a <= b, g, 0)", "select(a <= b, 0, g)"),
        "max": ("select(a >= b, g, 0)", "select(a >= b, 0, g)"),
        "exp": ("g*y",),
        "tanh": ("g*(1 - y*y)",),
        "sigmoid": ("g*(y*(1 - y))",),
        "exprel": (
            "g*select(abs(a) < 0.001, 0.5 + a*(1/3 + a*(0.125 + a/30)), (exp(a) - y)*(1/a))",
        ),
        "log": ("g*(1/a)",),
        "sqrt": ("g*(0.5*(1/y))",),
        "sin": ("g*cos(a)",),
        "cos": ("-(g*sin(a))",),
        "cosh": ("g*(0.5*(exp(a) - exp(-a)))",),
        "power": ("g*(b*power(a, b - 1))", "g*(y*log(a))"),
        "noise_word": ("0", "0"),
        "noise_normal": ("0",),
        "noise_uniform": ("0",),
    }.items()
}
"""What each operand gets of the gradient g towards the result y of an operator on a and b."""

ZERO, ONE = Constant(0.0), Constant(1.0)


class SimplifyingAlgebra:
    """Interpret expressions as expressions without trivial terms: 0*x, 1*x, x + 0, x - -y ...

    The result is the same number wherever every part is finite; the sign of a zero may differ.
    """

    def constant(self, value: float) -> Expression:
        """Return the constant."""
        return Constant(value)

    def apply(self, operator: str, operands: tuple[Expression, ...]) -> Expression:
        """Return the operation, or what it comes to."""
        if operator == "select":
            return _select(*operands)
        if all(isinstance(operand, Constant) for operand in operands):
            return fold(operator, operands)
        match operator, operands:
            case ("+", (x, Constant(0.0)) | (Constant(0.0), x)):
                return x
            case ("+", (x, Operation("neg", (y,)))) | ("-", (x, Operation("neg", (y,)))):
                return Operation("-" if operator == "+" else "+", (x, y))
            case "-", (x, Constant(0.0)):
                return x
            case "-", (Constant(0.0), x):
                return self.apply("neg", (x,))
            case ("*", (Constant(0.0), _) | (_, Constant(0.0))) | ("/", (Constant(0.0), _)):
                return ZERO
            case ("*", (Constant(1.0), x) | (x, Constant(1.0))) | ("/", (x, Constant(1.0))):
                return x
            case "*", (Constant(-1.0), x) | (x, Constant(-1.0)):
                return self.apply("neg", (x,))
            case "neg", (Operation("neg", (x,)),):
                return x
        return Operation(operator, operands)


def fold(operator: str, operands: tuple[Expression, ...]) -> Expression:
    """Compute an operation on constants in double precision; a condition is kept as it is."""
    folded = Operation(operator, operands)
    if is_condition(folded):
        return folded
    values = [operand.value for operand in operands if isinstance(operand, Constant)]
    return Constant(float(ArrayAlgebra.functions[operator](*values)))


def _select(condition: Expression, chosen: Expression, otherwise: Expression) -> Expression:
    if chosen == otherwise:
        return chosen
    match condition:
        case Operation(operator, (Constant(left), Constant(right))):
            return chosen if ArrayAlgebra.functions[operator](left, right) else otherwise
    return Operation("select", (condition, chosen, otherwise))


def substitute(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Replace symbols by expressions and simplify; symbols without a value stay."""
    environment = {name: values.get(name, Symbol(name)) for name in symbols(expression)}
    return evaluate(expression, environment, SimplifyingAlgebra())


def simplify(expression: Expression) -> Expression:
    """Remove trivial terms; see `SimplifyingAlgebra`."""
    return substitute(expression, {})


def accumulate(expression: Expression, gradient: Expression, totals: dict[str, Expression]) -> None:
    """Add to `totals` what each symbol of an expression gets of the gradient towards it."""
    match expression:
        case Symbol(name):
            totals[name] = SimplifyingAlgebra().apply("+", (totals.get(name, ZERO), gradient))
        case Operation("select", (condition, chosen, otherwise)):
            for branch, ways in ((chosen, (gradient, ZERO)), (otherwise, (ZERO, gradient))):
                share = _select(condition, *ways)
                if share != ZERO:
                    accumulate(branch, share, totals)
        case Operation(operator, operands) if not is_condition(expression):
            meaning = {"g": gradient, "y": expression, **dict(zip("ab", operands, strict=False))}
            for operand, rule in zip(operands, ADJOINTS[operator], strict=True):
                if not isinstance(operand, Constant):
                    share = substitute(rule, meaning)
                    if share != ZERO:
                        accumulate(operand, share, totals)


def gradient(expression: Expression, towards: Expression = ONE) -> dict[str, Expression]:
    """Differentiate an expression with respect to every symbol in it, in reverse mode.

    Args:
        expression: The function.
        towards: The gradient that arrives at its value.

    Returns:
        One expression per symbol on which the value depends; a symbol that occurs in conditions
        only has none.
    """
    totals: dict[str, Expression] = {}
    accumulate(expression, towards, totals)
    return totals
