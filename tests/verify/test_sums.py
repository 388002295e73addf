"""What goes into a sum, and how large it gets: proved, computed, and refuted where broken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.layers import Part
from sc_neurocore.network import DelayDense, InputEncoding, NetworkDescription, Population
from sc_neurocore.verify.sums import prove_additions, prove_sums

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("sizes", "lanes", "engine"),
    [([3, 2], 1, {}), ([20, 12, 10], 4, {"units": 4, "inputs_per_beat": 8})],
)
def test_no_input_is_added_twice(
    sizes: list[int],
    lanes: int,
    engine: dict[str, int],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_network(sizes, steps=3), lanes, **engine).write(tmp_path)
    assert prove_additions(accelerator).status == "proved"


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("file", "old", "new", "beat", "claim"),
    [
        (
            "scanner",
            "<= source & ~next_lowest;",
            "<= source;",
            2,
            "assert",
        ),
        ("loader", "beat <= beat + 1'b1;", "beat <= beat;", 1, "assert"),
    ],
)
def test_an_engine_that_adds_twice_is_refuted(
    file: str,
    old: str,
    new: str,
    beat: int,
    claim: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(
        make_network([2, 1], steps=1), lanes=2, inputs_per_beat=beat
    ).write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_additions(accelerator, depth=16)
    assert result.status == "refuted"
    assert claim in result.detail


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("file", "old", "new", "claim"),
    [
        ("accumulator", "token_add && !added;", "token_add;", "assert"),
        (
            "loader",
            "event_address    <= event_address + 1'b1;",
            "event_address    <= event_address;",
            "event_address",
        ),
    ],
)
def test_a_step_outer_engine_that_adds_twice_is_refuted(
    file: str,
    old: str,
    new: str,
    claim: str,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    layer = DelayDense(weight=np.array([[0.5, 1.0]]), bias=np.zeros(1), delays=np.array([[0, 1]]))
    description = NetworkDescription(
        name="tiny",
        input=InputEncoding(kind="static", shape=(2,), bits=1, fraction_bits=0),
        steps=1,
        layers=[layer, Population(neuron=LIF)],
        readout="spike-count",
    )
    accelerator = render_accelerator(quantize(description), 2, "step-outer").write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_additions(accelerator, depth=16)
    assert result.status == "refuted"
    assert claim in result.detail


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("file", "old", "new", "beat"),
    [
        ("engine", "({event_bank, event_address}),", "({1'b0, event_address}),", 1),
        ("engine", "({frame_bank, event_word}),", "({event_bank, event_word}),", 1),
        ("engine", "= {INPUT_BITS{1'b0}};", "= {INPUT_BITS{1'b1}};", 2),
        ("loader", "frame_last_event <= event_address;", "frame_last_event <= beat;", 1),
        ("scanner", "value = values[place*INPUT_BITS +:", "value = values[0 +:", 2),
    ],
)  # fmt: skip
def test_an_engine_that_loses_or_mixes_up_values_is_refuted(
    file: str,
    old: str,
    new: str,
    beat: int,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(
        make_network([4, 1], steps=1), lanes=2, inputs_per_beat=beat
    ).write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_additions(accelerator, depth=18)
    assert result.status == "refuted", result.detail
    assert "assert" in result.detail


@pytest.mark.parametrize("schedule", ["group-stationary", "step-outer"])
def test_one_bit_less_is_refuted(
    schedule: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("yosys")
    network = make_network([40, 8, 3], steps=4)
    accelerator = render_accelerator(network, 4, schedule).write(tmp_path)
    result = prove_sums(accelerator, network)
    assert result.status == "proved"
    needed = result.figures["bits_needed"]
    layer = network.layers[0]
    largest = (1 << network.input_bits) - 1
    for neuron, weights in enumerate(layer.weight):  # each neuron's own extremes fit, by hand
        high = largest * sum(int(w) for w in weights if w > 0) + max(int(layer.bias[neuron]), 0)
        assert high < 1 << (needed - 1)
    assert accelerator.geometry.sum_bits == needed
    change(tmp_path / "rtl/tiny.v", f".SUM_BITS({needed})", f".SUM_BITS({needed - 1})")
    narrow = prove_sums(accelerator, network)
    assert narrow.status == "refuted"
    assert f"{needed} bits, and the accumulators have {needed - 1}" in narrow.detail


def test_sums_that_were_planned_too_small_are_refuted(
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What plans the accumulators is not asked how large a sum can get."""
    require_tool("yosys")
    network = make_network([80, 8, 3], steps=4)
    fits = prove_sums(render_accelerator(network, 4).write(tmp_path / "fits"), network)
    planned = Part.range

    def smaller(part: Part) -> tuple[Any, Any]:
        low, high = planned(part)
        return low // 2, high // 2

    monkeypatch.setattr(Part, "range", smaller)
    narrow = prove_sums(render_accelerator(network, 4).write(tmp_path / "narrow"), network)
    assert (fits.status, narrow.status) == ("proved", "refuted")
    assert narrow.figures["bits_needed"] == fits.figures["bits_needed"]


def test_the_last_word_of_a_full_memory_is_looked_at_too(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    """As many events as an index can name: none comes behind the last."""
    require_tool("sby")
    accelerator = render_accelerator(make_network([4, 1], steps=1), lanes=1).write(tmp_path)
    assert accelerator.geometry.beats == 1 << accelerator.geometry.index_bits
    change(
        tmp_path / "rtl/snn_engine.v",
        ".write_data    (event_written),",
        ".write_data    (event_written ^ (&event_address)),",
    )
    result = prove_additions(accelerator, depth=18)
    assert result.status == "refuted", result.detail
