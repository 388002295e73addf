"""The table of primitives in docs/nir.md says what is so."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import quantize
from sc_neurocore.hdl.planning import plan
from sc_neurocore.interop import from_nir
from sc_neurocore.interop.neurons import KINDS
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding, NetworkDescription
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.stochastic import run_network

PAGE = Path(__file__).parents[2] / "docs" / "nir.md"
ONE = np.ones(3)
AFFINE = nir.Affine(np.eye(3) * 0.75, ONE / 4)
LINEAR = nir.Linear(np.eye(3) * 0.75)
IF = nir.IF(r=ONE, v_threshold=ONE, v_reset=0 * ONE)
LIF = nir.LIF(tau=3 * ONE, r=3 * ONE, v_leak=0 * ONE, v_threshold=ONE, v_reset=0 * ONE)
CUBALIF = nir.CubaLIF(
    tau_mem=3 * ONE, tau_syn=2 * ONE, r=3 * ONE, v_leak=0 * ONE, v_threshold=ONE, w_in=2 * ONE
)
LI = nir.LI(tau=3 * ONE, r=ONE, v_leak=0 * ONE)
I = nir.I(r=ONE)  # noqa: E741 - the primitive's name
CUBALI = nir.CubaLI(tau_mem=3 * ONE, tau_syn=2 * ONE, r=ONE, v_leak=0 * ONE)
FLATTEN = nir.Flatten(np.array([1, 3]), 0, -1)
IMAGE = nir.Flatten(np.array([1, 4, 4]), 0, -1)
POOLED = nir.Flatten(np.array([1, 2, 2]), 0, -1)
CONV2D = nir.Conv2d((4, 4), np.full((1, 1, 3, 3), 0.25), 1, 1, 1, 1, np.zeros(1))
CONV1D = nir.Conv1d(3, np.full((1, 1, 3), 0.5), 1, 1, 1, 1, np.zeros(1))
PIXELS = nir.IF(r=np.ones((1, 4, 4)), v_threshold=np.ones((1, 4, 4)), v_reset=np.zeros((1, 4, 4)))
BESIDE = nir.IF(r=np.ones((1, 3)), v_threshold=np.ones((1, 3)), v_reset=np.zeros((1, 3)))


def pool(kind: Any) -> Any:
    return kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))


def described(graph: nir.NIRGraph) -> NetworkDescription:
    shape = tuple(graph.nodes["input"].input_type["input"].tolist())
    encoding = InputEncoding(shape=shape, bits=4, fraction_bits=4)
    return from_nir(graph, dt=1, steps=6, input=encoding)


def chain(*nodes: Any, shape: tuple[int, ...] = (3,)) -> NetworkDescription:
    named = {"input": nir.Input(np.array(shape))}
    named |= {f"n{index}": node for index, node in enumerate(nodes)}
    return described(nir.NIRGraph(named, list(pairwise(named)), type_check=False))


def fan() -> NetworkDescription:
    """Synapses with delays behind neurons."""
    nodes = {
        "input": nir.Input(np.array([3])),
        "first": LINEAR,
        "lif": LIF,
        "late": nir.Delay(2 * ONE),
        "slow": nir.Linear(np.diag([0.5, 0, 0.5])),
        "fast": nir.Linear(np.diag([0, 0.75, 0])),
        "if": IF,
    }
    edges = [("input", "first"), ("first", "lif"), ("lif", "late"), ("late", "slow")]
    edges += [("lif", "fast"), ("slow", "if"), ("fast", "if")]
    return described(nir.NIRGraph(nodes, edges, type_check=False))


def loop(weights: Any) -> NetworkDescription:
    nodes = {"input": nir.Input(np.array([3])), "w": LINEAR, "lif": LIF, "back": weights}
    edges = [("input", "w"), ("w", "lif"), ("lif", "back"), ("back", "lif")]
    nodes["output"] = nir.Output(np.array([3]))
    return described(nir.NIRGraph(nodes, [*edges, ("lif", "output")], type_check=False))


def nested() -> NetworkDescription:
    inner = nir.NIRGraph.from_list(LINEAR, LIF)
    return described(nir.NIRGraph.from_list(inner, AFFINE, LIF))


def rows() -> dict[str, list[NetworkDescription]]:
    """Networks for each row of the table."""
    image, line = (1, 4, 4), (1, 3)
    one, several = nir.Scale(ONE / 2), nir.Scale(np.array([0.5, 1, 2]))
    dense = nir.Linear(np.full((3, 16), 0.25))
    quarter = nir.Linear(np.full((3, 4), 0.25))
    return {
        "Affine, Linear": [chain(AFFINE, LIF), chain(LINEAR, LIF)],
        "Conv1d, Conv2d": [
            chain(CONV1D, BESIDE, shape=line),
            chain(CONV2D, PIXELS, IMAGE, dense, LIF, shape=image),
        ],
        "SumPool2d, AvgPool2d": [
            chain(CONV2D, PIXELS, pool(kind), POOLED, quarter, LIF, shape=image)
            for kind in (nir.SumPool2d, nir.AvgPool2d)
        ],
        "Scale behind weights": [chain(LINEAR, one, LIF), chain(LINEAR, several, LIF)],
        "Scale before weights": [
            chain(LINEAR, LIF, one, LINEAR, LIF),
            chain(LINEAR, LIF, several, LINEAR, LIF),
        ],
        "Delay": [
            chain(LINEAR, LIF, nir.Delay(2 * ONE), LINEAR, LIF),
            chain(LINEAR, LIF, nir.Delay(np.array([0.0, 1, 2])), AFFINE, LIF),
        ],
        "Delay and Linear in several branches": [fan()],
        "Flatten": [chain(FLATTEN, LINEAR, LIF, shape=line)],
        "LIF, IF, CubaLIF, Threshold": [
            chain(LINEAR, each) for each in (LIF, IF, CUBALIF, nir.Threshold(ONE / 2))
        ],
        "LI, I, CubaLI at the end": [chain(LINEAR, LIF, LINEAR, each) for each in (LI, I, CUBALI)],
        "LI, I, CubaLI inside": [chain(LINEAR, each, LINEAR, LIF) for each in (LI, I, CUBALI)],
        "a neuron and Linear or Affine in a loop": [loop(LINEAR), loop(AFFINE)],
        "NIRGraph": [nested()],
        "spikes per step instead of one frame": [
            from_nir(nir.NIRGraph.from_list(LINEAR, LIF), dt=1, steps=6)
        ],
    }


def inputs(description: NetworkDescription) -> np.ndarray:
    encoding = description.input
    lead = (2,) if encoding.kind == "static" else (description.steps, 2)
    return np.random.default_rng(0).integers(0, 1 << encoding.bits, (*lead, *encoding.shape))


def in_torch(description: NetworkDescription) -> None:
    import torch

    from sc_neurocore.training import SpikingSequential

    network = SpikingSequential.from_description(description, backend="eager")
    unit = 2.0**-description.input.fraction_bits
    x = torch.from_numpy(inputs(description) * unit).float()
    static = description.input.kind == "static"
    output = network(x, steps=description.steps) if static else network(x)
    if any(weights.requires_grad for weights in network.parameters()):
        output.membrane.sum().backward()


COLUMNS: dict[str, Callable[[NetworkDescription], object]] = {
    "floats": lambda description: run_float(description, inputs(description)),
    "PyTorch": in_torch,
    "SC": lambda description: run_network(description, inputs(description), 16),
    "integers": lambda description: quantize(description, "Q8.8").run(inputs(description)),
    "RTL": lambda description: plan(quantize(without_integrators(description), "Q8.8"), 1),
}


@cache
def table() -> dict[str, dict[str, str]]:
    text = PAGE.read_text(encoding="utf-8").split("## What the nodes become")[1].split("## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *body = ([cell.strip() for cell in line[1:-1].split("|")] for line in lines)
    return {row[0]: dict(zip(head[2:], row[2:], strict=True)) for row in body}


def works(column: str, description: NetworkDescription) -> bool:
    try:
        COLUMNS[column](description)
    except UserError:
        return False
    return True


def test_the_table_has_a_row_for_each_primitive_and_a_column_for_each_use() -> None:
    assert list(table()) == list(rows())
    assert all(list(cells) == list(COLUMNS) for cells in table().values())
    named = set(re.findall(r"\w+", " ".join(table())))
    assert named >= {"Delay", "Flatten", "Affine", "Linear", "Scale", "NIRGraph", "Threshold"}
    assert named >= {"Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", *KINDS}


@pytest.mark.parametrize("row", rows())
def test_what_the_table_says_is_so(row: str) -> None:
    for column, cell in table()[row].items():
        found = [works(column, description) for description in rows()[row]]
        wanted = {"✓": [True] * len(found), "": [False] * len(found)}
        assert found == wanted.get(cell, found), (column, cell)
        assert cell in wanted or (any(found) and not all(found)), (column, cell, found)
