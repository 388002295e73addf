from __future__ import annotations

from importlib.resources import files

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.clocks import clocks_up_to
from sc_neurocore.fpga.constraints import FORMATS
from sc_neurocore.tools.catalogue import PROGRAMS
from sc_neurocore.tools.devices import DEVICES, find_device
from sc_neurocore.tools.families import FAMILIES, RESOURCES, find_models


@pytest.mark.parametrize(
    ("key", "kibibits"),
    [
        ("hx8k", 128),
        ("up5k", 120),
        ("ecp5-25k", 1008),
        ("gw2ar-18", 828),
        ("gw1nr-9", 468),
        ("xc7a35t", 1800),
    ],
)
def test_block_rams_hold_what_the_data_sheet_says(key: str, kibibits: int) -> None:
    device = find_device(key)
    (block,) = (each for each in device.family.memories if each.resource == "brams")
    bits = max(words * width for words, width in block.shapes)
    assert bits * device.available["brams"] / block.pieces == kibibits * 1024


def test_sums_name_every_resource_and_what_runs_out_first() -> None:
    device = find_device("up5k")
    used = {"logic_cells": 1700, "brams": 31, "sprams": 4, "dsps": 9}
    assert not device.fits(used)
    assert device.fits(used | {"brams": 30, "dsps": 8})
    assert device.sums(used) == (
        "31 block RAMs of 30 (1 too many), 9 multipliers of 8 (1 too many), 1700 logic cells of "
        "5280, 4 single-port RAMs of 4, 0 pins of 39"
    )


def test_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown device 'hx9k'; known devices: .*hx8k"):
        find_device("hx9k")


def test_entries_name_known_programs() -> None:
    for key, device in DEVICES.items():
        assert device.key == key
        assert set(device.family.programs) <= set(PROGRAMS)
        assert set(device.available) <= set(RESOURCES)
        assert {each.resource for each in device.family.memories} <= set(device.available)


def test_each_family_has_a_device_that_stands_for_it_and_all_that_a_board_needs() -> None:
    sources = files("sc_neurocore.fpga") / "rtl"
    for key, family in FAMILIES.items():
        assert family.key == key
        assert find_device(family.representative).family is family
        assert (sources / f"{family.clock_module}.v").is_file()
        assert family.constraint_format in FORMATS
        assert clocks_up_to(family.clock_module, 100, 1000)
        if family.models and family.models.own:
            assert (files("sc_neurocore.verify") / "harness" / family.models.own).is_file()
    assert {device.family.key for device in DEVICES.values()} == set(FAMILIES)


def test_a_design_without_a_board_gets_pins_where_the_placer_chooses_none() -> None:
    for device in DEVICES.values():
        assert len(set(device.sites)) == len(device.sites)
        assert bool(device.sites) == (device.family.key == "gowin")
        if device.sites:
            assert device.available["pins"] == len(device.sites)
            assert device.untimed_ns > 0  # block RAM, of which nextpnr's Gowin knows no delay


def test_placed_devices_have_a_floor() -> None:
    for device in DEVICES.values():
        assert (min(device.floor) > 0) == (device.family.place_and_route is not None)


def test_only_families_with_models_have_netlists() -> None:
    assert find_models("up5k").own == "up5k_cells.v"
    with pytest.raises(
        UserError, match=r"netlist 'xc7': expected one of ice40, up5k, ecp5, gowin$"
    ):
        find_models("xc7")
