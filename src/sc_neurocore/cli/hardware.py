"""Commands on hardware: compile, verify, build."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from numpy.typing import NDArray

from sc_neurocore.cli import options
from sc_neurocore.cli.comparing import (
    chosen_for_network,
    chosen_for_neuron,
    describe,
    tried_rows,
)
from sc_neurocore.cli.console import Report, reporting
from sc_neurocore.cli.stages import (
    find_design,
    find_network,
    is_neuron,
    read_equations,
    test_part,
)
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fixed.choosing import is_auto
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.lowering import lower
from sc_neurocore.fixed.numerics import check_kinds, refuse
from sc_neurocore.fixed.qformat import FixedPoint
from sc_neurocore.fixed.stimulus import standard_stimulus
from sc_neurocore.fpga.boards import find_board, highest_clock
from sc_neurocore.fpga.build import build as build_design
from sc_neurocore.fpga.build import check_frequency
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.protocol import DEFAULT_BAUD
from sc_neurocore.hdl.design import CERTIFICATE, Design
from sc_neurocore.hdl.geometry import AUTO
from sc_neurocore.hdl.manifest import BoardPart
from sc_neurocore.hdl.neuron_folder import NEURON_MANIFEST, compile_neuron
from sc_neurocore.tools.devices import RESOURCES, find_device
from sc_neurocore.verify.certificate import NETLIST_SAMPLES, SECOND_SAMPLES, verify_design
from sc_neurocore.verify.cosimulation import CosimulationResult
from sc_neurocore.verify.neuron_certificate import verify_neuron
from sc_neurocore.verify.standing import standing

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the design goes.")]
RANDOM_SEED = 0
RANDOM_SAMPLES = 100
DEFAULT_DEVICE, DEFAULT_FREQUENCY = "hx8k", 40.0


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
    constant_bits: options.ConstantBits = None,
    allow: options.Allow = None,
    weight_bits: options.WeightBits = 8,
    lanes: options.Lanes = "8",
    device: options.TargetDevice = None,
    schedule: options.Schedule = AUTO,
    pipeline: options.Pipeline = 0,
    units: options.Units = 1,
    inputs_per_beat: options.InputsPerBeat = 1,
    weight_slices: options.WeightSlices = 1,
    board: options.Board = None,
    clock: options.Clock = None,
    baud: options.Baud = DEFAULT_BAUD,
    as_json: options.Json = False,
) -> None:
    """Compile a network to an accelerator in Verilog, or a neuron's equations to a module."""
    with reporting(as_json) as report:
        if is_neuron(run):
            if board is not None:
                raise UserError("--board is for a network; a single neuron has no board top")
            _compile_neuron(run, out, format, pipeline, constant_bits, allow or (), report)
            return
        number: int | Literal["auto"] = "auto"
        if lanes != "auto":
            number = options.number_of_lanes(lanes)
        description = find_network(run)
        taken = chosen_for_network(description, format, constant_bits, weight_bits)
        compiled = compile_design(
            description,
            out,
            taken.formats.state,
            weight_bits,
            number,
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
        )
        manifest = compiled.design.manifest
        numerics = manifest.numerics
        assert numerics is not None  # of what was just compiled
        verilog = [(out / path).as_posix() for path in manifest.paths("verilog")]
        content = {
            "top": manifest.top,
            "content_hash": manifest.network.sha256,
            "current_format": manifest.current_format,
            **manifest.choices.model_dump(),
            "weight_bits": weight_bits,
            "numerics": numerics.as_dict(),
            "tried": [each.as_dict() for each in taken.tried],
            "estimates": [each.as_dict() for each in compiled.considered],
            "verilog": verilog,
            "memories": [(out / path).as_posix() for path in manifest.paths("memory")],
        }
        rows = [
            ("top module", manifest.top),
            ("network", manifest.network.sha256),
            ("schedule", manifest.choices.schedule),
            ("format", describe(taken)),
            *tried_rows(taken),
            *numerics.lines(),
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
                ("constraints", constraints),
            ]
        report.result(content, rows + [("Verilog", path) for path in verilog])


