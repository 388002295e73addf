import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF, find_neuron
from sc_neurocore.errors import CheckFailedError, ToolMissingError, UserError
from sc_neurocore.folders import replace_files, sole_writer
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.design import load_design
from sc_neurocore.hdl.neuron_folder import compile_neuron
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)
from sc_neurocore.verify import certificate as certificate_module
from sc_neurocore.verify import contents, emitted
from sc_neurocore.verify.certificate import Certificate, cosimulate_design, verify_design
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate
from sc_neurocore.verify.netlist_simulation import NetlistSimulation
from sc_neurocore.verify.neuron_certificate import verify_neuron
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.simulators import SIMULATORS

INPUTS = np.random.default_rng(3).integers(0, 32, size=(12, 6))


def describe(seed: int = 0) -> NetworkDescription:
    rng = np.random.default_rng(seed)
    return NetworkDescription(
        name="tiny",
        input=InputEncoding(shape=(6,), bits=5, fraction_bits=4),
        steps=5,
        layers=[
            Dense(weight=rng.normal(size=(5, 6)), bias=rng.normal(size=5)),
            Population(neuron=LIF),
            Dense(weight=rng.normal(size=(3, 5))),
            Population(neuron=LIF),
        ],
    )


def verify(folder: Path, *, allow_edited: bool = True, **options: Any) -> Certificate:
    """Verify a folder as the command line does."""
    with opened(folder, allow_edited=allow_edited) as design:
        return verify_design(design, INPUTS, **({"origin": "random"} | options))


RUN = CosimulationResult(
    **{field.name: 0 for field in dataclasses.fields(CosimulationResult)}  # type: ignore[arg-type]
    | {"first_mismatch": None, "simulator": "icarus", "inputs": ""}
)
PROVED = ProofResult("claim", "proved", "none", 0.0)
BOUNDED = ProofResult("small", "bounded(60)", "none", 0.0, bound="60 clocks")


