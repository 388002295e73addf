"""The top joins its parts as the network needs, and scores fit: faults are refuted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.joined import prove_joined
from sc_neurocore.verify.scores import prove_scores
from sc_neurocore.verify.wiring import prove_wiring

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]

TOP, WEIGHTS = "tiny.v", "tiny_weights.v"


def sampled(faults: list[Any]) -> list[Any]:
    """Mark all faults but some as too long for CI."""
    return [
        pytest.param(*fault, marks=() if number % 3 == 0 else pytest.mark.soak)
        for number, fault in enumerate(faults)
    ]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("two neurons", {"units": 2, "pipeline": 1}),
        ("delayed", {"weights": "loaded", "units": 4}),
        ("membrane", {"weight_slices": 2}),
    ],
)
def test_the_top_joins_its_parts(
    kind: str,
    options: dict[str, Any],
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("sby")
    network = make_step_outer_network(kind)
    accelerator = render_accelerator(network, 4, "step-outer", **options).write(tmp_path)
    assert prove_wiring(accelerator, network).status == "proved"
    assert prove_joined(accelerator).status == "proved"
    assert prove_scores(accelerator, network).status == "proved"


WIRES = [
    (TOP, "assign unit_spike[u] =", "assign unit_spike[u ^ 1] =", {}),
    (TOP, "(unit_state[16*u + 0 +: 16])", "(unit_state[0 +: 16])", {}),
    (TOP, ".layer_inputs          (layer_inputs)", ".layer_inputs (layer_outputs)", {}),
    (TOP, ".last_step             (3'd4)", ".last_step (3'd3)", {}),
    (TOP, "assign unit_initial = 16'h0;", "assign unit_initial = 16'h1;", {}),
    (
        WEIGHTS,
        ".read_data    (row[9:0])",
        ".read_data ({row[0], row[9:1]})",
        {"weight_slices": 2},
    ),
    (WEIGHTS, "== 1'd1)", "== 1'd0)", {"weights": "loaded"}),
]


@pytest.mark.parametrize(("file", "old", "new", "options"), sampled(WIRES))
def test_a_wire_that_goes_elsewhere_is_refuted(
    file: str,
    old: str,
    new: str,
    options: dict[str, Any],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    network = make_network([6, 9, 3], steps=5, weight_bits=5)
    accelerator = render_accelerator(network, 4, units=2, **options).write(tmp_path)
    change(tmp_path / "rtl" / file, old, new)
    result = prove_wiring(accelerator, network)
    assert result.status == "refuted"
    assert "assert" in result.detail


SCORES = [
    ("sequence", ".SCORE_BITS(COUNT_BITS)", ".SCORE_BITS(COUNT_BITS-1)", "needs"),
    ("membrane", ".SCORE_BITS(COUNT_BITS)", ".SCORE_BITS(COUNT_BITS-2)", "needs"),
    ("membrane", ".MEMBRANE_LOW(MEMBRANE_LOW)", ".MEMBRANE_LOW(1)", "from 1"),
    (
        "first-to-2",
        ".COUNT_THRESHOLD(COUNT_THRESHOLD)\n    ) readout",
        ".COUNT_THRESHOLD(99)\n    ) readout",
        "ends at 99 spikes",
    ),
]


@pytest.mark.parametrize(("kind", "old", "new", "says"), sampled(SCORES))
def test_a_score_that_does_not_fit_is_refuted(
    kind: str,
    old: str,
    new: str,
    says: str,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("yosys")
    network = make_step_outer_network(kind)
    accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    change(tmp_path / "rtl/snn_engine.v", old, new)
    result = prove_scores(accelerator, network)
    assert result.status == "refuted"
    assert says in result.detail


JOINTS = [
    ("sequence", ".frame_bank         (event_bank)", ".frame_bank (frame_bank)"),
    ("sequence", "{frame_bank, event_word}", "{event_bank, event_word}"),
    ("sequence", "+: EVENT_BITS] = event_beat;", "+: EVENT_BITS] = event_address;"),
    ("sequence", " token_input}", " ~token_input}"),
    ("first-to-2", ".hold             (IS_STATIC == 0 &&", ".hold (IS_STATIC != 0 &&"),
    ("sequence", "&& layer_is_last && trace_valid[0])", "&& trace_valid[0])"),
    ("sequence", ".ask           (out_valid)", ".ask (1'b1)"),
    ("delayed", ".clear            (clear)", ".clear (1'b0)"),
]


@pytest.mark.parametrize(("kind", "old", "new"), sampled(JOINTS))
def test_modules_that_are_joined_otherwise_are_refuted(
    kind: str,
    old: str,
    new: str,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_step_outer_network(kind), 4, "step-outer").write(tmp_path)
    change(tmp_path / "rtl/snn_engine.v", old, new)
    result = prove_joined(accelerator)
    assert result.status == "refuted"
    assert "assert" in result.detail
