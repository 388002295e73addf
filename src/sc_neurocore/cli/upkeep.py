"""Commands about the installation and its reports: doctor, bench, report."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.stages import integers_of, samples_or_random
from sc_neurocore.errors import CheckFailedError, ToolMissingError, UserError
from sc_neurocore.folders import sole_writer
from sc_neurocore.report.html import write_report
from sc_neurocore.tools.doctor import examine


def doctor(as_json: options.Json = False) -> None:
    """Say which tools and backends are here, and how to get the others.

    Exit code 3 if something is missing that the whole road needs.
    """
    with reporting(as_json) as report:
        findings = examine()
        rows = [
            (
                "✓" if finding.found else "-" if finding.optional else "✗",
                finding.name,
                finding.version if finding.found else "missing",
                finding.purpose if finding.found else f"{finding.purpose}: {finding.remedy}",
            )
            for finding in findings
        ]
        missing = [each.name for each in findings if not each.found and not each.optional]
        content = {"complete": not missing, "missing": missing}
        report.result({**content, "findings": [asdict(each) for each in findings]}, rows)
        report.exit_code = ToolMissingError.exit_code if missing else 0


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="What demo, train, sweep or compile wrote, with --out DIR."
        ),
    ],
    data: options.Data = None,
    scale: options.Scale = None,
    as_json: options.Json = False,
) -> None:
    """Write DIR/report.html: all that is known of a training, a design, a neuron or a sweep.

    What verify and build have left in a design's folder is part of it. Of a design whose neurons
    stand in images, the page shows where they fire for one input: the first of --data, else of the
    network's own data, or a random one where these are not here. One file, for any browser; it
    needs no network. Run it again after the next command.
    """
    with reporting(as_json) as shown:
        path = write_report(
            folder, lambda network: integers_of(samples_or_random(network, data, scale, 1))
        )
        shown.result({"report": path.as_posix()}, [("report", path.as_posix())])


def bench(
    tables: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TABLE ...]",
            help="Scripts of the folder benchmarks, such as sc_area; all by default, which takes "
            "many hours.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Measure the benchmark tables again; needs a checkout."""
    with reporting(as_json) as shown:
        folder = Path("benchmarks")
        scripts = {path.stem: path for path in folder.glob("[!_]*.py")}
        if not scripts:
            raise UserError("no folder benchmarks here: run this in a checkout of SC-NeuroCore")
        unknown = sorted(set(tables or ()) - set(scripts))
        if unknown:
            raise UserError(f"no table {unknown[0]!r}; known: {', '.join(sorted(scripts))}")
        chosen = sorted(tables or scripts)
        missed = []
        with sole_writer(folder / "results", "bench"):  # two at once would measure each other
            for name in chosen:
                shown.note(f"{name} …")
                command = [sys.executable, str(scripts[name])]
                status = subprocess.run(command, stdout=sys.stderr).returncode
                if status not in (0, CheckFailedError.exit_code):
                    raise CheckFailedError(f"{scripts[name]} failed; what it printed stands above")
                missed += [name] * bool(status)
        if missed:
            raise CheckFailedError(
                f"a target was missed: {', '.join(missed)}; see docs/benchmarks.md"
            )
        results = [f"benchmarks/results/{name}.json" for name in chosen]
        shown.result({"results": results}, [("result", path) for path in results])
