"""Where nextpnr put the cells of a design: the floor plan that reports draw."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# iCE40: "X7/Y11/lc0". ECP5: "X3/Y4/SLICEB.K1", FF1 for the flip-flop beside that look-up table,
# and "SLICEC.RAMW" for what writes look-up tables that are used as RAM.
_PLACE = re.compile(r"X(\d+)/Y(\d+)/(.*)")
_LOGIC_CELL = re.compile(r"lc(\d)|SLICE([A-D])\.(?:K|FF|RAMW)([01]?)")
_PIN_CELLS = ("SB_IO", "TRELLIS_IO")
_PINS = ("pins",)
_NO_INSTANCE = "in no module"


@dataclass(frozen=True)
class Layout:
    """A placed design, cell by cell.

    Attributes:
        floor: Columns and rows of the device's tiles.
        parts: The design's parts, the largest first: the instances of modules that its cells
            belong to by their names, and "pins". Yosys names some logic after a port of the whole
            design, which is "in no module".
        cells: (column, row, logic cell of the tile from 0 to 7, part); the logic cell is None for
            memories, multipliers and pins, each of which has its tile to itself. A look-up table
            and its flip-flop are one cell.
    """

    floor: tuple[int, int]
    parts: tuple[str, ...]
    cells: tuple[tuple[int, int, int | None, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the layout as plain data for JSON."""
        return asdict(self)


def read_layout(placed: Path, floor: tuple[int, int]) -> Layout:
    """Read the flat design that nextpnr's `--write` left.

    Args:
        placed: The JSON file.
        floor: Columns and rows of the device's tiles.
    """
    (design,) = json.loads(placed.read_text(encoding="utf-8"))["modules"].values()
    places: dict[tuple[int, int, int | None], tuple[str, ...]] = {}
    for name, cell in sorted(design["cells"].items()):
        if found := _PLACE.fullmatch(cell["attributes"].get("NEXTPNR_BEL", "")):
            place = (int(found[1]), int(found[2]), _logic_cell(found[3]))
            instances = () if name.startswith("$") else tuple(name.split(".")[:-1])
            # A look-up table and its flip-flop may be of two parts: the first by name is shown.
            places.setdefault(place, _PINS if cell["type"] in _PIN_CELLS else instances)
    owners = _owners(list(places.values()))
    parts = tuple(name for name, _ in Counter(owners).most_common())
    rows = zip(places, owners, strict=True)
    return Layout(floor, parts, tuple((*place, parts.index(owner)) for place, owner in rows))


def _logic_cell(name: str) -> int | None:
    """Return which logic cell of its tile a cell is."""
    found = _LOGIC_CELL.fullmatch(name)
    if found is None:
        return None
    return int(found[1]) if found[1] else 2 * "ABCD".index(found[2]) + int(found[3] or 0)


def _owners(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the part that each cell belongs to, one level below what nearly all share."""
    inside = [path for path in paths if path and path != _PINS]
    depth = 0
    while inside:
        first, count = Counter(path[: depth + 1] for path in inside).most_common(1)[0]
        if count < 0.9 * len(inside) or len(first) <= depth:
            break
        depth += 1
    return [path[min(depth, len(path) - 1)] if path else _NO_INSTANCE for path in paths]
