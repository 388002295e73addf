"""The training stack from end to end, and the page and the example that show it."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data import load_split
from sc_neurocore.network import load_description, save_description
from sc_neurocore.training import (
    RunOptions,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    train,
)
from sc_neurocore.training.augmentation import Distortion

ROOT = Path(__file__).parent.parent


def test_a_conv_net_is_trained_saved_loaded_and_trained_further(tmp_path: Path) -> None:
    parts = load_split("digits").shaped((1, 8, 8))
    training = TrainingOptions(
        epochs=8,
        batch_size=32,
        learning_rate=1e-2,
        steps=6,
        optimiser="adamw",
        weight_decay=1e-4,
        schedule="one-cycle",
        max_norm=2.0,
        label_smoothing=0.05,
        average=0.98,
        augment=Distortion((8, 8), rotation=8, shift=0.5, scale=0.05),
    )
    options = RunOptions(
        n_hidden=32,
        learn=("beta", "threshold"),
        per_channel=True,
        training=training,
        net="conv",
        channels=(8,),
        kernel_size=3,
        dropout=0.1,
        validation_fraction=0.1,
    )
    run = train(parts, options)
    assert run.accuracy > 0.93
    assert [layer["neurons"] for layer in run.activity] == [8 * 6 * 6, 32, 10]
    assert all(layer["saturated"] == 0 for layer in run.activity)

    save_description(run.description, tmp_path)
    loaded = SpikingSequential.from_description(load_description(tmp_path))
    right = evaluate(loaded, parts.test, steps=6)
    assert right == pytest.approx(run.accuracy, abs=2 / 360)  # float32 here, float64 there
    weights = loaded.to_sc_weights()
    assert [each.values.shape for each in weights] == [(8, 1, 3, 3), (32, 72), (10, 32)]
    history = fit(loaded, parts.train, options=TrainingOptions(epochs=2, steps=6))
    assert history.epochs[-1].loss < history.epochs[0].loss < run.epochs[0].loss / 2


def test_a_conv_net_is_evaluated_in_floats_and_integers(tmp_path: Path) -> None:
    parts = load_split("digits").shaped((1, 8, 8))
    training = TrainingOptions(epochs=1, steps=2, batch_size=128)
    options = RunOptions(n_hidden=8, training=training, net="conv", channels=(2,), kernel_size=3)
    save_description(train(parts, options).description, tmp_path)
    code, evaluated = command("evaluate", tmp_path)
    assert (code, evaluated["test_size"], evaluated["fixed"]["test_size"]) == (0, 360, 360)
    assert evaluated["accuracy"] == load_description(tmp_path).metadata["test_accuracy"]


def command(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def test_the_command_line_trains_with_all_its_options_and_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = [
        *("--dataset", "digits", "--out", out, "--hidden", 16, "--layers", 2, "--steps", 8),
        *("--cell", "LIF", "--surrogate", "atan_surrogate", "--learn-threshold", "--per-channel"),
        *("--encoder", "rate", "--batch-size", 64, "--epochs", 3, "--learning-rate", 0.01),
        *("--schedule", "cosine", "--optimiser", "adamw", "--weight-decay", 0.01, "--max-norm", 5),
        *("--label-smoothing", 0.1, "--average", 0.9, "--precision", "bfloat16"),
        *("--augment", "rows=8,columns=8,shift=0.5", "--dropout", 0.1, "--validation", 0.1),
    ]
    code, trained = command("train", *options)
    assert code == 0, trained
    record = json.loads((out / "training.json").read_text())
    asked = record["options"]["training"]
    assert asked["augment"] == {
        **{"kind": "Distortion", "image_shape": [8, 8], "shift": 0.5},
        **{"rotation": 0.0, "scale": 0.0, "shear": 0.0, "elastic": 0.0, "smoothness": 5.0},
    }
    assert (asked["schedule"], asked["precision"], asked["average"]) == ("cosine", "bfloat16", 0.9)
    assert command("train", *options, "--resume") == (0, trained)
    code, evaluated = command("evaluate", out)
    assert (code, evaluated["accuracy"]) == (0, trained["accuracy"])
    assert abs(evaluated["fixed"]["accuracy"] - trained["accuracy"]) < 0.05
    assert load_description(out).metadata["encoder"] == "rate"


@pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 8
    monkeypatch.chdir(tmp_path)
    exec("\n".join(blocks), {})


def test_the_example_trains_on_mnist_and_is_read_back(
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = str(ROOT / "examples" / "train_mnist.py")
    line = [script, "--epochs", "1", "--steps", "2", "--batch-size", "512", "--learn-beta"]
    line += ["--out", str(tmp_path / "run")]
    for extra in ([], ["--resume"]):
        monkeypatch.setattr(sys, "argv", line + extra)
        runpy.run_path(script, run_name="__main__")
    first, _, second = capsys.readouterr().out.rpartition("\n")[0].rpartition("\n")
    accuracy = float(re.fullmatch(r"([0-9.]+)% of 10000 test images, .*run", second)[1])  # type: ignore[index]
    assert accuracy > 75
    assert first.endswith(second)
    monkeypatch.setattr(sys, "argv", [script, "--resume", "--out", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="holds no run"):
        runpy.run_path(script, run_name="__main__")
