"""Faults of a circuit that clocked proofs cannot see: latches, falling edges, a second clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_PLAIN = frozenset(
    f"${name}"
    for name in """add and bmux demux dff eq ge gt le logic_and logic_not logic_or lt meminit
    meminit_v2 memrd memrd_v2 memwr memwr_v2 mul mux ne neg not or pmux pos reduce_and reduce_bool
    reduce_or reduce_xnor reduce_xor scopeinfo shift shiftx shl shr slice sshl sshr sub xnor
    xor""".split()  # noqa: SIM905
)
"""Yosys' cells of which a synchronous circuit with one clock is made."""

_KINDS = {
    "$dlatch": "a latch",
    "$adlatch": "a latch",
    "$dlatchsr": "a latch",
    "$sr": "a latch",
    "$adff": "a register with an asynchronous reset",
    "$aldff": "a register that is loaded asynchronously",
    "$dffsr": "a register with an asynchronous set and reset",
    "$div": "a division by what is no constant",
    "$mod": "a division by what is no constant",
    "$pow": "a power of what is no constant",
    "$tribuf": "a wire that floats",
    "$eqx": "a comparison with unknown bits",
    "$nex": "a comparison with unknown bits",
}

Source = tuple[str, int] | str
"""Where a clock comes from: a port's bit, or the name of a wire inside."""


def circuit_faults(
    modules: Mapping[str, Any], top: str, *, has_library: bool = False
) -> Iterator[str]:
    """Say what a circuit has that no design of ours has.

    Args:
        modules: A netlist of Yosys in JSON, after `proc`.
        top: The top module.
        has_library: Whether cells of a device may stand in it, and make the clock.

    Yields:
        Each fault in words.
    """
    sources: dict[str, set[Source]] = {}
    for name in _from_below(modules, top):
        module = modules[name]
        if _is_black_box(module):
            sources[name] = set()
            continue
        for cell, each in module["cells"].items():
            fault = _fault(each, modules, has_library)
            if fault:
                yield f"{fault} in {_shown(module, name)}: {_place(cell, each)}"
        for net, each in module["netnames"].items():
            if each.get("upto"):
                yield f"bits numbered from the left in {_shown(module, name)}: {_place(net, each)}"
        sources[name] = _clocks(module, sources)
    clocks = sources[top]
    made = sorted(each for each in clocks if isinstance(each, str))
    if made and not has_library:
        yield f"a clock that the design makes itself: {', '.join(made[:5])}"
    if len(clocks) > 1:
        names = sorted(
            each if isinstance(each, str) else f"{each[0]}[{each[1]}]" for each in clocks
        )
        yield f"more than one clock: {', '.join(names[:5])}"


def _fault(cell: Mapping[str, Any], modules: Mapping[str, Any], has_library: bool) -> str | None:
    kind, parameters = str(cell["type"]), cell["parameters"]
    if not kind.startswith("$") or kind in modules:
        is_missing = kind not in modules or _is_black_box(modules[kind])
        return f"a black box, {kind}," if is_missing and not has_library else None
    if kind not in _PLAIN:
        return _KINDS.get(kind, _KINDS.get(kind.removesuffix("e"), f"a cell {kind}"))
    is_clocked = kind == "$dff" or (_bits(parameters, "CLK_ENABLE") and kind != "$memrd_v2")
    if kind in ("$memwr", "$memwr_v2") and not is_clocked:
        return "a memory that is written without a clock"
    if is_clocked and "0" in str(parameters["CLK_POLARITY"]):
        return "a register on the falling edge, which is invisible to every clocked proof,"
    return None


def _bits(parameters: Mapping[str, Any], name: str) -> bool:
    return "1" in str(parameters.get(name, "0"))


def _clocks(module: Mapping[str, Any], sources: Mapping[str, set[Source]]) -> set[Source]:
    """Return where the clocks of a module come from, its instances' clocks among them."""
    ports = {
        bit: (name, index)
        for name, port in module["ports"].items()
        if port["direction"] == "input"
        for index, bit in enumerate(port["bits"])
    }
    names = _NetNames(module)
    found: set[Source] = set()
    for name, cell in module["cells"].items():
        connections = cell["connections"]
        if cell["type"] in sources:
            for source in sources[cell["type"]]:
                if isinstance(source, str):
                    found.add(f"{name}.{source}")
                else:
                    bit = (connections.get(source[0]) or ["x"])[source[1]]
                    found.add(ports.get(bit) or names.of(bit))
        elif cell["type"] == "$dff" or _bits(cell["parameters"], "CLK_ENABLE"):
            for bit in connections["CLK"]:
                found.add(ports.get(bit) or names.of(bit))
    return found


class _NetNames:
    """Names of wires by their bits, which are looked for only when one is asked for."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._module = module
        self._names: dict[Any, str] | None = None

    def of(self, bit: Any) -> str:
        if self._names is None:
            nets = sorted(
                self._module["netnames"].items(), key=lambda net: (-net[1]["hide_name"], net[0])
            )
            self._names = {bit: name for name, net in nets for bit in net["bits"]}
        return self._names.get(bit, f"the constant {bit}")


def _from_below(modules: Mapping[str, Any], top: str) -> Iterable[str]:
    """List the modules under the top, each behind those that stand in it."""
    order: dict[str, None] = {}
    waiting = [(top, False)]
    while waiting:
        name, is_done = waiting.pop()
        if is_done:
            order.setdefault(name)
        elif name not in order:
            waiting.append((name, True))
            used = {cell["type"] for cell in modules[name]["cells"].values()}
            waiting += [(each, False) for each in sorted(used & modules.keys())]
    return order


def _is_black_box(module: Mapping[str, Any]) -> bool:
    return bool(module["attributes"].keys() & {"blackbox", "whitebox"})


def _shown(module: Mapping[str, Any], name: str) -> str:
    return str(module["attributes"].get("hdlname", name))


def _place(cell: str, content: Mapping[str, Any]) -> str:
    source = content["attributes"].get("src")
    return str(source).split("|")[0] if source else cell
