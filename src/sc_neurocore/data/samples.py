"""What a network is asked about: a data set's samples, random ones, or those of a user's file."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.arrays import blocks, read_arrays
from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError
from sc_neurocore.network.description import InputEncoding, NetworkDescription

WholeNumbers = NDArray[np.integer[Any]]
EVENTS = "events"
NAMES = ("inputs", "labels", "scale", EVENTS)
"""The arrays of an .npz file: the samples, their classes, what a number 1 in them is worth; or, in
place of the samples, the spikes in them."""
_MAXIMUM_OF_EVENTS = 1 << 31
"""Numbers that the frames of a file of events have."""

_KINDS: dict[int, Literal["static", "sequence"]] = {1: "static", 2: "sequence"}
"""By the axes before a frame's."""


@dataclass(frozen=True)
class Samples:
    """Inputs of a network, and what is known of them.

    Attributes:
        name: A data set's name, a file's path, or "random".
        inputs: Integers of the encoding, (samples, *shape) where it is static, else
            (samples, T, *shape). They may lie on disk.
        encoding: What they mean.
        labels: Class of each sample, int64 (samples,); None if it is not known.
        origin: What they are, for people.
        is_unseen: Whether the network was not trained on them; None if nobody knows.
        largest_rounding: How far, at most, a number of the file is from its integer, as a number.
        cut: How many numbers were just beyond the largest integer, and became it.
    """

    name: str
    inputs: WholeNumbers
    encoding: InputEncoding
    labels: NDArray[np.int64] | None
    origin: str
    is_unseen: bool | None = None
    largest_rounding: float = 0.0
    cut: int = 0

    @classmethod
    def of(cls, dataset: Dataset, is_unseen: bool | None) -> Samples:
        """Return the samples of a data set."""
        inputs, labels = dataset.inputs, dataset.labels
        origin = f"{dataset.name}, {'test split' if is_unseen else 'test part'}"
        return cls(dataset.name, inputs, dataset.encoding, labels, origin, is_unseen)

    def __len__(self) -> int:
        return len(self.inputs)

    def network_inputs(self) -> WholeNumbers:
        """Return the inputs as networks read them: what has steps as (T, samples, *shape)."""
        return self.inputs if self.encoding.kind == "static" else np.moveaxis(self.inputs, 1, 0)

    def first(self, count: int) -> Samples:
        """Return the first samples; all if there are fewer, or the count is 0."""
        if not count or count >= len(self):
            return self
        labels = None if self.labels is None else self.labels[:count]
        return replace(self, inputs=self.inputs[:count], labels=labels)

    def accuracy(self, classes: NDArray[np.integer[Any]]) -> float | None:
        """Return the share of right answers; None where the right ones are not known."""
        return None if self.labels is None else float((classes == self.labels).mean())

    @property
    def line(self) -> str:
        """What they are, in a line."""
        text = f"{self.name}, {len(self)} samples"
        if self.name == "random":
            return f"{len(self)} {self.origin}"
        if self.labels is None:
            text += " without labels"
        if self.is_unseen:
            text += " that were not trained on"
        elif self.is_unseen is None:
            text += "; whether the network was trained on them is not known"
        if self.largest_rounding:
            text += f"; rounded by at most {self.largest_rounding:.3g}"
        return text + (f"; {self.cut} numbers cut to the largest" if self.cut else "")

    def as_dict(self) -> dict[str, Any]:
        """Return what is known of them as plain JSON values."""
        return {
            "name": self.name,
            "samples": len(self),
            "has_labels": self.labels is not None,
            "is_unseen": self.is_unseen,
            "largest_rounding": self.largest_rounding,
            "cut": self.cut,
        }


def random_samples(description: NetworkDescription, count: int, seed: int = 0) -> Samples:
    """Return random inputs of a network, any integer as likely as any other.

    Of frames per step, each sample has its own share of zeros, from half of its values to all: real
    spikes are rarer than chance.
    """
    coding = description.input
    steps = () if coding.kind == "static" else (description.steps,)
    shape = (count, *steps, *coding.shape)
    random = np.random.default_rng(seed)
    inputs = random.integers(coding.low, coding.high + 1, size=shape)
    if steps:
        shares = random.random((count, *(1,) * (len(shape) - 1)))
        inputs *= random.random(shape) < shares
    return Samples("random", inputs, coding, None, f"random inputs, seed {seed}")


