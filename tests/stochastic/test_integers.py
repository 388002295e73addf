"""Networks of counts: the integers of the hardware are those of stochastic inference."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    Layer,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.stochastic import run_network
from sc_neurocore.stochastic.integers import quantize_streams
from sc_neurocore.stochastic.sharing import Sharing, SourceName

STEPS = 6
SOURCES = [(name, sharing) for name in get_args(SourceName) for sharing in get_args(Sharing)]


def lif() -> Population:
    return Population(neuron=LIF, parameters={"beta": 0.75})


def layers(kind: str, seed: int = 0) -> tuple[list[Layer], tuple[int, ...]]:
    """Return the layers of a network, and the shape of what comes in."""
    draw = np.random.default_rng(seed)

    def numbers(*shape: int) -> np.ndarray:
        return draw.normal(0, 0.6, shape)

    if kind == "dense":
        own: list[Layer] = [
            Dense(weight=numbers(9, 12), bias=numbers(9)), lif(),
            Dense(weight=numbers(4, 9)), lif(),
        ]  # fmt: skip
        return own, (12,)
    return [
        Conv2d(weight=numbers(3, 2, 2, 2), bias=numbers(3), padding=(1, 1)), lif(),
        AveragePool2d(size=(2, 2)) if kind == "pooled" else MaxPool2d(size=(2, 2)),
        Conv2d(weight=numbers(4, 3, 2, 2)), lif(), Flatten(),
        Dense(weight=numbers(4, 4), bias=numbers(4)), lif(),
    ], (2, 3, 3)  # fmt: skip


def network(kind: str, coding: str = "spikes", bits: int = 1) -> NetworkDescription:
    own, shape = layers(kind)
    fraction_bits = 0 if coding == "spikes" else bits - 1
    return NetworkDescription(
        name=f"{kind}_{coding}",
        input=InputEncoding(
            shape=shape, bits=bits, fraction_bits=fraction_bits,
            kind="sequence" if coding == "spikes" else "static",
        ),
        steps=STEPS,
        layers=own,
    )  # fmt: skip


def inputs(description: NetworkDescription, count: int = 5, most: int | None = None) -> np.ndarray:
    coding = description.input
    lead = (count,) if coding.kind == "static" else (STEPS, count)
    high = most or (1 << coding.bits) - 1
    return np.random.default_rng(1).integers(0, high + 1, (*lead, *coding.shape))


def same(
    description: NetworkDescription, given: np.ndarray, found: IntegerNetwork, **streams: object
) -> None:
    expected = run_network(description, given, neurons="Q8.8", record=True, **streams)  # type: ignore[arg-type]
    run = found.run(given, record=True)
    assert np.array_equal(run.classes, expected.classes)
    assert np.array_equal(run.spike_counts, expected.spike_counts)
    for ours, theirs in zip(run.spikes, expected.spikes, strict=True):
        assert np.array_equal(ours, theirs)
    for states, others in zip(run.states, expected.states, strict=True):
        assert all(np.array_equal(states[name], others[name]) for name in states)
    assert expected.spike_counts.any()


@pytest.mark.parametrize(("source", "sharing"), SOURCES)
def test_spikes_meet_the_counts_of_streams(source: SourceName, sharing: Sharing) -> None:
    description = network("dense")
    found = quantize_streams(description, "Q8.8", 64, source, 3, sharing=sharing)
    same(description, inputs(description), found, length=64, source=source, seed=3, sharing=sharing)
    weight = found.layers[0].weight
    assert np.abs(weight).max() <= 64 and (weight < 0).any()


@pytest.mark.parametrize("kind", ["dense", "pooled", "largest"])
@pytest.mark.parametrize("bits", [1, 2])
def test_layers_of_any_kind_take_spikes_and_sums_of_some(kind: str, bits: int) -> None:
    description = network(kind, bits=bits)
    found = quantize_streams(description, "Q8.8", 32, "lfsr")
    same(description, inputs(description), found, length=32, source="lfsr")


@pytest.mark.parametrize(("source", "sharing"), SOURCES)
def test_values_are_counted_bit_by_bit(source: SourceName, sharing: Sharing) -> None:
    description = network("dense", "static", bits=5)
    found = quantize_streams(description, "Q8.8", 128, source, sharing=sharing)
    given = inputs(description, most=16)  # which is 1
    same(description, given, found, length=128, source=source, sharing=sharing)
    assert not found.layers[0].dense.multiplies and found.layers[1].dense.multiplies


def test_a_value_above_one_is_one() -> None:
    description = network("dense", "static", bits=5)
    found = quantize_streams(description, "Q8.8", 128, "sobol")
    given = inputs(description)
    assert given.max() > 16
    above, one = found.run(given, record=True), found.run(np.minimum(given, 16), record=True)
    assert all(np.array_equal(a, b) for a, b in zip(above.spikes, one.spikes, strict=True))


@pytest.mark.parametrize("signs", ["mixed", "positive", "negative", "zero"])
def test_no_sum_leaves_what_is_said_of_it(signs: str) -> None:
    description = network("dense", "static", bits=5)
    first = description.layers[0]
    assert isinstance(first, Dense)
    weight = {
        "mixed": first.weight, "positive": np.abs(first.weight),
        "negative": -np.abs(first.weight), "zero": 0 * first.weight,
    }[signs]  # fmt: skip
    description = description.with_layers(
        (first.model_copy(update={"weight": weight}), *description.layers[1:])
    )
    synapses = quantize_streams(description, "Q8.8", 64, "sobol").layers[0].dense
    _, counts = synapses.runners()
    found = counts(np.vstack([np.zeros((1, 12), int), np.full((1, 12), 16), inputs(description)]))
    assert synapses.output.low <= found.min() and found.max() <= synapses.output.high
    assert np.array_equal(found[0], synapses.bias)
    assert np.array_equal(found[1], synapses.bias + synapses.weight.sum(axis=1))


def recurrent(description: NetworkDescription) -> NetworkDescription:
    own = Recurrent(neuron=LIF, parameters={"beta": 0.5}, weight=np.eye(9))
    return description.with_layers((description.layers[0], own, *description.layers[2:]))


@pytest.mark.parametrize(
    ("made", "streams", "says"),
    [
        (network("dense"), {"length": 48}, "48 bits: .* power of two, up to 16384"),
        (network("dense"), {"length": 1 << 15}, "32768 bits: .* power of two, up to 16384"),
        (network("dense"), {"length": 0}, "0"),
        (network("dense"), {"encoding": "bipolar"}, "bipolar: .* only sign-magnitude"),
        (network("dense"), {"encoding": "ternary"}, "unknown encoding 'ternary'"),
        (network("dense"), {"source": "dice"}, "unknown source 'dice'"),
        (network("dense"), {"sharing": "none"}, "unknown sharing 'none'"),
        (network("dense"), {"seed": -1}, "source seed -1"),
        (network("pooled", "static", 5), {}, r"layers\[0\] is 'conv2d', and what comes in are val"),
        (recurrent(network("dense")), {}, "has a recurrent layer"),
    ],
)  # fmt: skip
def test_what_streams_do_not_do_is_refused(
    made: NetworkDescription, streams: dict[str, object], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        quantize_streams(made, "Q8.8", **streams)  # type: ignore[arg-type]


@pytest.mark.parametrize("coding", ["spikes", "values"])
@pytest.mark.parametrize("weight_bits", [2, 4, 5, 6, 7, 8, 12])
def test_weights_have_as_many_bits_as_a_memory_has(coding: str, weight_bits: int) -> None:
    is_static = coding == "values"
    description = network("dense", "static" if is_static else "spikes", bits=5 if is_static else 1)
    given = inputs(description, most=16 if is_static else 1)
    found = quantize_streams(description, "Q8.8", 64, "sobol", weight_bits=weight_bits)
    same(description, given, found, length=64, source="sobol", weight_bits=weight_bits)
    for layer in found.layers:
        assert np.abs(layer.weight).max() < 1 << (layer.weight_bits - 1)
        assert layer.weight_bits == min(weight_bits, 8)


@pytest.mark.parametrize("weight_bits", [0, 1])
def test_a_weight_has_a_sign_and_a_magnitude(weight_bits: int) -> None:
    with pytest.raises(UserError, match=f"weight_bits={weight_bits}: expected 2 or more"):
        quantize_streams(network("dense"), "Q8.8", 64, "sobol", weight_bits=weight_bits)
