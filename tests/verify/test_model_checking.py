"""Bounded model checking finds what can happen, when it can, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.verify.counterexample import Example, Signal
from sc_neurocore.verify.model_checking import VacuousError, first_failure, induction_depth

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
        (7, 2, (3, ("reached",))),
        (8, 2, (7, ("reached",))),
        (1, 2, (0, ("reached",))),
        (9, 0, None),
        (15, 3, (0, ("wide",))),
    ],
)
def test_a_counter(
    require_tool: Callable[[str], None],
    tmp_path: Path,
    target: int,
    most: int,
    expected: tuple[int, tuple[str, ...]] | None,
) -> None:
    require_tool("yosys")
    (tmp_path / "top.v").write_text(COUNTER.format(target=target, most=most))
    failure = first_failure(tmp_path, "top", ["top.v"], 8)
    assert (failure and (failure.clock, failure.outputs)) == expected


def test_an_example_is_what_the_module_does(
    require_tool: Callable[[str], None], tmp_path: Path
) -> None:
    require_tool("yosys")
    (tmp_path / "top.v").write_text(COUNTER.format(target=7, most=2))
    failure = first_failure(tmp_path, "top", ["top.v"], 8)
    assert failure is not None
    signals = failure.example.signals
    count, go, step = (signals[name].values for name in ("count", "go", "step"))
    assert len(count) == failure.clock + 1 == 4
    assert len({*step}) == 1 and step[0] <= 2
    assert count[0] == 1 and count[-1] == 7
    for before, after, goes in zip(count, count[1:], go, strict=False):
        assert after == before + goes * step[0]
    words = failure.example.in_words(failure.clock, "that count must not be 7")
    assert words.startswith("count = 7, ")

    head, body = failure.example.vcd("top").split("$enddefinitions $end\n")
    (mark,) = re.findall(r"\$var reg 4 (\S+) count \[3:0\] \$end", head)
    assert head.count("$scope") == head.count("$upscope")
    changes = re.findall(rf"b([01]+) {re.escape(mark)}\n", body)
    assert [int(each, 2) for each in changes] == [*dict.fromkeys(count)]
    assert re.findall(r"#(\d+)", body) == ["0", "10", "20", "30", "40"]


def test_signals_of_other_modules_have_scopes_of_their_own() -> None:
    bits = {"a": "01", "inner.core.b[0]": "01", "inner.core.b[2]": "11", "clk": "00"}
    example = Example.of_bits(bits)
    assert example.signals["inner.core.b"] == Signal(3, (4, 5))
    assert example.in_words(1) == "a = 1"
    text = example.vcd("top")
    scopes = re.findall(r"module (\w+)", text)
    assert scopes == ["top", "top", "inner", "core"]
    assert len({*re.findall(r"\$var reg \d (\S+)", text)}) == 3


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


TWICE = """\
module top (input wire clk, input wire [3:0] step, output wire lemma, output wire reached_three);
    reg [7:0] count = 0, twice = {start};
    always @(posedge clk) begin
        count <= count + step;
        twice <= twice + {{step, 1'b0}};
    end
    assign lemma = twice != count << 1;
    assign reached_three = count == 3;
    always @(posedge clk) assert (twice - count == count);
endmodule
"""


@pytest.mark.parametrize(("start", "found"), [(0, 1), (2, None)])
def test_what_is_shown_first_is_shown_and_not_assumed(
    start: int, found: int | None, require_tool: Callable[[str], None], tmp_path: Path
) -> None:
    require_tool("yosys")
    (tmp_path / "top.v").write_text(TWICE.format(start=start))
    assert induction_depth(tmp_path, "top", ["top.v"], 3, 100) == found
    failure = first_failure(tmp_path, "top", ["top.v"], 3)
    assert (failure is None) is (found is not None)
    assert failure is None or failure.outputs == ("top.v:9",)  # the claim, not the lemma


def test_a_solver_that_has_worked_for_long_enough_gives_up(
    require_tool: Callable[[str], None], tmp_path: Path
) -> None:
    """Whether two products are equal, operands the other way round, takes it minutes."""
    require_tool("yosys")
    text = """\
module top (input wire clk, input wire [31:0] a, input wire [31:0] b, output wire differs);
    assign differs = a * b != b * (a + 1) - b;
endmodule
"""
    (tmp_path / "top.v").write_text(text)
    with pytest.raises(TimeoutError):
        induction_depth(tmp_path, "top", ["top.v"], 1, 1)
