"""A user's own top around the core becomes a bitstream, with memories and pins of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.sources import with_own_top
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

TOP = """\
module blinker (input wire clk, output reg light);
    reg [2:0] values [0:5];
    initial $readmemh("values.hex", values);
    reg [2:0] at = 3'd0;
    wire ready, valid;
    wire [1:0] answer;
    always @(posedge clk) begin
        if (ready) at <= at == 3'd5 ? 3'd0 : at + 1'b1;
        if (valid) light <= ^answer;
    end
    tiny core (
        .clk(clk), .reset(1'b0), .in_valid(1'b1), .in_ready(ready), .in_data(values[at]),
        .out_valid(valid), .out_ready(1'b1), .out_class(answer), .count_address(2'd0),
        .count_value(), .hash_address(3'd0), .hash_word(), .trace_valid(), .trace_layer(),
        .trace_neuron(), .trace_step(), .trace_state(), .trace_spike()
    );
endmodule
"""


@pytest.fixture
def design(tmp_path: Path) -> Design:
    description = NetworkDescription(
        name="tiny",
        input=InputEncoding(shape=(6,), bits=3, fraction_bits=2),
        steps=4,
        layers=(Dense(weight=np.eye(3, 6)), Population(neuron=LIF)),
    )
    return compile_design(description, tmp_path / "design", lanes=2, allow=["all"]).design


def written(folder: Path, files: dict[str, str]) -> list[Path]:
    for name, text in files.items():
        (folder / name).write_text(text)
    return [folder / name for name in files]


def test_it_is_built_with_what_it_needs(
    design: Design, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys", "nextpnr-ice40", "icepack")
    files = {"blinker.v": TOP, "values.hex": "1 2 3 4 5 6\n"}
    files["pins.pcf"] = "set_io clk 35\nset_io light 39\n"
    report = build(design, "up5k", own_top=written(tmp_path, files))
    assert (report.top, sorted(report.own)) == ("blinker", sorted(files))
    assert report.bitstream is not None and report.logic_cells > 100
    assert report.verification.endswith("of the core alone, not of the top of your own")
    (log,) = (tmp_path / "design/build/up5k").glob("*.nextpnr-*.log")
    assert "constrained 'light' to bel" in log.read_text()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.v": "module b;\nendmodule\nmodule c;\nendmodule\n"}, "modules: b, c"),
        ({"values.hex": "0"}, "expected Verilog with one module"),
        ({"a.v": "module a; endmodule", "snn_engine.v": ""}, "has a file snn_engine.v of its own"),
        ({"a.v": "module a; endmodule", "pins.lpf": ""}, "one file .pcf of pins at most"),
        ({"a.v": "module a; endmodule", "b.vhd": ""}, "expected .v, .hex, .mem"),
    ],
)
def test_what_is_no_top_is_named(
    files: dict[str, str], message: str, design: Design, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        with_own_top(design, written(tmp_path, files), "pcf")


def test_a_file_that_is_not_there_is_named(design: Design, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing\.v: no such file"):
        with_own_top(design, [tmp_path / "missing.v"], "pcf")
