"""Feature maps in a design's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation import LIF
from sc_neurocore.fixed import quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.network import (
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.report.html import write_report
from sc_neurocore.report.kinds.maps import layer_maps, maps_section


def described(kind: str = "static") -> NetworkDescription:
    one = np.ones((1, 1, 1, 1))
    return NetworkDescription(
        name="passes_on",
        input=InputEncoding(kind=kind, shape=(1, 2, 3), bits=1, fraction_bits=0),
        steps=3,
        layers=(
            Conv2d(weight=one),
            Population(neuron=LIF, parameters={"beta": 0.5}),
            Flatten(),
            Dense(weight=np.ones((2, 6))),
            Population(neuron=LIF),
        ),
    )


def test_a_layer_that_hands_on_its_input_shows_it() -> None:
    description = described()
    image = np.array([[[1, 0, 1], [0, 1, 0]]])
    shown, spikes = layer_maps(description, quantize(description), image.reshape(1, -1))
    assert np.array_equal(shown, image)
    assert list(spikes) == ["layer 1"]  # the other is no image
    assert np.array_equal(spikes["layer 1"], np.stack([image] * 3))


def test_frames_of_steps_are_added_up() -> None:
    description = described("sequence")
    frames = np.random.default_rng(0).integers(0, 2, (3, 1, 6))
    shown, spikes = layer_maps(description, quantize(description), frames)
    assert np.array_equal(shown, frames.sum(axis=0).reshape(1, 2, 3))
    assert np.array_equal(spikes["layer 1"], frames.reshape(3, 1, 2, 3))


def test_the_report_of_a_design_has_them(tmp_path: Path) -> None:
    compile_design(described(), tmp_path, lanes=2)

    def one_input(description: NetworkDescription) -> tuple[NDArray[Any], str]:
        return np.ones((1, 6), dtype=np.int64), "all ones"

    page = write_report(tmp_path, one_input).read_text()
    assert "Feature maps" in page and "An input (all ones)" in page
    assert page.count("<image") == 1 + 3 + 1  # the input, each step, all of them
    assert "Feature maps" not in write_report(tmp_path).read_text()


def test_a_network_without_images_has_none() -> None:
    description = NetworkDescription(
        name="dense",
        input=InputEncoding(shape=(2,), bits=1, fraction_bits=0),
        steps=1,
        layers=(Dense(weight=np.ones((2, 2))), Population(neuron=LIF)),
    )

    def never(description: NetworkDescription) -> tuple[NDArray[Any], str]:
        raise AssertionError("no input is needed")

    assert maps_section(description, quantize(description), never) is None
