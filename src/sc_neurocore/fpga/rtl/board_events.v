// SPDX-License-Identifier: Apache-2.0
// board_events: a step's frame from the events of a request.
//
// Events are two bytes each in the buffer, lowest first, behind the request's two bytes of its step:
// the number of an input, which has one spike more then, or 65535, which ends the step. A frame of
// zeros is made first; each event adds one to its place.
//
// Contract
//   - `start` begins with the request's first event; `next` goes on with the next step, while `frame`
//     is high. Both begin a new frame.
//   - `frame` rises when a step has ended and stays until then: the frame can be read, frame_data one
//     clock after frame_read. `at_end` says that no event is left behind it.
//   - `broken` rises instead where an input is not among INPUTS, has more spikes than INPUT_BITS hold,
//     or the events end within a step; it stays until the next start.
//   - buffer_data is the byte at buffer_address, one clock after buffer_read. `length` is the request's.
//
//   start        _/‾\________________ ... _________
//   frame        ________________________ ... /‾‾‾‾
//   clearing     ___/‾‾‾‾‾‾‾‾‾\______ ... _________   INPUTS clocks
//   buffer_read  _____________/‾‾‾\__ ... _________   two bytes of each event
//   write        ___/‾‾‾‾‾‾‾‾‾\____/‾ ... _________

`default_nettype none

module board_events #(
    parameter INPUTS      = 64,
    parameter INPUT_BITS  = 1,
    parameter BUFFER_BITS = 9
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   start,
    input  wire                   next,
    input  wire [15:0]            length,
    output wire                   frame,
    output wire                   at_end,
    output wire                   broken,

    output wire                   buffer_read,
    output wire [BUFFER_BITS-1:0] buffer_address,
    input  wire [7:0]             buffer_data,

    input  wire                   frame_read,
    /* verilator lint_off UNUSED */
    input  wire [15:0]            frame_address,  // below INPUTS
    /* verilator lint_on UNUSED */
    output wire [INPUT_BITS-1:0]  frame_data
);

    localparam        ADDRESS_BITS = INPUTS > 1 ? $clog2(INPUTS) : 1;
    localparam [31:0] INPUT_COUNT  = INPUTS;
    localparam [31:0] LAST_INPUT   = INPUTS - 1;
    localparam [15:0] END_OF_STEP  = 16'hffff;

    localparam [2:0] IDLE = 3'd0, CLEAR = 3'd1, LOW = 3'd2, HIGH = 3'd3, LOOK = 3'd4, WAIT = 3'd5,
                     ADD = 3'd6, BROKEN = 3'd7;

    reg [2:0]  state;
    reg        is_whole;
    reg [15:0] position;    // in the request, of the next byte
    reg [15:0] place;       // of the frame: what is cleared, then the event's input
    reg [7:0]  low;

    wire [15:0]           event_input = {buffer_data, low};  // in LOOK
    wire                  ends        = event_input == END_OF_STEP;
    wire                  is_there    = event_input < INPUT_COUNT[15:0];
    wire                  is_full     = &frame_data;         // in ADD
    wire                  has_events  = position < length;
    wire                  clears      = state == CLEAR;
    wire                  adds        = state == ADD && !is_full;
    wire [INPUT_BITS-1:0] more        = frame_data + 1'b1;

    assign frame          = is_whole;
    assign at_end         = !has_events;
    assign broken         = state == BROKEN;
    assign buffer_read    = (state == LOW && has_events) || state == HIGH;
    assign buffer_address = position[BUFFER_BITS-1:0];

    snn_ram #(.WIDTH(INPUT_BITS), .ADDRESS_BITS(ADDRESS_BITS)) spikes (
        .clk           (clk),
        .write         (clears || adds),
        .write_address (place[ADDRESS_BITS-1:0]),
        .write_data    (clears ? {INPUT_BITS{1'b0}} : more),
        .read          (frame_read || state == WAIT),
        .read_address  (frame_read ? frame_address[ADDRESS_BITS-1:0] : place[ADDRESS_BITS-1:0]),
        .read_data     (frame_data)
    );

    always @(posedge clk) begin
        case (state)
            CLEAR:
                if (place == LAST_INPUT[15:0]) state <= LOW;
                else place <= place + 1'b1;
            LOW: begin
                position <= position + 1'b1;
                state    <= has_events ? HIGH : BROKEN;
            end
            HIGH: begin
                low      <= buffer_data;
                position <= position + 1'b1;
                state    <= LOOK;
            end
            LOOK: begin
                place    <= event_input;
                is_whole <= ends;
                state    <= ends ? IDLE : is_there ? WAIT : BROKEN;
            end
            WAIT:    state <= ADD;
            ADD:     state <= is_full ? BROKEN : LOW;
            default: ;  // IDLE, BROKEN
        endcase
        if (start) position <= 16'd2;
        if (start || next) begin
            place    <= 16'd0;
            is_whole <= 1'b0;
            state    <= CLEAR;
        end
        if (reset) begin
            is_whole <= 1'b0;
            state    <= IDLE;
        end
    end

endmodule

`default_nettype wire
