"""What a compiled design and a compiled neuron have in common: edits, certificate, builds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sc_neurocore.report.kinds.builds import Placed, build_section
from sc_neurocore.report.kinds.certificate import CertificateFile, certificate_sections
from sc_neurocore.report.ladder import built
from sc_neurocore.report.sections import Note, Section, section
from sc_neurocore.report.tables import environment_table, ladder_table


def verified_sections(
    edited: Sequence[str],
    certificate: CertificateFile | None,
    builds: Sequence[Placed],
    problems: Sequence[str],
    about: Iterable[Section],
) -> tuple[Section, ...]:
    """Return the sections of what was compiled, in the order in which a reader wants them.

    Args:
        edited: The files that are not what would be written.
        certificate: Its certificate, if there is one.
        builds: What was built of it.
        problems: For each build, why it is not of these files; "" where it is.
        about: What it is, in sections of its own.
    """
    sections = []
    if edited:
        text = f"Not what would be written: {', '.join(edited)}. What stands below is not of those."
        sections.append(section("edited", "Edited by hand", Note(text, is_missing=True)))
    rungs = [*(certificate.rungs if certificate else ()), *(built(each.build) for each in builds)]
    if rungs:
        sections.append(section("ladder", "Verification ladder", ladder_table(rungs)))
    sections += about
    if certificate is not None:
        sections += certificate_sections(certificate)
    if builds:
        sections.append(build_section(builds, problems))
    if certificate is not None and certificate.environment:
        table = environment_table(certificate.environment)
        sections.append(section("environment", table.title, table))
    return tuple(sections)
