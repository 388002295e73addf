"""Control, proved without bound: every sample gives one result, never two, never none.

The claims of harness/control.v.j2 are proved by induction on the emitted accelerator, in either
order of work; memories, neurons' equations and handshakes may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.result import ProofResult

NAME = "control: one result per sample, addresses in range, no hazard"
# Clocks from a word's fetch to its first token, from there to the sums, from a turn to its update.
_FILLING, _TOKENS, _UPDATES = 3, 4, 5
_STAGES = ("addressed", "read", "weighted", "multiplied")


def prove_control(accelerator: Accelerator, *, depth: int = 8, timeout: float = 600) -> ProofResult:
    """Prove that every sample that goes into a generated core gives exactly one result.

    The claims: a result comes only when its frames are in, and ends them; at most one frame waits
    behind the one at work, whose events it does not overwrite; a result stays until it is taken;
    no neuron's state is read while its successor is still on its way; the neuron memory is not
    read beyond its end; what belongs to a layer stands still while anything is on its way; and the
    result comes within `most_clocks`, since a ranking falls with every clock until then: where all
    layers of a step come first, one of each step, and no step comes twice. Of a network with
    windows all but the last, and it says so.

    Args:
        accelerator: The design; the proof's files go to its folder proof/control.
        depth: Clocks after reset that are searched for a counterexample, and the longest
            induction that is tried.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If SymbiYosys, Yosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    g, steps = accelerator.geometry, accelerator.steps
    frames = accelerator.frames_per_sample
    costs = _costs(g, steps)
    values = bench_values(g) | {
        "frames": frames,
        "owed_bits": index_bits(frames + 2) + 1,
        "costs": costs.layers,
        "pass_free": costs.pass_free,
        "pass_busy": costs.pass_busy,
        "waiting": costs.waiting,
        "choosing": costs.choosing,
        "most_free": costs.most_free,
        "most_busy": costs.most_busy,
        "spare": _spare(g),
        # It also holds what no reachable state has, a job for each stage of the pipeline: a number
        # that wraps would look small.
        "left_bits": (16 * max(costs.at_once(bool(g.step_outer)))).bit_length(),
        "reach": index_bits(2 * g.period + g.unit_latency + 5),
        "state_bits": g.state_slot_bits if g.step_outer else g.turn_bits,
    }
    most = most_clocks(g, steps)
    comes = "the result" if frames == 1 else "the result, or the turn of the next frame,"
    claims = (
        "for every sequence of inputs and handshakes, every content of the memories and every "
        "answer of the neuron units, without bound: one result per sample, the events of a frame "
        "at work not overwritten, no state read before it is written, neuron addresses in range, "
        "the result held until it is taken"
    )
    figures: dict[str, int] = {}
    if g.windows:
        claims += (
            "; each group's walk begins at its own rows of weights, those of its block of channels "
            "where places share them, and places follow each other with all of their blocks; that "
            "the result comes, and within how many clocks, is not shown of a network with windows: "
            "only co-simulation speaks of it"
        )
    else:
        figures["most_clocks"] = most
        of_step, in_order = (
            ("of a step ", ", and no step comes twice") if g.step_outer else ("", "")
        )
        claims += (
            f"; and {comes} comes at most {most} clocks after a frame's last beat or, if an "
            f"earlier result was then still to be taken, after that: what is left {of_step}falls "
            f"with every clock{in_order}"
        )
    folder = prepare(accelerator, "control", values, data_are_free=True)
    return prove(folder, NAME, claims, RESET, depth, timeout, figures)


def most_clocks(geometry: Geometry, steps: int) -> int:
    """Return the clocks from a frame's last beat within which `prove_control` proves the result.

    Every input is active, every neuron fires, and sums and neuron units never work at the same
    time. Where frames come per step, the next one's turn counts for a result.
    """
    costs = _costs(geometry, steps)
    return 1 + costs.most_free + costs.most_busy  # it waits from the clock after its last beat on


