from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.folders import OWN_FOLDER
from sc_neurocore.report.contents import Results, Summary
from sc_neurocore.report.html import write_report
from sc_neurocore.report.tables import tables

HOSTILE = "<script>alert(1)</script>\"'&"
LAYOUT = {"floor": [34, 34], "parts": ["neurons", "pins"]}
VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """The words of a page, its elements, and whether each was closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(" ".join(data.split()))

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def _page(folder: Path) -> Page:
    path = write_report(folder)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_every_cell_of_every_table_stands_in_the_page(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    words = _page(write_run(summary, results)).words
    run = Summary.model_validate(summary), Results.model_validate(results)
    for table in tables(*run).values():
        for row in table.rows:
            for cell in row:
                assert not cell or cell in words
    assert summary["content_hash"] in words
    assert "Every stage holds" in words


def test_the_page_has_all_eight_figures_and_needs_no_network(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    layout = LAYOUT | {"cells": [[1, 2, 3, 0], [0, 1, None, 1]]}
    folder = write_run(summary, results)
    (folder / "layout.json").write_text(json.dumps(layout))
    summary["fpga"]["layout"] = "layout.json"
    (folder / "summary.json").write_text(json.dumps(summary))
    page = _page(folder)
    assert page.count("svg") == page.count("figure") == page.count("figcaption") == 8
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in page.elements}
    references = [
        value or ""
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("href", "src", "xlink:href")
    ]
    near = ("#", "./", "data:image/png;base64,")
    assert references and all(each.startswith(near) for each in references)
    text = (folder / "report.html").read_text(encoding="utf-8")
    styles = re.findall(r"<style.*?</style>", text, re.DOTALL)
    assert styles and not any("@import" in each or "url(" in each for each in styles)


def test_a_page_can_be_read_without_eyes(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    page = _page(write_run(summary, results))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        if tag == "svg":
            assert attributes["role"] == "img" and attributes["aria-labelledby"] in ids
        if tag == "th":
            assert attributes["scope"] in ("row", "col")
        if tag == "html":
            assert attributes["lang"] == "en"


def test_an_empty_run_has_a_page_that_says_so(write_run: Callable[..., Path]) -> None:
    page = _page(write_run({"name": "digits"}))
    assert page.count("svg") == 0
    assert "This run is incomplete" in page.words
    for stage in ("Training", "Co-simulation", "Proofs", "FPGA build"):
        assert f"{stage} did not finish." in page.words


@pytest.mark.parametrize("part", ["train", "sc", "fixed", "cosim", "proofs", "fpga", "seconds"])
def test_any_part_of_the_summary_may_be_missing(
    part: str, summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    del summary[part]
    assert _page(write_run(summary, results)).words


@pytest.mark.parametrize("path", ["../layout.json", "absent.json"])
def test_no_floor_plan_is_read_from_outside_of_the_run(
    path: str, summary: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    summary["fpga"]["layout"] = path
    folder = write_run(summary)
    (folder.parent / "layout.json").write_text("not a layout")
    assert "No floor plan. Its data were not recorded." in _page(folder).words


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([34, 0, 0, 0], "a cell at column 34, row 0, 0: expected a place on 34 columns"),
        ([0, -1, None, 0], "a cell at column 0, row -1"),
        ([0, 0, 8, 0], "a logic cell from 0 to 7"),
        ([0, 0, 0, 2], "a cell of part 2: expected one of 2 parts"),
    ],
)
def test_a_damaged_floor_plan_is_named(
    cell: list[int | None],
    message: str,
    summary: dict[str, Any],
    write_run: Callable[..., Path],
) -> None:
    summary["fpga"]["layout"] = "layout.json"
    folder = write_run(summary)
    (folder / "layout.json").write_text(json.dumps(LAYOUT | {"cells": [cell]}))
    with pytest.raises(UserError, match=message):
        write_report(folder)


def test_a_refuted_proof_shows_its_counterexample(
    summary: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    summary["proofs"][0] |= {"status": "refuted", "detail": "v = 127.996, current = 3.5"}
    page = _page(write_run(summary))
    assert "v = 127.996, current = 3.5" in page.words
    assert ("span", {"class": "badge bad"}) in page.elements


def test_no_word_of_a_run_becomes_markup(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    summary |= {"name": HOSTILE, "content_hash": HOSTILE, "environment": {HOSTILE: HOSTILE}}
    summary["problems"] = {"build": HOSTILE}
    summary["proofs"][0] |= {"name": HOSTILE, "detail": HOSTILE, "assumptions": [HOSTILE]}
    summary["sc"]["curve"][0]["source"] = HOSTILE
    summary["fpga"] |= {"device": HOSTILE, "bitstream": f"javascript:{HOSTILE}"}
    results["class_names"][3] = HOSTILE
    page = _page(write_run(summary, results))
    assert page.count("script") == 0
    assert HOSTILE in page.words
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_a_damaged_run_leaves_the_old_report_as_it_was(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("old")
    (tmp_path / "summary.json").write_text('{"name":')
    with pytest.raises(UserError, match=r"summary\.json"):
        write_report(tmp_path)
    assert report.read_text() == "old"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.html", "summary.json", OWN_FOLDER}
