"""docs/benchmarks.md says what the committed results say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent


def load_page() -> ModuleType:
    specification = importlib.util.spec_from_file_location("page", ROOT / "benchmarks" / "_page.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_page_is_what_the_results_make_of_it() -> None:
    page = load_page()
    assert page.PAGE.read_text(encoding="utf-8") == page.render()


def test_a_missed_target_is_shown_as_missed(tmp_path: Path) -> None:
    targets = [
        {"what": "fast", "op": ">=", "asked": 4, "measured": 3.99},
        {"what": "small", "op": "<=", "asked": 2, "measured": 2},
    ]
    result = {
        "name": "a_table", "command": "x", "date": "2026-01-01", "seeds": [0, 1],
        "machine": {"processor": "p", "cores": 2}, "versions": {"torch": "1"},
        "rows": [{"name": "a", "n": 1, "same": None}, {"name": "b", "n": 2, "same": None}],
        "targets": targets,
    }  # fmt: skip
    (tmp_path / "a_table.json").write_text(json.dumps(result))
    text = load_page().render(tmp_path)
    assert "| fast | ≥ 4 | 3.99 | **missed** |" in text
    assert "| small | ≤ 2 | 2 | met |" in text
    assert "In every row: same none." in text
    assert "| name | n |" in text and "| b | 2 |" in text
