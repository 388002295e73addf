"""Integer programs: a neuron's step as whole-number operations with known ranges.

A program is a list of nodes, each an operation on earlier nodes. Every node knows the interval of
its values, found when it is made; its width in two's complement follows. Nothing can overflow:
what does not fit into a state is clamped, or wrapped, by a node of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

from sc_neurocore.errors import EquationError

MAXIMUM_RESULT_BITS = 512
"""The most that an intermediate result may have: floats can still state its range."""

Interval = tuple[int, int]


def signed_width(low: int, high: int) -> int:
    """Return the bits that two's complement needs for every integer from low to high."""
    return 1 + max((-low - 1 if low < 0 else low).bit_length(), high.bit_length())


@dataclass(frozen=True)
class Port:
    """An input or output: an integer of `width` bits worth 2 ** -fraction_bits each.

    One bit is a truth value, the spike.
    """

    name: str
    width: int
    fraction_bits: int
    signed: bool = True

    @property
    def format(self) -> str:
        """The format as text, such as "Q8.8"."""
        kind = "Q" if self.signed else "UQ"
        return f"{kind}{self.width - self.fraction_bits}.{self.fraction_bits}"


@dataclass(frozen=True)
class LookupTable:
    """A list of integers that an index chooses from.

    Attributes:
        name: What it holds, as part of a name in Verilog.
        entries: The integers, from index 0.
        note: What a reader should know.
    """

    name: str
    entries: tuple[int, ...]
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class Node:
    """One integer operation.

    Attributes:
        operator: `input`, `constant`, `clamp`, `lookup`, or a key of `INTERVALS`.
        operands: Indices of earlier nodes.
        low: Smallest value the node can have.
        high: Largest value the node can have.
        amount: The value of a constant, the bits of a shift, or those that `low` and `wrap` keep.
        fraction_bits: The node's unit is 2 ** -fraction_bits; for people only.
        statement: Index of the statement it belongs to.
        table: What a `lookup` reads.
        stores: Whether it fits a line's result into the format of a state or local.
    """

    operator: str
    operands: tuple[int, ...]
    low: int
    high: int
    amount: int = 0
    fraction_bits: int = field(default=0, compare=False)
    statement: int = field(default=0, compare=False)
    table: LookupTable | None = None
    stores: bool = False

    @cached_property
    def width(self) -> int:
        """Bits of the node in two's complement."""
        return signed_width(self.low, self.high)

    @cached_property
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
    "low": lambda _, amount: (0, (1 << amount) - 1),
    "wrap": lambda _, amount: (-(1 << (amount - 1)), (1 << (amount - 1)) - 1),
    "select": lambda _c, a, b, _: (min(a[0], b[0]), max(a[1], b[1])),
    "^": lambda a, b, _: (0, (1 << max(a[1], b[1]).bit_length()) - 1),
    **dict.fromkeys(COMPARISONS, lambda _a, _b, _: (0, 1)),
}
"""For each operator, the interval of the result from those of the operands and the amount.

`low` keeps the low bits as an unsigned number, `wrap` as a number in two's complement. `^` has a
one in each bit in which two numbers differ, neither of which is negative.
"""

_OF_ONE = ("neg", "abs", "<<", ">>")


@dataclass(frozen=True)
class Statement:
    """A line of the equation, for the comments and names of what is generated from it."""

    target: str
    text: str


@dataclass(frozen=True)
class Overflow:
    """A place where a result can lie outside the format that stores it.

    Attributes:
        text: The line of the equation.
        kind: `clamp` where it saturates, `low` or `wrap` where it wraps.
        low: The least that the line computes, as a number.
        high: The most that it computes.
        below: Whether that goes below the range of the format.
        above: Whether that goes above it.
    """

    text: str
    kind: str
    low: float
    high: float
    below: bool
    above: bool

    def __str__(self) -> str:
        where = " and ".join(["below"] * self.below + ["above"] * self.above)
        verb = "saturates" if self.kind == "clamp" else "wraps"
        return f"{self.text}: {verb} {where}, computed in [{self.low:.7g}, {self.high:.7g}]"


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

    @cached_property
    def working_widths(self) -> tuple[int, ...]:
        """Of each node the bits at which it cannot overflow: its own, or an operand's."""
        return tuple(
            max([node.width, *(self.nodes[operand].width for operand in node.operands)])
            for node in self.nodes
        )

    @property
    def width(self) -> int:
        """The width of the widest node."""
        return max(node.width for node in self.nodes)

    @property
    def product_widths(self) -> list[tuple[int, int]]:
        """The widths of the factors of every multiplication."""
        return [
            (self.nodes[first].width, self.nodes[second].width)
            for first, second in (node.operands for node in self.nodes if node.operator == "*")
        ]

    @property
    def overflows(self) -> tuple[Overflow, ...]:
        """Every place where a result can lie outside the format that stores it."""
        found = []
        for node in self.nodes:
            if node.operator not in ("clamp", "low", "wrap") or not node.stores:
                continue
            source = self.nodes[node.operands[0]]
            unit = 2.0**-node.fraction_bits
            found.append(
                Overflow(
                    text=self.statements[node.statement].text,
                    kind=node.operator,
                    low=source.low * unit,
                    high=source.high * unit,
                    below=source.low < node.low,
                    above=source.high > node.high,
                )
            )
        return tuple(found)


