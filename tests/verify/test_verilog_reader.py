"""The reader lets through what we write, and nothing that tools could take for something else."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore import load_description
from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, IntegerNetwork, QFormat, lower
from sc_neurocore.fpga.boards import add_board
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.known_boards import BOARDS
from sc_neurocore.hdl.accelerator import engine_files, render_accelerator
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.hdl.self_check import FOLDER
from sc_neurocore.hdl.stochastic_layer import emit_layer
from sc_neurocore.hdl.stochastic_network import emit_network
from sc_neurocore.network.encoding import encode_weights
from sc_neurocore.stochastic import SCDenseLayer
from sc_neurocore.verify.verilog_expressions import DEEPEST
from sc_neurocore.verify.verilog_reader import check_design, check_memory, check_verilog
from sc_neurocore.verify.verilog_tokens import LARGEST_FILE

DIGITS = Path(__file__).parents[2] / "models" / "digits"

ONLY_OURS = (
    "no_rw_check",
    "clk is the clock",
    "10.0",
    "is not declared",
    "no file of the design",
    "properties of an edited module must be those that we wrote for it",
)
"""Why modules are refused that may only be as we wrote them: memories, devices, contracts."""


def verilog_of(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the Verilog among the files of a design, without the bench that a user runs."""
    rtl = (each for each in contents.items() if not each[0].startswith(f"{FOLDER}/"))
    return {name: text for name, text in rtl if name.endswith(".v")}


def check_ours(files: Mapping[str, bytes]) -> None:
    assert files
    check_design(files, files.values())
    for name, text in files.items():
        try:
            check_verilog(name, text)
        except UserError as error:
            assert any(each in str(error) for each in ONLY_OURS), error


# ------------------------------------------------------------------------------- what we write


@pytest.mark.parametrize("board", BOARDS)
def test_boards_pass(board: str, tmp_path: Path) -> None:
    weights = "rom" if board == "ulx3s" else "loaded"
    design = compile_design(load_description(DIGITS), tmp_path, weights=weights).design  # type: ignore[arg-type]
    files = verilog_of(add_board(design, board).contents)
    check_ours(files)
    clock = next(name for name in files if "board_clock" in name)
    top = next(name for name, text in files.items() if b"input  wire clk_pin" in text)
    gated = files[top].replace(b"(clk_pin)", b"(clk_pin && button)")
    assert gated != files[top]
    with pytest.raises(UserError, match="a clock is made of inputs of the device"):
        check_design({**files, top: gated}, files.values())
    without = [text for name, text in files.items() if name != clock]
    if board != "direct":
        with pytest.raises(UserError, match=clock):
            check_design(files, without)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lanes": 16, "units": 4, "pipeline": 3, "inputs_per_beat": 4, "weight_slices": 4},
        {"lanes": 2, "units": 2, "pipeline": 1, "multipliers": {"logic": 1}, "weights": "loaded"},
        {"lanes": 32, "ram_style": "block", "weights": "loaded"},
        {"lanes": 4, "schedule": "step-outer"},
    ],
    ids=str,
)
def test_digits_pass(options: dict[str, object], tmp_path: Path) -> None:
    design = compile_design(load_description(DIGITS), tmp_path, **options).design  # type: ignore[arg-type]
    check_ours(verilog_of(design.contents))


@pytest.mark.parametrize(
    "kind", ["recurrent", "spikes", "membrane", "delayed", "two neurons", "sequence", "first-to-2"]
)
def test_step_outer_networks_pass(
    kind: str, make_step_outer_network: Callable[..., IntegerNetwork]
) -> None:
    check_ours(verilog_of(render_accelerator(make_step_outer_network(kind), 4).contents))


def test_parameters_per_channel_pass(make_network: Callable[..., IntegerNetwork]) -> None:
    network = make_network([5, 7, 3], per_channel=True)
    check_ours(verilog_of(render_accelerator(network, 2).contents))


@pytest.mark.parametrize("source", ["lfsr", "sobol", "halton", "counter"])
@pytest.mark.parametrize("encoding", ["bipolar", "sign-magnitude", "unipolar"])
def test_stochastic_layers_pass(source: str, encoding: str) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 5))
    for sharing in ("shared", "rotated", "per-input"):
        coded = encode_weights(weights, None, encoding)  # type: ignore[arg-type]
        layer = SCDenseLayer(coded, 64, source, sharing=sharing)  # type: ignore[arg-type]
        for place in ("constants", "ports"):
            made = emit_layer(layer, weights=place)  # type: ignore[arg-type]
            check_ours({name: text.encode() for name, text in made.files.items()})


