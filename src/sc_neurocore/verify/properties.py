"""Properties of a compiled neuron's registered module, for all time.

SymbiYosys proves the claims of harness/neuron_properties.v.j2 by induction: what reset does, that
states stay in the intervals that the compiler computed, that a spike implies a crossing, that the
registers become what the step answers when it is asked of them, and that nothing moves while the
module is not enabled. The crossing is seen by a module of its own, made
from the same integer program, whose outputs are the two sides of the firing condition.

Of a pipelined neuron the handshake is proved, with a step that may answer anything: that its
answers are right, and come in time, is what `equivalence.prove_step` proves.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.fixed.lowering import NEXT, SPIKE, NeuronProgram
from sc_neurocore.fixed.program import Port
from sc_neurocore.hdl.equation_compiler import NeuronVerilog
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.registers import reset_values
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.hdl.verilog_text import declaration, literal
from sc_neurocore.tools import programs
from sc_neurocore.tools.programs import ToolTimeoutError
from sc_neurocore.verify.result import ProofResult, ProofStatus

ASSUMPTIONS = ("reset is high in the first clock",)
LEFT, RIGHT = "_left", "_right"
_CROSSING = "crossing"
_FAILURE = re.compile(r"properties\.v:(\d+)")
_SCRIPT = """\
[options]
mode prove
depth {depth}

[engines]
smtbmc z3

[script]
read_verilog -formal properties.v
read_verilog -formal {sources}
hierarchy -check -top properties
proc -norom
prep -top properties -flatten

[files]
properties.v
{sources_by_line}
"""


def prove_properties(
    program: NeuronProgram,
    verilog: NeuronVerilog,
    *,
    depth: int = 4,
    timeout: float = 120.0,
    folder: Path | None = None,
) -> ProofResult:
    """Prove what the registered module of a neuron does over time.

    Args:
        program: The neuron in integers.
        verilog: Its modules.
        depth: Clocks after reset that are searched for a counterexample, and the longest induction
            that is tried, where one over a single clock does not do; a pipeline adds its length.
        timeout: Seconds after which the answer is `unknown`.
        folder: Where the proof's files go and stay; a temporary folder if None.

    Raises:
        ToolMissingError: If SymbiYosys, Yosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the modules.
    """
    began = time.perf_counter()
    engine = f"SymbiYosys {programs.version('sby')}, k-induction with z3 {programs.version('z3')}"
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        # An induction over one clock, which nearly always does, unrolls the step twice, not often.
        depths = [depth + 2 * verilog.latency] if verilog.latency else [1, depth]
        status: ProofStatus = "unknown"
        while status == "unknown" and depths:
            claims = _prepare(program, verilog, place, depths.pop(0))
            left = timeout - (time.perf_counter() - began)
            try:
                done = programs.run(
                    "sby", ["-f", "properties.sby"], place, timeout=max(left, 1), check=False
                )
                status, detail = _judge(done.stdout + done.stderr, place / "properties.v")
            except ToolTimeoutError:
                status, detail = "unknown", f"no answer within {timeout:g} s"
                break
    if status == "proved":
        detail = "; ".join(claims)
    return ProofResult(
        name=f"{verilog.name}: reset, range of the states, spikes and holding",
        status=status,
        engine=engine,
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=ASSUMPTIONS,
    )


def crossing_module(program: NeuronProgram) -> tuple[str, str]:
    """Return a module that computes both sides of the firing condition, and its relation."""
    spike = next(node for port, node in program.program.outputs if port.name == SPIKE)
    condition = program.program.nodes[spike]
    outputs = []
    for name, operand in zip((LEFT, RIGHT), condition.operands, strict=True):
        node = program.program.nodes[operand]
        outputs.append((Port(name, node.width, condition.fraction_bits), operand))
    sides = replace(program.program, outputs=tuple(outputs))
    text = StepModule(sides, _CROSSING, Stages.none(sides)).text()
    return text, condition.operator


def _prepare(
    program: NeuronProgram, verilog: NeuronVerilog, folder: Path, depth: int
) -> tuple[str, ...]:
    """Write the bench and the modules; return the claims in words."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "properties", ignore_errors=True)
    crossing, relation = crossing_module(program)
    sources = {f"{verilog.name}.v": verilog.registered}
    if verilog.latency:
        sources[f"{verilog.name}_step.v"] = _free_step(program, verilog)
    else:
        sources |= {f"{verilog.name}_step.v": verilog.step, f"{_CROSSING}.v": crossing}
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    values = _values(program, verilog, relation)
    bench = render("sc_neurocore.verify", "harness", "neuron_properties.v.j2", values)
    (folder / "properties.v").write_text(bench, encoding="utf-8")
    (folder / "properties.sby").write_text(
        _SCRIPT.format(depth=depth, sources=" ".join(sources), sources_by_line="\n".join(sources)),
        encoding="utf-8",
    )
    reset = "after reset every register has its initial value"
    answers = "the step is asked of these registers and inputs, and they become what it answers"
    if verilog.latency:
        return (
            reset,
            "a step starts only when none is under way",
            f"registers change only when it ends, {verilog.latency} clocks later",
            f"{answers}, whatever that is",
        )
    bounds = ", ".join(f"{name} in [{low}, {high}]" for name, low, high in values["ranges"])
    return (
        reset,
        f"for all time {bounds} (integers)",
        f"a spike implies {program.neuron.spike}",
        answers,
        "without enable nothing moves",
    )


