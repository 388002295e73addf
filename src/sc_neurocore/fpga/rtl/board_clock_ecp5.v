// SPDX-License-Identifier: Apache-2.0
// board_clock_ecp5: another clock from the oscillator's, through a PLL of an ECP5.
//
// The PLL's output is fed back, so that clk = pin * FEEDBACK_DIVIDER / INPUT_DIVIDER; its oscillator
// runs OUTPUT_DIVIDER times as fast as clk. fpga/clocks.py chooses the three. The attributes in front
// of the PLL set its charge pump and filter.
//
// Contract
//   - `clk` is fit for use while `locked` is high; `locked` follows no clock.
//
//   pin     _/‾‾‾\___/‾‾‾\___/‾‾‾\___
//   clk     ________ ... /‾\_/‾\_/‾\_
//   locked  ________ ... ____/‾‾‾‾‾‾‾

`default_nettype none

module board_clock_ecp5 #(
    parameter INPUT_DIVIDER    = 1,
    parameter FEEDBACK_DIVIDER = 2,
    parameter OUTPUT_DIVIDER   = 12
) (
    input  wire pin,
    output wire clk,
    output wire locked
);

    /* verilator lint_off PINMISSING */  // dynamic phase shifts and further outputs are not used
    (* ICP_CURRENT = "12", LPF_RESISTOR = "8", MFG_ENABLE_FILTEROPAMP = "1", MFG_GMCREF_SEL = "2" *)
    EHXPLLL #(
        .CLKI_DIV(INPUT_DIVIDER),
        .CLKFB_DIV(FEEDBACK_DIVIDER),
        .CLKOP_DIV(OUTPUT_DIVIDER),
        .CLKOP_CPHASE(OUTPUT_DIVIDER / 2 - 1),
        .CLKOP_FPHASE(0),
        .CLKOP_ENABLE("ENABLED"),
        .FEEDBK_PATH("CLKOP"),
        .OUTDIVIDER_MUXA("DIVA"),
        .DPHASE_SOURCE("DISABLED"),
        .STDBY_ENABLE("DISABLED"),
        .PLLRST_ENA("DISABLED"),
        .INTFB_WAKE("DISABLED")
    ) pll (
        .CLKI         (pin),
        .CLKFB        (clk),
        .CLKOP        (clk),
        .LOCK         (locked),
        .RST          (1'b0),
        .STDBY        (1'b0),
        .PHASESEL0    (1'b0),
        .PHASESEL1    (1'b0),
        .PHASEDIR     (1'b1),
        .PHASESTEP    (1'b1),
        .PHASELOADREG (1'b1),
        .PLLWAKESYNC  (1'b0),
        .ENCLKOP      (1'b0)
    );
    /* verilator lint_on PINMISSING */

endmodule

`default_nettype wire
