"""The FPGA devices that can be built for, as data.

A device of a known family is one more entry in `DEVICES`; a new family is one more `Flow`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sc_neurocore.errors import UserError


@dataclass(frozen=True)
class Flow:
    """How the open tools take Verilog to a bitstream for one family of devices.

    Attributes:
        family: The family's name.
        synthesis: The synthesis command of Yosys.
        placer: Key of the place-and-route program.
        placer_arguments: Arguments for every device of the family.
        placed_option: The placer's option that names the file it writes.
        placed_suffix: That file's suffix.
        packer: Key of the program that makes the bitstream from that file.
        bitstream_suffix: The bitstream's suffix.
        logic_cell: What the placer's report calls a logic cell.
        block_ram: What the placer's report calls a block RAM.
        pin: What the placer's report calls a pin.
    """

    family: str
    synthesis: str
    placer: str
    placer_arguments: tuple[str, ...]
    placed_option: str
    placed_suffix: str
    packer: str
    bitstream_suffix: str
    logic_cell: str
    block_ram: str
    pin: str


@dataclass(frozen=True)
class Device:
    """One FPGA in one package.

    Attributes:
        key: The name that `--device` takes.
        title: The name on the chip.
        flow: The tools of its family.
        synthesis_arguments: Arguments of the synthesis command for this device.
        placer_arguments: Arguments of the placer for this device and package.
        logic_cells: Logic cells, each a 4-input LUT with a flip-flop.
        block_rams: Block RAMs.
        block_ram_bits: Bits in one block RAM.
    """

    key: str
    title: str
    flow: Flow
    synthesis_arguments: tuple[str, ...]
    placer_arguments: tuple[str, ...]
    logic_cells: int
    block_rams: int
    block_ram_bits: int

    @property
    def memory_bits(self) -> int:
        """All block RAM together, in bits."""
        return self.block_rams * self.block_ram_bits


ICE40 = Flow(
    family="iCE40",
    synthesis="synth_ice40",
    placer="nextpnr-ice40",
    placer_arguments=("--pcf-allow-unconstrained",),
    placed_option="--asc",
    placed_suffix=".asc",
    packer="icepack",
    bitstream_suffix=".bin",
    logic_cell="ICESTORM_LC",
    block_ram="ICESTORM_RAM",
    pin="SB_IO",
)

DEVICES: dict[str, Device] = {
    device.key: device
    for device in (
        Device(
            key="hx8k",
            title="Lattice iCE40 HX8K, CT256",
            flow=ICE40,
            synthesis_arguments=("-device", "hx"),
            placer_arguments=("--hx8k", "--package", "ct256"),
            logic_cells=7680,
            block_rams=32,
            block_ram_bits=4096,
        ),
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
