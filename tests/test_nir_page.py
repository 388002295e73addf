"""The Python of docs/nir.md runs."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "nir.md"
GOLDEN = Path(__file__).parent / "interop" / "golden"
ABSENT_IN_CI = ("norse", "sinabs")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_blocks_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 7
    names: dict[str, object] = {}
    for block in blocks:
        peer = next((each for each in ABSENT_IN_CI if f"import {each}" in block), None)
        if peer is not None and importlib.util.find_spec(peer) is None:
            shutil.copy(GOLDEN / f"{peer}.nir", tmp_path)  # the same network, exported before
            continue
        exec(compile(block, str(PAGE), "exec"), names)