def test_a_stochastic_network_passes() -> None:
    files = emit_network(load_description(DIGITS), 256, "sobol").files
    check_ours({name: text.encode() for name, text in files.items()})


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("pipeline", [0, 3])
def test_neurons_pass(name: str, pipeline: int) -> None:
    program = lower(CATALOGUE[name], FixedPoint(QFormat(8, 8)))  # type: ignore[index]
    made = emit_neuron(program, pipeline=pipeline)
    check_ours({"step.v": made.step.encode(), "registered.v": made.registered.encode()})


# ------------------------------------------------------------------------------ what is refused

PART = """\
module part #(
    parameter WIDTH    = 4,
    parameter CONTENTS = ""
) (
    input  wire             clk,
    input  wire             reset,
    input  wire [WIDTH-1:0] a,
    output reg  [WIDTH-1:0] q,
    output wire [WIDTH-1:0] w
);
    localparam [3:0] FIRST = 4'd3;
    reg [3:0] words [0:15];
    reg [3:0] r, s, t;
    reg       started = 1'b0;
    integer   i;
    genvar    g;

    initial if (CONTENTS != "") $readmemh(CONTENTS, words);

    function signed [3:0] twice(input [3:0] value);
        twice = value << 1;
    endfunction

    // HERE

    always @(posedge clk) begin
        q       <= twice(words[a[3:0]]) + FIRST;
        started <= !reset;
    end
    assign w = started ? a : {WIDTH{1'b0}};
endmodule
"""


def part(code: str) -> bytes:
    return PART.replace("// HERE", code).encode()


HARMLESS = [
    "wire [1:0] b = a[1:0] ^ {2{reset}};",
    "wire signed [3:0] b = $signed(a) >>> 1;",
    "always @(posedge clk) if (reset) r <= 4'd0; else r[1:0] <= a[1:0];",
    "always @(posedge clk) words[a[3:0]] <= a;",
    "(* keep *) always @(posedge clk) r <= a;",
    '(* keep = "true" *) reg more;',
    "always @* case (a) 4'd0, 4'd1: r = 4'd2; default: begin r = 4'd1; s = a; end endcase",
    "always @* begin r = a; for (i = 0; i < 4; i = i + 1) r[i] = a[WIDTH-1-i]; end",
    "generate for (g = 0; g < 2; g = g + 1) begin : each wire x = a[g]; end endgenerate",
    "generate if (WIDTH > 2) begin : wide wire x = a[2]; end else begin : slim end endgenerate",
    "/* verilator lint_off UNUSED */ wire x = a[0]; /* verilator lint_on UNUSED */",
    'part #(.WIDTH(4), .CONTENTS("x.hex")) p (.clk(clk), .reset(reset), .a(a), .q(), .w());',
    'part #(.CONTENTS({CONTENTS, "/x.hex"})) p (.clk(clk), .reset(reset), .a(a), .q(), .w());',
    "// Synthesis makes a tree of this; see rtl/*.v \u203e\u203e\\\n\n",
    '(* ram_style = "huge" *) reg [3:0] more [0:3];',
    "(* ram_style = CONTENTS *) reg [3:0] more [0:3];",
    "generate if (WIDTH > 9) it_is_too_wide stop (); endgenerate",
]


@pytest.mark.parametrize("code", HARMLESS)
def test_plain_verilog_is_read(code: str) -> None:
    check_verilog("part.v", part(code))


