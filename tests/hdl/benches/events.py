"""Runs inside the simulator, in cocotb: random events into TOP_events, and results out of it.

Which ones, and what must come out, is in the JSON file that the environment names; see
tests/hdl/test_bus.py.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

PLAN = "EVENTS_PLAN"


class Sensor:
    """Sends events, with pauses."""

    def __init__(self, dut: Any, plan: dict[str, Any]) -> None:
        self.dut, self.plan = dut, plan
        self.draw = random.Random(plan["seed"])
        self.bad = 0

    async def send(self, number: int, ends: bool = False) -> None:
        """Offer one until it is taken; now and then wait before it."""
        dut = self.dut
        while self.draw.random() < self.plan["pauses"]:
            await FallingEdge(dut.clk)
        dut.event_valid.value, dut.event_ends_frame.value = 1, int(ends)
        dut.event_input.value = number
        while True:
            taken = bool(dut.event_ready.value)
            await FallingEdge(dut.clk)
            if taken:
                break
        dut.event_valid.value = 0
        dut.event_input.value = self.draw.getrandbits(len(dut.event_input))

    async def frame(self, values: list[int]) -> None:
        """Send a frame's spikes in any order, and some events that cannot count."""
        events = [number for number, value in enumerate(values) for _ in range(value)]
        self.draw.shuffle(events)
        for number in events:
            await self.send(number)
        full = [number for number, value in enumerate(values) if value == self.plan["most"]]
        for number in [*full, *self.plan["not_there"]]:
            if self.draw.random() < 0.2:
                await self.send(number)
                self.bad += 1
        await self.send(self.draw.getrandbits(len(self.dut.event_input)), ends=True)


async def reset(dut: Any) -> None:
    """Reset for a clock."""
    dut.reset.value = 1
    await FallingEdge(dut.clk)
    dut.reset.value = 0


@cocotb.test()
async def events(dut: Any) -> None:
    """Every sample gives its result; one that a reset cuts in two leaves nothing."""
    plan = json.loads(Path(os.environ[PLAN]).read_text(encoding="utf-8"))
    dut.event_valid.value = dut.event_ends_frame.value = dut.event_input.value = 0
    dut.out_ready.value = dut.count_address.value = dut.hash_address.value = 0
    dut.reset.value = 1
    cocotb.start_soon(Clock(dut.clk, 2, unit="step").start())
    for _ in range(3):
        await FallingEdge(dut.clk)
    dut.reset.value = 0
    sensor, results = Sensor(dut, plan), []
    for number, frames in enumerate(plan["samples"]):
        if number % 5 == 2:
            for value in sensor.draw.choices(range(plan["inputs"]), k=7):
                await sensor.send(value)
            await reset(dut)
            sensor.bad = 0
        for values in frames:
            await sensor.frame(values)
        for _ in range(plan["most_clocks"]):
            if dut.out_valid.value:
                break
            await FallingEdge(dut.clk)
        assert dut.out_valid.value, f"sample {number} has no result"
        found = [int(dut.out_class.value)]
        for output in range(plan["outputs"]):
            dut.count_address.value = output
            await RisingEdge(dut.clk)
            await FallingEdge(dut.clk)
            found.append(int(dut.count_value.value))
        assert found == plan["results"][number], f"sample {number}: {found}"
        dut.out_ready.value = 1
        await FallingEdge(dut.clk)
        dut.out_ready.value = 0
        results.append(found)
        assert int(dut.dropped.value) == sensor.bad % 65536
    Path(plan["said"]).write_text(json.dumps({"results": len(results)}), encoding="utf-8")
