"""Proof that a neuron's Verilog computes the integers of the Python model, for all inputs.

Yosys reads the Verilog and writes its meaning as SMT-LIB. The integer evaluator, the very code
that simulates, runs on z3 bit-vectors and gives the model's meaning. If no input makes the two
differ, they are equal for every state, current and parameter.

Products make such a comparison hopeless in one piece, so it is cut. The compiler gives every
operation of the model a wire. In the order of the model, each wire is proved equal to its
operation for all values that the operations before it can have; from then on both sides use one
name for it. An output equal in the last names is equal in the inputs, by putting the pieces
together. Where a wire differs or has another name, nothing is assumed about it, and the pieces
after it see through it. What stays open is compared in one piece, from the inputs on, so that a
difference always comes as inputs that show it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sc_neurocore.fixed.evaluate import BitVectors, evaluate
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.program import Node, Port
from sc_neurocore.hdl.equation_compiler import wire_names
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.result import Cut, ProofResult
from sc_neurocore.verify.smt import Meaning, constant, read_module

CLOCK = "clk"
SHARE_OF_CUTS, SHARE_OF_A_CUT = 0.5, 0.2
"""Shares of the time that all pieces, and one, may take; the rest is for what stays open."""

_UNCUT = ("input", "constant", "<<", ">>", "low", "wrap")
_ASSUMPTIONS = (
    "Yosys reads Verilog and writes SMT-LIB as the standards say",
    "z3 is right when it answers unsat",
)


def prove_step(
    program: NeuronProgram,
    verilog: str,
    module: str,
    *,
    latency: int = 0,
    timeout: float = 120.0,
) -> ProofResult:
    """Prove one step module equal to the integer evaluator.

    Args:
        program: The neuron in integers.
        verilog: The source that holds the module.
        module: The module's name; its ports are those of the program, and `clk` in a pipeline.
        latency: Clocks from the inputs to the outputs; 0 for a combinational step.
        timeout: Seconds for the solver, after which the status is `unknown`.

    Returns:
        `proved`, `refuted` with a counterexample in Q numbers, or `unknown`.

    Raises:
        ToolMissingError: If Yosys or z3 is not installed.
        ToolFailedError: If Yosys cannot read the source.
    """
    started = time.perf_counter()
    bits = BitVectors()
    meaning = read_module(verilog, module)
    wrong = _interface_difference(program, meaning) or _latency_difference(
        program, meaning, latency
    )
    cuts: list[Cut] = []
    if wrong:
        status, detail = "refuted", wrong
    else:
        comparison = _Comparison(program, meaning, bits, timeout)
        status, detail = comparison.decide()
        cuts = comparison.cuts
    clocks = f", {latency} clocks later" if latency else ""
    return ProofResult(
        name=f"{module}: every output equals the integer evaluator's{clocks}",
        status=status,
        engine=f"z3 {version('z3')} on the SMT-LIB of Yosys {version('yosys')}",
        seconds=round(time.perf_counter() - started, 3),
        detail=detail,
        assumptions=_ASSUMPTIONS,
        cuts=tuple(cuts),
    )


class _Comparison:
    """One module against one program."""

    def __init__(
        self, program: NeuronProgram, meaning: Meaning, bits: BitVectors, timeout: float
    ) -> None:
        import z3

        self.cuts: list[Cut] = []
        self._z3 = z3
        self._program = program
        self._nodes = program.program.nodes
        self._meaning = meaning
        self._bits = bits
        began = time.perf_counter()
        self._deadline = began + timeout
        self._cuts_end = began + timeout * SHARE_OF_CUTS
        self._cut_seconds = timeout * SHARE_OF_A_CUT
        self._inputs: dict[str, Any] = {}  # what the model sees
        self._ports: dict[str, Any] = {}  # what the module sees
        for port in program.inputs:
            term = self._ports[port.name] = meaning.term(meaning.wire(port.name), {})
            self._inputs[port.name] = (
                term if port.signed or port.width == 1 else z3.ZeroExt(1, term)
            )
        self._known: dict[str, str] = {}  # signals that have a name of their own by now
        self._facts: list[Any] = []  # in which intervals those names lie
        self._values: dict[int, Any] = {
            node: self._inputs[port.name] for port, node in program.program.inputs
        }
        self._within: dict[int, bool] = {}  # nodes whose intervals were asked for
        self._equal: dict[int, str] = {}  # nodes and the signals that were proved equal to them

    def decide(self) -> tuple[str, str]:
        """Return the status, and the counterexample or what was shown."""
        wires = wire_names(self._program)

        def observe(index: int, value: Any) -> Any:
            self._values[index] = self._cut(index, value, wires.get(index, ""))
            return self._values[index]

        outputs = evaluate(self._program.program, self._inputs, self._bits, observe)
        open_outputs = [
            port
            for port in self._program.outputs
            if self._compare(port.name, self._at_port(port, outputs[port.name])) != "proved"
        ]
        closed = sum(cut.status == "proved" for cut in self.cuts)
        pieces = f"{closed} of {len(self.cuts)} pieces by themselves"
        if not open_outputs:
            names = ", ".join(port.name for port in self._program.inputs)
            return "proved", f"for all {names}; {pieces}"
        return self._in_one_piece(open_outputs)

    def _at_port(self, port: Port, value: Any) -> Any:
        return value if port.width == 1 else self._bits.resize(value, port.width)

    def _cut(self, index: int, value: Any, wire: str) -> Any:
        """Return a new name for an operation's value, if the module has it too."""
        node, meaning, z3 = self._nodes[index], self._meaning, self._z3
        if node.operator in _UNCUT or not meaning.has(wire):
            return value
        signal = meaning.source(wire)
        if signal is None or signal in self._known or signal not in meaning.definitions:
            return value
        if node.is_condition:
            if meaning.sorts[signal] != "Bool" or self._compare(wire, value, signal) != "proved":
                return value
            name = constant(index, None)
            self._known[signal], self._equal[index] = name, signal
            return z3.Bool(name)
        sort = meaning.sorts[signal]
        width = 1 if sort == "Bool" else int(sort.removeprefix("(_ BitVec ").removesuffix(")"))
        extra = width - node.width
        if extra < 0:
            return value
        if self._compare(wire, z3.SignExt(extra, value), signal) != "proved":
            return value
        in_range = self._in_range(index, value)
        self._equal[index] = signal
        if in_range and node.low >= 0:
            # Without a sign bit, both ways to extend it are the same term to the solver.
            bits = max(node.high.bit_length(), 1)
            name = constant(index, bits)
            self._known[signal] = f"((_ zero_extend {width - bits}) {name})"
            variable = z3.BitVec(name, bits)
            self._facts += [z3.UGE(variable, node.low), z3.ULE(variable, node.high)]
            return z3.ZeroExt(node.width - bits, variable)
        name = constant(index, node.width)
        self._known[signal] = f"((_ sign_extend {extra}) {name})"
        variable = z3.BitVec(name, node.width)
        if in_range:
            self._facts.append(z3.And(variable >= node.low, variable <= node.high))
        return variable

    def _in_range(self, index: int, value: Any) -> bool:
        """Return whether a node lies in its interval for all values of the names so far.

        Of a product that follows from its factors' intervals, by the four corners: solvers take
        long for what is a line of arithmetic.
        """
        node = self._nodes[index]
        if index not in self._within:
            self._within[index] = (
                node.operator == "*"
                and _holds_corners(node, [self._nodes[each] for each in node.operands])
                and all(self._in_range(each, self._values[each]) for each in node.operands)
            ) or self._holds(self._z3.And(value >= node.low, value <= node.high)) == self._z3.unsat
        return self._within[index]

    def _compare(self, name: str, value: Any, signal: str | None = None) -> str:
        """Prove that a wire or port has a value; record the attempt."""
        began = time.perf_counter()
        term = self._meaning.term(signal or self._meaning.wire(name), self._known)
        same = term.sort() == value.sort()
        answer = self._holds(term == value) if same else self._z3.sat
        status = "proved" if answer == self._z3.unsat else "open"
        self.cuts.append(Cut(name, status, round(time.perf_counter() - began, 3)))
        return status

    def _holds(self, claim: Any) -> Any:
        """Return unsat if the claim holds for all values of the names so far."""
        solver = self._solver(self._cut_seconds, self._cuts_end)
        solver.add(*self._facts, self._z3.Not(claim))
        return self._check(solver)

    def _solver(self, seconds: float, deadline: float) -> Any:
        z3 = self._z3
        solver = z3.Then("simplify", "solve-eqs", "bit-blast", "sat").solver()
        left = max(0.001, min(seconds, deadline - time.perf_counter()))
        solver.set("timeout", max(1, int(left * 1000)))
        return solver

    def _check(self, solver: Any) -> Any:
        """Ask the solver, which takes Ctrl-C for itself and then says that it does not know."""
        answer = solver.check()
        if answer == self._z3.unknown and "keyboard" in solver.reason_unknown():
            raise KeyboardInterrupt
        return answer

    def _in_one_piece(self, ports: list[Port]) -> tuple[str, str]:
        """Compare the outputs that are left, from the inputs on.

        Where the model has been proved equal to the module, the module's own term stands for it,
        so that the solver sees two sides that differ as little as can be.
        """
        z3, meaning = self._z3, self._meaning
        began = time.perf_counter()

        def observe(index: int, value: Any) -> Any:
            if index not in self._equal:
                return value
            term = meaning.term(self._equal[index], {})
            return term if z3.is_bool(term) else self._bits.resize(term, value.size())

        model = evaluate(self._program.program, self._inputs, self._bits, observe)
        expected = {
            port.name: self._at_port(port, model[port.name]) for port in self._program.outputs
        }
        found = {
            port.name: meaning.term(meaning.wire(port.name), {}) for port in self._program.outputs
        }
        solver = self._solver(self._deadline - began, self._deadline)
        solver.add(z3.Or([found[port.name] != expected[port.name] for port in ports]))
        answer = self._check(solver)
        names = ", ".join(port.name for port in ports)
        if answer == z3.unsat:
            self.cuts.append(Cut(f"{names} in one piece", "proved", _since(began)))
            inputs = ", ".join(port.name for port in self._program.inputs)
            return "proved", f"for all {inputs}; {names} in one piece"
        if answer == z3.unknown:
            self.cuts.append(Cut(f"{names} in one piece", "open", _since(began)))
            return "unknown", f"z3 gave up on {names}: {solver.reason_unknown()}"
        values = solver.model()

        def read(terms: Mapping[str, Any], group: tuple[Port, ...]) -> dict[str, int]:
            numbers = {}
            for port in group:
                value = values.eval(terms[port.name], model_completion=True)
                if z3.is_bool(value):
                    numbers[port.name] = int(z3.is_true(value))
                else:
                    numbers[port.name] = value.as_signed_long() if port.signed else value.as_long()
            return numbers

        outputs = self._program.outputs
        return "refuted", _counterexample(
            self._program,
            read(self._ports, self._program.inputs),
            read(expected, outputs),
            read(found, outputs),
        )


