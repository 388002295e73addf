from __future__ import annotations

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.tools.catalogue import PROGRAMS
from sc_neurocore.tools.devices import DEVICES, RESOURCES, find_device


@pytest.mark.parametrize(
    ("key", "kibibits"), [("hx8k", 128), ("up5k", 120), ("ecp5-25k", 1008), ("xc7a35t", 1800)]
)
def test_block_rams_hold_what_the_data_sheet_says(key: str, kibibits: int) -> None:
    device = find_device(key)
    (block,) = (each for each in device.flow.memories if each.resource == "brams")
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
        assert set(device.flow.programs) <= set(PROGRAMS)
        assert set(device.available) <= set(RESOURCES)
        assert {each.resource for each in device.flow.memories} <= set(device.available)
