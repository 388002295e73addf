"""What is built: Verilog and memory files in memory, and which module is the top."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside
from sc_neurocore.hdl.accelerator import SOURCES, Rendered
from sc_neurocore.hdl.design import Design

_PLAIN = re.compile(r"(?!-)[A-Za-z0-9_./-]+")
_MODULE = re.compile(r"^\s*module\s+(\w+)", re.MULTILINE)
_VERILOG, _MEMORIES = ".v", (".hex", ".mem")


@dataclass(frozen=True)
class Sources:
    """What synthesis reads.

    Attributes:
        top: The module to build.
        verilog: The Verilog files, by their names in `contents`.
        contents: All files by their paths relative to the folder that tools run in, where memory
            files are looked for.
        origin: What this is, for messages: the folder that it comes from.
        is_core: Whether the module is what the network generator made, no board's: then ports may
            be left open where a device has too few pins.
        constraints: A board's pins and clock, by the name in `contents`; None for what is no board.
    """

    top: str
    verilog: tuple[str, ...]
    contents: Mapping[str, bytes]
    origin: str
    is_core: bool = False
    constraints: str | None = None

    def write(self, folder: Path) -> None:
        """Write the files into a folder of the caller's own."""
        for name, content in self.contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def sources_of_core(rendered: Rendered) -> Sources:
    """Return what is built of an accelerator by itself."""
    accelerator = rendered.accelerator
    return Sources(
        top=accelerator.top,
        verilog=tuple(path.relative_to(SOURCES).as_posix() for path in accelerator.verilog),
        contents={
            PurePosixPath(name).relative_to(SOURCES).as_posix(): content
            for name, content in rendered.contents.items()
        },
        origin="memory",
        is_core=True,
    )


def quoted(name: str) -> str:
    """Return the name of a file or module as a word of a script for Yosys or Tcl.

    Raises:
        UserError: If it is not one of the names that this package gives.
    """
    if not _PLAIN.fullmatch(name):
        raise UserError(f"the name {name!r}: expected letters, digits, dots, - and _")
    return name


def sources_of(design: Design, top: str | None = None) -> Sources:
    """Return what is built of a design.

    Args:
        design: The design.
        top: The module to build; by default the board's top, or else the core's.
    """
    board = design.manifest.board
    chosen = top or (board.top if board else design.manifest.top)
    with_board = board is not None and chosen == board.top

    def names(*roles: str) -> tuple[str, ...]:
        every = design.manifest.files
        found = (PurePosixPath(each.path) for each in every if each.role in roles)
        return tuple(path.relative_to(SOURCES).as_posix() for path in found)

    verilog = names("verilog", "board") if with_board else names("verilog")
    constraints = names("constraints") if with_board else ()
    return Sources(
        top=chosen,
        verilog=verilog,
        contents={
            name: design.contents[f"{SOURCES}/{name}"]
            for name in (*verilog, *names("memory"), *constraints)
        },
        origin=design.name,
        is_core=top is None and not with_board,
        constraints=constraints[0] if constraints else None,
    )


def with_own_top(design: Design, files: Sequence[Path], constraint_format: str) -> Sources:
    """Return what is built of a user's own top around a design's core, and its bus if it has one.

    Args:
        design: The design.
        files: The Verilog file of the top first; then, in any order, further Verilog, files that
            memories are read from (.hex, .mem), and a file of pins and clocks.
        constraint_format: What the device's family takes for pins, such as "pcf".

    Raises:
        UserError: If a file is missing, of another kind, has a name of the design's, or the first
            one does not say which module is the top.
    """
    core = sources_of(design, design.manifest.top)
    bus = [PurePosixPath(path.as_posix()) for path in design.manifest.paths("bus")]
    contents = {path.name: design.contents[path.as_posix()] for path in bus} | dict(core.contents)
    verilog = [*core.verilog, *(path.name for path in bus)]
    pins = f".{constraint_format}"
    constraints: str | None = None
    for path in files:
        name = quoted(path.name)
        if name in contents:
            raise UserError(f"{path}: the design has a file {name} of its own; rename yours")
        if path.suffix not in (_VERILOG, *_MEMORIES, pins) or (constraints and path.suffix == pins):
            kinds = ", ".join((_VERILOG, *_MEMORIES))
            raise UserError(f"{path}: expected {kinds}, and one file {pins} of pins at most")
        content = read_inside(path.parent, path.name)
        if content is None:
            raise UserError(f"{path}: no such file; expected your top's Verilog, or what it reads")
        contents[name] = content
        if path.suffix == _VERILOG:
            verilog.append(name)
        elif path.suffix == pins:
            constraints = name
    return replace(
        core,
        top=_top_of(files[0], contents[files[0].name]),
        verilog=tuple(verilog),
        contents=contents,
        constraints=constraints,
    )


def _top_of(path: Path, content: bytes) -> str:
    """Return the module of a file that has its name, or the only one."""
    modules = _MODULE.findall(content.decode(errors="replace"))
    if path.stem in modules:
        return path.stem
    if path.suffix != _VERILOG or len(modules) != 1:
        found = ", ".join(modules) or "none"
        raise UserError(
            f"{path}: expected Verilog with one module, or one called {path.stem}; modules: {found}"
        )
    name: str = modules[0]
    return name
