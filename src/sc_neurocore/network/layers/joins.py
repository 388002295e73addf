"""Where a second path through a network meets the first one."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from sc_neurocore.array_types import Array
from sc_neurocore.errors import UserError
from sc_neurocore.network.layers.base import Connection, Runner, expect
from sc_neurocore.network.schema import MAXIMUM_AXES, MAXIMUM_LAYERS, Shape


class Join(Connection):
    """What arrives, and what an earlier layer hands on in the same step.

    Both are spikes, or numbers of spikes that joins before have added up. "add" adds them up,
    "and-not" passes on the spikes of the earlier layer where none arrives, "concatenate" puts the
    channels of the earlier layer before those that arrive: the blocks of Fang, Yu, Chen, Huang,
    Masquelier and Tian, Deep residual learning in spiking neural networks, NeurIPS 2021, and of
    DenseNet. "instead" goes on with the earlier layer alone; a later join takes up what arrives.

    Attributes:
        how: One of these.
        source: The place of the earlier layer in the description.
        source_shape: What it hands on.
    """

    kind: Literal["join"] = "join"
    is_linear: ClassVar[bool] = False
    how: Literal["add", "and-not", "concatenate", "instead"] = "add"
    source: int = Field(ge=0, lt=MAXIMUM_LAYERS)
    source_shape: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        min_length=1, max_length=MAXIMUM_AXES
    )

    def output_shape(self, shape: Shape) -> Shape:
        """Of two equal shapes the same; channels add up where they are put together."""
        if self.how == "instead":
            return self.source_shape
        if self.how == "concatenate":
            expect(shape[1:], self.source_shape[1:], "a join of channels, behind the first axis,")
            return (self.source_shape[0] + shape[0], *shape[1:])
        expect(shape, self.source_shape, f"a join with layers[{self.source}]")
        return shape

    def runner(self, dtype: Any) -> Runner:
        """Raise: what arrives is not all that it needs; see `joined`."""
        raise UserError("a join needs what its source hands on: run the whole network")

    def joined(self, values: Array, source: Array) -> Array:
        """Return the output of one step.

        Args:
            values: What arrives, (batch, ...).
            source: What the earlier layer handed on.
        """
        values, source = (
            each.astype(np.int64) if each.dtype == bool else each for each in (values, source)
        )
        if self.how == "add":
            total: Array = values + source
            return total
        if self.how == "and-not":
            return source * (1 - values)
        if self.how == "concatenate":
            return np.concatenate([source, values.astype(source.dtype, copy=False)], axis=1)
        return source
