from __future__ import annotations

import gzip
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.data import load_dataset, load_mnist, load_split
from sc_neurocore.data.mnist import _TEST, _TRAIN
from sc_neurocore.errors import DataError


def test_mnist_are_the_published_images(shared_data: Path) -> None:
    parts = load_split("mnist")
    assert parts.train.inputs.shape == (60000, 1, 28, 28)
    assert parts.test.inputs.shape == (10000, 1, 28, 28)
    assert parts.test.inputs.dtype == np.uint8
    assert np.bincount(parts.train.labels).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(parts.test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert parts.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert parts.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    # The mean and deviation with which everybody normalises MNIST, of pixels from 0 to 1.
    pixels = parts.train.inputs / np.float32(255)
    assert float(pixels.mean(dtype=np.float64)) == pytest.approx(0.1307, abs=5e-5)
    assert float(pixels.std(dtype=np.float64)) == pytest.approx(0.3081, abs=5e-5)
    encoding = parts.test.encoding
    assert (encoding.kind, encoding.shape) == ("static", (1, 28, 28))
    assert (encoding.bits, encoding.fraction_bits) == (8, 8)
    assert parts.test.flattened().encoding.shape == (784,)
    whole = load_dataset("mnist")
    assert len(whole) == 70000
    np.testing.assert_array_equal(whole.labels[60000:], parts.test.labels)


def write(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), 1))


def stand_in(folder: Path) -> Path:
    """Write files of MNIST's form; all images are black and all labels 0."""
    (folder / "mnist").mkdir()
    for part in (*_TRAIN, *_TEST):
        write(folder / "mnist" / part.name, np.zeros(part.shape, np.uint8))
    return folder / "mnist"


def test_other_images_of_the_same_form_are_refused(own_data: Path) -> None:
    stand_in(own_data)
    with pytest.raises(
        DataError, match=r"train-images.*SHA-256 [0-9a-f]{64}: MNIST's has ba891046"
    ):
        load_mnist()


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((60000, 28)), r"\(60000, 28\): MNIST has"),
        ("train-images-idx3-ubyte.gz", np.zeros((3, 28, 28)), r"\(3, 28, 28\): MNIST has"),
    ],
)
def test_files_of_another_form_are_named(
    own_data: Path, name: str, values: np.ndarray, message: str
) -> None:
    folder = stand_in(own_data)
    write(folder / name, values.astype(np.uint8))
    with pytest.raises(DataError, match=f"{name}: .*{message}"):
        load_mnist()


def test_damaged_files_are_named(shared_data: Path, own_data: Path) -> None:
    shutil.copytree(shared_data / "mnist", own_data / "mnist")
    labels = own_data / "mnist" / "t10k-labels-idx1-ubyte.gz"
    labels.chmod(0o644)
    whole = labels.read_bytes()
    labels.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: not gzip, or damaged"):
        load_mnist()
    content = bytearray(gzip.decompress(whole))
    content[8 + 123] = 10
    labels.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"t10k-labels.*label 123 is 10: expected 0 to 9"):
        load_mnist()
    content[8 + 123] = (gzip.decompress(whole)[8 + 123] + 1) % 10
    labels.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"t10k-labels.*the file was changed"):
        load_mnist()
    labels.write_bytes(gzip.compress(gzip.decompress(whole), 3))  # packed anew, the same digits
    assert len(load_mnist()) == 70000
