"""Generated modules on disk, and chunks on several threads."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import Neuron, atan_surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.derive import derive
from sc_neurocore.kernels.numba import runtime
from sc_neurocore.kernels.numba.emitter import emit_backward, emit_forward
from sc_neurocore.stochastic import packed_kernels

TEXT = "ANSWER = 42\n"


def test_a_module_is_written_once_and_found_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path))
    module = runtime.load("answer", TEXT)
    assert module.ANSWER == 42
    (path,) = (tmp_path / "kernels").glob("answer_*.py")
    assert path.read_text() == TEXT
    stamp = path.stat().st_mtime_ns
    assert runtime.load("answer", TEXT) is module
    assert path.stat().st_mtime_ns == stamp
    assert runtime.load("answer", TEXT + "\n") is not module


def test_settings_in_the_current_folder_have_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Else Numba would run compiled code from a folder that this file names."""
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: code\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"numba_config.yaml: Numba would take settings from it"):
        runtime.load("hostile", "ANSWER = 44\n")
    ones = np.full((1, 1), 3, dtype=np.uint64)
    packed_kernels._address.cache_clear()
    with pytest.raises(UserError, match="start in another folder"):
        packed_kernels.and_counts(ones, ones)
    monkeypatch.chdir(tmp_path.parent)
    assert packed_kernels.and_counts(ones, ones).tolist() == [[2]]


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(runtime.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert runtime.cache_folder("kernels") == tmp_path / "sc_neurocore" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert runtime.cache_folder("kernels") == tmp_path / ".cache" / "sc_neurocore" / "kernels"


def test_a_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(UserError, match="set SC_NEUROCORE_CACHE"):
        runtime.load("answer", "ANSWER = 43\n")


def the_file(folder: Path, name: str) -> Path:
    (path,) = (folder / "kernels").glob(f"{name}_*.py")
    return path


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache into which a module was written by a process that has ended."""
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("planted_")]:
        del sys.modules[name]
    module = runtime.load("planted", TEXT)
    del sys.modules[module.__name__]
    return tmp_path


def test_what_lies_in_the_cache_is_compared_and_never_executed(forgotten: Path) -> None:
    path = the_file(forgotten, "planted")
    path.write_text("import os\nos.environ['PLANTED'] = '1'\nANSWER = 43\n")
    assert runtime.load("planted", TEXT).ANSWER == 42
    assert "PLANTED" not in os.environ
    assert path.read_text() == TEXT


def test_a_byte_code_file_beside_it_is_not_executed(forgotten: Path) -> None:
    path = the_file(forgotten, "planted")
    other = forgotten / "other.py"
    other.write_text("ANSWER = 43\n")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    py_compile.compile(str(other), importlib.util.cache_from_source(str(path)), doraise=True)
    assert runtime.load("planted", TEXT).ANSWER == 42


@pytest.mark.skipif(os.name != "posix", reason="owners and modes")
def test_a_file_that_others_can_write_or_that_is_a_link_is_replaced(forgotten: Path) -> None:
    path = the_file(forgotten, "planted")
    path.chmod(0o666)
    number = path.stat().st_ino
    name = runtime.load("planted", TEXT).__name__
    assert path.stat().st_ino != number and not path.stat().st_mode & 0o022
    del sys.modules[name]
    (forgotten / "elsewhere").write_text(TEXT)
    path.unlink()
    path.symlink_to(forgotten / "elsewhere")
    runtime.load("planted", TEXT)
    assert path.is_file() and not path.is_symlink()


@pytest.mark.skipif(os.name != "posix", reason="owners and modes")
def test_the_folder_is_private(forgotten: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = forgotten / "kernels"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    compiled = folder / "__pycache__"
    compiled.mkdir()
    compiled.chmod(0o777)
    name = the_file(forgotten, "planted").stem
    planted, own = compiled / f"{name}.nbi", compiled / "another.nbi"
    for path in (planted, own):
        path.write_bytes(b"")
        path.chmod(0o666)
    runtime.load("planted", TEXT)
    for each in (folder, compiled):
        assert not each.stat().st_mode & 0o022
    assert own.exists() and not planted.exists()
    monkeypatch.setattr("sc_neurocore.files.is_own", lambda found: False)
    with pytest.raises(UserError, match=r"belongs to another user .* set SC_NEUROCORE_CACHE"):
        runtime.load("planted", TEXT + "# new\n")


TAKE = """
import numba
from sc_neurocore.kernels.numba.support import entry, take_one

@entry
def work(numbers):
    while True:
        index = take_one(numbers)
        if index >= numbers[1]:
            return
        numbers[2 + index] += 3
"""


@pytest.mark.parametrize("has_team", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_every_chunk_is_taken_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_team: bool, threads: int
) -> None:
    if not has_team:
        monkeypatch.setattr(runtime, "_team_of_torch", lambda: None)
    monkeypatch.setenv(runtime.CACHE_VARIABLE, str(tmp_path))
    work = runtime.load("take", TAKE).work
    numbers = np.zeros(10_002, dtype=np.int64)
    numbers[1] = 10_000
    runtime.run_on_threads(work.address, numbers.ctypes.data, threads)
    assert (numbers[2:] == 3).all()
    assert numbers[0] == 10_000 + threads


@pytest.mark.parametrize("storage", ["float32", "float64", "bfloat16"])
def test_generated_text_is_python_whose_lines_do_not_depend_on_the_run(
    neuron: Neuron, storage: Any
) -> None:
    for kind in ({}, {"masked": True}, {"recurrent": True}, {"masked": True, "recurrent": True}):
        scan = derive(neuron, atan_surrogate, learnable=neuron.parameters, **kind)
        for emit in (emit_forward, emit_backward):
            text = emit(scan, storage)
            compile(text, neuron.name, "exec")
            assert text == emit(scan, storage)
            assert "$" not in text


def test_compiled_code_is_found_again_by_another_process(tmp_path: Path) -> None:
    """Numba's index lies beside the source, whose time stamp must therefore stay."""
    script = (
        "from sc_neurocore.kernels.numba import runtime\n"
        f"work = runtime.load('take', {TAKE!r}).work\n"
        "print(*work._cache_hits.values() if hasattr(work._cache_hits, 'values') "
        "else [work._cache_hits])\n"
    )
    environment = {**os.environ, runtime.CACHE_VARIABLE: str(tmp_path)}
    hits = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        ).stdout.strip()
        for _ in range(2)
    ]
    assert hits == ["0", "1"]
