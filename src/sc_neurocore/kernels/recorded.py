"""What a run leaves of itself for its report, as plain JSON values: answers, and one sample.

`sc_neurocore.report.contents.Results` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Array
from sc_neurocore.network.description import InputEncoding

RESULTS_NAME = "results.json"
MOST_MISTAKES = 24
_MOST_PIXELS = 1 << 14
_MOST_NUMBERS = 1 << 16

Plain = dict[str, Any]


def plain_answers(
    encoding: InputEncoding,
    inputs: Array,
    labels: NDArray[np.integer[Any]],
    predictions: Mapping[str, NDArray[np.integer[Any]]],
    classes: int,
) -> Plain:
    """Return which classes were given, and inputs that were given a wrong one.

    Args:
        encoding: What comes in.
        inputs: As networks take them, with the samples after the steps, if there are any.
        labels: The true classes, (samples,).
        predictions: By the name of a model, the classes that it gave, (samples,); wrong are those
            of the last.
        classes: How many there are.
    """
    *_, given = predictions.values()
    wrong = np.flatnonzero(given != labels)[:MOST_MISTAKES]
    shown = [(int(index), plain_image(encoding, inputs, int(index))) for index in wrong]
    return {
        "labels": labels.tolist(),
        "predictions": {name: each.tolist() for name, each in predictions.items()},
        "class_names": [str(number) for number in range(classes)],
        "mistakes": [
            {"index": index, "label": int(labels[index]), "given": int(given[index]), **image}
            for index, image in shown
            if image is not None
        ],
    }


def plain_image(encoding: InputEncoding, inputs: Array, index: int) -> Plain | None:
    """Return a sample's numbers, added up over its steps; None where they are too many."""
    frame = inputs[index] if encoding.kind == "static" else inputs[:, index].sum(axis=0)
    if frame.size > _MOST_PIXELS:
        return None
    return {"image": frame.ravel().tolist(), "shape": _image_shape(encoding.shape)}


def _image_shape(shape: tuple[int, ...]) -> list[int]:
    """Return the shape as a picture: a row of a square number of values is a square."""
    side = round(shape[0] ** 0.5)
    return [side, side] if len(shape) == 1 and side * side == shape[0] else list(shape)


def plain_sample(
    image: Plain, index: int, label: int, spikes: Sequence[Array], states: Sequence[Array]
) -> Plain | None:
    """Return a sample on its way through a network; None where its spikes are too many.

    Args:
        image: Of `plain_image`.
        index: Which sample it is.
        label: Its class.
        spikes: Of each population, (T, 1, ...), as `NetworkRun` records them.
        states: The membranes likewise, in real units.
    """
    fired = [np.argwhere(layer.reshape(len(layer), -1)).tolist() for layer in spikes]
    if sum(map(len, fired)) > _MOST_NUMBERS:
        return None
    flat = [np.round(layer.reshape(len(layer), -1), 4) for layer in states]
    return {
        "index": index,
        "label": label,
        **image,
        "spikes": fired,
        "layer_sizes": [layer.shape[1] for layer in flat],
        "steps": len(flat[0]),
        "states": [layer.tolist() for layer in flat]
        if sum(layer.size for layer in flat) <= _MOST_NUMBERS
        else [],
    }
