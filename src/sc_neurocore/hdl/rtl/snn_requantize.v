// SPDX-License-Identifier: Apache-2.0
// snn_requantize: an exact sum becomes the input current of a neuron. Combinational.
//
// Contract
//   current = saturate(floor(total * 2**(LEFT_SHIFT - shift)))
//   `total` and `current` are signed; the right shift is arithmetic, so it rounds towards minus
//   infinity, and saturation to CURRENT_BITS happens once, after it. LEFT_SHIFT is a constant of
//   the network and serves layers whose sums are coarser than the current.

`default_nettype none

module snn_requantize #(
    parameter TOTAL_BITS   = 20,
    parameter LEFT_SHIFT   = 0,
    parameter SHIFT_BITS   = 4,
    parameter CURRENT_BITS = 20
) (
    input  wire signed [TOTAL_BITS-1:0]   total,
    input  wire        [SHIFT_BITS-1:0]   shift,
    output wire signed [CURRENT_BITS-1:0] current
);

    // Wide enough for the shifted sum and for the comparison with the bounds of the current.
    localparam WIDE_BITS = (TOTAL_BITS + LEFT_SHIFT > CURRENT_BITS ? TOTAL_BITS + LEFT_SHIFT
                                                                   : CURRENT_BITS) + 1;
    localparam SPARE_BITS = WIDE_BITS - CURRENT_BITS;

    wire signed [WIDE_BITS-1:0] extended = {{(WIDE_BITS-TOTAL_BITS){total[TOTAL_BITS-1]}}, total};
    wire signed [WIDE_BITS-1:0] shifted  = (extended <<< LEFT_SHIFT) >>> shift;

    // The value fits exactly when all bits above the current's sign bit repeat that sign bit.
    wire sign = shifted[WIDE_BITS-1];
    wire fits = shifted[WIDE_BITS-2 -: SPARE_BITS] == {SPARE_BITS{sign}};

`ifdef FORMAL
    wire signed [WIDE_BITS-1:0] most    = {{(SPARE_BITS+1){1'b0}}, {(CURRENT_BITS-1){1'b1}}};
    wire signed [WIDE_BITS-1:0] limited = shifted > most ? most : shifted < ~most ? ~most : shifted;
    always @* assert (current == limited[CURRENT_BITS-1:0]);
`endif

    assign current = fits ? shifted[CURRENT_BITS-1:0] : {sign, {(CURRENT_BITS-1){~sign}}};

endmodule

`default_nettype wire
