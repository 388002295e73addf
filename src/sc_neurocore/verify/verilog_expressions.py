"""Names and expressions of Verilog, as far as all tools agree about them.

A recogniser, no compiler: it says whether a text is of a shape that is read, and keeps what rules
beyond one expression need: which names there are, and what each is.
"""

from __future__ import annotations

from typing import NoReturn

from sc_neurocore.verify.verilog_tokens import (
    PROPERTY_SYSTEM_NAMES,
    Token,
    refuse,
)

DEEPEST = 50
"""Brackets, statements and blocks that may stand in each other."""
CLOCK = "clk"
"""The one name that a clock has, in every module."""

_UNARY = frozenset(("+", "-", "!", "~", "&", "|", "^", "~&", "~|", "~^", "^~"))
_BINARY = frozenset(
    "+ - * / % ** == != < <= > >= && || & | ^ ~^ ^~ << >> <<< >>>".split()  # noqa: SIM905
)
_CONSTANT_KINDS = frozenset(("parameter", "genvar", "loop"))
_UNREADABLE = {
    "instance": "expected a value",
    "block": "expected a value",
    "integer": "an integer is the variable of a loop, and read inside the loop only",
    "result": "a function does not read its own result: simulators keep it between calls",
}
_SIGNAL_KINDS = frozenset(("input", "wire", "reg", "memory"))


