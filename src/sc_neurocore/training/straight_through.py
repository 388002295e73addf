"""The straight-through estimator: exact numbers forward, the gradient of a smooth tensor backward.

Y. Bengio, N. Léonard and A. Courville, Estimating or propagating gradients through stochastic
neurons, arXiv:1308.3432, 2013.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """Answers with one tensor, and gives its gradient to another one."""

    @staticmethod
    def forward(ctx: Any, smooth: Tensor, exact: Tensor) -> Tensor:
        return exact.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


straight_through: Callable[[Tensor, Tensor], Tensor] = _StraightThrough.apply
"""`straight_through(smooth, exact)` has the values of `exact` and passes its gradient to `smooth`.

A sum such as smooth + (exact - smooth).detach() would be off in its last bit.
"""
