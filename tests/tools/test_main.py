from __future__ import annotations

from pathlib import Path

import pytest

from sc_neurocore.tools.__main__ import compile_programs
from sc_neurocore.tools.catalogue import PROGRAMS, Program


def test_only_webassembly_programs_are_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for key in list(PROGRAMS):
        monkeypatch.delitem(PROGRAMS, key)
    for key, webassembly in (("compiled", True), ("native", False)):
        touch = ("-c", f"open({key!r}, 'w').close()")
        program = Program(key, ("python",), "", "", touch, webassembly=webassembly)
        monkeypatch.setitem(PROGRAMS, key, program)
    compile_programs()
    assert [path.name for path in tmp_path.iterdir()] == ["compiled"]
