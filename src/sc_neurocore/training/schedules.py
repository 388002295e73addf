"""How the learning rate moves: factors of the highest rate, pure functions of the step.

A schedule has no state of its own, so a resumed training is where it was by its step alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

_WARM_UP = 0.3
_START = 1 / 25
_END = 1e-5


def constant(step: int, total: int) -> float:
    """Return 1."""
    return 1.0


def cosine(step: int, total: int) -> float:
    """Fall from 1 to 0 along half a cosine, (1 + cos(pi step / total)) / 2.

    Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts, ICLR 2017, without
    the restarts.
    """
    return _half_cosine(1.0, 0.0, step / total)


def one_cycle(step: int, total: int) -> float:
    """Rise from 1/25 to 1 over the first 30 % of the steps and fall to 1e-5, by half cosines.

    Smith and Topin, Super-convergence: very fast training of neural networks using large learning
    rates, 2018, https://arxiv.org/abs/1708.07120; Adam's momentum stays as it is.
    """
    peak = _WARM_UP * total
    if step < peak:
        return _half_cosine(_START, 1.0, step / peak)
    return _half_cosine(1.0, _END, (step - peak) / (total - peak))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: Mapping[str, Callable[[int, int], float]] = {
    "constant": constant,
    "cosine": cosine,
    "one-cycle": one_cycle,
}
"""Each takes the step, from 0, and the number of steps in all."""
