"""Calibrated weights: the nearest level of every source, at the scale that costs least."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.network import (
    ENCODINGS,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    WeightEncoding,
    clipping_limit,
    encode_weights,
)
from sc_neurocore.stochastic import SCDenseLayer, calibrate_weights, make_sources, run_network
from sc_neurocore.stochastic.sharing import Sharing, SourceName


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("source", ["lfsr", "sobol", "halton", "counter"])
@pytest.mark.parametrize("sharing", get_args(Sharing))
@settings(max_examples=8)
@given(length=st.integers(1, 300), seed=st.integers(0, 100))
def test_every_weight_has_the_nearest_number_of_ones(
    encoding: WeightEncoding, source: str, sharing: Sharing, length: int, seed: int
) -> None:
    weight = np.random.default_rng(seed).normal(size=(4, 6))
    sources = make_sources(source, seed, sharing)
    weights = calibrate_weights(weight, None, encoding, length, sources)
    plain = encode_weights(np.clip(weight, -weights.scale, weights.scale), None, encoding)
    layer = SCDenseLayer(weights, length, sources)
    ones = np.abs(layer.spike_gains)
    if encoding != "bipolar":
        assert np.array_equal(ones, np.rint(plain.values * length))
    met, _ = layer.effective_weights()
    if encoding != "bipolar":
        within = np.abs(weight) <= weights.scale
        error = np.abs(met - weight)[within]
        assert error.max() <= weights.scale / length / 2 + 1e-9
    assert layer.weights.bias is None


def test_where_numbers_repeat_a_level_may_be_left_out() -> None:
    sources = make_sources("bernoulli", 0)
    weight = np.random.default_rng(0).normal(size=(30, 40))
    for length in (256, 4096):
        weights = calibrate_weights(weight, None, "sign-magnitude", length, sources)
        ones = np.abs(SCDenseLayer(weights, length, sources).spike_gains)
        wanted = np.rint(np.minimum(np.abs(weight) / weights.scale, 1) * length)
        assert ((ones - wanted >= 0) & (ones - wanted <= 2)).all()


def test_the_limit_has_the_smallest_error_of_all_powers_of_two() -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.05, (40, 50))
    weight[0, 0] = 0.9

    def error(limit: float, levels: int) -> float:
        rounded = np.round(np.minimum(np.abs(weight) / limit, 1) * levels) / levels * limit
        return float(np.mean((np.sign(weight) * rounded - weight) ** 2))

    for levels in (3, 16, 64, 256, 65536):
        powers = [2.0**-k for k in range(9)]
        assert clipping_limit(weight, levels) == min(powers, key=lambda p: error(p, levels))
    assert clipping_limit(weight, 16) < 1 == clipping_limit(weight, 65536)
    # What is exact stays as it is, at the coarsest scale that holds it.
    assert clipping_limit([[0.5, -0.25], [1.0, 0.0]], 16) == 1
    assert clipping_limit(np.zeros((2, 2)), 16) == 1


@pytest.mark.parametrize("source", get_args(SourceName))
def test_short_streams_come_closer_to_float(source: str) -> None:
    rng = np.random.default_rng(0)
    weight = rng.normal(0, 0.05, (40, 50))
    weight[0, 0] = 0.9
    description = NetworkDescription(
        name="short",
        input=InputEncoding(shape=(50,), bits=1, fraction_bits=0, kind="spikes"),
        steps=1,
        layers=(
            Dense(weight=weight),
            Population(neuron=LIF, parameters={"threshold": 100.0}),
        ),
    )
    x = rng.integers(0, 2, (1, 200, 50), dtype=np.uint8)

    def error(calibrate: bool) -> float:
        run = run_network(description, x, 32, source, calibrate=calibrate)
        return float(np.abs(run.membrane - x[0] @ weight.T)[:, 1:].mean())

    # Sources of low discrepancy have nearly the nearest level anyway, and gain by the scale only.
    by_chance = source in ("lfsr", "bernoulli")
    assert error(calibrate=True) < (0.65 if by_chance else 1) * error(calibrate=False)


def test_wrong_arguments_are_named() -> None:
    sources = make_sources("lfsr")
    with pytest.raises(UserError, match="stream length 0"):
        calibrate_weights(np.eye(2), None, "bipolar", 0, sources)
    with pytest.raises(UserError, match="NaN or infinity"):
        calibrate_weights([[np.nan]], None, "sign-magnitude", 8, sources)
    with pytest.raises(UserError, match="encoding 'ternary'"):
        calibrate_weights(np.eye(2), None, "ternary", 8, sources)  # type: ignore[arg-type]
