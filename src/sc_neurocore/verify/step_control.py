"""Control of a step-outer design, proved without bound.

The claims of harness/step_control.v.j2 are proved by induction on the engine itself, with the
network's table at hand; memories, neuron units and handshakes may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.step_geometry import StepGeometry
from sc_neurocore.verify.control import ASSUMPTIONS, left_bits, prepare_bench, run_bench
from sc_neurocore.verify.result import ProofResult

NAME = "control: one result per sample, addresses in range, no hazard, no input added twice"
MEMORIES = (
    "the event memory and the spike memory hold what was written into them, of which it is proved "
    "that events come in the order of their inputs and no padding has spiked",
)
# Clocks from a word's fetch to its first token, from there to the sums, from a neuron's turn to its
# update, and the one in which the controller sees that all is done.
_THROUGH = 3 + 4 + 4 + 1
_STAGES = ("addressed", "read", "weighted", "multiplied")


def prove_step_control(
    accelerator: Accelerator, *, depth: int = 6, timeout: float = 600
) -> ProofResult:
    """Prove that every sample gives exactly one result, and no input goes into a sum twice.

    The claims: a result comes only between whole frames and ends the sample; no frame is taken
    before the work on the one before is done, and no more than there are steps; a result stays
    until it is taken; the weight and the neuron memory are never read beyond their end; a
    neuron's state is never read while its successor is on its way; layer and step stand still
    while anything is under way; the words of a sum come one after the other, all for one group, no
    word brings an input twice, no two words bring the same, and each with its own row of the
    group's weights; and within `most_clocks` of a frame's last value the result comes
    or the next frame is asked for, since a ranking falls with every clock until then.

    Args:
        accelerator: The design; the proof's files go to its folder proof/control.
        depth: Clocks after reset that are searched for a counterexample, and the longest
            induction that is tried.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If SymbiYosys, Yosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    geometry = accelerator.step_geometry()
    values = _bench_values(accelerator, geometry)
    folder = prepare_bench(accelerator, ("layers",), "step_control.v.j2", values, depth)
    most = most_step_clocks(geometry, accelerator.steps)
    comes = "the result" if geometry.is_static else "the result or the next frame's turn"
    claims = (
        f"for every sequence of inputs and handshakes, every content of the memories and every "
        f"answer of the neuron units, without bound: one result per sample, held until it is "
        f"taken; no frame before the work on the last one is done; weight and neuron addresses in "
        f"range; no state read while its successor is under way; in a step each input enters a "
        f"group's sums at most once, with its own row of the weights; and {comes} at most {most} "
        f"clocks after a frame's last value: what is left falls with every clock"
    )
    result = run_bench(folder, NAME, claims, ASSUMPTIONS + MEMORIES, depth, timeout)
    return replace(result, figures={"most_clocks": most})


def most_step_clocks(geometry: StepGeometry, steps: int) -> int:
    """Return the clocks from a frame's last value within which `prove_step_control` proves its end.

    That is the result, or, where frames come per step, the next frame's turn. Every input is
    active, every neuron fires, and sums and neuron unit never work at the same time.
    """
    _, free, busy = _costs(geometry)
    return 1 + (free + busy) * (steps if geometry.is_static else 1)


@dataclass(frozen=True)
class _Cost:
    """Clocks that parts of a layer's work take at most: words the sums, jobs the neuron unit."""

    group_words: int
    own_words: int
    later_words: int
    later_jobs: int


def _costs(g: StepGeometry) -> tuple[list[_Cost], int, int]:
    """Return the parts of the bound in harness/step_control.v.j2 by layer, and those of a step."""
    costs: list[_Cost] = []
    words = jobs = 0
    for layer in reversed(g.layers):
        own = layer.groups * g.lanes if layer.is_recurrent else 0
        incoming = layer.inputs if layer.takes_frame else layer.words * g.lanes
        group = incoming + own + _spare(g)
        costs.append(_Cost(group, own, words, jobs))
        words += layer.groups * group + _THROUGH
        jobs += layer.groups * g.lanes
    return costs[::-1], words, jobs


