"""The meaning of one time step, written once for every interpretation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar

from sc_neurocore.equation.expression import Algebra, evaluate
from sc_neurocore.equation.neuron import SPIKE, Neuron

T = TypeVar("T")


class StepAlgebra(Algebra[T], Protocol[T]):
    """An algebra that also says what storing, firing and resetting mean.

    Floats store a value as it is; integers round and saturate it there. Tensors fire with a
    surrogate gradient; integers compare.
    """

    def assign(self, target: str, value: T, *, is_local: bool) -> T:
        """Return the value as the state or local `target` holds it."""
        ...

    def fire(self, operator: str, left: T, right: T) -> T:
        """Return the spike of the firing condition `left operator right`."""
        ...

    def reset(self, spike: T, value: T, kept: T) -> T:
        """Return `value` where the neuron fired, `kept` elsewhere."""
        ...


def step(
    neuron: Neuron,
    state: Mapping[str, T],
    current: T | Mapping[str, T],
    parameters: Mapping[str, T],
    algebra: StepAlgebra[T],
) -> tuple[T, dict[str, T]]:
    """Advance a neuron by one time step.

    Args:
        neuron: The model.
        state: The value of each state before the step.
        current: The input current of this step; of several inputs each, by name.
        parameters: The value of each parameter.
        algebra: The interpretation.

    Returns:
        The spike, and the state after reset and `after` lines.
    """
    inputs: Mapping[str, T] = current if isinstance(current, Mapping) else {neuron.input: current}
    environment: dict[str, T] = {**parameters, **state, **inputs}
    for line in neuron.update:
        value = evaluate(line.value, environment, algebra)
        environment[line.target] = algebra.assign(line.target, value, is_local=line.is_local)
    left, right = (evaluate(side, environment, algebra) for side in neuron.spike.operands)
    spike = algebra.fire(neuron.spike.operator, left, right)
    for line in neuron.reset:
        value = algebra.assign(
            line.target, evaluate(line.value, environment, algebra), is_local=False
        )
        environment[line.target] = algebra.reset(spike, value, environment[line.target])
    environment[SPIKE] = spike
    for line in neuron.after:
        value = evaluate(line.value, environment, algebra)
        environment[line.target] = algebra.assign(line.target, value, is_local=False)
    return spike, {name: environment[name] for name in neuron.states}
