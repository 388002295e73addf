"""What a command shows: progress on stderr, the result on stdout, errors in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import rich.progress
import typer
from rich.console import Console
from rich.table import Table

from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.progress import Progress

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class Report:
    """One command's output.

    With `as_json`, stdout gets exactly one JSON object, also when the command fails.
    """

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.exit_code = 0
        self._stdout = Console(highlight=False)
        self._stderr = Console(stderr=True, highlight=False)
        self._bars = rich.progress.Progress(
            rich.progress.TextColumn("{task.description}"),
            rich.progress.BarColumn(),
            rich.progress.MofNCompleteColumn(),
            rich.progress.TimeElapsedColumn(),
            rich.progress.TextColumn("[dim]{task.fields[detail]}"),
            console=self._stderr,
        )
        self._tasks: dict[str, rich.progress.TaskID] = {}

    def progress(self, event: Progress) -> None:
        """Show an event as a bar of its own, or move the bar that is there."""
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
        self._stderr.print(text, markup=False)

    def result(self, content: Mapping[str, Any], rows: Iterable[tuple[str, ...]] = ()) -> None:
        """Give the result: the content as JSON, or the rows as a table."""
        self.stop_bars()
        if self.as_json:
            sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            return
        table = Table(show_header=False, box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        self._stdout.print(table, markup=False) if table.row_count else None

    def failure(self, message: str, exit_code: int) -> None:
        """Give an error: one line on stderr and, with `as_json`, an object on stdout."""
        self.stop_bars()
        self._stderr.print(f"sc-neurocore: {message}", markup=False, soft_wrap=True)
        if self.as_json:
            sys.stdout.write(json.dumps({"error": message, "exit_code": exit_code}) + "\n")


@contextmanager
def reporting(as_json: bool) -> Iterator[Report]:
    """Run a command's body; turn what goes wrong into a message and an exit code."""
    report = Report(as_json)
    try:
        yield report
    except ScNeurocoreError as error:
        report.failure(str(error), error.exit_code)
        raise typer.Exit(error.exit_code) from None
    except OSError as error:
        report.failure(f"{error.filename or 'a file'}: {error.strerror}", EXIT_USER_ERROR)
        raise typer.Exit(EXIT_USER_ERROR) from None
    except KeyboardInterrupt:
        report.failure("interrupted; what was finished is kept", EXIT_INTERRUPTED)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        report.stop_bars()
    if report.exit_code:
        raise typer.Exit(report.exit_code)
