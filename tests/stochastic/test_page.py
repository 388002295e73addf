"""The program of docs/stochastic-computing.md runs, its picture is drawn, and neither is wrong."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "stochastic-computing.md"


def test_the_page_runs(run_page: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    names = run_page(PAGE.name)
    labels = names["data"].labels
    assert names["correlation"](names["x"], names["same"], 4096) == 1
    assert abs(names["correlation"](names["x"], names["other"], 4096)) < 0.1
    assert names["run"].accuracy(labels) > 0.96 and names["in_integers"].accuracy(labels) > 0.95
    assert (tmp_path / "digits-in-streams" / f"{names['hardware'].top}.v").is_file()
    assert "result" not in names or names["result"].holds  # where a simulator is installed
    assert names["after"].accuracy(labels) > names["before"].accuracy(labels)


def test_its_picture_is_the_one_that_is_drawn(
    picture_is_of_the_page: Callable[[str, float], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.chdir(tmp_path)
    importlib.import_module("stochastic_picture").draw(Path("stochastic.png"))
    picture_is_of_the_page("stochastic.png", 0.002)


def test_the_areas_on_the_page_are_the_measured_ones() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())  # wherever a line ends
    rows = json.loads((ROOT / "benchmarks" / "results" / "sc_area.json").read_bytes())["rows"]
    luts = {
        (row["source"], row["sharing"]): row["luts"]
        for row in rows
        if row["design"] == "digits network"
    }
    said = re.findall(r"([\d,]+) look-up tables|([\d,]+) with an LFSR for each input", text)
    shared, apart = (int("".join(each).replace(",", "")) for each in said)
    assert (shared, apart) == (luts["sobol", "shared"], luts["lfsr", "per-input"])
    assert shared == min(luts.values()) and apart == max(luts.values())
