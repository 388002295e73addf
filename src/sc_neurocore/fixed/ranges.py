"""What values the nodes of a program can have, given what can come in.

A node's own interval, found when it is made, holds for every input of the right width. Here the
inputs are narrower, and sums remember what they are made of: in v + (I - v)/8 the two v are one.
So each value is a linear combination of earlier ones, which are called its sources, plus a rest
within an interval (affine arithmetic: de Figueiredo and Stolfi, Affine arithmetic: concepts and
applications, Numerical Algorithms 37, 2004). All of it is exact, in fractions: what is said to be
impossible is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from sc_neurocore.fixed.program import COMPARISONS, INTERVALS, Interval, Node, Program

_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Reach:
    """The values that a node can have; of a condition 0 where it does not hold, 1 where it does.

    Attributes:
        low: None is smaller.
        high: None is larger.
        terms: The factor of each source, by its node.
        rest: What is left beside the terms lies in this interval.
    """

    low: int
    high: int
    terms: Mapping[int, Fraction]
    rest: tuple[Fraction, Fraction]

    @property
    def bounds(self) -> Interval:
        """Both ends."""
        return self.low, self.high

    @property
    def exact_bounds(self) -> tuple[Fraction, Fraction]:
        """Both ends, as fractions."""
        return Fraction(self.low), Fraction(self.high)


def _scaled(interval: tuple[Fraction, Fraction], factor: Fraction) -> tuple[Fraction, Fraction]:
    ends = interval[0] * factor, interval[1] * factor
    return ends if factor >= 0 else (ends[1], ends[0])


class Analysis:
    """What each node of a program can be.

    Attributes:
        values: By node.
    """

    def __init__(self, program: Program, inputs: Mapping[str, Interval]) -> None:
        """Analyse a program.

        Args:
            program: The program.
            inputs: The least and the largest value of each input port, by name.
        """
        self._nodes = program.nodes
        self._inputs = {node: inputs[port.name] for port, node in program.inputs}
        self.values: list[Reach] = []
        for index, node in enumerate(program.nodes):
            self.values.append(self._value(index, node))

    def under(self, condition: int, node: int) -> Reach:
        """Return what a node can be where a condition holds; low > high if it never does."""
        return self._under(self._nodes[condition], self.values[node], holds=True)

    def _value(self, index: int, node: Node) -> Reach:
        operands = [self.values[operand] for operand in node.operands]
        match node.operator, operands:
            case "input", []:
                return self._source(index, *self._inputs[index])
            case "constant", []:
                value = Fraction(node.amount)
                return Reach(node.amount, node.amount, {}, (value, value))
            case "+", [a, b]:
                return self._combined(node, a, Fraction(1), b)
            case "-", [a, b]:
                return self._combined(node, a, Fraction(-1), b)
            case ("neg" | "<<" | ">>") as operator, [a]:
                powers = {"neg": Fraction(-1), "<<": Fraction(1 << node.amount)}
                factor = powers.get(operator, Fraction(1, 1 << node.amount))
                rest = _scaled(a.rest, factor)
                if operator == ">>":  # towards minus infinity
                    rest = rest[0] - (1 - factor), rest[1]
                terms = {source: part * factor for source, part in a.terms.items()}
                return self._linear(node, terms, rest, [a])
            case "*", [a, b]:
                return self._product(node, a, b)
            case "clamp", [a]:
                if node.low <= a.low and a.high <= node.high:
                    return a
                low, high = (min(max(end, node.low), node.high) for end in a.bounds)
                return self._source(index, low, high)
            case (("low" | "wrap"), [a]):
                low, high = INTERVALS[node.operator](a.bounds, node.amount)
                return a if low <= a.low and a.high <= high else self._source(index, low, high)
            case "lookup", [a]:
                assert node.table is not None
                entries = node.table.entries[max(a.low, 0) : a.high + 1] or node.table.entries
                return self._source(index, min(entries), max(entries))
            case "^", [a, b]:
                return self._source(index, *INTERVALS["^"](a.bounds, b.bounds, 0))
            case ("min" | "max" | "abs") as operator, [a, *others]:
                return self._chosen(index, operator, a, others)
            case "select", [condition, a, b]:
                return self._selected(node, condition, a, b)
            case operator, [a, b] if operator in COMPARISONS:
                low, high = self._compared(operator, self._difference(a, b).bounds)
                return Reach(low, high, {}, (Fraction(low), Fraction(high)))
            case operator, _:
                raise AssertionError(f"no range of {operator} of {len(operands)} operands")

    def _source(self, index: int, low: int, high: int) -> Reach:
        return Reach(low, high, {index: Fraction(1)}, (_ZERO, _ZERO))

    def _span(self, terms: Mapping[int, Fraction], rest: tuple[Fraction, Fraction]) -> Interval:
        """Return the ends of a linear combination that is a whole number."""
        low, high = self._exact_span(terms, rest)
        return math.ceil(low), math.floor(high)

    def _exact_span(
        self, terms: Mapping[int, Fraction], rest: tuple[Fraction, Fraction]
    ) -> tuple[Fraction, Fraction]:
        low, high = rest
        for source, factor in terms.items():
            part = _scaled(self.values[source].exact_bounds, factor)
            low, high = low + part[0], high + part[1]
        return low, high

    def _linear(
        self,
        node: Node,
        terms: Mapping[int, Fraction],
        rest: tuple[Fraction, Fraction],
        operands: list[Reach],
    ) -> Reach:
        """Return a linear combination, within what the operands' intervals tell by themselves."""
        low, high = self._span(terms, rest)
        plain = INTERVALS[node.operator](*(each.bounds for each in operands), node.amount)
        return Reach(
            max(low, plain[0], node.low),
            min(high, plain[1], node.high),
            _without_zeros(terms),
            rest,
        )

    def _combined(self, node: Node, a: Reach, sign: Fraction, b: Reach) -> Reach:
        return self._linear(node, *_sum(a, sign, b), [a, b])

    def _difference(self, a: Reach, b: Reach) -> Reach:
        terms, rest = _sum(a, Fraction(-1), b)
        low, high = self._span(terms, rest)
        return Reach(max(low, a.low - b.high), min(high, a.high - b.low), terms, rest)

    def _product(self, node: Node, a: Reach, b: Reach) -> Reach:
        """Return a product: the factor that varies less stands at its middle, the rest is rest."""
        if _relative(a) < _relative(b):
            a, b = b, a
        middle, radius = Fraction(b.low + b.high, 2), Fraction(b.high - b.low, 2)
        slack = radius * max(abs(a.low), abs(a.high))
        low, high = _scaled(a.rest, middle)
        terms = {source: part * middle for source, part in a.terms.items()}
        return self._linear(node, terms, (low - slack, high + slack), [a, b])

    def _chosen(self, index: int, operator: str, a: Reach, others: list[Reach]) -> Reach:
        node = self._nodes[index]
        if operator == "abs":
            if a.low >= 0:
                return a
            if a.high <= 0:
                terms = {source: -part for source, part in a.terms.items()}
                return Reach(-a.high, -a.low, terms, _scaled(a.rest, Fraction(-1)))
        else:
            b = others[0]
            above = self._difference(a, b)
            first, second = (a, b) if operator == "max" else (b, a)
            if above.low >= 0:
                return first
            if above.high <= 0:
                return second
        bounds = INTERVALS[operator](*(each.bounds for each in (a, *others)), 0)
        return self._source(index, max(bounds[0], node.low), min(bounds[1], node.high))

    def _compared(self, operator: str, difference: Interval) -> Interval:
        """Return whether a comparison can fail, and whether it can hold."""
        low, high = difference
        least, most = {
            ">=": (low >= 0, high >= 0),
            ">": (low > 0, high > 0),
            "<=": (high <= 0, low <= 0),
            "<": (high < 0, low < 0),
        }[operator]
        return int(least), int(most)

    def _selected(self, node: Node, condition: Reach, a: Reach, b: Reach) -> Reach:
        where = self._nodes[node.operands[0]]
        a, b = self._under(where, a, holds=True), self._under(where, b, holds=False)
        if condition.low == 1 or b.low > b.high:
            return a
        if condition.high == 0 or a.low > a.high:
            return b
        terms: dict[int, Fraction] = {}
        slack = _ZERO
        for source in {**a.terms, **b.terms}:
            one, other = a.terms.get(source, _ZERO), b.terms.get(source, _ZERO)
            terms[source] = (one + other) / 2
            slack += abs(one - other) / 2 * max(map(abs, self.values[source].bounds))
        rest = min(a.rest[0], b.rest[0]) - slack, max(a.rest[1], b.rest[1]) + slack
        low, high = self._span(terms, rest)
        low, high = max(low, min(a.low, b.low)), min(high, max(a.high, b.high))
        return Reach(low, high, _without_zeros(terms), rest)

    def _under(self, condition: Node, value: Reach, *, holds: bool) -> Reach:
        """Return a value where a comparison holds, or fails; low > high if it then never is."""
        if condition.operator not in COMPARISONS:
            return value
        left, right = (self.values[operand] for operand in condition.operands)
        difference = self._difference(left, right)
        operator = condition.operator
        if not holds:
            operator = {">=": "<", ">": "<=", "<=": ">", "<": ">="}[operator]
        low, high = difference.bounds
        low = max(low, {">=": 0, ">": 1}.get(operator, low))
        high = min(high, {"<=": 0, "<": -1}.get(operator, high))
        if low > high:
            return Reach(1, 0, value.terms, value.rest)
        shared = [source for source in difference.terms if source in value.terms]
        if not shared:
            return value
        factor = value.terms[shared[0]] / difference.terms[shared[0]]
        # value = factor*difference + what is left of it without that.
        left_over = self._exact_span(*_sum(value, -factor, difference))
        part = _scaled((Fraction(low), Fraction(high)), factor)
        low, high = math.ceil(part[0] + left_over[0]), math.floor(part[1] + left_over[1])
        return Reach(max(value.low, low), min(value.high, high), value.terms, value.rest)


