"""Loading the bitstream of a design's board into that board.

The bitstream must be the one that `build` made of the files that are there now, at a clock that the
board can keep: another network on the board would be found out by the host, who asks for its hash;
a design that is too slow would not.
"""

from __future__ import annotations

import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.files import LARGEST_FILE, read_inside, sha256
from sc_neurocore.fpga.boards import board_of
from sc_neurocore.fpga.build import find_build
from sc_neurocore.fpga.known_boards import Board, find_board
from sc_neurocore.hdl.design import Design
from sc_neurocore.tools import programs


@dataclass(frozen=True)
class Flash:
    """What goes into a board, and how.

    Attributes:
        board: The board.
        bitstream: The bitstream's path, relative to the design's folder.
        content: Its bytes, which are those that `build` made.
    """

    board: Board
    bitstream: str
    content: bytes

    @property
    def command(self) -> tuple[str, ...]:
        """The command, to be run in the design's folder."""
        words = shlex.split(self.board.programmer)
        return tuple(self.bitstream if word == "{bitstream}" else word for word in words)

    def load(self) -> str:
        """Load it into the board that is connected; of what is in the folder nothing is read again.

        Returns:
            What the programmer says.

        Raises:
            ToolMissingError: If the programmer is not installed.
            ToolFailedError: If it finds no board, or fails.
        """
        name = PurePosixPath(self.bitstream).name
        program, *words = (name if each == self.bitstream else each for each in self.command)
        with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
            (Path(place) / name).write_bytes(self.content)
            done = programs.run(program, words, place)
        return (done.stdout + done.stderr).strip()


def plan_flash(design: Design) -> Flash:
    """Find the bitstream of a design's board.

    Args:
        design: A design with a board, as `fpga.folder.opened` yields it.

    Raises:
        UserError: If the design has no board, or the flow makes no bitstream for it.
        CheckFailedError: If nothing was built, it was built of other files, or it is too slow.
    """
    part = board_of(design)
    board = find_board(part.board)
    assert design.home is not None
    report = find_build(design, part.device)
    if report.top != part.top:
        raise CheckFailedError(
            f"{design.home}: {report.top} was built, not the board's top {part.top}: build again"
        )
    if report.bitstream is None:
        raise UserError(
            f"{design.home}: no open tool makes a bitstream for the {board.title}: let Vivado make "
            f"one from {report.project}, and load it with {board.programmer}"
        )
    if report.fmax_mhz is not None and report.fmax_mhz < part.frequency_mhz:
        raise CheckFailedError(
            f"{design.home}: it runs at {part.frequency_mhz:g} MHz on the board, and was built for "
            f"{report.fmax_mhz:.1f} MHz at most: `sc-neurocore build` says what helps"
        )
    content = read_inside(design.home, report.bitstream, LARGEST_FILE)
    if content is None or sha256(content) != report.files.get(report.bitstream):
        raise CheckFailedError(f"{report.bitstream} is not the file that was built: build again")
    return Flash(board, report.bitstream, content)
