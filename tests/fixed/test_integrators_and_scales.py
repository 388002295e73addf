"""Integer layers that hand on numbers: integrators, scales; and numbers for each neuron."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.network_program import network_program
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    Conv2d,
    Dense,
    InputEncoding,
    Integrator,
    NetworkDescription,
    Population,
    Scale,
)

IF = CATALOGUE["IF"]


def describe(*layers: Any, shape: tuple[int, ...] = (2,), steps: int = 4) -> NetworkDescription:
    encoding = InputEncoding(shape=shape, bits=5, fraction_bits=4)
    return NetworkDescription(name="net", input=encoding, steps=steps, layers=layers)


def test_integrators_hand_on_their_membrane_in_its_format() -> None:
    random = np.random.default_rng(3)
    description = describe(
        Dense(weight=random.integers(-7, 8, (5, 4)) / 4),
        Integrator(neuron=IF, parameters={"threshold": 30.0}),  # some lose 30 where they fire
        Dense(weight=random.integers(-7, 8, (3, 5)).astype(float), bias=np.array([0.5, 0, -1])),
        Population(neuron=IF, parameters={"threshold": 20.0}),
        shape=(4,),
        steps=20,
    )
    network = quantize(description, "Q16.8", 4)
    inputs = random.integers(0, 32, (6, 4))
    run, floats = network.run(inputs, record=True), run_float(description, inputs, record=True)
    for ours, theirs in zip(run.states, floats.states, strict=True):
        np.testing.assert_array_equal(ours["v"] / 256, theirs["v"])
    assert floats.states[0]["v"].min() < 0 < floats.spikes[0].sum()
    np.testing.assert_array_equal(run.spike_counts, floats.spike_counts)
    assert run.spike_counts.any()
    assert network.layers[0].kinds == ("dense", "integrator")
    # What comes in is any number of Q16.8, and the sums have room for it.
    assert network.layers[1].incoming.low == -(1 << 23)
    assert network.layers[1].accumulator_bits > 24 + 3
    with pytest.raises(UserError, match="dense, integrator: expected a dense layer"):
        network_program(network)


@pytest.mark.parametrize(
    "factor", [0.375, [0.5, -2.0], np.arange(-4.0, 4).reshape(2, 2, 2) / 4], ids=np.ndim
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_scales_multiply_wherever_they_stand(factor: Any, place: int) -> None:
    random = np.random.default_rng(4)
    scale = Scale(factor=np.array(factor))
    weights = Conv2d(weight=random.integers(-3, 4, (2, 2, 1, 1)) / 2, bias=np.array([0.5, 1]))
    neurons = Population(neuron=IF, parameters={"threshold": 2.0})
    layers = {0: [scale, weights, neurons], 1: [weights, scale, neurons], 2: [scale, neurons]}
    description = describe(*layers[place], shape=(2, 2, 2), steps=9)
    inputs = random.integers(0, 32, (8, 2, 2, 2))
    run = quantize(description, "Q8.20").run(inputs, record=True)
    floats = run_float(description, inputs, record=True)
    np.testing.assert_array_equal(run.states[0]["v"] / 2**20, floats.states[0]["v"])
    assert run.spike_counts.any()


def test_factors_that_are_too_large_are_refused() -> None:
    scale = Scale(factor=np.array([1e12, 1.0]))
    with pytest.raises(UserError, match=r"layers\[0\], scale \(largest factor 1e\+12\): sums of"):
        quantize(describe(scale, Population(neuron=IF)))


def test_neurons_of_an_image_may_each_have_their_own_numbers() -> None:
    thresholds = np.array([[[0.25, 0.5], [1, 8]], [[2, 0.25], [0.5, 4]]])
    description = describe(
        Population(neuron=LIF, parameters={"threshold": thresholds, "beta": np.array([0.5, 0.75])}),
        shape=(2, 2, 2),
        steps=8,
    )
    network = quantize(description, "Q8.24")
    inputs = np.random.default_rng(5).integers(0, 32, (10, 2, 2, 2))
    run, floats = network.run(inputs, record=True), run_float(description, inputs, record=True)
    np.testing.assert_array_equal(run.states[0]["v"] / 2**24, floats.states[0]["v"])
    assert 0 < run.spike_counts.sum() < run.spike_counts.size * 8
    assert network.layers[0].neuron_parameters.shape == (8, 2)
