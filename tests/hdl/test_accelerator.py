"""The network generator: what it writes, and that every tool accepts it without a warning."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.memories import weight_image
from sc_neurocore.network import InputEncoding
from sc_neurocore.tools import programs

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]

SHAPES = [
    ([1, 1], 1, {"steps": 1}),
    ([5, 17, 2], 16, {"input_bits": 8, "weight_bits": 4}),
    ([9, 13, 11, 6], 4, {"per_channel": True}),
    ([4, 70, 5], 2, {"with_bias": False, "scale": 0.01}),
    ([64, 128, 10], 8, {"steps": 25, "with_bias": False}),
]


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


@pytest.mark.parametrize(("sizes", "lanes", "options"), SHAPES)
def test_verilator_and_icarus_have_nothing_to_say(
    sizes: list[int],
    lanes: int,
    options: dict[str, int],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("verilator", "iverilog")
    source = "loaded" if options.get("with_bias", True) else "rom"
    engine = (
        {"units": min(lanes, 4), "pipeline": 2, "inputs_per_beat": 4, "multipliers": {"logic": 1}}
        if lanes > 2
        else {}
    )
    network = make_network(sizes, readout="membrane" if lanes == 16 else "spike-count", **options)
    design = render_accelerator(network, lanes, weights=source, **engine).write(tmp_path)
    lint_clean(tmp_path / "rtl", design.top, [path.name for path in design.verilog])


def test_yosys_finds_one_clock_and_no_latch(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    design = render_accelerator(make_network([6, 9, 3], per_channel=True), lanes=4).write(tmp_path)
    names = " ".join(path.name for path in design.verilog)
    script = (
        f"read_verilog -defer {names}; hierarchy -check -top {design.top}; proc; "
        f"select -assert-none t:$dlatch t:$adff t:$adffe; "
        f"flatten; opt_clean; check -assert; "
        f"select -assert-none t:$dff %ci1:+[CLK] w:* %i w:clk %d"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")


def test_the_same_network_gives_the_same_bytes(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network([5, 6, 3], per_channel=True)
    for name in ("one", "two"):
        render_accelerator(network, lanes=4).write(tmp_path / name)
    written = sorted(path for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(written) > 15
    for path in written:
        other = tmp_path / "two" / path.relative_to(tmp_path / "one")
        assert path.read_bytes() == other.read_bytes()


def test_the_weight_memory_holds_every_weight_where_the_engine_looks(
    make_network: MakeNetwork, tmp_path: Path
) -> None:
    network = make_network([5, 6, 3], weight_bits=6)
    lanes = 4
    render_accelerator(network, lanes).write(tmp_path)
    rows = [int(line, 16) for line in (tmp_path / "rtl/tiny_weights.hex").read_text().split()]
    begin = 0
    for layer in network.layers:
        for neuron in range(layer.outputs):
            group, lane = divmod(neuron, lanes)
            for index in range(layer.inputs):
                word = rows[begin + group * layer.inputs + index]
                weight = signed(word >> (6 * lane) & 0x3F, 6)
                assert weight == layer.weight[neuron, index]
        begin += -(-layer.outputs // lanes) * layer.inputs
    assert begin == len(rows)


@pytest.mark.parametrize(("lanes", "weight_bits"), [(1, 5), (4, 4), (4, 9), (8, 8)])
def test_the_weight_image_is_the_rows_in_words_of_16_bits(
    lanes: int, weight_bits: int, make_network: MakeNetwork, tmp_path: Path
) -> None:
    network = make_network([5, 6, 3], weight_bits=weight_bits)
    design = render_accelerator(network, lanes, weights="loaded").write(tmp_path / "loaded")
    render_accelerator(network, lanes).write(tmp_path / "rom")
    image = (tmp_path / "loaded/rtl/weights.bin").read_bytes()
    assert image == weight_image(network, design.geometry)
    assert zlib.crc32(image) == 0x2144DF1C  # what data and its CRC behind it give, whatever it is
    rows = [int(line, 16) for line in (tmp_path / "rom/rtl/tiny_weights.hex").read_text().split()]
    row_bytes = 2 << design.geometry.column_bits
    assert len(image) == len(rows) * row_bytes + 4
    for number, row in enumerate(rows):
        assert int.from_bytes(image[number * row_bytes :][:row_bytes], "little") == row
    assert not (tmp_path / "loaded/rtl/tiny_weights.hex").exists()


def test_a_parameter_of_the_top_says_where_the_memories_files_are(
    make_network: MakeNetwork, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("iverilog", "vvp")
    design = render_accelerator(make_network([5, 6, 3]), 2).write(tmp_path / "design")
    names = [f"design/{path.as_posix()}" for path in design.verilog]

    def said(folder: str) -> str:
        place = f'-P{design.top}.MEMORY_FOLDER="{folder}"'
        line = ["-g2005", "-s", design.top, place, "-o", "core", *names]
        programs.run("iverilog", line, tmp_path)
        return programs.run("vvp", ["core"], tmp_path).stdout

    assert said("design/rtl") == ""
    assert "Unable to open elsewhere/tiny_weights.hex" in said("elsewhere")
    assert "Unable to open elsewhere/tiny_neurons.hex" in said("elsewhere")


def test_the_neuron_memory_holds_biases_and_parameters(
    make_network: MakeNetwork, tmp_path: Path
) -> None:
    network = make_network([5, 6, 3], per_channel=True)
    lanes = 2
    design = render_accelerator(network, lanes).write(tmp_path)
    words = [int(line, 16) for line in (tmp_path / "rtl/tiny_neurons.hex").read_text().split()]
    slot = 0
    for layer in network.layers:
        for neuron in range(layer.outputs):
            word = words[slot + neuron]
            width = design.geometry.bias_bits
            assert signed(word & ((1 << width) - 1), width) == layer.bias[neuron]
            word >>= width
            for column, port in enumerate(network.program.parameters):
                value = signed(word & ((1 << port.width) - 1), port.width)
                assert value == layer.parameters[neuron, column]
                word >>= port.width
        slot += -(-layer.outputs // lanes) * lanes


def test_the_top_carries_the_networks_hash(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network([3, 2])
    design = render_accelerator(network, lanes=2).write(tmp_path)
    source = (tmp_path / design.verilog[0]).read_text()
    for word in range(8):
        digits = network.content_hash[8 * word : 8 * word + 8]
        label = f"3'd{word}" if word < 7 else "default"
        assert f"{label}: hash_word = 32'h{digits};" in source


@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("digits", "digits"),
        ("module", "network_module"),
        ("snn_engine", "network_snn_engine"),
        ("Snn_Engine", "network_Snn_Engine"),  # the same file on some systems
        ("joined", "network_joined"),  # a bench
        ("board_crc32", "network_board_crc32"),
        ("SB_PLL40_CORE", "network_SB_PLL40_CORE"),
    ],
)
def test_the_top_never_takes_a_name_that_is_taken(
    name: str, top: str, make_network: MakeNetwork, tmp_path: Path
) -> None:
    assert render_accelerator(make_network([2, 2], name=name), lanes=1).write(tmp_path).top == top


@pytest.mark.parametrize("lanes", [0, 3, 256, -8])
def test_lanes_must_be_a_power_of_two(
    lanes: int, make_network: MakeNetwork, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"lanes={lanes}: expected a power of two"):
        render_accelerator(make_network([2, 2]), lanes).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_the_engine_does_not_have_is_named(make_network: MakeNetwork, tmp_path: Path) -> None:
    spikes = InputEncoding(shape=(2,), kind="spikes", bits=1, fraction_bits=0)
    with pytest.raises(UserError, match="one frame of numbers per result"):
        render_accelerator(make_network([2, 2], input=spikes), 8, "group-stationary")
    for kinds in ({"logic": 9}, {"logic": -1}, {"block": 1}, {"magic": 1}):
        with pytest.raises(
            UserError, match=r"multipliers=.*: expected numbers from 0 of logic.* 8,"
        ):
            render_accelerator(make_network([2, 2]), 8, multipliers=kinds)
    for wrong in ({"units": 3}, {"units": 16}, {"inputs_per_beat": 5}, {"inputs_per_beat": 16}):
        with pytest.raises(UserError, match=f"{next(iter(wrong))}=.*: expected a power of two"):
            render_accelerator(make_network([2, 2]), 8, **wrong).write(tmp_path)
