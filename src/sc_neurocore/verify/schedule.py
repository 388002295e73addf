"""The induction over layers, groups and steps that joins the lemmas, checked by z3.

The lemmas say what one step of the abstract machine (`verify.machine`) does: add a word, hand a sum
over, update a group. Here it is shown that, whatever follows what, each update has the model's
states and spikes, and each result the model's scores: what holds at the start holds after every
step, for all numbers of layers, groups, steps and words. What must hold of all groups, words or
places is said of one, which may be any; where a step reads another one, it is said of that, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import z3

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.verify import machine as m
from sc_neurocore.verify.machine import LAYERS, STEPS, Kind, Machine, Step, Values
from sc_neurocore.verify.result import ProofResult, ProofStatus

NAME = "schedule: the lemmas' steps make the integer model, by induction"
_SECONDS = 60


def prove_schedule(accelerator: Accelerator) -> ProofResult:
    """Prove that steps that keep to the lemmas make the model's states, spikes and scores.

    Args:
        accelerator: The design, whose order of work and memories count. Of its layers, places of
            states and rings must be apart.

    Returns:
        `proved`, `refuted` where places are not apart, or `unknown` with the first step after which
        something may not hold.
    """
    began = time.perf_counter()
    g = accelerator.geometry
    kind = Kind(bool(g.step_outer), bool(g.is_static), 1 << g.delay_bits)
    wrong = _other_machine(g) or shared_places(g, accelerator.steps) or _too_narrow(accelerator)
    found, shown = ("", 0) if wrong else first_gap(kind)
    status: ProofStatus = "refuted" if wrong else "unknown" if found else "proved"
    says = (
        "an abstract machine whose steps are the lemmas makes the integer model's states, spikes "
        "and scores, for all numbers of layers, groups, steps and words, all weights and "
        "equations, and in every order in which its parts can move: what is read is complete and "
        "not yet overwritten, states are of their neuron's step before, sums of their own step; "
        f"places of states, rings and spikes of this design's {len(g.layers)} layers are apart, "
        "and what is counted has room"
    )
    return ProofResult(
        name=NAME,
        status=status,
        engine=f"induction, z3 {z3.get_version_string()}",
        seconds=round(time.perf_counter() - began, 3),
        detail=wrong or found or says,
        assumptions=("each step of the machine is what the lemmas say: docs/certificate.md",),
        figures={"obligations": shown},
    )


def _other_machine(g: Geometry) -> str:
    """Say what a design has that the abstract machine has not, if anything."""
    for number, layer in enumerate(g.layers):
        if layer.takes_frame != (number == 0):
            return f"layer {number}: only the first layer, and that one, takes the frame"
        if not g.step_outer and (layer.is_recurrent or layer.is_delayed or not g.is_static):
            return f"layer {number}: own spikes, delays and frames per step need steps outside"
    return ""


def shared_places(g: Geometry, steps: int) -> str:
    """Say which layers share places of states, rings or spikes, if any.

    With windows spikes have places by layer. Group by group only two layers need theirs at a time,
    and those of the last layer are not kept.
    """
    turns = g.lanes // g.units
    regions = []
    for layer in g.layers:
        if g.step_outer and not g.windows:
            regions.append(("states", layer.number, layer.first_slot, layer.groups * turns))
        if g.step_outer and g.windows:
            regions.append(("states", layer.number, layer.first_state, layer.groups * turns))
        if layer.window is not None and (g.step_outer or not layer.is_last):
            words = layer.groups * (1 if g.step_outer else steps)
            regions.append(("spikes", layer.number, layer.window.first_output, words))
        if layer.is_delayed:
            regions.append(("rings", layer.number, layer.first_ring, layer.groups))
    if any(layer.is_delayed for layer in g.layers) and not all(
        each.is_delayed for each in g.layers
    ):
        regions.append(("rings", -1, 0, 1))  # that of all layers without delays
    for place, (what, number, first, count) in enumerate(regions):
        for other, another, begin, length in regions[place + 1 :]:
            meet = what != "spikes" or g.step_outer or another == number + 1
            overlap = first < begin + length and begin < first + count
            if what == other and meet and overlap:
                return f"layers {number} and {another} share places of {what}"
    return ""


def _too_narrow(accelerator: Accelerator) -> str:
    """Say which count of the design has no room in its register, if any: they would wrap."""
    g = accelerator.geometry
    turns = g.lanes // g.units
    slots = max(each.first_slot + each.slot_groups * turns for each in g.layers)
    counts = {
        "layers": (len(g.layers), g.layer_bits),
        "groups": (max(each.groups for each in g.layers), g.group_bits),
        "steps": (accelerator.steps, g.step_bits),
        "rows of weights": (g.rows, g.row_bits),
        "words of the neuron memory": (slots, g.slot_bits),
        "rings": (1 + sum(each.groups for each in g.layers if each.is_delayed), g.ring_bits),
        "beats": (g.beats, g.event_bits),
        "output neurons": (g.layers[-1].outputs, g.output_bits),
    }
    for what, (count, bits) in counts.items():
        if count > 1 << bits:
            return f"{count} {what} have no room in {bits} bits"
    first = g.layers[0]
    one = 1 + g.signed_inputs  # the bits of a spike
    values = [g.input_bits + first.input_shift]
    values += [one + each.input_shift for each in g.layers[1:]]
    values += [one + each.recurrent_shift for each in g.layers if each.is_recurrent]
    if max(values) > g.value_bits:
        return f"a shifted value needs {max(values)} bits, and has {g.value_bits}"
    return ""


@lru_cache
def first_gap(kind: Kind) -> tuple[str, int]:
    """Return what is not shown, empty if all is, and how much was shown."""
    induction, shown = _Induction(kind), 0
    for name, given, claim in induction.obligations():
        solver = z3.Solver()
        solver.set("timeout", _SECONDS * 1000)
        solver.add(*given)
        if not name.startswith("can"):
            solver.add(z3.Not(claim))
        answer = solver.check()
        if name.startswith("can"):
            if answer == z3.unsat:
                return f"{name}: it cannot happen", shown
        elif answer != z3.unsat:
            return f"{name}: {'not so' if answer == z3.sat else 'no answer'}", shown
        shown += 1
    return "", shown


class _Induction:
    """The invariant, and what has to be shown of it."""

    def __init__(self, kind: Kind) -> None:
        self._kind, self._machine = kind, Machine(kind)
        self._any = z3.Ints("l0 g0 s0 t0 k0")

    def obligations(self) -> Iterator[tuple[str, list[Any], Any]]:
        """Yield what has to be shown: a name, what is given, and what follows."""
        now, steps = self._machine.now, self._machine.steps()
        start = {
            **now,
            **dict.fromkeys(("phase", "l", "g", "s", "part", "k", "ug", "us"), z3.IntVal(0)),
            "sum": m.ZERO,
        }
        l0, g0, _, t0, _ = self._any
        empty = now["rings"][l0, g0, t0 % self._kind.ring] == m.ZERO
        for name, claim in self._invariant(start, self._any).items():
            yield f"at the start: {name}", [*self._sizes(), *self._model(now), empty], claim
        for step in steps:
            after = {**now, **step.after}
            given = [*self._sizes(), *self._model(now), *self._model(after), step.guard, step.given]
            given += self._holds(now, step)
            if self._kind.step_outer or step.name != m.OWN_SPIKES:
                yield f"can {step.name}", given, z3.BoolVal(True)
            for name, claim in step.claims.items():
                yield f"{step.name}: the model's {name}", given, claim
            for name, claim in self._invariant(after, self._any).items():
                yield f"after “{step.name}”: {name}", given, claim

    def _sizes(self) -> list[Any]:
        """Return what is taken of the network: every loop has something in it."""
        layer, g, k = z3.Ints("l! g! k!")
        inside = z3.And(m.seen(layer, g, k) >= 0, m.seen(layer, g, k) < m.groups(layer - 1))
        return [
            LAYERS >= 1,
            STEPS >= 1,
            z3.ForAll([layer], m.groups(layer) >= 1, patterns=[m.groups(layer)]),
            z3.ForAll([layer, g, k], z3.Implies(layer > 0, inside), patterns=[m.seen(layer, g, k)]),
            z3.ForAll(
                [layer, g, k], m.seen_words(layer, g, k) >= 1, patterns=[m.seen_words(layer, g, k)]
            ),
            *([] if self._kind.step_outer else [z3.ForAll([layer], z3.Not(m.is_recurrent(layer)))]),
        ]

    def _holds(self, now: Values, step: Step) -> Iterator[Any]:
        """Yield the invariant of what may be any, and of what the step reads."""
        layer, g, s, k = now["l"], now["g"], now["s"], now["k"]
        zero = z3.IntVal(0)
        places = [self._any]
        if step.name == "add a word":
            which = m.seen(layer, g, k)
            places += [(layer - 1, which, s, zero, which), (layer, k, s - 1, zero, which)]
        if step.name == "hand a sum over":
            places += [(layer, g, s, s, zero)]
        if step.name == "update a group":
            places += [(layer, now["ug"], now["us"], zero, zero)]
            places += [(layer, now["ug"], self._machine.scan_step(layer, now["us"]), zero, zero)]
        for place in places:
            yield from self._invariant(now, place).values()

    # ------------------------------------------------------------------------------ the model
    def _model(self, now: Values) -> Iterator[Any]:
        """Yield the model's equations where they are needed."""
        layer, g, s, part, k = (now[each] for each in ("l", "g", "s", "part", "k"))
        ug, us = now["ug"], now["us"]
        l0, g0, s0, t0, _ = self._any
        ss = self._machine.scan_step(layer, s)
        for t in (ss, t0):
            yield self._adds(layer, g, t, ss, part, k)
        zero = z3.IntVal(0)
        for of_layer, group, step in ((layer, g, ss), (l0, g0, s), (l0, g0, zero), (layer, ug, us)):
            for t in (step, t0):
                yield self._begins(of_layer, group, t, step)
                yield self._begins(of_layer, group, t, step + 1)
        of_job = self._machine.scan_step(layer, us)
        for of_layer, group, step in (
            (layer, g, s),
            (layer, ug, us),
            (layer, ug, of_job),
            (l0, g0, s0),
        ):
            at = self._machine.scan_step(of_layer, step)
            yield m.total(of_layer, group, step) == self._end(of_layer, group, at, at)
            before = z3.If(step == 0, m.rest(of_layer), m.state(of_layer, group, step - 1))
            job = m.total(of_layer, group, step)
            yield m.state(of_layer, group, step) == m.next_state(of_layer, group, before, job)
            yield m.spikes(of_layer, group, step) == m.fire(of_layer, group, before, job)
        for group, step in ((ug, us), (g0, s0)):
            before = z3.If(step == 0, m.NOTHING, m.score(group, step - 1))
            last = LAYERS - 1
            made = m.more(before, m.state(last, group, step), m.spikes(last, group, step))
            yield m.score(group, step) == made

    def _input(self, layer: Any, group: Any, step: Any, part: Any, k: Any) -> Any:
        """Return the word that the model has there."""
        which = m.seen(layer, group, k)
        of_frame = m.frame(self._machine.frame_step(step), which)
        incoming = z3.If(layer == 0, of_frame, m.spikes(layer - 1, which, step))
        return z3.If(part == 1, m.spikes(layer, k, step - 1), incoming)

    def _adds(self, layer: Any, g: Any, t: Any, s: Any, part: Any, k: Any) -> Any:
        made = m.add(
            layer,
            g,
            part,
            k,
            t - s,
            m.ring(layer, g, t, s, part, k),
            self._input(layer, g, s, part, k),
        )
        ends = k == m.seen_words(layer, g, s)
        here = z3.Implies(
            z3.And(part == 0, ends), m.ring(layer, g, t, s, 1, 0) == m.ring(layer, g, t, s, 0, k)
        )
        return z3.And(m.ring(layer, g, t, s, part, k + 1) == made, here)

    def _end(self, layer: Any, g: Any, t: Any, s: Any) -> Any:
        """Return what has been added up for a step when all words of a step are in."""
        own = m.ring(layer, g, t, s, 1, self._machine.words(layer, g, s, z3.IntVal(1)))
        return z3.If(
            m.is_recurrent(layer), own, m.ring(layer, g, t, s, 0, m.seen_words(layer, g, s))
        )

    def _begins(self, layer: Any, g: Any, t: Any, s: Any) -> Any:
        """Say what has been added up before a step: of the steps before, as far as rings go."""
        size = z3.If(self._machine.waits(layer), self._kind.ring, 1)
        nothing = z3.Or(s == 0, s <= t - size + 1)
        before = self._end(layer, g, t, s - 1)
        return m.ring(layer, g, t, s, 0, 0) == z3.If(nothing, m.ZERO, before)

    # -------------------------------------------------------------------------- the invariant
    def _invariant(self, n: Values, place: Any) -> Values:
        """Return what holds between two steps, by name, of layer, group, step, time and word."""
        return {
            "loops": self._loops(n),
            "spikes": self._spikes(n, place),
            "states": self._states(n, place),
            "sums": self._sums(n, place),
            "jobs": self._jobs(n, place),
            "events": self._events(n, place),
            "scores": self._scores(n, place),
        }

    def _loops(self, n: Values) -> Any:
        layer, g, s, part, k, ug, us = (
            n[each] for each in ("l", "g", "s", "part", "k", "ug", "us")
        )
        words = self._machine.words(layer, g, s, part)
        inside = z3.And(
            n["phase"] >= 0, n["phase"] <= m.RESULT, layer >= 0, layer < LAYERS, s >= 0, s < STEPS,
            us >= 0, us < STEPS, ug >= 0, g >= 0, g <= m.groups(layer), k >= 0,
            part >= 0, part <= 1,
            z3.Implies(part == 1, m.is_recurrent(layer)),
            z3.If(g < m.groups(layer), k <= words, z3.And(part == 0, k == 0)),
            z3.Implies(
                n["phase"] == m.WAITS, z3.And(layer == 0, g == 0, k == 0, ug == 0, part == 0)
            ),
            z3.Implies(
                n["phase"] == m.RESULT,
                z3.And(layer == LAYERS - 1, g == m.groups(layer), ug == m.groups(layer)),
            ),
        )  # fmt: skip
        if self._kind.step_outer:
            waits = n["phase"] == m.WAITS
            starts = z3.Implies(waits, s == 0) if self._kind.is_static else z3.BoolVal(True)
            return z3.And(inside, us == s, ug <= g, starts)
        behind = z3.If(layer == 0, z3.And(ug == g, us == 0), z3.And(ug == g, us <= s))
        return z3.And(
            inside,
            z3.Or(ug < g, behind),
            z3.Implies(z3.Or(layer == 0, g == m.groups(layer)), s == 0),
            z3.Implies(ug == m.groups(layer), us == 0),
            z3.Implies(n["phase"] == m.WAITS, us == 0),
        )

    def _exists(self, l0: Any, g0: Any, s0: Any) -> Any:
        inside = z3.And(l0 >= 0, l0 < LAYERS, g0 >= 0, g0 < m.groups(l0))
        return z3.And(inside, s0 >= 0, s0 < STEPS)

    def _done(self, n: Values, l0: Any, g0: Any, s0: Any) -> Any:
        """Say that a group's update is done."""
        layer, ug, us = n["l"], n["ug"], n["us"]
        if self._kind.step_outer:
            here = z3.Or(l0 < layer, z3.And(l0 == layer, g0 < ug))
            return z3.Or(s0 < us, z3.And(s0 == us, here))
        here = z3.Or(g0 < ug, z3.And(g0 == ug, s0 < us))
        return z3.Or(l0 < layer, z3.And(l0 == layer, here))

    def _spikes(self, n: Values, place: Any) -> Any:
        l0, g0, s0, *_ = place
        stays = s0 >= n["us"] - 1 if self._kind.step_outer else l0 >= n["l"] - 1
        there = z3.And(self._exists(l0, g0, s0), self._done(n, l0, g0, s0), stays)
        found = n["store"][self._machine.place(l0, g0, s0)]
        return z3.Implies(there, found == m.spikes(l0, g0, s0))

    def _states(self, n: Values, place: Any) -> Any:
        l0, g0, *_ = place
        layer, ug, us = n["l"], n["ug"], n["us"]
        if not self._kind.step_outer:
            found = n["states"][0, 0]
            return z3.Implies(us > 0, found == m.state(layer, ug, us - 1))
        found = n["states"][self._machine.slot(l0, g0)]
        now = self._done(n, l0, g0, us)
        is_there = z3.And(self._exists(l0, g0, us), z3.Or(now, us > 0))
        must = z3.If(now, m.state(l0, g0, us), m.state(l0, g0, us - 1))
        return z3.Implies(is_there, found == must)

    def _sums(self, n: Values, place: Any) -> Any:
        """Say what stands in the sum, and in a ring at the place of a time."""
        l0, g0, _, t0, _ = place
        layer, g, s, part, k = (n[each] for each in ("l", "g", "s", "part", "k"))
        ss, size = self._machine.scan_step(layer, s), self._kind.ring
        scans = z3.And(n["phase"] == m.WORKS, g < m.groups(layer))
        here = m.ring(layer, g, ss, ss, part, k)
        of_sum = z3.Implies(z3.And(scans, z3.Not(self._machine.waits(layer))), n["sum"] == here)
        of_sum = z3.And(of_sum, z3.Implies(z3.Not(scans), n["sum"] == m.ZERO))
        of_sum = z3.And(of_sum, z3.Implies(self._machine.waits(layer), n["sum"] == m.ZERO))
        if size == 1:
            return of_sum
        is_past = z3.Or(l0 < layer, z3.And(l0 == layer, g0 < g))
        is_now = z3.And(scans, l0 == layer, g0 == g)
        first = z3.If(is_past, s + 1, s)
        found = n["rings"][l0, g0, t0 % size]
        must = z3.If(is_now, m.ring(l0, g0, t0, s, part, k), m.ring(l0, g0, t0, first, 0, 0))
        inside = z3.And(self._exists(l0, g0, z3.IntVal(0)), first <= t0, t0 < first + size)
        ends = n["phase"] == m.RESULT  # they are emptied then
        rings = z3.Implies(z3.And(inside, m.is_delayed(l0), z3.Not(ends)), found == must)
        return z3.And(of_sum, rings)

    def _jobs(self, n: Values, place: Any) -> Any:
        """Say what is handed over and not yet used."""
        _, g0, s0, *_ = place
        layer, g, s = n["l"], n["g"], n["s"]
        if self._kind.step_outer:
            waiting = z3.And(g0 < g, s0 == s)
        else:
            in_order = z3.Or(g0 < g, z3.And(g0 == g, s0 < s))
            waiting = z3.If(layer == 0, z3.And(g0 < g, s0 == 0), in_order)
        used = z3.And(self._done(n, layer, g0, s0), z3.BoolVal(self._kind.step_outer))
        there = z3.And(n["phase"] == m.WORKS, self._exists(layer, g0, s0), waiting, z3.Not(used))
        return z3.Implies(there, n["jobs"][g0, s0] == m.total(layer, g0, s0))

    def _events(self, n: Values, place: Any) -> Any:
        k0 = place[-1]
        must = m.frame(self._machine.frame_step(n["s"]), k0)
        works = z3.And(n["phase"] == m.WORKS, z3.Or(n["l"] == 0, self._kind.is_static))
        return z3.Implies(works, n["events"][n["bank"], k0] == must)

    def _scores(self, n: Values, place: Any) -> Any:
        _, g0, *_ = place
        last, us = LAYERS - 1, n["us"]
        found = n["scores"][g0]
        exists = z3.And(g0 >= 0, g0 < m.groups(last))
        if self._kind.step_outer:
            now = self._done(n, last, g0, us)
            is_there = z3.And(exists, z3.Or(now, us > 0))
            return z3.Implies(is_there, found == m.score(g0, z3.If(now, us, us - 1)))
        all_steps = z3.And(exists, n["l"] == last, g0 < n["ug"])
        some = z3.And(exists, n["l"] == last, g0 == n["ug"], us > 0)
        return z3.And(
            z3.Implies(all_steps, found == m.score(g0, STEPS - 1)),
            z3.Implies(some, found == m.score(g0, us - 1)),
        )
