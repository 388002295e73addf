"""The sizes of an accelerator: every width and depth that the engine's Verilog is given.

All of them follow from the integer network and the number of lanes. The names are those of the
parameters of rtl/snn_engine.v, in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypedDict, Unpack

import numpy as np

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.network.description import spikes_that_suffice

MAXIMUM_LANES = 128
MAXIMUM_UNITS = 64
MAXIMUM_BEAT_BITS = 64
COLUMN_BITS = 16
"""Weights that are loaded at run time come in words of this many bits."""


def index_bits(count: int) -> int:
    """Return the bits of an unsigned number below `count`, at least 1."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True)
class LayerGeometry:
    """What the engine's tables say about one layer.

    Attributes:
        number: Position in the network, from 0.
        inputs: Inputs, which is also the rows of the weight memory that one group takes.
        outputs: Neurons.
        groups: Groups of `lanes` neurons; the last one may be padded.
        words: Spike words that hold the inputs; unused in a static layer.
        first_row: Where the layer's weights begin in the weight memory.
        first_slot: Where the layer's neurons begin in the neuron memory, one word per turn.
        last_lane: Last lane of the last group that is a neuron.
        shift: Right shift that remains after the engine's common left shift.
        is_static: Whether the input is the frame's events, the same at every step.
        is_last: Whether the neurons are the network's output.
    """

    number: int
    inputs: int
    outputs: int
    groups: int
    words: int
    first_row: int
    first_slot: int
    last_lane: int
    shift: int
    is_static: bool
    is_last: bool


