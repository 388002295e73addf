"""A generated core in a simulator: samples in, everything that it shows out.

A core is anything with the ports of an accelerator's top: an accelerator, its netlist, or a network
with stochastic synapses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside
from sc_neurocore.hdl.accelerator import Accelerator, Field
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.render import render
from sc_neurocore.tools.programs import workshop
from sc_neurocore.verify.recording import Recording, read_recording
from sc_neurocore.verify.simulators import Bench, Simulator


def _as_they_are(frames: NDArray[Any]) -> NDArray[Any]:
    return frames


MOST_STALL = 4
"""Clocks that a disturbed input takes on average, at most, for one of an undisturbed one."""


@dataclass(frozen=True)
class Core:
    """A core: its files, and what a bench must know of its ports.

    Attributes:
        title: What it is, for messages.
        top: The module.
        verilog: File names and contents, the top first.
        memories: File names and contents.
        content_hash: The SHA-256 that it should give as the network's.
        inputs: Values of a frame.
        frames: Frames of a sample.
        input_bits: Width of a value.
        beat: Values that go in at the same time.
        outputs: Output neurons.
        output_bits: Width of an output neuron's number.
        count_bits: Width of a score.
        is_signed: Whether scores are membranes.
        units: Updates that the trace port shows at the same time.
        layer_bits: Width of the trace port's layer.
        neuron_bits: Width of its neuron.
        step_bits: Width of its step.
        state_bits: Width of one neuron's states there.
        states: For each layer where each state stands in them.
        limit: Clocks that no sample can need.
        streams_in: Whether a sample is taken while the one before is at work.
        weight_words: Words of 16 bits of weights.bin that go through a write port, or 0.
        weight_address_bits: Width of that port's address.
        numbering: For each layer which neuron of the description each number on the trace port is,
            -1 for none; None where they are the same.
        arrange: Brings frames, (..., values), into the order in which their values go in.
    """

    title: str
    top: str
    verilog: Mapping[str, bytes]
    memories: Mapping[str, bytes]
    content_hash: str
    inputs: int
    frames: int
    input_bits: int
    beat: int
    outputs: int
    output_bits: int
    count_bits: int
    is_signed: bool
    units: int
    layer_bits: int
    neuron_bits: int
    step_bits: int
    state_bits: int
    states: tuple[tuple[Field, ...], ...]
    limit: int
    streams_in: bool = False
    weight_words: int = 0
    weight_address_bits: int = 1
    numbering: tuple[NDArray[np.int64], ...] | None = None
    arrange: Callable[[NDArray[Any]], NDArray[Any]] = _as_they_are

    @property
    def beats(self) -> int:
        """Clocks that a frame takes to go in."""
        return -(-self.inputs // self.beat)

    def bench(self, capacity: int) -> Bench:
        """Return what drives the core.

        Args:
            capacity: Samples that the testbench in Verilog must hold.
        """
        names = ["inputs", "frames", "outputs", "output_bits", "beat", "input_bits", "units"]
        names += ["state_bits", "weight_words", "weight_address_bits"]
        values = {**vars(self), "capacity": capacity}
        text = render("sc_neurocore.verify", "harness", "testbench.v.j2", values)
        return Bench(
            title=self.title,
            top=self.top,
            verilog=self.verilog,
            memories=self.memories,
            testbench=text.encode(),
            harness=("harness.cpp", "verilator_model.h", "cxxrtl_model.h"),
            macros={name.upper(): int(vars(self)[name]) for name in names},
        )


@dataclass(frozen=True)
class CoreSimulation:
    """A core that is ready to run.

    Attributes:
        core: The core.
        simulator: The simulator.
        build: Where it was built.
    """

    core: Core
    simulator: Simulator
    build: Path

    def run(self, samples: NDArray[np.int64], seed: int = 0) -> Recording:
        """Send samples through the core, from reset.

        Args:
            samples: (samples, values of a sample), in the range of the core's inputs; where there
                is a frame per step, one after the other.
            seed: 0 never makes the core wait; another value, below 2 ** 32, disturbs it as
                harness/harness.cpp says.

        Raises:
            ToolFailedError: If the simulation does not end, or the core breaks the protocol.
        """
        order = ">" if self.simulator.high_byte_first else "<"
        limit = self.core.limit * (MOST_STALL if seed else 1)
        with workshop() as folder:
            self._bits(samples).astype(f"{order}u4").tofile(folder / "samples")
            core, numbers = self.core, {"count": len(samples), "seed": seed, "limit": limit}
            self.simulator.run(self.build, folder, core.title, **numbers)
            return read_recording(
                folder, core.outputs, core.states, core.state_bits, core.count_bits * core.is_signed
            )

    def _bits(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return values as they stand at the port: those below zero in two's complement."""
        return values & ((1 << self.core.input_bits) - 1)

    def waves(self, sample: NDArray[np.int64]) -> bytes:
        """Send one sample through the core, and return what every signal did, in the FST form.

        Args:
            sample: As `run` takes it, one row. The simulator must be Icarus.

        Raises:
            ToolFailedError: As `run` raises it.
        """
        with workshop() as folder:
            self._bits(sample).astype(">u4").tofile(folder / "samples")
            numbers = {"count": len(sample), "seed": 0, "limit": self.core.limit, "wave": 1}
            self.simulator.run(self.build, folder, self.core.title, **numbers)
            return (folder / "wave.fst").read_bytes()


