"""Control, proved without bound: every sample gives one result, never two, never none.

The claims of harness/control.v.j2 are proved by induction on the emitted accelerator, in either
order of work; memories, neurons' equations and handshakes may do anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry, index_bits
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.result import ProofResult

NAME = "control: one result per sample, addresses in range, no hazard"
# Clocks from a word's fetch to its first token, with windows so many more; from there to the sums,
# and from a turn to its update.
_FILLING, _WALKING, _TOKENS, _UPDATES = 3, 2, 4, 5

_COMMON = {
    "state": "controller.state",
    "last_event": "controller.last_event",
    "blank": "controller.blank",
    "bank": "controller.bank",
    "step": "controller.step",
    "group": "controller.group",
    "fetch_word": "controller.fetch_word",
    "fetch_is_recurrent": "controller.fetch_is_recurrent",
    "event_bank": "event_bank",
    "layer": "layer",
    "takes_frame": "layer_takes_frame",
    "last_group": "layer_last_group",
    "last_word_of_layer": "layer_last_word",
    "window_idle": "window_idle",
    "scanner_idle": "scanner_idle",
    "sums_idle": "accumulator_idle",
    "neurons_idle": "neurons_idle",
    "scanner_ends": "scanner.ends",
    "scanner_is_open": "scanner.is_open",
    "sums_ends": "accumulator.ends",
    "sums_are_open": "accumulator.is_open",
    "neurons_busy": "neurons.busy",
    "neurons_group": "neurons.group",
    "neurons_step": "neurons.step",
}
_OF_PLACES = {
    "window_ends": "walked.window.ends",
    "window_is_open": "walked.window.is_open",
    "is_middle": "walked.window.middle",
    "block": "controller.block",
    "neurons_block": "neurons.block",
}
_OF_RINGS = {
    "half_is_in": "accumulator.half",
    "sums_group": "accumulator.group_0",
    "stands": "token_add",
    "ends_a_sum": "token_handover",
}
_OF_STREAMS = {"part": "accumulator.part_0", "stands": "token_add"}
_LOOKED_AT = {
    "full": "loader.full",
    "beat": "loader.beat",
    "neurons_are_inside": "neuron_memory.is_inside",
    "scanner_clocks": "scanner.clocks_left",
    "scanner_gaps": "scanner.gaps",
    "scanner_gaps_inside": "scanner.gaps_inside",
    "sums_clocks": "accumulator.clocks_left",
    "job_clocks": "neurons.job_clocks",
    "clocks_behind": "neurons.clocks_behind",
    "update_turn": "update_turn",
    "compare": "readout.compare",
    "asked": "readout.asked",
    "readout_index": "readout.index",
}
_OF_WALKS = {
    "is_placed": "walked.window.placed",
    "window_events": "walked.window.events",
    "window_words": "walked.window.words",
    "window_gaps": "walked.window.gaps",
    "window_gaps_inside": "walked.window.gaps_inside",
} | {
    f"rest_of_{loop}": f"walked.window.rest_of_{loop}"
    for loop in ("row_taps", "column_taps", "words", "joined_rows", "joined_columns")
}


def prove_control(accelerator: Accelerator, *, depth: int = 8, timeout: float = 600) -> ProofResult:
    """Prove that every sample that goes into a generated core gives exactly one result.

    The claims: a result comes only when its frames are in, and ends them; at most one frame waits
    behind the one at work, whose events it does not overwrite; a result stays until it is taken;
    the neuron memory is not read beyond its end; the modules that keep contracts do for each other
    what these count on; and the result comes within `most_clocks`, since a ranking falls with every
    clock until then: where all layers of a step come first, one of each step, and no step comes
    twice.

    Args:
        accelerator: The design; the proof's files go to its folder proof/control.
        depth: Clocks after reset that are searched for a counterexample, and the longest
            induction that is tried.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
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
        "of_event": _of_event(g),
        "of_spikes": _of_spikes(g),
        # It also holds what no reachable state has, a job for each stage of the pipeline: a number
        # that wraps would look small.
        "left_bits": (16 * max(costs.at_once(bool(g.step_outer)))).bit_length(),
    }
    values["walks_evenly"] = all(_walks_evenly(g, layer) for layer in g.layers)
    values["near_bits"] = (16 * (costs.waiting + costs.choosing + (1 << 16))).bit_length()
    values["left_bits"] = max(values["left_bits"], values["near_bits"] + 1)
    most = most_clocks(g, steps)
    of_step, in_order = ("of a step ", ", and no step comes twice") if g.step_outer else ("", "")
    comes = "the result" if frames == 1 else "the result, or the turn of the next frame,"
    claims = (
        "for every sequence of inputs and handshakes, every content of the memories and every "
        "answer of the neuron units, without bound: one result per sample, the events of a frame "
        "at work not overwritten, neuron addresses in range, the result held until it is taken; "
        "the modules do for each other what their contracts count on, and so no state is read "
        f"before it is written; and {comes} comes at most {most} clocks after a frame's last beat "
        f"or, if an earlier result was then still to be taken, after that: what is left {of_step}"
        f"falls with every clock{in_order}"
    )
    inside = (
        looked_at(g) | _LOOKED_AT | ({"clear_address": "clear_address"} if g.delay_bits else {})
    )
    if g.windows:
        inside |= _OF_WALKS
    folder = prepare(accelerator, "control", values, data_are_free=True, inside=in_engine(inside))
    return prove(folder, NAME, claims, RESET, depth, timeout, {"most_clocks": most})


