"""Which figures a folder's data give: put into `figures`, with the words that go with each.

The key of a figure keeps its elements apart from those of the others on a page.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sc_neurocore.report import figures
from sc_neurocore.report.contents import (
    Build,
    Epoch,
    FloorPlan,
    Results,
    StochasticInference,
)
from sc_neurocore.report.gallery import COLUMNS, HEIGHT_OF_A_ROW, MOST, gallery
from sc_neurocore.report.samples import Sample
from sc_neurocore.report.style import WIDTH, new_figure, to_svg
from sc_neurocore.report.sweep import sweep_overview
from sc_neurocore.report.wording import MODELS, percent, plural, shorten

# The form whose errors are shown: the nearest to the hardware that has recorded its classes.
_NEAREST_TO_HARDWARE = ("rtl", "integers", "sc", "float")


@dataclass(frozen=True)
class Illustration:
    """A figure with its caption.

    Attributes:
        svg: The figure as an `<svg>` element.
        caption: What to see in it.
    """

    svg: str
    caption: str


def pixels(sample: Sample) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return a sample's input in its shape."""
    return np.array(sample.image, dtype=np.float64).reshape(sample.shape)


def curves(part: StochasticInference) -> dict[str, list[tuple[int, float]]]:
    """Return (stream length, accuracy) for each source, in the order in which they were tried."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for point in part.curve:
        found[point.source].append((point.length, point.accuracy))
    return dict(found)


def spike_steps(sample: Sample, layer: int, neuron: int) -> list[int]:
    """Return the steps at which one neuron fired."""
    return [step for step, fired in sample.spikes[layer] if fired == neuron]


def history(key: str, epochs: Sequence[Epoch]) -> Illustration:
    """Draw loss and accuracy of the epochs, of which there is one or more."""
    tried = [each.validation_accuracy for each in epochs if each.validation_accuracy is not None]
    figure = figures.training_history(
        [epoch.epoch for epoch in epochs],
        [epoch.loss for epoch in epochs],
        [epoch.accuracy for epoch in epochs],
        tried if len(tried) == len(epochs) else (),
    )
    last = epochs[-1]
    caption = (
        f"{plural(len(epochs), 'epoch')} of training; after the last the mean loss is "
        f"{last.loss:.3g} and the accuracy {percent(last.accuracy)}."
    )
    return _drawn(figure, key, caption)


def streams(key: str, part: StochasticInference, reference: float | None) -> Illustration:
    """Draw the accuracies of stream lengths, of which there is one or more."""
    found = curves(part)
    figure = figures.stream_lengths(found, reference)
    best = [
        f"{source} {percent(max(curve)[1])} at {max(curve)[0]} bits"
        for source, curve in found.items()
    ]
    caption = (
        f"Accuracy when every weight and input is a stream of bits, by the stream's "
        f"length: {', '.join(best)}."
    )
    return _drawn(figure, key, caption)


def confusion(key: str, results: Results) -> Illustration | None:
    """Draw which classes were given; None where none were recorded."""
    model = next((each for each in _NEAREST_TO_HARDWARE if results.predictions.get(each)), None)
    if model is None:
        return None
    figure = figures.confusion_matrix(
        results.labels, results.predictions[model], results.class_names
    )
    caption = (
        f"{MODELS[model]}: the class it gave, by the true class, for "
        f"{plural(len(results.labels), 'test sample')}. Right answers are blue, errors orange-red."
    )
    return _drawn(figure, key, caption)


def mistakes(key: str, results: Results) -> Illustration | None:
    """Draw samples that were given a wrong class; None where none are there."""
    shown = results.mistakes[:MOST]
    if not shown:
        return None
    images = [np.reshape(each.image, each.shape) for each in shown]
    figure = new_figure(WIDTH, HEIGHT_OF_A_ROW * -(-len(shown) // COLUMNS))
    gallery.onto(
        figure,
        images,
        [class_name(results, each.label) for each in shown],
        [class_name(results, each.given) for each in shown],
    )
    caption = (
        f"{plural(len(shown), 'test sample')} with another answer than the true class: the class, "
        f"an arrow, the answer."
    )
    return _drawn(figure, key, caption)


def raster(key: str, results: Results, sample: Sample) -> Illustration:
    """Draw the spikes of a sample beside its input."""
    figure = figures.spike_raster(
        pixels(sample), sample.spikes, sample.layer_sizes, sample.steps, results.class_names
    )
    total = sum(len(spikes) for spikes in sample.spikes)
    caption = (
        f"Test sample {sample.index}, of class {class_name(results, sample.label)}, on its way "
        f"through the network: {plural(total, 'spike')} in {plural(sample.steps, 'step')}."
    )
    return _drawn(figure, key, caption)


def membrane(key: str, sample: Sample) -> Illustration | None:
    """Draw the membrane of a neuron in its models; None where none was recorded."""
    part = sample.membrane
    if part is None:
        return None
    figure = figures.membrane(
        part.float_,
        part.integers,
        part.rtl,
        part.threshold,
        spike_steps(sample, part.layer, part.neuron),
    )
    comparison = ""
    if part.integers is not None and part.rtl is not None:
        different = sum(a != b for a, b in zip(part.integers, part.rtl, strict=True))
        comparison = (
            f" Integers and RTL differ at {plural(different, 'step')}."
            if different
            else " Every ring has its dot: integers and RTL are equal at every step."
        )
    caption = (
        f"Neuron {part.neuron} of layer {part.layer + 1}, for the same sample, after each step's "
        f"reset.{comparison}"
    )
    return _drawn(figure, key, caption)


def utilisation(key: str, part: Build) -> Illustration | None:
    """Draw what is taken of a device; None where it is not known what the device has."""
    if not any(part.available.get(name) for name in part.used):
        return None
    figure = figures.utilisation(part.used, part.available, shorten(part.device, 40))
    return _drawn(figure, key, f"What the design takes of the {part.device}.")


def floor(key: str, part: Build, layout: FloorPlan) -> Illustration:
    """Draw where the parts of a design lie."""
    names = [shorten(name, 30) for name in layout.parts]
    figure = figures.floor_plan(layout.floor, names, layout.cells, shorten(part.device, 40))
    caption = (
        f"Where the parts of the design lie on the {part.device}: a square is a tile, the "
        f"look-up tables, memories, multipliers and pins in use are coloured."
    )
    return _drawn(figure, key, caption)


def times(key: str, seconds: Mapping[str, float]) -> Illustration:
    """Draw how long the stages took."""
    return _drawn(figures.stage_times(seconds), key, "How long each stage of the run took.")


def trials(key: str, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Illustration:
    """Draw the accuracy of a sweep's trials over each option."""
    caption = "Each point is a trial; the line is the mean of those with the same value."
    return _drawn(sweep_overview(rows, names), key, caption)


def class_name(results: Results, label: int) -> str:
    """Return what a class is called."""
    if 0 <= label < len(results.class_names):
        return results.class_names[label]
    return f"class {label}"


def _drawn(figure: Figure, key: str, caption: str) -> Illustration:
    return Illustration(to_svg(figure, key, caption, themed=True), caption)
