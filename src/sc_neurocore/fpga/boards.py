"""The writing of a board's top and of its constraints.

The top holds the core, and the hand-written modules of fpga/rtl: clock, reset, and a serial line
with the host at its other end.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.clocks import Clock, clocks_up_to, plan_clock
from sc_neurocore.fpga.constraints import constraints
from sc_neurocore.fpga.known_boards import BOARDS, Board, find_board
from sc_neurocore.fpga.protocol import DEFAULT_BAUD, STEP
from sc_neurocore.hdl.accelerator import BOARD_SOURCES, SOURCES, Accelerator
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.manifest import BoardPart, Role
from sc_neurocore.hdl.memories import weight_image
from sc_neurocore.hdl.render import render
from sc_neurocore.tools.devices import Device, find_device
from sc_neurocore.tools.families import Counts

LEAST_CLOCKS_PER_BIT = 8
MOST_CLOCKS_PER_BIT = 1 << 16
_MAXIMUM_BITS_OF_AN_INPUT = 8
_LEAST_BUFFER_BITS = 9  # a piece of weights should not be much shorter than its packet
_MOST_BUFFER_BITS = 15
_SECONDS_OF_SILENCE = 0.08
"""A packet that stops for so long is given up: more than a busy USB bridge ever waits."""
_RESET_BITS = 12


OWN_USE: Counts = {"logic_cells": 1000, "brams": 2}
"""What a board's modules take beside the core, rounded up: most on iCE40, with weights that are
loaded and 784 inputs."""


def device_for_core(board: Board) -> Device:
    """Return the board's device with what is left of it for the core."""
    device = find_device(board.device)
    left = {name: count - int(OWN_USE.get(name, 0)) for name, count in device.available.items()}
    return replace(device, available=left)


def plan_line(
    board: Board, frequency_mhz: float | None = None, baud: int = DEFAULT_BAUD
) -> tuple[Clock, int]:
    """Return the clock that a board makes, and how many of its clocks a bit lasts.

    Args:
        board: The board.
        frequency_mhz: What is wanted, in MHz; by default the board's own choice.
        baud: Bits per second on the serial line.

    Raises:
        UserError: If the board cannot have the frequency or the speed.
    """
    wanted = board.frequency_mhz if frequency_mhz is None else frequency_mhz
    clock = plan_clock(board.family.clock_module, board.oscillator_mhz, wanted)
    return clock, _clocks_per_bit(clock, baud)


def highest_clock(board: Board, limit_mhz: float, baud: int) -> float | None:
    """Return the highest clock up to a limit, in MHz, that a board can be compiled for.

    Args:
        board: The board.
        limit_mhz: What the design reaches.
        baud: Bits per second on the serial line, which not every clock can make.
    """
    for each in clocks_up_to(board.family.clock_module, board.oscillator_mhz, limit_mhz):
        asked = float(f"{each.frequency_mhz:.6g}")
        with suppress(UserError):
            if plan_line(board, asked, baud)[0].frequency_mhz <= limit_mhz:
                return asked
    return None


def add_board(
    design: Design, key: str, frequency_mhz: float | None = None, baud: int = DEFAULT_BAUD
) -> Design:
    """Return a design with a board's top and constraints, which is then what is built.

    Args:
        design: A design without a board.
        key: The board's name.
        frequency_mhz: The clock of the core, in MHz; by default the board's own choice.
        baud: Bits per second on the serial line.

    Raises:
        UserError: If the board is unknown, cannot have the frequency or the speed, or the design's
            schedule or inputs are not what the serial line carries.
    """
    board = find_board(key)
    clock, clocks_per_bit = plan_line(board, frequency_mhz, baud)
    accelerator = design.accelerator
    geometry = accelerator.geometry
    _check_inputs(accelerator, geometry)
    top = f"{accelerator.top}_{key.replace('-', '_')}"
    image = weight_image(design.network, geometry)
    values = _values(board, accelerator, clock, top, image) | {"clocks_per_bit": clocks_per_bit}
    texts = {f"{top}.v": render("sc_neurocore.fpga", "templates", board.template, values).encode()}
    texts |= {f"{clock.module}.v": _source(f"{clock.module}.v"), **_shared_sources()}
    contents = {f"{SOURCES}/{BOARD_SOURCES}/{name}": text for name, text in texts.items()}
    roles: dict[str, Role] = dict.fromkeys(contents, "board")
    form = board.family.constraint_format
    of_pins = f"{SOURCES}/{BOARD_SOURCES}/{top}.{form}"
    contents[of_pins] = constraints(form, board.pins, board.oscillator_mhz).encode()
    part = BoardPart(
        board=key,
        top=top,
        device=board.device,
        oscillator_mhz=board.oscillator_mhz,
        frequency_mhz=clock.frequency_mhz,
        asked_mhz=frequency_mhz,
        clocks_per_bit=clocks_per_bit,
        baud=baud,
    )
    return design.with_files(contents, {**roles, of_pins: "constraints"}, board=part)


