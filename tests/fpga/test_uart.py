"""The serial line's two ends, against waveforms that are worked out here."""

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest

RunBench = Callable[..., list[str]]

CLOCK_PICOSECONDS = 10_000


def frame(byte: int, stop: int = 1) -> list[int]:
    return [0, *(byte >> bit & 1 for bit in range(8)), stop]


def waveform(levels: list[int], bit_picoseconds: float) -> str:
    """Each level for the time of a bit, without adding up rounding errors."""
    times = np.round(np.arange(len(levels) + 1) * bit_picoseconds).astype(int)
    return "".join(f"{level} {time}\n" for level, time in zip(levels, np.diff(times), strict=True))


@pytest.mark.parametrize(
    ("clocks_per_bit", "speed"),
    [(4, 1.0), (5, 1.01), (16, 0.96), (16, 1.04), (24, 0.96), (24, 1.04), (50, 1.0)],
)
def test_bytes_are_heard_at_speeds_that_differ(
    clocks_per_bit: int, speed: float, run_bench: RunBench
) -> None:
    random = np.random.default_rng(clocks_per_bit)
    said = [0x00, 0xFF, 0x55, 0xAA, *random.integers(0, 256, 40).tolist()]
    levels = [level for byte in said for level in frame(byte)]
    bit = clocks_per_bit * CLOCK_PICOSECONDS / speed
    lines = run_bench(
        "uart_bench",
        {"waveform": waveform([1, *levels], bit), "bytes": ""},
        CLOCKS_PER_BIT=clocks_per_bit,
    )
    heard = [line for line in lines if not line.startswith("line")]
    # Back to back, so that each start bit is found anew.
    assert heard == [f"heard {byte:02x}" for byte in said]


def test_a_low_stop_bit_and_a_spike_are_no_bytes(run_bench: RunBench) -> None:
    clocks_per_bit = 16
    bit = clocks_per_bit * CLOCK_PICOSECONDS
    line = waveform(frame(0x5A), bit)
    line += waveform(frame(0x12, stop=0), bit)  # the line stays low: a break
    line += waveform([0] * 30, bit)
    line += waveform([1], bit)
    line += f"0 {bit // 4}\n1 {3 * bit}\n"  # too short for a start bit
    line += waveform(frame(0x34), bit)
    lines = run_bench("uart_bench", {"waveform": line, "bytes": ""}, CLOCKS_PER_BIT=clocks_per_bit)
    heard = [line for line in lines if not line.startswith("line")]
    assert heard == ["heard 5a", "broken", "heard 34"]


@pytest.mark.parametrize("clocks_per_bit", [4, 7, 24])
def test_bytes_are_said_with_every_bit_of_the_right_length(
    clocks_per_bit: int, run_bench: RunBench
) -> None:
    said = [0x00, 0xFF, 0xA5, 0x31]
    lines = run_bench(
        "uart_bench",
        {"waveform": "", "bytes": " ".join(f"{byte:02x}" for byte in said)},
        CLOCKS_PER_BIT=clocks_per_bit,
    )
    levels = [int(line[-1]) for line in lines if line.startswith("line")]
    for byte in said:
        start = levels.index(0)
        bits = levels[start : start + 10 * clocks_per_bit]
        assert bits == [level for level in frame(byte) for _ in range(clocks_per_bit)]
        assert all(levels[:start])
        levels = levels[start + 10 * clocks_per_bit :]
    assert all(levels)


def test_the_reset_lasts_and_comes_back(run_bench: RunBench) -> None:
    (line,) = (line for line in run_bench("reset_bench", {}) if set(line) <= {"0", "1"})
    runs = [(level, len(list(group))) for level, group in groupby(line)]
    levels = [level for level, _ in runs]
    assert levels == ["1", "0", "1", "0", "1"]
    # 5 clocks until locked, 2 to bring it in, 8 of the counter; the button for 3, and the same.
    assert abs(runs[0][1] - (5 + 2 + 8)) <= 1
    assert abs(runs[2][1] - (3 + 8)) <= 1
