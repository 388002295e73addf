"""A small network on the whole accelerator, for all its weights, biases and inputs at once.

Co-simulation shows that one network is right for the inputs that were tried. Here a network of a
few simple neurons is compiled for the same engine; its memories and its frame may hold anything,
and every update, count and class is compared with the integer model, written out as one program
(`fixed.unrolled`), for so many clocks that the result is out. The equation of the network at hand
is proved by itself (`verify.equivalence`).
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, Unpack

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.unrolled import unroll
from sc_neurocore.hdl.accelerator import Accelerator, generate
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS, EngineOptions
from sc_neurocore.hdl.memories import neuron_slots, weight_rows
from sc_neurocore.hdl.pipeline import Stages
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.step_module import StepModule
from sc_neurocore.network.description import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.verify.result import ProofResult, ProofStatus
from sc_neurocore.verify.unrolling import engine, first_failure

SIZES = (3, 3, 2)
STEPS = 2
_INPUT_BITS = 2
_WEIGHT_BITS = 3
_FORMAT = "Q5.1"
ENGINE_PREFIX = "snn_"
_MEMORIES = "snn_rom.v"
_REFERENCE = "small_reference"


_Fields: TypeAlias = list[tuple[str, int, int]]
"""Name, lowest bit and width of parts of a memory."""


@dataclass(frozen=True)
class _Update:
    """One update of a neuron, and the ports of the reference that say what it must be."""

    layer: int
    step: int
    neuron: int
    spike: str
    states: str


def prove_small_network(
    folder: Path,
    lanes: int = 2,
    *,
    clocks: int = 60,
    timeout: float = 600,
    engine_of: Path | None = None,
    **options: Unpack[EngineOptions],
) -> ProofResult:
    """Compare a small network on the accelerator with the integer model, for all of its numbers.

    Args:
        folder: Where the proof's files go.
        lanes: Of the small accelerator.
        clocks: How many clocks are looked at; the result must be out by then.
        timeout: Seconds after which the answer is `unknown`.
        engine_of: A design folder whose engine it is; by default the engine of this package.
        options: As for `hdl.generate`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    shutil.rmtree(folder, ignore_errors=True)
    small = _small()
    accelerator = generate(small, folder / "design", lanes, **options)
    if engine_of is not None:
        _take_engine(accelerator, engine_of)
    sources = _prepare(small, accelerator, folder, clocks)
    began = time.perf_counter()

    def check_time(clock: int) -> None:
        if time.perf_counter() - began > timeout:
            raise TimeoutError

    status: ProofStatus = f"bounded({clocks})"
    detail = (
        f"every spike and state of every update, each once, the counts and the class, for all "
        f"weights of {_WEIGHT_BITS} bits, all biases and all inputs of {_INPUT_BITS} bits; the "
        f"result is out within {clocks} clocks of reset"
    )
    try:
        failure = first_failure(folder, "small", sources, clocks + 1, check_time)
    except TimeoutError:
        status, detail = "unknown", f"no answer within {timeout:g} s"
    else:
        if failure:
            seen = ", ".join(name.replace("_", " ") for name in failure.outputs)
            status, detail = "refuted", f"in clock {failure.clock}: {seen} (bench in {folder})"
    return ProofResult(
        name="a small network on this engine: the accelerator equals the integer model",
        status=status,
        engine=engine(),
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=("reset is high in the first clock", "inputs come and results go at once"),
        bound=f"{clocks} clocks after reset, one frame, a network of {'-'.join(map(str, SIZES))} "
        f"LIF neurons in {_FORMAT}, {STEPS} steps, on {_engine_text(lanes, options)}",
    )


def prove_small(accelerator: Accelerator, *, timeout: float = 600) -> ProofResult:
    """Check the engine of a design with sizes of which all weights and inputs can be tried.

    The small engine has 2 lanes, or 1, and of neuron units, inputs per beat, pipeline registers and
    soft lanes none, or as many as make the engine's Verilog take the same branches as the design's.

    Args:
        accelerator: The design; the bench goes to its folder proof/small.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    geometry = accelerator.stationary_geometry()
    return prove_small_network(
        accelerator.directory / "proof" / "small",
        min(geometry.lanes, 2),
        timeout=timeout,
        engine_of=accelerator.directory,
        units=min(geometry.units, 2),
        pipeline=min(geometry.unit_latency, 1),
        inputs_per_beat=min(geometry.beat, 2),
        soft_lanes=min(geometry.soft_lanes, 1),
    )


def _take_engine(accelerator: Accelerator, directory: Path) -> None:
    """Replace the engine of a design by that of another one's folder."""
    for path in accelerator.verilog:
        if path.name.startswith(ENGINE_PREFIX):
            source = directory / path
            if not source.is_file():
                raise CheckFailedError(f"{source}, a part of the engine, is missing: compile again")
            shutil.copyfile(source, accelerator.directory / path)


