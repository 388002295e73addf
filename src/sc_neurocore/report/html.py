"""The HTML report of a run: one file that needs no network, for screens and paper."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sc_neurocore import __version__
from sc_neurocore.folders import replace_files, sole_writer
from sc_neurocore.report.contents import (
    FloorPlan,
    Results,
    Summary,
    read_floor_plan,
    read_results,
    read_summary,
)
from sc_neurocore.report.files import FileLink, list_files
from sc_neurocore.report.illustrations import illustrate
from sc_neurocore.report.ladder import judge, status_kind
from sc_neurocore.report.standing import design_standing
from sc_neurocore.report.tables import tables
from sc_neurocore.verify.standing import Standing

REPORT_NAME = "report.html"


def write_report(folder: Path) -> Path:
    """Write `report.html` into the folder of a run, from what the run left there.

    Args:
        folder: The folder with `summary.json` and, for most figures, `results.json`.

    Returns:
        The path of the report.

    Raises:
        UserError: `summary.json` is missing, or a file that a figure is drawn from is damaged.
    """
    with sole_writer(folder, "report") if folder.is_dir() else nullcontext():
        summary = read_summary(folder)
        page = render(
            summary,
            read_results(folder),
            list_files(folder, summary),
            read_floor_plan(folder, summary),
            design_standing(folder, summary),
        )
        replace_files(folder, {REPORT_NAME: page.encode()})
    return folder / REPORT_NAME


def render(
    summary: Summary,
    results: Results,
    files: list[FileLink],
    layout: FloorPlan | None = None,
    design: Standing | None = None,
) -> str:
    """Return the report as HTML."""
    environment = Environment(
        loader=PackageLoader("sc_neurocore.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = status_kind
    environment.filters["svg"] = Markup  # our own figures; matplotlib escaped the words in them
    return environment.get_template("report.html.j2").render(
        summary=summary,
        verdict=judge(summary, design),
        design=design,
        tables=tables(summary, results),
        illustrations=illustrate(summary, results, layout),
        files=files,
        version=__version__,
    )
