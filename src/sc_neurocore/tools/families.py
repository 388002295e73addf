"""The families of FPGAs that can be built for, as data: all that differs between them stands here.

A new family is one more entry in `FAMILIES`, and a clock module for boards (fpga/clocks.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sc_neurocore.errors import UserError

ConstraintFormat = Literal["pcf", "lpf", "xdc", "cst"]

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
        placed_option: The option that names the file it writes for the packer; empty where that is
            the placed netlist, which every placer writes.
        placed_suffix: That file's suffix.
        logged: For each resource that only the placer's log tells of, a pattern of the log whose
            first group is a number; what it finds is added up.
        packer: Key of the program that makes the bitstream from that file.
        bitstream_suffix: The bitstream's suffix.
        constraints_arguments: The placer's arguments for a board's pins and clock; {file} stands
            for them.
        logic_cell: A pattern of the places that logic cells have in their tile: the first group is
            the cell's number, or else the second is the slice's letter, the third its half.
        packer_arguments: Arguments of the packer behind the device's; {placed} and {bitstream}
            stand for the files.
    """

    placer: str
    arguments: tuple[str, ...]
    placed_option: str
    placed_suffix: str
    logged: Mapping[str, str]
    packer: str
    bitstream_suffix: str
    constraints_arguments: tuple[str, ...]
    logic_cell: str
    packer_arguments: tuple[str, ...] = ("{placed}", "{bitstream}")


@dataclass(frozen=True)
class CellModels:
    """What the cells of a netlist do, for simulations and proofs of it.

    Attributes:
        library: Arguments of Yosys' `read_verilog` for its own models.
        own: A file of verify/harness with models that Yosys lacks or cannot read in time.
        trust: What whoever uses them takes for granted.
        multipliers: The multipliers that `own` has models of.
        memories: The memory blocks.
    """

    library: str
    own: str = ""
    trust: str = "Yosys' models of the cells"
    multipliers: tuple[str, ...] = ()
    memories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """One family of devices, and how the open tools take Verilog through it.

    Attributes:
        key: The name that `--netlist` takes.
        title: The name that people know it by.
        representative: The device that is built where one stands for the family.
        synthesis: Commands of Yosys. {top} is the module, {arguments} are the device's, {base} is
            the path of what they write, without the suffix.
        cells: For each resource the cells that take it, by the placer's names where there is a
            placer, else by Yosys', and how many pieces each takes.
        memories: The memory blocks, the one that is tried first in front.
        place_and_route: The tools after synthesis; None where there are none: then the flow ends
            with a netlist, Yosys' count of its cells, and a project for the vendor's tools.
        clock_module: The module of fpga/rtl that has its PLL.
        constraint_format: How a board's pins and clock are written down.
        models: Models of its cells; None where netlists are not simulated.
        has_multipliers: Whether synthesis uses hardware multipliers.
        least_product_bits: Width from which a product gets one.
        packs_memories: Whether synthesis may find room for a memory in fewer blocks than its words
            and bits divided by a block's: then a count of blocks is the most that it can be.
    """

    key: str
    title: str
    representative: str
    synthesis: tuple[str, ...]
    cells: Mapping[str, Counts]
    memories: tuple[Memory, ...]
    place_and_route: PlaceAndRoute | None
    clock_module: str
    constraint_format: ConstraintFormat
    models: CellModels | None = None
    has_multipliers: bool = True
    least_product_bits: int = 0
    packs_memories: bool = False

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
# ECP5 and Gowin.
_BLOCK_RAM_OF_18_KBIT = Memory(
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
    constraints_arguments=("--pcf", "{file}"),
    # "X7/Y11/lc0"
    logic_cell=r"lc(\d)",
)
_ICE40_CELLS: Mapping[str, Counts] = {
    "logic_cells": {"ICESTORM_LC": 1},
    "brams": {"ICESTORM_RAM": 1},
    "sprams": {"ICESTORM_SPRAM": 1},
    "dsps": {"ICESTORM_DSP": 1},
    "pins": {"SB_IO": 1},
}

_ICE40_MODELS = "-DNO_ICE40_DEFAULT_ASSIGNMENTS +/ice40/cells_sim.v"

ICE40 = Family(
    key="ice40",
    title="iCE40",
    representative="hx8k",
    synthesis=("synth_ice40 {arguments} -top {top} -json {base}.json",),
    cells=_ICE40_CELLS,
    memories=(_ICE40_BLOCK_RAM,),
    place_and_route=_ICE40_PLACE,
    clock_module="board_clock_ice40",
    constraint_format="pcf",
    models=CellModels(_ICE40_MODELS, memories=("SB_RAM40_4K",)),
    has_multipliers=False,
)

ICE40_ULTRA_PLUS = Family(
    key="up5k",
    title="iCE40 UltraPlus",
    representative="up5k",
    synthesis=("synth_ice40 -dsp -spram {arguments} -top {top} -json {base}.json",),
    cells=_ICE40_CELLS,
    memories=(_ICE40_SINGLE_PORT_RAM, _ICE40_BLOCK_RAM),
    place_and_route=_ICE40_PLACE,
    clock_module="board_clock_ice40",
    constraint_format="pcf",
    models=CellModels(
        _ICE40_MODELS,
        "up5k_cells.v",
        "Yosys' models of the cells, and this project's of the single-port RAM",
        memories=("SB_RAM40_4K", "SB_SPRAM256KA"),
    ),
    least_product_bits=11,
)

