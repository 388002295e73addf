"""Which commit the package runs from, asked of a repository that may be anybody's."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.verify import provenance


@pytest.mark.skipif(os.name != "posix", reason="the hook is a shell's script")
@pytest.mark.parametrize("is_tracked", [True, False])
def test_a_repository_around_the_package_runs_nothing(
    is_tracked: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    require_command: Callable[[str], None],
) -> None:
    require_command("git")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    witness, hook = tmp_path / "witness", tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntouch {witness}\n")
    hook.chmod(0o755)

    def git(*arguments: str) -> str:
        line = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(
            line, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    git("add", "package" if is_tracked else "hook")
    git("commit", "-m", "first")
    commit = git("rev-parse", "HEAD")
    git("config", "core.fsmonitor", str(hook))
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    provenance.package_commit.cache_clear()
    assert provenance.package_commit() == (commit if is_tracked else "")
    provenance.package_commit.cache_clear()
    assert not witness.exists()
