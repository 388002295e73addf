from __future__ import annotations

import csv
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sc_neurocore.errors import ToolMissingError
from sc_neurocore.training import Epoch, RunOptions, TrainingOptions, train_run
from sc_neurocore.training.logs import Board, write_history

EPOCHS = (Epoch(1 / 3, 0.5, None, 2.0, 1.5), Epoch(0.1, 0.75, 0.7, 1e-7, 1.25))


def test_the_csv_gives_every_number_back(tmp_path: Path) -> None:
    path = tmp_path / "history.csv"
    for count in (1, 2):
        write_history(EPOCHS[:count], path)
        with path.open(newline="") as file:
            found = list(csv.DictReader(file))
        assert [row["epoch"] for row in found] == [str(1 + index) for index in range(count)]
        for row, epoch in zip(found, EPOCHS, strict=False):
            values = [float(row[name]) if row[name] else None for name in list(row)[1:]]
            assert Epoch(*values) == epoch
    assert [entry.name for entry in tmp_path.iterdir()] == ["history.csv"]


class Writer:
    """Stands in for TensorBoard's: keeps what it is given in a file."""

    def __init__(self, folder: str) -> None:
        Path(folder).mkdir(parents=True)
        self.file = (Path(folder) / "events").open("w")

    def add_text(self, tag: str, text: str) -> None:
        self.file.write(f"{tag}\n{text}\n")

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.file.write(f"{step} {tag} {value!r}\n")

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


@pytest.fixture
def tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)


def test_a_resumed_training_leaves_every_event_once(tensorboard: None, tmp_path: Path) -> None:
    for _ in range(2):
        board = Board(tmp_path / "board", {"seed": 3})
        for count in (1, 2):
            board.write(EPOCHS[:count])
        board.close()
        lines = (tmp_path / "board" / "events").read_text().splitlines()
        assert lines[:2] == ["options", "    seed: 3"]
        assert [line for line in lines if " loss " in line] == [f"1 loss {1 / 3!r}", "2 loss 0.1"]
        assert [line for line in lines if "validation" in line] == ["2 validation_accuracy 0.7"]


def test_a_run_writes_events_when_asked(tensorboard: None, tmp_path: Path) -> None:
    options = RunOptions(n_hidden=8, training=TrainingOptions(epochs=2, steps=3))
    run = train_run("digits", tmp_path, options, tensorboard=True)
    lines = (tmp_path / "tensorboard" / "events").read_text().splitlines()
    assert f"2 loss {run.epochs[1].loss!r}" in lines


def test_without_tensorboard_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ToolMissingError, match=r"pip install tensorboard, .*--tensorboard"):
        train_run("digits", tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()
