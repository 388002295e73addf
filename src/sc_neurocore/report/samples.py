"""Samples that figures show: one on its way through the network, and those it gets wrong."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, model_validator

from sc_neurocore.report.reading import Part

_PIXELS = 1 << 16


class Membrane(Part):
    """One neuron's state after each step, in the same real units for all three models."""

    layer: int
    neuron: int
    float_: tuple[float, ...] = Field(alias="float")
    integers: tuple[float, ...] | None = None
    rtl: tuple[float, ...] | None = None
    threshold: float | None = None


class Mistake(Part):
    """A test sample that the network gives another class than its own."""

    index: int
    label: int
    given: int
    image: tuple[float, ...]
    shape: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_an_image(self) -> Self:
        _check_image(self.image, self.shape)
        return self


class Sample(Part):
    """One test sample on its way through the network.

    A spike is (step, neuron), from 0; `states` are the membranes of every layer, step and neuron,
    or nothing where they would be too many.
    """

    index: int
    label: int
    image: tuple[float, ...]
    shape: tuple[int, ...]
    spikes: tuple[tuple[tuple[int, int], ...], ...]
    layer_sizes: tuple[int, ...]
    steps: int = Field(ge=1)
    membrane: Membrane | None = None
    states: tuple[tuple[tuple[float, ...], ...], ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _check_image(self.image, self.shape)
        if len(self.spikes) != len(self.layer_sizes):
            raise ValueError(
                f"spikes of {len(self.spikes)} layers, but {len(self.layer_sizes)} layer sizes"
            )
        for layer, (spikes, size) in enumerate(zip(self.spikes, self.layer_sizes, strict=True)):
            for step, neuron in spikes:
                if not (0 <= step < self.steps and 0 <= neuron < size):
                    raise ValueError(
                        f"layer {layer} has a spike at step {step} of neuron {neuron}: expected "
                        f"steps below {self.steps} and neurons below {size}"
                    )
        if self.membrane is not None:
            self._check_membrane(self.membrane)
        if self.states:
            self._check_states()
        return self

    def _check_states(self) -> None:
        found = [{len(step) for step in layer} for layer in self.states]
        steps = {len(layer) for layer in self.states}
        if found != [{size} for size in self.layer_sizes] or steps != {self.steps}:
            raise ValueError(
                f"states of {len(self.states)} layers: expected one number for each step and "
                f"neuron of layers of {self.layer_sizes}"
            )

    def _check_membrane(self, membrane: Membrane) -> None:
        if not 0 <= membrane.layer < len(self.layer_sizes):
            raise ValueError(f"the membrane is of layer {membrane.layer}, which does not exist")
        series = {"float": membrane.float_, "integers": membrane.integers, "rtl": membrane.rtl}
        for name, values in series.items():
            if values is not None and len(values) != self.steps:
                raise ValueError(
                    f"membrane.{name} has {len(values)} values, expected {self.steps}, one per step"
                )


def _check_image(image: tuple[float, ...], shape: tuple[int, ...]) -> None:
    if math.prod(shape) != len(image) or min(shape, default=1) < 1:
        raise ValueError(f"{len(image)} pixels do not fill the shape {shape}")
    if len(image) > _PIXELS:
        raise ValueError(f"{len(image)} pixels: expected at most {_PIXELS}")
