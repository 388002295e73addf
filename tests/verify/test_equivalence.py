"""The datapath proof holds for what we emit, and fails for anything else."""

import re
from pathlib import Path

import pytest

from sc_neurocore.equation import CATALOGUE, LIF, find_neuron, parse_neuron
from sc_neurocore.fixed import FixedPoint, NeuronProgram, ParameterPort, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.verify.equivalence import prove_step

Q8_8 = FixedPoint(QFormat(8, 8))

TWO_STATES = """
neuron Adaptive
state v = 0
state a = 0
update v = 0.9*v + I - a
update a = 0.95*a
spike v >= 1
reset v = v - 1
after a = a + 0.2*s
"""

EXAMPLES = Path(__file__).parents[2] / "examples" / "neurons"


def programs() -> dict[str, NeuronProgram]:
    ports = [ParameterPort("beta", 16), ParameterPort("threshold", 17)]
    found = {
        "LIF with hard reset": lower(LIF.with_reset("zero"), Q8_8),
        "LIF in Q4.12": lower(LIF, FixedPoint(QFormat(4, 12))),
        "LIF with parameters as inputs": lower(LIF, Q8_8, {}, ports),
        "two states": lower(parse_neuron(TWO_STATES), Q8_8),
        "rounded to nearest": lower(find_neuron("AdEx"), formats("Q8.8:nearest")),
        "wrapped": lower(find_neuron("ALIF"), formats("Q8.8:wrap")),
        "unsigned": lower(find_neuron("Alpha"), formats("UQ8.8")),
        "unsigned and wrapped": lower(find_neuron("ExpIF"), formats("UQ4.8:nearest:wrap")),
    }
    found |= {name: lower(neuron, Q8_8) for name, neuron in CATALOGUE.items()}
    for path in sorted(EXAMPLES.glob("*.txt")):
        found[path.stem] = lower(parse_neuron(path.read_text()), Q8_8)
    return found


def formats(text: str) -> FixedPoint:
    return FixedPoint(QFormat.parse(text))


@pytest.fixture(autouse=True)
def tools(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "z3")


@pytest.mark.parametrize("name", programs())
def test_what_we_emit_is_proved_for_all_inputs(name: str) -> None:
    program = programs()[name]
    verilog = emit_neuron(program)
    result = prove_step(program, verilog.step, f"{verilog.name}_step")
    assert result.status == "proved", result.detail
    assert "z3" in result.engine and "Yosys" in result.engine
    assert result.assumptions
    # Every wire is found, and proved by itself: nothing is left to one piece.
    assert {cut.status for cut in result.cuts} == {"proved"}
    operations = {"+", "-", "*", "neg", "abs", "min", "max", "clamp", "lookup", "select"}
    operations |= {">=", ">", "<=", "<"}
    made = [node for node in program.program.nodes if node.operator in operations]
    assert len(result.cuts) >= 0.9 * len(made)


@pytest.mark.parametrize("stages", [1, 2, 5])
def test_a_pipeline_computes_the_same_later(stages: int) -> None:
    program = lower(find_neuron("AdEx"), Q8_8)
    verilog = emit_neuron(program, pipeline=stages)
    module = f"{verilog.name}_step"
    assert verilog.latency == stages
    result = prove_step(program, verilog.step, module, latency=stages)
    assert result.status == "proved", result.detail
    early = prove_step(program, verilog.step, module, latency=stages - 1)
    assert early.status == "refuted"
    assert f"comes after {stages} clocks: expected {stages - 1}" in early.detail


def test_a_register_too_few_on_one_path_is_refuted() -> None:
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program, pipeline=2)
    broken = verilog.step.replace("+ v_update_aligned_delayed", "+ v_update_aligned")
    assert broken != verilog.step
    result = prove_step(program, broken, f"{verilog.name}_step", latency=2)
    assert result.status == "refuted"
    assert "comes after 1 or 2 clocks: expected 2" in result.detail


def test_a_module_that_remembers_is_refuted() -> None:
    program = lower(LIF, Q8_8)
    module = f"{emit_neuron(program).name}_step"
    text = f"""
        module {module} (input clk, input signed [15:0] v, input signed [19:0] current,
                         output spike, output reg signed [15:0] v_next);
            assign spike = v_next[0];
            always @(posedge clk) v_next <= v_next + v + current;
        endmodule"""
    result = prove_step(program, text, module, latency=1)
    assert result.status == "refuted"
    assert "depends on a register that depends on itself" in result.detail


