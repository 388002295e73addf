"""The length of a time step, where a file gives it away.

Exporters of frameworks that count in steps write r = tau/dt (and w_in = tau_syn/dt, and 1/dt for
neurons without a leak), so that what comes in is multiplied by 1. If every neuron's fields say the
same dt, that is it. A file with r = 1 says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop.conventions import Convention
from sc_neurocore.interop.fields import numbers
from sc_neurocore.interop.graph import Node

_AGREE = 1e-4
_ONE = 1e-6
_SYNAPSE = ("tau_syn", "w_in")
_PAIRS = {
    "LIF": (("tau", "r"),),
    "LI": (("tau", "r"),),
    "CubaLIF": (("tau_mem", "r"), _SYNAPSE),
    "CubaLI": (("tau_mem", "r"), _SYNAPSE),
}


def find_dt(nodes: Sequence[Node], convention: Convention) -> float | None:
    """Return the time step that all neurons' fields agree on; None if there is none."""
    try:
        pairs = np.array(sorted(set(_candidates(nodes, convention)))).reshape(-1, 2)
    except DescriptionError:  # fields that cannot be read are refused where they are read
        return None
    found = pairs[:, 0]
    if not found.size or not np.isfinite(found).all() or (found <= 0).any():
        return None
    middle = float(np.median(found))
    if (np.abs(found - middle) > _AGREE * middle).any():
        return None
    shortest = shortest_tau(nodes)
    is_too_long = shortest is not None and middle > shortest * (1 + _AGREE)
    if convention.method == "euler" and is_too_long:
        return None  # a step that is longer than a time constant: r is a resistance
    # One time constant alone is a witness of a step that people take; several are of any.
    scales = pairs[:, 1]
    is_alone = (np.abs(scales - scales[0]) <= _AGREE * np.abs(scales[0])).all()
    power = round(math.log10(middle))
    if is_alone and abs(middle * 10.0**-power - 1) > _AGREE:
        return None
    return float(f"{middle:.4g}")


def check_dt(dt: float, nodes: Sequence[Node], convention: Convention) -> None:
    """Refuse a time step with which what comes in is multiplied by more than 1 everywhere.

    Raises:
        DescriptionError: Naming the time step that would fit.
    """
    found = find_dt(nodes, convention)
    if found is not None and dt > found * (1 + 10 * _AGREE):
        raise DescriptionError(
            f"with dt = {dt:g} what comes in is multiplied by {dt / found:g} in every neuron: its "
            f"r is tau/dt for dt = {found:g}. Give dt = {found:g}, or leave it out; if r is a "
            f"resistance, trust_dt=True (--trust-dt) takes {dt:g} all the same"
        )


def shortest_tau(nodes: Sequence[Node]) -> float | None:
    """Return the shortest time constant; None if there is none that can be read."""
    try:
        return min((float(tau.min()) for tau in _taus(nodes) if tau.size), default=None)
    except DescriptionError:
        return None


def _taus(nodes: Sequence[Node]) -> Iterator[Any]:
    for node in nodes:
        for name in ("tau", "tau_mem", "tau_syn"):
            if node.kind in _PAIRS and node.fields.get(name) is not None:
                yield _numbers(node, name)


def _candidates(nodes: Sequence[Node], convention: Convention) -> Iterator[tuple[float, float]]:
    """Yield the time step that each neuron's fields speak of, and its time constant."""
    for node in nodes:
        if node.kind in ("I", "IF") and convention.framework != "norse":
            with np.errstate(divide="ignore", over="ignore"):
                steps = _few(1 / _numbers(node, "r").ravel())
            yield from ((float(each), 1.0) for each in steps)
        for tau_name, factor_name in _PAIRS.get(node.kind, ()):
            if node.fields.get(factor_name) is None:
                continue
            tau, factor = _numbers(node, tau_name), _numbers(node, factor_name)
            if tau.shape != factor.shape and 1 not in (tau.size, factor.size):
                continue
            if (np.abs(factor - 1) < _ONE).all():
                continue
            with np.errstate(all="ignore"):
                step = tau / factor
                if convention.framework == "rockpool":
                    step = tau * _lambert(1 / factor)
            both = np.stack(np.broadcast_arrays(step, tau), axis=-1).reshape(-1, 2)
            yield from map(tuple, _few(both).tolist())


def _numbers(node: Node, name: str) -> NDArray[np.float64]:
    given = numbers(node, name)
    # One number that stands for millions stays one.
    return np.asarray(given if any(given.strides) else given.reshape(-1)[:1], np.float64)


def _few(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distinct ones."""
    return np.unique(values, axis=0) if values.ndim else values.reshape(1)


def _lambert(x: Any) -> Any:
    """Return w with w exp(w) = x: Rockpool writes r = tau/dt exp(-dt/tau)."""
    w = np.log1p(np.maximum(x, 0))
    for _ in range(30):
        w = w - (w * np.exp(w) - x) / (np.exp(w) * (w + 1))
    return w
