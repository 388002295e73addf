"""A described network in floating point, without torch: what other inferences are held against."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.array_types import Array
from sc_neurocore.kernels.inference import Chain, NetworkRun
from sc_neurocore.kernels.reference_neurons import make_runner
from sc_neurocore.kernels.wiring import Wires
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.layers import Join, Runner
from sc_neurocore.progress import ProgressCallback, ignore_progress


def run_float(
    description: NetworkDescription,
    inputs: ArrayLike,
    *,
    dtype: type[np.floating[Any]] = np.float64,
    record: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> NetworkRun:
    """Run a network in floating point.

    Samples are taken in slices, so that memory does not grow with their number, beyond what is
    returned. Layers before the first one with a memory are computed once where the input is static.

    Args:
        description: The network.
        inputs: Unsigned integers in its input encoding: (batch, *shape) where it is static, else
            (T, batch, *shape), zeros and ones where it is spikes.
        dtype: `numpy.float64` or `numpy.float32`.
        record: Whether to keep all spikes and states.
        progress: Receives an event after every slice.

    Raises:
        DataError: If the inputs do not have the shape, type or range of the encoding.
    """
    unit = dtype(2.0**-description.input.fraction_bits)

    def convert(frame: Array) -> Array:
        values: Array = frame.astype(dtype) * unit
        return values

    shapes = pairwise(description.shapes())
    chain = Chain(
        encoding=description.input,
        steps=description.steps,
        readout=description.readout,
        convert=convert,
        runners=[each for group in float_runners(description, dtype, record) for each in group],
        values_at_work=max(
            layer.values_at_work(*each)
            for layer, each in zip(description.layers, shapes, strict=True)
        ),
    )
    return chain.run(inputs, "floating-point inference", progress)


def float_runners(
    description: NetworkDescription, dtype: Any, record: bool
) -> Iterator[tuple[Runner, ...]]:
    """Yield each layer as functions of one step's values: itself, and what keeps them for joins.

    Args:
        description: The network.
        dtype: The type of its numbers.
        record: Whether neurons keep all spikes and states.
    """
    wires = Wires(description.layers)
    for place, layer in enumerate(description.layers):
        runner = wires.join(layer) if isinstance(layer, Join) else make_runner(layer, dtype, record)
        yield (runner, *wires.behind(place))
