"""The command that builds a bitstream of a design."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.neurons import device_rows
from sc_neurocore.cli.stages import find_design
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fpga.boards import highest_clock
from sc_neurocore.fpga.build import build as build_design
from sc_neurocore.fpga.build import check_frequency
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.known_boards import find_board
from sc_neurocore.fpga.neurons import build_neuron
from sc_neurocore.hdl.manifest import NEURON_MANIFEST, BoardPart
from sc_neurocore.tools.devices import DEFAULT_DEVICE, find_device
from sc_neurocore.tools.families import RESOURCES
from sc_neurocore.verify.standing import standing

DEFAULT_FREQUENCY = 40.0


def build(
    directory: options.Design,
    device: options.Device = None,
    frequency: Annotated[
        float | None,
        typer.Option(help="Clock to aim at, in MHz; 40, or what the board runs at."),
    ] = None,
    top: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Verilog of your own top around the core; again for more Verilog, for files that "
            "memories are read from, and for pins.",
        ),
    ] = None,
    verified: Annotated[
        bool, typer.Option("--verified", help="Only if the certificate holds, of these files.")
    ] = False,
    allow_edited: options.AllowEdited = False,
    as_json: options.Json = False,
) -> None:
    """Build a bitstream: synthesis, place and route, packing; utilisation and timing.

    For Artix-7 the open tools end with a netlist: then a Vivado project is written, and not run.
    """
    with reporting(as_json) as report:
        if device is not None:
            find_device(device)
        if frequency is not None:
            check_frequency(frequency)
        if (directory / NEURON_MANIFEST).exists():
            options.refuse_for_neuron({"--top": bool(top)})
            of_neuron = build_neuron(
                directory,
                device,
                frequency or DEFAULT_FREQUENCY,
                report.progress,
                is_asked=frequency is not None,
                allow_edited=allow_edited,
                verified=verified,
            )
            figures = [("module", of_neuron.top), *device_rows(of_neuron)]
            if of_neuron.bitstream:
                figures.append(("bitstream", (directory / of_neuron.bitstream).as_posix()))
            figures += [("edited by hand", name) for name in of_neuron.edited]
            figures.append(("neuron", of_neuron.verification))
            fmax_mhz = of_neuron.fmax_mhz
            if frequency is not None and fmax_mhz is not None and not of_neuron.meets_timing:
                figures.append(("missed", _missed(frequency, fmax_mhz)))
                report.exit_code = CheckFailedError.exit_code
            report.result(of_neuron.as_dict(), figures)
            return
        directory = find_design(directory)
        with opened(directory, allow_edited=allow_edited) as design:
            board = design.manifest.board
            if board is not None and device not in (None, board.device):
                raise UserError(
                    f"{directory} is a design for {board.board}, whose device is {board.device}, "
                    f"not {device}: leave --device out, or compile without --board"
                )
            if top and board is not None:
                raise UserError(
                    f"--top {top[0]}: {directory} has the top of {board.board}; compile without "
                    f"--board for one of your own"
                )
            if verified and (known := standing(design)).status != "verified":
                raise CheckFailedError(f"{directory}: {known.line}; --verified was asked for")
            built = build_design(
                design,
                board.device if board else device or design.manifest.device or DEFAULT_DEVICE,
                frequency_mhz=frequency or (board.frequency_mhz if board else DEFAULT_FREQUENCY),
                progress=report.progress,
                is_asked=frequency is not None or board is not None,
                own_top=top or (),
            )
        fmax = "no clock" if built.bitstream else "known only after Vivado"
        if built.fmax_mhz is not None:
            verdict = "reached" if built.meets_timing else "missed"
            aim = f"asked: {verdict}" if built.is_asked else "aimed at"
            fmax = f"{built.fmax_mhz:.1f} MHz; {built.frequency_mhz:g} MHz {aim}"
        content = built.as_dict()
        rows = [("device", built.device_title), ("module", built.top)]
        rows += [
            (RESOURCES[name], f"{content[name]:g} of {number}")
            for name, number in built.available.items()
            if name in content
        ]
        rows += [
            ("look-up tables", f"{built.luts:g}"),
            ("highest clock", fmax),
        ]
        if built.bitstream:
            rows.append(("bitstream", (directory / built.bitstream).as_posix()))
        if built.project:
            path = (directory / built.project).as_posix()
            rows.append(("Vivado project, written, not run", path))
        rows += [("of your own", name) for name in built.own]
        rows += [("edited by hand", name) for name in built.edited]
        pins = [path.as_posix() for path in design.manifest.paths("constraints")]
        rows += [("of the pins", each) for name in pins for each in design.changed_lines(name)]
        rows += [("as it was there", name) for name in built.kept]
        rows.append(("design", built.verification))
        if frequency is not None and built.fmax_mhz is not None and not built.meets_timing:
            rows.append(("missed", _missed(frequency, built.fmax_mhz)))
            report.exit_code = CheckFailedError.exit_code
        if board is not None:
            slow = built.fmax_mhz is not None and built.fmax_mhz < board.frequency_mhz
            if slow and built.fmax_mhz is not None:
                rows.append(("not for the board", _too_slow(board, built.fmax_mhz)))
                report.exit_code = CheckFailedError.exit_code
            elif built.bitstream:
                path = (directory / built.bitstream).as_posix()
                programmer = find_board(board.board).programmer
                rows.append(("to the board", programmer.format(bitstream=shlex.quote(path))))
        report.result(content, rows)


def _missed(asked_mhz: float, fmax_mhz: float) -> str:
    """Say what would help a design that misses the clock that was asked for."""
    return (
        f"{asked_mhz:g} MHz were asked for, and the design is too slow for that: ask for "
        f"--frequency {math.floor(fmax_mhz * 10) / 10:g}, or compile with more --pipeline stages "
        f"or fewer --lanes"
    )


def _too_slow(board: BoardPart, fmax_mhz: float) -> str:
    """Say what would help a design that misses its board's clock."""
    clock = highest_clock(find_board(board.board), fmax_mhz, board.baud)
    advice = "more --pipeline stages or fewer --lanes are needed"
    if clock is not None:
        advice = f"compile with --clock {clock:g}, or {advice}"
    return f"it runs at {board.frequency_mhz:g} MHz, and the design is too slow for that: {advice}"
