"""The whole accelerator after synthesis: its netlist against the integer model.

Yosys maps the design to the cells of a family, with the command that builds use. The cells are
written out again by their models, so that any simulator can run the netlist in the design's place,
with the same trace port: every spike, every state, every score and class is compared. Besides, the
netlist is proved to be what was written (`verify.synthesis`), all but its memories, which are boxes
there. The netlist knows nothing of placement or timing.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.tools.families import find_models, has_multiplier_models
from sc_neurocore.verify.core_simulation import Core, core_of
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate
from sc_neurocore.verify.mapping import Stages, map_module, synthesis_of
from sc_neurocore.verify.memory_contracts import MEMORY_MODULES
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.synthesis import assumptions, check_synthesis, engine

NETLIST = "netlist.v"
RESET = "reset"
SECONDS_OF_A_CORE = 120.0
"""For the solver, in each of three comparisons."""


@dataclass(frozen=True)
class NetlistSimulation:
    """What a netlist computed.

    Attributes:
        family: The family's key.
        synthesis: The command it was made with.
        assumptions: What the comparison takes for granted.
        run: The comparison with the integer model.
        proof: Whether the netlist is the design as it was written, if that was asked.
    """

    family: str
    synthesis: str
    assumptions: tuple[str, ...]
    run: CosimulationResult
    proof: ProofResult | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "family": self.family,
            "synthesis": self.synthesis,
            "assumptions": list(self.assumptions),
            **asdict(self.run),
        }


def map_core(core: Core, family: str) -> tuple[Core, Stages]:
    """Synthesise a core, and return its netlist as a core with the same ports, and its stages.

    Args:
        core: The core.
        family: The key of a family whose cells have models, such as ecp5.

    Raises:
        UserError: If the family is not known.
        ToolMissingError: If Yosys is not installed.
        ToolFailedError: If it refuses the design.
    """
    memories = tuple(name for name in MEMORY_MODULES if f"{name}.v" in core.verilog)
    stages = map_module({**core.verilog, **core.memories}, core.top, family, boxes=memories)
    title = f"the netlist of {core.title}"
    return replace(core, title=title, verilog={NETLIST: stages.verilog}), stages


def simulate_netlist(
    accelerator: Accelerator,
    network: IntegerNetwork,
    inputs: ArrayLike,
    family: str,
    simulator: str = "auto",
    *,
    progress: ProgressCallback = ignore_progress,
) -> NetlistSimulation:
    """Run inputs through a design's netlist and the integer model, and compare everything.

    The netlist is proved to be the design as it was written, too, its memories left out.

    Args:
        accelerator: The design.
        network: The network that it was written for.
        inputs: As `cosimulate` takes them; a few are enough to show a wrong netlist.
        family: The key of a family whose cells have models, such as ecp5.
        simulator: verilator, cxxrtl, icarus or auto.
        progress: Receives how many inputs are done.

    Raises:
        UserError: If the family is not known, or the inputs do not fit.
        ToolMissingError: If Yosys, the simulator or python-sat is not installed.
        ToolFailedError: If one of them refuses the design, or the core gets stuck.
    """
    netlist, stages = map_core(core_of(accelerator), family)
    compared = cosimulate(netlist, network, inputs, simulator, progress=progress)
    return NetlistSimulation(
        family,
        synthesis_of(family),
        (find_models(family).trust,),
        compared,
        prove_netlist(stages, family),
    )


def prove_netlist(stages: Stages, family: str) -> ProofResult:
    """Prove that the netlist of a core is the core as it was written, but for its memories.

    Args:
        stages: What `map_core` returns.
        family: The family's key.
    """
    began = time.perf_counter()
    name = (
        f"{stages.top} after {synthesis_of(family)}: every output, register and input of a memory "
        f"equals that of the design as it was written"
    )
    if not has_multiplier_models(family):
        return ProofResult(
            name, "unknown", engine(), 0.0, "its multipliers have no model for proofs",
        )  # fmt: skip
    found = check_synthesis(stages, SECONDS_OF_A_CORE, RESET)
    kept = f"memories, left out: {len(stages.written.boxes)}"
    return ProofResult(
        name=name,
        status=found.status,
        engine=engine(),
        seconds=round(time.perf_counter() - began, 3),
        detail=f"{found.detail}; {kept}",
        assumptions=(
            *assumptions(family),
            "memories are mapped rightly: these are only co-simulated",
            *(["the first reset lasts two clocks at least"] if stages.recoded else []),
        ),
        figures={"points": found.points, "points_left": len(found.left)},
    )
