// sc_comparators: the bits of COUNT streams.
//
// A bit is `number < threshold`: thresholds are 0..65536, so that 0 gives no ones and 65536 nothing
// else. Where the numbers are the states 1..65535 of an LFSR, which stand for state - 1, INCLUSIVE
// makes it `state <= threshold`, the same bit without a subtraction.
//
// Both are written so that a comparison adds the complement of the number to the threshold: a
// shared number is then inverted once for all, and sc_lfsr and sc_ring hold theirs inverted.
//
// Contract
//   - All streams share one sequence of numbers (SEQUENCES = 1), or each has its own (SEQUENCES =
//     COUNT); stream i has the i-th sequence and the i-th threshold from the low end.
//   - `bits` belong to the numbers of the clock before; while `enable` was low they are 0, so that
//     nothing behind them moves.
//
//   clk      _/‾\_/‾\_/‾\_
//   numbers   a   b   c
//   enable   /‾‾‾‾‾‾‾\____
//   bits          a<t b<t 0

module sc_comparators #(
    parameter COUNT     = 1,
    parameter SEQUENCES = 1,
    parameter INCLUSIVE = 0
) (
    input  wire                    clk,
    input  wire                    enable,
    input  wire [16*SEQUENCES-1:0] numbers,
    input  wire [17*COUNT-1:0]     thresholds,
    output reg  [COUNT-1:0]        bits
);

    wire [COUNT-1:0] below;

    genvar i;
    generate
        for (i = 0; i < COUNT; i = i + 1) begin : stream
            wire [16:0] number    = {1'b0, numbers[16*(SEQUENCES == 1 ? 0 : i) +: 16]};
            wire [16:0] threshold = thresholds[17*i +: 17];
            assign below[i] = INCLUSIVE != 0 ? !(threshold < number) : !(threshold <= number);
        end
    endgenerate

    always @(posedge clk)
        bits <= enable ? below : {COUNT{1'b0}};

endmodule
