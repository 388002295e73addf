"""The FPGA devices that can be built for, as data. A device of a known family is one more entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sc_neurocore.errors import UserError
from sc_neurocore.tools.families import (
    ECP5,
    GOWIN,
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
        packer_arguments: Arguments of the packer for this device.
        sites: Pins of the package, without those that configure the device: what a design that no
            board belongs to is put on, one by one. Empty where the placer chooses by itself.
        untimed_ns: What the placer leaves out of paths, in ns; the longest is made longer by it.
    """

    key: str
    title: str
    part: str
    family: Family
    synthesis_arguments: tuple[str, ...]
    placer_arguments: tuple[str, ...]
    available: Mapping[str, int]
    floor: tuple[int, int] = (0, 0)
    packer_arguments: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    untimed_ns: float = 0.0

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


# Logic and memory: Gowin's data sheets of GW1NR (DS117) and GW2AR (DS226); nextpnr says the same.
# nextpnr takes no path out of a block RAM into account: its clock-to-output time without an output
# register is that of the vendor's files for the speed grade, as Apycula has read them.
_GW2AR_SITES = (
    "4 10 11 15 16 17 18 19 20 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 48 49"
)
_GW2AR_SITES += " 51 63 69 70 71 72 73 74 75 76 77 79 80 81 82 83 84 85 86"
_GW1NR_SITES = (
    "52 10 11 13 14 15 16 17 18 19 20 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42"
)
_GW1NR_SITES += " 47 48 49 50 51 63 68 69 70 71 72 73 74 75 76 77 79 80 81 82 83 84 85 86"

_GOWIN_DEVICES = (
    Device(
        key="gw2ar-18",
        title="Gowin GW2AR-18, QN88, speed grade C8/I7",
        part="GW2AR-LV18QN88C8/I7",
        family=GOWIN,
        synthesis_arguments=("-family", "gw2a"),
        placer_arguments=("--device", "GW2AR-LV18QN88C8/I7", "--vopt", "family=GW2A-18C"),
        available={"logic_cells": 20736, "flip_flops": 15552, "brams": 46, "pins": 48},
        floor=(56, 55),
        packer_arguments=("-d", "GW2A-18C"),
        sites=tuple(_GW2AR_SITES.split()),
        untimed_ns=2.26,
    ),
    Device(
        key="gw1nr-9",
        title="Gowin GW1NR-9, QN88P, speed grade C6/I5",
        part="GW1NR-LV9QN88PC6/I5",
        family=GOWIN,
        synthesis_arguments=("-family", "gw1n"),
        placer_arguments=("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"),
        available={"logic_cells": 8640, "flip_flops": 6480, "brams": 26, "pins": 53},
        floor=(47, 29),
        packer_arguments=("-d", "GW1N-9C"),
        sites=tuple(_GW1NR_SITES.split()),
        untimed_ns=3.46,
    ),
)

_ECP5_25 = _ecp5(25, 24288, 56, 28, 197, (73, 51))

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
        _ECP5_25,
        replace(
            _ECP5_25,
            key="ecp5-25k-mg285",
            title="Lattice ECP5 LFE5U-25F, CSFBGA285, speed grade 8",
            part="LFE5U-25F-8MG285C",
            placer_arguments=("--25k", "--package", "CSFBGA285", "--speed", "8"),
            available={**_ECP5_25.available, "pins": 118},
        ),
        _ecp5(45, 43848, 108, 72, 203, (91, 72)),
        _ecp5(85, 83640, 208, 156, 205, (127, 96)),
        *_GOWIN_DEVICES,
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
