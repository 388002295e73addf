"""The whole engine against the integer model, for all weights and inputs of a small network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.small_network import prove_small, prove_small_network

Change = Callable[[Path, str, str], None]


@pytest.mark.parametrize(
    ("shape", "clocks"),
    [
        ({"lanes": 2}, 68),
        ({"lanes": 2, "pipeline": 1}, 76),  # a state is back after its next turn would have come
        ({"lanes": 2, "units": 2, "pipeline": 1, "inputs_per_beat": 2}, 77),
    ],
)
def test_the_engine_computes_what_the_integer_model_does(
    require_tool: Callable[[str], None], tmp_path: Path, shape: dict[str, Any], clocks: int
) -> None:
    require_tool("yosys")
    result = prove_small_network(tmp_path / "proof", **shape)
    assert result.status == f"bounded({clocks})", result.detail


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
    assert "3-3-2" in result.bound and "lanes=2, units=2, pipeline=0" in result.bound


def test_another_schedule_is_refused(
    make_network: Callable[..., IntegerNetwork], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="expected group-stationary"):
        prove_small(render_accelerator(make_network([3, 2]), 1, "step-outer").write(tmp_path))
