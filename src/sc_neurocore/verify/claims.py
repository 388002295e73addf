"""What is proved of a design: one list of claims, each of which takes the design.

A claim's name is that of its bench's top module, where it has a bench. A new proof is one entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.hdl.accelerator import BUS_MODULES, SOURCES
from sc_neurocore.hdl.bus import behind_bus
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.manifest import BusName
from sc_neurocore.verify.contents import check_contents
from sc_neurocore.verify.contract_table import CONTRACTS, Contract
from sc_neurocore.verify.contracts import prove_contract
from sc_neurocore.verify.control import prove_control
from sc_neurocore.verify.currents import prove_currents
from sc_neurocore.verify.emitted import check_emitted
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.joined import prove_joined
from sc_neurocore.verify.memory_contracts import prove_memories
from sc_neurocore.verify.order import prove_order
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.scores import prove_scores
from sc_neurocore.verify.small_network import prove_small
from sc_neurocore.verify.stream_counts import check_counts
from sc_neurocore.verify.sums import prove_additions, prove_sums
from sc_neurocore.verify.taps import check_taps
from sc_neurocore.verify.wiring import prove_wiring


@dataclass(frozen=True)
class Claim:
    """Something to prove of a design.

    Attributes:
        name: What it is called while it is proved.
        prove: Answers for a design.
        asks_z3: Whether z3 decides in our own process, where it knows one thread at a time.
    """

    name: str
    prove: Callable[[Design], ProofResult]
    asks_z3: bool = False


def claims_of(design: Design) -> Iterator[Claim]:
    """Yield what is proved of a design, in the certificate's order: what takes long is last."""
    accelerator = design.accelerator
    yield Claim("files", check_emitted)
    for program, module in zip(design.network.programs, accelerator.neuron_modules, strict=True):
        yield _neuron(program, module)
    yield Claim("memories", lambda it: prove_memories(it.accelerator), asks_z3=True)
    yield Claim("schedule", _prove_schedule, asks_z3=True)
    yield Claim("sums", lambda it: prove_sums(it.accelerator, it.network))
    yield Claim("contents", lambda it: check_contents(it.accelerator, it.network))
    if accelerator.geometry.windows:
        yield Claim("taps", lambda it: check_taps(it.accelerator, it.network))
    yield Claim("wiring", lambda it: prove_wiring(it.accelerator, it.network))
    yield Claim("joined", lambda it: prove_joined(it.accelerator))
    yield Claim("scores", lambda it: prove_scores(it.accelerator, it.network))
    yield Claim("currents", lambda it: prove_currents(it.accelerator, it.network))
    if accelerator.geometry.part_bits:
        yield Claim("counts", lambda it: check_counts(it.accelerator, it.network))
    for contract in CONTRACTS.values():
        if Path(SOURCES) / f"{contract.module}.v" in accelerator.verilog:
            yield _contract(contract)
    if design.manifest.choices.bus != "none":
        for module in BUS_MODULES[design.manifest.choices.bus]:
            yield _contract(CONTRACTS[module], design.manifest.choices.bus)
    if not accelerator.geometry.windows:
        yield Claim("additions", lambda it: prove_additions(it.accelerator))
    yield Claim("order", lambda it: prove_order(it.accelerator))
    yield Claim("control", lambda it: prove_control(it.accelerator))
    yield Claim("small", lambda it: prove_small(it.accelerator))


def _prove_schedule(design: Design) -> ProofResult:
    from sc_neurocore.verify.schedule import prove_schedule  # z3, which only proofs need

    return prove_schedule(design.accelerator)


def _contract(contract: Contract, bus: BusName = "none") -> Claim:
    """Claim of a module of the core, or between it and a bus, what its contract says."""
    return Claim(
        contract.module, lambda it: prove_contract(behind_bus(it.accelerator, bus), contract)
    )


def _neuron(program: NeuronProgram, module: str) -> Claim:
    """Claim of a neuron's step what stands in the folder, not what would be generated now."""

    def prove(design: Design) -> ProofResult:
        accelerator = design.accelerator
        source = accelerator.directory / SOURCES / f"{module}.v"
        latency = accelerator.geometry.unit_latency
        return prove_step(program, source.read_text(encoding="utf-8"), module, latency=latency)

    return Claim(module, prove, asks_z3=True)
