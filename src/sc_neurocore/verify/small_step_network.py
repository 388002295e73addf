"""A small network on the whole step-outer accelerator, for all its numbers and inputs at once.

The counterpart of `small_network`. The network has what the schedule is made for: neurons whose own
spikes come back, and delays where the design has some, which are free like the weights.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.unrolled import accumulator_bias, longest_delay
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.step_geometry import StepGeometry
from sc_neurocore.hdl.step_layers import StepLayer, step_layers
from sc_neurocore.hdl.step_outer import neuron_slots, render_steps, weight_rows
from sc_neurocore.network.description import (
    DelayDense,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.small_bench import (
    FORMAT,
    INPUT_BITS,
    Contents,
    Field,
    Marks,
    check,
    take_engine,
)
from sc_neurocore.verify.step_control import most_step_clocks

_WEIGHT_BITS = 2
_WEIGHT_LIMIT = 1


def prove_small_step_network(
    folder: Path,
    lanes: int = 2,
    *,
    is_delayed: bool = True,
    is_static: bool = True,
    timeout: float = 600,
    engine_of: Path | None = None,
) -> ProofResult:
    """Compare a small network on the accelerator with the integer model, for all of its numbers.

    As many clocks are looked at as `most_step_clocks` says that the result takes.

    Args:
        folder: Where the proof's files go.
        lanes: Of the small accelerator.
        is_delayed: Whether what comes into its neurons may come a step later. There are then
            2-2-2 neurons and 3 steps, in which a slot of a ring is used again; otherwise 2-3-2
            neurons, so that a group is padded, and 2 steps.
        is_static: Whether one frame comes in, or one for each step.
        timeout: Seconds after which the answer is `unknown`.
        engine_of: A design folder whose engine it is; by default the engine of this package.

    Raises:
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    shutil.rmtree(folder, ignore_errors=True)
    sizes, steps = ((2, 2, 2), 3) if is_delayed else ((2, 3, 2), 2)
    small = _small(sizes, steps, is_delayed=is_delayed, is_static=is_static)
    accelerator = render_steps(small, lanes).write(folder / "design")
    if engine_of is not None:
        take_engine(accelerator, engine_of)
    g, frames_in = accelerator.step_geometry(), accelerator.frames_per_sample
    # Reset, the rings' clearing, each frame's values and work; a count comes a clock later.
    of_a_frame = g.beats + most_step_clocks(g, steps)
    clocks = 2 + g.clear_clocks + frames_in * of_a_frame
    delays = " with delays of up to a step in front" if is_delayed else ""
    frames = "one frame" if is_static else f"{steps} frames, one per step"
    return check(
        small,
        accelerator,
        _memories(small, accelerator),
        folder,
        clocks=clocks,
        timeout=timeout,
        numbers=f"all weights of {_WEIGHT_BITS} bits, all {'delays, ' if is_delayed else ''}biases "
        f"and all inputs of {INPUT_BITS} bits",
        bound=f"{frames}, a network of {'-'.join(map(str, sizes))} LIF neurons in {FORMAT}, the "
        f"hidden ones recurrent{delays}, {steps} steps, on the same engine with lanes={lanes}",
    )


def prove_small_step(accelerator: Accelerator, *, timeout: float = 600) -> ProofResult:
    """Check the engine of a design with sizes of which all weights and inputs can be tried.

    The small engine has 2 lanes, or 1; it has delays, and takes a frame per step, if the design
    does. Scores are counts of spikes, and every sample takes all its steps.

    Args:
        accelerator: The design; the bench goes to its folder proof/small.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If Yosys cannot read the design.
    """
    geometry = accelerator.step_geometry()
    return prove_small_step_network(
        accelerator.directory / "proof" / "small",
        min(geometry.lanes, 2),
        is_delayed=geometry.delay_bits > 0,
        is_static=bool(geometry.is_static),
        timeout=timeout,
        engine_of=accelerator.directory,
    )


def _small(
    sizes: tuple[int, int, int], steps: int, *, is_delayed: bool, is_static: bool
) -> IntegerNetwork:
    """Return a small network of a simple neuron, the hidden ones recurrent.

    Its weights and biases are the largest of both signs, so that the engine's sums are wide enough
    for any.
    """
    inputs, hidden, outputs = sizes
    parameters: dict[str, Any] = {"beta": 0.5}

    def signs(count: int) -> NDArray[np.float64]:
        return np.where(np.arange(count) % 2, -1.0, 1.0)

    def matrix(inputs: int, outputs: int) -> NDArray[np.float64]:
        return np.outer(signs(outputs), np.full(inputs, _WEIGHT_LIMIT / 2.0))

    weight = matrix(inputs, hidden)
    first: Dense | DelayDense = Dense(weight=weight, bias=signs(hidden))
    if is_delayed:
        ones = np.ones(weight.shape, dtype=np.int64)
        first = DelayDense(weight=weight, bias=signs(hidden), delays=ones)

    description = NetworkDescription(
        name="small_network",
        input=InputEncoding(
            kind="static" if is_static else "sequence",
            shape=(inputs,),
            bits=INPUT_BITS,
            fraction_bits=1,
        ),
        steps=steps,
        layers=(
            first,
            Recurrent(neuron=LIF, parameters=parameters, weight=matrix(hidden, hidden)),
            Dense(weight=matrix(hidden, outputs), bias=signs(outputs)),
            Population(neuron=LIF, parameters=parameters),
        ),
    )
    return quantize(description, FORMAT, _WEIGHT_BITS, current_extra_bits=1)


def _memories(network: IntegerNetwork, accelerator: Accelerator) -> list[Contents]:
    """Find where each weight, delay and bias stands in its memory."""
    marks, g = Marks(), accelerator.step_geometry()
    layers = [
        _marked(network, number, layer, marks) for number, layer in enumerate(step_layers(network))
    ]
    words, widths = weight_rows(layers, g)
    fields = marks.fields(words, widths)
    return [
        Contents(
            "weights",
            "engine.weight_memory",
            g.rows * sum(widths),
            fields,
            _no_delays(g, fields),
        ),
        Contents(
            "neurons",
            "engine.neuron_memory",
            g.slots * (g.bias_bits + g.parameter_bits),
            marks.fields(*neuron_slots(network, layers, g)),
        ),
    ]


def _marked(network: IntegerNetwork, number: int, layer: StepLayer, marks: Marks) -> StepLayer:
    source = network.layers[number]
    limits, longest = (-_WEIGHT_LIMIT, _WEIGHT_LIMIT), longest_delay(source)
    bound = int(np.abs(accumulator_bias(source)).max())
    shape = layer.incoming.weight.shape
    weight = marks.make(f"w{number}", shape, limits)
    delays = marks.make(f"d{number}", shape, (0, longest)) if longest else None
    own = layer.own
    if own is not None:
        own = replace(own, weight=marks.make(f"r{number}", own.weight.shape, limits))
    return replace(
        layer,
        incoming=replace(layer.incoming, weight=weight, delays=delays),
        own=own,
        bias=marks.make(f"b{number}", layer.bias.shape, (-bound, bound)),
    )


def _no_delays(g: StepGeometry, fields: list[Field]) -> int:
    """Return a mask of the delays beside weights that have none: they are zero in every design."""
    word = g.weight_bits + g.delay_bits
    one = ((1 << g.delay_bits) - 1) << g.weight_bits
    mask = sum(one << (place * word) for place in range(g.rows * g.lanes))
    for field in fields:
        if field.name.startswith("d"):
            mask &= ~(((1 << field.width) - 1) << field.low)
    return mask
