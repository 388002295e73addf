"""NumPy inference of a description against arithmetic by hand and against torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.training import LIFCell, SpikingNet, SpikingSequential

GRAY = InputEncoding(shape=(2,), bits=5, fraction_bits=4)


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


def test_an_unknown_layer_is_named() -> None:
    layers = [AveragePool2d(size=(2, 2)), Flatten(), Population(neuron=LIF)]
    encoding = InputEncoding(shape=(1, 4, 4), bits=1, fraction_bits=0)
    with pytest.raises(UserError, match="'average-pool2d'"):
        run_float(tiny(input=encoding, layers=layers), np.zeros((1, 1, 4, 4), dtype=int))


def test_inference_and_data_do_not_import_torch() -> None:
    code = (
        "import sys, sc_neurocore.kernels.reference, sc_neurocore.data; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
