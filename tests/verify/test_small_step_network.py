"""The step-outer engine against the integer model, for all numbers of a small network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.small_step_network import prove_small_step, prove_small_step_network

MakeNetwork = Callable[..., IntegerNetwork]
Change = Callable[[Path, str, str], None]


@pytest.mark.parametrize(
    ("lanes", "is_delayed", "is_static"),
    [
        (2, False, False),
        (2, True, True),
        pytest.param(1, True, False, marks=pytest.mark.soak),
        pytest.param(1, False, True, marks=pytest.mark.soak),
        pytest.param(2, True, False, marks=pytest.mark.soak),
        pytest.param(2, False, True, marks=pytest.mark.soak),
    ],
)
def test_the_engine_computes_what_the_integer_model_does(
    lanes: int,
    is_delayed: bool,
    is_static: bool,
    require_tool: Callable[[str], None],
    tmp_path: Path,
) -> None:
    require_tool("yosys")
    result = prove_small_step_network(
        tmp_path / "proof", lanes, is_delayed=is_delayed, is_static=is_static
    )
    assert result.status.startswith("bounded(") and result.holds, result.detail
    assert ("all delays" in result.detail) is is_delayed
    assert "recurrent" in result.bound


BROKEN = [
    # A bias is left out.
    ("recurrent", "neurons", "read_sum + bias", "read_sum"),
    # A state is written where another one belongs.
    ("recurrent", "neurons", ".write_address (update_slot)", ".write_address (drive_slot)"),
    # Own spikes are those of this step, not of the last one.
    ("recurrent", "engine", "fetch_is_own ? !step[0] : step[0]", "step[0]"),
    # A sum stays in its ring when it has been handed over.
    ("delayed", "rings", "multiplied_handover ? {SUM_BITS{1'b0}} : total", "total"),
    # The flag that clears a sum runs ahead of its token.
    ("delayed", "rings", "multiplied_handover <= weighted", "multiplied_handover <= read"),
    # Two tokens in a row for one slot: the second does not see the first.
    ("delayed", "rings", "last_valid && last_address == address ?", "1'b0 ?"),
    # Nothing is late.
    ("delayed", "rings", "weighted_handover ? phase : phase + delay", "phase"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "file", "old", "new"), BROKEN)
def test_a_broken_engine_of_a_design_is_refuted(
    kind: str,
    file: str,
    old: str,
    new: str,
    make_step_network: MakeNetwork,
    require_tool: Callable[[str], None],
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(make_step_network(kind), 4, "step-outer").write(tmp_path)
    change(tmp_path / "rtl" / f"snn_step_{file}.v", old, new)
    result = prove_small_step(accelerator)
    assert result.status == "refuted" and not result.holds
    assert re.search("a (state|spike) that differs|an update|no result", result.detail)
    assert ("delays" in result.bound) is (kind == "delayed")


def test_another_schedule_is_refused(make_network: MakeNetwork, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="expected step-outer"):
        prove_small_step(render_accelerator(make_network([3, 2]), 1).write(tmp_path))
