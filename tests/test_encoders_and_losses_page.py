"""The program of docs/encoders-and-losses.md runs, and draws the page's picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "encoders-and-losses.md"


def test_the_page_runs_and_its_picture_is_the_one_it_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(blocks), names)
    # What the page says of it.
    assert names["hidden"].spikes.shape == names["hidden"].states["v"].shape == (25, 1, 128)
    assert [layer.name for layer in names["report"].layers] == ["layers.1", "layers.3"]
    assert all(weight.grad.norm() > 0 for weight in names["net"].parameters() if weight.ndim == 2)
    drawn = image.imread("encoders.png")
    shown = image.imread(ROOT / "docs" / "images" / "encoders.png")
    assert drawn.shape == shown.shape
    # Letters may be drawn a little differently elsewhere; other spikes would be another picture.
    assert np.abs(drawn - shown).mean() < 0.001
