"""The program of docs/encoders-and-losses.md runs, and its picture is the one that is drawn."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def test_the_page_runs(run_page: Callable[..., dict[str, Any]]) -> None:
    names = run_page("encoders-and-losses.md")
    # What the page says of it.
    assert names["hidden"].spikes.shape == names["hidden"].states["v"].shape == (25, 1, 128)
    assert [layer.name for layer in names["report"].layers] == ["layers.1", "layers.3"]
    assert all(weight.grad.norm() > 0 for weight in names["net"].parameters() if weight.ndim == 2)


def test_its_picture_is_the_one_that_is_drawn(
    picture_is_of_the_page: Callable[[str, float], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.chdir(tmp_path)
    importlib.import_module("encoders_picture").draw(Path("encoders.png"))
    picture_is_of_the_page("encoders.png", 0.001)
