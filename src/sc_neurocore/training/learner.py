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

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.training.distributed import ALONE, Group
from sc_neurocore.training.health import Watch, bad_tensor, cause
from sc_neurocore.training.history import Epoch
from sc_neurocore.training.objectives import Objective, make_objective
from sc_neurocore.training.options import TrainingOptions
from sc_neurocore.training.passes import Learnt, Pass
from sc_neurocore.training.schedules import SCHEDULES
from sc_neurocore.training.sharpening import delayed_layers
from sc_neurocore.training.sources import Batch, Source, augmented

_LOSSES_TO_CHECK = 32
"""On a GPU, looking at a loss waits for it, so that many are looked at together."""


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
        samples: Source,
        options: TrainingOptions,
        optimiser: torch.optim.Optimizer,
        group: Group = ALONE,
        objective: Objective | None = None,
    ) -> None:
        self.net = net
        self.group = group
        self.samples = samples
        self.options = options
        self.optimiser = optimiser
        self.objective = objective or make_objective(label_smoothing=options.label_smoothing)
        self.watch = Watch(net)
        self.parameters = [each for each in net.parameters() if each.requires_grad]
        self.epochs: list[Epoch] = []
        self.batch = 0
        self.batches = samples.batches(options.batch_size)
        self.step = 0
        self.kept = 0
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        if options.average is not None:
            self.average = copied(net.state_dict())
        wrapped = group.wrapped(net, samples.device, all_used=options.sharpen is None)
        self._delayed = [] if options.sharpen is None else delayed_layers(net)
        self._pass = Pass(
            net, wrapped, samples, self.objective, self.watch, self._precision, options.truncate
        )
        if not group.is_first:  # its own dropout
            torch.manual_seed(options.seed + group.rank)
        # Drawn apart from the order of the samples and from dropout.
        self.generator = samples.generator(options.seed)
        self._order_drawn_from = torch.random.get_rng_state()
        self._sums = torch.zeros(2, device=samples.device)
        self._largest = torch.zeros((), device=samples.device)
        self._seen = 0
        self._unseen: list[Tensor] = []
        self._seconds = 0.0

    @property
    def place(self) -> str:
        """Where in the epoch it is: batches learnt, and how many there are where that is known."""
        return f"{self.batch}" if self.batches is None else f"{self.batch} of {self.batches}"

    @property
    def mean_loss(self) -> float:
        """Of the samples of the current epoch so far that this process has seen."""
        return float(self._sums[0]) * self.group.size / max(self._seen, 1)

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
            UserError: If something is not a finite number.
        """
        self.net.train()
        began = time.perf_counter()
        with self.watch.watching():
            remaining = self.samples.epoch(self._drawn(), self.options.batch_size, self.batch)
            for batch in remaining:
                with held():
                    self._learn(batch)
                    now = time.perf_counter()
                    self._seconds += now - began
                    began = now
                after_batch()
        if not self._seen:
            raise DataError("the training set is empty: no batch came")
        self.check_finite()
        if not self.epochs:
            self.watch.after_first_epoch(self.objective.is_of_spikes, self.group.is_first)
        # BatchNorm saw other samples in each process.
        self.group.follow_first([*self.net.buffers(), *self.average.values()])

    def close_epoch(self, validation_accuracy: float | None, seconds: float = 0.0) -> Epoch:
        """Finish the current epoch and begin the next one."""
        loss, correct = self.group.added(self._sums).tolist()
        largest = float(self._largest)
        samples = self._seen
        seconds += self._seconds
        accuracy = self.objective.mean(correct, samples)
        epoch = Epoch(loss / samples, accuracy, validation_accuracy, largest, seconds)
        best = self.epochs[self.kept - 1].validation_accuracy if self.kept else None
        self.epochs.append(epoch)
        if self.options.keep == "best" and validation_accuracy is not None:
            is_better = best is None or (
                validation_accuracy <= best
                if self.objective.lower_is_better
                else validation_accuracy >= best
            )
            if is_better:
                self.kept = len(self.epochs)
                self.best = copied(self.average or self.net.state_dict())
        else:
            self.kept = len(self.epochs)
        self.batch, self._seen, self._seconds = 0, 0, 0.0
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
        for layer in self._delayed:
            layer.settle()
        self.net.eval()

    def check_finite(self) -> None:
        """Raise if one of the losses that have not been looked at, or a weight, is not finite.

        A checkpoint is only made of what has passed.
        """
        self._look_at_steps()
        named = dict(self.net.named_parameters())
        if self.parameters and not math.isfinite(float(nn.utils.get_total_norm(named.values()))):
            bad = bad_tensor(named)
            if bad is not None:
                self._stop(cause(self.net, self.watch, torch.zeros(()), 0.0), self.batch)

    def _look_at_steps(self) -> None:
        """Raise if a step that has not been looked at had anything that is not finite."""
        if not self._unseen:
            return
        found = torch.stack(self._unseen).tolist()
        self._unseen.clear()
        for index, value in enumerate(found):
            if not math.isfinite(value):
                batch = self.batch + index - len(found) + 1
                reason = cause(self.net, self.watch, torch.zeros(()), value)
                self._stop(reason, batch)

    def _stop(self, reason: str, batch: int) -> None:
        of = "" if self.batches is None else f" of {self.batches}"
        raise UserError(
            f"training stops in epoch {len(self.epochs) + 1}, batch {batch}{of} "
            f"(learning_rate = {self.options.learning_rate}): {reason}"
        )

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Return plain values and tensors from which `restore` goes on, bit for bit.

        All processes of the group call it together, and the values of the first one hold.
        """
        self.check_finite()
        content = {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "batch": self.batch,
            "step": self.step,
            "seen": self._seen,
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
            self.step, self._seen = content["step"], content["seen"]
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

    def _drawn(self) -> Any:
        """Return what decides the order of the current epoch, the same in all processes."""
        if not self.batch:
            self._order_drawn_from = self.group.from_first(torch.random.get_rng_state())
        if not self.batch and self.group.is_first:
            return self.samples.draw()
        with torch.random.fork_rng(devices=[]):
            torch.random.set_rng_state(self._order_drawn_from)
            return self.samples.draw()

    def _learn(self, batch: Batch) -> None:
        """Take one gradient step."""
        options, samples = self.options, self.samples
        frames = samples.numbers(batch.inputs)
        if options.augment is not None:
            frames = augmented(options.augment, frames, self.generator)
        size = len(batch.targets)
        part = self.group.part(size)
        number = part.stop - part.start
        if not number:  # more processes than samples: one that weighs nothing
            part = slice(0, 1)
        inputs, steps = samples.encoded(frames, self.generator, part)

        self._follow_schedules()
        self.optimiser.zero_grad(set_to_none=True)
        # Gradients are averaged over processes, but each should weigh as much as it has samples.
        weight = number * self.group.size / size
        learnt = self._pass.learn(inputs, steps, batch.part(part), weight)
        gradients = [each.grad for each in self.parameters if each.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self._see(learnt, norm, frames)
        if options.max_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, options.max_norm, norm)
        self.optimiser.step()
        self._update_average()
        with torch.no_grad():
            if number:
                self._sums[0] += learnt.loss * number
                self._sums[1] += self.objective.measured(learnt.answer, learnt.targets)
            torch.maximum(self._largest, norm, out=self._largest)
        self._seen += size
        self.batch += 1
        self.step += 1

    def _see(self, learnt: Learnt, norm: Tensor, frames: Tensor) -> None:
        """Look at what has to be finite, in one number, before the weights move.

        On a GPU, where looking waits for it, many steps are looked at together.
        """
        loss = learnt.loss
        health = loss + norm.to(loss.dtype)
        if learnt.states is not None:
            health = health + learnt.states.to(health.dtype)
        if loss.device.type != "cpu":
            self._unseen.append(health)
            if len(self._unseen) == _LOSSES_TO_CHECK:
                self._look_at_steps()
        elif not math.isfinite(float(health)):
            # Sums of finite numbers overflow where the numbers are nearly infinite.
            wrong = [self.watch.first_bad_state(), bad_tensor({"loss": loss, "norm": norm})]
            if any(wrong):
                reason = cause(self.net, self.watch, frames, float(loss))
                self._stop(reason, self.batch + 1)
        self.watch.forget()

    def _precision(self) -> AbstractContextManager[Any]:
        if self.options.precision == "float32":
            return nullcontext()
        return torch.autocast(self.samples.device.type, torch.bfloat16)

    def _follow_schedules(self) -> None:
        """Set what is a function of the step alone."""
        if self.options.schedule == "constant" and self.options.sharpen is None:
            return
        assert self.batches is not None  # otherwise `fit` refuses the schedule
        total = self.options.epochs * self.batches
        if self.options.sharpen is not None:
            self.options.sharpen.apply(self._delayed, self.step / total)
        factor = SCHEDULES[self.options.schedule](self.step, total)
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.learning_rate * factor

    @torch.no_grad()
    def _update_average(self) -> None:
        if self.options.average is None:
            return
        weight = max(1 - self.options.average, 1 / (self.step + 1))
        by_type: dict[torch.dtype, tuple[list[Tensor], list[Tensor]]] = {}
        for name, now in self.net.state_dict().items():
            average = self.average[name]
            if average.is_floating_point():
                averages, values = by_type.setdefault(average.dtype, ([], []))
                averages.append(average)
                values.append(now)
            else:  # such as the number of batches that BatchNorm saw
                average.copy_(now)
        for averages, values in by_type.values():
            torch._foreach_lerp_(averages, values, weight)


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