def _compile_neuron(
    source: Path,
    out: Path,
    format: str,
    pipeline: int,
    constant_bits: int | None,
    allow: Sequence[str],
    report: Report,
) -> None:
    """Compile a neuron, once its integers are known to do about what floats do."""
    check_kinds(allow)
    model = parse_neuron(read_equations(source))
    if not is_auto(format):  # what is refused in any case is refused at once
        named = lower(model, FixedPoint.parse(format, constant_bits))
        refuse(judge_program(named).findings, allow)
    stimulus = standard_stimulus(model)
    chosen = chosen_for_neuron(model, stimulus, format, constant_bits)
    formats = chosen.formats
    program = lower(model, formats)
    both = compare_neuron(program, stimulus)
    refuse(both.findings, allow)
    neuron = compile_neuron(
        model, out, formats.state, pipeline, formats.constant_fraction_bits, allow
    )
    paths = [(out / name).as_posix() for name in neuron.verilog.files]
    content = {
        "module": neuron.verilog.name,
        "format": str(formats.state),
        "constant_bits": formats.constant_fraction_bits,
        "numerics": neuron.numerics.as_dict(),
        "comparison": both.as_dict(),
        "tried": [each.as_dict() for each in chosen.tried],
        "verilog": paths,
    }
    rows = [
        ("module", neuron.verilog.name),
        ("format", describe(chosen)),
        *tried_rows(chosen),
        *neuron.numerics.lines(),
        ("float against integers", both.line),
        *((each.severity, str(each)) for each in both.findings),
    ]
    report.result(content, rows + [("Verilog", path) for path in paths])


def verify(
    directory: options.Design,
    simulator: Annotated[
        str, typer.Option(help="verilator, cxxrtl, icarus, or auto: the fastest that is here.")
    ] = "auto",
    samples: Annotated[
        int, typer.Option(min=0, help="At most so many inputs are co-simulated; 0: all there are.")
    ] = 0,
    icarus_samples: Annotated[
        int, typer.Option(min=0, help="Icarus runs so many of them too, where it is installed.")
    ] = SECOND_SAMPLES,
    netlist: Annotated[
        str,
        typer.Option(
            metavar="FAMILY,...",
            help="Synthesise for ice40, up5k or ecp5, and run a few inputs through each netlist.",
        ),
    ] = "",
    netlist_samples: Annotated[
        int, typer.Option(min=1, help="How many inputs go through a netlist.")
    ] = NETLIST_SAMPLES,
    allow_edited: options.AllowEdited = False,
    as_json: options.Json = False,
) -> None:
    """Co-simulate and prove a design, or prove a neuron; write DIR/certificate.json.

    The inputs are the samples that the network was not trained on, or random ones for a network
    that does not name its data. Exit code 1 if anything differed or a claim was not proved.
    """
    with reporting(as_json) as report:
        if (directory / NEURON_MANIFEST).exists():
            _verify_neuron(directory, allow_edited, report)
            return
        with opened(find_design(directory), allow_edited=allow_edited) as design:
            inputs, origin = _inputs(design, samples)
            available = inputs.shape[design.network.batch_axis]
            certificate = verify_design(
                design,
                inputs[(slice(None),) * design.network.batch_axis + (slice(samples or None),)],
                origin=origin,
                available=available,
                simulator=simulator,
                second_samples=icarus_samples,
                netlists=tuple(filter(None, netlist.split(","))),
                netlist_samples=netlist_samples,
                progress=report.progress,
            )
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
                f"{proof.detail}; only within: {proof.bound}" if proof.bound else proof.detail,
            )
            for proof in certificate.proofs
        ]
        rows.append(("certificate", (find_design(directory) / CERTIFICATE).as_posix(), ""))
        rows.append(("verdict", "holds" if certificate.holds else "fails", certificate.verdict))
        report.result(certificate.as_dict(), rows)
        report.exit_code = 0 if certificate.holds else 1


def _inputs(design: Design, samples: int) -> tuple[NDArray[np.int64], str]:
    """Return what goes through the co-simulation, and what it is."""
    if "dataset" in design.description.metadata:
        data = test_part(design.description)
        return np.asarray(data.network_inputs(), dtype=np.int64), f"{data.name}, test split"
    network = design.network
    shape: tuple[int, ...] = (samples or RANDOM_SAMPLES, network.layers[0].inputs)
    if network.batch_axis:
        shape = (network.steps, *shape)
    limit = 1 << network.input_bits
    inputs = np.random.default_rng(RANDOM_SEED).integers(0, limit, size=shape)
    return inputs, f"random, seed {RANDOM_SEED}"


def _cycles(run: CosimulationResult) -> str:
    """Say how long a sample takes, and what a readout that ends early saves."""
    text = f"{run.cycles_per_sample:.0f} cycles"
    if run.steps_per_sample < run.steps:
        text += (
            f" ({run.steps_per_sample:.1f} of {run.steps} steps, about "
            f"{run.cycles_saved_per_sample:.0f} cycles saved)"
        )
    return text


