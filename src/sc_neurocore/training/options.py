"""How to train: the options of the training loop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from torch import Generator, Tensor

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import as_seed, as_whole, check_numbers, shown
from sc_neurocore.training.encoders import find_encoder
from sc_neurocore.training.schedules import SCHEDULES
from sc_neurocore.training.sharpening import Sharpening

Optimiser: TypeAlias = Literal["adam", "adamw"]
Schedule: TypeAlias = Literal["constant", "cosine", "one-cycle"]
Precision: TypeAlias = Literal["float32", "bfloat16"]
Keep: TypeAlias = Literal["best", "last"]
NetKind: TypeAlias = Literal["ff", "conv"]

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "optimiser": ("adam", "adamw"),
    "schedule": tuple(SCHEDULES),
    "precision": ("float32", "bfloat16"),
    "keep": ("best", "last"),
}

READOUTS: Mapping[str, str] = {
    "spike-count": "spike-count",
    "spike-rate": "spike-count",
    "membrane": "membrane",
    "first-spike": "first-to-1",
}
"""Losses of a run, and what a description of the network is then read out by."""


class Augmentation(Protocol):
    """Changes training inputs (batch, *shape) at random, each in its own way; same shape back."""

    def __call__(self, frames: Tensor, generator: Generator, /) -> Tensor:
        """Return the changed inputs; all randomness comes from the generator."""
        ...


@dataclass(frozen=True)
class TrainingOptions:
    """How to train.

    Attributes:
        epochs: Passes over the training set.
        batch_size: Samples per gradient step; the last batch of an epoch may be smaller.
        learning_rate: The highest of the schedule.
        steps: Time steps per sample; a sequence has its own number.
        seed: The same seed gives the same weights.
        threads: CPU threads of PyTorch while training, which also fix the order of its sums;
            small networks are fastest on one. None leaves PyTorch's setting alone.
        optimiser: "adam" (Kingma and Ba, ICLR 2015), or "adamw", whose weight decay does not pass
            through the moments (Loshchilov and Hutter, ICLR 2019).
        weight_decay: Of weights; biases and what neurons learn do not decay.
        schedule: "constant", "cosine" or "one-cycle", by the step; see `training.schedules`.
        max_norm: Gradients whose L2 norm, over all parameters, is larger are scaled down to it.
        precision: "bfloat16" computes layers in bfloat16 where PyTorch's autocast deems it safe;
            weights, membranes and the loss stay float32.
        label_smoothing: Share of the target that is spread over all classes, from 0 to below 1.
        average: Decay per step of an exponential moving average of the weights (Polyak and
            Juditsky, SIAM J. Control Optim. 1992), such as 0.999. Steps before 1 / (1 - decay)
            average evenly. Validation and the result then take the averaged weights.
        augment: Applied to every training batch; None leaves the inputs as they are.
        encoder: How static inputs become a network's input: a name in `ENCODERS`. Spikes are drawn
            anew in every epoch.
        keep: With a validation set, which weights to return: "best" takes the epoch with the
            highest validation accuracy, the latest of equals; "last" the last epoch.
        truncate: With a number, gradients reach back over at most so many steps: a sample is learnt
            in parts of this length, and its states go from one to the next. A gradient step still
            comes after the whole sample; memory is that of one part.
        sharpen: How the delays of `DelayLinear` become whole steps; None leaves them between.
    """

    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 2e-3
    steps: int = 25
    seed: int = 0
    threads: int | None = 1
    optimiser: Optimiser = "adam"
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    max_norm: float | None = None
    precision: Precision = "float32"
    label_smoothing: float = 0.0
    average: float | None = None
    augment: Augmentation | None = None
    encoder: str = "direct"
    keep: Keep = "best"
    truncate: int | None = None
    sharpen: Sharpening | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "steps", "threads", "truncate"):
            value = getattr(self, name)
            if value is not None or name not in ("threads", "truncate"):
                object.__setattr__(self, name, as_whole(name, value))
        object.__setattr__(self, "seed", as_seed("seed", self.seed))
        for name in ("learning_rate", "max_norm", "weight_decay", "label_smoothing", "average"):
            value = getattr(self, name)
            if name in ("max_norm", "average") and value is None:
                continue
            check_numbers(**{name: value})
            object.__setattr__(self, name, float(value))
        for name in ("learning_rate", "max_norm"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise UserError(f"{name} = {value}: expected a finite number above 0")
        if not 0 <= self.weight_decay < math.inf:
            raise UserError(f"weight_decay = {self.weight_decay}: expected 0 or more")
        if self.augment is not None and not callable(self.augment):
            raise UserError(
                f"augment = {shown(self.augment)}: expected a function (frames, generator) -> "
                f"frames, such as augmentation.Distortion, or None"
            )
        for name in ("label_smoothing", "average"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise UserError(f"{name} = {value}: expected 0 or more, and less than 1")
        if self.sharpen is not None and not isinstance(self.sharpen, Sharpening):
            raise UserError(f"sharpen = {shown(self.sharpen)}: expected Sharpening(), or None")
        find_encoder(self.encoder)
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"{name} = {getattr(self, name)!r}: expected one of {', '.join(known)}"
                )


@dataclass(frozen=True)
class RunOptions:
    """What to train and how.

    Attributes:
        n_hidden: Neurons in each hidden linear layer.
        n_layers: Number of hidden layers of a feed-forward network; "conv" has one.
        neuron: A name in the catalogue.
        surrogate: A name in `SURROGATES`.
        learn: Names of the neuron's parameters to learn.
        per_channel: Whether every neuron learns parameters of its own; for images every channel.
        test_fraction: The part of the data set that is kept for the test, where its split is drawn.
        training: How to train. Its seed also draws the splits and the first weights.
        net: "ff", linear layers, or "conv", two convolutions first.
        split: A kind of split that the data set has; None for its usual one.
        max_delay: With more than 0, the longest trainable delay of every synapse of "ff", in steps.
        channels: Outputs of each convolution.
        kernel_size: Rows and columns of each convolution.
        dropout: Share of the spikes that training drops before every linear layer but the first
            layer (Srivastava et al., JMLR 2014).
        validation_fraction: The part of the training set that training does not learn from but is
            tried on after each epoch, to choose the best weights; 0 for none.
        device: "cpu", "cuda", or another device of PyTorch.
        loss: A name in `LOSSES` whose readout a description can hold: "spike-count", "spike-rate",
            "membrane" or "first-spike".
        data: What the data set's loader is asked for, by name, such as {"steps": 50} or {"root":
            "folder"}.
    """

    n_hidden: int = 128
    n_layers: int = 1
    neuron: str = "LIF"
    surrogate: str = "atan_surrogate"
    learn: tuple[str, ...] = ()
    per_channel: bool = False
    test_fraction: float = 0.2
    training: TrainingOptions = field(default_factory=TrainingOptions)
    net: NetKind = "ff"
    split: str | None = None
    max_delay: int = 0
    channels: tuple[int, ...] = (32, 64)
    kernel_size: int = 5
    dropout: float = 0.0
    validation_fraction: float = 0.0
    device: str = "cpu"
    loss: str = "spike-count"
    data: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def readout(self) -> str:
        """What the class is read from, as a network description says it."""
        return READOUTS[self.loss]

    def __post_init__(self) -> None:
        if self.net not in ("ff", "conv"):
            raise UserError(f"net = {self.net!r}: expected ff or conv")
        if self.max_delay and self.net == "conv":
            raise UserError(f"max_delay = {self.max_delay}: net 'conv' has no delays; use net 'ff'")
        if not isinstance(self.training, TrainingOptions):
            raise UserError(
                f"training = {shown(self.training)}: expected TrainingOptions(epochs=10, ...)"
            )
        for name in ("n_hidden", "n_layers", "kernel_size", "max_delay"):
            least = 0 if name == "max_delay" else 1
            object.__setattr__(self, name, as_whole(name, getattr(self, name), least))
        if not isinstance(self.data, Mapping):
            raise UserError(
                f"data = {shown(self.data)}: expected what the loader takes, by name, such as "
                f"{{'steps': 50}}"
            )
        if not isinstance(self.loss, str) or self.loss not in READOUTS:
            raise UserError(
                f"loss = {shown(self.loss)}: expected one of {', '.join(READOUTS)}, whose readouts "
                f"a network description can hold; `fit` takes every loss"
            )
        for name in ("dropout", "validation_fraction"):
            value = getattr(self, name)
            check_numbers(**{name: value})
            if not 0 <= value < 1:
                raise UserError(f"{name} = {value}: expected 0 or more, and less than 1")
            object.__setattr__(self, name, float(value))


def check_run_options(options: Any) -> None:
    """Raise unless these are options of a run."""
    if not isinstance(options, RunOptions):
        raise UserError(f"options: found {shown(options)}, expected RunOptions(n_hidden=128, ...)")


def plain(value: Any) -> Any:
    """Return options as plain JSON values, as records and checkpoints keep and compare them."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        content = {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        is_ours = isinstance(value, TrainingOptions | RunOptions)
        return content if is_ours else {"kind": type(value).__name__, **content}
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, np.generic | np.ndarray):  # by its type alone, 3 would be the same as 4
        return value.tolist()
    return getattr(value, "__qualname__", type(value).__qualname__)


def difference(found: Mapping[str, Any], asked: Mapping[str, Any], place: str = "") -> str | None:
    """Say where two plain values differ first, or return None."""
    for name in sorted({*found, *asked}):
        there, here = found.get(name), asked.get(name)
        if there != here:
            if isinstance(there, dict) and isinstance(here, dict):
                return difference(there, here, f"{place}{name}.")
            return f"{place}{name} is {there!r} there, {here!r} here"
    return None
