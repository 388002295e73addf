"""Handwritten digits that come with scikit-learn: 1,797 images of 8x8 pixels, values 0 to 16.

The test set of E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.progress import ProgressCallback, ignore_progress


def load_digits(progress: ProgressCallback = ignore_progress) -> Dataset:
    """Return the digits, 64 pixels each, row by row, in sixteenths (5 bits, 4 of fraction).

    Args:
        progress: As of every data set; these are there at once, so it receives nothing.
    """
    pixels, labels = _read()
    return Dataset(
        name="digits",
        inputs=pixels.astype(np.uint8),
        labels=labels.astype(np.int64),
        n_classes=10,
        input_bits=5,
        fraction_bits=4,
    )


def _read() -> tuple[NDArray[Any], NDArray[Any]]:
    """Return pixels and labels from scikit-learn's file; importing it takes a second."""
    package = find_spec("sklearn")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            with gzip.open(path, "rt", encoding="ascii") as file:
                table = np.loadtxt(file, delimiter=",", dtype=np.int64)
            return table[:, :-1], table[:, -1]
    from sklearn.datasets import load_digits as load  # where its file has moved

    pixels, labels = load(return_X_y=True)
    return pixels, labels
