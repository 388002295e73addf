"""Sums that cannot wrap: what can go into one sum, proved; and how large it can get, computed.

That no input goes into a sum twice, and with which weight and value, is proved by induction on the
emitted accelerator (harness/additions.v.j2). How large a sum of such inputs can get follows from
the weights and biases of this network, neuron by neuron, in exact integers; it is compared with the
width that the emitted top gives the accumulators.
"""

from __future__ import annotations

import time

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_program import accumulator_bias
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.layers import EngineLayer, engine_layers
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.control import bench_values, in_engine, looked_at
from sc_neurocore.verify.emitted import only_parameters_of
from sc_neurocore.verify.result import ProofResult, ProofStatus

ADDITIONS = "sums: no input is added twice"
BOUND = "sums: no accumulator can wrap with this network's weights"
_OF_SCANNER = (
    "move",
    "fetched_valid",
    "fetched_is_event",
    "fetched_is_empty",
    "fetched_is_last",
    "fetched_is_recurrent",
    "fetched_word",
    "fetched_row",
    "arrived_valid",
    "arrived_is_last",
    "arrived_is_recurrent",
    "arrived_index",
    "arrived_row",
    "arrived",
    "arrived_values",
    "current_valid",
    "current_is_last",
    "finished",
    "token_is_recurrent",
    "position",
    "lowest",
    "rest",
    "values",
)
_LOOKED_AT = (
    {
        "is_recurrent": "layer_is_recurrent",
        "event_address": "event_address",
        "event_write": "event_write",
        "frame_last_event": "frame_last_event",
        "frame_is_blank": "frame_is_blank",
        "event_index": "event_index",
        "event_value": "event_value",
        "event_active": "event_active",
        "spikes": "spikes",
        "full": "loader.full",
        "beat": "loader.beat",
        "fetch_row": "controller.fetch_row",
        "first_row_of_word": "scanner.first_row",
        "token_ready": "token_ready",
        "token_add": "token_add",
        "token_handover": "token_handover",
        "token_row": "token_row",
        "token_value": "token_input",
        "enter_add": "accumulator.enter_add",
        "advance": "accumulator.advance",
        "weights_row": "weights_row",
        "update_turn": "update_turn",
        "update_valid": "trace_valid",
        "update_spike": "trace_spike",
    }
    | {name: f"scanner.{name}" for name in _OF_SCANNER}
    | {
        f"{what}_{number}": f"events.{what}_{number}"
        for number in range(4)
        for what in ("watched", "kept")
    }
)
_ASSUMED = (
    "the spike store gives the words of the layer before, of which it is proved that padding has "
    "not spiked where they are written",
    "values beyond the end of a frame, in its last beat, are zero",
)


