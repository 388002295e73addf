"""Neurons with several inputs in a network: each current has weights of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.errors import DescriptionError, EquationError
from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.judgement import judge_network
from sc_neurocore.hdl.stochastic_network import emit_network
from sc_neurocore.interop.exporting import differences
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    RecurrentConv2d,
    by_input,
    load_description,
    save_description,
)
from sc_neurocore.stochastic.inference import run_network

Quarters = Callable[..., NDArray[np.float64]]
SYNAPSES = parse_neuron("""
neuron Synapses
input up, down, gate
parameter decay = 0.75 in (0, 1)
state v = 0
state g = 0
update g = 0.5*g + gate
update v = decay*v + up - 2*down - g
spike v >= 1
reset v = v - 1
""")
DIFFERENCE = parse_neuron(
    "neuron Difference\ninput up, down\nstate v = 0\nupdate v = 0.5*v + up - down\n"
    "spike v >= 1\nreset v = v - 1"
)


def network(*layers: Any, shape: tuple[int, ...] = (6,), **changes: Any) -> NetworkDescription:
    coding = InputEncoding(kind="sequence", shape=shape, bits=3, fraction_bits=2)
    return NetworkDescription(
        **({"name": "net", "input": coding, "steps": 9} | changes), layers=layers
    )


@pytest.fixture
def quarters() -> Quarters:
    random = np.random.default_rng(5)
    return lambda *shape: random.integers(-4, 5, shape) / 4


def frames(*shape: int) -> NDArray[np.int64]:
    return np.random.default_rng(6).integers(0, 8, (9, 20, *shape))


def test_numbers_are_put_in_the_order_of_the_inputs(quarters: Quarters) -> None:
    up, gate = quarters(2, 6), quarters(2, 6)
    stacked = by_input(SYNAPSES, {"gate": gate, "up": up})
    np.testing.assert_array_equal(stacked, [*up, *np.zeros((2, 6)), *gate])
    for numbers, message in [
        ({"up": up, "side": up}, "numbers for side: the inputs of Synapses are up, down, gate"),
        ({}, "numbers for no input"),
        ({"up": up, "gate": gate[:1]}, r"shape up \(2, 6\), gate \(1, 6\): expected one shape"),
        ({"up": 1.0}, r"shape up \(\)"),
        ({"up": [[1, 2], [3]]}, "numbers for up: expected an array of real numbers"),
        ({"up": [["a"]]}, "numbers for up: expected an array of real numbers"),
    ]:
        with pytest.raises(DescriptionError, match=message):
            by_input(SYNAPSES, numbers)


def test_a_population_has_a_neuron_for_each_group_of_currents(quarters: Quarters) -> None:
    description = network(
        Dense(weight=quarters(12, 6)),
        Population(neuron=SYNAPSES, parameters={"decay": np.full(4, 0.5)}),
        Dense(weight=quarters(6, 4)),
        Recurrent(neuron=SYNAPSES, weight=quarters(6, 2), bias=quarters(6)),
    )
    assert list(description.shapes()) == [(6,), (12,), (4,), (6,), (2,)]
    assert description.outputs == 2


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (Dense(weight=np.ones((8, 6))), Population(neuron=SYNAPSES)),
            r"layers\[1\]: Synapses has the inputs up, down, gate: expected 3 currents for each .*"
            r"those of up of all neurons, but \(8,\) arrives",
        ),
        (
            (
                Dense(weight=np.ones((6, 6))),
                Population(neuron=SYNAPSES, parameters={"decay": np.full(6, 0.5)}),
            ),
            r"parameter 'decay' has shape \(6,\) at an input of shape \(2,\)",
        ),
    ],
)
def test_currents_that_are_not_shared_out_are_refused(layers: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        network(*layers)


@pytest.mark.parametrize("kind", [Recurrent, RecurrentConv2d])
def test_recurrent_weights_have_outputs_for_each_input(kind: Any) -> None:
    size = (1, 1) if kind is RecurrentConv2d else ()
    kind(neuron=DIFFERENCE, weight=np.ones((8, 4, *size)))
    with pytest.raises(DescriptionError, match="expected 2 times as many outputs as inputs"):
        kind(neuron=DIFFERENCE, weight=np.ones((4, 4, *size)))


def test_saved_and_loaded_it_is_the_same(tmp_path: Path, quarters: Quarters) -> None:
    description = network(Dense(weight=quarters(6, 6)), Population(neuron=SYNAPSES))
    save_description(description, tmp_path)
    assert load_description(tmp_path).content_hash == description.content_hash
    np.testing.assert_array_equal(
        load_description(tmp_path).layers[0].weight, description.layers[0].weight
    )


def directly(
    up: NDArray[Any], down: NDArray[Any], gate: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Spikes and membranes of `SYNAPSES`, of the currents of all steps."""
    v, g = np.zeros(up.shape[1:]), np.zeros(up.shape[1:])
    spikes, membranes = [], []
    for step in range(len(up)):
        g = 0.5 * g + gate[step]
        v = 0.75 * v + up[step] - 2 * down[step] - g
        spikes.append(v >= 1)
        v = v - spikes[-1]
        membranes.append(v)
    return np.array(spikes), np.array(membranes)


