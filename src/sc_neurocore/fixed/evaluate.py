"""The one integer evaluator: what every node of a program means.

`evaluate` is generic over the kind of integers. With `NumpyIntegers` it is the simulator that
users run; with `BitVectors` it is the reference that the prover uses. Both run this code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.fixed.program import Node, Program

T = TypeVar("T")


class IntegerAlgebra(Protocol[T]):
    """A kind of integers. Python's operators on it compute in two's complement."""

    def constant(self, value: int, width: int) -> T:
        """Return a number of `width` bits."""
        ...

    def resize(self, value: T, width: int) -> T:
        """Return the same number in `width` bits, which are enough for it."""
        ...

    def select(self, condition: T, chosen: T, otherwise: T) -> T:
        """Return `chosen` where the condition holds, else `otherwise`."""
        ...


def evaluate(program: Program, inputs: Mapping[str, T], algebra: IntegerAlgebra[T]) -> dict[str, T]:
    """Run a program.

    Args:
        program: The operations.
        inputs: A value for each input port, by name, within the port's range.
        algebra: The kind of integers.

    Returns:
        The value of each output port, by name.
    """
    values: list[T] = []
    names = {node: port.name for port, node in program.inputs}
    for index, node in enumerate(program.nodes):
        if node.operator == "input":
            values.append(inputs[names[index]])
            continue
        # At the width of the widest number that takes part, no operation can overflow.
        parts = [program.nodes[operand] for operand in node.operands]
        width = max([node.width, *(part.width for part in parts)])
        operands = [
            values[operand] if part.is_condition else algebra.resize(values[operand], width)
            for operand, part in zip(node.operands, parts, strict=True)
        ]
        value = _apply(node, operands, width, algebra)
        values.append(value if node.is_condition else algebra.resize(value, node.width))
    return {port.name: values[node] for port, node in program.outputs}


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
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
        case operator, [a, b]:
            return _OPERATIONS[operator](a, b)
        case operator, _:
            raise AssertionError(f"no integer operator {operator} of {len(operands)} operands")


class NumpyIntegers:
    """NumPy arrays of 64-bit integers, for programs whose nodes fit into them."""

    def __init__(self, program: Program) -> None:
        """Check that int64 holds every node of the program."""
        if program.width > 63:
            raise UserError(
                f"the equation needs {program.width} bits, and 64-bit integers hold 63: use a "
                f"narrower format, fewer constant_fraction_bits, or shorter products"
            )

    def constant(self, value: int, width: int) -> NDArray[np.int64]:
        """Return a zero-dimensional array."""
        return np.array(value, dtype=np.int64)

    def resize(self, value: NDArray[np.int64], width: int) -> NDArray[np.int64]:
        """Return the value: int64 is wide enough for every node."""
        return value

    def select(self, condition: Any, chosen: Any, otherwise: Any) -> Any:
        """Choose element by element."""
        return np.where(condition, chosen, otherwise)


class BitVectors:
    """z3 bit-vectors: a program evaluated on them is a formula over all inputs."""

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
