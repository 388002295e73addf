"""The bench in a design's folder needs make and a simulator only, and fails when it must."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.hdl.small_convolutions import draw_network

from sc_neurocore.fixed import quantize
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.self_check import FOLDER, self_check_files
from sc_neurocore.network.folding import one_map_each


def written(folder: Path, network: IntegerNetwork, lanes: int = 2, **options: Any) -> None:
    rendered = render_accelerator(network, lanes, **options)
    rendered.write(folder)
    (folder / FOLDER).mkdir()
    for name, content in self_check_files(network, rendered.accelerator).items():
        (folder / name).write_bytes(content)


def made(folder: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        ["make", *words], cwd=folder / FOLDER, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(autouse=True)
def _simulator(require_tool: Callable[..., None], require_command: Callable[[str], None]) -> None:
    require_tool("iverilog")
    require_command("make")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lanes": 4, "units": 2, "pipeline": 1, "inputs_per_beat": 4},
        {"weights": "loaded"},
        {"schedule": "step-outer"},
    ],
)
def test_a_static_network_passes(
    options: dict[str, Any], make_network: Callable[..., IntegerNetwork], tmp_path: Path
) -> None:
    written(tmp_path, make_network([7, 5, 3], steps=6), **options)
    code, said = made(tmp_path)
    assert code == 0 and "PASS: 8 samples, each class and its 3 scores" in said, said


@pytest.mark.parametrize("kind", ["spikes", "delayed", "membrane", "first-to-2"])
def test_a_frame_per_step_passes(
    kind: str, make_step_outer_network: Callable[..., IntegerNetwork], tmp_path: Path
) -> None:
    written(tmp_path, make_step_outer_network(kind))
    code, said = made(tmp_path)
    assert code == 0 and "PASS: 8 samples" in said, said


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_convolution_passes(seed: int, tmp_path: Path) -> None:
    written(tmp_path, quantize(one_map_each(draw_network(seed)), weight_bits=6))
    code, said = made(tmp_path)
    assert code == 0 and "PASS" in said, said


def test_a_fault_is_found_and_shown(
    make_network: Callable[..., IntegerNetwork], tmp_path: Path
) -> None:
    written(tmp_path, make_network([7, 5, 3], steps=6))
    (weights,) = (tmp_path / "rtl").glob("*_weights.hex")
    words = weights.read_text().split("\n")
    weights.write_text("\n".join("0" * len(word) for word in words))
    code, said = made(tmp_path)
    assert code != 0 and "FAIL: " in said
    assert "expected" in said and "found" in said


def test_a_core_that_never_answers_is_given_up(
    make_network: Callable[..., IntegerNetwork], tmp_path: Path
) -> None:
    written(tmp_path, make_network([7, 5, 3], steps=2))
    (top,) = (path for path in (tmp_path / "rtl").glob("tiny.v"))
    text = top.read_text()
    assert text.count(".in_valid") == 1
    top.write_text(text.replace(".in_valid", ".in_valid (1'b0), // ", 1))
    code, said = made(tmp_path)
    assert code != 0 and "FAIL: sample 0 has no result after" in said


@pytest.mark.parametrize("options", [{}, {"weights": "loaded"}])
def test_fusesoc_simulates_and_lints_it(
    options: dict[str, Any],
    make_network: Callable[..., IntegerNetwork],
    require_tool: Callable[..., None],
    require_package: Callable[[str], Any],
    tmp_path: Path,
) -> None:
    require_package("fusesoc")
    require_tool("verilator")
    written(tmp_path / "design", make_network([7, 5, 3], steps=6), **options)
    for target in ("sim", "lint"):
        said = _fusesoc(tmp_path, target)
        assert target == "lint" or "PASS: 8 samples" in said, said
        assert "%Warning" not in said, said


def _fusesoc(folder: Path, target: str) -> str:
    program = Path(sys.executable).with_name("fusesoc")
    done = subprocess.run(
        [program, "--cores-root", "design", "run", "--target", target, "tiny"],
        cwd=folder,
        env={**os.environ, "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr
