// SPDX-License-Identifier: Apache-2.0
// board_commands: what each request does to the core, and the answer to it.
//
//   request           payload                   answer's payload
//   1 IDENTIFY        none                      identity, 52 bytes
//   2 CHECKSUM        none                      condition, 12 bytes
//   3 LOAD_IMAGE      one byte per input        none
//   4 RUN             none                      result: runs the image that was loaded
//   5 READ            none                      result of the last run, once more
//   6 CLASSIFY        one byte per input        result: LOAD_IMAGE and RUN in one
//   7 LOAD_WEIGHTS    offset, 4 bytes; bytes    none
//
//   identity   protocol version (1 byte), flags (1; bit 0: weights are loaded at run time), inputs (2),
//              output neurons (2), bytes that a payload may have (2), clock in Hz (4), bytes of the
//              weights (4), their CRC-32 (4), SHA-256 of the network (32)
//   condition  flags (1; bit 0: weights are there, 1: an image is, 2: a result is), 0 (1), damaged
//              frames since the reset (2), bytes of weights accepted (4), their CRC-32 (4)
//   result     class (2), clocks from the first input to the result (4), spike count of each output
//              neuron, or its membrane, summed up (4 each, two's complement)
//
//   status     0 done, 1 the frame was damaged, 2 no such request, 3 wrong length, 4 no image,
//              5 no result, 6 no weights, 7 this piece of the weights does not follow
//
// Numbers are sent lowest byte first, the SHA-256 as it is written. With a status other than 0 the
// answer has no payload. Every request may be sent again, and then gives the same answer: so a lost
// answer does no harm.
//
// Contract
//   - A request is worked on while request_valid is high; request_taken ends it, when its answer has
//     gone. request_store says that the buffer is being overwritten.
//   - answer_byte is byte answer_index of the payload, 3 clocks after the index changed.
//   - buffer_data is the byte at buffer_address, one clock after buffer_read.
//   - The core is fed one value per clock as long as it takes them, BEAT of them at a time, zeros
//     beyond the end. Its result is left standing until the next run.
//
//   request_valid  _/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾ ... ‾‾‾‾‾\__
//   in_valid       _______/‾‾‾‾‾‾‾‾‾\__________ ... ________
//   out_valid      ______________________/‾‾‾‾‾ ... ‾‾‾‾‾‾‾‾
//   answer_start   _________________________/‾\ ... ________
//   answer_ready   ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\ ... __/‾‾‾‾‾
//   request_taken  ____________________________ ... __/‾\___

