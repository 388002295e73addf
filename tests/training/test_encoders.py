from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from torch import Tensor

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.training import (
    ENCODERS,
    SpikingNet,
    delta_decode,
    delta_encode,
    latency_encode,
    rate_encode,
)
from sc_neurocore.training.encoders import find_encoder

NEVER = 1e-12  # a right encoder fails a test of this significance once in 10^12 examples
SEEDS = st.integers(0, 2**32 - 1)
FLOATS = [torch.float64, torch.float32, torch.bfloat16]


def assert_probability(spikes: Tensor, p: float) -> None:
    """The number of spikes is one that independent draws with probability p can have."""
    fired, draws = int(spikes.double().sum()), spikes.numel()
    assert binom.cdf(fired, draws, p) > NEVER
    assert binom.sf(fired - 1, draws, p) > NEVER


@given(p=st.floats(0, 1), seed=SEEDS)
@settings(deadline=None, max_examples=40)
def test_bernoulli_rates_converge_to_the_value(p: float, seed: int) -> None:
    spikes = rate_encode(torch.full((10, 20), p, dtype=torch.float64), 200, seed)
    assert spikes.shape == (200, 10, 20)
    assert set(spikes.unique().tolist()) <= {0.0, 1.0}
    assert_probability(spikes, p)


@given(rate=st.floats(0, 30), seed=SEEDS)
@settings(deadline=None, max_examples=40)
def test_a_poisson_step_is_silent_with_probability_exp_of_minus_the_rate(
    rate: float, seed: int
) -> None:
    x = torch.full((10, 20), rate, dtype=torch.float64)
    assert_probability(1 - rate_encode(x, 200, seed, "poisson"), math.exp(-rate))


def test_steps_and_neurons_draw_independently() -> None:
    spikes = rate_encode(torch.full((100, 100), 0.3), 20, 1)
    assert_probability(spikes[1:] * spikes[:-1], 0.09)
    assert_probability(spikes[:, 1:] * spikes[:, :-1], 0.09)
    assert_probability(spikes[..., 1:] * spikes[..., :-1], 0.09)


def test_zero_never_fires_and_one_always() -> None:
    x = torch.tensor([[0.0, 1.0]])
    assert torch.equal(rate_encode(x, 10_000, 3), x.expand(10_000, 1, 2))


def test_each_frame_of_a_sequence_has_its_own_rate() -> None:
    x = torch.tensor([0.0, 1.0, 0.25]).view(3, 1, 1).expand(3, 100, 200)
    spikes = rate_encode(x, None, 0)
    assert spikes.shape == x.shape
    assert torch.equal(spikes[:2], x[:2])
    assert_probability(spikes[2], 0.25)


def test_rates_are_not_coarser_in_bfloat16() -> None:
    x = torch.full((100, 100), 1 / 2048, dtype=torch.bfloat16)
    assert_probability(rate_encode(x, 100, 0), 1 / 2048)


def test_the_same_seed_draws_the_same_spikes_and_a_generator_goes_on() -> None:
    x = torch.full((2, 30), 0.5)
    first = rate_encode(x, 20, 7)
    assert torch.equal(first, rate_encode(x, 20, 7))
    assert not torch.equal(first, rate_encode(x, 20, 8))
    generator = torch.Generator().manual_seed(7)
    assert torch.equal(first, rate_encode(x, 20, generator))
    assert not torch.equal(first, rate_encode(x, 20, generator))
    before = torch.get_rng_state()
    rate_encode(x, 20, 7)
    assert torch.equal(before, torch.get_rng_state())


def moments(spikes: Tensor) -> Tensor:
    """The step of each neuron's only spike."""
    assert torch.equal(spikes.sum(0), torch.ones_like(spikes[0]))
    return spikes.argmax(0)


VALUES = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30)


@given(
    values=VALUES,
    steps=st.integers(1, 60),
    law=st.sampled_from(["linear", "logarithmic"]),
    threshold=st.floats(0.01, 0.99),
    tau=st.none() | st.floats(0.1, 100),
)
@settings(deadline=None)
def test_latency_has_one_spike_per_input_and_larger_is_not_later(
    values: list[float], steps: int, law: Any, threshold: float, tau: float | None
) -> None:
    x = torch.tensor([sorted(values, reverse=True)])
    at = moments(latency_encode(x, steps, law, threshold=threshold, tau=tau))
    assert (at.diff(dim=1) >= 0).all()
    options: Any = {"threshold": threshold, "tau": tau, "unreached": "silent"}
    silent = latency_encode(x, steps, law, **options)
    fires = silent.sum(0) == 1
    assert torch.equal(silent.sum(0), fires.float())  # no more than one
    assert torch.equal(silent.argmax(0)[fires], at[fires])
    assert (at[~fires] == steps - 1).all()


