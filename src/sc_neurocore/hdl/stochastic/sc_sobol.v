// SPDX-License-Identifier: Apache-2.0
// sc_sobol: numbers from one dimension of the Sobol sequence, in the order of the Gray code.
//
// From point k to point k + 1 the number is XORed with one direction number: the c-th, where c is
// the number of trailing ones of k. An index of all ones takes the last one, which closes the
// period. Other dimensions are other DIRECTIONS; a digital shift is another starting point.
//
// Contract
//   - While `run` is low the number is SHIFT, which is the first point; each clock with `run` is
//     followed by the next one.
//   - Streams are at most 2**INDEX_BITS long, or INDEX_BITS is 16, the whole period. At least 2.
//   - Direction number c stands in DIRECTIONS[16*c +: 16].
//
//   clk     _/‾\_/‾\_/‾\_/‾\_
//   run     ____/‾‾‾‾‾‾‾‾‾‾‾
//   index    0   0   1   2
//   number   p0  p0  p1  p2

`default_nettype none

module sc_sobol #(
    parameter         INDEX_BITS = 16,
    parameter [255:0] DIRECTIONS = 256'h0,
    parameter [15:0]  SHIFT      = 16'h0000
) (
    input  wire        clk,
    input  wire        run,
    output reg  [15:0] number
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (INDEX_BITS < 2 || INDEX_BITS > 16) index_bits_must_be_2_to_16 stop ();
    endgenerate

    localparam TOP = INDEX_BITS - 1;

    reg  [INDEX_BITS-1:0] index;
    wire [INDEX_BITS-1:0] following = index + {{TOP{1'b0}}, 1'b1};

    // One-hot: the lowest zero of the index; the highest bit also stands for "no zero below it".
    wire [INDEX_BITS-1:0] turned = {&index[TOP-1:0], ~index[TOP-1:0] & following[TOP-1:0]};

    reg [15:0] direction;
    integer    bit_number;
    always @* begin
        direction = 16'h0000;
        for (bit_number = 0; bit_number < INDEX_BITS; bit_number = bit_number + 1)
            direction = direction | (DIRECTIONS[16*bit_number +: 16] & {16{turned[bit_number]}});
    end

    always @(posedge clk)
        if (run) begin
            index  <= following;
            number <= number ^ direction;
        end else begin
            index  <= {INDEX_BITS{1'b0}};
            number <= SHIFT;
        end

endmodule

`default_nettype wire
