from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.data import Dataset, Split, split_from_metadata
from sc_neurocore.errors import DataError, EquationError, UserError
from sc_neurocore.folders import OWN_FOLDER
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import load_description
from sc_neurocore.progress import Progress
from sc_neurocore.training import RunOptions, TrainingOptions, train, train_run
from sc_neurocore.training import run as run_module
from sc_neurocore.training.assembly import encoded_dataset
from sc_neurocore.training.augmentation import Distortion
from sc_neurocore.training.options import NetKind

FAST = RunOptions(n_hidden=32, training=TrainingOptions(epochs=2, steps=10, seed=4))


def files(folder: Path) -> dict[str, bytes]:
    own = folder / OWN_FOLDER
    paths = [path for path in folder.rglob("*") if path.is_file() and path.parent != own]
    return {path.name: path.read_bytes() for path in paths}


def test_a_run_is_written_read_back_and_reproduced(tmp_path: Path) -> None:
    events: list[Progress] = []
    run = train_run("digits", tmp_path / "run", FAST, events.append)
    assert run.accuracy > 0.7
    assert len(events) == 3
    written = files(tmp_path / "run")
    assert written.keys() == {
        "network.json",
        "network.safetensors",
        "training.json",
        "history.csv",
        "results.json",
    }
    lines = list(csv.DictReader(io.StringIO(written["history.csv"].decode())))
    assert [float(line["loss"]) for line in lines] == [epoch.loss for epoch in run.epochs]

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


def test_an_interrupted_run_is_no_network_and_goes_on_where_it_was(tmp_path: Path) -> None:
    def interrupt(event: Progress) -> None:
        if event.done == 1:
            raise KeyboardInterrupt

    out, events = tmp_path / "run", list[Progress]()
    with pytest.raises(KeyboardInterrupt, match=f"saved in {out}"):
        train_run("digits", out, FAST, interrupt)
    assert not (out / "network.json").exists()
    assert json.loads((out / "training.json").read_text())["finished"] is False
    assert len((out / "history.csv").read_text().splitlines()) == 2
    before = files(out)
    with pytest.raises(UserError, match=r"options\.n_hidden is 32 there, 31 here"):
        train_run("digits", out, replace(FAST, n_hidden=31))
    assert files(out) == before

    run = train_run("digits", out, FAST, events.append)
    assert [event.done for event in events] == [1, 2]
    assert not (out / "checkpoint").exists()
    unbroken = train_run("digits", tmp_path / "unbroken", FAST)
    assert run.description.content_hash == unbroken.description.content_hash
    assert [epoch.loss for epoch in run.epochs] == [epoch.loss for epoch in unbroken.epochs]


def test_a_run_of_an_older_release_is_read_with_the_options_it_knew(tmp_path: Path) -> None:
    run = train_run("digits", tmp_path, FAST)
    path = tmp_path / "training.json"
    record = json.loads(path.read_text())
    for name in ("net", "dropout", "device"):
        del record["options"][name]
    del record["options"]["training"]["schedule"], record["kept_epoch"]
    path.write_text(json.dumps(record))
    assert train_run("digits", tmp_path, FAST).summary() == run.summary()
    with pytest.raises(UserError, match=r"options\.dropout is 0.0 there, 0.5 here"):
        train_run("digits", tmp_path, replace(FAST, dropout=0.5))


def test_a_run_chooses_its_epoch_on_part_of_the_training_set(tmp_path: Path) -> None:
    training = TrainingOptions(epochs=6, steps=6, learning_rate=2e-2, batch_size=64)
    options = RunOptions(n_hidden=24, training=training, validation_fraction=0.2, dropout=0.3)
    run = train_run("digits", tmp_path, options)
    validated = [epoch.validation_accuracy for epoch in run.epochs]
    assert validated[run.kept - 1] == max(validated)
    assert run.test_size == 360
    record = json.loads((tmp_path / "training.json").read_text())
    assert (record["kept_epoch"], record["train_size"]) == (run.kept, 1437)