def _holds_corners(product: Node, factors: list[Node]) -> bool:
    """Return whether a product's interval holds whatever its factors' intervals give."""
    a, b = factors
    corners = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    least = min(corners)
    if product.operands[0] == product.operands[1]:
        least = 0 if a.low <= 0 <= a.high else min(a.low**2, a.high**2)
    return product.low <= least and max(corners) <= product.high


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 3)


def _interface_difference(program: NeuronProgram, meaning: Meaning) -> str:
    """Return what is wrong with the module's ports, or nothing."""
    found = {(kind, name): width for name, (kind, width) in meaning.ports.items() if name != CLOCK}
    wanted = {("input", port.name): port.width for port in program.inputs}
    wanted |= {("output", port.name): port.width for port in program.outputs}
    for (kind, name), width in wanted.items():
        if (kind, name) not in found:
            return f"the module has no {kind} {name}"
        if found[kind, name] != width:
            return f"{kind} {name} has {found[kind, name]} bits: expected {width}"
    surplus = sorted(name for kind, name in found.keys() - wanted.keys())
    return f"the module has ports that the model lacks: {', '.join(surplus)}" if surplus else ""


def _latency_difference(program: NeuronProgram, meaning: Meaning, latency: int) -> str:
    """Return what is wrong with the number of registers on the way, or nothing.

    If every path from an input to an output has the same number of registers, an output is the
    same function of the inputs of so many clocks before as if there were none.
    """
    for port in program.outputs:
        try:
            depths = meaning.depths(meaning.wire(port.name)) or frozenset({latency})
        except ValueError:
            return f"output {port.name} depends on a register that depends on itself"
        if depths != {latency}:
            found = " or ".join(str(depth) for depth in sorted(depths))
            return f"output {port.name} comes after {found} clocks: expected {latency}"
    return ""


def _counterexample(
    program: NeuronProgram,
    inputs: Mapping[str, int],
    model: Mapping[str, int],
    module: Mapping[str, int],
) -> str:
    """Write one differing input and what the two sides make of it, in Q numbers."""

    def number(port: Port, value: int) -> str:
        if port.width == 1:
            return str(value)
        return f"{value / 2**port.fraction_bits!r} ({port.format}, integer {value})"

    given = ", ".join(f"{port.name} = {number(port, inputs[port.name])}" for port in program.inputs)
    differing = [port for port in program.outputs if model[port.name] != module[port.name]]
    results = "; ".join(
        f"{port.name} is {number(port, module[port.name])} in the module and "
        f"{number(port, model[port.name])} in the model"
        for port in differing
    )
    return f"for {given}: {results}"
