"""What `fit` minimises, what decides, and what is reported: losses, readouts and metrics by name.

Each is a small frozen object, so that a checkpoint can tell one from another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Protocol, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import check_numbers, check_takes, shown
from sc_neurocore.training.arguments import names_of
from sc_neurocore.training.cells import MEMBRANE, SPIKES
from sc_neurocore.training.functions import called
from sc_neurocore.training.losses import (
    RATE_SHARPNESS,
    check_target_rates,
    membrane_loss,
    spike_count_loss,
    spike_rate_loss,
)
from sc_neurocore.training.penalties import RatePenalty
from sc_neurocore.training.readouts import (
    NEEDS,
    Answer,
    Over,
    Readout,
    ReadoutName,
    check_choice,
    check_population,
    grouped,
)


class Loss(Protocol):
    """What `fit` minimises. A function of one's own does: `loss(answer, targets) -> number`.

    The number is a mean over the samples. An attribute `needs`, such as ("spikes", "membrane"),
    asks for every step.
    """

    def __call__(self, answer: Answer, targets: Tensor, /) -> Tensor:
        """Return the loss."""
        ...


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of the softmax over scores, each a number per step, and the classes.

    Attributes:
        of: What is compared, as in `Readout`: spike rates; the mean, largest or last membrane; or
            the part of the steps that were before the first spike, the earlier the better.
        sharpness: The logit of a score of 1; None takes 10 for rates and first spikes, else 1.
        label_smoothing: The share of the target that is spread over all classes.
        weight: One number per class, for classes that are rare; None weighs all alike. The loss is
            the mean over samples of weight times cross-entropy.
        population: Outputs per class, whose scores are averaged (Eshraghian et al. 2023).
    """

    of: ReadoutName = "spike-count"
    sharpness: float | None = None
    label_smoothing: float = 0.0
    weight: Any = None
    population: int = 1

    def __post_init__(self) -> None:
        check_choice("of", self.of, ReadoutName)
        check_population(self.population)
        check_numbers(label_smoothing=self.label_smoothing)
        if not 0 <= self.label_smoothing < 1:
            raise UserError(
                f"label_smoothing = {self.label_smoothing}: expected 0 or more, and less than 1"
            )
        if self.weight is not None:
            object.__setattr__(self, "weight", _weights(self.weight))
        if self.sharpness is not None:
            check_numbers(sharpness=self.sharpness)
            if not 0 < self.sharpness < math.inf:
                raise UserError(f"sharpness = {self.sharpness}: expected a number above 0")

    @property
    def needs(self) -> tuple[str, ...]:
        """What is kept of every step for it."""
        return NEEDS.get(self.of, ())

    @property
    def readout(self) -> Readout:
        """What decides in its sense."""
        return Readout(self.of, self.population)

    def __call__(self, answer: Answer, targets: Tensor) -> Tensor:
        """Return the loss; targets are classes (batch,), or probabilities (batch, classes)."""
        steps = answer.steps
        rates = self.of in ("spike-count", "first-spike")
        sharpness = self.sharpness or (RATE_SHARPNESS if rates else 1.0)
        is_plain = self.weight is None and self.population == 1 and isinstance(steps, int)
        if is_plain and self.of in ("spike-count", "membrane") and not targets.is_floating_point():
            known: Any = {"spike-count": spike_count_loss, "membrane": membrane_loss}[self.of]
            scores = answer.spike_counts if rates else answer.membrane
            loss: Tensor = known(scores, targets, steps, sharpness, self.label_smoothing)
            return loss
        if self.of == "spike-count":
            scores = answer.spike_counts / steps
        elif self.of == "first-spike":
            scores = -answer.first_spikes() / steps
        else:
            over: dict[str, Over] = {"membrane-max": "max", "membrane-last": "last"}
            scores = answer.over(over.get(self.of, "mean"))
        logits = grouped(scores, self.population) * (sharpness / self.population)
        weight = None
        if self.weight is not None:
            if len(self.weight) != logits.shape[1]:
                raise UserError(
                    f"weight has {len(self.weight)} numbers: expected one per class, "
                    f"{logits.shape[1]}"
                )
            weight = torch.tensor(self.weight, dtype=logits.dtype, device=logits.device)
        each = functional.cross_entropy(
            logits, targets, weight, reduction="none", label_smoothing=self.label_smoothing
        )
        return each.mean()


