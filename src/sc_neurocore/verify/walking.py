"""Windows, proved without bound: which words a group fetches, with which rows of weights.

The emitted module that walks is compared with five plain loops and sums of products
(harness/windows.v.j2), by induction, with the emitted table beside it. That these numbers make the
map of the network is shown by the claim on the files: see `verify.windows`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sc_neurocore.hdl.accelerator import Accelerator, window_wires
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.hdl.windows import Window
from sc_neurocore.verify.bench import RESET, prepare, prove
from sc_neurocore.verify.result import ProofResult

NAME = "windows: each group fetches the words that it sees, each once, with their rows of weights"
_ASKED = ("row", "column", "row_tap", "column_tap")


def prove_windows(accelerator: Accelerator, *, depth: int = 4, timeout: float = 600) -> ProofResult:
    """Prove that words are named as the table of windows says.

    Args:
        accelerator: A design with windows; the proof's files go to its folder proof/windows.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If Yosys, python-sat, SymbiYosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    g = accelerator.geometry
    places = {axis: [_ranges(layer, axis) for layer in g.layers] for axis in ("row", "column")}
    values: dict[str, Any] = {
        "table": [(name, width) for name, width in window_wires(g) if name not in _ASKED],
        "functions": _functions(g),
        "places": places,
        "inside": _inside(g),
        "has_places": any(layer.layout.positions > 1 for layer in g.layers),
        "has_long_walks": any(map(_is_long, g.layers))
        or any(tap.joined for axis in places for tap in g.tap_rows(axis)),
    }
    claims = (
        "for every order of groups that the controller may ask for, and whenever the scanner is "
        "ready, without bound: a walk names each word in front of each position of the kernel that "
        "lies inside the image, once, in order, and no other; its address and its row of weights "
        "are those that the network needs; joined words are marked; own spikes and events pass as "
        "they are asked for"
    )
    assumed = (
        *RESET,
        "the controller asks for all blocks of a place, then for the next: shown by “control”",
    )
    folder = prepare(accelerator, "windows", values)
    return prove(folder, NAME, claims, assumed, depth, timeout)


def _window(layer: LayerGeometry) -> Window:
    assert layer.window is not None
    return layer.window


def _ranges(layer: LayerGeometry, axis: str) -> tuple[tuple[int, int], ...]:
    window = _window(layer)
    return window.rows.ranges if axis == "row" else window.columns.ranges


def _is_long(layer: LayerGeometry) -> bool:
    """Return whether a walk has several words, those that pooling joins left out."""
    window = _window(layer)
    ranges = (*window.rows.ranges, *window.columns.ranges)
    return window.last_word > 0 or any(first < last for first, last in ranges)


def _functions(g: Geometry) -> list[tuple[str, int, int, list[int]]]:
    """Return the numbers of the layers: name, width, width of what they are multiplied by or 0."""
    address, coordinate = g.address_bits, g.coordinate_bits
    of: list[tuple[str, int, int, Callable[[LayerGeometry], int]]] = [
        ("of_row", address, coordinate, lambda each: _window(each).rows.step),
        ("of_column", address, coordinate, lambda each: _window(each).columns.step),
        ("of_block", address, g.group_bits, lambda each: _window(each).block_step),
        ("of_word", address, address, lambda each: _window(each).word_step),
        ("of_joined_row", address, g.joined_bits, lambda each: _window(each).rows.apart),
        ("of_joined_column", address, g.joined_bits, lambda each: _window(each).columns.apart),
        ("rows_of_word", g.row_bits, address, g.word_width),
        ("first_input_of", address, 0, lambda each: _window(each).first_input),
        ("first_output_of", address, 0, lambda each: _window(each).first_output),
        ("last_word_of", address, 0, lambda each: _window(each).last_word),
        ("last_row_of", coordinate, 0, lambda each: each.layout.rows - 1),
        ("joins_of", 1, 0, lambda each: int(_window(each).joins)),
    ]
    return [
        (name, width, argument, [number(layer) % (1 << width) for layer in g.layers])
        for name, width, argument, number in of
    ]


def _inside(g: Geometry) -> list[tuple[str, int]]:
    """Return the registers of the module that walks: name and width."""
    flags: tuple[str, ...] = (
        "placed",
        "named_valid",
        "named_is_recurrent",
        "named_is_event",
        "named_is_empty",
    )
    flags += ("named_is_last", "named_is_partial")
    widths = dict.fromkeys(flags, 1)
    addresses: tuple[str, ...] = (
        "at_row",
        "at_column",
        "at_block",
        "word",
        "word_at",
        "joined_row_at",
    )
    addresses += ("joined_column_at", "named_row", "named_column", "named_word")
    widths |= dict.fromkeys(addresses, g.address_bits)
    taps = ("first_row_tap", "last_row_tap", "first_column_tap", "last_column_tap")
    widths |= dict.fromkeys(taps, g.tap_bits)
    widths |= dict.fromkeys(("joined_row", "joined_column"), g.joined_bits)
    widths |= dict.fromkeys(("word_rows", "named_base", "named_rows"), g.row_bits)
    return list(widths.items())
