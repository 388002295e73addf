"""Weights stand in front of the inputs that the integer model weighs with them, all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.hdl.small_convolutions import draw_network

from sc_neurocore.array_types import Integers
from sc_neurocore.equation import LIF
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.layers import engine_layers
from sc_neurocore.hdl.memories import weight_rows
from sc_neurocore.hdl.planning import plan
from sc_neurocore.network import (
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.verify import taps
from sc_neurocore.verify.taps import check_taps, other_matrix
from sc_neurocore.verify.windows import Tables

RequireTool = Callable[..., None]


def _planned_weights(network: IntegerNetwork, g: Geometry) -> tuple[Integers, Integers]:
    """Return weights and delays as they are laid out."""
    words, _ = weight_rows(engine_layers(network), g)
    fields = words.reshape(len(words), g.group_sums, -1)
    delays = fields[..., 1] if g.delay_bits else np.zeros_like(fields[..., 0])
    return fields[..., 0], delays


@settings(deadline=None, max_examples=30)
@example(971, 1, False)  # behind pooling, places that see padding alone
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 4, 16]), st.booleans())
def test_what_is_laid_out_makes_the_matrix_of_the_integer_model(
    seed: int, lanes: int, is_outer: bool
) -> None:
    """Of any network that is drawn; and with one weight changed it does not."""
    network = quantize(one_map_each(draw_network(seed)), "Q8.8", 6)
    g = plan(network, lanes, "step-outer" if is_outer else "auto")
    if not g.windows:
        return
    weights, delays = _planned_weights(network, g)
    given_ = Tables.planned(g), g
    for number in range(len(g.layers)):
        for is_whole in (True, False):
            assert not other_matrix(*given_, weights, delays, network, number, is_whole=is_whole), (
                number
            )
    last = g.layers[-1]
    changed = weights.copy()
    changed[last.first_row, 0] += 1  # of the first output, in front of the first input
    assert other_matrix(*given_, changed, delays, network, last.number)


@pytest.mark.parametrize("size", range(2, 9))
def test_an_input_that_is_not_joined_is_noticed(size: int) -> None:
    network = _network(
        MaxPool2d(size=(size, size)),
        Conv2d(weight=np.ones((1, 1, 1, 1))),
        Population(neuron=LIF),
        Flatten(),
        Dense(weight=np.ones((1, 1))),
        shape=(1, size, size),
    )
    g = plan(network, 1)
    tables = Tables.planned(g)
    given_ = g, *_planned_weights(network, g), network, 0
    assert not other_matrix(tables, *given_)
    for axis in ("row", "column"):
        (offset, rows, joined), *rest = tables.taps[axis]
        assert joined == size - 1
        other = {**tables.taps, axis: [(offset, rows, joined - 1), *rest]}
        assert "joins other" in other_matrix(replace(tables, taps=other), *given_)


def _network(*layers: object, shape: tuple[int, ...]) -> IntegerNetwork:
    description = NetworkDescription(
        name="images",
        input=InputEncoding(shape=shape, bits=1, fraction_bits=0),
        steps=3,
        layers=(*layers, Population(neuron=LIF)),  # type: ignore[arg-type]
    )
    return quantize(description)


def _compiled(folder: Path) -> None:
    """Compile a network with a convolution and a recurrent layer."""
    random = np.random.default_rng(0)
    description = NetworkDescription(
        name="images",
        input=InputEncoding(shape=(2, 4, 4), bits=2, fraction_bits=0),
        steps=3,
        layers=(
            Conv2d(weight=random.normal(size=(3, 2, 2, 2)), padding=(1, 0)),
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=random.normal(size=(3, 45))),
            Recurrent(neuron=LIF, weight=random.normal(size=(3, 3))),
        ),
    )
    compile_design(description, folder, lanes=2, allow=["all"])


def test_all_weights_of_a_design_are_checked(
    require_tool: RequireTool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of own spikes, too; and where a matrix is too large, it is said."""
    require_tool("yosys")
    _compiled(tmp_path)
    with opened(tmp_path) as design:
        found = check_taps(design.accelerator, design.network)
        assert found.status == "proved" and not found.bound, found.detail
        assert found.figures["numbers"] == 32 * 45 + (45 + 3) * 3
        # The last layer has a matrix of 45 x 3.
        monkeypatch.setattr(taps, "MOST_NUMBERS", 300)
        found = check_taps(design.accelerator, design.network)
        assert found.status.startswith("bounded(") and "layers 0," in found.bound
        assert found.figures["numbers"] == (45 + 3) * 3


@pytest.mark.parametrize("row", [0, -1], ids=["of the first tap", "of the last own spike"])
def test_another_weight_is_refuted(row: int, require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("yosys")
    _compiled(tmp_path)
    path = tmp_path / "rtl" / "images_weights.hex"
    words = path.read_text().split()
    words[row] = f"{int(words[row], 16) ^ 1:0{len(words[row])}x}"
    path.write_text("\n".join([*words, ""]))
    with opened(tmp_path, allow_edited=True) as design:
        found = check_taps(design.accelerator, design.network)
    assert found.status == "refuted", found.detail
    assert ("own spikes" in found.detail) is (row == -1)
