from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.report.contents import Results, read_results, read_summary


def test_a_summary_is_read_whole(summary: dict[str, Any], write_run: Callable[..., Path]) -> None:
    read = read_summary(write_run(summary))
    again = read.model_dump(mode="json", exclude_unset=True)
    assert again == summary


def test_a_missing_summary_says_where_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"summary\.json: No such file.*sc-neurocore demo --out"):
        read_summary(tmp_path)


def test_a_folder_that_is_a_file_is_the_users_mistake(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(UserError, match="Not a directory"):
        read_summary(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "Invalid JSON"),
        ('{"name": "digits", "exit_', "Invalid JSON"),
        ("[]", "the file: Input should be"),
        ("{}", "name: Field required"),
        ('{"name": "d", "sc": {"length": 1}}', r"sc\.source: Field required"),
        ('{"name": "d", "seconds": {"train": "long"}}', r"seconds\.train: .*found 'long'"),
    ],
)
def test_a_damaged_summary_is_named_with_the_place(
    tmp_path: Path, content: str, complaint: str
) -> None:
    (tmp_path / "summary.json").write_text(content)
    with pytest.raises(UserError, match=rf"summary\.json is not what a run writes: .*{complaint}"):
        read_summary(tmp_path)


def test_results_may_be_absent_but_not_damaged(tmp_path: Path) -> None:
    assert read_results(tmp_path) == Results()
    (tmp_path / "results.json").write_bytes(b"\xff\x00")
    with pytest.raises(UserError, match=r"results\.json is not what a run writes"):
        read_results(tmp_path)


def _short_membrane(results: dict[str, Any]) -> None:
    results["sample"]["membrane"]["integers"].pop()


def _spike_of_no_neuron(results: dict[str, Any]) -> None:
    results["sample"]["spikes"][1].append([0, 10])


def _spike_after_the_end(results: dict[str, Any]) -> None:
    results["sample"]["spikes"][0].append([25, 0])


def _lost_layer(results: dict[str, Any]) -> None:
    results["sample"]["layer_sizes"].pop()


def _membrane_of_no_layer(results: dict[str, Any]) -> None:
    results["sample"]["membrane"]["layer"] = 2


def _lost_pixel(results: dict[str, Any]) -> None:
    results["sample"]["image"].pop()


def _lost_state(results: dict[str, Any]) -> None:
    results["sample"]["states"][0][3].pop()


def _mistake_of_no_class(results: dict[str, Any]) -> None:
    results["mistakes"][0]["given"] = 10


def _lost_prediction(results: dict[str, Any]) -> None:
    results["predictions"]["rtl"].pop()


def _unknown_class(results: dict[str, Any]) -> None:
    results["predictions"]["sc"][7] = -1


def _no_class_names(results: dict[str, Any]) -> None:
    results["class_names"] = []


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_short_membrane, r"membrane\.integers has 24 values, expected 25"),
        (_spike_of_no_neuron, "layer 1 has a spike at step 0 of neuron 10"),
        (_spike_after_the_end, "layer 0 has a spike at step 25"),
        (_lost_layer, "spikes of 2 layers, but 1 layer sizes"),
        (_membrane_of_no_layer, "layer 2, which does not exist"),
        (_lost_pixel, r"63 pixels do not fill the shape \(8, 8\)"),
        (_lost_state, "states of 2 layers: expected one number for each step and neuron"),
        (_mistake_of_no_class, "class 10 is not among 10 class_names"),
        (_lost_prediction, r"predictions\.rtl has 359 classes for 360 labels"),
        (_unknown_class, "class -1 is not among 10 class_names"),
        (_no_class_names, "no class_names"),
    ],
)
def test_results_that_contradict_themselves_are_refused(
    results: dict[str, Any],
    write_run: Callable[..., Path],
    damage: Callable[[dict[str, Any]], None],
    complaint: str,
) -> None:
    damage(results)
    with pytest.raises(UserError, match=complaint):
        read_results(write_run(None, results))
