"""Modules that are functions of their inputs, in a simulator: words in, words out.

A wrapper in Verilog, the module `bench`, brings the ports of whatever is simulated to words of 64
bits; harness/vectors.cpp says when it sees which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.hdl.render import render
from sc_neurocore.tools.programs import workshop
from sc_neurocore.verify.simulators import Bench, Simulator

TOP = "bench"


@dataclass(frozen=True)
class Vectors:
    """A wrapped module.

    Attributes:
        title: What it is, for messages.
        verilog: File names and contents, with the module `bench`.
        in_words: Words of 64 bits that go in at a time.
        out_words: Words of 64 bits that come out.
        clocks: For how many clocks a line stands at the input; 0 if there is no clock.
        delay: How many lines later the output belongs to it.
        gap: Clocks more that every other line stands there.
    """

    title: str
    verilog: Mapping[str, bytes]
    in_words: int
    out_words: int
    clocks: int = 0
    delay: int = 0
    gap: int = 0

    def bench(self) -> Bench:
        """Return what drives it."""
        names = ("in_words", "out_words", "clocks", "delay", "gap")
        text = render("sc_neurocore.verify", "harness", "vectors.v.j2", vars(self))
        return Bench(
            title=self.title,
            top=TOP,
            verilog=self.verilog,
            testbench=text.encode(),
            harness=("vectors.cpp",),
            macros={name.upper(): int(vars(self)[name]) for name in names},
        )


@dataclass(frozen=True)
class VectorSimulation:
    """A wrapped module that is ready to run.

    Attributes:
        vectors: The module.
        simulator: The simulator.
        build: Where it was built.
    """

    vectors: Vectors
    simulator: Simulator
    build: Path

    def run(self, lines: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Send lines (count, in_words) through the module; return (count, out_words).

        Raises:
            ToolFailedError: If the simulation fails, or an output is unknown.
        """
        with workshop() as folder:
            if self.simulator.high_byte_first:
                lines[:, ::-1].astype(">u8").tofile(folder / "inputs")
            else:
                lines.astype("<u8").tofile(folder / "inputs")
            self.simulator.run(self.build, folder, self.vectors.title, count=len(lines))
            found = np.fromfile(folder / "outputs", dtype="<u8")
        return found.astype(np.uint64).reshape(len(lines), self.vectors.out_words)


def simulate_vectors(vectors: Vectors, simulator: Simulator) -> VectorSimulation:
    """Build a wrapped module, unless the same build is kept from an earlier call.

    Raises:
        ToolMissingError: If a program is not installed.
        ToolFailedError: If one refuses the module.
    """
    return VectorSimulation(vectors, simulator, simulator.build(vectors.bench()))