class ExpressionReader:
    """Reads the tokens of one file from the first to the last.

    Scopes are searched from the innermost outwards. A name's kind is one of input, wire, reg,
    memory, clock, parameter, file (a parameter that is a file's name), real, genvar, integer, loop
    (an integer inside its loop), function, instance and block.
    """

    def __init__(self, name: str, tokens: list[Token]) -> None:
        self.name = name
        self.tokens = tokens
        self.position = 0
        self.scopes: list[dict[str, str]] = []
        self.is_trusted = False
        self.property_scope: int | None = None
        """Where the scopes of a block of properties begin, inside one."""
        self.is_combinational = False
        """Whether an `always @*` is read."""
        self._function_scope: int | None = None
        self._is_constant = False
        self._depth = 0
        self._signals_read = 0

    # ------------------------------------------------------------------------------------- tokens

    @property
    def token(self) -> Token:
        """The token that is read next."""
        return self.tokens[self.position]

    def refuse(self, reason: str, token: Token | None = None) -> NoReturn:
        """Refuse the file because of a token; the next one by default."""
        token = token or self.token
        refuse(self.name, token.line, token.text, reason)

    def at(self, *texts: str) -> bool:
        """Tell whether one of these symbols or keywords comes next."""
        return self.token.text in texts and self.token.kind in ("symbol", "keyword", "directive")

    def take(self) -> Token:
        """Take the next token, whatever it is but the end."""
        token = self.token
        if token.kind == "end":
            self.refuse("the file ends in the middle of something")
        self.position += 1
        return token

    def accept(self, *texts: str) -> bool:
        """Take the next token if it is one of these symbols or keywords."""
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, *texts: str) -> Token:
        """Take the next token, which must be one of these symbols or keywords."""
        if not self.at(*texts):
            self.refuse(f"expected {' or '.join(texts)}")
        return self.take()

    def take_name(self, what: str) -> Token:
        """Take a name."""
        if self.token.kind != "name":
            self.refuse(f"expected {what}")
        return self.take()

    def enter(self) -> None:
        """Go one level deeper."""
        self._depth += 1
        if self._depth > DEEPEST:
            self.refuse(f"more than {DEEPEST} levels of brackets and blocks")

    def leave(self) -> None:
        """Come back from a level."""
        self._depth -= 1

    # -------------------------------------------------------------------------------------- names

    def declare(self, token: Token, kind: str) -> None:
        """Enter a name into the innermost scope.

        A name that an outer scope has is refused: tools have differed over which one is meant. A
        function's own names are the exception, since it sees no others.
        """
        first = self._function_scope if self._function_scope is not None else 0
        if any(token.text in scope for scope in self.scopes[first:]):
            self.refuse("the name is declared twice, or hides another", token)
        self.scopes[-1][token.text] = kind

    def kind_of(self, token: Token) -> str:
        """Return what a name is; every name is declared before it is used."""
        for number in range(len(self.scopes) - 1, -1, -1):
            kind = self.scopes[number].get(token.text)
            if kind is not None:
                outside = self._function_scope is not None and number < self._function_scope
                if outside and kind not in ("parameter", "function"):
                    self.refuse("a function reads its own inputs and parameters only", token)
                return kind
        self.refuse("the name is not declared above", token)

    # -------------------------------------------------------------------------------- expressions

    def constant(self) -> None:
        """Read an expression of numbers, parameters, genvars and loop variables."""
        outer, self._is_constant = self._is_constant, True
        self.expression()
        self._is_constant = outer

    def expression(self) -> None:
        """Read an expression; precedence does not matter to what is read."""
        self.enter()
        while True:
            if self.token.text in _UNARY and self.token.kind == "symbol":
                self.position += 1
            self._operand()
            if self.accept("?"):
                self.expression()
                self.expect(":")
            elif self.token.text in _BINARY and self.token.kind == "symbol":
                self.position += 1
            else:
                break
        self.leave()

    def range(self) -> None:
        """Read `[constant:0]`."""
        self.expect("[")
        self.constant()
        self.expect(":")
        if self.take().text != "0":
            self.refuse("bits are numbered from 0 on the right", self.tokens[self.position - 1])
        self.expect("]")

    def _operand(self) -> None:
        token = self.take()
        if token.kind == "number":
            return
        if token.kind == "name":
            self._named(token)
        elif token.kind == "system":
            self._system_function(token)
        elif token.text == "(" and token.kind == "symbol":
            self.expression()
            self.expect(")")
        elif token.text == "{" and token.kind == "symbol":
            self._concatenation()
        else:
            self.refuse("expected an operand of an expression", token)

    def _named(self, token: Token) -> None:
        kind = self.kind_of(token)
        if self._is_constant and kind not in _CONSTANT_KINDS:
            self.refuse("expected numbers and parameters only", token)
        if kind == "function":
            self._call(token)
            return
        if kind == "clock" and not self.is_trusted:
            self.refuse("a clock is no data", token)
        if kind in ("real", "file") and not self.is_trusted:
            self.refuse("a parameter that is no integer has no place in an expression", token)
        if kind in _UNREADABLE:
            self.refuse(_UNREADABLE[kind], token)
        if kind in _SIGNAL_KINDS:
            self._signals_read += 1
        self._select(token, kind)

    def _select(self, token: Token, kind: str) -> None:
        if kind == "memory":
            if self.is_combinational:
                self.refuse("tools differ over memories in `always @*`: use `assign`", token)
            self.expect("[")
            self.expression()
            self.expect("]")
        if self.accept("["):
            before, first = self._signals_read, self.token
            self.expression()
            if self.at(":") and self._signals_read != before:
                self.refuse("only [constant:constant] and [value +: constant] are read", first)
            if self.accept(":", "+:", "-:"):
                self.constant()
            self.expect("]")

    def _call(self, token: Token) -> None:
        self.expect("(")
        self.expression()
        while self.accept(","):
            self.expression()
        self.expect(")")

    def _system_function(self, token: Token) -> None:
        if token.text == "$readmemh":
            self.refuse("it stands in `initial` only", token)
        if token.text in PROPERTY_SYSTEM_NAMES and self.property_scope is None:
            self.refuse("it stands in a block of properties only", token)
        if token.text != "$initstate":
            self.expect("(")
            self.expression()
            self.expect(")")

    def _concatenation(self) -> None:
        self.enter()
        first = self.token
        self.expression()
        if self.accept("{"):  # a replication: what was read is how often
            self._concatenation()
        else:
            self._check_width(first)
            while self.accept(","):
                first = self.token
                self.expression()
                self._check_width(first)
        self.expect("}")
        self.leave()

    def _check_width(self, operand: Token) -> None:
        """Refuse an operand of a concatenation that is a number without a width."""
        if operand.kind == "number" and "'" not in operand.text:
            self.refuse("in a concatenation a number needs a width: write 8'd0", operand)