def test_each_current_has_weights_of_its_own(quarters: Quarters) -> None:
    weights = {name: quarters(4, 6) for name in SYNAPSES.inputs}
    bias = quarters(4)
    description = network(
        Dense(weight=by_input(SYNAPSES, weights), bias=by_input(SYNAPSES, {"down": bias})),
        Population(neuron=SYNAPSES),
    )
    inputs = frames(6)
    currents = {name: inputs / 4 @ weight.T for name, weight in weights.items()}
    spikes, membranes = directly(**(currents | {"down": currents["down"] + bias}))
    found = run_float(description, inputs, record=True)
    np.testing.assert_array_equal(found.spikes[0], spikes)
    np.testing.assert_allclose(found.states[0]["v"], membranes, atol=1e-12)
    assert 0.05 < spikes.mean() < 0.95
    # Integers with enough bits have nothing to round for some steps.
    integers = quantize(description, "Q8.24", 8).run(inputs, record=True)
    np.testing.assert_array_equal(integers.spikes[0], spikes)
    np.testing.assert_allclose(integers.states[0]["v"] / 2.0**24, membranes, atol=1e-5)


def test_images_have_currents_by_channel(quarters: Quarters) -> None:
    weights = {name: quarters(4, 2, 3, 3) for name in SYNAPSES.inputs}
    description = network(
        Conv2d(weight=by_input(SYNAPSES, weights), padding=(1, 1)),
        AveragePool2d(size=(2, 2)),
        Population(neuron=SYNAPSES),
        shape=(2, 6, 4),
    )
    inputs = frames(2, 6, 4)
    currents = {}
    for name, weight in weights.items():
        one = network(
            Conv2d(weight=weight, padding=(1, 1)), Population(neuron=LIF), shape=(2, 6, 4)
        )
        sums = one.layers[0].runner(np.float64)(inputs.reshape(-1, 2, 6, 4) / 4)
        pooled = sums.reshape(9, 20, 4, 3, 2, 2, 2).mean(axis=(4, 6))
        currents[name] = pooled
    spikes, _ = directly(**currents)
    found = run_float(description, inputs, record=True)
    assert found.spikes[0].shape == (9, 20, 4, 3, 2)
    np.testing.assert_array_equal(found.spikes[0], spikes)
    integers = quantize(description, "Q8.24").run(inputs, record=True)
    np.testing.assert_array_equal(integers.spikes[0], spikes)


