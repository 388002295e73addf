"""NumPy inference of a description against arithmetic by hand and against torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from sc_neurocore.equation import CATALOGUE, LIF, parse_neuron
from sc_neurocore.errors import DataError
from sc_neurocore.kernels import inference
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
)
from sc_neurocore.progress import Progress
from sc_neurocore.training import LIFCell, SpikingNet, SpikingSequential

GRAY = InputEncoding(shape=(2,), bits=5, fraction_bits=4)


IF = CATALOGUE["IF"]
NO_MEMORY = parse_neuron("neuron Echo\nstate v = 0\nupdate v = I\nspike v >= 1e6\n")


def tiny(**changes: object) -> NetworkDescription:
    """Two inputs go one to one into two neurons that never leak in sight of a spike."""
    layers = [Dense(weight=np.eye(2)), Population(neuron=LIF, parameters={"beta": 0.5})]
    fields = {"name": "tiny", "input": GRAY, "steps": 4, "layers": layers, **changes}
    return NetworkDescription(**fields)


def test_a_network_small_enough_to_follow_by_hand() -> None:
    run = run_float(tiny(), np.array([[16, 8]]), record=True)
    # Inputs 1 and 0.5. The first neuron fires at once, each time from zero; the second tends to 1
    # and never reaches it: 0.5, 0.75, 0.875, 0.9375.
    assert run.spike_counts.tolist() == [[4, 0]]
    assert run.membrane.tolist() == [[0, 0.5 + 0.75 + 0.875 + 0.9375]]
    assert run.classes.tolist() == [0]
    assert run.spikes[0][:, 0].tolist() == [[True, False]] * 4
    assert run.states[0]["v"][:, 0, 1].tolist() == [0.5, 0.75, 0.875, 0.9375]
    by_membrane = run_float(tiny(readout="membrane"), np.array([[16, 8]]))
    assert by_membrane.classes.tolist() == [1]
    assert by_membrane.spikes == ()


def test_equal_scores_give_the_lowest_class() -> None:
    assert run_float(tiny(), np.array([[9, 9], [0, 0]])).classes.tolist() == [0, 0]


def test_spike_inputs_have_time_first() -> None:
    encoding = InputEncoding(shape=(2,), kind="spikes", bits=1, fraction_bits=0)
    inputs = np.zeros((4, 3, 2), dtype=np.uint8)
    inputs[1:3, 2, 1] = 1
    run = run_float(tiny(input=encoding), inputs)
    assert run.spike_counts.tolist() == [[0, 0], [0, 0], [0, 2]]
    with pytest.raises(DataError, match=r"expected \(4, batch, 2\)"):
        run_float(tiny(input=encoding), inputs[:3])


def test_flatten_and_parameters_by_channel() -> None:
    layers = [
        Flatten(),
        Dense(weight=np.eye(4), bias=np.array([0, 0, 0, 1.0])),
        Population(neuron=LIF, parameters={"threshold": np.array([1.0, 2.0, 3.0, 4.0])}),
    ]
    encoding = InputEncoding(shape=(2, 2), bits=5, fraction_bits=4)
    run = run_float(tiny(input=encoding, layers=layers, steps=1), np.full((1, 2, 2), 31))
    assert run.spike_counts.tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize("cell", [LIFCell(), LIFCell(learn_beta=True, reset="zero")])
def test_equals_torch_in_double_precision(cell: LIFCell) -> None:
    torch.manual_seed(0)
    net = SpikingNet(7, 20, 5, n_layers=2, cell=cell).double()
    encoding = InputEncoding(shape=(7,), bits=6, fraction_bits=3)
    description = net.to_description("random", encoding, steps=15)
    inputs = np.random.default_rng(0).integers(0, 64, (30, 7))
    with torch.no_grad():
        output = net(torch.from_numpy(inputs / 8), steps=15)
        rebuilt = SpikingSequential.from_description(description).double()
        again = rebuilt(torch.from_numpy(inputs / 8), steps=15)
    run = run_float(description, inputs)
    assert run.spike_counts.sum() > 20
    for torch_side in (output, again):
        np.testing.assert_array_equal(run.spike_counts, torch_side.spike_counts)
        np.testing.assert_allclose(run.membrane, torch_side.membrane, rtol=1e-9, atol=1e-9)
    single = run_float(description, inputs, dtype=np.float32)
    assert single.membrane.dtype == np.float32
    assert np.mean(single.classes == run.classes) > 0.9


def test_an_empty_batch_has_no_answers() -> None:
    run = run_float(tiny(), np.zeros((0, 2), dtype=np.uint8))
    assert run.classes.shape == (0,)
    assert run.spike_counts.shape == (0, 2)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((1, 2)), "type float64: expected unsigned integers"),
        (np.zeros((1, 3), dtype=int), r"shape \(1, 3\): expected \(batch, 2\)"),
        (np.zeros(2, dtype=int), r"shape \(2,\): expected \(batch, 2\)"),
        (np.full((1, 2), 32), "expected 0 to 31"),
        (np.full((1, 2), -1), "expected 0 to 31"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(inputs: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run_float(tiny(), inputs)


def layer_output(layer: Any, shape: tuple[int, ...], inputs: np.ndarray) -> np.ndarray:
    """What a linear layer makes of static inputs: the membrane of neurons that only integrate."""
    description = tiny(
        input=InputEncoding(shape=shape, bits=8, fraction_bits=4),
        layers=[layer, Population(neuron=IF, parameters={"threshold": 1e6})],
        steps=1,
    )
    output = list(description.shapes())[-1]
    return run_float(description, inputs).membrane.reshape(-1, *output)


@given(
    groups=st.integers(1, 2),
    width=st.sampled_from([1, 3]),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    has_bias=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolutions_are_those_of_torch(
    groups: int, width: int, has_bias: bool, seed: int, kernel: Any, **geometry: Any
) -> None:
    random = np.random.default_rng(seed)
    weight = random.normal(size=(groups * 2, width, *kernel))
    bias = random.normal(size=groups * 2) if has_bias else None
    layer = Conv2d(weight=weight, bias=bias, groups=groups, **geometry)
    inputs = random.integers(0, 256, (2, width * groups, 7, 6))
    expected = functional.conv2d(
        torch.from_numpy(inputs / 16),
        torch.from_numpy(weight),
        None if bias is None else torch.from_numpy(bias),
        groups=groups,
        **geometry,
    )
    found = layer_output(layer, inputs.shape[1:], inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("size", [(2, 2), (1, 3), (3, 2)])
@pytest.mark.parametrize("stride", [None, (1, 1), (2, 3)])
def test_averages_are_those_of_torch(size: Any, stride: Any) -> None:
    inputs = np.random.default_rng(0).integers(0, 256, (2, 3, 7, 6))
    expected = functional.avg_pool2d(torch.from_numpy(inputs / 16), size, stride)
    found = layer_output(AveragePool2d(size=size, stride=stride), (3, 7, 6), inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@settings(max_examples=60, deadline=None)
@given(
    size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.none() | st.tuples(st.integers(1, 3), st.integers(1, 3)),
    data=st.data(),
)
def test_maxima_are_those_of_torch(size: Any, stride: Any, data: st.DataObject) -> None:
    # Fractions below 0 come in through weights: what lies around an image must not be the largest.
    padding = tuple(data.draw(st.integers(0, side // 2)) for side in size)
    inputs = np.random.default_rng(0).integers(0, 256, (2, 3, 7, 6))
    description = tiny(
        input=InputEncoding(shape=(3, 7, 6), bits=8, fraction_bits=4),
        layers=[
            Scale(factor=np.array([1.0, -1.0, -0.5])),
            MaxPool2d(size=size, stride=stride, padding=padding),
            Population(neuron=IF, parameters={"threshold": 1e6}),
        ],
        steps=1,
    )
    signed = torch.from_numpy(inputs / 16) * torch.tensor([1.0, -1.0, -0.5]).view(3, 1, 1)
    expected = functional.max_pool2d(signed, size, stride, padding)
    found = run_float(description, inputs).membrane.reshape(expected.shape)
    np.testing.assert_array_equal(found, expected)


def test_the_largest_of_spikes_is_whether_there_is_one() -> None:
    spikes = np.random.default_rng(0).integers(0, 2, (4, 5, 2, 6, 9), dtype=np.uint8)
    description = tiny(
        input=InputEncoding(kind="spikes", shape=(2, 6, 9), bits=1, fraction_bits=0),
        layers=[MaxPool2d(size=(2, 3)), Population(neuron=IF)],
    )
    either = spikes.reshape(4, 5, 2, 3, 2, 3, 3).any(axis=(4, 6))
    found = run_float(description, spikes, record=True).spikes[0]
    assert either.any() and not either.all()
    np.testing.assert_array_equal(found, either)


@pytest.mark.parametrize("kind", ["sequence", "static"])
def test_delays_are_the_sum_over_past_inputs(kind: str) -> None:
    random = np.random.default_rng(3)
    weight, bias = random.normal(size=(3, 4)), random.normal(size=3)
    delays = random.integers(0, 9, (3, 4))  # longer than the six steps, some of them
    description = tiny(
        input=InputEncoding(kind=kind, shape=(4,), bits=5, fraction_bits=4),
        layers=[DelayDense(weight=weight, delays=delays, bias=bias), Population(neuron=NO_MEMORY)],
        steps=6,
    )
    frames = random.integers(0, 32, (6, 2, 4))
    if kind == "static":
        frames[:] = frames[0]
    run = run_float(description, frames[0] if kind == "static" else frames, record=True)
    for t, sample, out in np.ndindex(6, 2, 3):
        arrived = [
            weight[out, j] * frames[t - delays[out, j], sample, j] / 16
            for j in range(4)
            if t >= delays[out, j]
        ]
        assert run.states[0]["v"][t, sample, out] == pytest.approx(bias[out] + sum(arrived))


def test_recurrent_neurons_hear_the_spikes_of_the_step_before() -> None:
    # The first neuron, fed once, wakes the second one step later, which wakes the first one.
    layer = Recurrent(neuron=LIF, weight=[[0, 1], [1, 0]], bias=[0, 0])
    encoding = InputEncoding(kind="spikes", shape=(2,), bits=1, fraction_bits=0)
    inputs = np.zeros((4, 1, 2), dtype=np.uint8)
    inputs[0, 0, 0] = 1
    run = run_float(tiny(input=encoding, layers=[layer]), inputs, record=True)
    assert run.spikes[0][:, 0].tolist() == [[True, False], [False, True]] * 2


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(0, 4))
def test_stacks_of_layers_equal_torch_in_double_precision(
    seed: int, depth: int, make_stack: Callable[[int, int], NetworkDescription]
) -> None:
    description = make_stack(seed, depth)
    random = np.random.default_rng(len(description.layers))
    encoding = description.input
    lead = (3,) if encoding.kind == "static" else (description.steps, 3)
    inputs = random.integers(0, 2**encoding.bits, (*lead, *encoding.shape))
    run = run_float(description, inputs)
    net = SpikingSequential.from_description(description, torch.float64, backend="eager")
    x = torch.from_numpy(inputs * 2.0**-encoding.fraction_bits)
    with torch.no_grad():
        output = net(x, steps=description.steps if encoding.kind == "static" else None)
    np.testing.assert_array_equal(run.spike_counts, output.spike_counts.flatten(1))
    np.testing.assert_allclose(run.membrane, output.membrane.flatten(1), rtol=1e-9, atol=1e-9)
    again = net.to_description(description.name, encoding, description.steps)
    assert again == description


def test_slices_of_a_batch_are_the_batch(
    monkeypatch: pytest.MonkeyPatch, make_stack: Callable[[int, int], NetworkDescription]
) -> None:
    description = make_stack(7, 3)
    static = description.input.kind == "static"
    shape = (20, *description.input.shape)
    inputs = np.random.default_rng(0).integers(
        0, 2, shape if static else (description.steps, *shape)
    )
    whole = run_float(description, inputs, record=True)
    monkeypatch.setattr(inference, "_VALUES_AT_WORK", 1)  # one sample at a time
    seen: list[Progress] = []
    parts = run_float(description, inputs, record=True, progress=seen.append)
    assert [event.done for event in seen] == list(range(21))
    assert {event.total for event in seen} == {20}
    np.testing.assert_array_equal(whole.classes, parts.classes)
    np.testing.assert_array_equal(whole.spike_counts, parts.spike_counts)
    for name in ("spikes", "states"):
        assert len(getattr(whole, name)) == len(getattr(parts, name)) > 1
    for one, other in zip(whole.states, parts.states, strict=True):
        for state in one:
            np.testing.assert_allclose(one[state], other[state], rtol=1e-9, atol=1e-12)
    for one, other in zip(whole.spikes, parts.spikes, strict=True):
        np.testing.assert_array_equal(one, other)


def test_inference_and_data_do_not_import_torch() -> None:
    code = (
        "import sys, sc_neurocore.kernels.reference, sc_neurocore.data; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
