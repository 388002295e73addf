"""What a training leaves behind for its reader: one row per epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One pass over the training set.

    Attributes:
        loss: Mean loss over the samples, each before the step that learnt from it.
        accuracy: Share of them classified correctly, likewise.
        validation_accuracy: On the validation set after the epoch; None without one.
        largest_gradient: Largest L2 norm of the whole gradient in any step, before clipping.
        seconds: Wall time of the epoch.
    """

    loss: float
    accuracy: float
    validation_accuracy: float | None
    largest_gradient: float
    seconds: float


@dataclass(frozen=True)
class TrainingHistory:
    """The epochs in their order.

    Attributes:
        epochs: One entry each.
        kept: The number, from 1, of the epoch whose weights were returned.
    """

    epochs: tuple[Epoch, ...]
    kept: int

    @property
    def seconds(self) -> float:
        """Wall time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)
