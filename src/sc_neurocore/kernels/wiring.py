"""Second paths through a chain of layers: what is kept within a step, and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sc_neurocore.array_types import Array
from sc_neurocore.network.layers import BaseLayer, Join, Runner


class Wires:
    """What layers hand on to joins behind them.

    Args:
        layers: The whole chain; of its joins it is known what is kept.
    """

    def __init__(self, layers: Iterable[BaseLayer]) -> None:
        self._wanted = {layer.source for layer in layers if isinstance(layer, Join)}
        self._kept: dict[int, Array] = {}

    def behind(self, place: int) -> Iterator[Runner]:
        """Yield what stands behind the layer of a place: it keeps the values, if a join asks."""
        if place in self._wanted:

            def keep(values: Array) -> Array:
                self._kept[place] = values
                return values

            yield keep

    def join(self, layer: Join) -> Runner:
        """Return a join as a function of what arrives."""
        return lambda values: layer.joined(values, self._kept[layer.source])
