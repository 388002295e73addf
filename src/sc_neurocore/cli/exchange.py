"""The command that takes in a network from another framework."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.options import scale_of
from sc_neurocore.data.catalogue import load_unseen
from sc_neurocore.data.samples import find_encoding
from sc_neurocore.errors import UserError
from sc_neurocore.folders import sole_writer
from sc_neurocore.interop.importing import read_nir
from sc_neurocore.network.storage import save_description


def import_(
    network: Annotated[Path, typer.Argument(metavar="FILE.nir", help="A NIR graph.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the network goes.")],
    dt: Annotated[
        float | None,
        typer.Option(
            help="Length of a time step, in the file's unit of time; by default what the file "
            "gives away."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Time steps per sample.")] = None,
    framework: Annotated[
        str | None,
        typer.Option(
            help="Whose exporter wrote it, to be read as that framework computes: snntorch, norse, "
            "sinabs, spikingjelly, rockpool."
        ),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="From tau to decay: euler or exponential-euler.")
    ] = None,
    reset: Annotated[
        str | None,
        typer.Option(
            help="value (NIR's definition), subtract, none, delayed-subtract, delayed-zero, or "
            "subtract-unless-above."
        ),
    ] = None,
    fires: Annotated[
        str | None, typer.Option(help="above the threshold (NIR's definition), or at it too.")
    ] = None,
    floor: Annotated[
        float | None, typer.Option(help="The membrane does not fall below it.")
    ] = None,
    gain: Annotated[
        str | None, typer.Option(help="file, or one: what comes in is not multiplied.")
    ] = None,
    spikes: Annotated[
        int | None, typer.Option(help="How often a neuron fires in one step, at most.")
    ] = None,
    trust_dt: Annotated[
        bool, typer.Option("--trust-dt", help="Take --dt although the file speaks of another.")
    ] = False,
    readout: Annotated[
        str | None,
        typer.Option(
            help="spike-count, membrane or first-to-N; by default spike-count, or membrane where "
            "the last neurons do not fire."
        ),
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Inputs are those of this data set; spikes by default.")
    ] = None,
    data: options.Data = None,
    scale: options.Scale = None,
    input_bits: Annotated[
        int | None,
        typer.Option(min=1, max=16, help="Bits of an input of --data; 8 for floats by default."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make a network that was trained elsewhere, a .nir file, into a saved network."""
    with reporting(as_json) as report:
        if dataset is not None and data is not None:
            raise UserError("--data and --dataset: give one of them")
        given = {
            "dt": dt,
            "steps": steps,
            "framework": framework,
            "method": method,
            "reset": reset,
            "fires": fires,
            "floor": floor,
            "gain": gain,
            "spikes": spikes,
            "readout": readout,
            "trust_dt": trust_dt,
        }
        coding = None if dataset is None else load_unseen(dataset).encoding
        description = read_nir(network, input=coding, **given)
        if data is not None:
            shape = description.input.shape
            coding = find_encoding(data, shape, description.steps, scale_of(scale), input_bits)
            description = read_nir(network, input=coding, **given)
        with sole_writer(out, "import"):
            save_description(description, out)
        layers = [layer.kind for layer in description.layers]
        told = {key: value for key, value in description.metadata.items() if key.startswith("nir_")}
        content = {
            "network": description.name,
            "content_hash": description.content_hash,
            "folder": out.as_posix(),
            "steps": description.steps,
            "read_as": told,
            "readout": description.readout,
            "input": description.input.model_dump(mode="json"),
            "layers": layers,
        }
        rows = [
            ("network", f"{description.name} {description.content_hash}"),
            ("read as", ", ".join(f"{key[4:]} {value}" for key, value in told.items())),
            ("input", f"{description.input}"),
            ("layers", ", ".join(layers)),
            ("written", out.as_posix()),
        ]
        report.result(content, rows)
