"""Expressions from text, safely.

Python's own parser reads the expressions, but only after the text has passed checks of its own on
characters, length, nesting and numbers, and only a white list of syntax becomes a graph. Nothing
is ever evaluated. An error shows the line, with a caret under the place.
"""

from __future__ import annotations

import ast
import keyword
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from sc_neurocore.equation.expression import (
    FUNCTIONS,
    Constant,
    Expression,
    Operation,
    Symbol,
    operation,
    substituted,
)
from sc_neurocore.equation.neuron import RESERVED_NAMES, Assignment, reserved
from sc_neurocore.errors import EquationError

MAXIMUM_LINE = 1000
MAXIMUM_NESTING = 40
MAXIMUM_NUMBER_LENGTH = 32
MAXIMUM_PRODUCT = 8
"""Powers up to here, with a whole exponent, are products."""
MAXIMUM_OPERANDS = 500
"""Of a power, which is written out as a product."""

_LOGIC = ("if", "else", "and", "or", "not")
_ALLOWED = re.compile(r"[A-Za-z0-9_ \t+\-*/().,<>=]*")
_NUMBER = re.compile(r"[0-9.][0-9A-Za-z_.]*")
_DECIMAL = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][0-9]+)?")
_INVISIBLE = ("Cc", "Zl", "Zp")
_TURNING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
_BINARY: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type[ast.cmpop], str] = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<"}


@dataclass(frozen=True)
class Function:
    """A function of one argument that a text defines; it stays as it is at low and high."""

    argument: str
    body: Expression
    low: float | None = None
    high: float | None = None

    def of(self, argument: Expression) -> Expression:
        """Return what it is of an argument."""
        if self.low is not None and self.high is not None:
            above = operation("max", argument, Constant(self.low))
            argument = operation("min", above, Constant(self.high))
        return substituted(self.body, {self.argument: argument})


@dataclass(frozen=True)
class Place:
    """Where a piece of text stands, so that an error can point into the line it came from."""

    line: str
    number: int | None = None
    offset: int = 0
    functions: Mapping[str, Function] = field(default_factory=dict, compare=False)

    def error(self, message: str, column: int = 0) -> EquationError:
        """Return an error that shows the line with a caret `column` characters into the text."""
        where = f"line {self.number}: " if self.number else ""
        caret = " " * (self.offset + column) + "^"
        # What a terminal would obey, or show somewhere else, must not come out of a file.
        line = "".join("?" if misleads(character) else character for character in self.line)
        return EquationError(f"{where}{message}\n    {line}\n    {caret}")

    def after(self, columns: int) -> Place:
        """Return the place that many characters further on."""
        return Place(self.line, self.number, self.offset + columns, self.functions)

    def find(self, name: str) -> int:
        """Return how far into the text a name first stands; 0 if it does not."""
        found = re.search(rf"\b{re.escape(name)}\b", self.line[self.offset :])
        return found.start() if found else 0


def misleads(character: str) -> bool:
    """Return whether a character makes text look like another text: controls, line ends, turns."""
    return character != "\t" and (
        unicodedata.category(character) in _INVISIBLE
        or unicodedata.bidirectional(character) in _TURNING
    )


def check_plain(text: str, place: Place) -> None:
    """Refuse what is not ASCII: digits, letters and blanks that only look like those meant."""
    if text.isascii() and text.replace("\t", "").isprintable():
        return
    for column, character in enumerate(text):
        if misleads(character) or not character.isascii():
            name = unicodedata.name(character, f"U+{ord(character):04X}")
            raise place.error(f"unexpected character {character!a} ({name})", column)


def parse_expression(text: str) -> Expression:
    """Read one expression, such as `beta*v + I`.

    The language: numbers, names, `+ - * /`, unary minus, powers `**` (with a whole exponent from 2
    to 8 written out as products, else `power`), the comparisons `>= > <= <`, the constant `pi`, the
    functions of `expression.FUNCTIONS`, and `clamp(x, low, high)`, which is
    `min(max(x, low), high)`.

    Raises:
        EquationError: Showing the line and a caret under what cannot be read.
    """
    return read_expression(text, Place(text))


def read_expression(text: str, place: Place) -> Expression:
    """Read an expression that stands at `place`."""
    _check_characters(text, place)
    # Blanks at the start would be an indentation error to Python's parser.
    lead = len(text) - len(text.lstrip())
    place = place.after(lead)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        # Python gives no offset where the text ends too early.
        column = (error.offset or len(text.strip()) + 1) - 1
        raise place.error("this is not an expression", column) from None
    except (MemoryError, RecursionError, ValueError):
        raise place.error("this expression is too deeply nested") from None
    return _convert(tree.body, place, 0)


