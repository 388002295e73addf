"""What a simulated core showed, decoded from the two files that the harnesses write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.hdl.accelerator import Field

Narrow = NDArray[np.int32]
"""There are millions of updates, and hardly a number of one has more than 32 bits."""

HASH_WORDS = 8
_SPIKE_BIT = 31
_LAYER_BIT = 16
_HEADER_WORDS = 2  # neuron and spike, step and layer; then the states
_ATTEMPT_WORDS = 7  # outcome, class, latency, interval, updates so far, withheld, waited; scores
_ABORTED, _UNREAD, _UNKNOWN = 0, 2, 3
_NO_VALUE = -(1 << 40)


@dataclass(frozen=True)
class Updates:
    """The trace: one entry for every update of a neuron, in the order of the clock.

    Attributes:
        sample: (updates,): the sample it belongs to; the number of samples if it came after all.
        aborted: (updates,): 0; or the number, from 1 up, of an attempt at the sample that a reset
            ended.
        layer: (updates,).
        step: (updates,).
        neuron: (updates,).
        spike: (updates,), bool.
        states: (updates, states): after the reset, in the order of the layer's states; zeros behind
            them, where another layer has more.
    """

    sample: Narrow
    aborted: Narrow
    layer: Narrow
    step: Narrow
    neuron: Narrow
    spike: NDArray[np.bool_]
    states: Narrow | Integers


@dataclass(frozen=True)
class Recording:
    """What the core showed while a batch of samples went through it.

    Attributes:
        content_hash: The network's SHA-256 as the core gives it.
        classes: (samples,).
        latency: (samples,): clocks from the last input to the result, of a sample alone.
        interval: (samples,): clocks between results while inputs stream in; of the first sample,
            since its first input.
        scores: (samples, outputs): spike counts, or summed membranes, read back from the core.
        were_read: (samples,), bool: whether the scores were read before the result was taken.
        updates: Every update of every neuron.
        withheld: Clocks in which an input was withheld.
        waited: Clocks in which a result had to wait.
        resets: Attempts that a reset ended.
    """

    content_hash: str
    classes: Integers
    latency: Integers
    interval: Integers
    scores: Integers
    were_read: NDArray[np.bool_]
    updates: Updates
    withheld: int
    waited: int
    resets: int


def read_recording(
    folder: Path,
    outputs: int,
    states: tuple[tuple[Field, ...], ...],
    state_bits: int,
    signed_bits: int,
) -> Recording:
    """Read the files that harness/harness.cpp describes.

    Args:
        folder: Where they are.
        outputs: Output neurons.
        states: For each layer, where each state stands in the packed word.
        state_bits: Width of that word.
        signed_bits: Width of scores with a sign, or 0.
    """
    words = np.fromfile(folder / "results", dtype="<u4")
    table = words[HASH_WORDS:].reshape(-1, _ATTEMPT_WORDS + outputs).astype(np.int64)
    records = np.fromfile(folder / "trace", dtype="<u4")
    records = records.reshape(-1, _HEADER_WORDS + -(-state_bits // 32))
    was_aborted = table[:, 0] == _ABORTED
    results = table[~was_aborted]
    is_unknown = results[:, 0] == _UNKNOWN
    scores = _signed(results[:, _ATTEMPT_WORDS:], signed_bits)
    return Recording(
        content_hash="".join(f"{word:08x}" for word in words[:HASH_WORDS].tolist()),
        classes=np.where(is_unknown, _NO_VALUE, results[:, 1]),
        latency=results[:, 2],
        interval=results[:, 3],
        scores=np.where(is_unknown[:, np.newaxis], _NO_VALUE, scores),
        were_read=results[:, 0] != _UNREAD,
        updates=_decode(records, table[:, 4], was_aborted, states),
        withheld=int(table[:, 5].sum()),
        waited=int(table[:, 6].sum()),
        resets=int(was_aborted.sum()),
    )


def _decode(
    records: NDArray[np.uint32],
    ends: Integers,
    was_aborted: NDArray[np.bool_],
    fields: tuple[tuple[Field, ...], ...],
) -> Updates:
    first, second, packed = records[:, 0], records[:, 1], records[:, _HEADER_WORDS:]
    layer = (second >> _LAYER_BIT).astype(np.int32)
    is_narrow = all(place.width + (not place.signed) <= 32 for each in fields for place in each)
    kind = np.int32 if is_narrow else np.int64
    states = np.zeros((len(records), max(map(len, fields))), dtype=kind)
    for number, places in enumerate(fields):
        here = layer == number
        for column, place in enumerate(places):
            states[here, column] = _extract(packed[here], place)
    # Behind the last attempt there may be one more, which belongs to no sample.
    counts = np.diff(np.minimum(ends, len(records)), prepend=0, append=len(records))
    sample = np.concatenate([[0], np.cumsum(~was_aborted)])
    aborted = np.append(np.where(was_aborted, 1 + np.arange(len(ends)), 0), 0)
    return Updates(
        sample=np.repeat(sample.astype(np.int32), counts),
        aborted=np.repeat(aborted.astype(np.int32), counts),
        layer=layer,
        step=(second & ((1 << _LAYER_BIT) - 1)).astype(np.int32),
        neuron=(first & ((1 << _SPIKE_BIT) - 1)).astype(np.int32),
        spike=first >> _SPIKE_BIT != 0,
        states=states,
    )


def _signed(scores: Integers, bits: int) -> Integers:
    """Extend the sign of membranes; a spike count has none."""
    if not bits:
        return scores
    half = 1 << (bits - 1)
    return ((scores & (2 * half - 1)) ^ half) - half


def _extract(words: NDArray[np.uint32], place: Field) -> Integers:
    """Cut a field of at most 63 bits out of packed words."""
    first, shift = divmod(place.low, 32)
    value = words[:, first].astype(np.uint64) >> np.uint64(shift)
    for further in range(1, place.high // 32 - first + 1):
        value |= words[:, first + further].astype(np.uint64) << np.uint64(32 * further - shift)
    top = value << np.uint64(64 - place.width)
    if not place.signed:
        return (top >> np.uint64(64 - place.width)).view(np.int64)
    return top.view(np.int64) >> (64 - place.width)
