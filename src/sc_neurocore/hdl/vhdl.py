"""What a design in VHDL needs of a module in Verilog: a component, and an instance to copy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sc_neurocore.hdl.names import RESERVED_IN_VHDL
from sc_neurocore.hdl.render import render

FOLDER = "vhdl"
_HEADER = re.compile(r"^module (\w+) #\((.*?)^\) \((.*?)^\);", re.DOTALL | re.MULTILINE)
_PORT = re.compile(
    r"^\s*(input|output)\s+(?:wire|reg)\s*(?:\[(\d+):0\])?\s*(\w+)\s*,?", re.MULTILINE
)
_TEXT = re.compile(r'parameter (\w+)\s*=\s*"([^"]*)"')
_PLAIN = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")


@dataclass(frozen=True)
class _Port:
    name: str
    direction: str
    width: int | None

    @property
    def kind(self) -> str:
        """Its type; a vector of one bit is a vector, too."""
        if self.width is None:
            return "std_logic"
        return f"std_logic_vector({self.width - 1} downto 0)"


def component(verilog: str) -> tuple[str, bytes]:
    """Return the path in the design's folder and the text of a package for VHDL.

    Args:
        verilog: A generated top: its ports and its parameters, which are texts, become the
            component's.
    """
    header = _HEADER.search(verilog)
    assert header is not None, "a generated top has parameters and ports"
    name, parameters, ports = header.groups()
    values = {
        "name": name,
        "identifier": _identifier(name),
        "package": _identifier(f"{name}_component"),
        "generics": _TEXT.findall(parameters),
        "ports": list(_ports(ports)),
    }
    text = render("sc_neurocore.hdl", "templates", "component.vhd.j2", values)
    return f"{FOLDER}/{name}_component.vhd", text.encode()


def _ports(text: str) -> Iterator[_Port]:
    for direction, high, name in _PORT.findall(text):
        width = int(high) + 1 if high else None
        yield _Port(_identifier(name), "in" if direction == "input" else "out", width)


def _identifier(name: str) -> str:
    r"""Return a name as VHDL takes it: those that it would not are written \like__this\ ."""
    return (
        name if _PLAIN.fullmatch(name) and name.lower() not in RESERVED_IN_VHDL else f"\\{name}\\"
    )