def _free_step(program: NeuronProgram, verilog: NeuronVerilog) -> str:
    """Return a module with the ports of the step, whose outputs may be anything in any clock."""
    ports = ["    input  wire clk"]
    ports += [declaration("input  wire", port) for port in program.inputs]
    ports += [declaration("output wire", port) for port in program.outputs]
    free = [
        f"    (* anyseq *) {declaration('reg ', replace(port, name=f'any_{port.name}')).strip()};\n"
        f"    assign {port.name} = any_{port.name};"
        for port in program.outputs
    ]
    return "\n".join(
        [f"module {verilog.name}_step (", ",\n".join(ports), ");", *free, "endmodule", ""]
    )


def _values(program: NeuronProgram, verilog: NeuronVerilog, relation: str) -> dict[str, Any]:
    formats = program.fixed_point
    initial = reset_values(program)
    inputs = [port for port in program.inputs if port.name not in initial]
    states = [port for port in program.inputs if port.name in initial]
    nodes = {port.name.removesuffix(NEXT): node for port, node in program.program.outputs}
    ranges = []
    for port in states:
        node, start = program.program.nodes[nodes[port.name]], program.neuron.states[port.name]
        integer = int(formats.of(port.name).quantize(start))
        ranges.append((port.name, min(node.low, integer), max(node.high, integer)))
    sides = [
        program.program.nodes[operand].width
        for operand in program.program.nodes[nodes[SPIKE]].operands
    ]

    def of_step(port: Port) -> str:
        return declaration("wire", replace(port, name=f"\\_neuron.datapath.{port.name} ")).lstrip()

    def answer(kind: str, port: Port, suffix: str = "") -> str:
        return declaration(kind, replace(port, name=f"_answer_{port.name}{suffix}"))

    def bound(name: str, value: int) -> str:
        form = formats.of(name)
        return literal(value, form.width) if form.signed else f"{form.width}'d{value}"

    return {
        "module": verilog.name,
        "latency": verilog.latency,
        "inputs": [(port.name, declaration("input  wire", port)) for port in inputs],
        "states": states,
        "declare": declaration,
        "declarations_before": [
            declaration("reg ", replace(port, name=f"_{port.name}_before")) for port in states
        ],
        "seen_of_step": [of_step(port) for port in (*program.inputs, *program.outputs)],
        "asked": [port.name for port in program.inputs],
        "answers": [
            (port.name, answer("wire", port), answer("reg ", port, "_before"))
            for port in program.outputs
        ],
        "becomes": [(port.name.removesuffix(NEXT), port.name) for port in program.outputs],
        "initial": initial,
        "ranges": ranges,
        "bounds": [(name, bound(name, low), bound(name, high)) for name, low, high in ranges],
        "crossing": _CROSSING,
        "left_bits": sides[0],
        "right_bits": sides[1],
        "relation": relation,
        "spike": SPIKE,
    }


def _judge(output: str, bench: Path) -> tuple[ProofStatus, str]:
    """Read SymbiYosys' verdict; a refutation is explained by the claim that failed."""
    if "DONE (PASS" in output:
        return "proved", ""
    if "DONE (FAIL" in output:
        place = _FAILURE.search(output)
        lines = bench.read_text(encoding="utf-8").splitlines()
        return "refuted", lines[int(place[1]) - 1].strip() if place else "an assertion fails"
    if "DONE (UNKNOWN" in output:
        return "unknown", "neither a counterexample nor an induction was found"
    lines = [line for line in output.splitlines() if line.strip()][-12:]
    raise ToolFailedError("\n  ".join((f"sby in {bench.parent} gave no verdict:", *lines)))
