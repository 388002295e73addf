"""A circuit as gates, as Yosys writes it, built into an and-inverter graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sc_neurocore.verify.sweeping import FALSE, TRUE, Literal, Sweeper

Bit = int | str
"""A net's number, or a constant: 0, 1, x or z."""

Place = tuple[str, int]
"""A name of a port or net, and a bit of it."""

REGISTER = "$_DFF_P_"
_AND, _NOT, _PRODUCT = "$_AND_", "$_NOT_", "$mul"
_WITHOUT_MEANING = ("$scopeinfo",)


@dataclass(frozen=True)
class Box:
    """A cell that is not looked into: a memory.

    Attributes:
        name: The cell.
        kind: Its type.
        parameters: What it was made with.
        inputs: The bits of each input.
        outputs: The bits of each output.
    """

    name: str
    kind: str
    parameters: Mapping[str, Any]
    inputs: Mapping[str, list[Bit]]
    outputs: Mapping[str, list[Bit]]


class Gates:
    """One module of gates, registers on the rising edge, products, and boxes.

    Args:
        module: What Yosys' `write_json` says of it.

    Attributes:
        inputs: The nets of the input ports.
        outputs: The bits of the output ports.
        names: The bits of every net that has a name of the source.
        registers: What each register takes over, and its clock, by the net of its value.
        starts: The value that a net has at the start.
        boxes: The boxes by name.
    """

    def __init__(self, module: Mapping[str, Any]) -> None:
        self.inputs: dict[Place, int] = {}
        self.outputs: dict[Place, Bit] = {}
        for name, port in module["ports"].items():
            found = self.inputs if port["direction"] == "input" else self.outputs
            found.update({(name, place): bit for place, bit in enumerate(port["bits"])})
        self.names: dict[Place, Bit] = {}
        self.starts: dict[int, Literal] = {}
        for name, net in module["netnames"].items():
            if not net.get("hide_name"):
                self.names |= {(name, place): bit for place, bit in enumerate(net["bits"])}
            start = str(net["attributes"].get("init", ""))[::-1]
            for bit, value in zip(net["bits"], start, strict=False):
                if value in "01" and isinstance(bit, int):
                    self.starts[bit] = int(value)
        self._names_of: dict[int, list[Place]] = {}
        for place, bit in self.names.items():
            if isinstance(bit, int):
                self._names_of.setdefault(bit, []).append(place)
        self.registers: dict[int, tuple[Bit, Bit]] = {}
        self.boxes: dict[str, Box] = {}
        self._driver: dict[int, tuple[str, Mapping[str, list[Bit]], bool]] = {}
        for name, cell in module["cells"].items():
            self._add(name, cell)
        self._given: set[Bit] = {*self.inputs.values()}
        for box in self.boxes.values():
            self._given.update(bit for bits in box.outputs.values() for bit in bits)

    def _add(self, name: str, cell: Mapping[str, Any]) -> None:
        kind, pins = cell["type"], cell["connections"]
        if kind in _WITHOUT_MEANING:
            return
        if kind == REGISTER:
            self.registers[pins["Q"][0]] = (pins["D"][0], pins["C"][0])
        elif kind in (_AND, _NOT, _PRODUCT):
            is_signed = kind == _PRODUCT and int(cell["parameters"]["A_SIGNED"], 2) == 1
            for bit in pins["Y"]:
                self._driver[bit] = (kind, pins, is_signed)
        else:
            ways = cell["port_directions"]
            self.boxes[name] = Box(
                name,
                kind,
                cell["parameters"],
                {pin: bits for pin, bits in pins.items() if ways[pin] == "input"},
                {pin: bits for pin, bits in pins.items() if ways[pin] == "output"},
            )

    def names_of(self, net: int) -> list[Place]:
        """Return the names that a net has in the source."""
        return self._names_of.get(net, [])

    def is_driven(self, bit: Bit) -> bool:
        """Tell whether something says what a bit is: of what nobody reads, names alone may stay."""
        if not isinstance(bit, int):
            return bit in ("0", "1")
        return bit in self.registers or bit in self._driver or bit in self._given

    def driver(self, net: int) -> tuple[str, Mapping[str, list[Bit]], bool] | None:
        """Return the kind and pins of the gate that drives a net, and whether it has signs."""
        return self._driver.get(net)


class Built:
    """A module's bits as literals, made when they are asked for.

    Args:
        gates: The module.
        graph: The graph that they are built in.
        given: Literals of nets that are not followed: inputs and outputs of boxes.
        register: Called with a register's net; its literal.

    Attributes:
        unknown: The free nodes that stand for unknown or undriven bits.
    """

    def __init__(
        self,
        gates: Gates,
        graph: Sweeper,
        given: Mapping[int, Literal],
        register: Callable[[int], Literal],
    ) -> None:
        self.unknown: set[int] = set()
        self._gates, self._graph, self._register = gates, graph, register
        self._literals: dict[Bit, Literal] = {"0": FALSE, "1": TRUE}
        for net, literal in given.items():
            self._literals[net] = literal

    def __call__(self, bit: Bit) -> Literal:
        """Return a bit's literal; of an unknown or undriven bit it is a new one."""
        made, stack = self._literals, [bit]
        while stack:
            at = stack[-1]
            if at in made:
                stack.pop()
                continue
            if not isinstance(at, int):
                return self._unknown()
            if at in self._gates.registers:
                made[at] = self._register(at)
                continue
            driver = self._gates.driver(at)
            if driver is None:
                made[at] = self._unknown()
                continue
            kind, pins, is_signed = driver
            needed = [*pins["A"], *pins.get("B", ())]
            missing = [each for each in needed if isinstance(each, int) and each not in made]
            if missing:
                stack += missing
                continue
            made.update(self._output(kind, pins, is_signed))
        return made[bit]

    def _unknown(self) -> Literal:
        found = self._graph.variable()
        self.unknown.add(found >> 1)
        return found

    def _output(
        self, kind: str, pins: Mapping[str, list[Bit]], is_signed: bool
    ) -> Iterator[tuple[Bit, Literal]]:
        a = [self(bit) for bit in pins["A"]]
        if kind == _NOT:
            yield pins["Y"][0], a[0] ^ 1
            return
        b = [self(bit) for bit in pins["B"]]
        if kind == _AND:
            yield pins["Y"][0], self._graph.both(a[0], b[0])
            return
        sign = [] if is_signed else [FALSE]
        yield from zip(
            pins["Y"], self._graph.product(a + sign, b + sign, len(pins["Y"])), strict=True
        )