REFUSED: list[tuple[str, str]] = [
    # text that is there for some tools only
    ("`ifdef SYNTHESIS\nwire x;\n`endif", "ifdef SYNTHESIS.*compiler directive"),
    ("`ifndef FORMAL\nwire x;\n`endif", "compiler directive"),
    ("`ifdef FORMAL\nwire x = a[0];\n`else\nwire x;\n`endif", "else.*compiler directive"),
    ("`ifdef FORMAL\nwire x = a[0];\n`endif", "properties of an edited module"),
    ("`define X 1", "compiler directive"),
    ("wire x = `X;", "compiler directive"),
    ('`include "/etc/passwd"', "compiler directive"),
    ("`timescale 1ns/1ps", "compiler directive"),
    ("`default_nettype none", "expected an item"),
    ("wire x; `endif", "compiler directive"),
    ('`line 1 "x.v" 0', "compiler directive"),
    ("// synthesis translate_off", "in a comment"),
    ("/* synthesis translate_off */ wire x; /* synthesis translate_on */", "in a comment"),
    ("//synopsys translate_off", "in a comment"),
    ("//  pragma   translate_off", "in a comment"),
    ("// Pragma translate_off", "in a comment"),
    ("/* no order\n   verilator public */", "in a comment"),
    ("/*verilator public*/", "in a comment"),
    ("/* verilator lint_off LATCH */", "in a comment"),
    ("// verilator lint_off UNUSED", "in a comment"),
    ("case /* synopsys full_case */", "in a comment"),
    ("wire x /* synthesis keep */;", "in a comment"),
    ("// translate_off", "in a comment"),
    ("// cadence black_box", "in a comment"),
    ("// the next line \\\nwire x;", "ends in a backslash"),
    ("/* a /* b */", "comment in a comment"),
    ("/*/ */", "comment in a comment"),
    ("/* never ends", "does not end"),
    ("// \u202e reversed", "do not show"),
    ("// \u2028 wire x;", "do not show"),
    # tasks and functions that act on the machine, or that synthesis lacks
    ('always @(posedge clk) $system("rm -rf /");', "run its text as a command"),
    ('wire x = $c("system(0)");', "compiles its text"),
    ('wire x = $c32("system(0)");', "may act on"),
    ('initial $system("id");', "as a command"),
    ('integer f; initial f = $fopen("x");', "write files"),
    ("initial begin r = 4'd0; end", "does nothing else"),
    ("initial r = 4'd0;", "does nothing else"),
    ("initial $readmemb(CONTENTS, words);", "may act on"),
    ('initial $readmemh("/etc/passwd", words);', "plain file name"),
    ('initial $readmemh("x.hex", words);', "a parameter that is a file"),
    ("initial $readmemh(CONTENTS, words, 0, 3);", "expected"),
    ("initial $readmemh(WIDTH, words);", "a parameter whose default is a string"),
    ("wire x = $random;", "may act on"),
    ('wire x = $test$plusargs("a");', "may act on"),
    ("wire [31:0] x = $time;", "may act on"),
    ("wire x = $anyseq;", "may act on"),
    ("always @(posedge clk) assert (a == 4'd0);", "block of properties"),
    ("always @* $display;", "may act on"),
    # attributes
    ("(* full_case *) always @* r = a;", "of attributes, only"),
    ("(* keep = 0 *) reg x;", "expected true"),
    ('(* keep = "soft" *) reg x;', "expected true"),
    ("(* keep = CONTENTS *) reg x;", "expected true"),
    ("(* ram_style *) reg [3:0] m [0:3];", "of attributes, only"),
    ("(* keep_hierarchy *) reg x;", "of attributes, only"),
    ("(* blackbox *) reg x;", "of attributes, only"),
    ("(* translate_off *) reg x;", "of attributes, only"),
    ("(* no_rw_check *) reg [3:0] m [0:3];", "of attributes, only"),
    ('(* ram_style = "registers" *) reg [3:0] m [0:3];', "expected block or huge"),
    ("(* ram_style = WIDTH *) reg [3:0] m [0:3];", "expected block or huge"),
    ("generate if (WIDTH > 9) part p (.clk(clk)); endgenerate", "expected ."),
    ("generate if (WIDTH > 9) wire x; endgenerate", "expected begin"),
    ("(* anyconst *) reg x;", "of attributes, only"),
    ("(* keep *) assign w = a;", "attributes stand before"),
    ("always @(posedge clk) (* full_case *) case (a) default: r <= a; endcase", "assign to"),
    # clocks
    ("always @(negedge clk) r <= a;", "negedge.*falling edge is invisible"),
    ("always @(posedge reset) r <= a;", "the only clock"),
    ("always @(posedge clk or posedge reset) r <= a;", "invisible|or.*refused"),
    ("always @(posedge clk, posedge reset) r <= a;", "asynchronous"),
    ("always @(clk) r = a;", "clocked by"),
    ("always @(a or reset) r = a;", "refused"),
    ("always @(a) r = a;", "clocked by"),
    ("always @(*) r = a;", "no operator|refused"),
    ("always @( * ) r = a;", "clocked by"),
    ("always r = a;", "expected @"),
    ("wire gated = clk && a[0];", "a clock is no data"),
    ("wire clk2 = clk;", "a clock is no data"),
    ("always @(posedge clk) r <= clk;", "a clock is no data"),
    ("part p (.clk(a[0]), .reset(reset), .a(a), .q(), .w());", "the only clock is clk"),
    ("part p (.clk(clk && reset), .reset(reset), .a(a), .q(), .w());", "expected|clock"),
    ("part p (.clk(clk), .reset(clk), .a(a), .q(), .w());", "a clock is no data"),
    # what simulators and synthesis see differently
    ("always @(posedge clk) r = a;", "expected <="),
    ("always @* r <= a;", "expected ="),
    ("always @* r = 4'd1;", "reads no signal"),
    ("always @* started = a[0];", "no first value"),
    ("always @* r = words[0];", "tools differ over memories"),
    ("always @* words[0] = a;", "assigned to here"),
    ("always @(posedge clk) words[0] <= a; always @(posedge clk) words[1] <= a;", "one `always`"),
    (
        "generate for (g = 0; g < 2; g = g + 1) begin : e always @(posedge clk) words[g] <= a; end "
        "endgenerate",
        "one `always`",
    ),
    ("wire x = a === 4'd0;", "no operator"),
    ("wire x = a !== 4'd0;", "no operator"),
    ("wire [3:0] x = 4'bxx01;", "unknown and floating"),
    ("wire [3:0] x = 4'hz;", "unknown and floating"),
    ("wire [3:0] x = 4'd?;", "unknown and floating"),
    ("always @* casez (a) default: r = a; endcase", "differ over bits"),
    ("always @* casex (a) default: r = a; endcase", "differ over bits"),
    ("wire [3:0] x = 4'd16;", "fit into the width"),
    ("wire [3:0] x = 4'b2;", "fit into the width"),
    ("wire [3:0] x = 4 'd3;", "needs a width"),
    ("wire [3:0] x = 'd3;", "needs a width"),
    ("wire [3:0] x = '0;", "needs a width"),
    ("wire [3:0] x = 4'q3;", "expected a number"),
    ("wire [39:0] x = 4294967296;", "31 bits"),
    ("wire [3:0] x = 0'd0;", "the width of a number"),
    ("wire [3:0] x = 3a;", "split it differently"),
    ("wire x = 1.5 > a;", "expected an operand"),
    ("wire x = 1e3 > a;", "expected an operand"),
    ("wire x = b;", "not declared above"),
    ("assign b = a;", "not declared above"),
    ("wire x = y; wire y = a[0];", "not declared above"),
    ("wire a;", "declared twice"),
    ("wire x, x;", "declared twice"),
    ("generate for (g = 0; g < 2; g = g + 1) begin : e wire a; end endgenerate", "hides another"),
    ("always @* r = i;", "variable of a loop"),
    ("always @(posedge clk) i <= a;", "assigned to here"),
    ("always @* for (i = 0; i < 4; i = i + 1) i = a;", "assigned to here"),
    ("always @* for (i = 0; i < a; i = i + 1) r = a;", "numbers and parameters only"),
    ("always @* for (i = 0; r < 4; i = i + 1) r = a;", "expected the variable"),
    ("always @* for (i = 0; i < 4; i = i * 2) r = a;", r"expected \+ or -"),
    ("assign r = a;", "assigned to here"),
    ("always @* w = a;", "assigned to here"),
    ("assign a = 4'd0;", "assigned to here"),
    ("function f(input x); if (x) f = 1'b1; endfunction", "for all of its inputs"),
    ("function f(input x); case (x) 1'd0: f = x; 1'd1: f = x; endcase endfunction", "for all of"),
    ("function [1:0] f(input x); f[0] = x; endfunction", "for all of its inputs"),
    ("function f(input x); f = x ^ reset; endfunction", "its own inputs"),
    ("function f(input x); f = f(x); endfunction", "own result"),
    ("function f(input x); begin f = x; f = !f; end endfunction", "own result"),
    ("function f; input x; reg y; f = x; endfunction", "assign to"),
    ("function automatic f(input x); f = x; endfunction", "keyword"),
    # what is not synchronous logic
    ("always @(posedge clk) #1 r <= a;", "refused"),
    ("assign #3 w = a;", "refused"),
    ("wire #3 x = a[0];", "refused"),
    ("always @(posedge clk) r <= #1 a;", "expected an operand"),
    ("always @* begin wait (a[0]) r = a; end", "keyword"),
    ("always @* fork r = a; join", "keyword"),
    ("always @* force r = a;", "keyword"),
    ("always @* release r;", "keyword"),
    ("always @* while (a[0]) r = a;", "keyword"),
    ("always @* repeat (3) r = a;", "keyword"),
    ("always @* forever r = a;", "keyword"),
    ("always @* disable part;", "keyword"),
    ("always @* begin : named r = a; end", "refused"),
    ("always @* ;", "assign to"),
    (";", "expected an item"),
    (
        "integer j; always @* for (j = 0; j < 2; j = j + 1) r = a;\n"
        "always @* for (j = 0; j < 2; j = j + 1) s = a;",
        "belongs to one",
    ),
    (
        "generate for (g = 0; g < 2; g = g + 1) begin : e reg z; always @* for (i = 0; i < 2; "
        "i = i + 1) z = a[0]; end endgenerate",
        "belongs to one",
    ),
    ("reg [3:0] m [15:0];", "begins at 0"),
    ("wire [1:0] x = a[reset:0];", "only .constant:constant"),
    ("wire [0:3] x;", "numbered from 0 on the right"),
    ("wire [3:1] x;", "numbered from 0 on the right"),
    ("wire [63:0] x = {a, 0};", "needs a width"),
    ("wire [63:0] x = {2{1 + a}};", "needs a width"),
    ("wire x = $readmemh;", "`initial` only"),
    ("wire x = $past(a);", "block of properties only"),
    ("tri x;", "keyword"),
    ("wand x;", "keyword"),
    ("supply1 x;", "keyword"),
    ("real x;", "keyword"),
    ("time x;", "keyword"),
    ("event x;", "keyword"),
    ("wire (strong0, weak1) x = a[0];", "keyword|refused"),
    ("and (w[0], a[0], a[1]);", "keyword"),
    ("nmos n (w[0], a[0], a[1]);", "keyword"),
    ("defparam p.WIDTH = 3;", "given where"),
    ("specify endspecify", "keyword"),
    ("task t; endtask", "keyword"),
    ("primitive p (w, a); endprimitive", "keyword"),
    # hierarchy
    ("wire x = p.q;", "not declared|refused"),
    ("part p (.clk(clk)); wire x = p.q;", "expected a value"),
    ("assign part.w = a;", "not declared"),
    ("part p (clk, reset, a, q, w);", "by their names"),
    ("part p (.*);", "refused"),
    ("part p (.clk);", "refused"),
    ("part #(4) p (.clk(clk));", "by their names"),
    ("part p [1:0] (.clk(clk));", "refused"),
    ("part p (.clk(clk), .clk(clk));", "twice"),
    ("bind part other o (.clk(clk));", "keyword"),
    # SystemVerilog
    ("logic x;", "keyword"),
    ("always_ff @(posedge clk) r <= a;", "keyword"),
    ("always_comb r = a;", "keyword"),
    ('import "DPI-C" function void f();', "keyword"),
    ("always @* r++;", "no operator"),
    ("always @* r += a;", "no operator"),
    ("wire x = a inside {4'd1};", "keyword"),
    ("typedef wire t;", "keyword"),
    ("wire [1:0][3:0] x;", "a name"),
    ("reg [3:0] m [0:3][0:3];", "refused"),
    ("wire [3:0] x = 4'(a);", "refused"),
    ("wire x = a ? 1'b1 : 1'b0 -> reset;", "no operator"),
    # names and strings
    ("wire \\a.b ;", "escaped"),
    ("wire a$b;", "split it differently"),
    ("wire a__b;", "no '__'"),
    ("wire _a;", "a name starts with a letter"),
    ("wire \u00e4;", "no place in code"),
    (f"wire {'a' * 300};", "a name starts with"),
    ("wire \x00x;", "no place"),
    ("wire x;\r\n", "line feed"),
    ("wire\x0cx;", "no place"),
    ('part #(.CONTENTS("../secret")) p (.clk(clk));', "plain file name"),
    ('part #(.CONTENTS("/etc/passwd")) p (.clk(clk));', "plain file name"),
    ('part #(.CONTENTS("/secret")) p (.clk(clk));', "expected an operand"),
    ('part #(.CONTENTS({"/etc", "/passwd"})) p (.clk(clk));', "expected an operand"),
    ('part #(.CONTENTS({CONTENTS, "/../secret"})) p (.clk(clk));', "plain file name"),
    ('part #(.CONTENTS({CONTENTS, "secret"})) p (.clk(clk));', "expected numbers and parameters"),
    ('part #(.CONTENTS({WIDTH, "/secret"})) p (.clk(clk));', "expected an operand"),
    ('part #(.CONTENTS("..")) p (.clk(clk));', "plain file name"),
    ('part #(.CONTENTS("a\\"b")) p (.clk(clk));', "refused"),
    ('part #(.CONTENTS({"a", "b"})) p (.clk(clk));', "expected an operand"),
    ('part #(.CONTENTS("a) p (.clk(clk));', "does not end on its line"),
    ('wire x = CONTENTS == "a";', "no place in an expression"),
    ('localparam X = "a";', "expected an operand"),
    ("wire x = \xa0 a;", "no place"),
    # brackets
    ("wire x = (a;", "expected"),
    ("wire x = a);", "expected"),
    ("wire x = {};", "expected an operand"),
    ("wire x = a a;", "refused"),
    ("wire x = ! ! a;", "expected an operand"),
    ("wire x = words;", "expected"),
    ("wire x = a[0][0];", "refused"),
    ("endmodule", "expected module"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSED, ids=[code for code, _ in REFUSED])
def test_what_is_not_on_the_list_is_refused(code: str, reason: str) -> None:
    with pytest.raises(UserError, match=rf"(?s)^part\.v:\d+: .*({reason})"):
        check_verilog("part.v", part(code))


def test_the_line_and_what_was_found_are_named() -> None:
    with pytest.raises(UserError, match=r"^part\.v:24: negedge: refused"):
        check_verilog("part.v", part("always @(negedge clk) r <= a;"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"\xef\xbb\xbfmodule", "no place"),
        (b"module \xff", "UTF-8"),
        (b"`ifdef FORMAL\n`endif", "expected module"),
        (b"module m (input wire [1:0] clk); endmodule", "one bit"),
        (b"module m (output wire clk); endmodule", "one bit"),
        (b"module m (inout wire a); endmodule", "keyword"),
        (b"module m (input a); endmodule", "expected wire"),
        (b"module m (input wire a)", "does not end"),
        (b"module m; endmodule", "refused"),
        (b"module m (input wire a); reg clk; endmodule", "a wire of one bit"),
        (b'module m #(parameter [7:0] F = "a") (input wire a); endmodule', "no file's name"),
        (b"module m #(parameter F = 1.0) (input wire a); endmodule", "expected an operand"),
        (b"macromodule m (input wire a); endmodule", "keyword"),
        (b"package p; endpackage", "keyword"),
        (b"config c; endconfig", "keyword"),
        (b"wire x;", "expected module"),
    ],
)
def test_files_that_are_refused(text: bytes, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        check_verilog("m.v", text)


def test_default_nettype_is_read_outside_of_modules() -> None:
    check_verilog("m.v", b"`default_nettype none\n" + part("") + b"`default_nettype wire  // so\n")


PLANTED = [
    ("`ifdef SYNTHESIS\n    assign x = 1'b0;\n`endif\n", "ifdef SYNTHESIS"),
    ('    initial $system("touch /tmp/x");\n', r"\$system"),
    ('    wire x = $c("system(0)");\n', r"\$c"),
    ('    integer f; initial f = $fopen("x", "w");\n', r"\$fopen"),
    ("    reg x; always @(negedge clk) x <= 1'b0;\n", "negedge"),
    ("    // synthesis translate_off\n", "synthesis"),
]


@pytest.mark.sample(2)
@pytest.mark.parametrize(("planted", "found"), PLANTED)
def test_what_is_planted_into_the_engine_is_found(planted: str, found: str) -> None:
    ours = engine_files("rtl")
    for name, text in ours.items():
        edited = text.replace(b"endmodule", planted.encode() + b"endmodule")
        line = text[: text.index(b"endmodule")].count(b"\n") + 1
        with pytest.raises(UserError, match=rf"^{name}:{line}: .*{found}"):
            check_design({**ours, name: edited}, ours.values())


# --------------------------------------------------------------------------------- whole designs

CHILD = b"""module child #(parameter FILE = "", parameter SIZE = 1) (
    input wire clk, input wire a, output wire b); assign b = a; endmodule
"""


def parent(instance: str, name: str = "parent") -> dict[str, bytes]:
    head = f"module {name} (input wire clk, input wire a, output wire b);"
    return {"child.v": CHILD, "parent.v": f"{head}\n{instance}\nendmodule\n".encode()}


def test_a_design_that_fits_together_passes() -> None:
    check_design(parent('child #(.FILE("x.hex"), .SIZE(2)) c (.clk(clk), .a(a), .b(b));'))


@pytest.mark.parametrize(
    ("instance", "reason"),
    [
        ("SB_PLL40_PAD c (.a(a));", "no file of the design"),
        ("child c (.clk(clk), .a(a), .b(b), .c(a));", "no such port"),
        ("child c (.clk(clk), .a(), .b(b));", "not connected"),
        ("child c (.clk(clk), .a(a));", "not connected"),
        ("child #(.OTHER(1)) c (.clk(clk), .a(a), .b(b));", "no such parameter"),
        ("child #(.FILE(64'h2f6574632f70)) c (.clk(clk), .a(a), .b(b));", "declared as file"),
        ('child #(.SIZE("x.hex")) c (.clk(clk), .a(a), .b(b));', "declared as parameter"),
        ("child #(.SIZE(1.5)) c (.clk(clk), .a(a), .b(b));", "given as real"),
        ("parent c (.clk(clk), .a(a), .b(b));", "contains itself"),
        ("generate if (1) child stop (); endgenerate", "the name of no module"),
    ],
)
def test_a_design_that_does_not_fit_together_is_refused(instance: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        check_design(parent(instance))


@pytest.mark.parametrize("name", ["-x.v", "a b.v", "x.sv", "x;id.v", "", "/x.v"])
def test_names_of_files_are_plain(name: str) -> None:
    with pytest.raises(UserError, match="plain name"):
        check_design({name: CHILD})


def test_a_module_is_there_once_and_is_no_cell_of_a_device() -> None:
    with pytest.raises(UserError, match="defined twice"):
        check_design({"a.v": CHILD, "b.v": CHILD})
    cell = CHILD.replace(b"child", b"SB_DFF")
    with pytest.raises(UserError, match="cells of devices"):
        check_design({"a.v": cell})
    check_design({"a.v": cell}, [cell])  # the name of a network, say


def test_modules_that_contain_each_other_are_refused() -> None:
    files = parent("other c (.clk(clk), .a(a), .b(b));")
    files["other.v"] = parent("parent c (.clk(clk), .a(a), .b(b));", "other")["parent.v"]
    with pytest.raises(UserError, match="contains itself"):
        check_design(files)


def test_what_only_we_may_write_may_not_be_edited() -> None:
    ram = engine_files("rtl")["snn_ram.v"]
    check_verilog("snn_ram.v", b"// longer\n\n" + ram.replace(b"input", b"input "), [ram])
    edited = ram.replace(b"if (read)", b"if (write)", 1)
    check_verilog("snn_ram.v", edited, [ram])  # the attribute stands in ours of that name
    with pytest.raises(UserError, match="no_rw_check"):
        check_verilog("snn_ram.v", edited.replace(b"snn_ram", b"other_ram"), [ram])
    with pytest.raises(UserError, match="keep_hierarchy"):
        check_verilog("snn_ram.v", edited.replace(b"no_rw_check", b"keep_hierarchy"), [ram])


PROPERTIES = """
`ifdef FORMAL
    reg seen = 1'b0;
    always @(posedge clk) begin
        seen <= 1'b1;
        if (seen) assert (w == $past(a));
        if (seen) cover (q == 4'd3);
    end
`endif
"""


def test_properties_stand_in_the_module_that_they_were_written_for() -> None:
    ours = part(PROPERTIES)
    check_verilog("part.v", ours, [ours])
    edited = ours.replace(b"+ FIRST", b"- FIRST")
    check_verilog("part.v", edited, [ours])
    with pytest.raises(UserError, match="properties of an edited module"):
        check_verilog("part.v", edited.replace(b"if (seen) assert", b"if (!seen) assert"), [ours])
    with pytest.raises(UserError, match="properties of an edited module"):
        check_verilog("part.v", edited.replace(b"module part", b"module other"), [ours])


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("`ifdef FORMAL\nassign w = a;\n`endif", "only looks on"),
        ("`ifdef FORMAL\nalways @(posedge clk) r <= a;\n`endif", "only looks on"),
        ("`ifdef FORMAL\nwire x = a[0];\n`endif\nwire y = x;", "not declared above"),
        ("`ifdef FORMAL\nwire x = a[0];\n`endif\nwire x = a[1];", "for itself"),
        ("`ifdef FORMAL\npart p (.clk(clk));\n`endif", "expected an item"),
        ("`ifdef FORMAL\n`ifdef FORMAL\n`endif\n`endif", "expected an item"),
        ("`ifdef FORMAL\nwire x = a[0];", "only looks on"),
        ("`ifdef FORMAL\nendmodule\n`endif", "expected an item"),
    ],
)
def test_even_our_properties_only_look_on(code: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        check_verilog("part.v", part(code), [part(code)])


# ------------------------------------------------------------------------------------- memories


def test_a_memory_is_words_and_nothing_else() -> None:
    check_memory("m.hex", b"0\n1f\n3F\n", 6, 3)
    check_memory("m.hex", b"0\n1f\n3F", 6, 3)


@pytest.mark.parametrize(
    "text",
    [
        *(
            b"0\n1f\n",
            b"0\n1f\n3f\n0\n",
            b"0\n1f\n40\n",
            b"0\nx\n0\n",
            b"@1\n0\n0\n",
            b"0 1\n2\n3\n",
        ),
        *(
            b"0\n//\n1\n2\n",
            b"0\n\n1\n2\n",
            b"0\n1_0\n2\n",
            b"0\r\n1\r\n2\r\n",
            b"",
            b"0\n001\n2\n",
        ),
    ],
)
def test_a_memory_of_another_shape_is_refused(text: bytes) -> None:
    with pytest.raises(UserError, match=r"^m\.hex:"):
        check_memory("m.hex", text, 6, 3)


# -------------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize(
    "opening", ["(", "{", "{1{", "!(", "a[", "twice(", "$signed(", "a ? a : ("]
)
@pytest.mark.parametrize("count", [DEEPEST, 10_000])
def test_depth_has_a_limit_with_a_message(opening: str, count: int) -> None:
    with pytest.raises(UserError, match="levels of brackets"):
        check_verilog("part.v", part(f"wire x = {opening * count}"))


