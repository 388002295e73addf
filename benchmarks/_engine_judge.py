"""What becomes of a fault of the engine: which claim refutes it, or why none has to."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from _engine_faults import EngineFault

from sc_neurocore.errors import ScNeurocoreError, ToolFailedError
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator
from sc_neurocore.hdl.design import Design
from sc_neurocore.tools import programs
from sc_neurocore.verify.claims import Claim, claims_of
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs
from sc_neurocore.verify.edited_circuits import circuit_of
from sc_neurocore.verify.elaborated import Elaboration, elaborate
from sc_neurocore.verify.memory_contracts import MEMORY_MODULES

SAMPLES = 24
EQUIVALENCE_SECONDS = 120
ELABORATION_SECONDS = 60  # a second, where a fault does not make widths or loops without end
_WHOLE = ("additions", "order", "control")
"""Of the emitted top, with memories, currents and equations that their benches have."""
_JOINS = ("wiring", "joined")
_NOT_IN_BENCHES = {*MEMORY_MODULES, "snn_requantize", "snn_product"}
_BOUNDED = "small"
_OF_SIZES = "schedule"
"""It speaks of the order of work and of sizes, which “files” reads back."""
_EQUIVALENCE = "Yosys' equivalence checker"


@dataclass(frozen=True)
class Judgement:
    """What became of one fault.

    Attributes:
        design: The design's name.
        file: The file's name.
        kind: What was changed.
        line: Where, from 1.
        before: The line before the change.
        after: The line after it.
        outcome: `rejected` (Yosys does not read it), `same circuit`, `refuted` (by the claim
            `means`, with a counterexample or a difference), `unproved` (the claim has no answer,
            so the certificate does not hold), `equal` (proved, of its module, of the whole core or,
            of a memory, by its contract), `co-simulation`
            (no proof noticed, simulation did), `bounded` (of proofs only the small network did),
            or `survivor`.
        means: Which claim, or what else decided.
        detail: What it said.
        seconds: How long it took.
    """

    design: str
    file: str
    kind: str
    line: int
    before: str
    after: str
    outcome: str
    means: str
    detail: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


class Judge:
    """Judges the faults of one design, as if its generator had written them.

    So whatever compares an edited file with what would be generated is not asked.

    Args:
        name: The design's name.
        design: The design.
        has_bounded: Whether the bounded check of a small network is asked where no proof notices.
    """

    def __init__(self, name: str, design: Design, has_bounded: bool) -> None:
        self._name, self._design, self._has_bounded = name, design, has_bounded
        home = design.accelerator.directory
        self._files = {path.name: path.read_bytes() for path in (home / SOURCES).iterdir()}
        self._top = design.accelerator.top
        self._ours = elaborate(self._files, self._top)
        self._circuit = circuit_of(self._files, self._top)

    @property
    def name(self) -> str:
        """The design's name."""
        return self._name

    @property
    def files(self) -> dict[str, bytes]:
        """The design's files by name."""
        return self._files

    def judge(self, fault: EngineFault) -> Judgement:
        """Say what becomes of a fault."""
        began = time.perf_counter()
        outcome, means, detail = self._decide(fault)
        return Judgement(
            self._name, fault.file, fault.kind, fault.line, fault.before, fault.after,
            outcome, means, " ".join(detail.split())[:300], round(time.perf_counter() - began, 1),
        )  # fmt: skip

    def _decide(self, fault: EngineFault) -> tuple[str, str, str]:
        files = {**self._files, fault.file: fault.text}
        try:
            found = elaborate(files, self._top, timeout=ELABORATION_SECONDS)
            if circuit_of(files, self._top, timeout=ELABORATION_SECONDS) == self._circuit:
                return "same circuit", "Yosys", ""
        except ScNeurocoreError as error:
            return "rejected", "Yosys", str(error)
        with tempfile.TemporaryDirectory() as temporary:
            design = self._faulty(Path(temporary), fault)
            is_compared = False
            for claim in self._claims(fault, found):
                if claim.name in _WHOLE and not is_compared:  # these take long
                    is_compared = True
                    if is_equal(self._files, files, fault.file, self._ours):
                        return "equal", _EQUIVALENCE, ""
                try:
                    result = claim.prove(design)
                except programs.ToolTimeoutError:
                    return "unproved", claim.name, "no answer in time"
                except ToolFailedError as error:
                    return "unproved", claim.name, str(error)
                except ScNeurocoreError as error:
                    return "refuted", claim.name, str(error)
                if not result.holds:
                    is_refuted = result.status == "refuted"
                    return "refuted" if is_refuted else "unproved", claim.name, result.detail
            if not is_compared and is_equal(self._files, files, fault.file, self._ours):
                return "equal", _EQUIVALENCE, ""
            mismatch = _simulated(design)
            if mismatch is None:
                # A wire's width, say, that only designs of another kind use.
                if is_equal(self._files, files, f"{self._top}.v", self._ours):
                    return "equal", f"{_EQUIVALENCE}, of the whole core", ""
                if fault.file.removesuffix(".v") in MEMORY_MODULES:
                    # Proved of it a moment ago: its contract determines what a memory answers.
                    return "equal", "memories", "at every address that exists"
                return "survivor", "", ""
            if self._has_bounded:
                (small,) = (each for each in claims_of(design) if each.name == _BOUNDED)
                if not small.prove(design).holds:
                    return "bounded", _BOUNDED, mismatch
            return "co-simulation", "", mismatch

    def _faulty(self, folder: Path, fault: EngineFault) -> Design:
        home = self._design.accelerator.directory
        shutil.copytree(home / SOURCES, folder / SOURCES)
        (folder / SOURCES / fault.file).write_bytes(fault.text)
        return replace(self._design.at(folder), edited=())

    def _claims(self, fault: EngineFault, found: Elaboration) -> Iterator[Claim]:
        """Yield the claims that depend on what was changed, the cheapest first."""
        module = fault.file.removesuffix(".v")
        claims = {each.name: each for each in claims_of(self._design)}
        changed = {
            each.module
            for each in (*self._ours.instances.values(), *found.instances.values())
            if _numbers(self._ours, each.module) != _numbers(found, each.module)
        }
        for name in sorted(claims, key=lambda each: (each != module, each in _WHOLE)):
            if name in (_BOUNDED, _OF_SIZES):
                continue
            if name in CONTRACTS:
                taken = {name, *CONTRACTS[name].parts}
                is_asked = bool(taken & {module, *changed})
            elif name == "memories":
                is_asked = bool({module, *changed} & {*MEMORY_MODULES})
            elif name == "currents":
                is_asked = bool({module, *changed} & {"snn_requantize"})
            elif name in _JOINS:
                is_asked = module == "snn_engine" or module.startswith(self._top)
            elif name in self._design.accelerator.neuron_modules:
                is_asked = name == module
            elif name in _WHOLE:
                is_asked = fault.file.endswith(".v") and module not in _NOT_IN_BENCHES
                is_asked &= module not in self._design.accelerator.neuron_modules
            else:
                is_asked = True
            if is_asked:
                yield claims[name]


