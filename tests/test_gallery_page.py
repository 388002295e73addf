"""The gallery's neurons are what its page and its JSON say."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.equation import parse_neuron
from sc_neurocore.fixed import FixedPoint, lower
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.logic import luts, multipliers
from sc_neurocore.hdl.equation_compiler import emit_neuron

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "examples" / "gallery").glob("*.txt"))
RESULT = ROOT / "benchmarks" / "results" / "neuron_gallery.json"


@pytest.fixture(scope="module")
def rows() -> dict[str, Any]:
    return {row["neuron"]: row for row in json.loads(RESULT.read_bytes())["rows"]}


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_read_has_a_source_and_formats_that_compile(
    path: Path, rows: dict[str, Any]
) -> None:
    text = path.read_text()
    head = " ".join(line for line in text.splitlines() if line.startswith("#"))
    assert re.search(r"\b(19|20)\d\d\b", head)  # of a publication
    neuron = parse_neuron(text)
    assert parse_neuron(str(neuron)) == neuron
    about = rows[path.stem]["about"]
    program = lower(neuron, FixedPoint.parse(about["formats"]))
    assert all(table.relative_error <= 0.01 for table in program.tables)
    assert emit_neuron(program).step
    formats, row = program.fixed_point, rows[path.stem]
    made = {
        "state_bits": sum(formats.of(state).width for state in neuron.states),
        "current_bits": formats.current.width,
        "constant_bits": formats.constant_fraction_bits,
        "operations": len(program.program.nodes),
        "estimated_luts": luts(program.program),
        "multipliers": multipliers(program.program),
    }
    assert made == {key: row[key] for key in made}
    assert [str(table) for table in program.tables] == about["tables"]


@pytest.mark.parametrize("name", ["theta", "lif_nir", "morris_lecar", "rulkov"])
def test_integers_fire_as_often_as_the_table_says(
    name: str, rows: dict[str, Any], scripts: None
) -> None:
    gallery = importlib.import_module("_gallery")
    neuron = gallery.gallery()[name]
    program = lower(neuron, FixedPoint.parse(rows[name]["about"]["formats"]))
    found = compare_neuron(program, gallery.stimulus_of(name, neuron))
    said = rows[name]
    assert (found.spikes_float, found.spikes_integer) == (
        said["spikes_float"],
        said["spikes_integer"],
    )


def test_the_page_is_made_of_the_table(rows: dict[str, Any], scripts: None) -> None:
    assert len(rows) == len(FILES) >= 30
    sys.modules.pop("gallery_page", None)
    page = importlib.import_module("gallery_page").page([*rows.values()])
    assert page == (ROOT / "docs" / "gallery.md").read_text()
    assert (ROOT / "docs" / "images" / "gallery.png").is_file()
