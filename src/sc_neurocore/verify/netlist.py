"""The step after synthesis: does the netlist still compute the integers of the model?

Yosys maps the step to the cells of a family, and takes its own models of those cells for their
meaning. Without multiplications the equality is proved for all inputs. A multiplication that has
become adders is beyond what solvers prove in useful time; then random inputs go through the
netlist in a simulator, and the status stays `unknown`.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.tools.families import FAMILIES, find_models
from sc_neurocore.tools.programs import run
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step

STEP_FAMILIES = tuple(
    key for key, family in FAMILIES.items() if family.models and family.models.step_synthesis
)
"""The families that a neuron's step is synthesised for."""


def synthesise(verilog: str, module: str, family: str, timeout: float | None = None) -> str:
    """Return the netlist of a module, its cells written out, as Verilog with the same ports.

    Raises:
        UserError: If the family is not known.
        ToolMissingError: If Yosys is not installed.
        ToolTimeoutError: If it takes longer than `timeout` seconds.
        ToolFailedError: If it refuses the module.
    """
    models = find_models(family, of_steps=True)
    steps = [
        "read_verilog module.v",
        f"{models.step_synthesis} -top {module}",
        "write_verilog -noattr mapped.v",
        "design -reset",
        "read_verilog mapped.v",
        f"read_verilog -defer -nooverwrite {models.library}",
        f"hierarchy -check -top {module}",
        "proc",
        "flatten",
        "opt_clean -purge",
        "write_verilog -noattr netlist.v",
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.v").write_text(verilog, encoding="utf-8")
        run("yosys", ["-q", "-p", "; ".join(steps)], cwd=folder, timeout=timeout)
        return Path(folder, "netlist.v").read_text(encoding="utf-8")


def check_netlist(
    program: NeuronProgram,
    verilog: str,
    module: str,
    family: str,
    *,
    latency: int = 0,
    timeout: float = 20.0,
    synthesis_timeout: float | None = None,
    steps: int = 10_000,
    simulator: str = "auto",
) -> tuple[ProofResult, StepCosimulation]:
    """Compare the netlist of a step with the integer model: by proof, and by simulation always.

    Args:
        program: The neuron in integers.
        verilog: The source of the step.
        module: Its name.
        family: One of `STEP_FAMILIES`.
        latency: Clocks from the inputs to the outputs.
        timeout: Seconds for the proof.
        synthesis_timeout: Seconds for Yosys; large products as adders can take it many minutes.
        steps: Random inputs for the simulation.
        simulator: As `cosimulate_step` takes it.

    Returns:
        The proof attempt, `refuted` if the simulation found a difference, and the simulation.

    Raises:
        ToolTimeoutError: If the synthesis takes too long.
    """
    began = time.perf_counter()
    netlist = synthesise(verilog, module, family, synthesis_timeout)
    run_through = cosimulate_step(
        program, netlist, module, steps=steps, simulator=simulator, latency=latency
    )
    proof = prove_step(program, netlist, module, latency=latency, timeout=timeout)
    sampled = f"{steps} random inputs through the netlist in {run_through.simulator}"
    if proof.status == "unknown" and run_through.first_mismatch:
        proof = replace(proof, status="refuted", detail=run_through.first_mismatch)
    elif proof.status == "unknown":
        proof = replace(proof, detail=f"{proof.detail}; {sampled}: no difference")
    return (
        replace(
            proof,
            name=f"{module} after {find_models(family).step_synthesis}: every output equals the "
            f"integer evaluator's",
            seconds=round(time.perf_counter() - began, 3),
            assumptions=(*proof.assumptions, "Yosys' models of the cells are right"),
        ),
        run_through,
    )
