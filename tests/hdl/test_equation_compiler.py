import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore import __version__
from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed import FixedPoint, ParameterPort, QFormat, lower
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, compile_equations, emit_neuron
from sc_neurocore.hdl.names import KEYWORDS
from sc_neurocore.hdl.pipeline import split
from sc_neurocore.tools.programs import run
from sc_neurocore.verify.equivalence import prove_step

GOLDEN = Path(__file__).parent.parent / "golden"

EVERY_OPERATION = """
neuron Everything
state v = -65
state u = 1
parameter a = 0.02
update local drive = 0.04*v**2 + 5*v + 140 - u + I
update u = u + a*(0.2*v - u)
update v = max(v + drive/2, -100) - min(u, I)
update v = select(u < 0, v, -v)
spike v > 30
reset v = -65
reset u = u + 8
after u = u + s/4 - abs(u)/128
"""

UNREAD = """
neuron Unread
state step = 0
state v = 1
update v = 0.5*step
update step = v
spike step >= 1
"""

SATURATED = """
neuron Saturated
state v = 0
update local x = 500
update v = v + I - x/100
spike v >= 1
reset v = -65
"""


NEGATIVE = """
neuron Negative
state v = 0
state w = 0
parameter k = -0.3
update v = k*v - 3*w + I - 0.001*v*w
update w = -5*w*v - 8*v + min(-0.3*I, -0.5)*w
spike v >= 1
reset v = k*v
"""


def variants() -> dict[str, NeuronVerilog]:
    ports = [ParameterPort("beta", 16), ParameterPort("threshold", 18)]
    return {
        "folded": compile_equations(LIF),
        "ports": emit_neuron(lower(LIF, FixedPoint(QFormat(8, 8)), {}, ports), "lif_ports"),
        "narrow": compile_equations(LIF, "Q3.5", "lif_narrow"),
        "wide": compile_equations(LIF, "Q12.20", "lif_wide"),
        "everything": compile_equations(EVERY_OPERATION, "Q9.7"),
        "unread inputs": compile_equations(UNREAD),
        "saturated constants": compile_equations(SATURATED, "Q4.8"),
        "negative factors": compile_equations(NEGATIVE),
    }


@pytest.mark.parametrize("name", variants())
def test_lint_clean_and_accepted_by_icarus(name: str, require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("verilator", "iverilog")
    verilog = variants()[name]
    for file, text in verilog.files.items():
        (tmp_path / file).write_text(text)
    run("verilator", ["--lint-only", "-Wall", f"{verilog.name}.v"], cwd=tmp_path)
    checked = run("iverilog", ["-g2005", "-Wall", "-t", "null", *verilog.files], cwd=tmp_path)
    assert checked.stdout + checked.stderr == ""


def test_golden_lif() -> None:
    """What an engineer reads. After an intended change: write `files` over the golden files."""
    for name, text in compile_equations(LIF).files.items():
        generator = f"sc-neurocore {__version__}."
        assert generator in text
        assert text.replace(generator, "sc-neurocore VERSION.") == (GOLDEN / name).read_text()


def test_the_text_and_the_neuron_give_the_same_bytes() -> None:
    assert compile_equations(str(LIF)) == compile_equations(LIF)


def test_comments_carry_the_equation_and_the_formats() -> None:
    step = compile_equations(LIF).step
    for line in str(LIF).strip().splitlines():
        assert f"//     {line}" in step
    assert "// v = beta*v + I" in step
    assert "States are Q8.8, the current is Q12.8" in step
    assert "beta = 0.9 is the constant 29491 / 2^15" in step


def test_every_declared_wire_is_used() -> None:
    for verilog in variants().values():
        body = re.sub(r"//.*", "", verilog.step)
        for wire in re.findall(r"wire(?: signed)?(?: \[\d+:0\])? (\w+) =", body):
            assert wire == "unused" or len(re.findall(rf"\b{wire}\b", body)) > 1, wire


@pytest.mark.parametrize(
    "name", ["module", "reg", "Wire", "logic", "spike", "clk", "v_next", "datapath"]
)
def test_names_that_cannot_reach_verilog(name: str) -> None:
    neuron = parse_neuron(f"neuron N\nstate {name} = 0\nupdate {name} = I\nspike {name} >= 1")
    with pytest.raises(EquationError, match=r"rename it|is taken"):
        compile_equations(neuron)


@pytest.mark.parametrize("name", ["a b", "1st", "x;y", "x" * 65, "endmodule", ""])
def test_module_names_are_checked(name: str) -> None:
    if name:
        with pytest.raises(EquationError, match="module name"):
            compile_equations(LIF, name=name)
    else:
        assert compile_equations(LIF, name=name).name == "lif_q8_8"


def test_keywords_are_lower_case_words() -> None:
    assert {"always", "endmodule", "signed", "reg", "wire"} <= KEYWORDS
    assert all(re.fullmatch("[a-z0-9_]+", word) for word in KEYWORDS)


@pytest.mark.parametrize("stages", range(1, 6))
def test_no_stage_of_a_pipeline_is_empty(stages: int) -> None:
    """One long operation, the product, does not keep the others from being divided."""
    program = lower(LIF, FixedPoint(QFormat(8, 8))).program
    free = ("input", "constant", "<<", ">>")
    work = [node.operator not in free for node in program.nodes]
    used = {stage for stage, works in zip(split(program, stages).of, work, strict=True) if works}
    assert used == set(range(stages + 1))


@pytest.mark.parametrize(("form", "value"), [("Q8.8", "-128"), ("Q1.1", "-1"), ("UQ8.8", "0")])
def test_a_state_may_always_be_the_least_that_there_is(
    form: str, value: str, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys", "z3")
    text = f"neuron N\nstate v = 0\nstate u = 0\nupdate v = I\nupdate u = {value}\nspike v >= 0.5"
    program = lower(parse_neuron(text), FixedPoint(QFormat.parse(form)))
    verilog = emit_neuron(program)
    assert prove_step(program, verilog.step, f"{verilog.name}_step").status == "proved"


def test_the_negative_of_a_negative_constant_is_verilog(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    text = (
        "neuron N\nstate v = 0\nparameter a = -1\nupdate v = v + I\nspike v < -a\nreset v = abs(a)"
    )
    verilog = compile_equations(text, "Q1.1")
    for name, source in verilog.files.items():
        (tmp_path / name).write_text(source)
        assert "--" not in re.sub(r"//[^\n]*", "", source)
    checked = run("iverilog", ["-g2005", "-Wall", "-t", "null", *verilog.files], cwd=tmp_path)
    assert checked.stdout + checked.stderr == ""
