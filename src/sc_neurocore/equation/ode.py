"""From differential equations to one time step.

Every right-hand side reads the states from before the step, and the input is constant during it.

`euler` is explicit: v + dt*f. Its error falls in proportion to dt.

`exponential-euler` is for right-hand sides that are affine in their own state, f = slope*v + rest:
with the rest held constant over the step the solution is exact,

    v*exp(slope*dt) + (-rest/slope)*(1 - exp(slope*dt)),

where -rest/slope is the level to which the state tends. It is stable for every dt, and for an
equation that reads no other state the only thing left to approximate is an input that moves.
(Hochbruck and Ostermann, Exponential integrators, Acta Numerica 19, 2010; Rotter and Diesmann,
Exact digital simulation of time-invariant linear systems, Biological Cybernetics 81, 1999.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np

from sc_neurocore.equation.affine import NotAffineError, QuotientAlgebra, affine
from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.derivative import ONE, ZERO
from sc_neurocore.equation.expression import Expression, Operation, Symbol, evaluate, symbols
from sc_neurocore.equation.neuron import Assignment, Parameter
from sc_neurocore.errors import EquationError

Method: TypeAlias = Literal["euler", "exponential-euler"]
METHODS: tuple[Method, ...] = get_args(Method)

_apply = QuotientAlgebra().apply

TIME_STEP = "dt"
"""The parameter that holds the length of a step, in the unit of the time constants."""


@dataclass(frozen=True)
class Equation:
    """`d target/dt = value`."""

    target: str
    value: Expression


def discretise(
    equation: Equation, method: Method, parameters: Mapping[str, Parameter]
) -> Expression:
    """Return the state after one step of length `dt`, in terms of what was before the step.

    Args:
        equation: The differential equation of one state.
        method: How to integrate it.
        parameters: The neuron's parameters, `dt` among them.

    Raises:
        EquationError: If the method cannot be used for the equation; the text names the reason.
    """
    state, step = Symbol(equation.target), Symbol(TIME_STEP)
    if method == "euler":
        return state + _scaled(step, equation.value, parameters)
    try:
        parts = affine(equation.value, equation.target)
    except NotAffineError as error:
        raise EquationError(
            f"exponential-euler needs a right-hand side that is affine in {state}, and "
            f"{error.part} is not; use method euler"
        ) from None
    if parts.slope == ZERO:
        return state + _scaled(step, parts.rest, parameters)
    _check_slope(parts.slope, equation.target, parameters)
    decay = Operation("exp", (_apply("*", (parts.slope, step)),))
    level = _apply("/", (_apply("neg", (parts.rest,)), parts.slope))
    return _apply("+", (state * decay, _apply("*", (level, ONE - decay))))


def together(
    steps: Sequence[tuple[str, Expression]], taken: Collection[str]
) -> tuple[Assignment, ...]:
    """Return assignments in which every right-hand side reads the states from before all of them.

    Args:
        steps: The state and its next value, in the order of the equations.
        taken: The names that new locals must not have.
    """
    now: list[Assignment] = []
    late: list[Assignment] = []
    for index, (target, value) in enumerate(steps):
        if any(target in symbols(other) for _, other in steps[index + 1 :]):
            local = f"{target}_new"
            while local in taken:
                local += "_"
            now.append(Assignment(local, value, is_local=True))
            late.append(Assignment(target, Symbol(local)))
        else:
            now.append(Assignment(target, value))
    return (*now, *late)


def _scaled(step: Symbol, value: Expression, parameters: Mapping[str, Parameter]) -> Expression:
    """Return step*value; where the value is a quotient by a parameter, as (step/tau)*rest."""
    if isinstance(value, Operation) and value.operator == "/":
        numerator, divisor = value.operands
        if set(symbols(divisor)) <= set(parameters):
            # One number in hardware, and one that does not change in a kernel's loop.
            return step / divisor * numerator
    return _apply("*", (step, value))


def _check_slope(slope: Expression, state: str, parameters: Mapping[str, Parameter]) -> None:
    moving = sorted(set(symbols(slope)) - set(parameters))
    if moving:
        raise EquationError(
            f"exponential-euler needs a constant factor of {state}, and {slope} moves with "
            f"{', '.join(moving)}; use method euler"
        )
    defaults = {name: np.float64(parameter.default) for name, parameter in parameters.items()}
    try:
        with np.errstate(all="ignore"):
            value = float(evaluate(slope, defaults, ArrayAlgebra()))
    except ZeroDivisionError:
        value = np.inf
    if not np.isfinite(value) or value == 0:
        raise EquationError(
            f"exponential-euler divides by the factor of {state}, and {slope} is "
            f"{value + 0.0:g} with the default parameters; choose others, or use method euler"
        )
