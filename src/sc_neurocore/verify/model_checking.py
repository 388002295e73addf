"""Bounded model checking of a Verilog module, bit by bit, and k-induction.

Yosys writes the module as an and-inverter graph (A. Biere, The AIGER and-inverter graph format,
Johannes Kepler University, 2007). The graph is laid out once for every clock, and a SAT solver is
asked, clock by clock, whether an output of the module can be high. What is known from the reset on
is folded, so that only what depends on free values reaches the solver.
"""

from __future__ import annotations

import json
import math
import os
import re
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError, ToolMissingError
from sc_neurocore.tools import programs

SOLVER = "cadical195"
_PATIENCE = 6
"""Where other programs have the processor most of the time, an answer may take so much longer."""
_TRUE, _FALSE = "true", "false"
_Literal = int | str
"""A variable of the solver, negated if negative; or what is known."""

_SCRIPT = (
    "read_verilog -formal -defer {sources}",
    "{setup}",
    "memory_map -formal",
    "async2sync",
    "chformal -lower",
    "dffunmap",
    "setundef -undriven -anyseq",
    "opt -full -nodffe -nosdff",
    "techmap",
    "simplemap",
    "opt -full -nodffe -nosdff",
    "formalff -anyinit2ff",
    "simplemap",
    "aigmap",
    "opt_clean",
    "tee -q -o {top}.claims dump t:$assert",
    "write_aiger -ascii -symbols {top}.aag",
)


_PLACE = re.compile(r'\\src "([^"|]*?:\d+)[^"]*"\n(?:\s*attribute.*\n)*\s*cell \$assert ')
_IMPOSSIBLE = ["what_is_assumed"]

COVER = "reached_"
"""Outputs with such names are not claims, but what must be able to happen."""
LEMMA = "lemma"
"""Outputs with such names are shown first, one by one, and help with the claims; they are none."""


class VacuousError(ToolFailedError):
    """A bench shows nothing: what it assumes or looks at cannot happen."""


@dataclass(frozen=True)
class Failure:
    """What can happen and must not.

    Attributes:
        clock: The clock, from 0.
        outputs: The outputs that are high then, in one example; and where the assertions stand
            that fail, such as "snn_loader.v:107".
    """

    clock: int
    outputs: tuple[str, ...]


def engine() -> str:
    """Return what decides, with its version.

    Raises:
        ToolMissingError: If python-sat is not installed.
    """
    return f"Yosys {programs.version('yosys')}, CaDiCaL (python-sat {version('python-sat')})"


def first_failure(
    folder: Path,
    top: str,
    sources: list[str],
    clocks: int,
    timeout: float = 3600,
    setup: Sequence[str] = (),
) -> Failure | None:
    """Look for the first clock in which an output can be high.

    Args:
        folder: Where the sources are; the graph is written there.
        top: The module, whose outputs have one bit each. What it assumes, and inputs that it holds
            constant (`anyconst`), are heeded.
        sources: Its files, relative to the folder.
        clocks: How many clocks are looked at.
        timeout: Seconds that the solver may work, in a process of its own.
        setup: See `induction_depth`.

    Raises:
        TimeoutError: If there was no answer in time.
        VacuousError: If nothing that is assumed can happen for so long.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the sources, or the process fails.
    """
    graph = _write_graph(folder, top, sources, setup)
    found, names = _ask("failure", graph, clocks, timeout)
    if names == _IMPOSSIBLE:
        raise VacuousError("its assumptions contradict each other")
    return None if found is None else Failure(found, tuple(names))


