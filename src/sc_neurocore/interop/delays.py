"""Synapses with delays: in NIR a fan of branches, each a Delay and the weights behind it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.interop.fields import delay_steps, linear_node, weights
from sc_neurocore.interop.graph import Node
from sc_neurocore.interop.written import Branch, Written
from sc_neurocore.network.layers import DelayDense
from sc_neurocore.network.schema import Shape


def write_delay_dense(layer: DelayDense, shape: Shape, dt: float) -> list[Branch]:
    """Return one branch of a Delay and a Linear for every delay that a synapse has."""
    branches: list[Branch] = []
    for number, delay in enumerate(np.unique(layer.delays).tolist()):
        branch: Branch = []
        weight = np.where(layer.delays == delay, layer.weight, np.zeros((), layer.weight.dtype))
        if delay:
            inputs = np.full(layer.weight.shape[1], delay * dt)
            branch.append(Written({"type": "Delay", "delay": inputs}, name=f".delay_{delay}"))
        note = {"delays": layer.delays.tolist()} if not number else None
        node = linear_node(weight, None if number else layer.bias)
        branch.append(Written(node, note, f".weight_{delay}"))
        branches.append(branch)
    return branches


def to_delay_dense(
    fan: list[tuple[Node | None, Node]], shape: Shape, dt: float, given: NDArray[np.int64] | None
) -> DelayDense:
    """Return synapses with delays from a fan of [Delay and] Linear nodes.

    Args:
        fan: The delay, None for none, and the weights of each branch.
        shape: The shape that arrives.
        dt: Length of a step.
        given: The delays, where the file says what those of absent synapses are.
    """
    total = reach = bias = None
    for delay, linear in fan:
        weight, own = weights(linear, 2)
        if (weight.shape[1],) != shape:
            raise linear.error(f"weight has shape {weight.shape}, but {shape} arrives")
        here = np.zeros(shape, np.int64) if delay is None else delay_steps(delay, shape, dt)
        if total is None or reach is None:
            total, reach = weight.copy(), np.broadcast_to(here, weight.shape).copy()
        else:
            if weight.shape != total.shape:
                raise linear.error(f"weight has shape {weight.shape}: expected {total.shape}")
            both = (total != 0) & (weight != 0)
            if (both & (reach != here)).any():
                where = np.argwhere(both & (reach != here))[0].tolist()
                raise linear.error(
                    f"weight{where}: two branches with different delays carry this synapse: "
                    f"expected one delay for each"
                )
            reach = np.where(weight != 0, here, reach)
            total = total + weight
        if own is not None:
            bias = own if bias is None else bias + own
    assert total is not None and reach is not None
    if given is not None and given.shape == total.shape and (given == reach)[total != 0].all():
        reach = given
    return DelayDense(weight=total, delays=reach, bias=bias)
