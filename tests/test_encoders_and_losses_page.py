"""The program of docs/encoders-and-losses.md runs, and draws the page's picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_the_page_runs_and_its_picture_is_the_one_it_draws(
    run_page: Callable[..., dict[str, Any]], picture_is_of_the_page: Callable[[str, float], None]
) -> None:
    names = run_page("encoders-and-losses.md")
    # What the page says of it.
    assert names["hidden"].spikes.shape == names["hidden"].states["v"].shape == (25, 1, 128)
    assert [layer.name for layer in names["report"].layers] == ["layers.1", "layers.3"]
    assert all(weight.grad.norm() > 0 for weight in names["net"].parameters() if weight.ndim == 2)
    picture_is_of_the_page("encoders.png", 0.001)
