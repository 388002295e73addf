"""A design on its way through synthesis: as it was written, halfway, and as a netlist.

The commands are those of a build, stopped twice: where operations are still words, and where
memories have become blocks. Yosys writes each as plain gates, so that two can be compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from sc_neurocore.tools.devices import find_device
from sc_neurocore.tools.families import FAMILIES, CellModels, find_models
from sc_neurocore.tools.programs import run, workshop
from sc_neurocore.verify.circuits import Recoded
from sc_neurocore.verify.gates import Gates

_WRITTEN, _WORDS, _SUMS, _ADDERS, _SUMMED, _BLOCKS, _NETLIST = (
    f"{name}.json" for name in ("written", "words", "sums", "adders", "summed", "blocks", "netlist")
)
_VERILOG = "netlist.v"
_LOG = "words.log"
MAPPED = "mapped.v"
"""The netlist of a family's cells."""

_RECODED = re.compile(r"Recoding FSM `\$fsm\$\\(\S+)\$\d+' from module")
_CODE = re.compile(r"  ([01]+) -> (-*1-*)")
_PLACES = ("map_ram", "map_gates")
"""Labels of the synthesis command where memories and then gates are mapped."""


@dataclass(frozen=True)
class Stages:
    """One module in the stages of its synthesis.

    Attributes:
        documents: What Yosys wrote of each stage, by file.
        top: The module.
    """

    documents: Mapping[str, bytes]
    top: str

    @property
    def verilog(self) -> bytes:
        """The netlist, its cells written out by their models, as Verilog."""
        return self.documents[_VERILOG]

    def _module(self, name: str) -> Mapping[str, Any]:
        modules = json.loads(self.documents[name])["modules"]
        return modules[self.top]  # type: ignore[no-any-return]

    @cached_property
    def written(self) -> Gates:
        """The module as it was written; products are cells."""
        return Gates(self._module(_WRITTEN))

    @cached_property
    def words(self) -> Gates:
        """The module after what synthesis does with words; products are cells."""
        return Gates(self._module(_WORDS))

    @cached_property
    def summed(self) -> Gates:
        """The same when products that are no multipliers are adders."""
        return Gates(self._module(_SUMMED))

    @cached_property
    def blocks(self) -> Gates:
        """The same when memories are blocks, too."""
        return Gates(self._module(_BLOCKS))

    @cached_property
    def netlist(self) -> Gates:
        """The netlist."""
        return Gates(self._module(_NETLIST))

    @cached_property
    def recoded(self) -> Recoded:
        """The registers that synthesis has given one bit for each of their values."""
        found: dict[str, dict[int, int]] = {}
        codes: dict[int, int] = {}
        for line in self.documents[_LOG].decode().splitlines():
            if begins := _RECODED.match(line):
                codes = found.setdefault(begins[1], {})
            elif code := _CODE.fullmatch(line):
                codes[int(code[1], 2)] = len(code[2]) - 1 - code[2].index("1")
        return found

    @cached_property
    def sums(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The module with sums of products as cells, and when these are adders."""
        return self._module(_SUMS), self._module(_ADDERS)


def map_module(
    sources: Mapping[str, bytes],
    top: str,
    family: str,
    timeout: float | None = None,
    boxes: tuple[str, ...] = (),
) -> Stages:
    """Synthesise a module for a family, with the command of its builds.

    Args:
        sources: Its files, and those of all that it uses, by name.
        top: Its name.
        family: The key of a family whose cells have models, such as ecp5.
        timeout: Seconds for Yosys.
        boxes: Modules that are boxes in what was written: memories.

    Raises:
        UserError: If the family is not known.
        ToolMissingError: If Yosys is not installed.
        ToolTimeoutError: If it takes longer.
        ToolFailedError: If it refuses the module.
    """
    models = find_models(family)
    verilog = [name for name in sources if Path(name).suffix == ".v"]
    documents = _run(
        _to_cells(verilog, top, synthesis_of(family), models, boxes),
        {**sources, **_own(models)},
        (_WRITTEN, _WORDS, _SUMS, _ADDERS, _SUMMED, _BLOCKS, MAPPED, _LOG),
        timeout,
    )
    return Stages({**documents, **expanded(documents[MAPPED], top, family, timeout)}, top)


def expanded(
    mapped: bytes, top: str, family: str, timeout: float | None = None
) -> dict[str, bytes]:
    """Return the files that speak of a netlist with its cells written out by their models.

    Args:
        mapped: The netlist of a family's cells, as Verilog.
        top: The module.
        family: The family's key.
        timeout: Seconds for Yosys.
    """
    models = find_models(family)
    script = _to_gates(top, models)
    return _run(script, {MAPPED: mapped, **_own(models)}, (_NETLIST, _VERILOG), timeout)


def _own(models: CellModels) -> dict[str, bytes]:
    harness = files("sc_neurocore.verify") / "harness"
    return {name: (harness / name).read_bytes() for name in {models.own} - {""}}


def _run(
    script: list[str], sources: Mapping[str, bytes], results: tuple[str, ...], timeout: float | None
) -> dict[str, bytes]:
    with workshop() as folder:
        for name, content in sources.items():
            (folder / name).write_bytes(content)
        (folder / "map.ys").write_text("\n".join(script) + "\n", encoding="utf-8")
        run("yosys", ["-q", "-s", "map.ys"], folder, timeout, confined=True)
        return {name: (folder / name).read_bytes() for name in results}


def synthesis_of(family: str) -> str:
    """Return the command of Yosys that builds use."""
    return find_device(FAMILIES[family].representative).synthesis_command


def _to_cells(
    verilog: list[str], top: str, synthesis: str, models: CellModels, boxes: tuple[str, ...]
) -> list[str]:
    read = [f"read_verilog -defer {' '.join(verilog)}"]
    memories, gates = _PLACES
    command = f"{synthesis} -top {top} -run"
    multipliers = " ".join(f"t:{cell}" for cell in models.multipliers)
    as_products = [f"techmap -map {models.own} {multipliers}"] if multipliers else []
    # A table that is looked up within a clock is gates; what is read with the clock stays a box.
    tables = "memory_map -rom-only t:$mem_v2 r:RD_CLK_ENABLE=1'0 %i"
    return [
        *read,
        f"tee -q -o {_LOG} {command} begin:{memories}",
        "design -save words",
        f"{command} {memories}:{gates}",
        "design -save blocks",
        f"{command} {gates}:",
        f"write_verilog -noattr {MAPPED}",
        "design -load words",
        f"select {top}",
        f"write_json -selected {_SUMS}",
        "maccmap",
        f"write_json -selected {_ADDERS}",
        tables,
        *as_products,
        *_as_gates(_SUMMED),
        "design -load words",
        f"select {top}",
        tables,
        *as_products,
        "maccmap -unmap",
        *_as_gates(_WORDS),
        "design -load blocks",
        f"select {top}",
        *as_products,
        "maccmap",
        *_as_gates(_BLOCKS),
        "design -reset",
        *read,
        f"hierarchy -check -top {top}",
        *(f"blackbox *{box}*" for box in boxes),
        "proc -norom",
        "flatten",
        "opt_clean",
        "memory -nomap",
        f"select {top}",
        tables,
        *_as_gates(_WRITTEN),
    ]


def _to_gates(top: str, models: CellModels) -> list[str]:
    own = [f"read_verilog -nooverwrite {models.own}"] if models.own else []
    cells = [
        f"read_verilog {MAPPED}",
        *own,
        f"read_verilog -defer -nooverwrite {models.library}",
        f"hierarchy -check -top {top}",
        "proc",
        "flatten",
    ]
    return [
        *cells,
        "opt_clean -purge",
        f"write_verilog -noattr {_VERILOG}",
        "design -reset",
        # Memories alone are read as boxes, and then nothing else has their names.
        f"read_verilog -lib {models.library}",
        *([f"read_verilog -lib -overwrite {models.own}"] if models.own else []),
        " ".join(["delete =*", *(f"={cell} %d" for cell in models.memories)]),
        *cells,
        "opt_clean",
        f"select {top}",
        *_as_gates(_NETLIST),
    ]


def _as_gates(file: str) -> list[str]:
    """Return the commands that make a module gates and plain registers, and write it."""
    chosen = "t:* t:$mul %d"
    return [
        f"techmap {chosen}",
        f"simplemap {chosen}",
        "dffunmap",
        "aigmap",
        "opt_clean",
        f"write_json -selected {file}",
        "select -clear",
    ]
