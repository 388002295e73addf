"""The order of updates, proved without bound: each turn of a layer once, before the next layer.

And what the modules behind the neurons count on: places of spikes, spike store and readout; and the
scanner, whose memories hold what they answered. harness/order.v.j2 says it of the emitted
accelerator; memories hold anything, neurons' equations and handshakes may do anything.
"""

from __future__ import annotations

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.control import bench_values, in_engine, looked_at
from sc_neurocore.verify.result import ProofResult

NAME = "order: each update once, in the order of the loops"
_BEHIND = ("readout", "places", "spikes")
"""Modules that count on the order of updates."""
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
    folder = prepare(
        accelerator,
        "order",
        values,
        data_are_free=True,
        kept={f"snn_{each}" for each in _BEHIND},
        inside=in_engine(looked_at(g) | _LOOKED_AT),
    )
    says = (
        "for every sequence of inputs and handshakes, every content of the memories and every "
        "answer of the neuron units, without bound: every turn of every group "
        f"{'' if g.step_outer else 'and step '}of a layer comes once, and no other, before the "
        "next layer begins; an output neuron has one in each step of a sample, that of the first "
        "step first; readout, places of spikes and spike store find what they count on, and the "
        "scanner finds that memories hold what they answered"
    )
    return prove(folder, NAME, says, RESET, depth + g.unit_latency, timeout, search=search)
