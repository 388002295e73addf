"""The lanes, proved without bound: from weights and values to what a neuron unit gets and leaves.

The accumulator and the pipeline around the neuron units are compared with a plain description of
what they must do (harness/lane.v.j2), by induction, at the full widths of the design. Between two
handovers a lane's sum is that of its weights times the values; a unit gets the current that the
integer model makes of sum and bias, its neuron's parameters, and the state that the neuron's last
update left; what it answers leaves with its own tag. What the unit itself computes is proved apart
(`verify.equivalence`).
"""

from __future__ import annotations

from dataclasses import replace

from sc_neurocore.fixed.lowering import CURRENT
from sc_neurocore.fixed.network import IntegerNetwork, requantize
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder
from sc_neurocore.hdl.accelerator import Accelerator, pack_initial_state
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.verify.control import ASSUMPTIONS, bench_values, prepare_bench, run_bench
from sc_neurocore.verify.result import ProofResult

NAME = "lanes: sums, currents and states reach the neuron units and leave them"
_REFERENCE = "lane_currents"
_SHARED = 16  # lanes with one register for the value, in rtl/snn_accumulator.v


def prove_lane(
    accelerator: Accelerator, network: IntegerNetwork, *, depth: int = 6, timeout: float = 300
) -> ProofResult:
    """Prove that the lanes of a group-stationary engine do what the integer model does.

    All lanes are the same text, and so are all units: the bench has as few of them as take the same
    branches of the Verilog.

    Args:
        accelerator: The design; the bench goes to its folder proof/lane.
        network: Its network, whose shifts and formats say what the currents must be.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If Yosys, python-sat, SymbiYosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    small = _smaller(accelerator.stationary_geometry())
    initial = pack_initial_state(network, accelerator.states[0])
    own_bits = small.bias_bits + small.parameter_bits
    turns = small.lanes // small.units
    values = bench_values(replace(accelerator, geometry=small)) | {
        "reference": _REFERENCE,
        "initial_state": f"{small.state_bits}'h{initial:x}",
        "own_bits": own_bits,
        "copies": -(-small.lanes // _SHARED),
        "unit_registers": [
            (f"neurons.units[{unit}].{name}", width)
            for unit in range(small.units)
            for name, width in _unit_registers(small, turns)
        ],
    }
    reference = _currents(network, small.sum_bits)
    text = StepModule(reference, _REFERENCE, Stages.none(reference)).text()
    folder = prepare_bench(
        accelerator, ("constants",), "lane.v.j2", values, depth, "lane", {_REFERENCE: text}
    )
    claims = (
        f"for every sequence of tokens, weights, biases, parameters and answers of the units, "
        f"without bound: sums of {small.sum_bits} bits, products of {small.weight_bits} and "
        f"{small.input_bits} bits, currents by the integer model's rule, states and tags to and "
        f"from units of {small.unit_latency} clocks; on {small.lanes} lanes and {small.units} units"
    )
    assumptions = (
        *ASSUMPTIONS,
        "tokens are of a layer and a step of the network, as the control proof shows",
        "the memories answer a clock after they are asked, and the jobs of a group follow in the "
        "order of their steps",
        "every lane, and every unit, is the same text",
    )
    return run_bench(folder, NAME, claims, assumptions, depth, timeout)


def _smaller(geometry: Geometry) -> Geometry:
    """Return an engine with fewer lanes that takes the same branches of the Verilog."""
    turns = geometry.lanes // geometry.units
    needed = geometry.unit_latency + 3
    while turns > 2 and turns // 2 >= needed:
        turns //= 2
    units = min(geometry.units, 2)
    lanes = turns * units
    return replace(
        geometry,
        lanes=lanes,
        lane_shift=lanes.bit_length() - 1,
        lane_bits=index_bits(lanes),
        units=units,
        unit_shift=units.bit_length() - 1,
        turn_bits=index_bits(turns),
        period=max(turns, needed),
        period_bits=index_bits(max(turns, needed)),
        soft_lanes=min(geometry.soft_lanes, 1),
    )


def _unit_registers(geometry: Geometry, turns: int) -> list[tuple[str, int]]:
    """Return the registers beside a unit that the invariants speak of, and their widths."""
    registers = [("total", geometry.sum_bits), ("biased_parameters", geometry.parameter_bits)]
    if turns == 1:
        return [*registers, ("one_state.kept", geometry.state_bits)]
    states = (1 << geometry.turn_bits) * geometry.state_bits
    return [
        *registers,
        ("one_per_turn.states.read_data", geometry.state_bits),
        ("one_per_turn.states.contents", states),
    ]


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
