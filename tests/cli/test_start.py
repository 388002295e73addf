"""Commands import what they need, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--version"], {"numpy", "matplotlib", "numba", "scipy", "torch", "jinja2"}),
        (
            ["compile", str(MODELS / "digits"), "--out", "design"],
            {"matplotlib", "numba", "scipy", "torch", "h5py", "z3"},
        ),
    ],
    ids=["version", "compile"],
)
def test_a_command_does_not_wait_for_what_it_does_not_use(
    tmp_path: Path, arguments: list[str], spared: set[str]
) -> None:
    program = (
        "import sys\n"
        "from sc_neurocore.cli.app import run\n"
        f"code = run({arguments!r})\n"
        f"sys.exit(code or ', '.join({spared!r} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr


def test_help_names_every_command_with_what_it_does() -> None:
    shown = CliRunner().invoke(app, ["--help"])
    assert shown.exit_code == 0
    for name in ("doctor", "train", "compile", "verify", "build", "run", "report"):
        assert f"{name} " in shown.output
    assert "Co-simulate and prove a design" in shown.output
