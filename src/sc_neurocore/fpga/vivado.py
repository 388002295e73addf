"""A project for Vivado, where the open tools end with a netlist. It is written, and not run."""

from __future__ import annotations

import os
import re
from pathlib import Path

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.sources import Sources, quoted
from sc_neurocore.hdl.render import render
from sc_neurocore.tools.devices import Device

PROJECT_SUFFIX = ".tcl"
_COMMENT = re.compile(r"\s*(#.*)?")
_CONSTRAINT = re.compile(
    r"\s*(set_property|create_(generated_)?clock|set_(input|output)_delay|set_false_path|"
    r"set_(max|min)_delay|set_multicycle_path|set_clock_(groups|uncertainty|latency)|"
    r"set_input_jitter)(?=\s)[^$\"\\;]*"
)
_QUERY = re.compile(r"\[\s*(get_(ports|clocks|cells|pins|nets)\s|(current_design|all_inputs)\s*\])")
_INDEX = re.compile(r"\[[0-9*]+\]")
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


def check_constraints(content: bytes, where: Path) -> None:
    """Refuse constraints with anything but comments and plain constraints.

    They stay when a project is written again, since somebody may have assigned pins in them, and
    then Vivado reads them: what else is in them may not be the user's own.

    Raises:
        UserError: If a line is neither.
    """
    text = content.decode(errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        rest = _INDEX.sub("", line.rstrip("\r"))
        is_plain = _CONSTRAINT.fullmatch(rest) and rest.count("[") == len(_QUERY.findall(rest))
        is_whole = line.count("{") == line.count("}") and not line.rstrip().endswith("\\")
        if not is_whole or not (is_plain or _COMMENT.fullmatch(rest)):
            raise UserError(
                f"{where}, line {number}: expected a comment, set_property or a constraint of "
                f"clocks and delays without variables, quotes and commands: Vivado would run what "
                f"stands there. Write it so, or remove the file: then a new one is written"
            )


def _has_pins(constraints: Path) -> bool:
    return constraints.exists() and bool(_PIN.search(_text(constraints)))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
