"""Which expressions are affine in a name: slope * name + rest, found symbolically."""

from __future__ import annotations

from dataclasses import dataclass

from sc_neurocore.equation.derivative import ONE, ZERO, SimplifyingAlgebra
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    Operation,
    Symbol,
    symbols,
)


@dataclass(frozen=True)
class Affine:
    """`slope * name + rest`; neither holds the name."""

    slope: Expression
    rest: Expression


class NotAffineError(Exception):
    """Carries the part of an expression that is not affine."""

    def __init__(self, part: Expression) -> None:
        super().__init__(str(part))
        self.part = part


class QuotientAlgebra(SimplifyingAlgebra):
    """Simplify with quotients too, so that results look as a person would write them.

    A divisor moves to the end and cancels against an equal factor; a sign moves to the first
    factor: (1/tau)*(-dt) becomes -dt/tau.
    """

    def apply(self, operator: str, operands: tuple[Expression, ...]) -> Expression:
        """Return the operation, or what it comes to."""
        match operator, operands:
            case "neg", (Operation("*" | "/" as product, (first, second)),):
                return Operation(product, (self.apply("neg", (first,)), second))
            case ("*", (Operation("/", (left, divisor)), right)) | (
                "*",
                (left, Operation("/", (right, divisor))),
            ):
                if divisor == operands[0]:
                    return right
                if divisor == operands[1]:
                    return left
                return self.apply("/", (self.apply("*", (left, right)), divisor))
            case "/", (_, Constant(0.0)):
                return Operation("/", operands)
            case "/", (left, Constant(-1.0)):
                return self.apply("neg", (left,))
            case "/", (left, right) if left == right:
                return ONE
            case "/", (left, Operation("/", (right, divisor))):
                return self.apply("/", (self.apply("*", (left, divisor)), right))
            case "/", (left, Operation("neg", (right,))):
                return self.apply("/", (self.apply("neg", (left,)), right))
        return super().apply(operator, operands)


_apply = QuotientAlgebra().apply


def affine(expression: Expression, name: str) -> Affine:
    """Split an expression into slope and rest.

    Raises:
        NotAffineError: If it is not affine in the name.
    """
    if name not in symbols(expression):
        return Affine(ZERO, expression)
    if isinstance(expression, Symbol):
        return Affine(ONE, ZERO)
    assert isinstance(expression, Operation)  # a constant holds no name
    operator = expression.operator
    if operator in ("+", "-", "neg"):
        parts = [affine(operand, name) for operand in expression.operands]
        slopes, rests = tuple(part.slope for part in parts), tuple(part.rest for part in parts)
        return Affine(_apply(operator, slopes), _apply(operator, rests))
    if operator in ("*", "/"):
        left, right = (affine(operand, name) for operand in expression.operands)
        if right.slope == ZERO:
            slope, rest = (_apply(operator, (part, right.rest)) for part in (left.slope, left.rest))
            return Affine(slope, rest)
        if operator == "*" and left.slope == ZERO:
            slope, rest = (_apply("*", (left.rest, part)) for part in (right.slope, right.rest))
            return Affine(slope, rest)
    raise NotAffineError(expression)
