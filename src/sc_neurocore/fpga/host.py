"""The host's side of a board: a network at the other end of a serial port."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import (
    BoardError,
    CheckFailedError,
    DataError,
    UserError,
)
from sc_neurocore.fpga.answers import MEANINGS, BoardRun, Window, steps_request
from sc_neurocore.fpga.line import LEAST_BAUD, LINE_ERRORS, MOST_BAUD, Line, open_line
from sc_neurocore.fpga.protocol import (
    DEFAULT_BAUD,
    OVERHEAD,
    PLACE,
    VERSION,
    Answer,
    Command,
    Condition,
    Identity,
    Result,
    Status,
    StepProgress,
    encode_request,
    find_answers,
    read_condition,
    read_identity,
    read_progress,
    read_result,
)
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

_T = TypeVar("_T")

_BITS_OF_A_BYTE = 10
_MOST_HEARD = 1 << 17
"""Bytes after which nothing more is expected of an answer: the longest has half as many."""


class Host:
    """A board behind a serial port, as a context manager.

    Packets that the line damages or swallows are sent again; every request may be. What a method
    returns has passed its checksum.

    Attributes:
        identity: What the board said it is when the port was opened.
        retries: Packets that had to be sent again so far.
    """

    SILENCE = 0.2
    """Seconds after which a board has surely given up a packet that stopped."""

    def __init__(
        self,
        port: str | Line,
        *,
        baud: int = DEFAULT_BAUD,
        network_hash: str | None = None,
        timeout: float = 0.5,
        silence: float = SILENCE,
        attempts: int = 5,
    ) -> None:
        """Open a port and ask the board what it is.

        Args:
            port: A serial port such as /dev/ttyUSB1, or something that behaves like an open one.
            baud: Bits per second, as the board was compiled for.
            network_hash: The SHA-256 that the board's network must have; None takes any.
            timeout: Seconds that the board may take to answer, beside the time on the line.
            silence: Seconds to wait before a packet is sent again; see `SILENCE`.
            attempts: How often a request is sent before giving up.

        Raises:
            UserError: If the port cannot be opened, or no line has such a speed.
            BoardError: If nothing that answers is there.
            CheckFailedError: If it is another network or another version of the protocol.
            ToolMissingError: If pyserial is not installed.
        """
        if not LEAST_BAUD <= baud <= MOST_BAUD:
            raise UserError(f"{baud} baud: expected {LEAST_BAUD} to {MOST_BAUD} bits per second")
        self.retries = 0
        self._name = port if isinstance(port, str) else "the line"
        self._baud = baud
        self._timeout = timeout
        self._silence = silence
        self._attempts = attempts
        self._tag = 0
        self._line: Line = open_line(port, baud) if isinstance(port, str) else port
        try:
            self.identity: Identity = self._ask(
                Command.IDENTIFY, read_identity, self._check_identity
            )
            self._check_network(network_hash)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the port."""
        with suppress(*LINE_ERRORS):
            self._line.close()

    def condition(self) -> Condition:
        """Ask how the board is: what is loaded, and the checksum of its weights."""
        return self._ask(Command.CHECKSUM, read_condition, self.identity.check_condition)

    def load_sample(self, sample: ArrayLike) -> None:
        """Send one sample, (inputs,) integers, for `run`."""
        self._done(Command.LOAD_SAMPLE, self._frame_bytes(np.asarray(sample)))

    def run(self) -> Result:
        """Have the network run on the sample that was loaded."""
        return self._ask(Command.RUN, read_result, self.identity.check_result)

    def read(self) -> Result:
        """Read the last result once more."""
        return self._ask(Command.READ, read_result, self.identity.check_result)

    def classify(
        self, samples: ArrayLike, progress: ProgressCallback = ignore_progress
    ) -> BoardRun:
        """Send samples and return what the network says of each.

        Values go in in the order in which the core takes them: that of the description, or for a
        first layer that is a convolution the one into which `Geometry.arranged` brings them.

        Args:
            samples: Integers, (batch, inputs), or (batch, steps, inputs) for a network that takes a
                frame per step; frames may have more axes.
            progress: Receives how many samples are done.

        Raises:
            DataError: If they are not what the network takes.
            BoardError: If the board stops answering, or has no weights.
        """
        batch = np.asarray(samples)
        inputs, steps = self.identity.inputs, self.identity.steps
        wanted = f"(batch, {steps}, {inputs})" if steps else f"(batch, {inputs})"
        fits = batch.ndim >= (3 if steps else 2) and (not steps or batch.shape[1] == steps)
        if not fits or math.prod(batch.shape[2 if steps else 1 :]) != inputs:
            raise DataError(f"samples of shape {batch.shape}: expected {wanted} integers")
        windows = []
        for number, sample in enumerate(batch):
            if steps:
                frames = [self._frame_bytes(frame.reshape(-1)) for frame in sample]
                windows.append(self._window(frames, 0))
            else:
                payload = self._frame_bytes(sample.reshape(-1))
                result = self._ask(
                    Command.CLASSIFY, read_result, self.identity.check_result, payload
                )
                windows.append(Window(0, 1, result))
            progress(Progress("samples", done=number + 1, total=len(batch)))
        results = [window.result for window in windows]
        counts = np.array([result.spike_counts for result in results], dtype=np.int64)
        return BoardRun(
            classes=np.array([result.predicted for result in results], dtype=np.int64),
            spike_counts=counts.reshape(-1, self.identity.outputs),
            clocks=np.array([result.clocks for result in results], dtype=np.int64),
            steps=np.array([window.steps for window in windows], dtype=np.int64),
        )

    def stream(self, frames: Iterable[ArrayLike]) -> Iterator[Window]:
        """Send frames as they come, without end, and yield an answer for each window of them.

        A window is as many frames as the network has steps, and begins with a network at rest; each
        frame is sent when it comes. With the readout "first-to-N" an answer is yielded as soon as
        it is there, and what is left of its window is not sent. A window that the frames end in
        gets no answer.

        Args:
            frames: Frames of (inputs,) integers, or with more axes.

        Raises:
            DataError: If a frame is not what the network takes.
            BoardError: If the board stops answering, or has no weights.
        """
        length = max(self.identity.steps, 1)
        sent: list[bytes] = []
        is_answered = False
        for number, frame in enumerate(frames):
            place = number % length
            if place == 0:
                sent, is_answered = [], False
            if is_answered:
                continue
            sent.append(self._frame_bytes(np.asarray(frame).reshape(-1)))
            if not self.identity.steps:
                result = self._ask(
                    Command.CLASSIFY, read_result, self.identity.check_result, sent[0]
                )
                yield Window(number, 1, result)
                continue
            reached = self._give(sent, place)
            if reached.is_done:
                is_answered = True
                yield Window(number - place, reached.steps, self.read())

    def _window(self, frames: list[bytes], first: int) -> Window:
        """Give the network the frames of a sample until the answer is there."""
        reached = self._give(frames, 0)
        if not reached.is_done:
            raise BoardError(
                f"the board at {self._name} has had {reached.steps} frames and gives no answer: "
                f"build its bitstream again"
            )
        return Window(first, reached.steps, self.read())

    def _give(self, frames: list[bytes], step: int) -> StepProgress:
        """Give the network the frames from a step on; those before it has had.

        A board that lost them, because it was reset, gets all of them again.
        """
        strange = 0
        while True:
            command, payload, count = steps_request(frames, step, self.identity.capacity)
            answer = self._request(command, payload)
            if answer.status == Status.OUT_OF_ORDER and strange < self._attempts:
                step, strange = 0, strange + 1
                continue
            self._check_status(command, answer)
            reached = self._understood(command, answer, read_progress, self.identity.check_progress)
            if not reached.is_done and reached.steps != step + count:
                raise BoardError(
                    f"the board at {self._name} has had {reached.steps} frames, and {step + count} "
                    f"were sent: build its bitstream again"
                )
            step = reached.steps
            if reached.is_done or step == len(frames):
                return reached

    def load_weights(self, image: bytes, progress: ProgressCallback = ignore_progress) -> None:
        """Send the weights to a board that does not have them in its bitstream.

        Args:
            image: What `hdl.memories.weight_image` returns: their bytes, and the CRC-32 of these.
            progress: Receives how many bytes are there.

        Raises:
            DataError: If the image is damaged.
            UserError: If the board wants no weights, or not so many.
            CheckFailedError: If they are not those that the board was made for.
            BoardError: If the board stops answering.
        """
        wanted = self.identity.weight_bytes
        if not self.identity.weights_are_loaded:
            raise UserError(f"{self._name}: this board has its weights in the bitstream")
        weights, checksum = image[:-4], image[-4:]
        if zlib.crc32(weights).to_bytes(4, "little") != checksum:
            raise DataError("the image of the weights is damaged (wrong CRC): compile again")
        if len(weights) != wanted:
            raise UserError(f"{len(weights)} bytes of weights: this board takes {wanted}")
        piece = self.identity.capacity - PLACE.size
        offset = farthest = strange = 0
        while offset < wanted:
            payload = PLACE.pack(offset) + weights[offset : offset + piece]
            answer = self._request(Command.LOAD_WEIGHTS, payload)
            if answer.status == Status.OUT_OF_ORDER and strange < self._attempts:
                # An answer got lost, and the piece was there already; or the board was reset.
                offset = self.condition().weight_bytes
                strange += 1
                continue
            self._check_status(Command.LOAD_WEIGHTS, answer)
            offset = min(offset + piece, wanted)
            if offset > farthest:  # else a board could send us back and forth for ever
                farthest, strange = offset, 0
            progress(Progress("weights", done=offset, total=wanted))
        condition = self.condition()
        if not condition.has_weights:
            raise CheckFailedError(
                f"{self._name}: the weights have arrived with checksum "
                f"{condition.weights_checksum:08x}, but the board was made for "
                f"{self.identity.weights_checksum:08x}: compile and build again from one network"
            )

    def _check_identity(self, identity: Identity) -> None:
        if identity.version != VERSION:  # then its other numbers may mean something else
            raise CheckFailedError(
                f"the board at {self._name} speaks version {identity.version} of the protocol, "
                f"this package version {VERSION}: build its bitstream again"
            )
        identity.check()

    def _check_network(self, network_hash: str | None) -> None:
        identity = self.identity
        if network_hash is not None and identity.content_hash != network_hash:
            raise CheckFailedError(
                f"the board at {self._name} holds network {identity.content_hash[:12]}…, expected "
                f"{network_hash[:12]}…: load the bitstream of this design, or give the design that "
                f"the board holds"
            )

    def _frame_bytes(self, frame: NDArray[Any]) -> bytes:
        inputs = self.identity.inputs
        if frame.dtype.kind not in "ui" or frame.shape != (inputs,):
            raise DataError(
                f"a frame of shape {frame.shape} and type {frame.dtype}: this board's network "
                f"takes ({inputs},) integers"
            )
        bits, signed = self.identity.input_bits, self.identity.inputs_are_signed
        least, most = -signed << bits - 1, (1 << bits - signed) - 1
        if frame.size and (frame.min() < least or frame.max() > most):
            raise DataError(
                f"a frame with values from {frame.min()} to {frame.max()}: expected {least} to "
                f"{most} ({bits} bits)"
            )
        return (frame.astype(np.int64) & ((1 << bits) - 1)).astype(np.uint8).tobytes()

    def _ask(
        self,
        command: Command,
        read: Callable[[bytes], _T],
        check: Callable[[_T], None],
        payload: bytes = b"",
    ) -> _T:
        answer = self._request(command, payload)
        self._check_status(command, answer)
        return self._understood(command, answer, read, check)

    def _understood(
        self,
        command: Command,
        answer: Answer,
        read: Callable[[bytes], _T],
        check: Callable[[_T], None],
    ) -> _T:
        try:
            found = read(answer.payload)
            check(found)
            return found
        except ValueError as error:
            raise BoardError(
                f"the board at {self._name} answered {command.name} with something else ({error}): "
                f"build its bitstream again"
            ) from None

    def _done(self, command: Command, payload: bytes) -> bytes:
        answer = self._request(command, payload)
        self._check_status(command, answer)
        return answer.payload

    def _check_status(self, command: Command, answer: Answer) -> None:
        if answer.status != Status.DONE:
            meaning = MEANINGS.get(answer.status, f"status {answer.status}")
            raise BoardError(f"the board at {self._name} refuses {command.name}: {meaning}")

    def _request(self, command: Command, payload: bytes = b"") -> Answer:
        """Send a request until it is answered."""
        self._tag = (self._tag + 1) % 256
        request = encode_request(command, self._tag, payload)
        damaged = heard_noise = 0
        for attempt in range(self._attempts):
            self.retries += attempt > 0
            try:
                self._line.reset_input_buffer()
                self._line.write(request)
                answer, heard = self._listen(len(request))
                if answer is None:
                    time.sleep(self._silence)  # the board may wait for the rest of a packet
            except LINE_ERRORS as error:
                raise BoardError(
                    f"{self._name} failed during {command.name} ({error}): is the board plugged in?"
                ) from None
            if answer is None:
                heard_noise += heard > 0
            elif answer.status == Status.DAMAGED:
                damaged += 1
            else:
                return answer
        raise BoardError(self._explain_failure(command, damaged, heard_noise))

    def _listen(self, request_bytes: int) -> tuple[Answer | None, int]:
        """Wait for the answer; return it, and how many bytes were heard."""
        on_the_line = (request_bytes + OVERHEAD + 1024) * _BITS_OF_A_BYTE / self._baud
        deadline = time.monotonic() + self._timeout + on_the_line
        heard = b""
        while time.monotonic() < deadline and len(heard) < _MOST_HEARD:
            part = self._line.read(max(1, self._line.in_waiting))
            heard += part
            for answer in find_answers(heard) if part else ():
                # A request whose tag was damaged is answered with that other tag.
                if answer.tag == self._tag or answer.status == Status.DAMAGED:
                    return answer, len(heard)
        return None, len(heard)

    def _explain_failure(self, command: Command, damaged: int, heard_noise: int) -> str:
        if damaged:
            return (
                f"the board at {self._name} found {damaged} of {self._attempts} requests damaged "
                f"(wrong CRC) and answered none: check the cable, or compile for a lower --baud"
            )
        if heard_noise:
            return (
                f"what comes from {self._name} is no whole answer to {command.name} "
                f"({self._attempts} attempts): was the board compiled for {self._baud} baud?"
            )
        return (
            f"no answer from {self._name} to {command.name} in {self._attempts} attempts: is the "
            f"bitstream loaded, is it this port (a board often has two), and is {self._baud} baud "
            f"what it was compiled for?"
        )