@given(x=st.floats(0, 1), steps=st.integers(2, 60))
@settings(deadline=None)
def test_linear_latency_gives_the_value_back_to_half_a_step(x: float, steps: int) -> None:
    at = moments(latency_encode(torch.tensor([[x]], dtype=torch.float64), steps)).item()
    assert abs((1 - x) * (steps - 1) - at) <= 0.5 + 1e-12


@given(x=st.floats(0, 1), threshold=st.floats(0.01, 0.99), tau=st.floats(0.1, 50))
@settings(deadline=None)
def test_logarithmic_latency_is_when_the_membrane_reaches_the_threshold(
    x: float, threshold: float, tau: float
) -> None:
    def membrane(time: float) -> float:
        return x * (1 - math.exp(-max(time, 0) / tau))

    values = torch.tensor([[x]], dtype=torch.float64)
    options: Any = {"tau": tau, "threshold": threshold, "unreached": "silent"}
    spikes = latency_encode(values, 40, "logarithmic", **options)
    if spikes.any():
        at = moments(spikes).item()
        assert membrane(at - 0.5) <= threshold + 1e-9
        assert membrane(at + 0.5) >= threshold - 1e-9
    else:
        assert membrane(39.5) <= threshold + 1e-9


def test_the_logarithmic_formula() -> None:
    x = np.array([1.0, 0.75, 0.5, 0.3, 0.21])
    expected = np.rint(6 * np.log(x / (x - 0.2)))  # T / 4 is 6
    at = moments(latency_encode(torch.from_numpy(x[None]), 24, "logarithmic"))
    assert at[0].tolist() == expected.tolist()
    assert len(set(expected)) == 5


def test_zeros_fire_last_or_never() -> None:
    x = torch.tensor([[0.0, 1.0]])
    assert moments(latency_encode(x, 5)).tolist() == [[4, 0]]
    assert latency_encode(x, 5, unreached="silent").sum(0).tolist() == [[0, 1]]


SEQUENCES = st.lists(st.floats(-5, 5), min_size=1, max_size=40)


@given(values=SEQUENCES, threshold=st.floats(0.01, 3), start=st.floats(-5, 5))
@settings(deadline=None)
def test_with_enough_events_delta_is_within_the_threshold(
    values: list[float], threshold: float, start: float
) -> None:
    x = torch.tensor(values, dtype=torch.float64).view(-1, 1, 1)
    events = delta_encode(x, threshold, start=start, max_events=None)
    assert torch.equal(events, events.round())
    decoded = delta_decode(events, threshold, start=start)
    assert (decoded - x).abs().max() <= threshold + 1e-12
    unsigned = delta_encode(x, threshold, start=start, max_events=None, signed=False)
    assert torch.equal(unsigned, events.abs())


@given(moves=SEQUENCES, threshold=st.floats(0.01, 3))
@settings(deadline=None)
def test_one_event_per_step_follows_what_moves_by_a_threshold_per_step(
    moves: list[float], threshold: float
) -> None:
    x = (torch.tensor(moves, dtype=torch.float64) / 5 * threshold).cumsum(0).view(-1, 1, 1)
    events = delta_encode(x, threshold)
    assert events.abs().max() <= 1
    assert (delta_decode(events, threshold) - x).abs().max() <= threshold + 1e-12


def test_delta_events_by_hand() -> None:
    x = torch.tensor([0.1, 0.3, 0.5, 0.2, -0.8, -0.8, -0.8, -0.8]).view(8, 1, 1)
    events = delta_encode(x, 0.25)
    # The reference is 0, then .25, .5, .25, and then a step late at each threshold.
    assert events.flatten().tolist() == [0, 1, 1, -1, -1, -1, -1, -1]
    assert delta_decode(events, 0.25).flatten().tolist() == [
        *(0, 0.25, 0.5, 0.25),
        *(0, -0.25, -0.5, -0.75),
    ]
    assert delta_encode(x, 0.25, max_events=3).flatten().tolist() == [0, 1, 1, -1, -3, -1, 0, 0]
    assert delta_encode(x, 0.25, start=x[0]).flatten().tolist()[:3] == [0, 0, 1]


