from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection

from sc_neurocore.errors import DataError
from sc_neurocore.report import activity
from sc_neurocore.report.style import BLUE, ORANGE, VERMILION, new_figure


def test_raster_draws_every_spike_and_nothing_else() -> None:
    spikes = np.random.default_rng(0).random((12, 5)) < 0.3
    (axes,) = activity.raster(spikes).axes
    (points,) = (each for each in axes.collections if isinstance(each, PathCollection))
    assert np.array_equal(points.get_offsets(), np.argwhere(spikes))
    assert axes.get_xlim() == (-0.7, 11.7)
    assert axes.get_ylim() == (-0.7, 4.7)


def test_raster_tells_decreases_from_increases() -> None:
    events = np.array([[1, 0], [0, -1], [-1, 2]])
    (axes,) = activity.raster(events, "Delta", "Channel").axes
    up, down = axes.collections
    assert np.array_equal(up.get_offsets(), [[0, 0], [2, 1]])
    assert np.array_equal(down.get_offsets(), [[1, 1], [2, 0]])
    assert mpl.colors.to_hex(down.get_facecolor()[0]).upper() == VERMILION
    assert (axes.get_title(loc="left"), axes.get_ylabel()) == ("Delta", "Channel")


def test_raster_of_silence() -> None:
    (axes,) = activity.raster(np.zeros((4, 3))).axes
    assert len(axes.collections[0].get_offsets()) == 0


def test_firing_rates_count_every_neuron_once() -> None:
    hidden = np.array([[0, 0, 0.1, 0.3], [0.55, 0.6, 0.99, 1]])
    figure = activity.firing_rates({"hidden": hidden, "output": [0.5]}, bins=4)
    above, below = figure.axes
    heights: dict[str, list[float]] = {}
    for bar in above.patches:
        colour = mpl.colors.to_hex(bar.get_facecolor()).upper()
        heights.setdefault(colour, []).append(bar.get_height())
    assert heights == {VERMILION: [2, 0, 0, 0], BLUE: [1, 1, 2, 1], ORANGE: [0, 0, 0, 1]}
    assert above.get_title(loc="left") == "hidden: 8 neurons, 2 dead, 1 saturated"
    assert below.get_title(loc="left") == "output: 1 neurons, 0 dead, 0 saturated"
    assert below.get_xlabel() == "Spikes per step"


def test_firing_rates_of_many_layers_stand_in_two_columns() -> None:
    figure = activity.firing_rates({f"layers.{number}": [0.5] for number in range(5)})
    figure.draw_without_rendering()
    titles = [axes.get_title(loc="left").split(":")[0] for axes in figure.axes]
    assert sorted(titles) == [f"layers.{number}" for number in range(5)]
    assert len({round(axes.get_position().x0, 3) for axes in figure.axes}) == 2


def test_membrane_trace_draws_the_membrane_its_threshold_and_its_spikes() -> None:
    membrane = [0.5, 0.9, 0.1, 0.6]
    (axes,) = activity.membrane_trace(membrane, [0, 0, 1, 0], threshold=1.0).axes
    lines = {line.get_label(): line for line in axes.lines}
    assert set(lines) == {"threshold", "membrane", "spike"}
    assert np.array_equal(lines["membrane"].get_xydata(), list(enumerate(membrane)))
    assert list(lines["spike"].get_xdata()) == [2]
    assert lines["spike"].get_ydata()[0] > 1  # above all that is drawn
    assert lines["spike"].get_ydata()[0] < axes.get_ylim()[1]
    assert list(lines["threshold"].get_ydata()) == [1, 1]


def test_membrane_trace_of_several_neurons() -> None:
    membranes = np.arange(12.0).reshape(4, 3)
    spikes = np.eye(4, 3)
    (axes,) = activity.membrane_trace(membranes, spikes).axes
    traces, marks = axes.lines[:3], axes.lines[3:]
    assert [line.get_label() for line in traces] == ["neuron 0", "neuron 1", "neuron 2"]
    assert [list(line.get_xdata()) for line in marks] == [[0], [1], [2]]
    assert [line.get_color() for line in marks] == [line.get_color() for line in traces]


def test_they_draw_onto_parts_of_a_figure_and_leave_the_settings_alone() -> None:
    before = dict(mpl.rcParams)
    figure = new_figure(8, 4)
    left, right = figure.subfigures(1, 2)
    activity.raster.onto(left, np.eye(3))
    activity.membrane_trace.onto(right, [0.1, 0.2])
    assert len(figure.axes) == 2
    assert dict(mpl.rcParams) == before


def test_mistakes_are_named() -> None:
    with pytest.raises(DataError, match=r"spikes of shape \(2, 3, 4\): expected \(T, neurons\)"):
        activity.raster(np.zeros((2, 3, 4)))
    with pytest.raises(DataError, match=r"hidden of shape \(0,\): expected at least one value"):
        activity.firing_rates({"hidden": []})
    with pytest.raises(DataError, match=r"spikes have shape \(3, 1\) and membranes \(2, 1\)"):
        activity.membrane_trace([0, 1], [0, 1, 0])
    with pytest.raises(DataError, match="9 membranes in one figure: expected at most 5"):
        activity.membrane_trace(np.zeros((2, 9)))


def test_feature_maps_show_where_channels_fire() -> None:
    random = np.random.default_rng(1)
    image = random.random((2, 4, 5))
    layers = {
        "first": random.random((7, 3, 4, 5)) < 0.3,
        "second": random.random((7, 2, 2, 3)) < 0.2,
    }
    figure = activity.feature_maps(image, layers, most=3)
    pictures = [axes.images[0].get_array() for axes in figure.axes]
    wanted = [image.sum(axis=0)]
    for spikes in layers.values():
        places = spikes.sum(axis=1)
        wanted += [places[0], places[3], places[6], places.sum(axis=0)]
    assert len(pictures) == len(wanted)
    assert all(np.array_equal(*pair) for pair in zip(pictures, wanted, strict=True))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:5] == ["Input", "Step 0", "Step 3", "Step 6", "All steps"]
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == list(layers)
    # Of one layer, the same colour is the same number at every step.
    assert len({axes.images[0].get_clim() for axes in figure.axes[1:4]}) == 1


def test_feature_maps_want_layers_of_as_many_steps() -> None:
    image = np.ones((1, 2, 2))
    with pytest.raises(DataError, match=r"expected \(T, channels, rows, columns\)"):
        activity.feature_maps(image, {"flat": np.ones((3, 4))})
    with pytest.raises(DataError, match=r"layers of \[2, 3\] steps"):
        activity.feature_maps(image, {"a": np.ones((2, 1, 2, 2)), "b": np.ones((3, 1, 2, 2))})
