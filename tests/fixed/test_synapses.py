"""Weights in integers and their exact sums, against torch and 64-bit integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerSynapses
from sc_neurocore.fixed.synapses import Signal, Weighted, add_up, quantize_weights
from sc_neurocore.network import AveragePool2d, Conv2d, DelayDense, Dense, Flatten

DIGITS = Signal(4, 0, 31)


def sums(synapses: IntegerSynapses, values: np.ndarray) -> np.ndarray:
    for runner in synapses.runners():
        values = runner(values)
    return values.astype(np.int64)


def quantized(layer: Weighted, incoming: Signal = DIGITS, bits: int = 8) -> Any:
    return quantize_weights(layer, incoming, bits, 8, "layer")


@given(
    groups=st.integers(1, 2),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    padding=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    dilation=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    bits=st.integers(2, 16),
    high=st.sampled_from([1, 31, 65535]),
    seed=st.integers(0, 2**32 - 1),
)
def test_convolutions_of_integers_are_those_of_torch(
    groups: int, kernel: Any, bits: int, high: int, seed: int, **geometry: Any
) -> None:
    random = np.random.default_rng(seed)
    layer = Conv2d(
        weight=random.normal(size=(groups * 2, 3, *kernel)),
        bias=random.normal(size=groups * 2),
        groups=groups,
        **geometry,
    )
    synapses = quantized(layer, Signal(4, 0, high), bits)
    inputs = random.integers(0, high + 1, (2, 3 * groups, 7, 6))
    expected = functional.conv2d(
        torch.from_numpy(inputs).double(),  # exact: below 2 ** 53
        torch.from_numpy(synapses.weight).double(),
        torch.from_numpy(synapses.bias).double(),
        groups=groups,
        **geometry,
    )
    found = sums(synapses, inputs)
    np.testing.assert_array_equal(found, expected)
    assert synapses.output.low <= found.min() and found.max() <= synapses.output.high


@given(
    bits=st.integers(2, 16),
    input_bits=st.integers(1, 16),
    inputs=st.integers(1, 600),
    low=st.sampled_from([0, -1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_sums_are_those_of_64_bit_integers_at_the_ends_of_the_range(
    bits: int, input_bits: int, inputs: int, low: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    high = (1 << input_bits) - 1
    layer = Dense(weight=random.normal(size=(5, inputs)), bias=random.normal(size=5))
    synapses = quantized(layer, Signal(3, low * high, high), bits)
    weight = synapses.weight
    # Each neuron's largest and smallest sum, and something between.
    most = np.where(weight > 0, high, low * high)
    least = np.where(weight < 0, high, low * high)
    values = np.concatenate([most, least, random.integers(low * high, high + 1, (5, inputs))])
    found = sums(synapses, values)
    np.testing.assert_array_equal(found, values @ weight.T + synapses.bias)
    assert (found.min(), found.max()) == (synapses.output.low, synapses.output.high)


@pytest.mark.parametrize(("bias", "exact"), [(63, np.float32), (64, np.float64)])
def test_single_precision_serves_below_24_bits(bias: int, exact: type) -> None:
    layer = Dense(weight=np.ones((1, 513)), bias=[bias / 64])  # 64 * 2^-6; 513 * 511 = 2^18 - 1
    synapses = quantized(layer, Signal(0, 0, 511))
    assert (synapses.weight[0, 0], synapses.scale_bits, synapses.exact) == (64, 6, exact)
    assert sums(synapses, np.full((1, 513), 511)).item() == 2**24 - 64 + bias


def test_a_large_bias_asks_for_double_precision_too() -> None:
    synapses = quantized(Dense(weight=[[1.0]], bias=[2.0**20 + 2.0**-10]), Signal(4, 0, 31))
    assert synapses.exact is np.float64
    assert sums(synapses, np.array([[1]])).item() == (1 << 30) + 1 + 64


@given(
    bits=st.integers(2, 16),
    size=st.floats(1e-6, 1e6),
    kind=st.sampled_from(["dense", "delay-dense", "conv2d"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_weights_of_every_kind_have_the_scale_that_costs_least(
    bits: int, size: float, kind: str, seed: int
) -> None:
    weight = np.random.default_rng(seed).normal(0, size, (3, 4))
    layer: Weighted = Dense(weight=weight)
    if kind == "delay-dense":
        layer = DelayDense(weight=weight, delays=np.ones((3, 4)))
    elif kind == "conv2d":
        layer = Conv2d(weight=weight.reshape(3, 1, 2, 2))
    synapses = quantized(layer, Signal(0, 0, 1), bits)
    limit = (1 << (bits - 1)) - 1

    def integers(scale_bits: int) -> Any:
        return np.round(np.ldexp(weight, scale_bits)).clip(-limit, limit)

    def cost(scale_bits: int) -> float:
        return float(np.square(np.ldexp(integers(scale_bits), -scale_bits) - weight).mean())

    chosen = synapses.scale_bits
    np.testing.assert_array_equal(synapses.weight.ravel(), integers(chosen).ravel())
    assert cost(chosen) <= min(cost(other) for other in range(chosen - 9, chosen + 10)) * (1 + 1e-9)
    assert set(synapses.arrays) == {"weight", "bias"} | ({"delays"} & {*layer.model_dump()})


@pytest.mark.parametrize("stride", [None, (1, 2)])
def test_averages_are_sums(stride: Any) -> None:
    pool = AveragePool2d(size=(2, 2), stride=stride)
    synapses = add_up(pool, Signal(5, -3, 100))
    assert synapses.output == Signal(7, -12, 400)
    inputs = np.random.default_rng(0).integers(-3, 101, (2, 3, 6, 5))
    expected = 4 * functional.avg_pool2d(torch.from_numpy(inputs).double(), 2, stride)
    np.testing.assert_array_equal(sums(synapses, inputs), expected)
    assert add_up(AveragePool2d(size=(3, 2)), Signal(5, 0, 1)).output == Signal(5, 0, 6)


def test_only_weighted_layers_have_weights() -> None:
    for layer in (Flatten(), AveragePool2d(size=(2, 2))):
        synapses = add_up(layer, Signal(0, 0, 1))
        assert (synapses.weight_bits, synapses.arrays) == (0, {})
        with pytest.raises(UserError, match=f"a {layer.kind} layer has no weights"):
            _ = synapses.weight


def test_signals_add_up_in_the_finer_unit() -> None:
    total = Signal(3, -5, 7) + Signal(1, -2, 1)
    assert total == Signal(3, -13, 11)
    assert [Signal(0, low, high).bits for low, high in ((0, 1), (-1, 0), (-4, 3), (0, 4))] == [
        2,
        2,
        4,
        4,
    ]


def test_biases_that_no_float_holds_in_their_unit_are_refused() -> None:
    with pytest.raises(UserError, match="at most 48 bits"):
        quantized(Dense(weight=[[1e-6]], bias=[1.7e308]))
