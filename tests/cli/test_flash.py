"""`flash` loads what was built of the files that are there, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_building import NETWORK
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.fpga import build as building
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.flow import Job, Product
from sc_neurocore.fpga.placement import Placement

# A programmer without a board keeps what it was given; it fails where there is a file "broken".
PROGRAMMER = """#!/bin/sh
here=$(dirname "$0")
[ -e "$here/broken" ] && { echo "no board found" >&2; exit 1; }
echo "$*" > "$here/words"
for last; do :; done
cp "$last" "$here/loaded"
echo "done"
"""


@pytest.fixture
def fmax(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No tools: whatever is built could run at this frequency, in MHz."""
    found = [30.0]

    def steps(job: Job) -> Product:
        used = dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams"), 1)
        path = None if job.device.key == "xc7a35t" else job.file(".bin")
        if path is not None:
            path.write_bytes(b"bits")
        return Product(Placement({}, used, found[0]), path, project=job.file(".tcl"))

    monkeypatch.setattr(building, "run_steps", steps)
    monkeypatch.setattr(building, "version", lambda name: "1")
    return found


@pytest.fixture
def programmers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programmers, the first on the path."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("iceprog", "openFPGALoader"):
        (folder / name).write_text(PROGRAMMER)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def call(command: str, folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(app, [command, str(folder), *options, "--json"])
    return done.exit_code, json.loads(done.stdout)


def compiled(tmp_path: Path, board: str | None = "icebreaker") -> Path:
    folder = tmp_path / "a folder"
    compile_design(NETWORK, folder, lanes=2, board=board)
    return folder


def test_what_was_built_is_loaded(fmax: list[float], programmers: Path, tmp_path: Path) -> None:
    for board, words in (
        ("icebreaker", "tiny_icebreaker.bin"),
        ("ulx3s", "--board ulx3s tiny_ulx3s.bin"),
        ("tang-nano-20k", "-b tangnano20k tiny_tang_nano_20k.bin"),
    ):
        fmax[0] = 60
        folder = compiled(tmp_path, board)
        assert call("build", folder)[0] == 0
        code, said = call("flash", folder)
        assert (code, said["is_loaded"], said["programmer"]) == (0, True, "done")
        assert (programmers / "words").read_text().strip() == words
        assert (programmers / "loaded").read_bytes() == b"bits"


def test_a_dry_run_loads_nothing(fmax: list[float], programmers: Path, tmp_path: Path) -> None:
    folder = compiled(tmp_path)
    call("build", folder)
    code, said = call("flash", folder, "--dry-run")
    assert (code, said["is_loaded"]) == (0, False)
    assert said["command"] == "iceprog build/up5k/tiny_icebreaker.bin"
    assert not (programmers / "words").exists()


def test_a_dry_run_shows_the_command_for_a_tang_nano(
    fmax: list[float], programmers: Path, tmp_path: Path
) -> None:
    folder = compiled(tmp_path, "tang-nano-9k")
    assert call("build", folder)[0] == 0
    code, said = call("flash", folder, "--dry-run")
    assert (code, said["is_loaded"]) == (0, False)
    command = "openFPGALoader -b tangnano9k build/gw1nr-9/tiny_tang_nano_9k.bin"
    assert said["command"] == command
    assert not (programmers / "words").exists()


def test_what_does_not_belong_on_the_board_is_refused(
    fmax: list[float], programmers: Path, tmp_path: Path
) -> None:
    folder = compiled(tmp_path)
    assert "is missing, damaged or of another version" in refused(folder, 1)
    call("build", folder)
    bitstream = folder / "build" / "up5k" / "tiny_icebreaker.bin"
    bitstream.write_bytes(b"other bits")
    assert "is not the file that was built" in refused(folder, 1)
    call("build", folder)
    compile_design(NETWORK, folder, weight_bits=7, lanes=2, board="icebreaker")
    assert "is missing, damaged or of another version" in refused(folder, 1)
    fmax[0] = 20
    call("build", folder)
    assert "runs at 24 MHz on the board, and was built for 20.0 MHz" in refused(folder, 1)
    assert "has no board: compile with --board" in refused(compiled(tmp_path, None), 2)
    folder = compiled(tmp_path, "arty-a7")
    fmax[0] = 100
    call("build", folder)
    assert "no open tool makes a bitstream for the Digilent Arty" in refused(folder, 2)
    assert not (programmers / "words").exists()


def refused(folder: Path, exit_code: int) -> str:
    code, said = call("flash", folder)
    assert code == exit_code, said
    return str(said["error"])


def test_a_programmer_that_fails_or_is_missing_is_told(
    fmax: list[float], programmers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compiled(tmp_path)
    call("build", folder)
    (programmers / "broken").touch()
    code, said = call("flash", folder)
    assert code == 1 and "no board found" in said["error"]
    monkeypatch.setenv("PATH", "/nowhere")
    code, said = call("flash", folder)
    assert code == 3 and "apt install fpga-icestorm" in said["error"]
