"""The FPGA devices that can be built for, as data. A device of a known family is one more entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sc_neurocore.errors import UserError
from sc_neurocore.tools.families import (
    ECP5,
    ICE40,
    ICE40_ULTRA_PLUS,
    RESOURCES,
    XILINX_7,
    Counts,
    Family,
)


@dataclass(frozen=True)
class Device:
    """One FPGA in one package.

    Attributes:
        key: The name that `--device` takes.
        title: The name on the chip.
        part: The vendor's name of the part.
        family: Its family.
        synthesis_arguments: Arguments of the synthesis command for this device.
        placer_arguments: Arguments of the placer for this device and package.
        available: How much there is of each resource that can run out.
        floor: Columns and rows of its tiles in the placer's coordinates, pins included; (0, 0)
            where there is no placer.
    """

    key: str
    title: str
    part: str
    family: Family
    synthesis_arguments: tuple[str, ...]
    placer_arguments: tuple[str, ...]
    available: Mapping[str, int]
    floor: tuple[int, int] = (0, 0)

    @property
    def synthesis_command(self) -> str:
        """The command of Yosys that builds use, without top and output."""
        command = self.family.synthesis[0].partition(" -top")[0]
        return command.format(arguments=" ".join(self.synthesis_arguments)).strip()

    def fits(self, used: Counts) -> bool:
        """Tell whether there is enough of everything."""
        return all(used.get(name, 0) <= number for name, number in self.available.items())

    def sums(self, used: Counts, names: Iterable[str] | None = None) -> str:
        """Say how much of every resource is taken of how much there is, what runs out first.

        Args:
            used: Resources by name.
            names: Those to speak of; by default all.
        """
        parts = []
        for name in self.available if names is None else names:
            number = self.available[name]
            taken = used.get(name, 0)
            note = f" ({taken - number:g} too many)" if taken > number else ""
            parts.append((taken <= number, f"{taken:g} {RESOURCES[name]} of {number}{note}"))
        return ", ".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def _ecp5(size: int, luts: int, brams: int, dsps: int, pins: int, floor: tuple[int, int]) -> Device:
    return Device(
        key=f"ecp5-{size}k",
        title=f"Lattice ECP5 LFE5U-{size}F, CABGA381, speed grade 6",
        part=f"LFE5U-{size}F-6BG381C",
        family=ECP5,
        synthesis_arguments=(),
        placer_arguments=(f"--{size}k", "--package", "CABGA381", "--speed", "6"),
        available={
            "logic_cells": luts,
            "flip_flops": luts,
            "brams": brams,
            "dsps": dsps,
            "pins": pins,
        },
        floor=floor,
    )


def _artix(size: int, luts: int, brams: int, dsps: int) -> Device:
    return Device(
        key=f"xc7a{size}t",
        title=f"AMD Artix-7 XC7A{size}T, CSG324, speed grade 1",
        part=f"xc7a{size}tcsg324-1",
        family=XILINX_7,
        synthesis_arguments=(),
        placer_arguments=(),
        available={
            "logic_cells": luts,
            "flip_flops": 2 * luts,
            "brams": brams,
            "dsps": dsps,
            "pins": 210,
        },
    )


DEVICES: dict[str, Device] = {
    device.key: device
    for device in (
        Device(
            key="up5k",
            title="Lattice iCE40 UltraPlus UP5K, SG48",
            part="iCE40UP5K-SG48",
            family=ICE40_ULTRA_PLUS,
            synthesis_arguments=("-device", "u"),
            placer_arguments=("--up5k", "--package", "sg48"),
            available={"logic_cells": 5280, "brams": 30, "sprams": 4, "dsps": 8, "pins": 39},
            floor=(26, 32),
        ),
        Device(
            key="hx8k",
            title="Lattice iCE40 HX8K, CT256",
            part="iCE40HX8K-CT256",
            family=ICE40,
            synthesis_arguments=("-device", "hx"),
            placer_arguments=("--hx8k", "--package", "ct256"),
            available={"logic_cells": 7680, "brams": 32, "pins": 206},
            floor=(34, 34),
        ),
        _ecp5(25, 24288, 56, 28, 197, (73, 51)),
        _ecp5(45, 43848, 108, 72, 203, (91, 72)),
        _ecp5(85, 83640, 208, 156, 205, (127, 96)),
        _artix(35, 20800, 50, 90),
        _artix(100, 63400, 135, 240),
    )
}
DEFAULT_DEVICE = "hx8k"


def find_device(key: str) -> Device:
    """Return the device of this name.

    Args:
        key: A name such as "hx8k".

    Raises:
        UserError: No device has this name; the message lists those that there are.
    """
    try:
        return DEVICES[key]
    except KeyError:
        known = ", ".join(f"{each.key} ({each.title})" for each in DEVICES.values())
        raise UserError(f"unknown device {key!r}; known devices: {known}") from None
