"""Inputs with a sign: floats, integers and streams; small integers are several spikes in a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DataError, DescriptionError, UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import Conv2d, Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.stochastic.inference import run_network

RANDOM = np.random.default_rng(3)
WEIGHT = RANDOM.integers(-8, 8, (5, 6)) / 8


def network(weight: Any = WEIGHT, **coding: Any) -> NetworkDescription:
    wanted = {"kind": "sequence", "shape": (6,), "bits": 4, "fraction_bits": 2, "signed": True}
    dense = Dense(weight=weight, bias=np.full(len(weight), 0.25))
    return NetworkDescription(
        name="net",
        input=InputEncoding(**(wanted | coding)),
        steps=7,
        layers=[dense, Population(neuron=LIF, parameters={"beta": 0.5})],
    )


def split(description: NetworkDescription) -> NetworkDescription:
    """The same network with unsigned inputs: one for rises, one for falls."""
    weight = np.concatenate([WEIGHT, -WEIGHT], axis=1)
    return network(weight, shape=(12,), signed=False)


INPUTS = RANDOM.integers(-8, 8, (7, 40, 6))
HALVES = np.concatenate([np.maximum(INPUTS, 0), np.maximum(-INPUTS, 0)], axis=2)


def test_floats_and_integers_equal_those_of_split_inputs() -> None:
    signed, unsigned = network(), split(network())
    one, two = run_float(signed, INPUTS, record=True), run_float(unsigned, HALVES, record=True)
    np.testing.assert_array_equal(one.spikes[0], two.spikes[0])
    assert 0.1 < one.spikes[0].mean() < 0.9
    one, two = (
        quantize(each, "Q6.10").run(inputs, record=True)
        for each, inputs in ((signed, INPUTS), (unsigned, HALVES))
    )
    np.testing.assert_array_equal(one.spikes[0], two.spikes[0])
    np.testing.assert_array_equal(one.states[0]["v"], two.states[0]["v"])


def test_the_accumulator_holds_every_signed_sum() -> None:
    layer = quantize(network(np.full((1, 6), -1.0)), "Q8.8", 4).layers[0]
    largest = int(np.abs(layer.weight).max())
    assert layer.accumulator.high == layer.bias[0] + 6 * 8 * largest
    assert layer.accumulator.low == layer.bias[0] - 6 * 7 * largest


@pytest.mark.parametrize(
    ("encoding", "neurons"),
    [("sign-magnitude", "float64"), ("unipolar", "float64"), ("sign-magnitude", "Q8.8")],
)
def test_streams_equal_those_of_split_inputs(encoding: Any, neurons: str) -> None:
    signed = network(bits=4, fraction_bits=3)
    options = {"length": 64, "encoding": encoding, "neurons": neurons, "record": True}
    found = run_network(signed, INPUTS, **options)
    # The streams themselves: each of the two signs alone, with streams of its own.
    up, down = (
        run_network(network(bits=4, fraction_bits=3), inputs, **options)
        for inputs in (np.maximum(INPUTS, 0), np.minimum(INPUTS, 0))
    )
    assert (found.spikes[0] != up.spikes[0]).any()
    assert (found.spikes[0] != down.spikes[0]).any()
    near = run_float(signed, INPUTS, record=True)
    assert (found.spikes[0] == near.spikes[0]).mean() > 0.9
    mirrored = network(-WEIGHT, bits=4, fraction_bits=3)
    if encoding == "sign-magnitude":  # the sign is exact: both may be turned
        inputs = np.maximum(INPUTS, -7)
        first, second = (
            run_network(each, values, **options)
            for each, values in ((signed, inputs), (mirrored, -inputs))
        )
        np.testing.assert_array_equal(first.spikes[0], second.spikes[0])


def test_bipolar_streams_have_no_place_for_a_sign() -> None:
    with pytest.raises(UserError, match=r"layers\[0\] is 'dense': signed inputs with bipolar"):
        run_network(network(fraction_bits=3), INPUTS, 64, encoding="bipolar")


@pytest.mark.parametrize("signed", [False, True])
def test_small_integers_are_several_spikes_in_a_step(signed: bool) -> None:
    weight = RANDOM.integers(-4, 8, (5, 6)) / 32
    description = network(weight, bits=3, fraction_bits=0, signed=signed)
    inputs = RANDOM.integers(-4 if signed else 0, 4 if signed else 8, (7, 20, 6))
    # 64 bits of a counter hold these weights exactly, and so do five bits: all three are the same.
    streams = run_network(description, inputs, 64, "counter", calibrate=False, record=True)
    floats = run_float(description, inputs, record=True)
    integers = quantize(description, "Q8.8", 5).run(inputs, record=True)
    assert 0.05 < floats.spikes[0].mean() < 0.95
    np.testing.assert_array_equal(integers.spikes[0], floats.spikes[0])
    np.testing.assert_array_equal(streams.spikes[0], floats.spikes[0])


def test_signed_images() -> None:
    weight = RANDOM.normal(0, 0.4, (3, 1, 3, 3))
    description = NetworkDescription(
        name="net",
        input=InputEncoding(shape=(1, 5, 5), bits=8, fraction_bits=7, signed=True),
        steps=6,
        layers=[Conv2d(weight=weight, padding=(1, 1)), Population(neuron=LIF)],
    )
    inputs = RANDOM.integers(-128, 128, (30, 1, 5, 5))
    floats = run_float(description, inputs, record=True).spikes[0]
    integers = quantize(description, "Q8.12", 12).run(inputs, record=True).spikes[0]
    streams = run_network(description, inputs, 1024, "sobol", record=True).spikes[0]
    assert (floats == integers).mean() > 0.995
    assert (floats == streams).mean() > 0.97


def test_the_range_has_a_sign() -> None:
    for values in (INPUTS - 1, INPUTS + 1):
        with pytest.raises(DataError, match=r"expected -8 to 7 \(4 bits, signed\)"):
            run_float(network(), values)
    with pytest.raises(DescriptionError, match="expected static or sequence, and 2 bits or more"):
        network(kind="spikes", bits=2)
    with pytest.raises(DescriptionError, match="2 bits or more"):
        network(bits=1)


def test_a_network_without_a_sign_keeps_its_hash() -> None:
    coding = InputEncoding(shape=(6,), bits=4, fraction_bits=2)
    assert "signed" not in coding.model_dump()
    assert network().content_hash != network(signed=False).content_hash
