"""An abstract machine whose steps are what the lemmas say, and what the model says of its numbers.

One sample goes through L layers and S steps; a layer has G(layer) groups. Words, sums, states and
scores are values of sorts of which nothing is known, and what becomes of them are functions of
which nothing is known: so whatever is shown holds for all numbers of layers, groups, steps and
words, and for all weights and equations.

The model is written as recursive functions: `ring(layer, g, t, s, part, k)` is what has been added
up for step t of a group when k words of a part of step s are in; `state`, `spikes` and `score` are
those behind a step. The machine does not know the model: it reads and writes memories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import z3

Values = dict[str, Any]
"""The machine's registers and memories, or some of them, by name."""

WAITS, WORKS, RESULT = 0, 1, 2
OWN_SPIKES = "go on with own spikes"
"""Phases: for a frame, for the end of a sample, for the taking of a result."""

_INT = z3.IntSort()
_WORD, _SUMS, _STATES, _SCORES = map(z3.DeclareSort, ("Word", "Sums", "States", "Scores"))


@dataclass(frozen=True)
class Kind:
    """What of a design changes the order of work, or where something lies.

    Attributes:
        step_outer: Whether a step of all layers comes before the next step.
        is_static: Whether one frame is there for all steps.
        ring: Sums that wait in a ring, of as many steps: 1 without delays.
        fault: A fault to plant: the tests show that each is found.
    """

    step_outer: bool
    is_static: bool
    ring: int = 1
    fault: str = ""


@dataclass(frozen=True)
class Step:
    """What the machine may do.

    Attributes:
        name: What it is called.
        guard: When it can happen.
        after: What registers and memories are then, where they change.
        claims: What must be so where it happens, by name: the model's numbers.
        given: What a lemma says of it.
    """

    name: str
    guard: Any
    after: Values
    claims: Values = field(default_factory=dict)
    given: Any = True


def _function(name: str, *sorts: Any) -> Any:
    return z3.Function(name, *sorts)


def _array(name: str, count: int, value: Any) -> Any:
    return z3.Const(name, z3.ArraySort(*[_INT] * count, value))


LAYERS, STEPS = z3.Ints("L S")
groups = _function("groups", _INT, _INT)
is_recurrent = _function("is_recurrent", _INT, z3.BoolSort())
is_delayed = _function("is_delayed", _INT, z3.BoolSort())
seen_words = _function("seen_words", _INT, _INT, _INT, _INT)
"""Of a layer's group at a step: how many words in front of it are asked for."""
seen = _function("seen", _INT, _INT, _INT, _INT)
"""Which they are: a dense group sees all of them in their order."""
frame = _function("frame", _INT, _INT, _WORD)
add = _function("add", *[_INT] * 5, _SUMS, _WORD, _SUMS)
next_state = _function("next_state", _INT, _INT, _STATES, _SUMS, _STATES)
fire = _function("fire", _INT, _INT, _STATES, _SUMS, _WORD)
more = _function("more", _SCORES, _STATES, _WORD, _SCORES)
rest = _function("rest", _INT, _STATES)
ZERO = z3.Const("zero", _SUMS)
NOTHING = z3.Const("nothing", _SCORES)

ring = _function("ring", *[_INT] * 6, _SUMS)
total = _function("total", *[_INT] * 3, _SUMS)
state = _function("state", *[_INT] * 3, _STATES)
spikes = _function("spikes", *[_INT] * 3, _WORD)
score = _function("score", *[_INT] * 2, _SCORES)


