"""What the tests of the verifier share: breaking something that was generated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def change() -> Callable[[Path, str, str], None]:
    """Replace the one place in a file where some text stands."""
    return _change


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
