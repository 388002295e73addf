// SPDX-License-Identifier: Apache-2.0
// board_packet_transmitter: answers as packets.
//
//   0x5A | status | tag | length, 2 bytes | payload | CRC-32 of status to payload, 4 bytes
//
// The first byte is not that of a request, so that a line that is looped back does not look like a
// board.
//
// Contract
//   - A packet is asked for in a clock in which `start` and `ready` are high; `status`, `tag` and
//     `length` must then stay until `ready` is back, which is when the last byte was handed over.
//   - `payload_index` says which byte of the payload is wanted next; `payload_byte` must be that byte
//     from 12 clocks later on, until the index changes.
//   - Bytes are taken in a clock in which byte_valid and byte_ready are high, at least 20 clocks apart.
//
//   start          _/‾‾‾\_____________________ ... _________
//   ready          ‾‾‾‾‾\_____________________ ... ___/‾‾‾‾
//   byte_valid     _____/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾ ... ‾‾‾\____
//   byte_ready     ‾‾‾‾‾‾‾‾‾\__________/‾\____ ... /‾‾\____
//   byte_data            5A    status     tag      last of CRC

`default_nettype none

module board_packet_transmitter (
    input  wire        clk,
    input  wire        reset,

    input  wire        start,
    output wire        ready,
    input  wire [7:0]  status,
    input  wire [7:0]  tag,
    input  wire [15:0] length,
    output reg  [15:0] payload_index,
    input  wire [7:0]  payload_byte,

    output wire        byte_valid,
    input  wire        byte_ready,
    output reg  [7:0]  byte_data
);

    localparam [7:0] SYNC = 8'h5a;

    localparam [2:0] IDLE = 3'd0, FIRST = 3'd1, STATUS = 3'd2, TAG = 3'd3, LENGTH_LOW = 3'd4,
                     LENGTH_HIGH = 3'd5, PAYLOAD = 3'd6, CHECKSUM = 3'd7;

    reg [2:0] state;
    reg [1:0] checksum_byte;

    wire        sent = byte_valid && byte_ready;
    wire        busy, intact;
    wire [31:0] crc;

    board_crc32 checksum (
        .clk    (clk),
        .clear  (state == FIRST),
        .load   (sent && state != FIRST && state != CHECKSUM),
        .data   (byte_data),
        .busy   (busy),
        .intact (intact),
        .crc    (crc)
    );

    assign ready      = state == IDLE;
    assign byte_valid = state != IDLE && !(state == CHECKSUM && busy);

    always @*
        case (state)
            STATUS:      byte_data = status;
            TAG:         byte_data = tag;
            LENGTH_LOW:  byte_data = length[7:0];
            LENGTH_HIGH: byte_data = length[15:8];
            PAYLOAD:     byte_data = payload_byte;
            CHECKSUM:    byte_data = crc[8*checksum_byte +: 8];
            default:     byte_data = SYNC;
        endcase

    always @(posedge clk) begin
        if (sent)
            case (state)
                LENGTH_HIGH: state <= length == 16'd0 ? CHECKSUM : PAYLOAD;
                PAYLOAD: begin
                    payload_index <= payload_index + 1'b1;
                    if (payload_index + 1'b1 == length) state <= CHECKSUM;
                end
                CHECKSUM: begin
                    checksum_byte <= checksum_byte + 1'b1;
                    if (checksum_byte == 2'd3) state <= IDLE;
                end
                default: state <= state + 1'b1;
            endcase
        if (ready) begin
            payload_index <= 16'd0;
            checksum_byte <= 2'd0;
            if (start) state <= FIRST;
        end
        if (reset) state <= IDLE;
    end

    /* verilator lint_off UNUSED */
    wire unused = intact;  // an answer's checksum is made here, not checked
    /* verilator lint_on UNUSED */

endmodule

`default_nettype wire
