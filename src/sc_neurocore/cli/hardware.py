"""Commands on hardware: compile and verify. What builds is in `cli.building`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.arithmetic import (
    arithmetic_rows,
    bits_in_a_clock,
    chosen_streams,
    format_beside_streams,
)
from sc_neurocore.cli.comparing import (
    USUAL_FORMAT,
    chosen_for_network,
    describe,
    tried_rows,
)
from sc_neurocore.cli.console import reporting
from sc_neurocore.cli.neurons import compile_neuron_of, said, verify_neuron_of
from sc_neurocore.cli.stages import (
    compared_samples,
    find_design,
    find_network,
    find_samples,
    integers_of,
    is_neuron,
    samples_or_random,
)
from sc_neurocore.errors import ToolFailedError, ToolMissingError
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.protocol import DEFAULT_BAUD
from sc_neurocore.hdl.design import CERTIFICATE
from sc_neurocore.hdl.geometry import AUTO
from sc_neurocore.hdl.manifest import MANIFEST, NEURON_MANIFEST, PURPOSES, Manifest
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.tools.families import FAMILIES
from sc_neurocore.verify.certificate import NETLIST_SAMPLES, SECOND_SAMPLES, verify_design
from sc_neurocore.verify.cosimulation import CosimulationResult
from sc_neurocore.verify.waves import check_waves, write_waves

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the design goes.")]
_SHORT = {
    PURPOSES["test"]: "a test bench for make",
    PURPOSES["bus"]: "Verilog beside the core",
    PURPOSES["board"]: "Verilog of the board",
    PURPOSES["guide"]: "each file, what to do next",
}
"""Purposes that are shorter in a table than in the guide, where files stand one by one."""
MODELLED = ", ".join(family.key for family in FAMILIES.values() if family.models)


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
    format: options.NetworkFormat = None,
    constant_bits: options.ConstantBits = None,
    allow: options.Allow = None,
    weight_bits: options.NetworkWeightBits = None,
    lanes: options.Lanes = "8",
    device: options.TargetDevice = None,
    schedule: options.Schedule = AUTO,
    pipeline: options.Pipeline = 0,
    units: options.Units = 1,
    inputs_per_beat: options.InputsPerBeat = 1,
    weight_slices: options.WeightSlices = 1,
    arithmetic: options.Arithmetic = "integer",
    length: options.StreamLength = None,
    source: options.StreamSource = None,
    seed: options.StreamSeed = None,
    sharing: options.StreamSharing = None,
    encoding: options.StreamEncoding = None,
    stream_bits: options.StreamBits = None,
    bus: options.Bus = "none",
    board: options.Board = None,
    clock: options.Clock = None,
    baud: options.Baud = DEFAULT_BAUD,
    data: options.DataOrCurrents = None,
    scale: options.Scale = None,
    as_json: options.Json = False,
) -> None:
    """Compile a network to an accelerator in Verilog, or a neuron's equations to a module."""
    with reporting(as_json) as report:
        streams = chosen_streams(
            arithmetic,
            {
                "length": length,
                "source": source,
                "seed": seed,
                "sharing": sharing,
                "encoding": encoding,
                **({"weight_bits": weight_bits} if arithmetic == "stochastic" else {}),
            },
            stream_bits,
        )
        if is_neuron(run):
            options.refuse_for_neuron(
                {
                    "--arithmetic": streams is not None,
                    "--weight-bits": weight_bits is not None,
                    "--lanes": lanes != "8",
                    "--schedule": schedule != AUTO,
                    "--units": units != 1,
                    "--inputs-per-beat": inputs_per_beat != 1,
                    "--weight-slices": weight_slices != 1,
                    "--bus": bus != "none",
                    "--board": board is not None,
                    "--clock": clock is not None,
                    "--baud": baud != DEFAULT_BAUD,
                    "--scale": scale is not None,
                }
            )
            compile_neuron_of(
                run,
                out,
                format or USUAL_FORMAT,
                pipeline,
                constant_bits,
                allow or (),
                device,
                data,
                report,
            )
            return
        lane_count: int | Literal["auto"] = "auto"
        if lanes != "auto":
            lane_count = options.number_of_lanes(lanes)
        description = without_integrators(find_network(run))
        asked = samples_or_random(description, data, scale, compared_samples(description))
        inputs, origin = integers_of(asked)
        if streams is not None:
            format, weight_bits = format_beside_streams(format), None
        numbers = chosen_for_network(
            description, format, constant_bits, weight_bits, (inputs, origin)
        )
        taken, weight_bits = numbers.chosen, numbers.weight_bits
        compiled = compile_design(
            description,
            out,
            taken.formats.text,
            weight_bits,
            lane_count,
            schedule,
            device=device,
            board=board,
            clock_mhz=clock,
            baud=baud,
            units=units,
            pipeline=pipeline,
            inputs_per_beat=inputs_per_beat,
            weight_slices=weight_slices,
            constant_bits=taken.formats.constant_fraction_bits,
            allow=allow or (),
            bus=bus,  # type: ignore[arg-type]  # which are possible is said there
            streams=streams,
            stream_bits=bits_in_a_clock(streams, stream_bits),
        )
        manifest = compiled.design.manifest
        weight_bits = max(manifest.choices.weight_bits, default=weight_bits)
        numerics = manifest.numerics
        assert numerics is not None  # of what was just compiled
        both = compare_network(compiled.design.description, compiled.design.network, inputs, origin)
        verilog = [(out / path).as_posix() for path in manifest.paths("verilog")]
        content = {
            "top": manifest.top,
            "content_hash": manifest.network.sha256,
            "current_format": manifest.current_format,
            **manifest.choices.model_dump(),
            "weight_bits": weight_bits,
            "numerics": numerics.as_dict(),
            "comparison": both.as_dict(),
            "tried": [each.as_dict() for each in taken.tried],
            "estimates": [each.as_dict() for each in compiled.considered],
            "verilog": verilog,
            "memories": [(out / path).as_posix() for path in manifest.paths("memory")],
        }
        rows = [
            ("top module", manifest.top),
            ("network", manifest.network.sha256),
            ("schedule", manifest.choices.schedule),
            ("format", f"{describe(taken)}; weights of {weight_bits} bits"),
            *arithmetic_rows(manifest),
            *tried_rows(taken),
            *numerics.lines(),
            ("float against integers", f"{both.line}; on {both.samples} of {origin}"),
            *both.warnings,
        ]
        chosen = manifest.choices.lanes
        rows += [
            (
                f"{each.lanes} lanes" + (", chosen" if each.lanes == chosen else ""),
                f"{each.sums} ({'fits' if each.fits else 'does not fit, or may not'})",
            )
            for each in compiled.considered
        ]
        if manifest.board is not None:
            constraints = (out / manifest.paths("constraints")[0]).as_posix()
            of_board = [(out / path).as_posix() for path in manifest.paths("board")]
            content["board"] = {
                **manifest.board.model_dump(),
                "verilog": of_board,
                "constraints": constraints,
            }
            rows += [
                ("board top", manifest.board.top),
                ("clock", f"{manifest.board.frequency_mhz:g} MHz"),
            ]
        content["files"] = {
            (out / path).as_posix(): purpose for path, purpose in written(manifest).items()
        }
        report.result(content, rows + file_rows(manifest, out))