def _engine_text(lanes: int, options: EngineOptions) -> str:
    chosen = ", ".join(f"{name}={value}" for name, value in (DEFAULT_OPTIONS | options).items())
    return f"the same engine with lanes={lanes}, {chosen}"


def _small() -> IntegerNetwork:
    """Return a small network of a simple neuron.

    Its weights and biases are the largest of both signs, so that the engine's sums are wide enough
    for any.
    """
    limit = (1 << (_WEIGHT_BITS - 1)) - 1
    layers: list[Dense | Population] = []
    for inputs, outputs in pairwise(SIZES):
        sign = np.where(np.arange(outputs) % 2, -1.0, 1.0)
        layers += [
            Dense(weight=np.outer(sign, np.full(inputs, limit / 2.0)), bias=sign),
            Population(neuron=LIF, parameters={"beta": 0.5}),
        ]
    description = NetworkDescription(
        name="small_network",
        input=InputEncoding(shape=SIZES[:1], bits=_INPUT_BITS, fraction_bits=1),
        steps=STEPS,
        layers=tuple(layers),
    )
    return quantize(description, _FORMAT, _WEIGHT_BITS, current_extra_bits=1)


def _prepare(
    network: IntegerNetwork, accelerator: Accelerator, folder: Path, clocks: int
) -> list[str]:
    """Write the bench and copy the engine; return the sources."""
    reference = unroll(network)
    text = StepModule(reference, _REFERENCE, Stages.none(reference)).text()
    (folder / f"{_REFERENCE}.v").write_text(text, encoding="utf-8")
    names = []
    for path in accelerator.verilog:
        if path.name != _MEMORIES:
            shutil.copyfile(accelerator.directory / path, folder / path.name)
            names.append(path.name)
    g = accelerator.geometry
    states = [field.name for field in accelerator.states[0]]
    updates = [
        _Update(
            number,
            step,
            neuron,
            f"spike{number}_{step}_{neuron}",
            ", ".join(f"{name}{number}_{step}_{neuron}" for name in reversed(states)),
        )
        for number, layer in enumerate(network.layers)
        for step in range(network.steps)
        for neuron in range(layer.outputs)
    ]
    weights, biases = _places(network, accelerator)
    values = {
        "top": accelerator.top,
        "g": g,
        "inputs": SIZES[0],
        "reference": _REFERENCE,
        "ports": reference.inputs,
        "results": reference.outputs,
        "updates": updates,
        "outputs": SIZES[-1],
        "weights": weights,
        "biases": biases,
        "weight_limit": (1 << (_WEIGHT_BITS - 1)) - 1,
        "bias_limits": [int(np.abs(layer.bias).max()) for layer in network.layers],
        "clocks": clocks,
    }
    bench = render("sc_neurocore.verify", "harness", "small.v.j2", values)
    (folder / "small.v").write_text(bench, encoding="utf-8")
    return ["small.v", f"{_REFERENCE}.v", *names]


def _places(network: IntegerNetwork, accelerator: Accelerator) -> tuple[_Fields, _Fields]:
    """Find where each weight and bias stands in its memory.

    The generator's own layout is asked: it lays out numbers that say which weight they are.
    """
    names: list[str] = [""]

    def numbered(kind: str, layer: int, shape: tuple[int, ...]) -> NDArray[np.int64]:
        found = np.zeros(shape, dtype=np.int64)
        for place in np.ndindex(shape):
            found[place] = len(names)
            names.append(f"{kind}{layer}_{'_'.join(map(str, place))}")
        return found

    layers = []
    for number, layer in enumerate(network.layers):
        dense = layer.dense
        update = {
            "weight": numbered("w", number, layer.weight.shape),
            "bias": numbered("b", number, layer.bias.shape),
        }
        marked = replace(dense, layer=dense.layer.model_copy(update=update))
        synapses = tuple(marked if each is dense else each for each in layer.synapses)
        layers.append(replace(layer, synapses=synapses))
    marked_network = replace(network, layers=tuple(layers))
    return (
        _fields(*weight_rows(marked_network, accelerator.stationary_geometry()), names),
        _fields(*neuron_slots(marked_network, accelerator.stationary_geometry()), names),
    )


def _fields(words: NDArray[np.int64], widths: list[int], names: list[str]) -> _Fields:
    """Return the name, the lowest bit and the width of every field of a memory that has one."""
    found = []
    starts = np.concatenate([[0], np.cumsum(widths)])
    for (row, column), number in np.ndenumerate(words):
        if number:
            low = row * int(starts[-1]) + int(starts[column])
            found.append((names[number], low, widths[column]))
    return found
