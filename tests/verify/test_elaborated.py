"""Facts are read from the files, and what clocked proofs cannot see is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sc_neurocore import load_description
from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.boards import add_board
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.known_boards import BOARDS, find_board
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.edited_circuits import same_circuit
from sc_neurocore.verify.elaborated import (
    Elaboration,
    compare,
    elaborate,
    evaluate,
    table,
)

RequireTool = Callable[..., None]

DIGITS = Path(__file__).parents[2] / "models" / "digits"
TOP = "digits_64_128_10"
WEIGHTS = f"{TOP}_weights.hex"

LIBRARIES = {  # by the constraints of the device's family
    "pcf": ["+/ice40/cells_sim.v"],
    "lpf": ["+/ecp5/cells_sim.v", "+/ecp5/cells_bb.v"],
    "cst": ["+/gowin/cells_sim.v"],
    "xdc": ["+/xilinx/cells_sim.v", "+/xilinx/cells_xtra.v"],
}


def files_of(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return what tools get of a design: its Verilog and its memories, by their names in rtl/."""
    return {
        name.removeprefix("rtl/"): text
        for name, text in contents.items()
        if name.startswith("rtl/") and name.endswith((".v", ".hex"))
    }


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("digits")
    return files_of(compile_design(load_description(DIGITS), folder, lanes=8).design.contents)


@pytest.fixture(scope="module")
def design(digits: dict[str, bytes]) -> Elaboration:
    return elaborate(digits, TOP)


def edit(files: Mapping[str, bytes], name: str, old: str, new: str) -> dict[str, bytes]:
    """Replace the one place in a file where some text stands."""
    assert files[name].decode().count(old) == 1
    return {**files, name: files[name].decode().replace(old, new).encode()}


# ---------------------------------------------------------------------------------------- facts


def test_parameters_and_memories_are_those_of_the_files(
    require_tool: RequireTool, digits: dict[str, bytes], design: Elaboration
) -> None:
    require_tool("yosys")
    assert not design.faults and not design.warnings
    engine = design.instances["engine"]
    assert engine.module == "snn_engine" and engine.file == f"{TOP}.v"
    assert engine.parameters["LANES"] == 8 and engine.parameters["INPUT_BITS"] == 5
    assert design.instances["engine.accumulator"].parameters["LANES"] == 8
    (weights,) = design.instances["weight_memory.memory"].memories
    assert (weights.width, weights.depth) == (64, 64 * 16 + 128 * 2)
    assert design.instances["weight_memory.memory"].texts == (f"./{WEIGHTS}",)
    assert weights.words == tuple(int(word, 16) for word in digits[WEIGHTS].split())
    (events,) = design.instances["engine.events"].memories
    assert events.words is None


def test_a_smaller_sum_is_a_difference_in_words(
    require_tool: RequireTool, digits: dict[str, bytes], design: Elaboration
) -> None:
    require_tool("yosys")
    bits = design.instances["engine"].parameters["SUM_BITS"]
    assert isinstance(bits, int)
    plan = {"engine": design.instances["engine"].parameters}
    assert compare(design, plan) == []
    edited = edit(digits, f"{TOP}.v", f".SUM_BITS({bits})", f".SUM_BITS({bits - 1})")
    assert compare(elaborate(edited, TOP), plan) == [
        f"SUM_BITS of engine is {bits - 1} in {TOP}.v, the network needs {bits}"
    ]


def test_what_is_missing_is_a_difference_too(
    require_tool: RequireTool, design: Elaboration
) -> None:
    require_tool("yosys")
    assert compare(design, {"nowhere": {}, "engine": {"NOTHING": 1}}) == [
        f"{TOP} has no instance nowhere",
        "snn_engine (engine) has no parameter NOTHING",
    ]


def test_values_of_parameters(require_tool: RequireTool) -> None:
    require_tool("yosys")
    text = b"""
    module part #(parameter A = 1, parameter [31:0] B = 0, parameter [3:0] C = 0, parameter F = "",
                  parameter G = "") (input wire a, output wire b); assign b = a; endmodule
    module top (input wire a, output wire b);
        part #(.A(-3), .B(32'hffffffff), .C(4'd15), .F("01.hex"), .G("10")) p (.a(a), .b(b));
    endmodule"""
    design = elaborate({"x.v": text}, "top")
    read = {"A": -3, "B": -1, "C": 15, "F": "01.hex", "G": "10"}
    assert design.instances["p"].parameters == read
    assert compare(design, {"p": read | {"B": 0xFFFFFFFF}}) == []
    assert len(compare(design, {"p": {"A": 3, "B": 1, "C": -1, "F": "", "G": 10}})) == 5


