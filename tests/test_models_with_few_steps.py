"""The networks of models/ that were trained for few steps and few bits are what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed import quantize
from sc_neurocore.fpga.capacity import choose
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.layers import WeightedLayer
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools.devices import find_device

MODELS = Path(__file__).parents[1] / "models"
BITS = {"mnist-784-128-10-few-steps": 4, "mnist-conv-few-steps": 6}


@pytest.mark.parametrize("model", BITS)
def test_rounding_their_weights_to_their_bits_loses_nothing(model: str) -> None:
    description = load_description(MODELS / model)
    bits = description.metadata["weight_bits"]
    assert bits == BITS[model] and description.steps <= 8
    network = quantize(description, "Q8.8", BITS[model])
    weighted = [layer for layer in description.layers if isinstance(layer, WeightedLayer)]
    rounded = [
        each
        for layer in network.layers
        for each in layer.synapses
        if isinstance(each.layer, WeightedLayer)
    ]
    assert len(weighted) == len(rounded)
    for layer, each in zip(weighted, rounded, strict=True):
        assert np.abs(each.weight).max() < 1 << (BITS[model] - 1)
        assert (np.ldexp(each.weight.astype(float), -each.scale_bits) == layer.weight).all()


def test_the_dense_one_answers_alike_in_floats_and_in_integers() -> None:
    description = load_description(MODELS / "mnist-784-128-10-few-steps")
    # Blurred noise, which has large and small currents as digits have.
    noise = np.random.default_rng(0).random((200, 30, 30))
    images = sum(noise[:, i : i + 28, j : j + 28] for i in range(3) for j in range(3))
    images = ((images - images.min()) / np.ptp(images) * 255).astype(np.int64)
    images[images < 150] = 0
    inputs = images.reshape(-1, 784)
    integers = quantize(description, "Q8.8", 4).run(inputs)
    floats = run_float(description, inputs)
    assert len(set(integers.classes.tolist())) > 1
    assert np.mean(integers.classes == floats.classes) > 0.9


def test_four_bits_have_room_for_sixteen_lanes_on_up5k_and_five_bits_do_not() -> None:
    description = load_description(MODELS / "mnist-784-128-10-few-steps")
    device = find_device("up5k")
    options: EngineOptions = {"units": 4, "pipeline": 2, "inputs_per_beat": 4}
    chosen, _ = choose(quantize(description, "Q8.8", 4), device, 16, **options)
    assert chosen.fits and chosen.used["sprams"] == 4
    with pytest.raises(CheckFailedError, match="5 single-port RAMs of 4"):
        choose(quantize(description, "Q8.8", 5), device, 16, **options)
