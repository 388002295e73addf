"""Truncated backpropagation through time inside `fit`: parts of a sample, one gradient step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sc_neurocore.errors import UserError
from sc_neurocore.training import (
    Answer,
    LIFCell,
    MembraneError,
    RatePenalty,
    SpikingSequential,
    TrainingOptions,
    detached,
    fit,
    record,
    seeded,
    train_epoch,
)

pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")
STEPS, PART = 10, 4


def network() -> SpikingSequential:
    with seeded(0):
        return SpikingSequential(
            nn.Linear(6, 8),
            LIFCell(threshold=0.3),
            nn.Linear(8, 3),
            LIFCell(threshold=1e9, reset="none"),
        )


def sequences(samples: int = 8) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(samples, STEPS, 6, generator=generator) < 0.4).float()
    return x, torch.rand(samples, STEPS, 3, generator=generator)


class Still(torch.optim.SGD):
    """Takes no step, so that the gradients can be looked at."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__(net.parameters(), lr=0.0)


def gradients(truncate: int | None, data: Any, **more: Any) -> tuple[list[Tensor], float]:
    net = network()
    options = TrainingOptions(batch_size=8, truncate=truncate)
    with seeded(1):  # the order of the samples
        epoch = train_epoch(net, data, Still(net), options, time_axis=1, **more)
    return [each.grad for each in net.parameters() if each.grad is not None], epoch.loss


def test_gradients_are_those_of_parts_with_detached_states() -> None:
    x, wave = sequences()
    found, loss = gradients(PART, TensorDataset(x, wave), loss=MembraneError())
    net, state, total = network(), None, 0.0
    for start in range(0, STEPS, PART):
        part = x[:, start : start + PART].transpose(0, 1)
        _, state, trace = net.unroll(part, state, record=("v",))
        state = detached(state)
        errors = trace["v"] - wave[:, start : start + PART].transpose(0, 1)
        mine = errors.square().sum() / (8 * STEPS * 3)
        mine.backward()
        total += float(mine.detach())
    wanted = [each.grad for each in net.parameters()]
    assert loss == pytest.approx(total, rel=1e-5)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs)
    whole, same_loss = gradients(None, TensorDataset(x, wave), loss=MembraneError())
    assert same_loss == pytest.approx(loss, rel=1e-5)  # the answers are the same, the ways back not
    assert any(not torch.allclose(a, b) for a, b in zip(found, whole, strict=True))


def test_parts_as_long_as_the_sample_are_the_whole_bit_for_bit() -> None:
    x, wave = sequences()
    for ours, theirs in zip(
        *(
            gradients(steps, TensorDataset(x, wave), loss=MembraneError())[0]
            for steps in (STEPS + 3, None)
        ),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


class Seen:
    """A metric that keeps what it was shown."""

    needs = ("spikes", "membrane")

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def __call__(self, answer: Answer, targets: Tensor) -> Tensor:
        self.answers.append(answer)
        return torch.zeros(len(targets))


@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("loss", ["spike-count", "membrane-max", "first-spike"])
def test_the_metric_sees_the_whole_answer(with_lengths: bool, loss: str) -> None:
    x, _ = sequences()
    targets = torch.arange(8) % 3
    lengths = [torch.tensor([1, 10, 3, 4, 5, 8, 9, 2])] if with_lengths else []
    answers = []
    for truncate in (PART, None):
        metric = Seen()
        data = TensorDataset(x, targets, *lengths)
        _, value = gradients(truncate, data, loss=loss, metric=metric)
        assert 0 <= value < 100  # sequences that have ended make nothing infinite
        answers += metric.answers
    for ours, theirs in zip(*answers, strict=True):
        if isinstance(theirs, Tensor):
            torch.testing.assert_close(ours, theirs)
        else:
            assert ours == theirs


def test_padding_of_sequences_that_have_ended_changes_nothing() -> None:
    x, _ = sequences()
    targets, lengths = torch.arange(8) % 3, torch.tensor([1, 10, 3, 4, 5, 8, 9, 2])
    noisy = x.clone()
    for index, length in enumerate(lengths):
        noisy[index, length:] = 1.0
    for ours, theirs in zip(
        *(
            gradients(PART, TensorDataset(data, targets, lengths), loss="membrane-last")[0]
            for data in (x, noisy)
        ),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("longest", [1, PART])
@pytest.mark.parametrize("loss", ["spike-count", "spike-rate", "membrane-max", "first-spike"])
def test_parts_that_are_padding_alone_teach_nothing(loss: str, longest: int) -> None:
    x, _ = sequences()
    targets, lengths = torch.arange(8) % 3, torch.tensor([1, *[longest] * 7])
    (found, metric), (whole, seen) = (
        (gradients(truncate, TensorDataset(x, targets, lengths), loss=loss, metric=each), each)
        for truncate, each in ((PART, Seen()), (None, Seen()))
    )
    assert found[1] == pytest.approx(whole[1], rel=1e-6)
    for ours, theirs in zip(found[0], whole[0], strict=True):
        torch.testing.assert_close(ours, theirs)
    for ours, theirs in zip(metric.answers[0], seen.answers[0], strict=True):
        torch.testing.assert_close(ours, theirs)


def test_penalties_are_paid_for_sequences_that_go_on_alone() -> None:
    x, _ = sequences()
    data = TensorDataset(x, torch.arange(8) % 3, torch.tensor([PART + 1, *[PART] * 7]))
    bound = RatePenalty(1.0, layers=("layers.1",), lower=0.9, upper=1.0)
    (found, paid), (_, free) = (
        gradients(PART, data, loss="membrane", penalties=each) for each in ((bound,), ())
    )
    assert all(bool(each.isfinite().all()) for each in found)
    net = network()
    with torch.no_grad(), record(net) as recording:
        net(x.transpose(0, 1))
    spikes = recording["layers.1"].spikes
    first, second = (0.9 - spikes[:PART].mean(0)).relu(), (0.9 - spikes[PART, 0]).relu()
    steps = 8 * PART + 1
    wanted = first.mean() * (steps - 1) / steps + second.mean() / steps
    assert paid - free == pytest.approx(float(wanted), rel=1e-5)


def test_a_static_input_is_learnt_in_parts_too_and_penalties_are_paid() -> None:
    x, targets = torch.rand(8, 6), torch.arange(8) % 3
    losses = []
    for truncate in (3, None):
        net = network()
        options = TrainingOptions(epochs=1, steps=9, batch_size=4, truncate=truncate)
        penalty = RatePenalty(1.0, layers=("layers.1",))
        history = fit(
            net, TensorDataset(x, targets), options=options, penalties=penalty, loss="membrane"
        )
        losses.append(history.epochs[0].loss)
    assert losses[0] == pytest.approx(losses[1], rel=0.3)


def test_a_network_that_cannot_go_on_from_a_state_is_refused() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def forward(self, x: Tensor, steps: int | None = None) -> Any:
            return self.net(x, steps=steps)

    x, targets = torch.rand(8, 6), torch.arange(8) % 3
    with pytest.raises(UserError, match="takes no record"):
        fit(
            Own(),
            TensorDataset(x, targets),
            options=TrainingOptions(epochs=1, steps=4, truncate=2),
        )
