"""Networks from elsewhere, by their commands alone: their integers do what their floats do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app

GOLDEN = Path(__file__).parents[1] / "interop" / "golden"


def run(*arguments: object) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout)


def spikes(folder: Path, steps: int, size: int, share: float = 0.3) -> Path:
    path = folder / "spikes.npy"
    np.save(path, np.random.default_rng(4).random((40, steps, size)) < share)
    return path


def test_the_neuron_with_a_gain_of_a_25th_fires_in_integers_as_in_floats(
    shared_data: Path, tmp_path: Path
) -> None:
    out, file = tmp_path / "net", shared_data / "nir" / "lif_norse.nir"
    code, told = run("import", file, "--dt", 1e-4, "--steps", 100, "--out", out)
    assert (code, told["read_as"]["nir_dt"]) == (0, 1e-4)
    code, result = run("evaluate", out, "--data", spikes(tmp_path, 100, 1))
    assert code == 0
    both = result["comparison"]
    assert both["spikes_float"] > 200
    assert (both["equal_spikes"], both["same_answer"]) == (1, 1)
    assert result["tried"]  # chosen, without being asked for
    code, narrow = run("evaluate", out, "--data", tmp_path / "spikes.npy", "--format", "Q8.8")
    assert (code, narrow["comparison"]["equal_spikes"] < 0.5) == (0, True)
    code, compiled = run("compile", out, "--out", tmp_path / "design")
    assert (code, compiled["comparison"]["equal_spikes"]) == (0, 1)


@pytest.mark.parametrize(("name", "dt"), [("64a0b954", None), ("19004303", 1.0), ("77b4a802", 1.0)])
def test_a_braille_reader(name: str, dt: float | None, shared_data: Path, tmp_path: Path) -> None:
    file, out = shared_data / "nir" / f"nir_history_{name}.nir", tmp_path / "net"
    step = () if dt is None else ("--dt", dt)
    code, told = run("import", file, "--steps", 50, "--out", out, *step)
    assert (code, told["read_as"]["nir_dt"]) == (0, dt or 1e-4)
    code, result = run("evaluate", out, "--data", spikes(tmp_path, 50, 12, 0.6))
    assert code == 0
    both = result["comparison"]
    assert both["equal_spikes"] >= 0.99
    assert both["same_answer"] == 1


def test_a_network_that_is_silent_on_its_data_is_said(tmp_path: Path) -> None:
    out = tmp_path / "net"
    run("import", GOLDEN / "norse.nir", "--dt", 1e-6, "--steps", 10, "--out", out)
    shown = CliRunner().invoke(app, ["evaluate", str(out), "--format", "Q8.8"])
    assert shown.exit_code == 0
    assert "never fires on random inputs" in " ".join(shown.stdout.split())


def test_an_exported_network_keeps_its_time_step(tmp_path: Path) -> None:
    out = tmp_path / "net"
    run("import", GOLDEN / "norse.nir", "--dt", 1e-3, "--steps", 10, "--out", out)
    code, _ = run("export", out, "--to", "nir", "--out", tmp_path / "nir")
    assert code == 0
    assert json.loads((tmp_path / "nir" / "nir.json").read_text())["dt"] == 1e-3
    code, again = run("import", tmp_path / "nir" / "network.nir", "--out", tmp_path / "again")
    assert (code, again["read_as"]["nir_dt"]) == (0, 1e-3)
    other = ("export", out, "--to", "nir", "--out", tmp_path / "nir")
    code, _ = run(*other, "--dt", 0.5, "--method", "exponential-euler")
    assert code == 0
    assert json.loads((tmp_path / "nir" / "nir.json").read_text())["dt"] == 0.5
    code, refused = run("export", out, "--to", "sc", "--dt", 0.5, "--out", tmp_path / "sc")
    assert (code, "has no time constants" in refused["error"]) == (2, True)
