"""Random small networks with convolutions and pooling, of everything that an accelerator has."""

from __future__ import annotations

from typing import Any

import numpy as np

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError
from sc_neurocore.network import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)

Shape = tuple[int, ...]


class Drawing:
    """A network that is drawn layer by layer."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.kind = str(self.random.choice(["static", "static", "sequence", "spikes"]))
        self.bits = 1 if self.kind == "spikes" else self.number(1, 4)
        channels = self.number(1, 4)
        self.shape: Shape = (channels, self.number(1, 6), self.number(2, 6))
        if self.chance(0.2):
            self.shape = (channels, self.number(3, 11))
        self.input_shape = self.shape
        self.layers: list[Any] = []

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def number(self, least: int, most: int) -> int:
        return int(self.random.integers(least, most + 1))

    def pair(self, least: int, most: int) -> tuple[int, int]:
        return self.number(least, most), self.number(least, most)

    def weight(self, *shape: int) -> np.ndarray[Any, Any]:
        spread = 2 / np.sqrt(max(1, np.prod(shape[1:])))
        return self.random.normal(0, spread, shape)

    def add(self, layer: Any) -> None:
        self.shape = layer.output_shape(self.shape)
        self.layers.append(layer)

    def neurons(self) -> None:
        parameters: dict[str, Any] = {"beta": float(self.random.choice([0.5, 0.9]))}
        if self.chance(0.4):
            spread = self.shape if self.chance(0.4) else self.shape[:1]
            parameters["threshold"] = self.random.uniform(0.4, 1.5, spread)
        if len(self.shape) == 1 and self.chance(0.3):
            own = self.weight(self.shape[0], self.shape[0])
            self.add(Recurrent(neuron=LIF, parameters=parameters, weight=own))
        else:
            self.add(Population(neuron=LIF, parameters=parameters))

    def pool(self) -> None:
        _, rows, columns = self.shape
        size = self.number(1, min(3, rows)), self.number(1, min(3, columns))
        stride = None if self.chance(0.6) else self.pair(1, 2)
        padding = self.number(0, size[0] // 2), self.number(0, size[1] // 2)
        kinds: list[Any] = [AveragePool2d, SumPool2d]
        if self.layers or self.bits == 1:
            kinds.append(MaxPool2d)
        kind = kinds[self.number(0, len(kinds) - 1)]
        fields = {} if kind is AveragePool2d else {"padding": padding}
        self.add(kind(size=size, stride=stride, **fields))

    def convolution(self) -> None:
        inputs = self.shape[0]
        groups = inputs if self.chance(0.3) else 1
        outputs = groups * self.number(1, 2) if groups > 1 else self.number(1, 6)
        bias = self.weight(outputs) if self.chance(0.7) else None
        fields: dict[str, Any] = {"groups": groups, "bias": bias}
        if len(self.shape) == 2:
            weight = self.weight(outputs, inputs // groups, self.number(1, 3))
            fields |= {"stride": self.number(1, 2), "padding": self.number(0, 2)}
            self.add(Conv1d(weight=weight, dilation=self.number(1, 2), **fields))
        else:
            weight = self.weight(outputs, inputs // groups, *self.pair(1, 3))
            fields |= {"stride": self.pair(1, 2), "padding": self.pair(0, 2)}
            self.add(Conv2d(weight=weight, dilation=self.pair(1, 2), **fields))

    def stage(self) -> None:
        """Neurons of an image, and what comes before them; nothing where it does not fit."""
        before = self.shape, list(self.layers)
        try:
            if len(self.shape) == 3 and self.chance(0.5):
                self.pool()
            if len(self.shape) == 3 and self.chance(0.1):
                self.add(Scale(factor=self.random.uniform(0.5, 1.5, self.shape[0])))
            if self.chance(0.85):
                self.convolution()
            if len(self.shape) == 3 and min(self.shape[1:]) > 1 and self.chance(0.15):
                self.add(AveragePool2d(size=(2, 2), stride=(1, 1)))
            self.neurons()
        except (ValueError, DescriptionError):  # no output is left
            self.shape, self.layers = before

    def dense(self, outputs: int) -> None:
        if len(self.shape) > 1:
            self.add(Flatten())
        weight = self.weight(outputs, self.shape[0])
        if self.chance(0.2):
            self.add(DelayDense(weight=weight, delays=self.random.integers(0, 3, weight.shape)))
        else:
            self.add(Dense(weight=weight, bias=self.weight(outputs)))
        self.neurons()


def draw_network(seed: int) -> NetworkDescription:
    """One to three stages of images, then one or two dense layers."""
    drawing = Drawing(seed)
    for _ in range(drawing.number(1, 3)):
        drawing.stage()
    drawing.dense(drawing.number(2, 8))
    if drawing.chance(0.5):
        drawing.dense(3)
    return NetworkDescription(
        name="small_convolutions",
        input=InputEncoding(
            kind=drawing.kind,
            shape=drawing.input_shape,
            bits=drawing.bits,
            fraction_bits=0 if drawing.kind == "spikes" else drawing.bits,
        ),
        steps=drawing.number(1, 4),
        layers=tuple(drawing.layers),
    )


def small_images() -> NetworkDescription:
    """Return a network of two convolutions with max pooling between them, and a dense layer."""
    random = np.random.default_rng(3)
    return NetworkDescription(
        name="small_images",
        input=InputEncoding(shape=(2, 7, 6), bits=3, fraction_bits=2),
        steps=3,
        layers=(
            Conv2d(weight=random.normal(0, 0.5, (5, 2, 3, 2)), padding=(1, 1), stride=(1, 2)),
            Population(neuron=LIF, parameters={"threshold": np.linspace(0.5, 1.5, 5)}),
            MaxPool2d(size=(2, 2)),
            Conv2d(weight=random.normal(0, 0.5, (6, 5, 2, 1)), bias=random.normal(0, 0.3, 6)),
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=random.normal(0, 0.4, (4, 24))),
            Population(neuron=LIF),
        ),
    )
