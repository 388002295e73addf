"""Surrogate-gradient cells, networks, encoders, losses, the training loop and checkpoints."""

from sc_neurocore.training import surrogate
from sc_neurocore.training.catalogue import (
    AdExCell,
    ALIFCell,
    AlphaCell,
    ExpIFCell,
    IFCell,
    LapicqueCell,
    LIFCell,
    RecurrentLIFCell,
    SecondOrderLIFCell,
    SynapticCell,
)
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.loop import (
    Epoch,
    TrainingHistory,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
)
from sc_neurocore.training.losses import spike_count_loss
from sc_neurocore.training.networks import (
    ConvSpikingNet,
    SpikingNet,
    SpikingOutput,
    SpikingSequential,
)
from sc_neurocore.training.recurrent import RecurrentCell
from sc_neurocore.training.run import RunOptions, TrainedRun, train, train_run

__all__ = [
    "ALIFCell",
    "AdExCell",
    "AlphaCell",
    "Cell",
    "ConvSpikingNet",
    "DelayLinear",
    "Epoch",
    "ExpIFCell",
    "IFCell",
    "LIFCell",
    "LapicqueCell",
    "RecurrentCell",
    "RecurrentLIFCell",
    "RunOptions",
    "SecondOrderLIFCell",
    "SpikingNet",
    "SpikingOutput",
    "SpikingSequential",
    "SynapticCell",
    "TrainedRun",
    "TrainingHistory",
    "TrainingOptions",
    "evaluate",
    "fit",
    "seeded",
    "spike_count_loss",
    "surrogate",
    "train",
    "train_run",
]
