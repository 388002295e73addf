"""Every input to every output."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from sc_neurocore.array_types import Array
from sc_neurocore.network.layers.base import Runner, Weighted, expect, typed
from sc_neurocore.network.schema import Shape


class Dense(Weighted):
    """Fully connected: `current = weight @ input + bias`; weight (outputs, inputs)."""

    kind: Literal["dense"] = "dense"
    weight_axes: ClassVar[int] = 2

    def output_shape(self, shape: Shape) -> Shape:
        """(inputs,) to (outputs,)."""
        expect(shape, (self.weight.shape[1],), self.kind)
        return (self.weight.shape[0],)

    def runner(self, dtype: Any) -> Runner:
        """Return a matrix product."""
        weight, bias = self.weight.astype(dtype), typed(self.bias, dtype)

        def run(values: Array) -> Array:
            product: Array = values @ weight.T
            return product if bias is None else product + bias

        return run
