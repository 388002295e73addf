"""What a compiled neuron does over time: proved, and refuted where it is broken."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sc_neurocore.equation import CATALOGUE, LIF, find_neuron, parse_neuron
from sc_neurocore.fixed import FixedPoint, ParameterPort, QFormat, lower
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, emit_neuron
from sc_neurocore.verify.properties import prove_properties

Q8_8 = FixedPoint(QFormat(8, 8))

# Names that the bench might want for itself.
AWKWARD = """
neuron Awkward
state started = 3
state crossed = -1
state neuron = 0
state e = 0
update started = 0.5*started + I
update crossed = crossed - started/4
update e = neuron/2
update neuron = min(neuron + abs(crossed), 5)
spike started <= crossed
reset neuron = 0
"""


@pytest.fixture(autouse=True)
def tools(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("sby", "yosys", "z3")


@pytest.mark.parametrize("name", ["LIF", "AdEx"])
def test_the_catalogue_is_proved(name: str) -> None:
    program = lower(find_neuron(name), Q8_8)
    result = prove_properties(program, emit_neuron(program))
    assert result.status == "proved", result.detail
    assert "a spike implies v >= threshold" in result.detail
    if name == "AdEx":  # rho*w + … cannot reach the ends of Q8.8
        assert "w in [-31163, 31167]" in result.detail


@pytest.mark.soak
@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("form", ["Q8.8", "Q12.8:nearest", "UQ8.8:wrap"])
def test_every_cell_in_every_kind_of_format(name: str, form: str) -> None:
    program = lower(find_neuron(name), FixedPoint(QFormat.parse(form)))
    result = prove_properties(program, emit_neuron(program))
    assert result.status == "proved", result.detail


def test_an_unsigned_neuron_with_inputs_of_its_own_and_awkward_names() -> None:
    ports = [ParameterPort("threshold", 17)]
    for neuron, form, inputs in ((LIF, "UQ8.8", ports), (parse_neuron(AWKWARD), "Q6.4", [])):
        program = lower(neuron, FixedPoint(QFormat.parse(form)), {}, inputs)
        result = prove_properties(program, emit_neuron(program))
        assert result.status == "proved", result.detail


@pytest.mark.parametrize("stages", [1, 3])
def test_a_pipeline_s_handshake_is_proved(stages: int) -> None:
    program = lower(LIF, Q8_8)
    result = prove_properties(program, emit_neuron(program, pipeline=stages))
    assert result.status == "proved", result.detail
    assert f"registers change only when it ends, {stages} clocks later" in result.detail


def broken(change: str) -> NeuronVerilog:
    verilog = emit_neuron(lower(LIF, Q8_8))
    before, after = change.split(" -> ")
    for part in ("registered", "step"):
        text = getattr(verilog, part)
        if before in text:
            return replace(verilog, **{part: text.replace(before, after)})
    raise AssertionError(change)


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ("v <= 16'sd0 -> v <= 16'sd1", "// reset"),
        ("else if (enable) -> else if (enable || current[0])", "// holds"),
        ("assign spike = spike_reached -> assign spike = 1'b1", "// a spike implies a crossing"),
        (">= 16'sd256 -> >= 16'sd255", "// a spike implies a crossing"),
    ],
)
def test_a_broken_module_is_refuted(change: str, claim: str, tmp_path: Path) -> None:
    result = prove_properties(lower(LIF, Q8_8), broken(change), folder=tmp_path)
    assert result.status == "refuted"
    assert claim in result.detail


def test_a_state_that_leaves_its_interval_is_refuted() -> None:
    program = lower(find_neuron("AdEx"), Q8_8)
    verilog = emit_neuron(program)
    wrong = verilog.step.replace(
        "assign w_next = ", "assign w_next = spike_reached ? 16'sd32767 : "
    )
    result = prove_properties(program, replace(verilog, step=wrong))
    assert result.status == "refuted"
    assert "// range" in result.detail


def test_a_broken_handshake_is_refuted() -> None:
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program, pipeline=2)
    text = verilog.registered.replace("if (pending[1])", "if (pending[0])")
    result = prove_properties(program, replace(verilog, registered=text))
    assert result.status == "refuted"
    # It takes the step's answer a clock too early: either claim may be the one that falls.
    assert re.search("// holds|// becomes the step's answer", result.detail)


@pytest.mark.sample(3)
@pytest.mark.parametrize("stages", [0, 2])
@pytest.mark.parametrize(
    ("before", "after", "claim"),
    [
        ("v <= v_next", "v <= v_next + 16'sd1", "// becomes the step's answer"),
        ("spike <= spike_next", "spike <= spike_next && !v[3]", "// becomes the step's answer"),
        (".v(v)", ".v(v & 16'h7fff)", "// asked of the step"),
        (".current(current)", ".current({current[18:0], 1'b0})", "// asked of the step"),
    ],
)
def test_registers_that_are_not_the_step_s_are_refuted(
    stages: int, before: str, after: str, claim: str
) -> None:
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program, pipeline=stages)
    assert before in verilog.registered
    wrong = replace(verilog, registered=verilog.registered.replace(before, after))
    result = prove_properties(program, wrong)
    assert result.status == "refuted"
    assert claim in result.detail
