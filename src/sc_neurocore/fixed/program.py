"""Integer programs: a neuron's step as whole-number operations with known ranges.

A program is a list of nodes, each an operation on earlier nodes. Every node knows the interval of
its values, found when it is made; its width in two's complement follows. Nothing can overflow:
what does not fit into a state is clamped by a node of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Interval = tuple[int, int]


def signed_width(low: int, high: int) -> int:
    """Return the bits that two's complement needs for every integer from low to high."""
    return 1 + max((-low - 1 if low < 0 else low).bit_length(), high.bit_length())


@dataclass(frozen=True)
class Port:
    """An input or output: a signed integer of `width` bits worth 2 ** -fraction_bits each.

    A spike is a truth value: one bit, unsigned.
    """

    name: str
    width: int
    fraction_bits: int
    signed: bool = True


@dataclass(frozen=True)
class Node:
    """One integer operation.

    Attributes:
        operator: `input`, `constant`, `clamp`, or a key of `INTERVALS`.
        operands: Indices of earlier nodes.
        low: Smallest value the node can have.
        high: Largest value the node can have.
        amount: The value of a constant, or the bits of a shift.
        fraction_bits: The node's unit is 2 ** -fraction_bits; for people only.
        statement: Index of the statement it belongs to.
    """

    operator: str
    operands: tuple[int, ...]
    low: int
    high: int
    amount: int = 0
    fraction_bits: int = field(default=0, compare=False)
    statement: int = field(default=0, compare=False)

    @property
    def width(self) -> int:
        """Bits of the node in two's complement."""
        return signed_width(self.low, self.high)

    @property
    def is_condition(self) -> bool:
        """Whether the node is a truth value."""
        return self.operator in COMPARISONS


COMPARISONS = (">=", ">", "<=", "<")


def _product(a: Interval, b: Interval, _: int) -> Interval:
    corners = [x * y for x in a for y in b]
    return min(corners), max(corners)


def _magnitude(a: Interval, _: int) -> Interval:
    low, high = a
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


INTERVALS: Mapping[str, Callable[..., Interval]] = {
    "+": lambda a, b, _: (a[0] + b[0], a[1] + b[1]),
    "-": lambda a, b, _: (a[0] - b[1], a[1] - b[0]),
    "*": _product,
    "neg": lambda a, _: (-a[1], -a[0]),
    "abs": _magnitude,
    "min": lambda a, b, _: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b, _: (max(a[0], b[0]), max(a[1], b[1])),
    "<<": lambda a, amount: (a[0] << amount, a[1] << amount),
    ">>": lambda a, amount: (a[0] >> amount, a[1] >> amount),
    "select": lambda _c, a, b, _: (min(a[0], b[0]), max(a[1], b[1])),
    **dict.fromkeys(COMPARISONS, lambda _a, _b, _: (0, 1)),
}
"""For each operator, the interval of the result from those of the operands and the amount."""


@dataclass(frozen=True)
class Statement:
    """A line of the equation, for the comments and names of what is generated from it."""

    target: str
    text: str


@dataclass(frozen=True)
class Program:
    """A finished program.

    Attributes:
        nodes: The operations, operands before users.
        statements: The equation's lines that the nodes come from.
        inputs: The ports in order, with the node of each.
        outputs: The ports in order, with the node of each.
    """

    nodes: tuple[Node, ...]
    statements: tuple[Statement, ...]
    inputs: tuple[tuple[Port, int], ...]
    outputs: tuple[tuple[Port, int], ...]

    @property
    def width(self) -> int:
        """The width of the widest node."""
        return max(node.width for node in self.nodes)


class ProgramBuilder:
    """Makes nodes, each distinct operation once, and finds their intervals."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.statements: list[Statement] = [Statement("", "inputs")]
        self._known: dict[tuple[object, ...], int] = {}

    def begin(self, target: str, text: str) -> None:
        """Start the statement that the next nodes belong to."""
        self.statements.append(Statement(target, text))

    def input(self, low: int, high: int, fraction_bits: int) -> int:
        """Make an input node; two calls make two."""
        return self._append("input", (), (low, high), 0, fraction_bits)

    def constant(self, value: int, fraction_bits: int) -> int:
        """Return the node of a constant."""
        return self._shared("constant", (), (value, value), value, fraction_bits)

    def clamp(self, operand: int, low: int, high: int) -> int:
        """Return a node limited to [low, high]; the operand itself if it always is.

        A constant stays a constant.
        """
        node = self.nodes[operand]
        if low <= node.low and node.high <= high:
            return operand
        if node.operator == "constant":
            return self.constant(min(max(node.amount, low), high), node.fraction_bits)
        limits = (max(low, min(node.low, high)), min(high, max(node.high, low)))
        return self._shared("clamp", (operand,), limits, 0, node.fraction_bits)

    def apply(self, operator: str, *operands: int, amount: int = 0, fraction_bits: int = 0) -> int:
        """Return the node of an operation; shifting a constant gives a constant."""
        nodes = [self.nodes[operand] for operand in operands]
        interval = INTERVALS[operator](*((node.low, node.high) for node in nodes), amount)
        if operator in ("<<", ">>"):
            if amount == 0:
                return operands[0]
            if nodes[0].operator == "constant":
                return self.constant(interval[0], fraction_bits)
        return self._shared(operator, operands, interval, amount, fraction_bits)

    def _shared(
        self, operator: str, operands: tuple[int, ...], interval: Interval, amount: int, bits: int
    ) -> int:
        key = (operator, operands, interval, amount)
        if key not in self._known:
            self._known[key] = self._append(operator, operands, interval, amount, bits)
        return self._known[key]

    def _append(
        self, operator: str, operands: tuple[int, ...], interval: Interval, amount: int, bits: int
    ) -> int:
        statement = len(self.statements) - 1
        self.nodes.append(Node(operator, operands, *interval, amount, bits, statement))
        return len(self.nodes) - 1
