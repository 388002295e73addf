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
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Integrator,
    Layer,
    Population,
    Recurrent,
    Scale,
    Shape,
    SumPool2d,
    along_channels,
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
    if isinstance(layer, Integrator):
        return _FloatIntegrators(layer, dtype, record)
    if isinstance(layer, Population):
        return _FloatNeurons(layer, dtype, record)
    if isinstance(layer, DelayDense):
        return _Delays(layer, dtype)
    if isinstance(layer, Dense):
        return _dense(layer, dtype)
    if isinstance(layer, Delay):
        return _Later(layer)
    if isinstance(layer, Conv1d):
        on_images = _convolution(layer.in_two_dimensions(), dtype)
        return lambda values: on_images(values[:, :, np.newaxis])[:, :, 0]
    if isinstance(layer, Conv2d):
        return _convolution(layer, dtype)
    if isinstance(layer, SumPool2d):
        return window_sums(layer)
    if isinstance(layer, AveragePool2d):
        return _average(layer)
    if isinstance(layer, Scale):
        factor = layer.factor.astype(dtype)
        return lambda values: values * along_channels(factor, values.ndim - 1)
    return lambda values: values.reshape(len(values), -1)


def values_at_work(layer: Layer, inputs: Shape, outputs: Shape) -> int:
    """Return about how many numbers a layer holds for one sample while it takes a step."""
    if isinstance(layer, Population):
        return (len(layer.neuron.states) + _ARRAYS_OF_A_STEP) * math.prod(outputs)
    return layer.values_at_work(inputs, outputs)


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
    ) -> None:
        """Start at rest.

        Args:
            neuron: The equation.
            initial_state: Each state before the first step.
            dtype: The type of the states.
            feedback: From the spikes of the step before to what they add to the current.
            record: Whether to keep the history.
        """
        self.neuron = neuron
        self.record = record
        self._initial_state = initial_state
        self._dtype = dtype
        self._feedback = feedback
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
                name: np.full(current.shape, value, self._dtype)
                for name, value in self._initial_state.items()
            }
        if self._feedback is not None:
            before = np.zeros_like(current) if self._spike is None else self._spike
            current = self._meet(current, self._feedback(before))
        spike, new = self._step(current)
        self.state = {name: np.broadcast_to(value, current.shape) for name, value in new.items()}
        self._spike = np.broadcast_to(spike, current.shape)
        if self.record:
            self.history.append((self._spike > 0, self.state))
        return self._spike

    def _meet(self, current: Array, fed_back: Array) -> Array:
        """Add what the neurons' own spikes bring."""
        total: Array = current + fed_back
        return total

    def _step(self, current: Array) -> tuple[Array, Mapping[str, Array]]:
        """Return the spikes, 0 or 1, and the new state."""
        raise NotImplementedError


class _FloatNeurons(Neurons):
    def __init__(self, layer: Population, dtype: Any, record: bool) -> None:
        feedback = _dense(layer, dtype) if isinstance(layer, Recurrent) else None
        super().__init__(layer.neuron, layer.neuron.states, dtype, feedback, record)
        self._values = {name: np.asarray(value, dtype) for name, value in layer.values().items()}

    def _step(self, current: Array) -> tuple[Array, Mapping[str, Array]]:
        values = {
            name: along_channels(each, current.ndim - 1) for name, each in self._values.items()
        }
        return step(self.neuron, self.state, current, values, ArrayAlgebra())


class _FloatIntegrators(_FloatNeurons):
    def __call__(self, current: Array) -> Array:
        """Return the membrane."""
        super().__call__(current)
        return self.state[self.neuron.membrane]


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


class _Later(WithMemory):
    """Values that come out some steps later."""

    def __init__(self, layer: Delay) -> None:
        self.delays = layer.delays
        self.reach = int(layer.delays.max()) + 1
        self.restart()

    def restart(self) -> None:
        """Nothing is on its way any more."""
        self._past: Array | None = None  # the values of the last steps, the newest one first
        self._delays: Array | None = None

    def __call__(self, values: Array) -> Array:
        """Return the values that are due."""
        if self._past is None:
            self._past = np.zeros((self.reach, *values.shape), values.dtype)
            delays = along_channels(self.delays, values.ndim - 1)
            self._delays = np.broadcast_to(delays, values.shape)[np.newaxis]
        self._past[1:] = self._past[:-1]
        self._past[0] = values
        assert self._delays is not None
        arrived: Array = np.take_along_axis(self._past, self._delays, 0)[0]
        return arrived


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


def window_sums(layer: AveragePool2d | SumPool2d) -> Runner:
    """Return the sum over each window: of an average, all but the division."""

    def run(values: Array) -> Array:
        _, rows, columns = layer.output_shape(values.shape[1:])
        if isinstance(layer, SumPool2d) and any(layer.padding):
            values = np.pad(values, ((0, 0), (0, 0), *((pad, pad) for pad in layer.padding)))
        stride = layer.stride or layer.size
        windows = _windows(values, layer.size, stride, (1, 1), (rows, columns))
        total: Array = next(windows).copy()
        for window in windows:
            total += window
        return total

    return run


def _average(layer: AveragePool2d) -> Runner:
    sums, taps = window_sums(layer), math.prod(layer.size)

    def run(values: Array) -> Array:
        total = sums(values)
        total /= taps
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
