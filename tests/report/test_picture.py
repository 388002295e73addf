from __future__ import annotations

import io
from typing import Any

from sc_neurocore.report.contents import Results, Summary
from sc_neurocore.report.picture import overview


def test_the_picture_has_a_panel_for_each_part(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    figure = overview(Summary.model_validate(summary), Results.model_validate(results))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [
        "Input",
        "Spikes",
        "Membrane of one neuron",
        "Stochastic bitstreams",
        "351 of 360 right",
        "Utilisation of hx8k",
    ]
    assert figure.get_suptitle() == (
        "digits  ·  float 97.22 %  ·  Q8.8 integers 97.50 %  ·  RTL 0 mismatches  ·  "
        "2 of 2 claims proved"
    )
    figure.savefig(io.BytesIO(), format="png", dpi=30)


def test_long_class_names_leave_room_for_the_data(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    results["class_names"] = [f"a class with a long name, {digit}" for digit in range(10)]
    figure = overview(Summary.model_validate(summary), Results.model_validate(results))
    figure.savefig(io.BytesIO(), format="png", dpi=30)  # would warn if a panel had no room


def test_the_picture_of_an_empty_run_says_what_is_missing() -> None:
    figure = overview(Summary(name="digits"), Results())
    reasons = [text.get_text() for part in figure.subfigs for text in part.texts]
    assert len(reasons) == 5
    assert "No sample was recorded" in reasons
    figure.savefig(io.BytesIO(), format="png", dpi=30)
