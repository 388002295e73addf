"""The engine's modules, each proved alone to keep the contract that stands in its file.

A contract is a block of properties under `ifdef FORMAL`, beside the registers of which it speaks.
It asserts and never assumes: what a module may count on is written there as `fair`, and what it
promises holds for as long as that did. It is proved by induction, without bound, of the emitted
file and with the parameters that the emitted engine gives it. A memory inside a module is replaced
by what the memory's own contract says: real at one word, which may be any.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator
from sc_neurocore.hdl.verilog_text import parameter_value
from sc_neurocore.verify.bench import IN_PLACE, blocks, prove
from sc_neurocore.verify.contract_table import Contract, Numbers
from sc_neurocore.verify.emitted import parameters_of
from sc_neurocore.verify.result import ProofResult

_HELD, _FAIR = "held_parts.v", "fair_now"
_SEARCH = 24  # clocks from the reset on, in which a broken contract shows
_MODULE = re.compile(r"^module (\w+) .*?^endmodule$", re.DOTALL | re.MULTILINE)


def prove_contract(
    accelerator: Accelerator, contract: Contract, *, timeout: float = 600
) -> ProofResult:
    """Prove that a module of an accelerator keeps its contract, alone, with its own parameters.

    Args:
        accelerator: The design; the bench goes to its folder proof/MODULE.
        contract: The contract.
        timeout: Seconds for each way in which the module is there, after which the answer is
            `unknown`.

    Raises:
        CheckFailedError: If the design does not use the module, or it has another contract than we
            wrote.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    began = time.perf_counter()
    found, sources = parameters_of(accelerator, contract.module), sources_of(accelerator)
    results = []
    for number, parameters in enumerate(found):
        folder = accelerator.directory / "proof" / f"{contract.module}_{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        setup = prepare_alone(folder, contract, parameters, sources)
        results.append(
            prove(
                folder,
                contract.name,
                contract.says,
                (),
                contract.depth,
                timeout,
                top=contract.module,
                setup=setup,
                search=_SEARCH,
            )
        )
    worst = next((each for each in results if each.status != "proved"), results[-1])
    return replace(
        worst,
        seconds=round(time.perf_counter() - began, 3),
        detail=f"{worst.detail}{_as_words(contract, found) if worst.status == 'proved' else ''}",
        assumptions=(*_of_others(contract, sources), *contract.rests_on),
        figures={"ways": len(found)},
    )


def sources_of(accelerator: Accelerator) -> dict[str, str]:
    """Return the texts of a design's Verilog files, by name."""
    return {
        path.stem: (accelerator.directory / path).read_text(encoding="utf-8")
        for path in accelerator.verilog
    }


def prepare_alone(
    folder: Path,
    contract: Contract,
    parameters: Numbers,
    sources: Mapping[str, str],
) -> list[str]:
    """Write the files of a module that is proved alone.

    Args:
        folder: Where they go.
        contract: The contract.
        parameters: The module's parameters.
        sources: The texts of the design's files by name.

    Returns:
        The commands of Yosys that make them one flat module.

    Raises:
        CheckFailedError: If a file assumes something, or has another contract than we wrote.
    """
    taken = (contract.module, *contract.parts)
    for name in taken:
        check_block(name, sources[name])
        (folder / f"{name}.v").write_text(sources[name], encoding="utf-8")
    held = (files("sc_neurocore.verify") / "harness" / _HELD).read_text(encoding="utf-8")
    others = [text for name, text in _modules(held) if name not in taken]
    (folder / "held.v").write_text("\n".join(others), encoding="utf-8")
    given = " ".join(
        f"-chparam {name} {parameter_value(value)}" for name, value in parameters.items()
    )
    return [
        f"hierarchy -check -top {contract.module} {given}",
        "proc -noopt",
        "flatten",
        *(each for join in contract.joins(parameters) for each in join.commands()),
        # What a module does is looked at, not what it says; and what no reset sets may be anything.
        "delete -output w:*",
        "expose w:reached_*",
        "async2sync",
        "formalff -clk2ff -ff2anyinit",
        f"prep -top {contract.module}",
    ]


def _of_others(contract: Contract, sources: Mapping[str, str]) -> tuple[str, ...]:
    """Return what a contract takes for granted of the modules around it, in words."""
    if _FAIR not in sources[contract.module]:
        return ()
    return (
        f"the modules around it do what it counts on: “{_FAIR}” in {contract.module}.v; that they "
        f"do is {'shown by “control”' if contract.module in IN_PLACE else 'no part of this claim'}",
    )


def _as_words(contract: Contract, found: Sequence[Numbers]) -> str:
    """Return the widths that a contract was proved for."""
    shown = [
        ", ".join(f"{name} {numbers[name]}" for name in contract.shown if name in numbers)
        for numbers in found
    ]
    return f": {'; '.join(filter(None, shown))}" if any(shown) else ""


def _modules(text: str) -> list[tuple[str, str]]:
    """Split a text into its modules by name."""
    return [(found[1], found[0]) for found in _MODULE.finditer(text)]


def check_block(module: str, text: str) -> None:
    """Refuse a module that assumes something, or whose contract is not the one that we wrote.

    Raises:
        CheckFailedError: If it does.
    """
    ours = (files("sc_neurocore.hdl") / SOURCES / f"{module}.v").read_text(encoding="utf-8")
    code = re.sub(r"//[^\n]*|/\*(?s:.*?)\*/", "", text)
    if re.search(r"\b(assume|restrict)\b", code) or blocks(text) != blocks(ours):
        raise CheckFailedError(
            f"{module}.v: its contract, the block under `ifdef FORMAL, is not the one that this "
            f"version wrote, and a contract assumes nothing; compile again"
        )
