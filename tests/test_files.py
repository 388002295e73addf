"""Files that are written whole or not at all, inside their folder, by one program at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from sc_neurocore import files, folders
from sc_neurocore.errors import UserError
from sc_neurocore.files import inside
from sc_neurocore.folders import replace_files, settle, sole_writer


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../x",
        "rtl/../../x",
        "rtl/..",
        "",
        ".",
        "./x",
        "rtl//x",
        "rtl/",
        "a\\b",
        "a\nb",
        "a\0b",
        "\u202ea",
    ],
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="refused"):
        inside(tmp_path, name)


def test_a_symbolic_link_on_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    folder = tmp_path / "design"
    folder.mkdir()
    (folder / "rtl").symlink_to(tmp_path / "away")
    with pytest.raises(UserError, match="symbolic link"):
        inside(folder, "rtl/top.v")
    with pytest.raises(UserError, match="symbolic link"):
        replace_files(folder, {"rtl/top.v": b"x"})
    assert list((tmp_path / "away").iterdir()) == []


def test_files_are_replaced_together(tmp_path: Path) -> None:
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"1", "rtl/b": b"2", "c": b"3"})
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"4"}, remove=["rtl/b", "never"])
    assert (tmp_path / "a").read_bytes() == b"4"
    assert not (tmp_path / "rtl" / "b").exists()
    assert (tmp_path / "c").read_bytes() == b"3"


def test_only_what_was_written_and_is_unchanged_is_removed(tmp_path: Path) -> None:
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"build/x/a": b"1", "build/b": b"2"})
        (tmp_path / "build" / "b").write_bytes(b"edited")
        (tmp_path / "own").write_bytes(b"3")
        replace_files(tmp_path, {}, remove=["build/x/a", "build/b", "own", "never"])
    assert not (tmp_path / "build" / "x").exists()
    assert (tmp_path / "build" / "b").read_bytes() == b"edited"
    assert (tmp_path / "own").read_bytes() == b"3"
    assert folders.written_files(tmp_path) == {}


@pytest.mark.parametrize("calls", range(1, 5))
def test_an_interrupted_replacement_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """Killed after the journal: the next one does the rest. Killed before it: nothing happened."""
    with sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"old", "b": b"old"})
    real, seen = os.replace, 0

    def dying(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        nonlocal seen
        seen += 1
        if seen == calls:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(folders.os, "replace", dying)
    with pytest.raises(KeyboardInterrupt), sole_writer(tmp_path, "test"):
        replace_files(tmp_path, {"a": b"new", "b": b"new"})
    monkeypatch.undo()
    settle(tmp_path)
    expected = b"old" if calls == 1 else b"new"  # the first replacement puts the journal in place
    assert {(tmp_path / name).read_bytes() for name in "ab"} == {expected}


def _hold(folder: Path, ready: Path) -> None:
    with sole_writer(folder, "hold"):
        ready.touch()
        time.sleep(60)


def test_a_folder_has_one_writer_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    folder, ready = tmp_path / "design", tmp_path / "ready"
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(folder, ready))
    holder.start()
    try:
        while not ready.exists():
            time.sleep(0.01)
        with (
            pytest.raises(UserError, match="another sc-neurocore command"),
            sole_writer(folder, "compile"),
        ):
            pass
    finally:
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGKILL)
        holder.join()
    with sole_writer(folder, "compile"):
        replace_files(folder, {"a": b"1"})
    assert (folder / "a").read_bytes() == b"1"


def test_a_planted_journal_cannot_leave_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.write_text("keep")
    digest = files.sha256(outside.read_bytes())
    folder = tmp_path / "design"
    own = folder / folders.OWN_FOLDER
    (own / "staged").mkdir(parents=True)
    (own / "staged" / "0").write_text("evil")
    for journal in (
        {"write": ["../precious"], "remove": {}, "written": {}},
        {"write": [], "remove": {"../precious": digest}, "written": {}},
        {"write": [], "remove": {str(outside): digest}, "written": {}},
    ):
        (own / "journal.json").write_text(json.dumps(journal))
        with pytest.raises(UserError, match="refused"):
            settle(folder)
    (own / "journal.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        settle(folder)
    assert outside.read_text() == "keep"


def test_a_planted_link_for_our_own_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    folder = tmp_path / "design"
    folder.mkdir()
    (folder / folders.OWN_FOLDER).symlink_to(tmp_path / "away")
    with pytest.raises(UserError, match="symbolic link"), sole_writer(folder, "compile"):
        pass
    assert list((tmp_path / "away").iterdir()) == []
