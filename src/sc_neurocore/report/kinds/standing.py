"""How what was compiled stands to its certificate and to what was built of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from sc_neurocore.fpga.build import check_build
from sc_neurocore.report.kinds.certificate import CertificateFile
from sc_neurocore.report.ladder import Verdict
from sc_neurocore.verify.standing import Certified, Standing, standing

_KINDS: dict[str, Literal["good", "missing"]] = {"verified": "good", "not verified": "missing"}


def stand(compiled: Certified, devices: Iterable[str]) -> tuple[Standing, dict[str, str]]:
    """Compare a design or a neuron with its certificate, and with what was built of it.

    Args:
        compiled: As it was read.
        devices: What it was built for.

    Returns:
        The standing; and for each device why its build is of other files, "" where it is not.
    """
    problems = {device: check_build(compiled, device) for device in sorted(set(devices))}
    if stale := [problem for problem in problems.values() if problem]:
        return Standing("changed since it was verified", "; ".join(stale)), problems
    return standing(compiled), problems


def verdict_of(found: Standing, certificate: CertificateFile | None) -> Verdict:
    """Return a standing as the verdict of a page."""
    kind: Literal["good", "bad", "missing"] = _KINDS.get(found.status, "bad")
    if certificate is not None and not certificate.holds:
        kind = "bad"
    return Verdict(kind, found.status.capitalize(), found.detail)
