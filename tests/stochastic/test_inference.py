"""Whole networks: exact where streams are exact, converging elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import (
    Dense,
    Flatten,
    InputEncoding,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.encoding import ENCODINGS, WeightEncoding
from sc_neurocore.progress import Progress
from sc_neurocore.stochastic.inference import run_network

STEPS = 12
BETA = np.array([0.875, 0.75, 0.5, 0.9375, 0.625])


def network(
    *layers: Layer, readout: str = "spike-count", inputs: int = 6, kind: str = "static"
) -> NetworkDescription:
    return NetworkDescription(
        name="test",
        input=InputEncoding(shape=(inputs,), bits=5, fraction_bits=4, kind=kind),
        steps=STEPS,
        layers=layers,
        readout=readout,
    )


def dyadic_layers(seed: int) -> tuple[Layer, ...]:
    """Two layers of weights k / 128, which 256 Sobol bits hold exactly."""
    rng = np.random.default_rng(seed)
    hidden, output = rng.integers(-127, 128, (5, 6)) / 128, rng.integers(-127, 128, (3, 5)) / 128
    return (
        Dense(weight=hidden, bias=rng.integers(-8, 8, 5) / 16),
        Population(neuron=LIF, parameters={"beta": BETA, "threshold": 0.75}),
        Dense(weight=output),
        Population(neuron=LIF),
    )


def float_run(description: NetworkDescription, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same network by hand: LIF with plain matrix products."""
    _, first, dense, _ = description.layers
    hidden, output = description.layers[0], dense
    v1 = np.zeros((len(x), 5))
    v2 = np.zeros((len(x), 3))
    counts, membrane = np.zeros((len(x), 3), int), np.zeros((len(x), 3))
    bias = 0 if hidden.bias is None else hidden.bias
    for _ in range(description.steps):
        v1 = first.parameters["beta"] * v1 + (x @ hidden.weight.T + bias)
        s1 = (v1 >= first.parameters["threshold"]).astype(float)
        v1 = v1 - s1 * first.parameters["threshold"]
        v2 = 0.9 * v2 + s1 @ output.weight.T
        s2 = v2 >= 1
        v2 = v2 - s2
        counts += s2
        membrane += v2
    return counts, membrane


@pytest.mark.parametrize("seed", range(5))
def test_equals_float_where_streams_are_exact(seed: int) -> None:
    description = network(*dyadic_layers(seed))
    x = np.random.default_rng(seed).integers(0, 2, (40, 6)).astype(float)
    run = run_network(description, x, length=256, source="sobol")
    counts, membrane = float_run(description, x)
    assert counts.any()
    assert np.array_equal(run.spike_counts, counts)
    np.testing.assert_allclose(run.membrane, membrane, rtol=0, atol=1e-12)
    assert np.array_equal(run.classes, counts.argmax(axis=1))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_long_streams_follow_float(encoding: WeightEncoding) -> None:
    description = network(*dyadic_layers(1))
    x = np.random.default_rng(0).integers(0, 17, (60, 6)) / 16
    run = run_network(description, x, length=65536, source="sobol", encoding=encoding)
    counts, _ = float_run(description, x)
    assert np.mean(run.spike_counts == counts) > 0.97


def test_membrane_readout_takes_the_lowest_index_among_the_largest() -> None:
    weight = np.array([[0.25], [0.5], [0.5]])
    layers = (Dense(weight=weight), Population(neuron=LIF, parameters={"threshold": 100.0}))
    run = run_network(network(*layers, readout="membrane", inputs=1), [[1.0]], source="sobol")
    closed_form = sum(0.5 * (1 - 0.9**t) / (1 - 0.9) for t in range(1, STEPS + 1))
    np.testing.assert_allclose(run.membrane[0], [closed_form / 2, closed_form, closed_form])
    assert run.classes.tolist() == [1]
    assert run.spike_counts.tolist() == [[0, 0, 0]]


def test_any_equation_runs() -> None:
    # An integrator that fires at each full unit and goes back to zero; it has no state v.
    counter = parse_neuron(
        "neuron Counter\nstate charge = 0.5\nupdate charge = charge + I\n"
        "spike charge >= 1\nreset charge = 0"
    )
    description = network(Dense(weight=[[0.25]]), Population(neuron=counter), inputs=1)
    run = run_network(description, [[1.0]], source="sobol")
    # 0.75, fire, then 0.25, 0.5, 0.75, fire: steps 2, 6 and 10.
    assert run.spike_counts.tolist() == [[3]]
    assert run.membrane.tolist() == [[0.75 + 2 * (0.25 + 0.5 + 0.75) + 0.25 + 0.5]]


def test_batches_do_not_change_a_sample_and_progress_arrives() -> None:
    description = network(*dyadic_layers(2))
    x = np.random.default_rng(0).random((600, 6))
    events: list[Progress] = []
    whole = run_network(description, x, length=100, progress=events.append)
    assert [event.done for event in events] == [0, 256, 512, 600]
    assert {event.total for event in events} == {600}
    alone = run_network(description, x[300:301], length=100)
    assert np.array_equal(alone.spike_counts[0], whole.spike_counts[300])
    assert np.array_equal(alone.membrane[0], whole.membrane[300])


def test_unsupported_networks_are_named() -> None:
    x = [[0.5] * 6]
    recurrent = Recurrent(neuron=LIF, weight=np.zeros((6, 6)))
    dense, population = Dense(weight=np.eye(6)), Population(neuron=LIF)
    for layers, message in [
        ((Flatten(), population), r"layers\[0\] is 'flatten'"),
        ((dense, recurrent), r"layers\[1\] is 'recurrent'"),
        ((dense, dense, population), r"layers\[1\] is 'dense'.*'population'"),
        ((dense, population, population), r"layers\[2\] is 'population'.*'dense'"),
    ]:
        with pytest.raises(UserError, match=message):
            run_network(network(*layers), x)
    with pytest.raises(UserError, match="'spikes' input"):
        run_network(network(dense, population, kind="spikes"), x)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([[0.5] * 5], {}, r"inputs of shape \(1, 5\): test expects \(batch, 6\)"),
        ([0.5] * 6, {}, "inputs of shape"),
        ([[16.0] * 6], {}, "value 16.0"),
        ([[0.5] * 6], {"length": 0}, "stream length 0"),
        ([[0.5] * 6], {"source": "dice"}, "unknown source 'dice'"),
        ([[0.5] * 6], {"encoding": "ternary"}, "encoding 'ternary'"),
    ],
)
def test_wrong_arguments_are_named(x: object, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_network(network(*dyadic_layers(0)), x, **options)