def load_samples(
    path: str | os.PathLike[str], description: NetworkDescription, scale: float | None = None
) -> Samples:
    """Read a user's samples from a file, in a network's input encoding.

    Args:
        path: An .npy file with inputs, or an .npz file with `inputs`, perhaps `labels`, perhaps
            `scale`. Inputs are (samples, *shape) for a static input, else (samples, T, *shape); a
            frame may be flat. Whole numbers are integers of the encoding, unless there is a scale.
            In place of inputs there may be `events`, (spikes, 3): the sample, step and input of
            each; an input has as many spikes in a step as events.
        description: The network.
        scale: What a number 1 in the file is worth to the network; needed for floats that are not
            whole numbers. The products are rounded to the encoding.

    Raises:
        DataError: If the file cannot be read or is damaged, or what it holds does not fit.
    """
    arrays = read_arrays(path, NAMES, EVENTS)
    where = str(path)
    coding = description.input
    given = _frames(arrays, math.prod(coding.shape), description.steps, where)
    scale = _scale(arrays, where) if scale is None else check_scale(scale)
    shaped = _shaped(given, coding, description.steps, where)
    inputs, rounding, cut = _integers(shaped, coding, scale, where)
    labels = arrays.get("labels")
    if labels is not None:
        labels = _labels(labels, len(inputs), description.outputs, where)
    return Samples(where, inputs, coding, labels, where, None, rounding, cut)


def find_encoding(
    path: str | os.PathLike[str],
    shape: tuple[int, ...],
    steps: int | None,
    scale: float | None = None,
    bits: int | None = None,
) -> InputEncoding:
    """Return an encoding that a user's samples fit.

    Whole numbers keep every value, in as few bits as hold them all; other numbers get 8 bits, or
    `bits`, the point where the largest of them fits.

    Args:
        path: As for `load_samples`.
        shape: The shape of one frame.
        steps: Time steps of a sample; where the file has none, it is static.
        scale: What a number 1 in the file is worth to the network.
        bits: Bits of an input.

    Raises:
        DataError: As `load_samples`; or if the numbers do not fit 16 bits.
    """
    arrays = read_arrays(path, NAMES, EVENTS)
    where = str(path)
    given = _frames(arrays, math.prod(shape), steps, where)
    scale = _scale(arrays, where) if scale is None else check_scale(scale)
    axes = _lead(given, shape)
    if axes is None or not given.size:
        raise DataError(
            f"{where}: inputs of shape {given.shape}: expected (samples, {_text(shape)}) or "
            f"(samples, T, {_text(shape)})"
        )
    if axes == 2 and steps is not None and given.shape[1] != steps:
        raise DataError(
            f"{where}: inputs of shape {given.shape}: the second axis is time, and {steps} steps "
            f"are asked for"
        )
    low, high, is_whole = _range(given, where)
    if is_whole and scale in (None, 1.0):
        needed = max(int(high).bit_length(), int(-low - 1).bit_length() if low < 0 else 0, 1)
        needed += low < 0
        if needed > 16 or (bits or 16) < needed:
            raise DataError(
                f"{where}: inputs from {low:g} to {high:g} need {needed} bits: expected at most "
                f"{bits or 16}; give a scale, by which they are multiplied"
            )
        is_spikes = axes == 2 and low >= 0 and high <= 1
        if is_spikes:
            return InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0)
        return InputEncoding(
            kind=_KINDS[axes], shape=shape, bits=bits or needed, fraction_bits=0, signed=low < 0
        )
    if scale is None:
        raise DataError(_needs_scale(where, low, high))
    ends = sorted((low * scale, high * scale))
    largest = max(abs(ends[0]), abs(ends[1]))
    signed = ends[0] < 0
    width = bits or 8
    # One unit beyond the largest integer is cut to it: 1.0 in 8 bits is 255/256.
    whole = math.ceil(math.log2(largest)) if largest > 0 else 0
    fraction = width - signed - whole
    if not 0 <= fraction <= 16:
        raise DataError(
            f"{where}: inputs from {ends[0]:g} to {ends[1]:g}, times the scale: {width} bits hold "
            f"none of that size with 0 to 16 fraction bits; give another scale"
        )
    return InputEncoding(
        kind=_KINDS[axes], shape=shape, bits=width, fraction_bits=fraction, signed=signed
    )


