"""What people read: a table, and in it nothing that is to be copied is cut."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli import console
from sc_neurocore.cli.app import app
from sc_neurocore.cli.console import Report
from sc_neurocore.progress import Progress

PATH = "/a/folder/with/a/very/long/name/" + "x" * 200 + "/report.html"


def test_a_path_stays_whole_however_narrow_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "words that are read, and not copied, and so may go on in the next line"
    Report(as_json=False).result({}, [("about", words), ("report", PATH), ("about", "x")])
    lines = capsys.readouterr().out.splitlines()
    assert f"report  {PATH}" in lines
    assert all(len(line) <= 40 for line in lines if PATH not in line)
    assert " ".join(" ".join(lines[:-2]).split()) == f"about {words}"  # not a letter is missing


def test_the_verdict_is_the_last_line_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = "holds: " + "many words " * 30
    Report(as_json=False).result({}, [("claim", "proved")], verdict)
    assert capsys.readouterr().out.splitlines()[-1] == verdict


def test_quiet_says_the_result_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=False, is_quiet=True)
    report.progress(Progress("work", 1, 2))
    report.note("something")
    report.result({}, [("answer", "42")])
    said = capsys.readouterr()
    assert said.err == "" and said.out.split() == ["answer", "42"]


def test_quiet_stands_before_the_command_or_after_it(tmp_path: Path) -> None:
    neuron = tmp_path / "lif.txt"
    neuron.write_text("neuron L\nstate v = 0\nupdate v = 0.5*v + I\nspike v >= 1\nreset v = 0\n")
    places = ((["--quiet"], [], True), ([], ["-q"], True), ([], [], False))
    for before, after, quiet in places:
        out = str(tmp_path / "out")
        done = CliRunner().invoke(app, [*before, "compile", str(neuron), "--out", out, *after])
        assert (done.exit_code, console.QUIET.get()) == (0, quiet)
