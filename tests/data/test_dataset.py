from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits as load_digits_of_sklearn

from sc_neurocore.data import (
    Dataset,
    hold_out,
    load_dataset,
    load_digits,
    load_split,
    load_unseen,
    split,
    split_from_metadata,
)
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
    pixels, labels = load_digits_of_sklearn(return_X_y=True)
    np.testing.assert_array_equal(digits.inputs, pixels)
    np.testing.assert_array_equal(digits.labels, labels)


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
    assert again.metadata == parts.metadata
    old = {key: value for key, value in parts.metadata.items() if key != "split"}
    np.testing.assert_array_equal(parts.test.inputs, split_from_metadata(old).test.inputs)
    with pytest.raises(DataError, match="does not say which split"):
        split_from_metadata({"dataset": "digits"})


def test_a_split_by_name_is_drawn_where_none_is_fixed() -> None:
    parts = load_split("digits", seed=3, test_fraction=0.3)
    np.testing.assert_array_equal(
        parts.test.inputs, split(load_digits(), seed=3, test_fraction=0.3).test.inputs
    )
    assert parts.kind == "stratified"
    assert len(load_unseen("digits")) == 1797
    with pytest.raises(DataError, match="digits has no split 'official'; known: stratified"):
        load_split("digits", "official")


def sequences(**changes: object) -> Dataset:
    """Six samples of three frames of 2x4 values, all different."""
    values = {
        "name": "sequences",
        "inputs": np.arange(144, dtype=np.uint8).reshape(6, 3, 2, 4),
        "labels": np.arange(6) % 2,
        "n_classes": 2,
        "input_bits": 8,
        "fraction_bits": 4,
        "kind": "sequence",
        "groups": np.array(["a", "a", "b", "b", "c", "c"]),
    }
    return Dataset(**(values | changes))


def test_a_sequence_has_a_frame_per_step() -> None:
    data = sequences()
    assert (data.steps, data.shape) == (3, (2, 4))
    assert (data.encoding.kind, data.encoding.shape) == ("sequence", (2, 4))
    np.testing.assert_array_equal(data.network_inputs()[2, 4], data.inputs[4, 2])
    static = load_digits()
    assert (static.steps, static.encoding.kind) == (None, "static")
    assert static.network_inputs() is static.inputs


def test_frames_take_another_shape_of_the_same_size() -> None:
    data = sequences()
    flat = data.flattened()
    assert (flat.inputs.shape, flat.encoding.shape) == ((6, 3, 8), (8,))
    np.testing.assert_array_equal(flat.inputs[1, 2], data.inputs[1, 2].flatten())
    np.testing.assert_array_equal(flat.shaped((2, 4)).inputs, data.inputs)
    images = split(load_digits(), 0).shaped((1, 8, 8))
    assert images.test.shape == (1, 8, 8)
    assert images.flattened().train.shape == (64,)
    with pytest.raises(DataError, match=r"frames of shape \(2, 4\), 8 values: .*\(3, 3\), 9 val"):
        data.shaped((3, 3))


def test_samples_are_taken_by_index_and_by_mask_with_their_groups() -> None:
    data = sequences()
    taken, masked = data.take(np.array([4, 1])), data.take(data.labels == 1)
    assert taken.groups is not None and masked.groups is not None
    assert taken.groups.tolist() == ["c", "a"]
    np.testing.assert_array_equal(taken.inputs, data.inputs[[4, 1]])
    assert masked.groups.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(masked.inputs, data.inputs[1::2])


def test_whole_groups_are_held_out() -> None:
    data = sequences()
    rest, held = hold_out(data, ["c", "a"])
    np.testing.assert_array_equal(rest.inputs, data.inputs[2:4])
    np.testing.assert_array_equal(held.inputs, data.inputs[[0, 1, 4, 5]])
    for groups in ([], ["d"], ["a", "b", "c"]):
        with pytest.raises(DataError, match="some, but not all, of its groups: a, b, c"):
            hold_out(data, groups)
    with pytest.raises(DataError, match="it has none"):
        hold_out(load_digits(), ["a"])


def test_data_that_cannot_be_are_refused() -> None:
    inputs, labels = np.full((3, 2), 16, dtype=np.uint8), np.zeros(3, dtype=np.int64)
    with pytest.raises(DataError, match=r"an input is 16: expected less than 2 \*\* 4"):
        Dataset("x", inputs, labels, 1, 4, 4)
    with pytest.raises(DataError, match="3 inputs but labels of shape"):
        Dataset("x", inputs, labels[:2], 1, 5, 4)
    with pytest.raises(DataError, match="6 inputs but groups of shape"):
        sequences(groups=np.array(["a"]))
    with pytest.raises(DataError, match="expected at least 3 axes for 'sequence' data"):
        sequences(inputs=np.zeros((6, 3), np.uint8))
    with pytest.raises(DataError, match="spikes have 1 and 0"):
        sequences(kind="spikes")
    with pytest.raises(DataError, match="no stratified split of 3 samples"):
        split(Dataset("x", inputs, np.arange(3), 3, 5, 4), 0)
    with pytest.raises(DataError, match="no data set 'mnsit'; known: digits, mnist, spoken-digits"):
        load_dataset("mnsit")
