"""What cannot be represented is named: node, field and value."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop import from_nir, read_nir
from sc_neurocore.interop.hdf5 import Unreadable
from sc_neurocore.network import InputEncoding

ONES = np.ones(3)
NEURON = nir.LIF(5 * ONES, 2 * ONES, 0 * ONES, ONES, 0 * ONES)
GRAPH = nir.NIRGraph(
    {"input": nir.Input(np.array([3])), "n0": NEURON}, [("input", "n0")], type_check=False
)
FOUR = InputEncoding(kind="sequence", shape=(4,), bits=4, fraction_bits=2)


def tree(**nodes: Any) -> dict[str, Any]:
    """A chain of dictionaries."""
    named = {"input": {"type": "Input", "shape": np.array([3])}, **nodes}
    names = list(named)
    edges = list(pairwise(names))
    return {"type": "NIRGraph", "nodes": named, "edges": edges}


LIF = NEURON.to_dict()
IMAGE = {"type": "Input", "shape": np.array([1, 4, 4])}
CONV = nir.Conv2d((4, 4), np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2)).to_dict()
EYE = {"type": "Linear", "weight": np.eye(3)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (tree(x={**LIF, "tau": ONES * [1, np.nan, 1]}), r"'x' \(LIF\): tau\[1\] is nan"),
        (tree(x={**LIF, "tau": -ONES}), r"'x' \(LIF\): tau = -1: expected more than 0"),
        (tree(x={**LIF, "tau": ONES / 3}), r"'x' \(LIF\).*expected dt < 2 tau"),
        (tree(x={**LIF, "r": np.ones(4)}), r"'x' \(LIF\): r has shape \(4,\).*shape \(3,\) arrive"),
        (tree(x={**LIF, "r": "much"}), r"'x' \(LIF\): r = 'much': expected numbers"),
        (
            tree(x={**LIF, "r": 1e300 * ONES, "tau": 1e-8 * ONES}),
            "expected dt < 2 tau",
        ),
        (tree(x={"type": "LIF"}), r"'x' \(LIF\): the field tau is missing"),
        (tree(x={"type": "Spiky"}), r"'x' \(Spiky\): this primitive is not known; known: Affine"),
        (tree(x={"r": 1}), "'x': no type"),
        (tree(x={"type": "Linear", "weight": np.eye(4)}), r"weight has shape \(4, 4\).*\(3,\)"),
        (tree(x={"type": "Linear", "weight": np.ones((0, 3))}), "none empty"),
        (tree(x={"type": "Linear", "weight": np.ones(3)}), "expected 2 axes"),
        (tree(x={"type": "Linear", "weight": np.full((1, 3), "x")}), "expected numbers"),
        (tree(x={**EYE, "type": "Affine", "bias": np.ones((1, 3))}), r"bias has shape \(1, 3\)"),
        (tree(x={"type": "Scale", "scale": np.ones(2)}), r"scale has shape \(2,\)"),
        (tree(x={"type": "Delay", "delay": ONES * 1.5}), r"with dt = 1 that is 1.5 steps"),
        (tree(x={"type": "Delay", "delay": -ONES}), r"delay = -1"),
        (tree(x={"type": "Delay", "delay": ONES * 1e9}), r"a delay of 1000000000 steps"),
        (tree(input=IMAGE, x={**CONV, "padding": "same", "stride": (2, 2)}), r"padding = 'same'"),
        (tree(input=IMAGE, x={**CONV, "padding": "full"}), r"padding = 'full'"),
        (tree(input=IMAGE, x={**CONV, "stride": (0, 1)}), r"stride = \[0, 1\].*at least 1"),
        (tree(input=IMAGE, x={**CONV, "stride": (1, 1, 1)}), r"expected 2 whole numbers"),
        (tree(input=IMAGE, x={**CONV, "dilation": 1.5}), r"dilation = 1.5"),
        (tree(input=IMAGE, x={**CONV, "groups": 3}), r"do not divide into 3 groups"),
        (tree(input=IMAGE, x={**CONV, "dilation": 4}), r"the kernel \(3, 3\) is larger"),
        (tree(input=IMAGE, x={**CONV, "input_shape": (5, 5)}), r"input_shape = \(5, 5\)"),
        (tree(x=CONV), r"expected channels and 2 axes"),
        (
            tree(
                input=IMAGE,
                x={"type": "SumPool2d", "kernel_size": (2, 2), "stride": 2, "padding": 2},
            ),
            "at most half of kernel_size",
        ),
        (
            tree(input=IMAGE, x={"type": "Flatten", "start_dim": 0, "end_dim": 1}),
            r"start_dim = 0, end_dim = 1.*expected all axes to become one",
        ),
        (
            tree(x=LIF, output={"type": "Output", "shape": np.array([4])}),
            r"'output'.*shape is \(4,\)",
        ),
        (tree(input={"type": "Input", "shape": np.array([0])}), "expected positive sizes"),
        (
            tree(input={"type": "Input", "shape": np.array([1 << 20, 1 << 20])}),
            "more than 16777216",
        ),
        (tree(input={"type": "Input"}), "the field shape is missing"),
        ({"type": "NIRGraph", "nodes": {}, "edges": []}, "0 Input nodes"),
        ({"type": "NIRGraph", "nodes": [], "edges": []}, "expected a NIRGraph"),
        (None, "expected a NIRGraph"),
        (
            {**tree(x=LIF), "edges": [("input", "y")]},
            "names 'y', which is not a node; known: input",
        ),
        ({**tree(x=LIF), "edges": [("input",)]}, "is not a pair of names"),
        ({**tree(x=LIF), "edges": np.zeros((2, 3))}, r"edges of shape \(2, 3\)"),
        ({**tree(x=LIF), "edges": None}, "no edges"),
        ({**tree(x=LIF), "edges": Unreadable("a date")}, "no edges"),
        ({**tree(x=LIF), "edges": np.array(3)}, "no edges"),
        (tree(x={**LIF, "r": Unreadable("a date")}), r"'x' \(LIF\): r: a date: expected numbers"),
        ({**tree(x=LIF, y=LIF), "edges": [("input", "x")]}, "2 Output nodes"),
        (
            {
                **tree(x=LIF, y=LIF, output={"type": "Output", "shape": np.array([3])}),
                "edges": [("input", "x"), ("x", "output")],
            },
            r"'y' \(LIF\): no edge leads to it or from it",
        ),
        (
            {
                **tree(x=LIF, y=LIF, output={"type": "Output", "shape": np.array([3])}),
                "edges": [("input", "x"), ("x", "output"), ("y", "y")],
            },
            r"'y' \(LIF\): it is connected to itself",
        ),
        (
            {**tree(x=LIF), "edges": [("input", "x"), ("x", "x")]},
            r"'x' \(LIF\): it is connected to",
        ),
        (
            {
                **tree(x=LIF, y=LIF, z=LIF),
                "edges": [("input", "x"), ("input", "y"), ("x", "z"), ("y", "z")],
            },
            r"'input' \(Input\): it leads to 'x', 'y'",
        ),
        (
            {
                **tree(a=LIF, w=EYE, b=LIF, output={"type": "Output", "shape": np.array([3])}),
                "edges": [("input", "a"), ("a", "w"), ("w", "b"), ("b", "a"), ("b", "output")],
            },
            "which is neither recurrent nor a fan|it leads to|part of a loop",
        ),
        (
            {
                **tree(a=nir.I(r=ONES).to_dict(), w=EYE),
                "edges": [("input", "a"), ("a", "w"), ("w", "a")],
            },
            "only neurons that spike can be recurrent",
        ),
        (
            {
                **tree(a=LIF, w={"type": "Linear", "weight": np.ones((3, 2))}),
                "edges": [("input", "a"), ("a", "w"), ("w", "a")],
            },
            r"'w' \(Linear\): weight has shape \(3, 2\)",
        ),
    ],
)
def test_what_cannot_be_represented_is_named(given: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        from_nir(given, dt=1.0, steps=3)


def test_graphs_without_end_are_refused() -> None:
    deep: Any = tree(x=LIF)
    for _ in range(100):
        deep = {"type": "NIRGraph", "nodes": {"inner": deep}, "edges": []}
    with pytest.raises(DescriptionError, match="nested deeper than 16"):
        from_nir(deep, dt=1, steps=1)
    wide = tree(**{f"n{index}": LIF for index in range(10_001)})
    with pytest.raises(DescriptionError, match="more than 10000 nodes"):
        from_nir(wide, dt=1, steps=1)
    many = {**tree(x=LIF), "edges": [("input", "x")] * 100_001}
    with pytest.raises(DescriptionError, match="100001 edges"):
        from_nir(many, dt=1, steps=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 3}, "dt=None: expected the length of a time step"),
        ({"steps": 3, "dt": -1.0}, "dt=-1.0"),
        ({"steps": 3, "dt": float("nan")}, "dt=nan"),
        ({"dt": 1.0}, "steps=None: expected the number of time steps"),
        ({"dt": 1.0, "steps": 0}, "steps=0"),
        ({"dt": 1.0, "steps": 3, "method": "heun"}, "method='heun': expected one of euler"),
        ({"dt": 1.0, "steps": 3, "reset": "soft"}, "reset='soft': expected one of value, subtract"),
        ({"dt": 1.0, "steps": 1 << 16}, "steps=65536: expected .* 1 to 65535"),
        ({"dt": 1.0, "steps": 3, "readout": "best"}, "readout='best': expected spike-count"),
        ({"dt": 1.0, "steps": 3, "input": FOUR}, "4 values: the graph takes 3"),
    ],
)
def test_what_nir_does_not_say_must_be_said(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        from_nir(GRAPH, **options)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="No such file"):
        read_nir(tmp_path / "missing.nir", dt=1, steps=1)
    (tmp_path / "text.nir").write_text("hello")
    with pytest.raises(DescriptionError, match=r"text\.nir: a text, not an HDF5 file"):
        read_nir(tmp_path / "text.nir", dt=1, steps=1)
    nir.write(tmp_path / "whole.nir", GRAPH)
    content = (tmp_path / "whole.nir").read_bytes()
    (tmp_path / "part.nir").write_bytes(content[:-1])
    with pytest.raises(DescriptionError, match=f"cut short: {len(content) - 1} of {len(content)}"):
        read_nir(tmp_path / "part.nir", dt=1, steps=1)
    with h5py.File(tmp_path / "other.nir", "w") as file:
        file["model_weights"] = 1.0
    with pytest.raises(DescriptionError, match=r"an HDF5 file with 'model_weights' in it, and not"):
        read_nir(tmp_path / "other.nir", dt=1, steps=1)


def lif(tau: float, r: float, size: int = 3) -> dict[str, Any]:
    ones = np.ones(size)
    return nir.LIF(tau * ones, r * ones, 0 * ones, ones, 0 * ones).to_dict()


@pytest.mark.parametrize(
    ("nodes", "framework", "dt"),
    [
        ({"a": lif(1e-3, 10), "b": lif(5e-4, 5)}, None, 1e-4),
        ({"a": lif(2.5e-3, 2), "b": lif(5e-3, 4)}, None, 1.25e-3),  # two speak of the same
        ({"a": lif(1e-3, 10)}, None, 1e-4),
        ({"a": nir.IF(ONES, ONES, 0 * ONES).to_dict()}, None, 1.0),
        ({"a": nir.IF(1e4 * ONES, ONES, 0 * ONES).to_dict()}, None, 1e-4),
        ({"a": lif(1e-3, 1)}, "snntorch", 1e-4),
        ({"a": lif(1e-3, 1)}, "spikingjelly", 1e-4),
        ({"a": lif(10, 1)}, "sinabs", 1.0),
        ({"a": lif(0.02, 0.02 / 1e-3 * np.exp(-1e-3 / 0.02))}, "rockpool", 1e-3),
    ],
)
def test_the_time_step_is_found_where_the_file_gives_it_away(
    nodes: dict[str, Any], framework: Any, dt: float
) -> None:
    spikes = 1 if framework in ("sinabs", "rockpool") else None
    found = from_nir(tree(**nodes), steps=3, framework=framework, spikes=spikes)
    assert found.metadata["nir_dt"] == dt
    assert found.metadata["nir_dt_origin"]


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": lif(1e-3, 1)},  # as Norse and Sinabs write it
        {"a": lif(2.5e-3, 2)},  # r may be a resistance
        {"a": lif(1e-3, 10), "b": lif(5e-4, 3)},
        {"a": lif(1e-3, 10), "b": lif(5e-6, 0.05)},  # a step longer than a time constant
        {"a": lif(1e-3, 0)},
    ],
)
def test_a_time_step_that_nothing_speaks_of_must_be_said(nodes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"dt=None.*The shortest time constant is "):
        from_nir(tree(**nodes), steps=3)


def test_a_time_step_that_cannot_be_right_is_refused_and_the_one_that_fits_is_named() -> None:
    graph = tree(a=lif(1e-2, 100), b=lif(5e-3, 50))
    with pytest.raises(DescriptionError, match=r"multiplied by 10 in every neuron.* dt = 0.0001"):
        from_nir(graph, steps=3, dt=1e-3)
    assert from_nir(graph, steps=3, dt=1e-3, trust_dt=True).metadata["nir_dt"] == 1e-3
    assert from_nir(graph, steps=3, dt=5e-5).metadata["nir_dt"] == 5e-5  # a finer step is fine
    with pytest.raises(DescriptionError, match=r"turns its sign.*its r is tau/dt for dt = 0.0001"):
        from_nir(graph, steps=3, dt=7e-3)
    with pytest.raises(DescriptionError, match=r"diverges.*its r is tau/dt for dt = 0.0001"):
        from_nir(graph, steps=3, dt=1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"framework": "lava"}, "framework='lava': expected one of snntorch, norse, sinabs"),
        ({"fires": "below"}, "fires='below': expected one of above, at"),
        ({"gain": "two"}, "gain='two': expected one of file, one"),
        ({"spikes": 17, "reset": "subtract"}, "spikes=17: expected 1 to 16"),
        ({"spikes": 2}, "spikes=2 with reset='value': expected reset='subtract'"),
        ({"reset": "delayed-subtract", "fires": "at"}, "expected fires='above' and no floor"),
        ({"reset": "delayed-zero", "floor": -1.0}, "expected fires='above' and no floor"),
        ({"floor": float("nan")}, "floor=nan: expected a number"),
    ],
)
def test_choices_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        from_nir(GRAPH, dt=1.0, steps=3, **options)
