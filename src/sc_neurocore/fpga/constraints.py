"""Constraint files: where a top's ports are on the board, and how fast its clock is.

Every top's clock comes in at `clk_pin`. All pins are 3.3 V.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sc_neurocore.errors import UserError

ConstraintFormat = Literal["pcf", "lpf", "xdc"]

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
_PROPERTIES = r"[A-Z_]+ [A-Za-z0-9_.]+"
_LINES: Mapping[ConstraintFormat, re.Pattern[str]] = {
    "pcf": re.compile(rf"set_(?:frequency \w+ {_NUMBER}|io \w+ \w+)|#[ \w.,:-]*|", re.ASCII),
    "lpf": re.compile(
        rf'FREQUENCY PORT "\w+" {_NUMBER} MHZ;|LOCATE COMP "\w+" SITE "\w+";'
        r'|IOBUF PORT "\w+"(?: [A-Z_]+=\w+)+;|#[ \w.,:-]*|',
        re.ASCII,
    ),
    # A Tcl script to Vivado: nothing in brackets but what names ports.
    "xdc": re.compile(
        rf"set_property (?:{_PROPERTIES} \[current_design\]"
        rf"|(?:-dict \{{{_PROPERTIES}(?: {_PROPERTIES})*\}}|{_PROPERTIES}) \[get_ports \w+\])"
        rf"|create_clock -name \w+ -period {_NUMBER} \[get_ports \w+\]"
        r"|set_false_path -(?:from|to) \[get_ports \w+\]|#[ \w.,:-]*|",
        re.ASCII,
    ),
}


def check_constraints(name: str, content: bytes) -> None:
    """Refuse a constraint file that somebody edited, if a line is not shaped like ours.

    Args:
        name: The file's name, which ends in its format.
        content: Its content.

    Raises:
        UserError: If a line is something else, with the line.
    """
    shape = _LINES[name.rpartition(".")[2]]  # type: ignore[index]
    for number, line in enumerate(content.decode("latin-1").split("\n"), start=1):
        if not shape.fullmatch(line):
            raise UserError(
                f"{name}, line {number}: {line[:80]!r}: expected constraints of the kinds that "
                f"this package writes; take it out"
            )
