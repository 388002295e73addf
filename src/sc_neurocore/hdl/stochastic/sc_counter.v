// SPDX-License-Identifier: Apache-2.0
// sc_counter: one output of a stochastic layer: gates, a parallel counter, and an exact sum.
//
// A product is an AND, or with IS_BIPOLAR an XNOR. All products of a clock are counted at once (an
// accumulative parallel counter: Parhami and Yeh, Asilomar 1995). The product of a negative weight
// is counted upside down: NOT p is 1 - p, so that -p comes with a one too many in each bit of the
// stream, which `start` takes back: bias - LENGTH * (number of negative weights).
//
// Contract
//   - `load` puts `start` into the sum. `add` adds the count of the bits of the clock before.
//   - `turn` takes `following` instead: the sums of a layer form a ring that passes the neuron unit.
//     At most one of the three in a clock.
//   - SUM_BITS holds every partial sum with its sign, COUNT_BITS holds INPUTS; SUM_BITS > COUNT_BITS.
//
//   clk       _/‾\_/‾\_/‾\_/‾\_
//   load      /‾‾‾\____________
//   x, w           b0  b1
//   add       _________/‾‾‾‾‾‾‾
//   sum        X   S   S   S+c0  (S+c0+c1 follows)

`default_nettype none

module sc_counter #(
    parameter INPUTS     = 64,
    parameter IS_BIPOLAR = 0,
    parameter COUNT_BITS = 7,
    parameter SUM_BITS   = 16
) (
    input  wire                       clk,
    input  wire [INPUTS-1:0]          x,
    input  wire [INPUTS-1:0]          w,
    input  wire [INPUTS-1:0]          negative,
    input  wire signed [SUM_BITS-1:0] start,
    input  wire                       load,
    input  wire                       add,
    input  wire                       turn,
    input  wire signed [SUM_BITS-1:0] following,
    output reg  signed [SUM_BITS-1:0] sum
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (SUM_BITS <= COUNT_BITS || (INPUTS >> COUNT_BITS) != 0)
            sum_bits_must_exceed_count_bits_which_hold_inputs stop ();
    endgenerate

    wire [INPUTS-1:0] products = (IS_BIPOLAR != 0 ? ~(x ^ w) : x & w) ^ negative;

    // Synthesis makes a tree of full adders of this.
    reg [COUNT_BITS-1:0] ones, count;
    integer              i;
    always @* begin
        ones = {COUNT_BITS{1'b0}};
        for (i = 0; i < INPUTS; i = i + 1)
            ones = ones + {{(COUNT_BITS-1){1'b0}}, products[i]};
    end

    wire [SUM_BITS-1:0] extended = {{(SUM_BITS-COUNT_BITS){1'b0}}, count};

    always @(posedge clk) begin
        count <= ones;
        if (load)      sum <= start;
        else if (turn) sum <= following;
        else if (add)  sum <= sum + $signed(extended);
    end

endmodule

`default_nettype wire
