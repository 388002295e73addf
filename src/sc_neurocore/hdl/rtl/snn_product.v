// SPDX-License-Identifier: Apache-2.0
// snn_product: a lane's multiplier. Combinational.
//
// Contract
//   times = weight * value
//   `weight` and `times` are signed, `value` is with SIGNED_VALUE. KIND says what it is made of
//   (MULTIPLIERS in hdl/geometry.py has the kinds in the same order):
//   0  a DSP block: what synthesis takes for a multiplier
//   1  logic, where DSP blocks are few: one addition per bit of the value; the bit of a sign counts less
//      than nothing

`default_nettype none

module snn_product #(
    parameter WEIGHT_BITS = 8,
    parameter VALUE_BITS  = 8,
    parameter SIGNED_VALUE = 0,
    parameter KIND        = 0
) (
    input  wire signed [WEIGHT_BITS-1:0]            weight,
    input  wire        [VALUE_BITS-1:0]             value,
    output wire signed [WEIGHT_BITS+VALUE_BITS-1:0] times
);

    localparam PRODUCT_BITS = WEIGHT_BITS + VALUE_BITS;
    wire is_below_zero = SIGNED_VALUE != 0 && value[VALUE_BITS-1];

    generate
        if (KIND > 1)
            there_is_no_multiplier_of_this_kind stop ();
        if (KIND == 1) begin : in_logic
            wire [PRODUCT_BITS-1:0] wide = {{VALUE_BITS{weight[WEIGHT_BITS-1]}}, weight};
            reg  [PRODUCT_BITS-1:0] partial;
            integer                 place;
            always @* begin
                partial = {PRODUCT_BITS{1'b0}};
                for (place = 0; place < VALUE_BITS; place = place + 1)
                    partial = partial + (value[place] ? wide << place : {PRODUCT_BITS{1'b0}});
                if (is_below_zero) partial = partial - (wide << VALUE_BITS);
            end
            assign times = partial;
        end else begin : block
            wire signed [VALUE_BITS:0] factor = {is_below_zero, value};
            assign times = weight * factor;
        end
    endgenerate

`ifdef FORMAL
    // In logic the product is what it is by hand: the sum of the weight shifted to each one of the value,
    // in the order of the places. (A solver takes very long to find that this is what `*` means.)
    wire signed [PRODUCT_BITS-1:0] wider  = weight;
    wire signed [VALUE_BITS:0]     number = {SIGNED_VALUE != 0 && value[VALUE_BITS-1], value};
    reg  signed [PRODUCT_BITS-1:0] product;
    integer                        at;
    always @*
        if (KIND == 1) begin
            product = {PRODUCT_BITS{1'b0}};
            for (at = 0; at < VALUE_BITS; at = at + 1)
                product = product + (value[at] ? wider << at : {PRODUCT_BITS{1'b0}});
            if (number < 0) product = product - (wider << VALUE_BITS);
        end else
            product = weight * number;
    always @* assert (times == product);
    wire reached_a_product = times != 0;
`endif

endmodule

`default_nettype wire