def _relative(value: Reach) -> Fraction:
    """Return how much a value varies, between 0 and 2, in units of its largest."""
    return Fraction(value.high - value.low, max(abs(value.low), abs(value.high), 1))


def _sum(
    a: Reach, factor: Fraction, b: Reach
) -> tuple[dict[int, Fraction], tuple[Fraction, Fraction]]:
    """Return the terms and the rest of a + factor*b."""
    terms = dict(a.terms)
    for source, part in b.terms.items():
        terms[source] = terms.get(source, _ZERO) + factor * part
    low, high = _scaled(b.rest, factor)
    return _without_zeros(terms), (a.rest[0] + low, a.rest[1] + high)


def _without_zeros(terms: Mapping[int, Fraction]) -> dict[int, Fraction]:
    return {source: part for source, part in terms.items() if part}


@dataclass(frozen=True)
class Reachable:
    """What a neuron can do in any number of steps.

    Attributes:
        states: The least and the largest value of each state between two steps.
        step: What each node of its program can be in a step.
    """

    states: Mapping[str, Interval]
    step: Analysis

    @property
    def nodes(self) -> list[Reach]:
        """What each node can be."""
        return self.step.values


_STEPS, _ROUNDS, _HALVINGS, _NARROWING = 12, 6, 9, 8