def images(samples: int, seed: int) -> Dataset:
    """Two classes: a bright upper or lower half."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, samples)
    inputs = generator.integers(0, 128, (samples, 1, 12, 12)).astype(np.uint8)
    inputs[labels == 0, :, :6] += 127
    inputs[labels == 1, :, 6:] += 127
    return Dataset("halves", inputs, labels, 2, 8, 8)


@pytest.mark.parametrize("encoder", ["direct", "rate"])
@pytest.mark.parametrize("net", ["conv", "ff"])
def test_images_and_their_spikes_are_learnt_and_described(net: NetKind, encoder: str) -> None:
    parts = Split(images(128, 0), images(64, 1), 0, 0.33)
    training = TrainingOptions(
        epochs=4,
        batch_size=16,
        steps=6,
        learning_rate=5e-3,
        encoder=encoder,
        augment=Distortion((12, 12), shift=1),
    )
    options = RunOptions(
        n_hidden=8, training=training, net=net, channels=(4,), kernel_size=3, dropout=0.1
    )
    run = train(parts, options)
    assert run.accuracy > 0.9
    kind, shape = run.description.input.kind, run.description.input.shape
    assert kind == ("static" if encoder == "direct" else "spikes")
    assert shape == ((1, 12, 12) if net == "conv" else (144,))
    wanted = {"conv": "conv-4c3-8-2", "ff": "144-8-2"}[net]
    assert run.summary()["architecture"] == wanted
    test = encoded_dataset(parts.test.shaped(shape), encoder, 6, 0)
    answers = run_float(run.description, test.network_inputs())
    assert answers.accuracy(parts.test.labels) == run.accuracy


@pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")
def test_sequences_are_learnt_with_delays() -> None:
    def order(samples: int, seed: int) -> Dataset:
        """Two pulses, on two inputs; the class is which comes first."""
        generator = np.random.default_rng(seed)
        labels, inputs = generator.integers(0, 2, samples), np.zeros((samples, 10, 2), np.uint8)
        first = generator.integers(0, 4, samples)
        inputs[np.arange(samples), first, labels] = 1
        inputs[np.arange(samples), first + 5, 1 - labels] = 1
        return Dataset("order", inputs, labels, 2, 1, 0, kind="spikes")

    parts = Split(order(200, 0), order(100, 1), 0, 0.33)
    training = TrainingOptions(epochs=15, batch_size=20, learning_rate=2e-2, steps=77)
    run = train(parts, RunOptions(n_hidden=12, training=training, max_delay=6))
    assert run.accuracy > 0.9
    assert run.description.steps == 10
    assert run.description.layers[0].kind == "delay-dense"
    before = run.description.metadata["accuracy_before_rounding"]
    assert isinstance(before, float) and before > 0.9


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
    with pytest.raises(DataError, match=r"takes images .* an input of digits has shape \(64,\)"):
        train_run("digits", tmp_path / "d", RunOptions(net="conv"))
    with pytest.raises(UserError, match="device 'abacus': "):
        train_run("digits", tmp_path / "e", RunOptions(device="abacus"))
    with pytest.raises(UserError, match="max_delay = 4: net 'conv' has no delays"):
        RunOptions(net="conv", max_delay=4)
    assert list(tmp_path.iterdir()) == []


def test_a_run_has_one_writer_and_goes_on_after_it(tmp_path: Path) -> None:
    """Else the results of two trainings with other options would replace each other."""
    out = tmp_path / "run"
    second: list[subprocess.CompletedProcess[str]] = []

    def meanwhile(event: Progress) -> None:
        if event.done == 1 and not second:
            line = ["-m", "sc_neurocore.cli", "train", "--out", str(out), "--hidden", "5"]
            second.append(
                subprocess.run([sys.executable, *line], capture_output=True, text=True, timeout=200)
            )
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="saved in"):
        train_run("digits", out, FAST, meanwhile)
    assert second[0].returncode == 2
    assert f"sc-neurocore: {out}" in second[0].stderr
    assert json.loads((out / "training.json").read_bytes())["options"]["n_hidden"] == 32

    # The lock went with the interruption: the same training goes on.
    run = train_run("digits", out, FAST)
    assert run.description.content_hash == train_run("digits", out, FAST).description.content_hash


def test_who_waited_for_a_folder_does_not_train_what_is_finished_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    small = replace(FAST, n_hidden=6)
    load = run_module.load_split

    def slow(*arguments: object) -> Split:
        monkeypatch.setattr(run_module, "load_split", load)
        train_run("digits", out, small)  # another process, while this one loads its data
        return load(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(run_module, "load_split", slow)
    with pytest.raises(UserError, match="a run with other options"):
        train_run("digits", out, FAST)
    monkeypatch.setattr(run_module, "load_split", slow)
    events: list[Progress] = []
    assert train_run("digits", out, small, events.append).options == small
    assert not events


@pytest.mark.parametrize(
    ("loss", "readout"),
    [("spike-rate", "spike-count"), ("membrane", "membrane"), ("first-spike", "first-to-1")],
)
def test_the_readout_of_the_description_is_that_of_the_loss(loss: str, readout: str) -> None:
    parts = Split(images(60, 0), images(20, 1), seed=0, test_fraction=0.25)
    training = TrainingOptions(epochs=6, batch_size=4, steps=6, learning_rate=1e-2, truncate=4)
    run = train(parts, RunOptions(n_hidden=12, training=training, loss=loss))
    assert run.description.readout == readout
    assert run.accuracy > 0.8


def test_a_loss_without_a_readout_in_a_description_is_refused() -> None:
    with pytest.raises(UserError, match=r"membrane-max.*expected one of spike-count, spike-rate"):
        RunOptions(loss="membrane-max")
