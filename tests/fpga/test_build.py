"""Building small hand-written designs with the real tools."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.build import build_sources
from sc_neurocore.fpga.flow import measure
from sc_neurocore.fpga.sources import Sources, sources_of_core
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.progress import Progress
from sc_neurocore.tools.devices import find_device

TOOLS = ("yosys", "nextpnr-ice40", "icepack")
GOWIN_TOOLS = ("yosys", "nextpnr-himbaechel-gowin", "gowin_pack")

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


def sources(verilog: str, top: str, **memories: str) -> Sources:
    contents = {"design.v": verilog} | {f"{name}.hex": text for name, text in memories.items()}
    files = {name: text.encode() for name, text in contents.items()}
    return Sources(top=top, verilog=("design.v",), contents=files, origin="a test")


def reader(step: int = 37) -> Sources:
    words = "\n".join(f"{(step * i + 11) % 256:02x}" for i in range(512))
    return sources(READER, "reader", rom=words)


def test_reader_is_counted_timed_and_packed(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    design = tmp_path / "with a space"
    events: list[Progress] = []
    report = build_sources(reader(), design, "hx8k", frequency_mhz=12, progress=events.append)

    assert (report.flip_flops, report.brams) == (9, 1)
    assert 9 <= report.luts <= report.logic_cells <= 20
    assert (report.available["logic_cells"], report.available["brams"]) == (7680, 32)
    assert report.fmax_mhz is not None and report.fmax_mhz > 12
    assert report.meets_timing

    assert report.bitstream == "build/hx8k/reader.bin"
    bitstream = (design / report.bitstream).read_bytes()
    assert len(bitstream) == report.bitstream_bytes
    # Every iCE40 bitstream has this synchronisation word after its comment.
    assert b"\x7e\xaa\x99\x7e" in bitstream[:64]

    assert report.layout == "build/hx8k/layout.json"
    layout = json.loads((design / report.layout).read_text())
    (columns, rows), cells = layout["floor"], layout["cells"]
    assert (columns, rows) == (34, 34)
    assert all(0 <= column < columns and 0 <= row < rows for column, row, *_ in cells)
    assert sum(cell is not None for _, _, cell, _ in cells) == report.logic_cells
    assert not list(design.rglob("*.placed.json"))

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
        built = build_sources(reader(step), tmp_path / name, "hx8k")
        contents.append((tmp_path / name / str(built.bitstream)).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_missed_frequency_is_reported_not_raised(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    report = build_sources(reader(), tmp_path, "hx8k", frequency_mhz=2000)
    assert not report.meets_timing
    assert (tmp_path / str(report.bitstream)).is_file()


def test_design_without_a_clock_has_no_fmax(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    report = build_sources(sources(GATE, "gate"), tmp_path, "hx8k")
    assert report.fmax_mhz is None and report.meets_timing
    assert (report.luts, report.flip_flops) == (1, 0)


def test_too_much_memory_is_refused_with_the_sums(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    with pytest.raises(CheckFailedError, match=r"40 block RAMs of 32 \(8 too many\)"):
        build_sources(sources(MEMORY, "memory"), tmp_path, "hx8k")
    assert not (tmp_path / "build").exists()


def test_too_many_pins_are_refused(tmp_path: Path, require_tool: Callable[..., None]) -> None:
    require_tool(*TOOLS)
    assert build_sources(sources(WIDE, "wide_board"), tmp_path, "hx8k").luts < 10
    with pytest.raises(CheckFailedError, match=r"258 pins of 206"):
        build_sources(sources(WIDE, "wide"), tmp_path, "hx8k")


def test_more_ports_than_pins_are_refused_where_no_placer_chooses_pins(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*GOWIN_TOOLS)
    with pytest.raises(CheckFailedError, match=r"258 pins, and Gowin GW2AR-18.* 48 that do not"):
        build_sources(sources(WIDE, "wide"), tmp_path, "gw2ar-18")


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("key", "tools", "word"),
    [
        # Each family's bitstreams begin with words that wake the device up.
        ("up5k", TOOLS, b"\x7e\xaa\x99\x7e"),
        ("ecp5-25k", ("yosys", "nextpnr-ecp5", "ecppack"), b"\xff\xff\xbd\xb3"),
        # Gowin's are text: a bit is a character, a line a word.
        ("gw2ar-18", GOWIN_TOOLS, f"\n{0xA5C3:016b}\n".encode()),
        ("gw1nr-9", GOWIN_TOOLS, f"\n{0xA5C3:016b}\n".encode()),
    ],
)
def test_every_family_makes_a_bitstream(
    tmp_path: Path, require_tool: Callable[..., None], key: str, tools: tuple[str, ...], word: bytes
) -> None:
    require_tool(*tools)
    report = build_sources(reader(), tmp_path, key)
    assert (report.flip_flops, report.brams, report.dsps) == (9, 1, 0)
    assert report.fmax_mhz is not None and report.project is None
    assert word in (tmp_path / str(report.bitstream)).read_bytes()[:256]
    # What the placer says that there is, is what the table of devices says.
    device = find_device(key)
    placed = json.loads((tmp_path / f"build/{key}/reader.report.json").read_text())["utilization"]
    for resource, number in device.available.items():
        if resource == "pins" and device.sites:
            continue  # the placer counts pads that the package has no pins for
        # Where several cells take the same pieces, the first can have them all.
        assert placed[next(iter(device.family.cells[resource]))]["available"] == number


def test_artix_ends_with_a_netlist_and_a_project_that_names_all_it_needs(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys")
    # 4096 bytes, because Xilinx's synthesis makes logic of 512.
    larger = READER.replace("511", "4095").replace("[8:0]", "[11:0]").replace("9'd", "12'd")
    words = "\n".join(f"{37 * i % 251:02x}" for i in range(4096))
    design = sources(larger, "reader", rom=words)
    report = build_sources(design, tmp_path, "xc7a35t", frequency_mhz=100)
    assert (report.flip_flops, report.brams, report.dsps) == (12, 1, 0)
    assert (report.bitstream, report.fmax_mhz) == (None, None)
    folder = tmp_path / "build/xc7a35t"
    design.write(tmp_path / "rtl")
    script = (tmp_path / str(report.project)).read_text()
    assert "set part xc7a35tcsg324-1" in script and "not run" in script
    (place,) = re.findall(r"cd \[file join \$here (.+?)\]", script)
    for name in re.findall(r"read_verilog \[list (.+?)\]", script)[0].split():
        assert (folder / place / name).is_file()
    assert (folder / "reader.edif").is_file()
    assert "-period 10.000 [get_ports clk]" in (folder / "reader.xdc").read_text()

    # Pins that somebody assigned survive another build.
    pins = "set_property -dict {PACKAGE_PIN E3 IOSTANDARD LVCMOS33} [get_ports clk]\n"
    (folder / "reader.xdc").write_text(pins)
    build_sources(design, tmp_path, "xc7a35t", frequency_mhz=50)
    assert (folder / "reader.xdc").read_text() == pins


def test_a_core_is_measured_on_few_pins(
    tmp_path: Path, require_tool: Callable[..., None], make_network: Callable[..., IntegerNetwork]
) -> None:
    require_tool(*TOOLS)
    core = sources_of_core(render_accelerator(make_network([6, 5, 3]), lanes=2))
    used = measure(core, "up5k")  # which has 39 pins, and the core more than 60
    assert 0 < used["pins"] <= 39
    assert used["dsps"] >= 2
    assert measure(core, "hx8k")["pins"] > 60


def test_mistakes_in_the_verilog_are_named(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool(*TOOLS)
    broken = sources("module broken (input a;\nendmodule", "broken")
    with pytest.raises(ToolFailedError, match=r"design\.v:1"):
        build_sources(broken, tmp_path, "hx8k")
    with pytest.raises(ToolFailedError, match=r"rom\.hex"):
        build_sources(sources(READER, "reader"), tmp_path, "hx8k")


def test_unknown_device_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="hx8k"):
        build_sources(sources(GATE, "gate"), tmp_path, "virtex")
    assert not (tmp_path / "build").exists()


def test_loaded_weights_are_refused_where_there_is_no_memory_for_them(
    tmp_path: Path, make_network: Callable[..., IntegerNetwork]
) -> None:
    core = sources_of_core(render_accelerator(make_network([12, 8, 3]), 2, weights="loaded"))
    with pytest.raises(CheckFailedError, match=r"HX8K, CT256 has none: .* --device hx8k"):
        build_sources(core, tmp_path, "hx8k")
