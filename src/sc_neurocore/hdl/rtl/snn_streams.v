// SPDX-License-Identifier: Apache-2.0
// snn_streams: a value's stream, 2**STREAM_SHIFT bits at a time, beside those of all weights. Combinational.
//
// Bit k of a value's stream is high where number k of the inputs' source is below the value, and bit k of
// a weight's where number k of the weights' source is. Stochastic computing multiplies by an AND of the
// two, and counts. A stream has 2**PART_BITS parts of 2**STREAM_SHIFT bits each, one for each clock.
//
// Sources of low discrepancy have one number in each interval of their range within every part, so that
// two things hold of the numbers of a part: their low bits are the same, and of the weights' the high bits
// are all that there are, each once. The bits of a part are put into the order of the weights' numbers, so
// that the high bits of the j-th are j: a part has the same bits as in the source's order, and the count of
// a product is the same. What is left of a source are two small tables.
//
// Contract
//   numbers of the inputs' source, of 2**-STREAM_FRACTION (or 2**-STREAM_SHIFT, if that is finer)
//     bits[j] = {STREAM_PLACES of part and j, STREAM_LOWS of part} < value,  value in 2**-STREAM_FRACTION;
//               a value of 1 or more has all bits
//   numbers of the weights' source, of 2**-(STREAM_SHIFT + PART_BITS): {j, weight_low}
//     weight_low = WEIGHT_LOWS of part

`default_nettype none

module snn_streams #(
    parameter VALUE_BITS      = 8,
    parameter PART_BITS       = 3,
    parameter STREAM_SHIFT    = 5,
    parameter STREAM_FRACTION = 8,
    parameter [(STREAM_SHIFT << (PART_BITS+STREAM_SHIFT))-1:0] STREAM_PLACES = 0,
    parameter [((STREAM_FRACTION > STREAM_SHIFT ? STREAM_FRACTION-STREAM_SHIFT : 1) << PART_BITS)-1:0] STREAM_LOWS = 0,
    parameter [(PART_BITS << PART_BITS)-1:0] WEIGHT_LOWS = 0
) (
    input  wire [VALUE_BITS-1:0]        value,
    input  wire [PART_BITS-1:0]         part,
    output wire [(1<<STREAM_SHIFT)-1:0] bits,
    output wire [PART_BITS-1:0]         weight_low
);

    localparam WIDTH    = 1 << STREAM_SHIFT;
    localparam PARTS    = 1 << PART_BITS;
    localparam LOW_BITS = STREAM_FRACTION > STREAM_SHIFT ? STREAM_FRACTION - STREAM_SHIFT : 1;
    // Of a value that is compared: above its low bits those that name a place, above these all that is 1 or more.
    localparam FINER    = STREAM_FRACTION > STREAM_SHIFT ? 0 : STREAM_SHIFT + 1 - STREAM_FRACTION;
    localparam HELD     = STREAM_SHIFT + LOW_BITS;
    localparam SCALED   = VALUE_BITS + FINER > HELD ? VALUE_BITS + FINER : HELD + 1;

    wire [SCALED-1:0]       scaled = {{(SCALED-VALUE_BITS){1'b0}}, value} << FINER;
    wire                    is_one = scaled[SCALED-1:STREAM_SHIFT+LOW_BITS] != 0;
    wire [LOW_BITS-1:0]     low    = STREAM_LOWS[part*LOW_BITS +: LOW_BITS];
    wire [STREAM_SHIFT:0]   border  = {1'b0, scaled[LOW_BITS +: STREAM_SHIFT]}
                                     + {{STREAM_SHIFT{1'b0}}, low < scaled[LOW_BITS-1:0]};
    // Places below that one.
    wire [WIDTH-1:0]        below  = ~({WIDTH{1'b1}} << border) | {WIDTH{is_one}};

    wire [PARTS*WIDTH-1:0]  placed;
    genvar place;
    generate
        for (place = 0; place < PARTS*WIDTH; place = place + 1) begin : places
            localparam [STREAM_SHIFT-1:0] OF_NUMBER = STREAM_PLACES[place*STREAM_SHIFT +: STREAM_SHIFT];
            assign placed[place] = below[OF_NUMBER];
        end
    endgenerate
    assign bits       = placed[part*WIDTH +: WIDTH];
    assign weight_low = WEIGHT_LOWS[part*PART_BITS +: PART_BITS];

`ifdef FORMAL
    generate
        for (place = 0; place < WIDTH; place = place + 1) begin : claims
            wire [STREAM_SHIFT-1:0]          high   = STREAM_PLACES[(part*WIDTH + place)*STREAM_SHIFT +: STREAM_SHIFT];
            wire [STREAM_SHIFT+LOW_BITS-1:0] number = {high, low};
            // In one unit, which is not the one of the circuit.
            always @* assert (bits[place] == ({number, {STREAM_FRACTION{1'b0}}} < {value, {HELD{1'b0}}}));
        end
    endgenerate
    always @* assert (low == STREAM_LOWS[part*LOW_BITS +: LOW_BITS]);
    wire reached_a_bit = bits != 0 && bits != {WIDTH{1'b1}};
`endif

endmodule

`default_nettype wire
