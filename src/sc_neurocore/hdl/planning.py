"""Planning an engine: its sizes from the network, the order of work, and what is chosen of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, Unpack, get_args

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.hdl.geometry import (
    AUTO,
    DEFAULT_OPTIONS,
    MAXIMUM_BEAT_BITS,
    MAXIMUM_DELAY,
    MAXIMUM_LANES,
    MAXIMUM_UNITS,
    MULTIPLIERS,
    EngineOptions,
    Geometry,
    LayerGeometry,
    Schedule,
    index_bits,
)
from sc_neurocore.hdl.layers import EngineLayer, engine_layers, frame_layout, most_currents
from sc_neurocore.hdl.streams import StreamPlan, plan_streams
from sc_neurocore.hdl.windows import Plan, Tap, plan_windows
from sc_neurocore.network.description import spikes_that_suffice


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
    beat, weight_slices = chosen["inputs_per_beat"], chosen["weight_slices"]
    _check_power_of_two("lanes", lanes, MAXIMUM_LANES)
    _check_power_of_two("units", units, min(lanes, MAXIMUM_UNITS))
    _check_power_of_two("inputs_per_beat", beat, MAXIMUM_BEAT_BITS // network.input_bits)
    _check_power_of_two("weight_slices", weight_slices, lanes)
    currents = most_currents(network)
    streams = plan_streams(network, chosen["stream_bits"])
    kinds = chosen["multipliers"]
    if streams is not None:
        kinds = {"streams": lanes * currents}  # there is no other that counts
    multipliers = _multipliers(kinds, lanes, currents, streams is not None)
    if schedule not in (AUTO, *get_args(Schedule)):
        raise UserError(f"schedule {schedule!r}: expected {AUTO}, {', '.join(get_args(Schedule))}")
    parts = engine_layers(network)
    delay_bits = _delay_bits(network, parts)
    order = _choose_schedule(network, parts, schedule)
    if streams is not None and order == "step-outer":
        raise UserError(
            f"{network.name}: values become streams, which hardware counts once per result, all "
            f"steps of a group of neurons first; the network, or the schedule that was asked for, "
            f"needs another order"
        )
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
    signed = network.input.signed
    value_bits = max(
        network.input_bits,
        *(part.magnitude_bits + signed for each in parts for part in each.parts),
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
        currents=currents,
        multipliers=multipliers,
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
        signed_inputs=int(signed),
        input_shift_bits=index_bits(
            max(max(layer.input_shift, layer.recurrent_shift) for layer in layers) + 1
        ),
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
            streams.stream_shift + 3 if streams else 0,  # the count of a part, with its sign
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
        count_threshold=suffice if suffice <= network.steps else 0,
        walk_bits=max(event_bits, group_bits),
        state_words=state_words,
        state_slot_bits=state_slot_bits,
        frame=frame,
        layers=layers,
        **_window_sizes(windows),
        **vars(streams or StreamPlan()),
    )


def without_multipliers(geometry: Geometry) -> Geometry:
    """Return an engine with no DSP blocks in its lanes: logic in their place."""
    kinds = dict(geometry.multipliers)
    kinds |= {"block": 0, "logic": kinds["logic"] + kinds["block"]}
    return replace(geometry, multipliers=kinds)


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
        if layer.recurrent is not None:
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


def _multipliers(
    chosen: Mapping[str, int], lanes: int, currents: int, has_streams: bool
) -> dict[str, int]:
    """Return how many multipliers are of each kind: blocks, where nothing else was chosen."""
    block, *others = MULTIPLIERS
    if not has_streams:
        others.remove("streams")
    left = lanes * currents - sum(chosen.values())
    if not chosen.keys() <= set(others) or left < 0 or min(chosen.values(), default=0) < 0:
        of_each = f", for each of {currents} currents" if currents > 1 else ""
        raise UserError(
            f"multipliers={dict(chosen)}: expected numbers from 0 of {', '.join(others)}, together "
            f"at most {lanes * currents}, the lanes{of_each}"
        )
    return {kind: chosen.get(kind, 0) for kind in MULTIPLIERS[1:]} | {block: left}


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
            input_shift=part.incoming.shift,
            recurrent_shift=part.recurrent.shift if part.recurrent else 0,
            shift=layer.shift + _common_left_shift(network),
            unit=programs.index(id(layer.program)),
            first_ring=ring if part.incoming.delays is not None else 0,
            takes_frame=number == 0,
            is_recurrent=part.recurrent is not None,
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