def bench_values(g: Geometry) -> dict[str, Any]:
    """Return what harness/engine.v.j2 is filled in with."""
    pending = [(f"{each}_handover", each) for each in reversed(_STAGES)]
    stages = ["current", "arrived", "fetched"]
    if g.windows:
        stages += ["fetch", "named"]
    last = {"fetch": "word"}
    at_scanner = [(f"{each}_valid && {last.get(each, each)}_is_last", each) for each in stages]
    # From the neurons upstream: what is at a place, and whether it ends a sum.
    ends = ["neurons_busy", *(end for end, _ in (*pending, *at_scanner))]
    names = [*(name for _, name in (*pending, *at_scanner)), "controller"]
    valid = [f"({each}_add || {each}_handover)" for each in reversed(_STAGES)]
    valid += [f"{each}_valid" for each in stages]
    return {
        "inside": list(_inside(g)),
        "word_bits": max(g.lanes, g.beat),
        "flags_bits": g.units + g.group_bits + g.turn_bits + _other_bits(g),
        "other_bits": _other_bits(g),
        "chain": list(zip(names, ends, strict=True)),
        "valid_at": list(zip(valid, names[:-1], strict=True)),
    }


def _other_bits(g: Geometry) -> int:
    """Return the width of what travels at the low end of a turn's flags, in rtl/snn_neurons.v."""
    return g.state_slot_bits if g.step_outer else g.step_bits


def _spare(g: Geometry) -> int:
    """Return the clocks that the last token of a sum takes longer: with rings it takes two."""
    return int(g.delay_bits > 0)


@dataclass(frozen=True)
class _Cost:
    """Clocks that parts of a layer's work take at most: words the sums, jobs the neuron units."""

    scan: int
    group_words: int
    recurrent_words: int
    group_jobs: int
    later_words: int
    later_jobs: int


@dataclass(frozen=True)
class _Costs:
    """The parts of the bound: by layer, those of one pass through the layers, and all together."""

    layers: list[_Cost]
    pass_free: int
    pass_busy: int
    passes: int
    choosing: int
    waiting: int

    def at_once(self, step_outer: bool) -> tuple[int, int]:
        """Return the most clocks of either kind that are counted together: of a step, or of all."""
        if step_outer:
            return self.waiting + self.pass_free + self.choosing, self.pass_busy
        return self.most_free, self.most_busy

    @property
    def most_free(self) -> int:
        """Clocks in which no neuron unit is busy."""
        return self.waiting + self.passes * self.pass_free + self.choosing

    @property
    def most_busy(self) -> int:
        """Clocks in which one is."""
        return self.passes * self.pass_busy


def _costs(g: Geometry, steps: int) -> _Costs:
    layers: list[_Cost] = []
    words = jobs = 0
    for layer in reversed(g.layers):
        scans = 1 if g.step_outer or layer.takes_frame else steps
        repeats = steps if not g.step_outer and layer.takes_frame else 1
        incoming = g.beats * g.beat if layer.takes_frame else layer.words * g.lanes
        own = layer.groups * g.lanes if layer.is_recurrent else 0
        scan = incoming + own + _spare(g)
        job = g.period * repeats
        layers.append(_Cost(scan, scans * scan, own, scans * job, words, jobs))
        words += layer.groups * scans * scan + _FILLING + _TOKENS + g.unit_latency + _UPDATES + 1
        jobs += layer.groups * scans * job
    return _Costs(
        layers=layers[::-1],
        pass_free=words + 1 - g.is_static,  # each frame is taken in a clock of its own
        pass_busy=jobs,
        passes=steps if g.step_outer else 1,
        choosing=g.layers[-1].outputs + 1,
        waiting=g.clear_clocks + g.is_static,
    )