def _frames(
    arrays: dict[str, NDArray[Any]], inputs: int, steps: int | None, where: str
) -> NDArray[Any]:
    """Return the file's inputs, or the frames of its events, (samples, T, inputs)."""
    if "inputs" in arrays:
        if EVENTS in arrays:
            raise DataError(f"{where}: it holds inputs and events: expected one of the two")
        return arrays["inputs"]
    events = arrays[EVENTS]
    if events.ndim != 2 or events.shape[1] != 3 or events.dtype.kind not in "ui" or not len(events):
        raise DataError(
            f"{where}: events of shape {events.shape} and type {events.dtype}: expected whole "
            f"numbers, (spikes, 3): sample, step and input of each"
        )
    labels = arrays.get("labels")
    least, most = events.min(axis=0), events.max(axis=0)
    samples = int(most[0]) + 1 if labels is None else len(np.atleast_1d(labels))
    length = int(most[1]) + 1 if steps is None else steps
    for name, low, high, size in zip(
        ("sample", "step", "input"), least, most, (samples, length, inputs), strict=True
    ):
        if low < 0 or high >= size:
            raise DataError(
                f"{where}: an event of {name} {low if low < 0 else high}: expected 0 to {size - 1}"
            )
    if samples * length * inputs > _MAXIMUM_OF_EVENTS:
        raise DataError(
            f"{where}: {samples} samples of {length} steps of {inputs} inputs: at most "
            f"{_MAXIMUM_OF_EVENTS} numbers are made of events; use several files"
        )
    places = np.ravel_multi_index(tuple(events.astype(np.int64).T), (samples, length, inputs))
    found, counts = np.unique(places, return_counts=True)
    if counts.max() > np.iinfo(np.uint16).max:
        raise DataError(f"{where}: an input has {counts.max()} spikes in a step: at most 65535")
    frames = np.zeros(samples * length * inputs, np.min_scalar_type(int(counts.max())))
    frames[found] = counts
    return frames.reshape(samples, length, inputs)


def check_scale(scale: float) -> float:
    """Return a scale, checked to be a number that is not 0."""
    if not (math.isfinite(scale) and 2.0**-64 <= abs(scale) <= 2.0**64):
        raise DataError(f"scale = {scale}: expected what a number 1 is worth, such as 0.5 or 1/255")
    return float(scale)


def _scale(arrays: dict[str, NDArray[Any]], where: str) -> float | None:
    given = arrays.get("scale")
    if given is None:
        return None
    if given.size != 1:
        raise DataError(f"{where}: scale has shape {given.shape}: expected one number")
    return check_scale(float(given.reshape(())))


