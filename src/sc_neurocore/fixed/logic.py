"""About how much logic a neuron's step takes: enough to compare formats, no promise.

Counted are four-input look-up tables, one for each bit of an adder, a choice or a comparison, and
one for each 16 bits of a table; products of two things that change are counted by themselves.
`benchmarks/neuron_area.py` has what synthesis makes of it.
"""

from __future__ import annotations

import math

from sc_neurocore.fixed.program import Node, Program

_PER_BIT = {"+": 1.0, "-": 1.0, "neg": 1.0, "abs": 1.5, "min": 1.5, "max": 1.5, "clamp": 1.3,
            "select": 0.7, ">=": 0.6, ">": 0.6, "<=": 0.6, "<": 0.6,
            "^": 0.5}  # fmt: skip
_MULTIPLIER = (18, 18)
_ENTRIES = 16.0


def luts(program: Program) -> int:
    """Return about how many look-up tables a program takes beside its multipliers."""
    return round(sum(_luts(program, node) for node in program.nodes))


def _luts(program: Program, node: Node) -> float:
    widths = [program.nodes[operand].width for operand in node.operands]
    if node.operator == "lookup":
        assert node.table is not None
        differing = len(set(node.table.entries))
        return node.width * max(differing / _ENTRIES, 1.0)
    if node.operator in (">=", ">", "<=", "<"):
        return _PER_BIT[node.operator] * max(widths)
    return _PER_BIT.get(node.operator, 0.0) * node.width


def multipliers(program: Program) -> int:
    """Return how many 18-bit multipliers the products take."""
    return sum(
        math.ceil(min(widths) / min(_MULTIPLIER)) * math.ceil(max(widths) / max(_MULTIPLIER))
        for widths in program.product_widths
        if min(widths) > 1
    )
