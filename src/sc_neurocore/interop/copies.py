"""Neurons that fire several times in a step, as so many neurons that fire once.

A neuron fires as often as its threshold fits into the membrane. Its n-th copy has the same membrane
and fires where n thresholds fit; all lose what the one would. What follows adds up their spikes,
for its weights are those of the one, repeated. So everything behind the description, hardware
included, deals with spikes of one bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop.equations import equation
from sc_neurocore.network.description import Readout, Shape
from sc_neurocore.network.layers import (
    Conv1d,
    Conv2d,
    DelayDense,
    Dense,
    Layer,
    Population,
    Recurrent,
    Weighted,
)


def with_copies(
    layers: Sequence[Layer], shape: Shape, spikes: int, readout: Readout | None
) -> tuple[list[Layer], Readout | None]:
    """Return the layers with every neuron that has a `v_fire` as `spikes` copies.

    The last neurons' copies are added up by weights of one, in front of a readout that sums up what
    arrives: the membrane's sum is then the count of spikes.

    Args:
        layers: The layers; their populations' `v_fire` is their threshold.
        shape: The shape of the input.
        spikes: How often a neuron fires in one step, at most.
        readout: What the class is read from, if that was said.

    Raises:
        DescriptionError: If the copies cannot be added up by what follows, or "first-to-N" is asked
            for.
    """
    result: list[Layer] = []
    arriving = 1  # copies of each value that arrives
    is_shared = False  # whether weights have added them up and given each copy the same
    for place, layer in enumerate(layers):
        wanted = spikes if _fires_often(_next_neurons(layers, place)) else 1
        if isinstance(layer, Weighted):
            is_shared = _is_last_weight(layers, place)
            leaving = wanted if is_shared else 1
            result.append(_weights(layer, arriving, leaving, place))
            arriving = leaving
        elif isinstance(layer, Population):
            if arriving != wanted or (arriving > 1 and not is_shared):
                result.append(_mixing(shape, arriving, wanted))
            result.append(_neurons(layer, spikes, shape) if wanted > 1 else layer)
            arriving, is_shared = wanted, False
        else:
            result.append(_beside(layer, arriving))
        shape = layer.output_shape(shape)
    last = layers[-1]
    if not (isinstance(last, Population) and _fires_often(last)):
        return result, readout
    if readout not in (None, "spike-count"):
        raise DescriptionError(
            f"readout={readout!r} of neurons that fire up to {spikes} times in a step: expected "
            f"spike-count"
        )
    if len(shape) != 1:
        raise DescriptionError(
            f"the last neurons, of shape {shape}, fire up to {spikes} times in a step: expected a "
            f"row of neurons"
        )
    result.append(Dense(weight=np.tile(np.eye(shape[0]), (1, spikes))))
    result.append(Population(neuron=equation("Readout")))
    return result, "membrane"


def _fires_often(layer: Population | None) -> bool:
    return layer is not None and "v_fire" in layer.neuron.parameters


def _is_last_weight(layers: Sequence[Layer], place: int) -> bool:
    """Whether no other weights are between a layer and the next neurons."""
    for layer in layers[place + 1 :]:
        if isinstance(layer, Population):
            return True
        if isinstance(layer, Weighted):
            return False
    return False


def _weights(layer: Weighted, arriving: int, leaving: int, place: int) -> Layer:
    weight, bias = np.asarray(layer.weight), layer.bias
    if isinstance(layer, Conv1d | Conv2d) and layer.groups > 1 and max(arriving, leaving) > 1:
        raise DescriptionError(
            f"layers[{place}]: a convolution in {layer.groups} groups beside neurons that fire "
            f"several times in a step: expected one group; train with one spike in a step"
        )
    changes: dict[str, Any] = {
        "weight": _tiled(weight, arriving, leaving),
        "bias": None if bias is None else np.tile(bias, leaving),
    }
    if isinstance(layer, DelayDense):
        changes["delays"] = _tiled(np.asarray(layer.delays), arriving, leaving)
    changed: Any = type(layer)(**{**dict(layer), **changes})
    return changed  # type: ignore[no-any-return]


def _tiled(array: NDArray[Any], arriving: int, leaving: int) -> NDArray[Any]:
    return np.tile(array, (leaving, arriving, *(1,) * (array.ndim - 2)))


def _next_neurons(layers: Sequence[Layer], place: int) -> Population | None:
    return next((each for each in layers[place:] if isinstance(each, Population)), None)


def _mixing(shape: Shape, arriving: int, leaving: int) -> Layer:
    """Return weights that add copies up and give the sums to each new copy."""
    one = np.tile(np.eye(shape[0]), (leaving, arriving))
    if len(shape) == 1:
        return Dense(weight=one)
    kind = Conv1d if len(shape) == 2 else Conv2d
    return kind(weight=one.reshape(*one.shape, *(1,) * (len(shape) - 1)))


def _neurons(layer: Population, spikes: int, shape: Shape) -> Layer:
    parameters: dict[str, Any] = {}
    for name, value in layer.values().items():
        number = np.asarray(value, np.float64)
        if name == "v_fire":
            multiples = [number * (1 + copy) for copy in range(spikes)]
            columns = [np.broadcast_to(each, each.shape or shape[:1]) for each in multiples]
            parameters[name] = np.concatenate(columns)
        else:
            parameters[name] = np.tile(number, (spikes, *(1,) * (number.ndim - 1)))
            if not number.ndim:
                parameters[name] = float(number)
    changes: dict[str, Any] = {"parameters": parameters}
    if isinstance(layer, Recurrent):
        changes["weight"] = _tiled(np.asarray(layer.weight), spikes, spikes)
        changes["bias"] = None if layer.bias is None else np.tile(layer.bias, spikes)
    return type(layer)(**{**dict(layer), **changes})


def _beside(layer: Layer, arriving: int) -> Layer:
    """Return a layer without weights and neurons, of as many copies as arrive."""
    for name in ("factor", "delays"):
        array = getattr(layer, name, None)
        if array is not None and np.ndim(array):
            tiled = np.tile(array, (arriving, *(1,) * (np.ndim(array) - 1)))
            return layer.model_copy(update={name: tiled})
    return layer
