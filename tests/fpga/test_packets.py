"""Packets on a line that loses, changes and invents bytes, in Verilog and in Python."""

import zlib
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.fpga.protocol import (
    Answer,
    encode_answer,
    encode_request,
    find_answers,
    read_result,
)

RunBench = Callable[..., list[str]]

CAPACITY = 32
TIMEOUT = 1 << 7

octets = st.integers(0, 255)
payloads = st.binary(max_size=80)


def test_a_packet_is_what_the_page_says() -> None:
    body = bytes([6, 9, 3, 0]) + b"abc"
    checksum = zlib.crc32(body).to_bytes(4, "little")
    assert encode_request(6, 9, b"abc") == b"\xa5" + body + checksum
    assert encode_answer(6, 9, b"abc") == b"\x5a" + body + checksum


@given(octets, octets, payloads, st.binary(max_size=40), st.binary(max_size=40))
def test_an_answer_is_found_in_noise(
    status: int, tag: int, payload: bytes, before: bytes, after: bytes
) -> None:
    heard = before + encode_answer(status, tag, payload) + after
    assert Answer(status, tag, payload) in find_answers(heard)


@given(octets, octets, payloads, st.data())
def test_a_damaged_answer_is_none(
    status: int, tag: int, payload: bytes, data: st.DataObject
) -> None:
    packet = bytearray(encode_answer(status, tag, payload))
    place = data.draw(st.integers(0, len(packet) - 1))
    packet[place] ^= data.draw(st.integers(1, 255))
    # A CRC finds every error within 32 bits.
    assert Answer(status, tag, payload) not in find_answers(bytes(packet))
    assert find_answers(encode_request(status, tag, payload)) == []


def test_a_result_is_read_and_half_a_result_is_refused() -> None:
    payload = bytes([7, 0, 0x10, 0x27, 0, 0, 3, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF])
    result = read_result(payload)
    assert (result.predicted, result.clocks, result.spike_counts) == (7, 10_000, (3, -2))
    for size in (0, 5, 8):
        try:
            read_result(payload[:size])
        except ValueError:
            continue
        raise AssertionError(size)


def as_line(data: bytes) -> str:
    return "".join(f"0 {byte:x}\n" for byte in data)


def test_after_a_pause_every_packet_arrives_whatever_came_before(run_bench: RunBench) -> None:
    random = np.random.default_rng(3)
    line = ""
    wanted = []
    for tag in range(120):
        payload = random.bytes(int(random.integers(0, CAPACITY + 1)))
        packet = encode_request(int(random.integers(256)), tag, payload)
        wanted.append(f"packet 1 {packet[1]:02x} {tag:02x} {payload.hex()}.")
        # What goes wrong before it: noise, a packet that stops, one that lost or gained a byte, one
        # that announces too much, a broken byte.
        other = bytearray(encode_request(1, 255, random.bytes(8)))
        place = int(random.integers(1, len(other)))
        kind = tag % 6
        if kind == 0:
            line += as_line(random.bytes(int(random.integers(0, 60))))
        elif kind == 1:
            line += as_line(other[:place])
        elif kind == 2:
            line += as_line(other[:place] + other[place + 1 :])
        elif kind == 3:
            line += as_line(other[:place] + random.bytes(1) + other[place:])
        elif kind == 4:
            line += as_line(b"\xa5\x01\x02" + (CAPACITY + 1).to_bytes(2, "little"))
        else:
            line += as_line(other[:place]) + "1 0\n"
        # An answer to noise may be under way; the packet comes when it is over.
        line += f"2 {TIMEOUT + 1500:x}\n" + as_line(packet) + f"2 {1500:x}\n"
    lines = run_bench("packet_bench", {"line": line})
    intact = [line for line in lines if line.startswith("packet 1")]
    expected = [line for line in intact if line in wanted]
    assert expected == wanted
    # Nothing that was damaged passed for a packet. (A byte more that repeats the one before it may
    # leave a packet whole.)
    assert all(line.split()[3] == "ff" for line in intact if line not in wanted)


def test_damage_is_said_and_what_is_sent_is_sent_back(run_bench: RunBench) -> None:
    payload = bytes(range(100, 132))
    good = encode_request(5, 77, payload)
    pause = f"2 {2000:x}\n"
    line = as_line(good) + pause
    for place in (1, 2, 5, 36, 37, 40):
        bad = bytearray(good)
        bad[place] ^= 1 << place % 8
        line += as_line(bad) + pause
    lines = run_bench("packet_bench", {"line": line + as_line(good)})
    packets = [line.split()[1] for line in lines if line.startswith("packet")]
    assert packets == ["1", "0", "0", "0", "0", "0", "0", "1"]
    answer = bytes(int(line.split()[1], 16) for line in lines if line.startswith("answer"))
    assert answer == 2 * encode_answer(5, 77, payload)
