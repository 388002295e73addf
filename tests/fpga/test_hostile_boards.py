"""The host against boards that answer with anything: our errors, in bounded time."""

from __future__ import annotations

import contextlib
import itertools
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.errors import BoardError, CheckFailedError, ScNeurocoreError, UserError
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.protocol import Command, Status, encode_answer

WEIGHTS = bytes(range(40))
IMAGE = WEIGHTS + zlib.crc32(WEIGHTS).to_bytes(4, "little")
GOOD = {
    "version": 2,
    "flags": 1,
    "inputs": 4,
    "outputs": 3,
    "capacity": 32,
    "clock": 12_000_000,
    "size": len(WEIGHTS),
    "checksum": zlib.crc32(WEIGHTS),
    "steps": 0,
    "bits": 8,
}
RESULT = struct.pack("<HI3i", 2, 100, 0, 0, 1)
ENOUGH = 300
"""Requests after which a host is in a loop that does not end."""

Reply = Callable[[int, bytes], tuple[int, bytes]]


class EndlessError(Exception):
    """The host goes on asking."""


class Scripted:
    """A line whose far end is a function from request to answer."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.said, self.requests = reply, b"", 0

    @property
    def in_waiting(self) -> int:
        return len(self.said)

    def read(self, size: int = 1) -> bytes:
        part, self.said = self.said[:size], self.said[size:]
        return part

    def write(self, data: bytes) -> int:
        self.requests += 1
        if self.requests > ENOUGH:
            raise EndlessError
        status, payload = self.reply(data[1], data[5:-4])
        self.said += encode_answer(status, data[2], payload)
        return len(data)

    def reset_input_buffer(self) -> None:
        self.said = b""

    def close(self) -> None:
        pass


def identity(**changes: int) -> bytes:
    numbers = GOOD | changes
    return struct.pack("<BBHHHIIIHBx32s", *numbers.values(), bytes(32))


def condition(flags: int, size: int, checksum: int) -> bytes:
    return struct.pack("<BxHII", flags, 0, size, checksum)


def quick(line: Scripted, **options: object) -> Host:
    settings_ = {"timeout": 0.01, "silence": 0.0, "baud": 10_000_000, "attempts": 2}
    return Host(line, **(settings_ | options))  # type: ignore[arg-type]


def _samples(host: Host) -> np.ndarray:
    """Two samples of what the board says that it takes."""
    steps = min(host.identity.steps, 300)
    return np.zeros((2, *((steps,) if steps else ()), host.identity.inputs), dtype=int)


def use_all(line: Scripted) -> None:
    """Ask for everything that a host can be asked for."""
    with quick(line) as host:
        for call in (
            host.condition,
            lambda: host.load_weights(IMAGE),
            lambda: host.load_sample(np.zeros(host.identity.inputs, dtype=int)),
            host.run,
            host.read,
            lambda: host.classify(_samples(host)),
            lambda: list(host.stream(_samples(host).reshape(-1, host.identity.inputs))),
        ):
            with contextlib.suppress(BoardError, CheckFailedError, UserError):
                call()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": 4}, "requests may have 4 bytes, but its own need 5"),
        ({"capacity": 0}, "requests may have 0 bytes"),
        ({"capacity": 3, "flags": 0}, "requests may have 3 bytes, but its own need 4"),
        ({"inputs": 33}, "requests may have 32 bytes, but its own need 33"),
        ({"inputs": 0}, "0 inputs"),
        ({"outputs": 0}, "0 outputs"),
        ({"clock": 0}, "0 clocks per second"),
        ({"size": 0}, "load 0 bytes of weights"),
        ({"bits": 0}, "inputs of 0 bits"),
        ({"bits": 9}, "inputs of 9 bits"),
        ({"capacity": 5, "steps": 3, "flags": 0}, "requests may have 5 bytes, but its own need 6"),
    ],
)
def test_sizes_that_no_board_has_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(BoardError, match=f"IDENTIFY with something else .*{message}"):
        quick(Scripted(lambda *_: (Status.DONE, identity(**changes))))


def test_another_version_is_said_before_its_numbers_are_judged() -> None:
    with pytest.raises(CheckFailedError, match="speaks version 9"):
        quick(Scripted(lambda *_: (Status.DONE, identity(version=9, capacity=0, clock=0))))


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (RESULT[:-4], "class 2 and 2 counts of 3 outputs"),
        (RESULT + bytes(4), "class 2 and 4 counts of 3 outputs"),
        (b"\3" + RESULT[1:], "class 3 and 3 counts of 3 outputs"),
        (RESULT[:-1], "17 bytes are no result"),
    ],
)
def test_results_of_another_network_are_refused(payload: bytes, message: str) -> None:
    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        return Status.DONE, identity() if command == Command.IDENTIFY else payload

    with quick(Scripted(reply)) as host:
        for call in (host.run, host.read, lambda: host.classify(np.zeros((2, 4), dtype=int))):
            with pytest.raises(BoardError, match=message):
                call()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (condition(0, len(WEIGHTS) + 1, 0), "41 of 40 bytes"),
        (condition(1, len(WEIGHTS), 0), "40 bytes with checksum 00000000"),
        (condition(1, 0, GOOD["checksum"]), "holds 0 bytes"),
        (b"", "CHECKSUM with something else"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(answer: bytes, message: str) -> None:
    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        return Status.DONE, identity() if command == Command.IDENTIFY else answer

    with quick(Scripted(reply)) as host, pytest.raises(BoardError, match=message):
        host.condition()


def test_a_board_that_sends_the_host_back_and_forth_is_given_up() -> None:
    turns = itertools.cycle([Status.DONE, Status.OUT_OF_ORDER])

    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        if command == Command.IDENTIFY:
            return Status.DONE, identity()
        if command == Command.CHECKSUM:
            return Status.DONE, condition(0, 0, 0)
        return next(turns), b""

    with (
        quick(Scripted(reply)) as host,
        pytest.raises(BoardError, match="does not follow the one before"),
    ):
        host.load_weights(IMAGE)


words = st.sampled_from([0, 1, 3, 4, 5, 32, 40, 255, 256, 65535])
identities = st.builds(
    lambda numbers, clock, size, steps: identity(**numbers, clock=clock, size=size, steps=steps),
    st.fixed_dictionaries(dict.fromkeys(("inputs", "outputs", "capacity"), words)),
    st.sampled_from([0, 1, 12_000_000, 2**32 - 1]),
    st.sampled_from([0, 39, 40, 41, 2**32 - 1]),
    st.sampled_from([0, 1, 3, 65535]),
)
progresses = st.builds(
    lambda steps, flags: struct.pack("<HBx", steps, flags),
    st.integers(0, 5),
    st.integers(0, 255),
)
payloads = st.one_of(
    st.binary(max_size=70),
    identities,
    st.just(RESULT),
    progresses,
    st.builds(
        condition,
        st.integers(0, 255),
        st.sampled_from([0, 20, 40, 41, 2**32 - 1]),
        st.sampled_from([0, GOOD["checksum"]]),
    ),
)
statuses = st.one_of(st.just(0), st.integers(0, 9), st.integers(0, 255))


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_a_board_answers_the_host_ends_with_an_error_of_ours(data: st.DataObject) -> None:
    is_plausible = data.draw(st.booleans(), "a good identity")
    steps = data.draw(st.sampled_from([0, 3]), "steps")

    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        if command == Command.IDENTIFY and is_plausible:
            return Status.DONE, identity(steps=steps)
        if data.draw(st.integers(0, 3)):
            return Status.DONE, data.draw(payloads)
        return data.draw(statuses), data.draw(payloads)

    with contextlib.suppress(ScNeurocoreError):
        use_all(Scripted(reply))


def test_a_board_that_babbles_is_given_up() -> None:
    class Babbling(Scripted):
        """It never falls silent, and everything that it says looks like the start of an answer."""

        in_waiting = 4096

        def read(self, size: int = 1) -> bytes:
            return b"\x5a\0\1\xff\0" * (size // 5)

    with pytest.raises(BoardError, match="no whole answer"):
        quick(Babbling(lambda *_: (0, b"")), timeout=1e9)


def test_a_port_that_vanishes_is_said_whatever_the_system_calls_it() -> None:
    termios = pytest.importorskip("termios")

    class Vanished(Scripted):
        def reset_input_buffer(self) -> None:
            raise termios.error(5, "Input/output error")

        close = reset_input_buffer

    with pytest.raises(BoardError, match="is the board plugged in"):
        quick(Vanished(lambda *_: (0, b"")))


@pytest.mark.parametrize("baud", [-1, 0, 3, 10**30, float("nan")])
def test_a_speed_that_no_line_has_is_refused(baud: int) -> None:
    with pytest.raises(UserError, match="baud: expected 300 to"):
        quick(Scripted(lambda *_: (Status.DONE, identity())), baud=baud)


@pytest.mark.parametrize(
    ("progress", "message"),
    [
        (struct.pack("<HBx", 4, 0), "step 4 of 3"),
        (struct.pack("<HBx", 0, 1), "step 0 of 3"),
        (struct.pack("<HBx", 2, 0), "has had 2 frames, and 3 were sent"),
        (struct.pack("<HBx", 3, 0), "has had 3 frames and gives no answer"),
        (b"", "EVENTS with something else"),
    ],
)
def test_a_progress_that_cannot_be_is_refused(progress: bytes, message: str) -> None:
    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        return Status.DONE, identity(steps=3) if command == Command.IDENTIFY else progress

    with quick(Scripted(reply)) as host, pytest.raises(BoardError, match=message):
        host.classify(np.zeros((1, 3, 4), dtype=int))


def test_a_board_that_never_follows_is_given_up() -> None:
    def reply(command: int, _: bytes) -> tuple[int, bytes]:
        if command == Command.IDENTIFY:
            return Status.DONE, identity(steps=3)
        return Status.OUT_OF_ORDER, b""

    with quick(Scripted(reply)) as host, pytest.raises(BoardError, match="or this step, does not"):
        host.classify(np.zeros((1, 3, 4), dtype=int))
