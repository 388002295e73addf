"""What stands in the files is the network's: read back, and refuted where one value is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.verify.emitted import MEMORIES, READOUT, WALKERS, check_emitted

RequireTool = Callable[..., None]


def describe() -> NetworkDescription:
    random = np.random.default_rng(0)
    return NetworkDescription(
        name="tiny",
        steps=4,
        input=InputEncoding(shape=(6,), bits=5, fraction_bits=4),
        layers=[
            Dense(weight=random.normal(0, 1, (5, 6))),
            Population(neuron=LIF),
            Dense(weight=random.normal(0, 1, (3, 5))),
            Population(neuron=LIF),
        ],
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"schedule": "step-outer", "units": 2, "pipeline": 1},
        {"weights": "loaded", "inputs_per_beat": 2},
        {"weight_slices": 2},
    ],
)
def test_what_was_compiled_is_read_back(
    options: dict[str, object], tmp_path: Path, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    design = compile_design(describe(), tmp_path, lanes=2, **options).design  # type: ignore[arg-type]
    result = check_emitted(design)
    assert (result.status, result.bound) == ("proved", ""), result.detail
    assert result.figures["words"] > 0


def test_what_must_be_ours_is_there() -> None:
    """A module that was renamed would be vouched for, whatever stands in it."""
    for name in (*WALKERS, *MEMORIES, READOUT):
        assert (files("sc_neurocore.hdl") / "rtl" / name).is_file(), name


def edited(design: Design, name: str, change: Callable[[str], str]) -> Design:
    path = design.accelerator.directory / name
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    return replace(design, edited=(name,))


def _smaller(name: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        return re.sub(rf"\.{name}\((\d+)\)", lambda m: f".{name}({int(m[1]) - 1})", text, count=1)

    return change


def _with_a_bomb(text: str, register: str) -> str:
    """Have a module count to 2^30, and do something else then: here nothing that a proof sees."""
    counts = f"    {register}\n    always @(posedge clk) waited <= waited + 30'd1;\n"
    return text.replace("endmodule", f"{counts}    wire now = &waited;\nendmodule", 1)


def _first_word(text: str) -> str:
    first, rest = text.split("\n", 1)
    return f"{int(first, 16) ^ 1:0{len(first)}x}\n{rest}"


@pytest.mark.sample(6)
@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("rtl/tiny.v", _smaller("COUNT_BITS"), "COUNT_BITS of engine is"),
        # The text says one thing and a comment another: what counts is what is elaborated.
        (
            "rtl/tiny.v",
            lambda text: re.sub(r"\.SUM_BITS\((\d+)\)", r"/* .SUM_BITS(\1) */ .SUM_BITS(40)", text),
            "SUM_BITS of engine is 40",
        ),
        # So narrow that the engine's own check stops.
        (
            "rtl/tiny.v",
            lambda text: re.sub(r"\.SUM_BITS\((\d+)\)", ".SUM_BITS(9)", text),
            "too_narrow",
        ),
        (
            "rtl/tiny.v",
            lambda text: text.replace(
                "in_valid              (in_valid)", "in_valid (in_valid && !hash_word[0])"
            ),
            "connects engine, tables and equations in another way",
        ),
        (
            "rtl/tiny_layers.v",
            lambda text: re.sub(
                r"( shift += \d+'d)(\d+)", lambda m: f"{m[1]}{int(m[2]) ^ 1}", text, count=1
            ),
            "the table of layers says shift =",
        ),
        # A host would take it for another network, or refuse it.
        (
            "rtl/tiny.v",
            lambda text: re.sub(
                r"(hash_word = 32'h\w*)(\w);",
                lambda m: f"{m[1]}{int(m[2], 16) ^ 1:x};",
                text,
                count=1,
            ),
            "the core says that it computes network",
        ),
        # The benches have memories of their own: nothing else looks at these.
        (
            "rtl/tiny_weights.v",
            lambda text: text.replace("(read_row)", "(read_row ^ &read_row)"),
            "tiny_weights.v is another memory",
        ),
        (
            "rtl/snn_rom.v",
            lambda text: text.replace(
                "if (read) read_data",
                "begin seen <= seen + 40'd1; end\n"
                "    always @(posedge clk) if (read && !seen[39]) read_data",
            ).replace("initial if", "reg [39:0] seen;\n    initial if"),
            "snn_rom.v is another memory",
        ),
        (
            "rtl/snn_ram.v",
            lambda text: text.replace("if (write) words", "if (write && !(&write_data)) words"),
            "snn_ram.v is another memory",
        ),
        # A spike that is lost, for one word of many: no proof says that each comes to the sums.
        (
            "rtl/snn_scanner.v",
            lambda text: text.replace("spikes});", "spikes & {LANES{spikes != 5}}});", 1),
            "snn_scanner.v walks words and inputs in another way",
        ),
        (
            "rtl/snn_controller.v",
            lambda text: text.replace(
                "fetch_word == last_word", "fetch_word == last_word - &fetch_row", 1
            ),
            "snn_controller.v walks words and inputs in another way",
        ),
        (
            "rtl/snn_loader.v",
            lambda text: text.replace("|| in_data !=", "|| ^in_data !=", 1),
            "snn_loader.v walks words and inputs in another way",
        ),
        # Step 0's word where step 1's is looked for, while a third layer is at work.
        (
            "rtl/snn_places.v",
            lambda text: text.replace(
                "{!layer[0], step, read", "{!layer[0] ^ layer[1], step, read"
            ),
            "snn_places.v walks words and inputs in another way",
        ),
        # It waits for longer than any proof within a bound, and any sample.
        (
            "rtl/snn_readout.v",
            lambda text: _with_a_bomb(text, "reg [29:0] waited = 30'd0;"),
            "snn_readout (engine.readout) remembers what is not remembered in what is generated: w",
        ),
        (
            "rtl/snn_readout.v",
            lambda text: text.replace(
                "endmodule",
                "    reg [7:0] store [0:255];\n    reg [7:0] seen;\n"
                "    always @(posedge clk) begin\n        store[seen] <= seen;\n"
                "        seen <= store[seen] + 8'd1;\n    end\nendmodule",
                1,
            ),
            "remembers what is not remembered in what is generated: seen, store",
        ),
        ("rtl/tiny_weights.hex", _first_word, "tiny_weights.hex"),
        ("rtl/tiny_neurons.hex", _first_word, "tiny_neurons.hex"),
        (
            "rtl/snn_readout.v",
            lambda text: text.replace("(posedge clk) asked", "(negedge clk) asked", 1),
            "falling edge",
        ),
        (
            "rtl/snn_requantize.v",
            lambda text: text.replace(
                "endmodule", "    reg held;\n    always @* if (sum[0]) held = sum[1];\nendmodule", 1
            ),
            "latch",
        ),
    ],
)
def test_one_wrong_value_is_refuted(
    name: str,
    change: Callable[[str], str],
    said: str,
    tmp_path: Path,
    require_tool: RequireTool,
) -> None:
    require_tool("yosys")
    design = compile_design(describe(), tmp_path, lanes=2).design
    result = check_emitted(edited(design, name, change))
    assert result.status == "refuted"
    assert said in result.detail


def test_an_edited_comment_changes_nothing(tmp_path: Path, require_tool: RequireTool) -> None:
    require_tool("yosys")
    design = compile_design(describe(), tmp_path, lanes=2).design
    result = check_emitted(edited(design, "rtl/tiny.v", lambda text: f"// mine\n\n{text}"))
    assert result.status == "proved", result.detail


def test_an_edited_board_is_not_vouched_for(tmp_path: Path, require_tool: RequireTool) -> None:
    """The accelerator is right, and the serial line says another class."""
    require_tool("yosys")
    compile_design(describe(), tmp_path, lanes=2, board="icebreaker")
    path = tmp_path / "rtl" / "board" / "board_commands.v"
    changed = path.read_text().replace("out_class};", "~out_class};")
    assert changed != path.read_text()
    path.write_text(changed)
    with opened(tmp_path, allow_edited=True) as design:
        result = check_emitted(design)
    assert result.status == "refuted"
    assert "rtl/board/board_commands.v" in result.detail


def test_an_edited_bus_is_not_vouched_for(tmp_path: Path, require_tool: RequireTool) -> None:
    require_tool("yosys")
    compile_design(describe(), tmp_path, lanes=2, bus="axi-stream")
    path = tmp_path / "rtl" / "snn_axis.v"
    changed = path.read_text().replace("error_short <= is_short;", "error_short <= is_long;")
    assert changed != path.read_text()
    path.write_text(changed)
    with opened(tmp_path, allow_edited=True) as design:
        result = check_emitted(design)
    assert result.status == "refuted"
    assert "rtl/snn_axis.v, which stands between the core and a bus" in result.detail


def test_edited_pins_are_shown_and_not_vouched_for(
    tmp_path: Path, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    compile_design(describe(), tmp_path, lanes=2, board="icebreaker")
    path = tmp_path / "rtl" / "board" / "tiny_icebreaker.pcf"
    ours = path.read_text()
    path.write_text(f"# as on my desk\n{ours}")
    with opened(tmp_path, allow_edited=True) as design:
        assert check_emitted(design).status == "proved"
    path.write_text(re.sub(r"set_io uart_tx \w+", "set_io uart_tx 45", ours))
    with opened(tmp_path, allow_edited=True) as design:
        result = check_emitted(design)
    assert result.status == "refuted"
    assert "+ set_io uart_tx 45" in result.detail and "- set_io uart_tx" in result.detail


def test_an_edited_image_of_loaded_weights_is_refuted(
    tmp_path: Path, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    compile_design(describe(), tmp_path, lanes=2, weights="loaded")
    with opened(tmp_path) as design:
        (path,) = [tmp_path / each for each in design.accelerator.memories if each.suffix != ".hex"]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with opened(tmp_path, allow_edited=True) as design:
        result = check_emitted(design)
    assert result.status == "refuted"
    assert f"{path.name} does not hold this network's numbers" in result.detail
