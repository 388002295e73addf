"""MNIST: 70,000 handwritten digits of 28x28 pixels, 60,000 to train on and 10,000 to test on.

Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
recognition, Proceedings of the IEEE 86(11), 1998.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.data.files import DataFile, find_file
from sc_neurocore.data.idx import parse_idx, read_gzip
from sc_neurocore.errors import DataError
from sc_neurocore.progress import ProgressCallback, ignore_progress

TRAIN_SIZE = 60_000
TEST_SIZE = 10_000
_PIXELS = (28, 28)
_CLASSES = 10
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


@dataclass(frozen=True)
class _Part:
    """One of the four files; `content` is the SHA-256 of it uncompressed, however it was packed."""

    name: str
    shape: tuple[int, ...]
    sha256: str
    content: str

    @property
    def file(self) -> DataFile:
        urls = tuple(mirror + self.name for mirror in _MIRRORS)
        return DataFile(f"mnist/{self.name}", urls, self.sha256)


_TRAIN = (
    _Part(
        "train-images-idx3-ubyte.gz",
        (TRAIN_SIZE, *_PIXELS),
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _Part(
        "train-labels-idx1-ubyte.gz",
        (TRAIN_SIZE,),
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
)
_TEST = (
    _Part(
        "t10k-images-idx3-ubyte.gz",
        (TEST_SIZE, *_PIXELS),
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _Part(
        "t10k-labels-idx1-ubyte.gz",
        (TEST_SIZE,),
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def load_mnist(progress: ProgressCallback = ignore_progress) -> Dataset:
    """Return all images, (70000, 1, 28, 28) in 1/256 (8 bits, 8 of fraction), the test set last.

    Args:
        progress: Receives events while a file is downloaded.

    Raises:
        DataError: If a file cannot be had, is damaged, or is not MNIST's; it is named.
    """
    images, labels = (
        np.concatenate([_read(train, progress), _read(test, progress)])
        for train, test in zip(_TRAIN, _TEST, strict=True)
    )
    return Dataset(
        name="mnist",
        inputs=images[:, None],
        labels=labels.astype(np.int64),
        n_classes=_CLASSES,
        input_bits=8,
        fraction_bits=8,
    )


def _read(part: _Part, progress: ProgressCallback) -> NDArray[np.uint8]:
    path = find_file(part.file, progress)
    content = read_gzip(path)
    values = parse_idx(content, path)
    if values.shape != part.shape:
        raise DataError(f"{path}: values of shape {values.shape}: MNIST has {part.shape} there")
    if values.ndim == 1 and values.max() >= _CLASSES:
        where = int(values.argmax())
        raise DataError(f"{path}: label {where} is {values[where]}: expected 0 to {_CLASSES - 1}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != part.content:
        raise DataError(
            f"{path}: the uncompressed content has the SHA-256 {digest}: MNIST's has "
            f"{part.content}; the file was changed, fetch it again"
        )
    return values
