"""What a Verilog module means, as Yosys writes it in SMT-LIB, taken apart signal by signal.

Every cell of the module is one signal with a definition. A prover may ask for the meaning of a
signal in terms of any others: the definitions are followed until they reach those.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sc_neurocore.tools.programs import run

_PORT = re.compile(r"; yosys-smt2-(input|output) (\S+) (\d+)")
_DECLARED = re.compile(r"\(declare-fun \|([^|]+)\| \(\|[^|]+\|\) (.+?)\)(?: ;.*)?")
_DEFINED = re.compile(
    r"\(define-fun \|([^|]+)\| \(\(state \|[^|]+\|\)\) (Bool|\(_ BitVec \d+\)) (.+)"
)
_NEXT = re.compile(r"\s*\(= (.+) \(\|([^|]+)\| next_state\)\)(?: ;.*)?")
_USE = re.compile(r"\(\|([^|]+)\| state\)")
_NAMED = re.compile(r"\|([^|]+)\|")


@dataclass(frozen=True)
class Meaning:
    """A module without memories.

    Attributes:
        module: Its name.
        ports: Kind and width of each port, by name.
        sorts: The SMT-LIB sort of each signal.
        definitions: What each signal is, in terms of others; inputs have none, and a register has
            what it takes over at the next clock.
        registers: The signals that are registers.
    """

    module: str
    ports: Mapping[str, tuple[str, int]]
    sorts: Mapping[str, str]
    definitions: Mapping[str, str]
    registers: frozenset[str]

    def wire(self, name: str) -> str:
        """Return the signal that a port or wire of that name is."""
        return f"{self.module}_n {name}"

    def has(self, name: str) -> bool:
        """Tell whether the module has a port or wire of that name."""
        return self.wire(name) in self.sorts

    def source(self, name: str) -> str | None:
        """Return the one signal that a wire is another name for; None if it is made of parts."""
        whole = re.fullmatch(r"\|([^|]+)\|", self.definitions[self.wire(name)])
        return whole[1] if whole else None

    def term(self, signal: str, known: Mapping[str, str]) -> Any:
        """Return a signal's meaning as a z3 term.

        Args:
            signal: The signal; its own definition is followed even if it is in `known`.
            known: Signals that are not followed, with what they are in SMT-LIB. Names in that
                text, and signals without a definition, are constants of the term.
        """
        import z3

        lines: list[str] = []
        made: set[str] = set()
        free: dict[str, str] = {}

        def define(name: str, body: str) -> None:
            lines.append(f"(define-fun |{name}| () {self.sorts[name]} {body})")

        stack = [(signal, False)]
        while stack:
            name, is_ready = stack.pop()
            if name in made:
                continue
            if name in known and name != signal:
                made.add(name)
                define(name, known[name])
                free |= dict(_constants(known[name]))
            elif name not in self.definitions:
                made.add(name)
                lines.append(f"(declare-const |{name}| {self.sorts[name]})")
            elif is_ready:
                made.add(name)
                define(name, self.definitions[name])
            else:
                stack.append((name, True))
                uses = _NAMED.findall(self.definitions[name])
                stack += [(use, False) for use in dict.fromkeys(uses) if use not in made]
        head = [f"(declare-const {name} {sort})" for name, sort in free.items()]
        sort = self.sorts[signal]
        goal = f"(declare-const goal {sort})(assert (= goal |{signal}|))"
        return z3.parse_smt2_string("\n".join([*head, *lines, goal]))[0].arg(1)

    def depths(self, signal: str) -> frozenset[int]:
        """Return how many registers lie between the inputs and a signal, over all paths.

        Raises:
            ValueError: If a register depends on itself.
        """
        inputs: set[str] = set()
        for name, (kind, _) in self.ports.items():
            if kind == "input":
                inputs.update(_NAMED.findall(self.definitions[self.wire(name)]))
        found: dict[str, frozenset[int]] = {}
        active: set[str] = set()
        stack = [(signal, False)]
        while stack:
            name, is_ready = stack.pop()
            if name in found:
                continue
            body = self.definitions.get(name)
            uses = _NAMED.findall(body) if body is not None else []
            if is_ready:
                active.discard(name)
                if body is None:
                    found[name] = frozenset({0} if name in inputs else ())
                else:
                    below = frozenset().union(*(found[use] for use in uses))
                    step = name in self.registers
                    found[name] = frozenset(depth + step for depth in below)
                continue
            if name in active:
                raise ValueError(name)
            active.add(name)
            stack.append((name, True))
            for use in dict.fromkeys(uses):
                if use in active:
                    raise ValueError(use)
                stack.append((use, False))
        return found[signal]


def _constants(text: str) -> Iterator[tuple[str, str]]:
    """Yield the constants that a piece of SMT-LIB made by `constant` names, with their sorts."""
    for name, width in re.findall(r"\b(cut_\d+)_(\d+|Bool)\b", text):
        yield f"{name}_{width}", "Bool" if width == "Bool" else f"(_ BitVec {width})"


def constant(number: int, width: int | None) -> str:
    """Return the name of the constant that stands for a node: of `width` bits, or a truth value."""
    return f"cut_{number}_{'Bool' if width is None else width}"


def read_module(verilog: str, module: str, extra: tuple[str, ...] = ()) -> Meaning:
    """Let Yosys read a module, and return what it means.

    Args:
        verilog: The source that holds the module and those that it uses.
        module: Its name.
        extra: Yosys commands after reading, before the hierarchy is made.

    Raises:
        ToolMissingError: If Yosys is not installed.
        ToolFailedError: If it cannot read the source.
    """
    with tempfile.TemporaryDirectory() as folder:
        # Relative names only: the YoWASP build sees the file system from its working folder.
        Path(folder, "module.v").write_text(verilog, encoding="utf-8")
        # Nothing is optimised: what is proved is what is written, cell by cell.
        steps = [
            "read_verilog module.v",
            *extra,
            f"hierarchy -check -top {module}",
            "proc -noopt -norom",
            "flatten",
            "opt_clean",
            # An undefined bit may be anything: equality must hold for every value of it.
            "setundef -undriven -anyseq",
            "write_smt2 -wires module.smt2",
        ]
        run("yosys", ["-q", "-p", "; ".join(steps)], cwd=folder)
        text = Path(folder, "module.smt2").read_text(encoding="utf-8")
    return parse_meaning(text, module)


def parse_meaning(text: str, module: str) -> Meaning:
    """Read what `write_smt2 -wires` wrote of one module."""
    sorts: dict[str, str] = {}
    definitions: dict[str, str] = {}
    registers: set[str] = set()
    for line in text.splitlines():
        if declared := _DECLARED.fullmatch(line):
            sorts[declared[1]] = declared[2]
        elif defined := _DEFINED.match(line):
            sorts[defined[1]] = defined[2]
            body = re.sub(r"\)(?: ;.*)?$", "", defined[3])
            definitions[defined[1]] = _USE.sub(r"|\1|", body)
        elif (following := _NEXT.fullmatch(line)) and following[2] in sorts:
            definitions[following[2]] = _USE.sub(r"|\1|", following[1])
            registers.add(following[2])
    ports = {name: (kind, int(width)) for kind, name, width in _PORT.findall(text)}
    return Meaning(module, ports, sorts, definitions, frozenset(registers))
