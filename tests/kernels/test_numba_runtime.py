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
    assert numba_runtime.cache_folder("kernels") == tmp_path / "sc_neurocore" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert numba_runtime.cache_folder("kernels") == tmp_path / ".cache" / "sc_neurocore" / "kernels"


def test_a_folder_that_cannot_be_written_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(numba_runtime.CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(UserError, match="set SC_NEUROCORE_CACHE"):
        numba_runtime.load("answer", "ANSWER = 43\n")


TAKE = """
import numba
from sc_neurocore.kernels.numba_support import entry, take_one

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
        monkeypatch.setattr(numba_runtime, "_team_of_torch", lambda: None)
    monkeypatch.setenv(numba_runtime.CACHE_VARIABLE, str(tmp_path))
    work = numba_runtime.load("take", TAKE).work
    numbers = np.zeros(10_002, dtype=np.int64)
    numbers[1] = 10_000
    numba_runtime.run_on_threads(work.address, numbers.ctypes.data, threads)
    assert (numbers[2:] == 3).all()
    assert numbers[0] == 10_000 + threads


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
