"""Files and graphs of strangers: whatever is in them, the answer is a description or our error."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop import from_nir

MEGABYTE = 1 << 20


def read_damaged(count: int, first: int) -> int:
    """Read damaged files in a process with limits on memory and time; return how many were read."""
    script = Path(__file__).with_name("damaged_files.py")
    command = [sys.executable, str(script), str(count), str(first)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-5000:]
    (said,) = re.findall(rf"^{count} files: (\d+) read, \d+ refused$", done.stdout, re.MULTILINE)
    return int(said)


def test_a_thousand_damaged_files() -> None:
    read = read_damaged(1000, 0)
    assert 100 < read < 900  # those in which weights, or nothing that counts, was hit


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 11))
def test_a_hundred_thousand_damaged_files(number: int) -> None:
    read = read_damaged(100_000, number * 1_000_000)
    assert 10_000 < read < 90_000


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 64 * MEGABYTE
    finally:
        tracemalloc.stop()


def image(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A chain behind an image of 4 x 4."""
    named: dict[str, Any] = {"input": {"type": "Input", "shape": np.array([1, 4, 4])}}
    named |= {f"n{index}": node for index, node in enumerate(nodes)}
    names = list(named)
    return {
        "type": "NIRGraph",
        "nodes": named,
        "edges": list(itertools.pairwise(names)),
    }


ONE = np.array([1.0])
IF = {"type": "IF", "r": ONE, "v_threshold": ONE, "v_reset": ONE - 1}


@pytest.mark.parametrize("padding", [2, 1000, 100_000, 1 << 40])
def test_zeros_around_an_image_do_not_fill_the_memory(padding: int) -> None:
    node = nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 1, padding, 1, 1, np.zeros(1)).to_dict()
    graph = image(node, IF)
    with little_memory():
        if padding <= 1000:
            layers = from_nir(graph, dt=1, steps=1).layers
            assert layers[1].parameters == {"gain": 1, "v_threshold": 1, "v_reset": 0}
            return
        with pytest.raises(DescriptionError, match=r"'n0' \(Conv2d\): (values of|padding)"):
            from_nir(graph, dt=1, steps=1)


def test_ends_of_graphs_do_not_multiply_edges_without_limit() -> None:
    count = 400
    inner = {
        "type": "NIRGraph",
        "nodes": {"input": {"type": "Input", "shape": ONE}}
        | {f"i{index}": {"type": "Scale"} for index in range(count)},
        "edges": [("input", f"i{index}") for index in range(count)],
    }
    outer = {
        "type": "NIRGraph",
        "nodes": {"inner": inner} | {f"o{index}": {"type": "Scale"} for index in range(count)},
        "edges": [(f"o{index}", "inner") for index in range(count)],
    }
    with little_memory(), pytest.raises(DescriptionError, match="400 edges lead to this end"):
        from_nir(outer, dt=1, steps=1)


def test_graphs_in_a_graph_count_as_nodes() -> None:
    empty: dict[str, Any] = {"type": "NIRGraph", "nodes": {}, "edges": []}
    graph = {"type": "NIRGraph", "nodes": {f"g{i}": empty for i in range(10_001)}, "edges": []}
    with pytest.raises(DescriptionError, match="more than 10000 nodes"):
        from_nir(graph, dt=1, steps=1)


def test_names_are_not_longer_than_names() -> None:
    graph = image({"type": "Flatten"})
    graph["nodes"]["." * 2000] = IF
    with pytest.raises(DescriptionError, match="a name of 2000 characters, 1000 at most"):
        from_nir(graph, dt=1, steps=1)
