"""The requantiser keeps the contract in its file; others: see tests/verify/test_contracts.py."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from sc_neurocore.verify.model_checking import induction_depth

Change = tuple[str, str]

REQUANTIZE = """
module alone (input clk, input signed [11:0] total, input [2:0] shift);
    snn_requantize #(
        .TOTAL_BITS(12), .LEFT_SHIFT(2), .SHIFT_BITS(3), .CURRENT_BITS(9)
    ) part (.total(total), .shift(shift), .current());
endmodule
"""


def depth(module: str, bench: str, folder: Path, change: Change | None = None) -> int | None:
    """Prove a module alone, with a change if one is given; return how deep the induction is."""
    text = (files("sc_neurocore.hdl") / "rtl" / f"{module}.v").read_text(encoding="utf-8")
    if change is not None:
        assert text.count(change[0]) == 1
        text = text.replace(*change)
    (folder / f"{module}.v").write_text(text, encoding="utf-8")
    (folder / "alone.v").write_text(bench, encoding="utf-8")
    return induction_depth(folder, "alone", ["alone.v", f"{module}.v"], 3, 100)


@pytest.mark.parametrize(
    ("change", "holds"),
    [(None, True), (("{(CURRENT_BITS-1){~sign}}", "{(CURRENT_BITS-1){1'b0}}"), False)],
)
def test_the_bounds_of_a_current_are_proved_and_refuted_where_they_are_broken(
    change: Change | None, holds: bool, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys")
    assert (depth("snn_requantize", REQUANTIZE, tmp_path, change) is not None) == holds
