// SPDX-License-Identifier: Apache-2.0
// board_clock_xc7: another clock from the oscillator's, through a PLL of a 7-series device.
//
// clk = pin * MULTIPLIER / (INPUT_DIVIDER * OUTPUT_DIVIDER). fpga/clocks.py chooses the three.
// INPUT_PERIOD is the pin's, in ns.
//
// Contract
//   - `clk` is fit for use while `locked` is high; `locked` follows no clock.
//
//   pin     _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   clk     ________ ... /‾‾‾\___/‾‾‾
//   locked  ________ ... ____/‾‾‾‾‾‾‾

`default_nettype none

module board_clock_xc7 #(
    parameter INPUT_PERIOD   = 10.0,
    parameter INPUT_DIVIDER  = 1,
    parameter MULTIPLIER     = 8,
    parameter OUTPUT_DIVIDER = 16
) (
    input  wire pin,
    output wire clk,
    output wire locked
);

    wire feedback, output_clock;

    /* verilator lint_off PINMISSING */  // further outputs are not used
    PLLE2_BASE #(
        .CLKIN1_PERIOD(INPUT_PERIOD),
        .DIVCLK_DIVIDE(INPUT_DIVIDER),
        .CLKFBOUT_MULT(MULTIPLIER),
        .CLKOUT0_DIVIDE(OUTPUT_DIVIDER)
    ) pll (
        .CLKIN1   (pin),
        .CLKFBIN  (feedback),
        .CLKFBOUT (feedback),
        .CLKOUT0  (output_clock),
        .LOCKED   (locked),
        .PWRDWN   (1'b0),
        .RST      (1'b0)
    );
    /* verilator lint_on PINMISSING */

    BUFG network (.I(output_clock), .O(clk));

endmodule

`default_nettype wire
