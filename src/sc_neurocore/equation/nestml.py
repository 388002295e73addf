"""Neurons from NESTML text, as far as it maps; what does not is refused with its line.

Read are the blocks state, parameters, internals, equations, input, update and onCondition, with
`inline` expressions and numbers such as `250 pF`. `integrate_odes()` takes one step of every
equation. Kernels and convolutions, what is done on arrival of a spike, vectors, loops, branches and
random numbers are refused.
(Plotnikov et al., NESTML: a modeling language for spiking neurons, Modellierung 2016.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sc_neurocore.equation.expression import symbols
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import NeuronReader
from sc_neurocore.equation.syntax import Place, read_expression
from sc_neurocore.equation.units import UNITS, UnitError, dimensions_of, size_of, written
from sc_neurocore.errors import EquationError

_HEAD = re.compile(r"(?:model|neuron)\s+(?P<name>\w+)\s*:")
_DECLARATION = re.compile(r"(?P<name>\w+)\s+(?P<unit>[^=<]+?)\s*(?:=\s*(?P<value>.+))?")
_EQUATION = re.compile(r"(?P<name>\w+)'\s*=\s*(?P<value>.+)")
_INLINE = re.compile(
    r"(?:recordable\s+)?inline\s+(?P<name>\w+)\s+(?P<unit>[^=]+?)\s*=\s*(?P<value>.+)"
)
_INPUT = re.compile(
    r"(?P<name>\w+)\s*(?P<unit>[^<]*?)\s*<-\s*(?:\w+\s+)?(?P<kind>continuous|spike)"
)
_ASSIGNMENT = re.compile(r"(?P<name>\w+)\s*(?P<operator>[-+*/]?)=\s*(?P<value>[^=].*)")
_QUANTITY = re.compile(r"(?<![\w.])(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s+([A-Za-z]\w*)(?!\s*\()")
_BLOCKS = (
    "state",
    "parameters",
    "internals",
    "equations",
    "input",
    "update",
    "output",
)


@dataclass(frozen=True)
class _Line:
    text: str
    number: int
    indent: int

    def error(self, message: str) -> EquationError:
        return Place(self.text, self.number).error(message)


def from_nestml(text: str, *, dt: str = "0.1*ms", method: str = "euler") -> Neuron:
    """Make a neuron from the text of a NESTML model.

    Args:
        text: The model.
        dt: The step.
        method: "euler" or "exponential-euler".

    Raises:
        EquationError: With the line that does not map.
    """
    lines = [*_lines(text)]
    head = _HEAD.fullmatch(lines[0].text.strip()) if lines else None
    if head is None:
        raise EquationError("expected NESTML text that starts with 'model NAME:'")
    reader = NeuronReader()
    reader.read(f"neuron {head['name']}")
    reader.read(f"parameter dt = {dt}")
    blocks = [*_blocks(lines[1:])]
    inputs = [line for name, _, body in blocks if name == "input" for line in body]
    _read_inputs(reader, inputs)
    for kind in ("parameters", "internals", "state"):
        for name, _, body in blocks:
            if name == kind:
                for line in body:
                    _declare(reader, "state" if kind == "state" else "parameter", line)
    updates = [line for name, _, body in blocks if name == "update" for line in body]
    is_done = False
    for line in updates:
        if re.fullmatch(r"\s*integrate_odes\(\)\s*", line.text):
            is_done = True
            for name, _, body in blocks:
                if name == "equations":
                    for each in body:
                        _equation(reader, each)
        else:
            _assign(reader, "update", line)
    if not is_done:
        raise EquationError(f"{head['name']}: its update block has no integrate_odes()")
    if method != "euler":
        reader.read(f"method {method}")
    _conditions(reader, blocks)
    return reader.neuron()


def _lines(text: str) -> Iterator[_Line]:
    for number, line in enumerate(text.splitlines(), start=1):
        plain = re.sub(r"#.*", "", line).rstrip()
        if plain.strip() and not plain.strip().startswith('"""'):
            yield _Line(plain, number, len(plain) - len(plain.lstrip()))


def _blocks(lines: list[_Line]) -> Iterator[tuple[str, _Line, list[_Line]]]:
    """Yield the name, the first line and the body of each block."""
    index = 0
    while index < len(lines):
        line = lines[index]
        head = line.text.strip()
        if not head.endswith(":"):
            raise line.error("expected a block, such as parameters:")
        name = head[:-1].strip()
        word = name.split("(")[0].strip()
        if word == "onReceive":
            raise line.error(
                "what arrives has no block of its own: add the input in the update block"
            )
        if word not in (*_BLOCKS, "onCondition"):
            raise line.error(f"the block {word!r} has no counterpart here")
        body = []
        index += 1
        while index < len(lines) and lines[index].indent > line.indent:
            body.append(lines[index])
            index += 1
        yield name if word == "onCondition" else word, line, body


