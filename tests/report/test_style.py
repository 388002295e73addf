from __future__ import annotations

import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from sc_neurocore.report import figures
from sc_neurocore.report.style import BLUE, THEME, new_figure, to_svg

HOSTILE = r'<script>alert("&")</script> $\frac{$'


def _figure(name: str = "lfsr") -> Figure:
    return figures.stream_lengths({name: [(16, 0.5), (32, 0.9)]})


def test_svg_has_a_title_for_readers_who_cannot_see_it() -> None:
    root = ElementTree.fromstring(to_svg(_figure(), "streams", "What it shows"))
    title = root[0]
    assert title.text == "What it shows"
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == title.get("id") == "streams-title"
    assert root.get("viewBox") and root.get("width") is None


def test_figures_do_not_depend_on_settings_of_others() -> None:
    plain = to_svg(_figure(), "streams", "")
    with matplotlib.rc_context({"text.usetex": True, "axes.facecolor": "red", "font.size": 30}):
        assert to_svg(_figure(), "streams", "") == plain


def test_svg_ids_are_its_own_and_every_reference_has_its_target() -> None:
    svg = to_svg(_figure(), "streams", "")
    targets = set(re.findall(r'\bid="([^"]*)"', svg))
    references = set(re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', svg))
    assert all(target.startswith("streams-") for target in targets)
    assert references and {one or other for one, other in references} <= targets


def test_svg_escapes_words_from_the_data() -> None:
    svg = to_svg(_figure(HOSTILE), "streams", HOSTILE)
    assert "<script" not in svg
    words = "".join(ElementTree.fromstring(svg).itertext())
    assert words.count(HOSTILE) == 2  # the legend and the title


def test_ink_and_paper_follow_the_page_and_other_colours_do_not() -> None:
    plain, themed = (to_svg(_figure(), "a", "b", themed=each) for each in (False, True))
    assert "var(" not in plain
    for colour, name in THEME.items():
        assert themed.count(f"var({name}, {colour.lower()})") == plain.count(colour.lower())
    assert BLUE.lower() in themed


def test_svg_is_the_same_each_time() -> None:
    assert to_svg(_figure(), "a", "b") == to_svg(_figure(), "a", "b")


def test_a_drawing_on_a_part_is_the_drawing_alone() -> None:
    figure = new_figure(6, 3)
    part = figure.subfigures()
    figures.stage_times.onto(part, {"train": 1.0})
    alone = figures.stage_times({"train": 1.0})
    assert [bar.get_width() for bar in figure.axes[0].patches] == [
        bar.get_width() for bar in alone.axes[0].patches
    ]
