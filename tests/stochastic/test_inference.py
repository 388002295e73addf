"""Whole networks: exact where streams are exact, converging elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    Integrator,
    Layer,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)
from sc_neurocore.network.encoding import ENCODINGS, WeightEncoding, encode_weights
from sc_neurocore.network.folding import fold_linear
from sc_neurocore.progress import Progress
from sc_neurocore.stochastic import packed_kernels
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import Sharing, SourcePair, make_sources
from sc_neurocore.stochastic.sources import Sobol

STEPS = 12
BETA = np.array([0.875, 0.75, 0.5, 0.9375, 0.625])


EXACT_SOURCES = SourcePair(Sobol(0), Sobol(1))
"""Every displacement is a digital shift, under which 256 points stay one per level."""


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


def test_slices_do_not_change_a_sample_and_progress_arrives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    description = network(*dyadic_layers(2))
    x = np.random.default_rng(0).random((600, 6))
    monkeypatch.setattr("sc_neurocore.kernels.inference._VALUES_AT_WORK", 6400)
    events: list[Progress] = []
    whole = run_network(description, x, length=100, progress=events.append)
    done = [event.done for event in events]
    assert done == sorted(done) and done[0] == 0 and done[-1] == 600 and len(done) > 3
    assert {(event.task, event.total) for event in events} == {
        ("stochastic inference, 100 bits", 600)
    }
    alone = run_network(description, x[300:301], length=100)
    assert np.array_equal(alone.spike_counts[0], whole.spike_counts[300])
    assert np.array_equal(alone.membrane[0], whole.membrane[300])


def test_integers_of_the_encoding_are_the_values_that_they_stand_for() -> None:
    description = network(*dyadic_layers(3))
    integers = np.random.default_rng(0).integers(0, 17, (30, 6), dtype=np.uint8)
    found = run_network(description, integers, length=64)
    expected = run_network(description, integers / 16, length=64)
    assert np.array_equal(found.membrane, expected.membrane)


def convolutional(kind: str = "static") -> NetworkDescription:
    """A small convolutional network whose weights 256 Sobol bits hold exactly."""
    rng = np.random.default_rng(5)

    def dyadic(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape) / 128

    return NetworkDescription(
        name="conv",
        input=InputEncoding(shape=(2, 9, 8), bits=1, fraction_bits=0, kind=kind),
        steps=6,
        layers=(
            Conv2d(weight=dyadic(4, 2, 3, 3), bias=dyadic(4), padding=(1, 0), stride=(1, 1)),
            Population(neuron=LIF, parameters={"beta": np.array([0.5, 0.75, 0.875, 0.25])}),
            AveragePool2d(size=(2, 2)),
            Conv2d(weight=dyadic(6, 2, 2, 2), groups=2, dilation=(1, 2)),
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=dyadic(5, 18) / 4, bias=dyadic(5)),
            Population(neuron=LIF),
        ),
    )


@pytest.mark.parametrize("kind", ["static", "sequence", "spikes"])
@pytest.mark.parametrize("sharing", get_args(Sharing))
def test_convolutions_equal_float_where_streams_are_exact(kind: str, sharing: Sharing) -> None:
    description = convolutional(kind)
    lead = (3,) if kind == "static" else (6, 3)
    x = np.random.default_rng(1).integers(0, 2, (*lead, 2, 9, 8), dtype=np.uint8)
    source = "sobol" if sharing != "per-input" else EXACT_SOURCES
    found = run_network(description, x, 256, source, sharing=sharing, record=True)
    expected = run_float(description, x, record=True)
    assert expected.spike_counts.any()
    for ours, theirs in zip(found.spikes, expected.spikes, strict=True):
        assert np.array_equal(ours, theirs)
    np.testing.assert_allclose(found.membrane, expected.membrane, rtol=0, atol=1e-12)


def test_spikes_behind_delays_and_recurrent_layers_meet_the_weights_of_their_streams() -> None:
    rng = np.random.default_rng(2)
    layers = (
        *dyadic_layers(0)[:2],
        DelayDense(weight=rng.normal(size=(4, 5)), delays=rng.integers(0, 3, (4, 5))),
        Population(neuron=LIF),
        Dense(weight=rng.normal(size=(4, 4))),
        Recurrent(neuron=LIF, weight=rng.normal(size=(4, 4)) / 2, bias=rng.normal(size=4) / 8),
    )

    def in_streams(layer: Layer) -> Layer:
        if isinstance(layer, Population) and not isinstance(layer, Recurrent):
            return layer
        streams = SCDenseLayer(encode_weights(layer.weight, layer.bias), 256, "sobol")
        weight, bias = streams.effective_weights()
        return layer.model_copy(update={"weight": weight, "bias": bias})

    x = rng.integers(0, 2, (20, 6), dtype=np.uint8) * 16
    found = run_network(network(*layers), x, 256, "sobol", calibrate=False)
    expected = run_float(network(*map(in_streams, layers)), x)
    assert expected.spike_counts.any()
    assert not np.array_equal(expected.membrane, run_float(network(*layers), x).membrane)
    assert np.array_equal(found.spike_counts, expected.spike_counts)
    np.testing.assert_allclose(found.membrane, expected.membrane, atol=1e-9)


@pytest.mark.parametrize("length", [16, 256, 4096])
def test_integer_neurons_are_those_of_the_integer_model(length: int) -> None:
    # Weights k / 16 and inputs 0 and 1 are exact in streams, and all the model's integers too.
    rng = np.random.default_rng(length)
    layers = (
        Dense(weight=rng.integers(-15, 16, (5, 6)) / 16, bias=rng.integers(-8, 8, 5) / 16),
        Population(neuron=LIF, parameters={"beta": BETA}),
        Dense(weight=rng.integers(-15, 16, (3, 5)) / 16),
        Population(neuron=LIF),
    )
    description = network(*layers)
    x = rng.integers(0, 2, (40, 6), dtype=np.uint8) * 16
    found = run_network(description, x, length, "sobol", neurons="Q8.8", record=True)
    expected = quantize(description, "Q8.8", weight_bits=8).run(x, record=True)
    assert expected.spike_counts.any()
    assert np.array_equal(found.classes, expected.classes)
    assert np.array_equal(found.spike_counts, expected.spike_counts)
    assert np.array_equal(found.membrane, expected.membrane)
    for ours, theirs in zip(found.states, expected.states, strict=True):
        assert np.array_equal(ours["v"], theirs["v"])


@pytest.mark.parametrize("kind", ["static", "spikes"])
def test_integer_neurons_of_a_convolutional_network_are_those_of_the_integer_model(
    kind: str,
) -> None:
    description = convolutional(kind)
    lead = (12,) if kind == "static" else (6, 12)
    x = np.random.default_rng(1).integers(0, 2, (*lead, 2, 9, 8), dtype=np.uint8)
    found = run_network(description, x, 256, "sobol", neurons="Q8.8", record=True)
    expected = quantize(description, "Q8.8", weight_bits=8).run(x, record=True)
    assert expected.spike_counts.any()
    for ours, theirs in zip(found.states, expected.states, strict=True):
        assert np.array_equal(ours["v"], theirs["v"])
    assert np.array_equal(found.classes, expected.classes)


def test_sums_lines_delays_and_scaled_currents() -> None:
    rng = np.random.default_rng(0)

    def dyadic(*shape: int) -> np.ndarray:
        return rng.integers(-127, 128, shape) / 128

    on_images = (
        Conv2d(weight=dyadic(3, 1, 2, 2), bias=[0.5, 0.125, 0.25]),
        Scale(factor=[0.5, 2.0, 1.5]),
        Population(neuron=LIF),
        Delay(delays=2),
        SumPool2d(size=(2, 2), padding=(1, 0)),
        Conv2d(weight=dyadic(2, 3, 2, 2), bias=[0.5, 0.25]),
        AveragePool2d(size=(2, 1)),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=dyadic(3, 2)),
        Population(neuron=LIF, parameters={"threshold": 1000.0}),
    )
    on_lines = (
        Conv1d(weight=dyadic(4, 2, 3), stride=2, padding=1),
        Population(neuron=LIF),
        Conv1d(weight=dyadic(2, 4, 2)),
        Population(neuron=LIF),
    )
    for shape, layers in (((1, 6, 5), on_images), ((2, 12), on_lines)):
        description = NetworkDescription(
            name="more",
            input=InputEncoding(shape=shape, bits=1, fraction_bits=0),
            steps=8,
            layers=layers,
            readout="membrane",
        )
        x = rng.integers(0, 2, (20, *shape), dtype=np.uint8)
        expected = run_float(description, x)
        assert expected.membrane.std() > 0.1
        for encoding, tolerance in (("sign-magnitude", 1e-12), ("unipolar", 0.05)):
            found = run_network(description, x, 16384, "sobol", encoding)
            close = np.isclose(found.membrane, expected.membrane, rtol=0, atol=tolerance)
            assert close.mean() > (0.99 if encoding == "sign-magnitude" else 0.7)
    integers = run_network(description, x, 256, "sobol", neurons="Q8.8")
    model = quantize(description, "Q8.8").run(x)
    assert np.array_equal(integers.membrane, model.membrane)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sum_over_a_window_is_its_mean_times_its_size(encoding: WeightEncoding) -> None:
    rng = np.random.default_rng(0)
    weight, silent = rng.normal(size=(3, 4)), {"threshold": 1e6}
    membranes = []
    for pool, factor in ((SumPool2d(size=(3, 2)), 1), (AveragePool2d(size=(3, 2)), 6)):
        description = NetworkDescription(
            name="pooled",
            input=InputEncoding(shape=(1, 6, 4), bits=1, fraction_bits=0, kind="spikes"),
            steps=3,
            layers=(
                pool,
                Flatten(),
                Dense(weight=weight),
                Population(neuron=LIF, parameters=silent),
            ),
        )
        x = np.random.default_rng(1).integers(0, 2, (3, 5, 1, 6, 4), dtype=np.uint8)
        membranes.append(factor * run_network(description, x, 50, encoding=encoding).membrane)
    np.testing.assert_allclose(membranes[0], membranes[1], rtol=1e-12, atol=1e-9)
    # Each spike of a window meets what the weight's stream is worth, and so do the zeros.
    streams = SCDenseLayer(encode_weights(weight, None, encoding), 50, "lfsr")
    effective, bias = streams.effective_weights()
    plain = description.with_layers(
        (
            SumPool2d(size=(3, 2)),
            Flatten(),
            Dense(weight=effective, bias=6 * bias),  # from each of the six streams of a place
            description.layers[-1],
        )
    )
    found = run_network(
        description.with_layers((SumPool2d(size=(3, 2)), *description.layers[1:])),
        x,
        50,
        encoding=encoding,
        calibrate=False,
    )
    np.testing.assert_allclose(found.membrane, run_float(plain, x).membrane, atol=1e-9)


def test_float32_neurons_follow_float64_ones() -> None:
    description = network(*dyadic_layers(4))
    x = np.random.default_rng(0).random((50, 6))
    wide, narrow = (run_network(description, x, neurons=n) for n in ("float64", "float32"))
    np.testing.assert_allclose(narrow.membrane, wide.membrane, atol=1e-3)
    assert narrow.membrane.dtype == np.float32


def test_unsupported_networks_are_named() -> None:
    x = [[0.5] * 6]
    recurrent = Recurrent(neuron=LIF, weight=np.zeros((6, 6)))
    delays = DelayDense(weight=np.eye(6), delays=np.ones((6, 6)))
    dense, population = Dense(weight=np.eye(6)), Population(neuron=LIF)
    for layers, options, message in [
        (
            (dense, Delay(delays=1), dense, population),
            {},
            r"layers\[1\] is 'delay', which has a memory: layers\[0\] to layers\[2\]",
        ),
        ((delays, population), {}, r"layers\[0\] is 'delay-dense'.*for spikes only"),
        ((dense, recurrent), {"neurons": "Q8.8"}, "recurrent layer.*float64"),
        (
            (dense, population, delays, population),
            {"neurons": "Q8.8"},
            r"layers\[2\] is 'delay-dense'",
        ),
        ((dense, population), {"neurons": "Q8.8", "encoding": "bipolar"}, "bipolar weights.*shift"),
        ((dense, population), {"neurons": "Q8.8", "length": 100}, "length of 100.*power of two"),
        ((dense, population), {"neurons": "double"}, "number format 'double'"),
        (
            (dense, Integrator(neuron=LIF), dense, population),
            {},
            r"layers\[1\] hands on membranes, and LIF is no filter: it fires",
        ),
        (
            (Scale(factor=2.0), dense, population),
            {},
            r"layers\[0\] is 'scale'.*multiply the weights",
        ),
    ]:
        with pytest.raises(UserError, match=message):
            run_network(network(*layers), x, **options)


@pytest.mark.parametrize("neurons", ["float64", "Q8.8"])
@pytest.mark.parametrize("kind", ["static", "spikes"])
def test_the_largest_of_values_spikes_and_currents(neurons: str, kind: str) -> None:
    rng = np.random.default_rng(3)
    description = NetworkDescription(
        name="maxima",
        input=InputEncoding(shape=(2, 12, 9), bits=1, fraction_bits=0, kind=kind),
        steps=5,
        layers=(
            MaxPool2d(size=(1, 2), stride=(1, 1)),
            Conv2d(
                weight=rng.integers(-15, 16, (4, 2, 3, 3)) / 16, bias=rng.integers(-8, 8, 4) / 16
            ),
            MaxPool2d(size=(2, 2), padding=(1, 0)),
            Population(neuron=LIF),
            MaxPool2d(size=(2, 3)),
            Flatten(),
            Dense(weight=rng.integers(-15, 16, (3, 12)) / 16),
            Population(neuron=LIF),
        ),
    )
    x = rng.integers(0, 2, (20, 2, 12, 9) if kind == "static" else (5, 20, 2, 12, 9))
    found = run_network(description, x, 256, "sobol", neurons=neurons, record=True)
    if neurons == "float64":
        wanted = run_float(description, x, record=True)
    else:
        wanted = quantize(description, neurons, weight_bits=8).run(x, record=True)
    assert 0.1 < wanted.spikes[0].mean() < 0.9 and wanted.spike_counts.any()
    for ours, theirs in zip(found.states, wanted.states, strict=True):
        np.testing.assert_allclose(ours["v"], theirs["v"], rtol=0, atol=1e-12)
    assert np.array_equal(found.classes, wanted.classes)


@pytest.mark.parametrize("neurons", ["float64", "Q8.8"])
def test_linear_layers_in_a_row_are_the_streams_of_their_product(neurons: str) -> None:
    rng = np.random.default_rng(4)

    def whole(*shape: int) -> np.ndarray:
        return rng.integers(-2, 3, shape) / 4

    kernel, inner, outer = whole(2, 1, 2, 2), whole(4, 18), whole(5, 4)
    row = (
        Conv2d(weight=kernel, bias=whole(2)),
        AveragePool2d(size=(1, 2)),
        Flatten(),
        Dense(weight=inner, bias=whole(4)),
        Dense(weight=outer, bias=whole(5)),
        Population(neuron=LIF),
        Dense(weight=whole(4, 5)),
        Dense(weight=whole(3, 4)),
        Population(neuron=LIF),
    )
    description = NetworkDescription(
        name="row",
        input=InputEncoding(shape=(1, 4, 7), bits=1, fraction_bits=0),
        steps=6,
        layers=row,
    )
    x = rng.integers(0, 2, (20, 1, 4, 7), dtype=np.uint8)
    found = run_network(description, x, 256, "sobol", neurons=neurons)
    folded = run_network(fold_linear(description), x, 256, "sobol", neurons=neurons)
    assert np.array_equal(found.membrane, folded.membrane) and found.spike_counts.any()
    if neurons == "float64":
        floats = run_float(description, x)
        long = run_network(description, x, 65536, "sobol")
        np.testing.assert_allclose(long.membrane, floats.membrane, rtol=0, atol=1e-9)


def test_pooled_currents_cannot_become_integers() -> None:
    pooled = NetworkDescription(
        name="pooled",
        input=InputEncoding(shape=(1, 4, 4), bits=1, fraction_bits=0),
        steps=2,
        layers=(
            Conv2d(weight=np.ones((1, 1, 1, 1))),
            AveragePool2d(size=(2, 2)),
            Population(neuron=LIF),
        ),
    )
    run_network(pooled, np.zeros((1, 1, 4, 4)))
    with pytest.raises(UserError, match=r"layers\[1\] is 'average-pool2d', behind weights"):
        run_network(pooled, np.zeros((1, 1, 4, 4)), neurons="Q8.8")


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([[0.5] * 5], {}, r"inputs of shape \(1, 5\): expected \(batch, 6\)"),
        ([0.5] * 6, {}, "inputs of shape"),
        ([[16.0] * 6], {}, "value 16.0"),
        ([[0.5] * 5 + [np.nan]], {}, "value nan"),
        (np.full((1, 6), 32, np.uint8), {}, "inputs range from 32 to 32"),
        ([["a"] * 6], {}, "numbers from 0 to 1"),
        ([[0.5] * 6], {"sharing": "none"}, "unknown sharing 'none'"),
        ([[0.5] * 6], {"source": make_sources("lfsr"), "seed": 1}, "seed 1 beside a SourcePair"),
        ([[0.5] * 6], {"source": 3}, "source 3: expected a name or a SourcePair"),
        ([[0.5] * 6], {"length": 0}, "stream length 0"),
        ([[0.5] * 6], {"source": "dice"}, "unknown source 'dice'"),
        ([[0.5] * 6], {"encoding": "ternary"}, "encoding 'ternary'"),
    ],
)
def test_wrong_arguments_are_named(x: object, options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        run_network(network(*dyadic_layers(0)), x, **options)


def test_integer_neurons_take_spikes_as_they_are_and_nothing_else_without_weights() -> None:
    alone = Population(neuron=CATALOGUE["IF"])
    encoding = InputEncoding(shape=(3,), bits=4, fraction_bits=4)
    inputs = np.array([[4, 8, 15], [0, 3, 12]])

    def network(*layers: Any) -> NetworkDescription:
        return NetworkDescription(name="net", input=encoding, steps=10, layers=layers)

    both = network(Dense(weight=np.eye(3)), alone, alone)
    found = run_network(both, inputs, 256, EXACT_SOURCES, neurons="Q8.8", record=True)
    wanted = quantize(both).run(inputs, record=True)
    assert wanted.spike_counts.sum() > 10
    np.testing.assert_array_equal(found.spikes[1], found.spikes[0])  # each makes the next fire
    np.testing.assert_array_equal(found.spike_counts, wanted.spike_counts)
    with pytest.raises(UserError, match=r"layers\[0\] is 'population', and no weights"):
        run_network(network(alone), inputs, neurons="Q8.8")
    integrator = Integrator(neuron=CATALOGUE["IF"])
    with pytest.raises(UserError, match="IF is no filter: it fires"):
        run_network(network(Dense(weight=np.eye(3)), integrator, alone), inputs, neurons="Q8.8")


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_kernel_that_is_not_kept_yet_is_named(
    is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cache:
        cache_path = str(tmp_path)

        def __init__(self, function: object) -> None:
            pass

    if is_kept:
        (tmp_path / "packed_kernels._work-1.nbi").touch()
    monkeypatch.setattr(packed_kernels, "FunctionCache", Cache)
    packed_kernels._address.cache_clear()
    events: list[Progress] = []
    description = NetworkDescription(
        name="small",
        input=InputEncoding(shape=(2,), bits=4, fraction_bits=4),
        steps=2,
        layers=[Dense(weight=np.ones((1, 2))), Population(neuron=LIF)],
    )
    run_network(description, np.ones((1, 2), np.uint8), 8, progress=events.append)
    said = [event for event in events if event.detail.startswith("compiling packed_kernels")]
    assert len(said) == (not is_kept)
