"""A small network on the whole accelerator, for all its weights, biases and inputs at once.

Co-simulation shows that one network is right for the inputs that were tried. Here a network of a
few simple neurons is compiled for the same engine; its memories and its frame may hold anything,
and everything that it computes is compared with the integer model (`small_bench`). The equation of
the network at hand is proved by itself (`verify.equivalence`).
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Unpack

import numpy as np

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.accelerator import Accelerator, render_stationary
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS, EngineOptions
from sc_neurocore.hdl.memories import neuron_slots, weight_rows
from sc_neurocore.network.description import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.verify.control import most_clocks
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.small_bench import (
    FORMAT,
    INPUT_BITS,
    WEIGHT_BITS,
    WEIGHT_LIMIT,
    Contents,
    Marks,
    check,
    take_engine,
)

SIZES = (3, 3, 2)
STEPS = 2


def prove_small_network(
    folder: Path,
    lanes: int = 2,
    *,
    timeout: float = 600,
    engine_of: Path | None = None,
    **options: Unpack[EngineOptions],
) -> ProofResult:
    """Compare a small network on the accelerator with the integer model, for all of its numbers.

    As many clocks are looked at as `most_clocks` says that the result takes: it is out by then.

    Args:
        folder: Where the proof's files go.
        lanes: Of the small accelerator.
        timeout: Seconds after which the answer is `unknown`.
        engine_of: A design folder whose engine it is; by default the engine of this package.
        options: See `EngineOptions`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    shutil.rmtree(folder, ignore_errors=True)
    small = _small()
    accelerator = render_stationary(small, lanes, **options).write(folder / "design")
    if engine_of is not None:
        take_engine(accelerator, engine_of)
    geometry = accelerator.stationary_geometry()
    return check(
        small,
        accelerator,
        _memories(small, accelerator),
        folder,
        clocks=2 + geometry.beats + most_clocks(geometry, STEPS),
        timeout=timeout,
        numbers=f"all weights of {WEIGHT_BITS} bits, all biases and all inputs of {INPUT_BITS} "
        f"bits",
        bound=f"one frame, a network of {'-'.join(map(str, SIZES))} LIF neurons in {FORMAT}, "
        f"{STEPS} steps, on {_engine_text(lanes, options)}",
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


def _engine_text(lanes: int, options: EngineOptions) -> str:
    chosen = ", ".join(f"{name}={value}" for name, value in (DEFAULT_OPTIONS | options).items())
    return f"the same engine with lanes={lanes}, {chosen}"


def _small() -> IntegerNetwork:
    """Return a small network of a simple neuron.

    Its weights and biases are the largest of both signs, so that the engine's sums are wide enough
    for any.
    """
    layers: list[Dense | Population] = []
    for inputs, outputs in pairwise(SIZES):
        sign = np.where(np.arange(outputs) % 2, -1.0, 1.0)
        layers += [
            Dense(weight=np.outer(sign, np.full(inputs, WEIGHT_LIMIT / 2.0)), bias=sign),
            Population(neuron=LIF, parameters={"beta": 0.5}),
        ]
    description = NetworkDescription(
        name="small_network",
        input=InputEncoding(shape=SIZES[:1], bits=INPUT_BITS, fraction_bits=1),
        steps=STEPS,
        layers=tuple(layers),
    )
    return quantize(description, FORMAT, WEIGHT_BITS, current_extra_bits=1)


def _memories(network: IntegerNetwork, accelerator: Accelerator) -> list[Contents]:
    """Find where each weight and bias stands in its memory."""
    marks, g = Marks(), accelerator.stationary_geometry()
    layers = []
    for number, layer in enumerate(network.layers):
        dense = layer.dense
        bound = int(np.abs(layer.bias).max())
        update = {
            "weight": marks.make(f"w{number}", layer.weight.shape, (-WEIGHT_LIMIT, WEIGHT_LIMIT)),
            "bias": marks.make(f"b{number}", layer.bias.shape, (-bound, bound)),
        }
        marked = replace(dense, layer=dense.layer.model_copy(update=update))
        synapses = tuple(marked if each is dense else each for each in layer.synapses)
        layers.append(replace(layer, synapses=synapses))
    marked_network = replace(network, layers=tuple(layers))
    return [
        Contents(
            "weights",
            "weight_memory.memory",
            g.rows * g.lanes * g.weight_bits,
            marks.fields(*weight_rows(marked_network, g)),
        ),
        Contents(
            "neurons",
            "engine.neuron_memory",
            g.slots * g.units * (g.bias_bits + g.parameter_bits),
            marks.fields(*neuron_slots(marked_network, g)),
        ),
    ]
