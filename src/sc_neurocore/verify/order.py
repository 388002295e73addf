"""The order of updates, proved without bound: each turn of a layer once, before the next layer.

And what the modules behind the neurons count on: places of spikes, spike store and readout; and the
scanner, whose memories hold what they answered. harness/order.v.j2 says it of the emitted
accelerator; memories hold anything, neurons' equations and handshakes may do anything.
"""

from __future__ import annotations

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.control import bench_values, in_engine, looked_at
from sc_neurocore.verify.result import ProofResult

NAME = "order: each update once, in the order of the loops"
_BEHIND = ("readout", "places", "spikes")
"""Modules that count on the order of updates."""
_STAGES = 4
_LOOKED_AT = {
    "due_group": "neurons.due_group",
    "due_step": "neurons.due_step",
    "due_turn": "neurons.due_turn",
    "update_turn": "update_turn",
    "update_group": "update_group",
    "update_step": "trace_step",
    "update_neuron": "trace_neuron",
    "update_is_first": "update_is_first",
    "output_n": "readout.n",
    "in_sample": "readout.n_was_first",
    "begins": "readout.sample_began",
    "readout_turn": "readout.turn",
    "readout_clocks": "readout.clocks_behind_reset",
    "compare": "readout.compare",
    "readout_index": "readout.index",
    "memories_hold": "scanner.keeps_now",
    "readout_is_fair": "readout.is_fair",
    "places_is_fair": "places.is_fair",
    "spikes_is_fair": "spike_store.is_fair",
}

_OF_WALKS = {
    "is_placed": "walked.window.placed",
    "place_row": "walked.window.row",
    "place_column": "walked.window.column",
    "last_column": "walked.window.last_column",
    "window_first_input": "walked.window.first_input",
    "walked_word": "walked.window.word",
    "fetched_word": "walked.window.fetch_word",
    "fetched_is_recurrent": "walked.window.fetch_is_recurrent",
    "was_partial": "scanner.was_partial",
    "has_counted": "places.has_counted",
    "counted_first": "places.counted_first",
    "next_word": "places.next_word",
} | {
    name: f"walked.window.{name}"
    for name in (
        *("at_row", "at_column", "at_block", "word_at"),
        *("joined_row", "joined_row_at", "joined_column", "joined_column_at"),
        *("row_tap_offset", "column_tap_offset"),
        *("named_valid", "named_is_event", "named_is_recurrent", "named_is_partial"),
        *("named_row", "named_column", "named_word"),
        *("fetch_valid", "fetch_is_event", "fetch_is_partial"),
    )
}


def prove_order(
    accelerator: Accelerator, *, depth: int = 8, search: int = 24, timeout: float = 600
) -> ProofResult:
    """Prove in which order the neurons' updates leave, and that what is behind may count on it.

    Args:
        accelerator: The design; the bench goes to its folder proof/order.
        depth: The longest induction that is tried, besides the clocks that a unit takes.
        search: Clocks from the reset on that are searched for a counterexample.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        CheckFailedError: If a file of the design assumes something.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    g = accelerator.geometry
    turns = g.lanes // g.units
    values = bench_values(g) | {"due_bits": max(1, (turns - 1).bit_length()), "watches": 0}
    values["fair"] += ["readout_is_fair", "places_is_fair", "spikes_is_fair", "memories_hold"]
    inside = looked_at(g) | _LOOKED_AT
    if g.windows:
        inside |= _OF_WALKS
        values |= {
            "walks": [_walk(g, layer, accelerator.steps) for layer in g.layers],
            "wide": g.address_bits + g.group_bits + g.step_bits + 2,
        }
    folder = prepare(
        accelerator,
        "order",
        values,
        data_are_free=True,
        kept={f"snn_{each}" for each in _BEHIND},
        inside=in_engine(inside),
    )
    says = (
        "for every sequence of inputs and handshakes, every content of the memories and every "
        "answer of the neuron units, without bound: every turn of every group "
        f"{'' if g.step_outer else 'and step '}of a layer comes once, and no other, before the "
        "next layer begins; an output neuron has one in each step of a sample, that of the first "
        "step first; readout, places of spikes and spike store find what they count on, and the "
        "scanner finds that memories hold what they answered"
    )
    if g.windows:
        says += (
            "; each word that a walk asks for is one of the layer before, and those of a layer are "
            "gathered one after the other, from its first place on"
        )
    # With windows a block goes with each turn, from its issue to the readout.
    deep = depth + g.unit_latency + (_STAGES if g.windows else 0)
    return prove(folder, NAME, says, RESET, deep, timeout, search=search)


def _walk(g: Geometry, layer: LayerGeometry, steps: int) -> dict[str, dict[str, object]]:
    """Return what order_windows.v.j2 is told of a layer: numbers, and factors of counters."""
    window = layer.window
    assert window is not None
    most = [
        max(
            (place * axis.step + taps[tap].offset + taps[tap].joined * axis.apart)
            for place, (first, last) in enumerate(axis.ranges)
            for tap in range(first, last + 1)
        )
        for axis, taps in ((window.rows, g.row_taps), (window.columns, g.column_taps))
    ]
    inside = 1 if g.step_outer else steps
    of_word = window.first_input + (layer.blocks - 1) * window.block_step
    of_word += window.last_word * window.word_step + (0 if layer.takes_frame else inside - 1)
    columns = len(window.columns.ranges)
    mask = (1 << g.address_bits) - 1
    return {
        "of_layer": {
            "groups_of_row": columns * layer.blocks,
            "groups_of_column": layer.blocks,
            "most_row": most[0],
            "most_column": most[1],
            "most_word": of_word,
            "most_own": window.first_output + layer.groups - 1,
            "first_gathered": window.first_output,
            "joins_here": int(window.joins),
            "has_own_here": int(layer.is_recurrent),
        },
        "of_counter": {
            "must_row": ("place_row", window.rows.step & mask),
            "must_column": ("place_column", window.columns.step & mask),
            "must_block": ("block", window.block_step & mask),
            "must_word": ("walked_word", window.word_step & mask),
            "must_joined_row": ("joined_row", window.rows.apart & mask),
            "must_joined_column": ("joined_column", window.columns.apart & mask),
        },
    }