@pytest.fixture
def design(
    tmp_path: Path, require_tool: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A compiled design; what takes longest of its proofs is tested elsewhere."""
    require_tool("verilator", "iverilog", "yosys", "sby", "z3")
    long = {"small": BOUNDED, "control": PROVED, "additions": PROVED, "order": PROVED}
    for name, result in long.items():
        monkeypatch.setattr(
            f"sc_neurocore.verify.claims.prove_{name}", lambda _, known=result: known
        )
    compile_design(describe(), tmp_path, lanes=2)
    return tmp_path


def test_a_good_design_gets_a_certificate(design: Path) -> None:
    certificate = verify(
        design,
        origin="random, seed 3",
        allow_edited=False,
        second_samples=4,
        netlists=("ecp5",),
        netlist_samples=2,
    )
    assert certificate.holds
    written = json.loads((design / "certificate.json").read_text())
    assert written == certificate.as_dict()
    assert [run["simulator"] for run in written["sampled"]] == ["verilator", "verilator", "icarus"]
    assert [run["samples"] for run in written["sampled"]] == [12, 12, 4]
    assert written["sampled"][1]["inputs"] == "blank, saturated and random"
    (after,) = written["sampled_after_synthesis"]
    assert (after["synthesis"], after["samples"], after["updates"]) == ("synth_ecp5", 2, 80)
    (proof,) = written["after_synthesis"]
    assert (proof["status"], proof["figures"]["points_left"]) == ("proved", 0)
    assert "of 1 netlists 1 proved to be what was written" in certificate.verdict
    assert written["inputs"]["origin"] == "random, seed 3"
    assert {proof["status"] for proof in written["proved_for_all_inputs"]} == {"proved"}
    assert written["checked_within_a_bound"] == [BOUNDED.as_dict()]


@pytest.mark.parametrize(
    ("inputs", "expected"), [(3.5, [12, 12, 3]), (1.5, [12, 12, 1]), (0.5, [12, 12])]
)
def test_icarus_runs_what_fits_its_budget(
    design: Path, monkeypatch: pytest.MonkeyPatch, inputs: float, expected: list[int]
) -> None:
    with opened(design, allow_edited=False) as opened_design:
        clocks = cosimulate(
            opened_design.accelerator, opened_design.network, INPUTS, "verilator"
        ).cycles_per_sample
        sums = opened_design.accelerator.geometry.group_sums
        monkeypatch.setattr(certificate_module, "SECOND_WORK", inputs * clocks * sums)
        runs = cosimulate_design(opened_design, INPUTS)
    assert [run.samples for run in runs] == expected
    # One alone does not run again, disturbed.
    assert [run.disturbed for run in runs[2:]] == [int(each > 1) for each in expected[2:]]
    certificate = Certificate(
        {},
        {"group_sums": sums},
        (),
        runs,
        (PROVED,),
        {"samples": 12, "available": 12, "origin": ""},
        {},
    )
    is_left_out = f"none in icarus (an input takes {clocks:.0f} clocks of {sums} sums)"
    assert (is_left_out in certificate.verdict) == (len(expected) == 2)
    assert ("in icarus, every spike" in certificate.verdict) == (len(expected) == 3)


@pytest.mark.parametrize(
    ("status", "bound", "holds"),
    [
        ("proved", "", True),
        ("bounded(60)", "60 clocks", True),
        ("bounded(60)", "", False),  # what does not say how far it was looked at
        ("unknown", "60 clocks", False),
        ("unknown", "", False),
        ("refuted", "", False),
    ],
)
def test_no_answer_is_not_taken_for_a_proof(status: str, bound: str, holds: bool) -> None:
    proof = ProofResult("claim", status, "none", 0.0, bound=bound)
    assert Certificate({}, {}, (), (RUN,), (proof,), {}, {}).holds is holds


def test_nothing_done_is_no_certificate() -> None:
    assert not Certificate({}, {}, (), (), (PROVED,), {}, {}).holds
    assert not Certificate({}, {}, (), (RUN,), (), {}, {}).holds


def test_a_changed_weight_is_found_by_cosimulation_and_by_the_claim_of_the_files(
    design: Path,
) -> None:
    """The bound of the sums is about the network's weights; that the files hold them is no part."""
    path = design / "rtl" / "tiny_weights.hex"
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{int(first, 16) ^ 0x40:0{len(first)}x}\n{rest}")
    certificate = verify(design)
    assert not certificate.holds
    assert not certificate.cosimulation[0].holds
    refuted = {proof.name: proof for proof in certificate.proofs if not proof.holds}
    assert set(refuted) == {emitted.NAME, contents.NAME}
    assert {proof.status for proof in refuted.values()} == {"refuted"}
    assert "tiny_weights.hex" in refuted[emitted.NAME].detail


def test_a_changed_datapath_is_refuted_although_no_sample_shows_it(design: Path) -> None:
    """Saturation at one less than the maximum: no sample comes near it, the proof does."""
    path = design / "rtl" / "tiny_lif_q8_8_step.v"
    path.write_text(path.read_text().replace("? 16'sd32767", "? 16'sd32766"))
    certificate = verify(design)
    assert certificate.cosimulation[0].holds
    (refuted,) = [proof for proof in certificate.proofs if proof.status == "refuted"]
    assert "in the model" in refuted.detail
    assert not certificate.holds


def test_a_netlist_that_differs_is_no_certificate() -> None:
    for first_mismatch in (None, "input 0, layer 0, neuron 0, step 0: a spike"):
        run = dataclasses.replace(RUN, first_mismatch=first_mismatch)
        netlist = NetlistSimulation("ice40", "synth_ice40", (), run)
        certificate = Certificate({}, {}, (), (RUN,), (PROVED,), {}, {}, (netlist,))
        assert certificate.holds is (first_mismatch is None)


@pytest.mark.parametrize(
    ("status", "holds"), [("proved", True), ("unknown", True), ("refuted", False)]
)
def test_a_netlist_that_is_unknown_is_sampled_and_said(status: str, holds: bool) -> None:
    proof = dataclasses.replace(PROVED, status=status)
    netlist = NetlistSimulation("ice40", "synth_ice40", (), RUN, proof)
    inputs = {"samples": 1, "available": 1, "origin": "random"}
    certificate = Certificate({}, {"group_sums": 1}, (), (RUN,), (PROVED,), inputs, {}, (netlist,))
    assert certificate.holds is holds
    if holds:
        said = f"of 1 netlists {int(status == 'proved')} proved to be what was written"
        assert said in certificate.verdict


def test_a_family_that_there_is_not_is_refused_before_anything_is_run(
    design: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("sc_neurocore.verify.certificate.cosimulate")
    with pytest.raises(UserError, match="expected one of ice40"):
        verify(design, netlists=("ice",))


def test_another_network_in_the_folder_is_refused(design: Path) -> None:
    save_description(describe(seed=1), design)
    with pytest.raises(CheckFailedError, match="compile the network again"):
        load_design(design)


def test_a_missing_step_is_refused(design: Path) -> None:
    (design / "rtl" / "tiny_lif_q8_8_step.v").unlink()
    with pytest.raises(UserError, match="tiny_lif_q8_8_step"):
        verify(design)


def test_the_design_folder_gives_the_same_integers_back(design: Path) -> None:
    network = load_design(design).network
    again = compile_design(describe(), design / "again", lanes=2).design.network
    for ours, theirs in zip(network.layers, again.layers, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
    assert network.program.program == again.program.program


def test_no_certificate_outlives_its_design(design: Path) -> None:
    verify(design)
    (design / "notes.txt").write_text("mine")
    old = design / "rtl" / "tiny_lif_q8_8_step.v"
    with sole_writer(design, "build"):
        replace_files(design, {"build/hx8k/build.json": b"{}"})
    compile_design(describe(), design, format="Q6.6", lanes=2)
    assert not (design / "certificate.json").exists()
    assert not old.exists()
    assert not (design / "build" / "hx8k").exists()
    assert (design / "notes.txt").read_text() == "mine"


def test_a_failed_compilation_leaves_the_design_as_it_was(design: Path) -> None:
    verify(design)
    with pytest.raises(UserError, match="a power of two"):
        compile_design(describe(), design, lanes=3)
    assert json.loads((design / "certificate.json").read_text())["holds"] is True


def test_a_verification_that_fails_replaces_the_old_certificate(design: Path) -> None:
    verify(design)
    path = design / "rtl" / "tiny_weights.hex"
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}")
    certificate = verify(design)
    assert not certificate.holds
    assert json.loads((design / "certificate.json").read_text())["holds"] is False


def test_netlists_that_nothing_can_run_are_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_neuron(find_neuron("IF"), tmp_path, "Q4.4")
    for each in SIMULATORS.values():
        monkeypatch.setattr(type(each), "is_available", False)
    with pytest.raises(ToolMissingError, match="no simulator is installed"):
        verify_neuron(tmp_path, netlists=("ice40",))


def test_a_compiled_neuron_is_proved_by_itself(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys", "z3", "sby", "iverilog", "vvp")
    verilog = compile_neuron(find_neuron("IF"), tmp_path, "Q4.4:nearest", pipeline=2).verilog
    plain = verify_neuron(tmp_path)
    assert plain.holds
    assert plain.netlists == ()  # they take longer than the proofs, and are made when asked for
    certificate = verify_neuron(tmp_path, netlists=("ice40", "ecp5"))
    assert [proof.status for proof in certificate.proofs] == ["proved"] * 2
    assert [proof.status for proof in certificate.netlists] == ["proved"] * 2
    assert [run.mismatches for run in certificate.sampled] == [0] * 3
    with pytest.raises(UserError, match="no netlist of a neuron for 'z80'"):
        verify_neuron(tmp_path, netlists=("z80",))
    written = json.loads((tmp_path / "certificate.json").read_text())
    assert written == certificate.as_dict()
    assert written["holds"] is True
    assert list(written)[:2] == ["schema", "verdict"]
    assert written["verdict"].startswith("holds: 2 claims proved for all inputs")
    assert "of 2 netlists 2 proved" in written["verdict"]
    assert any("saturates" in place for place in written["overflows"])
    path = tmp_path / f"{verilog.name}_step.v"
    path.write_text(path.read_text().replace("? 8'sd127", "? 8'sd126"))
    with pytest.raises(CheckFailedError, match=r"edited by hand: if_q4_4_nearest_step\.v"):
        verify_neuron(tmp_path)
    certificate = verify_neuron(tmp_path, allow_edited=True)
    assert certificate.edited == (f"{verilog.name}_step.v",)
    assert certificate.proofs[0].status == "refuted"
    edited = f"files edited by hand ({verilog.name}_step.v): does not hold: "
    assert certificate.verdict.startswith(edited)
    assert certificate.sampled == ()  # a refuted neuron is not synthesised
    assert json.loads((tmp_path / "certificate.json").read_text())["holds"] is False


def test_a_proof_that_is_interrupted_leaves_what_was_done(
    tmp_path: Path, require_tool: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("yosys", "z3")
    compile_neuron(find_neuron("IF"), tmp_path, "Q4.4")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sc_neurocore.verify.neuron_certificate.prove_properties", interrupted)
    with pytest.raises(KeyboardInterrupt, match="what was done is in"):
        verify_neuron(tmp_path)
    written = json.loads((tmp_path / "certificate.json").read_text())
    assert [each["status"] for each in written["proved_for_all_inputs"]] == ["proved"]
    assert (written["interrupted"], written["holds"]) == (True, False)


@pytest.mark.parametrize("pipeline", [0, 2])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("spike <= spike_next;", "spike <= 1'b0;"),  # a spike implies a crossing: there is none
        ("v <= v_next;", "v <= v;"),
    ],
)
def test_registers_that_do_not_take_what_the_step_answers_are_refuted(
    old: str, new: str, pipeline: int, tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys", "sby", "z3")
    verilog = compile_neuron(find_neuron("IF"), tmp_path, "Q4.4", pipeline=pipeline).verilog
    assert old in verilog.registered
    (tmp_path / f"{verilog.name}.v").write_text(verilog.registered.replace(old, new))
    certificate = verify_neuron(tmp_path, allow_edited=True)
    assert not certificate.holds
    assert [proof.status for proof in certificate.proofs] == ["proved", "refuted"]
    assert "another circuit around the step" in certificate.proofs[1].detail


def test_a_step_that_counts_is_refuted(tmp_path: Path, require_tool: Callable[..., None]) -> None:
    """It answers rightly for longer than anybody waits."""
    require_tool("yosys", "sby", "z3")
    verilog = compile_neuron(find_neuron("IF"), tmp_path, "Q4.4", pipeline=2).verilog
    bomb = (
        "    reg [29:0] waited = 30'd0;\n    always @(posedge clk) waited <= waited + 30'd1;\n"
        "    assign spike = waited != 30'h3fffffff && "
    )
    changed = verilog.step.replace("    assign spike = ", bomb)
    assert changed != verilog.step
    (tmp_path / f"{verilog.name}_step.v").write_text(changed)
    certificate = verify_neuron(tmp_path, allow_edited=True)
    assert not certificate.holds
    assert (
        "remembers what is not remembered in what is generated: waited"
        in certificate.proofs[1].detail
    )


@pytest.mark.parametrize(
    "added",
    [
        "always @* assume (reset);",  # then nothing else ever happens in a proof
        "`ifdef FORMAL\n`endif",
        'initial $system("id");',
    ],
)
def test_an_edited_neuron_is_read_before_tools_get_it(added: str, tmp_path: Path) -> None:
    verilog = compile_neuron(find_neuron("IF"), tmp_path, "Q4.4").verilog
    changed = verilog.registered.replace("endmodule", f"{added}\nendmodule")
    (tmp_path / f"{verilog.name}.v").write_text(changed)
    with pytest.raises(UserError, match=rf"{verilog.name}\.v:\d+: .* refused"):
        verify_neuron(tmp_path, allow_edited=True)
    assert not (tmp_path / "certificate.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"module": 1, "format": 2, "equations": 3}'])
def test_a_damaged_neuron_folder_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "neuron.json").write_text(content)
    with pytest.raises(UserError, match=r"neuron\.json is damaged"):
        verify_neuron(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": "x"},
        {"top": 5},
        {"top": "a; shell"},
        {"states": [{"name": "v", "high": "w", "low": 0}]},
        {"geometry": {}},
        {"network": {"name": "tiny", "sha256": "5"}},
        {"files": []},
        {"files": [{"path": "../x", "role": "verilog", "sha256": "0" * 64}]},
        {"files": [{"path": "/etc/passwd", "role": "verilog", "sha256": "0" * 64}]},
        {"files": [{"path": "a b", "role": "verilog", "sha256": "0" * 64}]},
        {"files": [{"path": "rtl/x.v", "role": "verilog", "sha256": "0" * 64}] * 2},
        {"choices": {"format": "Q8.8"}},
        {"schema": 2},
    ],
)
def test_a_damaged_manifest_is_our_error(changes: dict[str, object], tmp_path: Path) -> None:
    compile_design(describe(), tmp_path, lanes=2)
    path = tmp_path / "design.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match="compile"):
        load_design(tmp_path)


def test_a_manifest_that_is_a_bomb_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "design.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="compile the network again"):
        load_design(tmp_path)