def prove_additions(
    accelerator: Accelerator, *, depth: int = 4, timeout: float = 600
) -> ProofResult:
    """Prove what the engine adds up: each input of a layer at most once per sum.

    The claims: the words of a sum come one after the other from the first, all for one group; no
    word brings an input twice, and no two words bring the same; an input's weights are those of its
    group's row, and no row is read that there is not; a spike counts as one; each value of a frame
    that is not zero goes into each of the sums, as it came in. They are about the tokens at the
    door of the accumulator, which handles them in order. Of a network with windows two other claims
    say the same: the contracts of the modules that name words and take them apart.

    Args:
        accelerator: A design without windows; the proof's files go to its folder proof/additions.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    g = accelerator.geometry
    memories = _weight_memories(g, accelerator.weights)
    values = bench_values(g) | {
        "weight_memories": memories,
        "word_bits": max(g.lanes, g.beat),
        "padding": _padding(g),
    }
    inside = in_engine(looked_at(g) | _LOOKED_AT)
    inside |= {f"{each}_is_inside": f"weight_memory.{each}.is_inside" for each in memories}
    folder = prepare(accelerator, "additions", values, data_are_free=True, inside=inside)
    claims = (
        "for every frame, every content of the weight memory, every answer of the neuron units and "
        "every handshake, without bound: between two handovers each input of the layer, and each "
        "of its own spikes, enters the accumulator at most once, with its own row of the group's "
        "weights, which is inside their memory, and with the value 1 if it is a spike; each value "
        "of the frame that is not zero enters, as it came in, through the event memory, which is "
        "real by its contract"
    )
    return prove(folder, ADDITIONS, claims, RESET + _ASSUMED, depth, timeout)


def _padding(g: Geometry) -> list[int]:
    """Return which values of a frame's last beat are beyond the frame's end."""
    before = (g.beats - 1) * g.beat
    return [value for value in range(g.beat) if before + value >= g.layers[0].inputs]


def _weight_memories(g: Geometry, weights: str) -> list[str]:
    """Return the instances of the memories in the emitted module of the weights."""
    if weights == "loaded":
        return [f"column_{number}" for number in range(g.weight_columns)]
    return ["memory"] if g.weight_slices == 1 else [f"memory_{i}" for i in range(g.weight_slices)]


def prove_sums(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compute how large every neuron's sum can get, and compare it with the accumulators' width.

    Every subset of the inputs, each at its largest, with and without the bias: so every sum on the
    way is covered, in whatever order inputs come.

    Args:
        accelerator: The design.
        network: The network, whose numbers its memories hold: see `check_emitted`.

    Returns:
        `proved`, or `refuted` with the neuron whose sum does not fit.

    Raises:
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    began = time.perf_counter()
    width = only_parameters_of(accelerator, "snn_accumulator")["SUM_BITS"]
    assumed = [
        "the numbers of the network are exact in 64 bits",
        "“window” and “scanner”, which are proved apart"
        if accelerator.geometry.windows
        else f"“{ADDITIONS}”, which is proved apart",
        "the memories hold the network's numbers: see “files”",
    ]
    if accelerator.weights == "loaded":
        assumed.append("the weights that are loaded are those of the image, all of them")
    if accelerator.geometry.delay_bits:
        assumed.append("a ring place is zero again when its sum is taken: see “accumulator”")
    status: ProofStatus = "proved"
    g = accelerator.geometry
    if g.windows:
        ranges = [_ranges(layer) for layer in engine_layers(network)]
    else:
        ranges = [_dense_ranges(network, number) for number in range(len(network.layers))]
    widths = [[signed_width(int(a), int(b)) for a, b in zip(*each, strict=True)] for each in ranges]
    needed = [max(each) for each in widths]
    layer = int(np.argmax([max(-int(low.min()), int(high.max())) for low, high in ranges]))
    largest = int(np.argmax(np.maximum(-ranges[layer][0], ranges[layer][1])))
    neuron = largest // g.currents if g.windows else largest % network.layers[layer].outputs
    low, high = (int(each[largest]) for each in ranges[layer])
    count = sum(each.outputs for each in network.layers)
    what = "channel" if g.layers[layer].layout.positions > 1 else "neuron"
    place = f"layer {layer}, {what} {neuron}: {low} to {high}, {needed[layer]} bits"
    detail = f"computed for each of {count} neurons; the largest is {place} of {width}"
    if max(needed) > width:
        status, detail = "refuted", f"{place}, and the accumulators have {width}"
    return ProofResult(
        name=BOUND,
        status=status,
        engine="exact integers (NumPy)",
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=tuple(assumed),
        figures={"bits": width, "bits_needed": max(needed), "neurons": count},
    )


def _ranges(layer: EngineLayer) -> tuple[Integers, Integers]:
    """Return the least and the largest sums of each neuron, with and without their bias.

    Where places share weights and bias, of each channel: its neurons' sums are bounded alike.
    """
    low, high = layer.sum_ranges()
    return low.ravel(), high.ravel()


def _dense_ranges(network: IntegerNetwork, number: int) -> tuple[Integers, Integers]:
    """Return the same of a dense layer, without what was planned; sums of the first input first.

    A spike counts 1, a value of the frame from the least to the largest of its bits, or no more
    than its weight where it has a stream; the integer model shifts each part's sums to the
    accumulator's unit.
    """
    layer = network.layers[number]
    incoming = next(each for each in layer.synapses if each.weight_bits)
    parts = [(incoming, network.factors(number))]
    if layer.feedback is not None:
        parts.append((layer.feedback, (0, 1)))
    bias = accumulator_bias(layer)
    low, high = np.minimum(bias, 0), np.maximum(bias, 0)
    for part, limits in parts:
        scale = 1 << (layer.accumulator.fraction_bits - part.output.fraction_bits)
        ends = np.multiply.outer(np.array(limits) * scale, part.weight)
        low = low + ends.min(axis=0).sum(axis=1)
        high = high + ends.max(axis=0).sum(axis=1)
    return low, high
