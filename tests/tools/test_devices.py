from __future__ import annotations

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.tools.catalogue import PROGRAMS
from sc_neurocore.tools.devices import DEVICES, find_device


def test_hx8k_has_128_kibibit_of_block_ram() -> None:
    assert find_device("hx8k").memory_bits == 128 * 1024


def test_unknown_device_lists_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown device 'hx9k'; known devices: .*hx8k"):
        find_device("hx9k")


def test_entries_name_known_programs() -> None:
    for key, device in DEVICES.items():
        assert device.key == key
        assert {device.flow.placer, device.flow.packer} <= set(PROGRAMS)
