"""The expression graph: what every equation is made of.

An expression is a constant, a symbol, or an operation on expressions. It has no behaviour of its
own: Python arithmetic builds it, and every other part of the project interprets it through
`evaluate` with an algebra of its own (floats, tensors, integers, bit-vectors, Verilog, LaTeX).
`OPERATORS` is the whole language.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, TypeVar

from sc_neurocore.errors import EquationError

T = TypeVar("T")

Notation = Literal["infix", "prefix", "call"]


@dataclass(frozen=True)
class Operator:
    """How one operator is written.

    Attributes:
        arity: Number of operands.
        notation: Between its operands, before its operand, or as a function call.
        precedence: Binding strength in text; calls bind tightest.
        is_condition: Whether the result is a truth value rather than a number.
    """

    arity: int
    notation: Notation
    precedence: int
    is_condition: bool = False


COMPARISON, SUM, PRODUCT, SIGN, CALL = range(1, 6)

OPERATORS: Mapping[str, Operator] = {
    ">=": Operator(2, "infix", COMPARISON, is_condition=True),
    ">": Operator(2, "infix", COMPARISON, is_condition=True),
    "<=": Operator(2, "infix", COMPARISON, is_condition=True),
    "<": Operator(2, "infix", COMPARISON, is_condition=True),
    "+": Operator(2, "infix", SUM),
    "-": Operator(2, "infix", SUM),
    "*": Operator(2, "infix", PRODUCT),
    "/": Operator(2, "infix", PRODUCT),
    "neg": Operator(1, "prefix", SIGN),
    "abs": Operator(1, "call", CALL),
    "min": Operator(2, "call", CALL),
    "max": Operator(2, "call", CALL),
    "exp": Operator(1, "call", CALL),
    "tanh": Operator(1, "call", CALL),
    "sigmoid": Operator(1, "call", CALL),
    "exprel": Operator(1, "call", CALL),
    "log": Operator(1, "call", CALL),
    "sqrt": Operator(1, "call", CALL),
    "sin": Operator(1, "call", CALL),
    "cos": Operator(1, "call", CALL),
    "cosh": Operator(1, "call", CALL),
    "power": Operator(2, "call", CALL),
    "select": Operator(3, "call", CALL),
    "noise_word": Operator(2, "call", CALL),
    "noise_normal": Operator(1, "call", CALL),
    "noise_uniform": Operator(1, "call", CALL),
}
"""The language. `select(c, a, b)` is a where the condition c holds, otherwise b; `exprel(x)` is
(exp(x) - 1)/x, and 1 at 0; `power(x, p)` is x**p. What starts with `noise` is of `equation.noise`,
and only what a `noise` line becomes."""

FUNCTIONS = tuple(name for name, operator in OPERATORS.items() if operator.notation == "call")


class _Arithmetic:
    """Python's operators on expressions; a plain number becomes a constant."""

    __slots__ = ()

    def __add__(self, other: Operand) -> Expression:
        return operation("+", self, other)

    def __radd__(self, other: Operand) -> Expression:
        return operation("+", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return operation("-", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return operation("-", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return operation("*", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return operation("*", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return operation("/", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return operation("/", other, self)

    def __neg__(self) -> Expression:
        return operation("neg", self)

    def __str__(self) -> str:
        from sc_neurocore.equation.text import format_expression

        return format_expression(self)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Constant(_Arithmetic):
    """A finite number."""

    value: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise EquationError(f"a constant must be finite, not {self.value}")

    __str__ = _Arithmetic.__str__


@dataclass(frozen=True, slots=True)
class Symbol(_Arithmetic):
    """A name: a state, a parameter, a local, the input or the spike."""

    name: str

    __str__ = _Arithmetic.__str__


@dataclass(frozen=True, slots=True)
class Operation(_Arithmetic):
    """An operator of `OPERATORS` applied to its operands."""

    operator: str
    operands: tuple[Expression, ...]

    __str__ = _Arithmetic.__str__


Expression: TypeAlias = Constant | Symbol | Operation
Operand: TypeAlias = "Expression | _Arithmetic | float"


def operation(operator: str, *operands: Operand) -> Expression:
    """Build an operation; numbers become constants and a negated constant stays a constant.

    The last rule makes the text form unambiguous: `-2` is always the constant.
    """
    expected = OPERATORS[operator].arity
    if len(operands) != expected:
        raise EquationError(f"{operator} takes {expected} operands, not {len(operands)}")
    nodes = tuple(_as_expression(operand) for operand in operands)
    for position, node in enumerate(nodes):
        wanted = operator == "select" and position == 0
        if is_condition(node) != wanted:
            have, want = ("number", "comparison") if wanted else ("comparison", "number")
            raise EquationError(f"{operator}: operand {position + 1} is a {have}, not a {want}")
    if operator == "neg" and isinstance(nodes[0], Constant):
        return Constant(-nodes[0].value)
    return Operation(operator, nodes)


def is_condition(expression: Expression) -> bool:
    """Whether the expression is a truth value rather than a number."""
    return isinstance(expression, Operation) and OPERATORS[expression.operator].is_condition


def _as_expression(operand: Operand) -> Expression:
    if isinstance(operand, Constant | Symbol | Operation):
        return operand
    if isinstance(operand, int | float):
        return Constant(float(operand))
    raise TypeError(f"an expression is built from expressions and numbers, not {operand!r}")


def symbols(expression: Expression) -> Iterator[str]:
    """Yield the names in an expression, left to right, repeated as they occur."""
    if isinstance(expression, Symbol):
        yield expression.name
    elif isinstance(expression, Operation):
        for operand in expression.operands:
            yield from symbols(operand)


class Algebra(Protocol[T]):
    """What an interpretation must say: what a constant is, and what an operator does."""

    def constant(self, value: float) -> T:
        """Return the interpretation of a number."""
        ...

    def apply(self, operator: str, operands: tuple[T, ...]) -> T:
        """Return the interpretation of an operator of `OPERATORS` on interpreted operands."""
        ...


def evaluate(expression: Expression, environment: Mapping[str, T], algebra: Algebra[T]) -> T:
    """Interpret an expression, taking the meaning of each symbol from `environment`."""
    match expression:
        case Constant(value):
            return algebra.constant(value)
        case Symbol(name):
            return environment[name]
        case Operation(operator, operands):
            interpreted = tuple(evaluate(operand, environment, algebra) for operand in operands)
            return algebra.apply(operator, interpreted)


class _Same:
    """The algebra of expressions themselves."""

    def constant(self, value: float) -> Expression:
        return Constant(value)

    def apply(self, operator: str, operands: tuple[Expression, ...]) -> Expression:
        return operation(operator, *operands)


def substituted(expression: Expression, values: Mapping[str, Expression]) -> Expression:
    """Return an expression with others in place of the names that `values` has."""
    names = {name: Symbol(name) for name in symbols(expression)}
    return evaluate(expression, {**names, **values}, _Same())
