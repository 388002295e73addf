"""The three standard streams, which may be closed, full, or without a reader.

What is said on stderr is a courtesy, so that it never ends the work. A result that cannot be
written is an error, unless its reader has left on purpose, as `head` does.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any, TextIO

from sc_neurocore.errors import UserError


def open_what_is_closed() -> None:
    """Give a closed standard stream the null device's file descriptor.

    Else the next file that is opened takes its number, and whatever an external program or a
    library prints goes into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # which takes the lowest number that is free
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character is no error


class Courtesy:
    """Standard error, for a console: what cannot be written is dropped."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def write_result(text: str, *, is_promised: bool) -> None:
    """Write to stdout.

    Args:
        text: The result.
        is_promised: Whether a program reads it: then a reader that is gone is an error too.

    Raises:
        UserError: If it cannot be written.
    """
    if sys.stdout is None:
        if is_promised:
            raise closed_stdout()
        return
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        _abandon(sys.stdout)
        if is_promised or not isinstance(error, BrokenPipeError):
            raise UserError(
                f"stdout: {error.strerror}: the result could not be written there"
            ) from None


class Shown:
    """Standard output, for a console that shows people a result."""

    def write(self, text: str) -> int:
        """Write at once; raises `UserError` as `write_result` does."""
        write_result(text, is_promised=False)
        return len(text)

    def flush(self) -> None:
        """Nothing is kept back."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stdout or io.StringIO(), name)


def closed_stdout() -> UserError:
    """Return the error for a stdout that is closed where a result is promised."""
    return UserError("stdout is closed, where --json writes: give it a place, or leave --json out")


def flush_at_the_end(code: int) -> int:
    """Flush both streams; return the exit code, which a result that is lost changes."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            _abandon(stream)
        except OSError as error:
            _abandon(stream)
            if stream is sys.stdout:
                Courtesy().write(f"sc-neurocore: stdout: {error.strerror}\n")
                code = code or UserError.exit_code
    return code


def _abandon(stream: TextIO) -> None:
    """Let what is still in the stream's buffer go nowhere, or Python fails with it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
