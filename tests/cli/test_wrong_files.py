"""A file that a command is not for: one error, which names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app

MODEL = Path(__file__).parents[2] / "models" / "digits"
COMMANDS = {
    "compile": ("compile", "{}", "--out", "out"),
    "compare": ("compare", "{}"),
    "verify": ("verify", "{}"),
    "build": ("build", "{}"),
    "report": ("report", "{}"),
    "run": ("run", "{}", "--port", "none"),
    "flash": ("flash", "{}"),
    "evaluate": ("evaluate", "{}"),
    "evaluate data": ("evaluate", str(MODEL), "--data", "{}"),
    "simulate": ("simulate", "{}"),
    "import": ("import", "{}", "--out", "out"),
    "export": ("export", "{}", "--to", "nir", "--out", "out.nir"),
    "train": ("train", "--from", "{}", "--out", "out"),
}
FILES = (
    "readme.md",
    "empty-dir",
    "nothing.txt",
    "missing.txt",
    "noise.bin",
    "text.nir",
    "noise.npz",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    noise = np.random.default_rng(0).bytes(3000)
    (tmp_path / "empty-dir").mkdir()
    (tmp_path / "nothing.txt").touch()
    for name, content in (("readme.md", b"# A title\n"), ("text.nir", b"text\n")):
        (tmp_path / name).write_bytes(content)
    for name in ("noise.bin", "noise.npz"):
        (tmp_path / name).write_bytes(noise)
    monkeypatch.chdir(tmp_path)
    yield tmp_path


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_the_error_names_the_file_and_nothing_is_written(
    command: str, name: str, folder: Path
) -> None:
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(app, [part.format(name) for part in COMMANDS[command]])
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 2
    said = " ".join(done.output.split())
    assert said.startswith("sc-neurocore: ")
    assert said.count(name) == 1
    assert sorted(folder.rglob("*")) == before
