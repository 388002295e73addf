"""The sizes of an accelerator: every width and depth that the engine's Verilog is given.

All of them follow from the integer network, the order of work, and what is chosen of the engine.
The names are those of the parameters of rtl/snn_engine.v, in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.hdl.layers import EngineLayer, engine_layers, frame_layout
from sc_neurocore.hdl.sight import Layout
from sc_neurocore.hdl.windows import Plan, Tap, Window, plan_windows
from sc_neurocore.network.description import spikes_that_suffice

MAXIMUM_LANES = 128
MAXIMUM_UNITS = 64
MAXIMUM_BEAT_BITS = 64
MAXIMUM_DELAY = 255
COLUMN_BITS = 16
"""Weights that are loaded at run time come in words of this many bits."""

Schedule: TypeAlias = Literal["group-stationary", "step-outer"]
"""The order of work: all steps of one group of neurons after the other, or all layers of one step
after the other."""
AUTO = "auto"

_NOT_PARAMETERS = (
    "schedule",
    "weight_slices",
    "rows",
    "frame",
    "layers",
    "row_taps",
    "column_taps",
)
_OF_WINDOWS = (
    "windows",
    "walks_frame",
    "joins",
    "walk_bits",
    "coordinate_bits",
    "tap_bits",
    "joined_bits",
    "address_bits",
    "spike_words",
    "state_words",
    "state_slot_bits",
)
"""Parameters that only networks with windows have."""
_ADDRESSES = (
    "row_step",
    "column_step",
    "row_apart",
    "column_apart",
    "word_step",
    "last_word",
    "block_step",
    "first_input",
    "first_output",
)


def index_bits(count: int) -> int:
    """Return the bits of an unsigned number below `count`, at least 1."""
    return max(1, (count - 1).bit_length())


@dataclass(frozen=True)
class LayerGeometry:
    """What the engine's table says about one layer.

    Attributes:
        number: Position in the network, from 0.
        inputs: Rows of weights that a group has for what comes in: an input each, or one of the
            kernel's.
        outputs: Neurons; if they are recurrent, the rows that a group has for their own spikes.
        layout: Where they stand.
        groups: Groups of `lanes` neurons, place after place; the last one of a place may be padded.
        blocks: Groups of a place.
        words: Spike words that hold the inputs; unused where a frame comes in.
        first_row: Where the layer's weights begin in the weight memory.
        shares_rows: Whether all places have the same weights.
        first_slot: Where the layer's neurons begin in the neuron memory, one word per turn.
        shares_slots: Whether all places have the same words there.
        first_state: Where its states begin, step-outer, one word per turn.
        last_lane: Last lane of the last group of a place that is a neuron.
        gain: Left shift of what comes in.
        own_gain: Left shift of the layer's own spikes.
        shift: Right shift that remains after the engine's common left shift.
        unit: Which of the neurons' equations is the layer's.
        first_ring: The ring of the first group, where there are delays.
        takes_frame: Whether the input is the frame.
        is_recurrent: Whether the layer's own spikes come back.
        is_delayed: Whether what comes in has delays.
        is_last: Whether the neurons are the network's output.
        window: How what comes in is walked, in a network with windows.
    """

    number: int
    inputs: int
    outputs: int
    layout: Layout
    groups: int
    blocks: int
    words: int
    first_row: int
    shares_rows: bool
    first_slot: int
    shares_slots: bool
    first_state: int
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
    window: Window | None

    @property
    def rows(self) -> int:
        """Rows of the weight memory."""
        groups = self.blocks if self.shares_rows else self.groups
        return groups * (self.inputs + self.is_recurrent * self.outputs)

    @property
    def slot_groups(self) -> int:
        """Groups that have words of their own in the neuron memory."""
        return self.blocks if self.shares_slots else self.groups


@dataclass(frozen=True)
class Geometry:
    """The parameters of rtl/snn_engine.v, which documents them, and the layers' table."""

    schedule: Schedule
    is_static: int
    lanes: int
    soft_lanes: int
    units: int
    unit_latency: int
    period: int
    layer_bits: int
    group_bits: int
    step_bits: int
    index_bits: int
    event_bits: int
    beat: int
    input_bits: int
    gain_bits: int
    value_bits: int
    weight_bits: int
    weight_slices: int
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
    windows: int
    walks_frame: int
    joins: int
    walk_bits: int
    coordinate_bits: int
    tap_bits: int
    joined_bits: int
    address_bits: int
    spike_words: int
    state_words: int
    state_slot_bits: int
    frame: Layout
    layers: tuple[LayerGeometry, ...]
    row_taps: tuple[Tap, ...]
    column_taps: tuple[Tap, ...]

    @property
    def parameters(self) -> dict[str, int]:
        """The engine's parameters by their Verilog names."""
        sizes = {each.name: getattr(self, each.name) for each in fields(self)}
        kept = {"step_outer": self.step_outer} | sizes
        left_out = {*_NOT_PARAMETERS, *(() if self.windows else _OF_WINDOWS)}
        return {name.upper(): kept[name] for name in kept if name not in left_out}

    @property
    def window_widths(self) -> dict[str, int]:
        """The widths of what the table of windows says of a layer, by name."""
        address = dict.fromkeys(_ADDRESSES, self.address_bits)
        return {
            "last_block": self.group_bits,
            "first_row": self.row_bits,
            "shares_rows": 1,
            "shares_slots": 1,
            "first_state": self.state_slot_bits,
            "last_column": self.coordinate_bits,
            **address,
            "joins": 1,
        }

    def window_rows(self) -> list[dict[str, int]]:
        """Return what the table of windows says of each layer, by name."""
        return [self._window_row(layer) for layer in self.layers]

    def _window_row(self, layer: LayerGeometry) -> dict[str, int]:
        window = layer.window
        assert window is not None
        numbers = {
            "last_block": layer.blocks - 1,
            "first_row": layer.first_row,
            "shares_rows": int(layer.shares_rows),
            "shares_slots": int(layer.shares_slots),
            "first_state": layer.first_state if self.step_outer else 0,
            "last_column": window.columns.last,
            "row_step": window.rows.step,
            "column_step": window.columns.step,
            "row_apart": window.rows.apart,
            "column_apart": window.columns.apart,
            "word_step": window.word_step,
            "last_word": window.last_word,
            "block_step": window.block_step,
            "first_input": window.first_input,
            "first_output": window.first_output,
            "joins": int(window.joins),
        }
        return {name: numbers[name] % (1 << width) for name, width in self.window_widths.items()}

    def place_taps(
        self, axis: str
    ) -> list[tuple[tuple[int, int], list[tuple[int, tuple[int, int]]]]]:
        """Return for each layer the usual first and last taps, and the places with others.

        Args:
            axis: "row" or "column".
        """
        found = []
        for layer in self.layers:
            assert layer.window is not None
            ranges = getattr(layer.window, f"{axis}s").ranges
            usual = max(dict.fromkeys(ranges), key=ranges.count)
            others = [(number, each) for number, each in enumerate(ranges) if each != usual]
            found.append((usual, others))
        return found

    def tap_rows(self, axis: str) -> list[Tap]:
        """Return the table of the taps along an axis, "row" or "column", as unsigned numbers."""
        taps = self.row_taps if axis == "row" else self.column_taps
        words, rows = 1 << self.address_bits, 1 << self.row_bits
        return [Tap(each.offset % words, each.rows % rows, each.joined) for each in taps]

    @property
    def step_outer(self) -> int:
        """The order of work as the engine's parameter: 1 if all layers of a step come first."""
        return int(self.schedule == "step-outer")

    @property
    def lane_shift(self) -> int:
        """Logarithm of the lanes."""
        return self.lanes.bit_length() - 1

    @property
    def lane_bits(self) -> int:
        """Bits of a lane's number."""
        return index_bits(self.lanes)

    @property
    def unit_shift(self) -> int:
        """Logarithm of the units."""
        return self.units.bit_length() - 1

    @property
    def beat_shift(self) -> int:
        """Logarithm of the inputs per beat."""
        return self.beat.bit_length() - 1

    @property
    def turns(self) -> int:
        """Turns in which the units serve the lanes."""
        return self.lanes // self.units

    @property
    def turn_bits(self) -> int:
        """Bits of a turn's number."""
        return index_bits(self.turns)

    @property
    def word_bits(self) -> int:
        """Bits of a weight with its delay."""
        return self.weight_bits + self.delay_bits

    @property
    def weight_columns(self) -> int:
        """Words of 16 bits that hold a row of weights."""
        return -(-self.lanes * self.word_bits // COLUMN_BITS)

    @property
    def column_bits(self) -> int:
        """Low bits of a loaded weight word's address that say which column of a row it is."""
        return (self.weight_columns - 1).bit_length()

    @property
    def weight_address_bits(self) -> int:
        """Width of the address that weights are loaded with."""
        return self.row_bits + self.column_bits

    def word_width(self, layer: LayerGeometry) -> int:
        """Return the channels of a word that comes in to a layer."""
        return self.beat if layer.takes_frame else self.lanes

    @property
    def beats(self) -> int:
        """Beats of a frame."""
        return self.frame.positions * self.frame.words(self.beat)

    @property
    def frame_inputs(self) -> int:
        """Values that go in for a frame: padding goes in too, if it lies between them."""
        return self.beats * self.beat if self.walks_frame else self.frame.size

    def arranged(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Bring frames into the order in which their values go in.

        Args:
            frames: (..., values), in the description's order.

        Returns:
            (..., `frame_inputs`). A convolution takes all channels of a place, then those of the
            next place, row by row; channels that the last beat of a place has too many are zeros.
        """
        if not self.walks_frame:
            return frames
        fed = np.zeros((*frames.shape[:-1], self.frame_inputs), dtype=frames.dtype)
        fed[..., self.frame.numbers(self.beat)] = frames
        return fed

    @property
    def neuron_bits(self) -> int:
        """Width of a neuron's number on the trace port."""
        return self.group_bits + self.lane_bits

    @property
    def equation_bits(self) -> int:
        """Width of the number of a layer's equation."""
        return index_bits(1 + max(layer.unit for layer in self.layers))

    @property
    def place_bits(self) -> int:
        """Width of what says, beside the group, where a word of spikes is: a layer, or a step."""
        return self.layer_bits if self.step_outer else self.step_bits

    @property
    def spike_store_words(self) -> int:
        """Words of the memory of spikes between the layers."""
        if not self.windows:
            return 2 << (self.place_bits + self.group_bits)
        return self.spike_words + (self.step_outer << self.address_bits)

    @property
    def clear_clocks(self) -> int:
        """Clocks that clearing the rings takes before a sample."""
        return 1 << (self.ring_bits + self.delay_bits) if self.delay_bits else 0


class EngineOptions(TypedDict, total=False):
    """What may be chosen of an engine beside its lanes and its order of work.

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


def plan(
    network: IntegerNetwork, lanes: int, schedule: str = AUTO, **options: Unpack[EngineOptions]
) -> Geometry:
    """Work out the sizes, and the order of work where it is left open.

    Args:
        network: Dense or delay-dense layers, each with neurons behind it.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.
        schedule: group-stationary, step-outer, or auto: the first of them that fits.
        options: See `EngineOptions`.

    Raises:
        UserError: If a number is not one of these, or the engine does not have what the network
            needs.
    """
    chosen = DEFAULT_OPTIONS | options
    units, pipeline = chosen["units"], chosen["pipeline"]
    beat, soft_lanes = chosen["inputs_per_beat"], chosen["soft_lanes"]
    weight_slices = chosen["weight_slices"]
    _check_power_of_two("lanes", lanes, MAXIMUM_LANES)
    _check_power_of_two("units", units, min(lanes, MAXIMUM_UNITS))
    _check_power_of_two("inputs_per_beat", beat, MAXIMUM_BEAT_BITS // network.input_bits)
    _check_power_of_two("weight_slices", weight_slices, lanes)
    if not 0 <= soft_lanes <= lanes:
        raise UserError(f"soft_lanes={soft_lanes}: expected 0 to {lanes}, the lanes")
    if schedule not in (AUTO, *get_args(Schedule)):
        raise UserError(f"schedule {schedule!r}: expected {AUTO}, {', '.join(get_args(Schedule))}")
    parts = engine_layers(network)
    delay_bits = _delay_bits(network, parts)
    order = _choose_schedule(network, parts, schedule)
    turns = lanes // units
    frame = frame_layout(network, parts)
    has_windows = any(each.incoming.is_window for each in parts)
    walks_frame = has_windows and parts[0].incoming.is_window
    if walks_frame and beat >= 2 * frame.channels:
        raise UserError(
            f"inputs_per_beat={beat}: a convolution takes the {frame.channels} channels of a place "
            f"together: expected at most {1 << (frame.channels - 1).bit_length()}"
        )
    windows = None
    if has_windows:
        steps_inside = 1 if order == "step-outer" else network.steps
        windows = plan_windows(parts, frame, lanes, beat, steps_inside)
    layers = _plan_layers(network, parts, lanes, turns, windows)
    lane_shift = lanes.bit_length() - 1
    unit_shift = units.bit_length() - 1
    group_bits = index_bits(max(layer.groups for layer in layers))
    event_bits = index_bits(frame.positions * frame.words(beat))
    # The first index of a word, which is the word's own times its width, must fit too; words that
    # are walked say their row themselves, and the index is that in the word.
    of_events = (0 if walks_frame else event_bits) + beat.bit_length() - 1
    input_index_bits = max(of_events, (0 if has_windows else group_bits) + lane_shift, 1)
    rows, row_bits = _memory_depth(sum(layer.rows for layer in layers), input_index_bits)
    block_bits = index_bits(max(layer.slot_groups for layer in layers))
    slots, slot_bits = _memory_depth(
        sum(layer.slot_groups for layer in layers) * turns, max(block_bits, index_bits(turns))
    )
    state_slot_bits, state_words = _state_places(layers, order, turns, slot_bits, has_windows)
    value_bits = max(
        network.input_bits,
        *(part.largest.bit_length() + part.gain for each in parts for part in each.parts),
    )
    weight_bits = max(part.weight_bits for layer in parts for part in layer.parts)
    bias_bits = max(signed_width(int(each.bias.min()), int(each.bias.max())) for each in parts)
    last = network.layers[-1].program
    membrane_low, membrane_bits = _membrane_place(last) if network.readout == "membrane" else (0, 0)
    suffice = spikes_that_suffice(network.readout) or 0
    return Geometry(
        schedule=order,
        is_static=int(network.input.kind == "static"),
        lanes=lanes,
        soft_lanes=soft_lanes,
        units=units,
        unit_latency=pipeline,
        # Group-stationary, the state of a turn is addressed two clocks before the unit has it, and
        # written in the clock in which the unit is done, before the turn comes round again.
        period=max(turns, 2 if order == "step-outer" else pipeline + 3),
        layer_bits=index_bits(len(layers)),
        group_bits=group_bits,
        step_bits=index_bits(network.steps),
        index_bits=input_index_bits,
        event_bits=event_bits,
        beat=beat,
        input_bits=network.input_bits,
        gain_bits=index_bits(max(max(layer.gain, layer.own_gain) for layer in layers) + 1),
        value_bits=value_bits,
        weight_bits=weight_bits,
        weight_slices=weight_slices,
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
        left_shift=_common_left_shift(network),
        shift_bits=index_bits(max(layer.shift for layer in layers) + 1),
        current_bits=network.fixed_point.current.width,
        parameter_bits=max(
            1, *(sum(port.width for port in p.parameters) for p in network.programs)
        ),
        state_bits=max(_state_width(program) for program in network.programs),
        output_bits=max(index_bits(network.layers[-1].outputs), unit_shift + 1),
        membrane_bits=membrane_bits,
        membrane_low=membrane_low,
        count_bits=max(2, membrane_bits + network.steps.bit_length()),
        enough=suffice if suffice <= network.steps else 0,
        walk_bits=max(event_bits, group_bits),
        state_words=state_words,
        state_slot_bits=state_slot_bits,
        frame=frame,
        layers=layers,
        **_window_sizes(windows),
    )


class _WindowSizes(TypedDict):
    windows: int
    walks_frame: int
    joins: int
    coordinate_bits: int
    tap_bits: int
    joined_bits: int
    address_bits: int
    spike_words: int
    row_taps: tuple[Tap, ...]
    column_taps: tuple[Tap, ...]


def _window_sizes(plan: Plan | None) -> _WindowSizes:
    """Return the sizes of what walks windows; the least that there are where nothing does."""
    if plan is None:
        return _WindowSizes(
            windows=0,
            walks_frame=0,
            joins=0,
            coordinate_bits=1,
            tap_bits=1,
            joined_bits=1,
            address_bits=1,
            spike_words=1,
            row_taps=(),
            column_taps=(),
        )
    taps = (*plan.row_taps, *plan.column_taps)
    axes = [axis for each in plan.layers for axis in (each.rows, each.columns)]
    return _WindowSizes(
        windows=1,
        walks_frame=int(plan.frame_words > 0),
        joins=int(any(each.joins for each in plan.layers)),
        coordinate_bits=index_bits(max(len(axis.ranges) for axis in axes)),
        tap_bits=index_bits(max(len(plan.row_taps), len(plan.column_taps))),
        joined_bits=index_bits(1 + max(tap.joined for tap in taps)),
        address_bits=index_bits(max(plan.spike_words, plan.frame_words)),
        spike_words=plan.spike_words,
        row_taps=plan.row_taps,
        column_taps=plan.column_taps,
    )


def _state_places(
    layers: Sequence[LayerGeometry], order: Schedule, turns: int, slot_bits: int, has_windows: bool
) -> tuple[int, int]:
    """Return the bits of a state's address, step-outer, and words of the memory beside each unit.

    Group-stationary the memory has a word per turn, of which a single one is a register.
    """
    if order == "group-stationary":
        return slot_bits, 1 << index_bits(turns) if turns > 1 else 1
    if not has_windows:
        return slot_bits, 1 << slot_bits
    words = sum(layer.groups for layer in layers) * turns
    return index_bits(words), words


def _choose_schedule(
    network: IntegerNetwork, parts: Sequence[EngineLayer], schedule: str
) -> Schedule:
    """Return the order of work that was asked for, or the first that fits."""
    why_not = _why_not_group_stationary(network, parts)
    if schedule == AUTO:
        return "step-outer" if why_not else "group-stationary"
    if schedule == "group-stationary" and why_not:
        raise UserError(f"{network.name}: {why_not}: leave the schedule to auto, or step-outer")
    return "group-stationary" if schedule == "group-stationary" else "step-outer"


def _why_not_group_stationary(network: IntegerNetwork, parts: Sequence[EngineLayer]) -> str:
    """Return why all steps of a group of neurons cannot come first, or nothing."""
    for number, layer in enumerate(parts):
        if layer.own is not None:
            return (
                f"neuron layer {number + 1} is recurrent, and needs the spikes of all its neurons "
                f"before the next step, which the group-stationary schedule does not have"
            )
        if layer.incoming.delays is not None:
            return (
                f"neuron layer {number + 1} has delays, whose sums wait from step to step, which "
                f"the group-stationary schedule does not have"
            )
    if network.input.kind != "static":
        return (
            "the group-stationary schedule takes one frame of numbers per result, not a frame per "
            "step"
        )
    if spikes_that_suffice(network.readout) is not None:
        return (
            f"readout {network.readout}: the group-stationary schedule works out all steps of a "
            f"group of neurons before it begins the next, and cannot end a sample early"
        )
    return ""


def _state_width(program: NeuronProgram) -> int:
    """Return the bits of a neuron's states, packed."""
    return sum(port.width for port in program.inputs if port.name in program.neuron.states)


def _membrane_place(program: NeuronProgram) -> tuple[int, int]:
    """Return the lowest bit of the membrane in the packed states, and its width."""
    low = 0
    for port in program.inputs:
        if port.name == program.neuron.membrane:
            return low, port.width
        low += port.width * (port.name in program.neuron.states)
    raise AssertionError(f"{program.neuron.name} has no membrane among its inputs")


def _check_power_of_two(name: str, number: int, most: int) -> None:
    if number < 1 or number > most or number & (number - 1):
        raise UserError(f"{name}={number}: expected a power of two from 1 to {most}")


def _memory_depth(words: int, least_bits: int) -> tuple[int, int]:
    """Return a memory's depth and address bits: as deep as the bits say, where they are given."""
    bits = max(index_bits(words), least_bits)
    return max(words, (1 << (bits - 1)) + 1), bits


def _common_left_shift(network: IntegerNetwork) -> int:
    """Return the left shift before all right shifts: what the coarsest layer needs."""
    return max(0, *(-layer.shift for layer in network.layers), 0)


def _delay_bits(network: IntegerNetwork, layers: Sequence[EngineLayer]) -> int:
    incoming = [layer.incoming.delays for layer in layers]
    longest = max((int(delays.max()) for delays in incoming if delays is not None), default=0)
    if longest > MAXIMUM_DELAY:
        raise UserError(
            f"{network.name}: a delay of {longest} steps: an accelerator's rings hold at most "
            f"{MAXIMUM_DELAY}"
        )
    return longest.bit_length()


def _plan_layers(
    network: IntegerNetwork,
    parts: Sequence[EngineLayer],
    lanes: int,
    turns: int,
    windows: Plan | None,
) -> tuple[LayerGeometry, ...]:
    programs = [id(program) for program in network.programs]
    layers: list[LayerGeometry] = []
    row = slot = state = 0
    ring = 1  # ring 0 is for the layers without delays
    for number, (layer, part) in enumerate(zip(network.layers, parts, strict=True)):
        blocks = part.layout.words(lanes)
        window = windows.layers[number] if windows else None
        inputs = part.incoming.inputs
        if window is not None:
            kernel = part.incoming.weight.shape[3:]
            inputs = kernel[0] * kernel[1] * window.kernel_inputs
        planned = LayerGeometry(
            number=number,
            inputs=inputs,
            outputs=layer.outputs,
            layout=part.layout,
            groups=part.layout.positions * blocks,
            blocks=blocks,
            words=layers[-1].groups if layers else 1,
            first_row=row,
            shares_rows=part.incoming.is_shared,
            first_slot=slot,
            shares_slots=part.is_shared,
            first_state=state,
            last_lane=(part.layout.channels - 1) % lanes,
            gain=part.incoming.gain,
            own_gain=part.own.gain if part.own else 0,
            shift=layer.shift + _common_left_shift(network),
            unit=programs.index(id(layer.program)),
            first_ring=ring if part.incoming.delays is not None else 0,
            takes_frame=number == 0,
            is_recurrent=part.own is not None,
            is_delayed=part.incoming.delays is not None,
            is_last=number == len(network.layers) - 1,
            window=window,
        )
        layers.append(planned)
        row += planned.rows
        slot += planned.slot_groups * turns
        state += planned.groups * turns
        ring += planned.groups * planned.is_delayed
    return tuple(layers)
