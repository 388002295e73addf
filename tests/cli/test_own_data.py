"""Commands on a user's own samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.data import load_digits
from sc_neurocore.equation import LIF
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    save_description,
)

MODEL = Path(__file__).parents[2] / "models" / "digits"
NIR = Path(__file__).parents[1] / "interop" / "golden" / "norse.nir"
RANDOM = np.random.default_rng(5)


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """Thirty digits, of which the model knows none or all: nobody says."""
    data = load_digits()
    path = tmp_path / "digits.npz"
    np.savez(path, inputs=data.inputs[:30].reshape(30, 64), labels=data.labels[:30])
    return path


@pytest.fixture
def recurrent(tmp_path: Path) -> Path:
    """A network that takes a frame of small integers in each step."""
    description = NetworkDescription(
        name="recurrent",
        input=InputEncoding(kind="sequence", shape=(4,), bits=2, fraction_bits=0),
        steps=6,
        layers=[
            Dense(weight=RANDOM.normal(0.1, 0.3, (5, 4))),
            Recurrent(neuron=LIF, weight=RANDOM.normal(0, 0.3, (5, 5))),
            Dense(weight=RANDOM.normal(0.2, 0.3, (3, 5))),
            Population(neuron=LIF),
        ],
    )
    return save_description(description, tmp_path / "net")


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    path = tmp_path / "frames.npz"
    np.savez(path, inputs=RANDOM.integers(0, 4, (9, 6, 4)), labels=RANDOM.integers(0, 3, 9))
    return path


def test_evaluate_and_simulate_a_file(digits: Path) -> None:
    code, result = run("evaluate", MODEL, "--data", digits)
    assert code == 0
    assert (result["dataset"], result["test_size"]) == (str(digits), 30)
    assert result["samples"]["is_unseen"] is None
    assert result["accuracy"] > 0.9
    code, streams = run("simulate", MODEL, "--data", digits, "--length", 64)
    assert (code, streams["test_size"]) == (0, 30)
    assert streams["float_accuracy"] == result["accuracy"]
    code, both = run("compare", MODEL, "--data", digits, "--samples", 7)
    assert (code, both["samples"], both["inputs"]) == (0, 7, str(digits))


def test_samples_without_labels_have_no_accuracy(digits: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.npy"
    np.save(path, load_digits().inputs[:5].reshape(5, -1) / 16)
    code, result = run("evaluate", MODEL, "--data", path, "--scale", "1")
    assert code == 0
    assert (result["accuracy"], result["fixed"]["accuracy"]) == (None, None)
    assert result["fixed"]["agreement"] == 1
    told = CliRunner().invoke(app, ["evaluate", str(MODEL), "--data", str(path), "--scale", "1"])
    assert "not known: the samples have no labels" in told.stdout
    assert "were not trained on" not in told.stdout


def test_simulate_takes_sequences(recurrent: Path, frames: Path) -> None:
    code, result = run("simulate", recurrent, "--data", frames, "--length", 256)
    assert (code, result["test_size"]) == (0, 9)
    assert result["agreement"] > 0.5
    code, random = run("evaluate", recurrent)
    assert (code, random["dataset"], random["accuracy"]) == (0, "random", None)


def test_compile_and_verify_on_a_file(recurrent: Path, frames: Path, tmp_path: Path) -> None:
    out = tmp_path / "design"
    code, result = run("compile", recurrent, "--out", out, "--lanes", 2, "--data", frames)
    assert code == 0
    assert (result["comparison"]["samples"], result["comparison"]["inputs"]) == (9, str(frames))
    assert 0.5 < result["comparison"]["equal_spikes"] <= 1


def test_import_finds_the_encoding_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "signed.npy"
    np.save(path, RANDOM.uniform(-1, 1, (12, 25, 20)))
    out = tmp_path / "net"
    command = ("import", NIR, "--dt", 1e-3, "--steps", 25, "--out", out, "--data", path)
    code, result = run(*command, "--scale", 1)
    assert code == 0
    wanted = {"kind": "sequence", "bits": 8, "fraction_bits": 7, "signed": True}
    assert wanted.items() <= result["input"].items()
    code, result = run("evaluate", out, "--data", path, "--scale", 1)
    assert (code, result["samples"]["is_unseen"]) == (0, None)
    code, result = run("compile", out, "--out", tmp_path / "design", "--data", path, "--scale", 1)
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "none.npy"), "none.npy: No such file or directory"),
        (("--scale", "1"), "--scale says what numbers in the file of --data are worth"),
        (("--data", "x", "--dataset", "digits"), "give one of them"),
        (("--data", "x", "--scale", "one"), "--scale one: expected a number, such as 0.5 or 1/255"),
        (("--data", "x", "--scale", "1/0"), "expected a number"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "simulate"])
def test_mistakes(command: str, arguments: tuple[str, ...], message: str) -> None:
    code, result = run(command, MODEL, *arguments)
    assert (code, message in result["error"]) == (2, True), result["error"]
