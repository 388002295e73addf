"""A training in progress: everything that decides how it goes on, and the step that moves it on."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.training.distributed import ALONE, Group
from sc_neurocore.training.encoders import find_encoder
from sc_neurocore.training.history import Epoch
from sc_neurocore.training.losses import spike_count_loss
from sc_neurocore.training.networks import SpikingOutput
from sc_neurocore.training.options import TrainingOptions
from sc_neurocore.training.schedules import SCHEDULES

_LOSSES_TO_CHECK = 32
"""On a GPU, looking at a loss waits for it, so that many are looked at together."""


class Samples:
    """A data set where the network is, as the network takes it.

    Args:
        net: Its parameters say where and in which type.
        dataset: Static samples, or sequences.
        steps: Time steps of a static sample.
        encoder: A name in `ENCODERS`.
    """

    def __init__(self, net: nn.Module, dataset: Dataset, steps: int, encoder: str) -> None:
        parameter = next(net.parameters(), torch.empty(0))
        self.device = parameter.device
        self.frames = torch.from_numpy(dataset.frames()).to(self.device, parameter.dtype)
        self.labels = torch.from_numpy(dataset.labels).to(self.device)
        self.is_sequence = dataset.steps is not None
        self.steps = dataset.steps or steps
        self._encoder = find_encoder(encoder)

    def __len__(self) -> int:
        return len(self.labels)

    def generator(self, seed: int) -> torch.Generator:
        """Return a generator of random numbers for inputs."""
        return torch.Generator(self.device).manual_seed(seed)

    def encoded(
        self, frames: Tensor, generator: torch.Generator, part: slice = slice(None)
    ) -> tuple[Tensor, int | None]:
        """Return what a network takes, of inputs (batch, *shape); sequences (batch, T, *shape).

        Args:
            frames: A batch.
            generator: For encoders that draw at random.
            part: The samples to return; random numbers are drawn for all of them.
        """
        if self.is_sequence:
            x, steps = self._encoder(frames.transpose(0, 1), None, generator)
        else:
            x, steps = self._encoder(frames, self.steps, generator)
        return (x[:, part] if steps is None else x[part]), steps


class Learner:
    """A training between two batches.

    `state` and `restore` turn it into what a checkpoint holds, and back.

    Attributes:
        epochs: What has been finished.
        batch: Batches of the current epoch that have been learnt.
    """

    def __init__(
        self,
        net: nn.Module,
        samples: Samples,
        options: TrainingOptions,
        optimiser: torch.optim.Optimizer,
        group: Group = ALONE,
    ) -> None:
        self.net = net
        self.group = group
        self.samples = samples
        self.options = options
        self.optimiser = optimiser
        self.parameters = [each for each in net.parameters() if each.requires_grad]
        self.epochs: list[Epoch] = []
        self.batch = 0
        self.batches = math.ceil(len(samples) / options.batch_size)
        self.kept = 0
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        if options.average is not None:
            self.average = copied(net.state_dict())
        self._weights = list(net.state_dict().values())
        self._wrapped = group.wrapped(net, samples.device)
        if not group.is_first:  # its own dropout
            torch.manual_seed(options.seed + group.rank)
        # Drawn apart from the order of the samples and from dropout.
        self.generator = samples.generator(options.seed)
        self._order_drawn_from = torch.random.get_rng_state()
        self._sums = torch.zeros(2, device=samples.device)
        self._largest = torch.zeros((), device=samples.device)
        self._unseen: list[Tensor] = []
        self._seconds = 0.0

    @property
    def step(self) -> int:
        """Gradient steps taken so far."""
        return len(self.epochs) * self.batches + self.batch

    @property
    def mean_loss(self) -> float:
        """Of the samples of the current epoch so far that this process has seen."""
        seen = min(self.batch * self.options.batch_size, len(self.samples))
        return float(self._sums[0]) * self.group.size / max(seen, 1)

    def learn_epoch(
        self,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
        after_batch: Callable[[], None] = lambda: None,
    ) -> None:
        """Learn what is left of the current epoch.

        Args:
            held: Makes the context in which a batch is learnt.
            after_batch: Called between batches.

        Raises:
            UserError: If a loss is not a finite number.
        """
        self.net.train()
        remaining = torch.split(self._order(), self.options.batch_size)[self.batch :]
        began = time.perf_counter()
        for indices in remaining:
            with held():
                self._learn(indices)
                now = time.perf_counter()
                self._seconds += now - began
                began = now
            after_batch()
        self.check_losses()
        # BatchNorm saw other samples in each process.
        self.group.follow_first([*self.net.buffers(), *self.average.values()])

    def close_epoch(self, validation_accuracy: float | None, seconds: float = 0.0) -> Epoch:
        """Finish the current epoch and begin the next one."""
        loss, correct = self.group.added(self._sums).tolist()
        largest = float(self._largest)
        samples = len(self.samples)
        seconds += self._seconds
        epoch = Epoch(loss / samples, correct / samples, validation_accuracy, largest, seconds)
        best = self.epochs[self.kept - 1].validation_accuracy if self.kept else None
        self.epochs.append(epoch)
        if self.options.keep == "best" and validation_accuracy is not None:
            if best is None or validation_accuracy >= best:
                self.kept = len(self.epochs)
                self.best = copied(self.average or self.net.state_dict())
        else:
            self.kept = len(self.epochs)
        self.batch, self._seconds = 0, 0.0
        self._sums.zero_()
        self._largest.zero_()
        return epoch

    def tried(self) -> nn.Module:
        """Return the network to validate: a copy with the averaged weights, if there are some."""
        if not self.average:
            return self.net
        twin = copy.deepcopy(self.net)
        twin.load_state_dict(self.average)
        return twin

    def finish(self) -> None:
        """Leave the network with the weights that are kept."""
        self.net.load_state_dict(self.best or self.average or self.net.state_dict())
        self.net.eval()

    def check_losses(self) -> None:
        """Raise if one of the losses that have not been looked at is not a finite number."""
        if not self._unseen:
            return
        losses = torch.stack(self._unseen).tolist()
        self._unseen.clear()
        for index, loss in enumerate(losses):
            if not math.isfinite(loss):
                batch = self.batch + index - len(losses) + 1
                raise UserError(
                    f"the loss became {loss} in epoch {len(self.epochs) + 1}, batch {batch} of "
                    f"{self.batches} (learning_rate = {self.options.learning_rate}): training "
                    f"stops; choose a lower learning_rate, or clip gradients with max_norm"
                )

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return plain values and tensors from which `restore` goes on, bit for bit.

        All processes of the group call it together, and the values of the first one hold.
        """
        self.check_losses()
        content = {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "batch": self.batch,
            "kept": self.kept,
            "seconds": self._seconds,
        }
        tensors = {
            "sums": self.group.added(self._sums),
            "largest": self._largest,
            "random.order": self._order_drawn_from,
            "random.generator": self.generator.get_state(),
        }
        for rank, states in enumerate(self.group.gathered(_random_states(self.samples.device))):
            tensors.update({f"random.{name}.{rank}": state for name, state in states.items()})
        groups: dict[str, Mapping[str, Tensor]] = {
            "network": self.net.state_dict(),
            "average": self.average,
            "best": self.best,
        }
        for index, parameter in enumerate(self.parameters):
            groups[f"optimiser.{index}"] = self.optimiser.state.get(parameter, {})
        for group, members in groups.items():
            tensors.update({f"{group}/{name}": tensor for name, tensor in members.items()})
        return content, tensors

    def restore(self, content: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on from a state.

        Raises:
            DataError: If it is not a state of this network.
        """

        def group(name: str) -> dict[str, Tensor]:
            prefix = f"{name}/"
            return {
                key.removeprefix(prefix): value
                for key, value in tensors.items()
                if key.startswith(prefix)
            }

        try:
            network = self.net.state_dict()
            self.net.load_state_dict(group("network"))
            self.average = _arranged(group("average"), network)
            self.best = _arranged(group("best"), network)
            for index, parameter in enumerate(self.parameters):
                moments = group(f"optimiser.{index}")
                if moments:
                    self.optimiser.state[parameter] = {
                        name: _like(value, parameter) for name, value in moments.items()
                    }
            self.epochs = [Epoch(**epoch) for epoch in content["epochs"]]
            self.batch, self.kept = content["batch"], content["kept"]
            self._seconds = content["seconds"]
            if self.group.is_first:  # it holds what all have seen
                self._sums.copy_(tensors["sums"])
            self._largest.copy_(tensors["largest"])
            self._order_drawn_from = tensors["random.order"].clone()
            self.generator.set_state(tensors["random.generator"])
            rank = self.group.rank
            torch.random.set_rng_state(tensors[f"random.cpu.{rank}"])
            if self.samples.device.type == "cuda":
                torch.cuda.set_rng_state(tensors[f"random.cuda.{rank}"], self.samples.device)
        except (KeyError, TypeError, RuntimeError) as error:
            raise DataError(f"the checkpoint does not fit the network: {error}") from None

    def _order(self) -> Tensor:
        """Return the order of the samples in the current epoch, the same in all processes."""
        samples = len(self.samples)
        if not self.batch:
            self._order_drawn_from = self.group.from_first(torch.random.get_rng_state())
        if not self.batch and self.group.is_first:
            order = torch.randperm(samples)
        else:
            with torch.random.fork_rng(devices=[]):
                torch.random.set_rng_state(self._order_drawn_from)
                order = torch.randperm(samples)
        return order.to(self.samples.device)

    def _learn(self, indices: Tensor) -> None:
        """Take one gradient step."""
        options, samples = self.options, self.samples
        frames, labels = samples.frames[indices], samples.labels[indices]
        if options.augment is not None:
            frames = options.augment(frames, self.generator)
        part = self.group.part(len(labels))
        number = part.stop - part.start
        if not number:  # more processes than samples: one that weighs nothing
            part = slice(0, 1)
        inputs, steps = samples.encoded(frames, self.generator, part)
        labels = labels[part]
        with self._precision():
            output: SpikingOutput = self._wrapped(inputs, steps=steps)
            loss = spike_count_loss(
                output.spike_counts,
                labels,
                samples.steps,
                label_smoothing=options.label_smoothing,
            )
        self.optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over processes, but each should weigh as much as it has samples.
        weight = number * self.group.size / len(indices)
        (loss if weight == 1 else loss * weight).backward()
        gradients = [each.grad for each in self.parameters if each.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if options.max_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, options.max_norm, norm)
        self._set_learning_rate()
        self.optimiser.step()
        self._update_average()
        with torch.no_grad():
            if number:
                self._sums[0] += loss * number
                self._sums[1] += (output.spike_counts.argmax(1) == labels).sum()
            torch.maximum(self._largest, norm, out=self._largest)
        self._unseen.append(loss.detach())
        self.batch += 1
        if samples.device.type == "cpu" or len(self._unseen) == _LOSSES_TO_CHECK:
            self.check_losses()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.options.precision == "float32":
            return nullcontext()
        return torch.autocast(self.samples.device.type, torch.bfloat16)

    def _set_learning_rate(self) -> None:
        if self.options.schedule == "constant":
            return
        total = self.options.epochs * self.batches
        factor = SCHEDULES[self.options.schedule](self.step, total)
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * factor

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.options.average is None:
            return
        weight = max(1 - self.options.average, 1 / (self.step + 1))
        averages = list(self.average.values())
        pairs = list(zip(averages, self._weights, strict=True))
        real = [(average, now) for average, now in pairs if average.is_floating_point()]
        torch._foreach_lerp_([average for average, _ in real], [now for _, now in real], weight)
        for average, now in pairs:
            if not average.is_floating_point():  # such as the number of batches that BatchNorm saw
                average.copy_(now)


def make_optimiser(net: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return the optimiser; only weights decay, not biases, delays or what neurons learn."""
    kind = torch.optim.AdamW if options.optimiser == "adamw" else torch.optim.Adam
    learnt = [(name, each) for name, each in net.named_parameters() if each.requires_grad]
    decays: list[Tensor] = []
    stays: list[Tensor] = []
    for name, each in learnt:
        is_weight = each.ndim > 1 and name.rpartition(".")[2] == "weight"
        (decays if is_weight and options.weight_decay else stays).append(each)
    groups = [
        {"params": decays, "weight_decay": options.weight_decay},
        {"params": stays, "weight_decay": 0.0},
    ]
    return kind([group for group in groups if group["params"]], lr=options.learning_rate)


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"cpu": torch.random.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies in the same memory format."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def _arranged(values: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the values in the order, memory format and place of other tensors."""
    return {name: _like(values[name], tensor) for name, tensor in like.items()} if values else {}


def _like(value: Tensor, tensor: Tensor) -> Tensor:
    """Return a value in the memory format of a tensor: other formats would round otherwise."""
    if value.shape != tensor.shape or not value.ndim:
        return value.clone()
    return torch.empty_like(tensor, requires_grad=False).copy_(value)
