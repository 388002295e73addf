"""Handwritten digits that come with scikit-learn: 1,797 images of 8x8 pixels, values 0 to 16.

The test set of E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine
Learning Repository, 1998, https://doi.org/10.24432/C50P49.
"""

from __future__ import annotations

import numpy as np

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.progress import ProgressCallback, ignore_progress


def load_digits(progress: ProgressCallback = ignore_progress) -> Dataset:
    """Return the digits, 64 pixels each, row by row, in sixteenths (5 bits, 4 of fraction).

    Args:
        progress: As of every data set; these are there at once, so it receives nothing.
    """
    from sklearn.datasets import load_digits as load

    pixels, labels = load(return_X_y=True)
    return Dataset(
        name="digits",
        inputs=pixels.astype(np.uint8),
        labels=labels.astype(np.int64),
        n_classes=10,
        input_bits=5,
        fraction_bits=4,
    )
