"""The data sets by name, and their splits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.dataset import OPTION_PREFIX, Dataset, Split, split
from sc_neurocore.data.digits import load_digits
from sc_neurocore.data.events import is_test, load_dvs_gesture, load_nmnist, load_shd, load_ssc
from sc_neurocore.data.mnist import TRAIN_SIZE, load_mnist
from sc_neurocore.data.spoken_digits import TAKES, load_spoken_digits
from sc_neurocore.errors import DataError
from sc_neurocore.progress import ProgressCallback, ignore_progress

STRATIFIED = "stratified"
HELD_OUT_SPEAKERS = ("theo", "yweweler")
"""The last two of the alphabet: a choice that was made before anything was measured on them."""


@dataclass(frozen=True)
class Entry:
    """A data set of the catalogue.

    Attributes:
        load: Returns all samples; takes `progress`, and the data set's options by name.
        splits: Fixed splits by name, the usual one first: which samples are the test. A data set
            without one is split by drawing.
    """

    load: Callable[..., Dataset]
    splits: Mapping[str, Callable[[Dataset], NDArray[np.bool_]]] = field(default_factory=dict)

    @property
    def options(self) -> Mapping[str, str | int | float]:
        """The options and their defaults."""
        parameters = inspect.signature(self.load).parameters.items()
        return {name: each.default for name, each in parameters if name != "progress"}


DATASETS: Mapping[str, Entry] = {
    "digits": Entry(load_digits),
    "mnist": Entry(load_mnist, {"official": lambda data: np.arange(len(data)) >= TRAIN_SIZE}),
    "spoken-digits": Entry(
        load_spoken_digits,
        {
            "speakers": lambda data: np.isin(np.asarray(data.groups), HELD_OUT_SPEAKERS),
            # The first five takes are the test in FSDD's own README and in most papers. Drawn or
            # not, it is the split that is called random: the test has speakers known from training.
            "random": lambda data: np.arange(len(data)) % TAKES < 5,
        },
    ),
    "nmnist": Entry(load_nmnist, {"official": is_test}),
    "dvs-gesture": Entry(load_dvs_gesture, {"official": is_test}),
    "shd": Entry(load_shd, {"official": is_test}),
    "ssc": Entry(load_ssc, {"official": is_test}),
}


def load_dataset(
    name: str, progress: ProgressCallback = ignore_progress, **options: str | int | float
) -> Dataset:
    """Return all samples of the data set of that name.

    Args:
        name: A name in `DATASETS`.
        progress: Receives events while something is downloaded or computed.
        options: What the data set's loader takes, such as `bands` of the spoken digits.

    Raises:
        DataError: For an unknown name or option, listing the known ones, and for files that cannot
            be had or are damaged.
    """
    entry = _entry(name)
    known = entry.options
    for option, value in options.items():
        if option not in known:
            raise DataError(f"{name} has no option {option!r}; known: {', '.join(known) or 'none'}")
        if type(value) is not type(known[option]):
            raise DataError(
                f"{name}: {option} = {value!r}: expected a value like {known[option]!r}"
            )
    return entry.load(progress=progress, **options)


def load_split(
    name: str,
    kind: str | None = None,
    seed: int = 0,
    test_fraction: float = 0.2,
    progress: ProgressCallback = ignore_progress,
    **options: str | int | float,
) -> Split:
    """Return the data set of that name in a part to train on and a part to test on.

    Args:
        name: A name in `DATASETS`.
        kind: "stratified" draws a split; the fixed ones are "official" of mnist and of event data,
            and "speakers" and "random" of spoken-digits. None takes the first fixed one, or draws
            where there is none.
        seed: Draws the stratified split; a fixed one does not depend on it.
        test_fraction: The part of the samples in the test of a stratified split.
        progress: Receives events while something is downloaded or computed.
        options: What the data set's loader takes.

    Raises:
        DataError: As `load_dataset`; for an unknown kind; for a split that cannot be drawn.
    """
    fixed = _entry(name).splits
    kind = kind or next(iter(fixed), STRATIFIED)
    if kind != STRATIFIED and kind not in fixed:
        raise DataError(f"{name} has no split {kind!r}; known: {', '.join((*fixed, STRATIFIED))}")
    dataset = load_dataset(name, progress, **options)
    if kind == STRATIFIED:
        return split(dataset, seed, test_fraction)
    held = fixed[kind](dataset)
    return Split(dataset.take(~held), dataset.take(held), seed, float(held.mean()), kind)


def load_unseen(name: str, progress: ProgressCallback = ignore_progress) -> Dataset:
    """Return what a network from elsewhere is tested on.

    That is the test of the usual fixed split, or, of a data set without one, all samples.

    Raises:
        DataError: As `load_dataset`.
    """
    if _entry(name).splits:
        return load_split(name, progress=progress).test
    return load_dataset(name, progress)


def split_from_metadata(
    metadata: Mapping[str, object], progress: ProgressCallback = ignore_progress
) -> Split:
    """Make the split that a network was trained on, from its description's metadata.

    Metadata without the kind of the split mean a stratified one: so they were written once.

    Raises:
        DataError: If the metadata do not name a data set and a split.
    """
    name, kind = metadata.get("dataset"), metadata.get("split", STRATIFIED)
    seed, fraction = metadata.get("split_seed"), metadata.get("test_fraction")
    if not (
        isinstance(name, str)
        and isinstance(kind, str)
        and isinstance(seed, int)
        and isinstance(fraction, int | float)
    ):
        raise DataError(
            "the network's metadata does not say which split it was trained on (dataset, split, "
            "split_seed, test_fraction): name a data set to evaluate on"
        )
    options = {
        key.removeprefix(OPTION_PREFIX): value
        for key, value in metadata.items()
        if key.startswith(OPTION_PREFIX) and isinstance(value, str | int | float)
    }
    return load_split(name, kind, seed, fraction, progress, **options)


def _entry(name: str) -> Entry:
    entry = DATASETS.get(name) if isinstance(name, str) else None
    if entry is None:
        given = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise DataError(f"no data set {given}; known: {', '.join(DATASETS)}")
    return entry
