"""One neuron on a device: what it takes and how fast it runs.

The module is placed by itself. Where its ports are more than the device has pins, its inputs come
out of a shift register and its outputs go into one bit, so that nothing is optimised away; of the
look-up tables and flip-flops that are counted, these are a few.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.logic import luts, multipliers
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fpga.build import BuildReport, build_sources
from sc_neurocore.fpga.pins import Port, read_ports
from sc_neurocore.fpga.sources import Sources
from sc_neurocore.hdl.equation_compiler import NeuronVerilog
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.tools.devices import DEFAULT_DEVICE, Device, find_device
from sc_neurocore.verify.neuron_opening import check_unchanged, open_neuron
from sc_neurocore.verify.standing import standing

_OWN = ("clk", "reset", "enable")
_LEAST_LOGIC, _LEAST_MULTIPLIERS = 0.25, 0.6
"""Synthesis made no neuron of benchmarks/neuron_area.py smaller than so much of the estimate."""


def check_room_for_neuron(program: NeuronProgram, device: Device) -> None:
    """Raise for a neuron that certainly does not fit: it would come out only after synthesis.

    Raises:
        CheckFailedError: With the sums: an estimate that is too large even where synthesis saves as
            much of it as of no other neuron.
    """
    estimated = {"logic_cells": float(luts(program.program))}
    least = {"logic_cells": _LEAST_LOGIC * estimated["logic_cells"]}
    if device.family.has_multipliers:
        estimated["dsps"] = float(multipliers(program.program))
        least["dsps"] = _LEAST_MULTIPLIERS * estimated["dsps"]
    if device.fits(least):
        return
    raise CheckFailedError(
        f"{program.neuron.name} does not fit {device.title}: its step takes about "
        f"{device.sums(estimated, estimated)}, an estimate. Use narrower formats, fewer products "
        f"of two things that change, or a larger device"
    )


def sources_of_neuron(verilog: NeuronVerilog, device: Device) -> Sources:
    """Return what is built of a neuron: its module, with a shift register if it has many ports."""
    contents = {name: text.encode() for name, text in verilog.files.items()}
    sources = Sources(verilog.name, tuple(contents), contents, f"neuron {verilog.name}")
    ports = read_ports(sources)
    if sum(port.width for port in ports) <= device.available["pins"]:
        return sources
    top = f"{verilog.name}_on_pins"
    text = _wrapper(top, verilog.name, ports).encode()
    return replace(
        sources,
        top=top,
        verilog=(*sources.verilog, f"{top}.v"),
        contents={**contents, f"{top}.v": text},
    )


def _wrapper(top: str, module: str, ports: tuple[Port, ...]) -> str:
    held, connections, wires, seen = 0, [], [], []
    for port in ports:
        size = f"[{port.width - 1}:0] " if port.width > 1 else ""
        if port.name in _OWN:
            value = port.name
        elif port.is_input:
            value = f"held[{held + port.width - 1}:{held}]" if port.width > 1 else f"held[{held}]"
            held += port.width
        else:
            value = f"{port.name}_seen"
            wires.append(f"    wire {size}{value};")
            seen.append(value)
        connections.append(f"        .{port.name}({value})")
    return "\n".join(
        [
            f"// {top}: {module} with few pins, to place and time it by itself. Generated.",
            f"module {top} (",
            "    input  wire clk, reset, enable, serial,",
            "    output reg  parity",
            ");",
            f"    reg [{held - 1}:0] held;",
            *wires,
            f"    {module} neuron (",
            ",\n".join(connections),
            "    );",
            "    always @(posedge clk) begin",
            f"        held   <= {{held[{held - 2}:0], serial}};",
            f"        parity <= ^{{{', '.join(seen)}}};",
            "    end",
            "endmodule",
            "",
        ]
    )


def measure_neuron(
    verilog: NeuronVerilog,
    device: str,
    frequency_mhz: float = 50.0,
    progress: ProgressCallback = ignore_progress,
) -> BuildReport:
    """Synthesise, place and time a neuron, and keep nothing but the report.

    Args:
        verilog: Its modules.
        device: A device's key, such as "hx8k".
        frequency_mhz: The clock to aim at.
        progress: Called when a step begins and when all are done.

    Raises:
        ScNeurocoreError: As `fpga.build.build` does.
    """
    sources = sources_of_neuron(verilog, find_device(device))
    with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
        return build_sources(sources, Path(place), device, frequency_mhz, progress=progress)


def build_neuron(
    directory: Path,
    device: str | None = None,
    frequency_mhz: float = 50.0,
    progress: ProgressCallback = ignore_progress,
    *,
    is_asked: bool = True,
    allow_edited: bool = False,
    verified: bool = False,
) -> BuildReport:
    """Build a compiled neuron into build/DEVICE/ of its folder.

    Args:
        directory: What `compile_neuron` wrote.
        device: A device's key, such as "up5k"; by default the one that it was compiled for, or
            hx8k.
        frequency_mhz: The clock to aim at.
        progress: Called when a step begins and when all are done.
        is_asked: Whether missing that clock is a failure, for the report.
        allow_edited: Whether files may differ from what the equations give.
        verified: Whether to build only what has a certificate that holds, of these files.

    Raises:
        CheckFailedError: If a module was edited and that is not allowed, or changed meanwhile, it
            is not verified and was to be, or it does not fit.
        ScNeurocoreError: As `fpga.build.build` does.
    """
    compiled = open_neuron(directory, allow_edited=allow_edited)
    known = standing(compiled)
    if verified and known.status != "verified":
        raise CheckFailedError(f"{directory}: {known.line}; --verified was asked for")

    def completed(report: BuildReport) -> BuildReport:
        check_unchanged(compiled, "build")
        return replace(
            report,
            is_asked=is_asked,
            edited=compiled.edited,
            verification=standing(compiled).line,
            design=compiled.hashes,
        )

    key = device or compiled.device or DEFAULT_DEVICE
    if not compiled.edited:
        check_room_for_neuron(compiled.program, find_device(key))
    sources = sources_of_neuron(compiled.verilog, find_device(key))
    return build_sources(
        sources, directory, key, frequency_mhz, progress=progress, completed=completed
    )
