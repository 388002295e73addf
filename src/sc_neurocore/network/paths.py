"""What layers hand on, and where two paths through a network may meet."""

from __future__ import annotations

from collections.abc import Sequence

from sc_neurocore.network.layers import BaseLayer, Connection, Join, Population, Weighted
from sc_neurocore.network.schema import Shape


def hands_on(layer: BaseLayer, before: Sequence[str]) -> str:
    """Return what a layer hands on: "spikes", "counts" of spikes, or "numbers".

    Args:
        layer: The layer.
        before: What those before it hand on.
    """
    arriving = before[-1] if before else "numbers"
    if isinstance(layer, Population):
        return "numbers" if layer.passes_membrane else "spikes"
    if isinstance(layer, Join):
        if layer.how in ("and-not", "instead"):
            return before[layer.source]
        least = "counts" if layer.how == "add" else "spikes"
        return max(arriving, before[layer.source], least, key=_ORDER.index)
    keeps = isinstance(layer, Connection) and layer.taps == 1 and layer.keeps_counts
    return arriving if keeps and not isinstance(layer, Weighted) else "numbers"


_ORDER = ("spikes", "counts", "numbers")


def check_join(
    join: Join,
    place: int,
    layers: Sequence[BaseLayer],
    signals: Sequence[str],
    shapes: Sequence[Shape],
) -> None:
    """Raise ValueError unless a join meets spikes, or numbers of spikes.

    Args:
        join: The join.
        place: Its place.
        layers: All layers.
        signals: What those before it hand on.
        shapes: The shapes of that.
    """
    source = join.source
    if source >= place:
        raise ValueError(f"a join with layers[{source}]: expected a layer before it")
    if shapes[source] != join.source_shape:
        raise ValueError(
            f"source_shape = {join.source_shape}, but layers[{source}] hands on {shapes[source]}"
        )
    wanted = ("spikes",) if join.how == "and-not" else ("spikes", "counts")
    ends = {f"layers[{source}]": signals[source]}
    if join.how != "instead":
        ends["what arrives"] = signals[-1] if signals else "numbers"
    elif not any(isinstance(each, Join) and each.source == place - 1 for each in layers[place:]):
        raise ValueError("what arrives is left behind: no later join takes it up")
    for name, signal in ends.items():
        if signal not in wanted:
            raise ValueError(
                f"a join by {join.how!r}: {name} hands on {signal}, expected "
                f"{' or '.join(wanted)}, such as neurons do; put neurons before it"
            )
