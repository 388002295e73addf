"""Commands on trained networks: evaluate, export, simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.comparing import integers_for
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.stages import (
    compared_samples,
    evaluate_float,
    evaluate_integers,
    find_network,
    find_samples,
    integers_of,
    percent,
    simulate_streams,
)
from sc_neurocore.cli.writing import FORMS, write_export
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.folders import sole_writer
from sc_neurocore.kernels.workload import measure_workload
from sc_neurocore.network.encoding import WeightEncoding


def evaluate(
    run: options.Run,
    dataset: options.Dataset = None,
    data: options.Data = None,
    scale: options.Scale = None,
    format: options.NetworkFormat = None,
    constant_bits: options.ConstantBits = None,
    weight_bits: options.NetworkWeightBits = None,
    as_json: options.Json = False,
) -> None:
    """Measure the accuracy in floats and in integers, and how well both agree.

    The samples are those of --data or --dataset; else those that the network was not trained on,
    or random ones for a network that does not name its data.
    """
    with reporting(as_json) as report:
        description = find_network(run)
        asked = find_samples(description, dataset, data, scale)
        classes = evaluate_float(description, asked)
        inputs, origin = integers_of(asked, compared_samples(description))
        chosen, network = integers_for(
            run, description, format, constant_bits, weight_bits, (inputs, origin)
        )
        fixed, _ = evaluate_integers(network, asked, classes, report.progress)
        workload = measure_workload(description, inputs)
        both = compare_network(description, network, inputs, origin)
        content = {
            "network": description.name,
            "content_hash": description.content_hash,
            "dataset": asked.name,
            "accuracy": asked.accuracy(classes),
            "test_size": len(asked),
            "samples": asked.as_dict(),
            "fixed": fixed,
            "neurobench": workload.as_dict(),
            "comparison": both.as_dict(),
            "tried": [each.as_dict() for each in chosen.tried],
        }
        rows = [
            ("network", f"{description.name} {description.content_hash}"),
            ("data", asked.line),
            ("float", percent(asked.accuracy(classes))),
            (f"{fixed['format']}, {fixed['weight_bits']}-bit weights", percent(fixed["accuracy"])),
            ("float against integers", both.line),
            ("memory", f"{workload.footprint:,} bytes in floats"),
            (
                "sparsity",
                f"{workload.activation_sparsity:.1%} of activations and "
                f"{workload.connection_sparsity:.1%} of weights are 0",
            ),
            (
                "operations per sample",
                f"{workload.effective_macs:,.0f} multiply-accumulates and "
                f"{workload.effective_acs:,.0f} additions of {workload.dense_operations:,.0f}",
            ),
            *both.warnings,
        ]
        report.result(content, rows)


def simulate(
    run: options.Run,
    length: options.Length = 256,
    source: options.Source = "lfsr",
    encoding: options.Encoding = "sign-magnitude",
    dataset: options.Dataset = None,
    data: options.Data = None,
    scale: options.Scale = None,
    as_json: options.Json = False,
) -> None:
    """Classify with stochastic bitstreams and compare with floating point."""
    with reporting(as_json) as report:
        description = find_network(run)
        asked = find_samples(description, dataset, data, scale)
        reference = evaluate_float(description, asked)
        streams, classes = simulate_streams(
            description, asked, length, source, cast(WeightEncoding, encoding), report.progress
        )
        content = {
            "network": description.name,
            "dataset": asked.name,
            "samples": asked.as_dict(),
            **streams,
            "float_accuracy": asked.accuracy(reference),
            "agreement": float((classes == reference).mean()),
        }
        rows = [
            ("data", asked.line),
            (f"{length} bits, {source}, {encoding}", percent(streams["accuracy"])),
            ("float", percent(asked.accuracy(reference))),
            ("same answer", f"{content['agreement']:.2%} of {len(asked)} samples"),
        ]
        report.result(content, rows)


def export(
    run: options.Run,
    to: Annotated[str, typer.Option(help=f"What to write: {', '.join(FORMS)}.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where; RUN/export/FORM by default.")
    ] = None,
    encoding: options.Encoding = "sign-magnitude",
    format: options.Format = "Q8.8",
    weight_bits: options.WeightBits = 8,
    dt: Annotated[
        float | None,
        typer.Option(help="With --to nir: length of a time step; that of the file it came from."),
    ] = None,
    method: Annotated[
        str | None, typer.Option(help="With --to nir: euler or exponential-euler, likewise.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write the weights as probabilities (sc) or as integers (fixed)."""
    with reporting(as_json) as report:
        if to not in FORMS:
            raise UserError(f"--to {to}: expected one of {', '.join(FORMS)}")
        description = find_network(run)
        folder = out or (run.parent if run.is_file() else run) / "export" / to
        with sole_writer(folder, "export"):
            paths = write_export(description, to, folder, encoding, format, weight_bits, dt, method)
        names = [path.as_posix() for path in paths]
        report.result({"to": to, "files": names}, [("written", name) for name in names])
