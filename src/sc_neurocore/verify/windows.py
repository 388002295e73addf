"""What the tables of windows say, walked as rtl/snn_window.v walks them, against the integer model.

A layer is a linear map of what comes in. The map that tables and weight memory make, and the one
that the integer model's own layers make, are both applied to the same random numbers: where the
maps differ in one weight, sums are equal with a probability of at most 1 in 2 ** 24 for each
neuron and trial. So no formula of the generator is taken for granted. Of inputs that are joined by
OR only the largest is seen: where there are some, so many trials are made that each will have been
the largest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.hdl.layers import engine_layers
from sc_neurocore.hdl.memories import weight_rows
from sc_neurocore.verify.elaborated import Elaboration, evaluate

RANDOM_BITS = 24
"""Of a random number; sums of these times weights are exact in float64."""
TRIALS = 4
JOINED_BITS = 24
"""That one input too many or too few among joined ones stays unseen: 1 in 2 ** 24 at most."""
_AT_A_TIME = 64
_AXES = ("row", "column")


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


def other_sums(tables: Tables, g: Geometry, network: IntegerNetwork) -> Iterator[str]:
    """Yield for which layers tables and weights make other sums than the integer model's layers."""
    words, _ = weight_rows(engine_layers(network), g)
    fields = words.reshape(len(words), g.group_sums, -1)
    weights = fields[..., 0]
    delays = fields[..., 1] if g.delay_bits else np.zeros_like(weights)
    for number, layer in enumerate(g.layers):
        if layer.takes_frame and not g.walks_frame:
            continue
        trials = _trials(tables, number)
        for begin in range(0, trials, _AT_A_TIME):
            count = min(_AT_A_TIME, trials - begin)
            values = random_values(network, number, count, seed=(number, begin))
            try:
                sums = walked_sums(tables, g, weights, delays, number, values)
            except ValueError as error:
                yield str(error)
                break
            modelled = modelled_sums(network.layers[number], values, len(sums))
            none = [(0, 0), (0, 0), (0, sums.shape[2] - modelled.shape[2])]  # of missing inputs
            if (sums != np.pad(modelled, none)).any():
                yield f"the windows of layer {number} see other inputs than its neurons do"
                break


def _trials(tables: Tables, number: int) -> int:
    """Return how many arrays of random numbers are put in front of a layer."""
    if not tables.layers[number]["joins"]:
        return TRIALS
    joined = 1
    for axis in _AXES:
        seen = {
            tap for first, last in tables.places[axis][number] for tap in range(first, last + 1)
        }
        joined *= 1 + max(tables.taps[axis][tap][2] for tap in seen)
    # With one too many, any of them is the largest with the same probability.
    return max(TRIALS, math.ceil(-JOINED_BITS / math.log2(joined / (joined + 1))))


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


def walked_sums(
    tables: Tables, g: Geometry, weights: Integers, delays: Integers, number: int, values: Integers
) -> Integers:
    """Return the sums that the tables make of values.

    Args:
        tables: The tables.
        g: The engine's sizes.
        weights: (rows of the weight memory, sums of a group).
        delays: Of the same shape.
        number: The layer's.
        values: (trials, values) in the description's order.

    Returns:
        (delays from 0 up, trials, currents * neurons) in the description's order.

    Raises:
        ValueError: If a word is not one of those that come in.
    """
    layer = g.layers[number]
    layout = g.layers[number - 1].layout if number else g.frame
    width = g.word_width(layer)
    step = tables.layers[number]["word_step"]
    first = tables.layers[number]["first_input"]
    padded = np.zeros((len(values), layout.positions * layout.words(width) * width), dtype=np.int64)
    padded[:, layout.numbers(width)] = values
    words: Integers = padded.reshape(len(values), -1, width)
    reach = int(delays.max(initial=0)) + 1
    sums = np.zeros((reach, len(values), layer.groups, g.group_sums), dtype=np.int64)
    for group in range(layer.groups):
        place, block = divmod(group, layer.blocks)
        group_of_rows = block if layer.shares_rows else group
        base = tables.layers[number]["first_row"]
        base += group_of_rows * (layer.inputs + layer.is_recurrent * layer.outputs)
        joined: Integers | int = 0
        where = divmod(place, layer.layout.columns)
        for word in _walk(tables, g, layer, where, block):
            at, beside = divmod(word.address - first, step)
            if beside or not 0 <= at < words.shape[1]:
                raise ValueError(f"layer {number}, group {group} reads word {word.address}")
            joined = np.maximum(joined, words[:, at])
            if word.is_partial:
                continue
            rows = slice(base + word.row, base + word.row + width)
            of_rows, late = weights[rows], delays[rows]
            active, joined = joined[:, : len(of_rows)], 0
            for delay in range(reach):
                sums[delay, :, group] += active @ np.where(late == delay, of_rows, 0)
    flat = sums.reshape(reach, len(values), -1)
    firsts = layer.layout.numbers(g.lanes) * g.currents
    numbers = np.add.outer(np.arange(g.currents), firsts).ravel()
    found: Integers = np.take(flat, numbers, axis=-1)
    return found


def modelled_sums(layer: IntegerLayer, values: Integers, reach: int) -> Integers:
    """Return what the integer model's layers make of values in one step and those after it.

    Args:
        layer: The layer.
        values: (trials, values).
        reach: Steps.

    Returns:
        (steps, trials, sums), without the bias.
    """
    first = values.reshape(-1, *layer.input_shape).astype(np.float64)
    runs = [_steps(layer, each, reach) for each in (first, np.zeros_like(first))]
    sums: Integers = np.round(runs[0] - runs[1]).astype(np.int64)
    return sums


def _steps(layer: IntegerLayer, first: NDArray[Any], reach: int) -> NDArray[Any]:
    runners = [each.layer.sums(np.float64) for each in layer.synapses]
    found = []
    for step in range(reach):
        at = first if step == 0 else np.zeros_like(first)
        for run in runners:
            at = run(at)
        found.append(at.reshape(len(at), -1))
    return np.stack(found)


def random_values(
    network: IntegerNetwork, number: int, trials: int, seed: int | tuple[int, int]
) -> Integers:
    """Return random numbers in place of what comes in to a layer, (trials, values)."""
    shape = trials, network.layers[number].inputs
    return np.random.default_rng(seed).integers(1, 1 << RANDOM_BITS, shape)
