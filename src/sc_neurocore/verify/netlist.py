"""The step after synthesis: does the netlist still compute the integers of the model?

Yosys maps the step to the cells of a family with the command that builds use. That the netlist is
the step as it was written is proved for all inputs, also where products become adders: see
`verify.synthesis`. Random inputs go through the netlist in a simulator as well; where the proof
gives up, they are all that is known, and the status stays `unknown`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.tools.families import FAMILIES, has_multiplier_models
from sc_neurocore.verify.mapping import map_module, synthesis_of
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step
from sc_neurocore.verify.synthesis import (
    SECONDS,
    Synthesis,
    assumptions,
    check_synthesis,
    engine,
)

STEP_FAMILIES = tuple(
    key for key, family in FAMILIES.items() if family.models and has_multiplier_models(key)
)
"""The families that a neuron's step is synthesised for: their multipliers have models."""


def check_netlist(
    program: NeuronProgram,
    verilog: str,
    module: str,
    family: str,
    *,
    latency: int = 0,
    timeout: float = SECONDS,
    synthesis_timeout: float | None = None,
    steps: int = 10_000,
    simulator: str = "auto",
) -> tuple[ProofResult, StepCosimulation]:
    """Compare the netlist of a step with the step by proof, and with the integer model by samples.

    Args:
        program: The neuron in integers.
        verilog: The source of the step.
        module: Its name.
        family: One of `STEP_FAMILIES`.
        latency: Clocks from the inputs to the outputs.
        timeout: Seconds for the solver, in each of three comparisons.
        synthesis_timeout: Seconds for Yosys; large products as adders can take it many minutes.
        steps: Random inputs for the simulation.
        simulator: As `cosimulate_step` takes it.

    Returns:
        The proof attempt, `refuted` if the simulation found a difference, and the simulation.

    Raises:
        UserError: If the family is not known.
        ToolMissingError: If Yosys or a simulator is not installed.
        ToolTimeoutError: If the synthesis takes too long.
        ToolFailedError: If Yosys refuses the module.
    """
    began = time.perf_counter()
    stages = map_module({f"{module}.v": verilog.encode()}, module, family, synthesis_timeout)
    run_through = cosimulate_step(
        program, stages.verilog.decode(), module, steps=steps, simulator=simulator, latency=latency
    )
    found = check_synthesis(stages, timeout)
    status, detail = found.status, found.detail
    if status == "proved":
        names = ", ".join(port.name for port in program.inputs)
        detail = f"for all {names}; {detail}"
    elif status == "refuted":
        detail = f"{_example(found)}; {detail}"
    if run_through.first_mismatch:
        status, detail = "refuted", run_through.first_mismatch
    elif status == "unknown":
        sampled = f"{steps} random inputs through the netlist in {run_through.simulator}"
        detail = f"{detail}; {sampled}: no difference"
    return (
        ProofResult(
            name=f"{module} after {synthesis_of(family)}: every output equals that of the step "
            f"as it was written",
            status=status,
            engine=engine(),
            seconds=round(time.perf_counter() - began, 3),
            detail=detail,
            assumptions=assumptions(family),
        ),
        run_through,
    )


def _example(found: Synthesis) -> str:
    """Return inputs for which the netlist differs, in words."""

    def written(numbers: Mapping[str, int]) -> str:
        return ", ".join(f"{name} = {number}" for name, number in sorted(numbers.items()))

    for comparison in (found.gates, found.words):
        if comparison.example:
            example = comparison.example
            return f"for {written(example)} the netlist says {written(comparison.found)}"
    return "the ports differ"
