"""The tables that rtl/snn_window.v walks by: where words lie, and which a group of neurons sees.

Words lie place after place, row by row, and those of one place after each other; group by group,
all steps do so too at each word. The engine adds up; all products of sizes are in these tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sc_neurocore.hdl.layers import EngineLayer
from sc_neurocore.hdl.sight import Axis, Layout, Seen


@dataclass(frozen=True)
class Tap:
    """What lies in front of one position of the kernel, along one axis.

    Attributes:
        offset: From where the output stands to the first word there; it may be negative.
        rows: From the kernel's first row of weights to that of this position.
        joined: Index of the last of the inputs that are joined there.
    """

    offset: int
    rows: int
    joined: int


@dataclass(frozen=True)
class WindowAxis:
    """How one axis is walked.

    Attributes:
        ranges: For each output the first and the last of the taps that it sees, in the table of all
            layers' taps.
        step: Words from where one output stands to where the next one does.
        apart: Words from one joined input to the next.
    """

    ranges: tuple[tuple[int, int], ...]
    step: int
    apart: int

    @property
    def last(self) -> int:
        """Index of the last output."""
        return len(self.ranges) - 1


@dataclass(frozen=True)
class Window:
    """How what comes in is walked, for every group of a layer.

    Attributes:
        rows: From row to row.
        columns: From column to column.
        word_step: From one word of a place to the next: more than 1 where all steps lie there.
        last_word: Index of the last word of a place that a group sees.
        block_step: Words from the first that one block of channels sees to that of the next block.
        kernel_inputs: Inputs at each position of the kernel: rows of weights of a group there.
        joins: Whether joined inputs go in together, by OR, and not one after the other.
        first_input: Where the words that come in begin.
        first_output: Where the words that go out begin.
    """

    rows: WindowAxis
    columns: WindowAxis
    word_step: int
    last_word: int
    block_step: int
    kernel_inputs: int
    joins: bool
    first_input: int
    first_output: int

    def first_channel(self, width: int) -> int:
        """Return how many channels further on each block of channels begins to see.

        Args:
            width: Channels of a word.
        """
        return self.block_step // self.word_step * width

    def most_words(self, row_taps: Sequence[Tap], column_taps: Sequence[Tap]) -> int:
        """Return how many words a group fetches for a step, at most."""
        along = (self.rows, row_taps), (self.columns, column_taps)
        counts = [
            max(
                sum(tap.joined + 1 for tap in taps[first : last + 1]) for first, last in axis.ranges
            )
            for axis, taps in along
        ]
        return counts[0] * counts[1] * (self.last_word + 1)


@dataclass
class Taps:
    """The taps of all layers along one axis; lists that are in it already are found again."""

    entries: list[Tap] = field(default_factory=list)

    def place(self, taps: Sequence[Tap], begin: int) -> tuple[int, int]:
        """Return first and last index of these taps, none before `begin`; they are put in."""
        count = len(taps)
        for first in range(begin, len(self.entries) - count + 1):
            if self.entries[first : first + count] == list(taps):
                return first, first + count - 1
        first = len(self.entries)
        self.entries.extend(taps)
        return first, first + count - 1


@dataclass(frozen=True)
class Plan:
    """The windows of a network.

    Attributes:
        layers: One for each layer.
        row_taps: The table of the taps along columns of words, from row to row.
        column_taps: The same from column to column.
        spike_words: Words of the spike memory; step by step, of each of its two banks.
        frame_words: Words of a frame, if it is walked, else 0.
    """

    layers: tuple[Window, ...]
    row_taps: tuple[Tap, ...]
    column_taps: tuple[Tap, ...]
    spike_words: int
    frame_words: int


def plan_windows(
    layers: Sequence[EngineLayer], frame: Layout, lanes: int, beat: int, steps_inside: int
) -> Plan:
    """Lay out words and tables.

    Args:
        layers: The layers, of which some have windows.
        frame: Where the values of a frame stand.
        lanes: Channels in a word of spikes.
        beat: Values in a word of a frame.
        steps_inside: Steps that lie at each word of spikes: all of them, or 1.
    """
    outputs = [layer.layout.positions * layer.layout.words(lanes) for layer in layers]
    sizes = [groups * steps_inside for groups in outputs]
    first_outputs, spike_words = _regions(sizes, alternate=steps_inside > 1)
    row_taps, column_taps = Taps(), Taps()
    windows = []
    for number, layer in enumerate(layers):
        part = layer.incoming
        inputs = layers[number - 1].layout if number else frame
        width, word_step = (lanes, steps_inside) if number else (beat, 1)
        sees = _words_of_blocks(layer, inputs, lanes, width)
        kernel_inputs = inputs.channels if sees.is_all else sees.count * width
        of_column = inputs.words(width) * word_step
        of_row = inputs.columns * of_column
        rows_of_row = part.weight.shape[4] * kernel_inputs
        windows.append(
            Window(
                rows=_axis(part.sight[0], of_row, rows_of_row, row_taps),
                columns=_axis(part.sight[1], of_column, kernel_inputs, column_taps),
                word_step=word_step,
                last_word=sees.count - 1,
                block_step=sees.step * word_step,
                kernel_inputs=kernel_inputs,
                joins=part.joins,
                first_input=first_outputs[number - 1] if number else 0,
                first_output=first_outputs[number],
            )
        )
    is_walked = layers[0].incoming.is_window
    return Plan(
        layers=tuple(windows),
        row_taps=tuple(row_taps.entries),
        column_taps=tuple(column_taps.entries),
        spike_words=spike_words,
        frame_words=frame.positions * frame.words(beat) if is_walked else 0,
    )


def _regions(sizes: Sequence[int], *, alternate: bool) -> tuple[list[int], int]:
    """Return where each layer's words begin, and how many there are in all.

    Where layers come one after the other, only two have words at a time: one is read, one written.
    """
    if not alternate:
        ends = np.cumsum([0, *sizes]).tolist()
        return ends[:-1], ends[-1]
    written = [*sizes[:-1], 0]  # nobody reads what the last layer writes
    total = max(first + second for first, second in zip(written, [*written[1:], 0], strict=True))
    return [0 if number % 2 == 0 else total - size for number, size in enumerate(written)], total


@dataclass(frozen=True)
class _Sees:
    """Which words of a place blocks of channels see: `count` of them, from `step` * block on."""

    step: int
    count: int
    is_all: bool


def _words_of_blocks(layer: EngineLayer, inputs: Layout, lanes: int, width: int) -> _Sees:
    words = inputs.words(width)
    everything = _Sees(0, words, is_all=True)
    if words == 1 or layer.recurrent is not None:
        return everything
    seen = np.abs(layer.incoming.weight).sum(axis=(0, 3, 4)) > 0  # (sums, inputs)
    seen = seen.reshape(layer.layout.channels, -1, inputs.channels).any(axis=1)
    ranges = []
    for block in range(layer.layout.words(lanes)):
        here = np.flatnonzero(seen[block * lanes : (block + 1) * lanes].any(axis=0)) // width
        ranges.append((int(here[0]), int(here[-1])) if len(here) else None)
    for count in range(1, words):
        for step in range(words):
            lasts = [step * block + count - 1 for block in range(len(ranges))]
            if lasts[-1] < words and all(
                each is None or (last - count + 1 <= each[0] and each[1] <= last)
                for each, last in zip(ranges, lasts, strict=True)
            ):
                return _Sees(step, count, is_all=False)
    return everything


def _axis(axis: Axis, words: int, rows: int, taps: Taps) -> WindowAxis:
    begin = len(taps.entries)
    lists = [_taps(each, output, axis.step, words, rows) for output, each in enumerate(axis.seen)]
    # The longest first: windows at an edge see a part of what those inside do.
    found: dict[int, tuple[int, int]] = {}
    for output in sorted(range(len(lists)), key=lambda output: -len(lists[output])):
        found[output] = taps.place(lists[output], begin)
    ranges = tuple(found[output] for output in range(len(lists)))
    return WindowAxis(ranges, axis.step * words, words)


def _taps(seen: Sequence[Seen], output: int, step: int, words: int, rows: int) -> list[Tap]:
    return [
        Tap((first - output * step) * words, tap * rows, last - first) for tap, first, last in seen
    ]
