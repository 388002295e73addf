"""Event data: N-MNIST, DVS128 Gesture, SHD and SSC, read through `tonic`, as frames of spikes.

tonic reads the files; nothing is downloaded here. ROOT holds a folder of tonic's name for each set:

    ROOT/NMNIST/Train/0/*.bin, ROOT/NMNIST/Test/...
    ROOT/DVSGesture/ibmGestureTrain/user01_fluorescent/*.npy, .../ibmGestureTest/...
    ROOT/SHD/shd_train.h5, shd_test.h5
    ROOT/SSC/ssc_train.h5, ssc_valid.h5, ssc_test.h5
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.data.numbers import check_real, check_whole
from sc_neurocore.errors import DataError, ToolMissingError, UserError
from sc_neurocore.files import cache_folder
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

TEST = "test"
"""The groups of test samples begin with it, those of the others with "train" or "valid"."""


@dataclass(frozen=True)
class EventSet:
    """A data set of tonic's.

    Attributes:
        name: The name in `DATASETS`.
        kind: tonic's class.
        parts: What its constructor is called with for each part, and the path that part is at.
        classes: How many there are.
        rows: Of the sensor; 0 where it is a line.
        columns: Of the sensor.
        origin: What of a sample says where it is from, beside the part.
    """

    name: str
    kind: str
    parts: Mapping[str, tuple[Mapping[str, Any], str]]
    classes: int
    rows: int
    columns: int
    origin: str | None = None


NMNIST = EventSet(
    "nmnist",
    "NMNIST",
    {"train": ({"train": True}, "Train"), TEST: ({"train": False}, "Test")},
    10,
    34,
    34,
)
GESTURE = EventSet(
    "dvs-gesture",
    "DVSGesture",
    {
        "train": ({"train": True}, "ibmGestureTrain"),
        TEST: ({"train": False}, "ibmGestureTest"),
    },
    11,
    128,
    128,
    "users",
)
SHD = EventSet(
    "shd",
    "SHD",
    {"train": ({"train": True}, "shd_train.h5"), TEST: ({"train": False}, "shd_test.h5")},
    20,
    0,
    700,
    "speaker",
)
SSC = EventSet(
    "ssc",
    "SSC",
    {
        "train": ({"split": "train"}, "ssc_train.h5"),
        "valid": ({"split": "valid"}, "ssc_valid.h5"),
        TEST: ({"split": "test"}, "ssc_test.h5"),
    },
    35,
    0,
    700,
    "speaker",
)


def load_nmnist(
    root: str = "",
    steps: int = 20,
    milliseconds: float = 15.0,
    pixels: int = 34,
    bits: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Return N-MNIST, (70000, steps, 2, pixels, pixels), training samples first.

    Orchard, Jayawant, Cohen and Thakor, Converting static image datasets to spiking neuromorphic
    datasets using saccades, Frontiers in Neuroscience 9, 2015.

    Args:
        root: The folder that holds tonic's; empty for the one of $SC_NEUROCORE_DATA, or else the
            part `data` of the cache folder.
        steps: Time steps; what comes later is left out.
        milliseconds: Of a step.
        pixels: Rows and columns; a divisor of 34 adds neighbours up.
        bits: 1 for whether there was an event; more for how many, at most 2 ** bits - 1.
        progress: Receives an event every hundred samples.

    Raises:
        ToolMissingError: If tonic is not installed.
        DataError: If the files are not there, or damaged.
        UserError: If an argument is out of its range.
    """
    return _load(NMNIST, root, steps, milliseconds, pixels, bits, progress)


