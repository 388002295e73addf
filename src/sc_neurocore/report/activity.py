"""Figures of what neurons do: spikes, rates and membranes, as arrays.

`Drawing`s like those of `report.figures`. They take NumPy arrays, and PyTorch tensors on the CPU,
such as `training.record` gives.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import DataError
from sc_neurocore.report.figures import draw_spike_marks, draw_spikes, draw_threshold
from sc_neurocore.report.style import BLUE, ORANGE, SERIES, VERMILION, drawing

_ONE_COLUMN = 4  # layers that fit below each other
_MAP = LinearSegmentedColormap.from_list("spikes", ("#ffffff", BLUE))


@drawing(height=3.0)
def raster(
    target: FigureBase, spikes: ArrayLike, title: str = "Spikes", ylabel: str = "Neuron"
) -> None:
    """Draw every spike of one sample; decreases of a delta code are vermilion.

    Args:
        target: The figure.
        spikes: What each neuron sent at each step, (T, neurons); 0 is nothing.
        title: What stands above.
        ylabel: What a row is.
    """
    events = _array("spikes", spikes, 2)
    steps, neurons = events.shape
    axes = target.subplots()
    draw_spikes(axes, np.argwhere(events > 0), steps, neurons, BLUE)
    if (events < 0).any():
        draw_spikes(axes, np.argwhere(events < 0), steps, neurons, VERMILION)
    axes.set(title=title, ylabel=ylabel)
    _label_steps(axes)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


@drawing(height=3.6)
def firing_rates(target: FigureBase, rates: Mapping[str, ArrayLike], bins: int = 20) -> None:
    """Draw how many neurons of each layer fire how often.

    Neurons that never fire, and those that fire at every step, have colours of their own.

    Args:
        target: The figure.
        rates: For each layer, the spikes per step of its neurons, 0 to 1, of any shape.
        bins: Number of bars.
    """
    columns = 1 if len(rates) <= _ONE_COLUMN else 2
    rows = -(-len(rates) // columns)
    grid = target.subplots(rows, columns, sharex=True, squeeze=False)
    edges = np.linspace(0, 1, bins + 1)
    for (name, values), axes in zip(rates.items(), grid.T.flat, strict=False):
        layer = _array(name, values, None).ravel()
        kinds = {
            VERMILION: layer[layer == 0],
            BLUE: layer[(layer > 0) & (layer < 1)],
            ORANGE: layer[layer == 1],
        }
        axes.hist(list(kinds.values()), edges, stacked=True, color=list(kinds))
        silent, busy = kinds[VERMILION].size, kinds[ORANGE].size
        axes.set_title(f"{name}: {layer.size:,} neurons, {silent:,} dead, {busy:,} saturated")
        axes.set(xlim=(0, 1), ylabel="Neurons")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.grid(axis="x", visible=False)
    for axes in grid.T.flat[len(rates) :]:
        axes.remove()
    for axes in grid[-1]:
        axes.set_xlabel("Spikes per step")
    marks = {VERMILION: "never fires", ORANGE: "fires at every step"}
    target.legend(
        handles=[Patch(color=colour, label=label) for colour, label in marks.items()],
        loc="outside lower center",
        ncols=2,
    )


@drawing(height=3.0)
def membrane_trace(
    target: FigureBase,
    membrane: ArrayLike,
    spikes: ArrayLike | None = None,
    threshold: float | None = None,
    title: str = "Membrane",
) -> None:
    """Draw membranes after each step, with the spikes above them.

    Args:
        target: The figure.
        membrane: One neuron's membrane (T,), or that of a few, (T, neurons).
        spikes: 0 or 1, in the same shape.
        threshold: Where the neurons fire.
        title: What stands above.
    """
    traces = _columns("membrane", membrane)
    neurons = traces.shape[1]
    if neurons > len(SERIES):
        raise DataError(f"{neurons} membranes in one figure: expected at most {len(SERIES)}")
    axes = target.subplots()
    if threshold is not None:
        draw_threshold(axes, threshold)
    names = ["membrane"] if neurons == 1 else [f"neuron {number}" for number in range(neurons)]
    for trace, name, (colour, marker) in zip(traces.T, names, SERIES, strict=False):
        axes.plot(np.arange(len(trace)), trace, color=colour, marker=marker, label=name)
    if spikes is not None:
        fired = _columns("spikes", spikes)
        if fired.shape != traces.shape:
            raise DataError(
                f"spikes have shape {fired.shape} and membranes {traces.shape}: expected the same"
            )
        for train, (colour, _) in zip(fired.T, SERIES, strict=False):
            label = "spike" if neurons == 1 else "_"  # a label that starts so is not shown
            draw_spike_marks(axes, np.flatnonzero(train), colour, label)
    axes.set(title=title, ylabel="Membrane after the step")
    _label_steps(axes)
    target.legend(loc="outside lower center", ncols=6, columnspacing=1.4, handlelength=1.6)


@drawing(height=4.4)
def feature_maps(
    target: FigureBase, image: ArrayLike, spikes: Mapping[str, ArrayLike], most: int = 6
) -> None:
    """Draw an input, and where neurons of each layer of images fire over time.

    A map shows of each place how many channels fired there: at some of the steps, and on the right
    in all of them.

    Args:
        target: The figure.
        image: What comes in, (channels, rows, columns).
        spikes: By layer, of one sample, (T, channels, rows, columns); T is the same for all.
        most: Steps that are shown, at most: the first, the last, and evenly between.
    """
    seen = _array("image", image, 3, "(channels, rows, columns)")
    maps = {
        name: _array(name, values, 4, "(T, channels, rows, columns)").sum(axis=1)
        for name, values in spikes.items()
    }
    lengths = {len(each) for each in maps.values()}
    if len(lengths) != 1:
        raise DataError(f"layers of {sorted(lengths)} steps: expected one number, and some layer")
    steps = lengths.pop()
    shown = np.unique(np.linspace(0, steps - 1, min(most, steps)).round().astype(int)).tolist()
    grid = target.subplots(1 + len(maps), len(shown) + 1, squeeze=False)
    _show_map(grid[0, 0], seen.sum(axis=0), "Input", "")
    for axes in grid[0, 1:]:
        axes.remove()
    for (name, each), row in zip(maps.items(), grid[1:], strict=True):
        is_first = row[0] is grid[1, 0]
        for step, axes in zip(shown, row, strict=False):
            label = name if step == shown[0] else ""
            _show_map(axes, each[step], f"Step {step}" if is_first else "", label, each.max())
        _show_map(row[-1], each.sum(axis=0), "All steps" if is_first else "", "")


def _show_map(
    axes: Axes, values: NDArray[np.float64], title: str, label: str, most: float | None = None
) -> None:
    axes.imshow(values, cmap=_MAP, vmin=0, vmax=most or None, interpolation="none")
    axes.set(title=title, ylabel=label, xticks=[], yticks=[])
    axes.grid(visible=False)


def _label_steps(axes: Axes) -> None:
    axes.set_xlabel("Step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _array(
    what: str, values: ArrayLike, axes: int | None, shape: str = "(T, neurons)"
) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if not array.size or (axes is not None and array.ndim != axes):
        expected = "at least one value" if axes is None else shape
        raise DataError(
            f"{what} of shape {array.shape}: expected {expected}; choose a sample by [:, sample], "
            f"and lay out images by flatten(1)"
        )
    return array


def _columns(what: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    return _array(what, array[:, None] if array.ndim == 1 else array, 2)
