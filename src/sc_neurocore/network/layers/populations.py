"""Neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from sc_neurocore.array_types import Array
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import DescriptionError
from sc_neurocore.network.layers.base import (
    BaseLayer,
    Weighted,
    check_spread,
    check_weight,
    expect,
)
from sc_neurocore.network.layers.convolution import Conv2d
from sc_neurocore.network.layers.dense import Dense
from sc_neurocore.network.schema import CheckedArray, NeuronText, Parameter, Shape

_ARRAYS_OF_A_STEP = 3  # crossing, spikes and an intermediate result, beside states and currents


def by_input(neuron: Neuron, numbers: Mapping[str, ArrayLike]) -> Array:
    """Put the numbers of a neuron's inputs into the one array that a layer takes.

    What arrives at neurons with several inputs is the currents of the first input, then those of
    the second, and so on, along the first axis: weights (outputs, ...), biases (outputs,) and
    delays in front of them, and recurrent weights, have that order::

        Dense(weight=by_input(neuron, {"g_e": excitatory, "g_i": inhibitory}))

    Args:
        neuron: The equation.
        numbers: For each of its inputs the numbers, all in one shape, (neurons or channels, ...).
            An input that is left out gets zeros.

    Raises:
        DescriptionError: If an input is unknown, the shapes differ or have no axis, or there is
            something that is no number.
    """
    arrays = {name: _numbers(name, values) for name, values in numbers.items()}
    unknown = sorted({*arrays} - {*neuron.inputs})
    if unknown or not arrays:
        raise DescriptionError(
            f"numbers for {', '.join(unknown) or 'no input'}: the inputs of {neuron.name} are "
            f"{', '.join(neuron.inputs)}"
        )
    shapes = {each.shape for each in arrays.values()}
    if len(shapes) > 1 or not next(iter(shapes)):
        given = ", ".join(f"{name} {each.shape}" for name, each in arrays.items())
        raise DescriptionError(
            f"numbers of shape {given}: expected one shape (neurons, ...) for all inputs of "
            f"{neuron.name}"
        )
    nothing = np.zeros_like(next(iter(arrays.values())))
    return np.concatenate([arrays.get(name, nothing) for name in neuron.inputs])


def _numbers(name: str, values: ArrayLike) -> Array:
    """Return what is given for an input as an array."""
    try:
        found = np.asarray(values)
    except ValueError:  # rows of different lengths
        found = np.asarray(None)
    if found.dtype.kind not in "biuf":
        raise DescriptionError(
            f"numbers for {name}: expected an array of real numbers, (neurons, ...), with rows of "
            f"one length"
        )
    return found


def of_each_input(neuron: Neuron, currents: Array) -> dict[str, Array]:
    """Return the currents of each input, (batch, channels, ...), by its name.

    Args:
        neuron: The equation.
        currents: What arrives, (batch, inputs * channels, ...), in the order of `by_input`.
    """
    parts = np.split(currents, len(neuron.inputs), axis=1)
    return dict(zip(neuron.inputs, parts, strict=True))


class Population(BaseLayer):
    """Neurons, one per input value.

    A neuron whose equation has several inputs takes a value for each: the first axis of what
    arrives is that of the neurons, once for each input, in the order of `by_input`.

    `parameters` gives a number for all, an array with one number per channel (first axis of the
    shape), or an array in the layer's shape, one number per neuron; those that are not given take
    the neuron's default.
    """

    kind: Literal["population"] = "population"
    neuron: NeuronText
    parameters: dict[str, Parameter] = Field(default_factory=dict)

    passes_membrane: ClassVar[bool] = False
    """Whether the membrane is handed on instead of the spikes."""

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

    @property
    def feedback(self) -> Weighted | None:
        """What their own spikes of the step before come back through, if they do."""
        return None

    def values(self) -> dict[str, float | NDArray[Any]]:
        """Return every parameter's value, defaults filled in."""
        return {
            name: self.parameters.get(name, parameter.default)
            for name, parameter in self.neuron.parameters.items()
        }

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself; with several inputs, their share of the first axis."""
        shape = self._of_neurons(shape)
        for name, value in self.parameters.items():
            check_spread(f"parameter {name!r}", np.shape(value), shape)
        return shape

    def _of_neurons(self, shape: Shape) -> Shape:
        """Return the shape of the neurons that currents of a shape are for."""
        inputs = self.neuron.inputs
        if shape[0] % len(inputs):
            raise ValueError(
                f"{self.neuron.name} has the inputs {', '.join(inputs)}: expected {len(inputs)} "
                f"currents for each neuron, first those of {inputs[0]} of all neurons, but "
                f"{shape} arrives"
            )
        return (shape[0] // len(inputs), *shape[1:])

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return the states, the currents and what a step needs beside them."""
        arrays = len(self.neuron.states) + len(self.neuron.inputs) + _ARRAYS_OF_A_STEP
        return arrays * math.prod(outputs)


