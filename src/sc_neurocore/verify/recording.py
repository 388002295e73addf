"""What a simulated core showed, decoded from the two files that the harnesses write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.hdl.accelerator import Accelerator, Field

Integers = NDArray[np.int64]

HASH_WORDS = 8
_SPIKE_BIT = 31
_LAYER_BIT = 16
_HEADER_WORDS = 2  # neuron and spike, step and layer; then the states
_RESULT_WORDS = 4  # class, latency, interval, updates so far; then the scores


@dataclass(frozen=True)
class Updates:
    """The trace: one entry for every update of a neuron, in the order of the clock.

    Attributes:
        sample: (updates,): the sample it belongs to; the number of samples if it came after all.
        layer: (updates,).
        step: (updates,).
        neuron: (updates,).
        spike: (updates,), bool.
        states: (updates, states): after the reset, in the order of the layer's states; zeros behind
            them, where another layer has more.
    """

    sample: Integers
    layer: Integers
    step: Integers
    neuron: Integers
    spike: NDArray[np.bool_]
    states: Integers


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
        updates: Every update of every neuron.
    """

    content_hash: str
    classes: Integers
    latency: Integers
    interval: Integers
    scores: Integers
    updates: Updates


def state_words(accelerator: Accelerator) -> int:
    """Return how many 32-bit words hold the packed states."""
    return -(-accelerator.geometry.state_bits // 32)


def read_recording(results: Path, trace: Path, accelerator: Accelerator) -> Recording:
    """Read the files that harness/harness.cpp describes."""
    words = np.fromfile(results, dtype="<u4")
    outputs = accelerator.geometry.layers[-1].outputs
    table = words[HASH_WORDS:].reshape(-1, _RESULT_WORDS + outputs).astype(np.int64)
    records = np.fromfile(trace, dtype="<u4")
    records = records.reshape(-1, _HEADER_WORDS + state_words(accelerator))
    return Recording(
        content_hash="".join(f"{word:08x}" for word in words[:HASH_WORDS].tolist()),
        classes=table[:, 0],
        latency=table[:, 1],
        interval=table[:, 2],
        scores=_signed(table[:, _RESULT_WORDS:], accelerator),
        updates=_decode(records, table[:, 3], accelerator.states),
    )


def _decode(
    records: NDArray[np.uint32], ends: Integers, fields: tuple[tuple[Field, ...], ...]
) -> Updates:
    first, second = records[:, 0].astype(np.int64), records[:, 1].astype(np.int64)
    packed = records[:, _HEADER_WORDS:]
    layer = second >> _LAYER_BIT
    states = np.zeros((len(records), max(map(len, fields))), dtype=np.int64)
    for number, places in enumerate(fields):
        here = layer == number
        for column, place in enumerate(places):
            states[here, column] = _extract(packed[here], place)
    return Updates(
        sample=np.searchsorted(ends, np.arange(len(records)), side="right"),
        layer=layer,
        step=second & ((1 << _LAYER_BIT) - 1),
        neuron=first & ((1 << _SPIKE_BIT) - 1),
        spike=first >> _SPIKE_BIT != 0,
        states=states,
    )


def _signed(scores: Integers, accelerator: Accelerator) -> Integers:
    """Extend the sign of membranes; a spike count has none."""
    geometry = accelerator.geometry
    if not geometry.membrane_bits:
        return scores
    half = 1 << (geometry.count_bits - 1)
    return ((scores & (2 * half - 1)) ^ half) - half


def _extract(words: NDArray[np.uint32], place: Field) -> Integers:
    """Cut a signed field of at most 32 bits out of packed words."""
    first, shift = divmod(place.low, 32)
    value = words[:, first].astype(np.uint64) >> np.uint64(shift)
    if place.high // 32 > first:
        value |= words[:, first + 1].astype(np.uint64) << np.uint64(32 - shift)
    signed = (value << np.uint64(64 - place.width)).view(np.int64)
    return signed >> (64 - place.width)
