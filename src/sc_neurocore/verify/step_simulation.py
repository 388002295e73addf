"""Co-simulation of a neuron's step: three simulators against the integer model, input by input.

The inputs of a step are states and currents, so that random ones reach what no short run of a
network would.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.program import Port
from sc_neurocore.hdl.render import render
from sc_neurocore.verify.simulators import Simulator, choose_simulator
from sc_neurocore.verify.vector_simulation import Vectors, VectorSimulation, simulate_vectors

_CHUNK = 1 << 17


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
    chosen = choose_simulator(simulator, len(next(iter(inputs.values()))))
    return _run(_build(program, verilog, module, latency, chosen), program, inputs)


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
    chosen = choose_simulator(simulator, steps)
    simulation = _build(program, verilog, module, latency, chosen)
    mismatches, first = 0, None
    for start in range(0, steps, _CHUNK):
        count = min(_CHUNK, steps - start)
        inputs = random_inputs(program, count, seed + start)
        found = _run(simulation, program, inputs)
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
        simulator=chosen.name,
        version=chosen.version,
        steps=steps,
        seed=seed,
        mismatches=mismatches,
        first_mismatch=first,
        seconds=round(time.perf_counter() - began, 3),
    )


def _build(
    program: NeuronProgram, verilog: str, module: str, latency: int, simulator: Simulator
) -> VectorSimulation:
    def size(port: Port) -> str:
        return f"[{port.width - 1}:0] " if port.width > 1 else ""

    values = {
        "module": module,
        "inputs": program.inputs,
        "outputs": program.outputs,
        "latency": latency,
        "size": size,
    }
    wrapper = render("sc_neurocore.verify", "harness", "step_bench.v.j2", values)
    vectors = Vectors(
        title=program.neuron.name,
        verilog={"bench.v": wrapper.encode(), "step.v": verilog.encode()},
        in_words=len(program.inputs),
        out_words=len(program.outputs),
        clocks=min(latency, 1),
        delay=max(latency - 1, 0),
    )
    return simulate_vectors(vectors, simulator)


def _run(
    simulation: VectorSimulation, program: NeuronProgram, inputs: Mapping[str, Integers]
) -> dict[str, Integers]:
    table = np.stack([inputs[port.name] for port in program.inputs], axis=1)
    columns = simulation.run(table.astype(np.uint64)).astype(np.int64).T
    return {port.name: column for port, column in zip(program.outputs, columns, strict=True)}