@pytest.mark.parametrize(
    "code",
    [
        "always @* " + "begin " * 10**4,
        "always @* " + "if (a[0]) " * 10**4,
        "generate " * 10**4,
        "always @* " + "{" * 10**4,
        "generate " + "if (1) begin : x " * 10**4,
    ],
    ids=["begin", "if", "generate", "target", "block"],
)
def test_statements_in_each_other_have_a_limit_too(code: str) -> None:
    with pytest.raises(UserError, match=r"levels of brackets|expected"):
        check_verilog("part.v", part(code))


def test_long_chains_are_no_depth() -> None:
    chain = " : ".join(f"a == 4'd{n % 16} ? 4'd{n % 9}" for n in range(5000))
    check_verilog("part.v", part(f"wire [3:0] x = {chain} : a;"))
    ladder = " else ".join(f"if (a == 4'd{n % 16}) r = a;" for n in range(5000))
    check_verilog("part.v", part(f"always @* {ladder} else r = 4'd0;"))
    check_verilog("part.v", part("wire [3:0] x = " + " + ".join(["a"] * 10**4) + ";"))


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(UserError, match="bytes at most"):
        check_verilog("part.v", b" " * (LARGEST_FILE + 1))


@pytest.mark.parametrize(
    "unit",
    [b"(", b"/*", b"//\\\n", b"`x ", b'"', b"\\", b"a ", b"1", b"0'", b"* /", b"\n", b"`endif"],
)
def test_much_of_anything_is_refused_or_read_soon(unit: bytes) -> None:
    with pytest.raises(UserError):
        check_verilog("part.v", b"module " + unit * 10**4)


