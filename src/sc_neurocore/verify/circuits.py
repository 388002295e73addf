"""Two circuits clock by clock: does one do what the other says, whatever comes in?

The one is what synthesis made of the other. Each register of the other is, by its name, a function
of the one's registers: mostly one of them, or its negation. Then it is shown, as one step of an
induction, that in every state and for every input the outputs are equal, and that a clock later the
registers are still the same functions; and that they are at the start, where a start is said. An
unknown start of the other may be what it is in the one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sc_neurocore.verify.gates import Bit, Box, Built, Gates, Place
from sc_neurocore.verify.sweeping import Literal, Sweeper


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


def compare(one: Gates, other: Gates, seconds: float) -> Comparison:
    """Compare what synthesis made with what it was made of.

    Args:
        one: What was made.
        other: What was to be made; bits of it that are unknown are any.
        seconds: How long the solver may take in all.
    """
    return _Pair(one, other, Sweeper(seconds)).compared()


class _Pair:
    def __init__(self, one: Gates, other: Gates, graph: Sweeper) -> None:
        self._gates = (one, other)
        self._graph = graph
        self._result = Comparison()
        self._free: dict[Place, Literal] = {place: graph.variable() for place in one.inputs}
        self._at_boxes: dict[tuple[str, str, int], Literal] = {}
        self._states: dict[int, int] = {}  # the one's registers by their nodes
        self._asked: dict[int, Literal] = {}  # the other's registers that count
        self._one = Built(one, graph, self._given(one), self._new_state)
        self._other = Built(other, graph, self._given(other), self._same_state)

    def compared(self) -> Comparison:
        one, other = self._gates
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
        while left := [net for net in self._asked if net not in done]:
            for net in left:
                done.add(net)
                self._register(net)
        self._result.questions = self._graph.questions
        return self._result

    def _given(self, gates: Gates) -> dict[int, Literal]:
        found = {
            net: self._free[place] for place, net in gates.inputs.items() if place in self._free
        }
        for box in gates.boxes.values():
            for pin, bits in box.outputs.items():
                for place, bit in enumerate(bits):
                    if isinstance(bit, int):
                        key = (box.name, pin, place)
                        if key not in self._at_boxes:
                            self._at_boxes[key] = self._graph.variable()
                        found[bit] = self._at_boxes[key]
        return found

    def _new_state(self, net: int) -> Literal:
        found = self._graph.variable()
        self._states[found >> 1] = net
        return found

    def _same_state(self, net: int) -> Literal:
        """Return what a register of the other is in the one, by its name."""
        one, other = self._gates
        found = None
        for place in other.names_of(net):
            if one.names.get(place, "x") != "x":
                found = self._one(one.names[place])
                break
        if found is None:
            start = other.starts.get(net)
            found = self._graph.variable() if start is None else start
        self._asked[net] = found
        return found

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
        one, other = self._gates
        for name in sorted(one.boxes.keys() | other.boxes.keys()):
            if name not in one.boxes or name not in other.boxes:
                self._note(f"box {name}", 0, "open")
                continue
            self._box(one.boxes[name], other.boxes[name])

    def _box(self, one: Box, other: Box) -> None:
        if one.kind != other.kind or not _same_parameters(one, other):
            self._note(f"box {one.name}", 0, "differs")
        for pin in sorted(one.inputs.keys() | other.inputs.keys()):
            ones, others = one.inputs.get(pin, []), other.inputs.get(pin, [])
            for place, (left, right) in enumerate(zip(ones, others, strict=False)):
                if right != "x":
                    self._compare(
                        f"box {one.name}.{pin}", place, self._one(left), self._other(right), right
                    )
            if len(ones) != len(others):
                self._note(f"box {one.name}.{pin}", min(len(ones), len(others)), "open")

    def _compare(self, name: str, place: int, one: Literal, other: Literal, written: Bit) -> None:
        if written == "x":
            self._note(name, place, "equal")
            return
        answer = self._graph.are_equal(one, other)
        may_be_any = answer is False and not self._other.is_known
        status = "open" if may_be_any else {True: "equal", False: "differs", None: "open"}[answer]
        self._note(name, place, status)

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
        str(one.parameters.get(name, value)).strip() == str(value).strip()
        for name, value in other.parameters.items()
    )
