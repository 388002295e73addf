"""NIR's nodes without neurons as layers of a description, with every field checked."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.interop.graph import Node
from sc_neurocore.interop.hdf5 import Unreadable
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    Layer,
    Scale,
    Shape,
    SumPool2d,
)
from sc_neurocore.network.schema import MAXIMUM_AT_WORK, MAXIMUM_STEPS


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
        if array.size != 1:
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
            f"{name} = {array.tolist()}: expected {count} whole numbers of at least {least}"
        )
    return tuple(int(each) for each in flat)


def reduced(values: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return as few numbers as say the same: one, one per channel, or one per value."""
    if (values == values.flat[0]).all():
        return np.array(values.flat[0])
    channels = values.reshape(len(values), -1)
    if len(shape) > 1 and (channels == channels[:, :1]).all():
        return np.ascontiguousarray(channels[:, 0])
    return np.ascontiguousarray(values)


def to_layers(node: Node, shape: Shape, dt: float) -> list[Layer]:
    """Return the layers that compute what a node without neurons computes on values of a shape.

    Raises:
        DescriptionError: Naming the node, the field and the value that cannot be represented.
    """
    converters = {
        "Linear": _dense,
        "Affine": _dense,
        "Conv1d": _convolution,
        "Conv2d": _convolution,
        "SumPool2d": _pool,
        "AvgPool2d": _pool,
        "Flatten": _flatten,
    }
    if node.kind == "Scale":
        return [Scale(factor=reduced(numbers(node, "scale", shape), shape))]
    if node.kind == "Delay":
        return [Delay(delays=reduced(delay_steps(node, shape, dt), shape))]
    return converters[node.kind](node, shape)


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


def to_delay_dense(
    fan: list[tuple[Node | None, Node]], shape: Shape, dt: float, given: NDArray[np.int64] | None
) -> DelayDense:
    """Return synapses with delays from a fan of [Delay and] Linear nodes.

    Args:
        fan: The delay, None for none, and the weights of each branch.
        shape: The shape that arrives.
        dt: Length of a step.
        given: The delays, where the file says what those of absent synapses are.
    """
    total = reach = bias = None
    for delay, linear in fan:
        weight, own = weights(linear, 2)
        if (weight.shape[1],) != shape:
            raise linear.error(f"weight has shape {weight.shape}, but {shape} arrives")
        here = np.zeros(shape, np.int64) if delay is None else delay_steps(delay, shape, dt)
        if total is None or reach is None:
            total, reach = weight.copy(), np.broadcast_to(here, weight.shape).copy()
        else:
            if weight.shape != total.shape:
                raise linear.error(f"weight has shape {weight.shape}: expected {total.shape}")
            both = (total != 0) & (weight != 0)
            if (both & (reach != here)).any():
                where = np.argwhere(both & (reach != here))[0].tolist()
                raise linear.error(
                    f"weight{where}: two branches with different delays carry this synapse: "
                    f"expected one delay for each"
                )
            if both.any():
                where = np.argwhere(both)[0].tolist()
                raise linear.error(
                    f"weight{where}: two branches with equal delays carry this synapse: expected "
                    f"one; add their weights up in one node"
                )
            reach = np.where(weight != 0, here, reach)
            total = total + weight
        if own is not None:
            bias = own if bias is None else bias + own
    assert total is not None and reach is not None
    if given is not None and given.shape == total.shape and (given == reach)[total != 0].all():
        reach = given
    return DelayDense(weight=total, delays=reach, bias=bias)


def _dense(node: Node, shape: Shape) -> list[Layer]:
    weight, bias = weights(node, 2)
    if (weight.shape[1],) != shape:
        raise node.error(f"weight has shape {weight.shape}, but values of shape {shape} arrive")
    return [Dense(weight=weight, bias=bias)]


