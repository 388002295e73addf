"""What a data set is: unsigned integers, as the hardware will read them, with labels."""

from __future__ import annotations

import hashlib
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

    Of your own numbers x from 0 to 1, (samples, *shape), and classes y, (samples,):

        Dataset("mine", np.round(x * 255).astype(np.uint8), y, n_classes, 8, 8)

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
        self._check_labels()
        if self.groups is not None and self.groups.shape != self.labels.shape:
            raise DataError(
                f"{self.name}: {len(self.inputs)} inputs but groups of shape {self.groups.shape}"
            )
        self._check_inputs()

    def _check_inputs(self) -> None:
        if self.kind not in ("static", "sequence", "spikes"):
            raise DataError(
                f"{self.name}: kind = {self.kind!r}: expected 'static', 'sequence' or 'spikes'"
            )
        axes = 2 if self.kind == "static" else 3
        if self.inputs.ndim < axes:
            raise DataError(
                f"{self.name}: inputs of shape {self.inputs.shape}: expected at least {axes} axes "
                f"for {self.kind!r} data"
            )
        bits, fraction = self.input_bits, self.fraction_bits
        if not _are_whole(bits, fraction) or not 1 <= bits <= 64 or abs(fraction) > 64:
            raise DataError(
                f"{self.name}: input_bits = {bits!r}, fraction_bits = {fraction!r}: expected whole "
                f"numbers, 1 to 64 and -64 to 64"
            )
        if self.kind == "spikes" and (bits, fraction) != (1, 0):
            raise DataError(
                f"{self.name}: {bits} bits with {fraction} of fraction: spikes have 1 and 0"
            )
        if not self.inputs.size:
            return
        if int(self.inputs.min()) < 0:
            raise DataError(
                f"{self.name}: an input is {self.inputs.min()}: expected unsigned integers; shift "
                f"the values (inputs - inputs.min()), or split them into two channels, one for "
                f"rises and one for falls"
            )
        if int(self.inputs.max()) >> self.input_bits:
            raise DataError(
                f"{self.name}: an input is {self.inputs.max()}: expected less than "
                f"2 ** {self.input_bits}"
            )

    def _check_labels(self) -> None:
        if not isinstance(self.name, str):
            raise DataError(f"name = {self.name!r}: expected a text")
        parts: dict[str, Any] = {"inputs": self.inputs, "labels": self.labels}
        for what, value in (
            parts if self.groups is None else parts | {"groups": self.groups}
        ).items():
            if not isinstance(value, np.ndarray):
                raise DataError(
                    f"{self.name}: {what} are a {type(value).__name__}: expected a NumPy array; "
                    f"np.asarray(...) makes one of lists, .numpy() of tensors"
                )
        if self.inputs.dtype.kind not in "uib":
            raise DataError(
                f"{self.name}: inputs of type {self.inputs.dtype}: expected unsigned integers, as "
                f"hardware reads them, each worth 2 ** -fraction_bits. Numbers x from 0 to 1 "
                f"become 8 bits of fraction by np.round(x * 255).astype(np.uint8), input_bits=8, "
                f"fraction_bits=8; to train on numbers as they are, give fit a torch Dataset"
            )
        if self.labels.shape != self.inputs.shape[:1]:
            advice = "; one-hot labels become classes by .argmax(1)" * (self.labels.ndim == 2)
            raise DataError(
                f"{self.name}: {len(self.inputs)} inputs but labels of shape {self.labels.shape}"
                f"{advice}"
            )
        if self.labels.dtype.kind not in "ui":
            raise DataError(
                f"{self.name}: labels of type {self.labels.dtype}: expected whole numbers; "
                f"labels.astype(np.int64)"
            )
        if not _are_whole(self.n_classes) or self.n_classes < 1:
            raise DataError(
                f"{self.name}: n_classes = {self.n_classes!r}: expected a whole number, 1 or more"
            )
        if self.labels.size:
            least, most = int(self.labels.min()), int(self.labels.max())
            if least < 0 or most >= self.n_classes:
                advice = (
                    "; leave samples without a class out, inputs[labels >= 0]"
                    if least < 0
                    else "; count classes from 0, or raise n_classes"
                )
                raise DataError(
                    f"{self.name}: labels from {least} to {most}: expected 0 to "
                    f"{self.n_classes - 1}{advice}"
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

    def sha256(self) -> str:
        """Return the hash of inputs and labels, hexadecimal."""
        digest = hashlib.sha256(np.ascontiguousarray(self.inputs).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()

    def network_inputs(self) -> Inputs:
        """Return the inputs as networks read them: what has steps as (T, samples, *shape)."""
        return self.inputs if self.kind == "static" else np.moveaxis(self.inputs, 1, 0)

    def take(self, which: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Dataset:
        """Return the samples at the indices, in their order, or those where a mask is true.

        Raises:
            DataError: If there is no such sample.
        """
        try:
            self.labels[which]
        except IndexError as error:
            raise DataError(f"{self.name}: take: {error}; expected indices or a mask") from None
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


def _are_whole(*values: object) -> bool:
    return all(
        isinstance(value, int | np.integer) and not isinstance(value, bool) for value in values
    )


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