BROKEN_TABLES = {
    "an entry": (r"(6'd7: curve_value = \d+'sd)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 900}"),
    "a gain": (r"(6'd9: curve_gain = \d+'sd)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 900}"),
    "an index": (r"6'd5: curve_value", lambda m: "6'd45: curve_value"),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("what", BROKEN_TABLES)
def test_a_broken_table_is_refuted(what: str) -> None:
    program = lower(find_neuron("ExpIF"), Q8_8)
    verilog = emit_neuron(program)
    pattern, change = BROKEN_TABLES[what]
    broken, count = re.subn(pattern, change, verilog.step)
    assert count == 1
    result = prove_step(program, broken, f"{verilog.name}_step")
    assert result.status == "refuted"
    assert re.search(r"v_next is \S+ \(Q8.8, integer -?\d+\) in the module", result.detail)


def test_a_counterexample_of_an_unsigned_format() -> None:
    program = lower(LIF, formats("UQ8.8"))
    verilog = emit_neuron(program)
    broken = verilog.step.replace("? 17'sd65535", "? 17'sd65534")
    assert broken != verilog.step
    result = prove_step(program, broken, f"{verilog.name}_step")
    assert result.status == "refuted"
    assert "255.99609375 (UQ8.8, integer 65535) in the model" in result.detail or (
        "integer 65279) in the model" in result.detail
    )


def test_what_is_equal_but_has_other_names_is_proved_in_one_piece() -> None:
    """Without one wire that the model knows, only the whole is left to compare."""
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program)
    renamed = re.sub(r"\b(v_update|v_reset|spike)_(?!next)(\w+)\b", r"other_\1_\2", verilog.step)
    result = prove_step(program, renamed, f"{verilog.name}_step")
    assert result.status == "proved"
    assert {cut.name for cut in result.cuts} <= {"spike", "v_next", "spike, v_next in one piece"}


def test_what_is_never_negative_may_lose_its_sign_beside_a_product() -> None:
    """An unsigned factor makes Verilog's product unsigned; where neither is negative, no matter."""
    program = lower(find_neuron("AdEx"), Q8_8)
    verilog = emit_neuron(program)
    before = r"wire signed (\[\d+:0\] drive_update_low_bits) = \{1'b0,"
    changed, count = re.subn(before, r"wire \1 = {1'b0,", verilog.step)
    assert count == 1
    assert re.search(r"drive_update_entry_2 \* drive_update_low_bits;", changed)
    result = prove_step(program, changed, f"{verilog.name}_step")
    assert result.status == "proved"
    assert {cut.status for cut in result.cuts} == {"proved"}


MUTATIONS = {
    "a constant one too small": ("16'sd29491", "16'sd29490"),
    "a product that becomes a sum": ("16'sd29491 * v", "16'sd29491 + v"),
    "a sum that becomes a difference": ("        + v_update_aligned", "        - v_update_aligned"),
    "rounding by one bit less": ("{current, 15'd0}", "{current, 15'd1}"),
    "an upper bound one too low": ("? 16'sd32767", "? 16'sd32766"),
    "a lower bound that wraps": (
        "? 16'sh8000 :\n        v_update",
        "? 16'sh7fff :\n        v_update",
    ),
    "a strict comparison": (">= 16'sd256", "> 16'sd256"),
    "a threshold one too high": (">= 16'sd256", ">= 16'sd257"),
    "a reset that adds": ("- 17'sd256", "+ 17'sd256"),
    "an unsigned state": ("input  wire signed [15:0] v", "input  wire [15:0] v"),
    "swapped choices": (
        "spike_reached ? v_reset_saturated :\n        v_update_saturated",
        "spike_reached ? v_update_saturated :\n        v_reset_saturated",
    ),
    "a spike that never comes": ("assign spike = spike_reached", "assign spike = 1'b0"),
}


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_mutation_is_refuted_with_a_counterexample_in_q_numbers(what: str) -> None:
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program)
    before, after = MUTATIONS[what]
    assert verilog.step.count(before) == 1
    mutant = verilog.step.replace(before, after)
    result = prove_step(program, mutant, f"{verilog.name}_step")
    assert result.status == "refuted"
    number = r"-?[\d.]+ \(Q\d+\.8, integer -?\d+\)"
    assert re.search(rf"for v = {number}, current = {number}: ", result.detail)
    assert re.search(r"is \S.* in the module and \S.* in the model", result.detail)


def test_a_counterexample_is_one() -> None:
    """The reported input, put through both sides by hand, gives the reported numbers."""
    program = lower(LIF, Q8_8)
    verilog = emit_neuron(program)
    mutant = verilog.step.replace(">= 16'sd256", "> 16'sd256")
    detail = prove_step(program, mutant, f"{verilog.name}_step").detail
    v, current = (int(n) for n in re.findall(r"integer (-?\d+)\)", detail)[:2])
    assert (29491 * v + (current << 15)) >> 15 == 256
    assert "spike is 0 in the module and 1 in the model" in detail


def test_a_port_of_another_width_is_refuted() -> None:
    program = lower(LIF, Q8_8)
    wider = lower(LIF, FixedPoint(QFormat(8, 8), current_extra_bits=5))
    verilog = emit_neuron(wider)
    result = prove_step(program, verilog.step, f"{verilog.name}_step")
    assert (result.status, result.detail) == ("refuted", "input current has 21 bits: expected 20")


def test_no_time_is_unknown_never_proved() -> None:
    """Equal by the distributive law, which takes a solver of bits far more than 0.2 s."""
    text = "neuron N\nstate v = 0\nupdate v = {}\nspike v >= 1"
    factored = lower(parse_neuron(text.format("(v + I)*(v - I)")), Q8_8)
    expanded = lower(parse_neuron(text.format("v*v - I*I")), Q8_8)
    result = prove_step(factored, emit_neuron(expanded).step, "n_q8_8_step", timeout=0.2)
    assert result.status == "unknown"
    assert "z3 gave up" in result.detail
