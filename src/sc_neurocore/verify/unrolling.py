"""An and-inverter graph laid out clock by clock, and a SAT solver that is asked about each.

This is what `verify.model_checking` runs, in a process of its own. What is known from the reset on
is folded, so that only what depends on free values reaches the solver.
"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolMissingError

SOLVER = "cadical195"
_TRUE, _FALSE = "true", "false"
_Literal = int | str
"""A variable of the solver, negated if negative; or what is known."""

IMPOSSIBLE = ["what_is_assumed"]
"""What cannot happen where assumptions contradict each other."""
COVER = "reached_"
"""Outputs with such names are not claims, but what must be able to happen."""
LEMMA = "lemma"
"""Outputs with such names are shown first, one by one, and help with the claims; they are none."""

_PLACE = re.compile(r'\\src "([^"|]*?:\d+)[^"]*"\n(?:\s*attribute.*\n)*\s*cell \$assert ')
# A register with several names has a space between them.
_SYMBOL = re.compile(r"([ilo])(\d+) (\S.*)")


@dataclass(frozen=True)
class _Graph:
    """An and-inverter graph. Literals are even for a variable, odd for its negation.

    Its outputs and, behind them, its assertions' negations must be low; covers must not be always.
    """

    inputs: list[int]
    latches: list[list[int]]
    outputs: list[int]
    names: list[str]
    lemmas: list[int]
    covers: dict[str, int]
    constraints: list[int]
    gates: list[list[int]]
    symbols: dict[str, int]
    """What inputs and registers are called, bit by bit."""

    def without_lemmas(self) -> _Graph:
        """Return the graph with its claims alone."""
        kept = [index for index in range(len(self.names)) if index not in self.lemmas]
        return replace(
            self,
            outputs=[self.outputs[index] for index in kept],
            names=[self.names[index] for index in kept],
            lemmas=[],
        )


def _read(path: Path) -> _Graph:
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    counts = [int(word) for word in next(lines).split()[1:]]
    _, inputs, latches, outputs, gates, assertions, constraints, *_ = [*counts, 0, 0]

    def numbers(count: int) -> list[list[int]]:
        return [[int(word) for word in next(lines).split()] for _ in range(count)]

    def singles(count: int) -> list[int]:
        return [literal for (literal,) in numbers(count)]

    found = _Graph(
        inputs=singles(inputs),
        latches=numbers(latches),
        outputs=singles(outputs) + singles(assertions),
        names=[""] * outputs + _places(path.with_suffix(".claims"), assertions),
        lemmas=[],
        covers={},
        constraints=singles(constraints),
        gates=numbers(gates),
        symbols={},
    )
    places = {"i": found.inputs, "l": [latch[0] for latch in found.latches]}
    for line in lines:
        if not (named := _SYMBOL.fullmatch(line)):
            continue
        kind, number, called = named[1], int(named[2]), named[3].split()
        if kind == "o":
            found.names[number] = called[0]
        else:
            found.symbols.update(dict.fromkeys(called, places[kind][number]))
    claims = list(zip(found.names, found.outputs, strict=True))
    names = [name for name in found.names if not _is_cover(name)]
    return replace(
        found,
        covers={name: literal for name, literal in claims if _is_cover(name)},
        outputs=[literal for name, literal in claims if not _is_cover(name)],
        names=names,
        lemmas=[index for index, name in enumerate(names) if name.startswith(LEMMA)],
    )


def _places(path: Path, count: int) -> list[str]:
    """Return where each assertion stands, "file.v:line", in the order in which the graph has them.

    Yosys writes text from the last one to the first.
    """
    found = _PLACE.findall(path.read_text(encoding="utf-8"))[::-1]
    return found if len(found) == count else [f"assertion {index}" for index in range(count)]


def _is_cover(name: str) -> bool:
    return name.rsplit(".", 1)[-1].startswith(COVER)


class _Clocks:
    """The graph in one clock after the other, as clauses."""

    def __init__(
        self, graph: _Graph, *, from_anywhere: bool = False, keeps_example: bool = False
    ) -> None:
        self.graph = graph
        self._solver = solver()
        self._from_anywhere = from_anywhere
        self._keeps_example = keeps_example
        self._shown: set[int] = set()
        self._variables = 0
        self._gates: dict[tuple[int, int], int] = {}
        self._state: dict[int, _Literal] = {}
        for latch in graph.latches:
            start = latch[2] if len(latch) > 2 else 0
            known = {0: _FALSE, 1: _TRUE}
            is_known = start in known and not from_anywhere
            self._state[latch[0]] = known[start] if is_known else self._variable()
        self._values: dict[int, _Literal] = {}
        self._history: list[dict[str, _Literal]] = []
        self._enter()

    def failing(self) -> list[int]:
        """Return outputs that are high in this clock, if any can be; else take them to be low."""
        values = [self._value(literal) for literal in self.graph.outputs]
        known = [index for index, value in enumerate(values) if value == _TRUE]
        if known:
            self._solve([])
            return known
        # From anywhere each claim is asked for by itself, and then helps with the next: that one of
        # two hundred can fail is a question that takes the solver far longer than all of these.
        alone = range(len(values)) if self._from_anywhere else ()
        for index in dict.fromkeys([*self.graph.lemmas, *alone]):
            value = values[index]
            if not isinstance(value, int):
                continue
            # What holds after some clocks from anywhere holds after more of them.
            if index not in self._shown and self._solve([value]):
                return self._high(values)
            self._solver.add_clause([-value])
            if self._from_anywhere:
                self._shown.add(index)
        if self._from_anywhere:
            return []
        open_ones = [value for value in values if isinstance(value, int)]
        if not open_ones:
            return []
        one_of_them = self._variable()
        self._solver.add_clause([-one_of_them, *open_ones])
        if self._solve([one_of_them]):
            return self._high(values)
        self.exclude()
        return []

    def _high(self, values: list[_Literal]) -> list[int]:
        """Return which outputs are high in the example that the solver found."""
        model = set(self._solver.get_model())
        return [index for index, value in enumerate(values) if value in model]

    def example(self) -> dict[str, str]:
        """Return every named bit in each clock so far, "0110…", in the example that was found."""
        if not (found := self._solver.get_model()):
            return {}
        high = {_TRUE, *found}
        return {
            name: "".join("1" if clock[name] in high else "0" for clock in self._history)
            for name in self.graph.symbols
        }

    def is_possible(self) -> bool:
        """Return whether anything can happen up to this clock."""
        return bool(self._solver.solve())

    def unreached(self) -> list[str]:
        """Return the covers that cannot be high in this clock."""

        def can_be(value: _Literal) -> bool:
            if isinstance(value, int):
                return bool(self._solver.solve(assumptions=[value]))
            return value == _TRUE and self.is_possible()

        return [name for name, at in self.graph.covers.items() if not can_be(self._value(at))]

    def exclude(self) -> None:
        """Take all outputs to be low in this clock."""
        for value in map(self._value, self.graph.outputs):
            if value != _FALSE:
                self._solver.add_clause([-value] if isinstance(value, int) else [])

    def advance(self) -> None:
        """Go on to the next clock."""
        self._state = {latch[0]: self._value(latch[1]) for latch in self.graph.latches}
        self._enter()

    def _enter(self) -> None:
        self._values = {0: _FALSE, **self._state}
        for literal in self.graph.inputs:
            self._values[literal] = self._variable()
        for gate, left, right in self.graph.gates:
            self._values[gate] = self._and(self._value(left), self._value(right))
        if self._keeps_example:
            named = self.graph.symbols.items()
            self._history.append({name: self._values[literal] for name, literal in named})
        for literal in self.graph.constraints:
            value = self._value(literal)
            if value != _TRUE:
                self._solver.add_clause([value] if isinstance(value, int) else [])

    def _variable(self) -> int:
        self._variables += 1
        return self._variables

    def _value(self, literal: int) -> _Literal:
        value = self._values[literal & ~1]
        if not literal & 1:
            return value
        if isinstance(value, int):
            return -value
        return _FALSE if value == _TRUE else _TRUE

    def _and(self, left: _Literal, right: _Literal) -> _Literal:
        if not isinstance(left, int):
            return right if left == _TRUE else _FALSE
        if not isinstance(right, int):
            return left if right == _TRUE else _FALSE
        if left == right:
            return left
        if left == -right:
            return _FALSE
        key = (min(left, right), max(left, right))
        if key not in self._gates:
            gate = self._gates[key] = self._variable()
            for clause in ([-gate, left], [-gate, right], [gate, -left, -right]):
                self._solver.add_clause(clause)
        return self._gates[key]

    def _solve(self, assumptions: list[int]) -> bool:
        return bool(self._solver.solve(assumptions=assumptions))


def solver(name: str = SOLVER) -> Any:
    """Return a new solver.

    Raises:
        ToolMissingError: If python-sat is not installed.
    """
    try:
        from pysat.solvers import Solver
    except ModuleNotFoundError:
        raise ToolMissingError(
            "python-sat is not installed, which bounded proofs need: pip install -e '.[fpga]' in "
            "the checkout"
        ) from None
    return Solver(name)


def _fail(graph: _Graph, clocks: int) -> tuple[int | None, list[str], dict[str, str]]:
    """Return the first clock in which an output can be high, which can, and an example of it.

    Lemmas do not count.
    """
    run = _Clocks(graph.without_lemmas(), keeps_example=True)
    for clock in range(clocks):
        if failing := run.failing():
            return clock, [run.graph.names[index] for index in failing], run.example()
        run.advance()
    return None, [] if run.is_possible() else IMPOSSIBLE, {}


def _reach(graph: _Graph, clocks: int) -> tuple[None, list[str]]:
    """Return the covers that no clock reaches."""
    run = _Clocks(graph)
    missing = set(graph.covers)
    for _ in range(clocks):
        missing &= set(run.unreached())
        if not missing:
            break
        run.advance()
    return None, sorted(missing)


def _induct(graph: _Graph, depth: int) -> tuple[int | None, list[str]]:
    """Return the least k for which induction proves the graph, if any; and what cannot happen."""
    from_reset, from_anywhere = _Clocks(graph), _Clocks(graph, from_anywhere=True)
    for clock in range(depth + 1):
        if from_reset.failing():
            return None, []
        if clock and not from_anywhere.failing():
            unreached = [] if from_reset.is_possible() else ["what_is_assumed"]
            return clock, [*unreached, *from_anywhere.unreached()]
        from_anywhere.exclude()
        from_reset.advance()
        from_anywhere.advance()
    return None, []


def counts_work() -> bool:
    """Return whether the system can end a process that has worked for so long."""
    return hasattr(signal, "SIGXCPU")


def _work_at_most(seconds: float) -> None:
    """End this process with SIGXCPU when it has worked for so long."""
    if counts_work():
        import resource

        most = math.ceil(seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))


if __name__ == "__main__":
    _work_at_most(float(sys.argv[4]))
    answer = {"failure": _fail, "induction": _induct, "reach": _reach}[sys.argv[1]]
    print(json.dumps(answer(_read(Path(sys.argv[2])), int(sys.argv[3]))))