def _text(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def _lead(given: NDArray[Any], shape: tuple[int, ...]) -> int | None:
    """Return how many axes are before a frame's; None if no frame of the shape is in it."""
    for tail in dict.fromkeys((shape, (math.prod(shape),))):
        lead = given.ndim - len(tail)
        if lead in (1, 2) and given.shape[lead:] == tail:
            return lead
    return None


def _shaped(given: NDArray[Any], coding: InputEncoding, steps: int, where: str) -> NDArray[Any]:
    """Return the inputs with frames in the network's shape."""
    lead = ("samples",) if coding.kind == "static" else ("samples", str(steps))
    wanted = f"({', '.join((*lead, *map(str, coding.shape)))})"
    problem = f"{where}: inputs of shape {given.shape}: expected {wanted}"
    found = _lead(given, coding.shape)
    if given.shape == (*(() if len(lead) == 1 else (steps,)), *coding.shape):
        raise DataError(f"{problem}; for one sample: inputs[np.newaxis]")
    if found is None:
        raise DataError(problem)
    if found != len(lead):
        meant = (
            "the network takes one frame per sample, for all its steps"
            if coding.kind == "static"
            else "the network takes a frame for each step"
        )
        raise DataError(f"{problem}: {meant}")
    if found == 2 and given.shape[1] != steps:
        advice = "; np.moveaxis(inputs, 0, 1) puts samples first" * (given.shape[0] == steps)
        raise DataError(f"{problem}: {given.shape[1]} steps are there{advice}")
    if not len(given):
        raise DataError(f"{problem}, with at least one sample")
    return given.reshape(*given.shape[:found], *coding.shape)


def _range(array: NDArray[Any], where: str) -> tuple[float, float, bool]:
    """Return the least and the largest number, and whether all are whole."""
    low, high, whole = math.inf, -math.inf, True
    for part in blocks(array):
        if part.dtype.kind == "f" and not np.isfinite(part).all():
            raise DataError(f"{where}: inputs hold NaN or infinity: expected finite numbers")
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        whole = whole and (part.dtype.kind != "f" or bool((part == np.rint(part)).all()))
    return low, high, whole


def _needs_scale(where: str, low: float, high: float) -> str:
    return (
        f"{where}: inputs are floats from {low:g} to {high:g}: say what a number 1 in them is "
        f"worth to the network, with --scale (1, if they are as the network was trained on; "
        f"1/255 = 0.0039215686 for pixels from 0 to 255), or as `scale` in the .npz file"
    )


def _integers(
    array: NDArray[Any], coding: InputEncoding, scale: float | None, where: str
) -> tuple[WholeNumbers, float, int]:
    """Return integers of the encoding, the largest rounding, and how many were cut."""
    low, high, is_whole = _range(array, where)
    unit = 2.0**-coding.fraction_bits
    if scale is None and not is_whole:
        raise DataError(_needs_scale(where, low, high))
    if scale is None and array.dtype.kind == "f" and coding.fraction_bits and high > 0:
        # 1.0 may be one unit, or one: only whoever wrote the file knows.
        raise DataError(_needs_scale(where, low, high))
    factor = 1.0 if scale is None else scale / unit
    ends = sorted((low * factor, high * factor))
    slack = 0.0 if scale is None else 1.0
    # Below, only what rounds to the least integer: a spike of -1 is no 0.
    if ends[0] < coding.low - slack / 2 or ends[1] > coding.high + slack:
        sign = (
            ""
            if coding.signed or ends[0] >= 0
            else ("; the network's input has no sign: import it with such data, or shift them")
        )
        raise DataError(
            f"{where}: inputs range from {ends[0] * unit:g} to {ends[1] * unit:g}, which is "
            f"{ends[0]:g} to {ends[1]:g} in units of the network's input: expected {coding.low} to "
            f"{coding.high} ({coding.bits} bits){sign}"
        )
    kind = np.min_scalar_type(coding.low if coding.signed else coding.high)
    if factor == 1.0 and array.dtype.kind in "bui" and ends[1] <= coding.high:
        return array.view(np.uint8) if array.dtype.kind == "b" else array, 0.0, 0
    result = np.empty(array.shape, kind)
    rounding, cut, place = 0.0, 0, 0
    for part in blocks(array):
        exact = part.astype(np.float64) * factor
        rounded = np.rint(exact)
        rounding = max(rounding, float(np.abs(rounded - exact).max()) * unit)
        cut += int(((rounded < coding.low) | (rounded > coding.high)).sum())
        result[place : place + len(part)] = rounded.clip(coding.low, coding.high)
        place += len(part)
    return result, rounding, cut


def _labels(given: NDArray[Any], samples: int, classes: int, where: str) -> NDArray[np.int64]:
    if given.shape != (samples,):
        advice = ""
        if given.ndim == 2:
            is_column = given.shape[1] == 1
            one_hot = "one-hot labels become classes by .argmax(1)"
            advice = "; " + (".ravel() makes that of a column" if is_column else one_hot)
        raise DataError(
            f"{where}: labels of shape {given.shape} for {samples} samples: expected "
            f"({samples},){advice}"
        )
    if given.dtype.kind not in "ui":
        raise DataError(f"{where}: labels of type {given.dtype}: expected whole numbers")
    if int(given.min()) < 0 or int(given.max()) >= classes:
        raise DataError(
            f"{where}: labels from {given.min()} to {given.max()}: expected 0 to {classes - 1}, "
            f"the network's outputs"
        )
    return given.astype(np.int64)
