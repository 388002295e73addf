// SPDX-License-Identifier: Apache-2.0
// sc_lfsr: numbers from a Fibonacci linear-feedback shift register of 16 bits.
//
// Each clock shifts left, and the XOR of the tapped bits enters at the bottom; TAPS has a one for
// each of them (bit n - 1 for tap n). With the taps of a primitive polynomial the state runs
// through 1..65535. The number of the stream is state - 1; nobody subtracts, since the comparators
// behind it test `state <= threshold` instead (INCLUSIVE of sc_comparators).
//
// Contract
//   - While `run` is low the register stands at SEED, so that every stream starts there; SEED > 0.
//   - `number` is the state, and the next one follows in each clock with `run`.
//
//   clk     _/‾\_/‾\_/‾\_/‾\_
//   run     ____/‾‾‾‾‾‾‾‾‾‾‾
//   number   s0  s0  s1  s2

`default_nettype none

module sc_lfsr #(
    parameter [15:0] SEED = 16'h0001,
    parameter [15:0] TAPS = 16'hd008
) (
    input  wire        clk,
    input  wire        run,
    output wire [15:0] number
);

    // Held as the complement, which is what the comparators add (sc_comparators).
    reg  [15:0] inverted;
    wire        feedback = ^(number & TAPS);
    assign number = ~inverted;

    always @(posedge clk)
        inverted <= run ? {inverted[14:0], !feedback} : ~SEED;

endmodule

`default_nettype wire
