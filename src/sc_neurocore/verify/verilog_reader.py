"""A reader of Verilog files that somebody has edited: what may be given to tools at all.

A design folder comes from anyone. Verilog can run programs (`$c` and `$system` in Verilator), write
files (`$fopen` in Icarus), and mean one circuit to simulators and proofs and another to synthesis
(`ifdef SYNTHESIS`, pragmas in comments, falling edges, unknown bits). So this reader has a list of
what is allowed, and refuses the rest: the keywords, attributes and shapes that our own files have,
where Yosys, Verilator, Icarus and vendors' tools mean the same by them.

What it cannot see is in the values: indices out of range, a parameter that is wrong, a latch, a
constant without a width beyond 32 bits, which Icarus computes and others cut off.
`verify.elaborated` looks at some of these.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from sc_neurocore.errors import UserError
from sc_neurocore.verify.verilog_expressions import CLOCK
from sc_neurocore.verify.verilog_interface import Instance, Module
from sc_neurocore.verify.verilog_modules import ModuleReader
from sc_neurocore.verify.verilog_tokens import LARGEST_FILE, refuse

MOST_FILES = 1000
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\.v")


def check_verilog(name: str, text: bytes, ours: Iterable[bytes] = ()) -> None:
    """Refuse a file by itself; `check_design` also looks at how the files fit together.

    Args:
        name: The file's name, for messages.
        text: Its content.
        ours: Files as this version of the package writes them. A module that equals one of
            theirs but for comments and blanks may hold what only we may write; one that only has
            the name of one of theirs, the attributes without a value that stand there.

    Raises:
        UserError: If it has anything that is not on the list; with file, line, what was found and
            why it is refused.
    """
    _read({name: text}, ours)


def check_design(files: Mapping[str, bytes], ours: Iterable[bytes] = ()) -> None:
    """Refuse a design whose files hold anything that is not on the list.

    Args:
        files: All Verilog files of a design by name.
        ours: Files as this version of the package writes them, for this design: the generated
            ones and those written by hand. Files with the cells of a device (a board's clock)
            must be among them.

    Raises:
        UserError: As `check_verilog`, and if a module is there twice, is not there, contains
            itself, or is connected in another way than it is declared.
    """
    modules, our_names = _read(files, ours)
    by_name: dict[str, Module] = {}
    for module in modules:
        name = module.name
        if name.text in by_name:
            refuse(module.file, name.line, name.text, "the module is defined twice")
        if name.text not in our_names and not any(each.islower() for each in name.text):
            reason = "names without lower-case letters belong to the cells of devices"
            refuse(module.file, name.line, name.text, reason)
        by_name[name.text] = module
    for module in modules:
        for instance in module.instances:
            _check_instance(module, instance, by_name)
        for guard in module.guards:
            if guard.text in by_name:
                refuse(module.file, guard.line, guard.text, "expected the name of no module")
    _check_hierarchy(by_name)


def check_memory(name: str, text: bytes, width: int, depth: int) -> None:
    """Refuse a $readmemh file that is not exactly `depth` words in hexadecimal, one on a line.

    Args:
        name: The file's name, for messages.
        text: Its content.
        width: Bits of a word.
        depth: Words.

    Raises:
        UserError: If there are addresses, comments, unknown bits, or more or fewer words.
    """
    if len(text) > LARGEST_FILE * 8:
        refuse(name, 1, f"{len(text)} bytes", f"a memory has {LARGEST_FILE * 8} bytes at most")
    lines = text.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    digits = (width + 3) // 4
    for number, line in enumerate(lines, start=1):
        is_word = 1 <= len(line) <= digits and not line.strip(b"0123456789abcdefABCDEF")
        if not is_word or int(line, 16) >> width:
            refuse(name, number, ascii(line.decode("latin-1")), f"expected a word of {width} bits")
    if len(lines) != depth:
        refuse(name, len(lines), f"{len(lines)} words", f"the memory has {depth}")


def _read(
    files: Mapping[str, bytes], ours: Iterable[bytes]
) -> tuple[list[Module], Collection[str]]:
    """Read all files; also return the names of our modules."""
    if len(files) > MOST_FILES:
        raise UserError(f"{len(files)} Verilog files: a design has {MOST_FILES} at most")
    names: set[str] = set()
    texts: set[tuple[str, ...]] = set()
    properties: dict[str, list[tuple[str, ...]]] = {}
    attributes: dict[str, set[str]] = {}
    for content in ours:
        for module in ModuleReader("a file of ours", content, _Everything()).read():
            names.add(module.name.text)
            texts.add(module.text)
            properties.setdefault(module.name.text, []).extend(module.properties)
            attributes.setdefault(module.name.text, set()).update(module.attributes)
    modules: list[Module] = []
    for name, content in files.items():
        if not _FILE_NAME.fullmatch(name):
            raise UserError(f"{name!r}: a Verilog file has a plain name that ends in .v")
        modules += ModuleReader(name, content, texts, properties, attributes).read()
    return modules, names


class _Everything(frozenset[tuple[str, ...]]):
    """The set that has every module in it."""

    def __contains__(self, item: object) -> bool:
        return True


def _check_instance(module: Module, instance: Instance, modules: Mapping[str, Module]) -> None:
    """Refuse an instance that is not connected as its module is declared."""
    token = instance.module
    found = modules.get(token.text)
    if found is None and module.is_trusted:
        return  # a cell of the device
    if found is None:
        refuse(module.file, token.line, token.text, "no file of the design has this module")
    for name, kind in instance.parameters.items():
        declared = found.parameters.get(name)
        if declared is None:
            refuse(module.file, token.line, f"{token.text}.{name}", "there is no such parameter")
        if ("file" in (kind, declared) or kind == "real") and kind != declared:
            reason = f"the parameter is declared as {declared} and given as {kind}"
            refuse(module.file, token.line, f"{token.text}.{name}", reason)
    for name in instance.ports.keys() - found.ports.keys():
        refuse(module.file, token.line, f"{token.text}.{name}", "there is no such port")
    for name, direction in found.ports.items():
        given = instance.ports.get(name)
        if given is None or (given == "nothing" and direction == "input"):
            refuse(module.file, token.line, f"{token.text}.{name}", "the port is not connected")
        if found.ports.get(CLOCK) == "output" and direction == "input" and given != "input":
            reason = "a clock is made of inputs of the device and nothing else"
            refuse(module.file, token.line, f"{token.text}.{name}", reason)


def _check_hierarchy(modules: Mapping[str, Module]) -> None:
    """Refuse a module that contains itself."""
    waiting = {
        name: {each.module.text for each in module.instances} & modules.keys()
        for name, module in modules.items()
    }
    users: dict[str, list[str]] = {name: [] for name in modules}
    for name, used in waiting.items():
        for each in used:
            users[each].append(name)
    ready = [name for name, used in waiting.items() if not used]
    while ready:
        done = ready.pop()
        for user in users[done]:
            waiting[user].discard(done)
            if not waiting[user]:
                ready.append(user)
    for name, used in waiting.items():
        if used:
            module = modules[name]
            refuse(module.file, module.name.line, name, "the module contains itself")
