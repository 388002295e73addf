"""From an equation to a Verilog module that can be read beside it.

The module is the integer program of the neuron (`fixed.lower`) written out node by node: one wire
per operation, its format in a comment, under the line of the equation that it comes from.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from fractions import Fraction

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.equation.text import format_number
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed.lowering import NeuronProgram, lower
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.hdl.names import check_identifier
from sc_neurocore.hdl.pipeline import MAXIMUM_STAGES, Stages, split
from sc_neurocore.hdl.registers import OWN_NAMES, registered_module
from sc_neurocore.hdl.step_module import LINE, StepModule
from sc_neurocore.hdl.verilog_text import as_file


@dataclass(frozen=True)
class NeuronVerilog:
    """A neuron's two modules, each the text of a file of its own name.

    Attributes:
        name: The module with registers; each enabled clock is one time step.
        step: The text of `<name>_step`: one step, combinational or pipelined.
        registered: The text of `<name>`.
        latency: Clocks from the inputs of `<name>_step` to its outputs.
    """

    name: str
    step: str
    registered: str
    latency: int = 0

    @property
    def files(self) -> dict[str, str]:
        """The files to write: name and text."""
        return {f"{self.name}_step.v": self.step, f"{self.name}.v": self.registered}


def compile_equations(
    neuron: Neuron | str,
    format: str | QFormat | FixedPoint = "Q8.8",
    name: str | None = None,
    *,
    pipeline: int = 0,
) -> NeuronVerilog:
    """Compile a neuron to Verilog-2005.

    Args:
        neuron: The neuron, or its text as `parse_neuron` reads it.
        format: The format of the states, or all formats.
        name: The module's name; the neuron's name and the format by default.
        pipeline: Register stages inside the step, 0 to 16.

    Returns:
        The two modules. The same input gives the same bytes.

    Raises:
        EquationError: If the text cannot be read, or uses what integers do not have.
        UserError: If there is no such format or pipeline.
    """
    model = parse_neuron(neuron) if isinstance(neuron, str) else neuron
    return emit_neuron(lower(model, FixedPoint.parse(format)), name, pipeline=pipeline)


def default_name(program: NeuronProgram) -> str:
    """Return the module name made from the neuron and the format, such as `lif_q8_8`."""
    form = str(program.fixed_point.state).lower()
    if {name for name, _ in program.fixed_point.own} - {*program.neuron.sources}:
        form = "mixed"
    return f"{program.neuron.name.lower()}_{form.replace('.', '_').replace(':', '_')}"


def emit_neuron(
    program: NeuronProgram, name: str | None = None, *, pipeline: int = 0
) -> NeuronVerilog:
    """Write a neuron program as Verilog: the step and its registered wrapper.

    Without a pipeline the step is combinational, and each clock with `enable` is one time step.
    With n stages the step takes new inputs in every clock and gives each result n clocks later;
    the wrapper says with `ready` when it takes the next `enable`.
    """
    module = check_identifier(name or default_name(program), "module name")
    for port in program.inputs:
        check_identifier(port.name, "name")
        if port.name in OWN_NAMES:
            raise EquationError(f"the name {port.name!r} is used by the module itself: rename it")
    if not (isinstance(pipeline, int) and 0 <= pipeline <= MAXIMUM_STAGES):
        raise UserError(f"pipeline={pipeline!r}: expected 0 to {MAXIMUM_STAGES} stages")
    step = StepModule(program.program, f"{module}_step", split(program.program, pipeline))
    text = as_file(_about(program, pipeline), step.text())
    return NeuronVerilog(module, text, registered_module(program, module, pipeline), pipeline)


def wire_names(program: NeuronProgram) -> dict[int, str]:
    """Return the name that each operation's result has in the emitted step, by node."""
    step = StepModule(program.program, "step", Stages.none(program.program))
    step.text()
    return step.wires


def _about(program: NeuronProgram, pipeline: int) -> list[str]:
    formats, neuron = program.fixed_point, program.neuron
    state = formats.state
    rounding = {"floor": "towards minus infinity", "nearest": "to nearest, ties upwards,"}
    overflow = {"saturate": "saturated", "wrap": "wrapped"}
    lines = [f"The {neuron.name} neuron, from its equation:", ""]
    lines += [f"    {line}" for line in str(neuron).strip().splitlines()]
    own = ", ".join(f"{name} is {form.plain}" for name, form in formats.own)
    lines += [
        "",
        *textwrap.wrap(own and f"Formats of their own: {own}.", LINE - 3),
        f"States are {state.plain}, the current is {formats.current.plain} (m.n: m bits before the",
        "point with the sign, n after it). A line is computed at full width; the result is",
        f"rounded {rounding[state.rounding]} and {overflow[state.overflow]} once, where it is "
        f"stored.",
    ]
    bits = formats.constant_fraction_bits
    for parameter, value in program.folded.items():
        integer = round(Fraction(value) * (1 << bits))  # an unused one may be as large as floats go
        lines.append(f"{parameter} = {format_number(value)} is the constant {integer} / 2^{bits}.")
    for port in program.parameters:
        lines.append(f"{port.name} is an input, in units of 1 / 2^{bits}.")
    for table in program.tables:
        lines += textwrap.wrap(f"{table}.", LINE - 3)
    overflows = program.program.overflows
    lines += [
        "",
        "Where a result can lie outside its format:" if overflows else "Nothing overflows.",
    ]
    for each in overflows:
        lines += textwrap.wrap(
            f"{each}.", LINE - 3, initial_indent="    ", subsequent_indent=" " * 8
        )
    if pipeline:
        lines += ["", f"Pipelined: outputs belong to the inputs of {pipeline} clocks before."]
    return lines
