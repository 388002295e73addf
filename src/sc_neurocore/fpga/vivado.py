"""A project for Vivado, where the open tools end with a netlist. It is written, and not run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sc_neurocore.fpga.sources import Sources, quoted
from sc_neurocore.hdl.render import render
from sc_neurocore.tools.devices import Device

PROJECT_SUFFIX = ".tcl"
_PIN = re.compile(r"^\s*set_property\s[^#]*PACKAGE_PIN", re.MULTILINE)


def write_project(
    sources: Sources, device: Device, folder: Path, folder_of_sources: Path, frequency_mhz: float
) -> Path:
    """Write a Tcl script that takes the sources through Vivado, and constraints.

    A board brings its own; else a stub is written. Constraints in which somebody has
    assigned pins are left as they are.

    Args:
        sources: What is built.
        device: The device.
        folder: Where the files go, beside the netlist.
        folder_of_sources: Where the sources are.
        frequency_mhz: The clock frequency to aim at, in MHz.

    Returns:
        The script's path.
    """
    values = {
        "top": quoted(sources.top),
        "title": device.title,
        "part": device.part,
        "sources": Path(os.path.relpath(folder_of_sources, folder)).as_posix(),
        "verilog": [quoted(name) for name in sources.verilog],
        "period_ns": 1000 / frequency_mhz,
    }
    own = folder / f"{sources.top}.xdc"
    constraints = folder_of_sources / sources.constraints if sources.constraints else own
    values["constraints"] = Path(os.path.relpath(constraints, folder)).as_posix()
    if constraints == own and not _has_pins(own):
        text = render("sc_neurocore.fpga", "templates", "vivado.xdc.j2", values)
        own.write_bytes(text.encode())
    script = folder / f"{sources.top}{PROJECT_SUFFIX}"
    text = render("sc_neurocore.fpga", "templates", "vivado.tcl.j2", values)
    script.write_bytes(text.encode())
    return script


def _has_pins(constraints: Path) -> bool:
    return constraints.exists() and bool(_PIN.search(_text(constraints)))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