@pytest.mark.parametrize(
    "text",
    [
        "always @* case (n) 2'd0: begin x = 4'd3; y = 1'b1; end 2'd1: begin x = 4'd7; y = 1'b0; end"
        " default: begin x = 4'd0; y = 1'b0; end endcase",
        "always @* begin x = 4'd0; y = n == 2'd0; if (n == 2'd0) x = 4'd3; else if (n == 2'd1)"
        " x = 4'd7; end",
        "wire [11:0] all = 12'h073; always @* begin x = all[4*n +: 4]; y = !n; end",
        "wire [3:0] z; inner i (.n(n), .x(z)); always @* begin x = z; y = ~|n; end",
        "function [3:0] f(input [1:0] n); f = n > 2'd1 ? 4'd0 : 4'd3 + {n, 2'b00}; endfunction"
        " always @* begin x = f(n); y = !n; end",
    ],
)
def test_a_table_is_read_however_it_is_written(text: str, require_tool: RequireTool) -> None:
    require_tool("yosys")
    files = {
        "rows.v": f"module rows (input wire [1:0] n, output reg [3:0] x, output reg y); {text}"
        " endmodule".encode(),
        "inner.v": b"module inner (input wire [1:0] n, output wire [3:0] x);"
        b" assign x = n == 2'd0 ? 4'd3 : n == 2'd1 ? 4'd7 : 4'd0; endmodule",
        "top.v": b"module top (input wire [1:0] a, output wire [3:0] b, output wire c);"
        b" rows r (.n(a), .x(b), .y(c)); endmodule",
    }
    rows = table(files, elaborate(files, "top"), "r", ["n"], 3)
    assert rows == [{"x": 3, "y": 1}, {"x": 7, "y": 0}, {"x": 0, "y": 0}]


def test_numbers_of_32_bits_and_outputs_beside_registers(require_tool: RequireTool) -> None:
    """Yosys writes numbers of 32 bits in decimal, and has no value for what a register makes."""
    require_tool("yosys")
    text = b"""module rows (input wire n, input wire clk, output reg [31:0] x, output reg y);
        always @* x = n ? 32'd11 : 32'hfedcba98;
        always @(posedge clk) y <= n;
        endmodule"""
    files = {"rows.v": text}
    settings = [{"n": 0}, {"n": 1}]
    found = evaluate(files, elaborate(files, "rows"), "", settings, outputs=["x"])
    assert found == [{"x": 0xFEDCBA98}, {"x": 11}]


@pytest.mark.parametrize(
    "text",
    [
        "always @(posedge m) x <= n;",
        "always @* x = m ? n : 2'd0;",
        "always @* case (n) 2'd0: x = 2'd1; default: x = 2'bxx; endcase",
    ],
)
def test_what_is_no_table_is_refused(text: str, require_tool: RequireTool) -> None:
    require_tool("yosys")
    head = "module rows (input wire [1:0] n, input wire m, output reg [1:0] x);"
    files = {"rows.v": f"{head} {text} endmodule".encode()}
    with pytest.raises(CheckFailedError, match=r"no table|not defined"):
        table(files, elaborate(files, "rows"), "", ["n"], 2)


def test_the_tables_of_the_digits(
    require_tool: RequireTool, digits: dict[str, bytes], design: Elaboration
) -> None:
    require_tool("yosys")
    rows = table(digits, design, "layers", ["layer"], 2)
    assert [row["takes_frame"] for row in rows] == [1, 0]
    assert [row["is_last"] for row in rows] == [0, 1]
    assert [row["inputs"] for row in rows] == [64, 128]
    assert [row["last_group"] for row in rows] == [15, 1]
    assert rows[0]["shift"] != rows[1]["shift"]


# --------------------------------------------------------------------------------------- faults


