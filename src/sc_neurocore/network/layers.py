"""The layers of a network description, each with its shapes and its checks."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator, model_validator

from sc_neurocore.network.schema import (
    MAXIMUM_AT_WORK,
    MAXIMUM_LENGTH,
    Array,
    Delays,
    Length,
    Model,
    NeuronText,
    Padding,
    Pair,
    Parameter,
    PositivePair,
    Shape,
)


class _Layer(Model):
    """A layer maps a shape (without time and batch) to a shape."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output; raise ValueError where the input does not fit."""
        raise NotImplementedError

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return about how many numbers it holds for one sample while it takes a step."""
        return math.prod(inputs) + math.prod(outputs)

    def check_work(self, inputs: Shape, outputs: Shape) -> None:
        """Raise ValueError where that is more than any machine should be asked for."""
        count = self.values_at_work(inputs, outputs)
        if count > MAXIMUM_AT_WORK:
            raise ValueError(
                f"a step on one sample of shape {inputs} takes {count} numbers at once: at most "
                f"{MAXIMUM_AT_WORK} are taken; make kernel, padding or delays smaller"
            )


def _padded(shape: Shape, padding: Shape) -> int:
    """Return how many values (channels, height, width) has with zeros around it."""
    return shape[0] * math.prod(
        size + 2 * pad for size, pad in zip(shape[1:], padding, strict=True)
    )


def _expect(shape: Shape, wanted: Shape, what: str) -> None:
    if shape != wanted:
        raise ValueError(f"{what} expects an input of shape {wanted}, but {shape} arrives")


def _check_spread(name: str, found: Shape, shape: Shape) -> None:
    """Raise ValueError unless numbers are one, one per channel, or one per value of a shape."""
    if found not in ((), shape[:1], shape):
        raise ValueError(
            f"{name} has shape {found} at an input of shape {shape}: expected one number, "
            f"{shape[0]} (one per channel), or one for each of its values"
        )


def along_channels(values: NDArray[Any], axes: int) -> NDArray[Any]:
    """Shape what lies along the channels, the first of `axes` axes, to broadcast against them."""
    return values.reshape(-1, *(1,) * (axes - 1)) if values.ndim == 1 else values


def _expect_channels_rows_columns(shape: Shape, what: str) -> None:
    if len(shape) != 3:
        raise ValueError(f"{what} expects an input (channels, height, width), but {shape} arrives")


def _check_weight(weight: NDArray[Any], bias: NDArray[Any] | None, axes: int) -> None:
    if weight.ndim != axes or 0 in weight.shape:
        raise ValueError(f"weight has shape {weight.shape}: expected {axes} axes, none empty")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {bias.shape}: expected {weight.shape[:1]}")


class Dense(_Layer):
    """Fully connected: `current = weight @ input + bias`; weight (outputs, inputs)."""

    kind: Literal["dense"] = "dense"
    weight: Array
    bias: Array | None = None

    @model_validator(mode="after")
    def _check(self) -> Dense:
        _check_weight(self.weight, self.bias, 2)
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """(inputs,) to (outputs,)."""
        _expect(shape, (self.weight.shape[1],), "dense")
        return (self.weight.shape[0],)


class DelayDense(_Layer):
    """Fully connected with a delay in whole steps on every synapse; delays (outputs, inputs).

    `current[t] = bias + sum over inputs j of weight[:, j] * input[j, t - delays[:, j]]`; before
    the first step the input is 0.
    """

    kind: Literal["delay-dense"] = "delay-dense"
    weight: Array
    delays: Delays
    bias: Array | None = None

    @model_validator(mode="after")
    def _check(self) -> DelayDense:
        _check_weight(self.weight, self.bias, 2)
        if self.delays.shape != self.weight.shape:
            raise ValueError(f"delays {self.delays.shape} and weight {self.weight.shape} differ")
        longest = int(self.delays.max())
        if (longest + 1) * self.weight.size > MAXIMUM_AT_WORK:
            raise ValueError(
                f"delays of up to {longest} steps for {self.weight.size} weights: at most "
                f"{MAXIMUM_AT_WORK} of both multiplied are taken"
            )
        return self

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """What is on its way to each output, twice."""
        return 2 * (int(self.delays.max()) + 1) * math.prod(outputs)

    def output_shape(self, shape: Shape) -> Shape:
        """(inputs,) to (outputs,)."""
        _expect(shape, (self.weight.shape[1],), "delay-dense")
        return (self.weight.shape[0],)


class Conv2d(_Layer):
    """Cross-correlation; weight (outputs, inputs / groups, kernel height, kernel width)."""

    kind: Literal["conv2d"] = "conv2d"
    weight: Array
    bias: Array | None = None
    stride: PositivePair = (1, 1)
    padding: Pair = (0, 0)
    dilation: PositivePair = (1, 1)
    groups: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Conv2d:
        _check_weight(self.weight, self.bias, 4)
        if self.weight.shape[0] % self.groups:
            raise ValueError(
                f"{self.weight.shape[0]} outputs do not divide into {self.groups} groups"
            )
        return self

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """A copy of the padded image, and what each output sees of it."""
        seen = math.prod(self.weight.shape[1:]) * self.groups * math.prod(outputs[1:])
        return seen + _padded(inputs, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width) to (outputs, height', width')."""
        _expect_channels_rows_columns(shape, "conv2d")
        _expect(shape[:1], (self.weight.shape[1] * self.groups,), "conv2d (channels)")
        sizes = tuple(
            (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1
            for size, kernel, pad, dilation, stride in zip(
                shape[1:],
                self.weight.shape[2:],
                self.padding,
                self.dilation,
                self.stride,
                strict=True,
            )
        )
        if min(sizes) < 1:
            raise ValueError(
                f"conv2d: the kernel {self.weight.shape[2:]} is larger than {shape[1:]}"
            )
        return (self.weight.shape[0], *sizes)


class Conv1d(_Layer):
    """Cross-correlation along a line; weight (outputs, inputs / groups, kernel length)."""

    kind: Literal["conv1d"] = "conv1d"
    weight: Array
    bias: Array | None = None
    stride: Length = 1
    padding: Padding = 0
    dilation: Length = 1
    groups: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _check(self) -> Conv1d:
        _check_weight(self.weight, self.bias, 3)
        self.in_two_dimensions()
        return self

    def in_two_dimensions(self) -> Conv2d:
        """Return the same convolution for lines that are images of one row."""
        return Conv2d(
            weight=self.weight[:, :, np.newaxis],
            bias=self.bias,
            stride=(1, self.stride),
            padding=(0, self.padding),
            dilation=(1, self.dilation),
            groups=self.groups,
        )

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, length) to (outputs, length')."""
        if len(shape) != 2:
            raise ValueError(f"conv1d expects an input (channels, length), but {shape} arrives")
        outputs, _, length = self.in_two_dimensions().output_shape((shape[0], 1, shape[1]))
        return outputs, length

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Those of the convolution of images with one row."""
        rows = (inputs[0], 1, inputs[1]), (outputs[0], 1, outputs[1])
        return self.in_two_dimensions().values_at_work(*rows)


class _Pool2d(_Layer):
    """Windows over images, side by side unless there is a stride."""

    size: PositivePair
    stride: PositivePair | None = None

    @field_validator("size")
    @classmethod
    def _of_few_values(cls, size: Shape) -> Shape:
        if math.prod(size) > MAXIMUM_LENGTH:
            raise ValueError(f"a window of {size}: at most {MAXIMUM_LENGTH} values are taken")
        return size

    @field_validator("stride")
    @classmethod
    def _without_the_obvious(cls, stride: Shape | None, info: ValidationInfo) -> Shape | None:
        """Equal content is equal, whichever way the usual stride was given."""
        return None if stride == info.data.get("size") else stride


class AveragePool2d(_Pool2d):
    """Mean over windows that do not overlap unless the stride is smaller."""

    kind: Literal["average-pool2d"] = "average-pool2d"

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width) to (channels, height', width')."""
        _expect_channels_rows_columns(shape, "average-pool2d")
        strides = self.stride or self.size
        sizes = tuple(
            (size - window) // stride + 1
            for size, window, stride in zip(shape[1:], self.size, strides, strict=True)
        )
        if min(sizes) < 1:
            raise ValueError(f"average-pool2d: the window {self.size} is larger than {shape[1:]}")
        return (shape[0], *sizes)


class SumPool2d(_Pool2d):
    """Sum over windows, with zeros around the image."""

    kind: Literal["sum-pool2d"] = "sum-pool2d"
    padding: Pair = (0, 0)

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width) to (channels, height', width')."""
        _expect_channels_rows_columns(shape, "sum-pool2d")
        sizes = tuple(
            (size + 2 * pad - window) // stride + 1
            for size, pad, window, stride in zip(
                shape[1:], self.padding, self.size, self.stride or self.size, strict=True
            )
        )
        if min(sizes) < 1:
            raise ValueError(f"sum-pool2d: the window {self.size} is larger than {shape[1:]}")
        return (shape[0], *sizes)

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """The padded image and the sums."""
        return _padded(inputs, self.padding) + math.prod(outputs)


class Scale(_Layer):
    """Every value times a factor: one for all, one per channel, or one per value."""

    kind: Literal["scale"] = "scale"
    factor: Array

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        _check_spread("factor", self.factor.shape, shape)
        return shape


class Delay(_Layer):
    """Every value some whole steps later: one delay for all, one per channel, or one per value.

    Before the first step a value is 0.
    """

    kind: Literal["delay"] = "delay"
    delays: Delays

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        _check_spread("delays", self.delays.shape, shape)
        return shape

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """The values that are on their way."""
        return (int(self.delays.max(initial=0)) + 2) * math.prod(outputs)


class Flatten(_Layer):
    """All axes into one, row by row."""

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """Any shape to (its product,)."""
        return (math.prod(shape),)


class Population(_Layer):
    """Neurons, one per input value.

    `parameters` gives a number for all, an array with one number per channel (first axis of the
    shape), or an array in the layer's shape, one number per neuron; those that are not given take
    the neuron's default.
    """

    kind: Literal["population"] = "population"
    neuron: NeuronText
    parameters: dict[str, Parameter] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Population:
        for name, value in self.parameters.items():
            known = self.neuron.parameters
            if name not in known:
                raise ValueError(
                    f"{self.neuron.name} has no parameter {name!r}: {', '.join(known)}"
                )
            for number in np.unique(value):
                known[name].check(name, float(number))
        return self

    def values(self) -> dict[str, float | NDArray[Any]]:
        """Return every parameter's value, defaults filled in."""
        return {
            name: self.parameters.get(name, parameter.default)
            for name, parameter in self.neuron.parameters.items()
        }

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        for name, value in self.parameters.items():
            _check_spread(f"parameter {name!r}", np.shape(value), shape)
        return shape


