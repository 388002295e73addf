// SPDX-License-Identifier: Apache-2.0
// board_clock_gowin: another clock from the oscillator's, through the PLL of a Gowin GW1N or GW2A.
//
// clk = pin * FEEDBACK_DIVIDER / INPUT_DIVIDER; the PLL's oscillator runs OUTPUT_DIVIDER times as fast
// as clk. fpga/clocks.py chooses the three. PIN_MHZ is the pin's frequency in MHz, as text.
//
// Contract
//   - `clk` is fit for use while `locked` is high; `locked` follows no clock.
//
//   pin     _/‾‾‾\___/‾‾‾\___/‾‾‾\___
//   clk     ________ ... /‾\_/‾\_/‾\_
//   locked  ________ ... ____/‾‾‾‾‾‾‾

`default_nettype none

module board_clock_gowin #(
    parameter PIN_MHZ          = "27",
    parameter INPUT_DIVIDER    = 1,
    parameter FEEDBACK_DIVIDER = 2,
    parameter OUTPUT_DIVIDER   = 16
) (
    input  wire pin,
    output wire clk,
    output wire locked
);

    /* verilator lint_off PINMISSING */  // further outputs are not used
    rPLL #(
        .FCLKIN(PIN_MHZ),
        .IDIV_SEL(INPUT_DIVIDER - 1),
        .FBDIV_SEL(FEEDBACK_DIVIDER - 1),
        .ODIV_SEL(OUTPUT_DIVIDER),
        .DYN_IDIV_SEL("false"),
        .DYN_FBDIV_SEL("false"),
        .DYN_ODIV_SEL("false")
    ) pll (
        .CLKIN   (pin),
        .CLKOUT  (clk),
        .LOCK    (locked),
        .RESET   (1'b0),
        .RESET_P (1'b0),
        .CLKFB   (1'b0),
        .FBDSEL  (6'd0),
        .IDSEL   (6'd0),
        .ODSEL   (6'd0),
        .PSDA    (4'd0),
        .DUTYDA  (4'd0),
        .FDLY    (4'd0)
    );
    /* verilator lint_on PINMISSING */

endmodule

`default_nettype wire
