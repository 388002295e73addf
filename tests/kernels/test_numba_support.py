"""What generated kernels stand on: the exponential, bfloat16, and channels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sc_neurocore.kernels.exponential import exponential, sigmoid
from sc_neurocore.kernels.numba import support as support


@numba.njit(error_model="numpy")
def _exp_float32(x: Any, out: Any) -> None:
    for j in range(len(x)):
        out[j] = support.exp_float32(x[j])


@numba.njit(error_model="numpy")
def _exp_float64(x: Any, out: Any) -> None:
    for j in range(len(x)):
        out[j] = support.exp_float64(x[j])


@numba.njit(error_model="numpy")
def _round_trip(x: Any, short: Any, out: Any) -> None:
    support.narrow(x, short)
    support.widen(short, out)


@numba.njit(error_model="numpy")
def _gather(values: Any, start: int, inner: int, block: Any) -> None:
    support.gather(values, start, inner, block)


@numba.njit(error_model="numpy")
def _scatter(block: Any, start: int, inner: int, totals: Any) -> None:
    support.scatter(block, start, inner, totals)


def arguments(dtype: Any, reach: float) -> NDArray[Any]:
    random = np.random.default_rng(0)
    special = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30, reach, -reach]
    dense = random.uniform(-reach, reach, 200_000), random.normal(0, 1, 200_000)
    return np.concatenate([*dense, special]).astype(dtype)


@pytest.mark.parametrize(
    ("kernel", "dtype", "reach", "least"),
    [(_exp_float32, np.float32, 106.0, -60), (_exp_float64, np.float64, 748.0, -600)],
)
def test_the_exponential_is_accurate_and_the_same_in_both_kernels(
    kernel: Callable[..., None], dtype: Any, reach: float, least: float
) -> None:
    x = arguments(dtype, reach)
    fused = np.empty_like(x)
    kernel(x, fused)
    np.testing.assert_array_equal(exponential(torch.from_numpy(x)).numpy(), fused)

    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        exact = np.exp(x.astype(np.longdouble))
        rounded = exact.astype(dtype)
        rounded[x < least] = 0
        finite = np.isfinite(rounded) & (x >= least)
        unit = np.spacing(rounded[finite])
        assert (np.abs(fused[finite] - exact[finite]) / unit).max() < 1.5
        np.testing.assert_array_equal(fused[~finite], rounded[~finite])


def test_the_tensors_exponential_and_sigmoid_differentiate_twice() -> None:
    x = torch.linspace(-5, 5, 11, dtype=torch.float64, requires_grad=True)
    for function, theirs in ((exponential, torch.exp), (sigmoid, torch.sigmoid)):
        assert torch.autograd.gradcheck(function, x)
        assert torch.autograd.gradgradcheck(function, x)
        torch.testing.assert_close(function(x), theirs(x), rtol=1e-15, atol=0)


def test_bfloat16_rounds_as_pytorch_does() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 100_000, dtype=np.uint32)
    edges = np.array([0x7F7FFFFF, 0x3F808000, 0x3F818000, 0x00008000, 0x7FC00001], np.uint32)
    x = np.concatenate([bits, edges]).view(np.float32)
    out, short = np.empty_like(x), np.empty(len(x), np.uint16)
    _round_trip(x, short, out)
    np.testing.assert_array_equal(out, torch.from_numpy(x).bfloat16().float().numpy())


@given(
    channels=st.integers(1, 5),
    inner=st.integers(1, 4),
    outer=st.integers(1, 3),
    data=st.data(),
)
@settings(deadline=None, max_examples=100)
def test_channels_are_where_broadcasting_puts_them(
    channels: int, inner: int, outer: int, data: st.DataObject
) -> None:
    values = np.arange(1.0, channels + 1)
    spread = np.broadcast_to(values[:, None], (outer, channels, inner)).ravel()
    start = data.draw(st.integers(0, len(spread) - 1))
    stop = data.draw(st.integers(start, len(spread)))
    block = np.zeros(stop - start)
    _gather(values, start, inner, block)
    np.testing.assert_array_equal(block, spread[start:stop])

    weights = np.random.default_rng(0).normal(size=len(spread))
    totals = np.zeros(channels)
    _scatter(weights[start:stop], start, inner, totals)
    mine = np.zeros(len(spread))
    mine[start:stop] = weights[start:stop]
    expected = mine.reshape(outer, channels, inner).sum((0, 2))
    np.testing.assert_allclose(totals, expected, atol=1e-12)
