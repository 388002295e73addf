// SPDX-License-Identifier: Apache-2.0
// The vendors' primitives that the board tops contain, for simulation and lint: every PLL passes its
// clock through, since a simulation has no time but the clock's own.

/* verilator lint_off DECLFILENAME */
/* verilator lint_off UNUSED */

`default_nettype none

module SB_PLL40_PAD #(
    parameter       FEEDBACK_PATH = "SIMPLE",
    parameter [3:0] DIVR          = 4'd0,
    parameter [6:0] DIVF          = 7'd0,
    parameter [2:0] DIVQ          = 3'd0,
    parameter [2:0] FILTER_RANGE  = 3'd0
) (
    input  wire PACKAGEPIN,
    input  wire RESETB,
    input  wire BYPASS,
    output wire PLLOUTGLOBAL,
    output wire LOCK
);
    assign PLLOUTGLOBAL = PACKAGEPIN;
    assign LOCK = RESETB;
endmodule

module EHXPLLL #(
    parameter CLKI_DIV        = 1,
    parameter CLKFB_DIV       = 1,
    parameter CLKOP_DIV       = 1,
    parameter CLKOP_CPHASE    = 0,
    parameter CLKOP_FPHASE    = 0,
    parameter CLKOP_ENABLE    = "ENABLED",
    parameter FEEDBK_PATH     = "CLKOP",
    parameter OUTDIVIDER_MUXA = "DIVA",
    parameter DPHASE_SOURCE   = "DISABLED",
    parameter STDBY_ENABLE    = "DISABLED",
    parameter PLLRST_ENA      = "DISABLED",
    parameter INTFB_WAKE      = "DISABLED"
) (
    input  wire CLKI,
    input  wire CLKFB,
    input  wire RST,
    input  wire STDBY,
    input  wire PHASESEL0,
    input  wire PHASESEL1,
    input  wire PHASEDIR,
    input  wire PHASESTEP,
    input  wire PHASELOADREG,
    input  wire PLLWAKESYNC,
    input  wire ENCLKOP,
    output wire CLKOP,
    output wire LOCK
);
    assign CLKOP = CLKI;
    assign LOCK = !RST;
endmodule

module PLLE2_BASE #(
    parameter CLKIN1_PERIOD  = 0.0,
    parameter DIVCLK_DIVIDE  = 1,
    parameter CLKFBOUT_MULT  = 1,
    parameter CLKOUT0_DIVIDE = 1
) (
    input  wire CLKIN1,
    input  wire CLKFBIN,
    input  wire PWRDWN,
    input  wire RST,
    output wire CLKFBOUT,
    output wire CLKOUT0,
    output wire LOCKED
);
    assign CLKFBOUT = CLKIN1;
    assign CLKOUT0 = CLKIN1;
    assign LOCKED = !RST;
endmodule

module rPLL #(
    parameter FCLKIN         = "100",
    parameter IDIV_SEL       = 0,
    parameter FBDIV_SEL      = 0,
    parameter ODIV_SEL       = 8,
    parameter DYN_IDIV_SEL   = "false",
    parameter DYN_FBDIV_SEL  = "false",
    parameter DYN_ODIV_SEL   = "false"
) (
    input  wire       CLKIN,
    input  wire       CLKFB,
    input  wire       RESET,
    input  wire       RESET_P,
    input  wire [5:0] FBDSEL,
    input  wire [5:0] IDSEL,
    input  wire [5:0] ODSEL,
    input  wire [3:0] PSDA,
    input  wire [3:0] DUTYDA,
    input  wire [3:0] FDLY,
    output wire       CLKOUT,
    output wire       LOCK
);
    assign CLKOUT = CLKIN;
    assign LOCK = !RESET;
endmodule

module BUFG (
    input  wire I,
    output wire O
);
    assign O = I;
endmodule

`default_nettype wire
