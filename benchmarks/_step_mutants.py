"""Mutation testing of the datapath proof: does it catch what is wrong?

A mutant is the emitted step with one small change: an operator, a constant, a width, a sign, a
rounding, a bound of a saturation, an entry of a table. The proof must refute each mutant that
differs for some input. A mutant that survives must be equal to the original, and that is shown a
second time by other means: Yosys' own equivalence checker where it comes to an end, and always
random inputs in a simulator.
"""

from __future__ import annotations

import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.tools.programs import ToolTimeoutError, run
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.step_simulation import cosimulate_step

Outcome: TypeAlias = Literal["caught", "rejected", "equal", "unexplained"]
"""`caught`: refuted with a counterexample. `rejected`: Yosys does not read it. `equal`: proved, and
shown equal a second time. `unexplained`: no answer, or the second opinion differs."""


@dataclass(frozen=True)
class Mutant:
    """One change.

    Attributes:
        kind: What was changed: a key of `KINDS`.
        line: The changed line, before and after.
        text: The whole module.
    """

    kind: str
    line: tuple[str, str]
    text: str


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        outcome: An `Outcome`.
        detail: The counterexample, or how the mutant was shown to be equal.
        seconds: How long it took.
    """

    mutant: Mutant
    outcome: Outcome
    detail: str
    seconds: float


def _operators(line: str, chance: random.Random) -> Iterator[str]:
    swaps = {" + ": " - ", " - ": " + ", " * ": " + ", " >= ": " > ", " > ": " >= ",
             " <= ": " < ", " < ": " <= "}  # fmt: skip
    for match in re.finditer(r" (?:\+|-|\*|>=|>|<=|<) ", line):
        yield line[: match.start()] + swaps[match[0]] + line[match.end() :]
    chosen = re.match(r"(\s*(?:wire [^=]*= )?)(\S.*?) \? ", line)
    if chosen:
        yield f"{chosen[1]}!({chosen[2]}) ? {line[chosen.end() :]}"


def _constants(line: str, chance: random.Random) -> Iterator[str]:
    for match in re.finditer(r"(-?)(\d+)'sd(\d+)", line):
        value = int(match[3])
        bit = 1 << chance.randrange(max(int(match[2]) - 2, 1))
        for changed in {value + 1, value - 1, value ^ bit} - {value}:
            if 0 <= changed < 1 << (int(match[2]) - 1):
                literal = f"{match[1]}{match[2]}'sd{changed}"
                yield line[: match.start()] + literal + line[match.end() :]
        if not match[1] and value:
            yield f"{line[: match.start()]}-{match[0]}{line[match.end() :]}"


def _widths(line: str, chance: random.Random) -> Iterator[str]:
    match = re.match(r"(\s+wire signed )\[(\d+):0\](.*)", line)
    if match and int(match[2]) > 2:
        yield f"{match[1]}[{int(match[2]) - 1}:0]{match[3]}"
        yield f"{match[1]}[{int(match[2]) + 1}:0]{match[3]}"


def _signs(line: str, chance: random.Random) -> Iterator[str]:
    if re.match(r"\s+wire signed", line):
        yield line.replace("wire signed", "wire", 1)
    if "$signed(" in line:
        yield line.replace("$signed(", "(", 1)
        yield re.sub(r"\{(\d+)\{\w+\[\d+\]\}\}", r"{\1{1'b0}}", line, count=1)
    if re.match(r"\s+input  wire signed", line):
        yield line.replace("wire signed", "wire", 1)


def _roundings(line: str, chance: random.Random) -> Iterator[str]:
    for match in re.finditer(r"(\w+)\[(\d+):(\d+)\]", line):
        if match[1] == "signed":
            continue
        high, low = int(match[2]), int(match[3])
        for changed in ((high - 1, low - 1), (high, low + 1), (high - 1, low)):
            if changed[0] >= changed[1] >= 0:
                place = f"{match[1]}[{changed[0]}:{changed[1]}]"
                yield line[: match.start()] + place + line[match.end() :]
    for match in re.finditer(r"(\d+)'d0\}", line):
        for zeros in (int(match[1]) - 1, int(match[1]) + 1):
            if zeros > 0:
                yield f"{line[: match.start()]}{zeros}'d0}}{line[match.end() :]}"


def _bounds(line: str, chance: random.Random) -> Iterator[str]:
    for match in re.finditer(r"(\d+)'sh8(0*)", line):
        yield f"{line[: match.start()]}{match[1]}'sh7{'f' * len(match[2])}{line[match.end() :]}"
    if re.search(r"[<>] -?\d+'s[dh]\w+\) \?", line):
        for match in re.finditer(r"(-?)(\d+)'sd(\d+)", line):
            for step in (1, -1):
                changed = f"{match[1]}{match[2]}'sd{int(match[3]) + step}"
                yield line[: match.start()] + changed + line[match.end() :]


def _entries(line: str, chance: random.Random) -> Iterator[str]:
    match = re.match(r"(\s+(?:\d+'d\d+|default): \w+ = -?\d+'sd)(\d+);", line)
    if match:
        value = int(match[2])
        for changed in (value ^ 1, value ^ (1 << max(value.bit_length() - 1, 0))):
            yield f"{match[1]}{changed};"


KINDS: dict[str, Callable[[str, random.Random], Iterator[str]]] = {
    "operator": _operators,
    "constant": _constants,
    "width": _widths,
    "sign": _signs,
    "rounding": _roundings,
    "saturation bound": _bounds,
    "table entry": _entries,
}
"""For each kind of change, what it makes of a line."""


def mutants(step: str, count: int, seed: int) -> list[Mutant]:
    """Return different mutants of a module, as evenly over the kinds as there are any.

    Args:
        step: The text of the module.
        count: How many are wanted; fewer if there are not so many.
        seed: Of the choice.
    """
    chance = random.Random(seed)
    lines = step.splitlines()
    begin = next(index for index, line in enumerate(lines) if line.startswith("module "))
    end = next((i for i, line in enumerate(lines) if "wire unused" in line), len(lines))
    made: dict[str, list[Mutant]] = {kind: [] for kind in KINDS}
    seen = {step}
    for index in range(begin, end):
        code, comment, note = lines[index].partition("  //")
        for kind, change in KINDS.items():
            is_entry = re.match(r"\s+(\d+'d\d+|default): ", code) is not None
            if is_entry != (kind == "table entry"):
                continue
            for changed in change(code, chance):
                line = changed + comment + note
                text = "\n".join([*lines[:index], line, *lines[index + 1 :], ""])
                if text not in seen:
                    seen.add(text)
                    made[kind].append(Mutant(kind, (code.strip(), changed.strip()), text))
    for group in made.values():
        chance.shuffle(group)
    chosen: list[Mutant] = []
    while len(chosen) < count and any(made.values()):
        for group in made.values():
            if group and len(chosen) < count:
                chosen.append(group.pop())
    return chosen


def judge(
    program: NeuronProgram,
    original: str,
    mutant: Mutant,
    module: str,
    *,
    timeout: float = 60.0,
    steps: int = 5000,
) -> Verdict:
    """Let the proof judge a mutant; show a survivor to be equal a second time.

    Args:
        program: What the module should compute.
        original: The module as it was emitted.
        mutant: The mutant.
        module: The module's name.
        timeout: Seconds for the proof, and for Yosys' second opinion.
        steps: Random inputs for a survivor.
    """
    began = time.perf_counter()

    def verdict(outcome: Outcome, detail: str) -> Verdict:
        return Verdict(mutant, outcome, detail, round(time.perf_counter() - began, 3))

    try:
        proof = prove_step(program, mutant.text, module, timeout=timeout)
    except ToolFailedError as error:
        return verdict("rejected", str(error).splitlines()[-1].strip())
    if proof.status == "refuted":
        return verdict("caught", proof.detail)
    if proof.status != "proved":
        return verdict("unexplained", f"{proof.status}: {proof.detail}")
    try:
        sampled = cosimulate_step(program, mutant.text, module, steps=steps)
    except ToolFailedError as error:
        return verdict("unexplained", f"proved, but {error}")
    if not sampled.holds:
        return verdict("unexplained", f"proved, but {sampled.first_mismatch}")
    agreed = f"{steps} random inputs in {sampled.simulator}"
    if _yosys_agrees(original, mutant.text, module, timeout):
        agreed = f"Yosys' equivalence checker, and {agreed}"
    return verdict("equal", f"proved for all inputs; the same by {agreed}")


def _yosys_agrees(original: str, mutant: str, module: str, timeout: float) -> bool:
    """Tell whether Yosys proves two modules equal with its own solver."""
    script = "; ".join(
        [
            "read_verilog original.v",
            "proc -norom",
            "flatten",
            "opt_clean",
            f"rename {module} gold",
            "read_verilog mutant.v",
            f"proc -norom {module}",
            f"flatten {module}",
            "opt_clean",
            f"rename {module} gate",
            "equiv_make gold gate compared",
            "hierarchy -top compared",
            "equiv_simple -short",
            "equiv_status -assert",
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "original.v").write_text(original, encoding="utf-8")
        Path(folder, "mutant.v").write_text(mutant, encoding="utf-8")
        try:
            done = run("yosys", ["-q", "-p", script], cwd=folder, timeout=timeout, check=False)
        except ToolTimeoutError:
            return False
        return done.returncode == 0
