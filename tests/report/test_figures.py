from __future__ import annotations

import subprocess
import sys
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from sc_neurocore.report import figures
from sc_neurocore.report.gallery import gallery
from sc_neurocore.report.style import BLUE, ORANGE, SOFT


def _texts(figure: Figure) -> set[str]:
    return {text.get_text() for axes in figure.axes for text in axes.texts}


def test_history_draws_every_epoch() -> None:
    figure = figures.training_history([1, 2, 3], [0.9, 0.4, 0.2], [0.5, 0.8, 0.9])
    losses, accuracies = (axes.lines[0].get_xydata() for axes in figure.axes)
    assert np.array_equal(losses, [[1, 0.9], [2, 0.4], [3, 0.2]])
    assert np.array_equal(accuracies, [[1, 0.5], [2, 0.8], [3, 0.9]])


def test_raster_draws_every_spike_of_every_layer_and_the_image(results: dict[str, Any]) -> None:
    sample = results["sample"]
    image = np.reshape(sample["image"], (8, 8))
    figure = figures.spike_raster(
        image, sample["spikes"], sample["layer_sizes"], 25, results["class_names"]
    )
    picture, hidden, output = figure.axes
    (mesh,) = (each for each in picture.collections if isinstance(each, QuadMesh))
    assert np.array_equal(np.asarray(mesh.get_array()).reshape(8, 8), image)
    assert picture.yaxis_inverted()  # the first row of pixels is on top
    for axes, spikes in zip((hidden, output), sample["spikes"], strict=True):
        (points,) = (each for each in axes.collections if isinstance(each, PathCollection))
        assert np.array_equal(points.get_offsets(), spikes)
    assert [label.get_text() for label in output.get_yticklabels()] == results["class_names"]
    figure.draw_without_rendering()
    assert output.get_position().y0 > hidden.get_position().y0


def test_raster_of_a_silent_network_and_an_image_of_channels() -> None:
    figure = figures.spike_raster(np.zeros((2, 3, 4)), [[], [], []], [5, 4, 3], 2)
    assert len(figure.axes) == 4
    assert [axes.get_ylabel() for axes in figure.axes[1:]] == ["Hidden 1", "Hidden 2", "Output"]


def test_membrane_draws_three_models_on_the_same_steps() -> None:
    figure = figures.membrane([0.1, 0.2], [0.125, 0.25], [0.125, 0.25], 1.0, [1])
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    assert set(lines) == {"threshold", "float", "integers", "RTL", "spike"}
    assert list(lines["float"].get_ydata()) == [0.1, 0.2]
    assert np.array_equal(lines["integers"].get_xydata(), lines["RTL"].get_xydata())
    assert list(lines["spike"].get_xdata()) == [1]
    assert list(lines["threshold"].get_ydata()) == [1.0, 1.0]


def test_membrane_without_rtl_threshold_or_spikes() -> None:
    (axes,) = figures.membrane([0.1], [0.125]).axes
    assert [line.get_label() for line in axes.lines] == ["float", "integers"]


def test_of_many_classes_only_the_colours_are_drawn() -> None:
    many = list(range(500))
    (axes,) = figures.confusion_matrix(many, many, [f"class {each}" for each in many]).axes
    assert not axes.texts and len(axes.get_xticks()) < 50
    assert axes.get_title(loc="left") == "500 of 500 right"


def test_confusion_counts_each_pair() -> None:
    labels, predictions = [0, 0, 0, 1, 2, 2], [0, 0, 1, 1, 0, 2]
    (axes,) = figures.confusion_matrix(labels, predictions, ["a", "b", "c"]).axes
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {  # (column, row), from the middle of the cell
        (0.5, 0.5): "2",
        (1.5, 0.5): "1",
        (1.5, 1.5): "1",
        (0.5, 2.5): "1",
        (2.5, 2.5): "1",
    }
    assert axes.get_title(loc="left") == "4 of 6 right"
    assert axes.yaxis_inverted()


