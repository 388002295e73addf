"""The component for VHDL has the ports that Yosys reads in the Verilog."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.vhdl import component
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.tools import programs


def describe(name: str = "tiny") -> NetworkDescription:
    return NetworkDescription(
        name=name,
        input=InputEncoding(shape=(6,), bits=3, fraction_bits=2),
        steps=4,
        layers=(Dense(weight=np.eye(3, 6)), Population(neuron=LIF)),
    )


def ports_of(vhdl: str) -> dict[str, tuple[str, int]]:
    body = vhdl.split("    port (\n")[1].split("    );")[0]
    found = {}
    for name, direction, kind in re.findall(r"(\S+) : (in|out) (.*?);?\n", body):
        high = re.fullmatch(r"std_logic_vector\((\d+) downto 0\)", kind)
        assert high or kind == "std_logic"
        found[name] = (direction, int(high[1]) + 1 if high else 1)
    return found


@pytest.mark.parametrize("bus", ["none", "axi-stream"])
def test_a_component_has_the_ports_of_its_module(
    bus: str, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys")
    weights = "loaded" if bus == "none" else "rom"
    design = compile_design(
        describe(),
        tmp_path,
        lanes=2,
        allow=["all"],
        bus=bus,  # type: ignore[arg-type]
        weights=weights,  # type: ignore[arg-type]
        ram_style="block",
    ).design
    sources = " ".join(path.name for path in (tmp_path / "rtl").glob("*.v"))
    components = design.manifest.paths("vhdl")
    assert len(components) == 1 + (bus != "none")
    for path in components:
        text = (tmp_path / path).read_text()
        name = path.name.removesuffix("_component.vhd")
        script = f"read_verilog -defer {sources}; hierarchy -top {name}; proc; write_json top.json"
        programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")
        modules = json.loads((tmp_path / "rtl" / "top.json").read_text())["modules"]
        wanted = {
            port: (about["direction"].removesuffix("put"), len(about["bits"]))
            for port, about in modules[name]["ports"].items()
        }
        assert ports_of(text) == wanted
        # What goes in must be connected, what comes out need not.
        instance = dict(re.findall(r"^--       (\w+) => ([\w]+)", text, re.MULTILINE))
        assert instance == {
            port: port if direction == "in" else "open" for port, (direction, _) in wanted.items()
        }


def test_names_that_vhdl_would_not_take_are_extended() -> None:
    verilog = """\
module a__b #(
    parameter MEMORY_FOLDER = "."
) (
    input  wire        clk,
    output wire [7:0] Signal
);
"""
    path, text = component(verilog)
    assert path == "vhdl/a__b_component.vhd"
    assert rb"component \a__b\ is" in text
    assert rb"\Signal\ : out std_logic_vector(7 downto 0)" in text
    assert b'MEMORY_FOLDER : string := "."' in text
