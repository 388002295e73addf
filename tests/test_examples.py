"""The examples run, which the site shows as tutorials, and so does the README's."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("0*.py"))
TOOLS = {
    "02": ("c++",),
    "03": ("iverilog", "vvp", "yosys", "z3"),
    "04": ("c++",),
    "05": ("c++",),
}


# What snnTorch's export calls: its own affair.
@pytest.mark.filterwarnings("ignore:nirtorch.extract_nir_graph:DeprecationWarning")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs_and_makes_its_pictures(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    require_tool: Callable[..., None],
    require_package: Callable[..., None],
) -> None:
    require_tool(*TOOLS.get(path.name[:2], ()))
    text = path.read_text(encoding="utf-8")
    if "import snntorch" in text:
        require_package("snntorch")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    pictures = re.findall(r"^# !\[.*\]\(([\w.]+)\)$", text, re.MULTILINE)
    assert pictures, "every tutorial shows one"
    for name in pictures:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_there_is_one_for_each_stage() -> None:
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03", "04", "05", "06"]


def test_the_example_of_the_readme_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    require_tool: Callable[..., None],
) -> None:
    require_tool("c++")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    assert capsys.readouterr().out.endswith("Verilog against integers: equal\n")