class Integrator(Population):
    """Neurons that pass on their membrane instead of spikes: leaky integrators inside a network.

    As the last layer stands a population whose membrane is read out, with neurons that never fire.
    """

    kind: Literal["integrator"] = "integrator"  # type: ignore[assignment]


class Recurrent(Population):
    """Neurons whose own spikes of the step before come back through weights (neurons, neurons)."""

    kind: Literal["recurrent"] = "recurrent"  # type: ignore[assignment]
    weight: Array
    bias: Array | None = None

    @model_validator(mode="after")
    def _check_weight(self) -> Recurrent:
        _check_weight(self.weight, self.bias, 2)
        if self.weight.shape[0] != self.weight.shape[1]:
            raise ValueError(f"recurrent weight has shape {self.weight.shape}: expected a square")
        return self

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        _expect(shape, (self.weight.shape[0],), "recurrent")
        return super().output_shape(shape)


Layer: TypeAlias = Annotated[
    Dense
    | DelayDense
    | Conv1d
    | Conv2d
    | AveragePool2d
    | SumPool2d
    | Scale
    | Delay
    | Flatten
    | Population
    | Integrator
    | Recurrent,
    Field(discriminator="kind"),
]


WeightedLayer: TypeAlias = Dense | DelayDense | Conv1d | Conv2d | Recurrent
"""The layers with a weight and perhaps a bias, one number per output (first axis)."""
