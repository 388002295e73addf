from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.kernels import inference
from sc_neurocore.network import (
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.progress import Progress


def describe(
    sizes: tuple[int, ...] = (6, 5, 3), seed: int = 0, scale: float = 0.5, **parameters: object
) -> NetworkDescription:
    rng = np.random.default_rng(seed)
    layers: list[object] = []
    for inputs, outputs in pairwise(sizes):
        weight = rng.normal(scale=scale, size=(outputs, inputs)).astype(np.float32)
        layers += [Dense(weight=weight, bias=rng.normal(scale=0.1, size=outputs))]
        layers += [Population(neuron=LIF, parameters=parameters)]
    encoding = InputEncoding(shape=sizes[:1], bits=5, fraction_bits=4)
    return NetworkDescription(name="net", input=encoding, steps=6, layers=layers)


def run_by_hand(network: IntegerNetwork, frame: list[int]) -> tuple[list[list[list[int]]], ...]:
    """One input in plain Python integers, from docs/integers.md: spikes and states per layer."""
    incoming = [frame] * network.steps
    all_spikes, all_states = [], []
    for layer in network.layers:
        v = [0] * layer.outputs
        spikes, states = [], []
        for t in range(network.steps):
            row = []
            for n in range(layer.outputs):
                total = int(layer.bias[n])
                for weight, value in zip(layer.weight[n], incoming[t], strict=True):
                    total += int(weight) * value
                total = total >> layer.shift if layer.shift >= 0 else total << -layer.shift
                current = max(-(2**19), min(2**19 - 1, total))
                updated = max(-32768, min(32767, (29491 * v[n] + (current << 15)) >> 15))
                row.append(int(updated >= 256))
                v[n] = updated - 256 if row[-1] else updated
            spikes.append(row)
            states.append(list(v))
        all_spikes.append(spikes)
        all_states.append(states)
        incoming = spikes
    return all_spikes, all_states


@given(st.integers(0, 50), st.lists(st.integers(0, 31), min_size=6, max_size=6))
def test_the_network_is_what_plain_integers_give(seed: int, frame: list[int]) -> None:
    network = quantize(describe(seed=seed))
    run = network.run(np.array([frame, [0] * 6]), record=True)
    spikes, states = run_by_hand(network, frame)
    for layer in range(2):
        np.testing.assert_array_equal(run.spikes[layer][:, 0], spikes[layer])
        np.testing.assert_array_equal(run.states[layer]["v"][:, 0], states[layer])
    np.testing.assert_array_equal(run.spike_counts[0], np.sum(spikes[1], axis=0))
    np.testing.assert_array_equal(run.membrane[0], np.sum(states[1], axis=0))
    assert run.classes[0] == list(run.spike_counts[0]).index(max(run.spike_counts[0]))


def test_slices_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    network = quantize(describe())
    inputs = np.random.default_rng(1).integers(0, 32, size=(11, 6))
    whole = network.run(inputs, record=True)
    monkeypatch.setattr(inference, "_VALUES_AT_WORK", 3 * network.layers[0].values_at_work)
    seen: list[Progress] = []
    pieces = network.run(inputs, record=True, progress=seen.append)
    assert [event.done for event in seen] == [0, 3, 6, 9, 11]
    np.testing.assert_array_equal(whole.classes, pieces.classes)
    np.testing.assert_array_equal(whole.spikes[0], pieces.spikes[0])
    np.testing.assert_array_equal(whole.states[1]["v"], pieces.states[1]["v"])


def test_the_accumulator_holds_the_worst_input_and_not_a_bit_more() -> None:
    for seed in range(20):
        layer = quantize(describe(seed=seed)).layers[0]
        high = layer.bias + 31 * np.maximum(layer.weight, 0).sum(axis=1)
        low = layer.bias + 31 * np.minimum(layer.weight, 0).sum(axis=1)
        limit = 2 ** (layer.accumulator_bits - 1)
        assert high.max() < limit and low.min() >= -limit
        assert max(high.max(), -low.min()) >= limit / 2


def test_parameters_that_differ_become_tables() -> None:
    description = describe()
    beta = np.linspace(0.5, 0.9, 5)
    layers = list(description.layers)
    layers[1] = Population(neuron=LIF, parameters={"beta": beta})
    network = quantize(description.model_copy(update={"layers": tuple(layers)}))
    assert [port.name for port in network.program.parameters] == ["beta"]
    np.testing.assert_array_equal(network.layers[0].parameters[:, 0], np.round(beta * 2**15))
    np.testing.assert_array_equal(network.layers[1].parameters[:, 0], [29491] * 3)
    equal = quantize(describe(beta=0.75, threshold=0.5))
    assert equal.program.parameters == ()
    assert dict(equal.program.folded) == {"beta": 0.75, "threshold": 0.5}


def test_a_table_of_equal_numbers_computes_what_a_constant_does() -> None:
    description = describe(beta=0.75)
    layers = list(description.layers)
    layers[1] = Population(neuron=LIF, parameters={"beta": np.array([0.75, 0.75, 0.75, 0.75, 0.5])})
    tables = quantize(description.model_copy(update={"layers": tuple(layers)}))
    inputs = np.random.default_rng(1).integers(0, 32, size=(20, 6))
    folded = quantize(description).run(inputs, record=True)
    run = tables.run(inputs, record=True)
    np.testing.assert_array_equal(run.states[0]["v"][..., :4], folded.states[0]["v"][..., :4])
    assert (run.states[0]["v"][..., 4] != folded.states[0]["v"][..., 4]).any()


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((2, 5), int), r"shape \(2, 5\): expected \(batch, 6\)"),
        (np.full((1, 6), 32), "from 32 to 32: expected 0 to 31"),
        (np.full((1, 6), -1), "expected 0 to 31"),
        (np.zeros((1, 6)), "expected unsigned integers .*; multiply values by"),
    ],
)
def test_wrong_inputs(inputs: np.ndarray, message: str) -> None:
    with pytest.raises(UserError, match=message):
        quantize(describe()).run(inputs)


