"""A described network in floating point, without torch: what other inferences are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.step import step
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.network.description import (
    Dense,
    Flatten,
    InputEncoding,
    Layer,
    NetworkDescription,
    Population,
)

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class FloatRun:
    """What a network answered.

    Attributes:
        classes: The answer for each sample, int64 (batch,).
        spike_counts: Spikes of each output neuron over all steps, int64 (batch, outputs).
        membrane: The sum of its membrane after reset over all steps, (batch, outputs).
        spikes: Recorded spikes of each population, bool (T, batch, ...); empty if not recorded.
        states: Recorded states after reset, likewise, by name.
    """

    classes: NDArray[np.int64]
    spike_counts: NDArray[np.int64]
    membrane: Array
    spikes: tuple[NDArray[np.bool_], ...] = ()
    states: tuple[Mapping[str, Array], ...] = ()

    def accuracy(self, labels: NDArray[np.integer[Any]]) -> float:
        """Return the share of answers that equal the labels."""
        return float(np.mean(self.classes == labels))


class _Neurons:
    """A population while it runs: it holds the state, and the record of it if asked to."""

    def __init__(self, layer: Population, dtype: Any, record: bool) -> None:
        self.neuron = layer.neuron
        self.membrane = layer.neuron.membrane
        self.values = {name: np.asarray(value, dtype) for name, value in layer.values().items()}
        self.state: dict[str, Array] = {}
        self.history: list[tuple[Array, dict[str, Array]]] | None = [] if record else None

    def __call__(self, current: Array) -> Array:
        if not self.state:
            self.state = {
                name: np.full_like(current, value) for name, value in self.neuron.states.items()
            }
            axes = (-1, *(1,) * (current.ndim - 2))
            self.values = {
                name: value.reshape(axes) if value.ndim else value
                for name, value in self.values.items()
            }
        spike, new = step(self.neuron, self.state, current, self.values, ArrayAlgebra())
        self.state = {name: np.broadcast_to(value, current.shape) for name, value in new.items()}
        spike = np.broadcast_to(spike, current.shape)
        if self.history is not None:
            self.history.append((spike > 0, self.state))
        return spike


class _Linear:
    """A dense layer while it runs; the same input object again gives the same result again."""

    def __init__(self, layer: Dense, dtype: Any) -> None:
        self.weight = layer.weight.astype(dtype)
        self.bias = None if layer.bias is None else layer.bias.astype(dtype)
        self.last: tuple[Array, Array] | None = None

    def __call__(self, values: Array) -> Array:
        if self.last is None or self.last[0] is not values:
            product = values @ self.weight.T
            self.last = values, product if self.bias is None else product + self.bias
        return self.last[1]


def run_float(
    description: NetworkDescription,
    inputs: ArrayLike,
    *,
    dtype: type[np.floating[Any]] = np.float64,
    record: bool = False,
) -> FloatRun:
    """Run a network in floating point.

    Args:
        description: The network.
        inputs: Unsigned integers in its input encoding: (batch, *shape), or (T, batch, *shape)
            of zeros and ones where the input is spikes.
        dtype: `numpy.float64` or `numpy.float32`.
        record: Whether to keep all spikes and states.

    Raises:
        DataError: If the inputs do not have the shape, type or range of the encoding.
        UserError: For a layer that this evaluator does not know yet.
    """
    layers = [_runner(layer, dtype, record) for layer in description.layers]
    output = layers[-1]
    assert isinstance(output, _Neurons)  # a description ends with neurons
    counts: Any = 0
    membrane: Any = 0
    for values in _frames(description, np.asarray(inputs), dtype):
        for layer in layers:
            values = layer(values)
        counts = counts + (values > 0)
        membrane = membrane + output.state[output.membrane]
    outputs = (-1, description.outputs)
    counts, membrane = np.reshape(counts, outputs), np.reshape(membrane, outputs)
    scores = membrane if description.readout == "membrane" else counts
    populations = [layer for layer in layers if isinstance(layer, _Neurons)]
    histories = [population.history for population in populations if population.history]
    return FloatRun(
        classes=scores.argmax(axis=1),  # the first of equals
        spike_counts=counts,
        membrane=membrane,
        spikes=tuple(np.stack([spike for spike, _ in history]) for history in histories),
        states=tuple(
            {name: np.stack([state[name] for _, state in history]) for name in history[0][1]}
            for history in histories
        ),
    )


def _runner(layer: Layer, dtype: Any, record: bool) -> Any:
    """Return a function from the layer's input in one step to its output."""
    if type(layer) is Population:
        return _Neurons(layer, dtype, record)
    if isinstance(layer, Dense):
        return _Linear(layer, dtype)
    if isinstance(layer, Flatten):
        return lambda values: values.reshape(len(values), -1)
    raise UserError(
        f"floating-point inference does not know {layer.kind!r} layers yet; it knows dense, "
        f"flatten and population"
    )


def _frames(description: NetworkDescription, inputs: Array, dtype: Any) -> Iterator[Array]:
    """Yield the input of every step as numbers; a static input is the same array each time."""
    encoding = description.input
    _check_inputs(encoding, inputs, description.steps)
    unit = 2.0**-encoding.fraction_bits
    if encoding.kind == "static":
        frame = inputs.astype(dtype) * dtype(unit)
        for _ in range(description.steps):
            yield frame
    else:
        for spikes in inputs:
            yield spikes.astype(dtype) * dtype(unit)


def _check_inputs(encoding: InputEncoding, inputs: Array, steps: int) -> None:
    lead = ("batch",) if encoding.kind == "static" else (steps, "batch")
    wanted = f"({', '.join(str(size) for size in (*lead, *encoding.shape))})"
    if inputs.dtype.kind not in "ui":
        raise DataError(f"inputs have type {inputs.dtype}: expected unsigned integers {wanted}")
    has_shape = inputs.ndim == len(lead) + len(encoding.shape)
    has_shape = has_shape and inputs.shape[len(lead) :] == encoding.shape
    if not has_shape or (encoding.kind != "static" and inputs.shape[0] != steps):
        raise DataError(f"inputs have shape {inputs.shape}: expected {wanted}")
    if inputs.size and (inputs.min() < 0 or int(inputs.max()) >= 2**encoding.bits):
        raise DataError(
            f"inputs range from {inputs.min()} to {inputs.max()}: expected 0 to "
            f"{2**encoding.bits - 1} ({encoding.bits} bits)"
        )
