from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sc_neurocore.data import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    SpikingNet,
    SpikingOutput,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
    spike_count_loss,
    train_epoch,
)
from sc_neurocore.training.optimisers import make_optimiser

# Networks that learn for a few steps only have not woken up yet, and are told so.
pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")

OPTIONS = TrainingOptions(epochs=4, batch_size=16, steps=8, learning_rate=1e-2, seed=3)


def stripes(samples: int, seed: int) -> Dataset:
    """Three classes: which third of the inputs is bright."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, samples)
    inputs = generator.integers(0, 6, (samples, 9))
    inputs += 10 * (np.arange(9) // 3 == labels[:, None])
    return Dataset("stripes", inputs.astype(np.uint8), labels, 3, 4, 4)


def network() -> SpikingNet:
    with seeded(0):
        return SpikingNet(9, 16, 3)


def test_it_learns_and_the_same_seed_learns_the_same() -> None:
    train, validation = stripes(200, 0), stripes(80, 1)
    before = torch.random.get_rng_state()
    nets, histories, events = [], [], []
    for _ in range(2):
        nets.append(network())
        histories.append(fit(nets[-1], train, validation, OPTIONS, events.append))
    assert torch.equal(torch.random.get_rng_state(), before)

    epochs = histories[0].epochs
    assert len(epochs) == 4
    assert epochs[-1].loss < epochs[0].loss / 2
    assert epochs[-1].validation_accuracy == evaluate(nets[0], validation, steps=8)
    assert evaluate(nets[0], validation, steps=8) > 0.9
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)
    assert [e.loss for e in epochs] == [e.loss for e in histories[1].epochs]
    assert histories[0].seconds == pytest.approx(sum(e.seconds for e in epochs))

    assert [event.done for event in events[:5]] == [0, 1, 2, 3, 4]
    assert events[0] == Progress("training", 0, 4)
    assert "loss" in events[1].detail
    assert "validation" in events[1].detail


def test_another_seed_learns_otherwise() -> None:
    first, second = network(), network()
    fit(first, stripes(50, 0), options=TrainingOptions(epochs=1, steps=5, seed=0))
    fit(second, stripes(50, 0), options=TrainingOptions(epochs=1, steps=5, seed=1))
    assert not torch.equal(first.layers[0].weight, second.layers[0].weight)


def test_parameters_that_are_frozen_stay() -> None:
    net = network()
    net.layers[0].weight.requires_grad_(False)
    before = net.layers[0].weight.clone()
    fit(net, stripes(50, 0), options=TrainingOptions(epochs=1, steps=5))
    assert torch.equal(net.layers[0].weight, before)
    assert not net.training


def test_threads_and_random_numbers_are_restored_after_an_interruption() -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()

    def interrupt(event: Progress) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(network(), stripes(20, 0), options=OPTIONS, progress=interrupt)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def counts(net: SpikingNet, data: Dataset, steps: int) -> torch.Tensor:
    with torch.no_grad():
        return net(torch.from_numpy(data.frames()), steps=steps).spike_counts


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_an_epoch_is_the_mean_over_its_samples(smoothing: float) -> None:
    data, net = stripes(50, 0), network()  # 50 = 3 * 16 + 2
    labels = torch.from_numpy(data.labels)
    wanted = spike_count_loss(counts(net, data, 5), labels, 5, label_smoothing=smoothing)
    right = (counts(net, data, 5).argmax(1) == labels).sum() / 50
    options = TrainingOptions(
        epochs=1, batch_size=16, steps=5, learning_rate=1e-30, label_smoothing=smoothing
    )
    history = fit(net, data, options=options)
    assert history.epochs[0].loss == pytest.approx(float(wanted), rel=1e-6)
    assert history.epochs[0].accuracy == pytest.approx(float(right))


def one_step(net: SpikingNet, data: Dataset, **options: object) -> list[torch.Tensor]:
    """Return how far one step of gradient descent on the whole data moves the parameters."""
    before = [each.detach().clone() for each in net.parameters()]
    plain = TrainingOptions(batch_size=len(data), steps=5, **options)  # type: ignore[arg-type]
    train_epoch(net, data, torch.optim.SGD(net.parameters(), lr=1.0), plain)
    return [old - new.detach() for old, new in zip(before, net.parameters(), strict=True)]


def test_clipping_scales_the_whole_gradient_down_to_the_norm() -> None:
    free, data = one_step(network(), stripes(50, 0)), stripes(50, 0)
    norm = float(torch.cat([each.flatten() for each in free]).norm())
    clipped = one_step(network(), data, max_norm=norm / 4)
    for one, other in zip(free, clipped, strict=True):
        torch.testing.assert_close(other, one / 4, rtol=1e-4, atol=1e-6)
    for one, other in zip(free, one_step(network(), data, max_norm=norm * 2), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-6)


def test_only_weights_decay() -> None:
    net = network()
    options = TrainingOptions(optimiser="adamw", weight_decay=0.5)
    optimiser = make_optimiser(net, options)
    before = [each.detach().clone() for each in net.parameters()]
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for old, new in zip(before, net.parameters(), strict=True):
        share = 1 - 0.5 * options.learning_rate if old.ndim == 2 else 1
        torch.testing.assert_close(new.detach(), share * old)


def test_the_average_is_even_at_first_and_exponential_then() -> None:
    data, decay = stripes(16 * 9, 0), 0.8
    options = TrainingOptions(epochs=1, batch_size=16, steps=5)
    seen: list[torch.Tensor] = []

    class Watched(torch.optim.Adam):
        def step(self, closure: object = None) -> None:  # type: ignore[override]
            super().step()
            seen.append(self.param_groups[0]["params"][0].detach().clone())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "Adam", Watched)
        net = network()
        fit(net, data, options=replace(options, average=decay))
    assert len(seen) == 9
    average = torch.stack(seen[:5]).mean(0)  # 1 / (1 - decay) steps
    for weights in seen[5:]:
        average = decay * average + (1 - decay) * weights
    torch.testing.assert_close(net.layers[0].weight.detach(), average)

    last = network()
    fit(last, data, options=options)
    assert torch.equal(last.layers[0].weight, seen[-1])


def test_the_best_epoch_is_kept_the_latest_of_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = [0.5, 0.9, 0.9, 0.7]
    weights: list[torch.Tensor] = []

    def validate(learner: object, trials: object) -> float:
        weights.append(learner.net.layers[0].weight.detach().clone())  # type: ignore[attr-defined]
        return accuracies[len(weights) - 1]

    monkeypatch.setattr("sc_neurocore.training.loop._validate", validate)
    net = network()
    assert fit(net, stripes(50, 0), stripes(20, 1), OPTIONS).kept == 3
    assert torch.equal(net.layers[0].weight, weights[2])
    assert not torch.equal(weights[2], weights[3])
    weights.clear()
    assert fit(net, stripes(50, 0), stripes(20, 1), replace(OPTIONS, keep="last")).kept == 4
    assert torch.equal(net.layers[0].weight, weights[3])


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "one-cycle", "optimiser": "adamw", "weight_decay": 0.01, "average": 0.9},
        {"precision": "bfloat16", "schedule": "cosine"},
        {"encoder": "rate", "steps": 20, "epochs": 8},
        {"augment": lambda frames, generator: frames + torch.rand((), generator=generator) / 4},
    ],
)
def test_every_option_learns_and_repeats_itself(changes: dict[str, Any]) -> None:
    options, validation = replace(OPTIONS, **changes), stripes(80, 1)
    nets = [network(), network()]
    for net in nets:
        fit(net, stripes(200, 0), validation, options)
    right = evaluate(nets[0], validation, options.steps, encoder=options.encoder)
    assert right > 0.85
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(one, other)
    plain = network()
    fit(plain, stripes(200, 0), validation, OPTIONS)
    assert not torch.equal(plain.layers[0].weight, nets[0].layers[0].weight)


def test_batch_norm_and_dropout_know_whether_they_train() -> None:
    first, cell, last, out = network().layers
    seen: list[bool] = []
    norm = torch.nn.BatchNorm1d(16)
    norm.register_forward_hook(lambda module, *_: seen.append(module.training))
    net = SpikingSequential(first, norm, cell, torch.nn.Dropout(0.1), last, out)
    fit(net, stripes(32, 0), stripes(20, 1), replace(OPTIONS, epochs=2, average=0.5))
    assert seen == [True, True, False] * 2
    assert int(net.layers[1].num_batches_tracked) in (2, 4)  # after the epoch that is kept


def test_a_loss_that_is_not_finite_stops_the_training_and_names_the_step() -> None:
    def spoil(frames: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        spoil.calls += 1  # type: ignore[attr-defined]
        return frames * (float("nan") if spoil.calls == 6 else 1)  # type: ignore[attr-defined]

    spoil.calls = 0  # type: ignore[attr-defined]
    net = network()
    with pytest.raises(UserError, match=r"stops in epoch 2, batch 2 of 4 .*the inputs hold NaN"):
        fit(Leaky(net), stripes(50, 0), options=replace(OPTIONS, augment=spoil))


class Leaky(torch.nn.Module):
    """Counts that are NaN where an input is: a comparison alone would hide it."""

    def __init__(self, net: SpikingNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: torch.Tensor, steps: int | None = None) -> SpikingOutput:
        output = self.net(x, steps=steps)
        return SpikingOutput(output.spike_counts + 0 * x.sum(), output.membrane)


def test_sequences_bring_their_own_number_of_steps() -> None:
    data = stripes(60, 0)
    repeated = np.repeat(data.inputs[:, None], 8, axis=1)
    sequences = replace(data, inputs=repeated, kind="sequence")
    one, other = network(), network()
    first = fit(one, data, data, replace(OPTIONS, steps=8))
    second = fit(other, sequences, sequences, replace(OPTIONS, steps=99))
    assert [e.loss for e in second.epochs] == pytest.approx([e.loss for e in first.epochs])
    assert second.epochs[-1].validation_accuracy == first.epochs[-1].validation_accuracy
    assert evaluate(other, sequences, steps=99) == evaluate(one, data, steps=8)


def test_a_long_epoch_reports_from_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sc_neurocore.training.keeper._SECONDS_BETWEEN_REPORTS", 0.0)
    events: list[Progress] = []
    fit(network(), stripes(32, 0), options=replace(OPTIONS, epochs=1), progress=events.append)
    assert [event.done for event in events] == [0, 0, 0, 1]
    assert events[1].detail.startswith("batch 1 of 2, loss ")


def test_options_and_data_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="epochs = 0: expected a whole number of at least 1"):
        TrainingOptions(epochs=0)
    with pytest.raises(UserError, match="learning_rate = nan"):
        TrainingOptions(learning_rate=float("nan"))
    with pytest.raises(UserError, match=r"average = 1.0: expected 0 or more, and less than 1"):
        TrainingOptions(average=1)
    with pytest.raises(UserError, match="schedule = 'linear': expected one of constant, cosine"):
        TrainingOptions(schedule="linear")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="no encoder 'morse'; known: direct, rate"):
        TrainingOptions(encoder="morse")
    with pytest.raises(DataError, match="the training set is empty"):
        fit(network(), stripes(0, 0))


def test_it_trains_in_a_thread_where_python_delivers_no_signals() -> None:
    nets = [network(), network()]
    fit(nets[0], stripes(32, 0), options=OPTIONS)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(fit, nets[1], stripes(32, 0), options=OPTIONS).result()
    assert torch.equal(nets[0].layers[0].weight, nets[1].layers[0].weight)