class Integrator(Population):
    """Neurons that pass on their membrane instead of spikes: leaky integrators inside a network.

    As the last layer stands a population whose membrane is read out, with neurons that never fire.
    """

    kind: Literal["integrator"] = "integrator"  # type: ignore[assignment]
    passes_membrane: ClassVar[bool] = True


class RecurrentConv2d(Population):
    """Neurons of images whose spikes of the step before come back through a convolution.

    The weight is (channels, channels, rows, columns), rows and columns odd; zeros lie around, so
    that each neuron sees its own place in the middle. With several inputs its first axis is that
    of the currents, in the order of `by_input`, and so is the bias.
    """

    kind: Literal["recurrent-conv2d"] = "recurrent-conv2d"  # type: ignore[assignment]
    weight: CheckedArray
    bias: CheckedArray | None = None

    @model_validator(mode="after")
    def _check_weight(self) -> RecurrentConv2d:
        check_weight(self.weight, self.bias, 4)
        outputs, inputs, *size = self.weight.shape
        wanted = len(self.neuron.inputs)
        if outputs != wanted * inputs or not all(each % 2 for each in size):
            raise ValueError(
                f"recurrent weight has shape {self.weight.shape}: expected {_outputs(wanted)} as "
                f"inputs, and odd rows and columns"
            )
        return self

    @property
    def feedback(self) -> Conv2d:
        """The weights, as a layer."""
        rows, columns = self.weight.shape[2:]
        return Conv2d(weight=self.weight, bias=self.bias, padding=(rows // 2, columns // 2))

    def output_shape(self, shape: Shape) -> Shape:
        """As that of a population."""
        neurons = super().output_shape(shape)
        expect(shape, self.feedback.output_shape(neurons), self.kind)
        return neurons

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return that of the neurons, and of the convolution."""
        own = super().values_at_work(inputs, outputs)
        return own + self.feedback.values_at_work(outputs, outputs)


class Recurrent(Population):
    """Neurons whose own spikes of the step before come back through weights (neurons, neurons).

    With several inputs the first axis of weight and bias is that of the currents, in the order of
    `by_input`.
    """

    kind: Literal["recurrent"] = "recurrent"  # type: ignore[assignment]
    weight: CheckedArray
    bias: CheckedArray | None = None

    @model_validator(mode="after")
    def _check_weight(self) -> Recurrent:
        check_weight(self.weight, self.bias, 2)
        outputs, inputs = self.weight.shape
        wanted = len(self.neuron.inputs)
        if outputs != wanted * inputs:
            what = "a square" if wanted == 1 else f"{_outputs(wanted)} as inputs"
            raise ValueError(f"recurrent weight has shape {self.weight.shape}: expected {what}")
        return self

    @property
    def feedback(self) -> Dense:
        """The weights, as a layer."""
        return Dense(weight=self.weight, bias=self.bias)

    def output_shape(self, shape: Shape) -> Shape:
        """As that of a population."""
        expect(shape, (self.weight.shape[0],), self.kind)
        return super().output_shape(shape)


def _outputs(inputs: int) -> str:
    """Say how many outputs a recurrent weight has for neurons with so many inputs."""
    return "as many outputs" if inputs == 1 else f"{inputs} times as many outputs"
