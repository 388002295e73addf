"""What the tables of windows say, and which inputs a group then sees in front of which weights.

The tables are walked as rtl/snn_window.v walks them: its contract says that it does. Inputs and
rows of weights that are found so are compared with the network in `verify.taps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.verify.elaborated import Elaboration, evaluate

_AXES = ("row", "column")
_PADDING, _NO_MORE = -1, -2


@dataclass(frozen=True)
class Tables:
    """The table of windows of a design, as it is read from its files.

    Attributes:
        layers: What it says of each layer, by name.
        places: For each axis, "row" or "column", and each layer: first and last tap of each place.
        taps: For each axis: offset, rows and index of the last joined input of each tap.
    """

    layers: Sequence[Mapping[str, int]]
    places: Mapping[str, Sequence[Sequence[tuple[int, int]]]]
    taps: Mapping[str, Sequence[tuple[int, int, int]]]

    @classmethod
    def planned(cls, g: Geometry) -> Tables:
        """Return what a design's plan says."""
        places: dict[str, list[list[tuple[int, int]]]] = {}
        for axis in _AXES:
            places[axis] = []
            for layer, (usual, others) in zip(g.layers, g.place_taps(axis), strict=True):
                count = layer.layout.rows if axis == "row" else layer.layout.columns
                places[axis].append([dict(others).get(number, usual) for number in range(count)])
        taps = {
            axis: [(tap.offset, tap.rows, tap.joined) for tap in g.tap_rows(axis)] for axis in _AXES
        }
        return cls(g.window_rows(), places, taps)

    def first_difference(self, other: Tables) -> str:
        """Return in words the first entry that differs from another table's."""
        for number, (mine, wanted) in enumerate(zip(self.layers, other.layers, strict=True)):
            for name, value in mine.items():
                if value != wanted[name]:
                    need = f"the network needs {wanted[name]}"
                    return f"{name} = {value} of layer {number}, {need}"
        for axis in _AXES:
            entries: list[tuple[str, Sequence[object], Sequence[object]]] = []
            entries.append(("tap", self.taps[axis], other.taps[axis]))
            for number, (these, those) in enumerate(
                zip(self.places[axis], other.places[axis], strict=True)
            ):
                entries.append((f"place of layer {number}", these, those))
            for what, found, wanted_ in entries:
                for place, (one, another) in enumerate(zip(found, wanted_, strict=True)):
                    if one != another:
                        return f"{one} of {axis} {what} {place}, the network needs {another}"
        return "nothing else"


def read_tables(files: Mapping[str, bytes], design: Elaboration, path: str, g: Geometry) -> Tables:
    """Read the table of windows back from a design's files, through Yosys.

    Raises:
        CheckFailedError: If the module is no table.
    """
    sizes = [(layer.layout.rows, layer.layout.columns) for layer in g.layers]
    taps = len(g.row_taps), len(g.column_taps)
    most = max(max(max(size) for size in sizes), *taps)

    def setting(layer: int, number: int) -> dict[str, int]:
        at = {"row": sizes[layer][0], "column": sizes[layer][1]}
        at |= {"row_tap": taps[0], "column_tap": taps[1]}
        return {"layer": layer} | {name: min(number, count - 1) for name, count in at.items()}

    asked = [(layer, number) for layer in range(len(sizes)) for number in range(most)]
    found = dict(
        zip(asked, evaluate(files, design, path, [setting(*each) for each in asked]), strict=True)
    )
    places = {
        axis: [
            [
                (found[layer, at][f"first_{axis}_tap"], found[layer, at][f"last_{axis}_tap"])
                for at in range(count)
            ]
            for layer, count in enumerate(size[number] for size in sizes)
        ]
        for number, axis in enumerate(_AXES)
    }
    of_taps: dict[str, list[tuple[int, int, int]]] = {}
    for axis, count in zip(_AXES, taps, strict=True):
        names = [f"{axis}_tap_{what}" for what in ("offset", "rows", "joined")]
        rows = [[found[0, at][name] for name in names] for at in range(count)]
        of_taps[axis] = [(offset, rows_, joined) for offset, rows_, joined in rows]
    layers = [
        {name: found[layer, 0][name] for name in g.window_widths} for layer in range(len(sizes))
    ]
    return Tables(layers, places, of_taps)


@dataclass(frozen=True)
class _Word:
    """A word that a group fetches: its address, the row of its first weight, and what joins it."""

    address: int
    row: int
    is_partial: bool