def test_stream_lengths_draw_one_line_per_source_on_a_binary_scale() -> None:
    curves = {"lfsr": [(64, 0.9), (16, 0.5)], "sobol": [(16, 0.7)]}
    (axes,) = figures.stream_lengths(curves, reference=0.97).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert np.array_equal(lines["lfsr"].get_xydata(), [[16, 0.5], [64, 0.9]])
    assert np.array_equal(lines["sobol"].get_xydata(), [[16, 0.7]])
    assert list(lines["float (97.00 %)"].get_ydata()) == [0.97, 0.97]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["16", "64"]


def test_utilisation_draws_only_what_has_a_capacity() -> None:
    used = {"logic_cells": 3112, "luts": 2871, "brams": 40}
    figure = figures.utilisation(used, {"logic_cells": 7680, "brams": 32}, "hx8k")
    assert _texts(figure) == {"3,112 of 7,680  (41 %)", "40 of 32  (125 %)"}
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    assert widths == [1, 1, 3112 / 7680, 40 / 32]
    assert figure.axes[0].get_xlim()[1] == 1.25  # a bar that does not fit is still seen whole


def test_floor_plan_colours_a_cell_a_tile_and_what_lies_over_it() -> None:
    cells = [(2, 1, 5, 0), (2, 1, None, 1), (0, 0, 3, 7)]
    parts = [f"part {number}" for number in range(8)]
    figure = figures.floor_plan((3, 2), parts, cells, "hx8k")
    (axes,) = figure.axes
    (image,) = axes.images
    picture = np.asarray(image.get_array())
    assert picture.shape == (2 * 4, 3 * 2, 4) and image.origin == "lower"
    blue, orange, grey = (np.array(to_rgba(each)) for each in (BLUE, ORANGE, SOFT))
    tile = picture[4:, 4:]
    assert np.array_equal(tile[1, 1], blue)  # logic cell 5: second column, second from below
    assert np.all(tile == orange, axis=2).sum() == 7
    assert np.array_equal(picture[3, 0], grey)
    assert (picture[:, :, 3] == 0).sum() == 6 * 8 - 9
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == [*parts[:6], "the rest"]


def test_stage_times_leave_the_total_to_the_title() -> None:
    figure = figures.stage_times({"train": 18.4, "prove": 0.5, "total": 200.0})
    (axes,) = figure.axes
    assert [patch.get_width() for patch in axes.patches] == [18.4, 0.5]
    assert _texts(figure) == {"18 s", "0.50 s"}
    assert axes.get_title(loc="left") == "Wall time: 3 min 20 s in all"


def test_two_samples_more_are_no_cliff() -> None:
    (axes,) = figures.stream_lengths({"lfsr": [(16, 0.972), (32, 0.978)]}).axes
    low, high = axes.get_ylim()
    assert high - low >= 0.1 and low < 0.972 < 0.978 < high
    (axes,) = figures.stream_lengths({"lfsr": [(16, 0.2), (32, 1.0)]}, 1.0).axes
    low, high = axes.get_ylim()
    assert low < 0.2 < 1 < high


def test_the_gallery_names_the_class_and_the_answer() -> None:
    images = [np.full((2, 2), each) for each in range(30)]
    names = [str(each) for each in range(30)]
    figure = gallery(images, names, names[::-1])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 24  # more would be too small to look at
    assert titles[:2] == ["0 \N{RIGHTWARDS ARROW} 29", "1 \N{RIGHTWARDS ARROW} 28"]


def test_figures_leave_the_global_settings_alone() -> None:
    before = dict(mpl.rcParams)
    figures.training_history([1], [1.0], [0.5])
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("module", ["activity", "figures", "gallery", "html", "picture", "tables"])
def test_neither_pyplot_nor_torch_is_imported(module: str) -> None:
    question = (
        f"import sys, sc_neurocore.report.{module}; "
        "print({'matplotlib.pyplot', 'torch'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", question], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"
