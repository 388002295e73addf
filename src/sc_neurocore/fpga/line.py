"""The serial line between a host and a board."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Protocol

from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.tools.catalogue import FPGA_EXTRA

termios: ModuleType | None
try:
    import termios
except ImportError:  # not on Windows
    termios = None

# What a port raises that fails.
LINE_ERRORS: tuple[type[Exception], ...] = (OSError,)  # pyserial's exceptions are such, too
if termios is not None:
    LINE_ERRORS += (termios.error,)  # which is none, and which pyserial lets through

LEAST_BAUD, MOST_BAUD = 300, 50_000_000
_PATIENCE = 0.02


class Line(Protocol):
    """What the host needs of a serial port; serial.Serial has it."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def read(self, size: int = ...) -> bytes:
        """Return `size` bytes, or after a moment what there is."""

    def write(self, data: bytes) -> int | None:
        """Send bytes."""

    def reset_input_buffer(self) -> None:
        """Forget what was heard."""

    def close(self) -> None:
        """Close the port."""


def open_line(port: str, baud: int) -> Line:
    """Open a serial port; raises `UserError` naming those that are here."""
    try:
        import serial
        from serial.tools import list_ports
    except ImportError:
        raise ToolMissingError(
            f"pyserial, which talks to boards, is not installed: {FPGA_EXTRA}"
        ) from None
    try:
        line: Line = serial.Serial(port, baud, timeout=_PATIENCE, write_timeout=5)
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(each.device for each in list_ports.comports())) or "none"
        # pyserial names the port once more, and the system's own words once more again.
        number = getattr(error, "errno", None)
        why = os.strerror(number) if number else str(error)
        raise UserError(f"port {port}: {why}; ports that are here: {known}") from None
    return line