def _spare(g: StepGeometry) -> int:
    """Return the clocks that the last token of a group takes longer: in rings it takes two."""
    return int(g.delay_bits > 0)


def _bench_values(accelerator: Accelerator, g: StepGeometry) -> dict[str, Any]:
    sums = "delayed.rings" if g.delay_bits else "direct.accumulator"
    costs, free, busy = _costs(g)
    steps = accelerator.steps if g.is_static else 1
    return {
        "top": accelerator.top,
        "g": g,
        "inputs": g.layers[0].inputs,
        "steps": accelerator.steps,
        "sums": sums,
        "stages": _STAGES,
        "inside": list(_inside(g, sums)),
        "flags_bits": 2 + g.group_bits + g.lane_bits + g.slot_bits,
        "costs": costs,
        "spare": _spare(g),
        "step_free": free,
        "step_busy": busy,
        "most_free": steps * free,
        "most_busy": steps * busy,
        "left_bits": left_bits(steps * free, steps * busy),
        "engine_parameters": list(g.parameters.items()),
    }


def _inside(g: StepGeometry, sums: str) -> Iterator[tuple[str, int]]:
    """Yield what the bench looks at inside the engine: path and width."""
    flags = 2 + g.group_bits + g.lane_bits + g.slot_bits
    sizes = {
        "controller": {
            "state": 3,
            "blank": 1,
            "step": g.step_bits,
            "input_index": g.event_bits,
            "event_write": 1,
            "event_address": g.event_bits,
            "last_event": g.event_bits,
            "last_word": g.index_bits,
            "fetch_word": g.index_bits,
            "fetch_group": g.group_bits,
            "fetch_is_own": 1,
            "fetch_row": g.row_bits,
        },
        "scanner": {
            "move": 1,
            "fetched_valid": 1,
            "fetched_is_event": 1,
            "fetched_is_empty": 1,
            "fetched_is_last": 1,
            "fetched_word": g.index_bits,
            "fetched_row": g.row_bits,
            "fetched_tag": 1 + g.group_bits,
            "arrived_valid": 1,
            "arrived": g.lanes,
            "arrived_is_last": 1,
            "arrived_index": g.index_bits,
            "arrived_row": g.row_bits,
            "arrived_values": g.input_bits,
            "arrived_tag": 1 + g.group_bits,
            "current_valid": 1,
            "current_is_last": 1,
            "lowest": g.lanes,
            "rest": g.lanes,
            "finished": 1,
            "first_row": g.row_bits,
            "position": g.index_bits,
            "values": g.input_bits,
            "token_ready": 1,
            "token_add": 1,
            "token_handover": 1,
            "token_row": g.row_bits,
            "token_value": g.input_bits,
            "token_tag": 1 + g.group_bits,
        },
        sums: {
            "advance": 1,
            **{f"{stage}_{flag}": 1 for stage in _STAGES for flag in ("add", "handover")},
            **{f"{stage}_tag": g.group_bits for stage in _STAGES[:3]},
            "job_tag": g.group_bits,
            "weights_read": 1,
            "weights_row": g.row_bits,
            **({"added": 1, "enter_add": 1} if g.delay_bits else {}),
        },
        "neurons": {
            "busy": 1,
            "group": g.group_bits,
            "lane": g.lane_bits,
            "first_slot": g.slot_bits,
            "memory_read": 1,
            "memory_slot": g.slot_bits,
            **{f"{stage}_turn": 1 for stage in ("read", "biased", "drive", "update")},
            **{f"{stage}_flags": flags for stage in ("read", "biased", "drive")},
            "update_group": g.group_bits,
            "update_neuron": g.group_bits + g.lane_bits,
            "update_slot": g.slot_bits,
            "update_ends_word": 1,
            "update_spike": 1,
        },
        "spike_store": {"gathered": g.lanes, "word": g.lanes},
    }
    for module, signals in sizes.items():
        for name, width in signals.items():
            yield f"{module}.{name}", width
    yield "event_index", g.event_bits
    yield "spikes", g.lanes
