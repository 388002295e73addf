"""The application: every command by name, and the entry point."""

from __future__ import annotations

import typer

from sc_neurocore.cli import demo, hardware, networks, upkeep

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
app.command()(networks.train)
app.command()(networks.evaluate)
app.command()(networks.export)
app.command()(networks.simulate)
app.command(name="compile")(hardware.compile_)
app.command()(hardware.verify)
app.command()(hardware.build)
app.command()(upkeep.bench)
app.command()(upkeep.report)


def main() -> None:
    """Run the command line."""
    app()
