"""The packets between host and board, as rtl/board_commands.v describes them.

A request is 0xA5, command, tag, length (2 bytes), payload, CRC-32 (4 bytes); an answer is the same
with 0x5A and a status. Numbers go lowest byte first; the checksum is zlib.crc32 of everything
between the first byte and itself.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

VERSION = 2
DEFAULT_BAUD = 1_000_000
"""Bits per second that a board is compiled for if nothing else is asked for."""

_REQUEST = 0xA5
_ANSWER = 0x5A
_HEADER = struct.Struct("<BBBH")
_CHECKSUM = struct.Struct("<I")
_IDENTITY = struct.Struct("<BBHHHIIIHBx32s")
_CONDITION = struct.Struct("<BxHII")
_RESULT = struct.Struct("<HI")
_PROGRESS = struct.Struct("<HBx")
STEP = struct.Struct("<H")
"""Before a frame or events: how many frames of the result come before."""
EVENT = struct.Struct("<H")
END_OF_STEP = 0xFFFF
PLACE = struct.Struct("<I")
"""Before a piece of the weights: how many bytes of them come before it."""
OVERHEAD = _HEADER.size + _CHECKSUM.size
"""Bytes of a packet besides its payload."""


class Command(IntEnum):
    """What a host can ask for."""

    IDENTIFY = 1
    CHECKSUM = 2
    LOAD_SAMPLE = 3
    RUN = 4
    READ = 5
    CLASSIFY = 6
    LOAD_WEIGHTS = 7
    FRAME = 8
    EVENTS = 9


class Status(IntEnum):
    """How a board answers."""

    DONE = 0
    DAMAGED = 1
    UNKNOWN = 2
    WRONG_LENGTH = 3
    NO_SAMPLE = 4
    NO_RESULT = 5
    NO_WEIGHTS = 6
    OUT_OF_ORDER = 7
    BAD_EVENT = 8


@dataclass(frozen=True)
class Answer:
    """One answer; `status` is a `Status`, or a number that this version does not know."""

    status: int
    tag: int
    payload: bytes


@dataclass(frozen=True)
class Identity:
    """What a board says it is.

    Attributes:
        version: Of the protocol.
        weights_are_loaded: Whether the weights come over the line, after every start.
        inputs: Inputs of the network, one byte each.
        outputs: Output neurons.
        capacity: Bytes that the payload of a request may have.
        clock_hz: The core's clock.
        weight_bytes: Length of the weights.
        weights_checksum: The CRC-32 that they must have.
        steps: Frames per result, one for each step; 0 where one frame is a result.
        input_bits: Bits of an input.
        inputs_are_signed: Whether these are in two's complement.
        content_hash: SHA-256 of the network, in hexadecimal digits.
    """

    version: int
    weights_are_loaded: bool
    inputs: int
    outputs: int
    capacity: int
    clock_hz: int
    weight_bytes: int
    weights_checksum: int
    steps: int
    input_bits: int
    inputs_are_signed: bool
    content_hash: str

    def check(self) -> None:
        """Raise ValueError where the sizes are those of no board, or do not belong together."""
        for what, number in (
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("clocks per second", self.clock_hz),
        ):
            if not number:
                raise ValueError(f"it claims to have 0 {what}")
        if not 1 <= self.input_bits <= 8:
            raise ValueError(f"it claims to have inputs of {self.input_bits} bits")
        frame = self.inputs + (STEP.size if self.steps else 0)
        least = max(frame, PLACE.size + 1 if self.weights_are_loaded else 0)
        if self.capacity < least:
            raise ValueError(
                f"it claims that requests may have {self.capacity} bytes, but its own need {least}"
            )
        if self.weights_are_loaded and not self.weight_bytes:
            raise ValueError("it claims to load 0 bytes of weights")

    def check_condition(self, condition: Condition) -> None:
        """Raise ValueError where a condition is none of this board's."""
        if not self.weights_are_loaded:
            return
        if condition.weight_bytes > self.weight_bytes:
            raise ValueError(
                f"it claims to hold {condition.weight_bytes} of {self.weight_bytes} bytes of "
                f"weights"
            )
        found = condition.weight_bytes, condition.weights_checksum
        if condition.has_weights and found != (self.weight_bytes, self.weights_checksum):
            raise ValueError(
                f"it claims to have its weights, but holds {found[0]} bytes with checksum "
                f"{found[1]:08x} instead of {self.weight_bytes} with {self.weights_checksum:08x}"
            )

    def check_progress(self, progress: StepProgress) -> None:
        """Raise ValueError where a progress is none of this board's."""
        if progress.steps > self.steps or (progress.is_done and not progress.steps):
            raise ValueError(f"step {progress.steps} of {self.steps}")

    def check_result(self, result: Result) -> None:
        """Raise ValueError where a result is none of this board's."""
        if len(result.spike_counts) != self.outputs or result.predicted >= self.outputs:
            raise ValueError(
                f"class {result.predicted} and {len(result.spike_counts)} counts of "
                f"{self.outputs} outputs"
            )