@pytest.mark.sample(4)
@pytest.mark.parametrize("board", BOARDS)
def test_boards_have_no_faults(board: str, require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("yosys")
    core = compile_design(load_description(DIGITS), tmp_path, lanes=4, weights="loaded").design
    made = add_board(core, board)
    files = files_of(made.contents)
    library = LIBRARIES[find_board(board).family.constraint_format]
    top = f"{TOP}_{board.replace('-', '_')}"
    assert not elaborate(files, top, library=library).faults
    clock = next(name for name in files if "board_clock" in name)
    second = files[clock].replace(b"endmodule", b"reg x; always @(posedge pin) x <= !x; endmodule")
    design = elaborate({**files, clock: second}, top, library=library)
    assert any("more than one clock: clk, clk_pin[0]" in each for each in design.faults)


@pytest.mark.parametrize(
    "options",
    [
        {"lanes": 16, "units": 4, "pipeline": 3, "inputs_per_beat": 4, "weight_slices": 4},
        {"lanes": 2, "units": 2, "pipeline": 1, "multipliers": {"logic": 1}, "weights": "loaded"},
        {"lanes": 4, "schedule": "step-outer"},
    ],
    ids=str,
)
def test_designs_have_no_faults(
    options: dict[str, object], require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    made = compile_design(load_description(DIGITS), tmp_path, **options).design  # type: ignore[arg-type]
    design = elaborate(files_of(made.contents), TOP)
    assert not design.faults and not design.warnings


@pytest.mark.parametrize("kind", ["recurrent", "delayed", "two neurons", "first-to-2"])
def test_step_outer_networks_have_no_faults(
    kind: str, require_tool: RequireTool, make_step_outer_network: Callable[..., IntegerNetwork]
) -> None:
    require_tool("yosys")
    made = render_accelerator(make_step_outer_network(kind), 4)
    assert not elaborate(files_of(made.contents), made.accelerator.top).faults


MODULE = """
module inner (input wire clk, input wire a, input wire b, output wire c);
    reg r, s;
    reg [3:0] words [0:3];
    {code}
    assign c = r;
endmodule
module top (input wire clk, input wire other, input wire a, input wire b, output wire c);
    {around}
    inner i (.clk({clock}), .a(a), .b(b), .c(c));
endmodule
"""
PLAIN = "always @(posedge clk) r <= a;"


@pytest.mark.parametrize(
    ("code", "around", "clock", "fault"),
    [
        ("always @(negedge clk) r <= a;", "", "clk", "falling edge"),
        ("always @(posedge clk) r <= s; always @(negedge clk) s <= a;", "", "clk", "falling edge"),
        ("always @(negedge clk) words[a] <= b; always @* r = words[b];", "", "clk", "falling edge"),
        ("always @* if (a) r = b;", "", "clk", "a latch"),
        ("always @(posedge clk or posedge b) if (b) r <= 0; else r <= a;", "", "clk", "asynchron"),
        ("always @(posedge clk or posedge b) if (b) r <= s; else r <= a;", "", "clk", "asynchron"),
        ("always @(posedge a) r <= b;", "", "clk", "of more than one|^$"),
        (PLAIN, "wire gated = clk && b;", "gated", "makes itself: gated"),
        (PLAIN + " always @(posedge s) s <= a;", "", "clk", "makes itself"),
        (PLAIN + " always @(posedge b) s <= a;", "", "clk", "more than one clock: b[0], clk[0]"),
        (PLAIN, "reg x; always @(posedge other) x <= a;", "clk", "clk[0], other[0]"),
        (PLAIN, "", "1'b0", "makes itself: i.the constant|makes itself: the constant 0"),
        ("always @(posedge clk) r <= s;", "", "clk", "no driver"),
        (PLAIN, "assign c = a;", "clk", "conflicting drivers"),
        (PLAIN + " always @(posedge clk) r <= b;", "", "clk", "conflicting drivers"),
        ("wire x = y ^ a; wire y = x; always @* r = y;", "", "clk", "logic loop"),
        ("cell_of_some_device x (.a(a)); " + PLAIN, "", "clk", "not part of the design"),
        (PLAIN + " wire [1:0] q = words[a] / words[b]; always @* s = q[0];", "", "clk", "division"),
        ("wire [1:0] x = {a, b}; always @* r = x[2];", "", "clk", "out of bounds"),
        (PLAIN + " always @* s = a === 1'bx ? b : a === b;", "", "clk", "unknown bits"),
        (PLAIN + " assign c = a ? b : 1'bz;", "", "clk", "floats|conflicting"),
        (
            "always @(posedge clk) r <= a & b;",
            "inner j (.clk(clk), .a(a), .c());",
            "clk",
            "no driver",
        ),
        ("wire [0-1:0] x = {a, b}; always @(posedge clk) r <= x[0];", "", "clk", "from the left"),
        ("inner2 x (.a({a, b})); " + PLAIN, "", "clk", "Resizing cell port"),
    ],
)
def test_what_proofs_cannot_see_is_a_fault(
    code: str, around: str, clock: str, fault: str, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    text = MODULE.format(code=code, around=around, clock=clock)
    text += "module inner2 (input wire a); endmodule"
    try:
        design = elaborate({"x.v": text.encode()}, "top")
    except ToolFailedError as error:
        assert fault in str(error)
        return
    if fault == "of more than one|^$":  # the only clock, if one that is called a
        assert not design.faults
        return
    assert any(part in each for part in fault.split("|") for each in design.faults), design.faults


def test_a_latch_and_a_falling_edge_in_the_engine_are_refused(
    require_tool: RequireTool, digits: dict[str, bytes]
) -> None:
    require_tool("yosys")
    planted = "wire go = reset; reg l; always @* if (go) l = clk;\nendmodule"
    name = "snn_readout.v"
    latched = elaborate(edit(digits, name, "endmodule", planted), TOP).faults
    assert any("a latch in snn_readout: snn_readout.v:" in each for each in latched), latched
    name = "snn_loader.v"
    text = digits[name].decode().replace("posedge", "negedge", 1)
    falling = elaborate({**digits, name: text.encode()}, TOP).faults
    assert any("falling edge" in each for each in falling), falling


# ----------------------------------------------------------------------------- the same circuit


def test_comments_and_blanks_do_not_make_another_circuit(
    require_tool: RequireTool, digits: dict[str, bytes]
) -> None:
    require_tool("yosys")
    edited = {
        name: b"// edited\n\n" + text.replace(b"wire ", b"wire /* edited */\n ")
        if name.endswith(".v")
        else text
        for name, text in digits.items()
    }
    assert same_circuit(digits, edited, TOP)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        (f"{TOP}_layers.v", "inputs          = 11'd64", "inputs          = 11'd65"),
        ("snn_readout.v", "score > best_score", "score >= best_score"),
        (f"{TOP}.v", ".count_address         (count_address)", ".count_address (4'd0)"),
    ],
)
def test_an_edit_of_the_circuit_is_seen(
    name: str, old: str, new: str, require_tool: RequireTool, digits: dict[str, bytes]
) -> None:
    require_tool("yosys")
    assert not same_circuit(digits, edit(digits, name, old, new), TOP)


def test_another_content_of_a_memory_is_another_circuit(
    require_tool: RequireTool, digits: dict[str, bytes]
) -> None:
    require_tool("yosys")
    first = digits[WEIGHTS].split(b"\n")[0]
    other = f"{int(first, 16) ^ 1:0{len(first)}x}".encode()
    weights = other + digits[WEIGHTS][len(first) :]
    assert not same_circuit(digits, {**digits, WEIGHTS: weights}, TOP)


def test_ports_that_are_called_like_attributes_count(require_tool: RequireTool) -> None:
    require_tool("yosys")
    text = "module part (input wire src, output wire b); assign b = src; endmodule"
    text += " module top (input wire x, input wire y, output wire b);"
    text += " part p (.src({}), .b(b)); wire unused = x ^ y; endmodule"
    assert not same_circuit(*({"x.v": text.format(each).encode()} for each in "xy"), "top")


def test_a_first_value_is_part_of_the_circuit(require_tool: RequireTool) -> None:
    require_tool("yosys")
    text = "module top (input wire clk, output wire b); reg r = 1'b{}; assign b = r;"
    text += " always @(posedge clk) r <= !r; endmodule"
    versions = [{"x.v": text.format(value).encode()} for value in (0, 1)]
    assert same_circuit(versions[0], versions[0], "top")
    assert not same_circuit(*versions, "top")


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("name", ["../x.v", "/x.v", "a;b.v", "a b.v", "-x.v"])
def test_names_that_could_mean_more_to_yosys_are_refused(
    name: str, require_tool: RequireTool
) -> None:
    require_tool("yosys")
    with pytest.raises(UserError):
        elaborate({name: b"module top (input wire a); endmodule"}, "top")


def test_what_yosys_does_not_read_is_its_error(require_tool: RequireTool) -> None:
    require_tool("yosys")
    with pytest.raises(ToolFailedError, match="syntax error"):
        elaborate({"x.v": b"module top (; endmodule"}, "top")
    with pytest.raises(ToolFailedError, match="nothing"):
        elaborate({"x.v": b"module top (input wire a); endmodule"}, "nothing")
