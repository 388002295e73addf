"""Formal benches around an accelerator's own files: prepared, run and judged.

A bench is a module whose name is that of its claim. It holds the emitted top module, or parts of
the engine; the memories and the neurons' equations are replaced by ones that answer with anything.
What it asserts is proved by induction; where that fails, a counterexample is looked for. A
bench in which what it covers cannot happen proves nothing, and is refused.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from sc_neurocore.errors import CheckFailedError, ToolFailedError
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.render import render
from sc_neurocore.tools import programs
from sc_neurocore.tools.programs import ToolTimeoutError
from sc_neurocore.verify.model_checking import (
    Failure,
    VacuousError,
    engine,
    first_failure,
    induction_depth,
)
from sc_neurocore.verify.result import ProofResult, ProofStatus

RESET = ("reset is high in the first clock",)
MEMORIES = ("snn_rom.v", "snn_ram.v", "snn_column.v")
_CURRENTS = "snn_requantize"
_BLOCK = re.compile(r"^`ifdef FORMAL$.*?^`endif$", re.DOTALL | re.MULTILINE)
IN_PLACE = tuple(
    f"snn_{name}"
    for name in ("loader", "controller", "window", "scanner", "accumulator", "neurons")
)
"""Modules whose first block of properties stays in the benches: what it says of registers and order
holds there, and the benches assert what it counts on."""
_WIRES = "wires.json"
_MOST_NAMED = 2

_SCRIPT = """\
[options]
mode bmc
depth {depth}
skip {skip}

[engines]
smtbmc z3

[script]
read_verilog -formal -defer {sources}
{setup}

[files]
{sources_by_line}
"""


def prepare(
    accelerator: Accelerator,
    name: str,
    values: Mapping[str, Any],
    *,
    further: Mapping[str, str] | None = None,
    free: tuple[str, ...] = MEMORIES,
    equations_are_free: bool = True,
    data_are_free: bool = False,
    kept: AbstractSet[str] = frozenset(),
    inside: Mapping[str, str] | None = None,
) -> Path:
    """Write a bench and the sources that it needs.

    Args:
        accelerator: The design; the bench goes to its folder proof/`name`.
        name: The claim in a word, which is also the bench's module.
        values: What its template, `name`.v.j2, is filled in with beside what all benches take.
        further: The texts of modules that the bench needs beside the design's, by name.
        free: The memories' files, which are left out; the bench has its own.
        equations_are_free: Whether the neurons' equations answer with anything.
        data_are_free: Whether currents are anything too, so that nothing hangs on sums and biases,
            and the bench is smaller; modules in `IN_PLACE` keep their first block of properties.
        kept: Further modules that keep theirs then.
        inside: Wires in the accelerator that the bench looks at: what it calls each, and its path.
            How wide they are is read from the files.

    Returns:
        The folder.

    Raises:
        CheckFailedError: If a file of the design assumes something: a proof would rest on it.
        ToolFailedError: If Yosys cannot read the files, or what is looked at is not there.
    """
    folder = accelerator.directory / "proof" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in accelerator.verilog:
        if path.name not in free:
            text = _assuming_nothing(accelerator.directory / path)
            stays = data_are_free and path.stem in {*IN_PLACE, *kept}
            text = _without_contract(text, keeps_first=stays)
            is_free = equations_are_free and path.stem in accelerator.neuron_modules
            if is_free or (data_are_free and path.stem == _CURRENTS):
                text = free_module(text, path.stem)
            (folder / path.name).write_text(text, encoding="utf-8")
    for module, text in (further or {}).items():
        (folder / f"{module}.v").write_text(text, encoding="utf-8")
    common = {"name": name, "top": accelerator.top, "g": accelerator.geometry}
    common |= {"steps": accelerator.steps, "weights": accelerator.weights}
    common |= {"gs": not accelerator.geometry.step_outer}
    looked_at = [(each, path, 1) for each, path in (inside or {}).items()]

    def write() -> None:
        filled = common | dict(values) | {"inside": looked_at}
        bench = render("sc_neurocore.verify", "harness", f"{name}.v.j2", filled)
        (folder / f"{name}.v").write_text(bench, encoding="utf-8")

    write()
    if looked_at:
        paths = [path for _, path, _ in looked_at]
        widths = _widths(folder, accelerator.top, bench_sources(folder), paths)
        looked_at = [(each, path, widths[path]) for each, path, _ in looked_at]
        write()
    return folder


def _widths(folder: Path, top: str, sources: list[str], paths: Sequence[str]) -> dict[str, int]:
    """Return how wide wires are inside a module, by their paths, as Yosys elaborates its files."""
    script = [f"read_verilog -formal -defer {' '.join(sources)}", f"hierarchy -top {top}"]
    script += ["proc -noopt", f"write_json {_WIRES}"]
    programs.run("yosys", ["-q", "-p", "; ".join(script)], cwd=folder)
    modules = json.loads((folder / _WIRES).read_bytes())["modules"]
    (folder / _WIRES).unlink()

    def width(module: str, path: str) -> int:
        if path in modules[module]["netnames"]:
            return len(modules[module]["netnames"][path]["bits"])
        for name, cell in modules[module]["cells"].items():
            if path.startswith(f"{name}.") and cell["type"] in modules:
                return width(cell["type"], path.removeprefix(f"{name}."))
        raise ToolFailedError(f"{folder}: {top} has nothing at {path}: compile again")

    return {path: width(top, path) for path in paths}


def bench_sources(folder: Path, top: str = "") -> list[str]:
    """Return the Verilog of a bench, the bench first: it has the folder's name, or `top`."""
    name = top or folder.name
    others = sorted(path.name for path in folder.glob("*.v") if path.stem != name)
    return [f"{name}.v", *others]


