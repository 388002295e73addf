"""Neurons from Brian2's notation: a block of equations, threshold, reset, refractory time.

What maps is read line by line; what does not is refused with its line: `rand()`, noise that is
multiplied by what changes, shared and summed variables, events, logic in conditions. `xi` and what
starts with `xi_` is white noise, a draw of deviation 1/sqrt(dt) in every step, so that Euler's step
adds factor*sqrt(dt)*draw, as there. Brian2 is Stimberg, Brette and Goodman, Brian 2,
an intuitive and efficient neural simulator, eLife 8, e47314, 2019.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from sc_neurocore.equation.affine import NotAffineError, affine
from sc_neurocore.equation.expression import symbols
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import NeuronReader
from sc_neurocore.equation.syntax import Place, read_expression
from sc_neurocore.equation.units import UNITS
from sc_neurocore.errors import EquationError

_LINE = re.compile(
    r"\s*(?:d(?P<state>\w+)\s*/\s*dt|(?P<name>\w+))\s*(?:=(?P<value>[^=:][^:]*))?"
    r":\s*(?P<unit>[^()]+?)\s*(?:\((?P<flags>[^)]*)\))?\s*"
)
_RESET = re.compile(r"\s*(?P<name>\w+)\s*(?P<operator>[-+*/]?)=(?P<value>[^=].*)")
_FOREIGN = {
    "rand": "random numbers",
    "randn": "random numbers",
    "poisson": "random numbers",
    "timestep": "timestep()",
    "int": "int()",
    "i": "the index i",
    "N": "the number of neurons N",
    "lastspike": "lastspike",
    "not_refractory": "not_refractory",
}
_RENAMED = {"clip": "clamp"}
_NOISE = re.compile(r"\bxi(?:_\w+)?\b")
_FLAGS = {"unless refractory", "constant", "constant over dt", ""}

Values = Mapping[str, "float | str"]


def from_brian2(
    equations: str,
    *,
    threshold: str,
    reset: str = "",
    refractory: str = "",
    method: str = "euler",
    namespace: Values = MappingProxyType({}),
    initial: Values = MappingProxyType({}),
    inputs: tuple[str, ...] = ("I",),
    dt: float | str = "0.1*ms",
    name: str = "Custom",
) -> Neuron:
    """Make a neuron from what Brian2's `NeuronGroup` takes.

    Args:
        equations: Lines such as `dv/dt = (El - v)/tau : volt (unless refractory)`,
            `m = 1/(1 + exp(-v/mV)) : 1` and `I : amp`.
        threshold: The condition of a spike, such as "v > -40*mV".
        reset: Statements such as "v = Vr; w += b".
        refractory: A time such as "2*ms", or a condition during which it lasts. The spike's own
            step counts, as in Brian2; a time is rounded to steps.
        method: "euler", "exponential_euler" or "exact"; the last two become exponential-euler.
        namespace: Numbers of parameters, with units as in "281*pF" where they have some.
        initial: Values of states at the start, in the same form; 0 where not given.
        inputs: The names of what comes in at every step; lines may declare their units.
        dt: The step.
        name: The neuron's name.

    Raises:
        EquationError: With the line that does not map.
    """
    reader = _Reader(name)
    reader.add(f"neuron {name}")
    reader.add(f"parameter dt = {dt}")
    for key, value in namespace.items():
        reader.add(f"parameter {key} = {value}")
    rows = [(number, _plain(line)) for number, line in enumerate(equations.splitlines(), start=1)]
    parsed = [(number, line, reader.parse(line, number)) for number, line in rows if line.strip()]
    units = {found["name"]: found["unit"] for _, _, found in parsed if found["name"]}
    for key in inputs:
        if key in units and any(f["name"] == key and f["value"] for _, _, f in parsed):
            raise EquationError(f"the input {key!r} has an equation")
    reader.add(f"input {', '.join(inputs)}{_unit(units, inputs)}")
    for number, line, found in parsed:
        if found["name"] and not found["value"] and found["name"] not in (*inputs, *namespace):
            raise Place(line, number).error(
                f"{found['name']} has no value: give it in namespace=, or name it in inputs="
            )
    for noise in _noises(parsed, {*namespace}, method):
        reader.reader.read(f"noise {noise} = normal(0, 1/sqrt(dt))")
    for _, _, found in parsed:
        if found["state"]:
            reader.add(f"state {found['state']} = {initial.get(found['state'], 0)}")
    # Intermediate results first, each behind those that it reads.
    for number, found in _in_order([(n, f) for n, _, f in parsed if f["name"] and f["value"]]):
        reader.add(f"local {found['name']} = {found['value'].strip()} : {found['unit']}", number)
    held = []
    for number, _, found in parsed:
        if found["state"]:
            value = found["value"].strip()
            line = f"d{found['state']}/dt = {value} : {found['unit']}"
            reader.add(line, number, has_noise=True)
            held += [found["state"]] * ("unless refractory" in (found["flags"] or ""))
    methods = {"exact": "exponential-euler", "exponential_euler": "exponential-euler",
               "linear": "exponential-euler", "euler": "euler"}  # fmt: skip
    if method not in methods:
        raise EquationError(f"method {method!r}: expected one of {', '.join(methods)}")
    if methods[method] != "euler":
        reader.add(f"method {methods[method]}")
    reader.add(f"spike {_condition(threshold)}")
    for line in filter(str.strip, re.split(r"[;\n]", reset)):
        reader.add(f"reset {_statement(line)}")
    if refractory:
        is_condition = re.search(r"[<>]", refractory)
        told = f"while {_condition(refractory)}" if is_condition else refractory
        reader.add(f"refractory {told}{' holds ' + ', '.join(held) if held else ''}")
        read = reader.reader.refractory
        assert read is not None  # by the line above
        reader.reader.refractory = replace(read, counts_spike=True)
    return reader.reader.neuron()


class _Reader:
    """Hands lines on, and shows the user's own where one is refused."""

    def __init__(self, name: str) -> None:
        self.reader = NeuronReader()

    def add(self, line: str, number: int | None = None, *, has_noise: bool = False) -> None:
        noise = _NOISE.search(line.split("=", 1)[-1])
        if noise and not has_noise and noise[0] not in self.reader.parameters:
            place = Place(line, number)
            raise place.error(
                f"noise ({noise[0]}) belongs into differential equations", line.index(noise[0])
            )
        for foreign, what in _FOREIGN.items():
            found = re.search(rf"\b{foreign}\b", line.split("=", 1)[-1])
            if found and (foreign not in ("i", "N") or "(" not in line[found.end() :][:1]):
                if foreign in self.reader.parameters or foreign in self.reader.definitions:
                    continue
                place = Place(line, number)
                raise place.error(f"{what} has no counterpart here", line.index(found[0]))
        self.reader.read(_renamed(line), number)

    def parse(self, line: str, number: int) -> re.Match[str]:
        place = Place(line, number)
        found = _LINE.fullmatch(line)
        if found is None or (found["state"] and not found["value"]):
            raise place.error("expected 'dv/dt = … : unit', 'x = … : unit' or 'x : unit'")
        flags = {flag.strip() for flag in (found["flags"] or "").split(",")}
        if flags - _FLAGS:
            raise place.error(
                f"({found['flags']}) has no counterpart here", line.index(found["flags"])
            )
        return found


