"""A demo: a training run and a design in one folder, and what holds the two together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from sc_neurocore.errors import UserError
from sc_neurocore.files import inside
from sc_neurocore.kernels.recorded import RESULTS_NAME
from sc_neurocore.report.contents import (
    SUMMARY_NAME,
    Results,
    Summary,
    read_results,
    read_summary,
)
from sc_neurocore.report.files import below, list_files
from sc_neurocore.report.illustrations import confusion, mistakes, streams, times
from sc_neurocore.report.kinds.design import design_account
from sc_neurocore.report.kinds.training import sample_sections, training_account
from sc_neurocore.report.ladder import judge, ladder, missing
from sc_neurocore.report.sections import Account, Note, Section, once_each, section
from sc_neurocore.report.tables import (
    accuracy_table,
    environment_table,
    ladder_table,
    speed_table,
    times_table,
    work_table,
)
from sc_neurocore.report.wording import STAGES

TRAINING, DESIGN = "training", "design"
# What a stage leaves in a section that its own folder gives: its key.
_TOLD_BY = {"train": "training", "cosimulate": "cosimulation", "prove": "proofs", "build": "build"}


def demo_account(folder: Path) -> Account | None:
    """Return what a demo says of itself; None where there is none.

    Raises:
        UserError: If a file that a figure is drawn from is damaged.
    """
    if not (folder / SUMMARY_NAME).exists():
        return None
    summary, results = read_summary(folder), read_results(folder)
    device = summary.fpga.device if summary.fpga else None
    # A demo that went on has the answers itself, in floats, streams and integers, and a sample.
    is_left = results.sample is None
    trained = _inside(folder, TRAINING, partial(training_account, with_answers=is_left))
    design = _inside(folder, DESIGN, partial(design_account, built_for=device))
    parts = [part for part in (trained, design) if part is not None]
    standing = design.standing if design else None
    sections = once_each(
        (
            section("ladder", "Verification ladder", ladder_table(ladder(summary))),
            *_accuracies(summary, results),
            *sample_sections(results),
            *(each for part in parts for each in part.sections if each.key != "environment"),
            *_untold(summary),
            *_costs(summary),
        )
    )
    own = (("Figures of this page", SUMMARY_NAME), ("Figures of this page", RESULTS_NAME))
    files = [
        *below(trained.files if trained else (), TRAINING),
        *below(design.files if design else (), DESIGN),
        *list_files(folder, own),
    ]
    return Account(
        name=summary.name,
        sentence=next((part.sentence for part in reversed(parts)), ""),
        verdict=judge(summary, standing),
        sections=sections,
        files=files,
        content_hash=summary.content_hash,
        standing=standing,
    )


def _inside(folder: Path, name: str, kind: Callable[[Path], Account | None]) -> Account | None:
    """Return what a folder inside says of itself; one that is a link elsewhere says nothing."""
    try:
        place = inside(folder, name)
    except UserError:
        return None
    return kind(place)


def _accuracies(summary: Summary, results: Results) -> list[Section]:
    accuracy = accuracy_table(summary, results)
    matrix, wrong = confusion("demo-confusion", results), mistakes("demo-mistakes", results)
    reference = summary.train.accuracy if summary.train else None
    curve = None
    if summary.sc is not None and summary.sc.curve:
        curve = streams("demo-streams", summary.sc, reference)
    beside = tuple(each for each in (matrix, curve) if each is not None)
    found = [section("accuracy", "Accuracy", accuracy, beside or None)]
    return [*found, section("answers", "Wrong answers", wrong)] if wrong else found


def _untold(summary: Summary) -> list[Section]:
    """Return a section for each stage that left nothing: it says why."""
    return [
        section(key, STAGES[stage], Note(missing(summary, stage), is_missing=True))
        for stage, key in _TOLD_BY.items()
    ]


def _costs(summary: Summary) -> list[Section]:
    """Return what the run says of speed, work, time and versions."""
    work = summary.train.neurobench if summary.train else None
    speed = speed_table(summary.fpga) if summary.fpga else None
    cost = [work_table(work)] if work else []
    cost += [speed] if speed and speed.rows else []
    seconds, versions = times_table(summary.seconds), environment_table(summary.environment)
    return [
        *([section("cost", "Work, speed and energy", *cost)] if cost else []),
        section("times", seconds.title, (seconds, times("demo-times", summary.seconds)))
        if summary.seconds
        else section("times", seconds.title, seconds),
        section("environment", versions.title, versions),
    ]
