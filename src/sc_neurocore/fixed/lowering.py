"""From an equation to integers: the fixed-point rule, written once.

An expression is computed at full width. Rounding and saturation (or wrapping) happen once, at the
assignment to a state or local. Constant parts are folded in float64 and rounded once, to nearest,
ties to even, at the constants' own fraction width. Parameters that differ between neurons are
input ports at that width. exp, tanh and sigmoid are tables (`fixed.tables`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.expression import Constant, Expression, Operation, Symbol
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.adders import adders, multiplied
from sc_neurocore.fixed.program import LookupTable, Port, Program, ProgramBuilder
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.tables import EXTRA_ARGUMENT_BITS, FUNCTIONS, PiecewiseLinear, tabulate

CURRENT = "current"
SPIKE = "spike"
NEXT = "_next"
RESET = "_reset"
"""What the statement of a reset line ends in."""
MAXIMUM_CONSTANT = 2.0**31


@dataclass(frozen=True)
class ParameterPort:
    """A parameter that is read from a table: a signed integer of `width` bits."""

    name: str
    width: int


@dataclass(frozen=True)
class RoundedConstant:
    """A constant part of the equation, and what it became.

    Attributes:
        statement: Index of the program's statement that it stands in.
        expression: The part, as it is written.
        value: Its value.
        integer: What it became, in units of 2 ** -fraction_bits.
        fraction_bits: Of the constants.
        multiplies: Whether it is a factor of something that changes.
    """

    statement: int
    expression: Expression
    value: float
    integer: int
    fraction_bits: int
    multiplies: bool


@dataclass(frozen=True)
class Store:
    """A result that is fitted into the format of a state or local.

    Attributes:
        statement: Index of the program's statement.
        target: The state or local.
        is_local: Which of the two.
        value: Node of the result in the unit of the format.
        stored: Node of what is stored.
        is_rounded: Whether bits were dropped on the way to that unit.
    """

    statement: int
    target: str
    is_local: bool
    value: int
    stored: int
    is_rounded: bool


@dataclass(frozen=True)
class NeuronProgram:
    """One step of a neuron in integers.

    Inputs are the states by name, `current`, and the parameter ports by name; outputs are
    `spike` and `<state>_next` for each state.

    Attributes:
        neuron: The equation.
        fixed_point: The formats.
        folded: The parameters that became constants.
        parameters: The parameters that are ports.
        program: The operations.
        tables: The tables that stand for functions, with their errors.
        constants: The constants, as they are met.
        stores: What is stored, in the order of the equation's lines.
    """

    neuron: Neuron
    fixed_point: FixedPoint
    folded: Mapping[str, float]
    parameters: tuple[ParameterPort, ...]
    program: Program
    tables: tuple[PiecewiseLinear, ...] = ()
    constants: tuple[RoundedConstant, ...] = ()
    stores: tuple[Store, ...] = ()

    @property
    def inputs(self) -> tuple[Port, ...]:
        """The input ports in order."""
        return tuple(port for port, _ in self.program.inputs)

    @property
    def outputs(self) -> tuple[Port, ...]:
        """The output ports in order."""
        return tuple(port for port, _ in self.program.outputs)


@dataclass(frozen=True)
class _Folded:
    """A part of the equation that is a number before any input is known."""

    value: float
    expression: Expression


@dataclass(frozen=True)
class _Fixed:
    """A node, in units of 2 ** -fraction_bits; or a truth value."""

    node: int
    fraction_bits: int = 0
    is_condition: bool = False


_Value: TypeAlias = _Folded | _Fixed


class _Lowering:
    """The `StepAlgebra` whose values are nodes of an integer program."""

    def __init__(self, neuron: Neuron, formats: FixedPoint) -> None:
        self.builder = ProgramBuilder()
        self._neuron = neuron
        self._formats = formats
        self._floats = ArrayAlgebra()
        # The step visits the equation's lines in this order.
        self._lines = iter(
            [(f"{line.target}_update", str(line)) for line in neuron.update]
            + [(SPIKE, str(neuron.spike))]
            + [(f"{line.target}{RESET}", f"{line}, where it fired") for line in neuron.reset]
            + [(f"{line.target}_after", str(line)) for line in neuron.after]
        )
        self._resets = 0  # reset lines still to come, after the spike is known
        self.tables: dict[PiecewiseLinear, None] = {}
        self.constants: dict[RoundedConstant, None] = {}
        self.stores: list[Store] = []

    def begin(self) -> None:
        """Start the next line of the equation; there is none after the last."""
        target, text = next(self._lines, ("", ""))
        if target:
            self.builder.begin(target, text)

    def input(self, form: QFormat) -> _Fixed:
        node = self.builder.input(form.minimum, form.maximum, form.fraction_bits)
        return _Fixed(node, form.fraction_bits)

    def constant(self, value: float) -> _Value:
        return _Folded(value, Constant(value))

    def apply(self, operator: str, operands: tuple[_Value, ...]) -> _Value:
        folded = [operand for operand in operands if isinstance(operand, _Folded)]
        if len(folded) == len(operands):
            values = tuple(np.float64(each.value) for each in folded)
            with np.errstate(all="ignore"):
                value = float(self._floats.apply(operator, values))
            return _Folded(value, Operation(operator, tuple(each.expression for each in folded)))
        if operator == "/":
            numerator, divisor = operands
            if not isinstance(divisor, _Folded):
                raise self._error(
                    "division by something that changes is not available in integers: "
                    "divide by a constant or a fixed parameter, or multiply by a reciprocal"
                )
            if divisor.value == 0:
                raise self._error("division by zero in the constant part of an equation")
            inverse = Operation("/", (Constant(1.0), divisor.expression))
            return self.apply("*", (numerator, _Folded(1 / divisor.value, inverse)))
        if operator == "select":
            condition, chosen, otherwise = operands
            if isinstance(condition, _Folded):
                return chosen if condition.value else otherwise
            return self._aligned(operator, (chosen, otherwise), lead=(condition.node,))
        if operator == "*":
            a, b = (self._fixed(operand, multiplies=True) for operand in operands)
            bits = a.fraction_bits + b.fraction_bits
            if self._is_one(a) or self._is_one(b):
                return _Fixed(b.node if self._is_one(a) else a.node, bits)
            for constant, other in ((a, b), (b, a)):
                node = self.builder.nodes[constant.node]
                most = 99 if self._formats.multipliers == "adders" else 1
                if node.operator == "constant" and 0 < adders(node.amount) <= most:
                    return _Fixed(multiplied(self.builder, other.node, node.amount, bits), bits)
            return _Fixed(self.builder.apply("*", a.node, b.node, fraction_bits=bits), bits)
        if operator in ("+", "-", "neg", "abs", "min", "max", ">=", ">", "<=", "<"):
            return self._aligned(operator, operands)
        if operator in FUNCTIONS:
            return self._tabulated(operator, self._fixed(operands[0]))
        raise self._error(f"{operator} is not available in integers")

    def assign(self, target: str, value: _Value, *, is_local: bool) -> _Value:
        form = self._formats.current if is_local else self._formats.state
        exact = self._fixed(value)
        rescaled = node = self._rescaled(exact, form.fraction_bits).node
        if form.overflow == "wrap":
            node = self.builder.wrap(node, form.width, signed=form.signed)
        else:
            node = self.builder.clamp(node, form.minimum, form.maximum, stores=True)
        is_rounded = exact.fraction_bits > form.fraction_bits
        place = len(self.builder.statements) - 1
        self.stores.append(Store(place, target, is_local, rescaled, node, is_rounded))
        if not self._resets:  # a reset line ends in `reset`
            self.begin()
        return _Fixed(node, form.fraction_bits)

    def fire(self, operator: str, left: _Value, right: _Value) -> _Value:
        if isinstance(left, _Folded) and isinstance(right, _Folded):
            raise EquationError("the firing condition does not depend on the state or the input")
        spike = self._aligned(operator, (left, right))
        self._resets = len(self._neuron.reset)
        self.begin()
        return spike

    def reset(self, spike: _Value, value: _Value, kept: _Value) -> _Value:
        assert isinstance(spike, _Fixed)  # `fire` returns nothing else
        chosen = self._aligned("select", (value, kept), lead=(spike.node,))
        self._resets -= 1
        self.begin()
        return chosen

    def _error(self, message: str) -> EquationError:
        """Return an error that names the neuron and the line it is about."""
        line = self.builder.statements[-1].text
        return EquationError(f"{self._neuron.name}, in {line!r}: {message}")

    def _rescaled(self, value: _Fixed, bits: int) -> _Fixed:
        """Bring a number to a unit; where that is coarser, it is rounded as the formats say."""
        build, surplus = self.builder, value.fraction_bits - bits
        node = value.node
        if surplus <= 0:
            return _Fixed(build.apply("<<", node, amount=-surplus, fraction_bits=bits), bits)
        if self._formats.state.rounding == "nearest":
            fine, half = value.fraction_bits, 1 << (surplus - 1)
            if build.nodes[node].operator == "constant":
                node = build.constant(build.nodes[node].amount + half, fine)
            else:
                node = build.apply("+", node, build.constant(half, fine), fraction_bits=fine)
        return _Fixed(build.apply(">>", node, amount=surplus, fraction_bits=bits), bits)

    def _tabulated(self, function: str, argument: _Fixed) -> _Value:
        """Return a function of a number, as `fixed.tables` defines it."""
        build = self.builder
        finest = self._formats.state.fraction_bits + EXTRA_ARGUMENT_BITS
        bits = min(argument.fraction_bits, finest)
        node = self._rescaled(argument, bits).node
        interval = (build.nodes[node].low, build.nodes[node].high)
        table = tabulate(function, *interval, bits, self._formats)
        self.tables[table] = None
        node = build.clamp(node, table.first, table.last)
        start = build.constant(table.first, bits)
        position = build.apply("-", node, start, fraction_bits=bits) if table.first else node
        index = build.apply(">>", position, amount=table.segment_bits)
        values = LookupTable(f"{function}_value", table.entries[:-1], str(table))
        entry = build.lookup(index, values, table.entry_bits)
        if table.segment_bits == 0:
            return _Fixed(entry, table.entry_bits)
        note = f"what {function} gains on each line"
        gains = LookupTable(f"{function}_gain", table.differences, note)
        gain = build.lookup(index, gains, table.entry_bits)
        offset = build.apply("low", position, amount=table.segment_bits, fraction_bits=bits)
        product_bits = table.entry_bits + table.segment_bits
        product = build.apply("*", gain, offset, fraction_bits=product_bits)
        part = build.apply(">>", product, amount=table.segment_bits, fraction_bits=table.entry_bits)
        node = build.apply("+", entry, part, fraction_bits=table.entry_bits)
        return _Fixed(node, table.entry_bits)

    def _is_one(self, value: _Fixed) -> bool:
        node = self.builder.nodes[value.node]
        return node.operator == "constant" and node.amount == 1

    def _fixed(self, value: _Value, *, multiplies: bool = False) -> _Fixed:
        """Return a number's node: constants are rounded here, spikes become 0 or 1."""
        if isinstance(value, _Folded):
            return self._rounded(value, multiplies)
        if value.is_condition:
            one, zero = self.builder.constant(1, 0), self.builder.constant(0, 0)
            return _Fixed(self.builder.apply("select", value.node, one, zero))
        return value

    def _rounded(self, constant: _Folded, multiplies: bool) -> _Fixed:
        value = constant.value
        if not abs(value) < MAXIMUM_CONSTANT:
            raise self._error(
                f"the constant {value} does not fit: expected less than {MAXIMUM_CONSTANT:.0f}"
            )
        bits = self._formats.constant_fraction_bits
        integer = round(value * 2.0**bits)
        if integer == 0 and value != 0:
            raise self._error(
                f"the constant {constant.expression} = {value:.6g} would round to 0 with {bits} "
                f"fraction bits: raise constant_fraction_bits (--constant-bits) to "
                f"{bits_for(value, 0.01)}, with which it is at most 1 % off"
            )
        place = len(self.builder.statements) - 1
        self.constants[
            RoundedConstant(place, constant.expression, value, integer, bits, multiplies)
        ] = None
        # Zeros at the end carry nothing: 0.5 is one bit, and 1 needs no multiplier.
        while bits > 0 and integer % 2 == 0:
            integer, bits = integer // 2, bits - 1
        return _Fixed(self.builder.constant(integer, bits), bits)

    def _aligned(
        self, operator: str, operands: tuple[_Value, ...], lead: tuple[int, ...] = ()
    ) -> _Fixed:
        """Apply an operator that wants its operands in one unit: the finest among them."""
        fixed = [self._fixed(operand) for operand in operands]
        bits = max(operand.fraction_bits for operand in fixed)
        nodes = [
            self.builder.apply(
                "<<", operand.node, amount=bits - operand.fraction_bits, fraction_bits=bits
            )
            for operand in fixed
        ]
        node = self.builder.apply(operator, *lead, *nodes, fraction_bits=bits)
        if self.builder.nodes[node].is_condition:
            return _Fixed(node, is_condition=True)
        return _Fixed(node, bits)


