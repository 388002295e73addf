"""Modules of Verilog, as far as all tools agree about them: what stands between statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sc_neurocore.verify.verilog_expressions import CLOCK
from sc_neurocore.verify.verilog_instances import InstanceReader
from sc_neurocore.verify.verilog_interface import Module
from sc_neurocore.verify.verilog_tokens import Token, tokenise

ATTRIBUTES: Mapping[str, Collection[str | None]] = {
    "keep": (None, "true"),
    "ram_style": ("block", "huge"),
    "rom_style": ("block",),
}
"""The attributes that are read, and their values, None for none at all; none of them changes what a
circuit does."""

_DIRECTIONS = ("input", "output")


class ModuleReader(InstanceReader):
    """Reads the modules of one file.

    Args:
        name: The file's name, for messages.
        text: Its content.
        ours: Modules of ours, as tokens. What equals one of them may have what only we may write:
            cells of a device, and the attributes that fit them.
        properties: Blocks of properties that may stand in others, by module.
        attributes: Attributes without a value that may stand in others, by module: what our module
            of that name has, such as a memory's `no_rw_check`.
    """

    def __init__(
        self,
        name: str,
        text: bytes,
        ours: Collection[tuple[str, ...]] = (),
        properties: Mapping[str, Collection[tuple[str, ...]]] | None = None,
        attributes: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        super().__init__(name, tokenise(name, text))
        self.ours = ours
        self.allowed_properties = properties or {}
        self.allowed_attributes = attributes or {}
        self._initialised: set[str] = set()
        # Of all blocks of a module, so that a later one may use what an earlier one declares.
        self._property_names: dict[str, str] = {}
        self._owners: dict[str, int] = {}
        self._always = 0
        self._block_scope = 0

    def read(self) -> list[Module]:
        """Read the whole file.

        Raises:
            UserError: If anything in it is not read in an edited design.
        """
        modules: list[Module] = []
        while self.token.kind != "end":
            if self.accept("`default_nettype none", "`default_nettype wire"):
                continue
            modules.append(self._read_module())
        return modules

    # ------------------------------------------------------------------------------------ modules

    def _read_module(self) -> Module:
        start = self.position
        self.expect("module")
        name = self.take_name("a module's name")
        text = self._text_of_module(start)
        self.is_trusted = text in self.ours
        self.module = Module(self.name, name, text, self.is_trusted)
        self._initialised, self._property_names, self._owners = set(), {}, {}
        self.scopes = [{}]
        if self.accept("#"):
            self.expect("(")
            while True:
                self._header_parameter()
                if not self.accept(","):
                    break
            self.expect(")")
        self.expect("(")
        while True:
            self._port()
            if not self.accept(","):
                break
        self.expect(")")
        self.expect(";")
        while not self.accept("endmodule"):
            self._item()
        return self.module

    def _text_of_module(self, start: int) -> tuple[str, ...]:
        texts = []
        for number in range(start, len(self.tokens)):
            token = self.tokens[number]
            texts.append(f'"{token.text}"' if token.kind == "string" else token.text)
            if token.text == "endmodule" and token.kind == "keyword":
                return tuple(texts)
        self.refuse("the module does not end", self.tokens[start])

    def _header_parameter(self) -> None:
        self.expect("parameter")
        has_range = self.at("[")
        if has_range:
            self.range()
        name = self.take_name("a parameter's name")
        self.expect("=")
        kind = "parameter"
        if self.token.kind == "string":
            if has_range:
                self.refuse("a parameter with a width is no file's name")
            self.take()
            kind = "file"
        elif self.token.kind == "real" and self.is_trusted:
            self.take()
            kind = "real"
        else:
            self.constant()
        self.declare(name, kind)
        self.module.parameters[name.text] = kind

    def _port(self) -> None:
        direction = self.expect(*_DIRECTIONS).text
        is_register = self.expect("wire", *(["reg"] if direction == "output" else [])).text == "reg"
        is_signed = self.accept("signed")
        has_range = self.at("[")
        if has_range:
            self.range()
        name = self.take_name("a port's name")
        is_clock = name.text == CLOCK
        if is_clock and not self.is_trusted and (direction != "input" or has_range or is_signed):
            self.refuse(f"{CLOCK} is the clock, one bit that comes in", name)
        kind = "input" if direction == "input" else "reg" if is_register else "wire"
        self.declare(name, "clock" if is_clock and direction == "input" else kind)
        self.module.ports[name.text] = direction

    # -------------------------------------------------------------------------------------- items

    def _item(self) -> None:
        """Read one item of a module or of a generate block."""
        is_property = self.property_scope is not None
        attributes = self._attributes()
        token = self.take()
        if attributes and token.text not in ("reg", "wire", "always") and not self.is_trusted:
            self.refuse("attributes stand before registers, memories and `always`", token)
        if token.kind == "name" and not is_property:
            self.instance(token)
        elif token.kind == "directive" and token.text == "`ifdef FORMAL" and not is_property:
            self._properties()
        elif token.kind != "keyword":
            self.refuse("expected an item of a module", token)
        elif token.text == "localparam":
            self._local_parameters()
        elif token.text in ("wire", "reg"):
            self._signals(token.text)
        elif token.text in ("integer", "genvar"):
            self._declare_list(token.text)
        elif token.text == "assign":
            self._assign()
        elif token.text == "always":
            self._always += 1
            self.always()
        elif token.text == "function" and not is_property:
            self.function()
        elif token.text == "initial" and is_property:
            self._skip_to(";")  # whatever it does: the block must be one that we wrote
        elif token.text == "initial":
            self._initial()
        elif token.text == "generate" and len(self.scopes) == (2 if is_property else 1):
            self.enter()
            while not self.accept("endgenerate"):
                self._item()
            self.leave()
        elif token.text == "for":
            self._generate_loop()
        elif token.text == "if":
            self._generate_conditional()
        else:
            self.refuse("expected an item of a module", token)

    def _attributes(self) -> bool:
        if not self.accept("(*"):
            return False
        while True:
            name = self.take_name("an attribute")
            value = self.take() if self.accept("=") else None
            known = ATTRIBUTES.get(name.text)
            if value is None:
                self.module.attributes.add(name.text)
                if name.text in self.allowed_attributes.get(self.module.name.text, ()):
                    known = (None,)
            if not self.is_trusted and not (
                self.property_scope is not None and name.text in ("anyconst", "anyseq")
            ):
                if known is None or (value is None and None not in known):
                    allowed = ", ".join(ATTRIBUTES)
                    self.refuse(f"of attributes, only {allowed} are read", name)
                if value is not None and not self._is_value(value, known):
                    self.refuse(f"expected {' or '.join(filter(None, known))}", value)
            if not self.accept(","):
                break
        self.expect("*)")
        return True

    def _is_value(self, value: Token, known: Collection[str | None]) -> bool:
        """Tell whether an attribute may have this value: a known one, or a parameter's."""
        if value.kind == "name":
            return None not in known and self.kind_of(value) == "file"
        return value.kind == "string" and value.text in known

    def _local_parameters(self) -> None:
        if self.at("["):
            self.range()
        while True:
            name = self.take_name("a parameter's name")
            self.expect("=")
            self.constant()
            self.declare(name, "parameter")
            if not self.accept(","):
                break
        self.expect(";")

    def _declare_list(self, kind: str) -> None:
        while True:
            self.declare(self.take_name("a name"), kind)
            if not self.accept(","):
                break
        self.expect(";")

    def _signals(self, kind: str) -> None:
        self.accept("signed")
        has_range = self.at("[")
        if has_range:
            self.range()
        while True:
            name = self.take_name("a name")
            is_clock = name.text == CLOCK
            if is_clock and (kind == "reg" or has_range or self.at("=")) and not self.is_trusted:
                self.refuse(f"{CLOCK} is the clock, a wire of one bit", name)
            declared = "clock" if is_clock else kind
            if kind == "wire" and self.accept("="):
                self.expression()
            elif kind == "reg" and self.accept("="):
                self.constant()
                self._initialised.add(name.text)
            elif kind == "reg" and self.accept("["):
                if self.take().text != "0":
                    self.refuse("a memory begins at 0", self.tokens[self.position - 1])
                self.expect(":")
                self.constant()
                self.expect("]")
                declared = "memory"
            self.declare(name, declared)
            if not self.accept(","):
                break
        self.expect(";")

    def _assign(self) -> None:
        while True:
            self.target(("wire", "clock") if self.is_trusted else ("wire",))
            self.expect("=")
            self.expression()
            if not self.accept(","):
                break
        self.expect(";")

    def _initial(self) -> None:
        """Read `$readmemh(FILE, memory);`, perhaps behind `if (FILE != "")`."""
        condition: Token | None = None
        if self.accept("if"):
            self.expect("(")
            condition = self._file_parameter()
            self.expect("!=")
            if self.token.kind != "string" or self.take().text:
                self.refuse('expected ""')
            self.expect(")")
        if self.token.text != "$readmemh":
            self.refuse("`initial` fills a memory with $readmemh and does nothing else")
        self.take()
        self.expect("(")
        file = self._file_parameter()
        if condition is not None and condition.text != file.text:
            self.refuse("expected the parameter of the condition", file)
        self.expect(",")
        memory = self.take_name("a memory")
        if self.kind_of(memory) != "memory":
            self.refuse("expected a memory", memory)
        self.expect(")")
        self.expect(";")

    def _file_parameter(self) -> Token:
        token = self.take_name("a parameter that is a file's name")
        if self.kind_of(token) != "file":
            self.refuse('expected a parameter whose default is a string, such as ""', token)
        return token

    def check_target(self, token: Token, kind: str) -> None:
        """Refuse what simulators and synthesis see differently, and properties that meddle."""
        number = next(n for n, scope in enumerate(self.scopes) if token.text in scope)
        if self.property_scope is not None and number < self.property_scope:
            self.refuse("a block of properties only looks on", token)
        if self.is_combinational and token.text in self._initialised:
            self.refuse("logic has no first value", token)
        if kind == "memory":
            self.check_owner(token, "a memory is written by one `always`, where it is declared")

    def check_owner(self, token: Token, reason: str) -> None:
        """Refuse what more than one `always` has to do with, also as copies of one in a loop."""
        number = next(n for n, scope in enumerate(self.scopes) if token.text in scope)
        owner = self._owners.setdefault(token.text, self._always)
        if owner != self._always or not self._block_scope <= number:
            self.refuse(reason, token)

    # ------------------------------------------------------------------------------------- blocks

    def _properties(self) -> None:
        start = self.position
        self.property_scope = len(self.scopes)
        self.scopes.append(self._property_names)
        while not self.accept("`endif"):
            self._item()
        self.scopes.pop()
        self.property_scope = None
        text = tuple(token.text for token in self.tokens[start : self.position])
        self.module.properties.append(text)
        if not self.is_trusted and text not in self.allowed_properties.get(
            self.module.name.text, ()
        ):
            reason = "properties of an edited module must be those that we wrote for it"
            self.refuse(reason, self.tokens[start - 1])

    def _skip_to(self, end: str) -> None:
        while not self.accept(end):
            self.take()

    def declare(self, token: Token, kind: str) -> None:
        """Enter a name into the innermost scope."""
        if token.text in self._property_names:
            self.refuse("a block of properties has this name for itself", token)
        self._owners.pop(token.text, None)
        super().declare(token, kind)

    def _generate_loop(self) -> None:
        self.enter()
        variable = self.loop_head("genvar")
        if not self.at("begin"):
            self.refuse("expected begin : name")
        self._block({variable: "loop"})
        self.leave()

    def _generate_conditional(self) -> None:
        self.enter()
        while True:
            self.expect("(")
            self.constant()
            self.expect(")")
            if self.token.kind == "name":
                self.guard()
                break
            self._block({})
            if not self.accept("else"):
                break
            if not self.accept("if"):
                self._block({})
                break
        self.leave()

    def _block(self, scope: dict[str, str]) -> None:
        """Read `begin : name ... end`."""
        self.expect("begin")
        self.expect(":")
        label = self.take_name("the block's name")
        if self.scopes[-1].setdefault(label.text, "block") != "block":
            self.refuse("the name is declared twice", label)
        outer, self._block_scope = self._block_scope, len(self.scopes)
        self.scopes.append(scope)
        while not self.accept("end"):
            self._item()
        self.scopes.pop()
        self._block_scope = outer
