"""Bounded model checking finds what can happen, when it can, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.verify.model_checking import Failure, VacuousError, first_failure, induction_depth

COUNTER = """\
module top (input wire clk, input wire go, output wire reached, output wire wide);
    (* anyconst *) wire [3:0] step;
    reg [3:0] count = 4'd1;
    always @(posedge clk) if (go) count <= count + step;
    always @* assume (step <= {most});
    assign reached = count == 4'd{target};
    assign wide = step > 4'd2;
endmodule
"""


@pytest.mark.parametrize(
    ("target", "most", "expected"),
    [
        (7, 2, Failure(3, ("reached",))),
        (8, 2, Failure(7, ("reached",))),
        (1, 2, Failure(0, ("reached",))),
        (9, 0, None),
        (15, 3, Failure(0, ("wide",))),
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


def test_assumptions_that_contradict_each_other_show_nothing(
    require_tool: Callable[[str], None], tmp_path: Path
) -> None:
    require_tool("yosys")
    (tmp_path / "top.v").write_text(COUNTER.format(target=9, most="2 && step > 2"))
    with pytest.raises(VacuousError, match="contradict"):
        first_failure(tmp_path, "top", ["top.v"], 3)


@pytest.mark.parametrize(
    ("assumed", "missing"), [("go", "reached_three"), ("go && !go", "what_is")]
)
def test_a_proof_in_which_nothing_happens_is_none(
    assumed: str, missing: str, require_tool: Callable[[str], None], tmp_path: Path
) -> None:
    require_tool("yosys")
    bench = """\
module top (input wire clk, input wire go, output wire reached_three, output wire reached_two);
    reg [1:0] count = 2'd0;
    always @(posedge clk) count <= go ? count ^ 2'd2 : count + 1'b1;
    always @* assume (%s);
    always @* assert (!count[0]);
    assign reached_two = count == 2'd2;
    assign reached_three = count == 2'd3;
endmodule
"""
    (tmp_path / "top.v").write_text(bench % assumed)
    with pytest.raises(VacuousError, match=missing):
        induction_depth(tmp_path, "top", ["top.v"], 3, 60)
