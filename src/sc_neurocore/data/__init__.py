"""Data sets: where they come from, their checks and their splits."""

from sc_neurocore.data.catalogue import (
    DATASETS,
    load_dataset,
    load_split,
    load_unseen,
    split_from_metadata,
)
from sc_neurocore.data.dataset import Dataset, Split, hold_out, split
from sc_neurocore.data.digits import load_digits
from sc_neurocore.data.events import load_dvs_gesture, load_nmnist, load_shd, load_ssc
from sc_neurocore.data.features import LogMel, delta_events
from sc_neurocore.data.mnist import load_mnist
from sc_neurocore.data.samples import Samples, find_encoding, load_samples, random_samples
from sc_neurocore.data.spoken_digits import load_spoken_digits

__all__ = [
    "DATASETS",
    "Dataset",
    "LogMel",
    "Samples",
    "Split",
    "delta_events",
    "find_encoding",
    "hold_out",
    "load_dataset",
    "load_digits",
    "load_dvs_gesture",
    "load_mnist",
    "load_nmnist",
    "load_samples",
    "load_shd",
    "load_split",
    "load_spoken_digits",
    "load_ssc",
    "load_unseen",
    "random_samples",
    "split",
    "split_from_metadata",
]
