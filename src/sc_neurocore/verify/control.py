"""Control, proved without bound: every frame gives one result, never two, never none.

The claims of harness/control.v.j2 are proved by induction on the engine itself, with the tables of
the network at hand; memories, neuron unit and handshakes may do anything. Where induction fails,
SymbiYosys looks for a counterexample.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.hdl.render import render
from sc_neurocore.tools import programs
from sc_neurocore.tools.programs import ToolTimeoutError
from sc_neurocore.verify.result import ProofResult, ProofStatus
from sc_neurocore.verify.unrolling import engine, induction_depth

NAME = "control: done exactly once per start"
ASSUMPTIONS = ("reset is high in the first clock",)
_MEMORIES = ("snn_rom.v", "snn_ram.v")
# Clocks from a word's fetch to its first token, from there to the sums, from a turn to its update.
_FILLING, _TOKENS, _UPDATES = 3, 4, 5
_FAILURE = re.compile(r"Assert failed in .*")

_SCRIPT = """\
[options]
mode bmc
depth {depth}

[engines]
smtbmc z3

[script]
read_verilog -formal -defer {sources}
prep -top control -flatten

[files]
{sources_by_line}
"""


def prove_control(accelerator: Accelerator, *, depth: int = 8, timeout: float = 300) -> ProofResult:
    """Prove that every frame that goes into a generated core gives exactly one result.

    The claims: a result comes only when a frame is pending, and ends it; at most one frame waits
    behind the one at work, whose events it does not overwrite; a result stays until it is taken;
    no neuron unit reads a state that is still on its way through it; and the result comes within
    `most_clocks`, since a ranking falls with every clock until then.

    Args:
        accelerator: The design; the proof's files go to its folder proof/control.
        depth: Clocks after reset that are searched for a counterexample, and the longest
            induction that is tried.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If SymbiYosys, Yosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    geometry = accelerator.stationary_geometry()
    values = bench_values(accelerator)
    folder = prepare_bench(accelerator, ("schedule", "constants"), "control.v.j2", values, depth)
    most = most_clocks(geometry, accelerator.steps)
    result = run_bench(folder, NAME, _claims(most), ASSUMPTIONS, depth, timeout)
    return replace(result, figures={"most_clocks": most})


def run_bench(
    folder: Path,
    name: str,
    claims: str,
    assumptions: tuple[str, ...],
    depth: int,
    timeout: float,
) -> ProofResult:
    """Prove a bench that `prepare_bench` wrote by induction, or else look for a counterexample.

    Args:
        folder: Where it lies.
        name: What the result is called.
        claims: What is proved, if it is.
        assumptions: What that rests on.
        depth: Clocks of the search for a counterexample, and longest induction.
        timeout: Seconds for each of the two, after which the answer is `unknown`.
    """
    began = time.perf_counter()
    sources = sorted(path.name for path in folder.glob("*.v"))
    used = engine()
    try:
        found = induction_depth(folder, "control", sources, depth, timeout)
        if found is not None:
            status, detail = "proved", claims
            used = f"k-induction with k = {found}, {used}"
        else:
            used = f"SymbiYosys {programs.version('sby')}, z3 {programs.version('z3')}"
            done = programs.run("sby", ["-f", "control.sby"], folder, timeout=timeout, check=False)
            status, detail = _judge(done.stdout + done.stderr, folder / "control.v", depth)
    except (TimeoutError, ToolTimeoutError):
        status, detail = "unknown", f"no answer within {timeout:g} s"
    return ProofResult(
        name=name,
        status=status,
        engine=used,
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=assumptions,
    )


def prepare_bench(
    accelerator: Accelerator,
    tables: tuple[str, ...],
    template: str,
    values: dict[str, Any],
    depth: int,
    name: str = "control",
    further: Mapping[str, str] | None = None,
) -> Path:
    """Write the bench and the sources that it needs; the memories are replaced by free ones.

    Args:
        accelerator: The design.
        tables: The generated modules that the bench needs, without the top's name in front.
        template: The bench.
        values: What is filled in.
        depth: For SymbiYosys.
        name: Of the folder in the design's folder proof.
        further: The texts of modules that the bench needs beside the design's, by name.

    Returns:
        The folder.
    """
    folder = accelerator.directory / "proof" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = []
    for path in accelerator.verilog:
        is_engine = path.name.startswith("snn_") and path.name not in _MEMORIES
        is_table = path.stem in {f"{accelerator.top}_{table}" for table in tables}
        if is_engine or is_table:
            shutil.copyfile(accelerator.directory / path, folder / path.name)
            names.append(path.name)
    for module, text in (further or {}).items():
        (folder / f"{module}.v").write_text(text, encoding="utf-8")
        names.append(f"{module}.v")
    bench = render("sc_neurocore.verify", "harness", template, values)
    (folder / "control.v").write_text(bench, encoding="utf-8")
    everything = ["control.v", *names]
    (folder / "control.sby").write_text(
        _SCRIPT.format(
            depth=depth, sources=" ".join(everything), sources_by_line="\n".join(everything)
        ),
        encoding="utf-8",
    )
    return folder


