"""What `build` says of frequencies, pins, and folders that it does not build."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.fpga import build as building
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.flow import Job, Product
from sc_neurocore.fpga.placement import Placement
from sc_neurocore.hdl.neuron_folder import compile_neuron, load_neuron
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

NETWORK = NetworkDescription(
    name="tiny",
    steps=3,
    input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
    layers=[
        Dense(weight=np.random.default_rng(0).normal(0, 1, (2, 4))),
        Population(neuron=LIF),
    ],
)


@pytest.fixture
def at_30_mhz(monkeypatch: pytest.MonkeyPatch) -> None:
    """No tools: whatever is built could run at 30.06 MHz."""

    def steps(job: Job) -> Product:
        used = dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams"), 1)
        job.file(".bin").write_bytes(b"bits")
        return Product(Placement({}, used, 30.06), job.file(".bin"))

    monkeypatch.setattr(building, "run_steps", steps)
    monkeypatch.setattr(building, "version", lambda name: "1")


def build(*arguments: object) -> tuple[int, dict[str, Any], str]:
    """Return the exit code, the JSON, and what a person reads."""
    line = ["build", *map(str, arguments)]
    result = CliRunner().invoke(app, [*line, "--json"])
    read = CliRunner().invoke(app, line, env={"COLUMNS": "400"}).output
    return result.exit_code, json.loads(result.stdout), " ".join(read.split())


@pytest.mark.parametrize("frequency", ["nan", "inf", "0", "-1", "1e-9", "1e300"])
def test_a_frequency_that_no_device_has_is_refused_at_once(frequency: str, tmp_path: Path) -> None:
    code, said, _ = build(tmp_path / "not there", f"--frequency={frequency}")
    assert code == 2
    assert "MHz: expected a number from 0.001 to 10000" in said["error"]


def test_a_frequency_that_was_asked_for_and_missed_is_a_failure(
    at_30_mhz: None, tmp_path: Path
) -> None:
    compile_design(NETWORK, tmp_path, lanes=2)
    code, said, read = build(tmp_path, "--frequency", 50)
    assert (code, said["meets_timing"]) == (1, False)
    assert "50 MHz were asked for" in read and "ask for --frequency 30," in read
    assert build(tmp_path, "--frequency", 30)[:2][0] == 0
    code, said, read = build(tmp_path)  # nobody asked
    assert (code, said["meets_timing"]) == (0, False)
    assert "40 MHz aimed at" in read and "missed" not in read


def test_a_neuron_is_built_by_itself(at_30_mhz: None, tmp_path: Path) -> None:
    compile_neuron(str(LIF), tmp_path)
    code, said, read = build(tmp_path, "--device", "hx8k")
    assert (code, said["device"], said["fmax_mhz"]) == (0, "hx8k", 30.06)
    assert (tmp_path / said["bitstream"]).read_bytes() == b"bits"
    assert "30.1 MHz" in read and said["bitstream"] in read
    assert said["verification"].startswith("not verified: no certificate")
    assert "not verified: no certificate" in read
    code, said, _ = build(tmp_path, "--verified")
    assert code == 1 and "not verified: no certificate" in said["error"]


def certify_neuron(folder: Path) -> None:
    hashes = load_neuron(folder).hashes
    certificate = {"files": hashes, "holds": True, "verdict": "holds: 2 claims proved"}
    (folder / "certificate.json").write_text(json.dumps(certificate))


def test_a_neuron_that_is_verified_and_one_that_was(at_30_mhz: None, tmp_path: Path) -> None:
    compile_neuron(str(LIF), tmp_path)
    certify_neuron(tmp_path)
    code, said, read = build(tmp_path, "--verified")
    assert (code, said["verification"]) == (0, "verified: holds: 2 claims proved")
    assert said["design"] == load_neuron(tmp_path).hashes
    assert said["verification"] in read
    path = tmp_path / "lif_q8_8.v"
    path.write_text(path.read_text() + "// edited\n")
    _, said, read = build(tmp_path, "--allow-edited")
    assert said["edited"] == ["lif_q8_8.v"] and "edited by hand" in read
    assert said["verification"].startswith("changed since it was verified: lif_q8_8.v")
    code, said, _ = build(tmp_path, "--allow-edited", "--verified")
    assert code == 1 and "changed since it was verified" in said["error"]


@pytest.mark.parametrize(
    "line",
    ['`include "/etc/passwd"', 'initial $readmemh("/etc/passwd", x);', "`ifdef SYNTHESIS\n`endif"],
)
def test_an_edited_neuron_goes_through_the_reader(
    line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def never(job: Job) -> Product:
        raise AssertionError("the edited file was given to tools")

    monkeypatch.setattr(building, "run_steps", never)
    compile_neuron(str(LIF), tmp_path)
    path = tmp_path / "lif_q8_8.v"
    path.write_text(path.read_text().replace("endmodule", f"{line}\nendmodule"))
    code, said, _ = build(tmp_path, "--allow-edited")
    assert code == 2 and "refused in an edited design" in said["error"]


def test_a_neuron_that_changes_while_it_is_built_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def edit(job: Job) -> Product:
        path = tmp_path / "lif_q8_8.v"
        path.write_text(path.read_text() + "// edited\n")
        job.file(".bin").write_bytes(b"bits")
        used = dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams"), 1)
        return Product(Placement({}, used, 30.0), job.file(".bin"))

    monkeypatch.setattr(building, "run_steps", edit)
    compile_neuron(str(LIF), tmp_path)
    code, said, _ = build(tmp_path)
    assert code == 1 and "changed while build ran" in said["error"]
    assert not (tmp_path / "build").exists()


def test_a_folder_is_a_design_or_a_neuron(at_30_mhz: None, tmp_path: Path) -> None:
    compile_neuron(str(LIF), tmp_path / "neuron")
    compile_design(NETWORK, tmp_path, lanes=2)
    for path in (tmp_path / "neuron").glob("*.*"):
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    for command in (["verify"], ["build"], ["run", "--port=simulated"]):
        result = CliRunner().invoke(app, [command[0], str(tmp_path), *command[1:], "--json"])
        assert result.exit_code == 2
        assert "has a design.json and a neuron.json" in json.loads(result.stdout)["error"]
    assert not (tmp_path / "certificate.json").exists()


def test_a_neuron_is_not_run_and_it_is_said_what_to_do(tmp_path: Path) -> None:
    compile_neuron(str(LIF), tmp_path)
    result = CliRunner().invoke(app, ["run", str(tmp_path), "--port=simulated", "--json"])
    said = json.loads(result.stdout)["error"]
    assert result.exit_code == 2
    assert "is a compiled neuron" in said and "verify proves it, and build places it" in said
    assert "compile a network" in said


def test_pins_that_were_edited_are_shown(at_30_mhz: None, tmp_path: Path) -> None:
    compile_design(NETWORK, tmp_path, lanes=2, board="icebreaker")
    path = tmp_path / "rtl" / "board" / "tiny_icebreaker.pcf"
    lines = path.read_text().split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("set_io uart_tx "))
    old, lines[at] = lines[at], "set_io uart_tx 45"
    path.write_text("\n".join(lines))
    assert build(tmp_path)[0] == 1
    _, said, read = build(tmp_path, "--allow-edited")
    assert said["edited"] == ["rtl/board/tiny_icebreaker.pcf"]
    assert f"- {old}" in read and "+ set_io uart_tx 45" in read


def test_the_command_for_the_board_can_be_pasted(at_30_mhz: None, tmp_path: Path) -> None:
    folder = tmp_path / "a b; touch x"  # the name of a folder that somebody sent
    compile_design(NETWORK, folder, lanes=2, board="icebreaker")
    read = build(folder)[2]
    line = "iceprog" + read.split("iceprog")[1]
    bitstream = folder / "build" / "up5k" / "tiny_icebreaker.bin"
    assert shlex.split(line)[:2] == ["iceprog", bitstream.as_posix()]


def test_constraints_that_were_there_are_named(at_30_mhz: None, tmp_path: Path) -> None:
    compile_design(NETWORK, tmp_path, lanes=2)
    assert build(tmp_path, "--device", "xc7a35t")[1]["kept"] == []
    own = tmp_path / "build" / "xc7a35t" / "tiny.xdc"
    own.write_text("set_property PACKAGE_PIN E3 [get_ports clk]\n")
    _, said, read = build(tmp_path, "--device", "xc7a35t")
    assert said["kept"] == ["build/xc7a35t/tiny.xdc"]
    assert "build/xc7a35t/tiny.xdc" in read