@dataclass(frozen=True)
class Geometry:
    """The parameters of rtl/snn_engine.v, which documents them, and the layers' table."""

    lanes: int
    lane_shift: int
    lane_bits: int
    soft_lanes: int
    units: int
    unit_shift: int
    unit_latency: int
    turn_bits: int
    period: int
    period_bits: int
    layer_bits: int
    group_bits: int
    step_bits: int
    index_bits: int
    event_bits: int
    beat: int
    beat_shift: int
    input_bits: int
    weight_bits: int
    weight_slices: int
    rows: int
    row_bits: int
    sum_bits: int
    slots: int
    slot_bits: int
    bias_bits: int
    left_shift: int
    shift_bits: int
    current_bits: int
    parameter_bits: int
    state_bits: int
    output_bits: int
    membrane_bits: int
    membrane_low: int
    count_bits: int
    layers: tuple[LayerGeometry, ...]

    @property
    def parameters(self) -> dict[str, int]:
        """The engine's parameters by their Verilog names."""
        sizes = {each.name: getattr(self, each.name) for each in fields(self)}
        kept = sizes.keys() - {"layers", "rows", "weight_slices"}
        return {name.upper(): size for name, size in sizes.items() if name in kept}

    @property
    def weight_columns(self) -> int:
        """Words of 16 bits that hold a row of weights."""
        return -(-self.lanes * self.weight_bits // COLUMN_BITS)

    @property
    def column_bits(self) -> int:
        """Low bits of a loaded weight word's address that say which column of a row it is."""
        return (self.weight_columns - 1).bit_length()

    @property
    def weight_address_bits(self) -> int:
        """Width of the address that weights are loaded with."""
        return self.row_bits + self.column_bits

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return -(-self.layers[0].inputs // self.beat)

    @property
    def neuron_bits(self) -> int:
        """Width of a neuron's number on the trace port."""
        return self.group_bits + self.lane_bits


class EngineOptions(TypedDict, total=False):
    """What may be chosen of an engine beside its lanes.

    Attributes:
        units: Neuron units that the lanes share: a power of two, up to the lanes and 64; 1.
        pipeline: Register stages inside a unit, for a faster clock; 0.
        inputs_per_beat: Inputs that are taken in one clock: a power of two; 1.
        soft_lanes: Lanes whose multiplier is made of logic: the iCE40 UP5K has 8 DSP blocks, and a
            unit may want one; 0.
        weight_slices: Memories that the weights in the bitstream lie in side by side, each for as
            many lanes: a power of two, up to the lanes. Of narrow memories synthesis makes blocks
            that are deep enough, where it would stack those of a wide one behind a multiplexer: a
            faster clock, for some more blocks; 1.
    """

    units: int
    pipeline: int
    inputs_per_beat: int
    soft_lanes: int
    weight_slices: int


DEFAULT_OPTIONS = EngineOptions(
    units=1, pipeline=0, inputs_per_beat=1, soft_lanes=0, weight_slices=1
)


def plan(network: IntegerNetwork, lanes: int, **options: Unpack[EngineOptions]) -> Geometry:
    """Work out the sizes.

    Args:
        network: A feed-forward network with a static input.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.
        options: See `EngineOptions`.

    Raises:
        UserError: If a number is not one of these, or the engine does not have what the network
            needs.
    """
    chosen = DEFAULT_OPTIONS | options
    units, pipeline = chosen["units"], chosen["pipeline"]
    beat, soft_lanes = chosen["inputs_per_beat"], chosen["soft_lanes"]
    weight_slices = chosen["weight_slices"]
    check_lanes(lanes)
    _check_power_of_two("units", units, min(lanes, MAXIMUM_UNITS))
    _check_power_of_two("inputs_per_beat", beat, MAXIMUM_BEAT_BITS // network.input_bits)
    _check_power_of_two("weight_slices", weight_slices, lanes)
    if not 0 <= soft_lanes <= lanes:
        raise UserError(f"soft_lanes={soft_lanes}: expected 0 to {lanes}, the lanes")
    check_supported(network)
    turns = lanes // units
    layers = _plan_layers(network, lanes, turns)
    first = network.layers[0]
    lane_shift = lanes.bit_length() - 1
    unit_shift = units.bit_length() - 1
    beat_shift = beat.bit_length() - 1
    group_bits = index_bits(max(layer.groups for layer in layers))
    lane_bits = index_bits(lanes)
    turn_bits = index_bits(turns)
    # The state of a turn is addressed two clocks before the unit has it, and written in the clock
    # in which the unit is done.
    period = max(turns, pipeline + 3)
    event_bits = index_bits(-(-first.inputs // beat))
    # The first index of a word, which is the word's own times its width, must fit too.
    input_index_bits = max(event_bits + beat_shift, group_bits + lane_shift)
    rows, row_bits = memory_depth(
        sum(each.groups * each.inputs for each in layers), input_index_bits
    )
    slots, slot_bits = memory_depth(
        sum(each.groups for each in layers) * turns, max(group_bits, turn_bits)
    )
    weight_bits = max(layer.weight_bits for layer in network.layers)
    bias_bits = max(
        signed_width(int(layer.bias.min()), int(layer.bias.max())) for layer in network.layers
    )
    parameters = network.program.parameters
    reads_membrane = network.readout == "membrane"
    membrane_low, membrane_bits = membrane_place(network.program) if reads_membrane else (0, 0)
    return Geometry(
        lanes=lanes,
        lane_shift=lane_shift,
        lane_bits=lane_bits,
        soft_lanes=soft_lanes,
        units=units,
        unit_shift=unit_shift,
        unit_latency=pipeline,
        turn_bits=turn_bits,
        period=period,
        period_bits=index_bits(period),
        layer_bits=index_bits(len(layers)),
        group_bits=group_bits,
        step_bits=index_bits(network.steps),
        index_bits=input_index_bits,
        event_bits=event_bits,
        beat=beat,
        beat_shift=beat_shift,
        input_bits=network.input_bits,
        weight_bits=weight_bits,
        weight_slices=weight_slices,
        rows=rows,
        row_bits=row_bits,
        sum_bits=max(
            weight_bits + network.input_bits + 1,
            bias_bits,
            *(_sum_width(layer, network.input_bits) for layer in network.layers),
        ),
        slots=slots,
        slot_bits=slot_bits,
        bias_bits=bias_bits,
        left_shift=common_left_shift(network),
        shift_bits=index_bits(max(layer.shift for layer in layers) + 1),
        current_bits=network.program.fixed_point.current.width,
        parameter_bits=max(1, sum(port.width for port in parameters)),
        state_bits=state_width(network.program),
        output_bits=max(index_bits(network.layers[-1].outputs), unit_shift + 1),
        membrane_bits=membrane_bits,
        membrane_low=membrane_low,
        count_bits=max(2, membrane_bits + network.steps.bit_length()),
        layers=layers,
    )


def state_width(program: NeuronProgram) -> int:
    """Return the bits of a neuron's states, packed."""
    return sum(port.width for port in program.inputs if port.name in program.neuron.states)


def membrane_place(program: NeuronProgram) -> tuple[int, int]:
    """Return the lowest bit of the membrane in the packed states, and its width."""
    low = 0
    for port in program.inputs:
        if port.name == program.neuron.membrane:
            return low, port.width
        low += port.width * (port.name in program.neuron.states)
    raise AssertionError(f"{program.neuron.name} has no membrane among its inputs")


def check_lanes(lanes: int) -> None:
    """Raise UserError unless the number of lanes is a power of two up to the maximum."""
    _check_power_of_two("lanes", lanes, MAXIMUM_LANES)


def _check_power_of_two(name: str, number: int, most: int) -> None:
    if number < 1 or number > most or number & (number - 1):
        raise UserError(f"{name}={number}: expected a power of two from 1 to {most}")


def memory_depth(words: int, least_bits: int) -> tuple[int, int]:
    """Return a memory's depth and address bits: as deep as the bits say, where they are given."""
    bits = max(index_bits(words), least_bits)
    return max(words, (1 << (bits - 1)) + 1), bits


def check_supported(network: IntegerNetwork) -> None:
    """Raise UserError, with the reason, unless the group-stationary engine has what is needed."""
    for number, layer in enumerate(network.layers):
        if layer.kinds != ("dense", "population"):
            raise UserError(
                f"{network.name}: neuron layer {number + 1} is made of {', '.join(layer.kinds)}: "
                f"the engine builds dense layers, each followed by neurons, so far"
            )
    if len(network.programs) > 1:
        names = ", ".join(program.neuron.name for program in network.programs)
        raise UserError(
            f"{network.name}: neurons {names}: the engine has one neuron unit, for one equation, "
            f"so far"
        )
    if not network.layers[0].is_static:
        raise UserError(
            f"{network.name}: the engine takes one frame of numbers per result, not spikes per "
            f"step, so far: give the network a static input"
        )
    if spikes_that_suffice(network.readout) is not None:
        raise UserError(
            f"{network.name}: readout {network.readout}: the engine works out all steps of a group "
            f"of neurons before it begins the next, and cannot end a sample early"
        )


def common_left_shift(network: IntegerNetwork) -> int:
    """Return the left shift before all right shifts: what the coarsest layer needs."""
    return max(0, *(-layer.shift for layer in network.layers), 0)


def _plan_layers(network: IntegerNetwork, lanes: int, turns: int) -> tuple[LayerGeometry, ...]:
    layers: list[LayerGeometry] = []
    row = slot = 0
    for number, layer in enumerate(network.layers):
        groups = -(-layer.outputs // lanes)
        layers.append(
            LayerGeometry(
                number=number,
                inputs=layer.inputs,
                outputs=layer.outputs,
                groups=groups,
                words=layers[-1].groups if layers else 1,
                first_row=row,
                first_slot=slot,
                last_lane=(layer.outputs - 1) % lanes,
                shift=layer.shift + common_left_shift(network),
                is_static=layer.is_static,
                is_last=number == len(network.layers) - 1,
            )
        )
        row += groups * layer.inputs
        slot += groups * turns
    return tuple(layers)


def _sum_width(layer: IntegerLayer, input_bits: int) -> int:
    """Return the bits that no sum can leave: exact bounds from the weights and biases.

    The engine adds up the inputs first and the bias last; every subset of the inputs is covered,
    with and without the bias.
    """
    largest = (1 << input_bits) - 1 if layer.is_static else 1
    low = largest * np.minimum(layer.weight, 0).sum(axis=1)
    high = largest * np.maximum(layer.weight, 0).sum(axis=1)
    return signed_width(
        int(np.minimum(low, low + layer.bias).min()), int(np.maximum(high, high + layer.bias).max())
    )
