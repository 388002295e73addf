"""Runs inside the simulator, in cocotb: random packets into TOP_axis, good and bad, and out of it.

Which ones, and what must come out, is in the JSON file that the environment names; see
tests/hdl/test_bus.py.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource

PLAN = "AXI_STREAM_PLAN"
_IDLE = 100_000  # clocks without a packet, after which nothing comes any more


class Watch:
    """Looks at every clock: what is offered stays, and errors are counted."""

    def __init__(self, dut: Any) -> None:
        self.short = self.long = self.beats = 0
        self._offered: tuple[int, int] | None = None
        self._dut = dut
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        dut = self._dut
        while True:
            await RisingEdge(dut.aclk)
            if not dut.aresetn.value:
                self.short = self.long = 0
                self._offered = None
                continue
            self.short += int(dut.error_short.value)
            self.long += int(dut.error_long.value)
            self.beats += int(dut.s_axis_tvalid.value and dut.s_axis_tready.value)
            if dut.m_axis_tvalid.value:
                now = int(dut.m_axis_tdata.value), int(dut.m_axis_tlast.value)
                assert self._offered in (None, now), "what was offered changed before it was taken"
                self._offered = None if dut.m_axis_tready.value else now
            else:
                assert self._offered is None, "what was offered went before it was taken"


def pauses(draw: random.Random, share: float) -> Iterator[bool]:
    """Yield clock by clock whether to wait: a share of them, in runs of several."""
    while True:
        waits = draw.random() < share
        yield from [waits] * draw.randint(1, 6)


class Stream:
    """Packets into the wrapper, and what must come out of it."""

    def __init__(self, dut: Any, plan: dict[str, Any]) -> None:
        self.draw = random.Random(plan["seed"])
        self.plan = plan
        self.dut = dut
        wires = dut.aclk, dut.aresetn
        options = {"reset_active_level": False, "byte_lanes": 1}
        bus = AxiStreamBus.from_prefix
        self.source = AxiStreamSource(bus(dut, "s_axis"), *wires, **options)
        self.sink = AxiStreamSink(bus(dut, "m_axis"), *wires, **options)
        self.watch = Watch(dut)
        self.expected: list[list[int]] = []
        self.short = self.long = 0

    async def reset(self) -> None:
        """Reset in the middle of whatever goes on: what is under way is lost on both sides."""
        self.dut.aresetn.value = 0
        await RisingEdge(self.dut.aclk)
        self.source.clear()
        for _ in range(self.draw.randint(1, 4)):
            await RisingEdge(self.dut.aclk)
        self.sink.clear()
        self.dut.aresetn.value = 1
        await RisingEdge(self.dut.aclk)
        self.expected, self.short, self.long = [], 0, 0

    def packet(self, kind: str) -> None:
        """Send one: a sample, a part of one, or one with something behind it."""
        number = self.draw.randrange(len(self.plan["beats"]))
        beats = list(self.plan["beats"][number])
        whole = len(beats)
        if kind == "short":
            beats = beats[: self.draw.randint(1, whole - 1)]
            self.short += 1
        elif kind == "long":
            more = self.draw.choice([1, 2, whole - 1, whole, 2 * whole + 1])
            beats += [self.draw.getrandbits(self.plan["in_bits"]) for _ in range(more)]
            self.long += 1
        else:
            self.expected.append(self.plan["results"][number])
        free = self.plan["s_bits"] - self.plan["in_bits"]
        data = [each | self.draw.getrandbits(free) << self.plan["in_bits"] for each in beats]
        self.source.send_nowait(AxiStreamFrame(data))

    async def receive(self) -> None:
        """Wait for everything that must come, and for a while that nothing else does."""
        for number, result in enumerate(self.expected):
            for _ in range(_IDLE):
                if not self.sink.empty():
                    break
                await RisingEdge(self.dut.aclk)
            else:
                raise AssertionError(f"result {number} of {len(self.expected)} does not come")
            found = list(self.sink.recv_nowait().tdata)
            assert found == result, f"result {number}: expected {result}, found {found}"
        await self.source.wait()
        for _ in range(self.plan["most_clocks"]):
            await RisingEdge(self.dut.aclk)
        assert self.sink.empty() and self.sink.idle(), "a result that nothing was sent for"
        assert (self.watch.short, self.watch.long) == (self.short, self.long)
        assert self.dut.dropped.value == (self.short + self.long) % 65536


@cocotb.test()
async def packets(dut: Any) -> None:
    """Rounds of packets with pauses on both sides; some rounds end in a reset."""
    plan = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    dut.aresetn.value = 0
    dut.hash_address.value = 0
    cocotb.start_soon(Clock(dut.aclk, 2, unit="step").start())
    stream = Stream(dut, plan)
    await Timer(6, unit="step")
    await stream.reset()
    draw, rounds, results = stream.draw, 0, 0
    while stream.watch.beats < plan["least_beats"] or rounds < plan["least_rounds"]:
        stream.source.set_pause_generator(pauses(draw, draw.choice([0.0, 0.1, 0.7])))
        stream.sink.set_pause_generator(pauses(draw, draw.choice([0.0, 0.1, 0.9])))
        for _ in range(plan["packets_a_round"]):
            stream.packet(draw.choices(["good", "short", "long"], [6, 1, 1])[0])
        if rounds % 4 == 1:
            for _ in range(draw.randrange(plan["packets_a_round"] * len(plan["beats"][0]))):
                await RisingEdge(dut.aclk)
            await stream.reset()
        else:
            await stream.receive()
            results += len(stream.expected)
            stream.expected.clear()
        rounds += 1
        said = {"beats": stream.watch.beats, "results": results, "rounds": rounds}
        Path(plan["said"]).write_text(json.dumps(said), encoding="utf-8")
