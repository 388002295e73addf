"""The Python of docs/ode-to-bitstream.md runs, and it prints what the page says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.cli.app import run
from sc_neurocore.hdl.design import load_design

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "ode-to-bitstream.md"


def test_the_blocks_of_the_page_run_one_after_the_other(
    run_page: Callable[..., dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    require_tool: Callable[..., None],
) -> None:
    require_tool("iverilog", "vvp", "yosys", "z3")
    run_page(PAGE.name)
    text = PAGE.read_text(encoding="utf-8")
    assert Path("fitzhugh_nagumo.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    for line in re.findall(r"^    (.*: saturates .*)$", text, re.MULTILINE):
        assert line in printed
    compiles = re.findall(r"^    sc-neurocore (compile .*)$", text, re.MULTILINE)
    assert len(compiles) == 2
    for line in compiles:
        assert run(line.split()) == 0
    assert load_design(Path("build/network")).manifest.choices.pipeline == 4


def test_the_equations_of_the_page_are_those_of_the_example() -> None:
    equations = (ROOT / "examples/neurons/fitzhugh_nagumo.txt").read_text(encoding="utf-8")
    lines = [line for line in equations.splitlines() if not line.startswith("#")]
    assert "\n".join(f"    {line}" for line in lines) in PAGE.read_text(encoding="utf-8")
