from __future__ import annotations

import numpy as np
import pytest

from sc_neurocore.data import Dataset, load_dataset, load_digits, split, split_from_metadata
from sc_neurocore.errors import DataError


def test_digits_are_the_published_images() -> None:
    digits = load_digits()
    assert digits.inputs.shape == (1797, 64)
    assert digits.inputs.dtype == np.uint8
    assert digits.inputs.max() == 16
    assert np.bincount(digits.labels).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip
    assert digits.labels[:10].tolist() == list(range(10))
    assert (digits.encoding.shape, digits.encoding.bits) == ((64,), 5)
    frames = digits.frames()
    assert frames.dtype == np.float32
    assert frames.max() == 1.0
    np.testing.assert_array_equal(frames * 16, digits.inputs)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_is_seeded_stratified_and_without_overlap(seed: int) -> None:
    digits = load_digits()
    marked = Dataset(  # each input names its sample
        "marked", np.arange(1797, dtype=np.uint16)[:, None], digits.labels, 10, 11, 0
    )
    parts, again = split(marked, seed), split(marked, seed)
    assert (len(parts.train), len(parts.test)) == (1437, 360)
    together = np.concatenate([parts.train.inputs, parts.test.inputs])
    assert sorted(together.flatten()) == list(range(1797))
    np.testing.assert_array_equal(parts.test.inputs, again.test.inputs)
    share = np.bincount(parts.test.labels) / np.bincount(digits.labels)
    np.testing.assert_allclose(share, 0.2, atol=0.006)
    for part in (parts.train, parts.test):
        np.testing.assert_array_equal(part.labels, digits.labels[part.inputs[:, 0]])
    other = split(marked, seed + 1).test.inputs
    assert not np.array_equal(parts.test.inputs, other)


def test_metadata_draw_the_same_split_again() -> None:
    parts = split(load_digits(), seed=3, test_fraction=0.3)
    again = split_from_metadata({**parts.metadata, "name": "x"})
    np.testing.assert_array_equal(parts.test.inputs, again.test.inputs)
    with pytest.raises(DataError, match="does not say which split"):
        split_from_metadata({"dataset": "digits"})


def test_data_that_cannot_be_are_refused() -> None:
    inputs, labels = np.full((3, 2), 16, dtype=np.uint8), np.zeros(3, dtype=np.int64)
    with pytest.raises(DataError, match=r"an input is 16: expected less than 2 \*\* 4"):
        Dataset("x", inputs, labels, 1, 4, 4)
    with pytest.raises(DataError, match="3 inputs but labels of shape"):
        Dataset("x", inputs, labels[:2], 1, 5, 4)
    with pytest.raises(DataError, match="no stratified split of 3 samples"):
        split(Dataset("x", inputs, np.arange(3), 3, 5, 4), 0)
    with pytest.raises(DataError, match="no data set 'mnsit'; known: digits"):
        load_dataset("mnsit")
