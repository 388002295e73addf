"""Where nextpnr put the cells of a design: the floor plan that reports draw."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sc_neurocore.tools.devices import Device

_PLACE = re.compile(r"X(\d+)/?Y(\d+)/(.*)")
_PINS = ("pins",)
_NO_INSTANCE = "in no module"


@dataclass(frozen=True)
class PlacedDesign:
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


def read_placed_design(placed: Path, device: Device) -> PlacedDesign:
    """Read the flat design that nextpnr's `--write` left.

    Args:
        placed: The JSON file.
        device: A device of a family that has a placer.
    """
    (design,) = json.loads(placed.read_text(encoding="utf-8"))["modules"].values()
    tools = device.family.place_and_route
    pattern = tools.logic_cell if tools else ""
    pins = device.family.cells["pins"]
    places: dict[tuple[int, int, int | None], tuple[str, ...]] = {}
    for name, cell in sorted(design["cells"].items()):
        if found := _PLACE.fullmatch(cell["attributes"].get("NEXTPNR_BEL", "")):
            place = (int(found[1]), int(found[2]), _logic_cell(found[3], pattern))
            instances = () if name.startswith("$") else tuple(name.split(".")[:-1])
            # A look-up table and its flip-flop may be of two parts: the first by name is shown.
            places.setdefault(place, _PINS if cell["type"] in pins else instances)
    owners = _owners(list(places.values()))
    parts = tuple(name for name, _ in Counter(owners).most_common())
    rows = zip(places, owners, strict=True)
    return PlacedDesign(
        device.floor, parts, tuple((*place, parts.index(owner)) for place, owner in rows)
    )


def _logic_cell(name: str, pattern: str) -> int | None:
    """Return which logic cell of its tile a cell is."""
    found = re.fullmatch(pattern, name)
    if found is None:
        return None
    number, *halves = found.groups()
    return int(number) if number else 2 * "ABCD".index(halves[0]) + int(halves[1] or 0)


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
