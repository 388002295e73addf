// SPDX-License-Identifier: Apache-2.0
// board_clock_direct: the oscillator's clock as it is.
//
// Contract
//   - `clk` is `pin`; `locked` is always high.
//
//   pin     _/‾\_/‾\_/‾\_
//   clk     _/‾\_/‾\_/‾\_
//   locked  ‾‾‾‾‾‾‾‾‾‾‾‾‾

`default_nettype none

module board_clock_direct (
    input  wire pin,
    output wire clk,
    output wire locked
);

    assign clk    = pin;
    assign locked = 1'b1;

endmodule

`default_nettype wire
