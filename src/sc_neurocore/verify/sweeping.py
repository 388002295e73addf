"""One and-inverter graph for two circuits, in which what is equal becomes one.

Two circuits that come from one another have many inner signals in common. Every new gate is
compared, by random simulation, with all that are there; where one looks the same, a SAT solver is
asked, and if they are equal the older one stands for both. So what is asked is small, and the
outputs are mostly equal without a question. (Kuehlmann, Paruthi, Krohm, Ganai, "Robust Boolean
reasoning for equivalence checking and functional property verification", 2002.)

A product may be a cut: its bits are free, and equal factors give the same bits. Simulation knows
its value all the same.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence

from sc_neurocore.verify.unrolling import solver as new_solver

Literal = int
"""Twice a node's number, and one more for its negation; 0 is false, 1 is true."""

FALSE, TRUE = 0, 1
SOLVER = "glucose4"
PATTERNS = 2048
CONFLICTS_OF_A_GUESS, CONFLICTS_OF_A_CLAIM = 2_000, 200_000
"""How long the solver may take, in conflicts: where gates look equal, and where they must be."""

_EXAMPLES_TOGETHER = 64
_Factors = tuple[tuple[Literal, ...], tuple[Literal, ...]]


class Sweeper:
    """The graph.

    Args:
        seconds: For how long the solver is asked; after that nobody knows.
        seed: Of the simulation.

    Attributes:
        questions: How often the solver was asked.
    """

    def __init__(self, seconds: float, seed: int = 0) -> None:
        self.questions = 0
        self._deadline = time.perf_counter() + seconds
        self._random = random.Random(seed)
        self._patterns = PATTERNS
        # By node: its two literals, or None for a free one; its value in each pattern, as the bits
        # of one integer; whether the solver has it.
        self._fanins: list[tuple[Literal, Literal] | None] = [None]
        self._values = [0]
        self._is_known = [True]
        self._gates: dict[tuple[Literal, Literal], Literal] = {}
        self._alike: dict[int, int] = {0: 0}  # nodes by their values, negated if the first is 1
        self._products: dict[_Factors, list[Literal]] = {}
        self._factors: set[tuple[Literal, ...]] = set()
        self._product_of: dict[int, _Factors] = {}
        self._examples: list[set[int]] = []
        self._solver = new_solver(SOLVER)
        self._solver.add_clause([-1])

    def __len__(self) -> int:
        return len(self._fanins)

    def variable(self, values: int | None = None) -> Literal:
        """Return a new free literal."""
        node = len(self._fanins)
        if values is None:
            values = self._random.getrandbits(self._patterns)
        self._fanins.append(None)
        self._values.append(values)
        self._is_known.append(True)
        self._alike.setdefault(self._key(node), node)
        return 2 * node

    def one_of(self, count: int) -> list[Literal]:
        """Return new literals of which always exactly one is true."""
        values = [0] * count
        for pattern in range(self._patterns):
            values[self._random.randrange(count)] |= 1 << pattern
        found = [self.variable(value) for value in values]
        self._solver.add_clause([_named(each) for each in found])
        for place, each in enumerate(found):
            for other in found[:place]:
                self._solver.add_clause([-_named(each), -_named(other)])
        return found

    def both(self, a: Literal, b: Literal) -> Literal:
        """Return the literal that is true if two are."""
        a, b = min(a, b), max(a, b)
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        if (a, b) in self._gates:
            return self._gates[a, b]
        node = len(self._fanins)
        self._fanins.append((a, b))
        self._values.append(self.values(a) & self.values(b))
        self._is_known.append(False)
        found = 2 * node
        older = self._alike.setdefault(self._key(node), node)
        if older != node:
            same = 2 * older + ((self._values[older] ^ self._values[node]) & 1)
            if self.are_equal(found, same, CONFLICTS_OF_A_GUESS):
                found = same
        self._gates[a, b] = found
        return found

    def either(self, a: Literal, b: Literal) -> Literal:
        """Return the literal that is true if one of two is."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: Literal, b: Literal) -> Literal:
        """Return the literal that is true if two are not the same."""
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def values(self, literal: Literal) -> int:
        """Return what a literal is in each pattern."""
        value = self._values[literal >> 1]
        return value ^ self._mask if literal & 1 else value

    def are_equal(
        self, a: Literal, b: Literal, conflicts: int = CONFLICTS_OF_A_CLAIM
    ) -> bool | None:
        """Tell whether two literals are equal whatever the free ones are; None if nobody knows."""
        if a == b:
            return True
        if self.values(a) != self.values(b):
            return False
        if time.perf_counter() > self._deadline:
            return None
        self._tell(a)
        self._tell(b)
        x, y = _named(a), _named(b)
        for one_way in ([x, -y], [-x, y]):
            self.questions += 1
            self._solver.conf_budget(conflicts)
            answer = self._solver.solve_limited(assumptions=one_way)
            if answer is None:
                return None
            if answer:
                return self._differ_in_example(a, b, conflicts)
        self._solver.add_clause([-x, y])
        self._solver.add_clause([x, -y])
        return True

    def example(self, a: Literal, b: Literal) -> int | None:
        """Return a pattern in which two literals differ, if one is known."""
        differing = self.values(a) ^ self.values(b)
        return (differing & -differing).bit_length() - 1 if differing else None

    def substituted(self, literal: Literal, given: Mapping[int, Literal]) -> Literal:
        """Return a literal with others in the place of free nodes."""
        made = {0: FALSE, **given}
        stack = [literal >> 1]
        while stack:
            node = stack[-1]
            if node in made:
                stack.pop()
                continue
            fanins = self._fanins[node]
            if fanins is None:
                made[node] = 2 * node
                continue
            missing = [each >> 1 for each in fanins if each >> 1 not in made]
            if missing:
                stack += missing
                continue
            a, b = (made[each >> 1] ^ (each & 1) for each in fanins)
            made[node] = self.both(a, b)
        return made[literal >> 1] ^ (literal & 1)

    def values_given(self, literal: Literal, given: Mapping[int, int]) -> int:
        """Return what a literal is in each pattern if some free nodes have other values."""
        made: dict[int, int] = {0: 0, **given}
        stack = [literal >> 1]
        while stack:
            node = stack[-1]
            fanins = self._fanins[node]
            if node in made or fanins is None:
                made.setdefault(node, self._values[node])
                stack.pop()
                continue
            missing = [each >> 1 for each in fanins if each >> 1 not in made]
            if missing:
                stack += missing
                continue
            a, b = (made[each >> 1] ^ (-(each & 1) & self._mask) for each in fanins)
            made[node] = a & b
        return made[literal >> 1] ^ (-(literal & 1) & self._mask)

    def free_nodes(self, literal: Literal) -> set[int]:
        """Return the free nodes that a literal is made of."""
        return {node for node in self._cone(literal) if node and self._fanins[node] is None}

    def product(self, a: Sequence[Literal], b: Sequence[Literal], width: int) -> list[Literal]:
        """Return the bits of a product, lowest first.

        Args:
            a: A factor with a sign, lowest bit first.
            b: The other.
            width: How many bits; those above the full product repeat its sign.
        """
        factors, shift = _normal(a, b)
        if not all(factors):
            return [FALSE] * width
        if factors not in self._products and (parts := self._in_parts(factors)):
            bits = parts
        else:
            bits = self._as_cut(factors)
        return ([FALSE] * shift + bits + [bits[-1]] * width)[:width]

    def _as_cut(self, factors: _Factors) -> list[Literal]:
        if factors not in self._products:
            values = self._times(factors)
            free = values[: len(values) - _signs(factors)]
            bits = [self.variable(value) for value in free]
            self._product_of |= dict.fromkeys((bit >> 1 for bit in bits), factors)
            is_positive = factors[0] == factors[1] or _signs(factors) > 1
            bits += [FALSE if is_positive else bits[-1]] * (len(values) - len(free))
            self._products[factors] = bits
            self._factors.update(factors)
        return self._products[factors]

    def _in_parts(self, factors: _Factors) -> list[Literal] | None:
        """Return a product as the sum of those of its parts, if they are all there already.

        Synthesis cuts a product that is too wide for a multiplier: a * b is the sum of the low
        bits of a, without a sign, times b, and of the others times b, so much further up.
        """
        for wide, other in (factors, factors[::-1]):
            for size in range(len(wide) - 2, 0, -1):
                part = (*wide[:size], FALSE)
                if _normal(part, part)[0][0] not in self._factors:
                    continue
                low, high = self._known_part(part, other), self._known_part(wide[size:], other)
                if low and high:
                    full = len(wide) + len(other)
                    upper = ([FALSE] * size + high + [high[-1]] * full)[:full]
                    return self._sum((low + [low[-1]] * full)[:full], upper)
        return None

    def _known_part(self, a: Sequence[Literal], b: Sequence[Literal]) -> list[Literal] | None:
        factors, shift = _normal(a, b)
        if not all(factors):
            return [FALSE]
        bits = self._products.get(factors) or self._in_parts(factors)
        return [FALSE] * shift + bits if bits else None

    def _sum(self, a: Sequence[Literal], b: Sequence[Literal]) -> list[Literal]:
        carry, found = FALSE, []
        for x, y in zip(a, b, strict=True):
            half = self.differ(x, y)
            found.append(self.differ(half, carry))
            carry = self.either(self.both(x, y), self.both(half, carry))
        return found

    def _times(self, factors: _Factors) -> list[int]:
        """Return the values of a product's bits: added up by hand, in all patterns at once."""
        a, b = ([self.values(each) for each in factor] for factor in factors)
        total = [0] * (len(a) + len(b))
        b += [b[-1]] * len(a)
        for place, times in enumerate(a):
            is_sign = place == len(a) - 1  # which counts less than nothing
            carry = times if is_sign else 0
            for at in range(place, len(total)):
                bit = b[at - place]
                x, y = total[at], (~bit if is_sign else bit) & times
                total[at] = x ^ y ^ carry
                carry = (x & y) | (carry & (x | y))
        return total

    @property
    def _mask(self) -> int:
        return (1 << self._patterns) - 1

    def _key(self, node: int) -> int:
        values = self._values[node]
        return values ^ self._mask if values & 1 else values

    def _cone(self, literal: Literal) -> Iterator[int]:
        seen, stack = set(), [literal >> 1]
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            yield node
            stack += [each >> 1 for each in self._fanins[node] or ()]

    def _tell(self, literal: Literal) -> None:
        """Tell the solver what a literal is made of."""
        stack = [literal >> 1]
        while stack:
            node = stack.pop()
            if self._is_known[node]:
                continue
            self._is_known[node] = True
            fanins = self._fanins[node]
            assert fanins is not None
            x, y = (_named(each) for each in fanins)
            for clause in ([-node - 1, x], [-node - 1, y], [node + 1, -x, -y]):
                self._solver.add_clause(clause)
            stack += [each >> 1 for each in fanins]

    def _differ_in_example(self, a: Literal, b: Literal, conflicts: int) -> bool | None:
        """Keep what the solver found; say that the two differ if they do with real products."""
        model = self._solver.get_model()
        self._examples.append({number - 1 for number in model if number > 0})
        if conflicts >= CONFLICTS_OF_A_CLAIM or len(self._examples) >= _EXAMPLES_TOGETHER:
            self._simulate_examples()
            return None if self.values(a) == self.values(b) else False
        return False

    def _simulate_examples(self) -> None:
        before = self._patterns
        self._patterns += len(self._examples)
        self._alike = {0: 0}
        done: set[_Factors] = set()
        for node in range(1, len(self._fanins)):
            fanins = self._fanins[node]
            if fanins is not None:
                self._values[node] = self.values(fanins[0]) & self.values(fanins[1])
            elif node in self._product_of:
                factors = self._product_of[node]
                if factors not in done:
                    done.add(factors)
                    values = self._times(factors)[: -_signs(factors) or None]
                    for bit, value in zip(self._products[factors], values, strict=False):
                        self._values[bit >> 1] = value
            else:
                for place, example in enumerate(self._examples, start=before):
                    self._values[node] |= (node in example) << place
            self._alike.setdefault(self._key(node), node)
        self._examples = []


def _named(literal: Literal) -> int:
    """Return what the solver calls a literal."""
    return -(literal >> 1) - 1 if literal & 1 else (literal >> 1) + 1


def _signs(factors: _Factors) -> int:
    """Return how many of a product's upper bits are surely its sign, beside one that may be."""
    a, b = factors
    if a == b:
        return 1
    positive = (a[-1] == FALSE) + (b[-1] == FALSE)
    # Only the product of the two least numbers is as long as both factors.
    is_known = any(factor[-1] == TRUE and TRUE in factor[:-1] for factor in factors)
    return positive or int(is_known)


def _normal(a: Sequence[Literal], b: Sequence[Literal]) -> tuple[_Factors, int]:
    """Return two factors in one order, without zeros below or signs above, and the zeros' number.

    A factor that is zero has no bits.
    """
    shift, short = 0, []
    for factor in (list(a), list(b)):
        while len(factor) > 1 and factor[-1] == factor[-2]:
            factor.pop()
        if factor == [FALSE]:
            factor = []
        while factor and factor[0] == FALSE:
            factor.pop(0)
            shift += 1
        short.append(tuple(factor))
    first, second = sorted(short, key=lambda each: (len(each), each))
    return (first, second), shift
