"""Constraint files: where a top's ports are on the board, and how fast its clock is.

Every top's clock comes in at `clk_pin`. All pins are 3.3 V.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sc_neurocore.errors import UserError
from sc_neurocore.tools.families import ConstraintFormat

_CLOCK = "clk_pin"


@dataclass(frozen=True)
class Pin:
    """A pin of a device in its package.

    Attributes:
        site: The package's name for it.
        pull: Whether a resistor inside the device must pull it; the pcf format has none here.
    """

    site: str
    pull: Literal["up", "down"] | None = None


def pcf(pins: Mapping[str, Pin], clock_mhz: float) -> str:
    """Return the constraints for nextpnr-ice40.

    Args:
        pins: The pin of each port.
        clock_mhz: The frequency at `clk_pin`, in MHz.
    """
    lines = [f"set_frequency {_CLOCK} {clock_mhz:g}"]
    lines += [f"set_io {port} {pin.site}" for port, pin in pins.items()]
    return "\n".join([*lines, ""])


def lpf(pins: Mapping[str, Pin], clock_mhz: float) -> str:
    """Return the constraints for nextpnr-ecp5; see `pcf`."""
    lines = [f'FREQUENCY PORT "{_CLOCK}" {clock_mhz:g} MHZ;']
    for port, pin in pins.items():
        pull = (pin.pull or "none").upper()
        lines.append(f'LOCATE COMP "{port}" SITE "{pin.site}";')
        lines.append(f'IOBUF PORT "{port}" PULLMODE={pull} IO_TYPE=LVCMOS33;')
    return "\n".join([*lines, ""])


def xdc(pins: Mapping[str, Pin], clock_mhz: float) -> str:
    """Return the constraints for Vivado; see `pcf`. Only the clock is fast: the rest has time."""
    lines = [
        "set_property CFGBVS VCCO [current_design]",
        "set_property CONFIG_VOLTAGE 3.3 [current_design]",
        f"create_clock -name oscillator -period {1000 / clock_mhz:.3f} [get_ports {_CLOCK}]",
    ]
    for port, pin in pins.items():
        properties = f"PACKAGE_PIN {pin.site} IOSTANDARD LVCMOS33"
        if pin.pull:
            properties += f" PULL{pin.pull.upper()} true"
        lines.append(f"set_property -dict {{{properties}}} [get_ports {port}]")
        if port != _CLOCK:
            is_input = port in ("button", "uart_rx")
            direction = "-from" if is_input else "-to"
            lines.append(f"set_false_path {direction} [get_ports {port}]")
    return "\n".join([*lines, ""])


FORMATS: Mapping[ConstraintFormat, Callable[[Mapping[str, Pin], float], str]] = {
    "pcf": pcf,
    "lpf": lpf,
    "xdc": xdc,
}

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_LINES = {
    "pcf": re.compile(rf"set_(?:frequency \w+ {_NUMBER}|io \w+ \w+)|#[ \w.,:-]*|", re.ASCII),
    "lpf": re.compile(
        rf'FREQUENCY PORT "\w+" {_NUMBER} MHZ;|LOCATE COMP "\w+" SITE "\w+";'
        r'|IOBUF PORT "\w+"(?: [A-Z_]+=\w+)+;|#[ \w.,:-]*|',
        re.ASCII,
    ),
}
# To Vivado an xdc file is a script: no command but constraints, and in brackets names of ports.
_COMMENT = re.compile(r"\s*(#.*)?")
_CONSTRAINT = re.compile(
    r"\s*(set_property|create_(generated_)?clock|set_(input|output)_delay|set_false_path|"
    r"set_(max|min)_delay|set_multicycle_path|set_clock_(groups|uncertainty|latency)|"
    r"set_input_jitter)(?=\s)[^$\"\\;]*"
)
_QUERY = re.compile(r"\[\s*(get_(ports|clocks|cells|pins|nets)\s|(current_design|all_inputs)\s*\])")
_INDEX = re.compile(r"\[[0-9*]+\]")


def check_constraints(content: bytes, where: Path) -> None:
    """Refuse a constraint file that somebody edited, if it holds more than constraints.

    Args:
        content: Its content.
        where: Its path, which ends in its format.

    Raises:
        UserError: If a line is something else, with the line.
    """
    shape = _LINES.get(where.suffix[1:])
    for number, line in enumerate(content.decode(errors="replace").split("\n"), 1):
        if not (shape.fullmatch(line) if shape else _is_plain_xdc(line)):
            raise UserError(
                f"{where}, line {number}: expected a comment or a constraint of pins, clocks and "
                f"delays, without variables, quotes and commands: tools would run what stands "
                f"there. Write it so, or remove the file and compile or build again"
            )


def _is_plain_xdc(line: str) -> bool:
    line = line.removesuffix("\r")
    # To Tcl a carriage return ends a line too, and the command behind it, even behind a comment.
    if not line.replace("\t", " ").isprintable():
        return False
    rest = _INDEX.sub("", line)
    is_plain = _CONSTRAINT.fullmatch(rest) and rest.count("[") == len(
        _QUERY.findall(rest)
    ) == rest.count("]")
    is_whole = line.count("{") == line.count("}") and not line.rstrip().endswith("\\")
    return is_whole and bool(is_plain or _COMMENT.fullmatch(line))
