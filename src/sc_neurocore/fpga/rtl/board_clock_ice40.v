// SPDX-License-Identifier: Apache-2.0
// board_clock_ice40: another clock from the oscillator's, through the PLL of an iCE40.
//
// The PLL multiplies by DIVF + 1 and divides by (DIVR + 1) * 2**DIVQ. FILTER_RANGE goes with the
// frequency at its phase detector, pin / (DIVR + 1). fpga/clocks.py chooses them.
//
// Contract
//   - `pin` is a pad that belongs to the PLL, and nothing else reads it.
//   - `clk` is fit for use while `locked` is high; `locked` follows no clock.
//
//   pin     _/‾‾‾\___/‾‾‾\___/‾‾‾\___
//   clk     ________ ... /‾\_/‾\_/‾\_
//   locked  ________ ... ____/‾‾‾‾‾‾‾

`default_nettype none

module board_clock_ice40 #(
    parameter [3:0] DIVR         = 4'd0,
    parameter [6:0] DIVF         = 7'd63,
    parameter [2:0] DIVQ         = 3'd5,
    parameter [2:0] FILTER_RANGE = 3'd1
) (
    input  wire pin,
    output wire clk,
    output wire locked
);

    SB_PLL40_PAD #(
        .FEEDBACK_PATH("SIMPLE"),
        .DIVR(DIVR),
        .DIVF(DIVF),
        .DIVQ(DIVQ),
        .FILTER_RANGE(FILTER_RANGE)
    ) pll (
        .PACKAGEPIN   (pin),
        .PLLOUTGLOBAL (clk),
        .LOCK         (locked),
        .RESETB       (1'b1),
        .BYPASS       (1'b0)
    );

endmodule

`default_nettype wire
