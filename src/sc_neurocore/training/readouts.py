"""What a network answered, and what decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.arguments import are_sizes
from sc_neurocore.training.cells import MEMBRANE, SPIKES

ReadoutName: TypeAlias = Literal[
    "spike-count", "membrane", "membrane-max", "membrane-last", "first-spike"
]
Over: TypeAlias = Literal["mean", "max", "last"]
NEEDS: Mapping[str, tuple[str, ...]] = {
    "membrane-max": (MEMBRANE,),
    "membrane-last": (MEMBRANE,),
    "first-spike": (SPIKES,),
}


class Answer(NamedTuple):
    """What a network answered for a batch, as losses and metrics of one's own see it.

    Attributes:
        spike_counts: Spikes of each output neuron, (batch, outputs).
        membrane: The sum of its membrane after reset over the steps, (batch, outputs).
        steps: The number of steps, or, where sequences have lengths, that of each, (batch, 1).
        spikes: Every spike, (T, batch, outputs), if the loss or readout `needs` "spikes".
        membranes: The membrane after every step, (T, batch, outputs), if it needs "membrane".
    """

    spike_counts: Tensor
    membrane: Tensor
    steps: int | Tensor
    spikes: Tensor | None = None
    membranes: Tensor | None = None

    def over(self, kind: Over) -> Tensor:
        """Return the mean membrane over the steps, the largest, or the last, (batch, outputs)."""
        if kind == "mean":
            return self.membrane / self.steps
        values = self.every("membranes")
        if kind == "max":
            valid = self.valid(values)
            return values.where(valid, -torch.inf).amax(0) if valid is not None else values.amax(0)
        return values[-1]  # behind its end a sequence keeps its last membrane

    def first_spikes(self) -> Tensor:
        """Return the steps before each neuron's first spike, (batch, outputs); all, if none came.

        Differentiable through every spike up to the first one.
        """
        spikes = self.every("spikes")
        silent = (1 - spikes).cumprod(0)
        valid = self.valid(silent)
        return (silent if valid is None else silent * valid).sum(0)

    def every(self, name: str) -> Tensor:
        """Return the "spikes" or "membranes" of every step, or raise if they were not kept."""
        values: Tensor | None = getattr(self, name)
        if values is None:
            what = MEMBRANE if name == "membranes" else name
            raise UserError(
                f"the answer has no {name}: give the loss, readout or metric the attribute needs = "
                f"({what!r},), so that every step is kept"
            )
        return values

    def valid(self, values: Tensor) -> Tensor | None:
        """Return which steps count, (T, batch, 1); None where all do."""
        if not isinstance(self.steps, Tensor):
            return None
        time = torch.arange(len(values), device=values.device).view(-1, 1, 1)
        return time < self.steps


@dataclass(frozen=True)
class Readout:
    """What decides the class: the output, or group of outputs, with the highest score.

    Attributes:
        kind: "spike-count"; "membrane", its sum over the steps; "membrane-max" and "membrane-last";
            "first-spike", the earliest.
        population: Outputs per class, which come one after the other and are added up.
    """

    kind: ReadoutName = "spike-count"
    population: int = 1

    def __post_init__(self) -> None:
        check_choice("readout", self.kind, ReadoutName)
        check_population(self.population)

    @property
    def needs(self) -> tuple[str, ...]:
        """What is kept of every step for it."""
        return NEEDS.get(self.kind, ())

    def scores(self, answer: Answer) -> Tensor:
        """Return a score per class, (batch, classes); the lowest index of the maximum decides."""
        scores = {
            "spike-count": lambda: answer.spike_counts,
            "membrane": lambda: answer.membrane,
            "membrane-max": lambda: answer.over("max"),
            "membrane-last": lambda: answer.over("last"),
            "first-spike": lambda: -answer.first_spikes(),
        }[self.kind]()
        return grouped(scores, self.population)


def grouped(scores: Tensor, population: int) -> Tensor:
    """Add up the scores of each class's outputs."""
    if population == 1:
        return scores
    if scores.shape[1] % population:
        raise UserError(
            f"{scores.shape[1]} outputs in populations of {population}: expected a multiple of it"
        )
    return torch.unflatten(scores, 1, (-1, population)).sum(2)


def check_targets(targets: Tensor, classes: int) -> Tensor:
    """Return the targets of a classification as its loss takes them.

    Raises:
        DataError: If they are no classes below `classes`, and no probabilities of all of them.
    """
    if targets.is_floating_point():
        if targets.ndim == 2 and targets.shape[1] == classes:
            return targets
        raise DataError(
            f"targets of type {targets.dtype} and shape {tuple(targets.shape)}: expected classes, "
            f"whole numbers (batch,), by targets.long(); or probabilities, floats (batch, "
            f"{classes})"
        )
    if targets.ndim != 1:
        advice = "; one-hot targets become classes by .argmax(1)" if targets.ndim == 2 else ""
        raise DataError(
            f"targets of shape {tuple(targets.shape)}: expected one class per sample, "
            f"(batch,){advice}"
        )
    targets = targets if targets.dtype == torch.int64 else targets.long()
    if targets.device.type == "cpu" and targets.numel():  # elsewhere it would be waited for
        least, most = int(targets.min()), int(targets.max())
        if least < 0 or most >= classes:
            advice = "; leave samples without a class out" if least < 0 else ""
            raise DataError(
                f"targets from {least} to {most}, for a network of {classes} classes: expected 0 "
                f"to {classes - 1}{advice}"
            )
    return targets


def check_probabilities(targets: Tensor) -> None:
    """Raise unless targets that are floats are probabilities (batch, classes)."""
    if not targets.is_floating_point() or targets.device.type != "cpu" or not targets.numel():
        return
    least, sums = float(targets.min()), targets.sum(1)
    if not (least >= 0 and bool(((sums - 1).abs() <= 0.01).all())):  # NaN is none either
        raise DataError(
            f"targets (batch, classes) from {least:g} on that add up to {float(sums.min()):g} to "
            f"{float(sums.max()):g} for a sample: expected probabilities, of 0 or more, that add "
            f"up to 1, such as torch.softmax(scores, 1); classes that do not exclude each other "
            f"take a loss of your own"
        )


def check_choice(option: str, value: Any, choices: Any) -> None:
    """Raise unless it is one of the names of a `Literal`."""
    if not isinstance(value, str) or value not in get_args(choices):
        raise UserError(f"{option}={shown(value)}: expected one of {', '.join(get_args(choices))}")


def check_population(population: Any) -> None:
    """Raise unless it is a number of outputs per class."""
    if not are_sizes(population):
        raise UserError(f"population = {shown(population)}: expected a whole number of at least 1")
