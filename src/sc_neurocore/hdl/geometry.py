"""The sizes of an accelerator: every width and depth that the engine's Verilog is given.

All of them follow from the integer network, the order of work, and what is chosen of the engine.
The names are those of the parameters of rtl/snn_engine.v, in lower case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.hdl.sight import Layout
from sc_neurocore.hdl.windows import Tap, Window

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
MULTIPLIERS = ("block", "logic", "streams")
"""Kinds of a lane's multiplier, in the order of rtl/snn_product.v, which says what they are."""

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
_OF_STREAMS = (
    "part_bits",
    "stream_shift",
    "stream_fraction",
    "stream_places",
    "stream_lows",
    "weight_lows",
    "weight_shift",
)
"""Parameters that only networks have whose values become streams."""
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
        input_shift: Left shift of what comes in.
        recurrent_shift: Left shift of the layer's own spikes.
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
    input_shift: int
    recurrent_shift: int
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
    currents: int
    multipliers: Mapping[str, int]  # how many of each kind
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
    signed_inputs: int
    input_shift_bits: int
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
    count_threshold: int
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
    part_bits: int
    stream_shift: int
    stream_fraction: int
    stream_places: int
    stream_lows: int
    weight_lows: int
    weight_shift: int
    frame: Layout
    layers: tuple[LayerGeometry, ...]
    row_taps: tuple[Tap, ...]
    column_taps: tuple[Tap, ...]

    @property
    def parameters(self) -> dict[str, int]:
        """The engine's parameters by their Verilog names."""
        sizes = {each.name: getattr(self, each.name) for each in fields(self)}
        kept = {"step_outer": self.step_outer} | sizes | {"multipliers": self._multiplier_kinds}
        left_out = {*_NOT_PARAMETERS, *(() if self.windows else _OF_WINDOWS)}
        left_out |= {*(() if self.part_bits else _OF_STREAMS)}
        return {name.upper(): kept[name] for name in kept if name not in left_out}

    @property
    def parameter_widths(self) -> dict[str, int]:
        """The widths of the tables among the parameters, where there are streams."""
        if not self.part_bits:
            return {}
        parts, shift = 1 << self.part_bits, self.stream_shift
        return {
            "MULTIPLIERS": 4 * self.group_sums,
            "STREAM_PLACES": (shift << shift) * parts,
            "STREAM_LOWS": max(self.stream_fraction - shift, 1) * parts,
            "WEIGHT_LOWS": self.part_bits * parts,
        }

    @property
    def chosen_multipliers(self) -> dict[str, int]:
        """How many multipliers are not blocks, by kind: what `EngineOptions` say."""
        return {each: n for each, n in self.multipliers.items() if n and each != MULTIPLIERS[0]}

    @property
    def _multiplier_kinds(self) -> int:
        """The kind of each multiplier, the first in the low bits."""
        counts = self.multipliers.items()
        kinds = [MULTIPLIERS.index(kind) for kind, count in counts for _ in range(count)]
        return sum(kind << (4 * place) for place, kind in enumerate(kinds))

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
    def group_sums(self) -> int:
        """Sums of a group of neurons, and weights of a row: one for each current of each lane."""
        return self.lanes * self.currents

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
    def word_bits(self) -> int:
        """Bits of a weight with its delay."""
        return self.weight_bits + self.delay_bits

    @property
    def weight_columns(self) -> int:
        """Words of 16 bits that hold a row of weights."""
        return -(-self.group_sums * self.word_bits // COLUMN_BITS)

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

    def most_fetched(self, layer: LayerGeometry) -> int:
        """Return the values of the words that a group fetches for what comes in, at most."""
        if layer.window is None:
            return layer.inputs
        words = layer.window.most_words(self.row_taps, self.column_taps)
        return words * self.word_width(layer)

    def parts(self, layer: LayerGeometry) -> int:
        """Return the clocks that the lanes take for each input of a layer."""
        return 1 << self.part_bits if layer.takes_frame else 1

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
        multipliers: How many of the lanes' multipliers are of a kind in `MULTIPLIERS` that is not
            a DSP block, {"logic": 5}: the iCE40 UP5K has 8 blocks, and a unit may want one; {}.
        stream_bits: Bits of both streams that a lane takes in a clock, where values become
            streams: a power of two, from 2 to half of their length; 16.
        weight_slices: Memories that the weights in the bitstream lie in side by side, each for as
            many lanes: a power of two, up to the lanes. Of narrow memories synthesis makes blocks
            that are deep enough, where it would stack those of a wide one behind a multiplexer: a
            faster clock, for some more blocks; 1.
    """

    units: int
    pipeline: int
    inputs_per_beat: int
    multipliers: Mapping[str, int]
    weight_slices: int
    stream_bits: int


DEFAULT_OPTIONS = EngineOptions(
    units=1, pipeline=0, inputs_per_beat=1, multipliers={}, weight_slices=1, stream_bits=16
)
