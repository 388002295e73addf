// SPDX-License-Identifier: Apache-2.0
// sc_ramp: numbers that rise once from bottom to top over a stream: unary streams.
//
// Number k is floor(65536 * (k + 1/2) / LENGTH) + SHIFT, modulo 65536. A step is 65536 / LENGTH:
// its whole part is added, and its fraction, in units of 1 / (2 * LENGTH), is kept in `rest`. Where
// LENGTH is a power of two up to 32768 there is no fraction, and what remains is a counter.
//
// Contract
//   - While `run` is low the number is the first one; each clock with `run` is followed by the next.
//   - 2 * LENGTH is at most 2**REST_BITS.
//
//   clk     _/‾\_/‾\_/‾\_/‾\_     LENGTH = 4, SHIFT = 0
//   run     ____/‾‾‾‾‾‾‾‾‾‾‾
//   number   1/8 1/8 3/8 5/8      (times 65536)

`default_nettype none

module sc_ramp #(
    parameter        LENGTH    = 256,
    parameter        REST_BITS = 9,
    parameter [15:0] SHIFT     = 16'h0000
) (
    input  wire        clk,
    input  wire        run,
    output reg  [15:0] number
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (2 * LENGTH > (1 << REST_BITS)) rest_bits_must_hold_twice_the_length stop ();
    endgenerate

    localparam         UNITS      = 2 * LENGTH;
    localparam [31:0]  FIRST      = 65536 / UNITS;
    localparam [31:0]  FIRST_REST = 65536 % UNITS;
    localparam [31:0]  STEP       = 65536 / LENGTH;
    localparam [31:0]  STEP_REST  = 2 * (65536 % LENGTH);
    localparam [31:0]  WHOLE      = UNITS;

    reg  [REST_BITS-1:0] rest;
    wire [REST_BITS:0]   sum   = {1'b0, rest} + STEP_REST[REST_BITS:0];
    wire                 carry = sum >= WHOLE[REST_BITS:0];
    wire [REST_BITS-1:0] above = sum[REST_BITS-1:0] - WHOLE[REST_BITS-1:0];

    always @(posedge clk)
        if (run) begin
            rest   <= carry ? above : sum[REST_BITS-1:0];
            number <= number + STEP[15:0] + {15'h0000, carry};
        end else begin
            rest   <= FIRST_REST[REST_BITS-1:0];
            number <= FIRST[15:0] + SHIFT;
        end

endmodule

`default_nettype wire
