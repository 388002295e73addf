"""Learnable numbers that cannot leave their open interval.

Gradient descent moves a free number over the whole real line; a smooth one-to-one map takes it
into the interval: a logistic function for a finite one, an exponential for a half-open one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sc_neurocore.equation.neuron import Parameter


def to_free(value: Tensor, interval: Parameter) -> Tensor:
    """Return the free number whose `from_free` is `value`, which lies inside the interval."""
    low, high = interval.low, interval.high
    if math.isfinite(low) and math.isfinite(high):
        return torch.log(value - low) - torch.log(high - value)
    if math.isfinite(low):
        return torch.log(value - low)
    if math.isfinite(high):
        return -torch.log(high - value)
    return value.clone()


def from_free(free: Tensor, interval: Parameter) -> Tensor:
    """Map free numbers into the interval (low, high), increasingly.

    Where the type's rounding would put the result on an end, it stays the nearest number inside.
    """
    low, high = interval.low, interval.high
    limits = torch.finfo(free.dtype)
    # An exponential that overflows would turn the gradient into NaN.
    largest = math.log(limits.max) - 1
    if math.isfinite(low) and math.isfinite(high):
        value = low + (high - low) * torch.sigmoid(free)
    elif math.isfinite(low):
        value = low + torch.exp(free.clamp(-largest, largest))
    elif math.isfinite(high):
        value = high - torch.exp(-free.clamp(-largest, largest))
    else:
        return free
    return value.clamp(
        low + max(abs(low) * limits.eps, limits.tiny) if math.isfinite(low) else limits.min,
        high - max(abs(high) * limits.eps, limits.tiny) if math.isfinite(high) else limits.max,
    )