def simulate_core(core: Core, simulator: Simulator) -> CoreSimulation:
    """Build a core, unless the same build is kept from an earlier call.

    Raises:
        ToolMissingError: If a program is not installed.
        ToolFailedError: If one refuses the design.
    """
    return CoreSimulation(core, simulator, simulator.build(core.bench(simulator.batch)))


def core_of(accelerator: Accelerator) -> Core:
    """Read an accelerator's files.

    Raises:
        UserError: If one is missing, leads out of the folder, or two have the same name.
    """
    geometry = accelerator.geometry
    layers = geometry.layers
    read = partial(_read, accelerator.directory)
    weight_words, weight_address_bits = 0, 1
    if accelerator.weights == "loaded":
        weight_words = geometry.rows << geometry.column_bits
        weight_address_bits = geometry.weight_address_bits
    return Core(
        title=accelerator.top,
        top=accelerator.top,
        verilog=read(accelerator.verilog),
        memories=read(accelerator.memories),
        content_hash=accelerator.content_hash,
        inputs=geometry.frame_inputs,
        numbering=numbering_of(geometry),
        arrange=geometry.arranged,
        frames=accelerator.frames_per_sample,
        input_bits=geometry.input_bits,
        beat=geometry.beat,
        outputs=layers[-1].outputs,
        output_bits=geometry.output_bits,
        count_bits=geometry.count_bits,
        is_signed=bool(geometry.membrane_bits),
        units=geometry.units,
        layer_bits=geometry.layer_bits,
        neuron_bits=geometry.neuron_bits,
        step_bits=geometry.step_bits,
        state_bits=geometry.state_bits,
        states=accelerator.states,
        limit=accelerator.clock_limit,
        streams_in=accelerator.frames_per_sample == 1,
        weight_words=weight_words,
        weight_address_bits=weight_address_bits,
    )


def numbering_of(geometry: Geometry) -> tuple[NDArray[np.int64], ...] | None:
    """Return which neuron of the description each of the engine's numbers is, layer by layer."""
    if not geometry.windows:
        return None
    found = []
    for layer in geometry.layers:
        numbers = np.full(layer.groups * geometry.lanes, -1)
        numbers[layer.layout.numbers(geometry.lanes)] = np.arange(layer.outputs)
        found.append(numbers)
    return tuple(found)


def _read(directory: Path, paths: tuple[Path, ...]) -> dict[str, bytes]:
    """Return files by their names, which are those that Verilog calls memories by."""
    found: dict[str, bytes] = {}
    for path in paths:
        content = read_inside(directory, path.as_posix())
        if content is None:
            raise UserError(f"{directory / path} is missing: compile again")
        if path.name in found:
            raise UserError(f"{directory} has two files {path.name}: compile again")
        found[path.name] = content
    return found
