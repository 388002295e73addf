from __future__ import annotations

from pathlib import Path

import pytest

from sc_neurocore.data.files import DATA_VARIABLE
from sc_neurocore.files import CACHE_VARIABLE


@pytest.fixture
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty folder in the place of the user's data sets; the cache is new, too."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return folder
