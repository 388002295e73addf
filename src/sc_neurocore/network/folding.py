"""Several layers with weights and no neurons between them, as one.

Stochastic streams hold no currents, and an accelerator forms one sum for each neuron: both take one
layer with weights in front of neurons. Products of weights are formed in float64.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.layers import (
    BaseLayer,
    Connection,
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    Join,
    Weighted,
)
from sc_neurocore.network.schema import Shape

_MAXIMUM_WEIGHTS = 1 << 26
_VALUES_AT_ONCE = 1 << 22


def fold_linear(description: NetworkDescription) -> NetworkDescription:
    """Return a network in which each population has at most one layer with weights before it.

    Layers that end in one row of numbers become a dense layer; convolutions, with pooling and
    scales between them, a convolution. The content changes, and with it the hash.

    Raises:
        UserError: Naming the layer with which that cannot be done.
    """
    return description.with_layers(layer for _, layer in folded_layers(description))


def one_map_each(description: NetworkDescription) -> NetworkDescription:
    """Return the network itself where `fold_linear` has nothing to do, and what it makes if not.

    Raises:
        UserError: As `fold_linear` does.
    """
    for stage in description.stages():
        if sum(isinstance(layer, Weighted) for _, layer in stage.between) > 1:
            return fold_linear(description)
    return description


def folded_layers(description: NetworkDescription) -> Iterator[tuple[int, BaseLayer]]:
    """Yield the layers of `fold_linear`, each with its place, or that of its first part.

    Raises:
        UserError: As `fold_linear` does.
    """
    now: dict[int, int] = {}  # joins name their sources by place, which folding changes
    for index, (place, layer) in enumerate(_folded(description)):
        now[place] = index
        if isinstance(layer, Join):
            layer = layer.model_copy(update={"source": now[layer.source]})
        yield place, layer


def _folded(description: NetworkDescription) -> Iterator[tuple[int, BaseLayer]]:
    """Yield the layers as they are folded; joins still name their sources' old places."""
    for stage in description.stages():
        layers = list(stage.between)
        weighted = [index for index, (_, each) in enumerate(layers) if isinstance(each, Weighted)]
        if len(weighted) > 1:
            first, last = weighted[0], weighted[-1] + 1
            start = _shape_behind(layers[:first], stage.input_shape)
            one = _fold(layers[first:last], start, _shape_behind(layers[first:last], start))
            layers[first:last] = [(layers[first][0], each) for each in one]
        yield from layers
        yield stage.place, stage.population


def _shape_behind(layers: Sequence[tuple[int, Connection]], shape: Shape) -> Shape:
    return reduce(lambda shape, placed: placed[1].output_shape(shape), layers, shape)


def _fold(run: Sequence[tuple[int, Connection]], start: Shape, end: Shape) -> list[Connection]:
    """Return one layer with weights, from one shape to another, behind a flatten if need be."""
    for place, layer in run:
        if layer.has_memory:
            raise _error(run, place, layer, "which has a memory")
        if not layer.is_linear:
            raise _error(run, place, layer, "which is not linear")
    if len(end) == 1:
        _check_size(run, *run[-1], math.prod(start) * math.prod(end))
        dense = _product([layer for _, layer in run], start, end)
        return [dense] if len(start) == 1 else [Flatten(), dense]
    whole: Conv2d | None = None
    for place, layer in run:
        convolution = layer.as_convolution(start[0] if whole is None else len(whole.weight))
        if convolution is None:
            raise _error(run, place, layer, "which differs from place to place")
        if whole is None:
            whole = convolution
            continue
        if any(convolution.padding):
            what = "whose zeros around stand where the layers before have sums to go on with"
            raise _error(run, place, layer, what)
        channels = len(convolution.weight) * whole.weight.shape[1] * whole.groups
        _check_size(run, place, layer, channels * math.prod(_span(whole, convolution)))
        whole = composed_convolutions(whole, convolution)
    assert whole is not None  # a run has layers
    return [whole if len(end) == 3 else _on_lines(whole)]


def _check_size(
    run: Sequence[tuple[int, Connection]], place: int, layer: Connection, weights: int
) -> None:
    if weights > _MAXIMUM_WEIGHTS:
        what = f"with which it would have {weights} weights (at most {_MAXIMUM_WEIGHTS} are made)"
        raise _error(run, place, layer, what)


