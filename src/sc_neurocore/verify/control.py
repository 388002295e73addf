"""Control, proved without bound: every frame gives one result, never two, never none.

SymbiYosys proves the claims of harness/control.v.j2 by induction on the engine itself, with the
tables of the network at hand; memories, neuron unit and handshakes may do anything.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.hdl.accelerator import Accelerator, load_accelerator
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.hdl.render import render
from sc_neurocore.tools import programs
from sc_neurocore.tools.programs import ToolTimeoutError
from sc_neurocore.verify.result import ProofResult, ProofStatus

NAME = "control: done exactly once per start"
ASSUMPTIONS = ("reset is high in the first clock",)
_MEMORIES = ("snn_rom.v", "snn_ram.v")
_FAILURE = re.compile(r"Assert failed in .*")

_SCRIPT = """\
[options]
mode prove
depth {depth}

[engines]
smtbmc z3

[script]
read_verilog -formal -defer {sources}
prep -top control -flatten

[files]
{sources_by_line}
"""


def prove_control(directory: Path, *, depth: int = 8, timeout: float = 300) -> ProofResult:
    """Prove that every frame that goes into a generated core gives exactly one result.

    The claims: a result comes only when a frame is pending, and ends it; at most one frame waits
    behind the one at work, whose events it does not overwrite; a result stays until it is taken;
    no neuron unit reads a state that is still on its way through it; and a ranking falls with every
    clock until the result comes.

    Args:
        directory: What `hdl.generate` wrote; the proof's files go to its folder proof/control.
        depth: Clocks after reset that are searched for a counterexample, and the longest
            induction that is tried.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If SymbiYosys, Yosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    accelerator = load_accelerator(directory)
    geometry = accelerator.stationary_geometry()
    values = _bench_values(accelerator, geometry)
    folder = prepare_bench(accelerator, ("schedule", "constants"), "control.v.j2", values, depth)
    return run_bench(folder, NAME, _claims(geometry), ASSUMPTIONS, depth, timeout)


def run_bench(
    folder: Path,
    name: str,
    claims: str,
    assumptions: tuple[str, ...],
    depth: int,
    timeout: float,
) -> ProofResult:
    """Run SymbiYosys on a bench that `prepare_bench` wrote.

    Args:
        folder: Where it lies.
        name: What the result is called.
        claims: What is proved, if it is.
        assumptions: What that rests on.
        depth: Clocks of the search for a counterexample, and longest induction.
        timeout: Seconds after which the answer is `unknown`.
    """
    engine = f"SymbiYosys {programs.version('sby')}, k-induction with z3 {programs.version('z3')}"
    began = time.perf_counter()
    try:
        done = programs.run("sby", ["-f", "control.sby"], folder, timeout=timeout, check=False)
        status, detail = _judge(done.stdout + done.stderr, folder / "control.v", depth)
    except ToolTimeoutError:
        status, detail = "unknown", f"no answer within {timeout:g} s"
    if status == "proved":
        detail = claims
    return ProofResult(
        name=name,
        status=status,
        engine=engine,
        seconds=time.perf_counter() - began,
        detail=detail,
        assumptions=assumptions,
    )


def prepare_bench(
    accelerator: Accelerator,
    tables: tuple[str, ...],
    template: str,
    values: dict[str, Any],
    depth: int,
) -> Path:
    """Write the bench and the sources that it needs; the memories are replaced by free ones.

    Args:
        accelerator: The design.
        tables: The generated modules that the bench needs, without the top's name in front.
        template: The bench.
        values: What is filled in.
        depth: For SymbiYosys.

    Returns:
        The folder, proof/control in the design's.
    """
    folder = accelerator.directory / "proof" / "control"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    names = []
    for path in accelerator.verilog:
        is_engine = path.name.startswith("snn_") and path.name not in _MEMORIES
        is_table = path.stem in {f"{accelerator.top}_{table}" for table in tables}
        if is_engine or is_table:
            shutil.copyfile(accelerator.directory / path, folder / path.name)
            names.append(path.name)
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


def _bench_values(accelerator: Accelerator, geometry: Geometry) -> dict[str, Any]:
    return {
        "top": accelerator.top,
        "g": geometry,
        "steps": accelerator.steps,
        "turns": geometry.lanes // geometry.units,
        "tag_bits": geometry.layer_bits + geometry.group_bits + geometry.step_bits,
        "flags_bits": _flags_bits(geometry),
        "word_bits": max(geometry.lanes, geometry.beat),
        "reach": index_bits(2 * geometry.period + geometry.unit_latency + 4),
        "rank_bits": _rank_bits(geometry),
        "engine_parameters": list(geometry.parameters.items()),
    }


def _flags_bits(geometry: Geometry) -> int:
    """Return the width of what travels with a turn in rtl/snn_neurons.v."""
    place = geometry.layer_bits + geometry.group_bits + geometry.turn_bits + geometry.step_bits
    return geometry.units + 1 + place


def _rank_bits(g: Geometry) -> int:
    """Return the width of the ranking: the sum of its parts in harness/control.v.j2."""
    controller = 1 + g.layer_bits + 2 + g.group_bits + g.step_bits + g.index_bits
    tokens = max(g.lanes, g.beat) + 7
    turns = g.step_bits + g.period_bits + 1 + g.unit_latency + 4
    return controller + tokens + turns + g.output_bits + 1


def _judge(output: str, bench: Path, depth: int) -> tuple[ProofStatus, str]:
    """Read SymbiYosys' verdict; a refutation is explained by the claim that failed."""
    if "DONE (PASS" in output:
        return "proved", ""
    if "DONE (FAIL" in output:
        failure = _FAILURE.search(output)
        claim = _claim(failure[0], bench) if failure else ""
        return "refuted", f"{claim or 'an assertion fails'} (trace in {bench.parent.name}/)"
    if "DONE (UNKNOWN" in output:
        return "unknown", f"neither a counterexample in {depth} clocks nor an induction was found"
    lines = "\n  ".join(line for line in output.splitlines()[-12:])
    raise ToolFailedError(f"sby in {bench.parent} gave no verdict:\n  {lines}")


def _claim(failure: str, bench: Path) -> str:
    """Return the source line of a failed assertion."""
    place = re.search(r"control\.v:(\d+)", failure)
    if place is None:
        return failure
    return bench.read_text(encoding="utf-8").splitlines()[int(place[1]) - 1].strip()


def _claims(geometry: Geometry) -> str:
    return (
        f"for every sequence of inputs and handshakes, every content of the memories and every "
        f"answer of the neuron units, without bound: one result per frame, the events of a frame "
        f"at work not overwritten, no state read before it is written, the result held until it is "
        f"taken, and a ranking of {_rank_bits(geometry)} bits that falls with every clock until "
        f"it comes"
    )
