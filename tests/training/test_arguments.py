"""Whatever a cell or a network cannot use is refused, with what was given and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sc_neurocore.equation import LIF, SURROGATES, Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    LIFCell,
    RecurrentCell,
    RecurrentLIFCell,
    SpikingNet,
)
from sc_neurocore.training.surrogate import atan_surrogate

FRAME = torch.ones(2, 3)
SEQUENCE = torch.ones(4, 2, 3)
NAN = float("nan")


def make(backend: str, **options: Any) -> Cell:
    if backend == "recurrent":
        return RecurrentLIFCell(3, **options)
    return LIFCell(backend=backend, **options)


def refuse(message: str, run: Callable[[], Any]) -> None:
    with pytest.raises(UserError, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backend", ["eager", "numba", "recurrent"])
@pytest.mark.parametrize(
    ("currents", "message"),
    [
        (np.ones((4, 2, 3)), r"found a ndarray, expected a torch tensor.*torch\.as_tensor"),
        ([[1.0]], r"found \[\[1\.0\]\], expected a torch tensor"),
        (None, "found None"),
        ("text", "found 'text'"),
        (nn.Linear(2, 2), "found a Linear"),
        (SEQUENCE.long(), r"found type torch.int64, expected a float type.*\.float\(\)"),
        (SEQUENCE.bool(), "found type torch.bool"),
        (SEQUENCE + 0j, "found type torch.complex64"),
        (SEQUENCE.to(torch.float8_e4m3fn), "of 16 bits or more"),
        (SEQUENCE.to_sparse(), r"found a sparse tensor.*to_dense"),
        (torch.tensor(1.0), r"shape \(\), expected \(T, batch|a single number"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, np.ndarray | nn.Module) else None,
)
def test_currents_are_tensors_of_floats(backend: str, currents: Any, message: str) -> None:
    cell = make(backend)
    for run in (cell.unroll, cell, cell.readout, cell.pooled):
        refuse(message, lambda run=run: run(currents))  # type: ignore[misc]
    refuse(message, lambda: cell.unroll(currents, steps=2))


@pytest.mark.parametrize("backend", ["eager", "numba", "recurrent"])
@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        *(
            ("steps", steps, r"steps = .*: expected a whole number of at least 1")
            for steps in (0, -1, 2.0, 2.5, True, "3", NAN, [3], np.float64(3), 1j)
        ),
        ("state", (FRAME,), "found a tuple, expected None, a state that the cell returned"),
        ("state", FRAME, "found a Tensor"),
        ("state", 0.0, "found 0.0"),
        ("state", {"u": FRAME}, "state 'u': LIF has no such state here; it has v"),
        ("state", {"v": None}, "state 'v' of LIF: found None, expected a tensor"),
        ("state", {"v": np.ones((2, 3))}, "state 'v' of LIF: found a ndarray"),
        ("state", {"v": FRAME[0]}, r"found shape \(3,\), expected .* \(2, 3\)"),
        ("state", {"v": FRAME.long()}, "found type torch.int64"),
        ("state", {"v": FRAME + 0j}, "found type torch.complex64"),
        ("state", {"v": FRAME.to("meta")}, "found device meta, expected that of the currents, cpu"),
        ("lengths", [1, 1], r"found \[1, 1\]; torch.tensor makes one"),
        ("lengths", np.ones(2, int), "found array"),
        ("lengths", torch.tensor([1.0, 2.0]), "of 2 whole numbers from 0 to 3.* torch.float32"),
        ("lengths", torch.tensor([True, False]), "found type torch.bool"),
        ("lengths", torch.tensor([-1, 2]), "found -1 to 2"),
        ("lengths", torch.tensor([4, 2]), "found 2 to 4"),
        ("lengths", torch.tensor(2), r"found shape \(\)"),
        ("lengths", torch.ones(2, device="meta").long(), "found device meta for currents on cpu"),
        ("record", 3, "record = 3: expected names out of v"),
        ("record", None, "record = None: expected names"),
        ("record", [["v"]], "expected names"),
        ("record", "uv", "record='uv': LIF has no such state; it has v"),
    ],
)
def test_what_goes_with_currents(backend: str, argument: str, value: Any, message: str) -> None:
    refuse(message, lambda: make(backend).unroll(FRAME, **{"steps": 3, argument: value}))


@pytest.mark.parametrize("backend", ["eager", "numba", "recurrent"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({"surrogate": surrogate}, "expected a Surrogate or one of atan_surrogate, fast_sigm")
            for surrogate in (None, "relu", torch.sigmoid, 2.0, type(atan_surrogate))
        ),
        ({"reset": True}, "reset=True: expected 'subtract', 'zero', 'none' or a finite number"),
        ({"reset": [0]}, r"reset=\[0\]"),
        ({"detach_reset": "no"}, "detach_reset = 'no': expected True or False"),
        ({"learn_beta": "no"}, "learn_beta = 'no': expected True or False"),
        ({"learn_beta": np.ones(2)}, "learn_beta = a.*: expected True or False"),
        *(
            ({"channels": count, "learn": "beta"}, "channels = .*: expected a whole number")
            for count in (0, -1, 3.0, "3", True, [3])
        ),
        *(
            ({"channel_axis": axis}, "expected a negative whole number, counted from the last")
            for axis in (0, 1, -1.0, None, "last")
        ),
        ({"learn": 3}, "learn = 3: expected names out of beta, threshold"),
        ({"learn": None}, "learn = None"),
        ({"learn": "bet"}, "no parameter 'bet'; it has beta, threshold"),
        ({"learn_tau": True}, "no parameter 'learn_tau'"),
        ({"beta": NAN}, "beta = nan: the parameter must lie in"),
        ({"beta": [0.5, NAN, 0.5]}, "beta = nan"),
        *(
            ({"beta": value}, "beta = .*: expected a number, or one per channel")
            for value in (None, "0.5", True, 0.5j, {}, 10**400, [[0.5], [0.5, 0.4]], object())
        ),
        ({"beta": torch.empty(3, device="meta")}, "expected a number"),
        ({"beta": np.ones(3) * 0.5j}, "expected a number"),
        ({"threshold": [True] * 3}, "expected a number"),
        ({"beta": [[0.5]]}, r"beta has shape \(1, 1\): expected a number"),
        ({"beta": []}, r"beta has shape \(0,\): expected a number"),
    ],
)
def test_what_a_cell_is_made_of(backend: str, options: dict[str, Any], message: str) -> None:
    refuse(message, lambda: make(backend, **options))


@pytest.mark.parametrize("kind", [Cell, lambda neuron: RecurrentCell(neuron, 3)])
@pytest.mark.parametrize("neuron", ["LIF", None, 3, LIFCell, Neuron, LIFCell()])
def test_a_cell_needs_a_neuron(kind: Callable[[Any], Cell], neuron: Any) -> None:
    refuse("neuron: found .*, expected a Neuron, such as find_neuron", lambda: kind(neuron))


@pytest.mark.parametrize("backend", [None, 3, ["numba"]])
def test_a_backend_is_a_name(backend: Any) -> None:
    refuse("expected 'auto', 'eager', 'numba' or 'triton'", lambda: LIFCell(backend=backend))


@pytest.mark.parametrize("alpha", ["2", 0, -1, None, True, NAN, float("inf"), [1], 1j])
def test_the_sharpness_of_a_surrogate_is_a_positive_number(alpha: Any) -> None:
    refuse("alpha = .*: expected a finite number above 0", lambda: atan_surrogate(alpha))


@pytest.mark.parametrize("size", [0, 2.0, "3", None, True, [3]])
def test_sizes_are_whole_numbers(size: Any) -> None:
    refuse("n_neurons = .*: expected a whole", lambda: RecurrentLIFCell(size))
    refuse("each must be a whole number of at least 1", lambda: SpikingNet(3, size, 2))
    refuse("each must be a whole number of at least 1", lambda: SpikingNet(3, 4, 2, n_layers=size))
    refuse("whole numbers of at least 1", lambda: ConvSpikingNet(kernel_size=size))
    refuse("whole numbers of at least 1", lambda: ConvSpikingNet(input_shape=size))
    refuse("whole numbers of at least 1", lambda: ConvSpikingNet(channels=(size,)))


def test_recurrent_weights_have_the_layers_shape() -> None:
    layer = RecurrentLIFCell(3, bias=True)
    weight = torch.ones(3, 3)
    for wrong in (torch.ones(2, 3), torch.ones(3), [[1.0]], np.ones((3, 3)), None, 1.0):
        refuse(r"recurrent weight: .* shape \(3, 3\)", lambda w=wrong: layer.set_weight(w))  # type: ignore[misc]
    for wrong in (torch.ones(2), [1.0], 1.0):
        refuse(
            r"recurrent bias: .* shape \(3,\)",
            lambda w=wrong: layer.set_weight(weight, w),  # type: ignore[misc]
        )
    without = RecurrentLIFCell(3)
    refuse("no bias; make it with bias=True", lambda: without.set_weight(weight, torch.ones(3)))


@pytest.mark.parametrize(
    "cell", ["LIF", None, 3, [LIFCell], Cell, RecurrentCell, Neuron, nn.ReLU, nn.ReLU(), lambda: 3]
)
def test_a_network_needs_cells(cell: Any) -> None:
    refuse(
        "cell=.*: expected a Neuron, the class of a cell", lambda: SpikingNet(3, 4, 2, cell=cell)
    )


@pytest.mark.parametrize(
    ("x", "steps", "message"),
    [
        (FRAME, None, r"shape \(2, 3\) and steps=None: expected \(T, batch, 3\) without .*steps=T"),
        (torch.ones(2, 4), 5, r"expected .* \(batch, 3\) with steps=T"),
        (torch.ones(5, 2, 4), None, r"expected \(T, batch, 3\)"),
        (torch.ones(3), 5, r"shape \(3,\)"),
        (FRAME, 2.0, "steps = 2.0"),
        (FRAME.long(), 5, "the input: found type torch.int64"),
        (FRAME.numpy(), 5, "the input: found .*, expected a torch tensor"),
        (FRAME.double(), 5, "type torch.float64 and the network torch.float32: give both the same"),
        (FRAME.to("meta"), 5, "the input is on meta and the network on cpu"),
        (torch.ones(0, 2, 3), None, "T >= 1"),
    ],
)
def test_the_input_of_a_network(x: Any, steps: Any, message: str) -> None:
    refuse(message, lambda: SpikingNet(3, 4, 2)(x, steps=steps))


@pytest.mark.parametrize("shape", [(2, 144), (2, 3, 12, 12), (1, 12, 12), (12, 12)])
def test_images_have_channels_rows_and_columns(shape: tuple[int, ...]) -> None:
    net = ConvSpikingNet((1, 12, 12), (2,), 4, 2, 3)
    refuse(r"\(batch, 1, rows, columns\) with steps", lambda: net(torch.ones(shape), steps=2))


@pytest.mark.parametrize("shape", [(2, 144), (1, 12, 12), (2, 1, 12, 1), (2, 1, 3, 4, 4)])
def test_only_images_are_averaged_over_squares(shape: tuple[int, ...]) -> None:
    refuse("not averaged over squares", lambda: LIFCell().pooled(torch.ones(shape), steps=2))


def test_what_is_written_another_way_means_the_same() -> None:
    cell = LIFCell(surrogate="fast_sigmoid", beta=torch.tensor(0.5), learn="beta")
    assert cell.surrogate is SURROGATES["fast_sigmoid"]
    assert cell.parameter_values()["beta"] == pytest.approx(0.5)
    expected = cell.unroll(FRAME, steps=3, record=("v",))
    for steps in (np.int64(3), torch.tensor(3)):
        found = cell.unroll(FRAME, steps=steps, record="v")
        assert torch.equal(found[0], expected[0]) and torch.equal(found[2].v, expected[2].v)
    assert LIFCell(channels=np.int64(3), learn_beta=np.True_).free["beta"].shape == (3,)
    assert str(LIF.with_reset(np.float32(0))) == str(LIF.with_reset("zero"))
    for backend in ("eager", "numba"):
        half = LIFCell(backend=backend)(FRAME, {"v": 0.25 * FRAME.double()})[1]
        assert half.v.dtype == torch.float32