def bench_values(accelerator: Accelerator) -> dict[str, Any]:
    """Return what the benches of a group-stationary engine are filled in with."""
    geometry = accelerator.stationary_geometry()
    costs, free, busy = _costs(geometry, accelerator.steps)
    return {
        "top": accelerator.top,
        "g": geometry,
        "steps": accelerator.steps,
        "turns": geometry.lanes // geometry.units,
        "tag_bits": geometry.layer_bits + geometry.group_bits + geometry.step_bits,
        "flags_bits": _flags_bits(geometry),
        "word_bits": max(geometry.lanes, geometry.beat),
        "reach": index_bits(2 * geometry.period + geometry.unit_latency + 5),
        "costs": costs,
        "most_free": free,
        "most_busy": busy,
        "left_bits": left_bits(free, busy),
        "engine_parameters": list(geometry.parameters.items()),
    }


def left_bits(free: int, busy: int) -> int:
    """Return the width of what a ranking counts with.

    It also holds what no reachable state has, a job for each stage of the pipeline: a number that
    wraps would look small.
    """
    return (16 * max(free, busy)).bit_length()


def _flags_bits(geometry: Geometry) -> int:
    """Return the width of what travels with a turn in rtl/snn_neurons.v."""
    place = geometry.layer_bits + geometry.group_bits + geometry.turn_bits + geometry.step_bits
    return geometry.units + 1 + place


@dataclass(frozen=True)
class _Cost:
    """Clocks that parts of a layer's work take at most: words the sums, jobs the neuron units."""

    word_shift: int
    step_words: int
    group_words: int
    job: int
    group_jobs: int
    later_words: int
    later_jobs: int


def _costs(g: Geometry, steps: int) -> tuple[list[_Cost], int, int]:
    """Return the parts of the bound in harness/control.v.j2 by layer, and the bound's two terms."""
    costs: list[_Cost] = []
    words, jobs = g.layers[-1].outputs + 1, 0  # the readout compares the scores
    for layer in reversed(g.layers):
        scans = 1 if layer.is_static else steps
        shift = g.beat_shift if layer.is_static else g.lane_shift
        step = (g.beats if layer.is_static else layer.words) << shift
        job = g.period * (steps if layer.is_static else 1)
        costs.append(_Cost(shift, step, scans * step, job, scans * job, words, jobs))
        words += layer.groups * scans * step + _FILLING + _TOKENS + g.unit_latency + _UPDATES + 1
        jobs += layer.groups * scans * job
    return costs[::-1], words + 1, jobs


def most_clocks(geometry: Geometry, steps: int) -> int:
    """Return the clocks from a frame's last beat within which `prove_control` proves the result.

    Every input is active, and sums and neuron units never work at the same time.
    """
    _, free, busy = _costs(geometry, steps)
    return 1 + free + busy  # the frame waits from the clock after its last beat on


def _judge(output: str, bench: Path, depth: int) -> tuple[ProofStatus, str]:
    """Read SymbiYosys' verdict; a refutation is explained by the claim that failed."""
    if "DONE (PASS" in output or "DONE (UNKNOWN" in output:
        return "unknown", f"neither a counterexample in {depth} clocks nor an induction was found"
    if "DONE (FAIL" in output:
        failure = _FAILURE.search(output)
        claim = _claim(failure[0], bench) if failure else ""
        return "refuted", f"{claim or 'an assertion fails'} (trace in {bench.parent.name}/)"
    lines = "\n  ".join(line for line in output.splitlines()[-12:])
    raise ToolFailedError(f"sby in {bench.parent} gave no verdict:\n  {lines}")


def _claim(failure: str, bench: Path) -> str:
    """Return the source line of a failed assertion."""
    place = re.search(r"control\.v:(\d+)", failure)
    if place is None:
        return failure
    return bench.read_text(encoding="utf-8").splitlines()[int(place[1]) - 1].strip()


def _claims(most: int) -> str:
    return (
        f"for every sequence of inputs and handshakes, every content of the memories and every "
        f"answer of the neuron units, without bound: one result per frame, the events of a frame "
        f"at work not overwritten, no state read before it is written, the result held until it is "
        f"taken, and it comes at most {most} clocks after the frame's last beat or, if an earlier "
        f"result was then still to be taken, after that: what is left falls with every clock"
    )