def _walk(
    tables: Tables, g: Geometry, layer: LayerGeometry, place: tuple[int, int], block: int
) -> Iterator[_Word]:
    """Yield the words of a group, step 0, as rtl/snn_window.v names them."""
    says = tables.layers[layer.number]
    words, rows = 1 << g.address_bits, 1 << g.row_bits
    first_row_tap, last_row_tap = tables.places["row"][layer.number][place[0]]
    first_column_tap, last_column_tap = tables.places["column"][layer.number][place[1]]
    at = place[0] * says["row_step"] + place[1] * says["column_step"]
    at += block * says["block_step"] + says["first_input"]
    width = g.word_width(layer)
    for row_tap in range(first_row_tap, last_row_tap + 1):
        above, rows_above, joined_rows = tables.taps["row"][row_tap]
        for column_tap in range(first_column_tap, last_column_tap + 1):
            beside, rows_beside, joined_columns = tables.taps["column"][column_tap]
            for word in range(says["last_word"] + 1):
                row = (rows_above + rows_beside + word * width) % rows
                for down in range(joined_rows + 1):
                    for right in range(joined_columns + 1):
                        address = at + above + beside + word * says["word_step"]
                        address += down * says["row_apart"] + right * says["column_apart"]
                        is_last = down == joined_rows and right == joined_columns
                        is_partial = bool(says["joins"]) and not is_last
                        yield _Word(address % words, row, is_partial)


@dataclass(frozen=True)
class Seen:
    """What the groups of a layer see, input by input, in front of rows of weights.

    Inputs that are joined by OR count as one. Padding is left out: it is never active.

    Attributes:
        inputs: (count, joined inputs) in the description's order, ascending, behind negative
            numbers where fewer are joined.
        groups: (count,) the group that sees them.
        rows: (count,) the row of weights in front of which they are.
    """

    inputs: Integers
    groups: Integers
    rows: Integers


def seen(tables: Tables, g: Geometry, number: int) -> Seen:
    """Return what the groups of a layer see of what comes in.

    Raises:
        ValueError: If a group reads a word or a row of weights that is none of the layer's, or if
            values are joined with padding.
    """
    layer = g.layers[number]
    if layer.takes_frame and not g.walks_frame:
        return _of_list(tables, layer)
    before = g.layers[number - 1].layout if number else g.frame
    width = g.word_width(layer)
    numbers = np.full(before.positions * before.words(width) * width, _PADDING)
    numbers[before.numbers(width)] = np.arange(before.size)
    words = np.vstack([numbers.reshape(-1, width), np.full(width, _NO_MORE)])
    fetched = [
        (group, *word)
        for group in range(layer.groups)
        for word in _of_group(tables, g, layer, group)
    ]
    groups, rows, addresses = zip(*fetched, strict=True)
    most = max(map(len, addresses))
    none = len(words) - 1
    at = np.array([[*each, *[none] * (most - len(each))] for each in addresses])
    # (words, lanes, joined inputs), the real ones last.
    inputs = np.sort(words[at].swapaxes(1, 2), axis=2)
    word, lane = np.nonzero(inputs[..., -1] >= 0)
    inputs = inputs[word, lane]
    if (inputs == _PADDING).any():
        raise ValueError(f"layer {number} joins values and padding")
    row = (np.array(rows)[word] + lane) % (1 << g.row_bits)
    if row.max() >= g.rows:
        raise ValueError(f"layer {number} has weights in row {row.max()} of {g.rows}")
    return Seen(inputs, np.array(groups)[word], row)


def first_row(tables: Tables, layer: LayerGeometry, group: int) -> int:
    """Return where the weights of a group begin, as the contract of the controller says."""
    group_of_rows = group % layer.blocks if layer.shares_rows else group
    of_group = layer.inputs + layer.is_recurrent * layer.outputs
    return tables.layers[layer.number]["first_row"] + group_of_rows * of_group


def _of_list(tables: Tables, layer: LayerGeometry) -> Seen:
    """Return what is seen of a frame that is a list: by each group each value, in its order."""
    groups, inputs = np.divmod(np.arange(layer.groups * layer.inputs), layer.inputs)
    firsts = np.array([first_row(tables, layer, group) for group in range(layer.groups)])
    return Seen(inputs[:, np.newaxis], groups, firsts[groups] + inputs)


def _of_group(
    tables: Tables, g: Geometry, layer: LayerGeometry, group: int
) -> Iterator[tuple[int, list[int]]]:
    """Yield the row of the first weight of each word, and the numbers of words that are joined."""
    before = g.layers[layer.number - 1].layout if layer.number else g.frame
    count = before.positions * before.words(g.word_width(layer))
    says = tables.layers[layer.number]
    place, block = divmod(group, layer.blocks)
    base = first_row(tables, layer, group)
    joined: list[int] = []
    for word in _walk(tables, g, layer, divmod(place, layer.layout.columns), block):
        at, beside = divmod(word.address - says["first_input"], says["word_step"])
        if beside or not 0 <= at < count:
            raise ValueError(f"layer {layer.number}, group {group} reads word {word.address}")
        joined.append(at)
        if not word.is_partial:
            yield base + word.row, joined
            joined = []
