"""A top with few pins, so that a core that no board belongs to can be placed and timed by itself.

The trace and the network's identity stay open, and what serves only them goes: on a board nobody
looks at the first, and the second is part of the protocol. Every other port goes to pins, with no
logic between; the port that weights are written through shares those of the inputs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from sc_neurocore.fpga.sources import Sources

_MODULE = r"^module\s+{name}\s*(?:#\(.*?\)\s*)?\((?P<ports>.*?)\);"
_PORT = re.compile(
    r"\b(?P<way>input|output)\s+(?:wire|reg)?\s*(?:signed)?\s*"
    r"(?:\[\s*(?P<high>\d{1,6})\s*:\s*0\s*\])?\s*(?P<names>[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)"
    r"(?=\s*(?:,\s*(?:input|output)\b|$|//|\n|,))"
)
_OPEN = ("trace_", "hash_")
_SHARING = "weight_"
_SHARED = "in_data"


@dataclass(frozen=True)
class Port:
    """A port of a module."""

    name: str
    is_input: bool
    width: int


def read_ports(sources: Sources) -> tuple[Port, ...]:
    """Return the ports of the top; none where its header is not of plain Verilog-2005."""
    pattern = re.compile(_MODULE.format(name=re.escape(sources.top)), re.MULTILINE | re.DOTALL)
    for name in sources.verilog:
        found = pattern.search(sources.contents[name].decode(errors="replace"))
        if found:
            header = re.sub(r"//.*", "", found["ports"])
            return tuple(
                Port(name, each["way"] == "input", int(each["high"] or 0) + 1)
                for each in _PORT.finditer(header)
                for name in re.split(r"\s*,\s*", each["names"])
            )
    return ()


def with_few_pins(sources: Sources, folder: str) -> Sources:
    """Put a module that has few pins around the top.

    Args:
        sources: What is built.
        folder: Where the module's file goes, seen from the sources.
    """
    top = f"{sources.top}_on_pins"
    name = f"{folder}/{top}.v"
    text = _wrapper(top, sources.top, read_ports(sources))
    return replace(
        sources,
        top=top,
        verilog=(*sources.verilog, name),
        contents={**sources.contents, name: text.encode()},
    )


def _wrapper(top: str, core: str, ports: tuple[Port, ...]) -> str:
    header, connections = [], []
    shared = next((port for port in ports if port.name == _SHARED), None)
    for port in ports:
        value = port.name
        if port.name.startswith(_OPEN):
            value = f"{port.width}'d0" if port.is_input else ""
        elif port.is_input and port.width > 1 and shared and port.name.startswith(_SHARING):
            pins = [f"{shared.name}[{bit % shared.width}]" for bit in range(port.width)]
            value = f"{{{', '.join(pins)}}}"
        else:
            bits = f"[{port.width - 1}:0] " if port.width > 1 else ""
            header.append(f"{'input' if port.is_input else 'output'} wire {bits}{port.name}")
        connections.append(f"        .{port.name}({value})")
    return "\n".join(
        [
            f"// {top}: {core} with few pins, to place and time it by itself. Generated.",
            f"module {top} (",
            ",\n".join(f"    {line}" for line in header),
            ");",
            f"    {core} core (",
            ",\n".join(connections),
            "    );",
            "endmodule",
            "",
        ]
    )
