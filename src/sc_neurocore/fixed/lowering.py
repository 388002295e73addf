"""From an equation to integers: the fixed-point rule, written once.

An expression is computed at full width. Rounding and saturation (or wrapping) happen once, at the
assignment to a state or local. Constant parts are folded in float64 and rounded once, to nearest,
ties to even, at the constants' own fraction width. Parameters that differ between neurons are
input ports at that width.

Functions are tables (`fixed.tables`). A table stands for the largest part of the equation that
holds a function, or divides, and depends on one thing that changes: a state, an input, a local, or
what a minimum, a choice or a sum of several of them gives. What is a sum of such a part and a
polynomial of the same thing is computed as a sum: only the part is a table. Locals that are such
parts are written in where a larger table needs them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import ClassVar, TypeAlias

import numpy as np

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.expression import (
    OPERATORS,
    Constant,
    Expression,
    Operation,
    Symbol,
    substituted,
)
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.noise import NEXT_WORD, NOISE_OPERATORS
from sc_neurocore.equation.step import step
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.adders import adders, multiplied
from sc_neurocore.fixed.noise import drawn, stepped, with_words
from sc_neurocore.fixed.program import LookupTable, Port, Program, ProgramBuilder
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.tables import ARGUMENT, EXTRA_ARGUMENT_BITS, PiecewiseLinear, tabulate

CURRENT = "current"
SPIKE = "spike"
NEXT = "_next"
RESET = "_reset"
"""What the statement of a reset line ends in."""
MAXIMUM_CONSTANT = 2.0**31
FUNCTIONS = tuple(
    name
    for name, operator in OPERATORS.items()
    if operator.notation == "call" and name not in ("abs", "min", "max", "select", *NOISE_OPERATORS)
)
"""What becomes a table."""

_X = Symbol(ARGUMENT)


@dataclass(frozen=True)
class ParameterPort:
    """A parameter that is read from a table: a signed integer of `width` bits."""

    name: str
    width: int
    signed: ClassVar[bool] = True


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
        read_before: The states of which tables only read what they were before the step.
    """

    neuron: Neuron
    fixed_point: FixedPoint
    folded: Mapping[str, float]
    parameters: tuple[ParameterPort, ...]
    program: Program
    tables: tuple[PiecewiseLinear, ...] = ()
    constants: tuple[RoundedConstant, ...] = ()
    stores: tuple[Store, ...] = ()
    read_before: frozenset[str] = frozenset()

    @property
    def currents(self) -> tuple[str, ...]:
        """The ports of the input currents."""
        return current_ports(self.neuron)

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
    """A node, in units of 2 ** -fraction_bits; or a truth value. What it is, for people."""

    node: int
    fraction_bits: int = 0
    is_condition: bool = False
    expression: Expression = field(default=_X, compare=False)


@dataclass(frozen=True, eq=False)
class _Curve:
    """What depends on one node alone, and has none of its own before it is needed.

    Attributes:
        base: The node.
        function: An expression in `tables.ARGUMENT`.
        operator: The outermost operator, and
        operands: what it is applied to.
        is_table: Whether it holds a function, so that it cannot be computed exactly.
        size: Of the expression.
        statement: The line that it belongs to.
        local: The local that it was assigned to, if any.
    """

    base: _Fixed
    function: Expression
    operator: str
    operands: tuple[_Value, ...]
    is_table: bool
    size: int
    statement: int
    local: str = ""

    @property
    def expression(self) -> Expression:
        if self.local:
            return Symbol(self.local)
        return substituted(self.function, {ARGUMENT: self.base.expression})

    @property
    def is_sum(self) -> bool:
        """Whether it is a sum of a table and a polynomial."""
        return (
            self.operator in ("+", "-")
            and self.is_table
            and any(isinstance(each, _Fixed) or _is_polynomial(each) for each in self.operands)
        )


_Value: TypeAlias = _Folded | _Fixed | _Curve

_CURVED = ("+", "-", "*", "/", "neg", *FUNCTIONS)
_LARGEST_CURVE = 400