def _convolution(node: Node, shape: Shape) -> list[Layer]:
    axes = 1 if node.kind == "Conv1d" else 2
    weight, bias = weights(node, axes + 2)
    if len(shape) != axes + 1:
        raise node.error(f"values of shape {shape} arrive: expected channels and {axes} axes")
    given = node.fields.get("input_shape")
    if given is not None and not isinstance(given, Unreadable):
        found = tuple(np.asarray(given).ravel().tolist())
        if found != shape[1:]:
            raise node.error(f"input_shape = {found}, but {shape[1:]} arrives")
    stride, dilation = whole(node, "stride", axes, 1), whole(node, "dilation", axes, 1)
    (groups,) = whole(node, "groups", 1, 1)
    padding = _padding(node, weight.shape[2:], stride, dilation)
    moves: dict[str, Any] = {"stride": stride, "padding": padding, "dilation": dilation}
    if axes == 1:
        moves = {name: value[0] for name, value in moves.items()}
    kind = Conv1d if axes == 1 else Conv2d
    try:
        return [kind(weight=weight, bias=bias, groups=groups, **moves)]
    except ValueError as error:
        raise node.error(str(error)) from None


def _padding(
    node: Node, kernel: Shape, stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[int, ...]:
    value = node.fields.get("padding")
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    if not isinstance(value, str):
        return whole(node, "padding", len(kernel))
    if value == "valid":
        return (0,) * len(kernel)
    spans = [apart * (size - 1) for apart, size in zip(dilation, kernel, strict=True)]
    if value != "same" or any(span % 2 for span in spans) or any(each != 1 for each in stride):
        raise node.error(
            f"padding = {value!r} with a kernel {kernel}, stride {stride} and dilation {dilation}: "
            f"expected numbers, 'valid', or 'same' with stride 1 and the same on both sides"
        )
    return tuple(span // 2 for span in spans)


def _pool(node: Node, shape: Shape) -> list[Layer]:
    size, stride = _pair(node, "kernel_size", 1), _pair(node, "stride", 1)
    padding = _pair(node, "padding")
    if any(2 * pad > length for pad, length in zip(padding, size, strict=True)):
        raise node.error(f"padding = {padding}: expected at most half of kernel_size = {size}")
    try:
        if node.kind == "AvgPool2d" and not any(padding):
            return [AveragePool2d(size=size, stride=stride)]
        total = SumPool2d(size=size, stride=stride, padding=padding)
    except ValueError as error:
        raise node.error(str(error)) from None
    if node.kind == "SumPool2d":
        return [total]
    # The zeros around the image count, as in PyTorch.
    return [total, Scale(factor=np.array(1 / math.prod(size)))]


def _pair(node: Node, name: str, least: int = 0) -> tuple[int, int]:
    first, second = whole(node, name, 2, least)
    return first, second


def _flatten(node: Node, shape: Shape) -> list[Layer]:
    given = node.fields.get("input_type")
    given = given.get("input") if isinstance(given, dict) else given
    if given is not None and not isinstance(given, Unreadable):
        found = tuple(np.asarray(given).ravel().tolist())
        if found != shape:
            raise node.error(f"input_type = {found}, but values of shape {shape} arrive")
    ends = []
    for name in ("start_dim", "end_dim"):
        (position,) = whole(node, name, 1, -len(shape))
        ends.append(position + len(shape) if position < 0 else position)
    joined = shape[ends[0] : ends[1] + 1]
    if not joined or ends[1] >= len(shape) or math.prod(joined) != math.prod(shape):
        raise node.error(
            f"start_dim = {ends[0]}, end_dim = {ends[1]} of values of shape {shape}: expected all "
            f"axes to become one (axes are counted without the batch)"
        )
    if len(joined) < len(shape):
        raise node.error(
            f"start_dim = {ends[0]} leaves axes of length 1 in {shape}: expected all axes to "
            f"become one (axes are counted without the batch)"
        )
    return [Flatten()]
