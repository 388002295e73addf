"""Neurons."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

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

_ARRAYS_OF_A_STEP = 4  # current, crossing, spikes and an intermediate result, beside the states


class Population(BaseLayer):
    """Neurons, one per input value.

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
        self.neuron.need_one_input("a layer")
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
        """The shape itself."""
        for name, value in self.parameters.items():
            check_spread(f"parameter {name!r}", np.shape(value), shape)
        return shape

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return the states and what a step needs beside them."""
        return (len(self.neuron.states) + _ARRAYS_OF_A_STEP) * math.prod(outputs)


class Integrator(Population):
    """Neurons that pass on their membrane instead of spikes: leaky integrators inside a network.

    As the last layer stands a population whose membrane is read out, with neurons that never fire.
    """

    kind: Literal["integrator"] = "integrator"  # type: ignore[assignment]
    passes_membrane: ClassVar[bool] = True


class RecurrentConv2d(Population):
    """Neurons of images whose spikes of the step before come back through a convolution.

    The weight is (channels, channels, rows, columns), rows and columns odd; zeros lie around, so
    that each neuron sees its own place in the middle.
    """

    kind: Literal["recurrent-conv2d"] = "recurrent-conv2d"  # type: ignore[assignment]
    weight: CheckedArray
    bias: CheckedArray | None = None

    @model_validator(mode="after")
    def _check_weight(self) -> RecurrentConv2d:
        check_weight(self.weight, self.bias, 4)
        outputs, inputs, *size = self.weight.shape
        if outputs != inputs or not all(each % 2 for each in size):
            raise ValueError(
                f"recurrent weight has shape {self.weight.shape}: expected as many inputs as "
                f"outputs, and odd rows and columns"
            )
        return self

    @property
    def feedback(self) -> Conv2d:
        """The weights, as a layer."""
        rows, columns = self.weight.shape[2:]
        return Conv2d(weight=self.weight, bias=self.bias, padding=(rows // 2, columns // 2))

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        self.feedback.output_shape(shape)
        return super().output_shape(shape)

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return that of the neurons, and of the convolution."""
        own = super().values_at_work(inputs, outputs)
        return own + self.feedback.values_at_work(outputs, outputs)


class Recurrent(Population):
    """Neurons whose own spikes of the step before come back through weights (neurons, neurons)."""

    kind: Literal["recurrent"] = "recurrent"  # type: ignore[assignment]
    weight: CheckedArray
    bias: CheckedArray | None = None

    @model_validator(mode="after")
    def _check_weight(self) -> Recurrent:
        check_weight(self.weight, self.bias, 2)
        if self.weight.shape[0] != self.weight.shape[1]:
            raise ValueError(f"recurrent weight has shape {self.weight.shape}: expected a square")
        return self

    @property
    def feedback(self) -> Dense:
        """The weights, as a layer."""
        return Dense(weight=self.weight, bias=self.bias)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        expect(shape, (self.weight.shape[0],), self.kind)
        return super().output_shape(shape)
