"""Opening a design folder: what is not as it was made is said, and nothing in it is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.folders import sole_writer
from sc_neurocore.fpga import folder as folders
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.constraints import check_constraints
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.design import CERTIFICATE, Design
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.verify import certificate as certificates
from sc_neurocore.verify.certificate import certify
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.standing import standing

INPUTS = np.zeros((2, 6), dtype=np.int64)
PROVED = ProofResult("claim", "proved", "none", 0.0)
Spoil = Callable[[Path], None]


def describe(seed: int = 0) -> NetworkDescription:
    random = np.random.default_rng(seed)
    return NetworkDescription(
        name="tiny",
        steps=4,
        input=InputEncoding(shape=(6,), bits=5, fraction_bits=4),
        layers=[
            Dense(weight=random.normal(0, 1, (5, 6))),
            Population(neuron=LIF),
            Dense(weight=random.normal(0, 1, (3, 5))),
            Population(neuron=LIF),
        ],
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "design"
    compile_design(describe(), directory, lanes=2, board="ulx3s")
    return directory


def run_of(status: str | None = None) -> CosimulationResult:
    return CosimulationResult(
        simulator="icarus",
        version="11",
        samples=2,
        steps=4,
        steps_per_sample=4,
        updates=64,
        spike_mismatches=0,
        state_mismatches=0,
        class_mismatches=0,
        count_mismatches=0,
        cycles_per_sample=1,
        latency_cycles=1,
        interval_cycles=1,
        seconds=0,
        first_mismatch=status,
    )


def certify_folder(folder: Path, first_mismatch: str | None = None) -> None:
    with opened(folder) as design:
        certify(design, (run_of(first_mismatch),), (PROVED,), INPUTS, "zeros")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def narrower_sums(folder: Path) -> None:
    path = folder / "rtl" / "tiny.v"
    line = next(line for line in path.read_text().splitlines() if ".SUM_BITS" in line)
    edit(path, line, line.replace("(", "(-1 + ", 1))


def another_circuit_for_synthesis(folder: Path) -> None:
    path = folder / "rtl" / "snn_readout.v"
    edit(path, "endmodule", "`ifdef SYNTHESIS\n    wire other = 1'b1;\n`endif\nendmodule")


def a_weight(folder: Path) -> None:
    path = folder / "rtl" / "tiny_weights.hex"
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}")


def the_board(folder: Path) -> None:
    edit(folder / "rtl" / "board" / "board_reset.v", "posedge", "negedge")


def the_pins(folder: Path) -> None:
    edit(folder / "rtl" / "board" / "tiny_ulx3s.lpf", "25 MHZ", "50 MHZ")


def the_manifest(folder: Path) -> None:
    path = folder / "design.json"
    content = json.loads(path.read_text())
    content["steps"] = 5
    path.write_text(json.dumps(content))


EDITS: list[tuple[Spoil, str]] = [
    (narrower_sums, "rtl/tiny.v"),
    (another_circuit_for_synthesis, "rtl/snn_readout.v"),
    (a_weight, "rtl/tiny_weights.hex"),
    (the_board, "rtl/board/board_reset.v"),
    (the_pins, "rtl/board/tiny_ulx3s.lpf"),
    (the_manifest, "design.json"),
]


@contextmanager
def opened_anyway(folder: Path) -> Iterator[Design]:
    """Open a folder also where the reader would refuse it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders, "_check_edited", lambda *_: None)
        with opened(folder, allow_edited=True) as design:
            yield design


def test_what_was_compiled_is_ours(folder: Path) -> None:
    with opened(folder) as design:
        assert design.edited == ()
        assert design.home == folder
        private = design.accelerator.directory
        assert private != folder and (private / "rtl" / "tiny.v").is_file()
        assert private.stat().st_mode & 0o077 == 0
    assert not private.exists()


