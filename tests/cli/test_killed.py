"""Commands that are killed: the folder holds what was or what is to be, and the next one works."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("killed_commands.py")
COMMANDS = ("compile", "verify", "build", "report")


def kill(command: str, trials: int, seed: int, *options: str) -> dict[str, int]:
    line = [sys.executable, str(SCRIPT), command, str(trials), str(seed), *options]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-5000:]
    said: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_leaves_the_old_folder_or_the_new_one(command: str) -> None:
    assert kill(command, 8, 1)["trials"] == 8


@pytest.mark.soak
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_a_thousand_times(command: str) -> None:
    said = kill(command, 1000, 2)
    assert said["old"] > 50 and said["new"] > 50


@pytest.mark.soak
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_fifty_times_with_the_real_tools(
    command: str, require_tool: Callable[..., None]
) -> None:
    require_tool("iverilog", "vvp", "yosys", "sby", "z3", "nextpnr-ice40", "icepack")
    assert kill(command, 50, 3, "real")["trials"] == 50
