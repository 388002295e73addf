"""NIR's neurons as equations of ours, and back.

A neuron of NIR is a linear differential equation, a threshold and a reset. `equation.ode` makes a
time step of it; what is left are a few coefficients per neuron, the parameters of the equations
below, whose text is the same for every network, so that hardware for one serves all.

    LIF       tau dv/dt = (v_leak - v) + r I        fires where v > v_threshold, then v = v_reset
    IF            dv/dt = r I                       likewise
    CubaLIF   tau_syn di/dt = -i + w_in I           likewise, with r i in place of r I
    LI, I, CubaLI                                   the same without firing
    Threshold                                       fires where I > threshold, without a state

Of the two equations of a CubaLIF the current's step comes first, and the membrane integrates the
new current: so do Norse, snnTorch and SpikingJelly. (Pedersen et al., Neuromorphic intermediate
representation: a unified instruction set for interoperable brain-inspired computing, Nature
Communications 15, 8122, 2024.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeAlias

import numpy as np

from sc_neurocore.array_types import Floats
from sc_neurocore.equation.affine import NotAffineError, affine
from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.derivative import ZERO
from sc_neurocore.equation.expression import Expression, Symbol, evaluate, symbols
from sc_neurocore.equation.neuron import Neuron, Parameter
from sc_neurocore.equation.ode import Equation, Method, discretise
from sc_neurocore.equation.syntax import parse_expression
from sc_neurocore.equation.text import format_number
from sc_neurocore.errors import EquationError
from sc_neurocore.interop.equations import SILENT, Firing, Reset, equation, recognised
from sc_neurocore.network.description import Population

Values: TypeAlias = dict[str, Any]

_MEMBRANE = "(v_leak - v + r*{drive})/{tau}"
_EQUATIONS: Mapping[str, Mapping[str, str]] = {
    "I": {"v": "r*I"},
    "IF": {"v": "r*I"},
    "LI": {"v": _MEMBRANE.format(drive="I", tau="tau")},
    "LIF": {"v": _MEMBRANE.format(drive="I", tau="tau")},
    "CubaLI": {"i": "(w_in*I - i)/tau_syn", "v": _MEMBRANE.format(drive="i", tau="tau_mem")},
    "CubaLIF": {"i": "(w_in*I - i)/tau_syn", "v": _MEMBRANE.format(drive="i", tau="tau_mem")},
    "Threshold": {},
}
KINDS = tuple(_EQUATIONS)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "I": ("r",),
    "IF": ("r", "v_threshold", "v_reset"),
    "LI": ("tau", "r", "v_leak"),
    "LIF": ("tau", "r", "v_leak", "v_threshold", "v_reset"),
    "CubaLI": ("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
    "CubaLIF": ("tau_syn", "tau_mem", "r", "v_leak", "w_in", "v_threshold", "v_reset"),
    "Threshold": ("threshold",),
}

_PLAIN = tuple(Firing(reset, fires) for reset in ("value", "subtract") for fires in ("above", "at"))
"""What `to_form` finds in any neuron's equation."""
_COEFFICIENTS = {
    "i": ("synapse_decay", "synapse_gain", ""),
    "v": ("decay", "gain", "leak"),
}
"""What the slope, the drive's factor and the rest of each state's step are called."""


def coefficients(kind: str, fields: Mapping[str, Floats], dt: float, method: Method) -> Values:
    """Return the parameters of the kind's equation, and perhaps more, of the fields' shape.

    Args:
        kind: The primitive.
        fields: All of `FIELDS[kind]`.
        dt: Length of a time step in the unit of the time constants.
        method: How the differential equation becomes a step; see `equation.ode`.
    """
    environment = {**fields, "dt": np.float64(dt)}
    values: Values = {}
    for state, parts in _steps(kind, method).items():
        for name, part in zip(_COEFFICIENTS[state], parts, strict=True):
            values[name] = _number(part, environment)
    if kind in SILENT:
        values["v_threshold"] = fields["threshold" if kind == "Threshold" else "v_threshold"]
        values["v_reset"] = fields.get("v_reset")
    return values


@cache
def _steps(kind: str, method: Method) -> Mapping[str, tuple[Expression, Expression, Expression]]:
    """Return slope, factor of the drive, and rest of the step of each state, in order."""
    known = {name: Parameter(1.0) for name in (*FIELDS[kind], "dt")}
    steps = {}
    drive = "I"
    for state, text in _EQUATIONS[kind].items():
        step = discretise(Equation(state, parse_expression(text)), method, known)
        steps[state] = _split(step, state, drive)
        drive = state
    return steps


@dataclass(frozen=True)
class Form:
    """A population as NIR says it.

    Attributes:
        kind: The primitive; "Readout" for a layer that NIR needs no node for.
        fields: The primitive's fields, each a number or an array as the population's parameters.
        differences: What a reader that follows NIR's definition would do otherwise.
    """

    kind: str
    fields: Values
    differences: tuple[str, ...] = ()