def test_flatten_is_only_a_view() -> None:
    flat = describe(sizes=(4, 3))
    image = NetworkDescription(
        name="net",
        input=InputEncoding(shape=(2, 2), bits=5, fraction_bits=4),
        steps=6,
        layers=[Flatten(), *flat.layers],
    )
    inputs = np.random.default_rng(0).integers(0, 32, size=(5, 4))
    counts = quantize(flat).run(inputs).spike_counts
    for same in (inputs, inputs.reshape(5, 2, 2)):  # a frame may be flat
        np.testing.assert_array_equal(quantize(image).run(same).spike_counts, counts)


def with_weights(weight: np.ndarray, bias: np.ndarray | None = None) -> NetworkDescription:
    return NetworkDescription(
        name="one",
        input=InputEncoding(shape=(weight.shape[1],), bits=5, fraction_bits=4),
        steps=3,
        layers=[Dense(weight=weight, bias=bias), Population(neuron=LIF)],
    )


@pytest.mark.parametrize("size", [0.0, 5e-324, 1e-300])
def test_a_layer_without_weights_keeps_its_bias(size: float) -> None:
    network = quantize(with_weights(np.full((2, 3), size), np.array([0.3, 1.5])))
    states = network.run(np.full((1, 3), 31), record=True).states[0]["v"]
    assert states[0, 0].tolist() == [77, 128]  # 0.3 * 256, and 1.5 * 256 after a spike


@pytest.mark.parametrize("size", [1e15, 1e18, 1e30, 1e300])
def test_sums_that_64_bits_do_not_hold_are_refused(size: float) -> None:
    with pytest.raises(UserError, match="scale the network's weights down"):
        quantize(with_weights(np.full((2, 3), size)))


def test_a_parameter_that_no_integer_holds_is_named() -> None:
    description = describe()
    layers = (*description.layers[:3], Population(neuron=LIF, parameters={"threshold": 1e300}))
    with pytest.raises(UserError, match=r"parameter threshold = 1e.300: expected less than"):
        quantize(description.model_copy(update={"layers": layers}))


def test_an_equation_too_wide_for_64_bits_runs_in_longer_integers() -> None:
    power = parse_neuron(
        "neuron N\nstate v = 0\nupdate v = v*v*v*v*v + I\nspike v >= 1\nreset v = 0"
    )
    layers = (describe(sizes=(6, 5)).layers[0], Population(neuron=power))
    network = quantize(describe(sizes=(6, 5)).model_copy(update={"layers": layers}))
    assert network.program.program.width > 63
    inputs = np.random.default_rng(1).integers(0, 32, size=(7, 6))
    state = network.run(inputs, record=True).states[0]["v"]
    assert state.dtype == np.int64
    assert np.any(state != 0)


def test_only_what_is_recorded_is_kept() -> None:
    network = quantize(describe())
    inputs = np.random.default_rng(1).integers(0, 32, size=(7, 6))
    recorded, plain = network.run(inputs, record=True), network.run(inputs)
    assert (plain.spikes, plain.states) == ((), ())
    np.testing.assert_array_equal(plain.membrane, recorded.membrane)
    np.testing.assert_array_equal(recorded.membrane, recorded.states[1]["v"].sum(axis=0))
