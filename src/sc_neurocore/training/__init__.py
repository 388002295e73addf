"""Surrogate-gradient cells, networks, encoders, losses, the training loop and checkpoints."""

from sc_neurocore.training import surrogate
from sc_neurocore.training.architectures import ConvSpikingNet, SpikingNet
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
from sc_neurocore.training.delays import DelayLinear, RoundingWarning
from sc_neurocore.training.encoders import (
    ENCODERS,
    delta_decode,
    delta_encode,
    latency_encode,
    rate_encode,
)
from sc_neurocore.training.health import TrainingWarning
from sc_neurocore.training.history import Epoch, TrainingHistory
from sc_neurocore.training.loop import evaluate, fit, seeded, train_epoch
from sc_neurocore.training.losses import (
    membrane_loss,
    spike_count_loss,
    spike_l1_loss,
    spike_l2_loss,
    spike_rate_loss,
)
from sc_neurocore.training.monitoring import ActivityReport, activity_report
from sc_neurocore.training.networks import SpikingOutput, SpikingSequential, detached
from sc_neurocore.training.normalising import Normalize
from sc_neurocore.training.objectives import (
    LOSSES,
    CrossEntropy,
    MembraneError,
    RateError,
)
from sc_neurocore.training.options import RunOptions, TrainingOptions
from sc_neurocore.training.paths import Residual
from sc_neurocore.training.penalties import RatePenalty
from sc_neurocore.training.readouts import Answer, Readout
from sc_neurocore.training.recording import record
from sc_neurocore.training.recurrent import RecurrentCell, RecurrentConvCell
from sc_neurocore.training.run import TrainedRun, train, train_run
from sc_neurocore.training.sharpening import Sharpening
from sc_neurocore.training.spectral import SpectralDistortion
from sc_neurocore.training.sweep import run_sweep

__all__ = [
    "ENCODERS",
    "LOSSES",
    "ALIFCell",
    "ActivityReport",
    "AdExCell",
    "AlphaCell",
    "Answer",
    "Cell",
    "ConvSpikingNet",
    "CrossEntropy",
    "DelayLinear",
    "Epoch",
    "ExpIFCell",
    "IFCell",
    "LIFCell",
    "LapicqueCell",
    "MembraneError",
    "Normalize",
    "RateError",
    "RatePenalty",
    "Readout",
    "RecurrentCell",
    "RecurrentConvCell",
    "RecurrentLIFCell",
    "Residual",
    "RoundingWarning",
    "RunOptions",
    "SecondOrderLIFCell",
    "Sharpening",
    "SpectralDistortion",
    "SpikingNet",
    "SpikingOutput",
    "SpikingSequential",
    "SynapticCell",
    "TrainedRun",
    "TrainingHistory",
    "TrainingOptions",
    "TrainingWarning",
    "activity_report",
    "delta_decode",
    "delta_encode",
    "detached",
    "evaluate",
    "fit",
    "latency_encode",
    "membrane_loss",
    "rate_encode",
    "record",
    "run_sweep",
    "seeded",
    "spike_count_loss",
    "spike_l1_loss",
    "spike_l2_loss",
    "spike_rate_loss",
    "surrogate",
    "train",
    "train_epoch",
    "train_run",
]