@dataclass(frozen=True)
class RateError:
    """`spike_rate_loss` of classes: target rates for the sample's class and for the others."""

    correct_rate: float = 0.8
    incorrect_rate: float = 0.2
    readout: Readout = field(default_factory=Readout)

    def __post_init__(self) -> None:
        check_target_rates(self.correct_rate, self.incorrect_rate)
        if not isinstance(self.readout, Readout):
            raise UserError(
                f"readout={shown(self.readout)}: expected Readout(kind, population), such as "
                f"Readout('membrane')"
            )

    def __call__(self, answer: Answer, targets: Tensor) -> Tensor:
        """Return the loss; targets are classes (batch,)."""
        rates = answer.spike_counts / answer.steps
        return spike_rate_loss(rates, targets, 1, self.correct_rate, self.incorrect_rate)


@dataclass(frozen=True)
class MembraneError:
    """Mean squared error between membranes and numbers: regression.

    The output layer is best one that does not fire, such as `LIFCell(reset="none")` with a
    threshold far above what it reaches: a leaky integrator.

    Attributes:
        over: "every" step, with targets (batch, T, outputs), or as inputs have their axes; or the
            "mean", "max" or "last" membrane, with targets (batch, outputs).
    """

    over: Literal["every", "mean", "max", "last"] = "every"

    def __post_init__(self) -> None:
        if self.over not in ("every", "mean", "max", "last"):
            raise UserError(f"over={shown(self.over)}: expected 'every', 'mean', 'max' or 'last'")

    @property
    def needs(self) -> tuple[str, ...]:
        """What is kept of every step for it."""
        return () if self.over == "mean" else (MEMBRANE,)

    def each(self, answer: Answer, targets: Tensor) -> Tensor:
        """Return the error of each sample, (batch,)."""
        if self.over == "every":
            values = answer.every("membranes").transpose(0, 1)
        else:
            values = answer.over(self.over)
        if targets.shape != values.shape:
            raise DataError(
                f"targets have shape {tuple(targets.shape)}, and the membranes of the outputs "
                f"{tuple(values.shape)}: expected one number for each"
            )
        errors = (values - targets.to(values.dtype)).square()
        valid = answer.valid(answer.every("membranes")) if self.over == "every" else None
        if valid is None:
            return errors.flatten(1).mean(1)
        steps = answer.steps
        assert isinstance(steps, Tensor)
        shares = valid.transpose(0, 1) / steps.unsqueeze(-1).clamp(min=1)
        return (errors * shares).sum((1, 2)) / errors.shape[2]

    def __call__(self, answer: Answer, targets: Tensor) -> Tensor:
        """Return the loss."""
        return self.each(answer, targets).mean()


LOSSES: Mapping[str, Loss] = {
    "spike-count": CrossEntropy(),
    "spike-rate": RateError(),
    "membrane": CrossEntropy("membrane"),
    "membrane-max": CrossEntropy("membrane-max"),
    "membrane-last": CrossEntropy("membrane-last"),
    "first-spike": CrossEntropy("first-spike"),
    "membrane-error": MembraneError(),
}
"""The losses by name."""


_EVERY = (SPIKES, MEMBRANE)
"""What an answer can hold of every step."""


