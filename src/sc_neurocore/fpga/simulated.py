"""A simulated board: the board top in Verilator, behind a pseudo-terminal.

The host talks to it as to a board at a serial port. Everything is what the bitstream is made of,
except that PLLs pass their clock through, and that bits, time-outs and the power-on reset last for
fewer clocks.
"""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.fpga.boards import board_of
from sc_neurocore.fpga.known_boards import BOARDS
from sc_neurocore.fpga.sources import sources_of
from sc_neurocore.hdl.design import Design
from sc_neurocore.tools import programs
from sc_neurocore.verify.builds import EXECUTABLE, kept_build

CLOCKS_PER_BIT = 4
TIMEOUT_BITS = 15
RESET_BITS = 4
SECONDS_OF_SILENCE = 0.15
"""What a host must wait before the simulated board has surely given up a packet."""

_TOOLS = ("verilator", "c++")
_SECONDS_TO_START = 20
_SECONDS_TO_END = 5


@contextmanager
def simulated_board(design: Design) -> Iterator[str]:
    """Simulate a design's board while the context lasts.

    Args:
        design: A design with a board.

    Yields:
        The name of the terminal that a host opens as its port; any baud will do.

    Raises:
        UserError: If the design has no board, or this system has no pseudo-terminals.
        ToolMissingError: If Verilator or the C++ compiler is not installed.
        ToolFailedError: If one refuses the design, or the simulation does not start.
    """
    if sys.platform == "win32":
        raise UserError("simulated boards need pseudo-terminals, which Windows does not have")
    folder = _build(design)
    process = subprocess.Popen(
        [folder.resolve() / EXECUTABLE],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield _terminal(process, design)
        finally:
            _end(process)


def _terminal(process: subprocess.Popen[str], design: Design) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _SECONDS_TO_START)
    said = process.stdout.readline().strip() if ready else "nothing"
    if not said.startswith("/"):
        raise ToolFailedError(f"the simulation of the board in {design.name} says {said!r}")
    return said


def _end(process: subprocess.Popen[str]) -> None:
    """Close its input, at which it ends; if it does not, end it."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()


def _build(design: Design) -> Path:
    board = board_of(design)
    every = sources_of(design).contents
    sources = {Path(name).name: content for name, content in every.items()}
    harness = files("sc_neurocore.fpga") / "harness"
    sources |= {name: (harness / name).read_bytes() for name in ("board.cpp", "primitives.v")}
    entry = BOARDS[board.board]
    parameters = {
        "CLOCKS_PER_BIT": CLOCKS_PER_BIT,
        "TIMEOUT_BITS": TIMEOUT_BITS,
        "RESET_BITS": RESET_BITS,
    }
    macros = parameters | {
        "BUTTON_IDLE": int(entry.button_is_low),
        "LED_IDLE": int(entry.leds_are_low),
    }
    flags = " ".join(["-O2", *(f"-D{name}={value}" for name, value in macros.items())])
    arguments = ["--language", "1364-2005", "--cc", "--exe", "--build", "-O3"]
    arguments += ["-Wno-lint", "-Wno-style"]
    arguments += ["--top-module", board.top, "--prefix", "Vboard", "-Mdir", "objects"]
    arguments += [f"-G{name}={value}" for name, value in parameters.items()]
    arguments += ["-CFLAGS", flags, "-LDFLAGS", "-lutil", "-o", f"../{EXECUTABLE}", "board.cpp"]
    arguments += [name for name in sources if name.endswith(".v")]

    def build(workshop: Path) -> None:
        programs.run("verilator", arguments, workshop)

    memories = [name for name in sources if not name.endswith((".v", ".cpp"))]
    return kept_build("board", sources, arguments, _TOOLS, build, memories)