class Machine:
    """The machine of a kind of design.

    Args:
        kind: The kind.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        numbers = "phase", "l", "g", "s", "part", "k", "ug", "us", "bank"
        self.now: Values = {name: z3.Int(name) for name in numbers}
        self.now |= {
            "sum": z3.Const("sum", _SUMS),
            "jobs": _array("jobs", 2, _SUMS),
            "rings": _array("rings", 3, _SUMS),
            "store": _array("store", 3, _WORD),
            "states": _array("states", 2, _STATES),
            "scores": _array("scores", 1, _SCORES),
            "events": _array("events", 2, _WORD),
        }

    def scan_step(self, layer: Any, step: Any) -> Any:
        """Return of which step's inputs a sum is: group by group a frame's is the same in all."""
        return step if self.kind.step_outer else z3.If(layer == 0, 0, step)

    def words(self, layer: Any, group: Any, step: Any, part: Any) -> Any:
        """Return how many words of a part there are: before the first step nothing has spiked."""
        own = z3.If(step == 0, 0, groups(layer))
        return z3.If(part == 0, seen_words(layer, group, step), own)

    def place(self, layer: Any, group: Any, step: Any) -> tuple[Any, Any, Any]:
        """Return where a word of spikes is gathered (“places of spikes”)."""
        if self.kind.step_outer:
            bank = 0 if self.kind.fault == "one bank" else step % 2
            return bank, layer, group
        return 0 if self.kind.fault == "one bank" else layer % 2, step, group

    def slot(self, layer: Any, group: Any) -> tuple[Any, Any]:
        """Return where a group's states are: group by group there is one place (“neurons”)."""
        if not self.kind.step_outer:
            return z3.IntVal(0), z3.IntVal(0)
        return layer, z3.IntVal(0) if self.kind.fault == "one state" else group

    def frame_step(self, step: Any) -> Any:
        """Return of which frame a step is."""
        return z3.IntVal(0) if self.kind.is_static else step

    def waits(self, layer: Any) -> Any:
        """Return whether sums of a layer wait in rings: others are of this step alone."""
        return is_delayed(layer) if self.kind.ring > 1 else z3.BoolVal(False)

    def word(self) -> Any:
        """Return the word that is asked for, as the memories hold it."""
        n = self.now
        which = seen(n["l"], n["g"], n["k"])
        bank = 1 - n["bank"] if self.kind.fault == "other events" else n["bank"]
        of_frame = n["events"][bank, which]
        before = n["store"][self.place(n["l"] - 1, which, n["s"])]
        late = n["s"] if self.kind.fault == "own spikes of now" else n["s"] - 1
        own = n["store"][self.place(n["l"], n["k"], late)]
        return z3.If(n["part"] == 1, own, z3.If(n["l"] == 0, of_frame, before))

    def steps(self) -> list[Step]:
        """Return all that the machine may do."""
        return [
            self._load(),
            self._take(),
            self._word(),
            self._part(),
            self._handover(),
            self._update(),
            *self._layer(),
            self._result(),
            self._reset(),
        ]

    def _load(self) -> Step:
        """Write an event into the half that is not read (“loader”)."""
        n, at, value = self.now, z3.Int("any_place"), z3.Const("any_word", _WORD)
        half = n["bank"] if self.kind.fault == "same half" else 1 - n["bank"]
        return Step("load", z3.BoolVal(True), {"events": z3.Store(n["events"], half, at, value)})

    def _take(self) -> Step:
        """Take a frame, of which the loader has stored each value (“loader”, “controller”)."""
        n, k = self.now, z3.Int("k0")
        fs = self.frame_step(n["s"])
        here = n["events"][1 - n["bank"], k] == frame(fs, k)
        after = {"phase": z3.IntVal(WORKS), "bank": 1 - n["bank"], **self._begin(z3.IntVal(0))}
        return Step("take a frame", n["phase"] == WAITS, after, given=here)

    def _begin(self, layer: Any) -> Values:
        """Return the loops at the beginning of a layer."""
        zero = z3.IntVal(0)
        step = self.now["s"] if self.kind.step_outer else zero
        loops = {"l": layer, "g": zero, "part": zero, "k": zero, "ug": zero, "sum": ZERO}
        return loops | {"s": step, "us": step}

    def _scans(self) -> Any:
        n = self.now
        return z3.And(n["phase"] == WORKS, n["g"] < groups(n["l"]))

    def _all_in(self) -> Any:
        n = self.now
        return n["k"] == self.words(n["l"], n["g"], n["s"], n["part"])

    def _word(self) -> Step:
        """Take a word apart and add what is active in it (“controller”, “scanner”, “sums”)."""
        n = self.now
        layer, g, s, part, k = (n[each] for each in ("l", "g", "s", "part", "k"))
        after: Values = {"k": k + 1}
        waits, word = self.waits(layer), self.word()
        after["sum"] = z3.If(waits, n["sum"], add(layer, g, part, k, 0, n["sum"], word))
        guard = z3.And(self._scans(), k < self.words(layer, g, s, part))
        if self.kind.ring == 1:
            return Step("add a word", guard, after)
        # In rings of each place, as the accumulator's contract says: what is `t0 - s` steps late.
        l0, g0, t0 = z3.Ints("l0 g0 t0")
        added, at = _array("added", 3, _SUMS), (l0, g0, t0 % self.kind.ring)
        is_here = z3.And(waits, l0 == layer, g0 == g, s <= t0, t0 < s + self.kind.ring)
        is_other = z3.Or(z3.Not(waits), l0 != layer, g0 != g)
        late = add(layer, g, part, k, t0 - s, n["rings"][at], word)
        given = z3.And(
            z3.Implies(is_here, added[at] == late),
            z3.Implies(is_other, added[at] == n["rings"][at]),
        )
        return Step("add a word", guard, after | {"rings": added}, given=given)

    def _part(self) -> Step:
        """Go on with the layer's own spikes (“controller”)."""
        n = self.now
        guard = z3.And(self._scans(), self._all_in(), n["part"] == 0, is_recurrent(n["l"]))
        return Step(OWN_SPIKES, guard, {"part": z3.IntVal(1), "k": z3.IntVal(0)})

    def _handover(self) -> Step:
        """Hand a sum over, and begin the next one (“accumulator”, “rings”)."""
        n, kind = self.now, self.kind
        layer, g, s, zero = n["l"], n["g"], n["s"], z3.IntVal(0)
        after: Values = {"part": zero, "k": zero}
        at, waits = (layer, g, s % kind.ring), self.waits(layer)
        done = z3.If(waits, n["rings"][at], n["sum"])
        if kind.fault != "sum stays":
            after["sum"] = ZERO
            after["rings"] = z3.If(waits, z3.Store(n["rings"], *at, ZERO), n["rings"])
        after["jobs"] = z3.Store(n["jobs"], g, s, done)
        if kind.step_outer:
            after["g"] = g + 1
        else:
            again = z3.And(layer != 0, s + 1 < STEPS)
            after |= {"s": z3.If(again, s + 1, 0), "g": z3.If(again, g, g + 1)}
        ends = z3.Or(n["part"] == 1, z3.Not(is_recurrent(layer)))
        if kind.fault == "own spikes left out":
            ends = z3.BoolVal(True)
        return Step("hand a sum over", z3.And(self._scans(), self._all_in(), ends), after)

    def _update(self) -> Step:
        """Update a group, of which the sum is there (“neurons”, “currents”, the neuron's step)."""
        n, kind = self.now, self.kind
        layer, ug, us, zero = n["l"], n["ug"], n["us"], z3.IntVal(0)
        waiting = ug < n["g"]
        if not kind.step_outer:
            waiting = z3.Or(waiting, z3.And(layer != 0, ug == n["g"], us < n["s"]))
        job = n["jobs"][ug, self.scan_step(layer, us)]
        at = self.slot(layer, ug)
        old = z3.If(us == 0, rest(layer), n["states"][at])
        if kind.fault == "no rest":
            old = n["states"][at]
        new, spiked = next_state(layer, ug, old, job), fire(layer, ug, old, job)
        is_last = layer == LAYERS - 1
        counted = more(z3.If(us == 0, NOTHING, n["scores"][ug]), new, spiked)
        after: Values = {
            "states": z3.Store(n["states"], *at, new),
            "store": z3.Store(n["store"], *self.place(layer, ug, us), spiked),
            "scores": z3.If(is_last, z3.Store(n["scores"], ug, counted), n["scores"]),
        }
        if kind.step_outer:
            after["ug"] = ug + 1
        else:
            again = us + 1 < STEPS
            after |= {"us": z3.If(again, us + 1, zero), "ug": z3.If(again, ug, ug + 1)}
        claims = {"state": new == state(layer, ug, us), "spikes": spiked == spikes(layer, ug, us)}
        return Step("update a group", z3.And(n["phase"] == WORKS, waiting), after, claims)

    def _layer(self) -> list[Step]:
        """End a layer, when nothing is on its way (“controller”, “order”)."""
        n, kind = self.now, self.kind
        layer, s = n["l"], n["s"]
        drained = z3.And(n["phase"] == WORKS, n["g"] == groups(layer), n["ug"] == groups(layer))
        if kind.fault == "not drained":
            drained = z3.And(n["phase"] == WORKS, n["g"] == groups(layer))
        following = Step("next layer", z3.And(drained, layer < LAYERS - 1), self._begin(layer + 1))
        at_end = z3.And(drained, layer == LAYERS - 1)
        result: Values = {"phase": z3.IntVal(RESULT)}
        if not kind.step_outer:
            return [following, Step("end of the sample", at_end, result)]
        later = self._begin(z3.IntVal(0)) | {"s": s + 1, "us": s + 1}
        if not kind.is_static:
            later["phase"] = z3.IntVal(WAITS)
        may_end = z3.Or(s == STEPS - 1, z3.Bool("reached"))
        return [
            following,
            Step("next step", z3.And(at_end, s < STEPS - 1, z3.Not(z3.Bool("reached"))), later),
            Step("end of the sample", z3.And(at_end, may_end), result),
        ]

    def _result(self) -> Step:
        """Offer the scores until they are taken, and empty the rings (“readout”, “controller”)."""
        n, g = self.now, z3.Int("g0")
        last = n["s"] if self.kind.step_outer else STEPS - 1
        is_there = z3.And(g >= 0, g < groups(LAYERS - 1))
        claims = {"score": z3.Implies(is_there, n["scores"][g] == score(g, last))}
        after, given = self._next_sample()
        return Step("take the result", n["phase"] == RESULT, after, claims, given)

    def _reset(self) -> Step:
        """Drop what is at work, in any clock; memories keep what stands in them."""
        after, given = self._next_sample()
        return Step("reset", z3.BoolVal(True), after, given=given)

    def _next_sample(self) -> tuple[Values, Any]:
        """Return what is before a sample: rings are empty, each place of them."""
        zero = z3.IntVal(0)
        after = self._begin(zero) | {"phase": zero, "s": zero, "us": zero}
        if self.kind.fault == "not emptied":
            return after, z3.BoolVal(True)
        emptied = after["rings"] = _array("emptied", 3, _SUMS)
        place = emptied[z3.Int("l0"), z3.Int("g0"), z3.Int("t0") % self.kind.ring]
        return after, place == ZERO
