"""What becomes of an equation's real numbers: each constant, each assignment, each condition.

All of it follows from the integer program and from what can come in: it says what is possible in
any number of steps. How far floats and integers part on a stimulus is found by running both
(`fixed.comparison`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

import numpy as np

from sc_neurocore.array_types import Floats
from sc_neurocore.fixed.lowering import NEXT, RESET, SPIKE, NeuronProgram, Store, bits_for
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.numerics import (
    AssignmentFact,
    ConstantFact,
    Finding,
    Kind,
    NeuronNumerics,
    Numerics,
    Saturation,
    Severity,
    StateFact,
)
from sc_neurocore.fixed.program import COMPARISONS, Interval
from sc_neurocore.fixed.qformat import (
    MAXIMUM_CONSTANT_BITS,
    MAXIMUM_TABLE_BITS,
    MAXIMUM_WIDTH,
    QFormat,
)
from sc_neurocore.fixed.ranges import Reachable, reachable
from sc_neurocore.fixed.resolution import Resolution, resolutions
from sc_neurocore.network.description import NetworkDescription, Population

WARNED_ERROR, REFUSED_ERROR = 0.01, 0.1
"""A constant that is off by more is warned of, or refused."""

COARSE = 16
"""A threshold that is fewer steps of the format away is warned of."""

LOST = 0.1
"""What rounding may cost a state, as a share of its way to the threshold, before it is said."""

SLOW = 200
"""A state without a leak that loses this share sooner than after so many steps is warned of."""


def judge_neuron(
    program: NeuronProgram,
    *,
    current: Interval | None = None,
    parameters: Mapping[str, Floats] | None = None,
    where: str = "",
    must_fire: bool = True,
    tables_elsewhere: Collection[str] = (),
) -> NeuronNumerics:
    """Give the account of a neuron.

    Args:
        program: The neuron in integers.
        current: The least and the largest current, as integers; by default its format's range.
        parameters: The values of the parameters that are ports, an array for each.
        where: The layer, for messages.
        must_fire: Whether it is an error that it never fires.
        tables_elsewhere: What tables of other neurons in the same formats are over.
    """
    formats, given = program.fixed_point, parameters or {}
    form = formats.current
    inputs: dict[str, Interval] = dict.fromkeys(
        program.currents, current or (form.minimum, form.maximum)
    )
    for port in program.parameters:
        limit = 1 << (port.width - 1)
        inputs[port.name] = (-limit, limit - 1)
        if port.name in given:
            integers = [
                round(float(end) * 2.0**formats.constant_fraction_bits)
                for end in (given[port.name].min(), given[port.name].max())
            ]
            inputs[port.name] = (integers[0], integers[1])
    names = program.neuron.states
    initial = {name: int(formats.of(name).quantize(value)) for name, value in names.items()}
    reached = reachable(program.program, initial, {name: name + NEXT for name in names}, inputs)
    constants = [*_constants(program, given)]
    judge = _Judge(program, reached, where)
    resolved = resolutions(program, given)
    findings = [
        *judge.constants(constants),
        *judge.assignments(),
        *judge.firing(must_fire),
        *judge.branches(),
        *judge.tables(),
        *judge.ranges(tables_elsewhere),
        *judge.inputs(),
        *judge.rounding(resolved),
    ]
    return NeuronNumerics(
        where=where,
        neuron=program.neuron.name,
        constants=tuple(constants),
        assignments=tuple(judge.fact(store) for store in program.stores),
        states=tuple(judge.states(resolved)),
        tables=tuple(str(table) for table in program.tables),
        findings=tuple(findings),
    )


def judge_program(program: NeuronProgram) -> Numerics:
    """Give the account of a neuron alone, for every current of its format."""
    return numerics_of(program, (judge_neuron(program),))


def judge_network(network: IntegerNetwork, description: NetworkDescription) -> Numerics:
    """Give the account of a network, layer by layer, for every input of its encoding.

    Args:
        network: The network in integers.
        description: What it was made of.
    """
    populations = [
        (place, layer)
        for place, layer in enumerate(description.layers)
        if isinstance(layer, Population)
    ]
    over = {str(table.of) for layer in network.layers for table in layer.program.tables}
    neurons = []
    for layer, (place, population) in zip(network.layers, populations, strict=True):
        is_last = layer is network.layers[-1]
        values = population.values()
        neurons.append(
            judge_neuron(
                layer.program,
                current=_current(layer),
                parameters={
                    port.name: np.asarray(values[port.name], dtype=np.float64)
                    for port in layer.program.parameters
                },
                where=f"layers[{place}]",
                must_fire=not (layer.is_integrator or (is_last and network.readout == "membrane")),
                tables_elsewhere=over,
            )
        )
    return numerics_of(network.layers[0].program, tuple(neurons))


def _current(layer: IntegerLayer) -> Interval:
    """Return the least and the largest current that the layer's sums can make."""
    program = layer.requantization
    node = program.nodes[program.outputs[0][1]]
    return node.low, node.high


