"""The figures of a run, each drawn from plain data.

All are `Drawing`s: called, they return a `matplotlib.figure.Figure`; `onto` draws them onto a part
of a larger figure. No display is needed, and matplotlib's global state stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import FigureBase
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.report.style import (
    BLUE,
    GREEN,
    INK,
    ON_DARK,
    ON_PALE,
    ORANGE,
    PALE,
    PURPLE,
    SERIES,
    SKY,
    SOFT,
    VERMILION,
    drawing,
)
from sc_neurocore.report.wording import (
    RESOURCES,
    STAGES,
    count,
    duration,
    percent,
    shorten,
)

_PIXELS = LinearSegmentedColormap.from_list("pixels", [ON_DARK, ON_PALE])
_RIGHT = LinearSegmentedColormap.from_list("right", ["#EAF2F9", BLUE])
_WRONG = LinearSegmentedColormap.from_list("wrong", ["#FBE3D3", VERMILION])
_WRONG_FULL = 0.1  # share of a class in one wrong cell that has the full colour
_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:g} %")
_LEAST_SPAN = 0.1
"""An axis of accuracies shows so much of them at least: two samples more or less are no cliff."""


_EPOCHS_WITH_MARKS = 40


@drawing(height=3.3)
def training_history(
    target: FigureBase,
    epochs: Sequence[int],
    losses: Sequence[float],
    accuracies: Sequence[float],
    validation: Sequence[float] = (),
) -> None:
    """Draw loss above accuracies (fractions), by epoch."""
    upper, lower = target.subplots(2, 1, sharex=True)
    marker = 4.5 if len(epochs) <= _EPOCHS_WITH_MARKS else 0
    upper.plot(epochs, losses, color=ORANGE, marker="s", markersize=marker)
    upper.set(title="Training", ylabel="Loss")
    upper.set_ylim(bottom=0)
    lower.plot(epochs, accuracies, color=BLUE, marker="o", markersize=marker, label="training")
    if validation:
        lower.plot(
            epochs, validation, color=GREEN, marker="^", markersize=marker, label="validation"
        )
        lower.legend(loc="lower right")
    lower.set(xlabel="Epoch", ylabel="Accuracy")
    show_accuracies(lower, [*accuracies, *validation])
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))


@drawing(height=3.6)
def spike_raster(
    target: FigureBase,
    image: ArrayLike,
    spikes: Sequence[Sequence[tuple[int, int]]],
    layer_sizes: Sequence[int],
    steps: int,
    class_names: Sequence[str] = (),
) -> None:
    """Draw the spikes of all layers, the last one on top, beside the input image.

    Args:
        target: The figure.
        image: The input; of more than two dimensions, all but the last are stacked.
        spikes: For each layer, its spikes as (step, neuron), both from 0.
        layer_sizes: Neurons of each layer.
        steps: Steps of the run.
        class_names: Names of the last layer's neurons.
    """
    # A small layer is drawn higher than its share, so that its neurons can be told apart.
    heights = [max(size, 0.6 * max(layer_sizes)) for size in reversed(layer_sizes)]
    grid = target.add_gridspec(
        len(layer_sizes), 2, width_ratios=[1, 3], height_ratios=heights, hspace=0.04
    )
    draw_image(target.add_subplot(grid[:, 0]), image, "Input")
    last = len(layer_sizes) - 1
    bottom: Axes | None = None
    for layer, neurons in enumerate(layer_sizes):
        axes = target.add_subplot(grid[last - layer, 1], sharex=bottom)
        colour = BLUE if layer == last else SOFT
        draw_spikes(axes, spikes[layer], steps, neurons, colour)
        if layer == last:
            axes.set_title("Spikes")
            axes.set_ylabel("Output")
            if len(class_names) == neurons <= 10:
                axes.set_yticks(
                    range(neurons), [shorten(name) for name in class_names], fontsize=6.5
                )
        else:
            axes.set_ylabel("Hidden" if last == 1 else f"Hidden {layer + 1}")
        if bottom is None:
            bottom = axes
            axes.set_xlabel("Step")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            axes.tick_params(bottom=False, labelbottom=False)


@drawing(height=3.6)
def membrane(
    target: FigureBase,
    floats: Sequence[float],
    integers: Sequence[float] | None = None,
    rtl: Sequence[float] | None = None,
    threshold: float | None = None,
    spike_steps: Sequence[int] = (),
) -> None:
    """Draw one neuron's membrane after each step in the three models.

    The integer model is a ring and the RTL a dot: where they are equal, every ring has its dot.

    Args:
        target: The figure.
        floats: The floating-point model.
        integers: The integer model, in the same unit; None where it did not run.
        rtl: The co-simulated Verilog, in the same unit; None where it did not run.
        threshold: Where the neuron fires.
        spike_steps: When it fired in the last of the models.
    """
    axes = target.subplots()
    steps = np.arange(len(floats))
    if threshold is not None:
        draw_threshold(axes, threshold)
    axes.plot(steps, floats, color=SKY, linewidth=3.2, label="float")
    if integers is not None:
        axes.plot(
            steps,
            integers,
            color=INK,
            linewidth=0.9,
            marker="o",
            markersize=6,
            markerfacecolor="white",
            label="integers",
        )
    if rtl is not None:
        axes.plot(
            steps, rtl, color=VERMILION, linestyle="none", marker="o", markersize=2.8, label="RTL"
        )
    if spike_steps:
        draw_spike_marks(axes, spike_steps, BLUE)
    axes.set(title="Membrane of one neuron", xlabel="Step", ylabel="Membrane after the step")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    target.legend(loc="outside lower center", ncols=5, columnspacing=1.4, handlelength=1.6)


_READABLE_CLASSES = 100
"""Names and numbers of more would lie on top of each other, and take minutes to draw."""


@drawing(height=4.0)
def confusion_matrix(
    target: FigureBase,
    labels: Sequence[int],
    predictions: Sequence[int],
    class_names: Sequence[str],
) -> None:
    """Draw how many samples of each class (rows) were given each class (columns).

    Right answers are blue by their share of the class, wrong ones vermilion. Of many classes only
    the colours are drawn.
    """
    n = len(class_names)
    counts = np.zeros((n, n), dtype=np.int64)
    np.add.at(counts, (np.asarray(labels, np.int64), np.asarray(predictions, np.int64)), 1)
    axes = target.subplots()
    readable = n <= _READABLE_CLASSES
    axes.pcolormesh(
        _confusion_colours(counts), edgecolors="white" if readable else "face", linewidth=1.5
    )
    for row, column in zip(*np.nonzero(counts), strict=True) if readable else ():
        share = counts[row, column] / counts[row].sum()
        dark = share > (0.5 if row == column else 0.6 * _WRONG_FULL)
        axes.text(
            column + 0.5,
            row + 0.5,
            str(counts[row, column]),
            color=ON_DARK if dark else ON_PALE,
            ha="center",
            va="center_baseline",
            fontsize=8 if n <= 12 else 5,
        )
    right = int(np.trace(counts))
    axes.set(
        title=f"{count(right)} of {count(len(labels))} right", xlabel="Predicted", ylabel="True"
    )
    if readable:
        names = [shorten(name) for name in class_names]
        upright = max(map(len, names), default=0) > 3
        axes.set_xticks(np.arange(n) + 0.5, names, rotation=90 if upright else 0)
        axes.set_yticks(np.arange(n) + 0.5, names)
    axes.tick_params(length=0)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


@drawing(height=4.0)
def stream_lengths(
    target: FigureBase,
    curves: Mapping[str, Sequence[tuple[int, float]]],
    reference: float | None = None,
) -> None:
    """Draw the accuracy of stochastic inference against stream length, one line per source.

    Args:
        target: The figure.
        curves: For each source, (bits, accuracy as a fraction).
        reference: The accuracy of the floating-point network.
    """
    axes = target.subplots()
    if reference is not None:
        label = f"float ({percent(reference)})"
        axes.axhline(reference, color=INK, linestyle=(0, (4, 3)), linewidth=1.1, label=label)
    for (source, curve), (colour, marker) in zip(curves.items(), cycle(SERIES), strict=False):
        lengths, accuracies = zip(*sorted(curve), strict=True)
        axes.plot(lengths, accuracies, color=colour, marker=marker, label=source)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sorted({length for curve in curves.values() for length, _ in curve}))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    shown = [accuracy for curve in curves.values() for _, accuracy in curve]
    show_accuracies(axes, shown if reference is None else [*shown, reference])
    axes.set(title="Stochastic bitstreams", xlabel="Stream length (bits)", ylabel="Accuracy")
    axes.legend(loc="lower right")


@drawing(height=2.1)
def utilisation(
    target: FigureBase, used: Mapping[str, float], available: Mapping[str, int], device: str = ""
) -> None:
    """Draw what a design takes of each resource of its device, where both are known."""
    shared = [name for name in used if available.get(name)]
    shares = [used[name] / available[name] for name in shared]
    axes = target.subplots()
    rows = range(len(shared))
    axes.barh(rows, [1.0] * len(shared), height=0.5, color=PALE)
    axes.barh(
        rows, shares, height=0.5, color=[BLUE if share <= 1 else VERMILION for share in shares]
    )
    for row, (name, share) in enumerate(zip(shared, shares, strict=True)):
        words = f"{count(used[name])} of {count(available[name])}  ({100 * share:.0f} %)"
        axes.text(0, row - 0.34, words, fontsize=8, va="bottom", color=INK)
    axes.set_yticks(rows, [RESOURCES.get(name, name) for name in shared])
    axes.set(title=f"Utilisation of {device}" if device else "Utilisation")
    axes.set(xlim=(0, max([1.0, *shares])), ylim=(len(shared) - 0.6, -0.75))
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


@drawing(height=4.2)
def floor_plan(
    target: FigureBase,
    floor: tuple[int, int],
    parts: Sequence[str],
    cells: Sequence[tuple[int, int, int | None, int]],
    device: str = "",
) -> None:
    """Draw where each part of a design lies on its device, the largest parts in colours.

    Args:
        target: What to draw onto.
        floor: Columns and rows of tiles.
        parts: Names of the parts, the largest first.
        cells: (column, row, logic cell of the tile from 0 to 7, part); a cell whose third is None
            fills its tile.
        device: The device's name, for the title.
    """
    columns, rows = floor
    colours = [to_rgb(colour) for colour in (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE)]
    shown, rest = min(len(parts), len(colours)), to_rgb(SOFT)
    # A tile is two cells wide and four high.
    picture = np.zeros((rows, 4, columns, 2, 4))  # what nothing takes is transparent
    for column, row, cell, part in sorted(cells, key=lambda each: each[2] is not None):
        colour = colours[part] if part < shown else rest
        place = (slice(None), slice(None)) if cell is None else (cell % 4, cell // 4)
        picture[row, place[0], column, place[1]] = (*colour, 1)
    axes = target.subplots()
    axes.imshow(
        picture.reshape(4 * rows, 2 * columns, 4),
        origin="lower",
        interpolation="none",
        extent=(0, columns, 0, rows),
    )
    names = [*parts[:shown], *(["the rest"] if len(parts) > shown else [])]
    marks = [Patch(color=colour) for colour in [*colours[:shown], rest][: len(names)]]
    axes.legend(marks, names, loc="center left", bbox_to_anchor=(1.02, 0.5))
    axes.set(title=f"Floor plan on {device}" if device else "Floor plan", xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.grid(visible=False)


@drawing(height=2.7)
def stage_times(target: FigureBase, seconds: Mapping[str, float]) -> None:
    """Draw the wall time of each stage; `total`, if it is there, is said in the title."""
    stages = {name: value for name, value in seconds.items() if name != "total"}
    total = seconds.get("total", sum(stages.values()))
    axes = target.subplots()
    rows = range(len(stages))
    bars = axes.barh(rows, list(stages.values()), height=0.6, color=BLUE)
    axes.bar_label(bars, [duration(value) for value in stages.values()], padding=4, fontsize=8.5)
    axes.set_yticks(rows, [STAGES.get(name, name) for name in stages])
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(title=f"Wall time: {duration(total)} in all", xlabel="Seconds")
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)


def draw_spikes(axes: Axes, spikes: ArrayLike, steps: int, neurons: int, colour: str) -> None:
    """Draw spikes, rows of (step, neuron), over axes that show all steps and neurons."""
    moments = np.array(spikes, dtype=float).reshape(-1, 2)
    axes.scatter(
        moments[:, 0],
        moments[:, 1],
        marker="|",
        s=36 if neurons <= 16 else 14,
        color=colour,
        linewidths=1.4,
    )
    axes.set(xlim=(-0.7, steps - 0.3), ylim=(-0.7, neurons - 0.3))
    axes.grid(axis="y", visible=False)


def draw_threshold(axes: Axes, threshold: float) -> None:
    """Draw where a membrane fires."""
    axes.axhline(threshold, color=SOFT, linestyle=(0, (4, 3)), linewidth=1, label="threshold")


def draw_spike_marks(axes: Axes, steps: ArrayLike, colour: str, label: str = "spike") -> None:
    """Mark the steps of one neuron's spikes above all that is drawn so far."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.08 * (high - low))
    axes.plot(
        steps,
        np.full(np.shape(steps), high + 0.05 * (high - low)),
        color=colour,
        linestyle="none",
        marker="|",
        markersize=8,
        markeredgewidth=1.6,
        label=label,
    )


