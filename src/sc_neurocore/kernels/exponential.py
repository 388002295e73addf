"""The exponential as a fixed sequence of IEEE operations on tensors.

Mathematical libraries differ in the last bit of exp, and one bit can decide whether a neuron fires.
Where a back end computes by a fixed sequence, as `numba.support` does on the CPU and
`triton.support` on GPUs, the eager kernel takes the same one, so that both agree bit for bit. Other
devices take PyTorch's own function, a unit in the last place away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sc_neurocore.kernels.backends import EXACT_DEVICES


@dataclass(frozen=True)
class _Format:
    """What the sequence needs to know of a floating-point type."""

    integer: torch.dtype
    mantissa_bits: int
    bias: int
    ln2_high: float
    ln2_low: float
    degree: int
    exponents: tuple[int, int]
    range: tuple[float, float]


_FORMATS = {
    torch.float32: _Format(
        torch.int32, 23, 127, 0.693359375, -2.1219444005469057e-04, 7, (-88, 129), (-60, 89)
    ),
    torch.float64: _Format(
        torch.int64,
        52,
        1023,
        0.6931471803691238,
        1.9082149292705877e-10,
        13,
        (-870, 1025),
        (-600, 710),
    ),
}


class _Exponential(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor) -> Tensor:
        form = _FORMATS[x.dtype]
        k = (x * 1.4426950408889634).add_(0.5).floor_().clamp_(*form.exponents)
        k = torch.where(x.isnan(), form.exponents[0], k)
        r = (x - k * form.ln2_high).sub_(k * form.ln2_low)
        p = torch.full_like(r, 1 / math.factorial(form.degree))
        for power in range(form.degree - 1, -1, -1):
            p.mul_(r).add_(1 / math.factorial(power))
        exponent = k.to(form.integer)
        half = exponent >> 1
        for part in (half, exponent - half):
            p.mul_((part + form.bias << form.mantissa_bits).view(x.dtype))
        p.masked_fill_(x > form.range[1], math.inf)
        return p.masked_fill_(x < form.range[0], 0.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        result: Tensor = ctx.saved_tensors[0]
        return gradients[0] * result


def exponential(x: Tensor) -> Tensor:
    """Return e^x within 1.5 units in the last place, or 0 far below; NaN stays NaN."""
    if x.device.type not in EXACT_DEVICES or x.dtype not in _FORMATS:
        return torch.exp(x)
    result: Tensor = _Exponential.apply(x)  # type: ignore[no-untyped-call]
    return result


def sigmoid(x: Tensor) -> Tensor:
    """Return 1 / (1 + e^-x)."""
    if x.device.type not in EXACT_DEVICES or x.dtype not in _FORMATS:
        return torch.sigmoid(x)
    return 1 / (1 + exponential(-x))
