"""The certificate of a neuron that was compiled by itself."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.folders import replace_files, sole_writer
from sc_neurocore.hdl.design import CERTIFICATE
from sc_neurocore.hdl.neuron_folder import CompiledNeuron
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools import programs
from sc_neurocore.tools.programs import ToolTimeoutError
from sc_neurocore.verify.certificate import SCHEMA, as_bytes
from sc_neurocore.verify.edited_circuits import new_state, same_circuit
from sc_neurocore.verify.elaborated import elaborate
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.netlist import STEP_FAMILIES, check_netlist
from sc_neurocore.verify.neuron_opening import check_unchanged, files_of, generated, open_neuron
from sc_neurocore.verify.properties import prove_properties
from sc_neurocore.verify.provenance import environment
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.simulators import SIMULATORS, choose_simulator
from sc_neurocore.verify.step_simulation import StepCosimulation, cosimulate_step


@dataclass(frozen=True)
class NeuronCertificate:
    """What is known of one compiled neuron.

    Attributes:
        neuron: Name, equations, format, SHA-256 of the files, tables, and possible overflows.
        edited: The files that are not what the equations give.
        proofs: Of the step and of the properties.
        netlists: Of the step after synthesis; these hold unless they are refuted.
        sampled: Random inputs through the step and through its netlists.
        environment: Versions, machine and date.
        is_interrupted: Whether it ended before all was done.
    """

    neuron: dict[str, Any]
    edited: tuple[str, ...]
    proofs: tuple[ProofResult, ...]
    netlists: tuple[ProofResult, ...]
    sampled: tuple[StepCosimulation, ...]
    environment: dict[str, str]
    is_interrupted: bool = False

    @property
    def holds(self) -> bool:
        """Whether the proofs are proved, and nothing after synthesis contradicts them."""
        return not self._failures()

    def _failures(self) -> list[str]:
        found = [f"{each.name}: {each.status}" for each in self.proofs if each.status != "proved"]
        if not self.proofs:
            found.append("nothing was proved")
        if self.is_interrupted:
            found.append("it was interrupted")
        found += [
            f"{each.name}: {each.status}" for each in self.netlists if each.status == "refuted"
        ]
        return [
            *found,
            *(f"{run.module}: {run.first_mismatch}" for run in self.sampled if not run.holds),
        ]

    @property
    def verdict(self) -> str:
        """The certificate in one line: what holds, and of how much that is only a sample."""
        edited = f"files edited by hand ({', '.join(self.edited)}): " if self.edited else ""
        if failures := self._failures():
            return f"{edited}does not hold: {'; '.join(failures)}"
        proved = sum(each.status == "proved" for each in self.netlists)
        netlists = ""
        if self.netlists:
            netlists = f"; of {len(self.netlists)} netlists {proved} proved, the others sampled"
        sampled = "; no simulator was here to sample it"
        for run in self.sampled[:1]:
            sampled = f"; sampled as well: {run.steps} random inputs in {run.simulator}"
        return (
            f"{edited}holds: {len(self.proofs)} claims proved for all inputs, of the step and of "
            f"its registers{netlists}{sampled}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what certificate.json holds."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "holds": self.holds,
            "interrupted": self.is_interrupted,
            "edited": list(self.edited),
            **self.neuron,
            "proved_for_all_inputs": [proof.as_dict() for proof in self.proofs],
            "after_synthesis": [proof.as_dict() for proof in self.netlists],
            "sampled": [run.as_dict() for run in self.sampled],
            "environment": self.environment,
        }


def verify_neuron(
    directory: Path,
    progress: ProgressCallback = ignore_progress,
    *,
    allow_edited: bool = False,
    netlists: Sequence[str] = (),
) -> NeuronCertificate:
    """Verify a compiled neuron, and write its certificate.json.

    The step and the properties of the registered module are proved. If they hold, random inputs go
    through the step, as far as a simulator is installed; and through the netlists that are asked
    for, which are proved where that takes seconds. What is done stands in the certificate also if
    it is interrupted, which then does not hold.

    Args:
        directory: What `compile_neuron` wrote.
        progress: Receives the name of each proof.
        allow_edited: Whether files may differ from what the equations give.
        netlists: The families whose netlists are checked, of `verify.netlist.STEP_FAMILIES`.

    Raises:
        UserError: If the folder is not a compiled neuron, an edited module holds what may not be
            given to tools (see `verify.verilog_reader`), or another command writes to it.
        CheckFailedError: If a file was edited and that is not allowed, or changed meanwhile.
        ToolMissingError: If Yosys, SymbiYosys or z3 is not installed; or no simulator, if netlists
            are asked for.
    """
    unknown = sorted({*netlists} - {*STEP_FAMILIES})
    if unknown:
        raise UserError(
            f"no netlist of a neuron for {unknown[0]!r}: known are {', '.join(STEP_FAMILIES)}"
        )
    if netlists:
        choose_simulator("auto")  # without one, what was asked for would be left out
    compiled = open_neuron(directory, allow_edited=allow_edited)
    work = _Work(compiled, progress, tuple(netlists))
    with sole_writer(directory, "verify"):
        try:
            certificate = _verify_neuron(work)
        except (KeyboardInterrupt, SystemExit) as error:
            # What is known by now is worth keeping; that it is not all, it says itself.
            _keep(compiled, work.certificate(is_interrupted=True))
            if isinstance(error, KeyboardInterrupt):
                where = (directory / CERTIFICATE).as_posix()
                raise KeyboardInterrupt(f"interrupted: what was done is in {where}") from None
            raise
        _keep(compiled, certificate)
    return certificate


def _verify_neuron(work: _Work) -> NeuronCertificate:
    work.run()
    return work.certificate()


def _keep(compiled: CompiledNeuron, certificate: NeuronCertificate) -> None:
    check_unchanged(compiled, "verify")
    replace_files(compiled.home, {CERTIFICATE: as_bytes(certificate.as_dict())})


class _Work:
    """Proves one thing after the other, and keeps what is done."""

    def __init__(
        self, compiled: CompiledNeuron, progress: ProgressCallback, netlists: tuple[str, ...]
    ) -> None:
        self._compiled = compiled
        self._progress = progress
        self._families = netlists
        self._stages = ("step", "properties", *netlists)
        self._proofs: list[ProofResult] = []
        self._netlists: list[ProofResult] = []
        self._sampled: list[StepCosimulation] = []

    def run(self) -> None:
        compiled, verilog = self._compiled, self._compiled.verilog
        program, latency, module = compiled.program, verilog.latency, f"{verilog.name}_step"
        self._report(0)
        self._proofs.append(prove_step(program, verilog.step, module, latency=latency))
        self._report(1)
        self._proofs.append(_other_registers(compiled) or prove_properties(program, verilog))
        has_simulator = any(each.is_available for each in SIMULATORS.values())
        if has_simulator and all(proof.status == "proved" for proof in self._proofs):
            self._sampled.append(cosimulate_step(program, verilog.step, module, latency=latency))
            for done, family in enumerate(self._families, start=2):
                self._report(done)
                proof, run = check_netlist(program, verilog.step, module, family, latency=latency)
                self._netlists.append(proof)
                self._sampled.append(replace(run, module=f"{module}, netlist for {family}"))
        self._report(len(self._stages))

    def _report(self, done: int) -> None:
        note = self._stages[done] if done < len(self._stages) else ""
        self._progress(Progress("proofs of the neuron", done, len(self._stages), note))

    def certificate(self, *, is_interrupted: bool = False) -> NeuronCertificate:
        """Return what is done by now."""
        compiled, program = self._compiled, self._compiled.program
        return NeuronCertificate(
            neuron={
                "module": compiled.verilog.name,
                "neuron": str(program.neuron),
                "state_format": program.fixed_point.text,
                "pipeline": compiled.verilog.latency,
                "files": compiled.hashes,
                "tables": [str(table) for table in program.tables],
                "overflows": [str(place) for place in program.program.overflows],
                "numerics": compiled.numerics.as_dict(),
            },
            edited=compiled.edited,
            proofs=tuple(self._proofs),
            netlists=tuple(self._netlists),
            sampled=tuple(self._sampled),
            environment=environment({}),
            is_interrupted=is_interrupted,
        )


def _other_registers(compiled: CompiledNeuron) -> ProofResult | None:
    """Return what is wrong with registers that somebody edited, beyond what is claimed of them.

    The module with the registers must be the circuit that is generated, around whatever the step
    is, and neither may remember more: a step that counts would answer rightly until it does not.
    """
    began = time.perf_counter()
    verilog, ours = compiled.verilog, generated(compiled)
    if (verilog.step, verilog.registered) == (ours.step, ours.registered):
        return None
    edited = replace(ours, registered=verilog.registered)
    try:
        found = elaborate(files_of(verilog), verilog.name)
        wanted = elaborate(files_of(ours), verilog.name)
        faults = [*found.faults, *new_state(found, wanted)]
        if not same_circuit(files_of(edited), files_of(ours), verilog.name):
            faults.append(
                f"{verilog.name}.v is another circuit around the step than is generated: of that "
                f"nothing is proved"
            )
    except ToolTimeoutError:
        raise
    except ToolFailedError as error:
        faults = [f"as they were edited, Yosys refuses the files: {error}"]
    if not faults:
        return None
    return ProofResult(
        name=f"{verilog.name}: its registers are those that are generated",
        status="refuted",
        engine=f"Yosys {programs.version('yosys')}, exact comparison",
        seconds=round(time.perf_counter() - began, 3),
        detail="; ".join(faults),
    )
