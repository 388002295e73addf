"""Layers without neurons in NIR, both ways: one entry for a kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from sc_neurocore.errors import EquationError
from sc_neurocore.interop.delays import write_delay_dense
from sc_neurocore.interop.fields import (
    delay_steps,
    linear_node,
    numbers,
    pair,
    reduced,
    weights,
    whole,
)
from sc_neurocore.interop.graph import Node
from sc_neurocore.interop.hdf5 import Unreadable
from sc_neurocore.interop.written import Branch, Written
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.layers import Connection, Layer, along_channels
from sc_neurocore.network.layers.pooling import Pool2d
from sc_neurocore.network.schema import Shape


def _as_it_is(layer: Layer, note: Mapping[str, Any], shape: Shape) -> Layer:
    return layer


@dataclass(frozen=True)
class Primitive:
    """A kind of layer, and what it is in NIR.

    Attributes:
        layer: The kind.
        write: From a layer, the shape of its input and the time step to branches of nodes.
        reads: The kinds of nodes that become this layer; none where a graph decides it.
        read: From a node, the shape that arrives and the time step to layers; raises
            `DescriptionError` naming what cannot be represented.
        noted: From a layer that was read, the note that `write` left, and the shape, to the same
            layer in the form that it had.
    """

    layer: type[Connection]
    write: Callable[[Any, Shape, float], Sequence[Branch]]
    reads: tuple[str, ...] = ()
    read: Callable[[Node, Shape, float], Sequence[Layer]] = lambda node, shape, dt: ()
    noted: Callable[[Any, Mapping[str, Any], Shape], Layer] = _as_it_is


def to_nodes(layer: Connection, shape: Shape, dt: float) -> Sequence[Branch]:
    """Return the branches of nodes that compute what a layer computes on values of a shape.

    Raises:
        EquationError: If NIR cannot say it.
    """
    if type(layer) in WITHOUT:
        raise EquationError(WITHOUT[type(layer)])
    return _BY_LAYER[type(layer)].write(layer, shape, dt)


def to_layers(node: Node, shape: Shape, dt: float, note: Mapping[str, Any]) -> list[Layer]:
    """Return the layers that compute what a node without neurons computes on values of a shape.

    Args:
        node: Its kind is one of `READ`.
        shape: The shape that arrives.
        dt: Length of a step.
        note: The node's note, if it is to be used.

    Raises:
        DescriptionError: Naming the node, the field and the value that cannot be represented.
    """
    primitive = READ[node.kind]
    found = primitive.read(node, shape, dt)
    return [primitive.noted(each, note, shape) if not i else each for i, each in enumerate(found)]


def _read_dense(node: Node, shape: Shape, dt: float) -> list[Layer]:
    weight, bias = weights(node, 2)
    if (weight.shape[1],) != shape:
        raise node.error(f"weight has shape {weight.shape}, but values of shape {shape} arrive")
    return [kinds.Dense(weight=weight, bias=bias)]


def _read_convolution(node: Node, shape: Shape, dt: float) -> list[Layer]:
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
    kind = kinds.Conv1d if axes == 1 else kinds.Conv2d
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


def _write_convolution(layer: kinds.Conv1d | kinds.Conv2d, shape: Shape, dt: float) -> list[Branch]:
    line = isinstance(layer, kinds.Conv1d)
    bias = layer.bias
    node = {
        "type": "Conv1d" if line else "Conv2d",
        "input_shape": shape[1] if line else np.array(shape[1:]),
        "weight": layer.weight,
        "stride": layer.stride if line else np.array(layer.stride),
        "padding": layer.padding if line else np.array(layer.padding),
        "dilation": layer.dilation if line else np.array(layer.dilation),
        "groups": layer.groups,
        "bias": np.zeros(len(layer.weight), layer.weight.dtype) if bias is None else bias,
    }
    return [[Written(node, {"bias": False} if bias is None else None)]]


def _noted_convolution(
    layer: kinds.Conv1d | kinds.Conv2d, note: Mapping[str, Any], shape: Shape
) -> Layer:
    if note.get("bias") is False and not np.any(layer.bias):
        return type(layer)(**{**dict(layer), "bias": None})
    return layer


def _read_pool(node: Node, shape: Shape, dt: float) -> list[Layer]:
    size, stride = pair(node, "kernel_size", 1), pair(node, "stride", 1)
    padding = pair(node, "padding")
    if any(2 * pad > length for pad, length in zip(padding, size, strict=True)):
        raise node.error(f"padding = {padding}: expected at most half of kernel_size = {size}")
    try:
        if node.kind == "AvgPool2d" and not any(padding):
            return [kinds.AveragePool2d(size=size, stride=stride)]
        total = kinds.SumPool2d(size=size, stride=stride, padding=padding)
    except ValueError as error:
        raise node.error(str(error)) from None
    if node.kind == "SumPool2d":
        return [total]
    # The zeros around the image count, as in PyTorch.
    return [total, kinds.Scale(factor=np.array(1 / math.prod(size)))]


def _write_pool(kind: str, layer: Pool2d, shape: Shape, dt: float) -> list[Branch]:
    windows = layer.windows
    node = {
        "type": kind,
        "kernel_size": np.array(windows.size),
        "stride": np.array(windows.stride),
        "padding": np.array(windows.padding),
    }
    return [[Written(node)]]


def _read_flatten(node: Node, shape: Shape, dt: float) -> list[Layer]:
    given = node.fields.get("input_type")
    given = given.get("input") if isinstance(given, dict) else given
    if given is not None and not isinstance(given, Unreadable):
        found = tuple(np.asarray(given).ravel().tolist())
        if found != shape:
            advice = _batch_advice(found, shape)
            raise node.error(f"input_type = {found}, but values of shape {shape} arrive{advice}")
    ends = []
    for name in ("start_dim", "end_dim"):
        (position,) = whole(node, name, 1, -len(shape))
        ends.append(position + len(shape) if position < 0 else position)
    joined = shape[ends[0] : ends[1] + 1]
    if ends[1] >= len(shape) or ends[0] > ends[1]:
        raise node.error(
            f"start_dim = {ends[0]}, end_dim = {ends[1]} of values of shape {shape}: expected "
            f"axes that are there (they are counted without the batch)"
        )
    if len(shape) == 1 or len(joined) == 1 < max(shape) == math.prod(shape):
        return [] if len(shape) == 1 else [kinds.Flatten()]
    if math.prod(joined) == math.prod(shape):  # axes of length 1 beside it hold nothing
        return [kinds.Flatten()]
    if len(joined) == 1:
        return []
    raise node.error(
        f"start_dim = {ends[0]}, end_dim = {ends[1]} of values of shape {shape} joins {joined} "
        f"and leaves other axes: expected all axes to become one, or none (axes are counted "
        f"without the batch: torch's start_dim=1 is 0 here)"
    )


def _batch_advice(found: Shape, shape: Shape) -> str:
    is_batch = len(found) > len(shape) and found[-len(shape) :] == shape
    return "; its first axis is a batch axis, which NIR does not count" * is_batch


def _write_flatten(layer: kinds.Flatten, shape: Shape, dt: float) -> list[Branch]:
    node = {"type": "Flatten", "start_dim": 0, "end_dim": -1, "input_type": np.array(shape)}
    return [[Written(node)]]


def _read_scale(node: Node, shape: Shape, dt: float) -> list[Layer]:
    return [kinds.Scale(factor=reduced(numbers(node, "scale", shape), shape))]


def _write_scale(layer: kinds.Scale, shape: Shape, dt: float) -> list[Branch]:
    factor = np.broadcast_to(along_channels(layer.factor, len(shape)), shape)
    return [[Written({"type": "Scale", "scale": factor}, {"axes": layer.factor.ndim})]]


def _read_delay(node: Node, shape: Shape, dt: float) -> list[Layer]:
    return [kinds.Delay(delays=reduced(delay_steps(node, shape, dt), shape))]


def _write_delay(layer: kinds.Delay, shape: Shape, dt: float) -> list[Branch]:
    delays = np.broadcast_to(along_channels(layer.delays, len(shape)), shape) * dt
    return [[Written({"type": "Delay", "delay": delays}, {"axes": layer.delays.ndim})]]


def _spread(values: Any, note: Mapping[str, Any], shape: Shape) -> Any:
    """Return numbers with as many axes as they had: none, one for channels, or the shape's."""
    axes = note.get("axes")
    wanted = {1: shape[:1], len(shape): shape}.get(axes) if isinstance(axes, int) else None
    if wanted is None or values.ndim > len(wanted):
        return values
    return np.broadcast_to(along_channels(values, len(wanted)), wanted).copy()


