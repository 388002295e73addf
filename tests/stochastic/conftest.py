"""The compiled kernel is compiled before the first test, whose deadline would not allow for it."""

from __future__ import annotations

import numpy as np
import pytest

from sc_neurocore.stochastic.packed_kernels import and_counts


@pytest.fixture(scope="session", autouse=True)
def compiled_kernel() -> None:
    words = np.ones((1, 1), dtype=np.uint64)
    assert and_counts(words, words).tolist() == [[1]]
