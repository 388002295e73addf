"""The circuit of docs/own-top.md answers as the integers do, and its waves are kept."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.data import load_split
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import load_design
from sc_neurocore.network import load_description

ROOT = Path(__file__).parents[1]


def test_the_page(
    require_tool: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("iverilog")
    text = (ROOT / "docs" / "own-top.md").read_text("utf-8")
    top, bench = re.findall(r"```verilog\n(.*?)```", text, re.S)
    program = re.findall(r"```python\n(.*?)```", text, re.S)[0]

    commands = re.findall(r"^    ((?:cp|iverilog|vvp) .*)$", text, re.M)
    assert len(commands) == 3

    compile_design(load_description(ROOT / "models/digits"), tmp_path / "runs/core", lanes=8)
    (tmp_path / "button_top.v").write_text(top)
    (tmp_path / "button_bench.v").write_text(bench)
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "own-top.md", "exec"), {})
    done = subprocess.run(["bash", "-ec", "\n".join(commands)], check=True, capture_output=True)

    network = load_design(tmp_path / "runs/core").network
    test = load_split("digits", seed=0).test
    expected = network.run(test.network_inputs()[:4]).classes.tolist()
    said = done.stdout.decode().split("\n")
    assert [int(line) for line in said if line.strip().isdigit()] == expected
    assert (tmp_path / "waves.vcd").stat().st_size > 1000
