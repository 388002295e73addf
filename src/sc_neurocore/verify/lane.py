"""The lanes, proved without bound: from weights and values to what a neuron unit gets and leaves.

The emitted accelerator is compared with a plain description of what lanes and units must do
(harness/lanes.v.j2), by induction, at the full widths of the design. Between two handovers a lane's
sum is that of its weights times the values, and of those that were sent ahead to this step; a unit
gets the current that the integer model makes of sum and bias, its neuron's parameters, and the
state that the neuron's last update left; what it answers leaves with its own tag. What the unit
itself computes is proved apart (`verify.equivalence`).
"""

from __future__ import annotations

from sc_neurocore.fixed.lowering import CURRENT
from sc_neurocore.fixed.network import IntegerNetwork, requantize
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.control import bench_values
from sc_neurocore.verify.result import ProofResult

NAME = "lanes: sums, currents and states reach the neuron units and leave them"
MOST_LANES = 16
"""Lanes that are all looked at; of more, those at which the Verilog takes another branch."""
_REFERENCE = "lane_currents"
_SHARED = 16  # lanes with one register for the value, in rtl/snn_accumulator.v


def prove_lane(
    accelerator: Accelerator, network: IntegerNetwork, *, depth: int = 6, timeout: float = 600
) -> ProofResult:
    """Prove that the lanes and neuron units of an accelerator do what the integer model does.

    Args:
        accelerator: The design; the bench goes to its folder proof/lanes.
        network: Its network, whose shifts and formats say what the currents must be.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If Yosys, python-sat, SymbiYosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    g = accelerator.geometry
    lanes = _lanes(g)
    values = bench_values(g) | {
        "reference": _REFERENCE,
        "lanes": lanes,
        "shared": _SHARED,
        "ring_bits": g.ring_bits + g.delay_bits,
        "of_bits": g.group_bits + g.turn_bits + g.step_bits,
        "reach": index_bits(2 * g.period + g.unit_latency + 5),
        "state_bits": g.state_slot_bits if g.step_outer else g.turn_bits,
    }
    values["inside"] = [*values["inside"], *_inside(g)]
    reference = _currents(network, g.sum_bits)
    text = StepModule(reference, _REFERENCE, Stages.none(reference)).text()
    folder = prepare(accelerator, "lanes", values, further={_REFERENCE: text})
    named = ", ".join(map(str, lanes))
    of_lanes = f"{g.lanes} lanes" if len(lanes) == g.lanes else f"lanes {named} of {g.lanes}"
    claims = (
        f"for every sequence of frames, weights, biases, parameters and answers of the units, "
        f"without bound: sums of {g.sum_bits} bits, products of {g.weight_bits} and "
        f"{g.value_bits} bits{', delayed sums,' if g.delay_bits else ''} currents by the integer "
        f"model's rule, states and tags to and from units of {g.unit_latency} clocks; on "
        f"{of_lanes} and {g.units} units"
    )
    assumptions = (
        *RESET,
        "memories answer a clock after they are asked, with what was written",
    )
    others = ("the other lanes are the same text",) if len(lanes) < g.lanes else ()
    return prove(accelerator, folder, NAME, claims, assumptions + others, depth, timeout)


def _lanes(g: Geometry) -> list[int]:
    """Return the lanes that are looked at."""
    if g.lanes <= MOST_LANES:
        return list(range(g.lanes))
    ends = {0, 1, _SHARED - 1, _SHARED, g.lanes - _SHARED, g.lanes - 2, g.lanes - 1}
    soft = {g.soft_lanes - 1, g.soft_lanes} if g.soft_lanes else set()
    return sorted(lane for lane in ends | soft if lane < g.lanes)


def _inside(g: Geometry) -> list[tuple[str, str, int]]:
    """Return what the bench looks at inside the engine beside the other benches' signals."""
    copies = -(-g.lanes // _SHARED)
    own_bits = g.bias_bits + g.parameter_bits
    engine = {
        "value": ("token_value", g.value_bits),
        "weights": ("weights", g.lanes * g.word_bits),
        "job_valid": ("job_valid", 1),
        "job_ready": ("job_ready", 1),
        "job_sums": ("job_sums", g.lanes * g.sum_bits),
        "memory_read": ("memory_word_read", 1),
        "memory_slot": ("memory_slot", g.slot_bits),
        "memory_word": ("memory_word", g.units * own_bits),
        "unit_initial": ("unit_initial", g.state_bits),
        "unit_state": ("unit_state", g.units * g.state_bits),
        "unit_current": ("unit_current", g.units * g.current_bits),
        "unit_parameters": ("unit_parameters", g.units * g.parameter_bits),
        "unit_next_state": ("unit_next_state", g.units * g.state_bits),
        "unit_spike": ("unit_spike", g.units),
        "last_lane": ("layer_last_lane", g.lane_bits),
        "is_delayed": ("layer_is_delayed", 1),
        "first_ring": ("layer_first_ring", g.ring_bits),
        "update_is_first": ("update_is_first", 1),
        "update_ends_word": ("update_ends_word", 1),
        "update_group": ("update_group", g.group_bits),
        "update_step": ("trace_step", g.step_bits),
        "update_neuron": ("trace_neuron", g.neuron_bits),
        "update_state": ("trace_state", g.units * g.state_bits),
        "enter_handover": ("accumulator.enter_handover", 1),
        "addressed_value": ("accumulator.addressed_value", g.value_bits),
        "read_value": ("accumulator.read_value", g.value_bits),
        "weighted_row": ("accumulator.weighted_row", g.lanes * g.word_bits),
        "weighted_values": ("accumulator.weighted_values", copies * g.value_bits),
        "accept": ("neurons.accept", 1),
        "carousel": ("neurons.carousel.ring", g.lanes * g.sum_bits),
        "read_sums": ("neurons.read_sums", g.units * g.sum_bits),
        "fetched_sums": ("neurons.fetched_sums", g.units * g.sum_bits),
        "fetched_word_of_neurons": ("neurons.fetched_word", g.units * own_bits),
    }
    if g.delay_bits:
        engine["ring_group"] = ("accumulator.with_rings.group", g.group_bits)
    return [(name, path, width) for name, (path, width) in engine.items()]


def _currents(network: IntegerNetwork, sum_bits: int) -> Program:
    """Return the rule from a sum to the current of every layer, as a program."""
    builder = ProgramBuilder()
    limit = 1 << (sum_bits - 1)
    total = builder.input(-limit, limit - 1, 0)
    outputs = []
    for number, layer in enumerate(network.layers):
        form = layer.program.fixed_point.current
        builder.begin(f"{CURRENT}{number}", f"layer {number}")
        node = requantize(builder, total, layer.shift, form)
        outputs.append((Port(f"current{number}", form.width, form.fraction_bits), node))
    inputs = ((Port("total", sum_bits, 0), total),)
    return Program(tuple(builder.nodes), tuple(builder.statements), inputs, tuple(outputs))
