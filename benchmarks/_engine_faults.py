"""Single faults of emitted Verilog and of memories' files, for engine_mutation.py.

A fault changes one place, found among the tokens of the package's own reader: so comments, strings
and blocks of properties stay as they are. Whatever an edit may be, it must only be read by Yosys.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from sc_neurocore.verify.verilog_tokens import Token, tokenise


@dataclass(frozen=True)
class EngineFault:
    """One change of one file.

    Attributes:
        file: The file's name in rtl/.
        kind: What was changed: a key of `KINDS`, or "hex value".
        line: Its line, from 1.
        before: The line before the change.
        after: The line after it.
        text: The whole file.
    """

    file: str
    kind: str
    line: int
    before: str
    after: str
    text: bytes


@dataclass(frozen=True)
class _Place:
    """A token and where it stands in the file."""

    token: Token
    begin: int
    end: int


@dataclass(frozen=True)
class _Edit:
    begin: int
    end: int
    text: str


_SWAPS = {
    "+": ("-",), "-": ("+",), "*": ("+",), "==": ("!=",), "!=": ("==",), "&&": ("||",),
    "||": ("&&",), "<": ("<=",), ">": (">=",), ">=": (">",), "<<": (">>",), ">>": ("<<",),
    "<<<": (">>>",), "&": ("|",), "|": ("&",), "^": ("|",), "~": ("",), "!": ("",),
}  # fmt: skip
_BINARY = {"+", "-", "*", "<", ">", "<<", ">>", "&", "|", "^"}
_OPERANDS = {"name", "number"}


def faults_of(file: str, content: bytes) -> list[EngineFault]:
    """Return every single fault that is known of a file: none twice."""
    if file.endswith(".hex"):
        return list(_of_hex(file, content))
    source = content.decode()
    places = _code(_placed(file, source))
    found, seen = [], {source}
    for kind, change in KINDS.items():
        for edit in change(places, source):
            text = source[: edit.begin] + edit.text + source[edit.end :]
            if text in seen:
                continue
            seen.add(text)
            line = source.count("\n", 0, edit.begin)
            lines = (source.split("\n")[line].strip(), text.split("\n")[line].strip())
            found.append(EngineFault(file, kind, line + 1, *lines, text.encode()))
    return found


def sample(faults: list[EngineFault], count: int, seed: int) -> list[EngineFault]:
    """Choose faults, as evenly over files and kinds as there are any; a seed gives the same."""
    chance = random.Random(seed)
    groups: dict[tuple[str, str], list[EngineFault]] = {}
    for fault in faults:
        groups.setdefault((fault.file, fault.kind), []).append(fault)
    for group in groups.values():
        chance.shuffle(group)
    order = list(groups.values())
    chance.shuffle(order)
    chosen: list[EngineFault] = []
    while len(chosen) < count and any(order):
        for group in order:
            if group and len(chosen) < count:
                chosen.append(group.pop())
    return chosen


def _placed(file: str, source: str) -> list[_Place]:
    """Find where each token stands: the reader says its line."""
    begins = [0]
    for text in source.split("\n"):
        begins.append(begins[-1] + len(text) + 1)
    places, position = [], 0
    for token in tokenise(file, source.encode())[:-1]:
        quoted = f'"{token.text}"' if token.kind in ("string", "tail") else token.text
        begin = source.index(quoted, max(position, begins[token.line - 1]))
        position = begin + len(quoted)
        places.append(_Place(token, begin, position))
    return places


def _code(places: list[_Place]) -> list[_Place]:
    """Leave out the blocks of properties, and what only keeps linters quiet."""
    kept, is_formal, is_unused = [], False, False
    for at, place in enumerate(places):
        text = place.token.text
        if text == "`ifdef FORMAL":
            is_formal = True
        elif text == "`endif":
            is_formal = False
        elif place.token.kind != "directive":
            after = places[at + 1].token.text if at + 1 < len(places) else ""
            is_unused = (is_unused and text != ";") or (text == "wire" and "unused" in after)
            if not is_formal and not is_unused:
                kept.append(place)
    return kept


def _statements(places: list[_Place]) -> Iterator[list[_Place]]:
    """Yield the tokens from one semicolon to the next."""
    statement: list[_Place] = []
    for place in places:
        statement.append(place)
        if place.token.text in (";", "begin", "end"):
            yield statement
            statement = []


def _closing(places: list[_Place], at: int) -> int:
    """Return where the bracket that opens at a place is closed."""
    depth = 0
    for index in range(at, len(places)):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(
            places[index].token.text, 0
        )
        if depth == 0:
            return index
    return len(places) - 1


def _is_of_elaboration(statement: list[_Place]) -> bool:
    """Tell whether a statement says what is built and not what that does: loops, parameters."""
    words = {place.token.text for place in statement}
    return bool(words & {"for", "parameter", "genvar", "module", "generate"})


def _operators(places: list[_Place], source: str) -> Iterator[_Edit]:
    for statement in _statements(places):
        if _is_of_elaboration(statement):
            continue
        depth = 0
        for at, place in enumerate(statement):
            text = place.token.text
            depth += {"[": 1, "]": -1}.get(text, 0)
            if place.token.kind != "symbol" or text not in _SWAPS or depth:
                continue
            before = statement[at - 1].token if at else None
            is_operand = before is not None and (
                before.kind in _OPERANDS or before.text in (")", "]", "}")
            )
            if text in _BINARY and not is_operand:
                continue
            for other in _SWAPS[text]:
                yield _Edit(place.begin, place.end, other)


def _constants(places: list[_Place], source: str) -> Iterator[_Edit]:
    for statement in _statements(places):
        if _is_of_elaboration(statement) or statement[0].token.text == "localparam":
            continue
        depth = 0
        for place in statement:
            depth += {"[": 1, "]": -1}.get(place.token.text, 0)
            match = re.fullmatch(r"(\d+)'([bdh])([0-9a-f]+)", place.token.text)
            if match is None or depth:
                continue
            base = {"b": 2, "d": 10, "h": 16}[match[2]]
            value, width = int(match[3], base), int(match[1])
            for changed in sorted({value ^ 1, value + 1, value - 1, value ^ 1 << (width - 1)}):
                if 0 <= changed < 1 << width and changed != value:
                    yield _Edit(place.begin, place.end, f"{width}'d{changed}")


def _widths(places: list[_Place], source: str) -> Iterator[_Edit]:
    for at, place in enumerate(places):
        if place.token.text not in ("wire", "reg"):
            continue
        opening = at + 2 if places[at + 1].token.text == "signed" else at + 1
        if places[opening].token.text != "[":
            continue
        colon = next(i for i in range(opening, len(places)) if places[i].token.text == ":")
        begin, end = places[opening].end, places[colon].begin
        high = source[begin:end]
        if not high.strip().isdigit() or int(high) > 0:
            yield _Edit(begin, end, f"{high}-1")
        if at and places[at - 1].token.text not in ("input", "output"):
            yield _Edit(begin, end, f"{high}+1")
    for statement in _statements(places):
        if statement[0].token.text == "localparam" and "MEMORY" not in statement[1].token.text:
            equals = next(each for each in statement if each.token.text == "=")
            begin, end = equals.end, statement[-1].begin
            yield _Edit(begin, end, f"({source[begin:end]})+1")
            yield _Edit(begin, end, f"({source[begin:end]})-1")


def _signs(places: list[_Place], source: str) -> Iterator[_Edit]:
    for place in places:
        if place.token.text in ("signed", "$signed"):
            yield _Edit(place.begin, place.end, "$unsigned" if "$" in place.token.text else "")
        if place.token.text == ">>>":
            yield _Edit(place.begin, place.end, ">>")


def _conditions(places: list[_Place], source: str) -> Iterator[_Edit]:
    for at, place in enumerate(places):
        if place.token.text == "if" and places[at + 1].token.text == "(":
            begin, end = places[at + 1].end, places[_closing(places, at + 1)].begin
            condition = source[begin:end]
            if not re.search(r"[a-z]", condition):
                continue  # of parameters: what is built
            yield _Edit(begin, end, f"!({condition})")
            if condition.strip() == "reset":
                continue
            yield _Edit(begin, end, "1'b1")
            yield _Edit(begin, end, "1'b0")
    for statement in _statements(places):
        texts = [place.token.text for place in statement]
        if texts.count("?") == 1 and texts.count(":") >= 1 and not _is_of_elaboration(statement):
            question = texts.index("?")
            colons = [i for i in range(question, len(texts)) if texts[i] == ":"]
            colon = next((i for i in colons if _is_level(statement, question, i)), None)
            last = len(texts) - 1 if texts[-1] == ";" else None
            if colon and last and _is_level(statement, question, last):
                begin, middle = statement[question].end, statement[colon]
                end = statement[last].begin
                first, second = source[begin : middle.begin], source[middle.end : end]
                yield _Edit(begin, end, f"{second}:{first}")
                yield _Edit(begin, end, f"{first}:{first}")


def _is_level(statement: list[_Place], first: int, last: int) -> bool:
    """Tell whether two tokens are inside the same brackets."""
    depth = 0
    for place in statement[first:last]:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(place.token.text, 0)
        if depth < 0:
            return False
    return depth == 0


def _indices(places: list[_Place], source: str) -> Iterator[_Edit]:
    for at, place in enumerate(places):
        if place.token.text != "[" or not at or places[at - 1].token.kind != "name":
            continue
        begin, end = place.end, places[_closing(places, at)].begin
        inside = source[begin:end]
        first, colon, rest = inside.partition("+:") if "+:" in inside else inside.partition(":")
        if colon == "+:":
            yield _Edit(begin, end, f"{first} + 1 +:{rest}")
            yield _Edit(begin, end, f"0 +:{rest}")
        elif colon:
            yield _Edit(begin, end, f"{first}-1:{rest}")
        elif re.search(r"[a-z]", inside):
            yield _Edit(begin, end, f"({inside}) ^ 1'b1")
        elif inside.strip().isdigit() and int(inside):
            yield _Edit(begin, end, str(int(inside) - 1))


def _resets(places: list[_Place], source: str) -> Iterator[_Edit]:
    for at, place in enumerate(places):
        if place.token.text == "if" and places[at + 2].token.text == "reset":
            if places[at + 3].token.text == ")":
                yield _Edit(places[at + 2].begin, places[at + 2].end, "1'b0")
        elif place.token.text == "reset" and places[at + 1].token.text in ("||", "&&"):
            yield _Edit(place.begin, place.end, "1'b0")
        elif place.token.text in ("||", "&&") and places[at + 1].token.text == "reset":
            yield _Edit(places[at + 1].begin, places[at + 1].end, "1'b0")


def _registers(places: list[_Place], source: str) -> Iterator[_Edit]:
    """Leave out what a register takes, or have it take that late: an enable that is missing."""
    for at, place in enumerate(places):
        starts = places[at - 1].token.text in (";", "begin", "end", "else", ")", ":") if at else 0
        if place.token.kind != "name" or not starts or places[at + 1].token.text != "<=":
            continue
        end = next(i for i in range(at, len(places)) if places[i].token.text == ";")
        yield _Edit(places[at + 1].end, places[end].begin, f" {place.token.text}")


def _connections(places: list[_Place], source: str) -> Iterator[_Edit]:
    """Exchange what two neighbouring ports of an instance are connected to, or cut one."""
    ports = []
    for at, place in enumerate(places[:-2]):
        if place.token.text == "." and places[at + 2].token.text == "(":
            end = _closing(places, at + 2)
            name = places[at + 1].token.text
            if name.upper() != name:  # parameters stand in capital letters
                ports.append((places[at + 2].end, places[end].begin, at, end))
    for first, second in pairwise(ports):
        texts = [source[begin:end] for begin, end, *_ in (first, second)]
        is_next = second[2] - first[3] <= 2
        if is_next and all(text.strip() for text in texts) and "clk" not in texts:
            between = source[first[1] : second[0]]
            yield _Edit(first[0], second[1], f"{texts[1]}{between}{texts[0]}")
    for begin, end, at, _ in ports:
        text = source[begin:end].strip()
        if places[at + 1].token.text != "clk" and text and not text[0].isdigit():
            yield _Edit(begin, end, f"~({text})" if re.fullmatch(r"[a-z_]+", text) else "1'b0")


def _parameters(places: list[_Place], source: str) -> Iterator[_Edit]:
    """Give an instance another number than is meant."""
    for at, place in enumerate(places[:-2]):
        name = places[at + 1].token.text
        if place.token.text != "." or name.upper() != name or places[at + 2].token.text != "(":
            continue
        begin, end = places[at + 2].end, places[_closing(places, at + 2)].begin
        if '"' not in source[begin:end]:
            yield _Edit(begin, end, f"({source[begin:end]})+1")
            yield _Edit(begin, end, f"({source[begin:end]})-1")


def _of_hex(file: str, content: bytes) -> Iterator[EngineFault]:
    """Flip a bit of a word, or exchange it with the next one."""
    words = content.decode().split()
    for at, word in enumerate(words):
        for bit in (0, 4 * len(word) // 2):
            changed = f"{int(word, 16) ^ 1 << bit:0{len(word)}x}"
            text = "\n".join([*words[:at], changed, *words[at + 1 :], ""])
            yield EngineFault(file, "hex value", at + 1, word, changed, text.encode())
        if at + 1 < len(words) and words[at + 1] != word:
            text = "\n".join([*words[:at], words[at + 1], word, *words[at + 2 :], ""])
            yield EngineFault(file, "hex value", at + 1, word, words[at + 1], text.encode())


KINDS: dict[str, Callable[[list[_Place], str], Iterator[_Edit]]] = {
    "operator": _operators,
    "constant": _constants,
    "width": _widths,
    "sign": _signs,
    "condition": _conditions,
    "index": _indices,
    "reset": _resets,
    "register": _registers,
    "connection": _connections,
    "parameter": _parameters,
}
"""For each kind of fault, the edits of a file that make it. In a table, constants are entries."""
