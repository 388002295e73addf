"""The host against a board in Python: what it does about mishaps, and what it tells the user."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.errors import (
    BoardError,
    CheckFailedError,
    DataError,
    ToolMissingError,
    UserError,
)
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.protocol import Command, Status, encode_answer

INPUTS, OUTPUTS, CAPACITY = 4, 3, 32
WEIGHTS = bytes(range(100))
HASH = "0123456789abcdef" * 4
Fault = Callable[[bytes], bytes]


class Board:
    """The other side of the line: the class is the number of the first of the largest inputs."""

    def __init__(
        self, version: int = 2, loads: bool = False, faults: tuple[Fault, ...] = ()
    ) -> None:
        self.version = version
        self.loads = loads
        self.weights = b"" if loads else WEIGHTS
        self.faults = list(faults)
        self.requests: list[int] = []
        self.heard = b""
        self.said = b""
        self.closed = False

    @property
    def in_waiting(self) -> int:
        return len(self.said)

    def read(self, size: int = 1) -> bytes:
        part, self.said = self.said[:size], self.said[size:]
        return part

    def reset_input_buffer(self) -> None:
        self.said = b""

    def close(self) -> None:
        self.closed = True

    def write(self, data: bytes) -> int:
        """One frame per call; each fault in turn changes what passes, in both directions."""
        frame = self.faults.pop(0)(data) if self.faults else data
        intact = len(frame) >= 9 and zlib.crc32(frame[1:-4]).to_bytes(4, "little") == frame[-4:]
        if not frame or frame[0] != 0xA5:
            return len(data)
        tag = data[2]
        if intact:
            self.requests.append(frame[1])
            status, payload = self.answer(frame[1], frame[5:-4])
        elif len(frame) == len(data):
            status, payload = Status.DAMAGED, b""
        else:
            return len(data)
        answer = encode_answer(status, tag, payload)
        self.said += self.faults.pop(0)(answer) if self.faults else answer
        return len(data)

    def answer(self, command: int, payload: bytes) -> tuple[int, bytes]:
        checksum = zlib.crc32(WEIGHTS)
        if command == Command.IDENTIFY:
            numbers = [INPUTS, OUTPUTS, CAPACITY]
            identity = bytes([self.version, self.loads])
            identity += b"".join(number.to_bytes(2, "little") for number in numbers)
            for number in (24_000_000, len(WEIGHTS), checksum):
                identity += number.to_bytes(4, "little")
            identity += bytes([0, 0, 8, 0])  # no steps, inputs of 8 bits
            return Status.DONE, identity + bytes.fromhex(HASH)
        if command == Command.CHECKSUM:
            there = self.weights == WEIGHTS
            numbers = [len(self.weights), zlib.crc32(self.weights)]
            words = b"".join(number.to_bytes(4, "little") for number in numbers)
            return Status.DONE, bytes([there, 0, 0, 0]) + words
        if command == Command.LOAD_WEIGHTS:
            offset = int.from_bytes(payload[:4], "little")
            if offset not in (0, len(self.weights)):
                return Status.OUT_OF_ORDER, b""
            self.weights = self.weights[:offset] + payload[4:]
            return Status.DONE, b""
        if command == Command.CLASSIFY:
            if self.weights != WEIGHTS:
                return Status.NO_WEIGHTS, b""
            result = bytes([payload.index(max(payload)), 0, 100, 0, 0, 0])
            return Status.DONE, result + b"".join(bytes([value, 0, 0, 0]) for value in payload[:3])
        return Status.UNKNOWN, b""


def host(board: Board, **options: object) -> Host:
    quick = {"timeout": 0.02, "silence": 0.0, "baud": 10_000_000}
    return Host(board, **(quick | options))  # type: ignore[arg-type]


def lose(place: int) -> Fault:
    return lambda data: data[: place % len(data)] + data[place % len(data) + 1 :]


def flip(place: int, bit: int) -> Fault:
    def change(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[place % len(data)] ^= 1 << bit
        return bytes(changed)

    return change


def invent(before: bytes) -> Fault:
    return lambda data: before + data


def swallow(_: bytes) -> bytes:
    return b""


FAULTS = st.one_of(
    st.builds(lose, st.integers(0, 80)),
    st.builds(flip, st.integers(0, 80), st.integers(0, 7)),
    st.just(swallow),
    st.builds(invent, st.binary(min_size=1, max_size=20)),
    st.just(lambda data: data),
)


def test_images_are_classified() -> None:
    board = Board()
    images = np.array([[1, 9, 9, 0], [7, 1, 0, 3]])
    events = []
    with host(board, network_hash=HASH) as opened:
        run = opened.classify(images, events.append)
        assert (opened.identity.inputs, opened.identity.content_hash) == (INPUTS, HASH)
    assert run.classes.tolist() == [1, 0]
    assert run.spike_counts.tolist() == images[:, :3].tolist()
    assert run.clocks.tolist() == [100, 100]
    assert [(event.done, event.total) for event in events] == [(1, 2), (2, 2)]
    assert board.closed and opened.retries == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(FAULTS, max_size=12))
def test_whatever_happens_on_the_line_the_result_is_right(faults: list[Fault]) -> None:
    with host(Board(faults=tuple(faults)), timeout=0.002, attempts=14) as opened:
        run = opened.classify(np.array([[1, 9, 9, 0], [7, 1, 0, 3]], dtype=np.uint8))
    assert run.classes.tolist() == [1, 0]
    assert run.spike_counts.tolist() == [[1, 9, 9], [7, 1, 0]]


@settings(deadline=None, max_examples=40)
@given(st.lists(FAULTS, max_size=12))
def test_weights_arrive_whatever_happens_on_the_line(faults: list[Fault]) -> None:
    board = Board(loads=True, faults=tuple(faults))
    with host(board, timeout=0.002, attempts=14) as opened:
        opened.load_weights(WEIGHTS + zlib.crc32(WEIGHTS).to_bytes(4, "little"))
        assert opened.condition().has_weights
    assert board.weights == WEIGHTS


def test_a_lost_answer_does_not_load_a_piece_twice() -> None:
    board = Board(loads=True)
    with host(board) as opened:
        board.faults = [lambda data: data, swallow]  # the first piece arrives, its answer does not
        opened.load_weights(WEIGHTS + zlib.crc32(WEIGHTS).to_bytes(4, "little"))
        assert opened.retries == 1
    assert board.weights == WEIGHTS


def test_other_weights_are_found_out() -> None:
    with host(Board(loads=True)) as opened:
        other = bytes(100)
        with pytest.raises(CheckFailedError, match="but the board was made for"):
            opened.load_weights(other + zlib.crc32(other).to_bytes(4, "little"))
        with pytest.raises(DataError, match="damaged"):
            opened.load_weights(other + b"abcd")
        with pytest.raises(UserError, match="99 bytes of weights: this board takes 100"):
            opened.load_weights(other[1:] + zlib.crc32(other[1:]).to_bytes(4, "little"))
        with pytest.raises(BoardError, match="refuses CLASSIFY: its weights are not loaded"):
            opened.classify(np.zeros((1, INPUTS), dtype=int))
    with host(Board()) as opened, pytest.raises(UserError, match="weights in the bitstream"):
        opened.load_weights(WEIGHTS)


def test_silence_noise_and_damage_are_told_apart() -> None:
    class Silent(Board):
        def write(self, data: bytes) -> int:
            return len(data)

    class Noisy(Board):
        def write(self, data: bytes) -> int:
            self.said += b"\x5a\x00\xff"
            return len(data)

    class Looped(Board):
        def write(self, data: bytes) -> int:
            self.said += data
            return len(data)

    class Damaging(Board):
        def write(self, data: bytes) -> int:
            self.said += encode_answer(Status.DAMAGED, 0)
            return len(data)

    cases = {
        Silent: "no answer from the line to IDENTIFY in 2 attempts: is the bitstream loaded",
        Noisy: "no whole answer to IDENTIFY",
        Looped: "no whole answer to IDENTIFY",
        Damaging: r"found 2 of 2 requests damaged \(wrong CRC\)",
    }
    for kind, message in cases.items():
        board = kind()
        with pytest.raises(BoardError, match=message):
            host(board, attempts=2)
        assert board.closed


def test_another_network_or_protocol_is_refused() -> None:
    board = Board()
    with pytest.raises(
        CheckFailedError, match="holds network 0123456789ab…, expected ffffffffffff…"
    ):
        host(board, network_hash="f" * 64)
    assert board.closed
    with pytest.raises(CheckFailedError, match="speaks version 3 of the protocol"):
        host(Board(version=3))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 5), dtype=int), r"shape \(2, 5\)"),
        (np.zeros(4, dtype=int), r"expected \(batch, 4\) integers"),
        (np.zeros((2, 4)), "type float64"),
        (np.full((1, 4), 256), "values from 256 to 256: expected 0 to 255"),
        (np.full((1, 4), -1), "values from -1 to -1"),
    ],
)
def test_images_that_do_not_fit_are_refused(images: np.ndarray, message: str) -> None:
    with host(Board()) as opened, pytest.raises(DataError, match=message):
        opened.classify(images)


def test_a_request_that_the_board_does_not_know_is_said() -> None:
    with host(Board()) as opened, pytest.raises(BoardError, match="does not know this request"):
        opened.run()


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"port /dev/no-such-port: .*; ports that are here: "):
        Host("/dev/no-such-port")


def test_a_board_that_is_unplugged() -> None:
    class Unplugged(Board):
        def write(self, data: bytes) -> int:
            raise OSError("device disconnected")

    with pytest.raises(BoardError, match="is the board plugged in"):
        host(Unplugged())


def test_pyserial_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(ToolMissingError, match="pyserial"):
        Host("/dev/ttyUSB1")
