"""Expressions and statements of Verilog, as far as all tools agree about them.

A recogniser, no compiler: it says whether a text is of a shape that is read, and keeps what rules
beyond one statement need: which names there are, and what each is.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NoReturn

from sc_neurocore.verify.verilog_tokens import (
    PROPERTY_KEYWORDS,
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


class TextReader:
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
        """Read `[constant:constant]`."""
        self.expect("[")
        self.constant()
        self.expect(":")
        self.constant()
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
            self.expression()
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
        self.expression()
        if self.accept("{"):  # a replication: what was read is how often
            self._concatenation()
        else:
            while self.accept(","):
                self.expression()
        self.expect("}")
        self.leave()

    # --------------------------------------------------------------------------------- statements

    def target(self, kinds: Collection[str]) -> set[str]:
        """Read what is assigned to.

        Args:
            kinds: What the names may be.

        Returns:
            The names that are assigned as a whole.
        """
        if self.accept("{"):
            self.enter()
            whole = self.target(kinds)
            while self.accept(","):
                whole |= self.target(kinds)
            self.expect("}")
            self.leave()
            return whole
        token = self.take_name("a name to assign to")
        kind = self.kind_of(token)
        if kind not in kinds:
            expected = " or ".join(sorted(kinds))
            self.refuse(f"it is assigned to here: expected {expected}, it is {kind}", token)
        self.check_target(token, kind)
        is_whole = not self.at("[")
        self._select(token, kind)
        return {token.text} if is_whole else set()

    def check_target(self, token: Token, kind: str) -> None:
        """Refuse an assignment that only the module as a whole can judge."""

    def check_owner(self, token: Token, reason: str) -> None:
        """Refuse what more than one `always` has to do with."""

    def statement(self, operator: str, kinds: Collection[str]) -> set[str]:
        """Read a statement.

        Args:
            operator: "=" or "<=".
            kinds: What may be assigned to.

        Returns:
            The names that are assigned whatever the values are.
        """
        self.enter()
        if self.accept("begin"):
            assigned: set[str] = set()
            while not self.accept("end"):
                assigned |= self.statement(operator, kinds)
        elif self.at("if"):
            assigned = self._conditional(operator, kinds)
        elif self.accept("case"):
            assigned = self._case(operator, kinds)
        elif self.accept("for"):
            assigned = self._loop(operator, kinds)
        elif self.token.kind == "keyword" and self.token.text in PROPERTY_KEYWORDS:
            assigned = self._claim()
        else:
            assigned = self.target(kinds)
            self.expect(operator)
            self.expression()
            self.expect(";")
        self.leave()
        return assigned

    def _conditional(self, operator: str, kinds: Collection[str]) -> set[str]:
        """Read a chain of `if`, `else if` and `else`."""
        branches: list[set[str]] = []
        while self.accept("if"):
            self.expect("(")
            self.expression()
            self.expect(")")
            branches.append(self.statement(operator, kinds))
            if not self.accept("else"):
                return set()
        branches.append(self.statement(operator, kinds))
        return set.intersection(*branches)

    def _case(self, operator: str, kinds: Collection[str]) -> set[str]:
        self.expect("(")
        self.expression()
        self.expect(")")
        branches: list[set[str]] = []
        has_default = False
        while not self.accept("endcase"):
            if has_default:
                self.refuse("the default comes last")
            if self.accept("default"):
                has_default = True
            else:
                self.expression()
                while self.accept(","):
                    self.expression()
            self.expect(":")
            is_empty = self.accept(";")
            branches.append(set() if is_empty else self.statement(operator, kinds))
        return set.intersection(*branches) if has_default else set()

    def _loop(self, operator: str, kinds: Collection[str]) -> set[str]:
        """Read `for (i = constant; i < constant; i = i + constant) statement`."""
        variable = self.loop_head("integer")
        self.scopes.append({})
        self.scopes[-1][variable] = "loop"
        self.statement(operator, kinds)
        self.scopes.pop()
        return set()

    def loop_head(self, kind: str) -> str:
        """Read the head of a loop whose variable counts through constants; return the variable."""
        self.expect("(")
        variable = self.take_name("the variable of a loop")
        if self.kind_of(variable) != kind:
            self.refuse(f"the variable of this loop is declared as {kind}", variable)
        if kind == "integer":
            self.check_owner(variable, "the variable of a loop belongs to one `always`")
        self.expect("=")
        self.constant()
        self.expect(";")
        self._again(variable)
        self.expect("<", "<=", ">", ">=", "!=")
        self.constant()
        self.expect(";")
        self._again(variable)
        self.expect("=")
        self._again(variable)
        self.expect("+", "-")
        self.constant()
        self.expect(")")
        return variable.text

    def _again(self, variable: Token) -> None:
        if self.take_name("the variable of the loop").text != variable.text:
            self.refuse("expected the variable of the loop", self.tokens[self.position - 1])

    def _claim(self) -> set[str]:
        token = self.take()
        if self.property_scope is None:
            self.refuse("claims stand in a block of properties (`ifdef FORMAL)", token)
        self.expect("(")
        self.expression()
        self.expect(")")
        self.expect(";")
        return set()

    def always(self) -> None:
        """Read what follows `always`."""
        self.expect("@")
        self.is_combinational = self.accept("*")
        if self.is_combinational:
            before = self._signals_read
            start = self.token
            self.statement("=", ("reg",))
            self.is_combinational = False
            if self._signals_read == before:
                self.refuse("it reads no signal, and Icarus would never run it", start)
            return
        self.expect("(")
        if self.token.text != "posedge":
            self.refuse("registers are clocked by `posedge clk` alone; logic is `always @*`")
        self.take()
        clock = self.take_name("the clock")
        if self.kind_of(clock) != "clock":
            self.refuse(f"the only clock is the input {CLOCK}", clock)
        if not self.accept(")"):
            self.refuse("asynchronous sets and resets are not read")
        self.statement("<=", ("reg", "memory"))

    def function(self) -> None:
        """Read what follows `function`: inputs, and one statement that gives the result."""
        self.accept("signed")
        if self.at("["):
            self.range()
        name = self.take_name("a function's name")
        self._function_scope = len(self.scopes)
        self.scopes.append({})
        if self.accept("("):
            while True:
                self._function_input()
                if not self.accept(","):
                    break
            self.expect(")")
            self.expect(";")
        else:
            self.expect(";")
            while self.at("input"):
                self._function_input()
                self.expect(";")
        self.declare(name, "result")
        assigned = self.statement("=", ("result",))
        if name.text not in assigned:
            self.refuse("the function does not give a result for all of its inputs", name)
        self.scopes.pop()
        self._function_scope = None
        self.expect("endfunction")
        self.declare(name, "function")

    def _function_input(self) -> None:
        self.expect("input")
        if not self.accept("integer"):
            self.accept("signed")
            if self.at("["):
                self.range()
        self.declare(self.take_name("an input of the function"), "input")
