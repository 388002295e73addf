"""The certificate: what was proved of a design, by what, and what was only sampled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.files import sha256, stays_inside
from sc_neurocore.folders import replace_files, sole_writer, written_files
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.design import CERTIFICATE, Design
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.families import find_models
from sc_neurocore.verify.claims import claims_of
from sc_neurocore.verify.cosimulation import (
    DISTURBED_SHARE,
    CosimulationResult,
    cosimulate,
    extreme_inputs,
    samples_first,
)
from sc_neurocore.verify.netlist_simulation import NetlistSimulation, simulate_netlist
from sc_neurocore.verify.provenance import environment
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.simulators import SIMULATORS, SimulatorName
from sc_neurocore.verify.theorem import HOLDS, theorem_of
from sc_neurocore.verify.workers import prove_all

SECOND_SIMULATOR: SimulatorName = "icarus"
SECOND_SAMPLES = 10
SECOND_WORK = 3 << 20
"""Clocks times sums of a group that Icarus runs unasked."""
EXTREME_SAMPLES = 12
NETLIST_SAMPLES = 3
_OF_EDITS = "; an edit that acts where neither proofs nor samples reach is not found"
SCHEMA = 1
BENCHES = "proof/"
"""Where benches are kept of claims that are refuted."""


@dataclass(frozen=True)
class Certificate:
    """What is known of one design.

    Attributes:
        network: Name and SHA-256 of the network description.
        design: Top module, choices, formats, and the SHA-256 of every file.
        edited: The files that are not what network and choices give; None where nobody compared.
        cosimulation: Each run against the integer model; the first covers all the samples.
        proofs: Each claim with its status; those with a bound stand apart in the file.
        inputs: SHA-256 and origin of the samples, and how many there are to choose from.
        environment: Versions, machine and date.
        netlists: Runs of the design after synthesis, if they were asked for.
        theorem: The lemmas about the whole, and what is missing: see `verify.theorem`.
    """

    network: dict[str, str]
    design: dict[str, Any]
    edited: tuple[str, ...] | None
    cosimulation: tuple[CosimulationResult, ...]
    proofs: tuple[ProofResult, ...]
    inputs: dict[str, Any]
    environment: dict[str, str]
    netlists: tuple[NetlistSimulation, ...] = ()
    theorem: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing differed in co-simulation and every claim was shown.

        A claim that is checked within a bound counts, with its bound, if nothing contradicts it
        there; one that got no answer does not.
        """
        return not self._failures()

    def _failures(self) -> list[str]:
        runs = [(f"co-simulation in {run.simulator}", run) for run in self.cosimulation]
        runs += [(f"netlist of {each.synthesis}", each.run) for each in self.netlists]
        found = [f"{name}: {run.first_mismatch}" for name, run in runs if not run.holds]
        if not self.cosimulation:
            found.append("nothing was co-simulated")
        if not self.proofs:
            found.append("nothing was proved")
        found += [f"{each.name}: {each.status}" for each in self.proofs if not each.holds]
        refuted = [each for each in self.after_synthesis if each.status == "refuted"]
        return [*found, *(f"{each.name}: {each.status}" for each in refuted)]

    @property
    def after_synthesis(self) -> tuple[ProofResult, ...]:
        """What was proved of netlists; it may be unknown, and is sampled in any case."""
        return tuple(each.proof for each in self.netlists if each.proof)

    @property
    def verdict(self) -> str:
        """The certificate in one line: what holds, and of how much that is only a sample."""
        edited = f"files edited by hand ({', '.join(self.edited)}): " if self.edited else ""
        if self.edited is None:
            edited = "files not compared with what would be generated: "
        failures = self._failures()
        if failures:
            return f"{edited}does not hold: {'; '.join(failures)}"
        proved = sum(not each.bound for each in self.proofs)
        bounded = len(self.proofs) - proved
        checked = f", {bounded} checked within a bound" if bounded else ""
        samples, available = self.inputs["samples"], self.inputs["available"]
        only = f"only {samples} of {available}" if samples < available else f"{samples}"
        ways = ", ".join(f"{run.samples} in {run.simulator}" for run in self.cosimulation[1:])
        ways += self._left_out
        whole = "is sampled, not proved"
        if self.theorem.get("status") == HOLDS:
            whole = "follows from them, and is sampled besides"
        return (
            f"{edited}holds: {proved} claims proved for all inputs{checked}; the whole accelerator "
            f"{whole}: {only} inputs ({self.inputs['origin']}) in "
            f"{self.cosimulation[0].simulator}{f', {ways}' if ways else ''}, every spike and state "
            f"compared{_OF_EDITS if self.edited else ''}{self._arithmetic}{self._of_netlists}"
        )

    @property
    def _arithmetic(self) -> str:
        """Say so where weights are counts of streams."""
        streams = self.design.get("streams")
        if streams is None:
            return ""
        return (
            f"; the arithmetic is stochastic, {streams['length']} bits, {streams['source']}, "
            f"{streams['sharing']}, {streams['encoding']}"
        )

    @property
    def _of_netlists(self) -> str:
        """Say of how many netlists it is known that they are the design as it was written."""
        if not self.after_synthesis:
            return ""
        proved = sum(each.status == "proved" for each in self.after_synthesis)
        return (
            f"; of {len(self.after_synthesis)} netlists {proved} proved to be what was written, "
            f"memories left out"
        )

    @property
    def _left_out(self) -> str:
        """Say so where the second simulator ran nothing."""
        clocks, sums = self.cosimulation[0].cycles_per_sample, self.design["group_sums"]
        if any(run.simulator == SECOND_SIMULATOR for run in self.cosimulation):
            return ""
        none = f", none in {SECOND_SIMULATOR}"
        if clocks * sums <= SECOND_WORK:  # it is not installed, or nothing was asked of it
            return none
        return f"{none} (an input takes {clocks:.0f} clocks of {sums} sums)"

    def as_dict(self) -> dict[str, Any]:
        """Return the certificate as plain JSON values."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "holds": self.holds,
            "edited": None if self.edited is None else list(self.edited),
            "network": self.network,
            "design": self.design,
            "theorem": dict(self.theorem),
            "proved_for_all_inputs": [each.as_dict() for each in self.proofs if not each.bound],
            "checked_within_a_bound": [each.as_dict() for each in self.proofs if each.bound],
            "sampled": [asdict(run) for run in self.cosimulation],
            "after_synthesis": [each.as_dict() for each in self.after_synthesis],
            "sampled_after_synthesis": [netlist.as_dict() for netlist in self.netlists],
            "inputs": self.inputs,
            "environment": self.environment,
        }


def verify_design(
    design: Design,
    inputs: ArrayLike,
    *,
    origin: str,
    available: int | None = None,
    simulator: str = "auto",
    second_samples: int | None = None,
    netlists: tuple[str, ...] = (),
    netlist_samples: int = NETLIST_SAMPLES,
    progress: ProgressCallback = ignore_progress,
) -> Certificate:
    """Co-simulate and prove a design, and write the certificate.json of its folder.

    Args:
        design: What `fpga.folder.opened` yields.
        inputs: Integers for the co-simulation, as `cosimulate` takes them.
        origin: What these inputs are, for the certificate.
        available: How many such inputs there are, if `inputs` are not all.
        simulator: verilator, cxxrtl, icarus or auto.
        second_samples: How many of the inputs Icarus runs as well; None for as many as
            `SECOND_WORK` allows, `SECOND_SAMPLES` at most.
        netlists: Families that the design is synthesised for, such as ecp5, to run a few inputs
            through each netlist.
        netlist_samples: How many.
        progress: Receives the co-simulation's progress and the name of each proof.

    Raises:
        UserError: If the inputs do not fit, or another command writes to the folder.
        CheckFailedError: If the folder's files changed meanwhile; then no certificate is written.
        ToolMissingError: If a simulator or a prover is not installed.
    """
    for family in netlists:
        find_models(family)
    assert design.home is not None
    with sole_writer(design.home, "verify"):
        runs = cosimulate_design(design, inputs, simulator, progress, second_samples=second_samples)
        proofs = prove_design(design, progress)
        after = _simulate_netlists(design, inputs, netlists, netlist_samples, progress)
        return _certify(design, runs, proofs, inputs, origin, available, after)


def cosimulate_design(
    design: Design,
    inputs: ArrayLike,
    simulator: str = "auto",
    progress: ProgressCallback = ignore_progress,
    *,
    second_samples: int | None = None,
) -> tuple[CosimulationResult, ...]:
    """Run all inputs through the chosen simulator.

    A blank, a saturated and a few random inputs follow. Where Icarus is installed and was not the
    choice, it runs the first few samples as a second opinion: of designs whose inputs take long,
    fewer, and in the end none. All this ends with the first run that differs.
    """
    accelerator, network = design.accelerator, design.network
    samples = samples_first(network, inputs)
    runs = [cosimulate(accelerator, network, inputs, simulator, progress=progress)]
    if runs[0].holds:
        extremes = extreme_inputs(network, EXTREME_SAMPLES)
        run = cosimulate(accelerator, network, extremes, runs[0].simulator, disturbed=1.0)
        runs.append(replace(run, inputs="blank, saturated and random"))
    is_first = runs[0].simulator == SECOND_SIMULATOR
    if is_first or not _has_second() or not all(run.holds for run in runs):
        return tuple(runs)
    share = DISTURBED_SHARE
    if second_samples is None:
        work = runs[0].cycles_per_sample * accelerator.geometry.group_sums
        second_samples = min(SECOND_SAMPLES, int(SECOND_WORK / work))
        share *= second_samples > 1  # one alone would run twice
    if second_samples:
        few = np.moveaxis(samples[:second_samples], 0, network.batch_axis)
        runs.append(cosimulate(accelerator, network, few, SECOND_SIMULATOR, disturbed=share))
    return tuple(runs)


def prove_design(
    design: Design, progress: ProgressCallback = ignore_progress
) -> tuple[ProofResult, ...]:
    """Prove the files, the neurons and the engine, and check the engine on a small network."""
    claims = list(claims_of(design))
    in_turn = [(each.name, partial(each.prove, design)) for each in claims if each.asks_z3]
    # What takes longest stands last, and is begun first.
    first, *others = (
        [(each.name, partial(each.prove, design))] for each in reversed(claims) if not each.asks_z3
    )
    return prove_all([first, in_turn, *others], [each.name for each in claims], progress)


def _simulate_netlists(
    design: Design,
    inputs: ArrayLike,
    families: tuple[str, ...],
    count: int,
    progress: ProgressCallback,
) -> tuple[NetlistSimulation, ...]:
    """Run a few inputs through the netlist of each family, in Icarus if there: no compiling."""
    network = design.network
    few = np.moveaxis(samples_first(network, inputs)[:count], 0, network.batch_axis)
    simulator = SECOND_SIMULATOR if _has_second() else "auto"
    found = []
    for done, family in enumerate(families):
        progress(Progress("netlists", done, len(families), family))
        found.append(simulate_netlist(design.accelerator, network, few, family, simulator))
    if families:
        progress(Progress("netlists", len(families), len(families)))
    return tuple(found)


def _has_second() -> bool:
    return SIMULATORS[SECOND_SIMULATOR].is_available


def certify(
    design: Design,
    runs: tuple[CosimulationResult, ...],
    proofs: tuple[ProofResult, ...],
    inputs: ArrayLike,
    origin: str,
) -> Certificate:
    """Write a folder's certificate.json from what was simulated and proved, and return it.

    Raises:
        UserError: If another command writes to the folder.
        CheckFailedError: If the folder's files changed meanwhile; then no certificate is written.
    """
    assert design.home is not None
    with sole_writer(design.home, "verify"):
        return _certify(design, runs, proofs, inputs, origin, None, ())


def _certify(
    design: Design,
    runs: tuple[CosimulationResult, ...],
    proofs: tuple[ProofResult, ...],
    inputs: ArrayLike,
    origin: str,
    available: int | None,
    netlists: tuple[NetlistSimulation, ...],
) -> Certificate:
    assert design.home is not None
    samples = samples_first(design.network, inputs)
    certificate = Certificate(
        network=design.manifest.network.model_dump(),
        design=_design(design),
        edited=design.edited,
        cosimulation=runs,
        proofs=proofs,
        inputs={
            "origin": origin,
            "samples": len(samples),
            "available": len(samples) if available is None else available,
            "sha256": sha256(samples.astype("<i8").tobytes()),
        },
        environment=environment({run.simulator: run.version for run in runs}),
        netlists=netlists,
        theorem=theorem_of(design.accelerator, proofs, design.manifest.choices.streams is not None),
    )
    files = {CERTIFICATE: as_bytes(certificate.as_dict())}
    files |= _benches(design.accelerator, proofs)
    design.check_unchanged("verify")
    earlier = [name for name in written_files(design.home) if name.startswith(BENCHES)]
    replace_files(design.home, files, remove=earlier)
    return certificate


def as_bytes(content: dict[str, Any]) -> bytes:
    """Return the content of a certificate.json."""
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def _benches(accelerator: Accelerator, proofs: tuple[ProofResult, ...]) -> dict[str, bytes]:
    """Return the files of the benches where a claim is refuted: what there is to look at."""
    if all(proof.status != "refuted" for proof in proofs):
        return {}
    folder = accelerator.directory
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / BENCHES).rglob("*"))
        if path.is_file() and stays_inside(path.relative_to(folder).as_posix())
    }


def _design(design: Design) -> dict[str, Any]:
    choices, numerics = design.manifest.choices, design.manifest.numerics
    return {
        "top": design.manifest.top,
        "state_format": choices.format,
        "current_format": design.manifest.current_format,
        "constant_bits": choices.constant_bits,
        "numerics": numerics.as_dict() if numerics else None,
        "weight_bits": list(choices.weight_bits),
        "lanes": choices.lanes,
        "group_sums": design.accelerator.geometry.group_sums,
        "schedule": choices.schedule,
        "streams": choices.streams.model_dump() if choices.streams else None,
        "board": design.manifest.board.board if design.manifest.board else None,
        "files": design.hashes,
    }
