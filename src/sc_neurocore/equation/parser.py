"""Neurons from text: lines that each start with what they declare.

An error shows the line, with a caret under the place, and where a name is unknown, the known ones.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import (
    Constant,
    Expression,
    Operation,
    Symbol,
    evaluate,
    is_condition,
    substituted,
    symbols,
)
from sc_neurocore.equation.lines import (
    Line,
    assignments,
    check_known,
    declaration,
    number_of,
    put_in,
    usable_name,
)
from sc_neurocore.equation.neuron import (
    RESERVED_NAMES,
    SPIKE,
    Assignment,
    Neuron,
    Parameter,
)
from sc_neurocore.equation.noise import PERIOD
from sc_neurocore.equation.noise_line import Noise
from sc_neurocore.equation.ode import METHODS, TIME_STEP, Equation, Method, discretise, together
from sc_neurocore.equation.refractory import REFRACTORY, Refractory
from sc_neurocore.equation.syntax import (
    MAXIMUM_LINE,
    Function,
    Place,
    check_plain,
    misleads,
    read_assignment,
    read_expression,
)
from sc_neurocore.equation.unit_check import UnitCheck
from sc_neurocore.equation.units import (
    NONE,
    UNITS,
    Dimensions,
    size_of,
    sizes,
    written,
)
from sc_neurocore.equation.units import TIME as TIME_DIMENSIONS
from sc_neurocore.errors import EquationError

MAXIMUM_LINES = 200
TIME = "t"
"""The time since the start, where nobody declares it."""

_STATE = re.compile(r"(?P<name>\w+)\s*=\s*(?P<value>\S.*)")
_PARAMETER = re.compile(
    r"(?P<name>\w+)\s*=\s*(?P<value>\S.*?)(\s+in\s*\(\s*(?P<low>\S+)\s*,\s*(?P<high>\S+)\s*\))?"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_WORD = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_OPERATOR = re.compile(r"[\w.)]\s*[-+*/]|\(")
_FUNCTION = re.compile(
    r"(?P<name>\w+)\s*\(\s*(?P<argument>\w+)\s*\)\s*=(?P<value>[^=\[].*?)"
    r"(\s+in\s*\[\s*(?P<low>\S+)\s*,\s*(?P<high>\S+)\s*\])?"
)
_REFRACTORY = re.compile(r"(?P<is_while>while\s+)?(?P<value>.+?)(\s+holds\s+(?P<held>\w[\w\s,]*))?")
_UNIT = re.compile(r"\s*:\s*(?P<unit>[^:=]+)$")
_EQUATION = re.compile(r"\s*d(?P<name>\w+)\s*/\s*dt\s*=(?!=)")


def parse_neuron(text: str) -> Neuron:
    """Read a neuron from text.

    Each line starts with what it declares; blank lines and everything after `#` are ignored::

        neuron LIF
        state v = 0
        parameter beta = 0.9 in (0, 1)
        parameter threshold = 1 in (0, inf)
        input I
        update v = beta*v + I
        spike v >= threshold
        reset v = v - threshold

    `state`, `parameter`, `update`, `reset` and `after` lines may be repeated; update lines may be
    `local x = …`. `input` is `I` where it is not given.

    A parameter may be an expression of those above it, such as `parameter tau_m = C/g_L`. It then
    stands for that expression wherever it is used, and follows when C is changed. A state's first
    value may be such an expression too; it is that of the parameters' defaults.

    Differential equations may stand in place of update lines, all together::

        method exponential-euler
        parameter dt = 1 in (0, inf)
        dv/dt = (-(v - v_rest) + R*I)/tau

    More lines make equations as their authors write them::

        input g_e, g_i
        function minf(v) = 1/(1 + exp(-(v + 20)/15)) in [-90, 60]
        local i_Na = g_Na*minf(v)*(v - E_Na)
        noise xi = normal(0, sigma/sqrt(dt))
        refractory t_ref holds v

    `local` is short for `update local`. A `function` has one argument; beyond its range, if it has
    one, it stays as it is at the ends. A `noise` is a new draw in every step, the same in floats
    and in integers; `seed 3` behind it starts another one (see `equation.noise`). While a neuron is
    `refractory`, for a time or `while` a condition holds, it does not fire, and the states that
    this `holds` keep their values. A `t` that nobody declares is the time since the start, in the
    unit of dt.

    Numbers may have units, such as `parameter C = 281*pF`, and lines may end in one, as in
    `dv/dt = … : volt`. Units are checked, then taken out (see `equation.units`).

    They become update lines in which every right-hand side reads the states from before the step.
    The method is `euler` unless a line says `exponential-euler` (see `equation.ode`), and `dt` is
    a parameter, 1 where it is not declared.

    Raises:
        EquationError: Naming the line, with a caret, or the name that is unknown.
    """
    if not isinstance(text, str):
        raise EquationError(
            f"found a {type(text).__name__}, expected text such as 'neuron LIF', with a line for "
            f"each state, update and spike; Neuron.from_equations(...) takes them one by one"
        )
    reader = NeuronReader()
    reader.read_text(text)
    return reader.neuron()


class NeuronReader:
    """Collects the lines of a neuron, then makes the neuron."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.inputs: tuple[str, ...] = ("I",)
        self.method: Method | None = None
        self.states: dict[str, float] = {}
        self.parameters: dict[str, Parameter] = {}
        self.definitions: dict[str, Expression] = {}
        self.functions: dict[str, Function] = {}
        self.refractory: Refractory | None = None
        self._seeds: set[int] = set()  # of sources of noise
        self._units = UnitCheck()
        self._has_units = False
        self._read_as_units: set[str] = set()
        self._has_input = False
        self._spike: Line | None = None
        self._lines: dict[str, list[Line]] = {"update": [], "reset": [], "after": []}

    def read_text(self, text: str) -> None:
        """Read the lines of a text."""
        lines = re.split(r"\r\n|\r|\n", text.removesuffix("\n"))
        if len(lines) > MAXIMUM_LINES:
            raise EquationError(f"{len(lines)} lines: a neuron has at most {MAXIMUM_LINES}")
        for number, line in enumerate(lines, start=1):
            self.read(line, number)

    def read(self, line: str, number: int | None = None) -> None:
        """Read one line; `number` is where it stands in the text, if it stands in one."""
        hidden = next(filter(misleads, line), None)
        if hidden is not None:
            # Also in a comment: there it could make a line that counts look like one that does not.
            check_plain(hidden, Place(line, number, line.index(hidden)))
        line = line.split("#", 1)[0].rstrip()
        if not line.strip():
            return
        if len(line) > MAXIMUM_LINE:
            where = f"line {number}" if number else "a line"
            raise EquationError(f"{where} has {len(line)} characters, {MAXIMUM_LINE} at most")
        check_plain(line, Place(line, number))
        whole = Place(line, number, 0, self.functions)
        unit, size, line = self._read_unit(line, number)
        equation = _EQUATION.match(line)
        if equation is not None:
            self._read_equation(line, equation, whole, unit)
            return
        lead = re.match(r"\s*(\S+)\s*", line)
        assert lead is not None  # the line is not blank
        keyword, rest = lead[1], line[lead.end() :]
        place = whole.after(lead.end())
        if keyword == "neuron" and self.name is None:
            self.name = usable_name(rest, place)
        elif keyword == "input" and not self._has_input:
            self._read_inputs(rest, place, unit)
            self._check_size(size, place)
        elif keyword == "function":
            self._read_function(rest, place)
        elif keyword == "noise":
            self._read_noise(rest, place, unit)
        elif keyword == "refractory" and self.refractory is None:
            self._read_refractory(rest, place)
        elif keyword == "local":
            self._read_assignment(
                "update", line[lead.start(1) :], place.after(-len("local ")), unit
            )
        elif keyword == "method":
            self._read_method(rest, place)
        elif keyword == "state":
            found = declaration(_STATE, rest, place, "state v = 0", self.states)
            self.states[found["name"]] = self._value(found, place)
            self._units.note(found["name"], unit, place)
        elif keyword == "parameter":
            hint = "parameter beta = 0.9 in (0, 1)"
            declared = {**self.parameters, **self.definitions}
            found = declaration(_PARAMETER, rest, place, hint, declared)
            self._read_parameter(found, place)
            self._units.note(found["name"], unit, place)
        elif keyword in self._lines:
            self._read_assignment(keyword, rest, place, unit)
        elif keyword == "spike" and self._spike is None:
            condition = read_expression(rest, place)
            if not isinstance(condition, Operation):
                raise place.error("expected a comparison, such as v >= threshold")
            self._spike = Line(place, condition)
        else:
            known = (
                "neuron, state, parameter, input, function, noise, local, update, dv/dt, method, "
                "spike, reset, after, refractory"
            )
            once = ("neuron", "spike", "input", "refractory")
            twice = " (already given above)" if keyword in once else ""
            if keyword == "input":
                twice = f" (already given above: write 'input {self.inputs[0]}, {rest}' for both)"
            raise Place(line, number, lead.start(1)).error(
                f"a line starts with {keyword!r}{twice}; expected one of: {known}"
            )

    def neuron(self) -> Neuron:
        """Return the neuron that the lines describe."""
        if self.name is None or self._spike is None:
            missing = "neuron NAME" if self.name is None else "spike CONDITION"
            raise EquationError(f"the text has no '{missing}' line; every neuron needs one")
        if self._equations:
            self.parameters.setdefault(TIME_STEP, Parameter(1.0, 0.0))
        elif self.method is not None:
            raise EquationError(
                f"method {self.method}: the text has no differential equation, such as dv/dt = …"
            )
        self._add_time()
        self._check_names()
        if self.has_units:
            names = (*self.states, *self.parameters, *self.inputs)
            self._units.check(names, self._lines, self._spike, self.refractory)
        if self.refractory is not None:
            self._add_refractory(self.refractory)
        self._put_definitions_in()
        condition = self._spike.content
        assert isinstance(condition, Operation)  # `read` puts nothing else there
        return Neuron(
            name=self.name,
            states=self.states,
            parameters=self.parameters,
            update=self._update(),
            spike=condition,
            reset=assignments(self._lines["reset"]),
            after=assignments(self._lines["after"]),
            input=self.inputs[0],
            more_inputs=self.inputs[1:],
        )

    def _put_definitions_in(self) -> None:
        """Write what defined parameters stand for where they are used."""
        assigned = {line.target for line in assignments(self._lines["update"])}
        taken = ({*self.states, *self.inputs} | assigned) & {*self.definitions}
        if taken:
            raise EquationError(f"the name {min(taken)!r} is declared twice in {self.name}")
        definitions = {**self._unit_sizes, **self.definitions}
        if definitions:
            self._spike = self._spike and self._spike.with_definitions(definitions)
            self._lines = {
                keyword: [line.with_definitions(definitions) for line in lines]
                for keyword, lines in self._lines.items()
            }

    @property
    def _equations(self) -> list[Line]:
        return [line for line in self._lines["update"] if isinstance(line.content, Equation)]

    def _read_assignment(
        self, keyword: str, text: str, place: Place, unit: Dimensions | None
    ) -> None:
        assignment = read_assignment(text, place)
        self._units.note_line(keyword, len(self._lines[keyword]), unit)
        self._lines[keyword].append(Line(place, assignment))

    def _read_inputs(self, text: str, place: Place, unit: Dimensions | None) -> None:
        names = [name.strip() for name in text.split(",")]
        self.inputs = tuple(usable_name(name, place, max(text.find(name), 0)) for name in names)
        self._has_input = True
        for name in self.inputs:
            self._units.note(name, unit, place)

    def _read_function(self, text: str, place: Place) -> None:
        found = _FUNCTION.fullmatch(text)
        if found is None:
            raise place.error(
                "expected something like: function f(v) = 1/(1 + exp(-v)) in [-90, 60]"
            )
        name, argument = usable_name(found["name"], place), found["argument"]
        declared = {*self.states, *self.parameters, *self.definitions, *self.functions, "clamp"}
        if name in declared or argument in RESERVED_NAMES:
            raise place.error(f"the name {name if name in declared else argument!r} is taken")
        bounds = [number_of(found, end, place) for end in ("low", "high") if found[end]]
        if bounds and not bounds[0] < bounds[1]:
            raise place.error("expected a range from low to high", found.start("low"))
        value = place.after(found.start("value"))
        body = read_expression(found["value"], value)
        known = {*self.parameters, *self.definitions, *self.unit_names, argument}
        check_known(Line(value, Assignment(name, body)), known)
        self._read_as_units |= ({*symbols(body)} - {argument}) & self.unit_names
        # The argument hides what else has its name.
        self.functions[name] = Function(argument, body, *bounds)

    def _read_noise(self, text: str, place: Place, unit: Dimensions | None) -> None:
        free = next(seed for seed in range(MAXIMUM_LINES) if seed not in self._seeds)
        noise = Noise.read(text, place, free)
        name = usable_name(noise.name, place)
        declared = {*self.states, *self.parameters, *self.definitions, *self.inputs}
        for taken in declared & {name, noise.word, noise.start}:
            raise place.error(
                f"the name {taken!r} is taken: {name} makes {noise.word} and {noise.start}"
            )
        if noise.seed in self._seeds:
            raise place.error(f"a second source with seed {noise.seed} would have the same draws")
        unknown = sorted(noise.names - {*self.parameters, *self.definitions, *self.unit_names})
        if unknown:
            raise place.error(
                f"{unknown[0]!r} is no parameter above: the draws of a source have a mean and a "
                f"deviation that stay; write what changes where {name} is used"
            )
        self.states[noise.word] = 0.0
        self.parameters[noise.start] = Parameter(float(noise.first_word), 0.0, PERIOD + 1.0)
        self._units.dimensions |= {noise.word: NONE, noise.start: NONE}
        # Draws come first in a step, so that every line sees them.
        at, made = 2 * len(self._seeds), 2
        self._units.make_room(at, made)
        self._units.note_line("update", at + 1, unit)
        self._lines["update"][at:at] = [
            Line(place, Assignment(noise.word, noise.next)),
            Line(place, Assignment(name, noise.draw, is_local=True)),
        ]
        self._seeds.add(noise.seed)

    def _read_refractory(self, text: str, place: Place) -> None:
        found = _REFRACTORY.fullmatch(text)
        if found is None:
            raise place.error("expected something like: refractory 2, or refractory t_ref holds v")
        value = place.after(found.start("value"))
        expression = read_expression(found["value"], value)
        if is_condition(expression) != bool(found["is_while"]):
            raise value.error("expected a time, or 'while' and a condition such as v > 0")
        held = [name.strip() for name in (found["held"] or "").split(",") if name.strip()]
        self.refractory = Refractory(expression, tuple(held), bool(found["is_while"]), value)

    def _read_unit(self, line: str, number: int | None) -> tuple[Dimensions | None, float, str]:
        """Return what a line ends in: dimensions, if any, and its size; and the line without it."""
        found = _UNIT.search(line)
        if found is None:
            return None, 1.0, line
        self._has_units = True
        place = Place(line, number, found.start("unit"))
        if not line[: found.start()].strip():
            raise place.error("a unit of nothing; expected 'dv/dt = … : unit' or a declaration")
        expression = read_expression(found["unit"], place)
        check_known(Line(place, Assignment("unit", expression)), {*UNITS})
        dimensions = self._units.of(expression, place, {})
        return dimensions, size_of(expression), line[: found.start()]

    def _check_size(self, size: float, place: Place) -> None:
        """Refuse a unit of an input in which its numbers do not come."""
        if size != 1:
            unit = written(self._units.dimensions[self.inputs[0]])
            raise place.error(
                f"what comes in is in {unit}, and this says {size:g} times that: write ': {unit}' "
                f"and convert in the equation, or name a unit without a prefix, which only says "
                f"what is measured"
            )

    @property
    def unit_names(self) -> set[str]:
        """The names that are units here: those that nobody declares."""
        return {*UNITS} - self._declared

    @property
    def has_units(self) -> bool:
        """Whether any line has a unit."""
        return self._has_units or bool(self._used & self.unit_names)

    @property
    def _declared(self) -> set[str]:
        """The names of states, parameters and inputs, and of what update lines assign."""
        declared = {*self.states, *self.parameters, *self.definitions, *self.inputs}
        return declared | {line.target for line in assignments(self._lines["update"])}

    @property
    def _unit_sizes(self) -> dict[str, Expression]:
        return sizes(self.unit_names)

    def _read_parameter(self, found: re.Match[str], place: Place) -> None:
        bounds = [number_of(found, end, place) for end in ("low", "high") if found[end]]
        expression = self._expression(found, place)
        if expression is None or not set(symbols(expression)):
            self.parameters[found["name"]] = Parameter(self._value(found, place), *bounds)
            return
        if bounds:
            raise place.error(
                f"{found['name']!r} follows from other parameters: give them intervals instead",
                found.start("low"),
            )
        self._value(found, place)
        self.definitions[found["name"]] = put_in(expression, self.definitions, place)

    def _expression(self, found: re.Match[str], place: Place) -> Expression | None:
        """Return a value that is written as an expression of parameters; None for a number."""
        text, name = found["value"], found["name"]
        words = {*_WORD.findall(text)} - {"nan", "inf"}
        if _NUMBER.fullmatch(text) or not (words or _OPERATOR.search(text)):
            self._units.dimensions[name] = None if re.fullmatch(r"[+-]?0*\.?0*", text) else NONE
            return None
        value = place.after(found.start("value"))
        expression = read_expression(text, value)
        units = self.unit_names - {name}
        known = {*self.parameters, *self.definitions}
        used = units & {*symbols(expression)}
        self._has_units |= bool(used)
        self._read_as_units |= used
        # Units that nobody uses are no guesses worth making.
        check_known(Line(value, Assignment(name, expression)), known | used)
        self._units.dimensions[name] = (
            self._units.of(expression, value) if self._has_units else NONE
        )
        return substituted(expression, sizes(used))

    def _value(self, found: re.Match[str], place: Place) -> float:
        """Return a declared value; of an expression, that of the parameters' defaults."""
        expression = self._expression(found, place)
        if expression is None:
            return number_of(found, "value", place)
        given = {name: Constant(each.default) for name, each in self.parameters.items()}
        numbers = substituted(substituted(expression, self.definitions), given)
        with np.errstate(all="ignore"):
            value = float(evaluate(numbers, {}, Doubles()))
        if not math.isfinite(value):
            raise place.error(
                f"{found['name']} = {value:g} with the parameters' defaults: expected a finite "
                f"number",
                found.start("value"),
            )
        return float(f"{value:.15g}") if self._has_units else value

    @property
    def _used(self) -> set[str]:
        """All names in expressions."""
        lines = [line for lines in self._lines.values() for line in lines]
        expressions = [line.expression for line in [*lines, *filter(None, [self._spike])]]
        expressions += [self.refractory.value] if self.refractory else []
        return {name for expression in expressions for name in symbols(expression)}

    def _add_time(self) -> None:
        """Make the state t, if lines use it and nobody declares it."""
        if TIME not in self._used or TIME in self._declared:
            return
        self.states[TIME] = 0.0
        self.parameters.setdefault(TIME_STEP, Parameter(1.0, 0.0))
        self._units.dimensions[TIME] = TIME_DIMENSIONS
        place = Place(f"after {TIME} = {TIME} + {TIME_STEP}")
        step = Assignment(TIME, Symbol(TIME) + Symbol(TIME_STEP))
        self._lines["after"].append(Line(place, step))

    def _add_refractory(self, refractory: Refractory) -> None:
        """Make the state that counts down, what it holds, and the lines that move it."""
        if REFRACTORY in {*self.states, *self.parameters, *self.definitions, *self.inputs}:
            raise refractory.place.error(f"the name {REFRACTORY!r} is taken by this line's state")
        unknown = sorted({*refractory.held} - {*self.states})
        if unknown:
            raise refractory.place.error(
                f"{unknown[0]!r} is no state: those that can be held are {', '.join(self.states)}"
            )
        assert self._spike is not None  # by who calls this
        self.states[REFRACTORY] = 0.0
        if not refractory.is_while:
            self.parameters.setdefault(TIME_STEP, Parameter(1.0, 0.0))
        condition = self._spike.content
        assert isinstance(condition, Operation)  # `read` puts nothing else there
        place = refractory.place
        self._spike = Line(self._spike.place, refractory.blocked(condition))
        self._lines["update"] = [
            Line(line.place, replace(line.content, value=refractory.kept(line.content)))
            if isinstance(line.content, Assignment) and line.content.target in refractory.held
            else line
            for line in self._lines["update"]
        ]
        self._lines["reset"].append(Line(place, Assignment(REFRACTORY, refractory.start)))
        self._lines["after"].append(Line(place, Assignment(REFRACTORY, refractory.next)))

    def _read_method(self, text: str, place: Place) -> None:
        for method in METHODS:
            if text == method:
                self.method = method
                return
        raise place.error(f"unknown method {text!r}; known: {', '.join(METHODS)}")

    def _read_equation(
        self, line: str, head: re.Match[str], start: Place, unit: Dimensions | None
    ) -> None:
        place = start.after(head.end())
        name, update = usable_name(head["name"], start, head.start("name")), self._lines["update"]
        if any(
            isinstance(each.content, Equation) and each.content.target == name for each in update
        ):
            raise start.error(f"a second equation for {name!r}", head.start("name"))
        if self._equations and not isinstance(update[-1].content, Equation):
            raise start.error(
                "the differential equations are one step taken together: put this one beside the "
                "others, with update lines before or after them"
            )
        equation = Equation(name, read_expression(line[head.end() :], place))
        self._units.note_line("update", len(update), unit)
        update.append(Line(place, equation))

    def _check_names(self) -> None:
        """Raise, with a caret, for a name that is not known where it stands."""
        twofold = sorted(self._read_as_units - self.unit_names)
        if twofold:
            raise EquationError(
                f"the name {twofold[0]!r} is declared below a line in which it is a unit: choose "
                f"another one"
            )
        known = {*self.states, *self.parameters, *self.definitions, *self.inputs}
        known |= self.unit_names & self._used
        for line in self._lines["update"]:
            check_known(line, known)
            if isinstance(line.content, Equation) and line.content.target not in self.states:
                name = line.content.target
                start = Place(line.place.line, line.place.number)
                raise start.error(
                    f"{name!r} has an equation but no initial value; add: state {name} = 0",
                    start.line.index(f"d{name}") + 1,
                )
            if isinstance(line.content, Assignment) and line.content.is_local:
                known.add(line.content.target)
        for line in [*filter(None, [self._spike]), *self._lines["reset"]]:
            check_known(line, known)
        if self.refractory is not None:
            refractory = self.refractory
            check_known(Line(refractory.place, Assignment(REFRACTORY, refractory.value)), known)
        for line in self._lines["after"]:
            check_known(line, known | {SPIKE})

    def _update(self) -> tuple[Assignment, ...]:
        """Return the update lines, the differential equations made into some."""
        lines, equations = self._lines["update"], self._equations
        if not equations:
            return assignments(lines)
        first = lines.index(equations[0])
        before, after = lines[:first], lines[first + len(equations) :]
        steps = []
        for line in equations:
            assert isinstance(line.content, Equation)  # by how they were picked
            try:
                value = discretise(line.content, self.method or "euler", self.parameters)
            except EquationError as error:
                raise line.place.error(str(error), line.place.find(line.content.target)) from None
            if self.refractory is not None and line.content.target in self.refractory.held:
                value = self.refractory.kept(Assignment(line.content.target, value))
            steps.append((line.content.target, value))
        names = {*self.states, *self.parameters, *self.inputs}
        names |= {line.target for line in (*assignments(before), *assignments(after))}
        return (*assignments(before), *together(steps, names), *assignments(after))