def _quantities(text: str) -> str:
    """Write `250 pF` as `250*pF`."""

    def product(found: re.Match[str]) -> str:
        known = found[2] in UNITS
        return f"{found[1]}*{found[2]}" if known else found[0]

    return _QUANTITY.sub(product, text)


def _unit(text: str) -> str:
    """Return a type as a unit; `real` and `integer` have none."""
    return "1" if text.strip() in ("real", "integer", "") else text.strip()


def _declare(reader: NeuronReader, keyword: str, line: _Line) -> None:
    found = _DECLARATION.fullmatch(line.text.strip())
    if found is None or found["value"] is None or found["unit"].strip() in ("boolean", "string"):
        raise line.error(f"expected a {keyword} such as C_m pF = 250 pF")
    value = _quantities(found["value"])
    if "steps(" in value:
        value = re.sub(r"steps\(([^)]*)\)", r"(\1)/dt", value)
    reader.read(f"{keyword} {found['name']} = {value} : {_unit(found['unit'])}", line.number)


def _equation(reader: NeuronReader, line: _Line) -> None:
    text = line.text.strip()
    if re.match(r"kernel\b", text) or "convolve(" in text:
        raise line.error("kernels and convolutions have no counterpart: write the state's equation")
    inline, equation = _INLINE.fullmatch(text), _EQUATION.fullmatch(text)
    if inline is not None:
        value = _quantities(inline["value"])
        reader.read(f"local {inline['name']} = {value} : {_unit(inline['unit'])}", line.number)
    elif equation is not None:
        reader.read(f"d{equation['name']}/dt = {_quantities(equation['value'])}", line.number)
    else:
        raise line.error("expected an equation such as V_m' = -V_m/tau_m, or an inline expression")


def _read_inputs(reader: NeuronReader, lines: list[_Line]) -> None:
    names, units = [], set()
    for line in lines:
        found = _INPUT.fullmatch(line.text.strip())
        if found is None:
            raise line.error("expected an input such as I_stim pA <- continuous")
        names.append(found["name"])
        unit = _unit(found["unit"])
        units.add(unit)
        if found["kind"] == "continuous":
            _check_size(unit, line)
    if names:
        unit = f" : {units.pop()}" if len(units) == 1 and lines[0].text.count("spike") == 0 else ""
        reader.read(f"input {', '.join(names)}{unit}", lines[0].number)


def _check_size(unit: str, line: _Line) -> None:
    """Refuse the unit of an input whose numbers would be others here."""
    place = Place(line.text, line.number, max(line.text.find(unit), 0))
    expression = read_expression(unit, place)
    unknown = {*symbols(expression)} - {*UNITS}
    if unknown:
        raise place.error(f"unknown unit {min(unknown)!r}")
    size = size_of(expression, exact=True)
    if size != 1:
        try:
            ours = written(dimensions_of(expression, {}))
        except UnitError as error:
            raise place.error(str(error)) from None
        raise place.error(
            f"what comes in is in {ours}, and this says {size:g} times that: write {ours}, and "
            f"convert in the equations"
        )


def _assign(reader: NeuronReader, keyword: str, line: _Line) -> None:
    found = _ASSIGNMENT.fullmatch(line.text.strip())
    if found is None:
        raise line.error("expected an assignment: branches and loops have no counterpart here")
    value = _quantities(found["value"]).replace("resolution()", "dt")
    if found["operator"]:
        value = f"{found['name']} {found['operator']} ({value})"
    reader.read(f"{keyword} {found['name']} = {value}", line.number)


def _conditions(reader: NeuronReader, blocks: list[tuple[str, _Line, list[_Line]]]) -> None:
    conditions = [each for each in blocks if each[0].startswith("onCondition")]
    spiking = [each for each in conditions if any("emit_spike()" in x.text for x in each[2])]
    if len(spiking) != 1:
        where = spiking[1][1] if spiking else None
        message = "one onCondition block with emit_spike() is expected"
        raise where.error(message) if where else EquationError(message)
    for each in conditions:
        if each not in spiking:
            raise each[1].error("only the condition of a spike has a counterpart here")
    name, line, body = spiking[0]
    condition = re.fullmatch(r"onCondition\s*\((.*)\)", name)
    if condition is None or re.search(r"\b(and|or|not)\b", condition[1]):
        raise line.error("one comparison is expected: there is no logic in conditions")
    reader.read(f"spike {_quantities(condition[1])}", line.number)
    for statement in body:
        if "emit_spike()" not in statement.text:
            _assign(reader, "reset", statement)
