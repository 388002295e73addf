"""The whole engine against the integer model, for all weights and inputs of a small network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.small_network import Kind, prove_small, prove_small_network

Change = Callable[[Path, str, str], None]


GROUPS, STEPS = "group-stationary", "step-outer"
KINDS = [
    (Kind(GROUPS), {}),
    # A state is back after its next turn would have come.
    (Kind(GROUPS), {"units": 2, "pipeline": 1, "inputs_per_beat": 2}),
    (Kind(STEPS), {"units": 2, "pipeline": 1}),
    (Kind(STEPS, is_recurrent=True, is_static=False), {"inputs_per_beat": 2}),
    (Kind(STEPS, is_recurrent=True, is_delayed=True), {}),
    (Kind(GROUPS, currents=2), {}),
    (Kind(STEPS, is_recurrent=True, currents=2), {"units": 2}),
    (
        Kind(STEPS, is_recurrent=True, is_delayed=True, is_static=False),
        {"multipliers": {"logic": 1}},
    ),
    (Kind(GROUPS, is_window=True), {}),
    (Kind(GROUPS, is_window=True), {"units": 2, "inputs_per_beat": 2}),
]


@pytest.mark.parametrize(
    ("kind", "options"),
    [pytest.param(*each, marks=() if i == 0 else pytest.mark.soak) for i, each in enumerate(KINDS)],
)
def test_the_engine_computes_what_the_integer_model_does(
    require_tool: Callable[[str], None], tmp_path: Path, kind: Kind, options: dict[str, Any]
) -> None:
    require_tool("yosys")
    result = prove_small_network(tmp_path / "proof", 2, kind, **options)
    assert result.status.startswith("bounded(") and result.holds, result.detail
    assert ("all delays" in result.detail) is kind.is_delayed
    assert ("recurrent" in result.bound) is kind.is_recurrent
    assert ("neurons with two inputs" in result.bound) is (kind.currents == 2)
    assert ("2x2 convolution" in result.bound) is kind.is_window


def test_the_engine_of_a_design_is_checked_not_that_of_the_package(
    make_network: Callable[..., IntegerNetwork],
    require_tool: Callable[[str], None],
    tmp_path: Path,
    change: Change,
) -> None:
    """Sums that are not cleared between jobs: wrong in no control property."""
    require_tool("yosys")
    accelerator = render_accelerator(make_network([6, 5, 3], steps=5), 4, units=2).write(tmp_path)
    cleared = "(advance && multiplied_handover)) sum"
    change(tmp_path / "rtl" / "snn_accumulator.v", cleared, "1'b0) sum")
    result = prove_small(accelerator)
    assert result.status == "refuted" and not result.holds
    assert re.search("a (state|spike) that differs", result.detail)
    assert "2-3-1-3" in result.bound and "lanes=2, units=2, pipeline=0" in result.bound


BROKEN = [
    # A bias is left out.
    (
        "recurrent",
        "neurons",
        "{{(SUM_BITS-BIAS_BITS){bias[BIAS_BITS-1]}}, bias}",
        "0",
    ),
    # A state is written where another one belongs.
    ("recurrent", "neurons", "result_address  = result_other", "result_address  = memory_slot"),
    # Own spikes are those of this step, not of the last one.
    ("recurrent", "places", "read_is_recurrent ? !step[0] : step[0],\n", "step[0],\n"),
    # A sum stays in its ring when it has been handed over.
    ("delayed", "accumulator", "multiplied_handover ? {SUM_BITS{1'b0}} : total", "total"),
    # The flag that clears a sum runs ahead of its token.
    ("delayed", "accumulator", "multiplied_handover <= weighted", "multiplied_handover <= read"),
    # Two tokens in a row for one slot: the second does not see the first.
    ("delayed", "ring", "last_valid && last_address == address ?", "1'b0 ?"),
    # Nothing is late.
    ("delayed", "accumulator", "weighted_handover ? due : due + delay", "due"),
]  # fmt: skip


@pytest.mark.sample(3)
@pytest.mark.parametrize(("kind", "file", "old", "new"), BROKEN)
def test_a_broken_engine_of_a_step_outer_design_is_refuted(
    kind: str,
    file: str,
    old: str,
    new: str,
    make_step_outer_network: Callable[..., IntegerNetwork],
    require_tool: Callable[[str], None],
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(make_step_outer_network(kind), 4).write(tmp_path)
    change(tmp_path / "rtl" / f"snn_{file}.v", old, new)
    result = prove_small(accelerator)
    assert result.status == "refuted" and not result.holds
    assert re.search("a (state|spike) that differs|an update|no result", result.detail)
    assert ("delays" in result.bound) is (kind == "delayed")
