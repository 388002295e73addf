"""Convolutions on the engine: where neurons stand, what they see, and where their weights lie."""

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.planning import plan
from sc_neurocore.hdl.sight import Axis, Layout
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
)
from sc_neurocore.network.layers.windows import Windows

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("layout", [Layout(5, 2, 3), Layout(8, 1, 4), Layout(1, 3, 3), Layout(7)])
@pytest.mark.parametrize("width", [1, 2, 4, 16])
def test_neurons_are_numbered_place_by_place(layout: Layout, width: int) -> None:
    words = -(-layout.channels // width)
    expected = [
        ((row * layout.columns + column) * words + channel // width) * width + channel % width
        for channel, row, column in product(
            range(layout.channels), range(layout.rows), range(layout.columns)
        )
    ]
    assert layout.numbers(width).tolist() == expected


@given(st.data())
def test_an_axis_sees_what_windows_see(data: st.DataObject) -> None:
    numbers = [data.draw(st.integers(1, most)) for most in (9, 3, 3, 2)]
    size, taps, stride, dilation = numbers
    around = data.draw(st.integers(0, 3))
    if size + 2 * around < dilation * (taps - 1) + 1:
        return
    windows = Windows((taps, 1), (stride, 1), (around, 0), (dilation, 1))
    axis = Axis.windows(size, windows, 0)
    # Inputs by their number from 1 up, with nothing around them: what windows see of that image.
    image = np.pad(np.arange(1, size + 1), around)[:, np.newaxis]
    seen = [view[:, 0] for view in windows.views(image, windows.counts((size, 1), ""))]
    for output in range(axis.outputs):
        wanted = [(tap, int(view[output]) - 1) for tap, view in enumerate(seen) if view[output]]
        assert [(tap, first) for tap, first, last in axis.seen[output]] == wanted


def _network(*layers: object, shape: tuple[int, ...] = (2, 6, 6), bits: int = 4) -> IntegerNetwork:
    description = NetworkDescription(
        name="images",
        input=InputEncoding(shape=shape, bits=bits, fraction_bits=0),
        steps=3,
        layers=(*layers, Population(neuron=LIF)),  # type: ignore[arg-type]
    )
    return quantize(description)


def _ones(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.ones(shape)


def test_places_share_weights_and_biases() -> None:
    network = _network(
        Conv2d(weight=_ones(5, 2, 3, 3)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 80)),
    )
    geometry = plan(network, 4)
    first, last = geometry.layers
    assert first.groups == 2 * 16 and first.rows == 2 * 2 * 9
    assert first.slot_groups == 2
    assert last.inputs == last.rows == 80


def test_pooling_costs_no_weights() -> None:
    network = _network(
        AveragePool2d(size=(2, 2)),
        Conv2d(weight=_ones(4, 2, 2, 2)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 16)),
    )
    geometry = plan(network, 4)
    assert geometry.layers[0].rows == 4 * 2
    window = geometry.layers[0].window
    assert window is not None
    # Each of the kernel's four positions has four inputs in front of it.
    assert window.most_words(geometry.row_taps, geometry.column_taps) == 4 * 4 * 2


def test_parameters_that_differ_from_place_to_place_have_words_of_their_own() -> None:
    threshold = np.linspace(0.5, 1.5, 64).reshape(4, 4, 4)
    network = _network(
        Conv2d(weight=_ones(4, 2, 3, 3)),
        Population(neuron=LIF, parameters={"threshold": threshold}),
        Flatten(),
        Dense(weight=_ones(3, 64)),
    )
    layer = plan(network, 4).layers[0]
    assert layer.shares_rows and not layer.shares_slots and layer.slot_groups == 16


def test_a_depthwise_block_walks_its_own_words_only() -> None:
    network = _network(
        Conv2d(weight=_ones(8, 2, 1, 1)),
        Population(neuron=LIF),
        Conv2d(weight=_ones(8, 1, 3, 3), groups=8),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 128)),
    )
    depthwise = plan(network, 2).layers[1]
    assert depthwise.window is not None
    assert (depthwise.window.last_word, depthwise.inputs) == (0, 9 * 2)


def test_max_pooling_of_numbers_is_refused() -> None:
    network = _network(MaxPool2d(size=(2, 2)), Flatten(), Dense(weight=_ones(3, 18)))
    with pytest.raises(UserError, match="max pooling of numbers up to 15"):
        plan(network, 2)


def test_max_pooling_of_sums_is_refused() -> None:
    network = _network(
        Conv2d(weight=_ones(4, 2, 1, 1)),
        MaxPool2d(size=(2, 2)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 36)),
    )
    with pytest.raises(UserError, match="a max-pool2d of sums: accelerators pool the spikes"):
        plan(network, 2)


def test_more_inputs_per_beat_than_channels_are_refused() -> None:
    network = _network(
        Conv2d(weight=_ones(4, 2, 3, 3)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 64)),
    )
    with pytest.raises(UserError, match="takes the 2 channels of a place together: expected at mo"):
        plan(network, 2, inputs_per_beat=4)


@pytest.mark.parametrize("beat", [1, 2, 4])
def test_frames_go_in_place_by_place(beat: int) -> None:
    network = _network(
        Conv2d(weight=_ones(4, 3, 3, 3)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=_ones(3, 16)),
        shape=(3, 4, 4),
    )
    geometry = plan(network, 2, inputs_per_beat=beat)
    frame = np.arange(1, 49).reshape(1, 3, 4, 4)
    fed = geometry.arranged(frame.reshape(1, 48)).reshape(4, 4, -1)
    assert fed[..., :3].tolist() == frame[0].transpose(1, 2, 0).tolist()
    assert not fed[..., 3:].any() and fed.shape[2] % beat == 0


_COMPILED = """
import sys
from pathlib import Path
from tests.hdl.small_convolutions import draw_network
from sc_neurocore.fpga.compilation import compile_design
compile_design(draw_network(int(sys.argv[1])), Path(sys.argv[2]), lanes=4, allow=["all"])
"""


def test_another_process_writes_the_same_bytes(tmp_path: Path) -> None:
    """With another order of sets, too."""
    written: list[dict[str, bytes]] = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", _COMPILED, "4", str(folder)]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)
        files = (path for path in folder.rglob("*") if path.is_file())
        written.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    assert len(written[0]) > 20 and any("windows" in name for name in written[0])
    assert written[0] == written[1]
