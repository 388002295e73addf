"""Neurons of a described network in NumPy, and every layer as a function of one step's values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.network.layers import (
    Layer,
    Population,
    Runner,
    WithMemory,
    along_channels,
    of_each_input,
)


def make_runner(layer: Layer, dtype: Any, record: bool) -> Runner:
    """Return a layer as a function of real numbers, with its own numbers in `dtype`.

    Args:
        layer: The layer.
        dtype: The float type to compute in.
        record: Whether neurons keep their history.
    """
    if isinstance(layer, Population):
        return _FloatNeurons(layer, dtype, record)
    return layer.runner(dtype)


class Neurons(WithMemory):
    """A population, recurrent or not; subclasses say what numbers a step computes with.

    Attributes:
        neuron: The equation.
        state: Each state after the last step; empty before the first one.
        record: Whether the history is kept.
        history: Spikes and states of every step so far, if they are kept.
    """

    def __init__(
        self,
        neuron: Neuron,
        initial_state: Mapping[str, float],
        dtype: Any,
        feedback: Runner | None,
        record: bool,
        passes_membrane: bool = False,
    ) -> None:
        """Start at rest.

        Args:
            neuron: The equation.
            initial_state: Each state before the first step.
            dtype: The type of the states.
            feedback: From the spikes of the step before to what they add to the current.
            record: Whether to keep the history.
            passes_membrane: Whether the membrane goes on instead of the spikes.
        """
        self.neuron = neuron
        self.record = record
        self._initial_state = initial_state
        self._dtype = dtype
        self._feedback = feedback
        self._passes_membrane = passes_membrane
        self.restart()

    def restart(self) -> None:
        """Go back to rest and start a new history."""
        self.state: dict[str, Array] = {}
        self.history: list[tuple[Array, dict[str, Array]]] = []
        self._spike: Array | None = None

    def __call__(self, currents: Array) -> Array:
        """Return the spikes, 0 or 1, or the membranes if these are handed on."""
        batch, channels, *rest = currents.shape
        shape = (batch, channels // len(self.neuron.inputs), *rest)
        if not self.state:
            self.state = {
                name: np.full(shape, value, self._dtype)
                for name, value in self._initial_state.items()
            }
        if self._feedback is not None:
            before = np.zeros(shape, currents.dtype) if self._spike is None else self._spike
            currents = self._meet(currents, self._feedback(before))
        spike, new = self._step(of_each_input(self.neuron, currents))
        self.state = {name: np.broadcast_to(value, shape) for name, value in new.items()}
        self._spike = np.broadcast_to(spike, shape)
        if self.record:
            self.history.append((self._spike > 0, self.state))
        return self.state[self.neuron.membrane] if self._passes_membrane else self._spike

    def _meet(self, currents: Array, fed_back: Array) -> Array:
        """Add what the neurons' own spikes bring."""
        total: Array = currents + fed_back
        return total

    def _step(self, currents: Mapping[str, Array]) -> tuple[Array, Mapping[str, Array]]:
        """Return the spikes, 0 or 1, and the new state, of the current of each input."""
        raise NotImplementedError


class _FloatNeurons(Neurons):
    def __init__(self, layer: Population, dtype: Any, record: bool) -> None:
        feedback = None if layer.feedback is None else layer.feedback.runner(dtype)
        super().__init__(
            layer.neuron,
            layer.neuron.states,
            dtype,
            feedback,
            record,
            passes_membrane=layer.passes_membrane,
        )
        self._values = {name: np.asarray(value, dtype) for name, value in layer.values().items()}

    def _step(self, currents: Mapping[str, Array]) -> tuple[Array, Mapping[str, Array]]:
        axes = currents[self.neuron.input].ndim - 1
        values = {name: along_channels(each, axes) for name, each in self._values.items()}
        return step(self.neuron, self.state, currents, values, ArrayAlgebra())
