"""Event data sets, from small files in the formats that the real ones have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data import load_dataset, load_dvs_gesture, load_nmnist, load_shd, load_split
from sc_neurocore.data.events import frames_of
from sc_neurocore.errors import DataError, ToolMissingError, UserError
from sc_neurocore.network import load_description


@pytest.fixture(autouse=True)
def transforms(require_package: Callable[[str], Any]) -> Any:
    """What tonic makes of events itself."""
    return require_package("tonic.transforms")


FIELDS = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


def drawn(count: int, size: int, end: int, seed: int, least: int = 0) -> NDArray[Any]:
    generator = np.random.default_rng(seed)
    events = np.zeros(count, FIELDS)
    for name, high in (("x", size), ("y", size), ("p", 2)):
        events[name] = generator.integers(least if name != "p" else 0, high, count)
    events["t"] = np.sort(generator.integers(0, end, count))
    return events


def write_nmnist(root: Path, samples: int = 2) -> dict[str, list[tuple[NDArray[Any], int]]]:
    """Five bytes an event: x, y, a bit of polarity and 23 bits of time in microseconds."""
    written: dict[str, list[tuple[NDArray[Any], int]]] = {}
    for part, folder in (("train", "Train"), ("test", "Test")):
        for label in range(10):
            place = root / "NMNIST" / folder / str(label)
            place.mkdir(parents=True)
            for number in range(samples):
                seed = 100 * label + 10 * number + (part == "test")
                events = drawn(200, 34, 330_000, seed, least=3 * label)
                raw = np.zeros((len(events), 5), np.uint8)
                raw[:, 0], raw[:, 1] = events["x"], events["y"]
                raw[:, 2] = (events["p"] << 7) | (events["t"] >> 16)
                raw[:, 3], raw[:, 4] = (events["t"] >> 8) & 255, events["t"] & 255
                raw.tofile(place / f"{number:05}.bin")
                written.setdefault(part, []).append((events, label))
    return written


def write_shd(root: Path, samples: int = 40) -> None:
    """Spike times in seconds and units, a row of variable length for each sample."""
    import h5py

    place = root / "SHD"
    place.mkdir(parents=True)
    for part, seed in (("train", 0), ("test", 1)):
        generator = np.random.default_rng(seed)
        with h5py.File(place / f"shd_{part}.h5", "w") as file:
            labels = np.arange(samples) % 20
            times = file.create_dataset(
                "spikes/times", (samples,), dtype=h5py.vlen_dtype(np.dtype("float16"))
            )
            units = file.create_dataset(
                "spikes/units", (samples,), dtype=h5py.vlen_dtype(np.dtype("uint16"))
            )
            for index, label in enumerate(labels):
                count = int(generator.integers(30, 60))
                times[index] = np.sort(generator.random(count)).astype(np.float16)
                units[index] = generator.integers(35 * label, 35 * label + 35, count)
            file["labels"] = labels.astype(np.uint16)
            file["extra/keys"] = np.array([f"word {each}".encode() for each in range(20)])
            file["extra/speaker"] = (np.arange(samples) % 3 + 4).astype(np.uint16)


def write_gesture(root: Path) -> None:
    """Rows of x, y, p and t in milliseconds, a file for each label."""
    for part, users in (("Train", ("user01_led", "user02_fluorescent")), ("Test", ("user24_lab",))):
        for user in users:
            place = root / "DVSGesture" / f"ibmGesture{part}" / user
            place.mkdir(parents=True)
            for label in range(11):
                events = drawn(300, 128, 1600, label)
                columns = [events[name] for name in ("x", "y", "p", "t")]
                np.save(place / f"{label}.npy", np.stack(columns, 1).astype(np.float64))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("events")
    write_shd(folder)
    write_gesture(folder)
    yield folder


def test_nmnist_is_what_was_written_binned_as_tonic_does(tmp_path: Path, transforms: Any) -> None:
    written = write_nmnist(tmp_path)
    data = load_nmnist(str(tmp_path), bits=4)
    assert data.shape == (2, 34, 34)
    assert data.inputs.shape == (40, 20, 2, 34, 34)
    assert data.n_classes == 10
    to_frame = transforms.ToFrame(sensor_size=(34, 34, 2), time_window=15_000, end_time=300_000)
    samples = written["train"] + written["test"]
    for index, (events, label) in enumerate(samples):
        kept = events[events["t"] < 300_000]
        # tonic's first window begins at the first event unless one is at 0
        kept = np.concatenate([np.zeros(1, FIELDS), kept])
        wanted = to_frame(kept)
        wanted[0, 0, 0, 0] -= 1
        assert (data.inputs[index][: len(wanted)] == wanted).all()
        assert data.inputs[index].sum() == (events["t"] < 300_000).sum()
        assert data.labels[index] == label
    assert list(np.unique(np.asarray(data.groups))) == ["test", "train"]
    spikes = load_nmnist(str(tmp_path), pixels=17, steps=5, milliseconds=60.0)
    assert (spikes.kind, spikes.inputs.max()) == ("spikes", 1)
    coarse = data.inputs.reshape(40, 5, 4, 2, 17, 2, 17, 2).any(axis=(2, 5, 7))
    assert (spikes.inputs == coarse).all()
    parts = load_split("nmnist", root=str(tmp_path))
    assert (len(parts.train), len(parts.test)) == (20, 20)


def test_spoken_digits_keep_their_speakers_and_leave_the_path_out(root: Path) -> None:
    data = load_shd(str(root), channels=20)
    assert data.inputs.shape == (80, 100, 20)
    for index in (0, 7, 59):
        assert (np.flatnonzero(data.inputs[index].any(axis=0)) == data.labels[index]).all()
    assert set(np.asarray(data.groups)) == {
        f"{part} {n}" for part in ("train", "test") for n in (4, 5, 6)
    }
    assert str(root) not in json.dumps(dict(data.options))
    assert load_dataset("shd", root=str(root), channels=20).sha256() == data.sha256()


def test_gestures_are_scaled_and_know_their_users(root: Path) -> None:
    data = load_dvs_gesture(str(root), bits=8, steps=4, milliseconds=400.0)
    assert data.inputs.shape == (33, 4, 2, 32, 32)
    assert data.inputs.sum() == 33 * 300  # milliseconds in the file, all within the 1600
    assert set(np.asarray(data.groups)) == {"train 1", "train 2", "test 24"}
    assert sorted(data.labels[np.asarray(data.groups) == "test 24"]) == list(range(11))


def test_the_command_line_trains_on_event_data_and_evaluates(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: object) -> tuple[int, dict[str, Any]]:
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        return result.exit_code, json.loads(result.stdout)

    options = ("--root", root, "--data", "channels=20", "--data", "steps=20", "--data",
               "milliseconds=50", "--hidden", 24, "--epochs", 8, "--learning-rate", 0.02,
               "--batch-size", 8)  # fmt: skip
    code, trained = run("train", "--dataset", "shd", *options, "--out", tmp_path / "shd")
    assert code == 0
    assert trained["accuracy"] > 0.5
    description = load_description(tmp_path / "shd")
    assert (description.input.kind, description.steps) == ("spikes", 20)
    assert not any("root" in name for name in description.metadata)
    assert run("evaluate", tmp_path / "shd")[0] == 2  # nobody says where the data are
    monkeypatch.setenv("SC_NEUROCORE_DATA", str(root))
    assert run("evaluate", tmp_path / "shd")[1]["accuracy"] == trained["accuracy"]
    out = tmp_path / "gesture"
    code, trained = run("train", "--dataset", "dvs-gesture", "--data", "pixels=16", "--data",
                        "steps=4", "--net", "conv", "--epochs", 1, "--hidden", 8, "--out",
                        out)  # fmt: skip
    assert (code, trained["test_size"]) == (0, 11)
    for wrong, message in (
        (("--dataset", "digits", "--root", root), "--root: digits is found without"),
        (
            ("--dataset", "shd", "--data", "bins=3"),
            "expected NAME=VALUE with a name among root, steps",
        ),
        (("--dataset", "shd", "--data", "steps=few"), "--data steps=few: expected NAME=VALUE"),
        (("--dataset", "nmnist"), "NMNIST/Train is not there: give the folder"),
    ):
        code, answer = run("train", *wrong, "--out", tmp_path / "no")
        assert code == 2 and message in answer["error"]


def test_damaged_files_and_wrong_numbers_are_named(tmp_path: Path) -> None:
    write_nmnist(tmp_path, samples=1)
    (tmp_path / "NMNIST" / "Train" / "3" / "00000.bin").write_bytes(bytes([99, 1, 0, 0, 0]))
    with pytest.raises(DataError, match=r"nmnist, train sample 3: an event has x = 99 to 99"):
        load_nmnist(str(tmp_path))
    (tmp_path / "SHD").mkdir()
    for part in ("train", "test"):
        (tmp_path / "SHD" / f"shd_{part}.h5").write_bytes(b"no")
    with pytest.raises(DataError, match=r"tonic cannot read .*shd_train\.h5"):
        load_shd(str(tmp_path))
    for options, message in (
        ({"pixels": 5}, "pixels = 5: expected a divisor of 34"),
        ({"steps": 0}, "steps = 0"),
        ({"bits": 17}, "bits = 17"),
    ):
        with pytest.raises(UserError, match=message):
            load_nmnist(str(tmp_path), **options)  # type: ignore[arg-type]
    early = np.zeros(1, FIELDS)
    early["t"] = -1
    with pytest.raises(DataError, match="an event came at -1 microseconds"):
        frames_of(early, (2, 2, 4, 4), (4, 4), 10.0, 1)


def test_without_tonic_its_extra_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tonic", None)
    with pytest.raises(ToolMissingError, match=r"pip install -e '\.\[events\]' in the checkout"):
        load_shd(str(root))
