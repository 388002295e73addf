"""The tokens of Verilog files that somebody may have edited, and what no token may be.

Only what every tool splits in the same way gets through: no escaped identifiers, no macros, no
numbers that are cut off, and no comment that a tool takes for an order.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from sc_neurocore.errors import UserError
from sc_neurocore.hdl.names import RESERVED

LARGEST_FILE = 4 << 20
"""Bytes of a Verilog file that is read at all; MNIST's layer of streams has a quarter of it."""
_LONGEST_NAME = 200
_WIDEST_NUMBER = 1 << 20
_LARGEST_UNSIZED = (1 << 31) - 1
_LONGEST_DECIMAL = 100

KEYWORDS = frozenset(
    """always assign begin case default else end endcase endfunction endgenerate endmodule for
    function generate genvar if initial input integer localparam module output parameter posedge
    reg signed wire""".split()  # noqa: SIM905
)
"""The reserved words that are read; every other reserved word is refused."""

PROPERTY_KEYWORDS = frozenset({"assert", "assume", "cover"})
"""Reserved words that only a block of properties may hold."""

SYSTEM_NAMES = frozenset(("$signed", "$unsigned", "$clog2", "$readmemh"))
"""The system tasks and functions that are read."""

PROPERTY_SYSTEM_NAMES = frozenset(("$past", "$stable", "$rose", "$fell", "$initstate"))
"""System functions that only a block of properties may have."""

_REASONS = {
    "negedge": "a register on the falling edge is invisible to every clocked proof",
    "casex": "simulators and synthesis differ over bits that are unknown",
    "casez": "simulators and synthesis differ over bits that are unknown",
    "include": "a design names its files in one list",
    "defparam": "parameters are given where the module is instantiated",
    "$c": "Verilator compiles its text as C++ and runs it",
    "$system": "simulators run its text as a command",
    "$fopen": "simulators write files with it",
}

SYMBOLS = (
    *("<<<", ">>>", "**", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "+:", "-:"),
    *("(*", "*)", "~&", "~|", "~^", "^~"),
    *"()[]{},;:.#@=?+-*/%!~&|^<>",
)
_STRANGE_SYMBOLS = (
    *("<<<=", ">>>=", "===", "!==", "==?", "!=?", "&&&", "<->", "->>", "|->", "|=>", "<<=", ">>="),
    *("->", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "::", "##", "@@", "(*)"),
)
_SYMBOL_PATTERN = "|".join(
    re.escape(each) for each in sorted((*SYMBOLS, *_STRANGE_SYMBOLS), key=len, reverse=True)
)
DIRECTIVES = ("`default_nettype none", "`default_nettype wire", "`ifdef FORMAL", "`endif")
"""Compiler directives in the only forms that are read, each alone on its line."""

