"""The circuit of docs/own-top.md answers as the integers do, and its waves are kept."""

from __future__ import annotations

import re
import shutil
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

    compile_design(load_description(ROOT / "models/digits"), tmp_path / "core", lanes=8)
    folder = tmp_path / "rtl"
    shutil.copytree(tmp_path / "core" / "rtl", folder)
    (folder / "button_top.v").write_text(top)
    (folder / "button_bench.v").write_text(bench)
    monkeypatch.chdir(folder)
    exec(compile(program, "own-top.md", "exec"), {})

    def classes(bench: str) -> list[int]:
        sources = sorted(path.name for path in folder.glob("*.v"))
        subprocess.run(["iverilog", "-g2005", "-s", bench, "-o", bench, *sources], check=True)
        told = subprocess.run(["vvp", bench], check=True, capture_output=True, text=True).stdout
        return [int(line) for line in told.split("\n") if line.strip().isdigit()]

    network = load_design(tmp_path / "core").network
    test = load_split("digits", seed=0).test
    expected = network.run(test.network_inputs()[:4]).classes.tolist()
    assert classes("button_bench") == expected
    assert (folder / "waves.vcd").stat().st_size > 1000
