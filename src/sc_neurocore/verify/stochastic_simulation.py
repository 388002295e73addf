"""Co-simulation of stochastic hardware, bit for bit, with the layers and networks in Python."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import DataError
from sc_neurocore.hdl.geometry import index_bits
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.stochastic_layer import StochasticLayerVerilog, StochasticVerilog
from sc_neurocore.hdl.stochastic_network import StochasticNetworkVerilog
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.verify.comparison import Comparison
from sc_neurocore.verify.core_simulation import Core, simulate_core
from sc_neurocore.verify.simulators import Simulator, choose_simulator
from sc_neurocore.verify.vector_simulation import Vectors, simulate_vectors

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
        simulator: As `choose_simulator` takes it.

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
    frame_bits = verilog.bits * layer.n_in
    bench = {
        "top": verilog.top,
        "frame_bits": frame_bits,
        "in_words": -(-frame_bits // 64),
        "out_words": 1 + columns,
        "sum_bits": verilog.sum_bits,
        "columns": columns,
        "result_bits": verilog.sum_bits * columns,
        "has_ones": has_ones,
        "ports": {name: {"value": ports[name], "width": widths[name]} for name in ports},
    }
    began = time.perf_counter()
    text = render("sc_neurocore.verify", "harness", "layer_bench.v.j2", bench)
    clocks = layer.length + LAYER_LATENCY
    vectors = Vectors(
        title=verilog.top,
        verilog={"bench.v": text.encode(), **_sources(verilog)},
        in_words=-(-frame_bits // 64),
        out_words=1 + columns,
        clocks=clocks + 2,  # the bench passes `start` on, and notes `done`, a clock later
        gap=1,
    )
    chosen = choose_simulator(simulator, len(given))
    lines = simulate_vectors(vectors, chosen).run(_words(given, verilog.bits, vectors.in_words))
    found = lines[:, 1:].astype(np.int64)
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
    late = np.flatnonzero(lines[:, 0] != clocks)
    if len(late):
        lasted = f"frame {late[0]}: done after {lines[late[0], 0] or 'more'} clocks, not {clocks}"
        first = first or lasted
    mismatches = len(differing) + len(late)
    return _result(verilog, chosen, len(given), expected.size, mismatches, first, began)


def cosimulate_network(
    verilog: StochasticNetworkVerilog, inputs: ArrayLike, simulator: str = "auto"
) -> StochasticCosimulation:
    """Compare a network's module with `stochastic.run_network`: every spike, state and class.

    Args:
        verilog: What `emit_network` made, with calibrated weights.
        inputs: (batch, *shape) integers in the description's input encoding, from 0 to 1.
        simulator: As `choose_simulator` takes it.

    Raises:
        DataError: If the inputs do not fit.
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the module, or the module breaks its contract.
    """
    description, sizes = verilog.description, verilog.sizes
    coding = description.input
    frames = np.asarray(inputs)
    given = _checked(frames.reshape(len(frames), -1), sizes[0], 1 << coding.fraction_bits)
    began = time.perf_counter()
    chosen = choose_simulator(simulator, len(given))
    simulation = simulate_core(_core(verilog), chosen)
    comparison = Comparison(
        description.content_hash,
        sizes[1:],
        description.steps,
        description.readout,
        verilog.states,
    )
    expected = run_network(
        description,
        given.reshape(-1, *coding.shape),
        verilog.length,
        verilog.sources,
        neurons=verilog.format,
        calibrate=verilog.is_calibrated,
        record=True,
    )
    numbers = np.arange(len(given))
    comparison.add(simulation.run(given), expected, numbers)
    # From the first value to the result a frame takes as many clocks as the module says.
    latency = verilog.clocks - sizes[0] + 1
    mismatches, first = comparison.mismatches, comparison.first
    if comparison.latencies != (latency, latency):
        mismatches += 1
        least, most = comparison.latencies
        first = first or f"results come after {least} to {most} clocks instead of {latency}"
    if first is None:
        disturbed = Comparison(
            description.content_hash,
            sizes[1:],
            description.steps,
            description.readout,
            verilog.states,
        )
        disturbed.add(simulation.run(given, seed=1), expected, numbers)
        mismatches, first = disturbed.mismatches, disturbed.first
    # Of an update step, layer, neuron, spike and states; then class and spike counts.
    compared = 5 * comparison.updates + len(given) * (1 + sizes[-1])
    return _result(verilog, chosen, len(given), compared, mismatches, first, began)


def _core(verilog: StochasticNetworkVerilog) -> Core:
    description, sizes = verilog.description, verilog.sizes
    return Core(
        title=verilog.top,
        top=verilog.top,
        verilog=_sources(verilog),
        memories={},
        content_hash=description.content_hash,
        inputs=sizes[0],
        frames=1,
        input_bits=description.input.bits,
        beat=1,
        outputs=sizes[-1],
        output_bits=index_bits(sizes[-1]),
        count_bits=description.steps.bit_length(),
        is_signed=False,
        units=1,
        layer_bits=index_bits(len(sizes) - 1),
        neuron_bits=index_bits(max(sizes[1:])),
        step_bits=index_bits(description.steps),
        state_bits=max(states[0].high + 1 for states in verilog.states),
        states=verilog.states,
        limit=2 * verilog.clocks + 1000,
    )


def _sources(verilog: StochasticVerilog) -> dict[str, bytes]:
    return {name: text.encode() for name, text in verilog.files.items()}


def _words(values: Integers, bits: int, words: int) -> NDArray[np.uint64]:
    """Pack rows of values, the first in the low bits, into rows of words."""
    rows = [
        sum(value << (bits * place) for place, value in enumerate(row)) for row in values.tolist()
    ]
    content = b"".join(row.to_bytes(8 * words, "little") for row in rows)
    return np.frombuffer(content, dtype="<u8").reshape(len(rows), words)


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


def _result(
    verilog: StochasticVerilog,
    simulator: Simulator,
    frames: int,
    compared: int,
    mismatches: int,
    first: str | None,
    began: float,
) -> StochasticCosimulation:
    return StochasticCosimulation(
        module=verilog.top,
        simulator=simulator.name,
        version=simulator.version,
        frames=frames,
        compared=compared,
        mismatches=mismatches,
        first_mismatch=first,
        seconds=round(time.perf_counter() - began, 3),
    )
