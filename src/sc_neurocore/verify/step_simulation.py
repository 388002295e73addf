"""Co-simulation of a neuron's step: three simulators against the integer model, input by input.

The inputs of a step are states and currents, so that random ones reach what no short run of a
network would. The module is wrapped so that all its ports are 64 bits wide; Verilator and CXXRTL
then share one harness in C++, and Icarus runs the same loop in Verilog.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.program import Port
from sc_neurocore.hdl.render import render
from sc_neurocore.tools import programs
from sc_neurocore.verify.simulators import TOOLS, SimulatorName, choose_simulator, cxxrtl_headers

Integers = NDArray[np.int64]

_CHUNK = 1 << 17
_FEW = 50_000
_PACKAGE, _HARNESS = "sc_neurocore.verify", "harness"


@dataclass(frozen=True)
class StepCosimulation:
    """What was compared, and what differed.

    Attributes:
        module: The module.
        simulator: Which simulator ran it.
        version: Its version.
        steps: Inputs that went through.
        seed: They were drawn from.
        mismatches: Outputs, over all inputs, that differed from the model's.
        first_mismatch: The first difference in words, or None.
        seconds: Wall time, the build included.
    """

    module: str
    simulator: str
    version: str
    steps: int
    seed: int
    mismatches: int
    first_mismatch: str | None
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing differed."""
        return self.mismatches == 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self)


def random_inputs(program: NeuronProgram, count: int, seed: int) -> dict[str, Integers]:
    """Draw inputs for a step: each port's corner values, small numbers, and its whole range.

    Args:
        program: The neuron in integers.
        count: How many.
        seed: Of the random numbers.

    Returns:
        For each input port (count,) integers.
    """
    random = np.random.default_rng(seed)
    drawn: dict[str, Integers] = {}
    for port, index in program.program.inputs:
        node = program.program.nodes[index]
        unit = 1 << port.fraction_bits
        corners = [
            node.low,
            node.low + 1,
            -unit,
            -1,
            0,
            1,
            unit - 1,
            unit,
            node.high - 1,
            node.high,
        ]
        corners = [corner for corner in corners if node.low <= corner <= node.high]
        whole = random.integers(node.low, node.high, count, endpoint=True)
        # As many numbers of every length, since thresholds lie where numbers are short.
        lengths = random.integers(0, port.width, count)
        small = np.clip(whole >> lengths, node.low, node.high)
        kind = random.integers(0, 4, count)
        drawn[port.name] = np.select(
            [kind == 0, kind == 1], [random.choice(corners, count), whole], small
        ).astype(np.int64)
    return drawn


def model_outputs(program: NeuronProgram, inputs: Mapping[str, Integers]) -> dict[str, Integers]:
    """Return what the integer model makes of inputs."""
    algebra = NumpyIntegers(program.program)
    outputs = evaluate(program.program, dict(inputs), algebra)
    count = len(next(iter(inputs.values())))
    return {name: np.broadcast_to(value, count).astype(np.int64) for name, value in outputs.items()}


def simulate_step(
    program: NeuronProgram,
    verilog: str,
    module: str,
    inputs: Mapping[str, Integers],
    *,
    simulator: str = "auto",
    latency: int = 0,
) -> dict[str, Integers]:
    """Send inputs through a step module.

    Args:
        program: The neuron that the module's ports belong to.
        verilog: The source that holds the module and all that it uses.
        module: The module's name.
        inputs: For each input port (count,) integers.
        simulator: As `cosimulate_step` takes it.
        latency: Clocks from the inputs to the outputs.

    Returns:
        For each output port (count,) integers.
    """
    name = _choose(simulator, len(next(iter(inputs.values()))))
    with tempfile.TemporaryDirectory() as temporary:
        _build(program, verilog, module, name, latency, Path(temporary))
        return _run(program, inputs, name, Path(temporary))


def _choose(simulator: str, steps: int) -> SimulatorName:
    is_short = simulator == "auto" and steps <= _FEW and programs.is_available("iverilog")
    return choose_simulator("icarus" if is_short else simulator)


