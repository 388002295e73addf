"""Pieces of Verilog that every generated module is made of."""

from __future__ import annotations

from sc_neurocore.fixed.program import Port


def declaration(kind: str, port: Port) -> str:
    """Declare a port or a wire of a port's type."""
    sign = " signed" if port.signed else ""
    size = f" [{port.width - 1}:0]" if port.width > 1 else ""
    return f"    {kind}{sign}{size} {port.name}"


def literal(value: int, width: int) -> str:
    """Write a signed constant of a given width."""
    if value == -(1 << (width - 1)):
        return f"{width}'sh{1 << (width - 1):x}"  # its magnitude does not fit into the width
    return f"{'-' * (value < 0)}{width}'sd{abs(value)}"
