"""Files that are not what a .nir file is, and files whose shapes have axes too many: named."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import nir
import numpy as np
import pytest

from sc_neurocore.errors import DescriptionError
from sc_neurocore.interop import from_nir, read_nir, to_nir, write_nir
from sc_neurocore.interop.equations import equation
from sc_neurocore.network import Conv2d, InputEncoding, NetworkDescription, Population

ONES = np.ones(3)
LIF = nir.LIF(5 * ONES, ONES, 0 * ONES, ONES, 0 * ONES)
NODES = {
    "input": nir.Input(np.array([3])),
    "a": nir.Affine(np.eye(3), ONES),
    "n": LIF,
    "output": nir.Output(np.array([3])),
}
EDGES = [("input", "a"), ("a", "n"), ("n", "output")]


def rewritten(folder: Path, libver: Any = None, **options: Any) -> Path:
    """A .nir file, its weight written with other options of HDF5."""
    source, target = folder / "source.nir", folder / "target.nir"
    nir.write(source, nir.NIRGraph(dict(NODES), list(EDGES)))
    with h5py.File(source) as old, h5py.File(target, "w", libver=libver) as new:

        def copy(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                value = item[()]
                special = options if name.endswith("weight") else {}
                new.create_dataset(
                    name,
                    data=special.get("data", value),
                    **{key: each for key, each in special.items() if key != "data"},
                )

        old.visititems(copy)
    return target


@pytest.mark.parametrize("options", [{}, {"compression": "gzip"}, {"chunks": (1, 3)}])
def test_what_other_writers_do_is_read(options: dict[str, Any], tmp_path: Path) -> None:
    description = read_nir(rewritten(tmp_path, **options), dt=1.0, steps=3)
    np.testing.assert_array_equal(description.layers[0].weight, np.eye(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compression": "lzf"}, r"filter 32000 \(lzf\): only deflate .* compression='gzip'"),
        ({"fletcher32": True}, r"filter 3 \(fletcher32\)"),
        (
            {"libver": "latest"},
            r"superblock version 3 \(h5py's libver='latest'\).*default settings",
        ),
        ({"data": np.eye(3) > 0}, r"weight: .*\(an enumeration, as h5py writes booleans\)"),
    ],
)
def test_another_layout_of_hdf5_is_named(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DescriptionError, match=message):
        read_nir(rewritten(tmp_path, **options), dt=1.0, steps=3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "run git lfs pull"),
        (b"", "an empty file"),
        (b"node:\n  type: NIRGraph\n", "a text, not an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a file of NumPy"),
        (b"\x00\x01\x02", "not an HDF5 file"),
    ],
)
def test_another_kind_of_file_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "net.nir"
    path.write_bytes(content)
    with pytest.raises(DescriptionError, match=message):
        read_nir(path, dt=1.0, steps=3)


def test_a_network_of_lava_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trained.net"
    with h5py.File(path, "w") as file:
        file["layer/0/type"] = "input"
    with pytest.raises(DescriptionError, match=r"a network of Lava \(\.net\)"):
        read_nir(path, dt=1.0, steps=3)


@pytest.mark.parametrize("shape", [(2, 6, 9), (1, 4, 4)])
def test_convolutions_that_are_not_square_go_out_and_come_back(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    weight = np.random.default_rng(0).normal(size=(2, shape[0], 3, 1))
    description = NetworkDescription(
        name="net",
        input=InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0),
        steps=3,
        layers=[
            Conv2d(weight=weight, stride=(2, 1), padding=(1, 0)),
            Population(neuron=equation("IF")),
        ],
    )
    assert read_nir(write_nir(description, tmp_path / "net.nir")) == description


def chained(*nodes: Any, shape: tuple[int, ...]) -> nir.NIRGraph:
    named = {"input": nir.Input(np.array(shape))}
    named |= {f"n{index}": node for index, node in enumerate(nodes)}
    names = list(named)
    return nir.NIRGraph(named, list(itertools.pairwise(names)), type_check=False)


@pytest.mark.parametrize("lead", [(), (1,), (7,), (1, 25), (256, 1)])
def test_axes_of_batch_and_time_are_not_taken_for_neurons(lead: tuple[int, ...]) -> None:
    found = from_nir(chained(NODES["a"], LIF, shape=(*lead, 3)), dt=1.0, steps=3)
    assert found.input.shape == (3,)
    image = nir.Conv2d(None, np.ones((2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2))
    spikes = nir.IF(np.ones((1, 2, 2, 2)), np.ones((1, 2, 2, 2)), np.zeros((1, 2, 2, 2)))
    flat = nir.Flatten(None, 1 if lead else 0, -1)
    graph = chained(image, spikes, flat, shape=(*lead, 1, 4, 4))
    if len(lead) < 2:
        found = from_nir(graph, dt=1.0, steps=3)
        assert (found.input.shape, found.outputs) == ((1, 4, 4), 8)


def test_a_batch_axis_of_neurons_is_named() -> None:
    spikes = nir.IF(np.ones((4, 3)), np.ones((4, 3)), np.zeros((4, 3)))
    with pytest.raises(DescriptionError, match="its first axis is a batch or time axis; export"):
        from_nir(chained(NODES["a"], spikes, shape=(3,)), dt=1.0, steps=3)


def test_one_number_for_all_neurons_says_nothing_of_their_shape(shared_data: Path) -> None:
    path = shared_data / "nir" / "nir_history_3a3afb6f.nir"
    assert read_nir(path, dt=1e-4, steps=3).input.shape == (1000,)


def test_parallel_weights_are_added_up() -> None:
    random = np.random.default_rng(0)
    one, two = random.normal(size=(2, 3, 3))
    nodes = NODES | {"a": nir.Affine(one, ONES / 8), "b": nir.Affine(two, ONES / 4)}
    edges = [*EDGES, ("input", "b"), ("b", "n")]
    found = from_nir(nir.NIRGraph(nodes, edges, type_check=False), dt=1.0, steps=9)
    assert [layer.kind for layer in found.layers] == ["dense", "population"]
    np.testing.assert_array_equal(found.layers[0].weight, one + two)
    np.testing.assert_array_equal(found.layers[0].bias, 3 * ONES / 8)


@pytest.mark.parametrize(
    ("extra", "edges", "message"),
    [
        (
            {"b": nir.Linear(np.eye(3)), "m": LIF},
            [("n", "b"), ("b", "m"), ("n", "m"), ("m", "output")],
            "A residual connection past neurons cannot: train without it",
        ),
        (
            {"b": nir.Linear(np.eye(3)), "m": LIF, "c": nir.Linear(np.eye(3))},
            [("n", "b"), ("b", "m"), ("m", "c"), ("c", "n"), ("n", "output")],
            "excitatory and inhibitory ones, become one population",
        ),
        (
            {"second": nir.Input(np.array([3])), "b": nir.Linear(np.eye(3))},
            [("second", "b"), ("b", "n"), ("n", "output")],
            r"2 Input nodes \('input', 'second'\): expected one; join them into one",
        ),
        (
            {"second": nir.Output(np.array([3]))},
            [("n", "second"), ("n", "output")],
            r"2 Output nodes \('output', 'second'\): expected one; join them",
        ),
    ],
)
def test_graphs_that_cannot_be_represented_are_refused_with_what_to_change(
    extra: dict[str, Any], edges: list[tuple[str, str]], message: str
) -> None:
    graph = nir.NIRGraph(NODES | extra, [*EDGES[:2], *edges], type_check=False)
    with pytest.raises(DescriptionError, match=message):
        from_nir(graph, dt=1.0, steps=3)


def test_a_network_goes_out_with_the_time_step_and_rule_it_came_in_with() -> None:
    graph = nir.NIRGraph(dict(NODES), list(EDGES))
    found = from_nir(graph, dt=0.5, steps=3, method="exponential-euler")
    again = to_nir(found, allow_differences=True)
    np.testing.assert_allclose(again.nodes["1"].tau, LIF.tau, rtol=1e-12)
    assert from_nir(again) == found
    other = to_nir(found, dt=1e-3, method="euler", allow_differences=True)
    np.testing.assert_allclose(other.nodes["1"].tau, 1e-3 / (1 - np.exp(-0.1) * ONES), rtol=1e-12)
