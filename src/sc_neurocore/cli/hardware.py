"""Commands on hardware: compile, verify, build."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sc_neurocore.cli import options
from sc_neurocore.cli.console import Report, reporting
from sc_neurocore.cli.stages import find_design, find_network, test_part
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.boards import device_for_core, find_board, plan_line, read_board, write_board
from sc_neurocore.fpga.build import build as build_design
from sc_neurocore.fpga.capacity import Assessment, choose
from sc_neurocore.fpga.design import note_device, read_design
from sc_neurocore.fpga.protocol import DEFAULT_BAUD
from sc_neurocore.hdl.accelerator import Schedule, WeightSource
from sc_neurocore.hdl.design import (
    CERTIFICATE,
    NEURON_MANIFEST,
    compile_network,
    compile_neuron,
    load_design,
)
from sc_neurocore.hdl.geometry import MAXIMUM_LANES, EngineOptions
from sc_neurocore.hdl.schedules import AUTO, choose_schedule
from sc_neurocore.interop.importing import NIR_SUFFIX
from sc_neurocore.network.storage import JSON_NAME, load_description
from sc_neurocore.tools.devices import RESOURCES, Device, find_device
from sc_neurocore.verify.certificate import (
    NETLIST_SAMPLES,
    SECOND_SAMPLES,
    verify_design,
    verify_neuron,
)
from sc_neurocore.verify.cosimulation import CosimulationResult

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the design goes.")]
RANDOM_SEED = 0
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
        if run.is_file() and run.name != JSON_NAME and run.suffix != NIR_SUFFIX:
            if board is not None:
                raise UserError("--board is for a network; a single neuron has no board top")
            _compile_neuron(run, out, format, pipeline, report)
            return
        engine = EngineOptions(
            units=units,
            pipeline=pipeline,
            inputs_per_beat=inputs_per_beat,
            weight_slices=weight_slices,
        )
        target = None if device is None else find_device(device)
        if board is not None:
            wanted = find_board(board)
            plan_line(wanted, clock, baud)  # refuses what it cannot do before anything is replaced
            if device not in (None, wanted.device):
                raise UserError(f"--board {board} has {wanted.device}, not {device}: leave one out")
            target = device_for_core(wanted)
        description = find_network(run)
        network = quantize(description, format, weight_bits)
        schedule = _schedule(network, lanes, schedule, board, engine)
        chosen, others = _choose(network, lanes, schedule, target, engine)
        accelerator, _ = compile_network(
            description,
            out,
            format,
            weight_bits,
            chosen.lanes,
            schedule,
            weights=chosen.weights,
            **(engine | {"soft_lanes": chosen.soft_lanes}),
        )
        verilog = [(out / path).as_posix() for path in accelerator.verilog]
        content = {
            "top": accelerator.top,
            "content_hash": accelerator.content_hash,
            "format": format,
            "weight_bits": weight_bits,
            "lanes": chosen.lanes,
            "schedule": accelerator.schedule,
            "weights": chosen.weights,
            **engine,
            "soft_lanes": chosen.soft_lanes,
            "estimates": [each.as_dict() for each in others],
            "verilog": verilog,
            "memories": [(out / path).as_posix() for path in accelerator.memories],
        }
        rows = [
            ("top module", accelerator.top),
            ("network", accelerator.content_hash),
            ("schedule", accelerator.schedule),
        ]
        rows += [
            (
                f"{each.lanes} lanes" + (", chosen" if each.lanes == chosen.lanes else ""),
                f"{each.sums} ({'fits' if each.fits else 'does not fit, or may not'})",
            )
            for each in others
        ]
        if target is not None:
            note_device(out, target.key)
        if board is not None:
            for_board = write_board(out, board, clock, baud)
            content["board"] = asdict(for_board)
            rows += [
                ("board top", for_board.top),
                ("clock", f"{for_board.frequency_mhz:g} MHz"),
                ("constraints", (out / for_board.constraints).as_posix()),
            ]
        report.result(content, rows + [("Verilog", path) for path in verilog])


@dataclass(frozen=True)
class _Asked:
    """What was asked for without naming a device."""

    lanes: int
    weights: WeightSource = "rom"
    soft_lanes: int = 0


def _schedule(
    network: IntegerNetwork, lanes: str, schedule: str, board: str | None, engine: EngineOptions
) -> Schedule:
    """Return the order of work, and refuse what only the group-stationary one has."""
    number = MAXIMUM_LANES if lanes == "auto" else options.number_of_lanes(lanes)
    chosen = choose_schedule(network, number, schedule, **engine)
    if chosen == "step-outer" and (board is not None or lanes == "auto"):
        given = f"--board {board}" if board is not None else "--lanes auto"
        raise UserError(
            f"{network.name} with the step-outer schedule: {given} is for group-stationary designs "
            f"so far; {'compile without it' if board is not None else 'give a number of lanes'}"
        )
    return chosen


def _choose(
    network: IntegerNetwork,
    lanes: str,
    schedule: Schedule,
    target: Device | None,
    engine: EngineOptions,
) -> tuple[_Asked | Assessment, tuple[Assessment, ...]]:
    """Return the lanes and the place of the weights, and what each choice takes of the device.

    Of step-outer designs nothing is estimated.
    """
    if target is None and lanes == "auto":
        raise UserError("--lanes auto: name the FPGA too, with --device, or a board")
    if target is None or schedule == "step-outer":
        return _Asked(int(lanes)), ()
    return choose(network, target, None if lanes == "auto" else int(lanes), **engine)


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
            inputs = np.asarray(data.network_inputs(), dtype=np.int64)
            origin = f"{data.name}, test split"
        else:
            shape: tuple[int, ...] = (samples or 100, network.layers[0].inputs)
            if network.batch_axis:
                shape = (network.steps, *shape)
            limit = 1 << network.input_bits
            inputs = np.random.default_rng(RANDOM_SEED).integers(0, limit, size=shape)
            origin = f"random, seed {RANDOM_SEED}"
        certificate = verify_design(
            directory,
            inputs[(slice(None),) * network.batch_axis + (slice(samples or None),)],
            origin=origin,
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
                f"{run.updates} updates, {_cycles(run)}",
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
        rows.append(("certificate", (directory / CERTIFICATE).as_posix(), ""))
        report.result(certificate.as_dict(), rows)
        report.exit_code = 0 if certificate.holds else 1


def _cycles(run: CosimulationResult) -> str:
    """Say how long a sample takes, and what a readout that ends early saves."""
    text = f"{run.cycles_per_sample:.0f} cycles"
    if run.steps_per_sample < run.steps:
        text += (
            f" ({run.steps_per_sample:.1f} of {run.steps} steps, about "
            f"{run.cycles_saved_per_sample:.0f} cycles saved)"
        )
    return text


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
    device: options.Device = None,
    frequency: Annotated[
        float | None,
        typer.Option(help="Clock to aim at, in MHz; 40, or what the board runs at."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Build a bitstream: synthesis, place and route, packing; utilisation and timing.

    For Artix-7 the open tools end with a netlist: then a Vivado project is written, and not run.
    """
    with reporting(as_json) as report:
        directory = find_design(directory)
        board = read_board(directory)
        if board is not None and device not in (None, board.device):
            raise UserError(
                f"{directory} is a design for {board.board}, whose device is {board.device}, not "
                f"{device}: leave --device out, or compile without --board"
            )
        built = build_design(
            directory,
            board.device if board else device or read_design(directory).device or DEFAULT_DEVICE,
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
        rows += [("changed since compiled", name) for name in built.changed]
        if board is not None and built.bitstream:
            path = (directory / built.bitstream).as_posix()
            rows.append(("to the board", find_board(board.board).programmer.format(bitstream=path)))
        report.result(content, rows)
