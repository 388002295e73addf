// SPDX-License-Identifier: Apache-2.0
// board_reset: the reset of everything behind it: after power-on, while the clock is not steady,
// and while the button is pressed.
//
// The flip-flops' first value after configuration is what makes a power-on reset; it is 0, since
// iCE40 has no other. The reset then lasts for 2**(LENGTH_BITS-1) clocks: block RAMs of iCE40 read
// as zero in the first microseconds after configuration.
//
// Contract
//   - `locked` and `button` come from outside the clock; two flip-flops bring them in.
//   - `reset` is high from power-on, and from 3 clocks after `locked` fell or `button` rose, until
//     2**(LENGTH_BITS-1) clocks after both are well again. It is synchronous.
//
//   locked  ______/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//   button  __________________________/‾\____
//   reset   ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\___________/‾‾‾‾

`default_nettype none

module board_reset #(
    parameter LENGTH_BITS = 11
) (
    input  wire clk,
    input  wire locked,
    input  wire button,
    output wire reset
);

    reg [1:0]             settled = 2'b00;
    reg [LENGTH_BITS-1:0] clocks  = {LENGTH_BITS{1'b0}};

    assign reset = !clocks[LENGTH_BITS-1];

    always @(posedge clk) begin
        settled <= {settled[0], locked && !button};
        if (!settled[1]) clocks <= {LENGTH_BITS{1'b0}};
        else if (reset) clocks <= clocks + 1'b1;
    end

endmodule

`default_nettype wire