`default_nettype none

module board_commands #(
    parameter        INPUTS           = 64,
    parameter        INPUT_BITS       = 5,
    parameter        BEAT             = 1,            // values that the core takes at a time
    parameter        OUTPUTS          = 10,
    parameter        OUTPUT_BITS      = 4,
    parameter        COUNT_BITS       = 5,
    parameter        COUNT_IS_SIGNED  = 0,
    parameter        BUFFER_BITS      = 9,
    parameter [31:0] CLOCK_HZ         = 32'd24000000,
    parameter        WEIGHTS_LOADED   = 0,
    parameter [31:0] WEIGHT_BYTES     = 32'd0,
    parameter [31:0] WEIGHTS_CHECKSUM = 32'd0
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   request_valid,
    output wire                   request_taken,
    input  wire                   request_intact,
    input  wire [7:0]             request_command,
    input  wire [15:0]            request_length,
    input  wire                   request_store,

    output wire                   answer_start,
    input  wire                   answer_ready,
    output reg  [7:0]             answer_status,
    output wire [15:0]            answer_length,
    input  wire [15:0]            answer_index,
    output reg  [7:0]             answer_byte,

    output wire                   buffer_read,
    output wire [BUFFER_BITS-1:0] buffer_address,
    /* verilator lint_off UNUSED */
    input  wire [7:0]             buffer_data,  // a value of the image has INPUT_BITS bits
    /* verilator lint_on UNUSED */

    // board_weight_loader, if the weights are loaded
    output wire                   loader_start,
    input  wire                   loader_ready,
    input  wire                   loader_out_of_order,
    input  wire                   loader_too_long,
    input  wire [31:0]            weights_accepted,
    input  wire [31:0]            weights_crc,
    input  wire                   weights_present,

    // the core
    output reg                    in_valid,
    input  wire                   in_ready,
    output reg  [BEAT*INPUT_BITS-1:0] in_data,
    input  wire                   out_valid,
    output wire                   out_ready,
    input  wire [OUTPUT_BITS-1:0] out_class,
    output wire [OUTPUT_BITS-1:0] count_address,
    input  wire [COUNT_BITS-1:0]  count_value,
    output wire [2:0]             hash_address,
    input  wire [31:0]            hash_word,

    output wire                   busy
);

    localparam [7:0] IDENTIFY = 8'd1, CHECKSUM = 8'd2, LOAD_IMAGE = 8'd3, RUN = 8'd4, READ = 8'd5,
                     CLASSIFY = 8'd6, LOAD_WEIGHTS = 8'd7;

    localparam [7:0] DONE = 8'd0, DAMAGED = 8'd1, UNKNOWN = 8'd2, WRONG_LENGTH = 8'd3,
                     NO_IMAGE = 8'd4, NO_RESULT = 8'd5, NO_WEIGHTS = 8'd6, OUT_OF_ORDER = 8'd7;

    localparam [31:0] INPUT_COUNT    = INPUTS;
    localparam [31:0] OUTPUT_COUNT   = OUTPUTS;
    localparam [31:0] LAST_PLACE     = BEAT - 1;
    localparam [31:0] FED_COUNT      = (INPUTS + BEAT - 1) / BEAT * BEAT;
    localparam [31:0] CAPACITY       = 1 << BUFFER_BITS;
    localparam [31:0] LOADED         = WEIGHTS_LOADED;
    localparam [7:0]  VERSION        = 8'd1;
    localparam        IDENTITY_BYTES = 20;  // before the hash
    localparam [15:0] IDENTITY_END   = IDENTITY_BYTES + 32;
    localparam [15:0] CONDITION_END  = 16'd12;
    localparam [15:0] COUNTS_BEGIN   = 16'd6;
    localparam [31:0] RESULT_END     = 6 + 4 * OUTPUTS;

    localparam [2:0] IDLE = 3'd0, DISCARD = 3'd1, FEED = 3'd2, RUNNING = 3'd3, WEIGHTS = 3'd4,
                     START = 3'd5, ANSWER = 3'd6;

    reg [2:0] state;

    // ---------------------------------------------------------------------- what to do about it
    reg         image_is_there;
    reg  [15:0] damaged_frames;
    wire        has_weights = weights_present || LOADED == 32'd0;
    wire        is_image    = request_length == INPUT_COUNT[15:0];
    wire        is_empty    = request_length == 16'd0;
    wire        brings      = request_command == LOAD_IMAGE || request_command == CLASSIFY;
    wire        runs        = request_command == RUN || request_command == CLASSIFY;

    reg [7:0] verdict;
    always @*
        case (request_command)
            IDENTIFY, CHECKSUM: verdict = is_empty ? DONE : WRONG_LENGTH;
            LOAD_IMAGE:         verdict = is_image ? DONE : WRONG_LENGTH;
            CLASSIFY:           verdict = !is_image ? WRONG_LENGTH : has_weights ? DONE : NO_WEIGHTS;
            RUN:                verdict = !is_empty ? WRONG_LENGTH
                                        : !image_is_there ? NO_IMAGE
                                        : has_weights ? DONE : NO_WEIGHTS;
            READ:               verdict = !is_empty ? WRONG_LENGTH : out_valid ? DONE : NO_RESULT;
            LOAD_WEIGHTS:       verdict = LOADED != 32'd0 ? DONE : UNKNOWN;
            default:            verdict = UNKNOWN;
        endcase

    wire accept = state == IDLE && request_valid && request_intact && verdict == DONE;

    // ---------------------------------------------------------------------------------- control
    // The image on its way to the core: read, then gathered to beats.
    reg         fetched;      // the buffer shows a value, or one beyond the end
    reg         is_beyond;
    reg  [15:0] next_input;
    reg  [15:0] place;        // in the beat
    reg  [31:0] clocks;
    reg         is_running;   // since the first value was offered
    wire        is_feeding  = state == FEED;
    wire        free        = !in_valid || in_ready;
    wire        gather      = fetched && free;
    wire        ends_beat   = place == LAST_PLACE[15:0];
    wire        has_inputs  = next_input < INPUT_COUNT[15:0];
    wire        fetch       = is_feeding && (!fetched || free) && next_input != FED_COUNT[15:0];
    wire        is_all_sent = next_input == FED_COUNT[15:0] && !fetched && free;

    /* verilator lint_off UNUSED */
    wire [(BEAT+1)*INPUT_BITS-1:0] gathered = {
        is_beyond ? {INPUT_BITS{1'b0}} : buffer_data[INPUT_BITS-1:0], in_data
    };  // its lowest value is the one that leaves
    /* verilator lint_on UNUSED */

    assign buffer_read    = fetch && has_inputs;
    assign buffer_address = next_input[BUFFER_BITS-1:0];
    assign out_ready      = state == DISCARD;
    assign loader_start   = accept && request_command == LOAD_WEIGHTS;
    assign answer_start   = state == START;
    assign request_taken  = state == ANSWER && answer_ready;
    assign busy           = state != IDLE;

    always @(posedge clk) begin
        case (state)
            IDLE: begin
                answer_status <= request_intact ? verdict : DAMAGED;
                if (request_valid) begin
                    if (!accept) state <= START;
                    else if (runs) state <= DISCARD;
                    else state <= request_command == LOAD_WEIGHTS ? WEIGHTS : START;
                end
            end
            DISCARD: state <= FEED;
            FEED:    if (is_all_sent) state <= RUNNING;
            RUNNING: if (out_valid) state <= START;
            WEIGHTS:
                if (loader_ready) begin
                    answer_status <= loader_out_of_order ? OUT_OF_ORDER
                                   : loader_too_long ? WRONG_LENGTH : DONE;
                    state         <= START;
                end
            START:   state <= ANSWER;
            ANSWER:  if (answer_ready) state <= IDLE;
            default: state <= IDLE;
        endcase
        if (reset) state <= IDLE;
    end

    always @(posedge clk) begin
        if (accept && brings) image_is_there <= 1'b1;
        if (state == IDLE && request_valid && !request_intact)
            damaged_frames <= damaged_frames + 1'b1;
        if (reset || request_store) image_is_there <= 1'b0;
        if (reset) damaged_frames <= 16'd0;
    end

    always @(posedge clk) begin
        if (free) in_valid <= 1'b0;
        if (gather) begin
            in_data  <= gathered[(BEAT+1)*INPUT_BITS-1:INPUT_BITS];
            in_valid <= ends_beat;
            place    <= ends_beat ? 16'd0 : place + 1'b1;
            fetched  <= 1'b0;
        end
        if (fetch) begin
            fetched    <= 1'b1;
            is_beyond  <= !has_inputs;
            next_input <= next_input + 1'b1;
        end
        if (is_running) clocks <= clocks + 1'b1;
        if (gather && ends_beat) is_running <= 1'b1;
        if (out_valid) is_running <= 1'b0;
        if (state == DISCARD) begin
            next_input <= 16'd0;
            place      <= 16'd0;
            clocks     <= 32'd0;
            is_running <= 1'b0;
        end
        if (reset) begin
            in_valid <= 1'b0;
            fetched  <= 1'b0;
        end
    end

    // --------------------------------------------------------------------------- answer's bytes
    wire [8*IDENTITY_BYTES-1:0] identity = {
        WEIGHTS_CHECKSUM, WEIGHT_BYTES, CLOCK_HZ, CAPACITY[15:0], OUTPUT_COUNT[15:0],
        INPUT_COUNT[15:0], 7'd0, LOADED != 32'd0, VERSION
    };
    wire [95:0] condition = {
        weights_crc, weights_accepted, damaged_frames, 8'd0, 5'd0, out_valid, image_is_there,
        has_weights
    };
    wire [47:0] result = {clocks, {(16-OUTPUT_BITS){1'b0}}, out_class};
    wire        sign   = COUNT_IS_SIGNED != 0 && count_value[COUNT_BITS-1];
    wire [31:0] count  = {{(32-COUNT_BITS){sign}}, count_value};

    /* verilator lint_off UNUSED */
    wire [15:0] hash_place  = answer_index - IDENTITY_BYTES[15:0];  // high bits: 0 where it matters
    wire [15:0] count_place = answer_index - COUNTS_BEGIN;
    /* verilator lint_on UNUSED */
    wire [1:0]  hash_byte   = ~hash_place[1:0];  // its words are sent highest byte first

    assign hash_address  = hash_place[4:2];
    assign count_address = count_place[OUTPUT_BITS+1:2];
    assign answer_length = answer_status != DONE ? 16'd0
                         : request_command == IDENTIFY ? IDENTITY_END
                         : request_command == CHECKSUM ? CONDITION_END
                         : runs || request_command == READ ? RESULT_END[15:0] : 16'd0;

    always @(posedge clk)
        case (request_command)
            IDENTIFY:
                answer_byte <= answer_index < IDENTITY_BYTES[15:0]
                             ? identity[8*answer_index[4:0] +: 8]
                             : hash_word[8*hash_byte +: 8];
            CHECKSUM:
                answer_byte <= condition[8*answer_index[3:0] +: 8];
            default:
                answer_byte <= answer_index < COUNTS_BEGIN ? result[8*answer_index[2:0] +: 8]
                             : count[8*count_place[1:0] +: 8];
        endcase

endmodule

`default_nettype wire
