"""One number for each window of an image's channel."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ValidationInfo, field_validator, model_validator

from sc_neurocore.array_types import Array
from sc_neurocore.network.layers.base import Connection, Runner
from sc_neurocore.network.layers.convolution import Conv2d
from sc_neurocore.network.layers.windows import Windows, expect_image
from sc_neurocore.network.schema import MAXIMUM_LENGTH, Pair, PositivePair, Shape


class Pool2d(Connection):
    """Windows over images, side by side unless there is a stride.

    Rows and columns after the last whole window are left out.
    """

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

    @property
    def windows(self) -> Windows:
        """Where the windows stand."""
        return Windows(self.size, self.stride or self.size)

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return the size of the padded image and of the result."""
        return self.windows.padded(inputs) + math.prod(outputs)

    def output_shape(self, shape: Shape) -> Shape:
        """(channels, height, width) to (channels, height', width')."""
        expect_image(shape, self.kind)
        return (shape[0], *self.windows.counts(shape[1:], f"{self.kind}: the window"))

    def _over_windows(self, combine: np.ufunc, around: Literal["constant", "edge"]) -> Runner:
        """Return what combines all that a window sees.

        Args:
            combine: From two values to one.
            around: What lies around the image: zeros, or the nearest value.
        """
        windows = self.windows
        padding = ((0, 0), (0, 0), *((pad, pad) for pad in windows.padding))

        def run(values: Array) -> Array:
            _, *counts = self.output_shape(values.shape[1:])
            if any(windows.padding):
                values = np.pad(values, padding, mode=around)
            seen = windows.views(values, tuple(counts))
            total: Array = next(seen).copy()
            for each in seen:
                combine(total, each, out=total)
            return total

        return run


class _Summing(Pool2d):
    """Windows whose values are added up."""

    @property
    def taps(self) -> int:
        """The size of a window."""
        return self.windows.taps

    def sums(self, dtype: Any) -> Runner:
        """Return the sum over each window."""
        return self._over_windows(np.add, "constant")

    def as_convolution(self, channels: int) -> Conv2d:
        """Return a convolution of each channel with equal weights."""
        windows = self.windows
        return Conv2d(
            weight=np.full((channels, 1, *self.size), 1 / self.divisor),
            stride=windows.stride,
            padding=windows.padding,
            groups=channels,
        )


class AveragePool2d(_Summing):
    """Mean over windows that do not overlap unless the stride is smaller."""

    kind: Literal["average-pool2d"] = "average-pool2d"

    @property
    def divisor(self) -> int:
        """The size of a window."""
        return self.taps

    def runner(self, dtype: Any) -> Runner:
        """Return the sum over each window, divided."""
        sums = self.sums(dtype)

        def run(values: Array) -> Array:
            total = sums(values)
            total /= self.divisor
            return total

        return run


class SumPool2d(_Summing):
    """Sum over windows, with zeros around the image."""

    kind: Literal["sum-pool2d"] = "sum-pool2d"
    padding: Pair = (0, 0)

    @property
    def windows(self) -> Windows:
        """Where the windows stand."""
        return Windows(self.size, self.stride or self.size, self.padding)

    def runner(self, dtype: Any) -> Runner:
        """Return the sum over each window."""
        return self.sums(dtype)


class MaxPool2d(Pool2d):
    """The largest value in each window; of spikes, whether there is one.

    What lies around the image never is the largest.
    """

    kind: Literal["max-pool2d"] = "max-pool2d"
    is_linear: ClassVar[bool] = False
    padding: Pair = (0, 0)

    @model_validator(mode="after")
    def _check_padding(self) -> MaxPool2d:
        if any(2 * pad > size for pad, size in zip(self.padding, self.size, strict=True)):
            raise ValueError(
                f"padding {self.padding}: expected at most half of the size {self.size}, so that "
                f"every window sees a part of the image"
            )
        return self

    @property
    def windows(self) -> Windows:
        """Where the windows stand."""
        return Windows(self.size, self.stride or self.size, self.padding)

    def runner(self, dtype: Any) -> Runner:
        """Return the largest value in each window."""
        # A window around an edge has the values at the edge in it: once more changes nothing.
        return self._over_windows(np.maximum, "edge")
