"""The engine's memories, proved to keep the contracts in their files, at their real depth.

A memory is an array to the solver, not thousands of registers: so a deep one takes no longer than a
small one. The contracts are inductive as they stand.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.tools import programs
from sc_neurocore.verify.contract_table import Numbers
from sc_neurocore.verify.contracts import check_block, sources_of
from sc_neurocore.verify.emitted import parameters_of
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.sums import ADDITIONS

MEMORY_MODULES = ("snn_rom", "snn_ram", "snn_column")
NAME = "memories: what is read is what was written"
_CLOCKS = 3  # after which an answer must be possible
_MILLISECONDS = 100_000


@dataclass(frozen=True)
class MemoryAnswer:
    """What the solver says of one memory.

    Attributes:
        status: `proved`, `refuted`, or `unknown`.
        reason: Why it is not proved.
    """

    status: str
    reason: str = ""


def prove_memories(accelerator: Accelerator) -> ProofResult:
    """Prove of each kind of memory in an accelerator, at its depth, what its file claims.

    Raises:
        ToolMissingError: If Yosys or z3 is not installed.
        ToolFailedError: If Yosys cannot read a module.
    """
    began = time.perf_counter()
    sources = sources_of(accelerator)
    found = [
        (module, parameters)
        for module in MEMORY_MODULES
        for parameters in parameters_of(accelerator, module)
    ]
    for module in {module for module, _ in found}:
        check_block(module, sources[module])
    answers = answers_of(found, sources)
    bad = [(at, answer) for at, answer in zip(found, answers, strict=True) if answer.reason]
    detail = (
        f"for every sequence of writes and reads of words that there are, without bound: what is "
        f"read is the word that was written there last, or stood there, and the output stays until "
        f"the next reading; of {len(found)} kinds, with up to {max(map(_depth, found))} words"
    )
    if bad:
        (module, parameters), answer = bad[0]
        detail = f"{module} with {dict(parameters)}: {answer.reason}"
    return ProofResult(
        name=NAME,
        status=next((answer.status for _, answer in bad), "proved"),
        engine=f"Yosys {programs.version('yosys')}, z3 {version('z3-solver')}, arrays",
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=(_there_are_words(accelerator),),
        figures={"memories": len(found)},
    )


def _there_are_words(accelerator: Accelerator) -> str:
    assumed = "no word is asked for or written that there is not: "
    if not accelerator.geometry.windows:
        return f"{assumed}see “control” and “{ADDITIONS}”"
    return (
        f"{assumed}see “control” for the neurons; of weights, spikes and states only the tables of "
        f"windows say so, which “files” compares"
    )


def _depth(memory: tuple[str, Numbers]) -> int:
    parameters = memory[1]
    return parameters.get("DEPTH", 1 << parameters["ADDRESS_BITS"])


def answers_of(
    memories: Sequence[tuple[str, Numbers]], sources: Mapping[str, str]
) -> list[MemoryAnswer]:
    """Prove of each memory what its file claims.

    Args:
        memories: Modules of `MEMORY_MODULES` with their parameters.
        sources: The text of each module by name.

    Raises:
        ToolMissingError: If Yosys or z3 is not installed.
        ToolFailedError: If Yosys cannot read a module.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        script = []
        for number, (module, parameters) in enumerate(memories):
            (folder / f"{module}.v").write_text(sources[module], encoding="utf-8")
            given = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
            script += [
                "design -reset",
                f"read_verilog -formal -defer {module}.v",
                f"hierarchy -check -top {module} {given}",
                "proc -noopt",
                "expose w:reached_*",
                f"prep -top {module} -nordff",
                "async2sync",
                "dffunmap",
                f"write_smt2 -wires {number}.smt2",
            ]
        programs.run("yosys", ["-q", "-p", "; ".join(script)], cwd=folder)
        return [
            _prove((folder / f"{number}.smt2").read_text(encoding="utf-8"), module)
            for number, (module, _) in enumerate(memories)
        ]


def _prove(text: str, module: str) -> MemoryAnswer:
    """Prove a contract by induction, and that what it speaks of can happen."""
    states = [f"s{clock}" for clock in range(_CLOCKS + 1)]
    head = [f"(declare-fun {state} () |{module}_s|)" for state in states]
    head += [f"(assert (|{module}_u| {state}))" for state in states]
    step = [f"(assert (|{module}_t| {a} {b}))" for a, b in pairwise(states)]
    begins = f"(assert (|{module}_i| s0))"
    # Yosys has an assertion speak of the clock before: so two of them make the invariant.
    good = [f"(assert (|{module}_a| {state}))" for state in states]
    bad = [f"(assert (not (|{module}_a| {state})))" for state in states]
    questions = {
        "it is broken from the start": [begins, step[0], _any_of(module, states[:2])],
        "it is broken later": [*step[:2], *good[:2], bad[2]],
    }
    for reason, question in questions.items():
        answer = _ask(text, [*head, *question])
        if answer != "unsat":
            return MemoryAnswer("refuted" if answer == "sat" else "unknown", reason)
    cover = f"(assert (|{module}_n reached_an_answer| s{_CLOCKS}))"
    if _ask(text, [*head, begins, *step, cover]) != "sat":
        return MemoryAnswer("unknown", "nothing can be read")
    return MemoryAnswer("proved")


def _any_of(module: str, states: Sequence[str]) -> str:
    broken = " ".join(f"(not (|{module}_a| {state}))" for state in states)
    return f"(assert (or {broken}))"


def _ask(text: str, question: Sequence[str]) -> str:
    import z3

    solver: Any = z3.Solver()
    solver.set("timeout", _MILLISECONDS)
    try:
        solver.add(z3.parse_smt2_string(text + "\n" + "\n".join(question)))
    except z3.Z3Exception as error:
        raise ToolFailedError(f"z3 does not read what Yosys wrote: {error}") from None
    return str(solver.check())
