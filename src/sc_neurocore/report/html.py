"""The HTML report of a folder: one file that needs no network, for screens and paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sc_neurocore import __version__
from sc_neurocore.errors import UserError
from sc_neurocore.folders import replace_files, sole_writer
from sc_neurocore.report.kinds.demo import demo_account
from sc_neurocore.report.kinds.design import design_account
from sc_neurocore.report.kinds.maps import OneInput
from sc_neurocore.report.kinds.neuron import neuron_account
from sc_neurocore.report.kinds.sweep import sweep_account
from sc_neurocore.report.kinds.training import training_account
from sc_neurocore.report.ladder import status_kind
from sc_neurocore.report.sections import Account, once_each
from sc_neurocore.report.stepper import Stepper, script, script_source

REPORT_NAME = "report.html"
KINDS = (demo_account, training_account, design_account, neuron_account, sweep_account)
"""What may be in a folder; a page is the sum of what is."""


def write_report(folder: Path, one_input: OneInput | None = None) -> Path:
    """Write `report.html` into a folder, from what commands left there.

    Args:
        folder: What `demo`, `train`, `sweep` or `compile` wrote, and perhaps `verify` and `build`.
        one_input: See `design_account`.

    Returns:
        The path of the report.

    Raises:
        UserError: If nothing of ours is there, or a file that a figure is drawn from is damaged.
    """
    with sole_writer(folder, "report") if folder.is_dir() else nullcontext():
        accounts = [found for kind in _kinds(one_input) if (found := kind(folder)) is not None]
        if not accounts:
            reason = "Not a directory" if folder.is_file() else "nothing to report"
            raise UserError(
                f"{folder}: {reason}; expected a folder that 'sc-neurocore demo', 'train', "
                f"'sweep' or 'compile' has written with --out"
            )
        # A name out of JSON may hold half of a surrogate pair, which is no UTF-8.
        page = render(accounts).encode(errors="backslashreplace")
        replace_files(folder, {REPORT_NAME: page})
    return folder / REPORT_NAME


def _kinds(one_input: OneInput | None) -> Iterator[Callable[[Path], Account | None]]:
    """Yield `KINDS`; designs know what goes through them."""
    for kind in KINDS:
        is_design = kind is design_account
        yield partial(design_account, one_input=one_input) if is_design else kind


def render(accounts: Sequence[Account]) -> str:
    """Return a page: the sum of these accounts, of which there is one or more."""
    sections = once_each(each for account in accounts for each in account.sections)
    blocks = (block for each in sections for row in each.rows for block in row)
    steps = any(isinstance(block, Stepper) for block in blocks)
    environment = Environment(
        loader=PackageLoader("sc_neurocore.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = status_kind
    environment.filters["ours"] = Markup  # our own figures and script; words in them are escaped
    environment.tests["shaped"] = lambda block, name: type(block).__name__ == name
    return environment.get_template("report.html.j2").render(
        accounts=accounts,
        sections=sections,
        files=[file for account in accounts for file in account.files],
        script=script() if steps else "",
        policy=script_source(script()) if steps else "'none'",
        version=__version__,
    )
