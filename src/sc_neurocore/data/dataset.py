"""What a data set is: unsigned integers, as the hardware will read them, with labels."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import DataError
from sc_neurocore.network.description import InputEncoding

Inputs = NDArray[np.unsignedinteger[Any]]
OPTION_PREFIX = "dataset_"


@dataclass(frozen=True)
class Dataset:
    """Labelled samples.

    Attributes:
        name: The name in `DATASETS`.
        inputs: Unsigned integers below 2 ** input_bits: (samples, *shape) where the data are
            static, (samples, T, *shape), one frame per time step, where they are not.
        labels: Class of each sample, int64 (samples,), 0 .. n_classes - 1.
        n_classes: Number of classes.
        input_bits: Bits of one input value.
        fraction_bits: One unit of an input value is worth 2 ** -fraction_bits.
        kind: Whether a sample is one frame, a sequence of frames, or a sequence of zeros and ones.
        groups: Where each sample comes from, such as its speaker, (samples,); None if all come
            from one place, or nobody knows.
        options: What the loader was asked for, by name; with them it gives the same inputs again.
    """

    name: str
    inputs: Inputs
    labels: NDArray[np.int64]
    n_classes: int
    input_bits: int
    fraction_bits: int
    kind: Literal["static", "sequence", "spikes"] = "static"
    groups: NDArray[np.str_] | None = None
    options: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.labels.shape != self.inputs.shape[:1]:
            raise DataError(
                f"{self.name}: {len(self.inputs)} inputs but labels of shape {self.labels.shape}"
            )
        if self.groups is not None and self.groups.shape != self.labels.shape:
            raise DataError(
                f"{self.name}: {len(self.inputs)} inputs but groups of shape {self.groups.shape}"
            )
        axes = 2 if self.kind == "static" else 3
        if self.inputs.ndim < axes:
            raise DataError(
                f"{self.name}: inputs of shape {self.inputs.shape}: expected at least {axes} axes "
                f"for {self.kind!r} data"
            )
        if self.kind == "spikes" and (self.input_bits, self.fraction_bits) != (1, 0):
            raise DataError(
                f"{self.name}: {self.input_bits} bits with {self.fraction_bits} of fraction: "
                f"spikes have 1 and 0"
            )
        if self.inputs.size and int(self.inputs.max()) >> self.input_bits:
            raise DataError(
                f"{self.name}: an input is {self.inputs.max()}: expected less than "
                f"2 ** {self.input_bits}"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one frame."""
        return self.inputs.shape[1 if self.kind == "static" else 2 :]

    @property
    def steps(self) -> int | None:
        """The number of frames of a sample; None where the data are static."""
        return None if self.kind == "static" else self.inputs.shape[1]

    @property
    def encoding(self) -> InputEncoding:
        """The inputs' shape and number format, as a network description states it."""
        return InputEncoding(
            kind=self.kind,
            shape=self.shape,
            bits=self.input_bits,
            fraction_bits=self.fraction_bits,
        )

    def frames(self) -> NDArray[np.float32]:
        """Return the inputs as numbers, float32 of the same shape; exact for up to 24 bits."""
        return self.inputs.astype(np.float32) * np.float32(2.0**-self.fraction_bits)

    def network_inputs(self) -> Inputs:
        """Return the inputs as networks read them: what has steps as (T, samples, *shape)."""
        return self.inputs if self.kind == "static" else np.moveaxis(self.inputs, 1, 0)

    def take(self, which: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Dataset:
        """Return the samples at the indices, in their order, or those where a mask is true."""
        return replace(
            self,
            inputs=self.inputs[which],
            labels=self.labels[which],
            groups=None if self.groups is None else self.groups[which],
        )

    def shaped(self, shape: tuple[int, ...]) -> Dataset:
        """Return the same data with frames of another shape, read row by row.

        Args:
            shape: The shape of one frame, such as a network's input shape.

        Raises:
            DataError: If a frame has another number of values.
        """
        if shape == self.shape:
            return self
        if math.prod(shape) != math.prod(self.shape):
            raise DataError(
                f"{self.name} has frames of shape {self.shape}, {math.prod(self.shape)} values: "
                f"they do not fit an input of shape {shape}, {math.prod(shape)} values"
            )
        lead = self.inputs.shape[: self.inputs.ndim - len(self.shape)]
        return replace(self, inputs=self.inputs.reshape(*lead, *shape))

    def flattened(self) -> Dataset:
        """Return the same data with every frame as one axis."""
        return self.shaped((math.prod(self.shape),))


@dataclass(frozen=True)
class Split:
    """A data set in two parts that share no sample.

    Attributes:
        train: What training may see.
        test: What it may not.
        seed: The seed that drew the split; a fixed one does not depend on it.
        test_fraction: The part of the samples in `test`.
        kind: "stratified" was drawn; others are fixed, see the data set's entry in `DATASETS`.
    """

    train: Dataset
    test: Dataset
    seed: int
    test_fraction: float
    kind: str = "stratified"

    @property
    def metadata(self) -> Mapping[str, str | int | float]:
        """What `split_from_metadata` needs to make the same split again."""
        return {
            "dataset": self.train.name,
            **{f"{OPTION_PREFIX}{name}": value for name, value in self.train.options.items()},
            "split": self.kind,
            "split_seed": self.seed,
            "test_fraction": self.test_fraction,
            "test_size": len(self.test),
        }

    def shaped(self, shape: tuple[int, ...]) -> Split:
        """Return the same split with frames of another shape; see `Dataset.shaped`."""
        return replace(self, train=self.train.shaped(shape), test=self.test.shaped(shape))

    def flattened(self) -> Split:
        """Return the same split with every frame as one axis."""
        return replace(self, train=self.train.flattened(), test=self.test.flattened())


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


def hold_out(dataset: Dataset, groups: Collection[str]) -> tuple[Dataset, Dataset]:
    """Separate whole groups, such as a speaker to validate on, from the rest.

    Args:
        dataset: Data that know their groups.
        groups: Names of the groups to hold out.

    Returns:
        The samples of all other groups, and those of the groups.

    Raises:
        DataError: If the data have no groups, a name is not among them, or no group would be left.
    """
    known = [] if dataset.groups is None else np.unique(dataset.groups).tolist()
    chosen = sorted(set(groups))
    if dataset.groups is None or not chosen or not set(chosen) < set(known):
        raise DataError(
            f"{dataset.name}: cannot hold out {', '.join(chosen) or 'nothing'}: expected some, but "
            f"not all, of its groups: {', '.join(known) or 'it has none'}"
        )
    held = np.isin(dataset.groups, chosen)
    return dataset.take(~held), dataset.take(held)