def to_form(layer: Population, dt: float, method: Method) -> Form:
    """Find the primitive that computes what a population computes.

    Its equation need not be one of `equation`: any one whose step is linear, in one state or in a
    current and a membrane, is recognised.

    Raises:
        EquationError: If none does, saying why.
    """
    neuron = layer.neuron
    neuron.need_one_input("a neuron of NIR")
    known = recognised(neuron)
    if known is not None and known[1] not in _PLAIN:
        return _form_of_framework(layer, *known, dt, method)
    values = {name: np.float64(value) for name, value in layer.values().items()}
    steps = _linear_steps(neuron)
    numbers = [tuple(_number(part, values) for part in parts) for parts in steps]
    fires, threshold, differences = _firing(neuron)
    fields: Values = {}
    decay, gain, leak = numbers[-1]
    if np.all(decay == 0) and np.all(gain == 1) and np.all(leak == 0) and len(steps) == 1:
        if not fires:
            return Form("Readout", {})
        if not neuron.reset:
            return Form("Threshold", {"threshold": _number(threshold, values)}, differences)
    if len(steps) == 1 and np.all(decay == 1) and np.all(leak == 0):
        kind = "I"
        fields["r"] = gain / dt
    else:
        kind = "CubaLI" if len(steps) == 2 else "LI"
        fields["tau_mem" if len(steps) == 2 else "tau"] = _time_constant(decay, dt, method, neuron)
        fields |= {"r": gain / (1 - decay), "v_leak": leak / (1 - decay)}
    if len(steps) == 2:
        decay, gain, rest = numbers[0]
        if np.any(rest):
            raise EquationError(f"{neuron.name}: NIR's synapses have no constant current")
        fields |= {"tau_syn": _time_constant(decay, dt, method, neuron), "w_in": gain / (1 - decay)}
    if fires:
        kind += "F"
        fields["v_threshold"] = _number(threshold, values)
        reset = _reset(neuron, threshold)
        if reset is None:
            differences += ("it loses its threshold where it fired, instead of a reset to v_reset",)
        fields["v_reset"] = 0.0 if reset is None else _number(reset, values)
    differences += tuple(
        f"its {name} starts at {format_number(value)}, not at 0"
        for name, value in neuron.states.items()
        if value
    )
    return Form(kind, fields, differences)


def _form_of_framework(
    layer: Population, kind: str, firing: Firing, dt: float, method: Method
) -> Form:
    """Return the form of neurons that fire and reset as a framework has them, and NIR has not."""
    reset: Reset = "value" if "v_reset" in layer.neuron.parameters else "subtract"
    plain = equation(kind, reset, layer.neuron.states["v"])
    values = {name: layer.values()[name] for name in plain.parameters}
    form = to_form(Population(neuron=plain, parameters=values), dt, method)
    return replace(form, differences=(firing.line, *form.differences[reset == "subtract" :]))


def _linear_steps(neuron: Neuron) -> list[tuple[Expression, Expression, Expression]]:
    """Return slope, factor of the drive, and rest of each state's step."""
    lines = neuron.update
    targets = [line.target for line in lines]
    problem = None
    if any(line.is_local for line in lines) or sorted(targets) != sorted(neuron.states):
        problem = "its update has other lines than one for each state"
    elif len(lines) > 2 or neuron.membrane != targets[-1]:
        problem = f"NIR's neurons have a membrane and at most a current, not {', '.join(targets)}"
    elif neuron.after:
        problem = "it has lines after the reset"
    if problem:
        raise EquationError(f"{neuron.name}: {problem}")
    steps = []
    drive = neuron.input
    for line in lines:
        try:
            parts = _split(line.value, line.target, drive)
        except NotAffineError as error:
            raise EquationError(
                f"{neuron.name}: {line} is not linear in {line.target} and {drive}: {error}"
            ) from None
        for name in (name for part in parts for name in symbols(part)):
            if name not in neuron.parameters:
                raise EquationError(f"{neuron.name}: {line} couples {line.target} to {name}")
        steps.append(parts)
        drive = line.target
    return steps


def _split(step: Expression, state: str, drive: str) -> tuple[Expression, Expression, Expression]:
    own = affine(step, state)
    driven = affine(own.rest, drive)
    return own.slope, driven.slope, driven.rest


def _number(expression: Expression, environment: Mapping[str, Any]) -> Any:
    return evaluate(expression, {**environment}, ArrayAlgebra())


def _firing(neuron: Neuron) -> tuple[bool, Expression, tuple[str, ...]]:
    """Return whether it can fire, its threshold, and how that differs from NIR."""
    left, right = neuron.spike.operands
    operator = neuron.spike.operator
    if left == right and operator in (">", "<"):
        return False, ZERO, ()
    if left != Symbol(neuron.membrane) or operator not in (">", ">="):
        raise EquationError(f"{neuron.name}: it fires when {neuron.spike}, not v > v_threshold")
    if not set(symbols(right)) <= set(neuron.parameters):
        raise EquationError(f"{neuron.name}: its threshold {right} moves")
    same = operator == ">"
    return True, right, () if same else ("it fires at its threshold too, not only above it",)


def _reset(neuron: Neuron, threshold: Expression) -> Expression | None:
    """Return the value to which the membrane is set; None where it loses the threshold."""
    membrane = Symbol(neuron.membrane)
    lines = neuron.reset
    if len(lines) == 1 and lines[0].target == neuron.membrane:
        value = lines[0].value
        if value == membrane - threshold:
            return None
        if set(symbols(value)) <= set(neuron.parameters):
            return value
    said = "; ".join(map(str, lines)) or "none"
    raise EquationError(f"{neuron.name}: its reset is {said}: NIR's is to a value")


def _time_constant(decay: Any, dt: float, method: Method, neuron: Neuron) -> Any:
    least = 0.0 if method == "exponential-euler" else -1.0
    if not (np.all(decay < 1) and np.all(decay > least)):
        raise EquationError(
            f"{neuron.name}: of its state {np.min(decay):g} to {np.max(decay):g} is left after a "
            f"step, which no time constant does: expected more than {least:g} and less than 1, or "
            f"1 and no leak everywhere"
        )
    return -dt / np.log(decay) if method == "exponential-euler" else dt / (1 - decay)
