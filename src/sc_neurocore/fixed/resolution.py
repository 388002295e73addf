"""What the step of a format means for a neuron: against its threshold, and against its leak.

A state that loses the share `leak` of itself in each step, and is rounded by up to one unit, ends
up to unit/leak beside where it would rest: with a leak of 0.005, two hundred units. These figures
are those of the equation at its first values, without input.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sc_neurocore.array_types import Floats
from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import evaluate, symbols
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.fixed.lowering import NeuronProgram

_SMALL = 1e-4
_NO_LEAK = 1e-7
"""A leak that differences of floats cannot tell from none."""


@dataclass(frozen=True)
class Resolution:
    """The step of a state against what the state does; see `numerics.StateFact`.

    Attributes:
        drift: Of a state without a leak, what rounding may cost it in every step.
        jump: How far a reset line moves the state from its first value; None where none does.
    """

    step: float
    leak: float | None
    lost: float | None
    distance: float | None
    drift: float | None = None
    jump: float | None = None


def resolutions(program: NeuronProgram, parameters: Mapping[str, Floats]) -> dict[str, Resolution]:
    """Return the resolution of each state; with several values of a parameter, the worst.

    Args:
        program: The neuron.
        parameters: The values of the parameters that are ports, an array for each.
    """
    neuron = program.neuron
    values: dict[str, Any] = {**program.folded, **parameters}
    for name in neuron.parameters:
        values.setdefault(name, neuron.parameters[name].default)
    compared = _read_by_condition(neuron)
    found = {}
    rest = dict(neuron.states)
    with np.errstate(all="ignore"):
        crossing, states = _updated(neuron, rest, values)
        jumps = _jumps(neuron, rest, values)
        for name in neuron.states:
            small = _SMALL * max(1.0, abs(rest[name]))
            crossing_up, states_up = _updated(neuron, {**rest, name: rest[name] + small}, values)
            slope = (states_up[name] - states[name]) / small
            # How much the crossing moves with the state; one step's decay taken out again.
            gain = (crossing_up - crossing) / small / np.where(np.abs(slope) > _SMALL, slope, 1.0)
            leak = _worst(1 - np.abs(slope), least=True)
            far = -crossing / gain
            distance = _worst(np.where(np.abs(gain) > _SMALL, np.abs(far), np.nan), least=True)
            is_rounded = _is_rounded(program, name)
            leaks = leak is not None and _NO_LEAK < leak < 1
            is_kept = leak is not None and abs(leak) <= _NO_LEAK
            form = program.fixed_point.of(name)
            unit = 2.0**-form.fraction_bits
            # Rounding to nearest errs by half a unit, downwards by a whole one.
            error = unit / 2 if form.rounding == "nearest" else unit
            found[name] = Resolution(
                step=unit,
                leak=leak if leaks else None,
                lost=float(f"{error / leak:.4g}") if is_rounded and leaks and leak else None,
                distance=distance if distance and name in compared else None,
                drift=error if is_rounded and is_kept else None,
                jump=jumps.get(name),
            )
    return found


def _worst(values: Any, *, least: bool) -> float | None:
    """Return the least of the numbers with a few digits; None if there is none."""
    numbers = np.atleast_1d(np.asarray(values, dtype=np.float64))
    numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return None
    return float(f"{float(numbers.min() if least else numbers.max()):.4g}")


def _updated(
    neuron: Neuron, states: Mapping[str, Any], parameters: Mapping[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return crossing and states after the update lines, without input."""
    algebra = Doubles()
    environment: dict[str, Any] = {
        name: np.float64(value) if np.ndim(value) == 0 else value
        for name, value in {**parameters, **states, **dict.fromkeys(neuron.inputs, 0.0)}.items()
    }
    for line in neuron.update:
        environment[line.target] = evaluate(line.value, environment, algebra)
    left, right = (evaluate(side, environment, algebra) for side in neuron.spike.operands)
    falling = neuron.spike.operator in ("<=", "<")
    return (right - left if falling else left - right), {
        name: environment[name] for name in neuron.states
    }


def _jumps(
    neuron: Neuron, states: Mapping[str, Any], parameters: Mapping[str, Any]
) -> dict[str, float]:
    """Return how far reset lines move states from where they start, if they do."""
    algebra, found = Doubles(), {}
    known = {**parameters, **states}
    for line in neuron.reset:
        if known.keys() >= {*symbols(line.value)}:
            jump = _worst(
                np.abs(evaluate(line.value, known, algebra) - states[line.target]), least=True
            )
            if jump:
                found[line.target] = jump
    return found


def _read_by_condition(neuron: Neuron) -> set[str]:
    """Return the names that the firing condition reads, by itself or through locals."""
    read = set(symbols(neuron.spike))
    for line in reversed(neuron.update):
        if line.is_local and line.target in read:
            read |= set(symbols(line.value))
    return read


def _is_rounded(program: NeuronProgram, state: str) -> bool:
    """Whether a state's update, or a local that it reads, drops bits."""
    rounded = {store.target for store in program.stores if store.is_rounded}
    reads = {
        name
        for line in program.neuron.update
        if line.target == state
        for name in symbols(line.value)
    }
    locals_ = {line.target for line in program.neuron.update if line.is_local}
    return bool(rounded & ({state} | (reads & locals_)))
