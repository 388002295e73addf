"""The register map of a core behind a bus of registers, written once.

snn_registers.v has it as localparams, docs/own-top.md as a table; tests compare them with this. The
driver (`fpga.mapped_core`) and what a design has for systems (`hdl.system`) take it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import Literal

VERSION = 1
"""The number of this map, which the register of that name has."""
REGISTER_BITS = 32
WINDOW_BYTES = 128
"""What the core takes of the addresses of a bus."""


class Status(IntFlag):
    """Bits of STATUS. RESULT and ERROR are written to be cleared."""

    READY = 1
    BUSY = 2
    RESULT = 4
    ERROR = 8
    LOADED = 16


class Control(IntFlag):
    """Bits of CONTROL. CLEAR and RELOAD act when they are written, and read as 0."""

    CLEAR = 1
    INTERRUPT = 2
    RELOAD = 4


@dataclass(frozen=True)
class Register:
    """One register, or several side by side.

    Attributes:
        name: What it is called.
        offset: Its address in bytes, behind the core's base.
        access: Whether it can be read, written, or both.
        says: What it holds, in words.
        count: How many of them follow each other, 4 bytes each.
    """

    name: str
    offset: int
    access: Literal["r", "w", "rw"]
    says: str
    count: int = 1


REGISTERS = (
    Register("HASH", 0x00, "r", "SHA-256 of the network, 8 words, the first one first", 8),
    Register("VERSION", 0x20, "r", f"{VERSION}, the number of this map"),
    Register(
        "STATUS",
        0x24,
        "rw",
        "bit 0 ready: DATA takes a frame; 1 busy: values are in that no taken result answers; "
        "2 result: there is one, writing 1 takes it; 3 error: an access was refused, writing 1 "
        "clears it; 4 loaded: the weights are there",
    ),
    Register(
        "CONTROL",
        0x28,
        "rw",
        "bit 0 clear: core, counters and error are reset; 1 interrupt: `irq` is high while there "
        "is a result; 2 reload: clear, and weights come again, from their first word on. Bits 0 "
        "and 2 read as 0",
    ),
    Register("CLASS", 0x2C, "r", "the result's class"),
    Register("SCORE_ADDRESS", 0x30, "rw", "the output neuron whose score is read"),
    Register("DATA", 0x34, "w", "the next beat of a frame, as `in_data` of the core"),
    Register(
        "WEIGHT", 0x38, "rw", "write: the next 16 bits of weights.bin; read: how many are there"
    ),
    Register("FRAMES", 0x3C, "r", "frames that went in, modulo 65536"),
    Register("CYCLES", 0x40, "r", "clocks in which it was busy and no result waited"),
    Register("SCORE", 0x60, "r", "the score there: a count, or a membrane with its sign"),
)
"""The registers by their offsets. Another address is refused, and so is what cannot be now."""
OFFSETS = {each.name: each.offset for each in REGISTERS}