@cache
def material() -> tuple[bytes, ...]:
    made = emit_neuron(lower(CATALOGUE["ExpIF"], FixedPoint(QFormat(8, 8))), pipeline=2)
    hand_written = [*engine_files("rtl").values(), *engine_files("stochastic").values()]
    return (*hand_written, made.step.encode(), made.registered.encode(), part(PROPERTIES))


PIECES = (
    *(b"(", b")", b"[", b"]", b"{", b"}", b";", b",", b":", b"=", b"<=", b"@", b"#", b".", b"?"),
    *(b"(*", b"*)", b"/*", b"*/", b"//", b"`", b"`ifdef FORMAL\n", b"`endif\n", b'"', b"\\", b"$"),
    *(b"begin", b"end", b"if", b"else", b"case", b"endcase", b"default", b"for", b"generate"),
    *(b"endgenerate", b"module x (", b"endmodule", b"function", b"endfunction", b"initial"),
    *(b"always", b"posedge clk", b"negedge", b"clk", b"4'd3", b"1'bx", b"1.5", b"$c", b"assert"),
    *(b"\x00", b"\xff", b"\xc3\xa4", b"\r", b"\n", b"'", b"__", b"9" * 50, b"parameter", b"x"),
)


def mutate(text: bytes, choose: random.Random) -> bytes:
    """Cut, double, swap and insert pieces, one to four times."""
    for _ in range(choose.randint(1, 4)):
        place, other = sorted(choose.randrange(len(text) + 1) for _ in range(2))
        kind = choose.randrange(5)
        if kind == 0:
            text = text[:place] + choose.choice(PIECES) + text[place:]
        elif kind == 1:
            text = text[:place] + text[place + choose.randint(1, 20) :]
        elif kind == 2:
            text = text[:place] + text[other:]
        elif kind == 3:
            text = text[:place] + text[place:other] + text[place:]
        else:
            text = text[:place] + bytes([choose.randrange(256)]) + text[place + 1 :]
    return text


def read_or_refuse(text: bytes, ours: tuple[bytes, ...] = ()) -> None:
    """The reader reads, or refuses with our error and a line that the file has."""
    try:
        check_verilog("mutant.v", text, ours)
    except UserError as error:
        line = int(str(error).split(":")[1])
        assert 1 <= line <= text.count(b"\n") + 1


@given(st.integers(0, 10**9))
def test_mutants_are_read_or_refused(seed: int) -> None:
    choose = random.Random(seed)
    text = choose.choice(material())
    read_or_refuse(mutate(text, choose), (text,) if choose.random() < 0.2 else ())


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=40))
def test_anything_is_read_or_refused(pieces: list[bytes]) -> None:
    read_or_refuse(b" ".join(pieces))
    read_or_refuse(part("").replace(b"always", b" ".join(pieces), 1))


@pytest.mark.soak
def test_a_million_mutants_are_read_or_refused() -> None:
    choose = random.Random(1)
    for _ in range(1_000_000):
        read_or_refuse(mutate(choose.choice(material()), choose))
