"""Generated modules on disk, and chunks on several threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import Neuron, atan_surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.kernels import numba_runtime
from sc_neurocore.kernels.derive import derive
from sc_neurocore.kernels.numba_emitter import emit_backward, emit_forward

TEXT = "ANSWER = 42\n"


def test_a_module_is_written_once_and_found_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(numba_runtime.CACHE_VARIABLE, str(tmp_path))
    module = numba_runtime.load("answer", TEXT)
    assert module.ANSWER == 42
    (path,) = (tmp_path / "kernels").glob("answer_*.py")
    assert path.read_text() == TEXT
    stamp = path.stat().st_mtime_ns
    assert numba_runtime.load("answer", TEXT) is module
    assert path.stat().st_mtime_ns == stamp
    assert numba_runtime.load("answer", TEXT + "\n") is not module


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(numba_runtime.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert numba_runtime.cache_folder() == tmp_path / "sc_neurocore" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert numba_runtime.cache_folder() == tmp_path / ".cache" / "sc_neurocore" / "kernels"


def test_a_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(numba_runtime.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(UserError, match="set SC_NEUROCORE_CACHE"):
        numba_runtime.load("answer", "ANSWER = 43\n")


@pytest.mark.parametrize("has_team", [True, False])
@pytest.mark.parametrize(("chunks", "threads"), [(1, 2), (7, 1), (7, 2), (7, 3), (64, 2)])
def test_every_chunk_runs_once(
    monkeypatch: pytest.MonkeyPatch, has_team: bool, chunks: int, threads: int
) -> None:
    if not has_team:
        monkeypatch.setattr(numba_runtime, "_team_of_torch", lambda: None)
    done = np.zeros(chunks, dtype=int)

    def count(first: int, last: int, amount: int) -> None:
        done[first:last] += amount

    numba_runtime.run_chunks(count, chunks, threads, 3)
    assert (done == 3).all()


@pytest.mark.parametrize("has_team", [True, False])
def test_an_error_on_a_thread_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, has_team: bool
) -> None:
    if not has_team:
        monkeypatch.setattr(numba_runtime, "_team_of_torch", lambda: None)

    def fail(first: int, last: int) -> None:
        raise MemoryError(f"chunk {first}")

    with pytest.raises(MemoryError, match="chunk"):
        numba_runtime.run_chunks(fail, 4, 2)


@pytest.mark.parametrize("storage", ["float32", "float64", "bfloat16"])
def test_generated_text_is_python_whose_lines_do_not_depend_on_the_run(
    neuron: Neuron, storage: Any
) -> None:
    for masked in (False, True):
        scan = derive(neuron, atan_surrogate, learnable=neuron.parameters, masked=masked)
        for emit in (emit_forward, emit_backward):
            text = emit(scan, storage)
            compile(text, neuron.name, "exec")
            assert text == emit(scan, storage)
            assert "$" not in text