class ProgramBuilder:
    """Makes nodes, each distinct operation once, and finds their intervals."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.statements: list[Statement] = [Statement("", "inputs")]
        self.statement = 0
        self._known: dict[Node, int] = {}

    def begin(self, target: str, text: str) -> None:
        """Start the statement that the next nodes belong to."""
        self.statements.append(Statement(target, text))
        self.statement = len(self.statements) - 1

    @contextmanager
    def within(self, statement: int) -> Iterator[None]:
        """Let what is made belong to an earlier statement."""
        now, self.statement = self.statement, statement
        try:
            yield
        finally:
            self.statement = now

    def input(self, low: int, high: int, fraction_bits: int) -> int:
        """Make an input node; two calls make two."""
        return self._append(Node("input", (), low, high, 0, fraction_bits))

    def constant(self, value: int, fraction_bits: int) -> int:
        """Return the node of a constant."""
        return self._shared(Node("constant", (), value, value, value, fraction_bits))

    def clamp(self, operand: int, low: int, high: int, *, stores: bool = False) -> int:
        """Return a node limited to [low, high]; the operand itself if it always is.

        A constant stays a constant.
        """
        node = self.nodes[operand]
        if low <= node.low and node.high <= high:
            return operand
        if node.operator == "constant":
            return self.constant(min(max(node.amount, low), high), node.fraction_bits)
        limits = (max(low, min(node.low, high)), min(high, max(node.high, low)))
        made = Node("clamp", (operand,), *limits, 0, node.fraction_bits, stores=stores)
        return self._shared(made)

    def wrap(self, operand: int, width: int, *, signed: bool) -> int:
        """Return a line's result cut to its low bits; the operand itself if they hold it all."""
        node = self.nodes[operand]
        operator = "wrap" if signed else "low"
        low, high = INTERVALS[operator]((node.low, node.high), width)
        if low <= node.low and node.high <= high:
            return operand
        if node.operator == "constant":
            return self.constant((node.amount - low) % (1 << width) + low, node.fraction_bits)
        made = Node(operator, (operand,), low, high, width, node.fraction_bits, stores=True)
        return self._shared(made)

    def lookup(self, index: int, table: LookupTable, fraction_bits: int) -> int:
        """Return the entry at an index, whose interval lies within the table."""
        limits = (min(table.entries), max(table.entries))
        if limits[0] == limits[1]:
            return self.constant(limits[0], fraction_bits)
        return self._shared(Node("lookup", (index,), *limits, 0, fraction_bits, table=table))

    def apply(
        self,
        operator: str,
        *operands: int,
        amount: int = 0,
        fraction_bits: int = 0,
        interval: Interval | None = None,
    ) -> int:
        """Return the node of an operation; one on a single constant gives a constant.

        `interval` is for a caller who knows it better than the operands' intervals tell.
        """
        nodes = [self.nodes[operand] for operand in operands]
        if interval is None:
            interval = INTERVALS[operator](*((node.low, node.high) for node in nodes), amount)
        if operator == "*" and operands[0] == operands[1]:
            interval = (_magnitude((nodes[0].low, nodes[0].high), 0)[0] ** 2, interval[1])
        if operator in ("<<", ">>") and amount == 0:
            return operands[0]
        if operator in _OF_ONE and nodes[0].operator == "constant":
            return self.constant(interval[0], fraction_bits)
        return self._shared(Node(operator, operands, *interval, amount, fraction_bits))

    def embed(self, program: Program, inputs: Mapping[str, int]) -> dict[str, int]:
        """Repeat a program's operations on nodes of this one.

        Args:
            program: The program.
            inputs: The node that takes the place of each input port, by the port's name; its
                interval lies within the port's.

        Returns:
            The node of each output port, by name.
        """
        made: dict[int, int] = {node: inputs[port.name] for port, node in program.inputs}
        for index, node in enumerate(program.nodes):
            if index not in made:
                made[index] = self._repeat(node, [made[operand] for operand in node.operands])
        return {port.name: made[node] for port, node in program.outputs}

    def _repeat(self, node: Node, operands: list[int]) -> int:
        """Make a node's operation again; operands with narrower intervals may narrow its own."""
        match node.operator, operands:
            case "constant", []:
                return self.constant(node.amount, node.fraction_bits)
            case "clamp", [a]:
                return self.clamp(a, node.low, node.high, stores=node.stores)
            case ("low" | "wrap") as kind, [a]:
                return self.wrap(a, node.amount, signed=kind == "wrap")
            case "lookup", [a] if node.table is not None:
                return self.lookup(a, node.table, node.fraction_bits)
            case operator, _:
                return self.apply(
                    operator, *operands, amount=node.amount, fraction_bits=node.fraction_bits
                )

    def _shared(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = self._append(node)
        return self._known[node]

    def _append(self, node: Node) -> int:
        if node.width > MAXIMUM_RESULT_BITS:
            raise EquationError(
                f"{self.statements[self.statement].text}: an intermediate result needs "
                f"{node.width} bits, at most {MAXIMUM_RESULT_BITS} are supported: lower the "
                f"powers, or clamp before them"
            )
        self.nodes.append(replace(node, statement=self.statement))
        return len(self.nodes) - 1