@pytest.mark.parametrize(("spoil", "name"), EDITS)
def test_every_edit_is_named_and_refused(spoil: Spoil, name: str, folder: Path) -> None:
    spoil(folder)
    with pytest.raises(CheckFailedError, match=f"edited by hand: {name}"), opened(folder):
        pass
    for command in ("verify", "build"):
        result = CliRunner().invoke(app, [command, str(folder), "--json"])
        assert result.exit_code == 1
        assert f"edited by hand: {name}" in json.loads(result.stdout)["error"]
    assert not (folder / CERTIFICATE).exists()
    assert not (folder / "build").exists()


READ_ANYWAY = (narrower_sums, a_weight, the_pins, the_manifest)


@pytest.mark.parametrize(("spoil", "name"), EDITS)
def test_what_is_read_anyway_goes_through_the_reader(spoil: Spoil, name: str, folder: Path) -> None:
    spoil(folder)
    if spoil in READ_ANYWAY:
        with opened(folder, allow_edited=True) as design:
            assert design.edited == (name,)
    else:
        with pytest.raises(UserError, match=name), opened(folder, allow_edited=True):
            pass


def test_pins_hold_no_script(tmp_path: Path) -> None:
    compile_design(describe(), tmp_path, lanes=2, board="arty-a7")
    path = tmp_path / "rtl" / "board" / "tiny_arty_a7.xdc"
    ours = path.read_bytes()
    check_constraints(ours, path)
    for more in (b"exec touch x", b"set_property X [exec touch x]", b"source x", b"# a\\", b"a; b"):
        path.write_bytes(ours + more + b"\n")
        with pytest.raises(UserError, match="expected a comment or a constraint"):
            opened(tmp_path, allow_edited=True).__enter__()


@pytest.mark.parametrize(("spoil", "name"), EDITS)
def test_a_certificate_is_of_exactly_these_files(spoil: Spoil, name: str, folder: Path) -> None:
    certify_folder(folder)
    with opened(folder) as design:
        assert standing(design).status == "verified"
    spoil(folder)
    with opened_anyway(folder) as design:
        found = standing(design)
    assert found.status == "changed since it was verified"
    assert name in found.detail


def test_a_certificate_names_every_file_and_the_code_that_made_it(folder: Path) -> None:
    certify_folder(folder)
    written = json.loads((folder / CERTIFICATE).read_text())
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    kept = {name for name in names if not name.startswith(".") and name != CERTIFICATE}
    assert set(written["design"]["files"]) == kept
    assert len(written["environment"]["sc_neurocore_sha256"]) == 64
    assert written["edited"] == []


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"design": {"files": []}}', "[" * 9999])
def test_no_certificate_or_a_damaged_one_is_not_verified(content: str | None, folder: Path) -> None:
    if content is not None:
        (folder / CERTIFICATE).write_text(content)
    with opened(folder) as design:
        assert standing(design).status == "not verified"
    result = CliRunner().invoke(app, ["build", str(folder), "--verified", "--json"])
    assert result.exit_code == 1
    assert "not verified: " in json.loads(result.stdout)["error"]


def test_a_certificate_that_does_not_hold_is_not_verified(folder: Path) -> None:
    certify_folder(folder, "input 0, layer 0, neuron 0, step 0: a spike")
    with opened(folder) as design:
        found = standing(design)
    assert found.status == "not verified"
    assert "input 0, layer 0" in found.detail


def test_many_edited_files_do_not_push_out_how_much_was_sampled(folder: Path) -> None:
    certify_folder(folder)
    content = json.loads((folder / CERTIFICATE).read_text())
    named = ", ".join(f"rtl/snn_module_{number}.v" for number in range(40))
    content["verdict"] = f"files edited by hand ({named}): {content['verdict']}"
    (folder / CERTIFICATE).write_text(json.dumps(content))
    with opened(folder) as design:
        assert standing(design).line.endswith("every spike and state compared")


