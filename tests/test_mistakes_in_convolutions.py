"""Convolutional networks that cannot be: what is said says what was given, and where."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop import from_nir
from sc_neurocore.network import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    save_description,
)


def described(*layers: Any, shape: tuple[int, ...] = (1, 6, 6)) -> NetworkDescription:
    """Return a network of these layers, with neurons behind each that does not only rearrange."""
    encoding = InputEncoding(shape=shape, bits=4, fraction_bits=0)
    with_neurons: list[Any] = []
    for layer in layers:
        with_neurons.append(layer)
        if not isinstance(layer, Flatten):
            with_neurons.append(Population(neuron=LIF))
    return NetworkDescription(name="mistaken", input=encoding, steps=2, layers=tuple(with_neurons))


def ones(*shape: int) -> np.ndarray[Any, Any]:
    return np.ones(shape)


CANNOT_BE: dict[str, tuple[Callable[[], Any], str]] = {
    "a kernel larger than its input": (
        lambda: described(Conv2d(weight=ones(2, 1, 7, 7))),
        r"layers\[0\]: conv2d: the kernel \(7, 7\) is larger than \(6, 6\): .*at most \(6, 6\)",
    ),
    "no output is left when it is spread": (
        lambda: described(Conv2d(weight=ones(2, 1, 3, 3), dilation=3)),
        r"layers\[0\]: .*\(6, 6\) when it is spread over \(7, 7\): no output.*at most \(2, 2\)",
    ),
    "a window larger than its image": (
        lambda: described(Conv2d(weight=ones(2, 1, 5, 5)), MaxPool2d(size=3)),
        r"layers\[2\]: max-pool2d: the window \(3, 3\) is larger than \(2, 2\)",
    ),
    "no channels": (lambda: Conv2d(weight=ones(0, 1, 3, 3)), r"shape \(0, 1, 3, 3\): expected"),
    "an image without rows": (
        lambda: described(Conv2d(weight=ones(2, 1, 3, 3)), shape=(1, 0, 6)),
        r"shape\[1\] is 0: expected at least 1",
    ),
    "no stride": (
        lambda: Conv2d(weight=ones(2, 1, 3, 3), stride=(0, 1)),
        r"stride\[0\] is 0: expected at least 1",
    ),
    "half a stride": (
        lambda: Conv2d(weight=ones(2, 1, 3, 3), stride=(1, 1.5)),
        r"stride\[1\] is 1\.5: expected a valid integer",
    ),
    "three strides": (
        lambda: Conv2d(weight=ones(2, 1, 3, 3), stride=(1, 1, 1)),
        r"stride: \(1, 1, 1\): expected two whole numbers, for rows and for columns",
    ),
    "padding below zero": (
        lambda: Conv2d(weight=ones(2, 1, 3, 3), padding=-1),
        r"padding\[0\] is -1: expected at least 0",
    ),
    "padding without end": (
        lambda: described(Conv2d(weight=ones(2, 1, 3, 3), padding=60_000)),
        r"layers\[0\]: conv2d has values of shape .*120004.*: at most",
    ),
    "dilation without end": (
        lambda: Conv2d(weight=ones(2, 1, 3, 3), dilation=1 << 40),
        r"dilation\[0\] is 1099511627776: expected at most 65536",
    ),
    "groups that do not divide the outputs": (
        lambda: Conv2d(weight=ones(3, 1, 3, 3), groups=2),
        "3 outputs do not divide into 2 groups",
    ),
    "groups that do not divide the inputs": (
        lambda: described(Conv2d(weight=ones(4, 1, 3, 3), groups=2), shape=(3, 6, 6)),
        r"conv2d \(channels\) expects an input of shape \(2,\), but \(3,\) arrives",
    ),
    "a line for an image": (
        lambda: described(Conv2d(weight=ones(2, 1, 3, 3)), shape=(1, 6)),
        r"conv2d expects an input \(channels, height, width\), but \(1, 6\) arrives",
    ),
    "an image for a line": (
        lambda: described(Conv1d(weight=ones(2, 1, 3))),
        r"conv1d expects an input \(channels, length\), but \(1, 6, 6\) arrives",
    ),
    "other channels on a line": (
        lambda: described(Conv1d(weight=ones(2, 3, 3)), shape=(1, 6)),
        r"conv1d \(channels\) expects an input of shape \(3,\), but \(1,\) arrives",
    ),
    "lists of several lengths": (
        lambda: Conv1d(weight=[[[1]], [[1, 2]]]),
        r"weight: .*: expected numbers, in lists of equal lengths",
    ),
}


@pytest.mark.parametrize("case", CANNOT_BE)
def test_what_cannot_be_is_refused(case: str) -> None:
    make, message = CANNOT_BE[case]
    with pytest.raises(DescriptionError, match=message):
        make()


def test_one_number_stands_for_rows_and_columns() -> None:
    layer = Conv2d(weight=ones(2, 1, 3, 3), stride=2, padding=1, dilation=3)
    assert (layer.stride, layer.padding, layer.dilation) == ((2, 2), (1, 1), (3, 3))
    assert MaxPool2d(size=2, stride=2) == MaxPool2d(size=(2, 2))


def _compile(*arguments: object) -> tuple[int, str]:
    shown = CliRunner().invoke(app, ["compile", *map(str, arguments)])
    assert isinstance(shown.exception, SystemExit)
    assert "a bug in" not in shown.output
    return shown.exit_code, " ".join(shown.output.split())


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            (AveragePool2d(size=4),),
            "layers[0]: average-pool2d: the window (4, 4), (4, 4) apart, does not divide (6, 6): "
            "the last 2 rows and 2 columns would be left out; crop to (4, 4), pad,",
        ),
        ((MaxPool2d(size=2),), "max pooling of numbers up to 15: accelerators pool spikes"),
        (
            (
                Conv2d(weight=ones(128, 1, 3, 3)),
                Conv2d(weight=ones(256, 128, 3, 3)),
                Flatten(),
                Dense(weight=ones(2, 256 * 4)),
            ),
            "does not fit Lattice iCE40 UltraPlus UP5K",
        ),
        (
            (Conv2d(weight=ones(128, 1, 1, 1)), Conv2d(weight=ones(128, 128, 1, 1))),
            "which makes 21233664 of them (at most 16777216); an image that is read out has its "
            "own for each place; put a dense layer behind it",
        ),
    ],
)
def test_what_hardware_cannot_do_is_refused(
    layers: tuple[Any, ...], message: str, tmp_path: Path
) -> None:
    save_description(described(*layers), tmp_path / "network")
    arguments = (tmp_path / "network", "--device", "up5k", "--out", tmp_path / "design")
    code, said = _compile(*arguments)
    assert code in (1, 2) and message in said
    assert not (tmp_path / "design").exists()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("stride", [0, 1], "layers[0].conv2d: stride[0] is 0: expected at least 1"),
        ("stride", "ab", "layers[0].conv2d: stride: 'ab': expected two whole numbers"),
        ("groups", "x", "layers[0].conv2d: groups is 'x': expected a valid integer"),
        ("kind", "conv7d", "layers[0]: 'kind' = 'conv7d': expected one of 'dense', "),
        ("colour", 1, "layers[0].conv2d: colour = 1: there is no such field"),
    ],
)
def test_a_saved_network_with_a_mistake_is_refused(
    field: str, value: Any, message: str, tmp_path: Path
) -> None:
    save_description(described(Conv2d(weight=ones(2, 1, 3, 3))), tmp_path)
    path = tmp_path / "network.json"
    content = json.loads(path.read_text())
    del content["sha256"]
    content["layers"][0][field] = value
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    content["sha256"] = hashlib.sha256(canonical.encode()).hexdigest()
    path.write_text(json.dumps(content))
    code, said = _compile(tmp_path, "--out", tmp_path / "design")
    assert code == 2 and message in said


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stride": np.array([0, 1])}, r"stride = \[0, 1\]: expected 2 whole numbers of at least"),
        ({"padding": np.array([-1, 0])}, r"padding = \[-1, 0\]: expected 2 whole numbers"),
        ({"dilation": np.array([5, 5])}, r"spread over \(11, 11\): no output is left"),
        ({"groups": 0}, "groups = 0: expected a whole number of at least 1"),
        ({"groups": 2}, r"expects an input of shape \(2,\), but \(1,\) arrives"),
        ({"weight": ones(2, 1, 0, 3)}, r"weight has shape \(2, 1, 0, 3\): expected none empty"),
        ({"weight": ones(2, 1, 7, 7)}, r"kernel \(7, 7\) is larger than \(6, 6\)"),
        ({"input_shape": np.array([5, 5])}, r"input_shape = \(5, 5\), but \(6, 6\) arrives"),
    ],
)
def test_a_graph_with_a_mistake_is_refused(changes: dict[str, Any], message: str) -> None:
    node = {
        "type": "Conv2d",
        "input_shape": np.array([6, 6]),
        "weight": ones(2, 1, 3, 3),
        "stride": np.array([1, 1]),
        "padding": np.array([0, 0]),
        "dilation": np.array([1, 1]),
        "groups": 1,
        "bias": np.zeros(2),
    }
    nodes = {
        "input": {"type": "Input", "shape": np.array([1, 6, 6])},
        "eyes": node | changes,
        "output": {"type": "Output", "shape": np.array([2, 4, 4])},
    }
    graph = {"type": "NIRGraph", "nodes": nodes, "edges": [("input", "eyes"), ("eyes", "output")]}
    with pytest.raises(DescriptionError, match=rf"node 'eyes' \(Conv2d\): .*{message}"):
        from_nir(graph, dt=1e-3, steps=2)


def test_complex_weights_are_refused(require_package: Callable[[str], Any]) -> None:
    torch = require_package("torch")
    from sc_neurocore.training import LIFCell, SpikingSequential

    net = SpikingSequential(torch.nn.Conv2d(1, 2, 3, dtype=torch.complex64), LIFCell())
    encoding = InputEncoding(shape=(1, 6, 6), bits=4, fraction_bits=0)
    with pytest.raises(UserError, match=r"module 0 \(Conv2d\): numbers of type torch\.complex64"):
        net.to_description("complex", encoding, 2)
