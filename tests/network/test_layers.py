"""Every kind of layer is there for every stage, and says where it cannot stand."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop.layers import PRIMITIVES, WITHOUT
from sc_neurocore.network import (
    AveragePool2d,
    Connection,
    Conv1d,
    Conv2d,
    InputEncoding,
    Layer,
    MaxPool2d,
    NetworkDescription,
    Population,
    SumPool2d,
    Weighted,
)
from sc_neurocore.network.layers.windows import Windows
from sc_neurocore.stochastic.synapses import stream_synapses
from sc_neurocore.training.layer_modules import ENTRIES

KINDS = get_args(get_args(Layer)[0])


def test_every_kind_has_an_entry_at_every_stage() -> None:
    connections = {kind for kind in KINDS if issubclass(kind, Connection)}
    assert {entry.layer for entry in ENTRIES} == set(KINDS)
    assert {primitive.layer for primitive in PRIMITIVES} | set(WITHOUT) == connections
    assert not {primitive.layer for primitive in PRIMITIVES} & set(WITHOUT)
    for kind in connections:
        assert kind.runner is not Connection.runner, f"{kind} computes nothing"
        if issubclass(kind, Weighted):
            assert stream_synapses.dispatch(kind) is not stream_synapses.dispatch(Weighted), kind
    assert {kind for kind in KINDS if not issubclass(kind, Connection | Population)} == set()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Conv2d(weight=np.ones((1, 1, 3, 2)), dilation=(2, 1)),
            (1, 4, 4),
            r"conv2d: the kernel \(3, 2\) is larger than \(4, 4\) when .* over \(5, 2\): no out",
        ),
        (
            Conv2d(weight=np.ones((1, 1, 1, 7)), padding=(0, 1)),
            (1, 4, 4),
            r"the kernel \(1, 7\) is larger than \(4, 4\) with \(0, 1\) around: no output is left",
        ),
        (Conv1d(weight=np.ones((1, 1, 5))), (1, 4), r"kernel \(1, 5\) is larger than \(1, 4\)"),
        (AveragePool2d(size=(2, 5)), (1, 4, 4), r"average-pool2d: the window \(2, 5\) is larger"),
        (SumPool2d(size=(7, 1), padding=(1, 0)), (1, 4, 4), r"sum-pool2d: the window \(7, 1\)"),
        (MaxPool2d(size=(5, 5)), (1, 4, 4), r"max-pool2d: the window \(5, 5\) is larger than"),
        (MaxPool2d(size=(2, 2)), (4, 4), r"max-pool2d expects an input \(channels, height, width"),
        (Conv2d(weight=np.ones((2, 1, 1, 1)), groups=2), (3, 4, 4), r"\(channels\) expects .*2,"),
    ],
)
def test_layers_that_do_not_fit_their_input_are_named(
    layer: Any, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        layer.output_shape(shape)
    with pytest.raises(DescriptionError, match=r"layers\[0\]: .*" + message):
        NetworkDescription(
            name="net",
            input=InputEncoding(shape=shape, bits=4, fraction_bits=4),
            steps=1,
            layers=(layer, Population(neuron="neuron N\nstate v=0\nupdate v=v+I\nspike v >= 1")),
        )


@pytest.mark.parametrize("padding", [(2, 0), (0, 1)])
def test_a_maximum_of_what_lies_around_alone_is_refused(padding: Any) -> None:
    with pytest.raises(DescriptionError, match=r"padding .*: expected at most half of the size"):
        MaxPool2d(size=(3, 1), padding=padding)


def test_what_no_window_sees_is_known() -> None:
    pool = AveragePool2d(size=(2, 3))
    assert pool.output_shape((4, 7, 9)) == (4, 3, 3)
    assert pool.windows.left_over((7, 9)) == (1, 0)
    with pytest.raises(
        ValueError, match=r"the window \(2, 3\), \(2, 3\) apart, does not .* 1 rows"
    ):
        pool.windows.check_divides((7, 9), "the window")
    pool.windows.check_divides((8, 9), "the window")
    windows = Windows((3, 2), (2, 3), padding=(1, 0), dilation=(2, 1))
    for image in np.ndindex(9, 9):
        if min(image) < 5:
            continue
        for axis, count in enumerate(windows.counts(image, "")):
            room = image[axis] + 2 * windows.padding[axis]
            seen = (count - 1) * windows.stride[axis] + windows.span[axis]
            assert windows.left_over(image)[axis] == room - seen < windows.stride[axis]


def test_a_network_with_other_layers_has_a_hash_of_its_own() -> None:
    fields = {"name": "net", "input": InputEncoding(shape=(1, 4, 4), bits=1, fraction_bits=0)}
    population = Population(neuron="neuron N\nstate v=0\nupdate v=v+I\nspike v >= 1")
    first = NetworkDescription(**fields, steps=3, layers=(MaxPool2d(size=(2, 2)), population))
    assert first.content_hash
    second = first.with_layers((MaxPool2d(size=(2, 1)), population))
    assert second.content_hash != first.content_hash
    assert second.with_layers(first.layers) == first
    with pytest.raises(DescriptionError, match="the last layer is max-pool2d"):
        first.with_layers(first.layers[:1])