def _error(
    run: Sequence[tuple[int, Connection]], place: int, layer: Connection, what: str
) -> UserError:
    return UserError(
        f"layers[{place}] is {layer.kind!r}, {what}: layers[{run[0][0]}] to layers[{run[-1][0]}] "
        f"have no neurons between them and must become one layer with weights; put neurons there"
    )


def _product(layers: Sequence[Connection], start: Shape, end: Shape) -> Dense:
    """Return the matrix of layers: what they make of each input alone; and of none, the bias."""
    plain = [
        layer.with_weight(layer.weight, None) if isinstance(layer, Weighted) else layer
        for layer in layers
    ]
    inputs, most, shape = math.prod(start), 1, start
    for layer in layers:
        before, shape = shape, layer.output_shape(shape)
        most = max(most, layer.values_at_work(before, shape))
    at_once = max(1, _VALUES_AT_ONCE // most)
    weight = np.empty((math.prod(end), inputs))
    for first in range(0, inputs, at_once):
        ones = np.eye(min(at_once, inputs - first), inputs, first).reshape(-1, *start)
        weight[:, first : first + at_once] = _applied(plain, ones).T
    has_bias = any(isinstance(each, Weighted) and each.bias is not None for each in layers)
    bias = _applied(layers, np.zeros((1, *start)))[0] if has_bias else None
    return Dense(weight=weight, bias=bias)


def _applied(layers: Sequence[Connection], values: Array) -> Array:
    for layer in layers:
        values = layer.runner(np.float64)(values)
    return values


def composed_convolutions(first: Conv2d, second: Conv2d) -> Conv2d:
    """Return two convolutions as one, its numbers in float64; the second has no padding.

    Its position (a, b) sees the first one's at a x stride, which sees the image.
    """
    inner, outer = _without_groups(first), _without_groups(second)
    span = _span(first, second)
    weight = np.zeros((len(outer), inner.shape[1], *span))
    for a, b in np.ndindex(*outer.shape[2:]):
        for i, j in np.ndindex(*inner.shape[2:]):
            row, column = (
                near * apart + far * jump * stride
                for near, apart, far, jump, stride in zip(
                    (i, j), first.dilation, (a, b), second.dilation, first.stride, strict=True
                )
            )
            weight[:, :, row, column] += outer[:, :, a, b] @ inner[:, :, i, j]
    groups = math.gcd(first.groups, second.groups)
    blocks = weight.reshape(groups, -1, groups, weight.shape[1] // groups, *span)
    bias = None
    if first.bias is not None or second.bias is not None:
        bias = np.zeros(len(weight)) if second.bias is None else second.bias.astype(np.float64)
        if first.bias is not None:
            bias = bias + outer.sum(axis=(2, 3)) @ first.bias
    return Conv2d(
        weight=np.concatenate([blocks[group, :, group] for group in range(groups)]),
        bias=bias,
        stride=(first.stride[0] * second.stride[0], first.stride[1] * second.stride[1]),
        padding=first.padding,
        groups=groups,
    )


def _span(first: Conv2d, second: Conv2d) -> list[int]:
    """Return rows and columns of the kernel that two make."""
    spans = zip(first.windows.span, second.windows.span, first.stride, strict=True)
    return [near + (far - 1) * stride for near, far, stride in spans]


def _without_groups(layer: Conv2d) -> Array:
    """Return the weight from every input channel, zeros where groups do not see each other."""
    outputs, inputs, *size = layer.weight.shape
    width = outputs // layer.groups
    weight = np.zeros((outputs, inputs * layer.groups, *size))
    for group in range(layer.groups):
        rows = slice(group * width, (group + 1) * width)
        weight[rows, group * inputs : (group + 1) * inputs] = layer.weight[rows]
    return weight


def _on_lines(layer: Conv2d) -> Conv1d:
    """Return a convolution of images of one row as one of lines."""
    return Conv1d(
        weight=layer.weight[:, :, 0],
        bias=layer.bias,
        stride=layer.stride[1],
        padding=layer.padding[1],
        groups=layer.groups,
    )
