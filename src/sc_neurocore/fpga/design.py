"""Reading a design directory: the Verilog that the network generator wrote, and its manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.files import write_atomically

_MANIFEST = "design.json"
_SOURCES = "rtl"


@dataclass(frozen=True)
class Design:
    """A design directory.

    Attributes:
        directory: The folder that holds design.json.
        top: The module to build.
        verilog: The sources, relative to `sources`.
        is_core: Whether the module is what the network generator made, no board's.
        changed: Files that differ from what was compiled, relative to the directory.
        constraints: A board's pins and clock, relative to `sources`; None for what is not a board.
        device: The key of the FPGA that it was compiled for, if one was named.
    """

    directory: Path
    top: str
    verilog: tuple[Path, ...]
    is_core: bool = False
    changed: tuple[str, ...] = ()
    constraints: Path | None = None
    device: str | None = None

    @property
    def sources(self) -> Path:
        """The folder that tools run in, because memory files are named relative to it."""
        return self.directory / _SOURCES


def read_design(directory: Path, top: str | None = None) -> Design:
    """Read and check a design directory.

    Args:
        directory: The folder that holds design.json.
        top: The module to build; by default design.json's "board_top", or else its "top".

    Raises:
        UserError: There is no design.json, it lacks a key, or names a file that is not there.
    """
    manifest = directory / _MANIFEST
    try:
        content: Any = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{directory} holds no {_MANIFEST}: expected a directory that `sc-neurocore compile` "
            "wrote; give that one, or compile first"
        ) from None
    except OSError as error:
        raise UserError(f"{manifest}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{manifest} is not JSON ({error}); compile the design again") from None

    if not isinstance(content, dict):
        raise UserError(f"{manifest} holds no JSON object; compile the design again")
    chosen = top or content.get("board_top") or content.get("top")
    paths = content.get("verilog")
    board = content.get("board") if chosen == content.get("board_top") else None
    board = board if isinstance(board, dict) else {}
    memories = content.get("memories", [])
    device = content.get("device")
    if device is not None and not isinstance(device, str):
        raise UserError(f'{manifest} names no FPGA under "device"; compile the design again')
    if not isinstance(chosen, str):
        raise UserError(f'{manifest} names no module under "top"; compile the design again')
    if not isinstance(paths, list) or not paths or not all(isinstance(each, str) for each in paths):
        raise UserError(f'{manifest} lists no paths under "verilog"; compile the design again')
    if not isinstance(memories, list) or not all(isinstance(each, str) for each in memories):
        raise UserError(f'{manifest} lists no paths under "memories"; compile the design again')

    sources = directory / _SOURCES
    constraints = board.get("constraints")
    own = [*board.get("verilog", []), *([constraints] if constraints else [])]
    if not all(isinstance(each, str) for each in own):
        raise UserError(f'{manifest} lists no paths under "board"; compile the design again')
    for path in paths + memories + own:
        if not (directory / path).is_file():
            raise UserError(
                f"{manifest} lists {path}, which is not in {directory}; compile the design again"
            )
        if not Path(path).is_relative_to(_SOURCES):
            raise UserError(f"{manifest} lists {path}, which is outside {sources}; move it there")
    paths += board.get("verilog", [])
    return Design(
        directory=directory,
        top=chosen,
        verilog=tuple(Path(path).relative_to(_SOURCES) for path in paths),
        is_core="geometry" in content and chosen == content.get("top"),
        changed=_changed(directory, content.get("sha256")),
        constraints=Path(constraints).relative_to(_SOURCES) if constraints else None,
        device=device,
    )


def note_device(directory: Path, key: str) -> None:
    """Write into design.json which FPGA a design was compiled for."""
    manifest = directory / _MANIFEST
    content = json.loads(manifest.read_text(encoding="utf-8")) | {"device": key}
    write_atomically(manifest, (json.dumps(content, indent=2) + "\n").encode())


def _changed(directory: Path, recorded: Any) -> tuple[str, ...]:
    """Return the files whose content is not the recorded one."""
    if not isinstance(recorded, dict):
        return ()
    return tuple(
        name
        for name, digest in recorded.items()
        if not (directory / name).is_file()
        or hashlib.sha256((directory / name).read_bytes()).hexdigest() != digest
    )
