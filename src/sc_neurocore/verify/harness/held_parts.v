// SPDX-License-Identifier: Apache-2.0
// Parts of the engine as their contracts say, and no more: each answers with anything where its contract
// is silent. A memory and a ring are real at one word, `watched`, which may be any.

`default_nettype none

module snn_ram #(
    parameter WIDTH        = 8,
    parameter ADDRESS_BITS = 8,
    parameter DEPTH        = 1 << ADDRESS_BITS
) (
    input  wire                    clk,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WIDTH-1:0]        write_data,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WIDTH-1:0]        read_data
);
    (* anyconst *) wire [ADDRESS_BITS-1:0] watched;
    (* anyseq *)   wire [WIDTH-1:0]        anything;
    reg [WIDTH-1:0] kept;
    wire is_written = write && write_address == watched;
    wire is_inside  = (!write || write_address < DEPTH) && (!read || read_address < DEPTH);
    always @(posedge clk) begin
        if (is_written) kept <= write_data;
        // What is read from the address that is being written is anything.
        if (read) read_data <= read_address == watched && !is_written ? kept : anything;
    end
endmodule

module snn_ring #(
    parameter WIDTH        = 20,
    parameter ADDRESS_BITS = 4
) (
    input  wire                    clk,
    input  wire                    reset,
    input  wire                    clear,
    input  wire [ADDRESS_BITS-1:0] clear_address,
    input  wire                    advance,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output wire [WIDTH-1:0]        word,
    input  wire                    write,
    input  wire [WIDTH-1:0]        write_word
);
    (* anyconst *) wire [ADDRESS_BITS-1:0] watched;
    (* anyseq *)   wire [WIDTH-1:0]        anything;
    reg [WIDTH-1:0]        kept;
    reg [ADDRESS_BITS-1:0] place;
    reg                    reading = 1'b0;
    assign word = reading && place == watched ? kept : anything;
    wire is_used_fairly = (!write || reading) && !(clear && (reading || read || write));   // snn_ring.v counts on it
    always @(posedge clk) begin
        if (advance) {place, reading} <= {read_address, read};
        if (clear && clear_address == watched)         kept <= {WIDTH{1'b0}};
        else if (advance && write && place == watched) kept <= write_word;
        if (reset) reading <= 1'b0;
    end
endmodule

module snn_product #(
    parameter WEIGHT_BITS = 8,
    parameter VALUE_BITS  = 8,
    parameter SIGNED_VALUE = 0,
    parameter KIND        = 0,
    parameter PART_BITS    = 0,
    parameter STREAM_SHIFT = 1,
    parameter WEIGHT_SHIFT = 0,
    parameter PRODUCT_BITS = KIND != 2 ? WEIGHT_BITS + VALUE_BITS
                           : WEIGHT_BITS > STREAM_SHIFT + 2 ? WEIGHT_BITS : STREAM_SHIFT + 2
) (
    input  wire                           clk,
    input  wire                           advance,
    input  wire signed [WEIGHT_BITS-1:0]  weight,
    input  wire        [VALUE_BITS-1:0]   value,
    output wire signed [PRODUCT_BITS-1:0] times
);
    (* anyseq *) wire [PRODUCT_BITS-1:0] anything;
    reg was_nothing;
    always @(posedge clk) if (advance) was_nothing <= value == {VALUE_BITS{1'b0}};
    assign times = (KIND == 2 ? was_nothing : value == {VALUE_BITS{1'b0}}) ? {PRODUCT_BITS{1'b0}} : anything;
endmodule

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
    (* anyseq *) wire [(1<<STREAM_SHIFT)+PART_BITS-1:0] anything;
    assign {weight_low, bits} = anything;
endmodule

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
    (* anyseq *) wire [CURRENT_BITS-1:0] anything;
    assign current = anything;
endmodule

`default_nettype wire