def most_clocks(geometry: Geometry, steps: int) -> int:
    """Return the clocks from a frame's last beat within which `prove_control` proves the result.

    Every input is active, every neuron fires, and sums and neuron units never work at the same
    time. Where frames come per step, the next one's turn counts for a result.
    """
    costs = _costs(geometry, steps)
    return 1 + costs.most_free + costs.most_busy  # it waits from the clock after its last beat on


def bench_values(g: Geometry) -> dict[str, Any]:
    """Return what harness/engine.v.j2 is filled in with."""
    return {
        "fair": [f"{module}_is_fair" for module in _modules(g)],
        "walk_bits": g.walk_bits if g.windows else g.index_bits,
        "position_bits": 4 + g.group_bits + g.step_bits,
    }


def looked_at(g: Geometry) -> dict[str, str]:
    """Return what harness/engine.v.j2 looks at inside the engine: its name there, and its path."""
    found = {f"{module}_is_fair": f"{path}.is_fair" for module, path in _modules(g).items()}
    found |= _COMMON | (_OF_PLACES if g.windows else {}) | (_OF_RINGS if g.delay_bits else {})
    return found | (_OF_STREAMS if g.part_bits else {})


def in_engine(inside: Mapping[str, str]) -> dict[str, str]:
    """Return paths from the accelerator on."""
    return {name: f"engine.{path}" for name, path in inside.items()}


def _modules(g: Geometry) -> dict[str, str]:
    """Return the engine's modules whose contracts stay in the bench, and their paths."""
    names = ("loader", "controller", "scanner", "accumulator", "neurons")
    return {name: name for name in names} | ({"window": "walked.window"} if g.windows else {})


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
    walk: dict[str, int]


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


def _of_event(g: Geometry) -> int:
    """Return the clocks that a word of a frame takes at most; words that are joined are as wide.

    A value that has a stream takes a clock for each of its parts.
    """
    return (max(g.lanes, g.beat) if g.joins else g.beat) << g.part_bits


def _of_spikes(g: Geometry) -> int:
    """Return the clocks that a word of spikes takes at most."""
    return max(g.lanes, g.beat) if g.joins else g.lanes


def _walk(g: Geometry, layer: LayerGeometry) -> dict[str, int]:
    """Return how many words each loop of a layer's walk takes at most, by the bench's names."""
    assert layer.window is not None
    axes = layer.window.rows, layer.window.columns
    counts = [max(last - first + 1 for first, last in axis.ranges) for axis in axes]
    joined = [max(each) for each in _joined(g, layer)]
    of_input = joined[0] * joined[1]
    of_column_tap = (layer.window.last_word + 1) * of_input
    of_row_tap = counts[1] * of_column_tap
    return {
        "walk": counts[0] * of_row_tap,
        "of_row_tap": of_row_tap,
        "of_column_tap": of_column_tap,
        "of_input": of_input,
        "of_joined_row": joined[1],
    }


def _joined(g: Geometry, layer: LayerGeometry) -> tuple[set[int], set[int]]:
    """Return how many inputs pooling joins in front of a tap of a layer, of rows and of columns."""
    assert layer.window is not None
    found = []
    for axis, taps in ((layer.window.rows, g.row_taps), (layer.window.columns, g.column_taps)):
        seen = {tap for first, last in axis.ranges for tap in range(first, last + 1)}
        found.append({taps[tap].joined + 1 for tap in seen})
    return found[0], found[1]


def _walks_evenly(g: Geometry, layer: LayerGeometry) -> bool:
    """Return whether each turn of a walk's loops takes as many words as any other.

    Not where places see different numbers of columns, nor where pooling joins different numbers of
    inputs in front of taps.
    """
    if layer.window is None:
        return True
    columns = {last - first for first, last in layer.window.columns.ranges}
    return len(columns) == 1 and all(len(each) == 1 for each in _joined(g, layer))


def _costs(g: Geometry, steps: int) -> _Costs:
    layers: list[_Cost] = []
    words = jobs = 0
    for layer in reversed(g.layers):
        scans = 1 if g.step_outer or layer.takes_frame else steps
        repeats = steps if not g.step_outer and layer.takes_frame else 1
        walk = _walk(g, layer) if g.windows else {}
        if g.windows and (g.walks_frame or not layer.takes_frame):
            incoming = walk["walk"] * (_of_event(g) if layer.takes_frame else _of_spikes(g))
        else:
            incoming = g.beats * _of_event(g) if layer.takes_frame else layer.words * g.lanes
        own = layer.groups * _of_spikes(g) if layer.is_recurrent else 0
        scan = incoming + own + _spare(g)
        of_group = scans * scan + g.windows  # taps are looked up
        job = g.period * repeats
        layers.append(_Cost(scan, of_group, own, scans * job, words, jobs, walk))
        filling = _FILLING + _WALKING * g.windows
        words += layer.groups * of_group + filling + _TOKENS + g.unit_latency + _UPDATES + 1
        jobs += layer.groups * scans * job
    return _Costs(
        layers=layers[::-1],
        pass_free=words + 1 - g.is_static,  # each frame is taken in a clock of its own
        pass_busy=jobs,
        passes=steps if g.step_outer else 1,
        choosing=g.layers[-1].outputs + 1,
        waiting=g.clear_clocks + g.is_static,
    )
