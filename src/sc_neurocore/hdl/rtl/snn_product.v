// SPDX-License-Identifier: Apache-2.0
// snn_product: a lane's multiplier. Combinational, but for streams.
//
// Contract
//   times = weight * value
//   `weight` and `times` are signed, `value` is with SIGNED_VALUE. KIND says what it is made of
//   (MULTIPLIERS in hdl/geometry.py has the kinds in the same order):
//   0  a DSP block: what synthesis takes for a multiplier
//   1  logic, where DSP blocks are few: one addition per bit of the value; the bit of a sign counts less
//      than nothing
//   2  streams, where nothing is multiplied: `value` is {whole, low, bits}, bits of the value's stream as
//      snn_streams.v has them, and the weight is the ones of its own stream, in 2**WEIGHT_SHIFT.
//        times = the j for which bits[j] and {j, low} < |weight| << WEIGHT_SHIFT, counted down if the
//                weight is negative; the weight itself if `whole` is high: then a spike came, which has
//                all bits of all parts
//      The bits that both streams have are kept in registers, which move with `advance`, and counted
//      behind them: `times` is of the clock before. Values have no sign.

`default_nettype none

module snn_product #(
    parameter WEIGHT_BITS  = 8,
    parameter VALUE_BITS   = 8,
    parameter SIGNED_VALUE = 0,
    parameter KIND         = 0,
    parameter PART_BITS    = 0,  // for streams: of `low`
    parameter STREAM_SHIFT = 1,  // and of a bit's number
    parameter WEIGHT_SHIFT = 0,  // the ones of a weight's stream are 2**WEIGHT_SHIFT times the weight
    // Derived, and not to be set.
    parameter PRODUCT_BITS = KIND != 2 ? WEIGHT_BITS + VALUE_BITS
                           : WEIGHT_BITS > STREAM_SHIFT + 2 ? WEIGHT_BITS : STREAM_SHIFT + 2
) (
    // For streams alone.
    input  wire                           clk,
    input  wire                           advance,

    input  wire signed [WEIGHT_BITS-1:0]  weight,
    input  wire        [VALUE_BITS-1:0]   value,
    output wire signed [PRODUCT_BITS-1:0] times
);

    wire is_below_zero = SIGNED_VALUE != 0 && value[VALUE_BITS-1];

    // Of streams, the bits that both have, or the weight that a spike brings whole; of others nothing.
    localparam WIDTH = 1 << STREAM_SHIFT;
    wire [WIDTH-1:0]       shared_bits;
    wire                   is_whole;
    wire [WEIGHT_BITS-1:0] its_own;
    reg  [WIDTH-1:0]       both;
    reg                    was_whole;
    reg  [WEIGHT_BITS-1:0] came;
    wire                   unused = &{both, was_whole, came, 1'b0};
    always @(posedge clk)
        if (advance) begin
            both      <= shared_bits;
            was_whole <= is_whole;
            came      <= its_own;
        end

    generate
        if (KIND != 2) begin : no_streams
            assign {shared_bits, is_whole, its_own} = {(WIDTH+1+WEIGHT_BITS){1'b0}};
        end
        if (KIND > 2)
            there_is_no_multiplier_of_this_kind stop ();
        if (KIND == 2 && SIGNED_VALUE != 0)
            streams_have_no_sign stop ();
        if (KIND == 2 && (PART_BITS < 1 || VALUE_BITS != 1 + PART_BITS + (1 << STREAM_SHIFT)
                          || WEIGHT_BITS + WEIGHT_SHIFT <= PART_BITS + STREAM_SHIFT))
            a_count_of_streams_does_not_fit stop ();
        if (KIND == 2) begin : streams
            localparam ONES_BITS = WEIGHT_BITS + WEIGHT_SHIFT;
            localparam HIGH_BITS = ONES_BITS - PART_BITS;
            wire [PART_BITS-1:0]    low   = value[WIDTH +: PART_BITS];
            // A negative weight's complement is its magnitude less one.
            wire                    down  = weight[WEIGHT_BITS-1];
            wire [ONES_BITS-1:0]    ones  = ({{WEIGHT_SHIFT{down}}, weight} << WEIGHT_SHIFT) ^ {ONES_BITS{down}};
            wire [HIGH_BITS-1:0]    border = ones[ONES_BITS-1:PART_BITS]
                                            + {{(HIGH_BITS-1){1'b0}},
                                               low < ones[PART_BITS-1:0] || (down && low == ones[PART_BITS-1:0])};
            // The weight's bits: those below that one.
            wire [WIDTH-1:0]        own   = ~({WIDTH{1'b1}} << border);
            assign shared_bits = own & value[WIDTH-1:0];
            assign is_whole    = value[VALUE_BITS-1];
            assign its_own     = weight;
            reg  [STREAM_SHIFT:0]   count;
            integer                 place;
            always @* begin
                count = {(STREAM_SHIFT+1){1'b0}};
                for (place = 0; place < WIDTH; place = place + 1)
                    count = count + {{STREAM_SHIFT{1'b0}}, both[place]};
            end
            wire                    was_down = came[WEIGHT_BITS-1];
            wire [PRODUCT_BITS-1:0] counted  = {{(PRODUCT_BITS-STREAM_SHIFT-1){1'b0}}, count};
            assign times = was_whole ? {{(PRODUCT_BITS-WEIGHT_BITS){was_down}}, came} : was_down ? -counted : counted;
        end else if (KIND == 1) begin : in_logic
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
    // Of streams it is the count, bit by bit, in that order too, of what came with the last `advance`.
    reg signed [WEIGHT_BITS-1:0] weight_before;
    reg        [VALUE_BITS-1:0]  value_before;
    reg                          known = KIND != 2;
    always @(posedge clk)
        if (advance) begin
            {weight_before, value_before} <= {weight, value};
            known <= 1'b1;
        end
    wire signed [WEIGHT_BITS-1:0]  its_weight     = KIND == 2 ? weight_before : weight;
    wire        [VALUE_BITS-1:0]   its_value      = KIND == 2 ? value_before : value;
    wire signed [PRODUCT_BITS-1:0] wider          = its_weight;
    wire signed [VALUE_BITS:0]     number         = {SIGNED_VALUE != 0 && its_value[VALUE_BITS-1], its_value};
    wire [WEIGHT_BITS:0]           wide_weight    = {its_weight[WEIGHT_BITS-1], its_weight};
    wire [WEIGHT_BITS+WEIGHT_SHIFT:0] magnitude   =
        {{WEIGHT_SHIFT{1'b0}}, its_weight < 0 ? -wide_weight : wide_weight} << WEIGHT_SHIFT;
    wire [(KIND == 2 ? PART_BITS : 1)-1:0] part_low = KIND == 2 ? its_value >> (1 << STREAM_SHIFT) : 0;
    wire [VALUE_BITS-1:0]          in_both;
    genvar                         bit_at;
    generate
        for (bit_at = 0; bit_at < VALUE_BITS; bit_at = bit_at + 1) begin : bits
            assign in_both[bit_at] = KIND == 2 && bit_at < (1 << STREAM_SHIFT) && its_value[bit_at]
                                     && (bit_at << PART_BITS) + part_low < magnitude;
        end
        if (KIND == 2) begin : invariants
            always @(posedge clk)
                if (known) begin
                    assert (both == in_both[WIDTH-1:0]);
                    assert (was_whole == value_before[VALUE_BITS-1] && came == weight_before);
                end
        end
    endgenerate
    reg  signed [PRODUCT_BITS-1:0] product;
    integer                        at;
    always @*
        if (KIND == 2) begin
            product = {PRODUCT_BITS{1'b0}};
            for (at = 0; at < (1 << STREAM_SHIFT); at = at + 1)
                product = product + in_both[at];
            if (its_value[VALUE_BITS-1]) product = its_weight;
            else if (its_weight < 0)     product = -product;
        end else if (KIND == 1) begin
            product = {PRODUCT_BITS{1'b0}};
            for (at = 0; at < VALUE_BITS; at = at + 1)
                product = product + (its_value[at] ? wider << at : {PRODUCT_BITS{1'b0}});
            if (number < 0) product = product - (wider << VALUE_BITS);
        end else
            product = its_weight * number;
    always @* if (known) assert (times == product);
    wire reached_a_product = known && times != 0;
`endif

endmodule

`default_nettype wire