def _is_polynomial(value: _Value) -> bool:
    return isinstance(value, _Curve) and not value.is_table


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
        # Whether what tables are over was there before the step, by what it is.
        self.bases: dict[str, set[bool]] = {}
        self.stores: list[Store] = []
        self._made: dict[int, tuple[_Curve, _Fixed]] = {}  # by identity of the curve

    def begin(self) -> None:
        """Start the next line of the equation; there is none after the last."""
        target, text = next(self._lines, ("", ""))
        if target:
            self.builder.begin(target, text)

    def input(self, name: str, form: QFormat) -> _Fixed:
        node = self.builder.input(form.minimum, form.maximum, form.fraction_bits)
        return _Fixed(node, form.fraction_bits, expression=Symbol(name))

    def constant(self, value: float) -> _Value:
        return _Folded(value, Constant(value))

    def apply(self, operator: str, operands: tuple[_Value, ...]) -> _Value:
        folded = [operand for operand in operands if isinstance(operand, _Folded)]
        if len(folded) == len(operands):
            values = tuple(np.float64(each.value) for each in folded)
            with np.errstate(all="ignore"):
                value = float(self._floats.apply(operator, values))
            return _Folded(value, Operation(operator, tuple(each.expression for each in folded)))
        if operator == "/" and isinstance(operands[1], _Folded) and operands[1].value == 0:
            raise self._error("division by zero in the constant part of an equation")
        if operator in _CURVED:
            curve = self._curve(operator, operands)
            if curve is not None:
                return curve
        return self._exact(operator, operands)

    def _curve(self, operator: str, operands: tuple[_Value, ...]) -> _Curve | None:
        """Return what depends on one node as such; None if it depends on more."""
        bases = {_base(operand) for operand in operands if not isinstance(operand, _Folded)}
        if len(bases) > 1 or any(base.is_condition for base in bases):
            return None
        size = 1 + sum(each.size if isinstance(each, _Curve) else 1 for each in operands)
        if size > _LARGEST_CURVE:
            return None
        divides = operator == "/" and not isinstance(operands[1], _Folded)
        parts = tuple(
            Constant(each.value)
            if isinstance(each, _Folded)
            else _X
            if isinstance(each, _Fixed)
            else each.function
            for each in operands
        )
        if not all(math.isfinite(each.value) for each in operands if isinstance(each, _Folded)):
            raise self._error("a constant part of it is not a finite number")
        return _Curve(
            base=next(iter(bases)),
            function=Operation(operator, parts),
            operator=operator,
            operands=operands,
            is_table=divides
            or operator in FUNCTIONS
            or any(isinstance(each, _Curve) and each.is_table for each in operands),
            size=size,
            statement=len(self.builder.statements) - 1,
        )

    def _exact(self, operator: str, operands: tuple[_Value, ...]) -> _Value:
        """Return a result of integers."""
        if operator == "/":
            numerator, divisor = operands
            if not isinstance(divisor, _Folded):
                inverse_of = self._curve("/", (_ONE, divisor))
                inverse_of = inverse_of or self._function("/", (_ONE, divisor))
                return self.apply("*", (numerator, inverse_of))
            inverse = Operation("/", (Constant(1.0), divisor.expression))
            return self.apply("*", (numerator, _Folded(1 / divisor.value, inverse)))
        if operator == "power" and not isinstance(operands[1], _Folded):
            base, exponent = operands
            logarithm = self.apply("log", (base,))
            return self.apply("exp", (self.apply("*", (exponent, logarithm)),))
        if operator in FUNCTIONS:
            return self._function(operator, operands)
        expression = Operation(operator, tuple(each.expression for each in operands))
        if operator == "select":
            condition, chosen, otherwise = operands
            if isinstance(condition, _Folded):
                return chosen if condition.value else otherwise
            assert isinstance(condition, _Fixed)  # a curve is a number
            found = self._aligned(operator, (chosen, otherwise), lead=(condition.node,))
        elif operator == "*":
            found = self._product(operands)
        elif operator in NOISE_OPERATORS:
            found = self._draw(operator, operands)
        elif operator in ("+", "-", "neg", "abs", "min", "max", ">=", ">", "<=", "<"):
            found = self._aligned(operator, operands)
        else:
            raise self._error(f"{operator} is not available in integers")
        return replace(found, expression=expression)

    def _draw(self, operator: str, operands: tuple[_Value, ...]) -> _Fixed:
        """Return a source's next word, or the draw that is made of one."""
        word, *start = (self._fixed(operand) for operand in operands)
        if operator != NEXT_WORD:
            return _Fixed(*drawn(self.builder, operator, word.node))
        bits = start[0].fraction_bits
        whole = self.builder.apply(">>", start[0].node, amount=bits)
        return _Fixed(stepped(self.builder, word.node, whole))

    def _product(self, operands: tuple[_Value, ...]) -> _Fixed:
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

    def _function(self, operator: str, operands: tuple[_Value, ...]) -> _Curve:
        """Return a function of what depends on several things: it becomes a node first."""
        nodes = tuple(each if isinstance(each, _Folded) else self._fixed(each) for each in operands)
        curve = self._curve(operator, nodes)
        assert curve is not None  # at most one of them is a node
        return curve

    def _node_of(self, curve: _Curve) -> _Fixed:
        """Return the node of what depends on one thing, made where it is first needed."""
        if id(curve) not in self._made:
            with self.builder.within(curve.statement):
                self._made[id(curve)] = curve, self._made_of(curve)
        return self._made[id(curve)][1]

    def _made_of(self, curve: _Curve) -> _Fixed:
        if curve.local:
            return self._stored(curve.local, curve.operands[0], is_local=True)
        is_scaled = curve.operator == "neg" or (
            curve.operator in ("*", "/")
            and any(isinstance(each, _Folded) for each in curve.operands)
        )
        sums = any(isinstance(each, _Curve) and each.is_sum for each in curve.operands)
        if not curve.is_table or curve.is_sum or (is_scaled and sums):
            found = self._exact(curve.operator, curve.operands)
            if isinstance(found, _Curve):  # a quotient became a product
                return self._made_of(found)
            assert isinstance(found, _Fixed)  # not all are constants
            return found
        return replace(self._tabulated(curve), expression=curve.expression)

    def assign(self, target: str, value: _Value, *, is_local: bool) -> _Value:
        stored: _Value
        if is_local and isinstance(value, _Curve) and value.is_table:
            # It may be part of a larger table, and then needs no node.
            place = len(self.builder.statements) - 1
            stored = replace(value, operands=(value,), local=target, statement=place)
        else:
            stored = self._stored(target, value, is_local=is_local)
        if not self._resets:  # a reset line ends in `reset`
            self.begin()
        return stored

    def _stored(self, target: str, value: _Value, *, is_local: bool) -> _Fixed:
        """Return what a state or local holds of a value."""
        form = self._formats.of(target, is_local=is_local)
        exact = self._fixed(value)
        rescaled = node = self._rescaled(exact, form.fraction_bits).node
        if form.overflow == "wrap":
            node = self.builder.wrap(node, form.width, signed=form.signed)
        else:
            node = self.builder.clamp(node, form.minimum, form.maximum, stores=True)
        is_rounded = exact.fraction_bits > form.fraction_bits
        self.stores.append(
            Store(self.builder.statement, target, is_local, rescaled, node, is_rounded)
        )
        return _Fixed(node, form.fraction_bits, expression=Symbol(target))

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
        line = self.builder.statements[self.builder.statement].text
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

    def _tabulated(self, curve: _Curve) -> _Fixed:
        """Return a function of a number, as `fixed.tables` defines it."""
        build = self.builder
        bits = min(curve.base.fraction_bits, self._formats.finest + EXTRA_ARGUMENT_BITS)
        node = self._rescaled(curve.base, bits).node
        interval = (build.nodes[node].low, build.nodes[node].high)
        try:
            table = tabulate(curve.function, *interval, bits, self._formats, curve.base.expression)
        except EquationError as error:
            raise self._error(str(error)) from None
        self.tables[table] = None
        is_before = build.nodes[curve.base.node].operator == "input"
        self.bases.setdefault(str(curve.base.expression), set()).add(is_before)
        node = build.clamp(node, table.first, table.last)
        start = build.constant(table.first, bits)
        position = build.apply("-", node, start, fraction_bits=bits) if table.first else node
        index = build.apply(">>", position, amount=table.segment_bits)
        values = LookupTable(f"{table.name}_value", table.entries[:-1], str(table))
        entry = build.lookup(index, values, table.entry_bits)
        if table.segment_bits == 0:
            return _Fixed(entry, table.entry_bits)
        gains = LookupTable(
            f"{table.name}_gain", table.differences, f"what {table.written} gains on each line"
        )
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
        if isinstance(value, _Curve):
            return self._node_of(value)
        if value.is_condition:
            one, zero = self.builder.constant(1, 0), self.builder.constant(0, 0)
            node = self.builder.apply("select", value.node, one, zero)
            return _Fixed(node, expression=value.expression)
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
        place = self.builder.statement
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


