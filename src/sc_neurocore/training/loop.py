"""The training loop: surrogate-gradient descent on the spike rates of the output layer."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.training.distributed import ALONE, Group, current_group
from sc_neurocore.training.history import Epoch, TrainingHistory
from sc_neurocore.training.interruption import Interruptions
from sc_neurocore.training.keeper import Keeper
from sc_neurocore.training.learner import Learner, Samples, make_optimiser
from sc_neurocore.training.networks import Readout, SpikingOutput
from sc_neurocore.training.options import TrainingOptions, plain

BATCH_TO_EVALUATE = 256


def fit(
    net: nn.Module,
    train: Dataset,
    validation: Dataset | None = None,
    options: TrainingOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    after_epoch: Callable[[tuple[Epoch, ...]], None] = lambda epochs: None,
) -> TrainingHistory:
    """Train a network in place.

    With a checkpoint folder, a training that ended early, even by SIGKILL, goes on where the
    checkpoint was made when the same call is made again, and ends with the weights of an unbroken
    one bit for bit. Ctrl-C saves first.

    Args:
        net: Maps (batch, *shape) and `steps` to a `SpikingOutput`, such as `SpikingNet`; with a
            data set of sequences, (T, batch, *shape).
        train: What it learns from.
        validation: What it is tried on after each epoch; it learns nothing from it, but with
            `options.keep = "best"` it decides which epoch's weights are returned.
        options: How to train.
        progress: Receives an event after every epoch, and in a long epoch every ten seconds.
        checkpoint: The folder of the checkpoint, which holds nothing else.
        checkpoint_seconds: A checkpoint is made after every epoch, and as often in between.
        after_epoch: Called with all epochs so far after every epoch, and on resuming.

    Raises:
        DataError: If the training set is empty, or the checkpoint is damaged.
        UserError: If the checkpoint is one of another training, or the loss is not finite.
        KeyboardInterrupt: On Ctrl-C, saying how to resume.
    """
    options = options or TrainingOptions()
    if not len(train):
        raise DataError(f"{train.name}: the training set is empty")
    group = current_group()
    samples = Samples(net, train, options.steps, options.encoder)
    trials = None
    if validation is not None:
        trials = Samples(net, validation, options.steps, options.encoder)
    with _threads(options.threads), seeded(options.seed, samples.device), Interruptions() as hold:
        learner = Learner(net, samples, options, make_optimiser(net, options), group)
        keeper = Keeper(learner, hold, progress, checkpoint, checkpoint_seconds)
        if checkpoint:
            keeper.resume(_identity(net, train, validation, options, group))
        with keeper.saving_when_interrupted():
            keeper.report()
            if learner.epochs and group.is_first:
                after_epoch(tuple(learner.epochs))
            while len(learner.epochs) < options.epochs:
                learner.learn_epoch(hold.held, keeper.between_batches)
                began = time.perf_counter()
                tried = None if trials is None else _validate(learner, trials)
                with hold.held():
                    epoch = learner.close_epoch(tried, time.perf_counter() - began)
                    keeper.save()
                if group.is_first:
                    after_epoch(tuple(learner.epochs))
                detail = f"loss {epoch.loss:.4f}, accuracy {epoch.accuracy:.2%}"
                keeper.report(detail + ("" if tried is None else f", validation {tried:.2%}"))
                keeper.between_epochs()
        learner.finish()
    return TrainingHistory(tuple(learner.epochs), learner.kept)


def train_epoch(
    net: nn.Module,
    train: Dataset,
    optimiser: torch.optim.Optimizer,
    options: TrainingOptions | None = None,
) -> Epoch:
    """Pass once over a training set, for loops of one's own; `fit` is the loop with all options.

    The order of the samples comes from PyTorch's random numbers. The optimiser keeps its learning
    rate; the options' epochs, seed, threads, schedule, average and keep do not matter.
    """
    options = options or TrainingOptions()
    plainly = TrainingOptions(
        batch_size=options.batch_size,
        steps=options.steps,
        max_norm=options.max_norm,
        precision=options.precision,
        label_smoothing=options.label_smoothing,
        augment=options.augment,
        encoder=options.encoder,
        seed=int(torch.randint(2**31, ())),
    )
    learner = Learner(net, Samples(net, train, options.steps, options.encoder), plainly, optimiser)
    learner.learn_epoch()
    return learner.close_epoch(None)


def evaluate(
    net: nn.Module,
    dataset: Dataset,
    steps: int,
    readout: Readout = "spike-count",
    batch_size: int = BATCH_TO_EVALUATE,
    encoder: str = "direct",
    seed: int = 0,
) -> float:
    """Return the share of samples that the network classifies correctly.

    Args:
        net: As for `fit`; in evaluation mode while this lasts.
        dataset: The samples.
        steps: Time steps of static samples.
        readout: What decides the class.
        batch_size: Samples that run together.
        encoder: A name in `ENCODERS`.
        seed: For encoders that draw at random.
    """
    samples = Samples(net, dataset, steps, encoder)
    right = _count_right(net, samples, readout, batch_size, seed, ALONE)
    return int(right) / len(samples)


def _validate(learner: Learner, trials: Samples) -> float:
    """Return the accuracy; each process of the group looks at its part."""
    net, seed = learner.tried(), learner.options.seed
    right = _count_right(net, trials, "spike-count", BATCH_TO_EVALUATE, seed, learner.group)
    return int(learner.group.added(right)) / len(trials)


def _count_right(
    net: nn.Module, samples: Samples, readout: Readout, batch_size: int, seed: int, group: Group
) -> Tensor:
    """Return how many samples of this process's parts of the batches are classified correctly."""
    was_training = net.training
    net.eval()
    right = torch.zeros((), dtype=torch.int64, device=samples.device)
    generator = samples.generator(seed)
    batches = zip(
        torch.split(samples.frames, batch_size),
        torch.split(samples.labels, batch_size),
        strict=True,
    )
    try:
        with torch.no_grad():
            for frames, labels in batches:
                part = group.part(len(labels))
                inputs, steps = samples.encoded(frames, generator, part)
                if part.start < part.stop:
                    output: SpikingOutput = net(inputs, steps=steps)
                    right += (output.scores(readout).argmax(1) == labels[part]).sum()
    finally:
        net.train(was_training)
    return right


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw PyTorch's random numbers from `seed` inside, and leave them as they were outside.

    Args:
        seed: For the CPU's random numbers, and those of the device.
        device: A GPU whose random numbers are wanted too.
    """
    is_gpu = device is not None and device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if is_gpu else []):
        torch.default_generator.manual_seed(seed)
        if is_gpu:
            torch.cuda.manual_seed(seed)
        yield


@contextmanager
def _threads(number: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(before if number is None else number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _identity(
    net: nn.Module,
    train: Dataset,
    validation: Dataset | None,
    options: TrainingOptions,
    group: Group,
) -> dict[str, Any]:
    """Return what must be the same for a training to go on from a checkpoint."""
    return {
        "options": plain(options),
        "parameters": {name: list(value.shape) for name, value in net.state_dict().items()},
        "train": _digest(train),
        "validation": None if validation is None else _digest(validation),
        "processes": group.size,
    }


def _digest(dataset: Dataset) -> dict[str, Any]:
    digest = hashlib.sha256(dataset.inputs.tobytes())
    digest.update(dataset.labels.tobytes())
    return {"name": dataset.name, "samples": len(dataset), "sha256": digest.hexdigest()}
