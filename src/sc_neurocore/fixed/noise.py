"""Draws of noise as operations of an integer program."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.noise import (
    NORMAL,
    NORMAL_FRACTION_BITS,
    UNIFORM_BITS,
    WORD_BITS,
    next_word,
    normal_draw,
    uniform_draw,
)
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.program import ProgramBuilder
from sc_neurocore.fixed.qformat import FixedPoint


@dataclass(frozen=True)
class _Nodes:
    """Words as nodes of a program."""

    build: ProgramBuilder

    def left(self, word: int, amount: int) -> int:
        return self.low(self.build.apply("<<", word, amount=amount), WORD_BITS)

    def right(self, word: int, amount: int) -> int:
        return self.build.apply(">>", word, amount=amount)

    def low(self, word: int, bits: int) -> int:
        node = self.build.nodes[word]
        fits = node.low >= 0 and node.high < 1 << bits
        return word if fits else self.build.apply("low", word, amount=bits)

    def exclusive_or(self, a: int, b: int) -> int:
        return self.build.apply("^", a, b)

    def add(self, a: int, b: int) -> int:
        return self.build.apply("+", a, b)

    def plus(self, a: int, number: int) -> int:
        return self.add(a, self.build.constant(number, 0))


def stepped(build: ProgramBuilder, word: int, start: int) -> int:
    """Return the node of the word after a word, or after the start where that is 0."""
    words, zero = _Nodes(build), build.constant(0, 0)
    is_running = build.apply(">", word, zero)
    return next_word(build.apply("select", is_running, word, words.low(start, WORD_BITS)), words)


def drawn(build: ProgramBuilder, operator: str, word: int) -> tuple[int, int]:
    """Return the node of a draw, `noise_normal` or `noise_uniform`, and its fraction bits."""
    words = _Nodes(build)
    if operator == NORMAL:
        return normal_draw(word, words), NORMAL_FRACTION_BITS
    return uniform_draw(word, words), UNIFORM_BITS + 1


def with_words(formats: FixedPoint, neuron: Neuron) -> FixedPoint:
    """Return formats in which the words of a neuron's sources of noise have their own.

    Raises:
        EquationError: If another one is given.
    """
    form = replace(formats.state, integer_bits=WORD_BITS, fraction_bits=0, signed=False)
    given = dict(formats.own)
    for word in neuron.sources:
        if given.get(word, form) != form:
            raise EquationError(
                f"{neuron.name}: {word}={given[word].plain}: the word of a source of noise is "
                f"{form.plain}; leave its format out"
            )
    return replace(formats, own=tuple({**given, **dict.fromkeys(neuron.sources, form)}.items()))