@pytest.mark.parametrize("dtype", FLOATS)
def test_type_and_shape_stay_and_no_gradient_passes(dtype: torch.dtype) -> None:
    x = torch.rand(3, 2, 4, dtype=dtype, requires_grad=True)
    for spikes in (
        rate_encode(x, 6, 0),
        latency_encode(x, 6),
        latency_encode(x, 6, "logarithmic"),
    ):
        assert spikes.shape == (6, 3, 2, 4)
        assert spikes.dtype == dtype
        assert not spikes.requires_grad
    for change in (delta_encode(x, 0.5), delta_decode(delta_encode(x, 0.5), 0.5)):
        assert change.shape == x.shape
        assert change.dtype == dtype
        assert not change.requires_grad


def test_encoders_by_name_feed_a_network() -> None:
    net, frames = SpikingNet(6, 8, 3), torch.rand(4, 6)
    x, steps = ENCODERS["direct"](frames, 5, None)
    assert x is frames
    assert steps == 5
    for name in ENCODERS:
        output = net(*ENCODERS[name](frames, 5, torch.Generator().manual_seed(1)))
        assert output.spike_counts.shape == (4, 3)
    x, steps = ENCODERS["rate"](frames, 5, torch.Generator().manual_seed(1))
    assert torch.equal(x, rate_encode(frames, 5, 1))
    assert steps is None
    sequence = torch.rand(7, 4, 6)
    assert ENCODERS["direct"](sequence, None, None) == (sequence, None)
    assert ENCODERS["rate"](sequence, None, 0)[0].shape == sequence.shape
    assert find_encoder("rate") is ENCODERS["rate"]


X = torch.full((2, 3), 0.5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rate_encode(X * 3, 5, 0), DataError, r"from 1\.5 to 1\.5: expected .*from 0 to 1"),
        (lambda: rate_encode(-X, 5, 0, "poisson"), DataError, "expected finite numbers from 0 on"),
        (lambda: rate_encode(X / 0, 5, 0, "poisson"), DataError, "from inf to inf"),
        (lambda: rate_encode(X * math.nan, 5, 0), DataError, "nan"),
        (lambda: rate_encode(X.long(), 5, 0), UserError, r"torch\.int64.*x\.float"),
        (lambda: rate_encode(X, 0, 0), UserError, "steps = 0"),
        (lambda: rate_encode(X, 5, 0, "gauss"), UserError, "'gauss'.*bernoulli, poisson"),  # type: ignore[arg-type]
        (lambda: latency_encode(X * 3, 5), DataError, "from 0 to 1"),
        (lambda: latency_encode(X, 0), UserError, "steps = 0"),
        (lambda: latency_encode(X, 5, "square"), UserError, "law='square'"),  # type: ignore[arg-type]
        (lambda: latency_encode(X, 5, unreached="first"), UserError, "unreached='first'"),  # type: ignore[arg-type]
        (lambda: latency_encode(X, 5, threshold=1), UserError, "threshold = 1"),
        (lambda: latency_encode(X, 5, tau=0), UserError, "tau = 0"),
        (lambda: delta_encode(X, 0), UserError, "threshold = 0"),
        (lambda: delta_encode(X, math.nan), UserError, "threshold = nan"),
        (lambda: delta_encode(X, 1, max_events=0), UserError, "max_events = 0"),
        (lambda: delta_encode(X, 1, start=X), UserError, r"start has shape \(2, 3\).*\(3,\)"),
        (lambda: delta_encode(X, 1, start=math.inf), DataError, "start holds NaN or infinity"),
        (lambda: delta_encode(X[0], 1), UserError, r"shape \(3,\)"),
        (lambda: delta_encode(X / 0, 1), DataError, "from inf to inf"),
        (
            lambda: delta_encode(X.bfloat16(), 1.4e-3, max_events=None),
            UserError,
            "a step has 357 events, more than torch.bfloat16",
        ),
        (lambda: delta_decode(X / 0, 1), DataError, "events holds"),
        (lambda: ENCODERS["rate"](X, 5, None), UserError, "generator or a seed"),
        (lambda: ENCODERS["latency"](X, None, None), UserError, "sequences already"),
        (lambda: find_encoder("phase"), UserError, "'phase'; known: direct, rate, latency"),
    ],
)
def test_mistakes_are_named(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