def cosimulate_step(
    program: NeuronProgram,
    verilog: str,
    module: str,
    *,
    steps: int = 10_000,
    seed: int = 0,
    simulator: str = "auto",
    latency: int = 0,
) -> StepCosimulation:
    """Send random inputs through a step module and compare it with the integer model.

    Args:
        program: The neuron in integers.
        verilog: The source that holds the module and all that it uses.
        module: The module's name.
        steps: Inputs to try.
        seed: Of the random inputs.
        simulator: `verilator`, `cxxrtl`, `icarus`, or `auto`: of those that are here, the one that
            is done first, which for few steps is Icarus, since it builds at once.
        latency: Clocks from the inputs to the outputs; 0 for a combinational step.

    Raises:
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the module.
    """
    began = time.perf_counter()
    name = _choose(simulator, steps)
    mismatches, first = 0, None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _build(program, verilog, module, name, latency, folder)
        for start in range(0, steps, _CHUNK):
            count = min(_CHUNK, steps - start)
            inputs = random_inputs(program, count, seed + start)
            found = _run(program, inputs, name, folder)
            expected = model_outputs(program, inputs)
            for port in program.outputs:
                wrong = np.flatnonzero(found[port.name] != expected[port.name])
                mismatches += len(wrong)
                if len(wrong) and first is None:
                    at = wrong[0]
                    given = ", ".join(f"{each} = {inputs[each][at]}" for each in inputs)
                    first = (
                        f"for {given}: {port.name} is {found[port.name][at]} in the module and "
                        f"{expected[port.name][at]} in the model (integers)"
                    )
    return StepCosimulation(
        module=module,
        simulator=name,
        version=programs.version(TOOLS[name][0]),
        steps=steps,
        seed=seed,
        mismatches=mismatches,
        first_mismatch=first,
        seconds=round(time.perf_counter() - began, 3),
    )


def _build(
    program: NeuronProgram,
    verilog: str,
    module: str,
    simulator: SimulatorName,
    latency: int,
    folder: Path,
) -> None:
    def size(port: Port) -> str:
        return f"[{port.width - 1}:0] " if port.width > 1 else ""

    values = {
        "module": module,
        "inputs": program.inputs,
        "outputs": program.outputs,
        "latency": latency,
        "size": size,
        "simulator": simulator,
    }
    (folder / "step.v").write_text(verilog, encoding="utf-8")
    wrapper = render(_PACKAGE, _HARNESS, "step_bench.v.j2", values)
    (folder / "bench.v").write_text(wrapper, encoding="utf-8")
    sources = ["bench.v", "step.v"]
    if simulator == "icarus":
        arguments = ["-g2005", "-s", "bench", "-o", "simulator"]
        programs.run("iverilog", [*arguments, *sources], folder)
        return
    harness = render(_PACKAGE, _HARNESS, "step_harness.cpp.j2", values)
    (folder / "harness.cpp").write_text(harness, encoding="utf-8")
    if simulator == "verilator":
        arguments = ["--cc", "--exe", "--build", "-O3", "-Wno-lint", "-Wno-style"]
        arguments += ["--top-module", "bench", "--prefix", "Vbench", "-Mdir", "objects"]
        arguments += ["-o", "../simulator", "harness.cpp", *sources]
        programs.run("verilator", arguments, folder)
        return
    script = (
        f"read_verilog {' '.join(sources)}; hierarchy -top bench; write_cxxrtl -O6 -g0 bench.cc"
    )
    programs.run("yosys", ["-q", "-p", script], folder)
    arguments = ["-std=c++17", "-O2", "-I", str(cxxrtl_headers()), "harness.cpp"]
    programs.run("c++", [*arguments, "-o", "simulator"], folder)


def _run(
    program: NeuronProgram, inputs: Mapping[str, Integers], simulator: SimulatorName, folder: Path
) -> dict[str, Integers]:
    table = np.stack([inputs[port.name] for port in program.inputs], axis=1)
    # Verilog's $fread takes the high byte first.
    order = ">" if simulator == "icarus" else "<"
    table.astype(f"{order}i8").tofile(folder / "inputs")
    (folder / "outputs").unlink(missing_ok=True)
    if simulator == "icarus":
        done = programs.run("vvp", ["-n", "simulator", f"+count={len(table)}"], folder, check=False)
    else:
        command = [str((folder / "simulator").resolve()), str(len(table))]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 or "unknown" in done.stdout:
        said = f"{done.stdout}{done.stderr}".strip() or f"exit status {done.returncode}"
        raise ToolFailedError(f"simulating {program.neuron.name} with {simulator} failed: {said}")
    columns = np.fromfile(folder / "outputs", dtype="<i8").reshape(len(table), -1).T
    return {
        port.name: column.astype(np.int64)
        for port, column in zip(program.outputs, columns, strict=True)
    }
