from __future__ import annotations

import numpy as np
import pytest
import torch

from sc_neurocore.data import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    SpikingNet,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
)

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


def test_options_and_data_that_cannot_be_are_refused() -> None:
    with pytest.raises(UserError, match="epochs = 0: expected at least 1"):
        TrainingOptions(epochs=0)
    with pytest.raises(UserError, match="learning_rate = nan"):
        TrainingOptions(learning_rate=float("nan"))
    with pytest.raises(DataError, match="the training set is empty"):
        fit(network(), stripes(0, 0))
