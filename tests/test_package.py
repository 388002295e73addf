"""What is handed out: the archive of the sources, and how the package is cited."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import sc_neurocore

ROOT = Path(__file__).parents[1]
ALWAYS = {"README.md", "LICENSE", "pyproject.toml"}  # the build adds them by itself
_READ = re.compile(r"(?:ROOT|parents\[\d\]) / \"([\w.-]+)")


def test_the_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: \"(.*)\"$", text, re.MULTILINE) == [sc_neurocore.__version__]


def test_the_archive_of_sources_holds_what_tests_read() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        build = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["sdist"]
    held = ALWAYS | set(build["include"])
    tests = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    read = {name for text in tests for name in _READ.findall(text) if (ROOT / name).exists()}
    assert len(read) > 5
    assert read <= held
    assert all((ROOT / name).exists() for name in held)
