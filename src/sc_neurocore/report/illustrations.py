"""Which figures a run gets: its data put into `figures`, with the words that go with each."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from sc_neurocore.report import figures
from sc_neurocore.report.contents import FloorPlan, Results, Sample, StochasticInference, Summary
from sc_neurocore.report.ladder import missing
from sc_neurocore.report.style import to_svg
from sc_neurocore.report.wording import MODELS, percent, plural

# The form whose errors are shown: the nearest to the hardware that has recorded its classes.
_NEAREST_TO_HARDWARE = ("rtl", "integers", "sc", "float")


@dataclass(frozen=True)
class Illustration:
    """A figure with its caption, or the reason why there is none.

    Attributes:
        svg: The figure as an `<svg>` element; "" if there is none.
        caption: What to see in it; the reason if there is none.
    """

    svg: str
    caption: str


def illustrate(
    summary: Summary, results: Results, layout: FloorPlan | None = None
) -> dict[str, Illustration]:
    """Draw every figure for which a run has the data; the others say what is missing."""
    return {
        "history": _history(summary, results),
        "streams": _streams(summary),
        "confusion": _confusion(summary, results),
        "raster": _raster(summary, results),
        "membrane": _membrane(summary, results),
        "utilisation": _utilisation(summary),
        "floor": _floor(summary, layout),
        "times": _times(summary),
    }


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


def _history(summary: Summary, results: Results) -> Illustration:
    if not results.history:
        return _nothing("training history", summary, "train", summary.train)
    epochs = results.history
    figure = figures.training_history(
        [epoch.epoch for epoch in epochs],
        [epoch.loss for epoch in epochs],
        [epoch.accuracy for epoch in epochs],
    )
    last = epochs[-1]
    caption = (
        f"{plural(len(epochs), 'epoch')} of training; after the last the mean loss is "
        f"{last.loss:.3g} and the accuracy {percent(last.accuracy)}."
    )
    return _drawn(figure, "history", caption)


def _streams(summary: Summary) -> Illustration:
    part = summary.sc
    if part is None or not part.curve:
        return _nothing("curve of stream lengths", summary, "simulate", part)
    found = curves(part)
    figure = figures.stream_lengths(found, summary.train.accuracy if summary.train else None)
    best = [
        f"{source} {percent(max(curve)[1])} at {max(curve)[0]} bits"
        for source, curve in found.items()
    ]
    caption = (
        f"Accuracy when every weight and input is a stream of bits, by the stream's "
        f"length: {', '.join(best)}."
    )
    return _drawn(figure, "streams", caption)


def _confusion(summary: Summary, results: Results) -> Illustration:
    shown = [model for model in _NEAREST_TO_HARDWARE if results.predictions.get(model)]
    if not shown:
        return _nothing("confusion matrix", summary, "quantize", summary.fixed)
    model = shown[0]
    figure = figures.confusion_matrix(
        results.labels, results.predictions[model], results.class_names
    )
    caption = (
        f"{MODELS[model]}: the class it gave, by the true class, for "
        f"{plural(len(results.labels), 'test sample')}. Right answers are blue, errors orange-red."
    )
    return _drawn(figure, "confusion", caption)


def _raster(summary: Summary, results: Results) -> Illustration:
    sample = results.sample
    if sample is None:
        return _nothing("spike raster", summary, "quantize", summary.fixed)
    figure = figures.spike_raster(
        pixels(sample), sample.spikes, sample.layer_sizes, sample.steps, results.class_names
    )
    total = sum(len(spikes) for spikes in sample.spikes)
    caption = (
        f"Test sample {sample.index}, a {_class_name(results, sample.label)}, on its way through "
        f"the integer model: {plural(total, 'spike')} in {plural(sample.steps, 'step')}."
    )
    return _drawn(figure, "raster", caption)


def _membrane(summary: Summary, results: Results) -> Illustration:
    sample = results.sample
    if sample is None or sample.membrane is None:
        return _nothing("membrane", summary, "quantize", summary.fixed)
    part = sample.membrane
    figure = figures.membrane(
        part.float_,
        part.integers,
        part.rtl,
        part.threshold,
        spike_steps(sample, part.layer, part.neuron),
    )
    if part.rtl is None:
        comparison = "The RTL was not co-simulated."
    else:
        different = sum(a != b for a, b in zip(part.integers, part.rtl, strict=True))
        comparison = (
            f"Integers and RTL differ at {plural(different, 'step')}."
            if different
            else "Every ring has its dot: integers and RTL are equal at every step."
        )
    caption = (
        f"Neuron {part.neuron} of layer {part.layer + 1}, for the same sample, after each step's "
        f"reset. {comparison}"
    )
    return _drawn(figure, "membrane", caption)


def _utilisation(summary: Summary) -> Illustration:
    part = summary.fpga
    if part is None or not any(part.available.get(name) for name in part.used):
        return _nothing("utilisation", summary, "build", part)
    figure = figures.utilisation(part.used, part.available, part.device)
    return _drawn(figure, "utilisation", f"What the network takes of the {part.device}.")


def _floor(summary: Summary, layout: FloorPlan | None) -> Illustration:
    part = summary.fpga
    if part is None or layout is None:
        return _nothing("floor plan", summary, "build", part)
    figure = figures.floor_plan(layout.floor, layout.parts, layout.cells, part.device)
    caption = (
        f"Where the parts of the network lie on the {part.device}: a square is a tile, the "
        f"look-up tables, memories, multipliers and pins in use are coloured."
    )
    return _drawn(figure, "floor", caption)


def _times(summary: Summary) -> Illustration:
    if not summary.seconds:
        return Illustration("", "No stage recorded its time.")
    figure = figures.stage_times(summary.seconds)
    return _drawn(figure, "times", "How long each stage of the run took.")


def _drawn(figure: Figure, key: str, caption: str) -> Illustration:
    return Illustration(to_svg(figure, key, caption), caption)


def _nothing(name: str, summary: Summary, stage: str, part: object) -> Illustration:
    why = "Its data were not recorded." if part is not None else missing(summary, stage)
    return Illustration("", f"No {name}. {why}")


def _class_name(results: Results, label: int) -> str:
    if 0 <= label < len(results.class_names):
        return results.class_names[label]
    return f"class {label}"
