"""Stratified splits: every class has the same share of both parts.

A seed draws what scikit-learn's `train_test_split` draws with `stratify`, so that networks keep the
samples that they were trained on; drawn here, since scikit-learn takes a second to begin.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def draw_stratified(
    labels: NDArray[np.integer[Any]], seed: int, test_fraction: float
) -> tuple[Indices, Indices]:
    """Return the indices of the samples to train on and of those to test on, in random order.

    Args:
        labels: The class of each sample.
        seed: From 0 to 2 ** 32 - 1.
        test_fraction: The part of the samples in the test, between 0 and 1; rounded up to a sample.

    Raises:
        ValueError: If the seed or the fraction is out of its range, or a part could not hold every
            class.
    """
    given: tuple[Any, Any] = (seed, test_fraction)
    if not isinstance(given[0], Integral):
        raise ValueError(f"expected a whole number as seed, not {seed!r}")
    if not isinstance(given[1], Real) or not 0 < test_fraction < 1:
        raise ValueError(f"expected a test_fraction between 0 and 1, not {test_fraction!r}")
    _, class_of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    tested = math.ceil(test_fraction * len(labels))
    trained = len(labels) - tested
    if sizes.min(initial=2) < 2:
        raise ValueError("a class has one sample: expected at least 2, one for each part")
    if min(tested, trained) < max(len(sizes), 1):
        raise ValueError(
            f"{trained} samples to train on and {tested} to test on are fewer than the "
            f"{len(sizes)} classes"
        )
    random = np.random.RandomState(seed)
    train_sizes = _shares(sizes, trained, random)
    test_sizes = _shares(sizes - train_sizes, tested, random)
    train: list[Indices] = []
    test: list[Indices] = []
    for label, (first, second) in enumerate(zip(train_sizes, test_sizes, strict=True)):
        members = random.permutation(sizes[label])
        members = np.flatnonzero(class_of == label)[members]
        train.append(members[:first])
        test.append(members[first : first + second])
    return random.permutation(np.concatenate(train)), random.permutation(np.concatenate(test))


def _shares(sizes: Indices, count: int, random: np.random.RandomState) -> Indices:
    """Divide a count among classes by their sizes; what is left goes to the largest remainders.

    Where remainders are equal, it is drawn who gets one more.
    """
    exact = sizes / sizes.sum() * count
    shares = np.floor(exact)
    remainders = exact - shares
    left = int(count - shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if left <= 0:
            break
        equal = np.flatnonzero(remainders == remainder)
        chosen = random.choice(equal, size=min(len(equal), left), replace=False)
        shares[chosen] += 1
        left -= len(chosen)
    counts: Indices = shares.astype(np.int64)
    return counts