def board_of(design: Design) -> BoardPart:
    """Return the board's part of a design.

    Raises:
        UserError: If the design has no board.
    """
    if design.manifest.board is None:
        raise UserError(
            f"{design.name} has no board: compile with --board, one of {', '.join(BOARDS)}"
        )
    return design.manifest.board


def _buffered(accelerator: Accelerator) -> int:
    """Return the bytes of a request that brings a frame."""
    geometry = accelerator.geometry
    return geometry.frame_inputs + (0 if geometry.is_static else STEP.size)


def _check_inputs(accelerator: Accelerator, geometry: Geometry) -> None:
    inputs = geometry.frame_inputs
    if geometry.input_bits > _MAXIMUM_BITS_OF_AN_INPUT:
        raise UserError(
            f"{accelerator.top} takes inputs of {geometry.input_bits} bits: a board's serial line "
            f"carries one byte per input, {_MAXIMUM_BITS_OF_AN_INPUT} bits"
        )
    if _buffered(accelerator) > 1 << _MOST_BUFFER_BITS:
        raise UserError(
            f"{accelerator.top} takes {inputs} inputs: the boards' buffer holds "
            f"{1 << _MOST_BUFFER_BITS}"
        )


def _clocks_per_bit(clock: Clock, baud: int) -> int:
    """Return the clocks of a bit, if the line can then be read."""
    if baud < 1:
        raise UserError(
            f"{baud} baud: expected a number of bits per second, such as {DEFAULT_BAUD}"
        )
    clocks = round(clock.hertz / baud)
    fits = LEAST_CLOCKS_PER_BIT <= clocks <= MOST_CLOCKS_PER_BIT
    if not fits or abs(clock.hertz / clocks - baud) > 0.02 * baud:
        raise UserError(
            f"{baud} baud at {clock.frequency_mhz:g} MHz is {clock.hertz / baud:.2f} clocks a bit: "
            f"expected {LEAST_CLOCKS_PER_BIT} to {MOST_CLOCKS_PER_BIT}, and within 2 % of a whole "
            f"number; {clock.hertz // LEAST_CLOCKS_PER_BIT} baud is the most"
        )
    return clocks


def _values(
    board: Board, accelerator: Accelerator, clock: Clock, top: str, image: bytes
) -> dict[str, Any]:
    geometry = accelerator.geometry
    inputs = geometry.frame_inputs
    silence = round(clock.hertz * _SECONDS_OF_SILENCE)
    return {
        "board": board,
        "top": top,
        "core": accelerator.top,
        "content_hash": accelerator.content_hash,
        "g": geometry,
        "inputs": inputs,
        "outputs": geometry.layers[-1].outputs,
        "clock": clock,
        "timeout_bits": silence.bit_length(),
        "reset_bits": _RESET_BITS,
        "steps": 0 if geometry.is_static else accelerator.steps,
        "ends_early": int(geometry.count_threshold > 0),
        "buffer_bits": max(_LEAST_BUFFER_BITS, (_buffered(accelerator) - 1).bit_length()),
        "weights": accelerator.weights,
        "weight_bytes": len(image) - 4,
        "weights_checksum": int.from_bytes(image[-4:], "little"),
    }


def _source(name: str) -> bytes:
    return (files("sc_neurocore.fpga") / SOURCES / name).read_bytes()


def _shared_sources() -> dict[str, bytes]:
    """Return the modules that every board has; of the clocks, a board has only its own."""
    folder = files("sc_neurocore.fpga") / SOURCES
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".v"))
    return {name: _source(name) for name in names if not name.startswith("board_clock_")}
