// SPDX-License-Identifier: Apache-2.0
// board_controller: a core at the end of a serial line.
//
//   uart_rx ──> receiver ──> packet receiver ──payload──> buffer ──┬──> commands ──> core
//                                  │                               ├──> events ──> frames for commands
//                                  │                               └──> weight loader ──> its weights
//                                  └────────request────> commands
//   uart_tx <── transmitter <── packet transmitter <──────answer──────┘
//
// One request is answered at a time; what comes while one is worked on is ignored. board_commands.v
// holds the list of requests, board_packet_receiver.v how packets survive a bad line.
//
// Contract
//   - One clock, synchronous reset. uart_rx is brought into the clock here.
//   - CLOCKS_PER_BIT >= 4. 2**BUFFER_BITS >= INPUTS, and INPUTS + 2 with steps; BUFFER_BITS <= 15; INPUT_BITS <= 8.
//   - With WEIGHTS_LOADED = 0 the weight_* ports are silent; with STEPS = 0 core_restart is, too.
//   - `ready`: the weights are there. `busy`: a request is worked on.
//
//   uart_rx  ‾‾\request/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//   busy     __________/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\___
//   uart_tx  ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\answer/‾‾‾‾‾‾

`default_nettype none

module board_controller #(
    parameter        CLOCKS_PER_BIT      = 24,
    parameter        TIMEOUT_BITS        = 21,
    parameter        BUFFER_BITS         = 9,
    parameter [31:0] CLOCK_HZ            = 32'd24000000,
    parameter        INPUTS              = 64,
    parameter        INPUT_BITS          = 5,
    parameter        INPUTS_ARE_SIGNED   = 0,
    parameter        BEAT                = 1,
    parameter [15:0] STEPS               = 16'd0,  // frames per result; 0: one
    parameter        ENDS_EARLY          = 0,      // whether a result may come before all of them
    parameter        OUTPUTS             = 10,
    parameter        OUTPUT_BITS         = 4,
    parameter        COUNT_BITS          = 5,
    parameter        COUNT_IS_SIGNED     = 0,
    parameter        WEIGHTS_LOADED      = 0,
    parameter [31:0] WEIGHT_BYTES        = 32'd0,
    parameter [31:0] WEIGHTS_CHECKSUM    = 32'd0,
    parameter        WEIGHT_DATA_BITS    = 8,
    parameter        WEIGHT_ADDRESS_BITS = 1
) (
    input  wire                           clk,
    input  wire                           reset,

    input  wire                           uart_rx,
    output wire                           uart_tx,

    output wire                           core_restart,
    output wire                           in_valid,
    input  wire                           in_ready,
    output wire [BEAT*INPUT_BITS-1:0]     in_data,
    input  wire                           out_valid,
    output wire                           out_ready,
    input  wire [OUTPUT_BITS-1:0]         out_class,
    output wire [OUTPUT_BITS-1:0]         count_address,
    input  wire [COUNT_BITS-1:0]          count_value,
    output wire [2:0]                     hash_address,
    input  wire [31:0]                    hash_word,

    output wire                           weight_write,
    output wire [WEIGHT_ADDRESS_BITS-1:0] weight_address,
    output wire [WEIGHT_DATA_BITS-1:0]    weight_data,

    output wire                           ready,
    output wire                           busy
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (CLOCKS_PER_BIT < 4) a_bit_must_last_4_clocks stop ();
        if (BUFFER_BITS > 15 || INPUTS + (STEPS != 16'd0 ? 2 : 0) > (1 << BUFFER_BITS))
            the_buffer_must_hold_the_inputs_in_15_bits stop ();
        if (INPUT_BITS > 8) inputs_must_be_bytes stop ();
    endgenerate

    // ---------------------------------------------------------------------------- serial line in
    wire       heard_valid, heard_broken;
    wire [7:0] heard;

    board_uart_receiver #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) receiver (
        .clk    (clk),
        .reset  (reset),
        .line   (uart_rx),
        .valid  (heard_valid),
        .broken (heard_broken),
        .data   (heard)
    );

    wire                   store;
    wire [BUFFER_BITS-1:0] store_address;
    wire                   request_valid, request_taken, request_intact;
    wire [7:0]             request_command, request_tag;
    wire [15:0]            request_length;

    board_packet_receiver #(
        .BUFFER_BITS(BUFFER_BITS), .TIMEOUT_BITS(TIMEOUT_BITS)
    ) packet_receiver (
        .clk           (clk),
        .reset         (reset),
        .byte_valid    (heard_valid),
        .byte_broken   (heard_broken),
        .byte_data     (heard),
        .store         (store),
        .store_address (store_address),
        .valid         (request_valid),
        .taken         (request_taken),
        .intact        (request_intact),
        .command       (request_command),
        .tag           (request_tag),
        .length        (request_length)
    );

    // --------------------------------------------------------------------------------- the buffer
    wire                   commands_read, events_read, loader_read;
    wire [BUFFER_BITS-1:0] commands_address, events_address, loader_address;
    wire [7:0]             buffer_data;

    snn_ram #(.WIDTH(8), .ADDRESS_BITS(BUFFER_BITS)) buffer (
        .clk           (clk),
        .write         (store),
        .write_address (store_address),
        .write_data    (heard),
        .read          (commands_read || events_read || loader_read),
        .read_address  (loader_read ? loader_address : events_read ? events_address : commands_address),
        .read_data     (buffer_data)
    );

    // ----------------------------------------------------------------------------------- commands
    wire        answer_start, answer_ready;
    wire [7:0]  answer_status, answer_byte;
    wire [15:0] answer_length, answer_index;
    wire        loader_start, loader_ready, loader_out_of_order, loader_too_long;
    wire [31:0] weights_accepted, weights_crc;
    wire        weights_present;
    wire        events_start, events_next, events_frame, events_end, events_broken;
    wire        frame_read;
    wire [15:0] frame_address;
    wire [INPUT_BITS-1:0] frame_data;

    board_commands #(
        .INPUTS(INPUTS), .INPUT_BITS(INPUT_BITS), .INPUTS_ARE_SIGNED(INPUTS_ARE_SIGNED), .BEAT(BEAT), .STEPS(STEPS),
        .ENDS_EARLY(ENDS_EARLY), .OUTPUTS(OUTPUTS),
        .OUTPUT_BITS(OUTPUT_BITS), .COUNT_BITS(COUNT_BITS), .COUNT_IS_SIGNED(COUNT_IS_SIGNED),
        .BUFFER_BITS(BUFFER_BITS), .CLOCK_HZ(CLOCK_HZ),
        .WEIGHTS_LOADED(WEIGHTS_LOADED), .WEIGHT_BYTES(WEIGHT_BYTES),
        .WEIGHTS_CHECKSUM(WEIGHTS_CHECKSUM)
    ) commands (
        .clk                 (clk),
        .reset               (reset),
        .request_valid       (request_valid),
        .request_taken       (request_taken),
        .request_intact      (request_intact),
        .request_command     (request_command),
        .request_length      (request_length),
        .request_store       (store),
        .answer_start        (answer_start),
        .answer_ready        (answer_ready),
        .answer_status       (answer_status),
        .answer_length       (answer_length),
        .answer_index        (answer_index),
        .answer_byte         (answer_byte),
        .buffer_read         (commands_read),
        .buffer_address      (commands_address),
        .buffer_data         (buffer_data),
        .loader_start        (loader_start),
        .loader_ready        (loader_ready),
        .loader_out_of_order (loader_out_of_order),
        .loader_too_long     (loader_too_long),
        .weights_accepted    (weights_accepted),
        .weights_crc         (weights_crc),
        .weights_present     (weights_present),
        .events_start        (events_start),
        .events_next         (events_next),
        .events_frame        (events_frame),
        .events_end          (events_end),
        .events_broken       (events_broken),
        .frame_read          (frame_read),
        .frame_address       (frame_address),
        .frame_data          (frame_data),
        .core_restart        (core_restart),
        .in_valid            (in_valid),
        .in_ready            (in_ready),
        .in_data             (in_data),
        .out_valid           (out_valid),
        .out_ready           (out_ready),
        .out_class           (out_class),
        .count_address       (count_address),
        .count_value         (count_value),
        .hash_address        (hash_address),
        .hash_word           (hash_word),
        .busy                (busy)
    );

    generate
        if (STEPS != 16'd0) begin : by_step
            board_events #(
                .INPUTS(INPUTS), .INPUT_BITS(INPUT_BITS), .BUFFER_BITS(BUFFER_BITS)
            ) events (
                .clk            (clk),
                .reset          (reset),
                .start          (events_start),
                .next           (events_next),
                .length         (request_length),
                .frame          (events_frame),
                .at_end         (events_end),
                .broken         (events_broken),
                .buffer_read    (events_read),
                .buffer_address (events_address),
                .buffer_data    (buffer_data),
                .frame_read     (frame_read),
                .frame_address  (frame_address),
                .frame_data     (frame_data)
            );
        end else begin : by_sample
            assign events_frame   = 1'b0;
            assign events_end     = 1'b1;
            assign events_broken  = 1'b0;
            assign events_read    = 1'b0;
            assign events_address = {BUFFER_BITS{1'b0}};
            assign frame_data     = {INPUT_BITS{1'b0}};
            wire unused = &{events_start, events_next, frame_read, frame_address, 1'b0};
        end
    endgenerate

    generate
        if (WEIGHTS_LOADED != 0) begin : loaded
            board_weight_loader #(
                .BUFFER_BITS(BUFFER_BITS), .WEIGHT_BYTES(WEIGHT_BYTES),
                .CHECKSUM(WEIGHTS_CHECKSUM), .DATA_BITS(WEIGHT_DATA_BITS),
                .ADDRESS_BITS(WEIGHT_ADDRESS_BITS)
            ) loader (
                .clk            (clk),
                .reset          (reset),
                .start          (loader_start),
                .ready          (loader_ready),
                .length         (request_length),
                .out_of_order   (loader_out_of_order),
                .too_long       (loader_too_long),
                .buffer_read    (loader_read),
                .buffer_address (loader_address),
                .buffer_data    (buffer_data),
                .accepted       (weights_accepted),
                .crc            (weights_crc),
                .present        (weights_present),
                .weight_write   (weight_write),
                .weight_address (weight_address),
                .weight_data    (weight_data)
            );
            assign ready = weights_present;
        end else begin : built_in
            assign loader_ready        = !loader_start;  // which stays low
            assign loader_out_of_order = 1'b0;
            assign loader_too_long     = 1'b0;
            assign loader_read         = 1'b0;
            assign loader_address      = {BUFFER_BITS{1'b0}};
            assign weights_accepted    = WEIGHT_BYTES;
            assign weights_crc         = WEIGHTS_CHECKSUM;
            assign weights_present     = 1'b1;
            assign weight_write        = 1'b0;
            assign weight_address      = {WEIGHT_ADDRESS_BITS{1'b0}};
            assign weight_data         = {WEIGHT_DATA_BITS{1'b0}};
            assign ready               = 1'b1;
        end
    endgenerate

    // --------------------------------------------------------------------------- serial line out
    wire       said_valid, said_ready;
    wire [7:0] said;

    board_packet_transmitter packet_transmitter (
        .clk           (clk),
        .reset         (reset),
        .start         (answer_start),
        .ready         (answer_ready),
        .status        (answer_status),
        .tag           (request_tag),
        .length        (answer_length),
        .payload_index (answer_index),
        .payload_byte  (answer_byte),
        .byte_valid    (said_valid),
        .byte_ready    (said_ready),
        .byte_data     (said)
    );

    board_uart_transmitter #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) transmitter (
        .clk   (clk),
        .reset (reset),
        .valid (said_valid),
        .ready (said_ready),
        .data  (said),
        .line  (uart_tx)
    );

endmodule

`default_nettype wire
