"""Two circuits clock by clock: does one do what the other says, whatever comes in?

The one is what synthesis made of the other. Each register of the other is, by its name, a function
of the one's registers: mostly one of them, or its negation. Then it is shown, as one step of an
induction, that in every state and for every input the outputs are equal, and that a clock later the
registers are still the same functions; and that they are at the start, where a start is said. An
unknown start of the other may be what it is in the one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sc_neurocore.verify.gates import Bit, Box, Built, Gates, Place
from sc_neurocore.verify.lost_registers import LostRegisters
from sc_neurocore.verify.sweeping import FALSE, TRUE, Literal, Sweeper

Recoded = Mapping[str, Mapping[int, int]]
"""Registers by name: for each of their values, the bit that it became."""

_WITHOUT_EFFECT = ("GSR",)  # of a memory: nothing drives ECP5's global reset
_UNKNOWN_BITS = 8
"""Of one point; more are not tried in all their values."""


@dataclass(frozen=True)
class Point:
    """What was compared: an output's bit, what a register takes over, or what a box gets.

    Attributes:
        name: The port, the register's name, or the box and its pin.
        bit: Which bit of it.
        status: `equal`, `differs` (there are values for which it does), or `open`.
    """

    name: str
    bit: int
    status: str

    def __str__(self) -> str:
        return f"{self.name}[{self.bit}]"


@dataclass
class Comparison:
    """What became of all points.

    Attributes:
        points: Each with its status.
        example: Values of the input ports for which the first output differs, if one does.
        found: The outputs of the one for them.
        questions: How often the solver was asked.
    """

    points: list[Point] = field(default_factory=list)
    example: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    questions: int = 0

    @property
    def left(self) -> list[Point]:
        """The points that are not shown to be equal."""
        return [point for point in self.points if point.status != "equal"]


def compare(
    one: Gates,
    other: Gates,
    seconds: float,
    recoded: Recoded | None = None,
    reset: str = "",
    boxes: Iterable[Box] | None = None,
) -> Comparison:
    """Compare what synthesis made with what it was made of.

    Args:
        one: What was made.
        other: What was to be made; bits of it that are unknown are any.
        seconds: How long the solver may take in all.
        recoded: Registers of the other that are one bit for each of their values in the one: that
            exactly one of these bits is high belongs to what is shown by induction.
        reset: The input that is high in the first two clocks: the other may have started in the
            second, whatever its registers were then.
        boxes: The boxes that are compared, by the names of their pins; those of the other if not
            given.
    """
    kept = tuple(other.boxes.values() if boxes is None else boxes)
    return _Pair(one, other, Sweeper(seconds), recoded or {}, reset, kept).compared()


class _Pair:
    def __init__(
        self,
        one: Gates,
        other: Gates,
        graph: Sweeper,
        recoded: Recoded,
        reset: str,
        boxes: tuple[Box, ...],
    ) -> None:
        self._gates = (one, other)
        self._compared_boxes = boxes
        self._graph = graph
        self._recoded = recoded
        self._reset = reset
        self._result = Comparison()
        self._free: dict[Place, Literal] = {place: graph.variable() for place in one.inputs}
        self._at_boxes: dict[tuple[str, str, int], Literal] = {}
        self._states: dict[int, int] = {}  # the one's registers by their nodes
        self._coded: dict[int, Literal] = {}
        for name, codes in recoded.items():
            nets = [one.names.get((name, place), "x") for place in codes.values()]
            for net, literal in zip(nets, graph.one_of(len(nets)), strict=True):
                if isinstance(net, int):
                    self._coded[net] = literal
                    self._states[literal >> 1] = net
        self._asked: dict[int, Literal] = {}  # the other's registers that count
        self._nameless: dict[int, Literal] = {}  # those of them that the one has by no name
        self._settled: set[int] = set()  # unknown bits that may have been chosen
        self._support: set[int] = set()  # the free nodes of what was compared
        self._found: dict[int, Literal] = {}  # what such a register is all the same
        self._one = Built(one, graph, self._given(one), self._new_state)
        self._other = Built(other, graph, self._given(other), self._same_state)

    def compared(self) -> Comparison:
        one, other = self._gates
        self._find_nameless()
        for place in one.outputs.keys() | other.outputs.keys():
            if place not in one.outputs or place not in other.outputs:
                self._note(*place, "differs")
        for place in one.inputs.keys() ^ other.inputs.keys():
            self._note(*place, "differs")
        ones = {place: self._one(bit) for place, bit in one.outputs.items()}
        for place, bit in other.outputs.items():
            if place in ones:
                self._compare(*place, ones[place], self._other(bit), bit)
                if self._result.left and not self._result.example:
                    self._keep_example(ones, ones[place], self._other(bit))
        self._boxes()
        done: set[int] = set()
        while left := [net for net in self._asked if net not in done and self._counts(net)]:
            for net in left:
                done.add(net)
                self._register(net)
        self._codes()
        self._result.questions = self._graph.questions
        return self._result

    def _given(self, gates: Gates) -> dict[int, Literal]:
        """Return the literals of inputs, and of what boxes answer, the same in both."""
        found = {
            net: self._free[place] for place, net in gates.inputs.items() if place in self._free
        }
        compared = {box.name for box in self._compared_boxes}
        alone = [box for name, box in gates.boxes.items() if name not in compared]
        for box in alone:  # it answers what it will
            for bit in (bit for bits in box.outputs.values() for bit in bits):
                if isinstance(bit, int):
                    found[bit] = self._graph.variable()
        for box in self._compared_boxes:
            mine = self._pins(gates, box)
            for pin, bits in box.outputs.items():
                for place, bit in enumerate(mine.get(pin, bits)):
                    if isinstance(bit, int):
                        key = (box.name, pin, place)
                        if key not in self._at_boxes:
                            self._at_boxes[key] = self._graph.variable()
                        found[bit] = self._at_boxes[key]
        return found

    def _pins(self, gates: Gates, box: Box) -> Mapping[str, list[Bit]]:
        """Return a box's pins in one of the circuits: as a cell, or as nets with their names."""
        if box.name in gates.boxes:
            return {**gates.boxes[box.name].inputs, **gates.boxes[box.name].outputs}
        return {
            pin: [gates.names.get((f"{box.name}.{pin}", place), "x") for place in range(len(bits))]
            for pin, bits in {**box.inputs, **box.outputs}.items()
        }

    def _new_state(self, net: int) -> Literal:
        found = self._coded.get(net)
        if found is None:
            found = self._graph.variable()
            self._states[found >> 1] = net
        return found

    def _same_state(self, net: int) -> Literal:
        """Return what a register of the other is in the one, by its name."""
        one, other = self._gates
        found = self._found.get(net)
        for name, place in other.names_of(net):
            if found is None and name in self._recoded:
                found = self._decoded(name, place)
            elif found is None and one.is_driven(one.names.get((name, place), "x")):
                found = self._one(one.names[name, place])
        if found is None:
            start = other.starts.get(net)
            found = self._graph.variable() if start is None else start
            self._nameless[net] = found
        self._asked[net] = found
        return found

    def _decoded(self, name: str, place: int) -> Literal:
        """Return a bit of a register that the one has as one bit for each value."""
        found = FALSE
        for code, bit in self._recoded[name].items():
            if code >> place & 1:
                found = self._graph.either(found, self._one(self._gates[0].names[name, bit]))
        return found

    def _codes(self) -> None:
        """Compare with one how many of a recoded register's bits are high a clock later."""
        one, _ = self._gates
        graph = self._graph
        for name, codes in self._recoded.items():
            bits = [self._one(one.registers[net][0]) for net in self._nets(name, codes)]
            self._compare(f"one bit of {name}", 0, self._is_one_of(bits), TRUE, "1")
            # And after a clock of reset, whatever all registers were.
            at = {self._free[self._reset, 0] >> 1: TRUE} if self._reset else {}
            at |= {node: graph.variable() for node in self._states}
            begun = [graph.substituted(bit, at) for bit in bits]
            self._compare(f"one bit of {name} after a reset", 0, self._is_one_of(begun), TRUE, "1")

    def _is_one_of(self, bits: list[Literal]) -> Literal:
        is_any, are_two = FALSE, FALSE
        for bit in bits:
            are_two = self._graph.either(are_two, self._graph.both(is_any, bit))
            is_any = self._graph.either(is_any, bit)
        return self._graph.both(is_any, are_two ^ 1)

    def _nets(self, name: str, codes: Mapping[int, int]) -> list[int]:
        nets = [self._gates[0].names.get((name, place)) for place in codes.values()]
        return [net for net in nets if isinstance(net, int) and net in self._gates[0].registers]

    def _counts(self, net: int) -> bool:
        """Tell whether anything that was compared depends on a register; what has a name does."""
        state = self._nameless.get(net)
        return state is None or state >> 1 in self._support

    def _find_nameless(self) -> None:
        """Find the registers whose names are lost; what is found is shown like what names say."""
        one, other = self._gates
        taken = {}
        for net, (bit, _) in other.registers.items():
            self._other(net)
            taken[net] = self._other(bit)
        used = {node for now in self._asked.values() for node in self._graph.free_nodes(now)}
        states = {net: self._one(net) for net in one.registers}
        lost = LostRegisters(
            self._graph,
            self._gates,
            (self._one, self._other),
            taken,
            {net: state for net, state in self._nameless.items() if state > TRUE},
            {net: state for net, state in states.items() if state >> 1 not in used},
        )
        self._found = lost.found(self._free.get((self._reset, 0)))
        self._asked.clear()
        self._nameless.clear()
        self._other = Built(other, self._graph, self._given(other), self._same_state)

    def _register(self, net: int) -> None:
        """Compare what a register takes over, and how it starts."""
        one, other = self._gates
        takes, clock = other.registers[net]
        now = self._asked[net]
        name, place = (other.names_of(net) or [("a register without a name", net)])[0]
        following: dict[int, Literal] = {}
        for node in self._graph.free_nodes(now):
            if node in self._states:
                value, its_clock = one.registers[self._states[node]]
                following[node] = self._one(value)
                if self._one(its_clock) != self._other(clock):
                    self._note(f"the clock of {name}", place, "differs")
            else:  # of a clock later nothing is known
                following[node] = self._graph.variable()
        then = self._graph.substituted(now, following)
        self._compare(name, place, then, self._other(takes), takes)
        self._start(net, now, name, place)

    def _start(self, net: int, now: Literal, name: str, place: int) -> None:
        one, other = self._gates
        start = other.starts.get(net)
        if start is None:
            return
        starts = {
            node: one.starts[self._states[node]]
            for node in self._graph.free_nodes(now)
            if node in self._states and self._states[node] in one.starts
        }
        begins = self._graph.substituted(now, starts)
        if begins != start:
            status = "differs" if begins == start ^ 1 else "open"
            self._note(f"the start of {name}", place, status)

    def _boxes(self) -> None:
        """Compare what boxes get, and how they were made.

        Others answer what they will: nothing is assumed about them.
        """
        one, other = self._gates
        for box in self._compared_boxes:
            name, written = box.name, self._pins(other, box)
            if name in one.boxes:
                mine = one.boxes[name]
                if mine.kind != box.kind or not _same_parameters(mine, box):
                    self._note(f"box {name}", 0, "differs")
            pins = self._pins(one, box)
            for pin in box.inputs:
                ones = pins.get(pin, [])
                for place, bit in enumerate(written.get(pin, [])):
                    left = ones[place] if place < len(ones) else "x"
                    if bit != "x":
                        self._compare(
                            f"{name}.{pin}", place, self._one(left), self._other(bit), bit
                        )

    def _compare(self, name: str, place: int, one: Literal, other: Literal, written: Bit) -> None:
        if written == "x":
            self._note(name, place, "equal")
            return
        free = self._graph.free_nodes(other)
        self._support |= free
        unknown = free & self._other.unknown
        answer = self._graph.are_equal(one, other)
        if answer is not True and unknown:
            # What is not known is what the one has, if that can be: for each point by itself.
            is_free = not unknown & self._settled and len(unknown) <= _UNKNOWN_BITS
            answer = True if is_free and self._may_be_equal(one, other, unknown) else None
            self._settled |= unknown
        status = {True: "equal", False: "differs", None: "open"}[answer]
        self._note(name, place, status)

    def _may_be_equal(self, one: Literal, other: Literal, unknown: set[int]) -> bool:
        """Tell whether for everything else there are values of unknown bits that make two equal."""
        graph = self._graph
        never = graph.differ(one, other)
        for node in unknown:
            low, high = (graph.substituted(never, {node: value}) for value in (FALSE, TRUE))
            never = graph.both(low, high)
        return graph.are_equal(never, FALSE) is True

    def _note(self, name: str, place: int, status: str) -> None:
        self._result.points.append(Point(name, place, status))

    def _keep_example(self, outputs: Mapping[Place, Literal], one: Literal, other: Literal) -> None:
        pattern = self._graph.example(one, other)
        if pattern is None:
            return

        def read(literals: Mapping[Place, Literal]) -> dict[str, int]:
            numbers: dict[str, int] = {}
            for (name, place), literal in literals.items():
                bit = self._graph.values(literal) >> pattern & 1
                numbers[name] = numbers.get(name, 0) | bit << place
            return numbers

        self._result.example, self._result.found = read(self._free), read(outputs)


def _same_parameters(one: Box, other: Box) -> bool:
    return all(
        _same_text(str(one.parameters.get(key, text)), str(text))
        for key, text in other.parameters.items()
        if key not in _WITHOUT_EFFECT
    )


def _same_text(one: str, other: str) -> bool:
    """Tell whether two values are the same where the other's bits are known."""
    if set(other) - set("01x"):
        return one.strip() == other.strip()
    width = max(len(one), len(other))
    pairs = zip(one.rjust(width, "0"), other.rjust(width, "0"), strict=True)
    return all(right in (left, "x") for left, right in pairs)
