"""The certificate: what was proved of a design, by what, and what was only sampled."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore import __version__
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator
from sc_neurocore.hdl.design import CERTIFICATE, load_design, load_neuron
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.programs import is_available, version
from sc_neurocore.verify.control import prove_control
from sc_neurocore.verify.cosimulation import (
    CosimulationResult,
    cosimulate,
    extreme_inputs,
    samples_first,
)
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.lane import prove_lane
from sc_neurocore.verify.netlist import FAMILIES, check_netlist
from sc_neurocore.verify.netlist_simulation import (
    NetlistSimulation,
    check_families,
    simulate_netlist,
)
from sc_neurocore.verify.properties import prove_properties
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.simulators import TOOLS, SimulatorName
from sc_neurocore.verify.small_network import prove_small
from sc_neurocore.verify.small_step_network import prove_small_step
from sc_neurocore.verify.step_control import prove_step_control
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step
from sc_neurocore.verify.sums import prove_additions, prove_sums

SECOND_SIMULATOR: SimulatorName = "icarus"
SECOND_SAMPLES = 10
EXTREME_SAMPLES = 12
NETLIST_SAMPLES = 3


@dataclass(frozen=True)
class Certificate:
    """What is known of one design.

    Attributes:
        network: Name and SHA-256 of the network description.
        design: Top module, formats, lanes, and the SHA-256 of every file.
        cosimulation: Each run against the integer model; the first covers all the samples.
        proofs: Each claim with its status; those with a bound stand apart in the file.
        inputs: SHA-256 and origin of the samples.
        environment: Versions, machine and date.
        netlists: Runs of the design after synthesis, if they were asked for.
    """

    network: dict[str, str]
    design: dict[str, Any]
    cosimulation: tuple[CosimulationResult, ...]
    proofs: tuple[ProofResult, ...]
    inputs: dict[str, Any]
    environment: dict[str, str]
    netlists: tuple[NetlistSimulation, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing differed in co-simulation and every claim was shown.

        A claim that is checked within a bound counts, with its bound, if nothing contradicts it
        there; one that got no answer does not.
        """
        runs = (*self.cosimulation, *(netlist.run for netlist in self.netlists))
        return all(run.holds for run in runs) and all(proof.holds for proof in self.proofs)

    def as_dict(self) -> dict[str, Any]:
        """Return the certificate as plain JSON values."""
        return {
            "holds": self.holds,
            "network": self.network,
            "design": self.design,
            "proved_for_all_inputs": [each.as_dict() for each in self.proofs if not each.bound],
            "checked_within_a_bound": [each.as_dict() for each in self.proofs if each.bound],
            "sampled": [asdict(run) for run in self.cosimulation],
            "sampled_after_synthesis": [netlist.as_dict() for netlist in self.netlists],
            "inputs": self.inputs,
            "environment": self.environment,
        }


def verify_design(
    directory: Path,
    inputs: ArrayLike,
    *,
    origin: str,
    simulator: str = "auto",
    second_samples: int = SECOND_SAMPLES,
    netlists: tuple[str, ...] = (),
    netlist_samples: int = NETLIST_SAMPLES,
    progress: ProgressCallback = ignore_progress,
) -> Certificate:
    """Co-simulate and prove a design folder, and write its certificate.json.

    Args:
        directory: What `compile_network` wrote.
        inputs: Integers for the co-simulation, as `cosimulate` takes them.
        origin: What these inputs are, for the certificate.
        simulator: verilator, cxxrtl, icarus or auto.
        second_samples: How many of the inputs Icarus runs as well.
        netlists: Families that the design is synthesised for, ice40, up5k or ecp5, to run a few
            inputs through each netlist.
        netlist_samples: How many.
        progress: Receives the co-simulation's progress and the name of each proof.

    Raises:
        UserError: If the folder is not a design, or the inputs do not fit.
        CheckFailedError: If the folder's parts do not belong together.
        ToolMissingError: If a simulator or a prover is not installed.
    """
    check_families(netlists)
    runs = cosimulate_design(directory, inputs, simulator, progress, second_samples=second_samples)
    proofs = prove_design(directory, progress)
    after = _simulate_netlists(directory, inputs, netlists, netlist_samples, progress)
    return certify(directory, runs, proofs, inputs, origin, after)


