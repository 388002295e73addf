"""The sizes of a step-outer accelerator: every width that snn_step_engine.v is given.

All of them follow from the integer network and the number of lanes. The names are those of the
engine's parameters, in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.hdl.geometry import (
    check_lanes,
    common_left_shift,
    index_bits,
    membrane_place,
    memory_depth,
    state_width,
)
from sc_neurocore.hdl.step_layers import StepLayer, step_layers
from sc_neurocore.network.description import spikes_that_suffice

MAXIMUM_DELAY = 255


@dataclass(frozen=True)
class StepLayerGeometry:
    """What the engine's table says about one layer.

    Attributes:
        number: Position in the network, from 0.
        inputs: Inputs that come in; the rows of weights that a group has for them.
        outputs: Neurons; if they are recurrent, the rows that a group has for their own spikes.
        groups: Groups of `lanes` neurons; the last one may be padded.
        words: Spike words that hold the inputs; unused where a frame comes in.
        first_row: Where the layer's weights begin in the weight memory.
        first_slot: Where the layer's neurons begin in the neuron and state memories.
        last_lane: Last lane of the last group that is a neuron.
        gain: Left shift of what comes in.
        own_gain: Left shift of the layer's own spikes.
        shift: Right shift that remains after the engine's common left shift.
        unit: Which of the neuron units computes the layer.
        first_ring: The ring of the first group, where there are delays.
        takes_frame: Whether the input is the frame.
        is_recurrent: Whether the layer's own spikes come back.
        is_delayed: Whether what comes in has delays.
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
    gain: int
    own_gain: int
    shift: int
    unit: int
    first_ring: int
    takes_frame: bool
    is_recurrent: bool
    is_delayed: bool
    is_last: bool

    @property
    def rows(self) -> int:
        """Rows of the weight memory."""
        return self.groups * (self.inputs + self.is_recurrent * self.outputs)


@dataclass(frozen=True)
class StepGeometry:
    """The parameters of snn_step_engine.v, which documents them, and the layers' table.

    What this engine does not let choose is constant, so that both schedules' geometries have it:
    inputs per beat, neurons that leave per clock, and register stages inside their equation.
    """

    beat: ClassVar[int] = 1
    units: ClassVar[int] = 1
    unit_latency: ClassVar[int] = 0

    is_static: int
    lanes: int
    lane_shift: int
    lane_bits: int
    layer_bits: int
    group_bits: int
    step_bits: int
    index_bits: int
    event_bits: int
    input_bits: int
    gain_bits: int
    value_bits: int
    weight_bits: int
    delay_bits: int
    ring_bits: int
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
    enough: int
    layers: tuple[StepLayerGeometry, ...]

    @property
    def parameters(self) -> dict[str, int]:
        """The engine's parameters by their Verilog names."""
        sizes = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name.upper(): size for name, size in sizes.items() if name != "layers"}

    @property
    def neuron_bits(self) -> int:
        """Width of a neuron's number on the trace port."""
        return self.group_bits + self.lane_bits

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return self.layers[0].inputs

    @property
    def period(self) -> int:
        """Clocks that a group takes in the neuron unit."""
        return self.lanes

    @property
    def unit_bits(self) -> int:
        """Width of the number of an equation's unit."""
        return index_bits(1 + max(layer.unit for layer in self.layers))

    @property
    def clear_clocks(self) -> int:
        """Clocks that clearing the rings takes before a sample."""
        return 1 << (self.ring_bits + self.delay_bits) if self.delay_bits else 0


