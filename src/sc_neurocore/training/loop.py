"""The training loop: surrogate-gradient descent on the spike rates of the output layer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.training.losses import spike_count_loss
from sc_neurocore.training.networks import Readout, SpikingOutput


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Samples per gradient step; the last batch of an epoch may be smaller.
        learning_rate: Of Adam (Kingma and Ba, ICLR 2015), constant.
        steps: Time steps per sample.
        seed: The same seed gives the same weights.
        threads: CPU threads of PyTorch while training, which also fix the order of its sums;
            small networks are fastest on one. None leaves PyTorch's setting alone.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 2e-3
    steps: int = 25
    seed: int = 0
    threads: int | None = 1

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "steps"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} = {getattr(self, name)}: expected at least 1")
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate = {self.learning_rate}: expected a number above 0")


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Attributes:
        loss: Mean loss over the samples, each before the step that learnt from it.
        accuracy: Share of them classified correctly, likewise.
        validation_accuracy: On the validation set after the epoch; None without one.
        largest_gradient: Largest L2 norm of the whole gradient in any step.
        seconds: Wall time of the epoch.
    """

    loss: float
    accuracy: float
    validation_accuracy: float | None
    largest_gradient: float
    seconds: float


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs in their order."""

    epochs: tuple[Epoch, ...]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)


def fit(
    net: nn.Module,
    train: Dataset,
    validation: Dataset | None = None,
    options: TrainingOptions | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainingHistory:
    """Train a network in place.

    Args:
        net: Maps (batch, *shape) and `steps` to a `SpikingOutput`, such as `SpikingNet`.
        train: What it learns from.
        validation: What it is tried on after each epoch; it learns nothing from it.
        options: How to train.
        progress: Receives an event after every epoch.

    Raises:
        DataError: If the training set is empty.
    """
    options = options or TrainingOptions()
    if not len(train):
        raise DataError(f"{train.name}: the training set is empty")
    frames, labels = _tensors(net, train)
    optimiser = torch.optim.Adam(
        (parameter for parameter in net.parameters() if parameter.requires_grad),
        lr=options.learning_rate,
    )
    epochs: list[Epoch] = []
    with seeded(options.seed), _threads(options.threads):
        progress(Progress("training", 0, options.epochs))
        for number in range(1, options.epochs + 1):
            start = time.perf_counter()
            net.train()
            loss, accuracy, gradient = _train_epoch(net, frames, labels, optimiser, options)
            tried = None if validation is None else evaluate(net, validation, options.steps)
            epochs.append(Epoch(loss, accuracy, tried, gradient, time.perf_counter() - start))
            detail = f"loss {loss:.4f}, accuracy {accuracy:.2%}"
            detail += "" if tried is None else f", validation {tried:.2%}"
            progress(Progress("training", number, options.epochs, detail))
    net.eval()
    return TrainingHistory(tuple(epochs))


def _train_epoch(
    net: nn.Module,
    frames: Tensor,
    labels: Tensor,
    optimiser: torch.optim.Optimizer,
    options: TrainingOptions,
) -> tuple[float, float, float]:
    """Return the mean loss, the accuracy and the largest gradient norm."""
    parameters = [each for each in net.parameters() if each.requires_grad]
    largest = torch.zeros((), device=frames.device)
    total = torch.zeros((), device=frames.device)
    correct = torch.zeros((), device=frames.device)
    order = torch.randperm(len(labels)).to(frames.device)
    for batch in torch.split(order, options.batch_size):
        output: SpikingOutput = net(frames[batch], steps=options.steps)
        loss = spike_count_loss(output.spike_counts, labels[batch], options.steps)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [each.grad for each in parameters if each.grad is not None]
        largest = torch.maximum(largest, nn.utils.get_total_norm(gradients))
        optimiser.step()
        total += loss.detach() * len(batch)
        correct += (output.spike_counts.argmax(1) == labels[batch]).sum()
    return float(total) / len(labels), float(correct) / len(labels), float(largest)


def evaluate(
    net: nn.Module,
    dataset: Dataset,
    steps: int,
    readout: Readout = "spike-count",
    batch_size: int = 1024,
) -> float:
    """Return the share of samples that the network classifies correctly."""
    frames, labels = _tensors(net, dataset)
    was_training = net.training
    net.eval()
    correct = 0
    with torch.no_grad():
        for batch in torch.split(torch.arange(len(labels)), batch_size):
            output: SpikingOutput = net(frames[batch], steps=steps)
            correct += int((output.scores(readout).argmax(1) == labels[batch]).sum())
    net.train(was_training)
    return correct / len(labels)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw PyTorch's CPU random numbers from `seed` inside, and leave them as they were outside."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _tensors(net: nn.Module, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return inputs and labels where the network is, the inputs in its float type."""
    parameter = next(net.parameters(), torch.empty(0))
    frames = torch.from_numpy(dataset.frames()).to(parameter.device, parameter.dtype)
    return frames, torch.from_numpy(dataset.labels).to(parameter.device)
