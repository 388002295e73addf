"""A scan's passes as text of Python, whatever compiles it: what the emitters of back ends share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from sc_neurocore.equation.expression import OPERATORS, evaluate
from sc_neurocore.kernels.derive import Pass, Scan

Real: TypeAlias = Literal["float32", "float64"]
"""What a kernel computes in."""


class Code:
    """The names and numbers of one module, and its passes line by line.

    It interprets expressions as text (`equation.expression.Algebra`); every value is computed, so
    that nothing branches, and nothing is reassociated.

    Args:
        scan: What is emitted.
        real: What it is computed in.
        functions: What operators are called in the module. Those that are missing here are written
            between their operands.
    """

    def __init__(self, scan: Scan, real: Real, functions: Mapping[str, str]) -> None:
        self.scan = scan
        self.real: Real = real
        self._functions = functions
        self._names: dict[str, str] = {}
        self._numbers = {"0.0": "ZERO", "1.0": "ONE"}

    def name(self, symbol: str) -> str:
        """Return the identifier of a symbol: readable, and nobody else's thanks to its number."""
        if symbol not in self._names:
            readable = re.sub(r"\W+", "_", symbol)
            self._names[symbol] = f"{readable}_{len(self._names)}"
        return self._names[symbol]

    def constant(self, value: float) -> str:
        """Return the name of a number in the type of the kernel."""
        return self._numbers.setdefault(repr(value), f"NUMBER_{len(self._numbers)}")

    def apply(self, operator: str, operands: tuple[str, ...]) -> str:
        """Return an operator with its operands."""
        if operator in self._functions:
            return f"{self._functions[operator]}({', '.join(operands)})"
        if OPERATORS[operator].notation == "prefix":
            return f"(-{operands[0]})"
        return f"({operands[0]} {operator} {operands[1]})"

    def numbers(self, made: str) -> list[str]:
        """Return what gives the numbers their names: each as `made`, a text with `{}` for it."""
        return [f"{name} = {made.format(value)}" for value, name in self._numbers.items()]

    def new(self, result: str) -> str:
        """Return the identifier of a result of `compute`."""
        return self.name(f"new {result}")

    def compute(self, of: Pass, known: Iterable[str], results: Iterable[str]) -> list[str]:
        """Return the lines that compute results, which are then called as `new` says.

        Args:
            of: The assignments.
            known: The symbols that have their values already.
            results: Which results.
        """
        environment = {name: self.name(name) for name in known}
        lines = []
        for line in of.lines:
            lines.append(f"{self.name(line.target)} = {evaluate(line.value, environment, self)}")
            environment[line.target] = self.name(line.target)
        for name in results:
            lines.append(f"{self.new(name)} = {evaluate(of.results[name], environment, self)}")
        return lines


def fill(template: str, pieces: Mapping[str, list[str]]) -> list[str]:
    """Return the lines of a template with its pieces.

    `$name` alone on its line becomes lines of that indentation; elsewhere it is a word.
    """
    lines: list[str] = []
    for line in template.splitlines():
        alone = re.fullmatch(r"( *)\$(\w+)", line)
        if alone:
            lines += [alone[1] + piece for piece in pieces[alone[2]]]
        else:
            lines.append(re.sub(r"\$(\w+)", lambda word: pieces[word[1]][0], line))
    return lines
