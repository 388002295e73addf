"""A network written out as one program computes what the integer model computes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.unrolled import unroll
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population


def network(seed: int, neuron: str = "LIF", kind: Any = "static") -> Any:
    rng = np.random.default_rng(seed)
    sizes = (3, 4, 2)
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        weight, bias = rng.normal(0, 1.5, (after, before)), rng.normal(0, 0.5, after)
        layers += [Dense(weight=weight, bias=bias), Population(neuron=CATALOGUE[neuron])]
    coding = InputEncoding(shape=(3,), bits=4, fraction_bits=3, kind=kind)
    description = NetworkDescription(name="small", input=coding, steps=5, layers=tuple(layers))
    return quantize(description, "Q8.8", 6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), neuron=st.sampled_from(["LIF", "IF", "ALIF", "Synaptic"]))
def test_it_computes_every_update_and_count(seed: int, neuron: str) -> None:
    small = network(seed, neuron)
    frames = np.random.default_rng(seed).integers(0, 16, (20, 3))
    expected = small.run(frames, record=True)
    program = unroll(small)
    values = {f"x{i}": frames[:, i] for i in range(3)}
    for number, layer in enumerate(small.layers):
        for (neuron_number, index), weight in np.ndenumerate(layer.weight):
            values[f"w{number}_{neuron_number}_{index}"] = np.array(weight)
        for neuron_number, bias in enumerate(layer.bias):
            values[f"b{number}_{neuron_number}"] = np.array(bias)
    found = evaluate(program, values, NumpyIntegers(program))
    for number, (spikes, states) in enumerate(zip(expected.spikes, expected.states, strict=True)):
        for step, sample, each in np.ndindex(spikes.shape):
            place = f"{number}_{step}_{each}"
            spike = np.broadcast_to(found[f"spike{place}"], len(frames))
            assert spike[sample] == spikes[step, sample, each]
            for name, state in states.items():
                seen = np.broadcast_to(found[name + place], len(frames))
                assert seen[sample] == state[step, sample, each]
    counts = np.stack([np.broadcast_to(found[f"count{i}"], len(frames)) for i in range(2)], axis=-1)
    assert np.array_equal(counts, expected.spike_counts)


def test_an_input_that_changes_is_refused() -> None:
    with pytest.raises(UserError, match="static"):
        unroll(network(0, kind="sequence"))