def cosimulate_design(
    directory: Path,
    inputs: ArrayLike,
    simulator: str = "auto",
    progress: ProgressCallback = ignore_progress,
    *,
    second_samples: int = SECOND_SAMPLES,
) -> tuple[CosimulationResult, ...]:
    """Run all inputs through the chosen simulator; an earlier certificate ends here.

    A blank, a saturated and a few random inputs follow. Where Icarus is installed and was not the
    choice, it runs the first few samples as a second opinion. All this ends with the first run that
    differs.
    """
    _, network = load_design(directory)
    (directory / CERTIFICATE).unlink(missing_ok=True)
    samples = samples_first(network, inputs)
    runs = [cosimulate(directory, network, inputs, simulator, progress=progress)]
    if runs[0].holds:
        extremes = extreme_inputs(network, EXTREME_SAMPLES)
        run = cosimulate(directory, network, extremes, runs[0].simulator)
        runs.append(replace(run, inputs="blank, saturated and random"))
    is_first = runs[0].simulator == SECOND_SIMULATOR
    if second_samples and all(run.holds for run in runs) and not is_first and _has_second():
        few = np.moveaxis(samples[:second_samples], 0, network.batch_axis)
        runs.append(cosimulate(directory, network, few, SECOND_SIMULATOR))
    return tuple(runs)


def prove_design(
    directory: Path, progress: ProgressCallback = ignore_progress
) -> tuple[ProofResult, ...]:
    """Prove the neuron's datapath and the control, and check the engine on a small network."""
    accelerator, network = load_design(directory)
    claims: dict[str, Callable[[], ProofResult]] = {}
    for program, module in zip(network.programs, accelerator.neuron_modules, strict=True):
        claims[module] = partial(_prove_datapath, accelerator, program, module)
    is_stepwise = accelerator.schedule == "step-outer"
    claims["control"] = partial(prove_step_control if is_stepwise else prove_control, directory)
    claims["widths of the sums"] = partial(prove_sums, accelerator, network)
    if not is_stepwise:
        claims["sums"] = partial(prove_additions, directory)
        claims["lanes"] = partial(prove_lane, accelerator, network)
    small = prove_small_step if is_stepwise else prove_small
    claims["a small network"] = partial(small, accelerator)
    results = []
    for done, (name, prove) in enumerate(claims.items()):
        progress(Progress("proofs", done, len(claims), name))
        results.append(prove())
    progress(Progress("proofs", len(claims), len(claims)))
    return tuple(results)


def _simulate_netlists(
    directory: Path,
    inputs: ArrayLike,
    families: tuple[str, ...],
    count: int,
    progress: ProgressCallback,
) -> tuple[NetlistSimulation, ...]:
    """Run a few inputs through the netlist of each family, in Icarus if there: no compiling."""
    if not families:
        return ()
    _, network = load_design(directory)
    few = np.moveaxis(samples_first(network, inputs)[:count], 0, network.batch_axis)
    simulator = SECOND_SIMULATOR if _has_second() else "auto"
    found = []
    for done, family in enumerate(families):
        progress(Progress("netlists", done, len(families), family))
        found.append(simulate_netlist(directory, network, few, family, simulator))
    progress(Progress("netlists", len(families), len(families)))
    return tuple(found)


def _has_second() -> bool:
    return all(map(is_available, TOOLS[SECOND_SIMULATOR]))


def certify(
    directory: Path,
    runs: tuple[CosimulationResult, ...],
    proofs: tuple[ProofResult, ...],
    inputs: ArrayLike,
    origin: str,
    netlists: tuple[NetlistSimulation, ...] = (),
) -> Certificate:
    """Write DIR/certificate.json from what was simulated and proved, and return it."""
    accelerator, network = load_design(directory)
    samples = samples_first(network, inputs)
    certificate = Certificate(
        network={"name": network.name, "sha256": network.content_hash},
        design=_design(accelerator, network),
        cosimulation=runs,
        proofs=proofs,
        inputs={
            "origin": origin,
            "samples": len(samples),
            "sha256": hashlib.sha256(samples.astype("<i8").tobytes()).hexdigest(),
        },
        environment=_environment(runs),
        netlists=netlists,
    )
    text = json.dumps(certificate.as_dict(), indent=2, ensure_ascii=False) + "\n"
    write_atomically(directory / CERTIFICATE, text.encode())
    return certificate


