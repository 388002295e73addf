"""The proof of the lanes: it holds for the engine, and not for an engine that is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.verify.lane import prove_lane

MakeNetwork = Callable[..., IntegerNetwork]
Change = Callable[[Path, str, str], None]


@pytest.fixture
def make_design(
    make_network: MakeNetwork, require_tool: Callable[[str], None], tmp_path: Path
) -> Callable[..., tuple[Accelerator, IntegerNetwork]]:
    """Generate a design with a parameter that differs from neuron to neuron."""
    require_tool("yosys")

    def make(lanes: int, **options: Any) -> tuple[Accelerator, IntegerNetwork]:
        network = make_network([6, 9, 3], per_channel=True, steps=5, weight_bits=5)
        return render_accelerator(network, lanes, **options).write(tmp_path), network

    return make


@pytest.mark.parametrize(
    ("lanes", "options"),
    [
        (1, {}),  # a state in a register
        (4, {"units": 4, "pipeline": 1}),  # several, all lanes in one turn
        (4, {"units": 2, "soft_lanes": 1}),  # turns, and idle ones
        (4, {}),  # turns without idle ones
    ],
)
def test_lanes_do_what_the_integer_model_does(
    make_design: Callable[..., Any], lanes: int, options: dict[str, int]
) -> None:
    result = prove_lane(*make_design(lanes, **options))
    assert (result.status, result.bound) == ("proved", ""), result.detail
    assert "k-induction" in result.engine


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("accumulator", "read_value      <= addressed_value;", "read_value      <= token_value;"),
        ("accumulator", "value <= read_add ? read_value", "value <= 1'b1 ? read_value"),
        ("accumulator", "{VALUE_BITS{weight[WEIGHT_BITS-1]}}", "{VALUE_BITS{1'b0}}"),
        ("neurons", "biased_is_first ? unit_initial : state;", "state;"),
        ("neurons", "fetched_word  <= memory_word;", "fetched_word  <= fetched_word;"),
        ("neurons", "biased_flags  <= fetched_flags;", "biased_flags  <= read_flags;"),
        ("neurons", "<= result_are_neurons & unit_spike;", "<= unit_spike;"),
        ("requantize", "LEFT_SHIFT) >>> shift", "LEFT_SHIFT) >> shift"),
        ("carousel", "following = ring[(slot+1)*WIDTH", "following = ring[slot*WIDTH"),
    ],
)  # fmt: skip
def test_broken_lanes_are_not_proved(
    make_design: Callable[..., Any], tmp_path: Path, file: str, old: str, new: str, change: Change
) -> None:
    accelerator, network = make_design(4, units=2, soft_lanes=1)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_lane(accelerator, network, depth=3)
    assert result.status in ("refuted", "unknown")
    assert not result.holds


def test_an_early_handover_is_refuted(
    make_design: Callable[..., Any], tmp_path: Path, change: Change
) -> None:
    """A handover that comes too early: found from the reset on, with the claim."""
    accelerator, network = make_design(1)
    old = "multiplied_handover <= weighted_handover;"
    change(tmp_path / "rtl/snn_accumulator.v", old, "multiplied_handover <= read_handover;")
    result = prove_lane(accelerator, network, depth=24)
    assert result.status == "refuted"
    assert "assert" in result.detail


@pytest.mark.parametrize("kind", ["recurrent", "delayed"])
def test_lanes_of_the_other_order_do_so_too(
    kind: str,
    make_step_network: MakeNetwork,
    require_tool: Callable[[str], None],
    tmp_path: Path,
) -> None:
    require_tool("yosys")
    network = make_step_network(kind)
    accelerator = render_accelerator(network, 2, units=2, pipeline=1).write(tmp_path)
    result = prove_lane(accelerator, network)
    assert result.status == "proved", result.detail


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("ring", "last_valid && last_address == address ?", "1'b0 ?"),
        ("accumulator", "multiplied_handover ? {SUM_BITS{1'b0}} : total", "total"),
        ("accumulator", "weighted_handover ? due : due + delay", "due"),
        ("neurons", "result_address  = result_other;", "result_address  = memory_slot;"),
    ],
)  # fmt: skip
def test_broken_rings_and_states_are_not_proved(
    file: str,
    old: str,
    new: str,
    make_step_network: MakeNetwork,
    require_tool: Callable[[str], None],
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("yosys")
    network = make_step_network("delayed")
    accelerator = render_accelerator(network, 2).write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    assert not prove_lane(accelerator, network, depth=3).holds
