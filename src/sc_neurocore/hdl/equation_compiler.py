"""From an equation to a Verilog module that can be read beside it.

The module is the integer program of the neuron (`fixed.lower`) written out node by node: one wire
per operation, its format in a comment, under the line of the equation that it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.equation.text import format_number
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.lowering import NEXT, SPIKE, NeuronProgram, lower
from sc_neurocore.fixed.program import Node, Port
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.hdl.names import check_identifier

_WORDS = {
    "+": "sum",
    "-": "difference",
    "*": "product",
    "neg": "negated",
    "abs": "magnitude",
    "min": "smaller",
    "max": "larger",
    "<<": "aligned",
    ">>": "rounded",
    "clamp": "saturated",
    "select": "chosen",
    ">=": "reached",
    ">": "exceeded",
    "<=": "at_most",
    "<": "below",
}
"""What the wire of an operation is called, after the line of the equation that it belongs to."""

LINE = 100
_BREAK = "\v"
"""Marks where a right-hand side may go on in the next line."""

_INSTANCE = "datapath"
_OWN_NAMES = frozenset({"clk", "reset", "enable", "unused", _INSTANCE})


@dataclass(frozen=True)
class NeuronVerilog:
    """A neuron's two modules, each the text of a file of its own name.

    Attributes:
        name: The module with registers; each enabled clock is one time step.
        step: The text of `<name>_step`, one combinational step.
        registered: The text of `<name>`.
    """

    name: str
    step: str
    registered: str

    @property
    def files(self) -> dict[str, str]:
        """The files to write: name and text."""
        return {f"{self.name}_step.v": self.step, f"{self.name}.v": self.registered}


def compile_equations(
    neuron: Neuron | str, format: str | QFormat = "Q8.8", name: str | None = None
) -> NeuronVerilog:
    """Compile a neuron to Verilog-2005.

    Args:
        neuron: The neuron, or its text as `parse_neuron` reads it.
        format: The format of the states.
        name: The module's name; the neuron's name and the format by default.

    Returns:
        The two modules. The same input gives the same bytes.

    Raises:
        EquationError: If the text cannot be read, or uses what integers do not have.
    """
    model = parse_neuron(neuron) if isinstance(neuron, str) else neuron
    return emit_neuron(lower(model, FixedPoint(QFormat.parse(format))), name)


def default_name(program: NeuronProgram) -> str:
    """Return the module name made from the neuron and the format, such as `lif_q8_8`."""
    state = program.fixed_point.state
    return f"{program.neuron.name.lower()}_q{state.integer_bits}_{state.fraction_bits}"


def emit_neuron(program: NeuronProgram, name: str | None = None) -> NeuronVerilog:
    """Write a neuron program as Verilog: the combinational step and its registered wrapper."""
    module = check_identifier(name or default_name(program), "module name")
    for port in program.inputs:
        check_identifier(port.name, "name")
        if port.name in _OWN_NAMES:
            raise EquationError(f"the name {port.name!r} is used by the module itself: rename it")
    step = _header(program) + "\n" + _Step(program, module).text()
    return NeuronVerilog(module, step, _registered(program, module))


def _header(program: NeuronProgram) -> str:
    formats, neuron = program.fixed_point, program.neuron
    lines = [f"The {neuron.name} neuron, generated from its equation:", ""]
    lines += [f"    {line}" for line in str(neuron).strip().splitlines()]
    lines += [
        "",
        f"States are {formats.state}, the current is {formats.current} (m.n: m bits before the",
        "point with the sign, n after it). A line is computed at full width; the result is",
        "rounded towards minus infinity and saturated once, where it is stored.",
    ]
    bits = formats.constant_fraction_bits
    for parameter, value in program.folded.items():
        integer = round(value * 2.0**bits)
        lines.append(f"{parameter} = {format_number(value)} is the constant {integer} / 2^{bits}.")
    for port in program.parameters:
        lines.append(f"{port.name} is an input, in units of 1 / 2^{bits}.")
    return "".join(f"// {line}".rstrip() + "\n" for line in lines)


def _declaration(kind: str, port: Port) -> str:
    sign = " signed" if port.signed else ""
    size = f" [{port.width - 1}:0]" if port.width > 1 else ""
    return f"    {kind}{sign}{size} {port.name}"


def _literal(value: int, width: int) -> str:
    """Write a signed constant of a given width."""
    if value == -(1 << (width - 1)):
        return f"{width}'sh{1 << (width - 1):x}"  # its magnitude does not fit into the width
    return f"{'-' * (value < 0)}{width}'sd{abs(value)}"


class _Step:
    """Writes the combinational module."""

    def __init__(self, program: NeuronProgram, module: str) -> None:
        self._module = module
        self._ports = (program.inputs, program.outputs)
        self._program = program.program
        self._names = {node: port.name for port, node in self._program.inputs}
        self._widths: dict[int, int] = {}
        self._taken = {port.name for port in program.inputs + program.outputs}
        self._dropped: list[str] = []
        self._lines: list[str] = []

    def text(self) -> str:
        inputs, outputs = self._ports
        declarations = [_declaration("input  wire", port) for port in inputs]
        declarations += [_declaration("output wire", port) for port in outputs]
        used = self._used()
        statement = 0
        for index, node in enumerate(self._program.nodes):
            if node.operator == "input":
                self._widths[index] = node.width
                if index not in used:
                    self._dropped.append(self._names[index])
                continue
            if index not in used or node.operator == "constant":
                continue
            if node.statement != statement:
                statement = node.statement
                self._lines += ["", f"    // {self._program.statements[statement].text}"]
            self._emit(index, node)
        self._lines.append("")
        for port, node_index in self._program.outputs:
            self._lines.append(f"    assign {port.name} = {self._fitted(node_index, port)};")
        if self._dropped:
            self._lines += [
                "",
                "    // Inputs that the equation does not read, and bits that rounding leaves out.",
                "    wire unused = &{",
                *(f"        {bits}," for bits in self._dropped),
                "        1'b0",
                "    };",
            ]
        body = "\n".join(self._lines)
        header = ",\n".join(declarations)
        return f"module {self._module}_step (\n{header}\n);{body}\nendmodule\n"

    def _used(self) -> set[int]:
        used: set[int] = set()
        pending = [node for _, node in self._program.outputs]
        while pending:
            index = pending.pop()
            if index not in used:
                used.add(index)
                pending += self._program.nodes[index].operands
        return used

    def _emit(self, index: int, node: Node) -> None:
        statement = self._program.statements[node.statement]
        name = self._unique(f"{statement.target}_{_WORDS[node.operator]}")
        expression, width = self._expression(node)
        self._names[index], self._widths[index] = name, width
        if node.is_condition:
            self._lines.append(f"    wire {name} = {expression.replace(_BREAK, ' ')};")
            return
        form = f"Q{width - node.fraction_bits}.{node.fraction_bits}"
        head = f"    wire signed [{width - 1}:0] {name} ="
        line = f"{head} {expression.replace(_BREAK, ' ')};  // {form}"
        if len(line) > LINE:
            parts = expression.replace(_BREAK, "\n        ")
            line = f"{head}  // {form}\n        {parts};"
        self._lines.append(line)

    def _unique(self, name: str) -> str:
        candidate, number = name, 1
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate

    def _expression(self, node: Node) -> tuple[str, int]:
        """Return the right-hand side of a node's wire, and the wire's width."""
        widths = [self._width(operand) for operand in node.operands]
        width = max([node.width, *widths])

        def wide(operand: int) -> str:
            return self._extended(operand, width)

        match node.operator, node.operands:
            case "*", (a, b):
                # Verilog extends the signs of the factors to the width of the product.
                return f"{self._plain(a)} * {self._plain(b)}", width
            case "<<", (a,):
                return f"{{{self._plain(a)}, {node.amount}'d0}}", widths[0] + node.amount
            case ">>", (a,):
                return self._shifted_right(a, node)
            case "neg", (a,):
                return f"-{wide(a)}", width
            case "abs", (a,):
                return f"({self._plain(a)} < 0) ? -{wide(a)} :{_BREAK}{wide(a)}", width
            case "clamp", (a,):
                return self._clamped(a, node), node.width
            case "select", (condition, a, b):
                width = max(node.width, widths[1], widths[2])
                return f"{self._plain(condition)} ? {wide(a)} :{_BREAK}{wide(b)}", width
            case ("min" | "max") as operator, (a, b):
                relation = "<" if operator == "min" else ">"
                test = f"{wide(a)}{_BREAK}{relation} {wide(b)}"
                return f"({test}){_BREAK}? {wide(a)} :{_BREAK}{wide(b)}", width
            case ("+" | "-") as operator, (a, b):
                # The carry: Verilog extends the sign by one bit without being told.
                left, right = (self._extended(each, width, spare=1) for each in (a, b))
                return f"{left}{_BREAK}{operator} {right}", width
            case operator, (a, b):
                return f"{wide(a)} {operator} {wide(b)}", width
            case operator, _:
                raise AssertionError(f"no Verilog for {operator}")

    def _width(self, index: int) -> int:
        node = self._program.nodes[index]
        return node.width if node.operator == "constant" else self._widths[index]

    def _plain(self, index: int) -> str:
        node = self._program.nodes[index]
        if node.operator == "constant":
            return _literal(node.amount, node.width)
        return self._names[index]

    def _extended(self, index: int, width: int, spare: int = 0) -> str:
        """Return an operand at a width, or `spare` bits short of it, its sign extended."""
        node = self._program.nodes[index]
        if node.operator == "constant":
            return _literal(node.amount, width)
        name, extra = self._names[index], width - self._widths[index]
        if extra <= spare:
            return name
        return f"$signed({{{{{extra}{{{name}[{self._widths[index] - 1}]}}}}, {name}}})"

    def _shifted_right(self, operand: int, node: Node) -> tuple[str, int]:
        name, width = self._names[operand], self._widths[operand]
        if node.amount >= width:  # nothing is left but the sign
            self._drop(name, width - 2, 0)
            return f"{{2{{{name}[{width - 1}]}}}}", 2
        self._drop(name, node.amount - 1, 0)
        kept = width - node.amount
        if kept == 1:
            return f"{{2{{{name}[{width - 1}]}}}}", 2
        return f"{name}[{width - 1}:{node.amount}]", kept

    def _clamped(self, operand: int, node: Node) -> str:
        name, width = self._names[operand], self._widths[operand]
        source = self._program.nodes[operand]
        value = name if width == node.width else f"{name}[{node.width - 1}:0]"
        if source.low < node.low:
            below = f"{name} < {_literal(node.low, width)}"
            value = f"({below}) ? {_literal(node.low, node.width)} :{_BREAK}{value}"
        if source.high > node.high:
            above = f"{name} > {_literal(node.high, width)}"
            value = f"({above}) ? {_literal(node.high, node.width)} :{_BREAK}{value}"
        return value

    def _fitted(self, index: int, port: Port) -> str:
        if not port.signed:
            return self._plain(index)
        width = self._width(index)
        if width <= port.width:
            return self._extended(index, port.width)
        self._drop(self._names[index], width - 1, port.width)
        return f"{self._names[index]}[{port.width - 1}:0]"

    def _drop(self, name: str, high: int, low: int) -> None:
        if high >= low:
            self._dropped.append(f"{name}[{high}:{low}]" if high > low else f"{name}[{high}]")


def _registered(program: NeuronProgram, module: str) -> str:
    """Write the registered module: one step per enabled clock."""
    form = program.fixed_point.state
    reset_values = {SPIKE: "1'b0"} | {
        name: _literal(int(form.quantize(value)), form.width)
        for name, value in program.neuron.states.items()
    }
    inputs = [port for port in program.inputs if port.name not in reset_values]
    registers = [replace(port, name=port.name.removesuffix(NEXT)) for port in program.outputs]
    ports = ["    input  wire clk", "    input  wire reset", "    input  wire enable"]
    ports += [_declaration("input  wire", port) for port in inputs]
    ports += [_declaration("output reg ", port) for port in registers]
    nexts = {port.name: port.name + NEXT for port in registers}
    connected = {port.name: port.name for port in program.inputs}
    connected |= {
        port.name: nexts[register.name]
        for port, register in zip(program.outputs, registers, strict=True)
    }
    connections = [f"        .{name}({wire})" for name, wire in connected.items()]
    return "\n".join(
        [
            f"// {module}_step with registers: each clock with `enable` is one time step.",
            f"module {module} (",
            ",\n".join(ports),
            ");",
            *(
                _declaration("wire", replace(port, name=nexts[port.name])) + ";"
                for port in registers
            ),
            "",
            f"    {module}_step {_INSTANCE} (",
            ",\n".join(connections),
            "    );",
            "",
            "    always @(posedge clk) begin",
            "        if (reset) begin",
            *(f"            {port.name} <= {reset_values[port.name]};" for port in registers),
            "        end else if (enable) begin",
            *(f"            {port.name} <= {nexts[port.name]};" for port in registers),
            "        end",
            "    end",
            "endmodule",
            "",
        ]
    )
