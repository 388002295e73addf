"""Layers in a row as one: the same sums in real numbers, and a clear no where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding, NetworkDescription, folding
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.folding import fold_linear

QUIET = kinds.Population(neuron=CATALOGUE["IF"], parameters={"threshold": 1e6})
"""Neurons that add up their currents and never fire."""


def network(shape: tuple[int, ...], *layers: Any) -> NetworkDescription:
    encoding = InputEncoding(shape=shape, bits=5, fraction_bits=4)
    return NetworkDescription(name="net", input=encoding, steps=2, layers=(*layers, QUIET))


def check_equal(description: NetworkDescription) -> NetworkDescription:
    folded = fold_linear(description)
    shape = (3, *description.input.shape)
    inputs = np.random.default_rng(0).integers(0, 32, shape)
    wanted = run_float(description, inputs).membrane
    np.testing.assert_allclose(run_float(folded, inputs).membrane, wanted, rtol=1e-9, atol=1e-9)
    assert list(folded.shapes())[-1] == list(description.shapes())[-1]
    runs = "".join("w" if isinstance(each, kinds.Weighted) else "-" for each in folded.layers)
    assert "ww" not in runs.replace("-", "")
    return folded


def random_connection(random: np.random.Generator, shape: tuple[int, ...], is_first: bool) -> Any:
    """A linear layer of images that fits the shape; zeros around only in the first one."""
    kind = random.choice(["conv", "conv", "depthwise", "average", "sum", "scale"])
    padding = random.integers(0, 3, 2).tolist() if is_first else (0, 0)
    stride = random.integers(1, 3, 2).tolist()
    size = [int(random.integers(1, min(3, side) + 1)) for side in shape[1:]]
    if kind in ("average", "sum") and not is_first:
        return (kinds.AveragePool2d if kind == "average" else kinds.SumPool2d)(
            size=size, stride=stride
        )
    if kind == "scale" and not is_first:
        return kinds.Scale(factor=random.normal(size=shape[0] if random.random() < 0.5 else ()))
    groups = shape[0] if kind == "depthwise" else int(random.choice([1, 2]))
    outputs = 2 * groups if kind == "depthwise" else 4
    return kinds.Conv2d(
        weight=random.normal(size=(outputs, shape[0] // groups, *size)),
        bias=random.normal(size=outputs) if random.random() < 0.7 else None,
        groups=groups,
        padding=padding,
        stride=stride,
        dilation=[int(random.integers(1, 3)) if side == 1 else 1 for side in size],
    )


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 4), ends_dense=st.booleans())
def test_rows_of_linear_layers_are_one_layer(seed: int, depth: int, ends_dense: bool) -> None:
    random = np.random.default_rng(seed)
    shape: tuple[int, ...] = (2, 9, 8)
    layers: list[Any] = []
    for number in range(depth):
        layers.append(random_connection(random, shape, not number))
        shape = layers[-1].output_shape(shape)
    if ends_dense:
        layers += [
            kinds.Flatten(),
            kinds.Dense(weight=random.normal(size=(3, int(np.prod(shape))))),
        ]
    folded = check_equal(network((2, 9, 8), *layers))
    weighted = [layer for layer in folded.layers if isinstance(layer, kinds.Weighted)]
    assert len(weighted) == 1
    assert weighted[0].kind == ("dense" if ends_dense else "conv2d")


def test_a_kernel_within_a_kernel_by_hand() -> None:
    # Two taps 1, 2 three columns apart, and behind them 3, 4 with a stride of 2 before: the taps
    # of both lie at 0 and 3, and 2 further.
    first = kinds.Conv2d(weight=[[[[1.0, 2.0]]]], bias=[5.0], stride=(1, 2), dilation=(1, 3))
    second = kinds.Conv2d(weight=[[[[3.0, 4.0]]]], bias=[7.0])
    (one, _) = check_equal(network((1, 1, 12), first, second)).layers
    assert one.weight.ravel().tolist() == [3, 0, 4, 6, 0, 8]
    assert one.bias.tolist() == [7 + 5 * (3 + 4)]
    assert one.stride == (1, 2)


def test_lines_stay_lines_and_groups_stay_groups() -> None:
    random = np.random.default_rng(0)
    lines = check_equal(
        network(
            (4, 20),
            kinds.Conv1d(weight=random.normal(size=(6, 2, 3)), groups=2, padding=2, stride=2),
            kinds.Scale(factor=random.normal(size=6)),
            kinds.Conv1d(
                weight=random.normal(size=(4, 3, 2)), groups=2, bias=random.normal(size=4)
            ),
        )
    )
    assert [layer.kind for layer in lines.layers] == ["conv1d", "population"]
    assert (lines.layers[0].groups, lines.layers[0].weight.shape) == (2, (4, 2, 5))
    separable = check_equal(
        network(
            (6, 8, 8),
            kinds.Conv2d(weight=random.normal(size=(6, 1, 3, 3)), groups=6),
            kinds.AveragePool2d(size=(2, 2)),
            kinds.Conv2d(weight=random.normal(size=(6, 1, 1, 1)), groups=6),
        )
    )
    assert separable.layers[0].groups == 6


def test_what_needs_no_folding_stays_as_it_is() -> None:
    random = np.random.default_rng(0)
    weight, delays = random.normal(size=(4, 18)), random.integers(0, 3, (4, 18))
    description = network(
        (2, 6, 6),
        kinds.SumPool2d(size=(2, 2)),
        kinds.Delay(delays=1),
        kinds.Flatten(),
        kinds.DelayDense(weight=weight, delays=delays),
        QUIET,
        kinds.Dense(weight=random.normal(size=(4, 4))),
        kinds.Scale(factor=2.0),
    )
    assert fold_linear(description) == description


def test_what_cannot_be_one_layer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dense = kinds.Dense(weight=np.eye(4))
    kernel = kinds.Conv2d(weight=np.ones((1, 1, 2, 2)))
    for shape, layers, message in [
        (
            (4,),
            (dense, kinds.Delay(delays=1), dense),
            r"layers\[1\] is 'delay', which has a memory",
        ),
        (
            (4,),
            (QUIET, dense, kinds.DelayDense(weight=np.eye(4), delays=np.eye(4))),
            r"layers\[2\] is 'delay-dense', .*: layers\[1\] to layers\[2\] have no neurons",
        ),
        (
            (1, 9, 9),
            (kernel, kinds.MaxPool2d(size=(2, 2)), kernel),
            r"layers\[1\] is 'max-pool2d', which is not linear",
        ),
        (
            (1, 4, 4),
            (kernel, kernel.model_copy(update={"padding": (0, 1)})),
            r"layers\[1\] is 'conv2d', whose zeros around",
        ),
        (
            (1, 4, 4),
            (kernel, kinds.Scale(factor=np.ones((1, 3, 3))), kernel),
            r"layers\[1\] is 'scale', which differs from place to place",
        ),
    ]:
        with pytest.raises(UserError, match=message):
            fold_linear(network(shape, *layers))
    monkeypatch.setattr(folding, "_MAXIMUM_WEIGHTS", 15)
    message = r"layers\[1\] is '\w+', with which it would have 16 weights \(at most 15 are"
    with pytest.raises(UserError, match=message):
        fold_linear(network((4,), dense, dense))
    far = kinds.Conv2d(weight=np.ones((1, 1, 1, 2)), dilation=(1, 14))
    with pytest.raises(UserError, match=message):
        fold_linear(network((1, 1, 20), far, kinds.Conv2d(weight=np.ones((1, 1, 1, 2)))))