def _inside(g: Geometry) -> Iterator[tuple[str, str, int]]:
    """Yield what the benches look at inside the engine: its name there, its path, its width."""
    word = max(g.lanes, g.beat)
    flags = g.units + g.group_bits + g.turn_bits + _other_bits(g)
    one = dict.fromkeys
    signals: dict[str, dict[str, int]] = {
        "loader": {
            "full": 1,
            "beat": g.event_bits,
            "event_bank": 1,
            "event_address": g.event_bits,
            "event_write": 1,
            "frame_last_event": g.event_bits,
            "frame_is_blank": 1,
        },
        "controller": {
            "state": 3,
            "last_event": g.event_bits,
            "blank": 1,
            "bank": 1,
            "begins": 1,
            "step": g.step_bits,
            "group": g.group_bits,
            "fetch_word": g.walk_bits if g.windows else g.index_bits,
            "fetch_is_recurrent": 1,
            "fetch_row": g.row_bits,
            "clear_address": g.ring_bits + g.delay_bits,
        },
        "scanner": {
            **one(("move", "fetched_valid", "fetched_is_event", "fetched_is_empty"), 1),
            **one(
                ("fetched_is_last", "fetched_is_recurrent", "arrived_valid", "arrived_is_last"), 1
            ),
            **one(("arrived_is_recurrent", "current_valid", "current_is_last", "finished"), 1),
            **one(("token_ready", "token_add", "token_handover", "token_is_recurrent"), 1),
            **one(("fetched_word", "arrived_index", "position"), g.index_bits),
            **one(("fetched_row", "arrived_row", "token_row"), g.row_bits),
            **one(("arrived", "lowest", "rest"), word),
            **one(("arrived_values", "values"), g.beat * g.input_bits),
            "token_value": g.input_bits,
        },
        "accumulator": {
            **{f"{stage}_{flag}": 1 for stage in _STAGES for flag in ("add", "handover")},
            "added": 1,
            "enter_add": 1,
            "advance": 1,
            "weights_row": g.row_bits,
        },
        "neurons": {
            **one(("ends_job", "read_turn", "fetched_turn", "biased_turn", "update_turn"), 1),
            **one(("at_end", "at_last_step"), 1),
            **one(("read_flags", "fetched_flags", "biased_flags"), flags),
            "place": index_bits(g.period),
            "under_way": g.unit_latency + 1,
            "stages": (g.unit_latency + 1) * (flags + 1),
            **one(("update_valid", "update_spike"), g.units),
        },
        "readout": {"compare": 1, "asked": g.output_bits},
    }
    if g.windows:
        window = {f"named_{each}": 1 for each in ("valid", "is_recurrent", "is_event", "is_last")}
        signals["walked.window"] = window | {"fetch_valid": 1, "fetch_is_event": 1}
        yield "word_is_recurrent", "walked.window.fetch_is_recurrent", 1
        yield "word_is_last", "walked.window.fetch_is_last", 1
        yield "block", "controller.by_place.block", g.group_bits
        yield "neurons_block", "neurons.by_place.block", g.group_bits
        yield "last_block", "layer_last_block", g.group_bits
        yield "shares_slots", "layer_shares_slots", 1
        yield "first_state", "layer_first_state", g.state_slot_bits
    for module, widths in signals.items():
        for name, width in widths.items():
            yield name, f"{module}.{name}", width
    yield "loader_is_fair", "loader.is_fair", 1
    yield "scanner_is_fair", "scanner.is_fair", 1
    yield "first_row_of_word", "scanner.first_row", g.row_bits
    yield "neurons_busy", "neurons.busy", 1
    yield "neurons_group", "neurons.group", g.group_bits
    yield "neurons_step", "neurons.step", g.step_bits
    yield "readout_index", "readout.index", g.output_bits
    yield "neurons_are_inside", "neuron_memory.is_inside", 1
    table = {
        "takes_frame": ("layer_takes_frame", 1),
        "is_recurrent": ("layer_is_recurrent", 1),
        "last_group": ("layer_last_group", g.group_bits),
        "last_word_of_layer": ("layer_last_word", g.index_bits),
        "first_slot": ("layer_first_slot", g.slot_bits),
        "inputs": ("layer_inputs", g.row_bits),
        "outputs": ("layer_outputs", g.row_bits),
        "layer": ("layer", g.layer_bits),
        "event_index": ("event_index", g.event_bits),
        "event_value": ("event_value", g.beat * g.input_bits),
        "event_active": ("event_active", g.beat),
        "spikes": ("spikes", g.lanes),
    }
    for name, (path, width) in table.items():
        yield name, path, width
