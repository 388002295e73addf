"""The training loop: surrogate-gradient descent on the spike rates of the output layer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import as_seed, as_whole, check_numbers, shown
from sc_neurocore.kernels.numba.runtime import telling
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.training.answers import measured
from sc_neurocore.training.distributed import ALONE, Group, current_group
from sc_neurocore.training.foreign import make_source
from sc_neurocore.training.history import Epoch, TrainingHistory
from sc_neurocore.training.identity import check_call, check_network, identity
from sc_neurocore.training.interruption import Interruptions
from sc_neurocore.training.keeper import Keeper
from sc_neurocore.training.learner import Learner
from sc_neurocore.training.objectives import Loss, Objective, make_objective
from sc_neurocore.training.optimisers import check_moves, make_optimiser
from sc_neurocore.training.options import TrainingOptions
from sc_neurocore.training.penalties import RatePenalty
from sc_neurocore.training.readouts import Answer, Readout
from sc_neurocore.training.sources import STATIC, BatchLayout, Source

BATCH_TO_EVALUATE = 256


def fit(
    net: nn.Module,
    train: Any,
    validation: Any = None,
    options: TrainingOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    checkpoint: Path | str | None = None,
    checkpoint_seconds: float = 60.0,
    after_epoch: Callable[[tuple[Epoch, ...]], None] = lambda epochs: None,
    *,
    loss: str | Loss = "spike-count",
    readout: str | Readout | None = None,
    metric: str | Callable[[Answer, Tensor], Tensor] | None = None,
    penalties: RatePenalty | tuple[RatePenalty, ...] = (),
    time_axis: int | None = None,
    packed: tuple[int, ...] | None = None,
) -> TrainingHistory:
    """Train a network in place.

    With a checkpoint folder, a training that ended early, even by SIGKILL, goes on where the
    checkpoint was made when the same call is made again, and ends with the weights of an unbroken
    one bit for bit. Ctrl-C saves first. With more epochs, and a constant learning rate, a finished
    one is prolonged. A checkpoint knows its network by its modules, their options, and its cells'
    equations and fixed numbers; what is written in a module of one's own it cannot know.

    Args:
        net: Maps (batch, *shape) and `steps` to a `SpikingOutput`, such as `SpikingNet`; with a
            data set of sequences, (T, batch, *shape).
        train: What it learns from: a `Dataset`; a data set of PyTorch; a DataLoader; or anything
            that can be iterated again and gives batches (inputs, targets) or (inputs, targets,
            lengths). Inputs may have any type, and become the network's batch by batch. Data sets
            are shuffled; a DataLoader has an order of its own, which is the same for the same seed
            where it draws from PyTorch. A checkpoint knows a `Dataset` by its content, and others
            only by their kind and size.
        validation: What it is tried on after each epoch; it learns nothing from it, but with
            `options.keep = "best"` it decides which epoch's weights are returned.
        options: How to train. Batches that come ready have their own size.
        progress: Receives an event after every epoch, and in a long epoch every ten seconds.
        checkpoint: The folder of the checkpoint.
        checkpoint_seconds: A checkpoint is made after every epoch, and as often in between.
        after_epoch: Called with all epochs so far after every epoch, and on resuming.
        loss: What is minimised: a name in `LOSSES`, one of its objects, such as
            `CrossEntropy(weight=(1, 5))`, or a function `loss(answer, targets)`.
        readout: What decides the class: a name, or `Readout(kind, population)`; by default what
            the loss is made of.
        metric: What `Epoch.accuracy` holds: see `Objective`.
        penalties: What is paid for the activity of layers.
        time_axis: Of inputs that are not a `Dataset`: None where they are static, 1 where they are
            sequences (batch, T, ...), 0 for (T, batch, ...).
        packed: Of inputs that are not a `Dataset` and hold eight spikes in a byte of the last axis,
            as `numpy.packbits` makes them: the shape of one frame.

    Raises:
        DataError: If the training set is empty, a batch does not fit, or the checkpoint is damaged.
        UserError: If the checkpoint is one of another training, or something becomes NaN or
            infinite: the message names the step, the layer and the cause, the weights are those of
            before, and the last checkpoint is good.
        KeyboardInterrupt: On Ctrl-C, saying how to resume.

    Warns:
        TrainingWarning: After the first epoch, if a layer has never fired.
    """
    options = TrainingOptions() if options is None else options
    check_call(net, options, checkpoint, progress=progress, after_epoch=after_epoch)
    check_numbers(checkpoint_seconds=checkpoint_seconds)
    if not checkpoint_seconds >= 0:
        raise UserError(f"checkpoint_seconds = {checkpoint_seconds}: expected 0 or more")
    objective = make_objective(loss, readout, metric, penalties, options.label_smoothing)
    group = current_group()
    layout = BatchLayout(time_axis, packed)
    how = options.steps, options.encoder
    samples = make_source(net, train, *how, options.batch_size, layout, options.epochs)
    if samples.batches(options.batch_size) is None:
        wanted = {"schedule": options.schedule, "sharpen": options.sharpen}
        for name, value in wanted.items():
            if value not in ("constant", None):
                raise UserError(
                    f"{name} = {value!r}: it needs the number of batches, but a "
                    f"{type(train).__name__} has no len(); leave it out, or give it a __len__"
                )
    trials = None
    if isinstance(validation, TrainingOptions):
        raise UserError(
            "validation: found TrainingOptions, expected data; give options=... by name"
        )
    if validation is not None:
        laid_out = STATIC if isinstance(validation, Dataset) else layout
        trials = make_source(net, validation, *how, BATCH_TO_EVALUATE, laid_out, options.epochs)
    with _threads(options.threads), seeded(options.seed, samples.device), Interruptions() as hold:
        optimiser = make_optimiser(net, options)
        learner = Learner(net, samples, options, optimiser, group, objective)
        folder = None if checkpoint is None else Path(checkpoint)
        keeper = Keeper(learner, hold, progress, folder, checkpoint_seconds)
        if folder is not None:
            keeper.resume(identity(net, samples, trials, options, objective, group))
        with keeper.saving_when_interrupted(), telling(keeper.say_compiling):
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
                keeper.report(_detail(epoch, objective))
                keeper.between_epochs()
        learner.finish()
    return TrainingHistory(tuple(learner.epochs), learner.kept)


def _detail(epoch: Epoch, objective: Objective) -> str:
    is_share = objective.metric == "accuracy"
    name = objective.metric if isinstance(objective.metric, str) else "metric"

    def shown(value: float) -> str:
        return f"{value:.2%}" if is_share else f"{value:.4g}"

    tried = epoch.validation_accuracy
    detail = f"loss {epoch.loss:.4f}, {name} {shown(epoch.accuracy)}"
    return detail if tried is None else f"{detail}, validation {shown(tried)}"


def train_epoch(
    net: nn.Module,
    train: Any,
    optimiser: torch.optim.Optimizer,
    options: TrainingOptions | None = None,
    *,
    loss: str | Loss = "spike-count",
    readout: str | Readout | None = None,
    metric: str | Callable[[Answer, Tensor], Tensor] | None = None,
    penalties: RatePenalty | tuple[RatePenalty, ...] = (),
    time_axis: int | None = None,
    packed: tuple[int, ...] | None = None,
) -> Epoch:
    """Pass once over a training set, for loops of one's own; `fit` is the loop with all options.

    The order of the samples comes from PyTorch's random numbers. The optimiser keeps its learning
    rate; the options' epochs, seed, threads, schedule, average, keep and sharpen do not matter.
    What else there is to say is as for `fit`.
    """
    options = TrainingOptions() if options is None else options
    check_call(net, options, None)
    if not isinstance(optimiser, torch.optim.Optimizer):
        raise UserError(
            f"optimiser: found {shown(optimiser)}, expected one of torch.optim, such as "
            f"torch.optim.Adam(net.parameters())"
        )
    check_moves(net, optimiser)
    plainly = TrainingOptions(
        batch_size=options.batch_size,
        steps=options.steps,
        max_norm=options.max_norm,
        precision=options.precision,
        label_smoothing=options.label_smoothing,
        augment=options.augment,
        encoder=options.encoder,
        truncate=options.truncate,
        seed=int(torch.randint(2**31, ())),
    )
    layout = BatchLayout(time_axis, packed)
    objective = make_objective(loss, readout, metric, penalties, options.label_smoothing)
    source = make_source(net, train, options.steps, options.encoder, options.batch_size, layout)
    learner = Learner(net, source, plainly, optimiser, objective=objective)
    learner.learn_epoch()
    return learner.close_epoch(None)


def evaluate(
    net: nn.Module,
    dataset: Any,
    steps: int = 25,
    readout: str | Readout | None = None,
    batch_size: int = BATCH_TO_EVALUATE,
    encoder: str = "direct",
    seed: int = 0,
    *,
    loss: str | Loss = "spike-count",
    metric: str | Callable[[Answer, Tensor], Tensor] | None = None,
    time_axis: int | None = None,
    packed: tuple[int, ...] | None = None,
) -> float:
    """Return the share of samples that the network classifies correctly, or another metric's mean.

    Args:
        net: As for `fit`; in evaluation mode while this lasts.
        dataset: The samples, of any kind that `fit` takes.
        steps: Time steps of static samples.
        readout: What decides the class, by default "spike-count".
        batch_size: Samples that run together; batches that come ready have their own size.
        encoder: A name in `ENCODERS`.
        seed: For encoders that draw at random.
        loss: As for `fit`; it says what `metric` and `readout` are where they are not given.
        metric: As for `fit`.
        time_axis: As for `fit`.
        packed: As for `fit`.
    """
    check_network(net)
    steps = as_whole("steps", steps)
    batch_size = as_whole("batch_size", batch_size)
    seed = as_seed("seed", seed)
    objective = make_objective(loss, readout, metric)
    layout = BatchLayout(time_axis, packed)
    source = make_source(net, dataset, steps, encoder, batch_size, layout)
    total, count = _measure(net, source, objective, batch_size, seed, ALONE)
    return objective.mean(float(total), count)


def _validate(learner: Learner, trials: Source) -> float:
    """Return the metric; each process of the group looks at its part."""
    net, seed, group = learner.tried(), learner.options.seed, learner.group
    total, count = _measure(net, trials, learner.objective, BATCH_TO_EVALUATE, seed, group)
    return learner.objective.mean(float(group.added(total)), count)


def _measure(
    net: nn.Module,
    source: Source,
    objective: Objective,
    batch_size: int,
    seed: int,
    group: Group,
) -> tuple[Tensor, int]:
    """Return the metric of this process's parts of the batches, added up, and all samples."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    total = torch.zeros((), dtype=torch.float64, device=source.device)
    count = 0
    generator = source.generator(seed)
    try:
        with torch.no_grad():
            for batch in source.in_order(batch_size):
                part = group.part(len(batch.targets))
                count += len(batch.targets)
                total += measured(net, source, objective, batch, generator, part)
    finally:
        for module, mode in modes.items():
            module.training = mode
    if not count:
        raise DataError("no batch came: there is nothing to evaluate on")
    return total, count


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw PyTorch's random numbers from `seed` inside, and leave them as they were outside.

    Args:
        seed: For the CPU's random numbers, and those of the device.
        device: A GPU whose random numbers are wanted too.
    """
    seed = as_seed("seed", seed)
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
