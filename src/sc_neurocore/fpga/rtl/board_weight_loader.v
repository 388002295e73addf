// SPDX-License-Identifier: Apache-2.0
// board_weight_loader: weights that come in pieces, each checked by its packet, all checked at the end.
//
// A piece lies in the buffer: the offset of its first byte in the whole, 4 bytes, then bytes. Offset 0
// begins anew; any other must be where the piece before ended, so that a piece that comes twice
// changes nothing. Bytes gather, lowest first, until they make a word of the weight memory; words go
// to rising addresses from 0.
//
// Contract
//   - `start` in a clock in which `ready` is high; `length` is the piece's, its offset included, and
//     stays. The outcome stands when `ready` is back.
//   - out_of_order: the offset was not `accepted`, and nothing was done.
//   - too_long: the piece would go beyond WEIGHT_BYTES or has no bytes, and nothing was done.
//   - `present`: all WEIGHT_BYTES bytes are there and their CRC-32 is CHECKSUM; low while `ready` is.
//   - buffer_data is the byte at buffer_address, one clock after buffer_read.
//
//   start           _/‾\__________________________ ... ______
//   ready           ‾‾‾\__________________________ ... ___/‾‾
//   buffer_address      0   1   2   3   4             last
//   weight_write    ______________________________ ... /‾\___   after each whole word

`default_nettype none

module board_weight_loader #(
    parameter        BUFFER_BITS  = 10,
    parameter        WEIGHT_BYTES = 10240,
    parameter [31:0] CHECKSUM     = 32'd0,
    parameter        DATA_BITS    = 64,
    parameter        ADDRESS_BITS = 11
) (
    input  wire                    clk,
    input  wire                    reset,

    input  wire                    start,
    output wire                    ready,
    input  wire [15:0]             length,
    output reg                     out_of_order,
    output reg                     too_long,

    output wire                    buffer_read,
    output wire [BUFFER_BITS-1:0]  buffer_address,
    input  wire [7:0]              buffer_data,

    output reg  [31:0]             accepted,
    output wire [31:0]             crc,
    output reg                     present,

    output reg                     weight_write,
    output reg  [ADDRESS_BITS-1:0] weight_address,
    output wire [DATA_BITS-1:0]    weight_data
);

    localparam        WORD_BYTES = (DATA_BITS + 7) / 8;
    localparam        PLACE_BITS = WORD_BYTES == 1 ? 1 : $clog2(WORD_BYTES);
    localparam [31:0] LAST_PLACE = WORD_BYTES - 1;
    localparam [31:0] WHOLE      = WEIGHT_BYTES;

    localparam [1:0] IDLE = 2'd0, READ = 2'd1, TAKE = 2'd2, SETTLE = 2'd3;

    reg [1:0]              state;
    reg [15:0]             position;
    reg [31:0]             offset;
    reg [8*WORD_BYTES-1:0] word;
    reg [PLACE_BITS-1:0]   place;   // of the next byte in the word

    /* verilator lint_off UNUSED */
    wire [8*WORD_BYTES+7:0] longer = {buffer_data, word};  // its lowest byte is the one that leaves
    /* verilator lint_on UNUSED */

    wire        busy, intact;
    wire        at_bytes = position == 16'd4;
    wire        anew     = offset == 32'd0;
    wire [31:0] begins   = anew ? 32'd0 : accepted;
    wire [31:0] ends     = begins + {16'd0, length} - 32'd4;

    assign ready          = state == IDLE;
    assign buffer_read    = state == READ;
    assign buffer_address = position[BUFFER_BITS-1:0];
    assign weight_data    = word[DATA_BITS-1:0];

    wire refused = length <= 16'd4 || ends > WHOLE;
    wire strange = offset != begins;
    wire open    = state == READ && at_bytes;  // the offset is known, the bytes come next

    board_crc32 checksum (
        .clk    (clk),
        .clear  (reset || (open && anew && !refused)),
        .load   (state == TAKE && position >= 16'd4),
        .data   (buffer_data),
        .busy   (busy),
        .intact (intact),
        .crc    (crc)
    );

    always @(posedge clk) begin
        weight_write <= 1'b0;
        if (weight_write) weight_address <= weight_address + 1'b1;
        case (state)
            IDLE: begin
                position <= 16'd0;
                present  <= accepted == WHOLE && crc == CHECKSUM;
                if (start) begin
                    out_of_order <= 1'b0;
                    too_long     <= 1'b0;
                    present      <= 1'b0;
                    state        <= READ;
                end
            end
            READ: begin
                state <= TAKE;
                if (open && (strange || refused)) begin
                    out_of_order <= strange;
                    too_long     <= !strange;
                    state        <= IDLE;
                end else if (open && anew) begin
                    accepted       <= 32'd0;
                    place          <= {PLACE_BITS{1'b0}};
                    weight_address <= {ADDRESS_BITS{1'b0}};
                end
            end
            TAKE: begin
                position <= position + 1'b1;
                state    <= SETTLE;
                if (position < 16'd4) begin
                    offset <= {buffer_data, offset[31:8]};
                end else begin
                    accepted     <= accepted + 1'b1;
                    word         <= longer[8*WORD_BYTES+7:8];
                    weight_write <= place == LAST_PLACE[PLACE_BITS-1:0];
                    place        <= place == LAST_PLACE[PLACE_BITS-1:0]
                                  ? {PLACE_BITS{1'b0}} : place + 1'b1;
                end
            end
            default:  // SETTLE
                if (!busy) state <= position >= length ? IDLE : READ;
        endcase
        if (reset) begin
            state        <= IDLE;
            accepted     <= 32'd0;
            present      <= 1'b0;
            weight_write <= 1'b0;
        end
    end

    /* verilator lint_off UNUSED */
    wire unused = intact;
    /* verilator lint_on UNUSED */

endmodule

`default_nettype wire
