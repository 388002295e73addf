from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import Parameter
from sc_neurocore.training.intervals import from_free, to_free

INTERVALS = [
    Parameter(0.5, 0, 1),
    Parameter(0, -3, 5),
    Parameter(1, 0),
    Parameter(3, 2),
    Parameter(-3, -math.inf, -2),
    Parameter(0),
]


@pytest.mark.parametrize("interval", INTERVALS)
@given(share=st.floats(0.001, 0.999))
def test_there_and_back_is_the_value(interval: Parameter, share: float) -> None:
    low = interval.low if math.isfinite(interval.low) else interval.default - 10
    high = interval.high if math.isfinite(interval.high) else interval.default + 10
    low, high = (low, min(high, low + 20)) if interval.high == math.inf else (low, high)
    value = torch.tensor(low + share * (high - low), dtype=torch.float64)
    back = from_free(to_free(value, interval), interval)
    torch.testing.assert_close(back, value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(free=st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=2))
def test_no_free_number_leaves_the_interval(
    interval: Parameter, dtype: torch.dtype, free: list[float]
) -> None:
    lower, upper = from_free(torch.tensor(sorted(free), dtype=dtype), interval).tolist()
    assert interval.low < lower <= upper < interval.high


@pytest.mark.parametrize("interval", INTERVALS)
@pytest.mark.parametrize("free", [-1e30, -100.0, 0.0, 100.0, 1e30])
def test_gradients_are_finite_everywhere(interval: Parameter, free: float) -> None:
    leaf = torch.tensor(free, requires_grad=True)
    from_free(leaf, interval).backward()
    assert leaf.grad is not None
    assert leaf.grad.isfinite()


def test_half_way_is_the_middle_and_gradients_flow() -> None:
    free = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = from_free(free, Parameter(0.5, 0, 1))
    value.backward()
    assert value.item() == 0.5
    assert free.grad is not None
    assert free.grad.item() == 0.25  # the logistic function's slope
