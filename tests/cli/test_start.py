"""Commands import what they need, and no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import _COMMANDS, app

MODELS = Path(__file__).parents[2] / "models"


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--version"], {"numpy", "matplotlib", "numba", "scipy", "torch", "jinja2"}),
        (
            ["compile", str(MODELS / "digits"), "--out", "design"],
            {"matplotlib", "numba", "torch", "h5py", "z3"},
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


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_example_of_a_command_has_options_that_it_has(name: str) -> None:
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    example = f"sc-neurocore {_COMMANDS[name][1]}"
    words = _COMMANDS[name][1].split()
    assert words[0] == name and example in shown.output
    options = shown.output.replace(example, "")
    for word in words[1:]:
        assert not word.startswith("--") or f" {word} " in options


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("comp", "compare compile"),
        ("compile --constant", "--constant-bits"),
        ("compile --board ic", "icebreaker"),
        ("build --device ecp5-2", "ecp5-25k ecp5-25k-mg285"),
    ],
)
def test_the_shell_completes_commands_options_and_values(words: str, expected: str) -> None:
    told = {
        "COMP_WORDS": f"sc-neurocore {words}",
        "COMP_CWORD": str(len(words.split())),
        "_SC_NEUROCORE_COMPLETE": "complete_bash",
    }
    program = "import sys; sys.argv[0] = 'sc-neurocore'; from sc_neurocore.cli import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.split() == expected.split()
