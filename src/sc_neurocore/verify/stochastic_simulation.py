"""Co-simulation of stochastic hardware, bit for bit, with the layers and networks in Python."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import DataError, ToolFailedError, ToolMissingError, UserError
from sc_neurocore.hdl.geometry import index_bits
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.stochastic_layer import StochasticLayerVerilog, StochasticVerilog
from sc_neurocore.hdl.stochastic_network import StochasticNetworkVerilog
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.tools import programs

Integers = NDArray[np.int64]

SIMULATORS = {"icarus": ("iverilog", "vvp"), "verilator": ("verilator", "c++")}
"""What runs the bench; Icarus is done first unless a network is large and frames are many."""

LAYER_LATENCY = 3
"""Clocks of a layer beside those of its streams."""


@dataclass(frozen=True)
class StochasticCosimulation:
    """What was compared, and what differed.

    Attributes:
        module: The top module.
        simulator: Which simulator ran it.
        version: Its version.
        frames: Inputs that went through.
        compared: Numbers that were compared: counts, or spikes, states, spike counts and classes.
        mismatches: How many of them differed.
        first_mismatch: The first difference in words, or None.
        seconds: Wall time, the build included.
    """

    module: str
    simulator: str
    version: str
    frames: int
    compared: int
    mismatches: int
    first_mismatch: str | None
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing differed."""
        return self.mismatches == 0

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return asdict(self)


def cosimulate_layer(
    verilog: StochasticLayerVerilog, values: ArrayLike, simulator: str = "auto"
) -> StochasticCosimulation:
    """Compare a layer's module with the counts of its `SCDenseLayer`.

    Args:
        verilog: What `emit_layer` made.
        values: (batch, n_in) integers in units of 2 ** -fraction_bits, from 0 to 1.
        simulator: "icarus", "verilator", or "auto", which is the first that is installed.

    Raises:
        DataError: If the values do not fit.
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the module, or the module breaks its contract.
    """
    layer, one = verilog.layer, 1 << verilog.fraction_bits
    given = _checked(values, layer.n_in, one)
    has_ones = layer.weights.encoding == "unipolar"
    columns = layer.n_out + has_ones
    ports = verilog.port_values()
    widths = {
        "weight_thresholds": 17 * layer.n_out * layer.n_in,
        "weight_negative": layer.n_out * layer.n_in,
        "starts": verilog.sum_bits * layer.n_out,
    }
    bench = {
        "is_network": False,
        "frame_bits": verilog.bits * layer.n_in,
        "clocks": layer.length + LAYER_LATENCY,
        "sum_bits": verilog.sum_bits,
        "result_bits": verilog.sum_bits * columns,
        "has_ones": has_ones,
        "ports": {name: {"value": ports[name], "width": widths[name]} for name in ports},
    }
    began = time.perf_counter()
    name, lines = _simulate(verilog, bench, given, verilog.bits, simulator)
    words = [int(line, 16) for line in lines]
    fields = range(0, verilog.sum_bits * columns, verilog.sum_bits)
    found = np.array(
        [[_signed(word >> low, verilog.sum_bits) for low in fields] for word in words],
        dtype=np.int64,
    )
    counts, ones = layer.count(given / one)
    expected = np.column_stack([counts, ones]) if has_ones else counts
    differing = np.argwhere(found != expected)
    first = None
    if len(differing):
        at = tuple(differing[0].tolist())
        what = f"count {at[1]}" if at[1] < layer.n_out else "the count of input ones"
        first = (
            f"frame {at[0]}: {what} is {found[at]} in the module and {expected[at]} in the layer"
        )
    return _result(verilog, name, len(given), expected.size, len(differing), first, began)


def cosimulate_network(
    verilog: StochasticNetworkVerilog, inputs: ArrayLike, simulator: str = "auto"
) -> StochasticCosimulation:
    """Compare a network's module with `stochastic.run_network`: every spike, state and class.

    Args:
        verilog: What `emit_network` made, with calibrated weights.
        inputs: (batch, *shape) integers in the description's input encoding, from 0 to 1.
        simulator: "icarus", "verilator", or "auto", which is the first that is installed.

    Raises:
        DataError: If the inputs do not fit.
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the module, or the module breaks its contract.
    """
    description, sizes = verilog.description, verilog.sizes
    coding = description.input
    frames = np.asarray(inputs)
    given = _checked(frames.reshape(len(frames), -1), sizes[0], 1 << coding.fraction_bits)
    bench = {
        "is_network": True,
        "frame_bits": coding.bits * sizes[0],
        "clocks": verilog.clocks,
        "bits": coding.bits,
        "inputs": sizes[0],
        "outputs": sizes[-1],
        "output_bits": index_bits(sizes[-1]),
        "count_bits": description.steps.bit_length(),
        "step_bits": index_bits(description.steps),
        "layer_bits": index_bits(len(sizes) - 1),
        "neuron_bits": index_bits(max(sizes[1:])),
        "state_bits": max(states[0].high + 1 for states in verilog.states),
    }
    began = time.perf_counter()
    name, lines = _simulate(verilog, bench, given, coding.bits, simulator)
    run = run_network(
        description,
        given.reshape(-1, *coding.shape),
        verilog.length,
        verilog.sources,
        neurons=verilog.format,
        calibrate=verilog.is_calibrated,
        record=True,
    )
    expected = list(_expected_lines(verilog, run))
    compared = mismatches = 0
    first = None
    for number, (line, (what, wanted)) in enumerate(zip(lines, expected, strict=False)):
        found = [int(field, 16) for field in line.split()]
        compared += len(wanted)
        wrong = sum(a != b for a, b in zip(found, wanted, strict=True)) if found != wanted else 0
        mismatches += wrong
        if wrong and first is None:
            first = f"{what}: {found} in the module and {wanted} in the model (line {number + 1})"
    if len(lines) != len(expected):
        mismatches += abs(len(lines) - len(expected))
        first = first or f"{len(lines)} updates and results instead of {len(expected)}"
    return _result(verilog, name, len(given), compared, mismatches, first, began)


