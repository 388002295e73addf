"""Graphs of other frameworks as accelerators: from the .nir file to the co-simulated core."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import nir
import numpy as np
import pytest

from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import load_design
from sc_neurocore.interop import read_nir
from sc_neurocore.verify.cosimulation import cosimulate

RequireTool = Callable[..., None]
STEPS, DT = 8, 1e-4


def affine(random: np.random.Generator, inputs: int, outputs: int) -> nir.Affine:
    weight = random.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))
    return nir.Affine(weight=weight, bias=random.normal(0, 0.1, outputs))


def cuba(size: int) -> nir.CubaLIF:
    one = np.ones(size)
    return nir.CubaLIF(
        tau_mem=1e-3 * one, tau_syn=4e-4 * one, r=10 * one, v_leak=0 * one, v_threshold=one,
        w_in=4 * one,
    )  # fmt: skip


def graph(kind: str) -> nir.NIRGraph:
    random = np.random.default_rng(3)
    lif = nir.LIF(
        tau=np.full(3, 1e-3), r=np.full(3, 10.0), v_leak=np.zeros(3), v_threshold=np.ones(3)
    )
    nodes = {
        "input": nir.Input(np.array([6])),
        "first": affine(random, 6, 5),
        "hidden": cuba(5),
        "second": affine(random, 5, 3),
        "last": lif,
        "output": nir.Output(np.array([3])),
    }
    names = list(nodes)
    edges = list(pairwise(names))
    if kind == "recurrent":
        nodes["loop"] = affine(random, 5, 5)
        edges += [("hidden", "loop"), ("loop", "hidden")]
    return nir.NIRGraph(nodes=nodes, edges=edges)


@pytest.mark.parametrize("kind", ["feed-forward", "recurrent"])
def test_an_imported_graph_becomes_a_core(
    kind: str, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    nir.write(tmp_path / "net.nir", graph(kind))
    description = read_nir(tmp_path / "net.nir", dt=DT, steps=STEPS)
    assert description.input.kind == "spikes"
    design = compile_design(description, tmp_path / "design", lanes=4).design
    accelerator, network = design.accelerator, design.network
    assert accelerator.schedule == "step-outer"
    assert (network.layers[0].feedback is not None) == (kind == "recurrent")
    assert load_design(tmp_path / "design").accelerator == accelerator
    inputs = np.random.default_rng(0).random((STEPS, 10, 6)) < 0.4
    result = cosimulate(accelerator, network, inputs.astype(int), "icarus")
    assert result.first_mismatch is None
    assert result.updates == 10 * STEPS * (5 + 3)
    assert network.run(inputs.astype(int)).spike_counts.sum() > 0