def _noises(
    parsed: list[tuple[int, str, re.Match[str]]], numbers: set[str], method: str
) -> Iterator[str]:
    """Yield the names of white noise, where equations have it as Brian2's Euler method takes it.

    Args:
        parsed: Number, text and parts of each line.
        numbers: The names of what does not change.
        method: The method that is asked for.
    """
    seen: dict[str, int] = {}
    for number, line, found in parsed:
        if not found["state"]:
            continue
        names = dict.fromkeys(_NOISE.findall(found["value"]))
        for name in [name for name in names if name not in numbers]:
            place = Place(line, number, line.index(name))
            if method != "euler":
                raise place.error(f"noise ({name}) needs method euler, not {method}")
            if name == "xi" and name in seen:
                raise place.error(
                    "a second xi: name it xi_1 in both lines if it is the same noise, else xi_2"
                )
            value = _renamed(found["value"].strip())
            try:
                factor = affine(read_expression(value, place), name).slope
            except NotAffineError:
                raise place.error(f"{name} is to be a factor of a term, as in sigma*xi") from None
            changing = sorted({*symbols(factor)} - numbers - {*UNITS, "dt"})
            if changing:
                raise place.error(
                    f"noise ({name}) is multiplied by {changing[0]}, which may change: Euler's "
                    f"method is for additive noise, and Brian2 refuses it too"
                )
            if name not in seen:
                yield name
            seen[name] = number


def _renamed(text: str) -> str:
    for theirs, ours in _RENAMED.items():
        text = re.sub(rf"\b{theirs}\s*\(", f"{ours}(", text)
    return text


def _plain(line: str) -> str:
    """Return a line without its comment."""
    return line.split("#", 1)[0].rstrip()


def _unit(units: Mapping[str, str], inputs: tuple[str, ...]) -> str:
    found = {units[name].strip() for name in inputs if name in units}
    return f" : {found.pop()}" if len(found) == 1 else ""


def _in_order(lines: list[tuple[int, re.Match[str]]]) -> list[tuple[int, re.Match[str]]]:
    """Return intermediate results so that each comes behind those that it reads."""
    names = {found["name"] for _, found in lines}
    done: list[tuple[int, re.Match[str]]] = []
    known: set[str] = set()
    while len(done) < len(lines):
        before = len(done)
        for number, found in lines:
            reads = set(re.findall(r"[A-Za-z_]\w*", found["value"])) & names
            if found["name"] not in known and reads <= known:
                done.append((number, found))
                known.add(found["name"])
        if len(done) == before:
            number, found = next(each for each in lines if each[1]["name"] not in known)
            raise Place(found[0], number).error(f"{found['name']} depends on itself")
    return done


def _condition(text: str) -> str:
    if re.search(r"\b(and|or|not)\b", text):
        raise Place(text).error("one comparison is expected: there is no logic in conditions")
    return text


def _statement(text: str) -> str:
    found = _RESET.fullmatch(text)
    if found is None:
        raise Place(text).error("expected a statement such as v = Vr, or w += b")
    value = found["value"].strip()
    if found["operator"]:
        value = f"{found['name']} {found['operator']} ({value})"
    return f"{found['name']} = {value}"