def _expected_lines(
    verilog: StochasticNetworkVerilog, run: NetworkRun
) -> Iterator[tuple[str, list[int]]]:
    """Yield what the bench should write, line by line, and what each line is."""
    packed = [  # (T, batch, neurons)
        np.sum([(states[each.name] % (1 << each.width)) << each.low for each in fields], axis=0)
        for fields, states in zip(verilog.states, run.states, strict=True)
    ]
    for frame, (label, counts) in enumerate(zip(run.classes, run.spike_counts, strict=True)):
        for step in range(verilog.description.steps):
            for layer, (spikes, states) in enumerate(zip(run.spikes, packed, strict=True)):
                rows = zip(spikes[step, frame].tolist(), states[step, frame].tolist(), strict=True)
                for neuron, (spike, state) in enumerate(rows):
                    what = f"frame {frame}: step, layer, neuron, spike and states"
                    yield what, [step, layer, neuron, int(spike), state]
        yield f"frame {frame}: class and spike counts", [int(label), *counts.tolist()]


def _checked(values: ArrayLike, inputs: int, one: int) -> Integers:
    given = np.asarray(values)
    if given.dtype.kind not in "ui" or given.ndim != 2 or given.shape[1] != inputs:
        raise DataError(
            f"values of shape {given.shape} and type {given.dtype}: expected integers of shape "
            f"(batch, {inputs})"
        )
    if given.size == 0 or given.min() < 0 or given.max() > one:
        raise DataError(f"expected at least one frame, and values from 0 to {one}, which is 1")
    return given.astype(np.int64)


def _simulate(
    verilog: StochasticVerilog,
    bench: dict[str, Any],
    frames: Integers,
    bits: int,
    simulator: str,
) -> tuple[str, list[str]]:
    """Run frames through a module; return the simulator and the lines that the bench wrote."""
    name = _choose(simulator)
    values = {**bench, "top": verilog.top, "count": len(frames)}
    text = render("sc_neurocore.verify", "harness", "stochastic_bench.v.j2", values)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        verilog.write(folder)
        (folder / "bench.v").write_text(text, encoding="utf-8")
        words = (
            sum(value << (bits * place) for place, value in enumerate(row))
            for row in frames.tolist()
        )
        (folder / "frames").write_text("".join(f"{word:x}\n" for word in words))
        sources = ["bench.v", *verilog.files]
        if name == "icarus":
            arguments = ["-g2005", "-s", "bench", "-o", "simulator"]
            programs.run("iverilog", [*arguments, *sources], folder)
            done = programs.run("vvp", ["-n", "simulator"], folder, check=False)
        else:
            arguments = ["--binary", "--timing", "-O3", "-Wno-lint", "-Wno-style"]
            arguments += ["--top-module", "bench", "-Mdir", "objects", "-o", "../simulator"]
            programs.run("verilator", [*arguments, *sources], folder)
            command = [str((folder / "simulator").resolve())]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        said = [line for line in done.stdout.splitlines() if "$finish" not in line]
        if said != ["finished"] or done.stderr:
            shown = "\n".join([*said, done.stderr]).strip() or f"exit status {done.returncode}"
            raise ToolFailedError(f"simulating {verilog.top} with {name} failed: {shown}")
        lines = (folder / "results").read_text().splitlines()
    if unknown := next((line for line in lines if set(line) & set("xzXZ")), None):
        raise ToolFailedError(f"simulating {verilog.top} with {name}: an output is {unknown}")
    return name, lines


def _choose(simulator: str) -> str:
    if simulator == "auto":
        for name, tools in SIMULATORS.items():
            if all(programs.is_available(tool) for tool in tools):
                return name
        raise ToolMissingError(
            "stochastic hardware is simulated by Icarus Verilog (apt install iverilog) or "
            "Verilator (apt install verilator), and neither is installed"
        )
    if simulator not in SIMULATORS:
        raise UserError(f"simulator {simulator!r}: expected auto, {', '.join(SIMULATORS)}")
    return simulator


def _result(
    verilog: StochasticVerilog,
    simulator: str,
    frames: int,
    compared: int,
    mismatches: int,
    first: str | None,
    began: float,
) -> StochasticCosimulation:
    return StochasticCosimulation(
        module=verilog.top,
        simulator=simulator,
        version=programs.version(SIMULATORS[simulator][0]),
        frames=frames,
        compared=compared,
        mismatches=mismatches,
        first_mismatch=first,
        seconds=round(time.perf_counter() - began, 3),
    )


def _signed(value: int, width: int) -> int:
    value &= (1 << width) - 1
    return value - (1 << width) if value >> (width - 1) else value