_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\n]+)
    | (?P<line_comment>//[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<based>[0-9][0-9_]*'[sS]?[A-Za-z][A-Za-z0-9_?]*)
    | (?P<real>[0-9][0-9_]*(?:\.[0-9_]+(?:[eE][+-]?[0-9_]+)?|[eE][+-]?[0-9_]+))
    | (?P<number>[0-9][0-9_]*)
    | (?P<string>"[^"\n]*")
    | (?P<system>\$[A-Za-z_][A-Za-z0-9_$]*)
    | (?P<directive>`[^\n]*)
    | (?P<symbol>{_SYMBOL_PATTERN})
    """,
    re.VERBOSE,
)
_BASED = re.compile(r"([0-9_]+)'([sS]?)([A-Za-z])([A-Za-z0-9_?]+)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
_GLUED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$'\\`\"")
_PLAIN_STRING = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*|\.|")
_TAIL = re.compile(r"/[A-Za-z0-9][A-Za-z0-9_.-]*")

_LINT_COMMENT = re.compile(
    r"/\* verilator lint_(?:on|off) (?:PINCONNECTEMPTY|PINMISSING|UNSIGNED|UNUSED|WIDTH) \*/"
)
"""Switches one of Verilator's warnings; no meaning depends on it."""
_ORDER = re.compile(
    r"""^[^\w\n]*(?:
        verilator|synopsys|synplify|verific|cadence|ambit|exemplar|xilinx|vivado|altera|quartus
        |lattice|icarus|yosys|spyglass|pragma|vcs|rtl_synthesis|lint_|coverage|ivl_|syn_
        |(?-i:synthesis))
    |\b(?:translate|synthesis|coverage|lint)_?(?:on|off)\b
    |\b(?:full|parallel)_case\b|\bblack_?box\b|\bkeep_hierarchy\b|\bdont_touch\b""",
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
"""What makes a comment an order: a tool's name in front, or the orders that tools know."""


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: "name", "keyword", "number", "real", "string", "tail", "system", "directive",
            "symbol", or "end" behind the last one. A tail is a string "/name", for behind a folder.
        text: As it stands in the file; of a string without its quotes.
        line: Its line, from 1.
    """

    kind: str
    text: str
    line: int


def refuse(name: str, line: int, found: str, reason: str) -> NoReturn:
    """Raise the error that says what was found, where, and why it is not read.

    Raises:
        UserError: Always.
    """
    shown = found if len(found) <= 60 else f"{found[:57]}..."
    raise UserError(f"{name}:{line}: {shown}: refused in an edited design: {reason}")


def tokenise(name: str, text: bytes) -> list[Token]:
    """Split a file into tokens.

    Args:
        name: The file's name, for messages.
        text: Its content.

    Returns:
        The tokens without comments, and one of kind "end".

    Raises:
        UserError: If anything in it is not what all tools take for the same.
    """
    if len(text) > LARGEST_FILE:
        refuse(name, 1, f"{len(text)} bytes", f"a file has {LARGEST_FILE} bytes at most")
    try:
        source = text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        refuse(name, line, repr(text[error.start : error.start + 1]), "it is not UTF-8")
    tokens: list[Token] = []
    line, position, end = 1, 0, len(source)
    while position < end:
        match = _TOKEN.match(source, position)
        if match is None:
            _refuse_character(name, line, source, position)
        kind, found, after = str(match.lastgroup), match[0], match.end()
        if kind == "space":
            line += found.count("\n")
        elif kind == "line_comment":
            _check_comment(name, line, found)
            _check_continuation(name, line, source, after)
        elif kind == "block_comment":
            after = _end_of_comment(name, line, source, position)
            found = source[position:after]
            _check_comment(name, line, found)
            line += found.count("\n")
        else:
            if kind == "directive":
                after = position + len(found.split("//")[0])
            elif kind != "symbol" and after < end and source[after] in _GLUED:
                refuse(name, line, f"{found}{source[after]}", "tools split it differently")
            tokens.append(_token(name, line, kind, source[position:after], source, position))
        position = after
    tokens.append(Token("end", "the end of the file", line))
    return tokens


def _token(name: str, line: int, kind: str, text: str, source: str, position: int) -> Token:
    """Check one token by itself."""
    if kind == "word":
        return _word(name, line, text)
    if kind == "based":
        _check_based(name, line, text)
        return Token("number", text, line)
    if kind == "number":
        if len(text) > _LONGEST_DECIMAL or int(text.replace("_", "")) > _LARGEST_UNSIZED:
            refuse(name, line, text, "a number without a width has 31 bits; give it a width")
    elif kind == "string":
        text = text[1:-1]
        if _TAIL.fullmatch(text):
            return Token("tail", text, line)
        if not _PLAIN_STRING.fullmatch(text):
            refuse(
                name, line, repr(text), "expected a plain file name: letters, digits, '_', '.', '-'"
            )
    elif kind == "directive":
        text = " ".join(text.split())
        begins = source.rfind("\n", 0, position) + 1
        if text not in DIRECTIVES or source[begins:position].strip(" \t"):
            refuse(
                name, line, text, "of compiler directives, only some are read, on their own line"
            )
    elif kind == "system" and text not in SYSTEM_NAMES | PROPERTY_SYSTEM_NAMES:
        reason = "system tasks and functions may act on the machine that simulates"
        refuse(name, line, text, _REASONS.get(text, reason))
    elif kind == "symbol" and text in _STRANGE_SYMBOLS:
        refuse(name, line, text, "no operator of Verilog-2005 that all tools treat alike")
    return Token(kind, text, line)


def _word(name: str, line: int, text: str) -> Token:
    if text in KEYWORDS or text in PROPERTY_KEYWORDS:
        return Token("keyword", text, line)
    if text in RESERVED:
        reason = "our generator never writes this keyword of Verilog or SystemVerilog"
        refuse(name, line, text, _REASONS.get(text, reason))
    if len(text) > _LONGEST_NAME or text.startswith("_") or "__" in text:
        reason = f"a name starts with a letter, has no '__' and {_LONGEST_NAME} letters at most"
        refuse(name, line, text, reason)
    return Token("name", text, line)


def _check_based(name: str, line: int, text: str) -> None:
    """Refuse a number with a width whose digits do not fit into it, or that has unknown bits."""
    match = _BASED.fullmatch(text)
    base = _BASES.get(match[3].lower()) if match else None
    if match is None or base is None:
        refuse(name, line, text, "expected a number such as 8'd255")
    digits, size = match[4].replace("_", ""), match[1].replace("_", "")
    if any(each in digits for each in "xXzZ?"):
        refuse(name, line, text, "unknown and floating bits are not hardware")
    width = int(size) if len(size) <= 8 else 0
    if not 1 <= width <= _WIDEST_NUMBER:
        refuse(name, line, text, f"the width of a number is 1 to {_WIDEST_NUMBER}")
    try:
        too_long = base == 10 and len(digits) > _LONGEST_DECIMAL
        value = None if too_long else int(digits, base)
    except ValueError:
        value = None
    if value is None or value.bit_length() > width:
        refuse(name, line, text, f"expected digits of base {base} that fit into the width")


def _end_of_comment(name: str, line: int, source: str, position: int) -> int:
    after = source.find("*/", position + 2)
    if after < 0:
        refuse(name, line, "/*", "the comment does not end")
    if source.startswith("/*/", position) or "/*" in source[position + 2 : after + 1]:
        refuse(name, line, "/*", "a comment in a comment")
    return after + 2


def _check_comment(name: str, line: int, comment: str) -> None:
    """Refuse a comment that some tool obeys, or that shows other than it holds."""
    if _LINT_COMMENT.fullmatch(comment):
        return
    for offset, text in enumerate(comment.split("\n")):
        if not text.replace("\t", " ").isprintable():
            refuse(name, line + offset, ascii(text), "the comment has characters that do not show")
    order = _ORDER.search(comment)
    if order:
        line += comment.count("\n", 0, order.start())
        refuse(
            name, line, comment.split("\n")[0], f"tools may obey {order[0].strip()!r} in a comment"
        )


def _check_continuation(name: str, line: int, source: str, after: int) -> None:
    """Refuse a comment whose last backslash might make the next line, which is code, part of it."""
    if source[after - 1] == "\\":
        ends = source.find("\n", after + 1)
        following = source[after + 1 : ends if ends > 0 else None].strip()
        if following and not following.startswith("//"):
            refuse(name, line, "\\", "the comment ends in a backslash, and code follows")


def _refuse_character(name: str, line: int, source: str, position: int) -> NoReturn:
    character = source[position]
    reasons = {
        "\\": "escaped identifiers and line continuations are not read",
        "\r": "lines must end in a line feed alone: save the file so",
        '"': "the string does not end on its line",
        "'": "a number needs a width: write 8'd0",
        "$": "a system task or function needs a name",
    }
    reason = reasons.get(character, "the character has no place in code")
    refuse(name, line, ascii(character), reason)