def free_module(text: str, name: str) -> str:
    """Return a module with the ports of the one in a text, whose outputs are anything."""
    header = re.search(rf"^module {name} .*?^\);", text, re.DOTALL | re.MULTILINE)
    if header is None:
        raise CheckFailedError(f"{name}.v holds no module {name}: compile again")
    ports = header[0].replace("output reg", "output wire")
    outputs = re.findall(r"output wire\s+(?:signed\s+)?(?:\[[^\]]*\]\s*)?(\w+)", ports)
    lines = [f"    assign {output} = $anyseq;" for output in outputs]
    return "\n".join([ports, *lines, "endmodule", ""])


def stage(
    accelerator: Accelerator,
    bench: str,
    real: AbstractSet[str],
    free: AbstractSet[str] | None = None,
) -> Path:
    """Write a design's modules into the folder of a bench, some of which answer with anything.

    Args:
        accelerator: The design.
        bench: The folder's name, below proof/.
        real: Modules that go in as they are.
        free: Modules that answer with anything; by default all others.
    """
    folder = accelerator.directory / "proof" / bench
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in accelerator.verilog:
        text = _assuming_nothing(accelerator.directory / path)
        if path.stem in real:
            (folder / path.name).write_text(text, encoding="utf-8")
        elif free is None or path.stem in free:
            (folder / path.name).write_text(free_module(text, path.stem), encoding="utf-8")
    return folder


def _without_contract(text: str, keeps_first: bool) -> str:
    """Return a file without the blocks of properties that are proved apart."""
    kept = blocks(text)[:1] if keeps_first else []
    return _BLOCK.sub(lambda found: found[0] if found[0] in kept else "", text)


def blocks(text: str) -> list[str]:
    """Return the blocks of properties in a Verilog file."""
    return _BLOCK.findall(text)


def _assuming_nothing(path: Path) -> str:
    """Return a file of a design; refuse what assumes something: a proof would rest on it."""
    text = path.read_text(encoding="utf-8")
    code = re.sub(r"//[^\n]*|/\*(?s:.*?)\*/", "", text)
    if re.search(r"\b(assume|restrict)\b", code):
        raise CheckFailedError(
            f"{path} assumes something: what the files of a design claim of themselves is shown, "
            f"nothing is taken for granted; compile again"
        )
    return text


def prove(
    folder: Path,
    title: str,
    claims: str,
    assumptions: tuple[str, ...],
    depth: int,
    timeout: float,
    figures: Mapping[str, int] | None = None,
    *,
    top: str = "",
    setup: Sequence[str] = (),
    search: int = 0,
) -> ProofResult:
    """Prove a bench that `prepare` wrote by induction, or else look for a counterexample.

    Args:
        folder: Where the bench lies.
        title: What the result is called.
        claims: What is proved, if it is.
        assumptions: What that rests on.
        depth: Clocks of the search for a counterexample, and longest induction.
        timeout: Seconds for each of the two, after which the answer is `unknown`.
        figures: Numbers that belong to the claim, by name.
        top: The bench's module, if it has not the folder's name.
        setup: Commands of Yosys that make the sources one flat module, if not the usual ones.
        search: Clocks of the search for a counterexample, if not as many as the induction has.
    """
    began = time.perf_counter()
    name = top or folder.name
    sources = bench_sources(folder, name)
    used = engine()
    status: ProofStatus
    try:
        found = induction_depth(folder, name, sources, depth, timeout, setup)
        if found is not None:
            status, detail = "proved", claims
            used = f"k-induction with k = {found}, {used}"
        elif failure := first_failure(folder, name, sources, search or depth, timeout, setup):
            status, detail = "refuted", _failed(failure, folder)
            (folder / f"{name}.vcd").write_text(failure.example.vcd(name), encoding="utf-8")
            script = _SCRIPT.format(
                depth=failure.clock + 1,
                skip=failure.clock,
                setup="\n".join(setup or [f"prep -top {name} -flatten"]),
                sources=" ".join(sources),
                sources_by_line="\n".join(sources),
            )
            (folder / f"{name}.sby").write_text(script, encoding="utf-8")
        else:
            status = "unknown"
            detail = (
                f"neither a counterexample in {search or depth} clocks nor an induction was found"
            )
    except VacuousError as error:
        status, detail = "unknown", f"the bench proves nothing: {error}"
    except (TimeoutError, ToolTimeoutError):
        status, detail = "unknown", f"no answer within {timeout:g} s"
    return ProofResult(
        name=title,
        status=status,
        engine=used,
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=assumptions,
        figures=figures or {},
    )


def _failed(failure: Failure, folder: Path) -> str:
    """Return in words which claims fail: their source lines."""
    claims = []
    for place in failure.outputs:
        file, _, line = place.rpartition(":")
        if (folder / file).is_file():
            lines = (folder / file).read_text(encoding="utf-8").splitlines()
            claims.append(f"{lines[int(line) - 1].strip()} ({place})")
    shown = "; ".join(claims[:_MOST_NAMED]) or "an assertion fails"
    values = failure.example.in_words(failure.clock, shown)
    return (
        f"in clock {failure.clock}: {shown}{values and f', where {values}'}; waves up to it: "
        f"proof/{folder.name}/*.vcd, and of every wire: sby -f *.sby there"
    )
