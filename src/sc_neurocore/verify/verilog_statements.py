"""Statements of Verilog, as far as all tools agree about them."""

from __future__ import annotations

from collections.abc import Collection

from sc_neurocore.verify.verilog_expressions import CLOCK, ExpressionReader
from sc_neurocore.verify.verilog_tokens import PROPERTY_KEYWORDS, Token


class StatementReader(ExpressionReader):
    """Reads assignments, `if`, `case` and `for`, and what they stand in: `always` and functions."""

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
