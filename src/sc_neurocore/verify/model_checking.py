"""Bounded model checking of a Verilog module, bit by bit, and k-induction.

Yosys writes the module as an and-inverter graph (A. Biere, The AIGER and-inverter graph format,
Johannes Kepler University, 2007). `verify.unrolling` lays it out for one clock after the other, and
asks a SAT solver whether an output of the module can be high.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.tools import programs
from sc_neurocore.verify import unrolling
from sc_neurocore.verify.counterexample import Example
from sc_neurocore.verify.kept_answers import kept_answer
from sc_neurocore.verify.unrolling import IMPOSSIBLE, counts_work, solver

_PATIENCE = 6
"""Where other programs have the processor most of the time, an answer may take so much longer."""
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


class VacuousError(ToolFailedError):
    """A bench shows nothing: what it assumes or looks at cannot happen."""


@dataclass(frozen=True)
class Failure:
    """What can happen and must not.

    Attributes:
        clock: The clock, from 0.
        outputs: The outputs that are high then, in one example; and where the assertions stand
            that fail, such as "snn_loader.v:107".
        example: Inputs and registers in each clock up to it.
    """

    clock: int
    outputs: tuple[str, ...]
    example: Example


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
    found, names, bits = _ask("failure", graph, clocks, timeout)
    if names == IMPOSSIBLE:
        raise VacuousError("its assumptions contradict each other")
    return None if found is None else Failure(found, tuple(names), Example.of_bits(bits))


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
    found: int | None
    found, unreached, *_ = _ask("induction", graph, depth, timeout)
    if unreached:
        raise VacuousError(f"{', '.join(unreached)} cannot happen")
    return found


def _ask(question: str, graph: Path, number: int, timeout: float) -> Any:
    """Return what is known of a graph, or have a process of its own find out."""
    solver()  # says here what is missing, not in the process
    claims = graph.with_suffix(".claims")
    depends_on = (
        Path(unrolling.__file__).read_bytes(),
        f"{unrolling.SOLVER} {version('python-sat')} {question} {number}".encode(),
        graph.read_bytes(),
        claims.read_bytes() if claims.exists() else b"",
    )
    return json.loads(kept_answer(depends_on, lambda: _asked(question, graph, number, timeout)))


def _asked(question: str, graph: Path, number: int, timeout: float) -> str:
    """Have a process of its own answer: several can work at once, and each can be stopped."""
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [
        sys.executable,
        "-P",
        "-m",
        unrolling.__name__,
        question,
        str(graph.absolute()),
        str(number),
    ]
    command.append(str(timeout))
    environment = {"PYTHONPATH": os.pathsep.join(paths)}
    longest = timeout * _PATIENCE if counts_work() else timeout
    try:
        done = programs.execute(command, graph.parent, longest, environment=environment)
    except programs.ToolTimeoutError:
        raise TimeoutError from None
    if counts_work() and done.returncode == -signal.SIGXCPU:
        raise TimeoutError
    if done.returncode:
        raise ToolFailedError(f"{question} of {graph} failed: {done.stderr.strip()}")
    return done.stdout


def _write_graph(folder: Path, top: str, sources: list[str], setup: Sequence[str] = ()) -> Path:
    """Have Yosys write the graph of a module; return its file."""
    values = {"sources": " ".join(sources), "top": top}
    values["setup"] = "; ".join(setup or [f"prep -top {top} -flatten"])
    steps = [step.format(**values) for step in _SCRIPT]
    programs.run("yosys", ["-q", "-p", "; ".join(steps)], cwd=folder)
    return folder / f"{top}.aag"
