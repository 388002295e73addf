"""The integer model of a network: exactly what the hardware computes, for many inputs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import CURRENT, NEXT, SPIKE, NeuronProgram
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

MAXIMUM_HISTORY = 1 << 25
"""Spikes of one layer that are held at a time, over steps, batch and neurons."""

Integers = NDArray[np.int64]
Spikes = NDArray[np.bool_]


@dataclass(frozen=True)
class IntegerLayer:
    """A dense layer and its neurons in integers.

    The accumulator starts at the bias and adds weight * input; shifted right by `shift` (left if
    negative; towards minus infinity) and saturated, it is the current.

    Attributes:
        weight: (outputs, inputs), each within ±(2 ** (weight_bits - 1) - 1).
        bias: (outputs,), in units of the accumulator.
        weight_bits: Width of a weight.
        scale_bits: A weight is worth 2 ** -scale_bits.
        shift: From the accumulator's unit to the current's.
        accumulator_bits: Enough for every partial sum of every input, with the sign.
        parameters: (outputs, parameter ports).
        is_static: Whether the input is one frame for all steps.
    """

    weight: Integers
    bias: Integers
    weight_bits: int
    scale_bits: int
    shift: int
    accumulator_bits: int
    parameters: Integers
    is_static: bool

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[1])

    @property
    def outputs(self) -> int:
        """Number of neurons."""
        return int(self.weight.shape[0])


@dataclass(frozen=True)
class IntegerRun:
    """What a network computed.

    Attributes:
        classes: (batch,): the predicted class.
        spike_counts: (batch, outputs): spikes of each output neuron.
        membrane: (batch, outputs): the sum of the output neurons' membrane over the steps.
        spikes: For each layer (steps, batch, neurons), if recorded.
        states: For each layer and state (steps, batch, neurons) after the reset, if recorded.
    """

    classes: Integers
    spike_counts: Integers
    membrane: Integers
    spikes: tuple[Spikes, ...] = ()
    states: tuple[Mapping[str, Integers], ...] = ()


@dataclass(frozen=True)
class IntegerNetwork:
    """A network in integers; `fixed.quantize` makes it from a description.

    Attributes:
        name: The network's name.
        content_hash: SHA-256 of the description it was made from.
        steps: Time steps per input.
        input_bits: Inputs are unsigned integers of this many bits.
        readout: What the class is read from.
        layers: The layers.
        program: One step of the neurons, the same in every layer.
        initial_state: Each state before the first step.
    """

    name: str
    content_hash: str
    steps: int
    input_bits: int
    readout: Literal["spike-count", "membrane"]
    layers: tuple[IntegerLayer, ...]
    program: NeuronProgram
    initial_state: Mapping[str, int]

    def run(
        self,
        inputs: ArrayLike,
        *,
        record: bool = False,
        chunk: int = 512,
        progress: ProgressCallback = ignore_progress,
    ) -> IntegerRun:
        """Run the network on a batch of inputs.

        Args:
            inputs: Integers in [0, 2 ** input_bits): (batch, inputs) for a static input,
                (steps, batch, inputs) otherwise.
            record: Keep every spike and state.
            chunk: Inputs handled at a time; changes the memory needed and nothing else.
            progress: Receives how many inputs are done.

        Raises:
            UserError: If the shape or the range is wrong.
        """
        frames = self._checked(inputs)
        batch = frames.shape[1]
        if chunk < 1:
            raise UserError(f"chunk={chunk}: expected at least 1")
        widest = max(layer.outputs for layer in self.layers)
        chunk = max(1, min(chunk, MAXIMUM_HISTORY // (self.steps * widest)))
        parts = []
        for start in range(0, batch, chunk):
            parts.append(self._run(frames[:, start : start + chunk], record))
            progress(Progress("integer model", min(start + chunk, batch), batch))
        return _concatenate(parts)

    def _checked(self, inputs: ArrayLike) -> Integers:
        """Return the inputs as (1 or steps, batch, inputs)."""
        frames = np.asarray(inputs)
        static = self.layers[0].is_static
        wanted = "(batch, {})" if static else f"({self.steps}, batch, {{}})"
        wanted = wanted.format(self.layers[0].inputs)
        frames = frames[np.newaxis] if static else frames
        if (
            frames.ndim != 3
            or frames.shape[0] != (1 if static else self.steps)
            or frames.shape[1] == 0
            or frames.shape[2] != self.layers[0].inputs
        ):
            raise UserError(f"inputs of shape {np.shape(inputs)}: expected {wanted}, not empty")
        if frames.dtype.kind not in "iub":
            raise UserError(
                f"inputs of type {frames.dtype}: expected integers; multiply by 2 ** fraction_bits "
                f"of the input encoding and round first"
            )
        if frames.min() < 0 or frames.max() >= 1 << self.input_bits:
            raise UserError(
                f"inputs from {frames.min()} to {frames.max()}: expected 0 to "
                f"{(1 << self.input_bits) - 1} ({self.input_bits} bits)"
            )
        return frames.astype(np.int64)

    def _run(self, frames: Integers, record: bool) -> IntegerRun:
        spikes: list[Spikes] = []
        states: list[Mapping[str, Integers]] = []
        incoming: Integers | Spikes = frames
        for layer in self.layers:
            incoming, membrane, layer_states = self._run_layer(layer, incoming, record)
            if record:
                spikes.append(incoming)
                states.append(layer_states)
        counts = incoming.sum(axis=0, dtype=np.int64)
        scores = counts if self.readout == "spike-count" else membrane
        # argmax returns the first of the largest, which is the rule.
        classes = scores.argmax(axis=1)
        if not record:
            return IntegerRun(classes, counts, membrane)
        return IntegerRun(classes, counts, membrane, tuple(spikes), tuple(states))

    def _run_layer(
        self, layer: IntegerLayer, incoming: Integers | Spikes, record: bool
    ) -> tuple[Spikes, Integers, dict[str, Integers]]:
        """Return the spikes, the membrane's sum over the steps, and the states if recorded."""
        static = self._current(layer, incoming[0]) if layer.is_static else None
        shape = (self.steps, incoming.shape[1], layer.outputs)
        state = {
            name: np.full(shape[1:], value, dtype=np.int64)
            for name, value in self.initial_state.items()
        }
        parameters = {
            port.name: layer.parameters[:, index]
            for index, port in enumerate(self.program.parameters)
        }
        spikes = np.empty(shape, dtype=np.bool_)
        membrane = np.zeros(shape[1:], dtype=np.int64)
        history = {name: np.empty(shape, dtype=np.int64) for name in state} if record else {}
        algebra = NumpyIntegers(self.program.program)
        for t in range(self.steps):
            current = self._current(layer, incoming[t]) if static is None else static
            inputs = {**state, CURRENT: current, **parameters}
            outputs = evaluate(self.program.program, inputs, algebra)
            spikes[t] = outputs[SPIKE]
            state = {name: outputs[name + NEXT] for name in state}
            membrane += state[self.program.neuron.membrane]
            for name, values in history.items():
                values[t] = state[name]
        return spikes, membrane, history

    def _current(self, layer: IntegerLayer, incoming: Integers | Spikes) -> Integers:
        # Every partial sum fits into 48 bits, so that float64's products and sums are exact.
        products = incoming.astype(np.float64) @ layer.weight.T.astype(np.float64)
        accumulator = products.astype(np.int64) + layer.bias
        left, right = max(-layer.shift, 0), max(layer.shift, 0)
        form = self.program.fixed_point.current
        current: Integers = np.clip((accumulator << left) >> right, form.minimum, form.maximum)
        return current


def _concatenate(parts: list[IntegerRun]) -> IntegerRun:
    def joined(name: str) -> Integers:
        return np.concatenate([getattr(part, name) for part in parts])

    layers = range(len(parts[0].spikes))
    return IntegerRun(
        joined("classes"),
        joined("spike_counts"),
        joined("membrane"),
        tuple(np.concatenate([p.spikes[i] for p in parts], axis=1) for i in layers),
        tuple(
            {
                name: np.concatenate([part.states[i][name] for part in parts], axis=1)
                for name in parts[0].states[i]
            }
            for i in layers
        ),
    )
