"""The FPGA devices that can be built for, as data.

A device of a known family is one more entry in `DEVICES`; a new family is one more `Flow`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sc_neurocore.errors import UserError

Counts = Mapping[str, float]
"""Numbers of pieces by name."""


@dataclass(frozen=True)
class Memory:
    """A kind of memory block.

    Attributes:
        resource: Which resource it is.
        pieces: How many of that resource one block takes.
        shapes: (words, bits of a word) that a block can be configured to.
        cost: Yosys' price of a block. It takes the cheapest arrangement, a bit of a multiplexer
            behind the blocks at 1/2, or logic if that is cheaper.
        lut_ram: (words, bits, price) of the piece of logic that a written memory could be made of.
        is_initialised: Whether the bitstream can fill it.
    """

    resource: str
    pieces: float
    shapes: tuple[tuple[int, int], ...]
    cost: float
    lut_ram: tuple[int, int, float]
    is_initialised: bool = True


@dataclass(frozen=True)
class PlaceAndRoute:
    """How a family's netlist becomes a bitstream.

    Attributes:
        placer: Key of the place-and-route program.
        arguments: Its arguments for every device of the family.
        placed_option: The option that names the file it writes.
        placed_suffix: That file's suffix.
        logged: For each resource that only the placer's log tells of, a pattern of the log whose
            first group is a number; what it finds is added up.
        packer: Key of the program that makes the bitstream from that file.
        bitstream_suffix: The bitstream's suffix.
        constraints_option: The placer's option for a board's pins and clock.
        floors: Columns and rows of tiles by device, in the placer's coordinates, pins included.
        packer_arguments: Arguments of the packer.
    """

    placer: str
    arguments: tuple[str, ...]
    placed_option: str
    placed_suffix: str
    logged: Mapping[str, str]
    packer: str
    bitstream_suffix: str
    constraints_option: str
    floors: Mapping[str, tuple[int, int]]
    packer_arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Flow:
    """How the open tools take Verilog through one family of devices.

    Attributes:
        family: The family's name.
        synthesis: Commands of Yosys. {top} is the module, {arguments} are the device's, {base} is
            the path of what they write, without the suffix.
        cells: For each resource the cells that take it, by the placer's names where there is a
            placer, else by Yosys', and how many pieces each takes.
        memories: The memory blocks, the one that is tried first in front.
        place_and_route: The tools after synthesis; None where there are none: then the flow ends
            with a netlist, Yosys' count of its cells, and a project for the vendor's tools.
        has_multipliers: Whether synthesis uses hardware multipliers.
        least_product_bits: Width from which a product gets one.
    """

    family: str
    synthesis: tuple[str, ...]
    cells: Mapping[str, Counts]
    memories: tuple[Memory, ...]
    place_and_route: PlaceAndRoute | None
    has_multipliers: bool = True
    least_product_bits: int = 0

    @property
    def programs(self) -> tuple[str, ...]:
        """Keys of the programs in the order of their use."""
        last = self.place_and_route
        return ("yosys", last.placer, last.packer) if last else ("yosys",)

    def used(self, cells: Counts) -> dict[str, float]:
        """Add cells up to resources.

        Args:
            cells: How many of each cell there are.
        """
        return {
            resource: sum(cells.get(cell, 0) * pieces for cell, pieces in kinds.items())
            for resource, kinds in self.cells.items()
        }


@dataclass(frozen=True)
class Device:
    """One FPGA in one package.

    Attributes:
        key: The name that `--device` takes.
        title: The name on the chip.
        part: The vendor's name of the part.
        flow: The tools of its family.
        synthesis_arguments: Arguments of the synthesis command for this device.
        placer_arguments: Arguments of the placer for this device and package.
        available: How much there is of each resource that can run out.
    """

    key: str
    title: str
    part: str
    flow: Flow
    synthesis_arguments: tuple[str, ...]
    placer_arguments: tuple[str, ...]
    available: Mapping[str, int]

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


RESOURCES: Mapping[str, str] = {
    "logic_cells": "logic cells",
    "luts": "look-up tables",
    "flip_flops": "flip-flops",
    "brams": "block RAMs",
    "sprams": "single-port RAMs",
    "dsps": "multipliers",
    "pins": "pins",
}
"""What people call the resources."""

_ICE40_BLOCK_RAM = Memory("brams", 1, ((256, 16), (512, 8), (1024, 4), (2048, 2)), 64, (1, 1, 1))
# Nothing fills it before the device runs, and only what asks for it by its style goes there.
_ICE40_SINGLE_PORT_RAM = Memory("sprams", 1, ((16384, 16),), 2048, (1, 1, 1), False)
_ECP5_BLOCK_RAM = Memory(
    "brams",
    1,
    ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
    cost=128,
    lut_ram=(16, 4, 4),
)
_XILINX_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
# The BRAM36 is what Vivado calls a tile; a BRAM18 is half of one.
_XILINX_BLOCK_RAM = Memory("brams", 0.5, _XILINX_SHAPES, 129, (64, 3, 5))

_ICE40_PLACE = PlaceAndRoute(
    placer="nextpnr-ice40",
    arguments=("--pcf-allow-unconstrained",),
    placed_option="--asc",
    placed_suffix=".asc",
    # "Info:        9 LCs used as LUT4 and DFF"
    logged={
        "luts": r"^Info:\s+(\d+) LCs used as LUT4",
        "flip_flops": r"^Info:\s+(\d+) LCs used as (?:LUT4 and )?DFF",
    },
    packer="icepack",
    bitstream_suffix=".bin",
    constraints_option="--pcf",
    floors={"up5k": (26, 32), "hx8k": (34, 34)},
)
_ICE40_CELLS: Mapping[str, Counts] = {
    "logic_cells": {"ICESTORM_LC": 1},
    "brams": {"ICESTORM_RAM": 1},
    "sprams": {"ICESTORM_SPRAM": 1},
    "dsps": {"ICESTORM_DSP": 1},
    "pins": {"SB_IO": 1},
}

ICE40 = Flow(
    family="iCE40",
    synthesis=("synth_ice40 {arguments} -top {top} -json {base}.json",),
    cells=_ICE40_CELLS,
    memories=(_ICE40_BLOCK_RAM,),
    place_and_route=_ICE40_PLACE,
    has_multipliers=False,
)

ICE40_ULTRA_PLUS = Flow(
    family="iCE40 UltraPlus",
    synthesis=("synth_ice40 -dsp -spram {arguments} -top {top} -json {base}.json",),
    cells=_ICE40_CELLS,
    memories=(_ICE40_SINGLE_PORT_RAM, _ICE40_BLOCK_RAM),
    place_and_route=_ICE40_PLACE,
    least_product_bits=11,
)

ECP5 = Flow(
    family="ECP5",
    synthesis=("synth_ecp5 {arguments} -top {top} -json {base}.json",),
    cells={
        "logic_cells": {"TRELLIS_COMB": 1},
        "flip_flops": {"TRELLIS_FF": 1},
        "brams": {"DP16KD": 1},
        "dsps": {"MULT18X18D": 1},
        "pins": {"TRELLIS_IO": 1},
    },
    memories=(_ECP5_BLOCK_RAM,),
    place_and_route=PlaceAndRoute(
        placer="nextpnr-ecp5",
        arguments=("--lpf-allow-unconstrained",),
        placed_option="--textcfg",
        placed_suffix=".config",
        # "Info:     Total LUT4s:       710/24288     2%": logic, carries and LUTs used as RAM.
        logged={"luts": r"^Info:\s+Total LUT4s:\s+(\d+)/"},
        packer="ecppack",
        packer_arguments=("--compress",),
        bitstream_suffix=".bit",
        constraints_option="--lpf",
        floors={"ecp5-25k": (73, 51), "ecp5-45k": (91, 72), "ecp5-85k": (127, 96)},
    ),
)

# As Vivado's report counts "Slice LUTs": logic, LUTs used as RAM and as shift registers. Vivado may
# put two small functions into one LUT, and inverters into what they drive; neither is assumed here.
_XILINX_LUTS: Counts = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "INV": 1,
    **dict.fromkeys(("SRL16E", "SRLC16E", "SRLC32E", "RAM32X1S", "RAM64X1S"), 1),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D", "RAM128X1S"), 2),
    **dict.fromkeys(("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"), 4),
}

XILINX_7 = Flow(
    family="Xilinx 7",
    synthesis=(
        "synth_xilinx -family xc7 -flatten -nosrl {arguments} -top {top}",
        "tee -q -o {base}.statistics.json stat -json",
        "write_edif -pvector bra {base}.edif",
    ),
    cells={
        "logic_cells": _XILINX_LUTS,
        "luts": _XILINX_LUTS,
        "flip_flops": dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE", "LDCE", "LDPE"), 1),
        "brams": {"RAMB36E1": 1, "RAMB18E1": 0.5},
        "dsps": {"DSP48E1": 1},
        "pins": {"IBUF": 1, "OBUF": 1, "IOBUF": 1, "OBUFT": 1},
    },
    memories=(_XILINX_BLOCK_RAM,),
    place_and_route=None,
    least_product_bits=9,
)


def _ecp5(size: int, luts: int, brams: int, dsps: int, pins: int) -> Device:
    return Device(
        key=f"ecp5-{size}k",
        title=f"Lattice ECP5 LFE5U-{size}F, CABGA381, speed grade 6",
        part=f"LFE5U-{size}F-6BG381C",
        flow=ECP5,
        synthesis_arguments=(),
        placer_arguments=(f"--{size}k", "--package", "CABGA381", "--speed", "6"),
        available={
            "logic_cells": luts,
            "flip_flops": luts,
            "brams": brams,
            "dsps": dsps,
            "pins": pins,
        },
    )


def _artix(size: int, luts: int, brams: int, dsps: int) -> Device:
    return Device(
        key=f"xc7a{size}t",
        title=f"AMD Artix-7 XC7A{size}T, CSG324, speed grade 1",
        part=f"xc7a{size}tcsg324-1",
        flow=XILINX_7,
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
            flow=ICE40_ULTRA_PLUS,
            synthesis_arguments=("-device", "u"),
            placer_arguments=("--up5k", "--package", "sg48"),
            available={"logic_cells": 5280, "brams": 30, "sprams": 4, "dsps": 8, "pins": 39},
        ),
        Device(
            key="hx8k",
            title="Lattice iCE40 HX8K, CT256",
            part="iCE40HX8K-CT256",
            flow=ICE40,
            synthesis_arguments=("-device", "hx"),
            placer_arguments=("--hx8k", "--package", "ct256"),
            available={"logic_cells": 7680, "brams": 32, "pins": 206},
        ),
        _ecp5(25, 24288, 56, 28, 197),
        _ecp5(45, 43848, 108, 72, 203),
        _ecp5(85, 83640, 208, 156, 205),
        _artix(35, 20800, 50, 90),
        _artix(100, 63400, 135, 240),
    )
}


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