def reachable(
    program: Program,
    initial: Mapping[str, int],
    next_states: Mapping[str, str],
    inputs: Mapping[str, Interval],
) -> Reachable:
    """Return intervals that a program's states never leave, and what its nodes are within them.

    Some steps are taken, then it is guessed where they lead. A guess that one more step does not
    leave holds for all steps; it is made narrower while that is possible. If no guess holds, the
    interval is that of the state's format.

    Args:
        program: One step.
        initial: Each state before the first step, by its input port.
        next_states: The output port of each state, by its input port.
        inputs: What the other input ports can be in any step.
    """
    outputs = {port.name: node for port, node in program.outputs}
    limits = {
        port.name: (program.nodes[node].low, program.nodes[node].high)
        for port, node in program.inputs
        if port.name in initial
    }
    first = {name: (value, value) for name, value in initial.items()}

    def after(states: Mapping[str, Interval]) -> dict[str, Interval]:
        values = Analysis(program, {**inputs, **states}).values
        return {name: values[outputs[port]].bounds for name, port in next_states.items()}

    def hull(a: Mapping[str, Interval], b: Mapping[str, Interval]) -> dict[str, Interval]:
        return {name: (min(a[name][0], b[name][0]), max(a[name][1], b[name][1])) for name in a}

    def holds(guess: Mapping[str, Interval]) -> bool:
        return hull(guess, after(guess)) == guess

    states = inner = first
    for round_ in range(_ROUNDS):
        past = [states]
        for _ in range(_STEPS):
            past.append(hull(past[-1], after(past[-1])))
        states = past[-1]
        inner = states if round_ == 0 else inner
        if states == past[-2]:
            break
        guess = {
            name: _limit([each[name] for each in past], limits[name], 4**round_) for name in states
        }
        if holds(guess):
            states = guess
            break
        states = hull(guess, after(guess)) if round_ < _ROUNDS - 1 else limits
    # Halfway to what is reached for certain, all states at once and then one after the other.
    for names in [[*initial], *([name] for name in initial if len(initial) > 1)]:
        reached = dict(inner)
        for _ in range(_HALVINGS):
            guess = {**states, **{name: _between(reached[name], states[name]) for name in names}}
            if guess == states:
                break
            if holds(guess):
                states = guess
            else:
                reached |= {name: guess[name] for name in names}
    for _ in range(_NARROWING):
        narrower = hull(first, after(states))
        if narrower == states:
            break
        states = narrower
    return Reachable(states, Analysis(program, {**inputs, **states}))


def _between(inner: Interval, outer: Interval) -> Interval:
    return (inner[0] + outer[0]) // 2, -(-(inner[1] + outer[1]) // 2)


def _limit(past: list[Interval], limits: Interval, margin: int) -> Interval:
    """Guess where the ends of an interval go that grew step by step as in the past."""
    ends = []
    for side, limit in enumerate(limits):
        last, before, earlier = (past[-back][side] for back in (1, 2, 3))
        moved, moved_before = abs(last - before), abs(before - earlier)
        sign = 1 if side else -1
        if moved == 0:
            ends.append(last)
        elif moved < moved_before:
            left = moved * moved // (moved_before - moved)
            ends.append(last + sign * margin * (left + left // 16 + 2))
        else:
            ends.append(limit)
    return max(ends[0], limits[0]), min(ends[1], limits[1])
