"""A network written out as one program computes what the integer model computes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sc_neurocore.equation import CATALOGUE, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.network_program import accumulator_bias, longest_delay, network_program
from sc_neurocore.network import (
    Conv1d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)

SIZES = (3, 4, 2)
STEPS = 5
NEURONS = {name: CATALOGUE[name] for name in ("LIF", "IF", "ALIF", "Synaptic")} | {
    "two inputs": parse_neuron(
        "neuron Two\ninput up, gate\nstate v = 0\nstate g = 0.5\nupdate g = 0.5*g + gate\n"
        "update v = 0.75*v + up - g*v\nspike v >= 1\nreset v = 0"
    )
}


def make(
    seed: int, neuron: str = "LIF", *, delay: int = 0, own: float = 0.0, kind: Any = "static"
) -> IntegerNetwork:
    """A network 3-4-2; `own` is the size of the weights of the neurons' own spikes."""
    rng = np.random.default_rng(seed)
    layers: list[Any] = []
    cell = NEURONS[neuron]
    for before, after in pairwise(SIZES):
        sums = after * len(cell.inputs)
        weight, bias = rng.normal(0, 1.5, (sums, before)), rng.normal(0, 0.5, sums)
        delays = rng.integers(0, delay + 1, (sums, before))
        layers.append(
            DelayDense(weight=weight, bias=bias, delays=delays)
            if delay
            else Dense(weight=weight, bias=bias)
        )
        weight, bias = rng.normal(0, own, (sums, after)), rng.normal(0, 0.2, sums)
        layers.append(
            Recurrent(neuron=cell, weight=weight, bias=bias) if own else Population(neuron=cell)
        )
    coding = InputEncoding(shape=SIZES[:1], bits=4, fraction_bits=3, kind=kind)
    description = NetworkDescription(name="small", input=coding, steps=STEPS, layers=tuple(layers))
    return quantize(description, "Q8.8", 6)


def numbers(network: IntegerNetwork, frames: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """What the program's inputs are for a network and its frames."""
    if network.input.kind == "static":
        values = {f"x{i}": frames[:, i] for i in range(SIZES[0])}
    else:
        values = {f"x{t}_{i}": frames[t, :, i] for t, i in np.ndindex(STEPS, SIZES[0])}
    for number, layer in enumerate(network.layers):
        arrays = {"w": layer.synapses[0].weight}
        if longest_delay(layer):  # where all are 0, the program has none
            arrays["d"] = layer.synapses[0].arrays["delays"]
        if layer.feedback is not None:
            arrays["r"] = layer.feedback.weight
        arrays["b"] = accumulator_bias(layer)
        for kind, array in arrays.items():
            for place, value in np.ndenumerate(array):
                values[f"{kind}{number}_{'_'.join(map(str, place))}"] = np.array(value)
    return values


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    neuron=st.sampled_from([*NEURONS]),
    delay=st.sampled_from([0, 1, 2]),
    own=st.sampled_from([0.0, 0.1, 8.0]),  # in a finer unit than what comes in, and a coarser one
    kind=st.sampled_from(["static", "sequence"]),
)
def test_it_computes_every_update_and_count(
    seed: int, neuron: str, delay: int, own: float, kind: str
) -> None:
    small = make(seed, neuron, delay=delay, own=own, kind=kind)
    shape = (20, SIZES[0]) if kind == "static" else (STEPS, 20, SIZES[0])
    frames = np.random.default_rng(seed).integers(0, 16, shape)
    expected = small.run(frames, record=True)
    program = network_program(small)
    values = numbers(small, frames)
    assert {port.name for port, _ in program.inputs} == set(values)
    found = evaluate(program, values, NumpyIntegers(program))
    for number, (spikes, states) in enumerate(zip(expected.spikes, expected.states, strict=True)):
        for step, sample, each in np.ndindex(spikes.shape):
            place = f"{number}_{step}_{each}"
            spike = np.broadcast_to(found[f"spike{place}"], 20)
            assert spike[sample] == spikes[step, sample, each]
            for name, state in states.items():
                seen = np.broadcast_to(found[name + place], 20)
                assert seen[sample] == state[step, sample, each]
    counts = np.stack([np.broadcast_to(found[f"count{i}"], 20) for i in range(2)], axis=-1)
    assert np.array_equal(counts, expected.spike_counts)


def test_other_layers_are_refused() -> None:
    layers: Any = (
        Conv1d(weight=np.ones((1, 1, 2))),
        Flatten(),
        Population(neuron=CATALOGUE["LIF"]),
    )
    coding = InputEncoding(shape=(1, 3), bits=4, fraction_bits=3)
    description = NetworkDescription(name="small", input=coding, steps=2, layers=layers)
    with pytest.raises(UserError, match="conv1d, population: expected a dense layer"):
        network_program(quantize(description))