def test_a_certificate_of_another_design_is_none(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    compile_design(describe(seed=1), other, lanes=2)
    certify_folder(other)
    (folder / CERTIFICATE).write_bytes((other / CERTIFICATE).read_bytes())
    with opened(folder) as design:
        assert standing(design).status == "changed since it was verified"


def test_another_network_compiled_meanwhile_gets_no_certificate(folder: Path) -> None:
    with opened(folder) as design:
        compile_design(describe(seed=1), folder, lanes=2)
        with pytest.raises(CheckFailedError, match=r"design\.json.* changed while verify ran"):
            certify(design, (run_of(),), (PROVED,), INPUTS, "zeros")
    assert not (folder / CERTIFICATE).exists()


def test_two_commands_do_not_write_at_once(folder: Path) -> None:
    with opened(folder) as design, sole_writer(folder, "verify"):
        with pytest.raises(UserError, match="another sc-neurocore command is writing there"):
            certify(design, (run_of(),), (PROVED,), INPUTS, "zeros")
        with pytest.raises(UserError, match="another sc-neurocore command is writing there"):
            compile_design(describe(), folder, lanes=2)


def test_what_was_only_sampled_says_how_much(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as design:
        monkeypatch.setattr(certificates, "cosimulate_design", lambda *_, **__: (run_of(),))
        monkeypatch.setattr(certificates, "prove_design", lambda *_: (PROVED,))
        certificate = certificates.verify_design(design, INPUTS, origin="zeros", available=360)
    assert certificate.holds
    assert "sampled, not proved: only 2 of 360 inputs" in certificate.verdict


def test_what_follows_from_the_claims_is_said_where_the_theorem_holds(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as design:
        monkeypatch.setattr(certificates, "cosimulate_design", lambda *_, **__: (run_of(),))
        monkeypatch.setattr(certificates, "prove_design", lambda *_: (PROVED,))
        monkeypatch.setattr(certificates, "theorem_of", lambda *_: {"status": "holds"})
        certificate = certificates.verify_design(design, INPUTS, origin="zeros", available=360)
    assert "follows from them, and is sampled besides: only 2 of 360" in certificate.verdict
    assert "not proved" not in certificate.verdict


def test_a_simulator_that_lies_in_the_folder_is_never_run(
    folder: Path, require_tool: Callable[..., None]
) -> None:
    """Whatever stands in the folder under the names of builds: they are made elsewhere."""
    require_tool("iverilog", "vvp")
    witness = folder.parent / "witness"
    with opened(folder) as design:
        cosimulate(design.accelerator, design.network, INPUTS, "icarus")
        places = [path for path in design.accelerator.directory.rglob("*") if path.is_file()]
        kept = [path.relative_to(design.accelerator.directory) for path in places]
    for name in kept:
        if name.parts[0] != "rtl" and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(f"#!/bin/sh\ntouch {witness}\n")
            (folder / name).chmod(0o755)
    with opened(folder) as design:
        assert cosimulate(design.accelerator, design.network, INPUTS, "icarus").holds
    assert not witness.exists()


def test_a_design_of_another_version_is_told_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "design.json"
    edit(path, '"generator": "', '"generator": "0.0-')
    with opened(folder) as design:  # all files are what this version writes too
        assert design.edited == ()
    a_weight(folder)
    with pytest.raises(CheckFailedError, match=r"compiled by sc-neurocore 0\.0-.*; this is"):
        opened(folder).__enter__()


def test_a_file_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    path = folder / "rtl" / "tiny_weights.hex"
    (tmp_path / "tiny_weights.hex").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "tiny_weights.hex")
    with pytest.raises(UserError, match="symbolic link"), opened(folder):
        pass


def test_a_manifest_with_other_files_is_refused_whatever_is_allowed(folder: Path) -> None:
    (folder / "rtl" / "more.v").write_text("module more; endmodule\n")
    path = folder / "design.json"
    content = json.loads(path.read_text())
    content["files"].append({"path": "rtl/more.v", "role": "verilog", "sha256": "0" * 64})
    path.write_text(json.dumps(content))
    with (
        pytest.raises(UserError, match=r"lists other files .*rtl/more\.v"),
        opened(folder, allow_edited=True),
    ):
        pass


def test_a_design_that_nobody_compared_says_so(folder: Path) -> None:
    with opened(folder) as design:
        unknown = replace(design, edited=None)
        certificate = certify(unknown, (run_of(),), (PROVED,), INPUTS, "zeros")
    assert certificate.verdict.startswith("files not compared with what would be generated: holds")