def _check_characters(text: str, place: Place) -> None:
    """Refuse what Python's parser should not even see."""
    if not text.strip(" \t"):
        raise place.error("expected an expression, found nothing")
    if len(text) > MAXIMUM_LINE:
        raise EquationError(
            f"an expression of {len(text)} characters: at most {MAXIMUM_LINE} are read; "
            f"split it with 'local' lines"
        )
    check_plain(text, place)
    good = _ALLOWED.match(text)
    if good is not None and good.end() < len(text):
        raise place.error(f"unexpected character {text[good.end()]!r}", good.end())
    depth = 0
    for column, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > MAXIMUM_NESTING:
            raise place.error(f"parentheses nested deeper than {MAXIMUM_NESTING}", column)
    for word in re.finditer(r"[A-Za-z0-9_.]+", text):
        if word[0] in _LOGIC:
            message = (
                f"there is no {word[0]!r} here; use select(condition, a, b), as often as needed"
            )
            raise place.error(message, word.start())
        if keyword.iskeyword(word[0]):
            raise place.error(reserved(word[0]), word.start())
        if _NUMBER.fullmatch(word[0]) and not _is_number(text, word):
            raise place.error(f"{word[0]!r} is not a decimal number", word.start())


def _is_number(text: str, word: re.Match[str]) -> bool:
    if len(word[0]) > MAXIMUM_NUMBER_LENGTH:
        return False
    # In 1e-3 the word ends before the sign: the rest is the exponent's digits.
    if word[0][-1] in "eE" and re.match(r"[+-][0-9]{1,3}(?![A-Za-z0-9_.])", text[word.end() :]):
        return _DECIMAL.fullmatch(word[0][:-1]) is not None
    return _DECIMAL.fullmatch(word[0]) is not None


def _convert(node: ast.expr, place: Place, depth: int) -> Expression:
    if depth > 2 * MAXIMUM_NESTING:
        raise place.error("this expression is too deeply nested; split it with 'local' lines")

    def convert(child: ast.expr) -> Expression:
        return _convert(child, place, depth + 1)

    def refuse(message: str) -> EquationError:
        return place.error(message, node.col_offset)

    try:
        match node:
            case ast.Constant(value=bool() | complex() | str() | bytes() | None):
                raise refuse("expected a number or a name")
            case ast.Constant(value=int() | float() as value):
                return Constant(float(value))
            case ast.Name(id="pi"):
                return Constant(math.pi)
            case ast.Name(id=name):
                return Symbol(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return operation("neg", convert(operand))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return convert(operand)
            case ast.BinOp(
                left=base, op=ast.Pow(), right=ast.Constant(value=int() as exponent)
            ) if not isinstance(exponent, bool) and 2 <= exponent <= MAXIMUM_PRODUCT:
                factor = convert(base)
                if exponent * _operands(factor) > MAXIMUM_OPERANDS:
                    raise refuse("this power is too large once it is written out as a product")
                power = factor
                for _ in range(exponent - 1):
                    power = operation("*", power, factor)
                return power
            case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
                return operation("power", convert(base), convert(exponent))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return operation(_BINARY[type(op)], convert(left), convert(right))
            case ast.Compare(left=left, ops=[comparison], comparators=[right]) if (
                type(comparison) in _COMPARE
            ):
                return operation(_COMPARE[type(comparison)], convert(left), convert(right))
            case ast.Call(func=ast.Name(id="clamp"), args=[value, low, high], keywords=[]):
                return operation(
                    "min", operation("max", convert(value), convert(low)), convert(high)
                )
            case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if (
                function in place.functions
            ):
                found = place.functions[function].of(convert(argument))
                if _operands(found) > MAXIMUM_OPERANDS:
                    raise refuse(f"{function} is too large once it is written out")
                return found
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                if function not in FUNCTIONS:
                    known = ", ".join([*FUNCTIONS, "clamp(x, low, high)", *place.functions])
                    raise refuse(f"unknown function {function!r}; known: {known}")
                return operation(function, *(convert(argument) for argument in arguments))
            case _:
                raise refuse("this is not part of the equation language")
    except EquationError as error:
        if "^" in str(error):
            raise
        raise refuse(str(error)) from None


def _operands(expression: Expression) -> int:
    """Return how many numbers and names an expression has, repetitions counted."""
    if isinstance(expression, Operation):
        return sum(_operands(operand) for operand in expression.operands)
    return 1


def parse_assignment(text: str) -> Assignment:
    """Read `target = expression` or `local target = expression`."""
    return read_assignment(text, Place(text))


def read_assignment(text: str, place: Place) -> Assignment:
    """Read an assignment that stands at `place`."""
    check_plain(text, place)
    match = re.match(r"\s*(local\s+)?([A-Za-z][A-Za-z0-9_]*)\s*=(?!=)", text)
    if match is None:
        raise place.error("expected an assignment, such as v = beta*v + I")
    if match[2] in RESERVED_NAMES:
        raise place.error(reserved(match[2]), match.start(2))
    value = read_expression(text[match.end() :], place.after(match.end()))
    return Assignment(match[2], value, is_local=match[1] is not None)
