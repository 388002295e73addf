"""What a network will take of a device, against what the tools then make of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga import capacity
from sc_neurocore.fpga.capacity import (
    FITTED,
    assess,
    check_room,
    choose,
    features,
    fit,
)
from sc_neurocore.fpga.flow import measure
from sc_neurocore.fpga.memory_blocks import PlannedMemory, plan_memories, ram_blocks
from sc_neurocore.fpga.sources import sources_of_core
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.planning import plan
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools.devices import DEVICES, find_device
from sc_neurocore.tools.families import ECP5, ICE40, ICE40_ULTRA_PLUS

MakeNetwork = Callable[..., IntegerNetwork]
MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize(
    ("words", "bits", "family", "blocks"),
    [
        # 13 rows of four 1024 x 18: 25 of two 512 x 36 would be less, but for their multiplexer.
        (12800, 64, ECP5, {"brams": 52}),
        (4736, 16, ICE40, {"brams": 20}),  # as Yosys takes 1024 x 4, and not 256 x 16
        (256, 16, ICE40, {"brams": 1}),
        (257, 17, ICE40, {"brams": 3}),  # 512 x 8, three side by side
        (3264, 8, ECP5, {"brams": 2}),  # a lane's own: two of 4096 x 4, no multiplexer
        (12, 11, ICE40, {"brams": 1}),  # a small table, too
    ],
)
def test_blocks_of_one_memory(
    words: int, bits: int, family: object, blocks: dict[str, float]
) -> None:
    memory = PlannedMemory("m", words, bits, is_written=False)
    assert ram_blocks((memory,), family) == blocks  # type: ignore[arg-type]


def test_what_certainly_does_not_fit_is_said_before_synthesis(make_network: MakeNetwork) -> None:
    small, large = make_network([16, 8, 4]), make_network([784, 256, 10])
    check_room(small, find_device("hx8k"), 2)
    with pytest.raises(CheckFailedError, match=r"does not fit .* block RAMs of 32 \(\d+ too many"):
        check_room(large, find_device("hx8k"), 8)
    with pytest.raises(CheckFailedError, match=r"with 128 lanes it takes .* too many"):
        check_room(make_network([64, 128, 10]), find_device("up5k"), 128)


def test_loaded_weights_go_to_single_port_ram_where_there_is_one(make_network: MakeNetwork) -> None:
    geometry = plan(make_network([64, 256, 10]), 8)
    assert geometry.rows <= 16384
    loaded = plan_memories(geometry, "loaded")
    on_ultra_plus = ram_blocks(loaded, ICE40_ULTRA_PLUS)
    assert on_ultra_plus["sprams"] == 4  # eight lanes of 8 bits are four columns of 16
    others = tuple(each for each in loaded if each.name != "weights")
    assert on_ultra_plus["brams"] == ram_blocks(others, ICE40)["brams"]


@pytest.mark.parametrize("key", ["up5k", "ecp5-25k"])
def test_assessment_is_what_the_tools_make_of_it(
    key: str, make_network: MakeNetwork, require_tool: Callable[..., None]
) -> None:
    device = find_device(key)
    require_tool(*device.family.programs)
    network = make_network([40, 24, 10], steps=20, seed=3)
    found = assess(network, device, 2)
    used = measure(sources_of_core(render_accelerator(network, lanes=2)), key, few_pins=True)
    for exact in ("brams", "dsps"):
        assert found.used[exact] == used[exact]
    # No build of this network went into the fit.
    for estimated in FITTED:
        assert found.used[estimated] == pytest.approx(used[estimated], rel=0.25)


def test_fits_rise_with_every_size_and_miss_no_build_by_more_than_they_say() -> None:
    for device in DEVICES.values():
        for resource in FITTED:
            found = fit(device.family.key, resource)
            assert all(weight >= 0 for weight in found.weights.values())
            assert found.weights["constant"] > 0
            assert found.error < 0.3 or (device.family.key == "gowin" and found.error == 0.5)


def test_auto_takes_the_most_lanes_that_fit(make_network: MakeNetwork) -> None:
    network = make_network([64, 128, 10])
    chosen, considered = choose(network, find_device("hx8k"))
    assert [each.lanes for each in considered] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert chosen.fits and chosen.weights == "rom"
    assert not any(each.fits for each in considered if each.lanes > chosen.lanes)
    larger, _ = choose(network, find_device("ecp5-85k"))
    assert larger.lanes > chosen.lanes


def test_weights_are_loaded_where_the_bitstream_cannot_hold_them(
    make_network: MakeNetwork,
) -> None:
    network = make_network([784, 128, 10], input_bits=8)
    chosen, _ = choose(network, find_device("up5k"))
    assert (chosen.weights, chosen.used["sprams"]) == ("loaded", 4)
    small, _ = choose(make_network([16, 8, 4]), find_device("up5k"))
    assert small.weights == "rom"


def test_what_cannot_fit_is_refused_with_the_sums(make_network: MakeNetwork) -> None:
    network = make_network([784, 128, 10], input_bits=8)
    with pytest.raises(CheckFailedError, match=r"any number of lanes.*block RAMs of 32 \(\d+ too"):
        choose(network, find_device("hx8k"))
    with pytest.raises(CheckFailedError, match="with 8 lanes"):
        choose(network, find_device("hx8k"), lanes=8)


def test_chosen_lanes_are_taken_though_logic_may_not_fit(make_network: MakeNetwork) -> None:
    network = make_network([16, 64, 10], input_bits=8)
    chosen, considered = choose(network, find_device("up5k"), lanes=64)
    assert chosen.lanes == 64 and considered == (chosen,)
    assert chosen.memories_fit and not chosen.fits
    # A multiplier is the neuron's, and lanes that find none take logic.
    assert (chosen.used["dsps"], chosen.geometry.chosen_multipliers) == (8, {"logic": 64 + 1 - 8})
    assert "too many" in chosen.sums.partition(" logic cells")[2].partition(",")[0]


def test_a_convolutional_network_is_placed_and_what_has_room_for_it_is_named() -> None:
    network = quantize(load_description(MODELS / "mnist-conv"))
    chosen, _ = choose(network, find_device("ecp5-85k"))
    assert chosen.lanes == 64
    # The words of spikes of all 25 steps of the 576 + 64 groups, and the weights of 5x5, pooled.
    memories = {each.name: each for each in plan_memories(plan(network, 64))}
    assert memories["spikes"].words == 25 * (576 + 64)
    assert memories["weights"].words >= 25 + 25 * 32 + 2 * 16 * 64 + 128
    with pytest.raises(CheckFailedError, match=r"larger device: .*ecp5-85k.* room for \d+ lanes"):
        choose(network, find_device("up5k"))


def test_lanes_are_not_chosen_for_a_kind_of_network_that_was_not_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [row for row in capacity._measured() if row["layers"] != "convolutions"]
    monkeypatch.setattr(capacity, "_measured", lambda: rows)
    fit.cache_clear()
    try:
        assert fit("ecp5", "logic_cells").unmeasured == ("convolutions",)
        network = quantize(load_description(MODELS / "mnist-conv"))
        with pytest.raises(UserError, match=r"has convolutions, and no such design.*--lanes 8"):
            choose(network, find_device("ecp5-85k"))
    finally:
        fit.cache_clear()


def test_from_few_builds_auto_goes_no_further_than_what_was_measured(
    make_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        row
        for row in capacity._measured()
        if row["device"] != "ecp5-25k" or (row["lanes"] <= 2 and row["layers"] == "dense")
    ]
    monkeypatch.setattr(capacity, "_measured", lambda: rows)
    fit.cache_clear()
    try:
        found = fit("ecp5", "logic_cells")
        assert (found.most_lanes, found.error) == (2, 0.5)
        _, considered = choose(make_network([16, 8, 4]), find_device("ecp5-25k"))
        assert [each.lanes for each in considered] == [1, 2]
        measured = [row["used"]["logic_cells"] for row in rows if row["device"] == "ecp5-25k"]
        assert considered[0].used["logic_cells"] >= min(measured)
        chosen, _ = choose(make_network([16, 8, 4]), find_device("ecp5-25k"), lanes=8)
        assert (chosen.lanes, chosen.error, considered[0].error) == (8, 1.0, 0.5)
    finally:
        fit.cache_clear()


def test_where_synthesis_packs_memories_only_it_can_say_that_they_do_not_fit(
    make_network: MakeNetwork,
) -> None:
    network = make_network([784, 160, 10], input_bits=8)
    device = find_device("gw1nr-9")
    chosen, _ = choose(network, device, lanes=2)
    assert not chosen.memories_fit
    check_room(network, device, 2)
    with pytest.raises(CheckFailedError, match="memories are the most that they can take"):
        choose(network, device)
    with pytest.raises(CheckFailedError, match="memories are exact"):
        check_room(network, find_device("hx8k"), 2)


def test_the_module_that_walks_windows_is_in_the_estimate(make_network: MakeNetwork) -> None:
    network = quantize(load_description(MODELS / "mnist-conv"))
    for device in DEVICES.values():
        found_of_family = fit(device.family.key, "logic_cells")
        is_measured = "convolutions" not in found_of_family.unmeasured
        assert (found_of_family.weights["window_bits"] > 0.5) == is_measured
        dense = features(make_network([16, 8, 4]), plan(make_network([16, 8, 4]), 4), device.family)
        assert dense["window_bits"] == 0
    geometry = plan(network, 64, units=16, pipeline=1)
    # Words of spikes of all steps, the weights' rows: fifteen and six numbers that are added up.
    assert (geometry.address_bits, geometry.row_bits) == (14, 12)
    assert features(network, geometry, ECP5)["window_bits"] == 15 * 14 + 6 * 12
    # What Yosys and nextpnr made of it, benchmarks/results/fpga_conv.json; it is in no fit.
    found = assess(network, find_device("ecp5-85k"), 64, units=16, pipeline=1)
    assert found.used["logic_cells"] == pytest.approx(9072, rel=0.15)
