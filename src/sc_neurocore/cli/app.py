"""The application: every command by name, and how a call ends."""

from __future__ import annotations

import contextlib
import sys
from copy import copy
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sc_neurocore import __version__
from sc_neurocore.cli.console import EXIT_INTERRUPTED, EXIT_USER_ERROR, QUIET, Report
from sc_neurocore.errors import UserError

# In the order of the road: where the function is, and an example. Each is imported when it is asked
# for, so that no command waits for what only others need.
_COMMANDS = {
    "doctor": ("upkeep.doctor", "doctor --json"),
    "demo": ("demo.demo", "demo --out runs/demo"),
    "train": ("training.train", "train --dataset digits --epochs 10 --out runs/mine"),
    "sweep": (
        "sweeping.sweep",
        "sweep --grid n_hidden=64,128 --grid seed=0,1 --set epochs=5 --out runs/sweep",
    ),
    "evaluate": ("networks.evaluate", "evaluate runs/mine --format Q8.8"),
    "compare": ("comparing.compare", "compare neuron.txt --format auto --out runs/compared"),
    "export": ("networks.export", "export runs/mine --to fixed --out runs/weights"),
    "import": (
        "exchange.import_",
        "import network.nir --framework snntorch --steps 25 --out runs/imported",
    ),
    "simulate": ("networks.simulate", "simulate runs/mine --length 256 --source sobol"),
    "compile": ("hardware.compile_", "compile runs/mine --device hx8k --lanes auto --out design"),
    "verify": ("hardware.verify", "verify design"),
    "build": ("building.build", "build design --device hx8k --verified"),
    "flash": ("boards.flash", "flash design"),
    "run": ("boards.run", "run design --port simulated"),
    "bench": ("upkeep.bench", "bench sc_area"),
    "report": ("upkeep.report", "report runs/demo"),
}


class _Commands(TyperGroup):
    """The commands by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return None
        place, example = _COMMANDS[cmd_name]
        module, _, function = place.partition(".")
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        register = alone.command(cmd_name, epilog=f"For example: sc-neurocore {example}")
        register(getattr(import_module(f"sc_neurocore.cli.{module}"), function))
        command = typer.main.get_command(alone)
        quiet = copy(next(each for each in self.params if each.name == "quiet"))
        quiet.expose_value, quiet.callback = False, _be_quiet  # no function has to take it
        command.params.append(quiet)
        return command


def _be_quiet(_context: Any, _option: Any, asked: bool) -> None:
    QUIET.set(asked or QUIET.get())


app = typer.Typer(
    name="sc-neurocore",
    cls=_Commands,
    help="Spiking networks from PyTorch to an FPGA bitstream that computes the same integers as "
    "the Python model; a certificate says what of that is proved, and what is sampled.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, only the result.")
    ] = False,
) -> None:
    """Take the options that stand before the command; --quiet may stand after it, too."""
    QUIET.set(quiet)


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
