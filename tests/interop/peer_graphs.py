"""Graphs that other frameworks and ours read, and the spikes that go into them.

The tests build them, and so does `make_golden.py`, which asks the other frameworks what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

SAMPLES = 1000
DT = 1e-4
"""What snnTorch and SpikingJelly assume."""


@dataclass(frozen=True)
class Case:
    """One graph, how it is read, and who reads it in the same way.

    Attributes:
        nodes: The nodes, from input to output.
        edges: The edges.
        steps: Time steps.
        options: What `from_nir` is told.
        peers: The frameworks whose own importers compute the same spikes.
        density: The share of inputs that are spikes.
    """

    nodes: dict[str, Any]
    edges: list[tuple[str, str]]
    steps: int
    options: dict[str, Any]
    peers: tuple[str, ...]
    density: float = 0.3

    def graph(self) -> nir.NIRGraph:
        return nir.NIRGraph(nodes=dict(self.nodes), edges=list(self.edges))

    def inputs(self) -> NDArray[np.uint8]:
        """Spikes (steps, samples, *shape)."""
        random = np.random.default_rng(7)
        shape = tuple(self.nodes["input"].input_type["input"])
        return (random.random((self.steps, SAMPLES, *shape)) < self.density).astype(np.uint8)


def _chain(*nodes: Any, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> Any:
    named = {"input": nir.Input(np.array(input_shape))}
    named |= {str(index): node for index, node in enumerate(nodes)}
    named["output"] = nir.Output(np.array(output_shape))
    names = list(named)
    return named, list(pairwise(names))


def _affine(random: np.random.Generator, inputs: int, outputs: int, scale: float) -> nir.Affine:
    weight = random.normal(0, scale / np.sqrt(inputs), (outputs, inputs))
    return nir.Affine(weight=weight, bias=random.normal(0.05, 0.05, outputs) * scale)


def _lif(shape: tuple[int, ...], tau: Any, r: Any, v_threshold: float = 1.0) -> nir.LIF:
    return nir.LIF(
        tau=np.broadcast_to(tau, shape).copy(),
        r=np.broadcast_to(r, shape).copy(),
        v_leak=np.zeros(shape),
        v_threshold=np.full(shape, v_threshold),
        v_reset=np.zeros(shape),
    )


def _cuba(shape: tuple[int, ...], tau_mem: Any, tau_syn: Any, r: Any, w_in: Any) -> nir.CubaLIF:
    return nir.CubaLIF(
        tau_mem=np.broadcast_to(tau_mem, shape).copy(),
        tau_syn=np.broadcast_to(tau_syn, shape).copy(),
        r=np.broadcast_to(r, shape).copy(),
        v_leak=np.zeros(shape),
        v_threshold=np.ones(shape),
        v_reset=np.zeros(shape),
        w_in=np.broadcast_to(w_in, shape).copy(),
    )


def cases() -> dict[str, Case]:
    """Return every graph by name."""
    random = np.random.default_rng(2024)
    result = {}
    tau = np.full(12, 1e-3)
    nodes, edges = _chain(
        _affine(random, 20, 12, 2.0),
        _lif((12,), tau, tau / DT),
        _affine(random, 12, 5, 2.0),
        _lif((5,), 2e-3, 2e-3 / DT),
        input_shape=(20,),
        output_shape=(5,),
    )
    peers = ("snntorch", "spikingjelly")
    result["lif"] = Case(nodes, edges, 25, {"dt": DT}, peers)

    tau = random.uniform(2e-3, 2e-2, 12)
    nodes, edges = _chain(
        _affine(random, 20, 12, 20.0),
        _lif((12,), tau, 1.0, 0.3),
        _affine(random, 12, 5, 40.0),
        _lif((5,), 5e-3, 1.0, 0.3),
        input_shape=(20,),
        output_shape=(5,),
    )
    result["lif-each-its-tau"] = Case(nodes, edges, 25, {"dt": 1e-3}, ("norse",))

    nodes, edges = _chain(
        _affine(random, 20, 12, 2.0),
        _cuba((12,), 1e-3, 4e-4, 1e-3 / DT, 4e-4 / DT),
        _affine(random, 12, 5, 2.0),
        _cuba((5,), 8e-4, 5e-4, 8e-4 / DT, 5e-4 / DT),
        input_shape=(20,),
        output_shape=(5,),
    )
    result["cubalif"] = Case(nodes, edges, 25, {"dt": DT}, ("snntorch", "norse", "spikingjelly"))

    nodes, edges = _chain(
        _affine(random, 20, 12, 2.0),
        _cuba((12,), 1e-3, 4e-4, 1e-3 / DT, 4e-4 / DT),
        _affine(random, 12, 5, 2.0),
        _lif((5,), 2e-3, 2e-3 / DT),
        input_shape=(20,),
        output_shape=(5,),
    )
    loop = nir.Affine(weight=random.normal(0, 0.4, (12, 12)), bias=random.normal(0, 0.05, 12))
    nodes = {
        "output": nodes["output"],
        "3": nodes["3"],
        "1.recurrent": loop,
        "2": nodes["2"],
        "1.neurons": nodes["1"],
        "0": nodes["0"],
        "input": nodes["input"],
    }
    edges = [
        ("3", "output"),
        ("1.recurrent", "1.neurons"),
        ("2", "3"),
        ("1.neurons", "2"),
        ("1.neurons", "1.recurrent"),
        ("0", "1.neurons"),
        ("input", "0"),
    ]
    result["recurrent-cubalif"] = Case(nodes, edges, 25, {"dt": DT}, ("snntorch",))

    def convolutional(dt: float) -> Any:
        ones = np.ones((6, 10, 10)), np.ones((6, 5, 5)), np.ones(4)
        neurons = [nir.IF(r=r / dt, v_threshold=r, v_reset=0 * r) for r in ones]
        first = random.normal(0.1, 0.3, (6, 2, 3, 3))
        second = random.normal(0.05, 0.2, (6, 6, 3, 3))
        return _chain(
            nir.Conv2d((10, 10), first, (1, 1), (1, 1), (1, 1), 1, random.normal(0, 0.05, 6)),
            neurons[0],
            nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
            nir.Conv2d((5, 5), second, (1, 1), (1, 1), (1, 1), 1, random.normal(0, 0.05, 6)),
            neurons[1],
            nir.Flatten(np.array([6, 5, 5]), 0, -1),
            _affine(random, 150, 4, 2.0),
            neurons[2],
            input_shape=(2, 10, 10),
            output_shape=(4,),
        )

    result["conv-if"] = Case(*convolutional(1.0), 8, {"dt": 1.0}, ("norse", "sinabs"), 0.2)

    nodes, edges = _chain(
        _affine(random, 20, 12, 8.0),
        _lif((12,), 10.0, 1.0, 0.5),
        _affine(random, 12, 5, 16.0),
        _lif((5,), 5.0, 1.0, 0.5),
        input_shape=(20,),
        output_shape=(5,),
    )
    exact = {"dt": 1.0, "method": "exponential-euler"}
    result["lif-exponential"] = Case(nodes, edges, 25, exact, ("sinabs",))
    return result


def exported_inputs(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Spikes (25, samples, *shape) for networks that other frameworks exported."""
    random = np.random.default_rng(11)
    return (random.random((25, SAMPLES, *shape)) < 0.3).astype(np.uint8)
