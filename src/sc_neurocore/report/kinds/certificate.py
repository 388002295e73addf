"""What a certificate says: simulations and claims, of a design or of a neuron."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from sc_neurocore.hdl.design import CERTIFICATE
from sc_neurocore.report.contents import CoSimulation, Proof
from sc_neurocore.report.ladder import Rung, Verdict, claims, cosimulated, sampled_step
from sc_neurocore.report.reading import Part, read_part
from sc_neurocore.report.sections import Section, section
from sc_neurocore.report.tables import Table, cosimulation_table, proof_table
from sc_neurocore.report.wording import count
from sc_neurocore.verify.standing import Standing


class StepRun(Part):
    """Random inputs through a neuron's step."""

    module: str
    simulator: str
    version: str = ""
    steps: int
    mismatches: int
    first_mismatch: str | None = None


class Netlist(Part):
    """A run of the design after synthesis."""

    synthesis: str
    run: CoSimulation


class CertificateFile(Part):
    """What is read of certificate.json.

    A design has runs of samples in `sampled`, a neuron random inputs of its step.
    """

    verdict: str
    holds: bool
    proofs: tuple[Proof, ...] = Field(default=(), alias="proved_for_all_inputs")
    bounded: tuple[Proof, ...] = Field(default=(), alias="checked_within_a_bound")
    after_synthesis: tuple[Proof, ...] = ()
    sampled: tuple[CoSimulation | StepRun, ...] = ()
    netlists: tuple[Netlist, ...] = Field(default=(), alias="sampled_after_synthesis")
    environment: dict[str, str | None] = Field(default_factory=dict)

    @property
    def runs(self) -> list[CoSimulation]:
        """All runs of samples."""
        runs = [each for each in self.sampled if isinstance(each, CoSimulation)]
        netlists = (
            each.run.model_copy(update={"inputs": f"netlist, {each.synthesis}"})
            for each in self.netlists
        )
        return [*runs, *netlists]

    @property
    def steps(self) -> list[StepRun]:
        """All runs of a step."""
        return [each for each in self.sampled if isinstance(each, StepRun)]

    @property
    def rungs(self) -> list[Rung]:
        """The rungs of the ladder."""
        steps = (
            sampled_step(each.module, each.simulator, each.steps, each.mismatches)
            for each in self.steps
        )
        every = (*self.proofs, *self.bounded, *self.after_synthesis)
        return [*map(cosimulated, self.runs), *steps, *claims(every)]


def read_certificate(folder: Path) -> CertificateFile | None:
    """Read the certificate of a folder, whether it holds or not; None if there is none.

    Raises:
        UserError: If it is damaged.
    """
    return read_part(CertificateFile, folder, CERTIFICATE, f"sc-neurocore verify {folder}")


def current(found: Standing, problems: Iterable[str]) -> Standing:
    """Return how a design or a neuron stands, its builds considered.

    Args:
        found: How its files stand to its certificate.
        problems: For each build, why it is not of these files; "" where it is.
    """
    stale = "; ".join(filter(None, problems))
    return Standing("changed since it was verified", stale) if stale else found


def verdict_of(found: Standing, certificate: CertificateFile | None) -> Verdict:
    """Return the verdict: what has not been verified is incomplete, what does not hold is bad."""
    kinds: dict[str, Literal["good", "missing"]] = {"verified": "good", "not verified": "missing"}
    kind: Literal["good", "bad", "missing"] = kinds.get(found.status, "bad")
    if certificate is not None and not certificate.holds:
        kind = "bad"
    return Verdict(kind, found.status.capitalize(), found.detail)


def certificate_sections(certificate: CertificateFile) -> list[Section]:
    """Return what was simulated and what was proved."""
    found = []
    if certificate.runs:
        table = cosimulation_table(certificate.runs)
        found.append(section("cosimulation", table.title, table))
    if certificate.steps:
        table = _steps_table(certificate.steps)
        found.append(section("cosimulation", table.title, table))
    table = proof_table((*certificate.proofs, *certificate.bounded))
    after = proof_table(certificate.after_synthesis, "After synthesis")
    found.append(section("proofs", table.title, table, after if after.rows else None))
    return found


def _steps_table(steps: Sequence[StepRun]) -> Table:
    return Table(
        "Random inputs of the step",
        ("Module", "Simulator", "Inputs", "Mismatches", "Detail"),
        tuple(
            (
                each.module,
                f"{each.simulator} {each.version}".strip(),
                count(each.steps),
                count(each.mismatches),
                each.first_mismatch or "",
            )
            for each in steps
        ),
    )