def numerics_of(program: NeuronProgram, neurons: tuple[NeuronNumerics, ...]) -> Numerics:
    """Put accounts together that are in the formats of one program."""
    formats = program.fixed_point
    return Numerics(
        format=formats.text,
        current_format=str(formats.current),
        constant_bits=formats.constant_fraction_bits,
        neurons=neurons,
    )


def _rounded(value: float, digits: int = 9) -> float:
    """Cut a number to what no machine's last digits can change."""
    return float(f"{value:.{digits}g}")


def _constants(program: NeuronProgram, given: Mapping[str, Floats]) -> Iterator[ConstantFact]:
    """Yield each constant once a line, and of each table of parameters the worst one."""
    seen: set[tuple[int, str]] = set()
    for each in program.constants:
        key = each.statement, str(each.expression)
        if key not in seen and each.value:
            seen.add(key)
            yield _constant(
                program.program.statements[each.statement].text, key[1], each.value, each.integer,
                each.fraction_bits,
            )  # fmt: skip
    bits = program.fixed_point.constant_fraction_bits
    for name, numbers in given.items():
        facts = [
            _constant(
                f"parameter {name}", name, float(value), round(float(value) * 2.0**bits), bits
            )
            for value in {*numbers.ravel().tolist()}
            if value
        ]
        if facts:
            yield max(facts, key=lambda each: (each.relative_error, each.value))


def _constant(line: str, expression: str, value: float, integer: int, bits: int) -> ConstantFact:
    became = math.ldexp(integer, -bits)
    return ConstantFact(
        line=line,
        expression=expression,
        value=_rounded(value),
        became=became,
        relative_error=_rounded(abs(became - value) / abs(value), 4),
    )


def _severity(error: float) -> Severity:
    return "error" if error > REFUSED_ERROR else "warning"


def _more_bits(value: float, what: str) -> str:
    """Say how many fraction bits of constants bring a number close enough."""
    bits = bits_for(value, WARNED_ERROR)
    if bits > MAXIMUM_CONSTANT_BITS:
        return f"no constant has the {bits} fraction bits that it needs: scale the equation"
    return f"--constant-bits {bits} brings {what} below {WARNED_ERROR:.0%}"


