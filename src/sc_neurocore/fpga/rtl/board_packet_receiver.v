// SPDX-License-Identifier: Apache-2.0
// board_packet_receiver: packets out of a stream of bytes that may lose, change or invent some.
//
//   0xA5 | command | tag | length, 2 bytes | payload | CRC-32 of command to payload, 4 bytes
//
// Numbers are sent lowest byte first. The payload goes into a buffer as it comes.
//
// Whatever happens on the line, the receiver finds the next packet: outside a packet it waits for 0xA5;
// a length that the buffer does not hold, a broken byte or 2**TIMEOUT_BITS clocks without a byte end a
// packet. So a sender that is silent for that long can be sure to be heard.
//
// Contract
//   - `valid` rises when a packet is whole and stays until `taken`; meanwhile bytes are ignored, and
//     the buffer and the fields stay. `intact` says whether the checksum was right; if it was not, no
//     other field means anything.
//   - `store` writes a byte of the payload to the buffer: whoever looks at it must know that what was
//     there is gone.
//   - Bytes are at least 16 clocks apart.
//
//   byte_valid  _/‾\_____/‾\____ ... __/‾\______________________
//   byte         A5      command       last of CRC
//   store       ________________ ... ___________________________
//   valid       ________________ ... __________/‾‾‾‾‾‾‾‾\_______
//   taken       ________________ ... ______________/‾‾‾\________

`default_nettype none

module board_packet_receiver #(
    parameter BUFFER_BITS  = 10,
    parameter TIMEOUT_BITS = 20
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   byte_valid,
    input  wire                   byte_broken,
    input  wire [7:0]             byte_data,

    output wire                   store,
    output wire [BUFFER_BITS-1:0] store_address,

    output wire                   valid,
    input  wire                   taken,
    output wire                   intact,
    output reg  [7:0]             command,
    output reg  [7:0]             tag,
    output reg  [15:0]            length
);

    localparam [7:0]  SYNC     = 8'ha5;
    localparam [31:0] CAPACITY = 1 << BUFFER_BITS;

    localparam [2:0] HUNT = 3'd0, COMMAND = 3'd1, TAG = 3'd2, LENGTH_LOW = 3'd3, LENGTH_HIGH = 3'd4,
                     PAYLOAD = 3'd5, CHECKSUM = 3'd6, WHOLE = 3'd7;

    reg [2:0]              state;
    reg [15:0]             position;  // in the payload, then in the checksum
    reg [TIMEOUT_BITS-1:0] silence;

    wire in_packet = state != HUNT && state != WHOLE;
    wire take      = byte_valid && in_packet;
    wire busy;

    board_crc32 checksum (
        .clk    (clk),
        .clear  (state == HUNT),
        .load   (take),
        .data   (byte_data),
        .busy   (busy),
        .intact (intact),
        /* verilator lint_off PINCONNECTEMPTY */
        .crc    ()  // whether it was right is all that counts here
        /* verilator lint_on PINCONNECTEMPTY */
    );

    assign store         = byte_valid && state == PAYLOAD;
    assign store_address = position[BUFFER_BITS-1:0];
    assign valid         = state == WHOLE && !busy;

    wire [15:0] whole_length = {byte_data, length[7:0]};
    wire        too_long     = {16'd0, whole_length} > CAPACITY;

    always @(posedge clk) begin
        silence <= byte_valid || !in_packet ? {TIMEOUT_BITS{1'b0}} : silence + 1'b1;
        if (take) position <= position + 1'b1;
        if (byte_valid)
            case (state)
                HUNT:
                    if (byte_data == SYNC) state <= COMMAND;
                COMMAND: begin
                    command <= byte_data;
                    state   <= TAG;
                end
                TAG: begin
                    tag   <= byte_data;
                    state <= LENGTH_LOW;
                end
                LENGTH_LOW: begin
                    length[7:0] <= byte_data;
                    state       <= LENGTH_HIGH;
                end
                LENGTH_HIGH: begin
                    length[15:8] <= byte_data;
                    position     <= 16'd0;
                    state        <= too_long ? HUNT : whole_length == 16'd0 ? CHECKSUM : PAYLOAD;
                end
                PAYLOAD:
                    if (position + 1'b1 == length) begin
                        position <= 16'd0;
                        state    <= CHECKSUM;
                    end
                CHECKSUM:
                    if (position[1:0] == 2'd3) state <= WHOLE;
                default: ;  // WHOLE
            endcase
        if (in_packet && (byte_broken || &silence)) state <= HUNT;
        if (valid && taken) state <= HUNT;
        if (reset) state <= HUNT;
    end

endmodule

`default_nettype wire
