from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.training import (
    membrane_loss,
    spike_count_loss,
    spike_l1_loss,
    spike_l2_loss,
    spike_rate_loss,
)

COUNTS = torch.tensor([[5.0, 0.0], [2.0, 3.0]], dtype=torch.float64)
LABELS = torch.tensor([0, 1])


def test_the_loss_is_the_cross_entropy_of_ten_times_the_rates() -> None:
    loss = spike_count_loss(COUNTS, LABELS, steps=20)
    by_hand = np.log1p(np.exp(-2.5)), np.log1p(np.exp(-0.5))
    assert loss.item() == pytest.approx(np.mean(by_hand), rel=1e-12)
    assert torch.equal(loss, functional.cross_entropy(COUNTS / 2, LABELS))


def test_the_membrane_loss_is_the_cross_entropy_of_the_mean_membranes() -> None:
    membrane = torch.tensor([[-4.0, 6.0], [1.0, 1.0]], dtype=torch.float64)
    by_hand = np.log1p(np.exp(2.5)), np.log(2)
    assert membrane_loss(membrane, LABELS, 4).item() == pytest.approx(np.mean(by_hand), rel=1e-12)
    sharper = membrane_loss(membrane, LABELS, 4, sharpness=2, label_smoothing=0.5)
    # The mean membranes twice, and a target of 3/4 for the class, 1/4 for the other one.
    by_hand = (
        np.logaddexp(-2, 3) - 0.75 * -2 - 0.25 * 3,
        np.logaddexp(0.5, 0.5) - 0.75 * 0.5 - 0.25 * 0.5,
    )
    assert sharper.item() == pytest.approx(np.mean(by_hand), rel=1e-12)


def test_the_rate_loss_is_the_mean_square_from_the_targets() -> None:
    loss = spike_rate_loss(COUNTS, LABELS, steps=5, correct_rate=0.75, incorrect_rate=0.25)
    by_hand = [(1 - 0.75) ** 2, (0 - 0.25) ** 2, (0.4 - 0.25) ** 2, (0.6 - 0.75) ** 2]
    assert loss.item() == pytest.approx(np.mean(by_hand), rel=1e-12)
    reached = torch.tensor([[8.0, 2.0], [2.0, 8.0]])
    assert spike_rate_loss(reached, LABELS, steps=10).item() == pytest.approx(0, abs=1e-14)


def trains(*rates: float) -> Tensor:
    """Two samples of neurons with these rates over 10 steps, (10, 2, neurons)."""
    steps = torch.arange(10, dtype=torch.float64).view(10, 1, 1)
    return (steps < 10 * torch.tensor(rates)).double().expand(10, 2, -1)


@pytest.mark.parametrize(
    ("bounds", "distances"),
    [
        ({}, (0.0, 0.1, 0.5, 1.0)),
        ({"upper": 0.3}, (0.0, 0.0, 0.2, 0.7)),
        ({"lower": 0.2, "upper": 1}, (0.2, 0.1, 0.0, 0.0)),
        ({"lower": 0.2, "upper": 0.3}, (0.2, 0.1, 0.2, 0.7)),
        ({"upper": 0.3, "population": True}, (0.1,)),
        ({"lower": 0.5, "upper": 1, "population": True}, (0.1,)),
        ({"lower": 0.3, "upper": 0.5, "population": True}, (0.0,)),
    ],
)
def test_activity_is_paid_for_outside_its_range(
    bounds: dict[str, Any], distances: tuple[float, ...]
) -> None:
    spikes = trains(0.0, 0.1, 0.5, 1.0)  # 0.4 on the mean
    by_hand = np.array(distances)
    loss = spike_l1_loss(spikes, **bounds)
    assert loss.item() == pytest.approx(by_hand.mean(), abs=1e-12)
    assert spike_l2_loss(spikes, **bounds).item() == pytest.approx((by_hand**2).mean(), abs=1e-12)
    # Rates do as well, and so do images.
    assert spike_l1_loss(spikes.mean(0, keepdim=True), **bounds).item() == pytest.approx(loss)
    images = spikes.unflatten(2, (1, 2, 2))
    assert spike_l1_loss(images, **bounds).item() == pytest.approx(loss.item())


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: spike_count_loss(x[0], torch.tensor([2, 0]), 4),
        lambda x: membrane_loss(x[0], torch.tensor([2, 0]), 4),
        lambda x: spike_rate_loss(x[0], torch.tensor([2, 0]), 4),
        lambda x: spike_l1_loss(x, lower=0.45, upper=0.55),
        lambda x: spike_l2_loss(x, lower=0.45, upper=0.55),
        lambda x: spike_l1_loss(x, population=True),
        lambda x: spike_l2_loss(x, population=True),
    ],
)
def test_gradients_are_those_of_finite_differences(loss: Callable[[Tensor], Tensor]) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(3, 2, 3, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(loss, x)
    (gradient,) = torch.autograd.grad(loss(x), x)
    assert gradient.abs().sum() > 0


def test_an_upper_bound_pushes_down_and_a_lower_bound_up() -> None:
    spikes = trains(0.1, 0.9).clone().requires_grad_()
    for loss in (spike_l1_loss, spike_l2_loss):
        (gradient,) = torch.autograd.grad(loss(spikes, lower=0.2, upper=0.8), spikes)
        assert (gradient[..., 0] < 0).all()
        assert (gradient[..., 1] > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spike_count_loss(COUNTS, LABELS, 0), "steps = 0"),
        (lambda: membrane_loss(COUNTS, LABELS[:1], 4), r"membrane has shape \(2, 2\).*\(1,\)"),
        (lambda: spike_rate_loss(COUNTS[0], LABELS, 4), r"spike_counts has shape \(2,\)"),
        (lambda: spike_rate_loss(COUNTS, LABELS, 4, correct_rate=1.5), r"correct_rate = 1\.5"),
        (lambda: spike_l1_loss(trains(1), lower=0.5, upper=0.2), "expected lower <= upper"),
        (lambda: spike_l2_loss(trains(1), upper=-1), "upper = -1"),
        (lambda: spike_l1_loss(COUNTS), r"shape \(2, 2\): expected \(T, batch, neurons"),
    ],
)
def test_mistakes_are_named(call: Callable[[], Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message):
        call()
