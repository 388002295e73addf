"""Building small hand-written designs with the real tools."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.fpga.build import build
from sc_neurocore.progress import Progress

TOOLS = ("yosys", "nextpnr-ice40", "icepack")

# A 9-bit counter reads a ROM of 512 bytes: 9 flip-flops, and exactly one block RAM of 4096 bits.
READER = """
module reader (input clk, input reset, output reg [7:0] word);
    reg [7:0] rom [0:511];
    reg [8:0] address;
    initial $readmemh("rom.hex", rom);
    always @(posedge clk) begin
        address <= reset ? 9'd0 : address + 9'd1;
        word <= rom[address];
    end
endmodule
"""

MEMORY = """
module memory (input clk, input [14:0] address, input [7:0] data, input we, output reg [7:0] q);
    reg [7:0] words [0:20479];
    always @(posedge clk) begin
        if (we) words[address] <= data;
        q <= words[address];
    end
endmodule
"""

WIDE = """
module wide (input clk, input d, output reg [255:0] q);
    always @(posedge clk) q <= {q[254:0], d};
endmodule
module wide_board (input clk, input d, output q);
    wire [255:0] all;
    wide core (.clk(clk), .d(d), .q(all));
    assign q = all[255];
endmodule
"""

GATE = "module gate (input a, input b, output c); assign c = a ^ b; endmodule"


def write_design(directory: Path, verilog: str, top: str, **extra: str) -> Path:
    sources = directory / "rtl"
    sources.mkdir(parents=True)
    (sources / "design.v").write_text(verilog)
    manifest = {"top": top, "verilog": ["rtl/design.v"], **extra}
    (directory / "design.json").write_text(json.dumps(manifest))
    return directory


def write_reader(directory: Path, step: int = 37) -> Path:
    write_design(directory, READER, "reader")
    rom = "\n".join(f"{(step * i + 11) % 256:02x}" for i in range(512))
    (directory / "rtl" / "rom.hex").write_text(rom)
    return directory


def test_reader_is_counted_timed_and_packed(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    design = write_reader(tmp_path / "with a space")
    events: list[Progress] = []
    report = build(design, "hx8k", frequency_mhz=12, progress=events.append)

    assert (report.flip_flops, report.brams) == (9, 1)
    assert 9 <= report.luts <= report.logic_cells <= 20
    assert (report.logic_cells_available, report.brams_available) == (7680, 32)
    assert report.fmax_mhz is not None and report.fmax_mhz > 12
    assert report.meets_timing

    bitstream = (design / report.bitstream).read_bytes()
    assert report.bitstream == "build/hx8k/reader.bin"
    assert len(bitstream) == report.bitstream_bytes
    # Every iCE40 bitstream has this synchronisation word after its comment.
    assert b"\x7e\xaa\x99\x7e" in bitstream[:64]

    assert json.loads((design / "build/hx8k/build.json").read_text()) == json.loads(
        json.dumps(report.as_dict())
    )
    assert set(report.seconds) == {"synthesis", "place and route", "bitstream"}
    assert set(report.versions) == set(TOOLS)
    assert [event.done for event in events] == [0, 1, 2, 3]
    assert {event.total for event in events} == {3}


def test_bitstream_depends_on_the_rom_and_on_nothing_else(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    contents = []
    for name, step in (("first", 37), ("second", 37), ("other", 41)):
        design = write_reader(tmp_path / name, step)
        contents.append((design / build(design, "hx8k").bitstream).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_missed_frequency_is_reported_not_raised(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    report = build(write_reader(tmp_path), "hx8k", frequency_mhz=2000)
    assert not report.meets_timing
    assert (tmp_path / report.bitstream).is_file()


def test_design_without_a_clock_has_no_fmax(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    report = build(write_design(tmp_path, GATE, "gate"), "hx8k")
    assert report.fmax_mhz is None and report.meets_timing
    assert (report.luts, report.flip_flops) == (1, 0)


def test_too_much_memory_is_refused_with_the_sums(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    design = write_design(tmp_path, MEMORY, "memory")
    stale = design / "build/hx8k/memory.bin"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier build")
    with pytest.raises(CheckFailedError, match=r"40 block RAMs of 32 \(8 too many\)"):
        build(design, "hx8k")
    assert not stale.exists()


def test_too_many_pins_are_refused_and_the_board_top_is_preferred(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    design = write_design(tmp_path, WIDE, "wide", board_top="wide_board")
    assert build(design, "hx8k").top == "wide_board"
    with pytest.raises(CheckFailedError, match=r"258 pins of 206"):
        build(design, "hx8k", top="wide")


def test_mistakes_in_the_verilog_are_named(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    broken = write_design(tmp_path / "broken", "module broken (input a;\nendmodule", "broken")
    with pytest.raises(ToolFailedError, match=r"design\.v:1"):
        build(broken, "hx8k")
    no_rom = write_design(tmp_path / "no_rom", READER, "reader")
    with pytest.raises(ToolFailedError, match=r"rom\.hex"):
        build(no_rom, "hx8k")


def test_unknown_device_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    design = write_design(tmp_path, GATE, "gate")
    with pytest.raises(UserError, match="hx8k"):
        build(design, "virtex")
    assert not (design / "build").exists()
