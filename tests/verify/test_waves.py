"""The waves of an input are recorded, and the view of them names what is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.verify.waves import write_waves

NETWORK = NetworkDescription(
    name="tiny",
    steps=3,
    input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
    layers=(
        Dense(weight=np.random.default_rng(0).normal(0, 2, (3, 4))),
        Population(neuron=LIF),
    ),
)
INPUTS = np.random.default_rng(1).integers(0, 32, (5, 4))


def test_waves_show_the_result_of_the_input(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("iverilog")
    compile_design(NETWORK, tmp_path, lanes=2, units=2)
    with opened(tmp_path) as design:
        first = write_waves(design, INPUTS, 1)
        view = write_waves(design, INPUTS, 3)
    assert view == "waves/input_3.gtkw" and not (tmp_path / first).exists()
    waves = tmp_path / "waves" / "input_3.fst"
    assert waves.read_bytes()[:1] == b"\x00" and waves.stat().st_size > 500
    text = (tmp_path / view).read_text()
    assert 'dumpfile] "input_3.fst"' in text
    signals = re.findall(r"^testbench\.core\.(\w+)", text, re.MULTILINE)
    ports = re.findall(r"(?:input|output) +(?:wire|reg) +(?:\[.*?\] +)?(\w+)", top_of(tmp_path))
    assert set(signals) <= set(ports) and {"in_data", "out_class", "trace_state"} <= set(signals)


def top_of(folder: Path) -> str:
    return (folder / "rtl" / "tiny.v").read_text()


def test_an_input_that_is_not_there_is_refused(tmp_path: Path) -> None:
    compile_design(NETWORK, tmp_path, lanes=2)
    with opened(tmp_path) as design, pytest.raises(UserError, match=r"--wave 5: .* 0 to 4"):
        write_waves(design, INPUTS, 5)