def bits_for(value: float, error: float) -> int:
    """Return the fraction bits with which rounding a number errs by less than a share of it."""
    return max(0, math.ceil(-math.log2(2 * error * abs(value))))


def lower(
    neuron: Neuron,
    formats: FixedPoint,
    values: Mapping[str, float] = MappingProxyType({}),
    ports: Sequence[ParameterPort] = (),
) -> NeuronProgram:
    """Lower one step of a neuron to integers.

    Args:
        neuron: The equation.
        formats: The number formats.
        values: Parameters that become constants; those not given take their default.
        ports: Parameters that are read from a table at run time instead.

    Raises:
        EquationError: If a parameter is unknown or out of its range, or the equation uses what
            integers do not have.
    """
    for name in (*neuron.states, *neuron.parameters):
        if name in (CURRENT, SPIKE) or name.endswith(NEXT):
            raise EquationError(
                f"{neuron.name}: the name {name!r} is taken by the ports of the integer model: "
                f"rename it"
            )
    for name, value in neuron.states.items():
        if abs(value - formats.state.to_float(formats.state.quantize(value))) >= 1:
            raise EquationError(
                f"{neuron.name}: state {name} = {value:g} lies outside {formats.state}: choose "
                f"a format with more integer bits, or scale the equation"
            )
    port_names = [port.name for port in ports]
    folded = {
        name: value for name, value in neuron.resolve(values).items() if name not in port_names
    }
    lowering = _Lowering(neuron, formats)
    inputs: list[tuple[Port, _Fixed]] = []

    def add_input(name: str, form: QFormat) -> _Fixed:
        value = lowering.input(form)
        inputs.append((Port(name, form.width, form.fraction_bits, form.signed), value))
        return value

    state: dict[str, _Value] = {name: add_input(name, formats.state) for name in neuron.states}
    current = add_input(CURRENT, formats.current)
    bits = formats.constant_fraction_bits
    parameters: dict[str, _Value] = {
        name: _Folded(value, Symbol(name)) for name, value in folded.items()
    }
    for port in ports:
        parameters[port.name] = add_input(port.name, QFormat(port.width - bits, bits))

    lowering.begin()
    spike, new_state = step(neuron, state, current, parameters, lowering)
    outputs = [(Port(SPIKE, 1, 0, signed=False), spike)]
    outputs += [
        (
            Port(
                name + NEXT, formats.state.width, formats.state.fraction_bits, formats.state.signed
            ),
            value,
        )
        for name, value in new_state.items()
    ]
    program = Program(
        nodes=tuple(lowering.builder.nodes),
        statements=tuple(lowering.builder.statements),
        inputs=tuple((port, value.node) for port, value in inputs),
        outputs=tuple((port, value.node) for port, value in outputs if isinstance(value, _Fixed)),
    )
    return NeuronProgram(
        neuron,
        formats,
        MappingProxyType(folded),
        tuple(ports),
        program,
        tuple(lowering.tables),
        tuple(lowering.constants),
        tuple(lowering.stores),
    )
