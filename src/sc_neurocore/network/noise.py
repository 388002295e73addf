"""Noise in a network: every neuron has its own draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from sc_neurocore.equation.noise import later_words
from sc_neurocore.equation.sources import check_start
from sc_neurocore.network.layers import BaseLayer, Population
from sc_neurocore.network.schema import Shape


def with_starts(layers: Iterable[tuple[BaseLayer, Shape]]) -> Iterator[BaseLayer]:
    """Yield layers in which every source of noise has a start for each neuron.

    They are numbered through all sources and layers, and each begins so many places behind the seed
    of its source (see `equation.noise`). Starts that are given stay.

    Args:
        layers: Each layer, and the shape of what it hands on.

    Raises:
        ValueError: If a start that is made here would come twice.
    """
    offset = 0
    made: set[int] = set()
    for layer, shape in layers:
        sources = layer.neuron.sources if isinstance(layer, Population) else {}
        if not isinstance(layer, Population) or not sources:
            yield layer
            continue
        own, count = dict(layer.parameters), math.prod(shape)
        for start in sources.values():
            if start in own:
                check_start(start, own[start])
                continue
            first = int(layer.neuron.parameters[start].default)
            words = later_words(first, offset + np.arange(count))
            if len(made | {*words.tolist()}) < len(made) + count:
                raise ValueError(
                    f"{layer.neuron.name}: two neurons would have the same noise: choose other "
                    f"seeds in the equations, or give {start} for each neuron"
                )
            made |= {*words.tolist()}
            own[start] = words.reshape(shape).astype(np.float64)
            offset += count
        yield type(layer)(
            **{name: getattr(layer, name) for name in type(layer).model_fields if name != "kind"}
            | {"parameters": own}
        )
