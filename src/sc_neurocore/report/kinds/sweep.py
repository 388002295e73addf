"""A sweep: what was tried, and how well each trial did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from sc_neurocore.errors import DataError
from sc_neurocore.report.files import list_files
from sc_neurocore.report.illustrations import Illustration, trials
from sc_neurocore.report.ladder import Verdict
from sc_neurocore.report.reading import Part, read_part
from sc_neurocore.report.sections import Account, section
from sc_neurocore.report.tables import Table
from sc_neurocore.report.wording import duration, percent, plural, shorten

SWEEP, TABLE = "sweep.json", "sweep.csv"
_MOST_DRAWN, _MOST_NAMES, _LONGEST = 1000, 6, 40


class Trial(Part):
    """What is read of a trial; the options in the grid stand beside it, by their names."""

    model_config = ConfigDict(frozen=True, extra="allow")

    accuracy: float | None = None
    validation_accuracy: float | None = None
    parameters: int | None = None
    epochs: int | None = None
    seconds: float = 0.0
    folder: str = ""
    error: str | None = None

    @property
    def merit(self) -> float:
        """What trials are chosen by: validation, where there is one, else the test."""
        tried = self.validation_accuracy
        return (self.accuracy or 0.0) if tried is None else tried


class SweepFile(Part):
    """What is read of sweep.json."""

    dataset: str
    grid: dict[str, Any] = Field(default_factory=dict)
    rows: tuple[Trial, ...] = ()


def sweep_account(folder: Path) -> Account | None:
    """Return what a sweep says of itself; None where there is none.

    Raises:
        UserError: If sweep.json is damaged.
    """
    writer = f"sc-neurocore sweep --out {folder}"
    found = read_part(SweepFile, folder, SWEEP, writer)
    if found is None:
        return None
    names = list(found.grid)
    rows = [
        (trial, {name: _plain((trial.model_extra or {}).get(name)) for name in names})
        for trial in found.rows
    ]
    table = Table(
        "Trials",
        (*(shorten(name, _LONGEST) for name in names), "Accuracy", "Validation", "Time", "Detail"),
        tuple(
            (
                *options.values(),
                "" if trial.accuracy is None else percent(trial.accuracy),
                "" if trial.validation_accuracy is None else percent(trial.validation_accuracy),
                duration(trial.seconds),
                trial.error or "",
            )
            for trial, options in rows
        ),
    )
    every = ", ".join(names)
    return Account(
        name=f"Sweep on {found.dataset}",
        sentence=f"{plural(len(rows), 'training')} on {found.dataset}, over {every}.",
        verdict=_verdict(rows),
        sections=(section("trials", "Trials", _drawn(rows, names), table),),
        files=list_files(folder, (("All trials", SWEEP), ("For spreadsheets", TABLE))),
    )


def _drawn(rows: list[tuple[Trial, dict[str, str]]], names: list[str]) -> Illustration | None:
    if len(rows) > _MOST_DRAWN or len(names) > _MOST_NAMES:
        return None
    try:
        flat = [{**trial.model_dump(), **options} for trial, options in rows]
        return trials("sweep-trials", flat, names)
    except DataError:  # no trial went well, which the table says
        return None


def _verdict(rows: list[tuple[Trial, dict[str, str]]]) -> Verdict:
    good = [row for row in rows if row[0].error is None]
    failed = len(rows) - len(good)
    if not good:
        return Verdict("bad", "No trial went well", f"{plural(failed, 'trial')} failed.")
    best, options = max(good, key=lambda row: row[0].merit)
    kind = "test" if best.validation_accuracy is None else "validation"
    point = ", ".join(f"{name} = {value}" for name, value in options.items())
    reason = f"Best by {kind} accuracy, {percent(best.merit)}: {point}, in trials/{best.folder}."
    if failed:
        return Verdict("bad", f"{failed} of {plural(len(rows), 'trial')} failed", reason)
    return Verdict("good", f"{plural(len(rows), 'trial')} went well", reason)


def _plain(value: object) -> str:
    return shorten(str(value), _LONGEST)
