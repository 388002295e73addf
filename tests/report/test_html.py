from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.report.page import Page

from sc_neurocore.errors import UserError
from sc_neurocore.report.contents import Results, Summary
from sc_neurocore.report.html import write_report
from sc_neurocore.report.ladder import ladder
from sc_neurocore.report.stepper import script
from sc_neurocore.report.tables import (
    accuracy_table,
    environment_table,
    ladder_table,
    times_table,
)

HOSTILE = "<script>alert(1)</script>\"'&"


def _page(folder: Path) -> Page:
    path = write_report(folder)
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8"))


def test_every_cell_of_every_table_stands_in_the_page(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    words = _page(write_run(summary, results)).words
    run = Summary.model_validate(summary), Results.model_validate(results)
    for table in (
        ladder_table(ladder(run[0])),
        accuracy_table(*run),
        times_table(run[0].seconds),
        environment_table(run[0].environment),
    ):
        for row in table.rows:
            for cell in row:
                assert not cell or cell in words
    assert summary["content_hash"] in words
    assert "Every stage holds" in words


def test_the_page_has_its_figures_and_needs_no_network(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    folder = write_run(summary, results)
    page = _page(folder)
    # Confusion, streams, gallery, raster, membrane and times; the parts' folders are not there.
    assert page.count("svg") == page.count("figure") == page.count("figcaption") == 6
    assert not {"img", "link", "iframe"} & {tag for tag, _ in page.elements}
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


def test_the_contents_name_every_section_once(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    page = _page(write_run(summary, results))
    keys = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    named = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert [f"#{key}" for key in keys] == [each for each in named if str(each).startswith("#")][1:]
    assert len(keys) == len(set(keys)) > 8


def test_the_only_script_is_ours_and_its_policy_lets_no_other_run(
    summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    results["class_names"][3] = "</script><script>alert(1)</script>"
    folder = write_run(summary, results)
    page = _page(folder)
    kinds = [attributes.get("type") for tag, attributes in page.elements if tag == "script"]
    assert kinds == ["application/json", None]
    text = (folder / "report.html").read_text(encoding="utf-8")
    data, code = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    assert code == script()
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    allowed = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    assert f"{allowed}; script-src 'sha256-{digest}'" in html.unescape(text)
    shown = json.loads(data)
    assert shown["classes"] == results["class_names"]
    fired = [
        [step, neuron]
        for step, neurons in enumerate(shown["layers"][1]["fired"])
        for neuron in neurons
    ]
    assert fired == results["sample"]["spikes"][1]
    assert shown["layers"][0]["states"] == results["sample"]["states"][0]


def test_a_page_without_a_sample_runs_no_script(
    summary: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    folder = write_run(summary)
    assert _page(folder).count("script") == 0
    assert "script-src 'none'" in html.unescape((folder / "report.html").read_text())


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


@pytest.mark.sample(2)
@pytest.mark.parametrize("part", ["train", "sc", "fixed", "cosim", "proofs", "fpga", "seconds"])
def test_any_part_of_the_summary_may_be_missing(
    part: str, summary: dict[str, Any], results: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    del summary[part]
    assert _page(write_run(summary, results)).words


def test_a_refuted_proof_is_named_as_bad(
    summary: dict[str, Any], write_run: Callable[..., Path]
) -> None:
    summary["proofs"][0] |= {"status": "refuted", "detail": "v = 127.996, current = 3.5"}
    page = _page(write_run(summary))
    assert summary["proofs"][0]["name"] in page.words
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
    assert page.count("script") == 2  # our own and its data, see above
    assert HOSTILE in page.words
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_a_folder_of_nothing_of_ours_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing to report; expected a folder that .* 'compile'"):
        write_report(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Not a directory"):
        write_report(tmp_path / "file")


def test_a_damaged_run_leaves_the_old_report_as_it_was(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    report.write_text("old")
    (tmp_path / "summary.json").write_text('{"name":')
    with pytest.raises(UserError, match=r"summary\.json"):
        write_report(tmp_path)
    assert report.read_text() == "old"
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.html", "summary.json"}
