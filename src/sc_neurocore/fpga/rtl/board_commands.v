// SPDX-License-Identifier: Apache-2.0
// board_commands: what each request does to the core, and the answer to it.
//
//   request           payload                   answer's payload
//   1 IDENTIFY        none                      identity, 52 bytes
//   2 CHECKSUM        none                      condition, 12 bytes
//   3 LOAD_SAMPLE     one byte per input        none
//   4 RUN             none                      result: runs the sample that was loaded
//   5 READ            none                      result of the last run, once more
//   6 CLASSIFY        one byte per input        result: LOAD_SAMPLE and RUN in one
//   7 LOAD_WEIGHTS    offset, 4 bytes; bytes    none
//   8 FRAME           step; one byte per input  progress, 4 bytes: gives the core a step's frame
//   9 EVENTS          step; events              progress: gives the core the frames of some steps
//
//   With STEPS = 0 the core takes one frame per result, requests 3, 4 and 6; else one frame per step, 8
//   and 9. Then READ gives the result when the progress says that there is one.
//
//   identity   protocol version (1 byte), flags (1; bit 0: weights are loaded at run time, 1: inputs
//              are in two's complement), inputs (2), output neurons (2), bytes that a payload may have
//              (2), clock in Hz (4), bytes of the weights (4), their CRC-32 (4), frames per result, 0
//              for one (2), bits of an input (1), 0 (1), SHA-256 of the network (32)
//   condition  flags (1; bit 0: weights are there, 1: a sample is, 2: a result is), 0 (1), damaged
//              packets since the reset (2), bytes of weights accepted (4), their CRC-32 (4)
//   result     class (2), clocks from the first input to the result (4; with STEPS != 0 those in which
//              the core was given frames or worked on them), spike count of each output neuron, or its
//              membrane, summed up (4 each, two's complement)
//   step       how many frames of this result the core has had before (2); 0 begins a new one
//   events     the input of each spike (2 bytes), any order; 65535 ends a step. An input may come
//              several times in a step: the frame then has that number
//   progress   frames of this result that the core has had (2), flags (1; bit 0: the result is there,
//              which may be before all steps are), 0 (1)
//
//   status     0 done, 1 the packet was damaged, 2 no such request, 3 wrong length, 4 no sample,
//              5 no result, 6 no weights, 7 this piece of the weights, or this step, does not follow,
//              8 events: an input that is not there, or too often, or the last step does not end
//
// Numbers are sent lowest byte first, the SHA-256 as it is written. With a status other than 0 the
// answer has no payload. Every request may be sent again, and then gives the same answer: so a lost
// answer does no harm. Step 0 resets the core and begins anew; the step of the request before says that
// it is that request, whose frames the core has had.
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
    parameter        INPUTS_ARE_SIGNED = 0,
    parameter        BEAT             = 1,            // values that the core takes at a time
    parameter [15:0] STEPS            = 16'd0,        // frames per result; 0: one
    parameter        ENDS_EARLY       = 0,            // whether a result may come before all of them
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
    input  wire [7:0]             buffer_data,  // a value of the sample has INPUT_BITS bits
    /* verilator lint_on UNUSED */

    // board_weight_loader, if the weights are loaded
    output wire                   loader_start,
    input  wire                   loader_ready,
    input  wire                   loader_out_of_order,
    input  wire                   loader_too_long,
    input  wire [31:0]            weights_accepted,
    input  wire [31:0]            weights_crc,
    input  wire                   weights_present,

    // board_events, if there are steps
    output wire                   events_start,
    output wire                   events_next,
    input  wire                   events_frame,
    input  wire                   events_end,
    input  wire                   events_broken,
    output wire                   frame_read,
    output wire [15:0]            frame_address,
    input  wire [INPUT_BITS-1:0]  frame_data,

    // the core
    output wire                   core_restart,
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

    localparam [7:0] IDENTIFY = 8'd1, CHECKSUM = 8'd2, LOAD_SAMPLE = 8'd3, RUN = 8'd4, READ = 8'd5,
                     CLASSIFY = 8'd6, LOAD_WEIGHTS = 8'd7, FRAME = 8'd8, EVENTS = 8'd9;

    localparam [7:0] DONE = 8'd0, DAMAGED = 8'd1, UNKNOWN = 8'd2, WRONG_LENGTH = 8'd3,
                     NO_SAMPLE = 8'd4, NO_RESULT = 8'd5, NO_WEIGHTS = 8'd6, OUT_OF_ORDER = 8'd7,
                     BAD_EVENT = 8'd8;

    localparam [31:0] INPUT_COUNT    = INPUTS;
    localparam [31:0] OUTPUT_COUNT   = OUTPUTS;
    localparam [31:0] LAST_PLACE     = BEAT - 1;
    localparam [31:0] FED_COUNT      = (INPUTS + BEAT - 1) / BEAT * BEAT;
    localparam [31:0] CAPACITY       = 1 << BUFFER_BITS;
    localparam [31:0] LOADED         = WEIGHTS_LOADED;
    localparam [31:0] VALUE_BITS     = INPUT_BITS;
    localparam        HAS_STEPS      = STEPS != 16'd0;
    localparam [31:0] STEP_BYTES     = 2;   // before a frame or events
    localparam [7:0]  VERSION        = 8'd2;
    localparam        IDENTITY_BYTES = 24;  // before the hash
    localparam [15:0] IDENTITY_END   = IDENTITY_BYTES + 32;
    localparam [15:0] CONDITION_END  = 16'd12;
    localparam [15:0] COUNTS_BEGIN   = 16'd6;
    localparam [31:0] RESULT_END     = 6 + 4 * OUTPUTS;
    localparam [15:0] PROGRESS_END   = 16'd4;

    localparam [3:0] IDLE = 4'd0, DISCARD = 4'd1, FEED = 4'd2, RUNNING = 4'd3, WEIGHTS = 4'd4,
                     START = 4'd5, ANSWER = 4'd6,
                     HEAD = 4'd7, COLLECT = 4'd8, STEPPING = 4'd9;  // with steps alone

    reg [3:0] state;

    // ---------------------------------------------------------------------- what to do about it
    reg         sample_is_there;
    reg  [15:0] damaged_packets;
    wire        has_weights = weights_present || LOADED == 32'd0;
    wire        is_sample   = request_length == INPUT_COUNT[15:0];
    wire        is_empty    = request_length == 16'd0;
    wire        brings      = request_command == LOAD_SAMPLE || request_command == CLASSIFY;
    wire        runs        = request_command == RUN || request_command == CLASSIFY;
    wire        is_events   = request_command == EVENTS;
    wire        steps       = is_events || request_command == FRAME;
    wire        is_frame    = {16'd0, request_length} == INPUT_COUNT + STEP_BYTES;
    wire        has_events  = request_length > 16'd3 && !request_length[0];

    reg [7:0] verdict;
    always @*
        case (request_command)
            IDENTIFY, CHECKSUM: verdict = is_empty ? DONE : WRONG_LENGTH;
            LOAD_SAMPLE:        verdict = HAS_STEPS ? UNKNOWN : is_sample ? DONE : WRONG_LENGTH;
            CLASSIFY:           verdict = HAS_STEPS ? UNKNOWN : !is_sample ? WRONG_LENGTH
                                        : has_weights ? DONE : NO_WEIGHTS;
            RUN:                verdict = HAS_STEPS ? UNKNOWN : !is_empty ? WRONG_LENGTH
                                        : !sample_is_there ? NO_SAMPLE
                                        : has_weights ? DONE : NO_WEIGHTS;
            READ:               verdict = !is_empty ? WRONG_LENGTH : out_valid ? DONE : NO_RESULT;
            LOAD_WEIGHTS:       verdict = LOADED != 32'd0 ? DONE : UNKNOWN;
            FRAME, EVENTS:      verdict = !HAS_STEPS ? UNKNOWN
                                        : !(is_events ? has_events : is_frame) ? WRONG_LENGTH
                                        : has_weights ? DONE : NO_WEIGHTS;
            default:            verdict = UNKNOWN;
        endcase

    wire accept = state == IDLE && request_valid && request_intact && verdict == DONE;

    // ---------------------------------------------------------------------------------- control
    // The sample on its way to the core: read, then gathered to beats.
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
        is_beyond ? {INPUT_BITS{1'b0}} : is_events ? frame_data : buffer_data[INPUT_BITS-1:0], in_data
    };  // its lowest value is the one that leaves
    /* verilator lint_on UNUSED */

    // The step that a request begins with: its first two bytes, which stand in `first_step` in the
    // fourth clock of HEAD.
    reg  [1:0]  head;
    reg  [15:0] first_step;
    reg  [15:0] steps_done;   // frames of this result that the core has had
    reg  [15:0] last_step;    // with which the last request began
    reg         is_spoiled;   // by events that cannot be
    wire        begins      = first_step == 16'd0;
    wire        follows     = first_step == steps_done && !is_spoiled;
    wire        is_repeated = first_step == last_step && !is_spoiled;
    wire        is_decided  = state == HEAD && head == 2'd3;
    wire        goes_on     = is_decided && (begins || (follows && !out_valid));
    wire        is_last     = steps_done == STEPS;
    wire        step_ends   = state == STEPPING && !is_last && (ENDS_EARLY == 0 || in_ready);
    /* verilator lint_off UNUSED */
    wire [15:0] behind_step = next_input + STEP_BYTES[15:0];
    /* verilator lint_on UNUSED */

    assign buffer_read    = state == HEAD ? !head[1] : fetch && has_inputs && !is_events;
    assign buffer_address = state == HEAD ? {{(BUFFER_BITS-1){1'b0}}, head[0]}
                          : steps ? behind_step[BUFFER_BITS-1:0] : next_input[BUFFER_BITS-1:0];
    assign frame_read     = fetch && has_inputs && is_events;
    assign frame_address  = next_input;
    assign events_start   = goes_on && is_events;
    assign events_next    = step_ends && is_events && !out_valid && !events_end;
    assign core_restart   = is_decided && begins;
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
                    else if (steps) state <= HEAD;
                    else state <= request_command == LOAD_WEIGHTS ? WEIGHTS : START;
                end
            end
            DISCARD: state <= FEED;
            FEED:    if (is_all_sent) state <= HAS_STEPS ? STEPPING : RUNNING;
            HEAD:
                if (is_decided) begin
                    if (goes_on) state <= is_events ? COLLECT : FEED;
                    else begin
                        if (!out_valid && !is_repeated) answer_status <= OUT_OF_ORDER;
                        state <= START;
                    end
                end
            COLLECT:
                if (events_broken) begin
                    answer_status <= BAD_EVENT;
                    state         <= START;
                end else if (events_frame) state <= FEED;
            STEPPING:
                if (out_valid) state <= START;
                else if (step_ends) state <= is_events && !events_end ? COLLECT : START;
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
        if (accept && brings) sample_is_there <= 1'b1;
        if (state == IDLE && request_valid && !request_intact)
            damaged_packets <= damaged_packets + 1'b1;
        if (reset || request_store) sample_is_there <= 1'b0;
        if (reset) damaged_packets <= 16'd0;
    end

    always @(posedge clk) begin
        head <= state == HEAD ? head + 1'b1 : 2'd0;
        if (state == HEAD) first_step <= {buffer_data, first_step[15:8]};
        if (goes_on) last_step <= first_step;
        if (state == FEED && is_all_sent) steps_done <= steps_done + 1'b1;
        if (state == COLLECT && events_broken) is_spoiled <= 1'b1;
        if (reset || core_restart) begin
            steps_done <= 16'd0;
            last_step  <= 16'd0;
            is_spoiled <= 1'b0;
        end
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
        if (out_valid || step_ends) is_running <= 1'b0;
        if (goes_on || step_ends) begin
            next_input <= 16'd0;
            place      <= 16'd0;
        end
        if (state == DISCARD || core_restart) begin
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
        8'd0, VALUE_BITS[7:0], STEPS, WEIGHTS_CHECKSUM, WEIGHT_BYTES, CLOCK_HZ, CAPACITY[15:0], OUTPUT_COUNT[15:0],
        INPUT_COUNT[15:0], 6'd0, INPUTS_ARE_SIGNED != 0, LOADED != 32'd0, VERSION
    };
    wire [95:0] condition = {
        weights_crc, weights_accepted, damaged_packets, 8'd0, 5'd0, out_valid, sample_is_there,
        has_weights
    };
    wire [31:0] progress = {8'd0, 7'd0, out_valid, steps_done};
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
                         : steps ? PROGRESS_END
                         : runs || request_command == READ ? RESULT_END[15:0] : 16'd0;

    always @(posedge clk)
        case (request_command)
            IDENTIFY:
                answer_byte <= answer_index < IDENTITY_BYTES[15:0]
                             ? identity[8*answer_index[4:0] +: 8]
                             : hash_word[8*hash_byte +: 8];
            CHECKSUM:
                answer_byte <= condition[8*answer_index[3:0] +: 8];
            FRAME, EVENTS:
                answer_byte <= progress[8*answer_index[1:0] +: 8];
            default:
                answer_byte <= answer_index < COUNTS_BEGIN ? result[8*answer_index[2:0] +: 8]
                             : count[8*count_place[1:0] +: 8];
        endcase

endmodule

`default_nettype wire
