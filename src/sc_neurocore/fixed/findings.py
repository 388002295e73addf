"""What is said of a neuron's integer program, line by line, with what would cure it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping

from sc_neurocore.fixed.lowering import RESET, SPIKE, NeuronProgram, Store, bits_for
from sc_neurocore.fixed.numerics import (
    AssignmentFact,
    ConstantFact,
    Finding,
    Kind,
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
from sc_neurocore.fixed.ranges import Reachable
from sc_neurocore.fixed.resolution import Resolution

WARNED_ERROR, REFUSED_ERROR = 0.01, 0.1
"""A constant that is off by more is warned of, or refused."""

COARSE = 16
"""A threshold that is fewer steps of the format away is warned of."""

LOST = 0.1
"""What rounding may cost a state, as a share of its way to the threshold, before it is said."""

SLOW = 200
"""A state without a leak that loses this share sooner than after so many steps is warned of."""


def rounded(value: float, digits: int = 9) -> float:
    """Cut a number to what no machine's last digits can change."""
    return float(f"{value:.{digits}g}")


def _severity(error: float) -> Severity:
    return "error" if error > REFUSED_ERROR else "warning"


def _more_bits(value: float, what: str) -> str:
    """Say how many fraction bits of constants bring a number close enough."""
    bits = bits_for(value, WARNED_ERROR)
    if bits > MAXIMUM_CONSTANT_BITS:
        return f"no constant has the {bits} fraction bits that it needs: scale the equation"
    return f"--constant-bits {bits} brings {what} below {WARNED_ERROR:.0%}"


class Judge:
    """What is to be said of a program whose reachable values are known.

    Where it is known how many steps it runs, what takes longer to show is not said.
    """

    def __init__(
        self, program: NeuronProgram, reached: Reachable, where: str, steps: int | None = None
    ) -> None:
        self._program = program
        self._steps = steps
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
        """Yield the constants, and the leaks that follow from them, that are off."""
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
                if error > WARNED_ERROR and not self._is_never_seen(error * leak):
                    cure = _more_bits(leak, "the leak")
                    yield self._finding("leak", _severity(error), line, f"{said}: {gone}", cure)

    def _is_never_seen(self, error: float) -> bool:
        """Whether a factor may be off so far: no number loses half a unit by it in all steps."""
        formats, names = self._program.fixed_point, self._program.neuron.states
        units = max(formats.current.maximum, *(formats.of(name).maximum for name in names))
        return self._steps is not None and error * self._steps * units < 0.5

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
            low=rounded(float(form.to_float(value.low))),
            high=rounded(float(form.to_float(value.high))),
            needs=format_for(value.bounds, form),
        )

    def assignments(self) -> Iterator[Finding]:
        """Yield the lines that always leave their format."""
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
        """Yield that it never fires, if it must, or always does."""
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
        """Yield the conditions that are always, or never, so."""
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
        """Yield the tables that are far from their functions."""
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
        """Yield the states that the format's step is too coarse for."""
        for name, each in resolved.items():
            if each.distance is None and (each.lost is None or each.jump is None):
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
            if each.distance is None:
                yield from self._fading(name, line, each)
                continue
            if each.distance < COARSE * each.step:
                yield self._finding(
                    "rounding",
                    "warning",
                    str(self._program.neuron.spike),
                    f"{name} fires {each.distance:.4g} from where it starts, which is "
                    f"{each.distance / each.step:.2g} steps of {form.plain}",
                    f"{self._finer(name, each.distance / COARSE)} has {COARSE} steps",
                )
            slow = SLOW if self._steps is None else min(SLOW, self._steps)
            if each.drift is not None and LOST * each.distance < slow * each.drift:
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
            if each.lost is not None and self._lost_in_time(each) > LOST * each.distance:
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

    def _lost_in_time(self, each: Resolution) -> float:
        """Return what rounding takes from a state in the steps that there are."""
        assert each.lost is not None and each.leak is not None  # by who calls this
        if self._steps is None:
            return each.lost
        return min(each.lost, self._steps * each.lost * each.leak)

    def _fading(self, name: str, line: str, each: Resolution) -> Iterator[Finding]:
        """Yield that what a spike adds is rounded away long before it would decay."""
        if each.lost is not None and each.jump is not None and LOST * each.lost > each.jump:
            assert each.leak is not None  # where something is lost
            yield self._finding(
                "rounding",
                "warning",
                line,
                f"a spike moves {name} by {each.jump:.3g}, and every step may round "
                f"{each.lost * each.leak:.3g} of that away: then it lasts "
                f"{math.ceil(each.jump / (each.lost * each.leak))} steps, and not the "
                f"{1 / each.leak:.4g} of its time constant",
                f"{self._finer(name, LOST * each.jump * each.leak)} loses {LOST:.0%} of it",
            )

    def _finer(self, name: str, step: float) -> str:
        """Return a state's format with a step that is small enough, as text."""
        form = self._program.fixed_point.of(name)
        bits = max(math.ceil(-math.log2(step)), form.fraction_bits) if step > 0 else MAXIMUM_WIDTH
        return f"{'' if form.signed else 'U'}Q{form.integer_bits}.{bits}"

    def states(self, resolved: Mapping[str, Resolution]) -> Iterator[StateFact]:
        """Yield what each state can be."""
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
