"""One compiled neuron: its equations, its numbers, and what was verified and built of it."""

from __future__ import annotations

from pathlib import Path

from sc_neurocore.fpga.build import check_build
from sc_neurocore.hdl.design import CERTIFICATE
from sc_neurocore.hdl.manifest import NEURON_MANIFEST
from sc_neurocore.hdl.neuron_folder import load_neuron
from sc_neurocore.report.files import list_files
from sc_neurocore.report.kinds.builds import bitstream_links, read_builds
from sc_neurocore.report.kinds.certificate import current, read_certificate, verdict_of
from sc_neurocore.report.kinds.numbers import numbers_section
from sc_neurocore.report.kinds.verified import verified_sections
from sc_neurocore.report.sections import Account, Listing, section
from sc_neurocore.report.wording import plural
from sc_neurocore.verify.standing import standing

_FILES = (
    ("Verilog", "*.v"),
    ("Certificate", CERTIFICATE),
    ("Neuron", NEURON_MANIFEST),
)


def neuron_account(folder: Path) -> Account | None:
    """Return what a compiled neuron says of itself; None where there is none.

    Raises:
        UserError: If the folder, its certificate or a build's report is damaged.
    """
    if not (folder / NEURON_MANIFEST).exists():
        return None
    compiled = load_neuron(folder)
    neuron, verilog = compiled.program.neuron, compiled.verilog
    certificate, builds = read_certificate(folder), read_builds(folder)
    problems = [check_build(compiled, each.build.device) for each in builds]
    found = current(standing(compiled), problems)
    about = (
        section("equations", "Equations", Listing("The neuron", str(neuron))),
        numbers_section(compiled.numerics),
    )
    states = ", ".join(neuron.states)
    clocks = plural(verilog.latency, "clock")
    return Account(
        name=verilog.name,
        sentence=f"{verilog.name} is one neuron, {neuron.name}: its states {states} are "
        f"{compiled.program.fixed_point.text} integers, and a step takes {clocks} inside.",
        verdict=verdict_of(found, certificate),
        standing=found,
        sections=verified_sections(compiled.edited, certificate, builds, problems, about),
        files=[*bitstream_links(folder, builds), *list_files(folder, _FILES)],
    )
