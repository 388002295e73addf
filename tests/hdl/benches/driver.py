"""Runs inside the simulator, in cocotb: `fpga.MappedCore` drives the registers of a design.

Which samples, and what it heard, are in files that the environment names; see
tests/hdl/test_registers.py.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb
import numpy as np
from cocotb.task import bridge, resume
from registers import begin

from sc_neurocore.errors import BoardError
from sc_neurocore.fpga.mapped_core import MappedCore
from sc_neurocore.hdl.design import load_design
from sc_neurocore.hdl.register_map import OFFSETS, Control


class Mapped:
    """Registers as software sees them: reads and writes that come back."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus

    def read(self, offset: int) -> int:
        """Read a word."""
        value, refused = resume(self._bus.read)(offset)
        assert not refused
        return int(value)

    def write(self, offset: int, value: int) -> None:
        """Write a word."""
        assert not resume(self._bus.write)(offset, value)


def drive(mapped: Mapped, plan: dict[str, Any]) -> dict[str, Any]:
    """Do what a user does; return what comes of it."""
    design = load_design(Path(plan["design"]))
    core = MappedCore(mapped, design, timeout=600)
    said: dict[str, Any] = {"refusal": ""}
    samples = np.array(plan["samples"], dtype=np.int64)
    if design.accelerator.weights == "loaded":
        try:
            core.classify(samples)
        except BoardError as error:
            said["refusal"] = str(error)
        core.load_weights()
    mapped.write(OFFSETS["CONTROL"], Control.INTERRUPT)
    run = core.classify(samples)
    said |= {"classes": run.classes.tolist(), "scores": run.spike_counts.tolist()}
    return said | {"clocks": run.clocks.tolist(), "steps": run.steps.tolist()}


@cocotb.test()
async def driver(dut: Any) -> None:
    """A user's program; the interrupt line shows each result."""
    plan = json.loads(Path(os.environ["DRIVER_PLAN"]).read_text(encoding="utf-8"))
    samples = await begin(dut, plan)
    rises = 0

    async def count() -> None:
        nonlocal rises
        while True:
            await dut.irq.rising_edge
            rises += 1

    cocotb.start_soon(count())
    said = await bridge(drive)(Mapped(samples.bus), plan)
    said["interrupts"] = rises
    Path(plan["said"]).write_text(json.dumps(said), encoding="utf-8")
