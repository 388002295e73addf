"""What takes whole steps on its way."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from sc_neurocore.array_types import Array
from sc_neurocore.network.layers.base import (
    Connection,
    Runner,
    Weighted,
    WithMemory,
    along_channels,
    check_spread,
    expect,
    typed,
)
from sc_neurocore.network.schema import MAXIMUM_AT_WORK, Delays, Shape


class DelayDense(Weighted):
    """Fully connected with a delay in whole steps on every synapse; delays (outputs, inputs).

    `current[t] = bias + sum over inputs j of weight[:, j] * input[j, t - delays[:, j]]`; before
    the first step the input is 0.
    """

    kind: Literal["delay-dense"] = "delay-dense"
    weight_axes: ClassVar[int] = 2
    has_memory: ClassVar[bool] = True
    delays: Delays

    @model_validator(mode="after")
    def _check_delays(self) -> DelayDense:
        if self.delays.shape != self.weight.shape:
            raise ValueError(f"delays {self.delays.shape} and weight {self.weight.shape} differ")
        longest = int(self.delays.max())
        if (longest + 1) * self.weight.size > MAXIMUM_AT_WORK:
            raise ValueError(
                f"delays of up to {longest} steps for {self.weight.size} weights: at most "
                f"{MAXIMUM_AT_WORK} of both multiplied are taken"
            )
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """(inputs,) to (outputs,)."""
        expect(shape, (self.weight.shape[1],), self.kind)
        return (self.weight.shape[0],)

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return what is on its way, twice."""
        return 2 * (int(self.delays.max()) + 1) * math.prod(outputs)

    def runner(self, dtype: Any) -> Runner:
        """Return a matrix product whose parts wait."""
        return _LateSums(self, dtype)


class Delay(Connection):
    """Every value some whole steps later: one delay for all, one per channel, or one per value.

    Before the first step a value is 0.
    """

    kind: Literal["delay"] = "delay"
    has_memory: ClassVar[bool] = True
    delays: Delays

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        check_spread("delays", self.delays.shape, shape)
        return shape

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return what is on its way."""
        return (int(self.delays.max(initial=0)) + 2) * math.prod(outputs)

    def runner(self, dtype: Any) -> Runner:
        """Return values that wait."""
        return _LateValues(self)


class _LateSums(WithMemory):
    """Synapses with delays: what arrives is added to the currents of the steps to come."""

    def __init__(self, layer: DelayDense, dtype: Any) -> None:
        outputs, inputs = layer.weight.shape
        self.reach = int(layer.delays.max()) + 1
        self.bias = typed(layer.bias, dtype)
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


class _LateValues(WithMemory):
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
