"""What compile, verify and build do with one neuron's equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sc_neurocore.cli.comparing import chosen_for_neuron, currents, describe, tried_rows
from sc_neurocore.cli.console import Report
from sc_neurocore.cli.stages import read_neuron
from sc_neurocore.fixed.choosing import is_auto
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.lowering import lower
from sc_neurocore.fixed.numerics import check_kinds, refuse
from sc_neurocore.fixed.qformat import FixedPoint
from sc_neurocore.fpga.build import BuildReport
from sc_neurocore.fpga.neurons import check_room_for_neuron, measure_neuron
from sc_neurocore.hdl.design import CERTIFICATE
from sc_neurocore.hdl.neuron_folder import compile_neuron
from sc_neurocore.tools.devices import find_device
from sc_neurocore.verify.neuron_certificate import verify_neuron
from sc_neurocore.verify.result import ProofResult

Rows = list[tuple[str, ...]]


def compile_neuron_of(
    source: Path,
    out: Path,
    format: str,
    pipeline: int,
    constant_bits: int | None,
    allow: Sequence[str],
    device: str | None,
    data: Path | None,
    report: Report,
) -> None:
    """Compile a neuron, once its integers are known to do about what floats do.

    They are compared on the user's currents, as `compare` reads them, or on the standard ones.
    """
    check_kinds(allow)
    target = None if device is None else find_device(device)
    model = read_neuron(source)
    if not is_auto(format):  # what is refused in any case is refused at once
        named = lower(model, FixedPoint.parse(format, constant_bits))
        refuse(judge_program(named).findings, allow)
    stimulus = currents(model, data)
    chosen = chosen_for_neuron(model, stimulus, format, constant_bits)
    formats = chosen.formats
    if target is not None and not target.family.has_multipliers:
        formats = replace(formats, multipliers="adders")
    program = lower(model, formats)
    if target is not None:
        check_room_for_neuron(program, target)
    both = compare_neuron(program, stimulus)
    refuse(both.findings, allow)
    neuron = compile_neuron(model, out, formats, pipeline, allow=allow, device=device)
    paths = [(out / name).as_posix() for name in neuron.verilog.files]
    content: dict[str, Any] = {
        "module": neuron.verilog.name,
        "format": formats.text,
        "constant_bits": formats.constant_fraction_bits,
        "numerics": neuron.numerics.as_dict(),
        "comparison": both.as_dict(),
        "tried": [each.as_dict() for each in chosen.tried],
        "verilog": paths,
    }
    rows: Rows = [
        ("module", neuron.verilog.name),
        ("format", describe(chosen)),
        *tried_rows(chosen),
        *neuron.numerics.lines(),
        ("float against integers", both.line),
        *((each.severity, str(each)) for each in both.findings),
    ]
    if target is not None:
        built = measure_neuron(neuron.verilog, target.key, progress=report.progress)
        content["device"] = device_figures(built)
        rows += device_rows(built)
    report.result(content, rows + [("Verilog", path) for path in paths])


def device_figures(built: BuildReport) -> dict[str, Any]:
    """Return what a neuron takes of a device."""
    return {
        "device": built.device,
        "luts": built.luts,
        "flip_flops": built.flip_flops,
        "dsps": built.dsps,
        "fmax_mhz": built.fmax_mhz,
    }


def device_rows(built: BuildReport) -> Rows:
    """Return the same for people."""
    clock = "known only after Vivado" if built.fmax_mhz is None else f"{built.fmax_mhz:.1f} MHz"
    return [
        (built.device_title, f"{built.luts:g} LUTs, {built.flip_flops:g} flip-flops"),
        ("multipliers", f"{built.dsps:g}"),
        ("highest clock", clock),
    ]


def verify_neuron_of(
    directory: Path,
    allow_edited: bool,
    netlists: tuple[str, ...],
    report: Report,
    details: bool = False,
) -> None:
    """Prove a neuron; its netlists too, where they are asked for."""
    certificate = verify_neuron(
        directory, report.progress, allow_edited=allow_edited, netlists=netlists
    )
    rows = [
        (
            proof.name,
            f"{proof.status} in {proof.seconds:.1f} s",
            said(proof) if details or not proof.holds else "",
        )
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
    report.result(certificate.as_dict(), rows, certificate.verdict)
    report.exit_code = 0 if certificate.holds else 1


def said(proof: ProofResult) -> str:
    """Return what exactly was shown of a claim, or its counterexample."""
    return f"{proof.detail}; only within: {proof.bound}" if proof.bound else proof.detail
