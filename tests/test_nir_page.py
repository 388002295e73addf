"""The Python of docs/nir.md runs."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "interop" / "golden"
ABSENT_IN_CI = ("norse", "sinabs")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_blocks_of_the_page_run_one_after_the_other(
    run_page: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    blocks = []

    def is_absent(block: str) -> bool:
        blocks.append(block)
        peer = next((each for each in ABSENT_IN_CI if f"import {each}" in block), None)
        if peer is None or importlib.util.find_spec(peer) is not None:
            return False
        shutil.copy(GOLDEN / f"{peer}.nir", tmp_path)  # the same network, exported before
        return True

    run_page("nir.md", is_absent)
    assert len(blocks) == 7
