"""The proof catches mutants, and what it lets through is equal."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sc_neurocore.equation import LIF, find_neuron
from sc_neurocore.fixed import FixedPoint, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from _step_mutants import KINDS, Mutant, judge, mutants

Q8_8 = FixedPoint(QFormat(8, 8))


def test_every_kind_of_mutant_is_made_and_each_only_once() -> None:
    step = emit_neuron(lower(find_neuron("ExpIF"), Q8_8)).step
    made = mutants(step, 70, seed=1)
    assert {mutant.kind for mutant in made} == set(KINDS)
    assert len({mutant.text for mutant in made}) == len(made) == 70
    for mutant in made:
        pairs = zip(step.splitlines(), mutant.text.splitlines(), strict=True)
        assert sum(before != after for before, after in pairs) == 1
    assert [each.text for each in mutants(step, 70, seed=1)] == [each.text for each in made]


def test_a_sample_is_caught_or_shown_to_be_equal(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "z3", "iverilog", "vvp")
    program = lower(LIF, Q8_8)
    step = emit_neuron(program).step
    verdicts = [judge(program, step, each, "lif_q8_8_step") for each in mutants(step, 18, seed=2)]
    assert {verdict.outcome for verdict in verdicts} <= {"caught", "equal"}
    assert sum(verdict.outcome == "caught" for verdict in verdicts) >= 9


def test_a_survivor_that_is_not_equal_would_be_seen(require_tool) -> None:  # type: ignore[no-untyped-def]
    """Judged against a program that has the same flaw, the mutant is proved: not unexplained."""
    require_tool("yosys", "z3", "iverilog", "vvp")
    strict = lower(replace(LIF, spike=replace(LIF.spike, operator=">")), Q8_8)
    step = emit_neuron(lower(LIF, Q8_8)).step
    changed = step.replace(">= 16'sd256", "> 16'sd256")
    mutant = Mutant("operator", (">=", ">"), changed)
    verdict = judge(strict, step, mutant, "lif_q8_8_step", timeout=20)
    assert verdict.outcome == "equal"
    assert "Yosys" not in verdict.detail  # the second opinion compares with the original


def test_what_yosys_does_not_read_is_rejected(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "z3")
    program = lower(LIF, Q8_8)
    step = emit_neuron(program).step
    mutant = Mutant("operator", (";", ""), step.replace(";", "", 1).replace("endmodule", ""))
    assert judge(program, step, mutant, "lif_q8_8_step").outcome == "rejected"


@pytest.mark.soak
@pytest.mark.parametrize("name", ["LIF", "ALIF", "Alpha", "SecondOrderLIF"])
def test_every_mutant(name: str, require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "z3", "iverilog", "vvp")
    program = lower(find_neuron(name), Q8_8)
    verilog = emit_neuron(program)
    for mutant in mutants(verilog.step, 1000, seed=0):
        verdict = judge(program, verilog.step, mutant, f"{verilog.name}_step", timeout=300)
        assert verdict.outcome != "unexplained", (mutant.line, verdict.detail)
