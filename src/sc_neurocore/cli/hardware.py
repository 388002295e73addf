"""Commands on hardware: compile, verify, build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import Report, reporting
from sc_neurocore.cli.stages import find_design, find_network, test_part
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.build import build as build_design
from sc_neurocore.hdl.design import (
    CERTIFICATE,
    NEURON_MANIFEST,
    compile_network,
    compile_neuron,
    load_design,
)
from sc_neurocore.interop.importing import NIR_SUFFIX
from sc_neurocore.network.storage import JSON_NAME, load_description
from sc_neurocore.verify.certificate import verify_design, verify_neuron

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the design goes.")]
RANDOM_SEED = 0


def compile_(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|EQUATIONS.txt",
            help="A run folder, saved network or .nir file: a whole accelerator. Or one "
            "neuron's equations.",
        ),
    ],
    out: Out,
    format: options.Format = "Q8.8",
    weight_bits: options.WeightBits = 8,
    lanes: options.Lanes = 8,
    pipeline: options.Pipeline = 0,
    as_json: options.Json = False,
) -> None:
    """Compile a network to an accelerator in Verilog, or a neuron's equations to a module."""
    with reporting(as_json) as report:
        if run.is_file() and run.name != JSON_NAME and run.suffix != NIR_SUFFIX:
            _compile_neuron(run, out, format, pipeline, report)
            return
        if pipeline:
            raise UserError(
                "--pipeline is for a neuron's equations; a network has its own pipeline"
            )
        accelerator, _ = compile_network(find_network(run), out, format, weight_bits, lanes)
        verilog = [(out / path).as_posix() for path in accelerator.verilog]
        content = {
            "top": accelerator.top,
            "content_hash": accelerator.content_hash,
            "format": format,
            "weight_bits": weight_bits,
            "lanes": lanes,
            "verilog": verilog,
            "memories": [(out / path).as_posix() for path in accelerator.memories],
        }
        rows = [("top module", accelerator.top), ("network", accelerator.content_hash)]
        report.result(content, rows + [("Verilog", path) for path in verilog])


def _compile_neuron(source: Path, out: Path, format: str, pipeline: int, report: Report) -> None:
    try:
        text = source.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{source}: not UTF-8 text; expected a neuron's equations") from None
    neuron = compile_neuron(text, out, format, pipeline)
    paths = [(out / name).as_posix() for name in neuron.files]
    report.result(
        {"module": neuron.name, "format": format, "verilog": paths},
        [("module", neuron.name), *(("Verilog", path) for path in paths)],
    )


def verify(
    directory: options.Design,
    simulator: Annotated[
        str, typer.Option(help="verilator, cxxrtl, icarus, or auto: the fastest that is here.")
    ] = "auto",
    samples: Annotated[
        int, typer.Option(min=0, help="At most so many inputs are co-simulated; 0: all there are.")
    ] = 0,
    as_json: options.Json = False,
) -> None:
    """Co-simulate and prove a design, or prove a neuron; write DIR/certificate.json.

    The inputs are the samples that the network was not trained on, or random ones for a network
    that does not name its data. Exit code 1 if anything differed or a claim was not proved.
    """
    with reporting(as_json) as report:
        if (directory / NEURON_MANIFEST).exists():
            _verify_neuron(directory, report)
            return
        directory = find_design(directory)
        _, network = load_design(directory)
        description = load_description(directory)
        if "dataset" in description.metadata:
            data = test_part(description)
            inputs = data.inputs.reshape(len(data), -1).astype(np.int64)
            origin = f"{data.name}, test split"
        else:
            shape = (samples or 100, network.layers[0].inputs)
            limit = 1 << network.input_bits
            inputs = np.random.default_rng(RANDOM_SEED).integers(0, limit, size=shape)
            origin = f"random, seed {RANDOM_SEED}"
        certificate = verify_design(
            directory,
            inputs[: samples or None],
            origin=origin,
            simulator=simulator,
            progress=report.progress,
        )
        rows = [
            (
                f"co-simulation, {run.simulator}",
                f"{run.samples} inputs, {run.updates} updates",
                run.first_mismatch or "no mismatch",
            )
            for run in certificate.cosimulation
        ]
        rows += [
            (proof.name, f"{proof.status} in {proof.seconds:.1f} s", proof.detail)
            for proof in certificate.proofs
        ]
        rows.append(("certificate", (directory / CERTIFICATE).as_posix(), ""))
        report.result(certificate.as_dict(), rows)
        report.exit_code = 0 if certificate.holds else 1


def _verify_neuron(directory: Path, report: Report) -> None:
    certificate = verify_neuron(directory, report.progress)
    rows = [
        (proof.name, f"{proof.status} in {proof.seconds:.1f} s", proof.detail)
        for proof in (*certificate.proofs, *certificate.netlists)
    ]
    rows += [
        (
            f"{run.module}, {run.simulator}",
            f"{run.steps} inputs",
            run.first_mismatch or "no mismatch",
        )
        for run in certificate.sampled
    ]
    rows.append(("certificate", (directory / CERTIFICATE).as_posix(), ""))
    report.result(certificate.as_dict(), rows)
    report.exit_code = 0 if certificate.holds else 1


def build(
    directory: options.Design,
    device: options.Device = "hx8k",
    frequency: Annotated[float, typer.Option(help="Clock to aim at, in MHz.")] = 40.0,
    as_json: options.Json = False,
) -> None:
    """Build a bitstream: synthesis, place and route, packing; utilisation and timing."""
    with reporting(as_json) as report:
        directory = find_design(directory)
        built = build_design(directory, device, frequency_mhz=frequency, progress=report.progress)
        fmax = "no clock"
        if built.fmax_mhz is not None:
            verdict = "reached" if built.meets_timing else "missed"
            fmax = f"{built.fmax_mhz:.1f} MHz; {built.frequency_mhz:g} MHz asked: {verdict}"
        rows = [
            ("device", built.device_title),
            ("logic cells", f"{built.logic_cells} of {built.logic_cells_available}"),
            ("look-up tables", str(built.luts)),
            ("flip-flops", str(built.flip_flops)),
            ("block RAMs", f"{built.brams} of {built.brams_available}"),
            ("highest clock", fmax),
            ("bitstream", (directory / built.bitstream).as_posix()),
            *(("changed since compiled", name) for name in built.changed),
        ]
        report.result(built.as_dict(), rows)
