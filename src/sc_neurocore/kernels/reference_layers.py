"""The layers of a described network in NumPy floats, each a function of one step's values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Layer,
    Population,
    Recurrent,
    Shape,
)

Array: TypeAlias = NDArray[Any]
Runner: TypeAlias = Callable[[Array], Array]
"""From a layer's input in one step, (batch, ...), to its output."""

_ARRAYS_OF_A_STEP = 4  # current, crossing, spikes and an intermediate result, beside the states


class WithMemory:
    """A layer whose output depends on earlier steps too."""

    def restart(self) -> None:
        """Forget all steps: the next one is the first."""
        raise NotImplementedError

    def __call__(self, values: Array) -> Array:
        """Take one step."""
        raise NotImplementedError


def make_runner(layer: Layer, dtype: Any, record: bool) -> Runner:
    """Return a layer as a function, with its numbers in `dtype`.

    Args:
        layer: The layer.
        dtype: The float type to compute in.
        record: Whether neurons keep their history.
    """
    if isinstance(layer, Population):
        return Neurons(layer, dtype, record)
    if isinstance(layer, DelayDense):
        return _Delays(layer, dtype)
    if isinstance(layer, Dense):
        return _dense(layer, dtype)
    if isinstance(layer, Conv2d):
        return _convolution(layer, dtype)
    if isinstance(layer, AveragePool2d):
        return _average(layer)
    return lambda values: values.reshape(len(values), -1)


def values_at_work(layer: Layer, inputs: Shape, outputs: Shape) -> int:
    """Return about how many numbers a layer holds for one sample while it takes a step."""
    if isinstance(layer, Conv2d):
        return math.prod(layer.weight.shape[1:]) * layer.groups * math.prod(outputs[1:])
    if isinstance(layer, DelayDense):
        return 2 * (int(layer.delays.max()) + 1) * math.prod(outputs)
    if isinstance(layer, Population):
        return (len(layer.neuron.states) + _ARRAYS_OF_A_STEP) * math.prod(outputs)
    return math.prod(inputs) + math.prod(outputs)


class Neurons(WithMemory):
    """A population, recurrent or not.

    Attributes:
        initial: Each state before the first step.
        state: Each state after the last step; empty before the first one.
        history: Spikes and states of every step so far, if they are kept.
    """

    def __init__(self, layer: Population, dtype: Any, record: bool) -> None:
        self.neuron: Neuron = layer.neuron
        self.initial: Mapping[str, float] = self.neuron.states
        self.synapses = _dense(layer, dtype) if isinstance(layer, Recurrent) else None
        self.record = record
        self._values = {name: np.asarray(value, dtype) for name, value in layer.values().items()}
        self.restart()

    def restart(self) -> None:
        """Go back to rest and start a new history."""
        self.state: dict[str, Array] = {}
        self.history: list[tuple[Array, dict[str, Array]]] = []
        self._spike: Array | None = None

    def __call__(self, current: Array) -> Array:
        """Return the spikes, 0 or 1."""
        if not self.state:
            self.state = {
                name: np.full_like(current, value) for name, value in self.initial.items()
            }
        if self.synapses is not None:
            before = np.zeros_like(current) if self._spike is None else self._spike
            current = current + self.synapses(before)
        spike, new = self.advance(current)
        self.state = {name: np.broadcast_to(value, current.shape) for name, value in new.items()}
        self._spike = np.broadcast_to(spike, current.shape)
        if self.record:
            self.history.append((self._spike > 0, self.state))
        return self._spike

    def advance(self, current: Array) -> tuple[Array, dict[str, Array]]:
        """Return the spikes and the new states of one step."""
        axes = (-1, *(1,) * (current.ndim - 2))  # channels come right after the batch
        values = {
            name: value.reshape(axes) if value.ndim else value
            for name, value in self._values.items()
        }
        return step(self.neuron, self.state, current, values, ArrayAlgebra())


class _Delays(WithMemory):
    """Synapses with delays: what arrives is added to the currents of the steps to come."""

    def __init__(self, layer: DelayDense, dtype: Any) -> None:
        outputs, inputs = layer.weight.shape
        self.reach = int(layer.delays.max()) + 1
        self.bias = None if layer.bias is None else layer.bias.astype(dtype)
        by_delay = np.zeros((self.reach, outputs, inputs), dtype)
        np.put_along_axis(by_delay, layer.delays[None], layer.weight[None].astype(dtype), 0)
        self.weight = by_delay.reshape(-1, inputs).T
        self.restart()

    def restart(self) -> None:
        """Nothing is on its way any more."""
        self._coming: Array | None = None  # (batch, delay, outputs)
        self._last: tuple[Array, Array] | None = None

    def __call__(self, values: Array) -> Array:
        """Return the currents of this step."""
        if self._last is None or self._last[0] is not values:  # a static input stays the same array
            product = values @ self.weight
            self._last = values, product.reshape(len(values), self.reach, -1)
        sent = self._last[1]
        if self._coming is None:
            self._coming = np.zeros_like(sent)
        self._coming += sent
        current = self._coming[:, 0].copy() if self.bias is None else self._coming[:, 0] + self.bias
        self._coming[:, :-1] = self._coming[:, 1:]
        self._coming[:, -1] = 0
        return current


def _dense(layer: Dense | Recurrent, dtype: Any) -> Runner:
    weight = layer.weight.astype(dtype)
    bias = None if layer.bias is None else layer.bias.astype(dtype)

    def run(values: Array) -> Array:
        product: Array = values @ weight.T
        return product if bias is None else product + bias

    return run


def _convolution(layer: Conv2d, dtype: Any) -> Runner:
    """Return a convolution as one matrix product per group over copies of the shifted images."""
    weight = layer.weight.astype(dtype).reshape(layer.groups, len(layer.weight) // layer.groups, -1)
    bias = None if layer.bias is None else layer.bias.astype(dtype).reshape(-1, 1, 1, 1)
    size = layer.weight.shape[2:]
    (above, left), taps = layer.padding, math.prod(size)

    def run(values: Array) -> Array:
        _, rows, columns = layer.output_shape(values.shape[1:])
        # Channels lead, so that the product's result is laid out like its operand.
        images = np.pad(values.swapaxes(0, 1), ((0, 0), (0, 0), (above, above), (left, left)))
        channels, batch = images.shape[:2]
        shifted = np.empty((channels, taps, batch, rows, columns), images.dtype)
        windows = _windows(images, size, layer.stride, layer.dilation, (rows, columns))
        for tap, window in enumerate(windows):
            shifted[:, tap] = window
        flat = shifted.reshape(layer.groups, -1, batch * rows * columns)
        result: Array = (weight @ flat).reshape(-1, batch, rows, columns)
        if bias is not None:
            result += bias
        return result.swapaxes(0, 1)

    return run


def _average(layer: AveragePool2d) -> Runner:
    def run(values: Array) -> Array:
        _, rows, columns = layer.output_shape(values.shape[1:])
        stride = layer.stride or layer.size
        windows = _windows(values, layer.size, stride, (1, 1), (rows, columns))
        total: Array = next(windows).copy()
        for window in windows:
            total += window
        total /= math.prod(layer.size)
        return total

    return run


def _windows(
    images: Array,
    size: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    result: Sequence[int],
) -> Iterator[Array]:
    """Yield, for each position in a window, what all windows see there: (..., rows, columns)."""
    for position in np.ndindex(*size):
        rows, columns = (
            slice(index * apart, index * apart + (count - 1) * jump + 1, jump)
            for index, apart, count, jump in zip(position, dilation, result, stride, strict=True)
        )
        yield images[..., rows, columns]