_ONE = _Folded(1.0, Constant(1.0))


def _base(value: _Value) -> _Fixed:
    """Return the node that a value depends on."""
    assert not isinstance(value, _Folded)  # by how they are picked
    return value.base if isinstance(value, _Curve) else value


def current_ports(neuron: Neuron) -> tuple[str, ...]:
    """Return the ports of a neuron's inputs: `current` for one, the inputs' names for several."""
    return neuron.inputs if neuron.more_inputs else (CURRENT,)


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
    for name in (*neuron.states, *neuron.parameters, *neuron.more_inputs):
        if name in (CURRENT, SPIKE) or name.endswith(NEXT):
            raise EquationError(
                f"{neuron.name}: the name {name!r} is taken by the ports of the integer model: "
                f"rename it"
            )
    formats = with_words(formats, neuron)
    for name, value in neuron.states.items():
        form = formats.of(name)
        if abs(value - form.to_float(form.quantize(value))) >= 1:
            raise EquationError(
                f"{neuron.name}: state {name} = {value:g} lies outside {form}: choose "
                f"a format with more integer bits, or scale the equation"
            )
    unknown = sorted(
        {name for name, _ in formats.own}
        - {*neuron.states, *(line.target for line in neuron.update if line.is_local)}
    )
    if unknown:
        raise EquationError(
            f"{neuron.name} has no state or local {unknown[0]!r}, for which a format is given"
        )
    port_names = [port.name for port in ports]
    folded = {
        name: value for name, value in neuron.resolve(values).items() if name not in port_names
    }
    lowering = _Lowering(neuron, formats)
    inputs: list[tuple[Port, _Fixed]] = []

    def add_input(name: str, form: QFormat) -> _Fixed:
        symbol = neuron.input if name == CURRENT else name
        value = lowering.input(symbol, form)
        inputs.append((Port(name, form.width, form.fraction_bits, form.signed), value))
        return value

    state: dict[str, _Value] = {name: add_input(name, formats.of(name)) for name in neuron.states}
    currents: dict[str, _Value] = {
        name: add_input(port, formats.current)
        for name, port in zip(neuron.inputs, current_ports(neuron), strict=True)
    }
    bits = formats.constant_fraction_bits
    parameters: dict[str, _Value] = {
        name: _Folded(value, Symbol(name)) for name, value in folded.items()
    }
    for port in ports:
        parameters[port.name] = add_input(port.name, QFormat(port.width - bits, bits))

    lowering.begin()
    spike, new_state = step(neuron, state, currents, parameters, lowering)
    outputs = [(Port(SPIKE, 1, 0, signed=False), spike)]
    for name, following in new_state.items():
        form = formats.of(name)
        outputs.append((Port(name + NEXT, form.width, form.fraction_bits, form.signed), following))
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
        frozenset(name for name, kinds in lowering.bases.items() if kinds == {True}),
    )
