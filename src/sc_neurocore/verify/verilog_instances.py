"""Modules of Verilog that stand in another: what they are given, by name."""

from __future__ import annotations

from sc_neurocore.verify.verilog_expressions import CLOCK
from sc_neurocore.verify.verilog_interface import Instance, Module
from sc_neurocore.verify.verilog_statements import StatementReader
from sc_neurocore.verify.verilog_tokens import Token


class InstanceReader(StatementReader):
    """Reads instances, and notes in `module` what they are connected to."""

    module: Module

    def guard(self) -> None:
        """Read `missing_module stop ();`, which no tool gets past where the condition holds."""
        self.module.guards.append(self.take())
        self.take_name("the instance's name")
        self.expect("(")
        self.expect(")")
        self.expect(";")

    def instance(self, module: Token) -> None:
        """Read an instance, whose module's name has been taken."""
        instance = Instance(module)
        if self.accept("#"):
            self._connections(instance, is_parameters=True)
        self.declare(self.take_name("the instance's name"), "instance")
        self._connections(instance, is_parameters=False)
        self.expect(";")
        self.module.instances.append(instance)

    def _connections(self, instance: Instance, is_parameters: bool) -> None:
        """Read `(.name(value), ...)`."""
        self.expect("(")
        while True:
            if not self.accept("."):
                self.refuse("parameters and ports are connected by their names")
            name = self.take_name("a name")
            if name.text in (instance.parameters if is_parameters else instance.ports):
                self.refuse("it is connected twice", name)
            self.expect("(")
            if is_parameters:
                instance.parameters[name.text] = self._given_parameter()
            else:
                instance.ports[name.text] = self._given_port(name)
            self.expect(")")
            if not self.accept(","):
                break
        self.expect(")")

    def _given_parameter(self) -> str:
        if self._at_path():
            for _ in range(5):
                self.take()
            return "file"
        token, following = self.token, self.tokens[self.position + 1]
        if following.text == ")" and following.kind == "symbol":
            kind = self.kind_of(token) if token.kind == "name" else token.kind
            if kind in ("string", "file", "real"):
                self.take()
                return "file" if kind == "string" else kind
        self.constant()
        return "value"

    def _at_path(self) -> bool:
        """Tell whether `{FOLDER, "/name"}` stands here, where FOLDER is a parameter."""
        tokens = self.tokens[self.position : self.position + 6]
        return (
            [each.text for each in tokens[::2]] == ["{", ",", "}"]
            and [each.kind for each in tokens[1::2]] == ["name", "tail", "symbol"]
            and self.kind_of(tokens[1]) == "file"
        )

    def _given_port(self, name: Token) -> str:
        if self.at(")"):
            return "nothing"
        token = self.token
        if name.text == CLOCK and not self.is_trusted:
            clock = self.take_name("the clock")
            if self.kind_of(clock) != "clock":
                self.refuse(f"the only clock is {CLOCK}", clock)
        else:
            self.expression()
        is_input = self.at(")") and token is self.tokens[self.position - 1]
        is_input = is_input and token.kind == "name" and self.kind_of(token) == "input"
        return "input" if is_input else "value"