@dataclass(frozen=True)
class Objective:
    """What is minimised, what decides, and what is reported.

    Attributes:
        loss: A name in `LOSSES`, one of their objects with other numbers, or a function.
        readout: What decides the class; None is the loss's own.
        metric: "accuracy"; "error", the loss of each sample where the loss is a regression; or a
            function `metric(answer, targets)` that returns one number per sample. Higher is better
            unless it has a true attribute `lower_is_better`.
        penalties: Added to the loss.
    """

    loss: Loss
    readout: Readout
    metric: Any
    penalties: tuple[RatePenalty, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """What is kept of every step."""
        parts = (self.loss, self.readout, self.metric)
        needs = (names_of("needs", getattr(part, "needs", ()), _EVERY) for part in parts)
        return tuple(dict.fromkeys(name for names in needs for name in names))

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller metric is a better one."""
        return self.metric == "error" or bool(getattr(self.metric, "lower_is_better", False))

    @property
    def is_of_spikes(self) -> bool:
        """Whether outputs that never fire teach nothing."""
        kind = getattr(self.loss, "of", "spike-count" if isinstance(self.loss, RateError) else "")
        return kind in ("spike-count", "first-spike")

    def mean(self, total: float, count: int) -> float:
        """Return the mean of a metric over samples.

        Raises:
            UserError: If it is not finite: nothing can be compared with it.
        """
        if not math.isfinite(total):
            raise UserError(
                f"metric {shown(self.metric)}: it is {total} for a sample: expected finite "
                f"numbers; look for a division by 0, a logarithm of 0, or NaN in inputs or targets"
            )
        return total / count

    def measured(self, answer: Answer, targets: Tensor) -> Tensor:
        """Return the metric, added up over the samples."""
        if self.metric == "accuracy":
            classes = targets.argmax(1) if targets.is_floating_point() else targets
            return (self.readout.scores(answer).argmax(1) == classes).sum()
        if self.metric == "error":
            regression: Any = self.loss
            errors: Tensor = regression.each(answer, targets)
            return errors.sum()
        each = called("metric", self.metric, answer, targets)
        if not isinstance(each, Tensor) or each.shape != targets.shape[:1]:
            found = tuple(each.shape) if isinstance(each, Tensor) else shown(each)
            raise UserError(
                f"metric: it returned {found}: expected one number per sample, a tensor of shape "
                f"({len(targets)},)"
            )
        total: Tensor = each.sum()
        return total


def make_objective(
    loss: str | Loss = "spike-count",
    readout: str | Readout | None = None,
    metric: str | Callable[[Answer, Tensor], Tensor] | None = None,
    penalties: RatePenalty | tuple[RatePenalty, ...] = (),
    label_smoothing: float = 0.0,
) -> Objective:
    """Return the objective of what a user gave.

    Raises:
        UserError: For what is none.
    """
    found: Any = LOSSES.get(loss) if isinstance(loss, str) else loss
    if found is None or isinstance(found, type) or not callable(found):
        raise UserError(
            f"loss={shown(loss)}: expected one of {', '.join(LOSSES)}, one of their objects such "
            f"as CrossEntropy(weight=(1, 5)), or a function loss(answer, targets)"
        )
    if isinstance(found, nn.Module):
        raise UserError(
            f"loss={type(found).__name__}: a torch loss takes scores, of which a spiking network "
            f"has several: wrap it, such as loss=lambda answer, targets: "
            f"criterion(answer.membrane / answer.steps, targets)"
        )
    check_takes("loss", found, "answer", "targets")
    if label_smoothing:
        if "label_smoothing" not in {item.name for item in _fields(found)}:
            raise UserError(
                f"label_smoothing = {label_smoothing}: the loss {shown(loss)} has none; leave the "
                f"option out"
            )
        found = replace(found, label_smoothing=label_smoothing)
    if isinstance(readout, str):
        readout = Readout(readout)  # type: ignore[arg-type]
    if readout is not None and not isinstance(readout, Readout):
        raise UserError(
            f"readout={shown(readout)}: expected one of {', '.join(get_args(ReadoutName))}, or "
            f"Readout(kind, population)"
        )
    if metric is None:
        metric = "error" if isinstance(found, MembraneError) else "accuracy"
    if isinstance(metric, str) and metric not in ("accuracy", "error"):
        raise UserError(f"metric={metric!r}: expected 'accuracy', 'error' or a function")
    if metric == "error" and not hasattr(found, "each"):
        raise UserError("metric='error' is for regression: take the loss 'membrane-error'")
    if not isinstance(metric, str) and (isinstance(metric, type) or not callable(metric)):
        raise UserError(f"metric={shown(metric)}: expected 'accuracy', 'error' or a function")
    if not isinstance(metric, str):
        check_takes("metric", metric, "answer", "targets")
    several = tuple(penalties) if isinstance(penalties, tuple | list) else (penalties,)
    if not all(isinstance(each, RatePenalty) for each in several):
        raise UserError(f"penalties={shown(penalties)}: expected RatePenalty(weight, ...) objects")
    own = getattr(found, "readout", None)
    return Objective(found, readout or own or Readout(), metric, several)


def checked_loss(loss: Loss, answer: Answer, targets: Tensor) -> Tensor:
    """Return the loss of a batch.

    Raises:
        UserError: If a function of one's own answers something from which nothing can be learnt.
    """
    value = called("loss", loss, answer, targets)
    if isinstance(value, Tensor) and not value.ndim and value.requires_grad:
        return value
    if not isinstance(value, Tensor):
        found = shown(value)
    elif value.ndim:
        found = f"a tensor of shape {tuple(value.shape)}: take its mean()"
    else:
        found = "a number without a gradient: no tensor on the way may be detached"
    raise UserError(f"loss {shown(loss)}: it returned {found}; expected one number, as a tensor")


def _weights(given: Any) -> tuple[float, ...]:
    values = given.tolist() if hasattr(given, "tolist") else given
    try:
        weights = tuple(map(float, values))
        if isinstance(values, str) or not all(0 <= value < math.inf for value in weights):
            raise ValueError
        if not any(weights):
            raise ValueError
    except (TypeError, ValueError):
        raise UserError(
            f"weight = {shown(given)}: expected one number of 0 or more per class, not all 0"
        ) from None
    return weights


def _fields(value: Any) -> tuple[Any, ...]:
    try:
        return fields(value)
    except TypeError:
        return ()
