"""A small network on the whole accelerator, for all its weights, biases and inputs at once.

Co-simulation shows that one network is right for the inputs that were tried. Here a network of a
few simple neurons is compiled for the same engine; its memories and its frames may hold anything,
and everything that it computes is compared with the integer model (`small_bench`). It has what the
design has: own spikes that come back, delays, which are free like the weights, a frame per step.
The equations of the network at hand are proved by themselves (`verify.equivalence`).
"""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_program import accumulator_bias, longest_delay
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS, EngineOptions, Geometry, Schedule
from sc_neurocore.hdl.layers import EngineLayer, by_neuron, engine_layers
from sc_neurocore.hdl.memories import neuron_slots, weight_rows
from sc_neurocore.network.description import (
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.verify.control import most_clocks
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.small_bench import (
    FORMAT,
    Contents,
    Field,
    Marks,
    check,
)

_ENGINE_PREFIX = "snn_"
_WEIGHT_BITS = 2
_WEIGHT_LIMIT = 1
_IMAGE = (2, 3, 3)
_SHOWN = ("units", "pipeline", "inputs_per_beat", "multipliers", "weight_slices")
_TWO_INPUTS = parse_neuron("""
neuron Difference
input up, down
state v = 0
parameter beta = 0.5 in (0, 1)
update v = beta*v + up - down
spike v >= 1
reset v = v - 1
""")


@dataclass(frozen=True)
class Kind:
    """What a small network has.

    Attributes:
        schedule: The order of work.
        is_recurrent: Whether hidden neurons' own spikes come back.
        is_delayed: Whether what comes into the first neurons may come a step later.
        is_static: Whether one frame comes in, or one for each step.
        currents: Inputs of a neuron, 1 or 2, each with a current of its own.
        is_window: Whether the hidden layer is a convolution, of 2 channels with a kernel of 2 by 2,
            in front of an image of 3 by 3 with 2 channels; then nothing comes back or is late.
        is_signed: Whether inputs have a sign.
    """

    schedule: Schedule = "group-stationary"
    is_recurrent: bool = False
    is_delayed: bool = False
    is_static: bool = True
    currents: int = 1
    is_window: bool = False
    is_signed: bool = False

    @property
    def neuron(self) -> Neuron:
        """The equation of all neurons."""
        return LIF if self.currents == 1 else _TWO_INPUTS

    @property
    def sizes(self) -> tuple[int, ...]:
        """Inputs, and neurons by layer: in two lanes, three are two groups, one is half a group."""
        if self.is_window:
            return (18, 8, 2)
        is_hard = self.is_delayed or (self.is_recurrent and self.currents > 1)
        return (2, 2, 2) if is_hard else (2, 3, 1, 3)

    @property
    def input_bits(self) -> int:
        """Bits of an input; that lanes multiply wider ones rightly is a claim of its own."""
        return 2 if self.is_signed else 1

    @property
    def samples(self) -> int:
        """Samples that come one after the other: two where a solver can still follow."""
        is_long = self.is_delayed and not self.is_static
        is_one = self.is_recurrent or self.is_window or self.currents > 1 or is_long
        return 1 if is_one else 2

    @property
    def steps(self) -> int:
        """Time steps; with delays, a slot of a ring is used again."""
        return 3 if self.is_delayed else 2

    def __str__(self) -> str:
        recurrent = ", the hidden ones recurrent" if self.is_recurrent else ""
        delays = ", with delays of up to a step in front" if self.is_delayed else ""
        frames = "one frame" if self.is_static else f"{self.steps} frames, one per step,"
        frames += " of inputs with a sign," if self.is_signed else ""
        sizes = "-".join(map(str, self.sizes))
        if self.is_window:
            sizes += " (a 3x3 image with 2 channels, a 2x2 convolution with 2 channels, 2 outputs)"
        neurons = "LIF neurons" if self.currents == 1 else "neurons with two inputs"
        return (
            f"samples: {self.samples}, of {frames} a network of {sizes} {neurons} in {FORMAT}"
            f"{recurrent}{delays}, {self.steps} steps, {self.schedule}"
        )


def prove_small_network(
    folder: Path,
    lanes: int = 2,
    kind: Kind | None = None,
    *,
    timeout: float = 600,
    engine_of: Path | None = None,
    **options: Unpack[EngineOptions],
) -> ProofResult:
    """Compare a small network on the accelerator with the integer model, for all of its numbers.

    As many clocks are looked at as `most_clocks` says that the results take: they are out by then.

    Args:
        folder: Where the proof's files go, in its folder proof/small.
        lanes: Of the small accelerator.
        kind: What the network has; by default feed-forward layers, group-stationary.
        timeout: Seconds after which the answer is `unknown`.
        engine_of: A design folder whose engine it is; by default the engine of this package.
        options: See `EngineOptions`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    kind = kind or Kind()
    small = _small(kind)
    shutil.rmtree(folder, ignore_errors=True)
    accelerator = render_accelerator(small, lanes, kind.schedule, **options).write(folder)
    if engine_of is not None:
        _take_engine(accelerator, engine_of)
    g, frames = accelerator.geometry, accelerator.frames_per_sample
    # Each sample's values and work; results wait for two clocks, and rings are cleared.
    of_a_sample = frames * g.beats + most_clocks(g, kind.steps) + g.clear_clocks + 2
    made = {name: value for name, value in (DEFAULT_OPTIONS | options).items() if name in _SHOWN}
    chosen = ", ".join(f"{name}={value}" for name, value in made.items())
    delays = "delays, " if kind.is_delayed else ""
    return check(
        small,
        accelerator,
        _memories(small, g),
        samples=kind.samples,
        clocks=2 + kind.samples * of_a_sample,
        timeout=timeout,
        numbers=f"all weights of {_WEIGHT_BITS} bits, all {delays}biases and all inputs of "
        f"{kind.input_bits} bits",
        bound=f"{kind}, on the same engine with lanes={lanes}, {chosen}",
    )


def prove_small(accelerator: Accelerator, *, timeout: float = 600) -> ProofResult:
    """Check the engine of a design with sizes of which all weights and inputs can be tried.

    The small engine has 2 lanes, or 1, and of neuron units, inputs per beat, pipeline registers and
    multipliers that are no block none, or as many as make the engine's Verilog take the same
    branches as the design's.
    Inputs have a sign where the design's have, unless it is convolutional, recurrent or delayed.
    Of a network with windows it is a small convolution, group-stationary: step-outer the solver
    takes too long for one, and it is a network of dense layers. Scores are counts of spikes, every
    sample takes all its steps, weights are in a ROM and nothing is pooled, whatever the design has:
    then the result says so.

    Args:
        accelerator: The design; the bench goes to its folder proof/small.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    g = accelerator.geometry
    is_window = bool(g.windows) and not g.step_outer
    is_recurrent = not is_window and any(layer.is_recurrent for layer in g.layers)
    is_delayed = not is_window and g.delay_bits > 0
    is_signed = bool(g.signed_inputs) and not (is_window or is_recurrent or is_delayed)
    result = prove_small_network(
        accelerator.directory / "proof" / "small",
        min(g.lanes, 2),
        Kind(
            schedule=g.schedule,
            is_recurrent=is_recurrent,
            is_delayed=is_delayed,
            is_static=bool(g.is_static),
            currents=min(g.currents, 1 if is_window else 2),
            is_window=is_window,
            is_signed=is_signed,
        ),
        timeout=timeout,
        engine_of=accelerator.directory,
        units=min(g.units, 2),
        pipeline=min(g.unit_latency, 1),
        inputs_per_beat=min(g.beat, 2),
        multipliers=dict.fromkeys([*_multiplying(g)][: g.lanes], 1),
    )
    others = {
        "a network of dense layers, without windows": g.windows and not is_window,
        "neurons with one input": is_window and g.currents > 1,
        "nothing is pooled": is_window and g.joins,
        "inputs without a sign": g.signed_inputs and not is_signed,
        "classes by counts of spikes, not by membranes": g.membrane_bits,
        "every sample takes all its steps": g.count_threshold,
        "weights in a ROM, not loaded": accelerator.weights == "loaded",
        "values are multiplied, not counted as streams": g.part_bits,
    }
    left_out = [text for text, has in others.items() if has]
    return replace(result, bound="; ".join([result.bound, *left_out]))


def _multiplying(g: Geometry) -> list[str]:
    """Return the kinds of multipliers that are no blocks and count no streams."""
    return [kind for kind in g.chosen_multipliers if kind != "streams"]


def _take_engine(accelerator: Accelerator, directory: Path) -> None:
    """Replace the engine of a design by that of another one's folder."""
    for path in accelerator.verilog:
        if path.name.startswith(_ENGINE_PREFIX):
            source = directory / path
            if not source.is_file():
                raise CheckFailedError(f"{source}, a part of the engine, is missing: compile again")
            shutil.copyfile(source, accelerator.directory / path)


def _small(kind: Kind) -> IntegerNetwork:
    """Return a small network of a simple neuron.

    Its weights and biases are the largest of both signs, so that the engine's sums are wide enough
    for any.
    """
    parameters: dict[str, Any] = {"beta": 0.5}

    def signs(count: int) -> NDArray[np.float64]:
        return np.where(np.arange(count) % 2, -1.0, 1.0)

    def matrix(inputs: int, outputs: int) -> NDArray[np.float64]:
        return np.outer(signs(outputs), np.full(inputs, _WEIGHT_LIMIT / 2.0))

    layers: list[Any] = []
    if kind.is_window:
        channels = 2 * kind.currents
        weight = matrix(_IMAGE[0] * 4, channels).reshape(channels, _IMAGE[0], 2, 2)
        layers.append(Conv2d(weight=weight, bias=signs(channels)))
        layers += [Population(neuron=kind.neuron, parameters=parameters), Flatten()]
    for inputs, outputs in pairwise(kind.sizes[1 if kind.is_window else 0 :]):
        sums = outputs * kind.currents
        weight, is_first = matrix(inputs, sums), not layers
        is_last = len(layers) == 2 * (len(kind.sizes) - 2)
        if kind.is_delayed and is_first:
            late = np.ones(weight.shape, dtype=np.int64)
            layers.append(DelayDense(weight=weight, bias=signs(sums), delays=late))
        else:
            layers.append(Dense(weight=weight, bias=signs(sums)))
        if kind.is_recurrent and not is_last:
            own = matrix(outputs, sums)
            layers.append(Recurrent(neuron=kind.neuron, parameters=parameters, weight=own))
        else:
            layers.append(Population(neuron=kind.neuron, parameters=parameters))
    description = NetworkDescription(
        name="small_network",
        input=InputEncoding(
            kind="static" if kind.is_static else "sequence",
            shape=_IMAGE if kind.is_window else kind.sizes[:1],
            bits=kind.input_bits,
            fraction_bits=kind.input_bits - 1,
            signed=kind.is_signed,
        ),
        steps=kind.steps,
        layers=tuple(layers),
    )
    return quantize(description, FORMAT, _WEIGHT_BITS, current_extra_bits=1)


def _memories(network: IntegerNetwork, g: Geometry) -> list[Contents]:
    """Find where each weight, delay and bias stands in its memory."""
    marks = Marks()
    layers = [
        _marked(network, number, layer, marks)
        for number, layer in enumerate(engine_layers(network))
    ]
    words, widths = weight_rows(layers, g)
    fields = marks.fields(words, widths)
    empty = _no_delays(g, fields)
    slots = marks.fields(*neuron_slots(network, layers, g))
    entry_bits = g.units * (g.currents * g.bias_bits + g.parameter_bits)
    return [
        Contents("weights", "weight_memory.memory", g.rows * sum(widths), fields, empty),
        Contents("neurons", "engine.neuron_memory", g.slots * entry_bits, slots),
    ]


def _marked(network: IntegerNetwork, number: int, layer: EngineLayer, marks: Marks) -> EngineLayer:
    source = network.layers[number]
    limits, longest = (-_WEIGHT_LIMIT, _WEIGHT_LIMIT), longest_delay(source)
    bound = int(np.abs(accumulator_bias(source)).max())
    currents = len(source.program.currents)
    shape = layer.incoming.weight.shape  # (one place, sums, inputs, rows and columns of a kernel)

    def made(kind: str, shape: tuple[int, ...], limits: tuple[int, int]) -> NDArray[np.int64]:
        # The program's numbers are in the order of the description.
        inputs = [math.prod(shape[2:])] if len(shape) > 2 else []
        marked = marks.make(f"{kind}{number}", (shape[1], *inputs), limits)
        return by_neuron(marked[np.newaxis], currents, currents).reshape(shape)

    weight = made("w", shape, limits)
    delays = made("d", shape, (0, longest)) if longest else None
    recurrent = layer.recurrent
    if recurrent is not None:
        recurrent = replace(recurrent, weight=made("r", recurrent.weight.shape, limits))
    return replace(
        layer,
        incoming=replace(layer.incoming, weight=weight, delays=delays),
        recurrent=recurrent,
        bias=made("b", layer.bias.shape, (-bound, bound)),
    )


def _no_delays(g: Geometry, fields: list[Field]) -> int:
    """Return a mask of the delays beside weights that have none: they are zero in every design."""
    one = ((1 << g.delay_bits) - 1) << g.weight_bits
    mask = sum(one << (place * g.word_bits) for place in range(g.rows * g.group_sums))
    for field in fields:
        if field.name.startswith("d"):
            mask &= ~(((1 << field.width) - 1) << field.low)
    return mask
