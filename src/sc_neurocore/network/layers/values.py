"""What happens to each value alone."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import numpy as np

from sc_neurocore.network.layers.base import Connection, Runner, along_channels, check_spread
from sc_neurocore.network.layers.convolution import Conv2d
from sc_neurocore.network.schema import CheckedArray, Shape


class Scale(Connection):
    """Every value times a factor: one for all, one per channel, or one per value."""

    kind: Literal["scale"] = "scale"
    keeps_counts: ClassVar[bool] = False
    factor: CheckedArray

    @property
    def gain(self) -> float:
        """The factor, if it is one."""
        return 1.0 if self.factor.ndim else float(self.factor)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape itself."""
        check_spread("factor", self.factor.shape, shape)
        return shape

    def as_convolution(self, channels: int) -> Conv2d | None:
        """Return a convolution of each channel with one weight, if values do not differ."""
        if self.factor.ndim > 1:
            return None
        weight = np.broadcast_to(self.factor, (channels,)).reshape(-1, 1, 1, 1)
        return Conv2d(weight=weight, groups=channels)

    def runner(self, dtype: Any) -> Runner:
        """Return products."""
        factor = self.factor.astype(dtype)
        return lambda values: values * along_channels(factor, values.ndim - 1)


class Flatten(Connection):
    """All axes into one, row by row."""

    kind: Literal["flatten"] = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        """Any shape to (its product,)."""
        return (math.prod(shape),)

    def runner(self, dtype: Any) -> Runner:
        """Return the values in one row."""
        return lambda values: values.reshape(len(values), -1)
