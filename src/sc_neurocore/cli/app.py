"""The application: every command by name, and how a call ends."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer

from sc_neurocore import __version__
from sc_neurocore.cli import (
    boards,
    comparing,
    demo,
    exchange,
    hardware,
    networks,
    sweeping,
    training,
    upkeep,
)
from sc_neurocore.cli.console import EXIT_INTERRUPTED, EXIT_USER_ERROR, Report
from sc_neurocore.errors import UserError

app = typer.Typer(
    name="sc-neurocore",
    help="Spiking networks from PyTorch to an FPGA bitstream that is proved to compute the same "
    "integers as the Python model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(upkeep.doctor)
app.command()(demo.demo)
app.command()(training.train)
app.command()(sweeping.sweep)
app.command()(networks.evaluate)
app.command()(comparing.compare)
app.command()(networks.export)
app.command(name="import")(exchange.import_)
app.command()(networks.simulate)
app.command(name="compile")(hardware.compile_)
app.command()(hardware.verify)
app.command()(hardware.build)
app.command()(boards.run)
app.command()(upkeep.bench)
app.command()(upkeep.report)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def run(arguments: list[str] | None = None) -> int:
    """Run a command line and return its exit code.

    A usage error, too, leaves one JSON object on stdout where `--json` was given.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code: Any = app(args=given, prog_name="sc-neurocore", standalone_mode=False)
    except typer.Abort:
        return EXIT_INTERRUPTED
    except SystemExit:
        return 0  # so does the library leave when nobody reads its help any more
    except OSError as error:  # only help and version are written outside of a report
        return Report(as_json=False).failure(UserError(f"stdout: {error.strerror}"))
    except Exception as error:
        # Usage errors of the command-line library can show themselves; others are not ours to hide.
        if not hasattr(error, "format_message"):
            raise
        with contextlib.suppress(OSError):
            error.show()  # type: ignore[attr-defined]
        if "--json" in given:
            Report(as_json=True).say_failure(error.format_message(), EXIT_USER_ERROR)
        return EXIT_USER_ERROR
    return code if isinstance(code, int) else 0