def load_dvs_gesture(
    root: str = "",
    steps: int = 40,
    milliseconds: float = 40.0,
    pixels: int = 32,
    bits: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Return DVS128 Gesture as tonic has cut it, (1342, steps, 2, pixels, pixels).

    Amir and others, A low power, fully event-based gesture recognition system, CVPR 2017. Groups
    are the users. Arguments and errors are those of `load_nmnist`; pixels divide 128.
    """
    return _load(GESTURE, root, steps, milliseconds, pixels, bits, progress)


def load_shd(
    root: str = "",
    steps: int = 100,
    milliseconds: float = 10.0,
    channels: int = 140,
    bits: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Return the Spiking Heidelberg Digits, (10420, steps, channels); groups are the speakers.

    Cramer, Stradmann, Schemmel and Zenke, The Heidelberg spiking data sets for the systematic
    evaluation of spiking neural networks, IEEE TNNLS 33, 2022. Arguments and errors are those of
    `load_nmnist`; channels divide 700.
    """
    return _load(SHD, root, steps, milliseconds, channels, bits, progress)


def load_ssc(
    root: str = "",
    steps: int = 100,
    milliseconds: float = 10.0,
    channels: int = 140,
    bits: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Return the Spiking Speech Commands; as `load_shd`, with a part "valid" before the test."""
    return _load(SSC, root, steps, milliseconds, channels, bits, progress)


def is_test(dataset: Dataset) -> NDArray[np.bool_]:
    """Return which samples of an event set are its test."""
    return np.char.startswith(np.asarray(dataset.groups, dtype=np.str_), TEST)


def frames_of(
    events: NDArray[Any],
    shape: tuple[int, ...],
    sensor: tuple[int, int],
    microseconds: float,
    most: int,
) -> NDArray[np.unsignedinteger[Any]]:
    """Return how many events fell into each step and place.

    Args:
        events: With the fields t in microseconds, x, p, and y if the sensor has rows.
        shape: (steps, 2, rows, columns), or (steps, columns).
        sensor: Rows (0 for a line) and columns of the sensor, multiples of those.
        microseconds: Of a step, from 0 on.
        most: Larger numbers become this one.

    Raises:
        DataError: If an event lies outside of the sensor, or before 0.
    """
    rows, columns = sensor
    fields = [("x", columns), ("p", 2), *([("y", rows)] if rows else [])]
    for name, size in fields:
        values = events[name]
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < size:
            raise DataError(
                f"an event has {name} = {values.min()} to {values.max()}: expected 0 to {size - 1}"
            )
    if events["t"].size and events["t"].min() < 0:
        raise DataError(f"an event came at {events['t'].min()} microseconds: expected 0 or later")
    step = np.floor_divide(events["t"], microseconds).astype(np.int64)
    inside = step < shape[0]
    x = events["x"][inside].astype(np.int64) // (columns // shape[-1])
    place: tuple[Any, ...] = (step[inside], x)
    if rows:
        y = events["y"][inside].astype(np.int64) // (rows // shape[-2])
        place = (step[inside], events["p"][inside].astype(np.int64), y, x)
    flat = np.ravel_multi_index(place, shape) if len(x) else np.zeros(0, np.int64)
    counts = np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
    return np.minimum(counts, most).astype(np.uint8 if most < 256 else np.uint16)


def _load(
    kind: EventSet,
    root: str,
    steps: int,
    milliseconds: float,
    size: int,
    bits: int,
    progress: ProgressCallback,
) -> Dataset:
    check_whole(steps=steps, bits=bits)
    check_real(milliseconds=milliseconds)
    if not milliseconds > 0 or not 1 <= bits <= 16:
        raise UserError(
            f"milliseconds = {milliseconds}, bits = {bits}: expected more than 0, and 1 to 16"
        )
    what = "pixels" if kind.rows else "channels"
    check_whole(**{what: size})
    if kind.columns % size:
        raise UserError(f"{what} = {size}: expected a divisor of {kind.columns}")
    shape: tuple[int, ...] = (steps, size)
    if kind.rows:
        shape = (steps, 2, size, size)
    parts = list(_parts(kind, Path(root) if root else _usual_root()))
    total = sum(len(samples) for _, samples in parts)
    inputs = np.zeros((total, *shape), np.uint8 if bits <= 8 else np.uint16)
    labels = np.zeros(total, np.int64)
    groups: list[str] = []
    for part, samples in parts:
        origins: Sequence[Any] = getattr(samples, kind.origin) if kind.origin else ()
        for index in range(len(samples)):
            number = len(groups)
            place = f"{kind.name}, {part} sample {index}"
            try:
                events, label = samples[index]
                inputs[number] = frames_of(
                    events, shape, (kind.rows, kind.columns), 1000 * milliseconds, (1 << bits) - 1
                )
            except DataError as error:
                raise DataError(f"{place}: {error}") from None
            except Exception as error:  # whatever tonic meets in a damaged file
                raise DataError(
                    f"{place}: tonic cannot read it ({type(error).__name__}: {error}); fetch it "
                    f"again"
                ) from error
            labels[number] = label
            groups.append(f"{part} {origins[index]}" if len(origins) else part)
            if number % 100 == 0:
                progress(Progress(f"reading {kind.name}", number, total))
    options: dict[str, str | int | float] = {
        "steps": steps,
        "milliseconds": milliseconds,
        "pixels" if kind.rows else "channels": size,
        "bits": bits,
    }
    return Dataset(
        name=kind.name,
        inputs=inputs,
        labels=labels,
        n_classes=kind.classes,
        input_bits=bits,
        fraction_bits=0,
        kind="spikes" if bits == 1 else "sequence",
        groups=np.array(groups),
        options=options,
    )


def _usual_root() -> Path:
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder) if folder else cache_folder("data")


def _parts(kind: EventSet, root: Path) -> Iterator[tuple[str, Any]]:
    """Yield the parts by name, as tonic has them."""
    base = _tonic(kind.kind)
    for part, (arguments, path) in kind.parts.items():
        place = root / kind.kind / path
        if not place.exists():
            raise DataError(
                f"{kind.name}: {place} is not there: give the folder that holds {kind.kind}/{path} "
                f"as root (--root), or in ${DATA_VARIABLE}; tonic downloads it into a folder DIR "
                f"by tonic.datasets.{kind.kind}(save_to='DIR', ...)"
            )
        try:
            yield part, base(str(root), **arguments)
        except Exception as error:
            raise DataError(
                f"{kind.name}: tonic cannot read {place} ({type(error).__name__}: {error}); fetch "
                f"it again"
            ) from error


def _tonic(name: str) -> Callable[..., Any]:
    """Return a data set of tonic's that takes what is there and downloads nothing."""
    try:
        with warnings.catch_warnings():  # of packages that tonic imports
            warnings.simplefilter("ignore")
            from tonic import datasets
    except ImportError as error:
        raise ToolMissingError(
            f"event data are read through the package tonic ({error}); install it by pip install "
            f"-e '.[events]' in the checkout"
        ) from None
    base = getattr(datasets, name)
    # tonic looks for the archives that it downloads, and names its folder after the class.
    return type(name, (base,), {"_check_exists": lambda self: True})
