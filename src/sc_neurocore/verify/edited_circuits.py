"""What an edited design is that the generated one is not: other circuits, and what they keep."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sc_neurocore.verify.elaborated import TIMEOUT, Elaboration, netlist

_LINES = re.compile(r"\$[^$\\]*\.v:[0-9.|-]+\$")
"""The file and line in a name that Yosys made up."""


def new_state(design: Elaboration, ours: Elaboration) -> list[str]:
    """Say what a design remembers in registers and memories that another one does not have.

    A register that was only renamed counts as new.

    Returns:
        A sentence for each instance; none if there is none.
    """
    found = []
    for path, instance in design.instances.items():
        known = ours.instances.get(path)
        registers = known.registers if known else ()
        bits = frozenset().union(*registers)
        names = {min(each)[0] for each in instance.registers if each and not each & bits}
        unnamed = instance.registers.count(frozenset()) > registers.count(frozenset())
        if not names and (unnamed or len(instance.registers) > len(registers)):
            names = {"more bits of registers"}
        sizes = {(each.name, each.width, each.depth) for each in known.memories} if known else set()
        names |= {
            each.name
            for each in instance.memories
            if (each.name, each.width, each.depth) not in sizes
        }
        if names:
            found.append(
                f"{instance.module} ({path or 'the top'}) remembers what is not remembered in what "
                f"is generated: {', '.join(sorted(names)[:4])}"
            )
    return found


def same_circuit(
    first: Mapping[str, bytes],
    second: Mapping[str, bytes],
    top: str,
    *,
    library: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> bool:
    """Tell whether two versions of a design elaborate to the same circuit.

    Comments, blanks and lines do not matter, all else does: cells and wires in their order, the
    names of registers, memories and instances, attributes. So False may also mean that the same
    circuit is written in another way. True is certain, of the circuit that Yosys sees: that
    simulators see the same is what `verilog_reader` is for.

    Raises:
        UserError, ToolFailedError: As `elaborate`.
    """
    both = [circuit_of(each, top, library=library, timeout=timeout) for each in (first, second)]
    return both[0] == both[1]


def circuit_of(
    files: Mapping[str, bytes],
    top: str,
    *,
    library: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> list[Any]:
    """Return what `same_circuit` compares: a netlist without what depends on lines.

    Wires are numbered in an order that does not depend on them either.

    Raises:
        UserError, ToolFailedError: As `elaborate`.
    """
    circuit = netlist(files, top, library=library, timeout=timeout)
    return [(name, _canonical_module(module)) for name, module in circuit["modules"].items()]


def _canonical_module(module: Mapping[str, Any]) -> list[Any]:
    numbers: dict[int, int] = {}

    def renumbered(part: Any) -> Any:
        """Replace the numbers of wires, which are the integers of a netlist's lists."""
        if isinstance(part, dict):
            return {
                name: _without_source(value) if name == "attributes" else renumbered(value)
                for name, value in part.items()
            }
        if isinstance(part, list):
            return [numbers.setdefault(b, len(numbers)) if isinstance(b, int) else b for b in part]
        return part

    ordered = [
        (kind, sorted((_LINES.sub("$", name), number) for number, name in enumerate(module[kind])))
        for kind in ("ports", "cells", "memories", "netnames")
        if kind in module
    ]
    parts = {kind: list(module[kind].values()) for kind, _ in ordered}
    return [
        _without_source(module["attributes"]),
        module.get("parameter_default_values"),
        [
            (kind, name, renumbered(parts[kind][number]))
            for kind, names in ordered
            for name, number in names
        ],
    ]


def _without_source(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != "src"}
