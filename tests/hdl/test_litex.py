"""A design on the bus of a LiteX SoC: its module, its registers in C, firmware that uses them."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design, load_design
from sc_neurocore.hdl.register_map import OFFSETS, VERSION, Control, Status
from sc_neurocore.network import load_description

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples/litex/simulate.py"


@pytest.fixture(scope="module")
def design(tmp_path_factory: pytest.TempPathFactory) -> Design:
    """The digits behind Wishbone, in a folder."""
    folder = tmp_path_factory.mktemp("litex") / "core"
    compile_design(load_description(ROOT / "models/digits"), folder, lanes=8, bus="wishbone")
    return load_design(folder)


@pytest.fixture
def example(require_package: Callable[[str], Any]) -> SimpleNamespace:
    """What examples/litex/simulate.py defines."""
    require_package("litex")
    return SimpleNamespace(**runpy.run_path(str(SCRIPT)))


def test_the_header_has_the_map(design: Design, require_tool: Callable[..., None]) -> None:
    require_tool("c++")
    header = Path(f"system/{design.manifest.top}.h")
    bits = {f"STATUS_{each.name}": int(each) for each in Status}
    bits |= {f"CONTROL_{each.name}": int(each) for each in Control}
    bits |= {"BYTES": 128, "VERSION_IS": VERSION, "WRITES_OF_A_FRAME": 64, "OUTPUTS": 10}
    bits |= {"FRAMES_OF_A_SAMPLE": 1, "SCORE_IS_SIGNED": 0, "WEIGHT_WORDS": 0}
    assert design.home is not None
    text = (design.home / header).read_text("utf-8")
    numbers = re.findall(r"^#define SNN_(\w+) +(0x\w+|\d+)u?$", text, re.M)
    assert {name: int(number, 0) for name, number in numbers} == OFFSETS | bits
    program = f'#include "{header}"\nconst unsigned words[8] = SNN_HASH_IS;\n'
    done = subprocess.run(
        ["c++", "-E", "-P", "-I", str(design.home), "-x", "c++", "-"],
        input=program, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = "".join(re.findall(r"0x([0-9a-f]{8})u", done.stdout))
    assert words == design.accelerator.content_hash


def test_axi_lite_has_the_header_alone(tmp_path: Path) -> None:
    compile_design(load_description(ROOT / "models/digits"), tmp_path, lanes=8, bus="axi-lite")
    assert [path.suffix for path in (tmp_path / "system").iterdir()] == [".h"]


def test_litex_takes_the_module(
    design: Design,
    example: SimpleNamespace,
    require_tool: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_tool("iverilog")
    assert design.home is not None
    platform = example.SimPlatform("SIM", list(example.PINS), name="soc")
    soc = example.SoCCore(platform, 1e6, cpu_type="None", uart_name="sim", ident="")
    soc.crg = example.CRG(platform.request("sys_clk"))
    monkeypatch.syspath_prepend(str(design.home / "system"))
    import_module(design.manifest.top).add_core(soc, origin=0x4000_0000)
    soc.finalize()
    region = soc.mem_regions["snn"]
    assert (region.origin, region.size, region.cached) == (0x4000_0000, 128, False)
    monkeypatch.chdir(tmp_path)
    soc.platform.get_verilog(soc, name="soc").write("soc.v")
    files = [str(path) for path, *_ in soc.platform.sources]
    # A port or a file that there is not is an error here.
    options = ["-g2005-sv", "-s", "soc", "-t", "null"]
    done = subprocess.run(
        ["iverilog", *options, "soc.v", *files], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("wrong", ["nothing", "class", "score", "missing"])
def test_a_wrong_answer_fails(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: SimpleNamespace
) -> None:
    def simulated(folder: Path, beats: np.ndarray, *others: Path) -> list[str]:
        lines = [" ".join(map(str, row)) for row in answers(folder)]
        if wrong == "class":
            lines[3] = "9" + lines[3][1:]
        elif wrong == "score":
            lines[9] = lines[9][:-1] + "7"
        elif wrong == "missing":
            del lines[9]
        return [*lines, "1 clocks"]

    def answers(folder: Path) -> list[list[int]]:
        expected: list[list[int]] = example.digits(load_design(folder), 10)[1].tolist()
        return expected

    monkeypatch.setitem(example.main.__globals__, "simulate", simulated)
    monkeypatch.setattr(sys, "argv", ["simulate.py", "--out", str(tmp_path)])
    monkeypatch.setitem(example.main.__globals__, "version", lambda package: "any")
    with pytest.raises(SystemExit) as ended:
        example.main()
    assert ended.value.code == (wrong != "nothing")


@pytest.mark.soak
def test_firmware_classifies_ten_digits(
    tmp_path: Path, require_command: Callable[[str], None], require_package: Callable[[str], Any]
) -> None:
    for_the_soc(require_command, require_package)
    command = [sys.executable, str(SCRIPT), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n10 of 10: " in done.stdout


@pytest.mark.soak
def test_what_firmware_may_do_wrong(
    design: Design,
    example: SimpleNamespace,
    tmp_path: Path,
    require_command: Callable[[str], None],
    require_package: Callable[[str], Any],
) -> None:
    for_the_soc(require_command, require_package)
    beats, expected = example.digits(design, 4)
    source = Path(__file__).parent / "benches/litex_breaks.c"
    *lines, clocks = example.simulate(design.home, beats, tmp_path, source)
    second, third = (" ".join(map(str, expected[number])) for number in (2, 3))
    assert lines == ["0", second, "8", "0", "0", "1", third, "0"]
    assert int(clocks.split()[0]) < 100_000, "a refused access waited for the bus's timeout"


def for_the_soc(
    require_command: Callable[[str], None], require_package: Callable[[str], Any]
) -> None:
    require_command("verilator")
    require_command("riscv64-unknown-elf-gcc")
    require_package("litex")
    require_package("pythondata_cpu_vexriscv")
