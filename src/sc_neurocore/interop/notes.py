"""What `to_nir` notes in a graph's metadata: the part of a description that NIR does not say.

A note never overrules a node: it is used where the node says the same, only less exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop.graph import Node
from sc_neurocore.network.description import (
    Conv1d,
    Conv2d,
    Delay,
    Layer,
    Scale,
    Shape,
    along_channels,
)

OWN = "sc_neurocore"
"""The key of our notes in NIR's metadata."""


def write_note(content: Mapping[str, Any]) -> dict[str, str]:
    """Return metadata that hold a note."""
    return {OWN: json.dumps(content)}


def graph_note(tree: Any) -> dict[str, Any]:
    """Return the note of a graph, or nothing."""
    return _note(tree.get("metadata") if isinstance(tree, Mapping) else None, "the graph")


def node_note(node: Node) -> dict[str, Any]:
    """Return the note of a node, or nothing."""
    return _note(node.metadata, f"node {node.name!r}")


def _note(metadata: Any, where: str) -> dict[str, Any]:
    text = metadata.get(OWN) if isinstance(metadata, Mapping) else None
    if text is None:
        return {}
    try:
        content = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DescriptionError(
            f"{where}: the note of sc_neurocore is damaged; give use_notes=False to read the nodes "
            f"alone"
        )
    return content


def as_noted(layer: Layer, note: Mapping[str, Any], shape: Shape) -> Layer:
    """Return a layer in the form that its note says, where that is the same layer.

    Args:
        layer: The layer.
        note: The note of its node.
        shape: The shape of its input.
    """
    if isinstance(layer, Conv1d | Conv2d):
        if note.get("bias") is False and not np.any(layer.bias):
            return type(layer)(**{**dict(layer), "bias": None})
        return layer
    if isinstance(layer, Scale):
        return Scale(factor=_spread(layer.factor, note.get("axes"), shape))
    if isinstance(layer, Delay):
        return Delay(delays=_spread(layer.delays, note.get("axes"), shape))
    return layer


def _spread(values: Any, axes: Any, shape: Shape) -> Any:
    """Return numbers with as many axes as they had: none, one for channels, or the shape's."""
    wanted = {1: shape[:1], len(shape): shape}.get(axes) if isinstance(axes, int) else None
    if wanted is None or values.ndim > len(wanted):
        return values
    return np.broadcast_to(along_channels(values, len(wanted)), wanted).copy()
