"""Icarus, Verilator and CXXRTL compute what the integer model computes, and show where not."""

from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF, find_neuron, parse_neuron
from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.fixed import FixedPoint, NeuronProgram, QFormat, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.verify.mapping import map_module
from sc_neurocore.verify.netlist import check_netlist
from sc_neurocore.verify.simulators import SIMULATORS
from sc_neurocore.verify.step_simulation import cosimulate_step, random_inputs

EXAMPLES = Path(__file__).parents[2] / "examples" / "neurons"
NEURONS = CATALOGUE | {
    path.stem: parse_neuron(path.read_text()) for path in sorted(EXAMPLES.glob("*.txt"))
}


def lowered(name: str, form: str = "Q8.8") -> NeuronProgram:
    return lower(NEURONS[name], FixedPoint(QFormat.parse(form)))


@pytest.mark.parametrize("name", NEURONS)
def test_icarus_agrees(name: str, require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog", "vvp")
    program = lowered(name)
    verilog = emit_neuron(program)
    run = cosimulate_step(program, verilog.step, f"{verilog.name}_step", steps=2000, seed=1)
    assert (run.simulator, run.steps, run.mismatches) == ("icarus", 2000, 0)


@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize(("form", "stages"), [("UQ6.8:nearest:wrap", 0), ("Q6.8", 3)])
def test_every_simulator_agrees_on_formats_and_pipelines(
    simulator: str, form: str, stages: int, require_tool
) -> None:  # type: ignore[no-untyped-def]
    require_tool(*SIMULATORS[simulator].tools)
    program = lowered("AdEx", form)
    verilog = emit_neuron(program, pipeline=stages)
    run = cosimulate_step(
        program,
        verilog.step,
        f"{verilog.name}_step",
        steps=3000,
        simulator=simulator,
        latency=stages,
    )
    assert (run.simulator, run.first_mismatch) == (simulator, None)


@pytest.mark.soak
@pytest.mark.parametrize("simulator", SIMULATORS)
@pytest.mark.parametrize("name", NEURONS)
def test_a_million_steps(name: str, simulator: str, require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool(*SIMULATORS[simulator].tools)
    program = lowered(name)
    verilog = emit_neuron(program)
    module = f"{verilog.name}_step"
    run = cosimulate_step(program, verilog.step, module, steps=1_000_000, simulator=simulator)
    assert (run.steps, run.first_mismatch) == (1_000_000, None)


def test_a_difference_is_found_and_told(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog", "vvp")
    program = lower(LIF, FixedPoint(QFormat(8, 8)))
    verilog = emit_neuron(program)
    broken = verilog.step.replace(
        "? 16'sh8000 :\n        v_reset", "? 16'sh8001 :\n        v_reset"
    )
    assert broken != verilog.step
    # Where v_reset saturates nothing fires: the difference can never show.
    assert cosimulate_step(program, broken, "lif_q8_8_step", steps=500).holds
    broken = verilog.step.replace(">= 16'sd256", "> 16'sd256")
    run = cosimulate_step(program, broken, "lif_q8_8_step", steps=20_000)
    assert not run.holds
    assert "spike is 0 in the module and 1 in the model" in str(run.first_mismatch)


def test_what_is_unknown_to_the_simulator_is_an_error(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog", "vvp")
    program = lower(LIF, FixedPoint(QFormat(8, 8)))
    verilog = emit_neuron(program)
    broken = verilog.step.replace("assign spike = spike_reached;", "")
    with pytest.raises(ToolFailedError, match="an output is unknown for input 0"):
        cosimulate_step(program, broken, "lif_q8_8_step", steps=10)


def test_inputs_hold_the_corners() -> None:
    program = lowered("AdEx")
    drawn = random_inputs(program, 4000, seed=3)
    for port in program.inputs:
        low = -(1 << (port.width - 1))
        assert {low, -low - 1, 0, 1, -1, 256} <= set(drawn[port.name].tolist())
        assert drawn[port.name].min() == low
    again = random_inputs(program, 4000, seed=3)
    assert all(np.array_equal(drawn[name], again[name]) for name in drawn)


@pytest.mark.parametrize("family", ["ice40", "ecp5", "gowin"])
def test_a_netlist_is_proved(family: str, require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "iverilog", "vvp")
    program = lowered("IF")
    verilog = emit_neuron(program)
    proof, run = check_netlist(program, verilog.step, f"{verilog.name}_step", family, steps=500)
    assert (proof.status, run.first_mismatch) == ("proved", None)
    assert f"after synth_{family}" in proof.name


def test_a_netlist_with_products_and_registers_is_proved(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "iverilog", "vvp")
    program = lowered("LIF", "Q4.4")
    verilog = emit_neuron(program, pipeline=2)
    module = f"{verilog.name}_step"
    proof, run = check_netlist(program, verilog.step, module, "ecp5", latency=2, steps=500)
    assert (proof.status, run.first_mismatch) == ("proved", None)


def test_a_netlist_that_no_proof_reaches_is_unknown_and_sampled(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "iverilog", "vvp")
    program = lowered("LIF", "Q4.4")
    verilog = emit_neuron(program)
    module = f"{verilog.name}_step"
    proof, run = check_netlist(program, verilog.step, module, "ice40", steps=500, timeout=0)
    assert proof.status == "unknown"
    assert "500 random inputs through the netlist in icarus: no difference" in proof.detail
    assert run.holds


def test_a_wrong_netlist_is_refuted(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("yosys", "iverilog", "vvp")
    program = lowered("IF")
    verilog = emit_neuron(program)
    broken = verilog.step.replace(">= 16'sd256", "> 16'sd256")
    proof, run = check_netlist(program, broken, f"{verilog.name}_step", "ice40", steps=5000)
    assert proof.status == "refuted"
    assert not run.holds


def test_families_are_known() -> None:
    with pytest.raises(
        UserError, match=r"netlist 'max10': expected one of ice40, up5k, ecp5, gowin$"
    ):
        map_module({}, "m", "max10")


def test_the_catalogue_is_here() -> None:
    assert set(NEURONS) > {"LIF", find_neuron("AdEx").name, "morris_lecar"}
