"""The networks of models/ that were trained for few steps and few bits are what their cards say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate, pad

from sc_neurocore.data import load_split
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


@pytest.mark.parametrize(
    ("model", "least"), [(model, 0.7 if "784" in model else 0.5) for model in BITS]
)
def test_they_know_digits_that_other_people_wrote(model: str, least: float) -> None:
    """Digits of 8 x 8 pixels, enlarged to the 20 x 20 that MNIST's have in 28 x 28."""
    data = load_split("digits").test
    small = torch.tensor(data.inputs[:100].reshape(-1, 1, 8, 8).astype(np.float32)) / 16
    large = interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)
    images = (pad(large, (4, 4, 4, 4)) * 255).round().numpy().astype(np.int64)
    description = load_description(MODELS / model)
    inputs = images.reshape(len(images), *description.input.shape)
    integers = quantize(description, "Q8.8", BITS[model]).run(inputs)
    assert integers.accuracy(data.labels[:100]) > least
    assert integers.accuracy(run_float(description, inputs).classes) > 0.9


def test_four_bits_have_room_for_sixteen_lanes_on_up5k_and_five_bits_do_not() -> None:
    description = load_description(MODELS / "mnist-784-128-10-few-steps")
    device = find_device("up5k")
    options: EngineOptions = {"units": 4, "pipeline": 2, "inputs_per_beat": 4}
    chosen, _ = choose(quantize(description, "Q8.8", 4), device, 16, **options)
    assert chosen.fits and chosen.used["sprams"] == 4
    with pytest.raises(CheckFailedError, match="5 single-port RAMs of 4"):
        choose(quantize(description, "Q8.8", 5), device, 16, **options)