ECP5 = Family(
    key="ecp5",
    title="ECP5",
    representative="ecp5-25k",
    synthesis=("synth_ecp5 {arguments} -top {top} -json {base}.json",),
    cells={
        "logic_cells": {"TRELLIS_COMB": 1},
        "flip_flops": {"TRELLIS_FF": 1},
        "brams": {"DP16KD": 1},
        "dsps": {"MULT18X18D": 1},
        "pins": {"TRELLIS_IO": 1},
    },
    memories=(_BLOCK_RAM_OF_18_KBIT,),
    place_and_route=PlaceAndRoute(
        placer="nextpnr-ecp5",
        arguments=("--lpf-allow-unconstrained",),
        placed_option="--textcfg",
        placed_suffix=".config",
        # "Info:     Total LUT4s:       710/24288     2%": logic, carries and LUTs used as RAM.
        logged={"luts": r"^Info:\s+Total LUT4s:\s+(\d+)/"},
        packer="ecppack",
        packer_arguments=("--compress", "{placed}", "{bitstream}"),
        bitstream_suffix=".bit",
        constraints_arguments=("--lpf", "{file}"),
        # "X3/Y4/SLICEB.K1", FF1 for the flip-flop beside that look-up table, and "SLICEC.RAMW" for
        # what writes look-up tables that are used as RAM.
        logic_cell=r"()SLICE([A-D])\.(?:K|FF|RAMW)([01]?)",
    ),
    clock_module="board_clock_ecp5",
    constraint_format="lpf",
    models=CellModels(
        "+/ecp5/cells_sim.v",
        "ecp5_cells.v",
        "Yosys' models of the cells, and this project's of block RAM and multipliers",
        multipliers=("MULT18X18D",),
        memories=("DP16KD", "TRELLIS_DPR16X4"),
    ),
)

# A carry takes the place of a look-up table, a RAM of 4 x 16 bits four, and two that write it.
_GOWIN_LUTS: Counts = {"LUT4": 1, "ALU": 1, "RAM16SDP4": 6}

GOWIN = Family(
    key="gowin",
    title="Gowin",
    representative="gw2ar-18",
    # nextpnr knows no delay of a multiplier: with -nodsp they are logic, and every path is timed.
    synthesis=("synth_gowin -nodsp {arguments} -top {top} -json {base}.json",),
    cells={
        "logic_cells": _GOWIN_LUTS,
        "luts": _GOWIN_LUTS,
        "flip_flops": {"DFF": 1},
        "brams": {"BSRAM": 1},
        # The placed netlist has these for IOB, which is what is counted.
        "pins": {"IOB": 1, "IBUF": 0, "OBUF": 0},
    },
    memories=(_BLOCK_RAM_OF_18_KBIT,),
    place_and_route=PlaceAndRoute(
        placer="nextpnr-himbaechel-gowin",
        arguments=(),
        placed_option="",
        placed_suffix=".placed.json",
        logged={},
        packer="gowin_pack",
        packer_arguments=("-o", "{bitstream}", "{placed}"),
        bitstream_suffix=".fs",
        constraints_arguments=("--vopt", "cst={file}"),
        # "X8Y26/LUT6", DFF6 for the flip-flop behind it, ALU6 or MUX6 for what stands in its place.
        logic_cell=r"(?:LUT|DFF|ALU|MUX)(\d)",
    ),
    clock_module="board_clock_gowin",
    constraint_format="cst",
    models=CellModels(
        "+/gowin/cells_sim.v",
        "gowin_cells.v",
        "Yosys' models of the cells, and this project's of block RAM",
        memories=("SDPB", "SDPX9B", "DPB", "DPX9B", "SP", "SPX9", "pROM", "pROMX9", "RAM16SDP4"),
    ),
    has_multipliers=False,
    packs_memories=True,
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

XILINX_7 = Family(
    key="xc7",
    title="Xilinx 7",
    representative="xc7a35t",
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
    clock_module="board_clock_xc7",
    constraint_format="xdc",
    least_product_bits=9,
)

FAMILIES: Mapping[str, Family] = {
    family.key: family for family in (ICE40, ICE40_ULTRA_PLUS, ECP5, GOWIN, XILINX_7)
}


def find_models(key: str) -> CellModels:
    """Return what the cells of a family do.

    Args:
        key: A family's name, such as "ice40".

    Raises:
        UserError: If no family has this name, or it has no models; the message lists those that do.
    """
    models = {each.key: each.models for each in FAMILIES.values() if each.models}
    if key not in models:
        raise UserError(f"netlist {key!r}: expected one of {', '.join(models)}")
    return models[key]


def has_multiplier_models(key: str) -> bool:
    """Tell whether proofs of a family's netlists know what its multipliers do, if it has any.

    Args:
        key: The key of a family with models.
    """
    return not FAMILIES[key].has_multipliers or bool(find_models(key).multipliers)
