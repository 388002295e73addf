"""Who shares a sequence with whom, and what it does to sums."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import encode_weights
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sharing import Sharing, SourceName, SourcePair, make_sources

NAMES = get_args(SourceName)
POLICIES = get_args(Sharing)


@pytest.mark.parametrize("name", NAMES)
def test_shared_gives_one_sequence_each(name: str) -> None:
    pair = make_sources(name)
    inputs, weights = pair.sequences(50, 96)
    assert np.array_equal(inputs, [pair.inputs.sequence(96)])
    assert np.array_equal(weights, [pair.weights.sequence(96)])


@pytest.mark.parametrize("name", NAMES)
def test_rotation_keeps_the_numbers_of_the_weights(name: str) -> None:
    pair = make_sources(name, sharing="rotated")
    inputs, weights = pair.sequences(50, 96)
    assert inputs.shape == (1, 96) and weights.shape == (50, 96)
    first = pair.weights.sequence(96)
    for row in weights:
        assert any(np.array_equal(np.roll(first, turn), row) for turn in range(96))
    # The golden ratio turns no two of the first inputs alike.
    assert len({tuple(row) for row in weights}) == 50


@pytest.mark.parametrize("name", NAMES)
def test_per_input_gives_everyone_a_sequence_of_its_own(name: str) -> None:
    for sequences in make_sources(name, sharing="per-input").sequences(40, 64):
        assert sequences.shape == (40, 64)
        assert len({tuple(row) for row in sequences}) == 40


def test_a_rotated_layer_sees_spikes_as_a_shared_one_does() -> None:
    rng = np.random.default_rng(0)
    weights = encode_weights(rng.normal(size=(6, 30)))
    spikes, values = rng.random((8, 30)) < 0.5, rng.random((8, 30))
    shared, rotated = (SCDenseLayer(weights, 64, "lfsr", sharing=s) for s in ("shared", "rotated"))
    assert np.array_equal(shared.spike_counts(spikes), rotated.spike_counts(spikes))
    assert not np.array_equal(shared.counts(values), rotated.counts(values))


@pytest.mark.parametrize("name", ["lfsr", "bernoulli"])
def test_errors_of_equal_products_add_up_only_if_they_share(name: str) -> None:
    # 256 equal products: whoever shares has the same error in each, so that the sum's is 256
    # times as large; independent errors add up to 16 times.
    # (A second output has the largest weight, so that the first one's are not the scale.)
    weight = np.repeat([[0.3], [1.0]], 256, axis=1)
    weights, value = encode_weights(weight), np.full((1, 256), 0.4)

    def spread(sharing: Sharing) -> float:
        found = [SCDenseLayer(weights, 64, name, seed, sharing)(value)[0, 0] for seed in range(20)]
        return float(np.sqrt(np.mean((np.array(found) - 256 * 0.12) ** 2)))

    assert spread("per-input") < 0.5 * spread("shared")


def test_wrong_sharing_is_named() -> None:
    with pytest.raises(UserError, match=r"unknown sharing 'own'.*shared, rotated, per-input"):
        make_sources("lfsr", sharing="own")  # type: ignore[arg-type]
    pair = make_sources("lfsr")
    with pytest.raises(UserError, match="unknown sharing"):
        SourcePair(pair.inputs, pair.weights, "all")  # type: ignore[arg-type]