def plan_steps(network: IntegerNetwork, lanes: int) -> StepGeometry:
    """Work out the sizes.

    Raises:
        UserError: If the number of lanes is not a power of two up to 128, or the engine does not
            have what the network needs.
    """
    check_lanes(lanes)
    parts = step_layers(network)
    delay_bits = _delay_bits(network, parts)
    layers = _plan_layers(network, parts, lanes)
    lane_shift = lanes.bit_length() - 1
    group_bits = index_bits(max(layer.groups for layer in layers))
    lane_bits = index_bits(lanes)
    event_bits = index_bits(layers[0].inputs)
    # A spike word's index, times the lanes, must fit too.
    input_index_bits = max(event_bits, group_bits + lane_shift)
    rows, row_bits = memory_depth(sum(layer.rows for layer in layers), input_index_bits)
    slots, slot_bits = memory_depth(
        sum(layer.groups for layer in layers) * lanes, max(group_bits, lane_bits)
    )
    value_bits = max(
        network.input_bits,
        *(part.largest.bit_length() + part.gain for each in parts for part in each.parts),
    )
    weight_bits = max(part.weight_bits for layer in parts for part in layer.parts)
    bias_bits = max(signed_width(int(each.bias.min()), int(each.bias.max())) for each in parts)
    states = [state_width(program) for program in network.programs]
    last = network.layers[-1].program
    membrane_low, membrane_bits = membrane_place(last) if network.readout == "membrane" else (0, 0)
    suffice = spikes_that_suffice(network.readout) or 0
    return StepGeometry(
        is_static=int(network.input.kind == "static"),
        lanes=lanes,
        lane_shift=lane_shift,
        lane_bits=lane_bits,
        layer_bits=index_bits(len(layers)),
        group_bits=group_bits,
        step_bits=index_bits(network.steps),
        index_bits=input_index_bits,
        event_bits=event_bits,
        input_bits=network.input_bits,
        gain_bits=index_bits(max(max(layer.gain, layer.own_gain) for layer in layers) + 1),
        value_bits=value_bits,
        weight_bits=weight_bits,
        delay_bits=delay_bits,
        ring_bits=index_bits(1 + sum(layer.groups for layer in layers if layer.is_delayed)),
        rows=rows,
        row_bits=row_bits,
        sum_bits=max(
            weight_bits + value_bits + 1,
            bias_bits,
            *(signed_width(*layer.sum_range()) for layer in parts),
        ),
        slots=slots,
        slot_bits=slot_bits,
        bias_bits=bias_bits,
        left_shift=common_left_shift(network),
        shift_bits=index_bits(max(layer.shift for layer in layers) + 1),
        current_bits=network.fixed_point.current.width,
        parameter_bits=max(
            1, *(sum(port.width for port in p.parameters) for p in network.programs)
        ),
        state_bits=max(states),
        output_bits=index_bits(network.layers[-1].outputs),
        membrane_bits=membrane_bits,
        membrane_low=membrane_low,
        count_bits=max(2, membrane_bits + network.steps.bit_length()),
        enough=suffice if suffice <= network.steps else 0,
        layers=layers,
    )


def _delay_bits(network: IntegerNetwork, layers: Sequence[StepLayer]) -> int:
    longest = max(
        (
            int(part.delays.max())
            for each in layers
            for part in each.parts
            if part.delays is not None
        ),
        default=0,
    )
    if longest > MAXIMUM_DELAY:
        raise UserError(
            f"{network.name}: a delay of {longest} steps: an accelerator's rings hold at most "
            f"{MAXIMUM_DELAY}"
        )
    return longest.bit_length()


def _plan_layers(
    network: IntegerNetwork, parts: Sequence[StepLayer], lanes: int
) -> tuple[StepLayerGeometry, ...]:
    units = [id(program) for program in network.programs]
    layers: list[StepLayerGeometry] = []
    row = slot = 0
    ring = 1  # ring 0 is for the layers without delays
    for number, (layer, part) in enumerate(zip(network.layers, parts, strict=True)):
        groups = -(-layer.outputs // lanes)
        planned = StepLayerGeometry(
            number=number,
            inputs=part.incoming.inputs,
            outputs=layer.outputs,
            groups=groups,
            words=layers[-1].groups if layers else 1,
            first_row=row,
            first_slot=slot,
            last_lane=(layer.outputs - 1) % lanes,
            gain=part.incoming.gain,
            own_gain=part.own.gain if part.own else 0,
            shift=layer.shift + common_left_shift(network),
            unit=units.index(id(layer.program)),
            first_ring=ring if part.incoming.delays is not None else 0,
            takes_frame=number == 0,
            is_recurrent=part.own is not None,
            is_delayed=part.incoming.delays is not None,
            is_last=number == len(network.layers) - 1,
        )
        layers.append(planned)
        row += planned.rows
        slot += groups * lanes
        ring += groups * planned.is_delayed
    return tuple(layers)