PRIMITIVES = (
    Primitive(
        kinds.Dense,
        lambda layer, *_: [[Written(linear_node(layer.weight, layer.bias))]],
        ("Affine", "Linear"),
        _read_dense,
    ),
    Primitive(kinds.DelayDense, write_delay_dense),
    Primitive(
        kinds.Scale,
        _write_scale,
        ("Scale",),
        _read_scale,
        lambda layer, note, shape: kinds.Scale(factor=_spread(layer.factor, note, shape)),
    ),
    Primitive(kinds.Conv1d, _write_convolution, ("Conv1d",), _read_convolution, _noted_convolution),
    Primitive(kinds.Conv2d, _write_convolution, ("Conv2d",), _read_convolution, _noted_convolution),
    Primitive(kinds.SumPool2d, partial(_write_pool, "SumPool2d"), ("SumPool2d",), _read_pool),
    Primitive(kinds.AveragePool2d, partial(_write_pool, "AvgPool2d"), ("AvgPool2d",), _read_pool),
    Primitive(kinds.Flatten, _write_flatten, ("Flatten",), _read_flatten),
    Primitive(
        kinds.Delay,
        _write_delay,
        ("Delay",),
        _read_delay,
        lambda layer, note, shape: kinds.Delay(delays=_spread(layer.delays, note, shape)),
    ),
)
WITHOUT: dict[type[Connection], str] = {
    kinds.MaxPool2d: "it has sums and averages over windows, and no maximum",
    kinds.Join: "paths that meet are edges of its graphs, which are not written or read so far",
}
"""Why a kind of layer has no primitive."""

READ = {kind: primitive for primitive in PRIMITIVES for kind in primitive.reads}
"""The kinds of nodes that become layers without neurons."""
_BY_LAYER = {primitive.layer: primitive for primitive in PRIMITIVES}
