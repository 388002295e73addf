"""Wrong bits have the distribution that inverting bits one by one has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.network import (
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.stochastic import SCDenseLayer
from sc_neurocore.stochastic.integers import StreamSynapses, quantize_streams
from sc_neurocore.stochastic.wrong_bits import with_wrong_stream_bits, with_wrong_weight_bits

LENGTH, RATE, TRIALS = 64, 0.07, 6000
KINDS = ["spikes", "values"]


def network(kind: str, *layers: Any, shape: tuple[int, ...] = (5,)) -> NetworkDescription:
    random = np.random.default_rng(1)
    encoding = {
        "spikes": InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0),
        "values": InputEncoding(shape=shape, bits=6, fraction_bits=6),
    }[kind]
    dense = Dense(weight=random.normal(0, 0.5, (3, 5)), bias=random.normal(size=3))
    return NetworkDescription(
        name="net", input=encoding, steps=4, layers=layers or (dense, Population(neuron=LIF))
    )


def sums_of(faulty: Any, frame: np.ndarray) -> np.ndarray:
    to_floats, sums = faulty.layers[0].synapses[0].runners()
    return sums(to_floats(np.repeat(frame[np.newaxis], TRIALS, axis=0)))


def check_same_distribution(found: np.ndarray, wanted: np.ndarray) -> None:
    spread = np.sqrt((found.var(axis=0) + wanted.var(axis=0)) / TRIALS)
    assert np.all(np.abs(found.mean(axis=0) - wanted.mean(axis=0)) < 5 * spread)
    np.testing.assert_allclose(found.std(axis=0), wanted.std(axis=0), rtol=0.06)
    assert found.std(axis=0).min() > 1


def inverted(bits: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return bits ^ (random.random((TRIALS, *bits.shape)) < RATE)


def test_bits_of_streams_behind_spikes() -> None:
    random = np.random.default_rng(2)
    counted = quantize_streams(network("spikes"), "Q8.8", LENGTH, "sobol")
    weight, bias = counted.layers[0].synapses[0].weight, counted.layers[0].synapses[0].bias
    spikes = np.array([1, 1, 0, 1, 1])
    streams = np.arange(LENGTH) < np.abs(weight)[..., np.newaxis]
    ones = inverted(streams, random).sum(axis=-1) * np.where(weight < 0, -1, 1)
    wanted = (ones * spikes).sum(axis=-1) + bias
    check_same_distribution(sums_of(with_wrong_stream_bits(counted, LENGTH, RATE), spikes), wanted)


def test_bits_of_both_streams_of_a_product() -> None:
    random = np.random.default_rng(3)
    counted = quantize_streams(network("values"), "Q8.8", LENGTH, "sobol")
    synapses = counted.layers[0].synapses[0]
    assert isinstance(synapses, StreamSynapses) and synapses.streams is not None
    frame = np.array([17, 63, 0, 5, 40])
    layer = synapses.streams
    levels = layer.levels(frame / 64)
    wanted = np.zeros((TRIALS, 3)) + synapses.bias
    for output, place in np.ndindex(3, 5):
        if not frame[place]:  # no event, no stream
            continue
        one = SCDenseLayer(
            type(layer.weights)(
                "sign-magnitude",
                layer.weights.values[output : output + 1, place : place + 1],
                np.ones((1, 1), np.int8),
                1.0,
                0.0,
                None,
            ),
            LENGTH,
            layer.sources,
        )
        both = int(one.count(frame[place : place + 1, np.newaxis] / 64)[0][0, 0])
        ones = abs(int(synapses.weight[output, place]))
        value = np.arange(LENGTH) < levels[place]
        own = (np.arange(LENGTH) >= levels[place] - both) & (
            np.arange(LENGTH) < levels[place] - both + ones
        )
        assert (value & own).sum() == both and own.sum() == ones
        product = inverted(value, random) & inverted(own, random)
        sign = -1 if layer.negative[output, place] else 1
        wanted[:, output] += sign * product.sum(axis=-1)
    check_same_distribution(sums_of(with_wrong_stream_bits(counted, LENGTH, RATE), frame), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_of_binary_weights(kind: str) -> None:
    random = np.random.default_rng(4)
    binary = quantize(network(kind), "Q8.8", 6)
    synapses = binary.layers[0].synapses[0]
    frame = np.array([1, 1, 0, 1, 1]) if kind == "spikes" else np.array([17, 63, 0, 5, 40])
    bits = (synapses.weight[..., np.newaxis] >> np.arange(6)) & 1
    worth = np.array([1, 2, 4, 8, 16, -32])
    read = (inverted(bits.astype(bool), random) * worth).sum(axis=-1)
    wanted = (read * frame).sum(axis=-1) + synapses.bias
    check_same_distribution(sums_of(with_wrong_weight_bits(binary, RATE), frame), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_of_sums(kind: str) -> None:
    binary = quantize(network(kind), "Q8.8", 6)
    frame = np.array([1, 0, 1, 1, 1]) * (1 if kind == "spikes" else 40)
    right = sums_of(with_wrong_weight_bits(binary, 0.0, in_sums=True), frame)
    assert np.ptp(right, axis=0).max() == 0
    bits = binary.layers[0].accumulator_bits
    both = sums_of(with_wrong_weight_bits(binary, RATE, in_sums=True), frame)
    assert both.min() >= -(1 << (bits - 1)) and both.max() < 1 << (bits - 1)
    # Of a sum that is right but for them, each bit is wrong as often as it should be.
    alone = with_wrong_weight_bits(binary, RATE, 7, in_sums=True).layers[0].synapses[0]
    wrong = alone.flip(right) ^ right  # type: ignore[attr-defined]
    shares = ((wrong[..., np.newaxis] >> np.arange(bits)) & 1).mean(axis=0)
    assert np.all(np.abs(shares - RATE) < 5 * np.sqrt(RATE / TRIALS))


@pytest.mark.parametrize("kind", KINDS)
def test_without_wrong_bits_it_is_the_network_itself(kind: str) -> None:
    description = network(kind)
    shape = (7, 5) if kind == "values" else (4, 7, 5)
    inputs = np.random.default_rng(6).integers(0, 1 << description.input.bits, shape)
    counted = quantize_streams(description, "Q8.8", LENGTH, "sobol")
    binary = quantize(description)
    for right, faulty in (
        (counted, with_wrong_stream_bits(counted, LENGTH, 0.0, in_sums=True)),
        (binary, with_wrong_weight_bits(binary, 0.0, in_sums=True)),
    ):
        wanted, found = right.run(inputs), faulty.run(inputs)
        np.testing.assert_array_equal(found.spike_counts, wanted.spike_counts)
        np.testing.assert_array_equal(found.membrane, wanted.membrane)


def test_what_errors_are_not_known_of_is_refused() -> None:
    binary = quantize(network("spikes"))
    for rate in (-0.1, 1.5, float("nan")):
        with pytest.raises(UserError, match="expected the probability of a bit to be wrong"):
            with_wrong_weight_bits(binary, rate)
    with pytest.raises(UserError, match="counts of streams of 8 bits are expected"):
        with_wrong_stream_bits(binary, 8, 0.1)
    loop = network("spikes", Dense(weight=np.eye(5)), Recurrent(neuron=LIF, weight=np.eye(5)))
    image = network(
        "spikes",
        Conv2d(weight=np.ones((2, 1, 2, 2))),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=np.ones((2, 8))),
        Population(neuron=LIF),
        shape=(1, 3, 3),
    )
    for other in (loop, image):
        with pytest.raises(UserError, match="errors are known of dense layers"):
            with_wrong_weight_bits(quantize(other), 0.1)
