"""What a host hears of a board about samples, and how frames of steps become requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fpga.protocol import END_OF_STEP, EVENT, STEP, Command, Result, Status

MEANINGS: dict[int, str] = {
    Status.UNKNOWN: "it does not know this request",
    Status.WRONG_LENGTH: "the request has the wrong length",
    Status.NO_SAMPLE: "no sample is loaded",
    Status.NO_RESULT: "there is no result yet",
    Status.NO_WEIGHTS: "its weights are not loaded",
    Status.OUT_OF_ORDER: "this piece of the weights, or this step, does not follow the one before",
    Status.BAD_EVENT: "an event has an input that is not there, or too often in one step",
}
"""What a status other than `DONE` says."""


@dataclass(frozen=True)
class BoardRun:
    """What a board answered for a batch of samples.

    Attributes:
        classes: int64 (batch,).
        spike_counts: Spikes of each output neuron, int64 (batch, outputs).
        clocks: Clocks from the first input to the result, int64 (batch,); with frames per step,
            those in which the network was given frames or worked on them.
        steps: Frames that the answer took, int64 (batch,): with the readout "first-to-N" perhaps
            not all; 1 where a frame is a sample.
    """

    classes: NDArray[np.int64]
    spike_counts: NDArray[np.int64]
    clocks: NDArray[np.int64]
    steps: NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """What a board answered for some frames of a stream.

    Attributes:
        first: The number of its first frame.
        steps: Frames that the answer took.
        result: The answer.
    """

    first: int
    steps: int
    result: Result


def steps_request(frames: list[bytes], step: int, capacity: int) -> tuple[Command, bytes, int]:
    """Return a request that brings some frames from a step on, and how many.

    Frames with few spikes go as events, several in a request; others as they are.

    Args:
        frames: The frames of a sample, a byte for each input.
        step: How many of them the board has had.
        capacity: Bytes that a payload may have.
    """
    payload, count = STEP.pack(step), 0
    for frame in frames[step:]:
        events = events_of(frame)
        if len(events) > len(frame) or len(payload) + len(events) > capacity:
            break
        payload, count = payload + events, count + 1
    if count:
        return Command.EVENTS, payload, count
    return Command.FRAME, STEP.pack(step) + frames[step], 1


def events_of(frame: bytes) -> bytes:
    """Return a step's events: each input as often as its number, and the end of the step."""
    values = np.frombuffer(frame, np.uint8)
    inputs = np.repeat(np.arange(len(values), dtype="<u2"), values)
    return inputs.tobytes() + EVENT.pack(END_OF_STEP)
