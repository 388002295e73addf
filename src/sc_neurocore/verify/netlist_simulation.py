"""The whole accelerator after synthesis: its netlist against the integer model.

Yosys maps the design to the cells of a family, with the command that builds use. The cells are
written out again by their models, so that any simulator can run the netlist in the design's place,
with the same trace port: every spike, every state, every score and class is compared. The netlist
knows nothing of placement or timing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from importlib.resources import files
from typing import Any

from numpy.typing import ArrayLike

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.tools.families import find_models
from sc_neurocore.tools.programs import run, workshop
from sc_neurocore.verify.core_simulation import Core, core_of
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate
from sc_neurocore.verify.mapping import synthesis_of

NETLIST = "netlist.v"


@dataclass(frozen=True)
class NetlistSimulation:
    """What a netlist computed.

    Attributes:
        family: The family's key.
        synthesis: The command it was made with.
        assumptions: What the comparison takes for granted.
        run: The comparison with the integer model.
    """

    family: str
    synthesis: str
    assumptions: tuple[str, ...]
    run: CosimulationResult

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "family": self.family,
            "synthesis": self.synthesis,
            "assumptions": list(self.assumptions),
            **asdict(self.run),
        }


def map_core(core: Core, family: str) -> Core:
    """Synthesise a core, and return its netlist as a core with the same ports.

    Args:
        core: The core.
        family: The key of a family whose cells have models, such as ecp5.

    Raises:
        UserError: If the family is not known.
        ToolMissingError: If Yosys is not installed.
        ToolFailedError: If it refuses the design.
    """
    models = find_models(family)
    steps = [
        f"read_verilog -defer {' '.join(core.verilog)}",
        f"{synthesis_of(family)} -top {core.top}",
        "write_verilog -noattr mapped.v",
        "design -reset",
        "read_verilog mapped.v",
        *([f"read_verilog {models.own}"] if models.own else []),
        f"read_verilog -defer -nooverwrite {models.library}",
        f"hierarchy -check -top {core.top}",
        "proc",
        "flatten",
        "opt_clean -purge",
        f"write_verilog -noattr {NETLIST}",
    ]
    own = {models.own} - {""}
    cells = {name: (files("sc_neurocore.verify") / "harness" / name).read_bytes() for name in own}
    with workshop() as folder:
        for name, content in {**core.verilog, **core.memories, **cells}.items():
            (folder / name).write_bytes(content)
        run("yosys", ["-q", "-p", "; ".join(steps)], folder, confined=True)
        netlist = (folder / NETLIST).read_bytes()
    return replace(core, title=f"the netlist of {core.title}", verilog={NETLIST: netlist})


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

    Args:
        accelerator: The design.
        network: The network that it was written for.
        inputs: As `cosimulate` takes them; a few are enough to show a wrong netlist.
        family: The key of a family whose cells have models, such as ecp5.
        simulator: verilator, cxxrtl, icarus or auto.
        progress: Receives how many inputs are done.

    Raises:
        UserError: If the family is not known, or the inputs do not fit.
        ToolMissingError: If Yosys or the simulator is not installed.
        ToolFailedError: If one of them refuses the design, or the core gets stuck.
    """
    netlist = map_core(core_of(accelerator), family)
    compared = cosimulate(netlist, network, inputs, simulator, progress=progress)
    return NetlistSimulation(family, synthesis_of(family), (find_models(family).trust,), compared)
