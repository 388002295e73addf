"""Opening a design folder: is it what its network and choices give, and if not, what was edited?

Whatever works on a design works on a private copy of its files, each read once. That copy is
compared, byte for byte, with what this version would write for the network and the choices in it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sc_neurocore import __version__
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fpga.boards import add_board
from sc_neurocore.fpga.constraints import check_constraints
from sc_neurocore.hdl.design import Design, Found, find_files
from sc_neurocore.verify.verilog_reader import check_design, check_memory

_MOST_NAMED = 8


@contextmanager
def opened(directory: Path, *, allow_edited: bool = False) -> Iterator[Design]:
    """Open a design folder while the context lasts.

    Args:
        directory: What `compile_design` wrote.
        allow_edited: Whether files may differ from what would be written.

    Yields:
        The design; its accelerator's directory is a private copy of the folder's files, which goes
        when the context ends.

    Raises:
        UserError: If the folder is not a design, or a file is damaged.
        CheckFailedError: If a file was edited and that is not allowed, or the network is another.
    """
    found = find_files(directory)
    expected = _expected(found)
    design = _compared(found, expected)
    if design.edited and not allow_edited:
        raise CheckFailedError(_explain(found, design.edited))
    if design.edited:
        _check_edited(design, expected)
    with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
        for name, content in design.contents.items():
            path = Path(place) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        yield design.at(Path(place))


def _expected(found: Found) -> Design:
    """Make a folder's design again, as this version would write it."""
    design = found.render_again()
    board = found.manifest.board
    if board is not None:
        design = add_board(design, board.board, board.asked_mhz, board.baud)
    others = sorted(set(design.contents) ^ set(found.contents))
    if others:
        raise UserError(
            f"{found.directory}: design.json lists other files than its network and choices have "
            f"({_list(others)}): compile the network again"
        )
    return design


def _compared(found: Found, expected: Design) -> Design:
    """Put the folder's files into the design, and say which of them differ."""
    edited = tuple(
        name for name in expected.contents if found.contents[name] != expected.contents[name]
    )
    return replace(
        expected,
        contents=found.contents,
        home=found.directory,
        edited=edited,
        originals={name: expected.contents[name] for name in edited},
    )


def _check_edited(design: Design, expected: Design) -> None:
    """Refuse what may not be given to any tool: only then does an edited file go on.

    Raises:
        UserError: If a file holds what this package never writes; see `verify.verilog_reader`.
    """
    verilog = [path.as_posix() for path in design.manifest.paths("verilog", "bus", "board")]
    check_design(
        {name: design.contents[name] for name in verilog},
        [expected.contents[name] for name in verilog],
    )
    for path in design.manifest.paths("memory"):
        name = path.as_posix()
        if name in (design.edited or ()) and path.suffix == ".hex":
            words = expected.contents[name].split()
            check_memory(name, design.contents[name], 4 * len(words[0]), len(words))
    for path in design.manifest.paths("constraints"):
        check_constraints(design.contents[path.as_posix()], Path(design.name) / path)


def _explain(found: Found, edited: tuple[str, ...]) -> str:
    generator = found.manifest.generator
    if generator != __version__:
        return (
            f"{found.directory} was compiled by sc-neurocore {generator}; this is {__version__}, "
            f"which writes {_list(edited)} differently: compile the network again"
        )
    return (
        f"{found.directory}: edited by hand: {_list(edited)}. This is not what the network and the "
        f"choices in design.json give: compile again, or say --allow-edited"
    )


def _list(names: tuple[str, ...] | list[str]) -> str:
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + rest
