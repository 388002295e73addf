"""One set of weights at every place of an image or a line."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from sc_neurocore.array_types import Array
from sc_neurocore.network.layers.base import Runner, Weighted, expect, typed
from sc_neurocore.network.layers.windows import Windows, expect_image
from sc_neurocore.network.schema import Length, Padding, Pair, PositivePair, Shape


class Convolution(Weighted):
    """A convolution of any number of axes; weight (outputs, inputs / groups, kernel...)."""

    groups: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _check_groups(self) -> Convolution:
        if self.weight.shape[0] % self.groups:
            raise ValueError(
                f"{self.weight.shape[0]} outputs do not divide into {self.groups} groups"
            )
        return self


class Conv2d(Convolution):
    """Cross-correlation; weight (outputs, inputs / groups, kernel height, kernel width)."""

    kind: Literal["conv2d"] = "conv2d"
    weight_axes: ClassVar[int] = 4
    stride: PositivePair = (1, 1)
    padding: Pair = (0, 0)
    dilation: PositivePair = (1, 1)

    @property
    def windows(self) -> Windows:
        """Where the kernel stands."""
        return Windows(self.weight.shape[2:], self.stride, self.padding, self.dilation)

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width) to (outputs, height', width')."""
        expect_image(shape, self.kind)
        expect(shape[:1], (self.weight.shape[1] * self.groups,), f"{self.kind} (channels)")
        return (self.weight.shape[0], *self.windows.counts(shape[1:], f"{self.kind}: the kernel"))

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return the size of the padded image, and of what each output sees of it."""
        seen = math.prod(self.weight.shape[1:]) * self.groups * math.prod(outputs[1:])
        return seen + self.windows.padded(inputs)

    def as_convolution(self, channels: int) -> Conv2d:
        """Return the layer itself."""
        return self

    def runner(self, dtype: Any) -> Runner:
        """Return one matrix product per group over copies of the shifted images."""
        groups, windows = self.groups, self.windows
        weight = self.weight.astype(dtype).reshape(groups, len(self.weight) // groups, -1)
        bias = typed(self.bias, dtype)
        above, left = self.padding

        def run(values: Array) -> Array:
            _, rows, columns = self.output_shape(values.shape[1:])
            # Channels lead, so that the product's result is laid out like its operand.
            around = ((0, 0), (0, 0), (above, above), (left, left))
            images = np.pad(values.swapaxes(0, 1), around)
            channels, batch = images.shape[:2]
            shifted = np.empty((channels, windows.taps, batch, rows, columns), images.dtype)
            for tap, seen in enumerate(windows.views(images, (rows, columns))):
                shifted[:, tap] = seen
            flat = shifted.reshape(groups, -1, batch * rows * columns)
            result: Array = (weight @ flat).reshape(-1, batch, rows, columns)
            if bias is not None:
                result += bias.reshape(-1, 1, 1, 1)
            return result.swapaxes(0, 1)

        return run


class Conv1d(Convolution):
    """Cross-correlation along a line; weight (outputs, inputs / groups, kernel length)."""

    kind: Literal["conv1d"] = "conv1d"
    weight_axes: ClassVar[int] = 3
    stride: Length = 1
    padding: Padding = 0
    dilation: Length = 1

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

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return that of images of one row."""
        rows = (inputs[0], 1, inputs[1]), (outputs[0], 1, outputs[1])
        return self.in_two_dimensions().values_at_work(*rows)

    def as_convolution(self, channels: int) -> Conv2d:
        """Return that of images of one row."""
        return self.in_two_dimensions()

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, length) to (outputs, length')."""
        if len(shape) != 2:
            raise ValueError(f"conv1d expects an input (channels, length), but {shape} arrives")
        expect(shape[:1], (self.weight.shape[1] * self.groups,), f"{self.kind} (channels)")
        outputs, _, length = self.in_two_dimensions().output_shape((shape[0], 1, shape[1]))
        return outputs, length

    def runner(self, dtype: Any) -> Runner:
        """Return the convolution of images of one row."""
        on_images = self.in_two_dimensions().runner(dtype)
        return lambda values: on_images(values[:, :, np.newaxis])[:, :, 0]
