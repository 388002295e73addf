"""The one integer evaluator: what every node of a program means.

`evaluate` is generic over the kind of integers. With `NumpyIntegers` it is the simulator that
users run; with `BitVectors` it is the reference that the prover uses. Both run this code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import ToolMissingError
from sc_neurocore.fixed.program import Node, Program

T = TypeVar("T")

_WORD, _OBJECT = np.dtype(np.int64), np.dtype(object)

WORD = 63
"""The widest number, in bits, that is computed in 64-bit integers."""


class IntegerAlgebra(Protocol[T]):
    """A kind of integers. Python's operators on it compute in two's complement.

    Attributes:
        has_widths: Whether `resize` does anything.
    """

    has_widths: bool

    def constant(self, value: int, width: int) -> T:
        """Return a number of `width` bits."""
        ...

    def resize(self, value: T, width: int) -> T:
        """Return the same number in `width` bits, which are enough for it."""
        ...

    def select(self, condition: T, chosen: T, otherwise: T) -> T:
        """Return `chosen` where the condition holds, else `otherwise`."""
        ...

    def low_bits(self, value: T, bits: int, *, signed: bool) -> T:
        """Return the number that the low bits make, at the value's width."""
        ...

    def lookup(self, index: T, entries: tuple[int, ...], width: int) -> T:
        """Return the entry at an index, in `width` bits."""
        ...


def evaluate(
    program: Program,
    inputs: Mapping[str, T],
    algebra: IntegerAlgebra[T],
    observe: Callable[[int, T], T] | None = None,
) -> dict[str, T]:
    """Run a program.

    Args:
        program: The operations.
        inputs: A value for each input port, by name, within the port's range, at its node's width.
        algebra: The kind of integers.
        observe: Called with each operation's node and value; what it returns takes the value's
            place, so that a prover can go on from a name for it.

    Returns:
        The value of each output port, by name.
    """
    values: list[T] = []
    names = {node: port.name for port, node in program.inputs}
    widths = program.working_widths
    for index, node in enumerate(program.nodes):
        if node.operator == "input":
            values.append(inputs[names[index]])
            continue
        # At the width of the widest number that takes part, no operation can overflow.
        width = widths[index]
        operands = [values[operand] for operand in node.operands]
        if algebra.has_widths:
            parts = [program.nodes[operand] for operand in node.operands]
            operands = [
                operand if part.is_condition else algebra.resize(operand, width)
                for operand, part in zip(operands, parts, strict=True)
            ]
        value = _apply(node, operands, width, algebra)
        if algebra.has_widths and not node.is_condition:
            value = algebra.resize(value, node.width)
        values.append(value if observe is None else observe(index, value))
    return {port.name: values[node] for port, node in program.outputs}


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "^": lambda a, b: a ^ b,
    ">=": lambda a, b: a >= b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    "<": lambda a, b: a < b,
    "<<": lambda a, amount: a << amount,
    ">>": lambda a, amount: a >> amount,
}


def _apply(node: Node, operands: list[Any], width: int, algebra: IntegerAlgebra[Any]) -> Any:
    def constant(value: int) -> Any:
        return algebra.constant(value, width)

    match node.operator, operands:
        case "constant", []:
            return constant(node.amount)
        case ("<<" | ">>") as shift, [a]:
            return _OPERATIONS[shift](a, constant(node.amount))
        case "neg", [a]:
            return -a
        case "abs", [a]:
            return algebra.select(a < constant(0), -a, a)
        case "min", [a, b]:
            return algebra.select(a <= b, a, b)
        case "max", [a, b]:
            return algebra.select(a >= b, a, b)
        case "clamp", [a]:
            low, high = constant(node.low), constant(node.high)
            return algebra.select(a < low, low, algebra.select(a > high, high, a))
        case "select", [condition, a, b]:
            return algebra.select(condition, a, b)
        case ("low" | "wrap") as kind, [a]:
            return algebra.low_bits(a, node.amount, signed=kind == "wrap")
        case "lookup", [index]:
            assert node.table is not None
            return algebra.lookup(index, node.table.entries, width)
        case operator, [a, b]:
            return _OPERATIONS[operator](a, b)
        case operator, _:
            raise AssertionError(f"no integer operator {operator} of {len(operands)} operands")


