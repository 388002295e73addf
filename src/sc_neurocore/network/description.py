"""The network description: the one artefact between training and everything after it.

Whatever trained the network, the rest of the road sees only this: layers with their numbers,
neuron equations as text, the input encoding, the number of steps and the readout. It is checked
when it is made and when it is read, and its SHA-256 names its content.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from sc_neurocore.network import layers as _layers
from sc_neurocore.network.layers import *  # noqa: F403  # they are part of the description
from sc_neurocore.network.layers import BaseLayer, Connection, Join, Layer, Population
from sc_neurocore.network.noise import with_starts
from sc_neurocore.network.paths import check_join, hands_on
from sc_neurocore.network.schema import (
    MAXIMUM_AXES,
    MAXIMUM_LAYERS,
    MAXIMUM_STEPS,
    MAXIMUM_VALUES,
    Model,
    Shape,
)

__all__ = [
    "VERSION",
    "InputEncoding",
    "NetworkDescription",
    "Readout",
    "Shape",
    "Stage",
    "spikes_that_suffice",
]
__all__ += _layers.__all__

VERSION = 1
_FIRST_TO = r"first-to-([1-9][0-9]{0,4})"

Readout: TypeAlias = Annotated[str, Field(pattern=rf"^(spike-count|membrane|{_FIRST_TO})$")]
"""What the class is read from: "spike-count", "membrane", or "first-to-N", N from 1 up."""


def spikes_that_suffice(readout: str) -> int | None:
    """Return how many spikes of an output neuron end a sample; None if no number does."""
    found = re.fullmatch(_FIRST_TO, readout)
    return int(found[1]) if found else None


class InputEncoding(Model):
    """What comes in: integers of `bits` bits, each worth 2 ** -fraction_bits.

    A static input is one frame that acts as the same current in every step; a sequence is one frame
    per step, and a spike input a sequence of zeros and ones. Integers are unsigned, or, if they are
    `signed`, in two's complement.
    """

    kind: Literal["static", "sequence", "spikes"] = "static"
    shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=1, max_length=MAXIMUM_AXES)
    bits: int = Field(ge=1, le=16)
    fraction_bits: int = Field(ge=0, le=16)
    signed: bool = False

    @model_validator(mode="after")
    def _check_sign(self) -> InputEncoding:
        if self.signed and (self.bits < 2 or self.kind == "spikes"):
            raise ValueError(
                f"signed input of kind {self.kind!r} with {self.bits} bits: expected static or "
                f"sequence, and 2 bits or more"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave the sign out where there is none: the content keeps the hash that it always had."""
        content: dict[str, Any] = dump(self)
        if not self.signed:
            content.pop("signed", None)
        return content

    @property
    def low(self) -> int:
        """The least integer."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The largest integer."""
        return (1 << (self.bits - self.signed)) - 1


def _check_size(shape: Shape, what: str) -> None:
    if math.prod(shape) > MAXIMUM_VALUES:
        raise ValueError(f"{what} has values of shape {shape}: at most {MAXIMUM_VALUES} are taken")


@dataclass(frozen=True)
class Stage:
    """A population and the layers in front of it.

    Attributes:
        between: The layers since the population before, or since the input, each with its place
            in the description.
        population: The neurons.
        place: Their place.
        input_shape: The shape of what comes in.
        shape: The shape of the neurons.
    """

    between: tuple[tuple[int, Connection], ...]
    population: Population
    place: int
    input_shape: Shape
    shape: Shape


class NetworkDescription(Model):
    """A trained network, complete.

    Attributes:
        name: An identifier; the generated hardware carries it.
        input: Shape and number format of what comes in.
        steps: Time steps per input.
        layers: From input to output; the last one is a population or recurrent layer.
        readout: The class is the lowest index among the largest spike counts ("spike-count"), or
            among the largest sums of the membrane state `v` over the steps ("membrane"). With
            "first-to-N" it is read from the spike counts too, but a sample ends with the step in
            which the first neuron reaches N spikes; if none does, with the last step.
        metadata: What people want to know: data set, split, accuracy. Plain JSON values.
        version: The version of this schema.
    """

    version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")
    input: InputEncoding
    steps: int = Field(ge=1, le=MAXIMUM_STEPS)
    layers: tuple[Layer, ...] = Field(min_length=1, max_length=MAXIMUM_LAYERS)
    readout: Readout = "spike-count"
    metadata: dict[str, str | int | float | bool | None] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> NetworkDescription:
        shape: Shape = self.input.shape
        _check_size(shape, "the input")
        signals: list[str] = []
        shapes: list[Shape] = []
        for index, layer in enumerate(self.layers):
            try:
                if isinstance(layer, Join):
                    check_join(layer, index, self.layers, signals, shapes)
                signals.append(hands_on(layer, signals))
                before, shape = shape, layer.output_shape(shape)
                _check_size(shape, layer.kind)
                layer.check_work(before, shape)
                shapes.append(shape)
            except ValueError as error:
                raise ValueError(f"layers[{index}]: {error}") from None
        last = self.layers[-1]
        if not isinstance(last, Population) or last.passes_membrane:
            raise ValueError(
                f"the last layer is {last.kind}: expected neurons (population or recurrent), whose "
                f"spikes or membrane are read out"
            )
        layers = tuple(with_starts(zip(self.layers, shapes, strict=True)))
        object.__setattr__(self, "layers", layers)  # it is frozen, and not yet handed out
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

    def with_layers(self, layers: Iterable[BaseLayer]) -> NetworkDescription:
        """Return the network with other layers, checked, under a hash of its own."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return NetworkDescription(**{**fields, "layers": tuple(layers)})

    def shapes(self) -> Iterator[Shape]:
        """Yield the shape of the input, then of every layer's output."""
        shape: Shape = self.input.shape
        yield shape
        for layer in self.layers:
            shape = layer.output_shape(shape)
            yield shape

    def stages(self) -> Iterator[Stage]:
        """Yield the populations, each with the layers in front of it."""
        shapes = list(self.shapes())
        between: list[tuple[int, Connection]] = []
        for place, layer in enumerate(self.layers):
            if not isinstance(layer, Population):
                between.append((place, layer))
                continue
            first = place - len(between)
            yield Stage(tuple(between), layer, place, shapes[first], shapes[place + 1])
            between = []

    @property
    def outputs(self) -> int:
        """Number of output neurons: the classes."""
        return math.prod(list(self.shapes())[-1])
