"""Sums that cannot wrap: what can go into one sum, proved; and how large it can get, computed.

That no input goes into a sum twice, and with which weight and value, is proved by induction on the
engine (harness/additions.v.j2; of a step-outer engine, together with its control). How large a sum
of such inputs can get follows from the weights and biases of this network, neuron by neuron, in
exact integers; it is compared with the width of the accumulators.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.fixed.synapses import Integers
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator, memory_files
from sc_neurocore.hdl.step_geometry import StepGeometry
from sc_neurocore.hdl.step_layers import StepLayer, step_layers
from sc_neurocore.hdl.step_outer import memory_contents
from sc_neurocore.verify.control import (
    ASSUMPTIONS,
    bench_values,
    prepare_bench,
    run_bench,
)
from sc_neurocore.verify.result import ProofResult, ProofStatus
from sc_neurocore.verify.step_control import NAME as STEP_CONTROL

ADDITIONS = "sums: no input is added twice"
BOUND = "sums: no accumulator can wrap with this network's weights"
_MEMORIES = (
    "the event memory and the spike memory hold what was written into them, of which it is proved "
    "that events come in the order of their beats and no padding spikes",
    "values beyond the end of a frame, in its last beat, are zero",
)


def prove_additions(
    accelerator: Accelerator, *, depth: int = 4, timeout: float = 300
) -> ProofResult:
    """Prove what a group-stationary engine adds up: each input of a layer at most once per sum.

    The claims: the words of a sum come one after the other from the first, all for one group; no
    word brings an input twice, and no two words bring the same; an input's weights are those of its
    group's row; a spike counts as one. They are about the tokens at the door of the accumulator,
    which handles them in order.

    Args:
        accelerator: The design; the proof's files go to its folder proof/additions.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        UserError: If the design has another schedule.
        ToolMissingError: If Yosys, python-sat, SymbiYosys or z3 is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    values = bench_values(accelerator)
    tables = ("schedule", "constants")
    folder = prepare_bench(accelerator, tables, "additions.v.j2", values, depth, "additions")
    claims = (
        "for every frame, every content of the weight memory, every answer of the neuron units and "
        "every handshake, without bound: between two handovers each input of the layer enters the "
        "accumulator at most once, with its own row of the group's weights, and with the value 1 "
        "if it is a spike"
    )
    return run_bench(folder, ADDITIONS, claims, ASSUMPTIONS + _MEMORIES, depth, timeout)


def prove_sums(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compute how large every neuron's sum can get, and compare it with the accumulators' width.

    Every subset of the inputs, each at its largest, with and without the bias: so every sum on the
    way is covered, in whatever order inputs come.

    Args:
        accelerator: The design; its memories must hold this network's numbers.
        network: The network.

    Returns:
        `proved`, or `refuted` with the first neuron whose sum does not fit, or the memory that
        holds other numbers.
    """
    began = time.perf_counter()
    width = accelerator.geometry.sum_bits
    assumed = [
        "the numbers of the network are exact in 64 bits",
        "the accumulators have the width that design.json says",
    ]
    is_stepwise = accelerator.schedule == "step-outer"
    assumed.append(f"“{STEP_CONTROL if is_stepwise else ADDITIONS}”, which is proved apart")
    if isinstance(accelerator.geometry, StepGeometry) and accelerator.geometry.delay_bits:
        assumed.append("a ring place is zero again when its sum is taken: simulated, not proved")
    status: ProofStatus = "proved"
    other = _changed_memory(accelerator, network)
    ranges = [_ranges(layer) for layer in step_layers(network)]
    widths = [[signed_width(int(a), int(b)) for a, b in zip(*each, strict=True)] for each in ranges]
    needed = [max(each) for each in widths]
    layer = int(np.argmax([max(-int(low.min()), int(high.max())) for low, high in ranges]))
    neuron = int(np.argmax(np.maximum(-ranges[layer][0], ranges[layer][1])))
    low, high = (int(each[neuron]) for each in ranges[layer])
    count = sum(map(len, widths))
    place = f"layer {layer}, neuron {neuron}: {low} to {high}, {needed[layer]} bits"
    detail = f"computed for each of {count} neurons; the largest is {place} of {width}"
    if other:
        status, detail = "refuted", f"{other} does not hold this network's numbers"
    elif max(needed) > width:
        status, detail = "refuted", f"{place}, and the accumulators have {width}"
    return ProofResult(
        name=BOUND,
        status=status,
        engine="exact integers (NumPy)",
        seconds=round(time.perf_counter() - began, 3),
        detail=detail,
        assumptions=tuple(assumed),
        figures={"bits": width, "bits_needed": max(needed), "neurons": count},
    )


def _ranges(layer: StepLayer) -> tuple[Integers, Integers]:
    """Return the least and the largest sum of each neuron, with and without its bias."""
    parts = [part.range() for part in layer.parts]
    low = np.sum([part[0] for part in parts], axis=0)
    high = np.sum([part[1] for part in parts], axis=0)
    return low + np.minimum(layer.bias, 0), high + np.maximum(layer.bias, 0)


def _changed_memory(accelerator: Accelerator, network: IntegerNetwork) -> str:
    """Return the first memory of a design that does not hold the network's numbers, or nothing."""
    geometry = accelerator.geometry
    if isinstance(geometry, StepGeometry):
        contents = memory_contents(network, geometry)
    else:
        contents = memory_files(network, geometry, accelerator.weights)
    for name, content in contents.items():
        path = Path(SOURCES) / name
        if (accelerator.directory / path).read_bytes() != content:
            return path.as_posix()
    return ""