def unreached(
    folder: Path,
    top: str,
    sources: list[str],
    clocks: int,
    timeout: float = 3600,
    setup: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return what a module says is reached and is not within so many clocks from the reset on.

    Args and errors as of `first_failure`.
    """
    graph = _write_graph(folder, top, sources, setup)
    return tuple(_ask("reach", graph, clocks, timeout)[1])


def induction_depth(
    folder: Path,
    top: str,
    sources: list[str],
    depth: int,
    timeout: float,
    setup: Sequence[str] = (),
) -> int | None:
    """Prove what a module asserts, by k-induction: return k, or None if no k up to `depth` does it.

    Nothing is bad in the first k clocks, and after any k clocks in which nothing is bad, of which
    the first may begin anywhere, nothing is bad in the next one. What the module says is reached
    must be possible in that one.

    Args:
        folder: Where the sources are; the graph is written there.
        top: The module, with assertions.
        sources: Its files, relative to the folder.
        depth: The largest k that is tried.
        timeout: Seconds that the solver may work, in a process of its own.
        setup: Commands of Yosys that make the sources one flat module, if not the usual ones.

    Raises:
        TimeoutError: If there was no answer in time.
        VacuousError: If what it assumes, or what it says is reached, is not possible.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the sources, or the process fails.
    """
    graph = _write_graph(folder, top, sources, setup)
    found, unreached = _ask("induction", graph, depth, timeout)
    if unreached:
        raise VacuousError(f"{', '.join(unreached)} cannot happen")
    return found


def _ask(question: str, graph: Path, number: int, timeout: float) -> tuple[int | None, list[str]]:
    """Have a process of its own answer: several can work at once, and each can be stopped."""
    _solver()  # says here what is missing, not in the process
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-P", "-m", __name__, question, str(graph.absolute()), str(number)]
    command.append(str(timeout))
    environment = {"PYTHONPATH": os.pathsep.join(paths)}
    longest = timeout * _PATIENCE if _counts_work() else timeout
    try:
        done = programs.execute(command, graph.parent, longest, environment=environment)
    except programs.ToolTimeoutError:
        raise TimeoutError from None
    if _counts_work() and done.returncode == -signal.SIGXCPU:
        raise TimeoutError
    if done.returncode:
        raise ToolFailedError(f"{question} of {graph} failed: {done.stderr.strip()}")
    found, names = json.loads(done.stdout)
    return found, names


def _counts_work() -> bool:
    """Return whether the system can end a process that has worked for so long."""
    return hasattr(signal, "SIGXCPU")


def _work_at_most(seconds: float) -> None:
    """End this process with SIGXCPU when it has worked for so long."""
    if _counts_work():
        import resource

        most = math.ceil(seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most + 1))


def _fail(graph: _Graph, clocks: int) -> tuple[int | None, list[str]]:
    """Return the first clock in which an output can be high, and which can; lemmas do not count."""
    run = _Clocks(graph.without_lemmas())
    for clock in range(clocks):
        if failing := run.failing():
            return clock, [run.graph.names[index] for index in failing]
        run.advance()
    return None, [] if run.is_possible() else _IMPOSSIBLE


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


def _write_graph(folder: Path, top: str, sources: list[str], setup: Sequence[str] = ()) -> Path:
    """Have Yosys write the graph of a module; return its file."""
    values = {"sources": " ".join(sources), "top": top}
    values["setup"] = "; ".join(setup or [f"prep -top {top} -flatten"])
    steps = [step.format(**values) for step in _SCRIPT]
    programs.run("yosys", ["-q", "-p", "; ".join(steps)], cwd=folder)
    return folder / f"{top}.aag"


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
    )
    for line in lines:
        if named := re.fullmatch(r"o(\d+) (\S+)", line):
            found.names[int(named[1])] = named[2]
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

    def __init__(self, graph: _Graph, *, from_anywhere: bool = False) -> None:
        self.graph = graph
        self._solver = _solver()
        self._from_anywhere = from_anywhere
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
        self._enter()

    def failing(self) -> list[int]:
        """Return outputs that are high in this clock, if any can be; else take them to be low."""
        values = [self._value(literal) for literal in self.graph.outputs]
        for index in self.graph.lemmas:
            value = values[index]
            if not isinstance(value, int):
                continue
            # What holds after some clocks from anywhere holds after more of them.
            if index not in self._shown and self._solve([value]):
                model = set(self._solver.get_model())
                return [i for i, each in enumerate(values) if each == _TRUE or each in model]
            self._solver.add_clause([-value])
            if self._from_anywhere:
                self._shown.add(index)
        open_ones = [value for value in values if isinstance(value, int)]
        if _TRUE not in values:
            if not open_ones:
                return []
            one_of_them = self._variable()
            self._solver.add_clause([-one_of_them, *open_ones])
            if not self._solve([one_of_them]):
                self.exclude()
                return []
            model = set(self._solver.get_model())
        else:
            model = set()
        return [i for i, value in enumerate(values) if value == _TRUE or value in model]

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


def _solver() -> Any:
    try:
        from pysat.solvers import Solver
    except ModuleNotFoundError:
        raise ToolMissingError(
            "python-sat is not installed, which bounded proofs need: pip install -e '.[fpga]' in "
            "the checkout"
        ) from None
    return Solver(SOLVER)


if __name__ == "__main__":
    _work_at_most(float(sys.argv[4]))
    answer = {"failure": _fail, "induction": _induct, "reach": _reach}[sys.argv[1]]
    print(json.dumps(answer(_read(Path(sys.argv[2])), int(sys.argv[3]))))