@dataclass(frozen=True)
class NeuronCertificate:
    """What is known of one compiled neuron.

    Attributes:
        neuron: Name, equations, format, SHA-256 of the modules, tables, and possible overflows.
        proofs: Of the step and of the properties.
        netlists: Of the step after synthesis; these hold unless they are refuted.
        sampled: Random inputs through the step and through its netlists.
        environment: Versions, machine and date.
    """

    neuron: dict[str, Any]
    proofs: tuple[ProofResult, ...]
    netlists: tuple[ProofResult, ...]
    sampled: tuple[StepCosimulation, ...]
    environment: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether the proofs are proved, and nothing after synthesis contradicts them."""
        return (
            all(proof.status == "proved" for proof in self.proofs)
            and all(proof.status != "refuted" for proof in self.netlists)
            and all(run.holds for run in self.sampled)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what certificate.json holds."""
        return {
            "holds": self.holds,
            **self.neuron,
            "proved_for_all_inputs": [proof.as_dict() for proof in self.proofs],
            "after_synthesis": [proof.as_dict() for proof in self.netlists],
            "sampled": [run.as_dict() for run in self.sampled],
            "environment": self.environment,
        }


def verify_neuron(
    directory: Path, progress: ProgressCallback = ignore_progress
) -> NeuronCertificate:
    """Verify a compiled neuron, and write its certificate.json.

    The step and the properties of the registered module are proved. If they hold, random inputs go
    through the step and through its netlists, as far as a simulator is installed, and the netlists
    are proved where that takes seconds.

    Raises:
        UserError: If the folder is not a compiled neuron.
        ToolMissingError: If Yosys, SymbiYosys or z3 is not installed.
    """
    compiled = load_neuron(directory)
    verilog, program, latency = compiled.verilog, compiled.program, compiled.verilog.latency
    (directory / CERTIFICATE).unlink(missing_ok=True)
    module = f"{verilog.name}_step"
    stages = ("step", "properties", *FAMILIES)

    def report(done: int) -> None:
        note = stages[done] if done < len(stages) else ""
        progress(Progress("proofs of the neuron", done, len(stages), note))

    report(0)
    proofs = [prove_step(program, verilog.step, module, latency=latency)]
    report(1)
    proofs.append(prove_properties(program, verilog))
    netlists: list[ProofResult] = []
    sampled: list[StepCosimulation] = []
    has_simulator = any(all(map(is_available, tools)) for tools in TOOLS.values())
    if has_simulator and all(proof.status == "proved" for proof in proofs):
        sampled.append(cosimulate_step(program, verilog.step, module, latency=latency))
        for done, family in enumerate(FAMILIES, start=2):
            report(done)
            proof, run = check_netlist(program, verilog.step, module, family, latency=latency)
            netlists.append(proof)
            sampled.append(replace(run, module=f"{module}, netlist for {family}"))
    report(len(stages))
    sources = "".join(verilog.files.values())
    certificate = NeuronCertificate(
        neuron={
            "module": verilog.name,
            "neuron": str(program.neuron),
            "state_format": str(program.fixed_point.state),
            "pipeline": latency,
            "sha256": hashlib.sha256(sources.encode()).hexdigest(),
            "tables": [str(table) for table in program.tables],
            "overflows": [str(place) for place in program.program.overflows],
        },
        proofs=tuple(proofs),
        netlists=tuple(netlists),
        sampled=tuple(sampled),
        environment=_environment(()),
    )
    content = json.dumps(certificate.as_dict(), indent=2, ensure_ascii=False) + "\n"
    write_atomically(directory / CERTIFICATE, content.encode())
    return certificate


def _prove_datapath(accelerator: Accelerator, program: NeuronProgram, module: str) -> ProofResult:
    """Prove a neuron's step as it stands in the folder, not as it would be generated now."""
    source = accelerator.directory / SOURCES / f"{module}.v"
    if not source.is_file():
        raise CheckFailedError(f"{source} is missing, which holds the neuron's step: compile again")
    latency = accelerator.geometry.unit_latency
    return prove_step(program, source.read_text(encoding="utf-8"), module, latency=latency)


def _design(accelerator: Accelerator, network: IntegerNetwork) -> dict[str, Any]:
    formats = network.fixed_point
    files = sorted((*accelerator.verilog, *accelerator.memories))
    return {
        "top": accelerator.top,
        "state_format": str(formats.state),
        "current_format": str(formats.current),
        "weight_bits": accelerator.geometry.weight_bits,
        "lanes": accelerator.geometry.lanes,
        "schedule": accelerator.schedule,
        "files": {
            path.as_posix(): hashlib.sha256((accelerator.directory / path).read_bytes()).hexdigest()
            for path in files
        },
    }


def _environment(runs: tuple[CosimulationResult, ...]) -> dict[str, str]:
    tools = {run.simulator: run.version for run in runs}
    tools |= {name: version(name) for name in ("yosys", "z3", "sby")}
    return {
        "sc_neurocore": __version__,
        "python": platform.python_version(),
        **tools,
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
