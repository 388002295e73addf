"""Boards: their data, their tops, their constraints, and what every tool says of them."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore import __version__
from sc_neurocore.equation import LIF
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.folders import OWN_FOLDER
from sc_neurocore.fpga.boards import board_of, device_for_core
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.constraints import Pin, check_constraints, lpf, pcf, xdc
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.known_boards import BOARDS, find_board
from sc_neurocore.fpga.sources import sources_of
from sc_neurocore.hdl.design import Design, load_design
from sc_neurocore.hdl.manifest import WeightSource
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.tools import programs
from sc_neurocore.tools.devices import DEVICES

RequireTool = Callable[..., None]
HARNESS = Path(__file__).parents[2] / "src/sc_neurocore/fpga/harness"
ICE40_TOOLS, ECP5_TOOLS = ("nextpnr-ice40", "icepack"), ("nextpnr-ecp5", "ecppack")
GOWIN_TOOLS = ("nextpnr-himbaechel-gowin", "gowin_pack")
PORTS = {"clk_pin", "button", "uart_rx", "uart_tx", "led_ready", "led_busy"}


def tiny(bits: int = 5) -> NetworkDescription:
    random = np.random.default_rng(1)
    return NetworkDescription(
        name="tiny",
        steps=4,
        input=InputEncoding(shape=(6,), bits=bits, fraction_bits=4),
        layers=[
            Dense(weight=random.normal(0, 1, (5, 6))),
            Population(neuron=LIF),
            Dense(weight=random.normal(0, 1, (3, 5))),
            Population(neuron=LIF),
        ],
    )


def compiled(
    directory: Path, board: str, weights: WeightSource = "rom", **options: float
) -> Design:
    return compile_design(
        tiny(),
        directory,
        lanes=2,
        board=board,
        weights=weights,
        ram_style="block",
        **options,  # type: ignore[arg-type]
    ).design


@pytest.mark.parametrize("key", BOARDS)
def test_a_board_has_every_port_once_and_a_device(key: str) -> None:
    board = find_board(key)
    assert board.key == key
    assert board.device in DEVICES
    assert set(board.pins) == PORTS | set(board.held_high)
    sites = [pin.site for pin in board.pins.values()]
    assert len(set(sites)) == len(sites)


@pytest.mark.sample(8)
@pytest.mark.parametrize("weights", ["rom", "loaded"])
@pytest.mark.parametrize("key", BOARDS)
def test_verilator_and_icarus_have_nothing_to_say_of_a_top(
    key: str,
    weights: WeightSource,
    require_tool: RequireTool,
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("verilator", "iverilog")
    read = sources_of(compiled(tmp_path, key, weights))
    names = [*read.verilog, str(HARNESS / "primitives.v")]
    lint_clean(tmp_path / "rtl", read.top, names, "-Wno-timescale")


@pytest.mark.parametrize("key", BOARDS)
def test_yosys_finds_one_clock_and_no_latch(
    key: str, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    read = sources_of(compiled(tmp_path, key, "loaded"))
    (tmp_path / "rtl/primitives.v").write_bytes((HARNESS / "primitives.v").read_bytes())
    names = " ".join([*read.verilog, "primitives.v"])
    script = (
        f"read_verilog -defer {names}; hierarchy -check -top {read.top}; proc; "
        f"select -assert-none t:$dlatch t:$adff t:$adffe; "
        f"flatten; opt_clean; check -assert; "
        f"select -assert-none t:$dff %ci1:+[CLK] w:* %i w:clk_pin %d"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("key", "tools"),
    [
        ("icebreaker", ICE40_TOOLS),
        ("ulx3s", ECP5_TOOLS),
        pytest.param("pico-ice", ICE40_TOOLS, marks=pytest.mark.soak),
        pytest.param("colorlight-i5", ECP5_TOOLS, marks=pytest.mark.soak),
        pytest.param("orangecrab", ECP5_TOOLS, marks=pytest.mark.soak),
        pytest.param("tang-nano-9k", GOWIN_TOOLS, marks=pytest.mark.soak),
        pytest.param("tang-nano-20k", GOWIN_TOOLS, marks=pytest.mark.soak),
    ],
)
def test_a_top_becomes_a_bitstream_with_its_pins_and_clock(
    key: str, tools: tuple[str, str], require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys", *tools)
    design = compiled(tmp_path, key)
    board = board_of(design)
    report = build(design, board.device, frequency_mhz=board.frequency_mhz)
    assert report.top == board.top
    assert report.bitstream is not None and (tmp_path / report.bitstream).stat().st_size > 10_000
    assert report.meets_timing
    (log,) = (tmp_path / "build" / board.device).glob("*.nextpnr-*.log")
    said = log.read_text()
    for port in BOARDS[key].pins:
        # Each placer has its own words for it.
        words = rf"constrained '{port}' to bel|'{port}\$tr_io' constrained to Bel"
        assert tools == GOWIN_TOOLS or re.search(words, said)  # which refuses a pin without a place
    clock = f"frequency constraint of {board.frequency_mhz:.1f} MHz"
    assert clock in said or f"(PASS at {board.frequency_mhz:.2f} MHz)" in said


def test_the_manifest_says_what_to_build(tmp_path: Path) -> None:
    compiled(tmp_path, "ulx3s")
    with opened(tmp_path) as design:
        board = board_of(design)
        assert (board.top, board.device) == ("tiny_ulx3s", "ecp5-85k")
        read = sources_of(design)
        assert (read.top, read.constraints) == (board.top, "board/tiny_ulx3s.lpf")
        core = sources_of(design, "tiny")
        assert core.constraints is None
        assert not any("board" in name for name in core.contents)
    (tmp_path / "rtl" / str(read.constraints)).write_text("")
    with pytest.raises(CheckFailedError, match=r"edited by hand: rtl/board/tiny_ulx3s\.lpf"):
        opened(tmp_path).__enter__()


def test_another_board_and_a_new_core_replace_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "rtl/board"
    compiled(tmp_path, "ulx3s")
    first = {path.name for path in folder.iterdir()}
    second = compiled(tmp_path, "arty-a7")
    names = {path.name for path in folder.iterdir()}
    assert {f"rtl/board/{name}" for name in names} == {
        path.as_posix() for path in second.manifest.paths("board", "constraints")
    }
    assert names != first
    compile_design(tiny(), tmp_path, lanes=2)
    assert not folder.exists()
    design = load_design(tmp_path)
    with pytest.raises(UserError, match="has no board: compile with --board, one of icebreaker"):
        board_of(design)
    assert sources_of(design).top == "tiny"


def test_the_folders_guide_says_what_every_file_is_for(tmp_path: Path) -> None:
    for board in ("ulx3s", None):
        compile_design(tiny(), tmp_path, lanes=2, board=board)
        text = (tmp_path / "README.md").read_text()
        rows = dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", text, re.MULTILINE))
        found = {
            path.relative_to(tmp_path).as_posix()
            for path in tmp_path.rglob("*")
            if path.is_file() and OWN_FOLDER not in path.parts
        }
        assert set(rows) | {"README.md"} == found
        assert all("SPDX" not in said and "Generated" not in said for said in rows.values())
        assert rows["rtl/snn_product.v"] == "a lane's multiplier"
        assert rows["rtl/tiny_weights.hex"] == "contents of a memory"


def test_somebody_elses_readme_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"README\.md is there already, and not of a design"):
        compile_design(tiny(), tmp_path, lanes=2)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "design.json").exists()


def test_the_same_design_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (compiled(tmp_path / name, "icebreaker") for name in ("one", "two"))
    assert one.contents == two.contents


def test_the_top_says_how_fast_the_line_is(tmp_path: Path) -> None:
    design = compiled(tmp_path, "icebreaker", clock_mhz=36, baud=115_200)
    board = board_of(design)
    assert board.clocks_per_bit == round(36e6 / 115_200)
    text = design.contents[f"rtl/board/{board.top}.v"].decode()
    assert f"CLOCKS_PER_BIT = {board.clocks_per_bit}," in text
    assert "CLOCK_HZ(32'd36000000)" in text
    # Silence of about a tenth of a second ends a frame: less than a host waits.
    found = re.search(r"TIMEOUT_BITS\s+= (\d+)", text)
    assert found is not None
    assert 0.07 < 2 ** int(found[1]) / 36e6 < 0.2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"board": "icebraker"}, "unknown board 'icebraker'; known boards: icebreaker"),
        ({"board": "icebreaker", "baud": 12_000_000}, r"2\.00 clocks a bit: expected 8 to 65536"),
        ({"board": "icebreaker", "baud": 2_800_000}, "within 2 % of a whole number"),
        ({"board": "icebreaker", "baud": 0}, "0 baud: expected a number of bits per second"),
        ({"board": "icebreaker", "clock_mhz": 7.0}, "the nearest that the PLL makes of 12 MHz"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    compile_design(tiny(), tmp_path, lanes=2)
    before = (tmp_path / "design.json").read_bytes()
    with pytest.raises(UserError, match=message):
        compile_design(tiny(), tmp_path, lanes=2, **options)  # type: ignore[arg-type]
    assert (tmp_path / "design.json").read_bytes() == before
    assert not (tmp_path / "rtl/board").exists()


def test_a_core_is_chosen_for_what_the_board_leaves_of_the_device() -> None:
    board = BOARDS["icebreaker"]
    left, whole = device_for_core(board).available, DEVICES["up5k"].available
    assert left["brams"] == whole["brams"] - 2
    assert left["logic_cells"] == whole["logic_cells"] - 1000
    assert left["sprams"] == whole["sprams"]


def test_wide_inputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes inputs of 9 bits"):
        compile_design(tiny(bits=9), tmp_path, lanes=2, board="ulx3s")


def test_the_checksum_is_that_of_the_weights(tmp_path: Path) -> None:
    import zlib

    from sc_neurocore.hdl.memories import weight_image

    design = compiled(tmp_path, "icebreaker")
    image = weight_image(design.network, design.accelerator.geometry)
    text = design.contents[f"rtl/board/{board_of(design).top}.v"].decode()
    assert f"WEIGHTS_CHECKSUM(32'h{zlib.crc32(image[:-4]):08x})" in text


@pytest.mark.parametrize("key", BOARDS)
def test_constraints_say_whose_they_are(key: str, tmp_path: Path) -> None:
    design = compiled(tmp_path, key)
    (path,) = design.manifest.paths("constraints")
    content = design.contents[path.as_posix()]
    licence, generator, *_ = content.decode().splitlines()
    comment = "//" if path.suffix == ".cst" else "#"
    assert licence == f"{comment} SPDX-License-Identifier: Apache-2.0"
    assert generator == f"{comment} Generated by sc-neurocore {__version__}."
    check_constraints(content, path)


def test_constraints_in_each_format() -> None:
    pins = {"clk_pin": Pin("35"), "uart_rx": Pin("M1", pull="up")}
    assert pcf(pins, 12) == "set_frequency clk_pin 12\nset_io clk_pin 35\nset_io uart_rx M1\n"
    assert lpf(pins, 25).splitlines() == [
        'FREQUENCY PORT "clk_pin" 25 MHZ;',
        'LOCATE COMP "clk_pin" SITE "35";',
        'IOBUF PORT "clk_pin" PULLMODE=NONE IO_TYPE=LVCMOS33;',
        'LOCATE COMP "uart_rx" SITE "M1";',
        'IOBUF PORT "uart_rx" PULLMODE=UP IO_TYPE=LVCMOS33;',
    ]
    lines = xdc(pins, 100).splitlines()
    assert "create_clock -name oscillator -period 10.000 [get_ports clk_pin]" in lines
    assert (
        "set_property -dict {PACKAGE_PIN M1 IOSTANDARD LVCMOS33 PULLUP true} [get_ports uart_rx]"
        in lines
    )
    assert "set_false_path -from [get_ports uart_rx]" in lines