def written(manifest: Manifest) -> dict[str, str]:
    """Return what each file of a design's folder is for, by its path in there."""
    files = {MANIFEST: PURPOSES["manifest"]}
    return files | {each.path: PURPOSES[each.role] for each in manifest.files}


def file_rows(manifest: Manifest, folder: Path) -> list[tuple[str, ...]]:
    """Return a row for each purpose: its file, or where its files are, how many and of which kind.

    The guide among them has a row for each file.
    """
    paths: dict[str, list[Path]] = {}
    for path, purpose in written(manifest).items():
        paths.setdefault(_SHORT.get(purpose, purpose), []).append(folder / path)
    rows: list[tuple[str, ...]] = []
    for purpose, found in paths.items():
        if len(found) == 1:
            place = found[0].as_posix()
        else:
            kinds = ", ".join(sorted({path.suffix or path.name for path in found}))
            place = f"{os.path.commonpath(found)}: {len(found)} files ({kinds})"
        rows.append((purpose, place))
    return rows


def verify(
    directory: options.Design,
    simulator: Annotated[
        str, typer.Option(help="verilator, cxxrtl, icarus, or auto: the fastest that is here.")
    ] = "auto",
    samples: Annotated[
        int, typer.Option(min=0, help="At most so many inputs are co-simulated; 0: all there are.")
    ] = 0,
    icarus_samples: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Icarus runs so many of them too, where it is installed; by default at most "
            f"{SECOND_SAMPLES}, fewer or none where they would take minutes.",
        ),
    ] = None,
    netlist: Annotated[
        str,
        typer.Option(
            metavar="FAMILY,...",
            help=f"Synthesise for {MODELLED}, and run a few inputs through each netlist.",
        ),
    ] = "",
    netlist_samples: Annotated[
        int, typer.Option(min=1, help="How many inputs go through a netlist.")
    ] = NETLIST_SAMPLES,
    wave: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            help="Record every signal for input N in DIR/waves, with a view for GTKWave; the "
            "first input that differs is recorded unasked. Takes Icarus Verilog.",
        ),
    ] = None,
    data: options.Data = None,
    scale: options.Scale = None,
    allow_edited: options.AllowEdited = False,
    details: Annotated[
        bool, typer.Option("--details", help="Say of each claim what exactly was shown.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Co-simulate and prove a design, or prove a neuron; write DIR/certificate.json.

    The inputs are those of --data; else the samples that the network was not trained on, or random
    ones for a network that does not name its data. Exit code 1 if anything differed or a claim was
    not proved.
    """
    with reporting(as_json) as report:
        if (directory / NEURON_MANIFEST).exists():
            options.refuse_for_neuron(
                {
                    "--simulator": simulator != "auto",
                    "--samples": samples != 0,
                    "--icarus-samples": icarus_samples is not None,
                    "--netlist-samples": netlist_samples != NETLIST_SAMPLES,
                    "--wave": wave is not None,
                    "--data": data is not None,
                    "--scale": scale is not None,
                }
            )
            verify_neuron_of(directory, allow_edited, families_of(netlist), report, details)
            return
        with opened(find_design(directory), allow_edited=allow_edited) as design:
            asked = find_samples(design.description, None, data, scale)
            available = max(len(asked), samples if asked.name == "random" else 0)
            if asked.name == "random":
                asked = find_samples(design.description, samples=samples)
            inputs, origin = integers_of(asked, samples)
            if wave is not None:
                check_waves(design, inputs, wave)
            certificate = verify_design(
                design,
                inputs,
                origin=origin,
                available=available,
                simulator=simulator,
                second_samples=icarus_samples,
                netlists=families_of(netlist),
                netlist_samples=netlist_samples,
                progress=report.progress,
            )
            first, view = certificate.cosimulation[0].first_sample, None
            if wave is not None:
                view = write_waves(design, inputs, wave)
            elif first is not None:
                wave = first
                with suppress(ToolMissingError, ToolFailedError):  # nobody asked for them
                    view = write_waves(design, inputs, wave)
        runs = [(f"co-simulation, {run.simulator}", run) for run in certificate.cosimulation]
        runs += [
            (f"netlist of {each.synthesis}, {each.run.simulator}", each.run)
            for each in certificate.netlists
        ]
        rows = [
            (
                title,
                f"{run.samples} inputs{f' ({run.inputs})' if run.inputs else ''}, "
                f"{run.updates} updates, {_cycles(run)}"
                f"{f'; {run.disturbance}' if run.disturbed else ''}",
                run.first_mismatch or "no mismatch",
            )
            for title, run in runs
        ]
        rows += [
            (
                proof.name,
                f"{proof.status} in {proof.seconds:.1f} s",
                said(proof) if details or not proof.holds else "",
            )
            for proof in (*certificate.proofs, *certificate.after_synthesis)
        ]
        if view is not None:
            rows.append((f"waves of input {wave}", (find_design(directory) / view).as_posix(), ""))
        rows.append(("certificate", (find_design(directory) / CERTIFICATE).as_posix(), ""))
        report.result({**certificate.as_dict(), "waves": view}, rows, certificate.verdict)
        report.exit_code = 0 if certificate.holds else 1


def families_of(netlist: str) -> tuple[str, ...]:
    """Return the families that --netlist names."""
    return tuple(filter(None, netlist.split(",")))


def _cycles(run: CosimulationResult) -> str:
    """Say how long a sample takes, and what a readout that ends early saves."""
    text = f"{run.cycles_per_sample:.0f} cycles"
    if run.steps_per_sample < run.steps:
        text += (
            f" ({run.steps_per_sample:.1f} of {run.steps} steps, about "
            f"{run.cycles_saved_per_sample:.0f} cycles saved)"
        )
    return text