def _verify_neuron(directory: Path, allow_edited: bool, report: Report) -> None:
    certificate = verify_neuron(directory, report.progress, allow_edited=allow_edited)
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
    rows += [("edited by hand", name, "") for name in certificate.edited]
    rows.append(("certificate", (directory / CERTIFICATE).as_posix(), ""))
    rows.append(("verdict", "holds" if certificate.holds else "fails", certificate.verdict))
    report.result(certificate.as_dict(), rows)
    report.exit_code = 0 if certificate.holds else 1


def build(
    directory: options.Design,
    device: options.Device = None,
    frequency: Annotated[
        float | None,
        typer.Option(help="Clock to aim at, in MHz; 40, or what the board runs at."),
    ] = None,
    verified: Annotated[
        bool, typer.Option("--verified", help="Only if the certificate holds, of these files.")
    ] = False,
    allow_edited: options.AllowEdited = False,
    as_json: options.Json = False,
) -> None:
    """Build a bitstream: synthesis, place and route, packing; utilisation and timing.

    For Artix-7 the open tools end with a netlist: then a Vivado project is written, and not run.
    """
    with reporting(as_json) as report:
        if device is not None:
            find_device(device)
        if frequency is not None:
            check_frequency(frequency)
        directory = find_design(directory)
        with opened(directory, allow_edited=allow_edited) as design:
            board = design.manifest.board
            if board is not None and device not in (None, board.device):
                raise UserError(
                    f"{directory} is a design for {board.board}, whose device is {board.device}, "
                    f"not {device}: leave --device out, or compile without --board"
                )
            if verified and (known := standing(design)).status != "verified":
                raise CheckFailedError(f"{directory}: {known.line}; --verified was asked for")
            built = build_design(
                design,
                board.device if board else device or design.manifest.device or DEFAULT_DEVICE,
                frequency_mhz=frequency or (board.frequency_mhz if board else DEFAULT_FREQUENCY),
                progress=report.progress,
            )
        fmax = "no clock" if built.bitstream else "known only after Vivado"
        if built.fmax_mhz is not None:
            verdict = "reached" if built.meets_timing else "missed"
            fmax = f"{built.fmax_mhz:.1f} MHz; {built.frequency_mhz:g} MHz asked: {verdict}"
        content = built.as_dict()
        rows = [("device", built.device_title), ("module", built.top)]
        rows += [
            (RESOURCES[name], f"{content[name]:g} of {number}")
            for name, number in built.available.items()
            if name in content
        ]
        rows += [
            ("look-up tables", f"{built.luts:g}"),
            ("highest clock", fmax),
        ]
        if built.bitstream:
            rows.append(("bitstream", (directory / built.bitstream).as_posix()))
        if built.project:
            path = (directory / built.project).as_posix()
            rows.append(("Vivado project, written, not run", path))
        rows += [("edited by hand", name) for name in built.edited]
        pins = [path.as_posix() for path in design.manifest.paths("constraints")]
        rows += [("of the pins", each) for name in pins for each in design.changed_lines(name)]
        rows += [("as it was there", name) for name in built.kept]
        rows.append(("design", built.verification))
        if frequency is not None and built.fmax_mhz is not None and not built.meets_timing:
            rows.append(("missed", _missed(frequency, built.fmax_mhz)))
            report.exit_code = CheckFailedError.exit_code
        if board is not None:
            slow = built.fmax_mhz is not None and built.fmax_mhz < board.frequency_mhz
            if slow and built.fmax_mhz is not None:
                rows.append(("not for the board", _too_slow(board, built.fmax_mhz)))
                report.exit_code = CheckFailedError.exit_code
            elif built.bitstream:
                path = (directory / built.bitstream).as_posix()
                programmer = find_board(board.board).programmer
                rows.append(("to the board", programmer.format(bitstream=path)))
        report.result(content, rows)


def _missed(asked_mhz: float, fmax_mhz: float) -> str:
    """Say what would help a design that misses the clock that was asked for."""
    return (
        f"{asked_mhz:g} MHz were asked for, and the design is too slow for that: ask for "
        f"--frequency {math.floor(fmax_mhz * 10) / 10:g}, or compile with more --pipeline stages "
        f"or fewer --lanes"
    )


def _too_slow(board: BoardPart, fmax_mhz: float) -> str:
    """Say what would help a design that misses its board's clock."""
    clock = highest_clock(find_board(board.board), fmax_mhz, board.baud)
    advice = "more --pipeline stages or fewer --lanes are needed"
    if clock is not None:
        advice = f"compile with --clock {clock:g}, or {advice}"
    return f"it runs at {board.frequency_mhz:g} MHz, and the design is too slow for that: {advice}"