class NumpyIntegers:
    """NumPy arrays of integers: of 64 bits where they hold a node, else of Python's own."""

    def __init__(self, program: Program) -> None:
        """Prepare for the nodes of a program."""
        self.has_widths = program.width > WORD
        self._constants: dict[tuple[int, bool], NDArray[Any]] = {}
        self._tables: dict[tuple[tuple[int, ...], bool], NDArray[Any]] = {}

    def constant(self, value: int, width: int) -> NDArray[Any]:
        """Return a zero-dimensional array."""
        key = value, width <= WORD
        if key not in self._constants:
            self._constants[key] = np.array(value, dtype=np.int64 if width <= WORD else object)
        return self._constants[key]

    def resize(self, value: NDArray[Any], width: int) -> NDArray[Any]:
        """Return the value as an array whose elements hold `width` bits."""
        wanted = _WORD if width <= WORD else _OBJECT
        array = np.asarray(value)
        return array if array.dtype is wanted else array.astype(wanted)

    def low_bits(self, value: Any, bits: int, *, signed: bool) -> Any:
        """Return the low bits as a number."""
        mask, sign = (1 << bits) - 1, 1 << (bits - 1)
        low = value & mask
        return (low ^ sign) - sign if signed else low

    def lookup(self, index: Any, entries: tuple[int, ...], width: int) -> Any:
        """Choose entries by element."""
        places = np.asarray(index).astype(np.int64)  # few, where they come as wide numbers too
        key = entries, width <= WORD
        if key not in self._tables:
            self._tables[key] = np.array(entries, dtype=np.int64 if width <= WORD else object)
        return self._tables[key][places]

    def select(self, condition: Any, chosen: Any, otherwise: Any) -> Any:
        """Choose element by element."""
        return np.where(condition, chosen, otherwise)


class BitVectors:
    """z3 bit-vectors: a program evaluated on them is a formula over all inputs."""

    has_widths = True

    def __init__(self) -> None:
        """Find z3, which the `fpga` extra installs."""
        try:
            import z3
        except ModuleNotFoundError:
            raise ToolMissingError(
                "z3 is not installed, which proofs need: pip install -e '.[fpga]' in the checkout"
            ) from None
        self._z3 = z3

    def constant(self, value: int, width: int) -> Any:
        """Return a bit-vector literal."""
        return self._z3.BitVecVal(value, width)

    def resize(self, value: Any, width: int) -> Any:
        """Sign-extend, or cut off bits that only repeat the sign."""
        if width > value.size():
            return self._z3.SignExt(width - value.size(), value)
        return value if width == value.size() else self._z3.Extract(width - 1, 0, value)

    def select(self, condition: Any, chosen: Any, otherwise: Any) -> Any:
        """Return an if-then-else term."""
        return self._z3.If(condition, chosen, otherwise)

    def low_bits(self, value: Any, bits: int, *, signed: bool) -> Any:
        """Cut the value, and extend it again."""
        low, rest = self._z3.Extract(bits - 1, 0, value), value.size() - bits
        return self._z3.SignExt(rest, low) if signed else self._z3.ZeroExt(rest, low)

    def lookup(self, index: Any, entries: tuple[int, ...], width: int) -> Any:
        """Return a tree of choices, one level per bit of the index."""
        level = [self._z3.BitVecVal(entry, width) for entry in entries]
        for bit in range(index.size()):
            if len(level) == 1:
                break
            is_set = self._z3.Extract(bit, bit, index) == 1
            level = [
                self._z3.If(is_set, level[i + 1], level[i]) if i + 1 < len(level) else level[i]
                for i in range(0, len(level), 2)
            ]
        return level[0]
