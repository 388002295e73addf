"""Bounded model checking finds what can happen, when it can, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.verify.unrolling import Failure, first_failure

COUNTER = """\
module top (input wire clk, input wire go);
    (* anyconst *) wire [3:0] step;
    reg [3:0] count = 4'd1;
    always @(posedge clk) if (go) count <= count + step;
    always @* assume (step <= {most});
    always @(posedge clk) begin
        assert (count != 4'd{target});
        assert (step <= 4'd2);
    end
endmodule
"""


@pytest.mark.parametrize(
    ("target", "most", "expected"),
    [
        (7, 2, Failure(3, ("top.v:7",))),
        (8, 2, Failure(4, ("top.v:7",))),
        (1, 2, Failure(0, ("top.v:7",))),
        (9, 0, None),
        (15, 3, Failure(0, ("top.v:8",))),
    ],
)
def test_a_counter(
    require_tool: Callable[[str], None],
    tmp_path: Path,
    target: int,
    most: int,
    expected: Failure | None,
) -> None:
    require_tool("yosys")
    (tmp_path / "top.v").write_text(COUNTER.format(target=target, most=most))
    assert first_failure(tmp_path, "top", ["top.v"], 8) == expected
