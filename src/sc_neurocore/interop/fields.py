"""Fields of NIR's nodes, read with every check; and nodes of weights, written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.interop.graph import Node
from sc_neurocore.interop.hdf5 import Unreadable
from sc_neurocore.network.schema import MAXIMUM_AT_WORK, MAXIMUM_STEPS, Shape


def numbers(node: Node, name: str, shape: Shape | None = None, axes: int | None = None) -> Any:
    """Return a field as an array, checked to be finite numbers.

    Args:
        node: The node.
        name: The field.
        shape: With it, one number is spread over the shape, and other shapes are refused.
        axes: With it, how many axes there must be.
    """
    value = node.fields.get(name)
    if value is None:
        raise node.error(f"the field {name} is missing")
    if isinstance(value, Unreadable):
        raise node.error(f"{name}: {value.reason}: expected numbers")
    try:
        array: NDArray[Any] = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        raise node.error(f"{name} = {value!r}: expected numbers") from None
    if array.dtype.kind not in "fiu":
        raise node.error(f"{name} = {value!r}: expected numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise node.error(f"{name}{where} is {array[tuple(where)]}: expected finite numbers")
    if axes is not None and array.ndim != axes:
        raise node.error(f"{name} has shape {array.shape}: expected {axes} axes")
    if shape is not None and array.shape != shape:
        if array.shape[-len(shape) :] == shape and array.size == math.prod(shape):
            return array.reshape(shape)  # axes of length 1 before it: a batch of one sample
        if array.size != 1:
            if array.shape[1:] == shape:
                raise node.error(
                    f"{name} has shape {array.shape}, but values of shape {shape} arrive: its "
                    f"first axis is a batch or time axis; export the network with one sample"
                )
            raise node.error(
                f"{name} has shape {array.shape}, but values of shape {shape} arrive: expected "
                f"that shape, or one number"
            )
        array = np.broadcast_to(array.reshape(()), shape)
    return array


def whole(node: Node, name: str, count: int = 1, least: int = 0) -> tuple[int, ...]:
    """Return a field of whole numbers; one number stands for all of them."""
    array = numbers(node, name)
    flat = array.ravel().tolist()
    flat = flat * count if len(flat) == 1 else flat
    if len(flat) != count or any(each != int(each) or each < least for each in flat):
        raise node.error(
            f"{name} = {array.tolist()}: expected "
            f"{'a whole number' if count == 1 else f'{count} whole numbers'} of at least {least}"
        )
    return tuple(int(each) for each in flat)


def pair(node: Node, name: str, least: int = 0) -> tuple[int, int]:
    """Return a field of two whole numbers; one number stands for both."""
    first, second = whole(node, name, 2, least)
    return first, second


def reduced(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return as few numbers as say the same: one, one per channel, or one per value."""
    if (values == values.flat[0]).all():
        return np.array(values.flat[0])
    channels = values.reshape(len(values), -1)
    if len(shape) > 1 and (channels == channels[:, :1]).all():
        return np.ascontiguousarray(channels[:, 0])
    return np.ascontiguousarray(values)


def delay_steps(node: Node, shape: Shape, dt: float) -> NDArray[np.int64]:
    """Return a Delay's delays in whole steps."""
    delays = np.asarray(numbers(node, "delay", shape), np.float64)
    steps = np.round(delays / dt)
    # What is written in float32 is whole to its precision only.
    wrong = (delays < 0) | (np.abs(delays - steps * dt) > 1e-6 * np.maximum(delays, dt))
    if wrong.any():
        value = delays[wrong][0]
        raise node.error(
            f"delay = {value:g}: with dt = {dt:g} that is {value / dt:g} steps: expected a whole "
            f"number, 0 or more; choose dt so that all delays are multiples of it"
        )
    longest = steps.max()
    if not longest <= MAXIMUM_STEPS or (longest + 1) * math.prod(shape) > MAXIMUM_AT_WORK:
        raise node.error(f"a delay of {longest:.0f} steps: expected at most {MAXIMUM_STEPS}")
    return steps.astype(np.int64)


def weights(node: Node, axes: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Return weight and bias of a node; a Linear has no bias, and a convolution may have none."""
    weight = numbers(node, "weight", axes=axes)
    if 0 in weight.shape:
        raise node.error(f"weight has shape {weight.shape}: expected none empty")
    if node.kind == "Linear" or (node.kind != "Affine" and node.fields.get("bias") is None):
        return weight, None
    bias = numbers(node, "bias")
    if bias.shape != weight.shape[:1]:
        raise node.error(f"bias has shape {bias.shape}: expected {weight.shape[:1]}")
    return weight, bias


def linear_node(weight: NDArray[Any], bias: NDArray[Any] | None) -> dict[str, Any]:
    """Return the node of a matrix, with a bias or without."""
    if bias is None:
        return {"type": "Linear", "weight": weight}
    return {"type": "Affine", "weight": weight, "bias": bias}
