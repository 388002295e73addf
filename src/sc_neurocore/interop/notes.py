"""What `to_nir` notes in a graph's metadata: the part of a description that NIR does not say.

A note never overrules a node: it is used where the node says the same, only less exactly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop.graph import Node

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