def show_accuracies(axes: Axes, accuracies: Sequence[float]) -> None:
    """Let an axis show accuracies, which are fractions, in percent, without a cliff of a few."""
    axes.yaxis.set_major_formatter(_PERCENT)
    low, high = min(accuracies, default=0), max(accuracies, default=1)
    if high - low < _LEAST_SPAN:
        middle = min(max((low + high) / 2, _LEAST_SPAN / 2), 1 - _LEAST_SPAN / 2)
        axes.set_ylim(middle - 0.55 * _LEAST_SPAN, middle + 0.55 * _LEAST_SPAN)


def draw_image(axes: Axes, image: ArrayLike, title: str) -> None:
    """Draw sizes of numbers as grey levels; of several dimensions, all but the last are stacked."""
    pixels = np.abs(np.atleast_2d(np.asarray(image, dtype=float)))
    pixels = pixels.reshape(-1, pixels.shape[-1])
    axes.pcolormesh(pixels, cmap=_PIXELS, vmin=0)
    axes.set_title(title)
    axes.set_aspect("equal", anchor="N")
    axes.invert_yaxis()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def _confusion_colours(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the colour of each cell, (classes, classes, 3); cells without samples are white."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours = np.ones((*counts.shape, 3))
    wrong = (counts > 0) & ~np.eye(len(counts), dtype=bool)
    right = (counts > 0) & np.eye(len(counts), dtype=bool)
    colours[right] = _RIGHT(shares[right])[:, :3]
    colours[wrong] = _WRONG(shares[wrong] / _WRONG_FULL)[:, :3]
    return colours
