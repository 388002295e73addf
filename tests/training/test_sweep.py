"""Sweeps: the same rows wherever they are computed, and none computed twice."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.training import RunOptions, TrainingOptions, run_sweep, train, train_run
from sc_neurocore.training import sweep as module
from sc_neurocore.training.sweep import trials

OPTIONS = RunOptions(
    n_hidden=6, training=TrainingOptions(epochs=1, steps=3), validation_fraction=0.2
)
GRID: dict[str, Any] = {"learning_rate": (0.002, 0.02), "seed": (0, 1)}


def known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in row if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("alone")
    return out, run_sweep("digits", out, OPTIONS, GRID)


def test_rows_are_those_of_the_runs_and_are_written(
    alone: tuple[Path, list[dict[str, Any]]],
) -> None:
    out, rows = alone
    assert [(row["learning_rate"], row["seed"]) for row in rows] == [
        (0.002, 0), (0.002, 1), (0.02, 0), (0.02, 1),
    ]  # fmt: skip
    assert json.loads((out / "sweep.json").read_text())["rows"] == rows
    with (out / "sweep.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [float(line["accuracy"]) for line in lines] == [row["accuracy"] for row in rows]
    last = RunOptions(
        n_hidden=6,
        training=TrainingOptions(epochs=1, steps=3, seed=1, learning_rate=0.02),
        validation_fraction=0.2,
    )
    run = train_run("digits", out / "trials" / rows[3]["folder"], last)  # it is read back
    assert run.accuracy == rows[3]["accuracy"]
    assert run.epochs[0].validation_accuracy == rows[3]["validation_accuracy"]


def test_what_is_finished_is_not_trained_again(
    alone: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, rows = alone
    trained = []

    def counting(*arguments: Any, **more: Any) -> Any:
        trained.append(arguments)
        return train(*arguments, **more)

    monkeypatch.setattr("sc_neurocore.training.run.train", counting)
    events: list[Any] = []
    again = run_sweep("digits", out, OPTIONS, GRID, progress=events.append)
    assert (again, trained) == (rows, [])
    assert [event.done for event in events if event.task == "sweep"] == [0, 1, 2, 3, 4]
    wider = run_sweep("digits", out, OPTIONS, {**GRID, "seed": (1, 2)})
    assert len(trained) == 2
    assert known(wider)[0] == known(rows)[1]


@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_four_processes_and_a_cluster_give_the_same_rows(
    backend: Any, alone: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    jobs = 4 if backend == "loky" else 2
    rows = run_sweep("digits", tmp_path, OPTIONS, GRID, jobs=jobs, backend=backend)
    assert known(rows) == known(alone[1])


def test_a_trial_that_fails_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    arguments = ["sweep", "--out", tmp_path, "--set", "epochs=1", "--set", "steps=2", "--set",
                 "n-hidden=4", "--grid", "net=ff,conv", "--json"]  # fmt: skip
    code = CliRunner().invoke(app, [*map(str, arguments)]).exit_code
    assert code == 1
    good, bad = json.loads((tmp_path / "sweep.json").read_text())["rows"]
    assert good["error"] is None and good["accuracy"] > 0
    assert "net 'conv' takes images" in bad["error"] and bad["accuracy"] is None
    assert (tmp_path / "sweep.svg").read_text().startswith("<svg")
    assert "net" in (tmp_path / "sweep.svg").read_text()


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"hidden": (1,)}, "grid: no option 'hidden'; known: .*n_hidden"),
        ({"seed": ()}, r"grid: seed = \(\): expected a list of values"),
        ({"seed": "01"}, "grid: seed = '01': expected a list"),
        ({"steps": (0,)}, "steps = 0"),
        ({"seed": (0, 1, 0)}, r"grid: {'seed': 0} and {'seed': 0} are the same run"),
        (
            {"augment": (lambda frames, _: frames, lambda frames, _: 2 * frames)},
            "are the same run: give each value once; functions are told apart by their names",
        ),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_is_trained(
    grid: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        run_sweep("digits", tmp_path / "no", OPTIONS, grid)
    assert not (tmp_path / "no").exists()


def test_numbers_of_numpy_name_the_trials_that_numbers_of_python_do() -> None:
    grid: dict[str, Any] = {
        "n_hidden": (4, 8),
        "kernel_size": (3, 5),
        "channels": ((2,), (3,)),
        "dropout": (0.25, 0.5),
        "test_fraction": (0.25, 0.5),
    }
    given: dict[str, Any] = {name: list(np.array(values)) for name, values in grid.items()}
    given["channels"] = [tuple(each) for each in given["channels"]]
    names = [each.name for each in trials("digits", OPTIONS, grid)]
    assert len(set(names)) == 32
    assert [each.name for each in trials("digits", OPTIONS, given)] == names


def test_other_mistakes_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="backend = 'slurm': expected loky, threading, dask, ray"):
        run_sweep("digits", tmp_path, OPTIONS, GRID, backend="slurm")  # type: ignore[arg-type]
    with pytest.raises(UserError, match="jobs = 0"):
        run_sweep("digits", tmp_path, OPTIONS, GRID, jobs=0)
    for jobs in (1, 2):
        with pytest.raises(UserError, match="scheduler = 'a': backend 'loky' has none"):
            run_sweep("digits", tmp_path, OPTIONS, GRID, jobs=jobs, scheduler="a")
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ToolMissingError, match="backend 'ray' needs the package ray"):
        run_sweep("digits", tmp_path, OPTIONS, GRID, backend="ray")
    assert module.TRIALS == "trials"
