"""The command that trains many networks."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.errors import CheckFailedError, DataError, UserError
from sc_neurocore.files import write_atomically


def _option(help: str, *names: str) -> Any:
    return typer.Option(*names, help=help)


def sweep(
    out: Annotated[Path, _option("The sweep's folder.")],
    grid: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=A,B,…",
            help="An option and its values, such as seed=0,1,2 or n_hidden=64,128; repeatable.",
        ),
    ],
    dataset: Annotated[str, _option("The data set.")] = "digits",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="An option of all trials; may be repeated."
        ),
    ] = None,
    jobs: Annotated[int, _option("Trials side by side.")] = 1,
    backend: Annotated[str, _option("loky, threading, dask or ray.")] = "loky",
    scheduler: Annotated[
        str | None, _option("Address of a Dask scheduler or a Ray cluster; else one is started.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Train every point of a grid of options, and make a table and a plot.

    The names are those of RunOptions and TrainingOptions. Run it again to go on where it ended, or
    with more values: what is finished stays.
    """
    with reporting(as_json) as report:
        from sc_neurocore.training.options import RunOptions, TrainingOptions
        from sc_neurocore.training.sweep import run_sweep, trials

        points = {name: [_value(each) for each in text.split(",")] for name, text in _pairs(grid)}
        fixed = {name: [_value(text)] for name, text in _pairs(settings or [])}
        twice = sorted({*points} & {*fixed})
        if twice:
            raise UserError(f"{twice[0]} is in --grid and in --set: give it once")
        base = RunOptions(training=TrainingOptions())
        base = trials(dataset, base, fixed)[0].options if fixed else base
        kind: Any = backend
        rows = run_sweep(dataset, out, base, points, jobs, kind, scheduler, report.progress)
        files = [out / "sweep.csv", out / "sweep.json"]
        with contextlib.suppress(DataError):  # no trial went well, which is said below
            files.append(_draw(out, rows, list(points)))
        shown = ("accuracy", "validation_accuracy", "error")
        table = [("", *points, *shown)]
        for number, row in enumerate(rows, start=1):
            cells = [row[name] for name in (*points, *shown)]
            table.append((str(number), *(_cell(cell) for cell in cells)))
        content = {"rows": rows, "files": [path.as_posix() for path in files]}
        report.result(content, [*table, ("written", *(path.as_posix() for path in files))])
        failed = [row for row in rows if row["error"] is not None]
        if failed:
            raise CheckFailedError(
                f"{len(failed)} of {len(rows)} trials failed, the first one: {failed[0]['error']}"
            )


def _draw(out: Path, rows: list[dict[str, Any]], names: list[str]) -> Path:
    from sc_neurocore.report.style import to_svg
    from sc_neurocore.report.sweep import sweep_overview

    path = out / "sweep.svg"
    picture = to_svg(sweep_overview(rows, names), "sweep", "Accuracy over each option of the sweep")
    write_atomically(path, picture.encode())
    return path


def _pairs(given: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in given:
        name, is_pair, value = text.partition("=")
        if not is_pair or not name or not value:
            raise UserError(f"{text!r}: expected NAME=VALUE, or NAME=A,B,… in --grid")
        pairs.append((name.replace("-", "_"), value))
    return pairs


def _value(text: str) -> str | int | float | bool | None:
    """Return the plain value that a text means; the options check what it is."""
    words: dict[str, bool | None] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
