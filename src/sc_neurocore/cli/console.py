"""What a command shows: progress on stderr, the result on stdout, errors in one line."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from typing import IO, Any, cast

import rich.progress
import typer
from rich.console import Console
from rich.table import Table

from sc_neurocore.cli.streams import Courtesy, Shown, closed_stdout, write_result
from sc_neurocore.errors import ScNeurocoreError, UserError
from sc_neurocore.progress import Progress

EXIT_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130
QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
"""Whether commands say nothing but their result, and what went wrong."""

_LONGEST_WORD = 18
"""What is longer is copied rather than read, a path or a hash, and is never cut."""
_WIDEST_LABEL = 26
DEBUG = "SC_NEUROCORE_DEBUG"
"""With this variable set, an error that is a bug of ours shows its traceback."""


def exit_code_of(error: BaseException) -> int:
    """Return the exit code that stands for an error."""
    if isinstance(error, ScNeurocoreError):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return EXIT_USER_ERROR if isinstance(error, OSError | MemoryError) else EXIT_FAILED


def describe_error(error: BaseException) -> str:
    """Return what a user should read of an error."""
    if isinstance(error, ScNeurocoreError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    if isinstance(error, MemoryError):
        return "not enough memory for what was asked: make the network, batch or length smaller"
    if isinstance(error, OSError):
        reason = error.strerror or error
        if not error.filename:
            return f"{reason}: is there room for temporary files in {tempfile.gettempdir()}?"
        return f"{error.filename}: {reason}; give a place that can be read and written"
    return (
        f"a bug in sc-neurocore ({type(error).__name__}: {error}): please report it with the "
        f"command line; {DEBUG}=1 shows where it happened"
    )


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: names and messages may be a stranger's."""
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in text
    )


def _has_long_word(row: tuple[str, ...]) -> bool:
    return any(len(word) > _LONGEST_WORD for cell in row for word in cell.split())


class Report:
    """One command's output.

    With `as_json`, stdout gets exactly one JSON object, also when the command fails.
    """

    def __init__(self, as_json: bool, is_quiet: bool = False) -> None:
        self.as_json = as_json
        self.is_quiet = is_quiet
        self.exit_code = 0
        self._stdout = Console(file=cast(IO[str], Shown()), highlight=False)
        self._stderr = Console(file=cast(IO[str], Courtesy()), highlight=False)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("[dim]left"),
            rich.progress.TimeRemainingColumn(),
            rich.progress.TextColumn("[dim]{task.fields[detail]}"),
            console=self._stderr,
        )
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def progress(self, event: Progress) -> None:
        """Show an event as a bar of its own, or move the bar that is there."""
        if self.is_quiet:
            return
        if not self._bars.live.is_started:
            self._bars.start()
        if event.task not in self._tasks:
            self._tasks[event.task] = self._bars.add_task(event.task, total=None, detail="")
        self._bars.update(
            self._tasks[event.task],
            completed=event.done,
            total=event.total,
            detail=event.detail,
        )

    def stop_bars(self) -> None:
        """Leave the bars as they are; the next event starts new ones."""
        if self._bars.live.is_started:
            self._bars.stop()

    def note(self, text: str) -> None:
        """Say something on stderr, above the bars."""
        if self.is_quiet:
            return
        self._stderr.print(printable(text), markup=False)

    def result(
        self,
        content: Mapping[str, Any],
        rows: Iterable[tuple[str, ...]] = (),
        verdict: str = "",
    ) -> None:
        """Give the result: the content as JSON, or the rows as a table and the verdict below."""
        self.stop_bars()
        if self.as_json:
            write_result(json.dumps(content, indent=2) + "\n", is_promised=True)
            return
        self._show([tuple(map(printable, row)) for row in rows])
        if verdict:
            self._stdout.print(printable(verdict), markup=False, soft_wrap=True)

    def _show(self, rows: list[tuple[str, ...]]) -> None:
        """Print rows as a table; one with a long word, such as a path, as a line that is whole."""
        width = min(max((len(row[0]) for row in rows), default=0), _WIDEST_LABEL)
        for is_whole, group in groupby(rows, _has_long_word):
            if is_whole:
                for label, *cells in group:
                    line = "  ".join([label.ljust(width), *filter(None, cells)])
                    self._stdout.print(line, markup=False, soft_wrap=True)
                continue
            table = Table(show_header=False, box=None, pad_edge=False)
            for label, *cells in group:
                table.add_row(label.ljust(width), *cells)
            self._stdout.print(table, markup=False)

    def failure(self, error: BaseException) -> int:
        """Say what went wrong, on stderr and, with `as_json`, on stdout; return the exit code."""
        self.stop_bars()
        message, exit_code = describe_error(error), exit_code_of(error)
        self._stderr.print(f"sc-neurocore: {printable(message)}", markup=False, soft_wrap=True)
        if self.as_json:
            self.say_failure(message, exit_code)
        return exit_code

    def say_failure(self, message: str, exit_code: int) -> None:
        """Write the JSON object of a command that failed, if that can be written."""
        content = {"error": message, "exit_code": exit_code}
        with contextlib.suppress(UserError):  # stdout itself may be what failed
            write_result(json.dumps(content, indent=2) + "\n", is_promised=True)


@contextmanager
def reporting(as_json: bool) -> Iterator[Report]:
    """Run a command's body; turn what goes wrong into a message and an exit code."""
    report = Report(as_json, is_quiet=QUIET.get())
    try:
        if as_json and sys.stdout is None:
            raise closed_stdout()  # rather now than after the work
        yield report
    except typer.Exit:
        raise
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get(DEBUG):
            raise
        raise typer.Exit(report.failure(error)) from None
    finally:
        report.stop_bars()
    if report.exit_code:
        raise typer.Exit(report.exit_code)
