"""Proof that a neuron's Verilog computes the integers of the Python model, for all inputs.

Yosys reads the Verilog and writes its meaning as SMT-LIB. The integer evaluator, the very code
that simulates, runs on z3 bit-vectors and gives the model's meaning. If no input makes the two
differ, they are equal for every state, current and parameter.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.evaluate import BitVectors, evaluate
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.program import Port
from sc_neurocore.tools.programs import run, version
from sc_neurocore.verify.result import ProofResult

_PORT = re.compile(r"; yosys-smt2-(input|output) (\S+) (\d+)")
_ASSUMPTIONS = (
    "Yosys reads Verilog and writes SMT-LIB as the standards say",
    "z3 is right when it answers unsat",
)


def prove_step(
    program: NeuronProgram, verilog: str, module: str, *, timeout: float = 120.0
) -> ProofResult:
    """Prove one combinational step module equal to the integer evaluator.

    Args:
        program: The neuron in integers.
        verilog: The source that holds the module.
        module: The module's name; its ports are those of the program.
        timeout: Seconds for the solver, after which the status is `unknown`.

    Returns:
        `proved`, `refuted` with a counterexample in Q numbers, or `unknown`.

    Raises:
        ToolMissingError: If Yosys or z3 is not installed.
        ToolFailedError: If Yosys cannot read the source.
    """
    started = time.perf_counter()
    bits = BitVectors()
    meaning = _smt2(verilog, module)
    status, detail = _compare(program, meaning, module, bits, timeout)
    return ProofResult(
        name=f"{module}: every output equals the integer evaluator's",
        status=status,
        engine=f"z3 {version('z3')} on the SMT-LIB of Yosys {version('yosys')}",
        seconds=round(time.perf_counter() - started, 3),
        detail=detail,
        assumptions=_ASSUMPTIONS,
    )


def _smt2(verilog: str, module: str) -> str:
    """Return the meaning of a module as Yosys writes it."""
    with tempfile.TemporaryDirectory() as folder:
        # Relative names only: the YoWASP build sees the file system from its working folder.
        Path(folder, "module.v").write_text(verilog, encoding="utf-8")
        script = (
            f"read_verilog module.v; hierarchy -check -top {module}; proc; flatten; opt_clean; "
            f"write_smt2 module.smt2"
        )
        run("yosys", ["-q", "-p", script], cwd=folder)
        return Path(folder, "module.smt2").read_text(encoding="utf-8")


def _compare(
    program: NeuronProgram, meaning: str, module: str, bits: BitVectors, timeout: float
) -> tuple[str, str]:
    import z3

    wrong = _interface_difference(program, meaning)
    if wrong:
        return "refuted", wrong
    names = {port.name: f"module.{port.name}" for port in program.inputs + program.outputs}
    connections = [f"(declare-const module |{module}_s|)"]
    for port in program.inputs + program.outputs:
        sort = "Bool" if port.width == 1 else f"(_ BitVec {port.width})"
        connections.append(f"(declare-const |{names[port.name]}| {sort})")
        connections.append(f"(assert (= |{names[port.name]}| (|{module}_n {port.name}| module)))")
    solver = z3.Solver()
    solver.set("timeout", int(timeout * 1000))
    solver.from_string(meaning + "\n".join(connections))

    def variable(port: Port) -> Any:
        name = names[port.name]
        return z3.Bool(name) if port.width == 1 else z3.BitVec(name, port.width)

    inputs = {port.name: variable(port) for port in program.inputs}
    module_outputs = {port.name: variable(port) for port in program.outputs}
    widths = {port.name: port.width for port in program.outputs}
    model_outputs = {
        name: value if widths[name] == 1 else bits.resize(value, widths[name])
        for name, value in evaluate(program.program, inputs, bits).items()
    }
    if solver.check() == z3.unsat:
        raise CheckFailedError(f"{module}: its SMT-LIB contradicts itself, so it proves nothing")
    solver.add(z3.Or([module_outputs[name] != model_outputs[name] for name in widths]))
    answer = solver.check()
    if answer == z3.unsat:
        return "proved", f"for all {', '.join(port.name for port in program.inputs)}"
    if answer == z3.unknown:
        return "unknown", f"z3 gave up after {timeout:g} s: {solver.reason_unknown()}"
    values = solver.model()

    def read(terms: Mapping[str, Any]) -> dict[str, int]:
        found = {name: values.eval(term, model_completion=True) for name, term in terms.items()}
        return {
            name: int(z3.is_true(value)) if z3.is_bool(value) else value.as_signed_long()
            for name, value in found.items()
        }

    return "refuted", _counterexample(
        program, read(inputs), read(model_outputs), read(module_outputs)
    )


def _interface_difference(program: NeuronProgram, meaning: str) -> str:
    """Return what is wrong with the module's ports, or nothing."""
    found = {(kind, name): int(width) for kind, name, width in _PORT.findall(meaning)}
    wanted = {("input", port.name): port.width for port in program.inputs}
    wanted |= {("output", port.name): port.width for port in program.outputs}
    for (kind, name), width in wanted.items():
        if (kind, name) not in found:
            return f"the module has no {kind} {name}"
        if found[kind, name] != width:
            return f"{kind} {name} has {found[kind, name]} bits: expected {width}"
    surplus = sorted(name for kind, name in found.keys() - wanted.keys())
    return f"the module has ports that the model lacks: {', '.join(surplus)}" if surplus else ""


def _counterexample(
    program: NeuronProgram,
    inputs: Mapping[str, int],
    model: Mapping[str, int],
    module: Mapping[str, int],
) -> str:
    """Write one differing input and what the two sides make of it, in Q numbers."""

    def number(port: Port, value: int) -> str:
        if not port.signed:
            return str(value)
        form = f"Q{port.width - port.fraction_bits}.{port.fraction_bits}"
        return f"{value / 2**port.fraction_bits!r} ({form}, integer {value})"

    given = ", ".join(f"{port.name} = {number(port, inputs[port.name])}" for port in program.inputs)
    differing = [port for port in program.outputs if model[port.name] != module[port.name]]
    results = "; ".join(
        f"{port.name} is {number(port, module[port.name])} in the module and "
        f"{number(port, model[port.name])} in the model"
        for port in differing
    )
    return f"for {given}: {results}"
