"""Our models of Gowin's block RAM, against memories as the language has them, of several widths."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np

from sc_neurocore.tools import programs
from sc_neurocore.tools.families import GOWIN

WIDTHS = {2: 1000, 9: 600, 36: 300}  # bits of a word, and words: DPB, DPX9B and SDPX9B
ROM = """
module rom (input wire clk, input wire [7:0] address, output reg [35:0] value);
    (* ram_style = "block" *) reg [35:0] words [0:255];
    initial $readmemh("rom.hex", words);
    always @(posedge clk) value <= words[address];
endmodule
"""
MEMORY = """
module memory{w} (input wire clk, write, input wire [10:0] to, from, input wire [{w}-1:0] data,
                  output reg [{w}-1:0] value);
    (* ram_style = "block" *) reg [{w}-1:0] words [0:{words}-1];
    initial $readmemh("{w}.hex", words);
    always @(posedge clk) begin
        if (write) words[to] <= data;
        value <= words[from];
    end
endmodule
"""
BENCH = """
module bench;
    reg clk = 0, write;
    reg [10:0] to, from;
    reg [35:0] data;
    wire [{bits}-1:0] first, second;
    memories original (clk, write, to, from, data, first);
    mapped netlist (clk, write, to, from, data, second);
    integer n, different = 0;
    initial begin
        for (n = 0; n < 3000; n = n + 1) begin
            write = $random; to = $random; data = {{$random, $random}};
            to = to % 250; from = $random; from = from % 250;
            if (to == from) from = from + 1;
            #1 clk = 1; #1 clk = 0;
            if (first !== second) different = different + 1;
        end
        $display("%0d different, last %h", different, first);
    end
endmodule
"""


def test_netlists_of_memories_of_several_widths_do_what_the_memories_do(
    require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys", "iverilog")
    assert GOWIN.models is not None
    random = np.random.default_rng(3)
    lines, low = [], 0
    for w, words in [*WIDTHS.items(), (0, 256)]:
        values = random.integers(0, 1 << (w or 36), words)
        path = tmp_path / (f"{w}.hex" if w else "rom.hex")
        path.write_text("\n".join(f"{value:x}" for value in values) + "\n")
        if w:
            lines.append(
                f"memory{w} m{w} (clk, write, to, from, data[{w - 1}:0], q[{low} +: {w}]);"
            )
            low += w
    lines.append(f"rom r (clk, from[7:0], q[{low} +: 36]);")
    bits = low + 36
    ports = "input wire clk, write, input wire [10:0] to, from, input wire [35:0] data, "
    top = f"module memories ({ports}output wire [{bits - 1}:0] q);\n" + "\n".join(lines)
    text = ROM + "".join(MEMORY.format(w=w, words=words) for w, words in WIDTHS.items())
    (tmp_path / "memories.v").write_text(f"{text}{top}\nendmodule\n")
    (tmp_path / "bench.v").write_text(BENCH.format(bits=bits))
    own = files("sc_neurocore.verify") / "harness" / GOWIN.models.own
    (tmp_path / "cells.v").write_bytes(own.read_bytes())
    script = (
        "read_verilog memories.v; synth_gowin -nodsp -family gw2a -top memories; "
        "tee -o cells.txt stat; write_verilog -noattr mapped.v; design -reset; "
        f"read_verilog mapped.v cells.v; read_verilog -defer -nooverwrite {GOWIN.models.library}; "
        "hierarchy -check -top memories; proc; flatten; opt_clean -purge; rename memories mapped; "
        "write_verilog -noattr netlist.v"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path)
    cells = (tmp_path / "cells.txt").read_text()
    assert all(f" {cell}\n" in cells for cell in ("SPX9", "DPB", "DPX9B")) and "SDPX9B" in cells
    programs.run("iverilog", ["-o", "bench", "bench.v", "memories.v", "netlist.v"], tmp_path)
    said = programs.run("vvp", ["bench"], tmp_path).stdout
    assert said.startswith("0 different, last ") and "x" not in said.partition("last ")[2]
