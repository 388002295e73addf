"""What a layer becomes in NIR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Written:
    """A node.

    Attributes:
        node: Its fields.
        note: What NIR does not say of the layer.
        name: What follows the layer's own name in that of the node.
    """

    node: dict[str, Any]
    note: dict[str, Any] | None = None
    name: str = ""


Branch: TypeAlias = list[Written]
"""Nodes behind each other, from the layer before to the layer after."""
