"""Runs inside the simulator, in cocotb: a core's registers behind AXI4-Lite or Wishbone.

What is done, and what must come of it, is in the JSON file that the environment names; see
tests/hdl/test_registers.py.
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
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp

from sc_neurocore.hdl.register_map import OFFSETS, REGISTERS, Control, Status


def pauses(draw: random.Random) -> Iterator[bool]:
    """Yield clock by clock whether to wait, in runs; how often changes now and then."""
    while True:
        share = draw.choice([0.0, 0.0, 0.2, 0.7])
        for _ in range(50):
            waits = draw.random() < share
            yield from [waits] * draw.randint(1, 4)


class AxiLite:
    """The bus by the model of it that is not ours."""

    def __init__(self, dut: Any, draw: random.Random) -> None:
        self.clock, self.reset, self.active = dut.aclk, dut.aresetn, 0
        dut.s_axi_awprot.value = dut.s_axi_arprot.value = 0
        bus = AxiLiteBus.from_prefix(dut, "s_axi")
        self.master = AxiLiteMaster(bus, dut.aclk, dut.aresetn, reset_active_level=False)
        write, read = self.master.write_if, self.master.read_if
        for channel in (
            write.aw_channel,
            write.w_channel,
            write.b_channel,
            read.ar_channel,
            read.r_channel,
        ):
            channel.set_pause_generator(pauses(random.Random(draw.random())))

    async def read(self, offset: int) -> tuple[int, bool]:
        """Read a register: its value, and whether it was refused."""
        found = await self.master.read(offset, 4)
        return int.from_bytes(found.data, "little"), self._refused(found.resp)

    async def write(self, offset: int, value: int, size: int = 4) -> bool:
        """Write a register, or only its low bytes; return whether it was refused."""
        found = await self.master.write(offset, value.to_bytes(4, "little")[:size])
        return self._refused(found.resp)

    @staticmethod
    def _refused(answer: AxiResp) -> bool:
        assert answer in (AxiResp.OKAY, AxiResp.SLVERR)
        return answer == AxiResp.SLVERR


class Wishbone:
    """A master of ours: a request at a time, classic or pipelined, drawn for each."""

    def __init__(self, dut: Any, draw: random.Random) -> None:
        self.clock, self.reset, self.active = dut.wb_clk_i, dut.wb_rst_i, 1
        self.dut, self.draw, self.pauses = dut, draw, pauses(draw)
        for name in ("cyc", "stb", "we", "adr", "dat", "sel"):
            getattr(dut, f"wb_{name}_i").value = 0

    async def read(self, offset: int) -> tuple[int, bool]:
        """Read a register: its value, and whether it was refused."""
        return await self._request(offset, None, 4)

    async def write(self, offset: int, value: int, size: int = 4) -> bool:
        """Write a register, or only its low bytes; return whether it was refused."""
        return (await self._request(offset, value, size))[1]

    async def _request(self, offset: int, value: int | None, size: int) -> tuple[int, bool]:
        dut, clock = self.dut, RisingEdge(self.clock)
        while next(self.pauses):
            await clock
        is_classic = self.draw.random() < 0.5
        dut.wb_cyc_i.value = dut.wb_stb_i.value = 1
        dut.wb_we_i.value = int(value is not None)
        dut.wb_adr_i.value = offset // 4
        dut.wb_dat_i.value = self.draw.getrandbits(32) if value is None else value
        dut.wb_sel_i.value = (1 << size) - 1
        answers = []
        for _ in range(8):
            await clock  # what is read now stood before it
            stalls, ack, err = (
                int(getattr(dut, f"wb_{name}_o").value) for name in ("stall", "ack", "err")
            )
            if ack or err:
                is_data = ack and value is None  # else it may be anything
                answers.append((int(dut.wb_dat_o.value) if is_data else 0, bool(err)))
            if (is_classic and answers) or (not is_classic and not stalls):
                dut.wb_stb_i.value = 0
            if answers:
                break
        assert not (ack and err), "two answers"
        dut.wb_cyc_i.value = self.draw.randint(0, 1)
        for _ in range(self.draw.randint(0, 2)):
            await clock
            assert not (dut.wb_ack_o.value or dut.wb_err_o.value), "a second answer"
        (answer,) = answers
        return answer


class Samples:
    """Samples into registers, and results out of them, as software would do it with care."""

    def __init__(self, dut: Any, plan: dict[str, Any]) -> None:
        self.dut, self.plan = dut, plan
        self.draw = random.Random(plan["seed"])
        self.bus = (AxiLite if plan["bus"] == "axi-lite" else Wishbone)(dut, self.draw)
        self.beats = self.results = self.refused = 0
        self.waiting: list[int] = []

    async def reset(self) -> None:
        """Reset all, for some clocks."""
        self.bus.reset.value = self.bus.active
        for _ in range(self.draw.randint(2, 5)):
            await RisingEdge(self.bus.clock)
        self.bus.reset.value = 1 - self.bus.active
        await RisingEdge(self.bus.clock)
        self.waiting.clear()

    async def status(self) -> Status:
        """Read STATUS; there is an error if and only if something was refused since the last."""
        found, refused = await self.bus.read(OFFSETS["STATUS"])
        assert not refused
        return Status(found)

    async def mistake(self) -> None:
        """Do something that there is not, or that cannot be; it changes nothing but the error."""
        bus, draw = self.bus, self.draw
        there = {each.offset + 4 * n: each for each in REGISTERS for n in range(each.count)}
        free = [offset for offset in range(0, 128, 4) if offset not in there]
        unreadable = [each.offset for each in REGISTERS if each.access == "w"]
        unwritable = [offset for offset, each in there.items() if each.access == "r"]
        kind = draw.randrange(4)
        if kind == 0:
            refused = (await bus.read(draw.choice(free + unreadable)))[1]
        elif kind == 1:
            refused = await bus.write(draw.choice(free + unwritable), draw.getrandbits(32))
        elif kind == 2:
            refused = await bus.write(OFFSETS["DATA"], draw.getrandbits(32), draw.randint(1, 3))
        else:
            beyond = draw.randrange(self.plan["outputs"], 1 << 32)
            refused = await bus.write(OFFSETS["SCORE_ADDRESS"], beyond)
        assert refused, f"a mistake of kind {kind} was not refused"
        assert Status.ERROR in await self.status()
        assert not await bus.write(OFFSETS["STATUS"], Status.ERROR)
        assert Status.ERROR not in await self.status()
        self.refused += 1

    async def sample(self) -> bool:
        """Send a sample, frame by frame; take results when they are in the way. False: cut off."""
        number = self.draw.randrange(len(self.plan["beats"]))
        beats, size = self.plan["beats"][number], self.plan["frame"]
        self.waiting.append(number)
        for first in range(0, len(beats), size):
            for _ in range(self.plan["most_clocks"]):
                status = await self.status()
                is_ready = Status.READY in status
                if Status.RESULT in status and (not is_ready or self.draw.random() < 0.5):
                    if await self.result():
                        return True  # before it had all of its frames
                elif is_ready:
                    break
            else:
                raise AssertionError("the core takes no frame, and has no result")
            for place, beat in enumerate(beats[first : first + size]):
                if self.draw.random() < self.plan["mistakes"]:
                    await self.mistake()
                if self.draw.random() < self.plan["resets"]:
                    await self.abort()
                    return False
                high = self.draw.getrandbits(32) >> self.plan["in_bits"] << self.plan["in_bits"]
                refused = await self.bus.write(OFFSETS["DATA"], beat | high)
                assert not refused, f"beat {first + place} was refused"
                self.beats += 1
        return True

    async def abort(self) -> None:
        """End what is under way: by the reset, or by CONTROL, after which weights are there."""
        if self.draw.random() < 0.5 and not self.plan["weights"]:
            await self.reset()
            return
        assert not await self.bus.write(OFFSETS["CONTROL"], Control.CLEAR)
        self.waiting.clear()
        status = await self.status()
        assert not status & (Status.BUSY | Status.RESULT | Status.ERROR), status

    async def result(self) -> bool:
        """Compare the result that is there with what must come, and take it: was it the last?"""
        is_last = len(self.waiting) == 1
        expected = self.plan["results"][self.waiting.pop(0)]
        found, refused = await self.bus.read(OFFSETS["CLASS"])
        assert not refused and found == expected[0]
        outputs = [*range(self.plan["outputs"])]
        for output in self.draw.sample(outputs, min(3, len(outputs))):
            assert not await self.bus.write(OFFSETS["SCORE_ADDRESS"], output)
            found, refused = await self.bus.read(OFFSETS["SCORE"])
            assert not refused and found == expected[1 + output]
        assert not await self.bus.write(OFFSETS["STATUS"], Status.RESULT)
        self.results += 1
        return is_last

    async def drain(self) -> None:
        """Wait for every result that must come, and see that nothing else does."""
        while self.waiting:
            for _ in range(self.plan["most_clocks"]):
                if Status.RESULT in await self.status():
                    break
            else:
                raise AssertionError("a result does not come")
            await self.result()
        status = await self.status()
        assert not status & (Status.BUSY | Status.RESULT), "a result that nothing was sent for"
        assert (await self.bus.read(OFFSETS["CLASS"]))[1], "a class without a result"
        assert (await self.bus.read(OFFSETS["SCORE"]))[1], "a score without a result"
        assert not await self.bus.write(OFFSETS["STATUS"], Status.ERROR)


async def begin(dut: Any, plan: dict[str, Any]) -> Samples:
    """Start the clock, and reset."""
    samples = Samples(dut, plan)
    samples.bus.reset.value = samples.bus.active
    cocotb.start_soon(Clock(samples.bus.clock, 2, unit="step").start())
    await samples.reset()
    return samples


@cocotb.test()
async def software(dut: Any) -> None:
    """Samples, mistakes and resets, until there were enough beats."""
    plan = json.loads(Path(os.environ["REGISTERS_PLAN"]).read_text(encoding="utf-8"))
    samples = await begin(dut, plan)
    for word in plan["weights"]:
        assert not await samples.bus.write(OFFSETS["WEIGHT"], word)
    while samples.beats < plan["least_beats"]:
        if await samples.sample() and samples.draw.random() < 0.2:
            await samples.drain()
    await samples.drain()
    said = {name: getattr(samples, name) for name in ("beats", "results", "refused")}
    Path(plan["said"]).write_text(json.dumps(said), encoding="utf-8")
