"""Reading nextpnr's placed netlists, with names as nextpnr 0.11.1 writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sc_neurocore.fpga.placed_design import PlacedDesign, read_placed_design
from sc_neurocore.tools.devices import find_device


def read(tmp_path: Path, cells: dict[str, tuple[str, str]], device: str = "hx8k") -> PlacedDesign:
    netlist = {
        name: {"type": kind, "attributes": {"NEXTPNR_BEL": place} if place else {}}
        for name, (kind, place) in cells.items()
    }
    path = tmp_path / "placed.json"
    path.write_text(json.dumps({"modules": {"top": {"cells": netlist}}}))
    return read_placed_design(path, find_device(device))


def test_cells_are_told_apart_below_what_they_share(tmp_path: Path) -> None:
    layout = read(
        tmp_path,
        {
            "engine.scanner.left_LC": ("ICESTORM_LC", "X7/Y11/lc0"),
            "engine.lanes[0].sum_LC": ("ICESTORM_LC", "X7/Y11/lc7"),
            "engine.lanes[0].carry.x_LC": ("ICESTORM_LC", "X7/Y12/lc3"),
            "engine.lanes[0].weights": ("ICESTORM_RAM", "X8/Y1/ram"),
            "in_data[0]$sb_io": ("SB_IO", "X0/Y3/io1"),
            "$nextpnr_ICESTORM_LC_1": ("ICESTORM_LC", "X1/Y1/lc2"),
        },
    )
    named = {place: layout.parts[part] for *place, part in layout.cells for place in [tuple(place)]}
    assert named == {
        (7, 11, 0): "scanner",
        (7, 11, 7): "lanes[0]",
        (7, 12, 3): "lanes[0]",
        (8, 1, None): "lanes[0]",
        (0, 3, None): "pins",
        (1, 1, 2): "in no module",
    }
    assert layout.parts[0] == "lanes[0]"  # the largest first
    assert json.loads(json.dumps(layout.as_dict()))["parts"] == list(layout.parts)


@pytest.mark.parametrize(
    ("place", "cell"),
    [
        ("SLICEA.K0", 0),
        ("SLICED.K1", 7),
        ("SLICEB.FF1", 3),
        ("SLICEC.RAMW", 4),
        ("EBR0", None),
        ("MULT18_5", None),
    ],
)
def test_logic_cells_of_ecp5(place: str, cell: int | None, tmp_path: Path) -> None:
    layout = read(tmp_path, {"a.b": ("TRELLIS_COMB", f"X3/Y4/{place}")}, "ecp5-25k")
    assert layout.cells == ((3, 4, cell, 0),)


@pytest.mark.parametrize(
    ("place", "cell"), [("LUT7", 7), ("DFF5", 5), ("ALU0", 0), ("MUX6", 6), ("BSRAM", None)]
)
def test_logic_cells_of_gowin(place: str, cell: int | None, tmp_path: Path) -> None:
    layout = read(tmp_path, {"a.b": ("LUT4", f"X3Y4/{place}")}, "gw1nr-9")
    assert layout.cells == ((3, 4, cell, 0),)
    pad = read(tmp_path, {"led": ("OBUF", "X0Y6/IOBA")}, "gw1nr-9")
    assert pad.parts == ("pins",)


def test_a_table_and_its_flip_flop_are_one_cell(tmp_path: Path) -> None:
    layout = read(
        tmp_path,
        {
            "z.q": ("TRELLIS_FF", "X3/Y4/SLICEA.FF0"),
            "a.d": ("TRELLIS_COMB", "X3/Y4/SLICEA.K0"),
        },
        "ecp5-25k",
    )
    assert (layout.parts, layout.cells) == (("a",), ((3, 4, 0, 0),))


def test_what_has_no_place_is_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, {"a.b": ("ICESTORM_LC", "")}) == PlacedDesign((34, 34), (), ())
