"""The graphs of the tests of the package nir (1.0.8), made here with numbers of our own.

Those that a description can hold go from graph to description to graph, and through a file; of the
others each says which node it is that cannot be.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop import from_nir, read_nir, to_nir
from sc_neurocore.interop.graph import chain

DT = 0.5
RANDOM = np.random.default_rng(20)


def some(*shape: int) -> np.ndarray:
    """Numbers between 1 and 2."""
    return RANDOM.uniform(1, 2, shape)


def affine(inputs: int, outputs: int) -> nir.Affine:
    return nir.Affine(
        weight=RANDOM.normal(size=(outputs, inputs)), bias=RANDOM.normal(size=outputs)
    )


def linear(inputs: int, outputs: int) -> nir.Linear:
    return nir.Linear(weight=RANDOM.normal(size=(outputs, inputs)))


def lif(size: int) -> nir.LIF:
    return nir.LIF(
        tau=10 * some(size),
        r=some(size),
        v_leak=some(size) - 1,
        v_reset=some(size) - 2,
        v_threshold=some(size),
    )


def conv(channels: int, kernel: tuple[int, ...], **changes: Any) -> nir.Conv1d | nir.Conv2d:
    fields = {"input_shape": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    fields["bias"] = RANDOM.normal(size=channels)
    weight = RANDOM.normal(size=(channels, 1, *kernel))
    kind = nir.Conv1d if len(kernel) == 1 else nir.Conv2d
    return kind(**{**fields, "weight": weight, **changes})


def through(shape: tuple[int, ...], *nodes: Any) -> nir.NIRGraph:
    """A chain from an Input to an Output that does not say its shape."""
    named = {"input": nir.Input(np.array(shape))}
    named |= {f"n{index}": node for index, node in enumerate(nodes)}
    named["output"] = nir.Output(None)
    graph = nir.NIRGraph(named, list(pairwise(named)), type_check=False)
    graph.infer_types()
    return graph


def pool(kind: Any) -> Any:
    return kind(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))


def weights_in_a_loop() -> nir.NIRGraph:
    nodes = {
        "a": nir.Input(np.array([2])),
        "b": linear(2, 2),
        "c": nir.IF(r=some(2), v_threshold=some(2)),
        "d": nir.Output(np.array([2])),
    }
    return nir.NIRGraph(nodes, [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])


GRAPHS: dict[str, Callable[[], nir.NIRGraph]] = {
    "sequential": lambda: nir.NIRGraph.from_list(
        affine(2, 3), nir.Delay(np.array([0.5, 1.0, 2.0])), lif(3), affine(3, 2)
    ),
    "two affine": lambda: nir.NIRGraph({"a": affine(3, 3), "b": affine(3, 3)}, [("a", "b")]),
    "two linear": lambda: nir.NIRGraph({"a": linear(3, 3), "b": linear(3, 3)}, [("a", "b")]),
    "one linear": lambda: nir.NIRGraph({"transform": linear(6, 4)}, []),
    "affine": lambda: through((3,), affine(3, 3)),
    "I": lambda: nir.NIRGraph({"a": affine(2, 2), "b": nir.I(some(2))}, [("a", "b")]),
    "IF": lambda: nir.NIRGraph.from_list(affine(2, 2), nir.IF(some(2), some(2), some(2) - 1)),
    "LI": lambda: nir.NIRGraph.from_list(affine(2, 3), nir.LI(5 * some(3), some(3), some(3))),
    "linear, LI": lambda: nir.NIRGraph.from_list(
        linear(2, 3), nir.LI(5 * some(3), some(3), some(3))
    ),
    "LIF": lambda: nir.NIRGraph.from_list(affine(2, 3), lif(3)),
    "CubaLI": lambda: nir.NIRGraph.from_list(
        affine(2, 3),
        nir.CubaLI(
            tau_mem=3 * some(3), tau_syn=5 * some(3), r=some(3), v_leak=some(3), w_in=some(3)
        ),
    ),
    "CubaLIF": lambda: nir.NIRGraph.from_list(
        affine(2, 3),
        nir.CubaLIF(
            tau_mem=3 * some(3),
            tau_syn=5 * some(3),
            r=some(3),
            v_leak=some(3),
            v_reset=some(3) - 1,
            v_threshold=2 * some(3),
            w_in=some(3),
        ),
    ),
    "Scale": lambda: through((3,), nir.Scale(some(3))),
    "Delay": lambda: through((3,), nir.Delay(np.array([1.0, 2.0, 3.0]))),
    "Threshold": lambda: through((3,), nir.Threshold(some(3))),
    "Flatten": lambda: through((2, 3), nir.Flatten(np.array([2, 3]), 0, 1)),
    "Flatten of an unknown shape": lambda: through((1, 64, 64), nir.Flatten(None, 0, 2)),
    "SumPool2d": lambda: through((2, 10, 10), pool(nir.SumPool2d)),
    "AvgPool2d": lambda: through((2, 10, 10), pool(nir.AvgPool2d)),
    "Conv2d": lambda: nir.NIRGraph.from_list(
        conv(1, (3, 3), input_shape=(100, 100), weight=RANDOM.normal(size=(1, 2, 3, 3)))
    ),
    "Conv2d, moved": lambda: through(
        (1, 100, 100), conv(3, (3, 3), input_shape=(100, 100), padding=(1, 1), stride=(1, 2))
    ),
    "Conv2d, same": lambda: through((1, 3, 3), conv(1, (3, 3), padding="same")),
    "Conv2d without bias or shape": lambda: through((1, 64, 64), conv(1, (4, 4), bias=None)),
    "Conv1d, moved": lambda: through((1, 100), conv(2, (3,), padding=1, stride=2)),
    "Conv1d without bias": lambda: through((1, 64), conv(1, (4,), input_shape=64, bias=None)),
    "names": lambda: nir.NIRGraph.from_list(
        *(linear(2, 3), linear(3, 2), affine(2, 3), affine(3, 2)) * 2
    ),
    "weights in a loop": weights_in_a_loop,
    "nested": lambda: nir.NIRGraph.from_list(
        nir.NIRGraph.from_list(affine(2, 3), lif(3)), nir.NIRGraph.from_list(linear(3, 2), lif(2))
    ),
}


def parts(graph: nir.NIRGraph) -> list[tuple[str, dict[str, Any]]]:
    """Kind and fields of the nodes from input to output, loops too."""
    found = []
    for stage in chain(graph.to_dict()):
        loop = [] if stage.loop is None else [stage.loop]
        for node in (stage.node, *loop):
            hidden = ("type", "metadata", "input_type", "output_type", "input_shape")
            fields = {
                name: np.asarray(value, np.float64)
                for name, value in node.fields.items()
                if name not in hidden and value is not None and not isinstance(value, str)
            }
            found.append((node.kind, fields))
    return found


@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_becomes_a_description_and_the_same_graph_again(name: str) -> None:
    graph = GRAPHS[name]()
    description = from_nir(graph, dt=DT, steps=3)
    back = to_nir(description, dt=DT)
    assert from_nir(back) == description
    before, after = parts(graph), parts(back)
    assert [kind for kind, _ in after] == [kind for kind, _ in before]
    for (kind, fields), (_, made) in zip(before, after, strict=True):
        for field, value in fields.items():
            if field == "end_dim":  # the last axis, counted from either end
                continue
            wanted = np.broadcast_to(value, made[field].shape)
            np.testing.assert_allclose(made[field], wanted, rtol=1e-12, err_msg=f"{kind}.{field}")


@pytest.mark.parametrize("name", GRAPHS)
def test_a_file_is_its_graph_whatever_its_author_noted(name: str, tmp_path: Path) -> None:
    graph = GRAPHS[name]()
    for node in graph.nodes.values():
        node.metadata = {"some": "text", "with": 2, "data": np.array([1, 2, 3])}
        if getattr(node, "bias", node) is None:  # nir.write has no way to say so
            node.bias = np.zeros(len(node.weight))
    nir.write(tmp_path / "graph.nir", graph)
    said = {"dt": DT, "steps": 3, "name": "net"}
    assert read_nir(tmp_path / "graph.nir", **said) == from_nir(graph, **said)


def loop_of_an_integrator() -> nir.NIRGraph:
    nodes = {"a": affine(2, 2), "b": affine(2, 2), "c": nir.I(some(2)), "d": affine(2, 2)}
    return nir.NIRGraph(nodes, [("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])


def integrator_and_delay() -> nir.NIRGraph:
    nodes = {
        "input": nir.Input(np.array([3])),
        "integrator": nir.I(some(3)),
        "delay": nir.Delay(some(3)),
        "output": nir.Output(None),
    }
    edges = [("input", "integrator"), ("integrator", "delay"), ("delay", "integrator")]
    inner = nir.NIRGraph(nodes, [*edges, ("integrator", "output")])
    return nir.NIRGraph({"affine": affine(3, 3), "inner": inner}, [("affine", "inner")])


def split(*, middle: bool, joined: bool) -> nir.NIRGraph:
    """Two branches, from one node or two, that meet or do not."""
    branches = {
        "left": nir.NIRGraph.from_list(affine(3, 2), lif(2)),
        "right": nir.NIRGraph.from_list(affine(3, 2), lif(2)),
    }
    nodes = {**({"before": nir.NIRGraph.from_list(affine(2, 3), lif(3))} if middle else {})}
    nodes |= {**branches, **({"after": affine(2, 2)} if joined else {})}
    edges = [("before", name) for name in branches] if middle else []
    edges += [(name, "after") for name in branches] if joined else []
    return nir.NIRGraph(nodes, edges)


def residual() -> nir.NIRGraph:
    nodes = {
        "a": affine(2, 2),
        "b": lif(2),
        "c": affine(2, 2),
        "d": lif(2),
        "e": affine(2, 2),
        "f": lif(2),
    }
    return nir.NIRGraph(nodes, [*pairwise(nodes), ("a", "e")])


def connected_to_itself() -> nir.NIRGraph:
    nodes = {"input": nir.Input(np.array([2])), "a": affine(2, 2), "output": nir.Output(None)}
    return nir.NIRGraph(nodes, [("input", "a"), ("a", "a"), ("a", "output")])


REFUSED = {
    "an integrator in a loop": (loop_of_an_integrator, r"'c' \(I\).*only neurons that spike"),
    "an integrator and a delay": (
        integrator_and_delay,
        r"'inner\.integrator' \(I\): it gets the sum of 'affine', 'inner\.delay'",
    ),
    "two ways": (lambda: split(middle=False, joined=False), "2 Input nodes"),
    "two ways that meet": (lambda: split(middle=False, joined=True), "2 Input nodes"),
    "a fork": (lambda: split(middle=True, joined=False), "2 Output nodes"),
    "a fork that meets": (
        lambda: split(middle=True, joined=True),
        r"'before\.lif' \(LIF\): the branches 'left\.affine', 'right\.affine' do not meet",
    ),
    "a short cut": (residual, r"'a' \(Affine\): it leads to 'b', 'e': branches can be"),
    "a node that is its own input": (
        connected_to_itself,
        r"'a' \(Affine\): it is connected to itself",
    ),
    "Flatten of some axes": (
        lambda: through((4, 5, 2), nir.Flatten(np.array([4, 5, 2]), 0, 1)),
        r"'n0' \(Flatten\): start_dim = 0, end_dim = 1 .* expected all axes",
    ),
    "Flatten of the last axes": (
        lambda: through((2, 8, 8), nir.Flatten(None, 1, -1)),
        r"start_dim = 1, end_dim = 2 .* joins \(8, 8\) and leaves .*: expected all axes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_graph_that_cannot_be_held_names_its_node(name: str) -> None:
    graph, message = REFUSED[name]
    with pytest.raises(DescriptionError, match=message):
        from_nir(graph(), dt=DT, steps=3)


@pytest.mark.parametrize(
    ("shape", "start", "end", "kinds"),
    [
        ((2, 8, 8), 0, 0, []),
        ((2, 8, 8), -1, -1, []),
        ((64,), 0, -1, []),
        ((1, 8, 8), 1, -1, ["flatten"]),  # what is left beside it has the length 1
        ((2, 8, 8), 0, -1, ["flatten"]),
    ],
)
def test_a_flatten_of_nothing_is_nothing(
    shape: tuple[int, ...], start: int, end: int, kinds: list[str]
) -> None:
    description = from_nir(through(shape, nir.Flatten(None, start, end)), dt=DT, steps=3)
    assert [layer.kind for layer in description.layers][:-1] == kinds
