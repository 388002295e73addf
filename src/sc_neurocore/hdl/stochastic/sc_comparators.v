// SPDX-License-Identifier: Apache-2.0
// sc_comparators: the bits of COUNT streams.
//
// A bit is `number < threshold`: thresholds are 0..65536, so that 0 gives no ones and 65536 nothing
// else. Where the numbers are the states 1..65535 of an LFSR, which stand for state - 1, INCLUSIVE
// makes it `state <= threshold`, the same bit without a subtraction.
//
// Thresholds that change are compared by carry chains, which add the complement of the number to
// them: a shared number is inverted once for all, and sc_lfsr and sc_ring hold theirs inverted. With
// IS_CONSTANT the comparison is a cascade of gates, which fold with the threshold to a few LUTs.
//
// Contract
//   - All streams share one sequence of numbers (SEQUENCES = 1), or each has its own (SEQUENCES =
//     COUNT); stream i has the i-th sequence and the i-th threshold from the low end.
//   - Thresholds are multiples of 2**GRAIN_BITS, at most 2**15. Of that many low bits of a number it
//     then only matters whether they are all 0.
//   - `bits` belong to the numbers of the clock before; while `enable` was low they are 0, so that
//     nothing behind them moves.
//
//   clk      _/‾\_/‾\_/‾\_
//   numbers   a   b   c
//   enable   /‾‾‾‾‾‾‾\____
//   bits          a<t b<t 0

`default_nettype none

module sc_comparators #(
    parameter COUNT       = 1,
    parameter SEQUENCES   = 1,
    parameter INCLUSIVE   = 0,
    parameter IS_CONSTANT = 0,
    parameter GRAIN_BITS  = 0
) (
    input  wire                    clk,
    input  wire                    enable,
    input  wire [16*SEQUENCES-1:0] numbers,
    /* verilator lint_off UNUSED */
    input  wire [17*COUNT-1:0]     thresholds,
    /* verilator lint_on UNUSED */
    output reg  [COUNT-1:0]        bits
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if ((SEQUENCES != 1 && SEQUENCES != COUNT) || GRAIN_BITS > 15)
            there_must_be_one_sequence_or_one_for_each_stream stop ();
    endgenerate

    localparam WIDTH = GRAIN_BITS == 0 ? 17 : 18 - GRAIN_BITS;

    wire [COUNT-1:0] below;

    genvar i;
    generate
        for (i = 0; i < COUNT; i = i + 1) begin : stream
            localparam LOW = 16 * (SEQUENCES == 1 ? 0 : i);
            wire [WIDTH-1:0] number, threshold;
            if (GRAIN_BITS == 0) begin : fine
                assign number    = {1'b0, numbers[LOW +: 16]};
                assign threshold = thresholds[17*i +: 17];
            end else begin : coarse
                assign number    = {1'b0, numbers[LOW+15 : LOW+GRAIN_BITS], |numbers[LOW +: GRAIN_BITS]};
                assign threshold = {thresholds[17*i+16 : 17*i+GRAIN_BITS], 1'b0};
            end

            if (IS_CONSTANT != 0) begin : gates
                reg     is_below;
                integer k;
                always @* begin
                    is_below = INCLUSIVE != 0;  // if all bits are equal
                    for (k = 0; k < WIDTH; k = k + 1)
                        if (number[k] != threshold[k]) is_below = threshold[k];
                end
                assign below[i] = is_below;
            end else begin : chain
                assign below[i] = INCLUSIVE != 0 ? !(threshold < number) : !(threshold <= number);
            end
        end
    endgenerate

    always @(posedge clk)
        bits <= enable ? below : {COUNT{1'b0}};

endmodule

`default_nettype wire
