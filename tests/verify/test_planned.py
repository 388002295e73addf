"""What is planned wrongly stands alike in plan and files: only the network itself tells."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.hdl.small_convolutions import small_images
from tests.verify.test_emitted import describe

from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl import accelerator as of_accelerators
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.verify.emitted import check_emitted
from sc_neurocore.verify.planned import other_plan
from sc_neurocore.verify.schedule import shared_places
from sc_neurocore.verify.wiring import prove_wiring

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


def _planned(network: IntegerNetwork) -> Accelerator:
    """Plan an accelerator; nothing is written."""
    return render_accelerator(network, 4, "step-outer", units=2, inputs_per_beat=2).accelerator


@pytest.mark.parametrize(
    "kind",
    ["feed-forward", "recurrent", "delayed", "two neurons", "spikes", "membrane", "first-to-2"],
)
def test_a_plan_is_the_networks(kind: str, make_step_outer_network: MakeNetwork) -> None:
    network = make_step_outer_network(kind)
    assert list(other_plan(_planned(network), network)) == []


def test_group_by_group_too(make_network: MakeNetwork) -> None:
    network = make_network([6, 9, 1, 3], per_channel=True)
    accelerator = render_accelerator(network, 4, inputs_per_beat=4).accelerator
    assert list(other_plan(accelerator, network)) == []


OF_LAYERS = {
    "inputs": ("delayed", 1),
    "outputs": ("delayed", -1),
    "groups": ("delayed", -1),
    "words": ("delayed", -1),
    "last_lane": ("delayed", 1),
    "first_row": ("delayed", 1),
    "first_slot": ("delayed", 1),
    "input_shift": ("recurrent", 1),
    "recurrent_shift": ("recurrent", 1),
    "shift": ("recurrent", 1),
    "is_delayed": ("delayed", -1),
    "is_recurrent": ("recurrent", -1),
    "takes_frame": ("recurrent", 1),
    "is_last": ("recurrent", -1),
    "unit": ("two neurons", -1),
}


@pytest.mark.parametrize("name", OF_LAYERS)
def test_a_layer_that_is_planned_otherwise_is_named(
    name: str, make_step_outer_network: MakeNetwork
) -> None:
    kind, more = OF_LAYERS[name]
    network = make_step_outer_network(kind)
    accelerator = _planned(network)
    g = accelerator.geometry
    *before, last = g.layers
    changed = replace(last, **{name: getattr(last, name) + more})
    other = replace(accelerator, geometry=replace(g, layers=(*before, changed)))
    found = list(other_plan(other, network))
    assert any(f"layer {last.number}" in each for each in found), found


OF_WINDOWS = ("first_input", "word_step")


@pytest.mark.parametrize(
    "name", ["groups", "blocks", "last_lane", "first_row", "is_delayed", *OF_WINDOWS]
)
@pytest.mark.parametrize("schedule", ["group-stationary", "step-outer"])
def test_a_layer_with_windows_that_is_planned_otherwise_is_named(name: str, schedule: str) -> None:
    network = quantize(small_images(), "Q8.8", 8)
    accelerator = render_accelerator(network, 4, schedule, units=2).accelerator
    assert list(other_plan(accelerator, network)) == []
    g = accelerator.geometry
    first, layer, *rest = g.layers
    if name in OF_WINDOWS:
        assert layer.window is not None
        window = replace(layer.window, **{name: getattr(layer.window, name) + 1})
        changed = replace(layer, window=window)
    else:
        changed = replace(layer, **{name: getattr(layer, name) + 1})
    other = replace(accelerator, geometry=replace(g, layers=(first, changed, *rest)))
    assert any("layer 1 says" in each and name in each for each in other_plan(other, network))


@pytest.mark.parametrize("schedule", ["group-stationary", "step-outer"])
def test_layers_that_share_words_of_spikes_are_named(schedule: str) -> None:
    network = quantize(small_images(), "Q8.8", 8)
    accelerator = render_accelerator(network, 4, schedule, units=2).accelerator
    g = accelerator.geometry
    assert shared_places(g, accelerator.steps) == ""
    first, layer, *rest = g.layers
    assert first.window is not None and layer.window is not None
    last_of_first = first.window.first_output + first.groups - 1
    changed = replace(layer, window=replace(layer.window, first_output=last_of_first))
    other = replace(g, layers=(first, changed, *rest))
    assert "layers 0 and 1 share places of spikes" in shared_places(other, accelerator.steps)


def test_delays_that_nothing_keeps_are_named(make_step_outer_network: MakeNetwork) -> None:
    network = make_step_outer_network("delayed")
    accelerator = _planned(network)
    other = replace(accelerator, geometry=replace(accelerator.geometry, delay_bits=0))
    assert list(other_plan(other, network)) == ["the plan says has_rings = 0, the network needs 1"]


@pytest.mark.parametrize("name", ["is_static", "input_bits", "count_threshold", "beats", "steps"])
def test_a_size_that_is_planned_otherwise_is_named(
    name: str, make_step_outer_network: MakeNetwork
) -> None:
    network = make_step_outer_network("first-to-2")
    accelerator = _planned(network)
    g = accelerator.geometry
    if name == "steps":
        other = replace(accelerator, steps=accelerator.steps - 1)
    else:
        # Beats follow from the frame.
        changed: dict[str, Any] = {"frame": replace(g.frame, channels=3)}
        if name != "beats":
            changed = {name: getattr(g, name) + 1}
        other = replace(accelerator, geometry=replace(g, **changed))
    found = list(other_plan(other, network))
    assert len(found) == 1 and f" {name} = " in found[0]


ENGINE = [
    (
        ".UNIT_LATENCY(UNIT_LATENCY)",
        ".UNIT_LATENCY(UNIT_LATENCY + 1)",
        "UNIT_LATENCY of engine.neurons",
    ),
    (
        ".COUNT_THRESHOLD(COUNT_THRESHOLD)\n    ) readout",
        ".COUNT_THRESHOLD(3)\n    ) readout",
        "COUNT_THRESHOLD of engine.readout",
    ),
    (
        ".ADDRESS_BITS(1 + EVENT_BITS)) events",
        ".ADDRESS_BITS(1 + EVENT_BITS), .DEPTH(3)) events",
        "DEPTH of engine.events",
    ),
]


@pytest.mark.parametrize(("old", "new", "says"), ENGINE)
def test_a_module_with_other_sizes_than_the_engines_is_named(
    old: str,
    new: str,
    says: str,
    tmp_path: Path,
    require_tool: RequireTool,
    change: Change,
) -> None:
    """Its own contract is proved with the sizes that it has: so it does not tell."""
    require_tool("yosys")
    design = compile_design(describe(), tmp_path, lanes=2).design
    change(tmp_path / "rtl" / "snn_engine.v", old, new)
    result = check_emitted(replace(design, edited=()))  # as if it were ours
    assert result.status == "refuted"
    assert says in result.detail


def test_a_state_at_rest_that_is_packed_otherwise_is_refuted(
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_tool("sby")
    network = make_network([3, 2])
    packed = of_accelerators.packed_initial_state

    def other(program: Any) -> int:
        return packed(program) + 1

    monkeypatch.setattr(of_accelerators, "packed_initial_state", other)
    accelerator = render_accelerator(network, 2).write(tmp_path)
    assert "unit_initial" in prove_wiring(accelerator, network).detail
