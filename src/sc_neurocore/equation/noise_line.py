"""The line that makes a source of noise, such as `noise xi = normal(0, sigma) seed 3`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sc_neurocore.equation.expression import Constant, Expression, Operation, Symbol, symbols
from sc_neurocore.equation.noise import (
    NEXT_WORD,
    NORMAL,
    NORMAL_SCALE,
    PERIOD,
    UNIFORM,
    first_word,
)
from sc_neurocore.equation.syntax import Place, read_expression

_LINE = re.compile(
    r"(?P<name>\w+)\s*=\s*(?P<kind>\w+)\s*\((?P<arguments>.*)\)(\s+seed\s+(?P<seed>[0-9]{1,8}))?"
)
_KINDS = ("normal", "uniform")
_EXPECTED = (
    "expected something like: noise xi = normal(0, 1), with mean and standard deviation, or "
    "uniform(-1, 1), from least to most; a seed may follow, as in: seed 3"
)


@dataclass(frozen=True)
class Noise:
    """What a line says, such as `noise xi = normal(0, sigma) seed 3`.

    Attributes:
        name: Of the local that holds the draw of a step.
        kind: "normal" or "uniform".
        first: The mean, or the least.
        second: The standard deviation, or the most.
        seed: Where it begins: sources with different seeds are far apart.
    """

    name: str
    kind: str
    first: Expression
    second: Expression
    seed: int

    @classmethod
    def read(cls, text: str, place: Place, usual_seed: int) -> Noise:
        """Read what stands behind `noise`.

        Args:
            text: The text.
            place: Where it stands.
            usual_seed: The seed where the text says none.

        Raises:
            EquationError: With a caret, where it is no such line.
        """
        found = _LINE.fullmatch(text)
        if found is None or found["kind"] not in _KINDS:
            raise place.error(_EXPECTED, found.start("kind") if found else 0)
        start = found.start("arguments")
        commas = [*_commas(found["arguments"])]
        if len(commas) != 1:
            raise place.error(_EXPECTED, start)
        parts = found["arguments"][: commas[0]], found["arguments"][commas[0] + 1 :]
        first = read_expression(parts[0], place.after(start))
        second = read_expression(parts[1], place.after(start + commas[0] + 1))
        match found["kind"], first, second:
            case "normal", _, Constant(deviation) if deviation < 0:
                raise place.error(
                    f"a standard deviation of {deviation:g}: expected 0 or more",
                    start + commas[0] + 1,
                )
            case "uniform", Constant(low), Constant(high) if low > high:
                raise place.error(
                    f"draws from {low:g} to {high:g}: expected the least first", start
                )
        seed = int(found["seed"] or usual_seed)
        if seed >= PERIOD:
            raise place.error(f"a seed is 0 to {PERIOD - 1}", found.start("seed"))
        return cls(found["name"], found["kind"], first, second, seed)

    @property
    def word(self) -> str:
        """The state that holds the source's word; 0 before the first step."""
        return f"{self.name}_word"

    @property
    def start(self) -> str:
        """The parameter that holds the word at which it begins."""
        return f"{self.name}_seed"

    @property
    def first_word(self) -> int:
        """The word at which it begins."""
        return first_word(self.seed)

    @property
    def next(self) -> Expression:
        """What the state becomes."""
        return Operation(NEXT_WORD, (Symbol(self.word), Symbol(self.start)))

    @property
    def draw(self) -> Expression:
        """What the local is."""
        if self.kind == "uniform":
            match self.first, self.second:
                case Constant(low), Constant(high):
                    span: Expression = Constant(high - low)
                case _:
                    span = self.second - self.first
            return self.first + span * Operation(UNIFORM, (Symbol(self.word),))
        scale = self.second * NORMAL_SCALE
        if self.second == Constant(1.0):
            scale = Constant(NORMAL_SCALE)
        draw = scale * Operation(NORMAL, (Symbol(self.word),))
        return draw if self.first == Constant(0.0) else self.first + draw

    @property
    def names(self) -> set[str]:
        """The names that mean and deviation read."""
        return {*symbols(self.first), *symbols(self.second)}


def _commas(text: str) -> Iterator[int]:
    """Yield where commas stand that are in no parentheses."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            yield place
