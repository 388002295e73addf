"""A compiled design: its numbers and memories, what was verified of it, and what was built."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.fpga.build import check_build
from sc_neurocore.fpga.capacity import assess
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.memory_blocks import plan_memories
from sc_neurocore.hdl.design import CERTIFICATE, Design
from sc_neurocore.hdl.manifest import MANIFEST, read_manifest
from sc_neurocore.report.files import list_files
from sc_neurocore.report.kinds.builds import bitstream_links, read_builds
from sc_neurocore.report.kinds.certificate import current, read_certificate, verdict_of
from sc_neurocore.report.kinds.maps import OneInput, maps_section
from sc_neurocore.report.kinds.numbers import numbers_section
from sc_neurocore.report.kinds.training import NetworkFacts
from sc_neurocore.report.kinds.verified import verified_sections
from sc_neurocore.report.ladder import Verdict
from sc_neurocore.report.sections import Account, Section, section
from sc_neurocore.report.tables import Row, Table
from sc_neurocore.report.wording import count, plural
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.verify.standing import Standing, standing

_FILES = (
    ("Verilog", "rtl/*.v"),
    ("Contents of memories", "rtl/*.hex"),
    ("Certificate", CERTIFICATE),
    ("Design", MANIFEST),
    ("Network", "network.json"),
)


def design_account(
    folder: Path, built_for: str | None = None, one_input: OneInput | None = None
) -> Account | None:
    """Return what a design says of itself; None where there is none.

    Args:
        folder: The design's folder.
        built_for: A device that it is said to have been built for.
        one_input: What goes through a network whose neurons stand in images, for pictures of
            where they fire; without, there are none.

    Raises:
        UserError: If design.json, a certificate or a build's report is damaged.
    """
    if not (folder / MANIFEST).exists():
        return None
    manifest, _ = read_manifest(folder)
    with ExitStack() as stack:
        try:
            design = stack.enter_context(opened(folder, allow_edited=True))
        except ScNeurocoreError as error:
            # What does not open cannot be held against its certificate: nothing else is said.
            return Account(
                name=manifest.network.name,
                sentence=f"A design of the network {manifest.network.name}, which does not open.",
                verdict=Verdict("bad", "This design does not open", str(error)),
                sections=(),
                files=list_files(folder, _FILES),
                content_hash=manifest.network.sha256,
                standing=Standing("not verified", str(error)),
            )
        return _account(folder, design, built_for, one_input)


def _account(
    folder: Path, design: Design, built_for: str | None, one_input: OneInput | None
) -> Account:
    certificate, builds = read_certificate(folder), read_builds(folder)
    manifest, network = design.manifest, design.description
    devices = [each.build.device for each in builds]
    told = {*devices, *([] if built_for is None else [built_for])}
    problems = {device: check_build(design, device) for device in sorted(told)}
    found = current(standing(design), problems.values())
    about = [] if manifest.numerics is None else [numbers_section(manifest.numerics)]
    about.append(_engine_section(design))
    if one_input is not None:
        maps = maps_section(design.description, design.network, one_input)
        about += [] if maps is None else [maps]
    of_builds = [problems[device] for device in devices]
    facts = NetworkFacts.model_validate_json(design.contents["network.json"])
    return Account(
        name=network.name,
        sentence=f"{facts.sentence} In hardware its membranes are {manifest.choices.format} "
        f"integers, and {plural(manifest.choices.lanes, 'lane')} form its sums.",
        verdict=verdict_of(found, certificate),
        sections=verified_sections(design.edited or (), certificate, builds, of_builds, about),
        files=[*bitstream_links(folder, builds), *list_files(folder, _FILES)],
        content_hash=manifest.network.sha256,
        standing=found,
    )


def _engine_section(design: Design) -> Section:
    """Return the engine's sizes, its memories, and what it takes of each device."""
    choices, geometry = design.manifest.choices, design.accelerator.geometry
    sizes = Table(
        "Sizes",
        ("Quantity", "Value", "Note"),
        (
            ("Inputs", count(design.manifest.inputs), f"of {geometry.input_bits} bits"),
            ("Outputs", count(design.manifest.outputs), "classes"),
            ("Steps", count(design.manifest.steps), "for one result"),
            ("Lanes", count(choices.lanes), "sums are formed side by side"),
            ("Neuron units", count(choices.units), f"{choices.pipeline} register stages inside"),
            ("Schedule", choices.schedule, "the order of work"),
            ("Weights", f"{geometry.weight_bits} bits", f"in {choices.weights}"),
            ("Sums", f"{geometry.sum_bits} bits", "none of them can wrap"),
            ("Currents", design.manifest.current_format, f"{geometry.current_bits} bits"),
        ),
    )
    memories = plan_memories(geometry, choices.weights)
    total = sum(each.words * each.bits for each in memories)
    table = Table(
        "Memory map",
        ("Memory", "Words x bits", "Note"),
        (
            *(
                (
                    each.name,
                    f"{count(each.words)} x {count(each.bits)}",
                    "written while it runs" if each.is_written else "filled by the bitstream",
                )
                for each in memories
            ),
            ("in all", f"{count(total)} bits", ""),
        ),
    )
    return section("engine", "Engine and memories", (sizes, table), _estimates(design))


def _estimates(design: Design) -> Table:
    """Return what the design would take of each device, by the sums that `compile` chooses by."""
    choices = design.manifest.choices
    rows: list[Row] = []
    for device in DEVICES.values():
        try:
            found = assess(
                design.network,
                device,
                choices.lanes,
                choices.weights,
                choices.schedule,
                **choices.engine_options,
            )
        except ScNeurocoreError as error:
            rows.append((device.key, "no estimate", str(error)))
            continue
        chosen = ", compiled for it" if device.key == design.manifest.device else ""
        fits = "fits" if found.fits else "does not fit, or may not"
        rows.append((device.key, f"{fits}{chosen}", found.sums))
    return Table(
        "Estimate before a build: memories are exact, logic is not",
        ("Device", "", "Takes"),
        tuple(rows),
    )
