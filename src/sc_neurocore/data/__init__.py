"""Data sets: where they come from, their checks and their splits."""

from sc_neurocore.data.catalogue import DATASETS, load_dataset, split_from_metadata
from sc_neurocore.data.dataset import Dataset, Split, split
from sc_neurocore.data.digits import load_digits

__all__ = [
    "DATASETS",
    "Dataset",
    "Split",
    "load_dataset",
    "load_digits",
    "split",
    "split_from_metadata",
]
