"""The Python of docs/networks.md runs, and its table is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"


def test_the_blocks_of_the_page_run_one_after_the_other(
    run_page: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run_page(PAGE.name, folder=tmp_path / "network")


def test_the_parameters_in_its_table_are_those_that_it_counts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\|.*\| ([\d,]+) \|$", text, re.MULTILINE)
    counted = re.findall(r"^assert count\(.*\) == ([\d_]+)$", text, re.MULTILINE)
    assert [number.replace(",", "_") for number in table] == counted
    if len(counted) < 7:
        pytest.fail("the table has lost rows")