def _numbers(design: Elaboration, module: str) -> list[dict[str, Any]]:
    """Return the parameters that a module has, wherever it is."""
    found: list[dict[str, Any]] = []
    for instance in design.instances.values():
        if instance.module == module and dict(instance.parameters) not in found:
            found.append(dict(instance.parameters))
    return found


def _simulated(design: Design) -> str | None:
    """Return the first difference that co-simulation finds, if any."""
    accelerator: Accelerator = design.accelerator
    inputs = extreme_inputs(design.network, SAMPLES)
    try:
        run = cosimulate(accelerator, design.network, inputs, "icarus", disturbed=1.0)
    except ScNeurocoreError as error:  # it does not run, or says that it is another network
        return str(error)
    return None if run.holds else str(run.first_mismatch)


def is_equal(
    ours: dict[str, bytes], theirs: dict[str, bytes], file: str, design: Elaboration
) -> bool:
    """Tell whether Yosys proves a changed module equal to the original, with each set of numbers.

    Registers of the same name are taken for the same: so it is an induction over one clock.
    """
    module = file.removesuffix(".v")
    if not file.endswith(".v") or not _numbers(design, module):
        return False
    return all(
        any(_passes(ours, theirs, script) for script in _scripts(ours, module, numbers))
        for numbers in _numbers(design, module)
    )


def _scripts(ours: dict[str, bytes], module: str, numbers: dict[str, Any]) -> Iterator[list[str]]:
    """Yield the ways to show a module equal; last with a name for each bit: unread ones go then."""
    given = " ".join(f"-chparam {k} {v}" for k, v in numbers.items() if isinstance(v, int))
    for bits, ways in (([], _EQUAL), (["simplemap", "splitnets"], _EQUAL[:1])):
        script = []
        for name, folder in (("gold", "ours"), ("gate", "theirs")):
            script += [
                *(f"read_verilog -defer {folder}/{each}" for each in ours if each.endswith(".v")),
                f"hierarchy -check -top {module} {given}",
                "proc -norom",
                "flatten",
                "memory_map",
                *bits,
                "opt_clean",
                f"rename -top {name}",
                f"design -stash {name}",
            ]
        both = ["design -copy-from gold -as gold gold", "design -copy-from gate -as gate gate"]
        yield from ([*script, *both, *way] for way in ways)


_EQUAL = (
    (
        "equiv_make gold gate compared",
        "hierarchy -top compared",
        "opt_clean",
        "equiv_simple -short",
        "equiv_induct -seq 2",
        "equiv_status -assert",
    ),
    (  # without registers: wires of the same name are no cuts, so what they never are counts, too
        "select -assert-none t:$*dff* t:$*mem*",
        "miter -equiv -flatten gold gate compared",
        "sat -verify -prove trigger 0 compared",
    ),
)
"""Commands of Yosys that fail where they do not show two modules equal."""


def _passes(ours: dict[str, bytes], theirs: dict[str, bytes], script: list[str]) -> bool:
    """Tell whether a script of Yosys comes to its end, with two versions of the files."""
    with tempfile.TemporaryDirectory() as temporary:
        for folder, files in (("ours", ours), ("theirs", theirs)):
            Path(temporary, folder).mkdir()
            for name, content in files.items():
                Path(temporary, folder, name).write_bytes(content)
                if name.endswith(".hex"):  # a module of memories looks for it where Yosys works
                    Path(temporary, name).write_bytes(content)
        command = ["-q", "-p", "; ".join(script)]
        try:
            done = programs.run(
                "yosys", command, cwd=temporary, timeout=EQUIVALENCE_SECONDS, check=False
            )
        except programs.ToolTimeoutError:
            return False
        return done.returncode == 0