class _Judge:
    """What is to be said of a program whose reachable values are known."""

    def __init__(self, program: NeuronProgram, reached: Reachable, where: str) -> None:
        self._program = program
        self._nodes = program.program.nodes
        self._statements = program.program.statements
        self._reached = reached
        self._where = f"{where}, " if where else ""
        self._spike = next(node for port, node in program.program.outputs if port.name == SPIKE)

    def _finding(
        self, kind: Kind, severity: Severity, line: str, message: str, cure: str
    ) -> Finding:
        return Finding(
            kind=kind,
            severity=severity,
            where=f"{self._where}{self._program.neuron.name}, in {line!r}",
            message=message,
            cure=cure,
        )

    def constants(self, facts: Iterable[ConstantFact]) -> Iterator[Finding]:
        multiplied = {str(each.expression) for each in self._program.constants if each.multiplies}
        factors = {node for each in self._nodes if each.operator == "*" for node in each.operands}
        multiplied |= {port.name for port, node in self._program.program.inputs if node in factors}
        for fact in facts:
            said = f"{fact.expression} = {fact.value:.6g} becomes {fact.became:.6g}"
            error, line = fact.relative_error, fact.line
            if error > WARNED_ERROR:
                cure = _more_bits(fact.value, "it")
                off = f"{said}, {error:.1%} off"
                yield self._finding("constant", _severity(error), line, off, cure)
            leak = 1 - abs(fact.value)
            if fact.expression in multiplied and 0 < leak < 0.5:
                error = abs(abs(fact.became) - abs(fact.value)) / leak
                gone = "nothing decays" if abs(fact.became) == 1 else f"its leak is {error:.1%} off"
                if error > WARNED_ERROR:
                    cure = _more_bits(leak, "the leak")
                    yield self._finding("leak", _severity(error), line, f"{said}: {gone}", cure)

    def fact(self, store: Store) -> AssignmentFact:
        """Return whether a line's result fits."""
        form = self._form(store)
        value, is_stored = self._reached.nodes[store.value], True
        if self._statements[store.statement].target.endswith(RESET):  # kept only where it fired
            fired = self._reached.step.under(self._spike, store.value)
            is_stored = fired.low <= fired.high
            value = fired if is_stored else value
        saturation: Saturation = "impossible"
        if not is_stored:
            pass  # it never fires
        elif value.low > form.maximum or value.high < form.minimum:
            saturation = "certain"
        elif value.low < form.minimum or value.high > form.maximum:
            saturation = "possible"
        return AssignmentFact(
            line=self._statements[store.statement].text,
            target=store.target,
            saturation=saturation,
            low=_rounded(float(form.to_float(value.low))),
            high=_rounded(float(form.to_float(value.high))),
            needs=format_for(value.bounds, form),
        )

    def assignments(self) -> Iterator[Finding]:
        for store in self._program.stores:
            fact, form = self.fact(store), self._form(store)
            if fact.saturation != "certain":
                continue
            verb = "saturates" if form.overflow == "saturate" else "wraps"
            cure = f"a wider format ({fact.needs}) holds it" if fact.needs else "scale the equation"
            yield self._finding(
                "saturation",
                "error",
                fact.line,
                f"always {verb}: it computes {_interval(fact.low, fact.high)}, and {form.plain} "
                f"ends at {float(form.to_float(form.minimum)):.7g} and "
                f"{float(form.to_float(form.maximum)):.7g}",
                cure,
            )

    def firing(self, must_fire: bool) -> Iterator[Finding]:
        low, high = self._reached.nodes[self._spike].bounds
        node = self._nodes[self._spike]
        line = str(self._program.neuron.spike)
        if low == high and node.operator in COMPARISONS:
            sides = [
                _interval(*(math.ldexp(end, -node.fraction_bits) for end in reach.bounds))
                for reach in (self._reached.nodes[operand] for operand in node.operands)
            ]
            said = f"the left side lies in {sides[0]}, the right side in {sides[1]}"
            if low == 1:
                cure = "check its threshold and its first values"
                yield self._finding("always", "error", line, f"fires in every step: {said}", cure)
            elif must_fire:
                yield self._finding(
                    "silent", "error", line, f"can never fire: {said}", self._way_to_fire()
                )

    def _way_to_fire(self) -> str:
        """Say what may make a silent neuron fire."""
        full = [
            fact
            for fact in (self.fact(store) for store in self._program.stores)
            if fact.saturation != "impossible" and fact.target in self._program.neuron.states
        ]
        formats = self._program.fixed_point
        if not full:
            return (
                f"a threshold within what {formats.state.plain} holds, or a larger current, is "
                f"needed"
            )
        named = ", ".join(dict.fromkeys(fact.target for fact in full))
        state = formats.of(full[0].target)
        return (
            f"{named} can saturate in {state.plain}: a format with more integer bits (or "
            f"--format auto, which finds one), or smaller units"
        )

    def branches(self) -> Iterator[Finding]:
        spoken: set[tuple[int, int]] = set()
        if self._reached.nodes[self._spike].high == 0:
            return  # what waits for a spike is no news then
        for node in self._nodes:
            if node.operator != "select" or node.operands[0] == self._spike:
                continue
            condition = self._reached.nodes[node.operands[0]]
            key = node.statement, node.operands[0]
            if condition.low != condition.high or key in spoken:
                continue
            spoken.add(key)
            verb = "always" if condition.low else "never"
            yield self._finding(
                "branch",
                "warning",
                self._statements[node.statement].text,
                f"a condition in it {verb} holds, so that one of its branches is never taken",
                "check the range of what it compares, or leave it out",
            )

    def tables(self) -> Iterator[Finding]:
        for table in self._program.tables:
            error = table.relative_error
            if error > WARNED_ERROR:
                formats = self._program.fixed_point
                more = min(formats.table_bits + 2, MAXIMUM_TABLE_BITS)
                yield self._finding(
                    "table",
                    _severity(error),
                    self._program.neuron.name,
                    f"{table}: that is {error:.1%} of what it spans",
                    f"a narrower range, with clamp({table.of}, low, high) or as in the format "
                    f"'{formats.state}:range -90..60={table.of}', or more segments, as in "
                    f"'{formats.state}:tables={more}'",
                )

    def ranges(self, elsewhere: Collection[str]) -> Iterator[Finding]:
        """Yield the ranges that are of no table: what they say would go unheard."""
        over = {str(table.of) for table in self._program.tables}
        for name, low, high in self._program.fixed_point.ranges:
            if name not in over and name not in elsewhere:
                yield self._finding(
                    "table",
                    "error",
                    self._program.neuron.name,
                    f"no table is over {name}, for which the formats give the range {low:g} to "
                    f"{high:g}",
                    f"expected one of: {', '.join(sorted(over)) or 'none, it has no table'}",
                )

    def inputs(self) -> Iterator[Finding]:
        """Yield the inputs that nothing depends on."""
        needed = {node for _, node in self._program.program.outputs}
        for index in range(len(self._nodes) - 1, -1, -1):
            if index in needed:
                needed.update(self._nodes[index].operands)
        read = {port.name for port, node in self._program.program.inputs if node in needed}
        names = self._program.neuron.inputs
        for name, port in zip(names, self._program.currents, strict=True):
            if port not in read:
                yield self._finding(
                    "input",
                    "warning",
                    f"input {', '.join(names)}",
                    f"nothing depends on {name}: what arrives there is lost",
                    f"use {name} in a line, or leave it out of the inputs",
                )

    def rounding(self, resolved: Mapping[str, Resolution]) -> Iterator[Finding]:
        for name, each in resolved.items():
            if each.distance is None:
                continue
            form = self._program.fixed_point.of(name)
            line = next(
                (
                    self._statements[store.statement].text
                    for store in self._program.stores
                    if store.target == name
                ),
                name,
            )
            if each.distance < COARSE * each.step:
                yield self._finding(
                    "rounding",
                    "warning",
                    str(self._program.neuron.spike),
                    f"{name} fires {each.distance:.4g} from where it starts, which is "
                    f"{each.distance / each.step:.2g} steps of {form.plain}",
                    f"{self._finer(name, each.distance / COARSE)} has {COARSE} steps",
                )
            if each.drift is not None and LOST * each.distance < SLOW * each.drift:
                steps = math.ceil(LOST * each.distance / each.drift)
                yield self._finding(
                    "rounding",
                    "warning",
                    line,
                    f"{name} has no leak, and every step rounds it by up to {each.drift:.3g}: what "
                    f"takes {steps} steps to make it fire may be {LOST:.0%} off, and less than "
                    f"{each.drift:.3g} a step is lost",
                    f"{self._finer(name, LOST * each.distance / SLOW)} allows {SLOW} steps",
                )
            if each.lost is not None and each.lost > LOST * each.distance:
                assert each.leak is not None  # where something is lost
                yield self._finding(
                    "rounding",
                    "warning",
                    line,
                    f"{name} can rest up to {each.lost:.3g} below its level, "
                    f"{each.lost / each.distance:.0%} of the way to where it fires: every step "
                    f"rounds by up to {each.step:.3g}, and its leak is {each.leak:.3g} a step",
                    f"{self._finer(name, LOST / 2 * each.distance * each.leak)} keeps that below "
                    f"{LOST / 2:.0%}",
                )

    def _finer(self, name: str, step: float) -> str:
        """Return a state's format with a step that is small enough, as text."""
        form = self._program.fixed_point.of(name)
        bits = max(math.ceil(-math.log2(step)), form.fraction_bits) if step > 0 else MAXIMUM_WIDTH
        return f"{'' if form.signed else 'U'}Q{form.integer_bits}.{bits}"

    def states(self, resolved: Mapping[str, Resolution]) -> Iterator[StateFact]:
        for name, (low, high) in self._reached.states.items():
            form = self._program.fixed_point.of(name)
            each = resolved[name]
            yield StateFact(
                name=name,
                step=each.step,
                low=float(form.to_float(low)),
                high=float(form.to_float(high)),
                leak=each.leak,
                lost=each.lost,
                distance=each.distance,
            )

    def _form(self, store: Store) -> QFormat:
        formats = self._program.fixed_point
        return formats.of(store.target, is_local=store.is_local)


def _interval(low: float, high: float) -> str:
    return f"{low:.6g}" if low == high else f"[{low:.6g}, {high:.6g}]"


def format_for(bounds: Interval, form: QFormat) -> str:
    """Return the narrowest format with a format's fraction bits that holds integers; "" if none."""
    low, high = bounds
    signed = form.signed or low < 0
    width = max((-low - 1 if low < 0 else low).bit_length(), high.bit_length()) + signed
    width = max(width, form.fraction_bits + signed, 2)
    if width > MAXIMUM_WIDTH:
        return ""
    return QFormat(width - form.fraction_bits, form.fraction_bits, signed).plain
