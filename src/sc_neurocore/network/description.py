"""The network description: the one artefact between training and everything after it.

Whatever trained the network, the rest of the road sees only this: layers with their numbers,
neuron equations as text, the input encoding, the number of steps and the readout. It is checked
when it is made and when it is read, and its SHA-256 names its content.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import DescriptionError

VERSION = 1

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=0)]]
PositivePair: TypeAlias = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


def _as_array(value: Any, info: ValidationInfo) -> NDArray[Any]:
    """Accept numbers, nested lists and arrays; keep float32 as it is, make the rest float64."""
    array = np.array(value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{info.field_name} has type {array.dtype}: expected numbers")
    if array.dtype not in (np.float32, np.int32, np.int64):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{info.field_name}{where} is {array[tuple(where)]}: expected finite numbers"
        )
    array.setflags(write=False)
    return array


def _as_delays(value: Any, info: ValidationInfo) -> NDArray[np.int64]:
    """Accept whole numbers of steps; equal delays are equal content, whatever type they came in."""
    array = _as_array(value, info)
    if (array < 0).any() or (array != np.round(array)).any():
        raise ValueError("delays are whole numbers of steps, 0 or more")
    return _as_array(array.astype(np.int64), info)


def _as_parameter(value: Any, info: ValidationInfo) -> float | NDArray[np.float64]:
    """Accept a number, or one per channel, which becomes float64."""
    if not np.ndim(value):
        return value  # type: ignore[no-any-return]  # checked as a float next
    return _as_array(_as_array(value, info).astype(np.float64), info)


def _as_neuron(value: Any) -> Neuron:
    if isinstance(value, Neuron):
        return value
    if isinstance(value, str):
        return parse_neuron(value)
    raise ValueError(f"a neuron is equation text or a Neuron, not {type(value).__name__}")


Array = Annotated[NDArray[Any], BeforeValidator(_as_array)]
Delays = Annotated[NDArray[np.int64], BeforeValidator(_as_delays)]
Parameter = Annotated[float | NDArray[np.float64], BeforeValidator(_as_parameter)]
NeuronText = Annotated[Neuron, BeforeValidator(_as_neuron), PlainSerializer(str)]


class _Model(BaseModel):
    """Checked, immutable data; what does not hold raises `DescriptionError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise DescriptionError(_explain(error)) from None


class _Layer(_Model):
    """A layer maps a shape (without time and batch) to a shape."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output; raise ValueError where the input does not fit."""
        raise NotImplementedError


def _expect(shape: Shape, wanted: Shape, what: str) -> None:
    if shape != wanted:
        raise ValueError(f"{what} expects an input of shape {wanted}, but {shape} arrives")


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
        return self

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


class AveragePool2d(_Layer):
    """Mean over windows that do not overlap unless the stride is smaller."""

    kind: Literal["average-pool2d"] = "average-pool2d"
    size: PositivePair
    stride: PositivePair | None = None

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


class Flatten(_Layer):
    """All axes into one, row by row."""

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """Any shape to (its product,)."""
        return (math.prod(shape),)


class Population(_Layer):
    """Neurons, one per input value.

    `parameters` gives a number for all, or an array with one number per channel (first axis of
    the shape); those that are not given take the neuron's default.
    """

    kind: Literal["population"] = "population"
    neuron: NeuronText
    parameters: dict[str, Parameter] = {}

    @model_validator(mode="after")
    def _check(self) -> Population:
        for name, value in self.parameters.items():
            known = self.neuron.parameters
            if name not in known:
                raise ValueError(
                    f"{self.neuron.name} has no parameter {name!r}: {', '.join(known)}"
                )
            if np.ndim(value) > 1:
                raise ValueError(
                    f"parameter {name!r} has shape {np.shape(value)}: expected one axis"
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
            if np.ndim(value) and np.shape(value) != shape[:1]:
                raise ValueError(
                    f"parameter {name!r} has {np.size(value)} numbers for {shape[0]} channels"
                )
        return shape


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
    Dense | DelayDense | Conv2d | AveragePool2d | Flatten | Population | Recurrent,
    Field(discriminator="kind"),
]


WeightedLayer: TypeAlias = Dense | DelayDense | Conv2d | Recurrent
"""The layers with a weight and perhaps a bias, one number per output (first axis)."""


class InputEncoding(_Model):
    """What comes in: unsigned integers of `bits` bits, each worth 2 ** -fraction_bits.

    A static input is one frame that acts as the same current in every step; a sequence is one frame
    per step, and a spike input a sequence of zeros and ones.
    """

    kind: Literal["static", "sequence", "spikes"] = "static"
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1)
    bits: int = Field(ge=1, le=16)
    fraction_bits: int = Field(ge=0, le=16)


class NetworkDescription(_Model):
    """A trained network, complete.

    Attributes:
        name: An identifier; the generated hardware carries it.
        input: Shape and number format of what comes in.
        steps: Time steps per input.
        layers: From input to output; the last one is a population or recurrent layer.
        readout: The class is the lowest index among the largest spike counts, or among the
            largest sums of the membrane state `v` over the steps.
        metadata: What people want to know: data set, split, accuracy. Plain JSON values.
        version: The version of this schema.
    """

    version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    input: InputEncoding
    steps: int = Field(ge=1, le=65535)
    layers: tuple[Layer, ...] = Field(min_length=1)
    readout: Literal["spike-count", "membrane"] = "spike-count"
    metadata: dict[str, str | int | float | bool | None] = {}

    @model_validator(mode="after")
    def _check(self) -> NetworkDescription:
        shape: Shape = self.input.shape
        for index, layer in enumerate(self.layers):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                raise ValueError(f"layers[{index}]: {error}") from None
        if not isinstance(self.layers[-1], Population):
            raise ValueError(f"the last layer is {self.layers[-1].kind}: expected neurons")
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NetworkDescription):
            return NotImplemented
        return self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over everything in the description, as 64 hexadecimal digits."""
        from sc_neurocore.network.storage import content_hash

        return content_hash(self)

    def shapes(self) -> Iterator[Shape]:
        """Yield the shape of the input, then of every layer's output."""
        shape: Shape = self.input.shape
        yield shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            yield shape

    @property
    def outputs(self) -> int:
        """Number of output neurons: the classes."""
        return math.prod(list(self.shapes())[-1])


def _explain(error: ValidationError) -> str:
    """Put pydantic's findings in one sentence each, with the place first."""
    findings = []
    for finding in error.errors(include_url=False):
        place = ""
        for part in finding["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
        message = finding["msg"].removeprefix("Value error, ")
        findings.append(f"{place}: {message}" if place else message)
    return "; ".join(findings)
