"""What every layer of a description says of itself, and what the stages behind ask it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import model_validator

from sc_neurocore.array_types import Array
from sc_neurocore.network.schema import MAXIMUM_AT_WORK, CheckedArray, Model, Shape

if TYPE_CHECKING:
    from sc_neurocore.network.layers.convolution import Conv2d

Runner: TypeAlias = Callable[[Array], Array]
"""From a layer's input in one step, (batch, ...), to its output."""


class WithMemory:
    """A layer that runs, and whose output depends on earlier steps too."""

    def restart(self) -> None:
        """Forget all steps: the next one is the first."""
        raise NotImplementedError

    def __call__(self, values: Array) -> Array:
        """Take one step."""
        raise NotImplementedError


class BaseLayer(Model):
    """A layer maps a shape (without time and batch) to a shape."""

    kind: str

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of the output; raise ValueError where the input does not fit."""
        raise NotImplementedError

    def values_at_work(self, inputs: Shape, outputs: Shape) -> int:
        """Return about how many numbers it holds for one sample while it takes a step."""
        return math.prod(inputs) + math.prod(outputs)

    def check_work(self, inputs: Shape, outputs: Shape) -> None:
        """Raise ValueError where that is more than any machine should be asked for."""
        count = self.values_at_work(inputs, outputs)
        if count > MAXIMUM_AT_WORK:
            raise ValueError(
                f"a step on one sample of shape {inputs} takes {count} numbers at once: at most "
                f"{MAXIMUM_AT_WORK} are taken; make kernel, padding or delays smaller"
            )


class Connection(BaseLayer):
    """A layer between neurons.

    In each step it adds up at most `taps` of its inputs for an output, and divides by `divisor`;
    `gain` multiplies all. Integers and streams know it by these numbers.
    """

    is_linear: ClassVar[bool] = True
    """Whether an output is a weighted sum of inputs. A maximum is not."""
    has_memory: ClassVar[bool] = False
    """Whether inputs of earlier steps come out."""
    keeps_counts: ClassVar[bool] = True
    """Whether numbers of spikes, added up where there are taps, stay numbers of spikes."""

    @property
    def taps(self) -> int:
        """How many inputs are added up for one output, at most."""
        return 1

    @property
    def divisor(self) -> int:
        """What their sum is divided by."""
        return 1

    @property
    def gain(self) -> float:
        """One factor for all outputs that weights before or behind may carry instead."""
        return 1.0

    def runner(self, dtype: Any) -> Runner:
        """Return one step as a function of real numbers, its own numbers in the float `dtype`."""
        raise NotImplementedError

    def sums(self, dtype: Any) -> Runner:
        """Return the step without the division: of whole numbers, whole numbers."""
        return self.runner(dtype)

    def as_convolution(self, channels: int) -> Conv2d | None:
        """Return the same as a convolution of images (lines: of one row), if it is one."""
        return None


class Weighted(Connection):
    """A connection with a weight, whose first axis is the outputs, and perhaps a bias for each."""

    weight: CheckedArray
    bias: CheckedArray | None = None

    weight_axes: ClassVar[int]

    @model_validator(mode="after")
    def _check_weight(self) -> Weighted:
        check_weight(self.weight, self.bias, self.weight_axes)
        return self

    def with_weight(self, weight: Array, bias: Array | None) -> Weighted:
        """Return the layer with other numbers of the same shape, whole ones included, unchecked."""
        return self.model_copy(update={"weight": weight, "bias": bias})


def check_weight(weight: Array, bias: Array | None, axes: int) -> None:
    """Raise ValueError unless a weight has its axes, none empty, and the bias its length."""
    if weight.ndim != axes or 0 in weight.shape:
        raise ValueError(f"weight has shape {weight.shape}: expected {axes} axes, none empty")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {bias.shape}: expected {weight.shape[:1]}")


def expect(shape: Shape, wanted: Shape, what: str) -> None:
    """Raise ValueError unless the shape that arrives is the one that is wanted."""
    if shape != wanted:
        raise ValueError(f"{what} expects an input of shape {wanted}, but {shape} arrives")


def check_spread(name: str, found: Shape, shape: Shape) -> None:
    """Raise ValueError unless numbers are one, one per channel, or one per value of a shape."""
    if found not in ((), shape[:1], shape):
        raise ValueError(
            f"{name} has shape {found} at an input of shape {shape}: expected one number, "
            f"{shape[0]} (one per channel), or one for each of its values"
        )


def along_channels(values: Array, axes: int) -> Array:
    """Shape what lies along the channels, the first of `axes` axes, to broadcast against them."""
    return values.reshape(-1, *(1,) * (axes - 1)) if values.ndim == 1 else values


def typed(values: Array | None, dtype: Any) -> Array | None:
    """Return numbers in a type, if there are any."""
    return None if values is None else np.asarray(values).astype(dtype)