@dataclass(frozen=True)
class Condition:
    """How a board is.

    Attributes:
        has_weights: Whether all weights are there, their checksum the right one.
        has_sample: Whether a sample is loaded.
        has_result: Whether there is a result to read.
        damaged_packets: Requests with a wrong checksum since the reset, modulo 2 ** 16.
        weight_bytes: Bytes of the weights that are there.
        weights_checksum: Their CRC-32.
    """

    has_weights: bool
    has_sample: bool
    has_result: bool
    damaged_packets: int
    weight_bytes: int
    weights_checksum: int


@dataclass(frozen=True)
class StepProgress:
    """How far a result has come that is made of a frame per step.

    Attributes:
        steps: Frames that the network has had.
        is_done: Whether the result is there; with the readout "first-to-N" perhaps early.
    """

    steps: int
    is_done: bool


@dataclass(frozen=True)
class Result:
    """What the network said of one sample.

    Attributes:
        predicted: The class.
        clocks: Clocks from the first input to the result; with frames per step, those in which the
            network was given frames or worked on them.
        spike_counts: Spikes of each output neuron; where the network's readout is the membrane,
            its sum over the steps.
    """

    predicted: int
    clocks: int
    spike_counts: tuple[int, ...]


def encode_request(command: int, tag: int, payload: bytes = b"") -> bytes:
    """Return a request as bytes."""
    return _encode(_REQUEST, command, tag, payload)


def encode_answer(status: int, tag: int, payload: bytes = b"") -> bytes:
    """Return an answer as bytes: what a board does, for tests of the host."""
    return _encode(_ANSWER, status, tag, payload)


def _encode(first: int, kind: int, tag: int, payload: bytes) -> bytes:
    packet = _HEADER.pack(first, kind, tag, len(payload)) + payload
    return packet + _CHECKSUM.pack(zlib.crc32(packet[1:]))


def find_answers(heard: bytes) -> list[Answer]:
    """Return the answers in what was heard, whatever stands between them.

    A first byte is believed only if length and checksum agree with it, so that noise which looks
    like the beginning of an answer hides none.
    """
    answers: list[Answer] = []
    start = heard.find(_ANSWER)
    while start >= 0:
        found = _answer_at(heard, start)
        if found is not None:
            answers.append(found)
            start += OVERHEAD + len(found.payload) - 1
        start = heard.find(_ANSWER, start + 1)
    return answers


def _answer_at(heard: bytes, start: int) -> Answer | None:
    if len(heard) < start + OVERHEAD:
        return None
    _, status, tag, length = _HEADER.unpack_from(heard, start)
    end = start + _HEADER.size + length
    if len(heard) < end + _CHECKSUM.size:
        return None
    (checksum,) = _CHECKSUM.unpack_from(heard, end)
    if zlib.crc32(heard[start + 1 : end]) != checksum:
        return None
    return Answer(status, tag, heard[start + _HEADER.size : end])


def read_identity(payload: bytes) -> Identity:
    """Read the answer to IDENTIFY.

    Raises:
        ValueError: If it is not one.
    """
    try:
        numbers = _IDENTITY.unpack(payload)
    except struct.error as error:
        raise ValueError(str(error)) from None
    version, flags, inputs, outputs, capacity, clock, size, checksum, steps, bits, digest = numbers
    return Identity(
        version=version,
        weights_are_loaded=bool(flags & 1),
        inputs=inputs,
        outputs=outputs,
        capacity=capacity,
        clock_hz=clock,
        weight_bytes=size,
        weights_checksum=checksum,
        steps=steps,
        input_bits=bits,
        inputs_are_signed=bool(flags & 2),
        content_hash=digest.hex(),
    )


def read_condition(payload: bytes) -> Condition:
    """Read the answer to CHECKSUM; raises ValueError if it is not one."""
    try:
        flags, damaged, size, checksum = _CONDITION.unpack(payload)
    except struct.error as error:
        raise ValueError(str(error)) from None
    return Condition(
        has_weights=bool(flags & 1),
        has_sample=bool(flags & 2),
        has_result=bool(flags & 4),
        damaged_packets=damaged,
        weight_bytes=size,
        weights_checksum=checksum,
    )


def read_progress(payload: bytes) -> StepProgress:
    """Read the answer to FRAME or EVENTS; raises ValueError if it is not one."""
    try:
        steps, flags = _PROGRESS.unpack(payload)
    except struct.error as error:
        raise ValueError(str(error)) from None
    return StepProgress(steps, bool(flags & 1))


def read_result(payload: bytes) -> Result:
    """Read the answer to RUN, READ or CLASSIFY; raises ValueError if it is not one."""
    rest = len(payload) - _RESULT.size
    if rest < 0 or rest % 4:
        raise ValueError(f"{len(payload)} bytes are no result")
    predicted, clocks = _RESULT.unpack_from(payload)
    counts = struct.unpack_from(f"<{rest // 4}i", payload, _RESULT.size)
    return Result(predicted, clocks, counts)
