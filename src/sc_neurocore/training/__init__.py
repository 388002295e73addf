"""Surrogate-gradient cells, networks, encoders, losses, the training loop and checkpoints."""

from sc_neurocore.training import surrogate
from sc_neurocore.training.catalogue import LIFCell
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.loop import (
    Epoch,
    TrainingHistory,
    TrainingOptions,
    evaluate,
    fit,
    rate_loss,
    seeded,
)
from sc_neurocore.training.networks import (
    SpikingNet,
    SpikingOutput,
    SpikingSequential,
)
from sc_neurocore.training.run import RunOptions, TrainedRun, train, train_run

__all__ = [
    "Cell",
    "Epoch",
    "LIFCell",
    "RunOptions",
    "SpikingNet",
    "SpikingOutput",
    "SpikingSequential",
    "TrainedRun",
    "TrainingHistory",
    "TrainingOptions",
    "evaluate",
    "fit",
    "rate_loss",
    "seeded",
    "surrogate",
    "train",
    "train_run",
]
