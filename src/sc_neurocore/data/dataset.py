"""What a data set is: unsigned integers, as the hardware will read them, with labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import DataError
from sc_neurocore.network.description import InputEncoding


@dataclass(frozen=True)
class Dataset:
    """Labelled samples.

    Attributes:
        name: The name in `DATASETS`.
        inputs: Unsigned integers (samples, *shape), below 2 ** input_bits.
        labels: Class of each sample, int64 (samples,), 0 .. n_classes - 1.
        n_classes: Number of classes.
        input_bits: Bits of one input value.
        fraction_bits: One unit of an input value is worth 2 ** -fraction_bits.
    """

    name: str
    inputs: NDArray[np.unsignedinteger[Any]]
    labels: NDArray[np.int64]
    n_classes: int
    input_bits: int
    fraction_bits: int

    def __post_init__(self) -> None:
        if self.labels.shape != self.inputs.shape[:1]:
            raise DataError(
                f"{self.name}: {len(self.inputs)} inputs but labels of shape {self.labels.shape}"
            )
        if self.inputs.size and int(self.inputs.max()) >> self.input_bits:
            raise DataError(
                f"{self.name}: an input is {self.inputs.max()}: expected less than "
                f"2 ** {self.input_bits}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def encoding(self) -> InputEncoding:
        """The inputs' shape and number format, as a network description states it."""
        return InputEncoding(
            shape=self.inputs.shape[1:], bits=self.input_bits, fraction_bits=self.fraction_bits
        )

    def frames(self) -> NDArray[np.float32]:
        """Return the inputs as numbers, float32 (samples, *shape); exact for up to 24 bits."""
        return self.inputs.astype(np.float32) * np.float32(2.0**-self.fraction_bits)

    def take(self, indices: NDArray[np.integer[Any]]) -> Dataset:
        """Return the samples at the indices, in their order."""
        return replace(self, inputs=self.inputs[indices], labels=self.labels[indices])


@dataclass(frozen=True)
class Split:
    """A data set in two parts that share no sample.

    Attributes:
        train: What training may see.
        test: What it may not.
        seed: The seed that drew the split.
        test_fraction: The part of the samples in `test`.
    """

    train: Dataset
    test: Dataset
    seed: int
    test_fraction: float

    @property
    def metadata(self) -> Mapping[str, str | int | float]:
        """What `split_from_metadata` needs to draw the same split again."""
        return {
            "dataset": self.train.name,
            "split_seed": self.seed,
            "test_fraction": self.test_fraction,
            "test_size": len(self.test),
        }


def split(dataset: Dataset, seed: int, test_fraction: float = 0.2) -> Split:
    """Draw a stratified split: every class has the same share of both parts.

    Args:
        dataset: What to split.
        seed: The same seed draws the same split.
        test_fraction: The part of the samples in `test`, between 0 and 1.

    Raises:
        DataError: If a part could not hold every class.
    """
    from sklearn.model_selection import train_test_split

    try:
        train, test = train_test_split(
            np.arange(len(dataset)),
            test_size=test_fraction,
            random_state=seed,
            stratify=dataset.labels,
        )
    except ValueError as error:
        raise DataError(
            f"{dataset.name}: no stratified split of {len(dataset)} samples with seed={seed} and "
            f"test_fraction={test_fraction}: {error}"
        ) from None
    return Split(dataset.take(train), dataset.take(test), seed, test_fraction)
