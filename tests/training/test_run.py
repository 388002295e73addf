from __future__ import annotations

import json
from pathlib import Path

import pytest

from sc_neurocore.data import split_from_metadata
from sc_neurocore.errors import DataError, EquationError, UserError
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import load_description
from sc_neurocore.progress import Progress
from sc_neurocore.training import RunOptions, TrainingOptions, train_run

FAST = RunOptions(n_hidden=32, training=TrainingOptions(epochs=2, steps=10, seed=4))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_is_written_read_back_and_reproduced(tmp_path: Path) -> None:
    events: list[Progress] = []
    run = train_run("digits", tmp_path / "run", FAST, events.append)
    assert run.accuracy > 0.7
    assert len(events) == 3
    written = files(tmp_path / "run")
    assert set(written) == {"network.json", "network.safetensors", "training.json"}

    description = load_description(tmp_path / "run")
    assert description.content_hash == run.description.content_hash
    assert description.name == "digits_64_32_10"
    assert (description.input.bits, description.input.fraction_bits) == (5, 4)
    test = split_from_metadata(description.metadata).test
    assert len(test) == run.test_size == 360
    assert run_float(description, test.inputs).accuracy(test.labels) == run.accuracy
    assert description.metadata["test_accuracy"] == run.accuracy

    again = train_run("digits", tmp_path / "run", FAST, events.append)
    assert len(events) == 3  # nothing was trained
    assert files(tmp_path / "run") == written
    assert again.summary() == run.summary()
    assert again.history() == run.history()

    other = train_run("digits", tmp_path / "other", FAST)
    assert other.description.content_hash == run.description.content_hash


def test_what_a_summary_says(tmp_path: Path) -> None:
    options = RunOptions(
        n_hidden=8,
        n_layers=2,
        learn=("beta",),
        per_channel=True,
        training=TrainingOptions(epochs=1, steps=3),
    )
    summary = train_run("digits", tmp_path, options).summary()
    assert summary["architecture"] == "64-8-8-10"
    assert summary["parameters"] == 65 * 8 + 9 * 8 + 9 * 10 + 26
    assert summary["float_test_size"] == 360
    json.dumps(summary)


def test_an_interrupted_run_leaves_nothing_that_passes_for_a_network(tmp_path: Path) -> None:
    def interrupt(event: Progress) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_run("digits", tmp_path, FAST, interrupt)
    assert set(files(tmp_path)) == {"training.json"}
    assert json.loads((tmp_path / "training.json").read_text())["finished"] is False
    assert train_run("digits", tmp_path, FAST).test_size == 360
    assert json.loads((tmp_path / "training.json").read_text())["finished"] is True


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    run = train_run("digits", tmp_path, FAST)
    longer = RunOptions(n_hidden=32, training=TrainingOptions(epochs=3, steps=10, seed=4))
    before = files(tmp_path)
    with pytest.raises(UserError, match=r"options.training.epochs is 2 there, 3 here"):
        train_run("digits", tmp_path, longer)
    assert files(tmp_path) == before

    record = json.loads(before["training.json"])
    for damage, message in [
        (b"{", "not the record of a training run"),
        (json.dumps({**record, "network": "0" * 64}).encode(), "is not the network"),
        (json.dumps({**record, "history": [{}]}).encode(), "the record is incomplete"),
    ]:
        (tmp_path / "training.json").write_bytes(damage)
        with pytest.raises(UserError, match=message):
            train_run("digits", tmp_path, FAST)
    (tmp_path / "training.json").unlink()
    with pytest.raises(UserError, match="holds a network that no training run wrote"):
        train_run("digits", tmp_path, FAST)
    assert load_description(tmp_path).content_hash == run.description.content_hash


def test_unknown_names_list_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set 'digit'; known: digits"):
        train_run("digit", tmp_path / "a", FAST)
    with pytest.raises(EquationError, match="no neuron 'LFI'"):
        train_run("digits", tmp_path / "b", RunOptions(neuron="LFI"))
    with pytest.raises(UserError, match="no surrogate 'atan'; known: atan_surrogate"):
        train_run("digits", tmp_path / "c", RunOptions(surrogate="atan"))