def with_one_input(layer: Any) -> Any:
    """The layer of LIF neurons whose weights are the difference of those of two inputs."""
    if isinstance(layer, Population):
        changes = {"neuron": LIF, "parameters": {"beta": 0.5}}
        if layer.feedback is None:
            return Population(**changes)
        up, down = np.split(layer.weight, 2)
        return Recurrent(weight=up - down, **changes)
    up, down = np.split(layer.weight, 2)
    return layer.model_copy(update={"weight": up - down})


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), is_recurrent=st.booleans(), is_late=st.booleans())
def test_a_difference_of_currents_is_a_difference_of_weights(
    seed: int, is_recurrent: bool, is_late: bool
) -> None:
    random = np.random.default_rng(seed)

    def dense(outputs: int, inputs: int) -> Any:
        weight = random.integers(-7, 8, (2 * outputs, inputs)) / 8
        delays = random.integers(0, 4, (outputs, inputs))
        if is_late:
            return DelayDense(weight=weight, delays=np.concatenate([delays, delays]))
        return Dense(weight=weight)

    def neurons(count: int) -> Any:
        weight = random.integers(-7, 8, (2 * count, count)) / 8
        kind = Recurrent if is_recurrent else Population
        return kind(neuron=DIFFERENCE, **({"weight": weight} if is_recurrent else {}))

    layers = [dense(5, 6), neurons(5), dense(3, 5), neurons(3)]
    two, inputs = network(*layers), random.integers(0, 8, (9, 10, 6))
    alone = []
    for layer in layers:
        one = with_one_input(layer)
        if isinstance(layer, DelayDense):
            one = DelayDense(weight=one.weight, delays=np.split(layer.delays, 2)[0])
        alone.append(one)
    one = network(*alone)
    for run in (
        lambda each: run_float(each, inputs, record=True),
        # No weight is rounded, and no current; so floor does the same to both.
        lambda each: quantize(each, "Q8.8", 8, current_extra_bits=6).run(inputs, record=True),
    ):
        first, second = run(two), run(one)
        for a, b in zip(first.spikes, second.spikes, strict=True):
            np.testing.assert_array_equal(a, b)
        for a, b in zip(first.states, second.states, strict=True):
            np.testing.assert_array_equal(a["v"], b["v"])


def test_streams_feed_each_current(quarters: Quarters) -> None:
    weights = {name: quarters(4, 6) / 2 for name in SYNAPSES.inputs}
    description = network(Dense(weight=by_input(SYNAPSES, weights)), Population(neuron=SYNAPSES))
    coding = InputEncoding(kind="sequence", shape=(6,), bits=3, fraction_bits=3)
    description = description.model_copy(update={"input": coding})
    inputs = frames(6)
    floats = run_float(description, inputs, record=True).spikes[0]
    for neurons in ("float64", "Q8.12"):
        # A counter of 64 bits holds eighths exactly.
        options = {"length": 64, "source": "counter", "calibrate": False, "neurons": neurons}
        streams = run_network(description, inputs, record=True, **options).spikes[0]
        np.testing.assert_array_equal(streams, floats)


def test_what_has_one_current_says_so(quarters: Quarters) -> None:
    layers = Dense(weight=quarters(6, 6)), Population(neuron=SYNAPSES)
    coding = InputEncoding(shape=(6,), bits=3, fraction_bits=3)
    description = network(*layers, input=coding)
    with pytest.raises(EquationError, match="up, down, gate: a network of streams in hardware"):
        emit_network(description, 16)
    with pytest.raises(DescriptionError, match="up, down, gate: a neuron of NIR has one current"):
        differences(description)


def test_the_account_of_a_network_is_of_every_current() -> None:
    weights = {
        "up": np.full((2, 6), 0.25),
        "down": np.full((2, 6), -0.25),
        "gate": np.full((2, 6), 0.5),
    }
    description = network(Dense(weight=by_input(SYNAPSES, weights)), Population(neuron=SYNAPSES))
    numerics = judge_network(quantize(description, "Q8.8"), description)
    assert [each.saturation for each in numerics.neurons[0].assignments] == ["impossible"] * 3
    silent = replace(
        SYNAPSES, spike=parse_neuron(str(SYNAPSES).replace("v >= 1", "v >= 120")).spike
    )
    description = network(description.layers[0], Population(neuron=silent))
    (finding,) = judge_network(quantize(description, "Q8.8"), description).findings
    assert finding.kind == "silent"


def test_the_balanced_network_has_the_synapses_that_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "examples"))
    example = import_module("balanced_network")
    outside, neurons = example.balanced_network().layers
    excitatory, inhibitory = np.split(neurons.weight, 2)
    assert (np.count_nonzero(excitatory[:, :160], axis=1) == 64).all()
    assert (np.count_nonzero(inhibitory[:, 160:], axis=1) == 16).all()
    assert not excitatory[:, 160:].any() and not inhibitory[:, :160].any()
    assert not np.split(outside.weight, 2)[1].any()
    assert example.spikes_from_outside(2).shape == (2000, 2, 64)
