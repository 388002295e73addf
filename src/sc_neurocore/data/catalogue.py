"""The data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sc_neurocore.data.dataset import Dataset, Split, split
from sc_neurocore.data.digits import load_digits
from sc_neurocore.errors import DataError

DATASETS: Mapping[str, Callable[[], Dataset]] = {"digits": load_digits}


def load_dataset(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DataError: Listing the known names.
    """
    try:
        load = DATASETS[name]
    except KeyError:
        raise DataError(f"no data set {name!r}; known: {', '.join(DATASETS)}") from None
    return load()


def split_from_metadata(metadata: Mapping[str, object]) -> Split:
    """Draw the split that a network was trained on, from its description's metadata.

    Raises:
        DataError: If the metadata does not name a data set and a split.
    """
    name, seed = metadata.get("dataset"), metadata.get("split_seed")
    fraction = metadata.get("test_fraction")
    if not (isinstance(name, str) and isinstance(seed, int) and isinstance(fraction, int | float)):
        raise DataError(
            "the network's metadata does not say which split it was trained on (dataset, "
            "split_seed, test_fraction): name a data set to evaluate on"
        )
    return split(load_dataset(name), seed, fraction)
