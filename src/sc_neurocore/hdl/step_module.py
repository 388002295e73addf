"""The Verilog of one neuron step: an integer program written out node by node.

One wire per operation, its format in a comment, under the line of the equation that it comes
from. Where a pipeline divides the program, registers carry what a later stage still needs.
"""

from __future__ import annotations

import textwrap

from sc_neurocore.fixed.program import LookupTable, Node, Port, Program
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.verilog_text import declaration, literal

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
    "^": "mixed",
    "clamp": "saturated",
    "low": "low_bits",
    "wrap": "wrapped",
    "lookup": "entry",
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


class StepModule:
    """Writes the module of a step.

    Attributes:
        wires: The name of each operation's result, by node; complete once `text` has run.
    """

    def __init__(self, program: Program, module: str, stages: Stages) -> None:
        self.wires: dict[int, str] = {}
        self._module = module
        self._program = program
        self._stages = stages
        self._stage = 0  # of what is being written
        self._delayed: dict[tuple[int, int], str] = {}
        self._widths: dict[int, int] = {}
        self._functions: dict[LookupTable, str] = {}
        self._taken = {port.name for port, _ in program.inputs + program.outputs}
        self._dropped: list[str] = []
        self._tables: list[str] = []
        self._lines: list[str] = []
        self._registers: list[str] = []

    def text(self) -> str:
        """Return the module."""
        declarations = ["    input  wire clk"] if self._stages.count else []
        declarations += [declaration("input  wire", port) for port, _ in self._program.inputs]
        declarations += [declaration("output wire", port) for port, _ in self._program.outputs]
        used = self._used()
        self._write_inputs(used)
        statement = 0
        for index, node in enumerate(self._program.nodes):
            if index not in used or node.operator in ("input", "constant"):
                continue
            if node.statement != statement:
                statement = node.statement
                self._lines += ["", f"    // {self._program.statements[statement].text}"]
            self._stage = self._stages.of[index]
            self._write(index, node)
        self._stage = self._stages.count
        results = [
            f"    assign {port.name} = {self._fitted(node_index, port)};"
            for port, node_index in self._program.outputs
        ]
        self._lines += ["", *results]
        if self._registers:
            self._lines += ["", "    always @(posedge clk) begin", *self._registers, "    end"]
        if self._dropped:
            self._lines += [
                "",
                "    // Inputs that the equation does not read, and bits that rounding leaves out.",
                "    wire unused = &{",
                *(f"        {bits}," for bits in self._dropped),
                "        1'b0",
                "    };",
            ]
        body = "\n".join(self._tables + self._lines)
        header = ",\n".join(declarations)
        return f"module {self._module} (\n{header}\n);{body}\nendmodule\n"

    def _used(self) -> set[int]:
        used: set[int] = set()
        pending = [node for _, node in self._program.outputs]
        while pending:
            index = pending.pop()
            if index not in used:
                used.add(index)
                pending += self._program.nodes[index].operands
        return used

    def _write_inputs(self, used: set[int]) -> None:
        """Name the inputs; an unsigned one gets a sign bit in front, which is 0."""
        for port, index in self._program.inputs:
            self.wires[index] = port.name
            self._widths[index] = self._program.nodes[index].width
            if index not in used:
                self._dropped.append(port.name)
            elif not port.signed:
                name = self.wires[index] = self._unique(f"{port.name}_number")
                width = self._widths[index]
                form = f"Q{width - port.fraction_bits}.{port.fraction_bits}"
                self._lines += [
                    "",
                    f"    wire signed [{width - 1}:0] {name} = {{1'b0, {port.name}}};  // {form}",
                ]

    def _write(self, index: int, node: Node) -> None:
        statement = self._program.statements[node.statement]
        expression, width = self._expression(node)
        name = self._unique(f"{statement.target}_{_WORDS[node.operator]}")
        self.wires[index], self._widths[index] = name, width
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

    def _name(self, index: int) -> str:
        """Return the name under which the stage that is being written finds a result."""
        name = self.wires[index]
        for stage in range(self._stages.of[index] + 1, self._stage + 1):
            if (index, stage) not in self._delayed:
                register = self._unique(f"{self.wires[index]}_delayed")
                size = f" signed [{self._widths[index] - 1}:0]"
                kind = "" if self._program.nodes[index].is_condition else size
                self._lines.append(f"    reg{kind} {register};")
                self._registers.append(f"        {register} <= {name};")
                self._delayed[index, stage] = register
            name = self._delayed[index, stage]
        return name

    def _expression(self, node: Node) -> tuple[str, int]:
        """Return the right-hand side of a node's wire, and the wire's width."""
        widths = [self._width(operand) for operand in node.operands]
        width = max([node.width, *widths])

        def wide(operand: int) -> str:
            return self._extended(operand, width)

        match node.operator, node.operands:
            case "*", (a, b):
                # Verilog extends the signs of the factors to the width of the product.
                return f"{self._factor(a, width)} * {self._factor(b, width)}", width
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
            case ("low" | "wrap") as kind, (a,):
                kept = self._low_bits(a, node.amount)
                return (kept if kind == "wrap" else f"{{1'b0, {kept}}}"), node.width
            case "lookup", (a,):
                return self._looked_up(a, node), node.width
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
            return literal(node.amount, node.width)
        return self._name(index)

    def _factor(self, index: int, width: int) -> str:
        """Return a factor; a negative constant at the product's width, where its sign stands."""
        node = self._program.nodes[index]
        if node.operator == "constant" and node.amount < 0:
            return literal(node.amount, width)
        return self._plain(index)

    def _extended(self, index: int, width: int, spare: int = 0) -> str:
        """Return an operand at a width, or `spare` bits short of it, its sign extended."""
        node = self._program.nodes[index]
        if node.operator == "constant":
            return literal(node.amount, width)
        name, extra = self._name(index), width - self._widths[index]
        if extra <= spare:
            return name
        return f"$signed({{{{{extra}{{{name}[{self._widths[index] - 1}]}}}}, {name}}})"

    def _shifted_right(self, operand: int, node: Node) -> tuple[str, int]:
        name, width = self._name(operand), self._widths[operand]
        if node.amount >= width:  # nothing is left but the sign
            self._drop(name, width - 2, 0)
            return f"{{2{{{name}[{width - 1}]}}}}", 2
        self._drop(name, node.amount - 1, 0)
        kept = width - node.amount
        if kept == 1:
            return f"{{2{{{name}[{width - 1}]}}}}", 2
        return f"{name}[{width - 1}:{node.amount}]", kept

    def _low_bits(self, operand: int, bits: int) -> str:
        """Return the low bits of an operand, whose sign is extended where it has not so many."""
        width = self._width(operand)
        if width <= bits:
            return self._extended(operand, bits)
        name = self._name(operand)
        self._drop(name, width - 1, bits)
        return f"{name}[{bits - 1}:0]" if bits > 1 else f"{name}[0]"

    def _clamped(self, operand: int, node: Node) -> str:
        name, width = self._name(operand), self._widths[operand]
        source = self._program.nodes[operand]
        value = name if width == node.width else f"{name}[{node.width - 1}:0]"
        if source.low < node.low:
            below = f"{name} < {literal(node.low, width)}"
            value = f"({below}) ? {literal(node.low, node.width)} :{_BREAK}{value}"
        if source.high > node.high:
            above = f"{name} > {literal(node.high, width)}"
            value = f"({above}) ? {literal(node.high, node.width)} :{_BREAK}{value}"
        return value

    def _looked_up(self, index: int, node: Node) -> str:
        assert node.table is not None
        bits = max(1, (len(node.table.entries) - 1).bit_length())
        if node.table not in self._functions:
            self._write_table(node.table, bits, node.width)
        return f"{self._functions[node.table]}({self._low_bits(index, bits)})"

    def _write_table(self, table: LookupTable, bits: int, width: int) -> None:
        name = self._functions[table] = self._unique(table.name)
        *entries, last = (literal(entry, width) for entry in table.entries)
        self._tables += [
            "",
            *(f"    // {line}" for line in textwrap.wrap(f"{table.note}.", LINE - 7)),
            f"    function signed [{width - 1}:0] {name};",
            f"        input [{bits - 1}:0] index;",
            "        case (index)",
            *(
                f"            {bits}'d{index}: {name} = {entry};"
                for index, entry in enumerate(entries)
            ),
            f"            default: {name} = {last};",
            "        endcase",
            "    endfunction",
        ]

    def _fitted(self, index: int, port: Port) -> str:
        if port.width == 1:
            return self._plain(index)
        node = self._program.nodes[index]
        if node.operator == "constant":
            unsigned = f"{port.width}'d{node.amount}"
            return literal(node.amount, port.width) if port.signed else unsigned
        width = self._width(index)
        if width <= port.width:
            return self._extended(index, port.width)
        return self._low_bits(index, port.width)

    def _drop(self, name: str, high: int, low: int) -> None:
        if high >= low:
            self._dropped.append(f"{name}[{high}:{low}]" if high > low else f"{name}[{high}]")
