// SPDX-License-Identifier: Apache-2.0
// snn_engine: a whole spiking network, computed by LANES lanes and UNITS neuron units in turn.
//
// Frames of unsigned inputs go in, results come out: the class, and the score of every output neuron.
// The work is split where the data narrows:
//
//    in ──> loader ──frames──> controller ──words──> scanner ──tokens──> accumulator ──jobs──> neurons
//             │                   ▲  idle             ▲                     ▲                  ▲  │
//             │ events            │                   │ events, spikes      │ weights          │  │
//             ▼                   │                   │                     │                  │  ▼
//           event memory ─────────│───────────────────┘               weight memory            │ spikes
//                                 │                               neuron memory, neuron units ─┘  │
//                                 └──────── count_reached, chosen ────────────── readout ───────┘
//
// LANES weights are read at a time, one for each neuron of a group, so that an active input costs one
// clock for the whole group; an input that is silent costs none. While UNITS neuron units serve one
// group, the accumulator already sums up the next, and the loader takes the next frame.
//
// There are two orders of the loops (snn_controller.v). STEP_OUTER = 0, group-stationary: all steps of
// a group, then the next group, then the next layer; states wait in a word per turn. STEP_OUTER = 1:
// a step of all layers, then the next step; states lie in a memory. So a layer may read its own spikes
// of the step before, delayed sums may wait in rings, inputs may be different in every step, and a
// sample may end as soon as some neuron has had COUNT_THRESHOLD spikes.
//
// With WINDOWS, in a network with convolutions, snn_window.v stands between controller and scanner: the
// controller goes from group to group, and it names the words that each group sees, with their rows of
// weights. Spikes lie place after place then, and with WALKS_FRAME the values of a frame do, too.
//
// What comes in and a layer's own spikes meet in one sum. Where their weights have different units,
// the input's value is shifted left by `layer_input_shift` or `layer_recurrent_shift`, which brings the
// product to the finer unit.
//
// What belongs to one network comes from outside: what each layer is like (`layer_*`: a combinational
// table), the weight memory (`weights_*`: one row, a clock after it was asked for, and held until the
// next), and the neurons' equations (`unit_*`: UNITS times, each with its results UNIT_LATENCY clocks
// later; which one is meant follows from `layer`).
//
// With PART_BITS > 0 the arithmetic is stochastic: values of a frame become streams, which lanes count where
// they would multiply, and a weight is the ones of its own stream. Such a value takes 2**PART_BITS clocks.
//
// A neuron has CURRENTS currents, one for each input of its equation, and a lane a multiplier and a sum for each
// of them, side by side; where an equation has fewer inputs, the weights of the others are zero.
//
// Contract
//   - One clock, synchronous reset (at least one clock, before the first frame).
//   - in_*, out_*: a transfer happens in a clock in which valid and ready are high. A frame has
//     last_beat + 1 beats of BEAT values, in the order of their index, the first in the low bits; with
//     WALKS_FRAME place by place, all channels of one, its last beat filled up with zeros, before the next.
//     With IS_STATIC one frame gives one result, otherwise last_step + 1 frames do, one per step.
//     Results come in the order of their frames. A frame is taken in while the one before is worked
//     on; but not where frames come per step and COUNT_THRESHOLD may end a sample: there in_ready waits for
//     the step's end, and out_valid may rise in place of a further frame.
//   - out_class is held while out_valid is high. count_value is the score of output neuron
//     count_address, one clock later, while out_valid is high.
//   - trace_*: every update of every neuron, once: its state after reset, and its spike. Up to UNITS
//     neurons at a time: unit u shows neuron trace_neuron + u where trace_valid[u]. Leave open.
//
//   clk        _/‾\_/‾\_/‾\_ ... /‾\_/‾\_/‾\_/‾\_
//   in_valid   _/‾‾‾‾‾‾‾‾‾‾‾ ... \________________
//   in_ready   ‾‾‾‾‾‾‾‾‾‾‾‾‾ ... \_/‾‾‾‾‾‾‾‾‾‾‾‾‾‾    low for a clock between two frames, or until the
//   out_valid  _____________ ... _________/‾‾‾\____    one before is done
//   out_ready  _____________ ... _____/‾‾‾‾‾‾‾\____

`default_nettype none

module snn_engine #(
    parameter STEP_OUTER      = 0,
    parameter IS_STATIC       = 1,                 // 0, a frame per step, needs STEP_OUTER = 1
    parameter LANES           = 8,                 // a power of two
    parameter CURRENTS        = 1,                 // of a neuron
    parameter [4*LANES*CURRENTS-1:0] MULTIPLIERS = 0, // of each, the kind of snn_product.v
    parameter UNITS           = 1,                 // neuron units: a power of two, up to LANES
    parameter UNIT_LATENCY    = 0,
    parameter PERIOD          = 8,                 // clocks for the lanes' turns, see snn_neurons.v
    parameter LAYER_BITS      = 1,
    parameter GROUP_BITS      = 4,
    parameter STEP_BITS       = 5,
    parameter INDEX_BITS      = 7,                 // of an input of any layer
    parameter EVENT_BITS      = 6,                 // of a beat of the frame
    parameter BEAT            = 1,                 // values of a beat: a power of two
    parameter INPUT_BITS      = 5,
    parameter SIGNED_INPUTS   = 0,                 // in two's complement, of 2 bits or more
    parameter INPUT_SHIFT_BITS = 1,
    parameter VALUE_BITS      = 5,                 // of an input, shifted
    parameter WEIGHT_BITS     = 8,
    parameter DELAY_BITS      = 0,                 // of a delay above a weight; needs STEP_OUTER = 1
    parameter RING_BITS       = 1,                 // of a ring's number
    parameter ROW_BITS        = 11,                // of a row of the weight memory
    parameter SUM_BITS        = 20,
    parameter SLOTS           = 144,               // words of the neuron memory
    parameter SLOT_BITS       = 8,
    parameter BIAS_BITS       = 16,
    parameter LEFT_SHIFT      = 0,
    parameter SHIFT_BITS      = 4,
    parameter CURRENT_BITS    = 20,
    parameter PARAMETER_BITS  = 1,
    parameter STATE_BITS      = 16,
    parameter OUTPUT_BITS     = 4,                 // of the number of an output neuron
    parameter MEMBRANE_BITS   = 0,                 // of the state that scores sum up; 0: spikes instead
    parameter MEMBRANE_LOW    = 0,                 // where in the state
    parameter COUNT_BITS      = 5,                 // of a score
    parameter COUNT_THRESHOLD = 0,                 // spikes that end a sample; needs STEP_OUTER = 1
    parameter WINDOWS         = 0,                 // whether words are walked by snn_window.v
    parameter WALKS_FRAME     = 0,                 // those of the frame too
    parameter JOINS           = 0,                 // whether some are joined by OR
    parameter COORDINATE_BITS = 1,                 // of a row or column of places
    parameter TAP_BITS        = 1,                 // of an entry of a table of taps
    parameter JOINED_BITS     = 1,
    parameter ADDRESS_BITS    = 1,                 // of a word that is walked
    parameter SPIKE_WORDS     = 1,                 // in each bank, with STEP_OUTER = 1
    parameter WALK_BITS       = INDEX_BITS,        // of the number of a word that is not walked
    parameter STATE_SLOT_BITS = SLOT_BITS,         // of a state's place, with STEP_OUTER = 1
    parameter STATE_WORDS     = STEP_OUTER != 0 ? 1 << SLOT_BITS : LANES / UNITS,
    parameter PART_BITS       = 0,                 // of the number of a part of a stream; 0: no streams
    parameter STREAM_SHIFT    = 1,                 // these and the next as snn_streams.v has them
    parameter STREAM_FRACTION = 1,
    parameter [(STREAM_SHIFT << (PART_BITS+STREAM_SHIFT))-1:0] STREAM_PLACES = 0,
    parameter [((STREAM_FRACTION > STREAM_SHIFT ? STREAM_FRACTION-STREAM_SHIFT : 1) << PART_BITS)-1:0] STREAM_LOWS = 0,
    parameter [((PART_BITS > 0 ? PART_BITS : 1) << PART_BITS)-1:0] WEIGHT_LOWS = 0,
    parameter WEIGHT_SHIFT    = 0,                 // as snn_product.v has it
    parameter NEURONS_FILE    = "",
    // Derived, and not to be set.
    parameter LANE_BITS       = LANES > 1 ? $clog2(LANES) : 1
) (
    input  wire                      clk,
    input  wire                      reset,

    input  wire                      in_valid,
    output wire                      in_ready,
    input  wire [BEAT*INPUT_BITS-1:0] in_data,

    output wire                      out_valid,
    input  wire                      out_ready,
    output wire [OUTPUT_BITS-1:0]    out_class,
    input  wire [OUTPUT_BITS-1:0]    count_address,
    output wire [COUNT_BITS-1:0]     count_value,

    // Tables of the network.
    input  wire [EVENT_BITS-1:0]     last_beat,
    input  wire [STEP_BITS-1:0]      last_step,
    input  wire [OUTPUT_BITS-1:0]    last_output,

    output wire [LAYER_BITS-1:0]     layer,
    input  wire                      layer_is_last,
    input  wire                      layer_takes_frame,
    input  wire                      layer_is_recurrent,
    input  wire                      layer_is_delayed,
    input  wire [INDEX_BITS-1:0]     layer_last_word,
    input  wire [GROUP_BITS-1:0]     layer_last_group,
    input  wire [LANE_BITS-1:0]      layer_last_lane,
    input  wire [ROW_BITS-1:0]       layer_inputs,
    input  wire [ROW_BITS-1:0]       layer_outputs,
    input  wire [INPUT_SHIFT_BITS-1:0] layer_input_shift,
    input  wire [INPUT_SHIFT_BITS-1:0] layer_recurrent_shift,
    input  wire [RING_BITS-1:0]      layer_first_ring,
    input  wire [SLOT_BITS-1:0]      layer_first_slot,
    input  wire [SHIFT_BITS-1:0]     layer_shift,
    input  wire [GROUP_BITS-1:0]     layer_last_block,
    input  wire [ROW_BITS-1:0]       layer_first_row,
    input  wire                      layer_shares_rows,
    input  wire                      layer_shares_slots,
    input  wire [STATE_SLOT_BITS-1:0] layer_first_state,

    // Tables of the windows, see snn_window.v.
    output wire [COORDINATE_BITS-1:0] window_row,
    output wire [COORDINATE_BITS-1:0] window_column,
    output wire [TAP_BITS-1:0]        window_row_tap,
    output wire [TAP_BITS-1:0]        window_column_tap,
    input  wire [TAP_BITS-1:0]        place_first_row_tap,
    input  wire [TAP_BITS-1:0]        place_last_row_tap,
    input  wire [TAP_BITS-1:0]        place_first_column_tap,
    input  wire [TAP_BITS-1:0]        place_last_column_tap,
    input  wire [ADDRESS_BITS-1:0]    row_tap_offset,
    input  wire [ROW_BITS-1:0]        row_tap_rows,
    input  wire [JOINED_BITS-1:0]     row_tap_joined,
    input  wire [ADDRESS_BITS-1:0]    column_tap_offset,
    input  wire [ROW_BITS-1:0]        column_tap_rows,
    input  wire [JOINED_BITS-1:0]     column_tap_joined,
    input  wire [COORDINATE_BITS-1:0] window_last_column,
    input  wire [ADDRESS_BITS-1:0]    window_row_step,
    input  wire [ADDRESS_BITS-1:0]    window_column_step,
    input  wire [ADDRESS_BITS-1:0]    window_row_apart,
    input  wire [ADDRESS_BITS-1:0]    window_column_apart,
    input  wire [ADDRESS_BITS-1:0]    window_word_step,
    input  wire [ADDRESS_BITS-1:0]    window_last_word,
    input  wire [ADDRESS_BITS-1:0]    window_block_step,
    input  wire [ADDRESS_BITS-1:0]    window_first_input,
    input  wire [ADDRESS_BITS-1:0]    window_first_output,
    input  wire                       window_joins,

    // The weight memory.
    output wire                           weights_read,
    output wire [ROW_BITS-1:0]            weights_row,
    input  wire [LANES*CURRENTS*(DELAY_BITS+WEIGHT_BITS)-1:0] weights,

    // The neuron's equation, UNITS times.
    input  wire [STATE_BITS-1:0]           unit_initial,
    output wire [UNITS*STATE_BITS-1:0]     unit_state,
    output wire [UNITS*CURRENTS*CURRENT_BITS-1:0] unit_current,
    output wire [UNITS*PARAMETER_BITS-1:0] unit_parameters,
    input  wire [UNITS*STATE_BITS-1:0]     unit_next_state,
    input  wire [UNITS-1:0]                unit_spike,

    output wire [UNITS-1:0]                trace_valid,
    output wire [LAYER_BITS-1:0]           trace_layer,
    output wire [GROUP_BITS+LANE_BITS-1:0] trace_neuron,
    output wire [STEP_BITS-1:0]            trace_step,
    output wire [UNITS*STATE_BITS-1:0]     trace_state,
    output wire [UNITS-1:0]                trace_spike
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if ((LANES & (LANES - 1)) != 0 || (UNITS & (UNITS - 1)) != 0 || (BEAT & (BEAT - 1)) != 0)
            lanes_units_and_beat_must_be_powers_of_two stop ();
        if (UNITS > LANES || CURRENTS < 1)
            there_must_be_a_current_and_no_more_units_than_lanes stop ();
        if (STEP_OUTER == 0 && (IS_STATIC == 0 || DELAY_BITS != 0 || COUNT_THRESHOLD != 0))
            frames_per_step_delays_and_threshold_need_step_outer stop ();
        if (PERIOD < LANES / UNITS || PERIOD < (STEP_OUTER != 0 ? 2 : UNIT_LATENCY + 3))
            the_period_is_too_short stop ();
        if (SUM_BITS <= WEIGHT_BITS + VALUE_BITS || SUM_BITS < BIAS_BITS || VALUE_BITS < INPUT_BITS)
            sums_and_values_are_too_narrow stop ();
        if (SIGNED_INPUTS != 0 && INPUT_BITS < 2)
            an_input_with_a_sign_has_two_bits stop ();
        if (WINDOWS == 0 && (INDEX_BITS < GROUP_BITS + $clog2(LANES) || SLOT_BITS < GROUP_BITS))
            an_index_is_too_narrow stop ();
        if ((WALKS_FRAME == 0 && INDEX_BITS < EVENT_BITS + $clog2(BEAT)) || INDEX_BITS < $clog2(BEAT)
            || INDEX_BITS < $clog2(LANES) || WALK_BITS < EVENT_BITS || WALK_BITS < GROUP_BITS
            || ROW_BITS < INDEX_BITS || OUTPUT_BITS <= $clog2(UNITS))
            an_index_is_too_narrow_somewhere stop ();
        if (WINDOWS == 0 && (WALKS_FRAME != 0 || JOINS != 0))
            words_are_walked_and_joined_with_windows_only stop ();
    endgenerate

    // --------------------------------------------------------------------- loader, controller
    wire                  event_write, event_bank;
    wire [EVENT_BITS-1:0] event_address, event_beat;
    wire                  frame_valid, frame_take, frame_is_blank, frame_bank;
    wire [EVENT_BITS-1:0] frame_last_event;
    wire                  waits;

    snn_loader #(
        .INPUT_BITS(INPUT_BITS), .BEAT(BEAT), .EVENT_BITS(EVENT_BITS), .EVERY_BEAT(WALKS_FRAME)
    ) loader (
        .clk              (clk),
        .reset            (reset),
        .hold             (IS_STATIC == 0 && COUNT_THRESHOLD > 0 && !waits),
        .in_valid         (in_valid),
        .in_ready         (in_ready),
        .in_data          (in_data),
        .last_beat        (last_beat),
        .event_write      (event_write),
        .event_bank       (event_bank),
        .event_address    (event_address),
        .beat             (event_beat),
        .frame_valid      (frame_valid),
        .frame_take       (frame_take),
        .frame_last_event (frame_last_event),
        .frame_is_blank   (frame_is_blank)
    );

    localparam CLEAR_BITS = RING_BITS + DELAY_BITS;
    wire                  clear;
    wire [CLEAR_BITS-1:0] clear_address;
    wire [STEP_BITS-1:0]  step;
    wire                  ask_valid, ask_ready, ask_is_recurrent, ask_is_event, ask_is_empty, ask_is_last;
    wire                  ask_is_walked, ask_ends, ask_ends_group, ask_ends_place;
    wire [WALK_BITS-1:0]  ask_word;
    wire [ROW_BITS-1:0]   ask_row;
    wire                  window_idle, scanner_idle, accumulator_idle, neurons_idle;
    wire                  count_reached, choose, chosen;

    wire [WALK_BITS-1:0]  last_counted_word;

    snn_controller #(
        .STEP_OUTER(STEP_OUTER), .IS_STATIC(IS_STATIC), .HAS_RINGS(DELAY_BITS), .WINDOWS(WINDOWS),
        .WALKS_FRAME(WALKS_FRAME), .CLEAR_BITS(CLEAR_BITS), .LAYER_BITS(LAYER_BITS),
        .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS), .INDEX_BITS(WALK_BITS),
        .EVENT_BITS(EVENT_BITS), .ROW_BITS(ROW_BITS)
    ) controller (
        .clk                (clk),
        .reset              (reset),
        .clear              (clear),
        .clear_address      (clear_address),
        .waits              (waits),
        .frame_valid        (frame_valid),
        .frame_take         (frame_take),
        .frame_bank         (event_bank),
        .frame_last_event   (frame_last_event),
        .frame_is_blank     (frame_is_blank),
        .bank               (frame_bank),
        .layer              (layer),
        .layer_is_last      (layer_is_last),
        .layer_takes_frame  (layer_takes_frame),
        .layer_is_recurrent (layer_is_recurrent),
        .layer_last_word    (last_counted_word),
        .layer_last_group   (layer_last_group),
        .layer_inputs       (layer_inputs),
        .layer_outputs      (layer_outputs),
        .layer_last_block   (layer_last_block),
        .layer_first_row    (layer_first_row),
        .layer_shares_rows  (layer_shares_rows),
        .step               (step),
        .last_step          (last_step),
        .fetch_valid        (ask_valid),
        .fetch_ready        (ask_ready),
        .fetch_is_recurrent (ask_is_recurrent),
        .fetch_is_event     (ask_is_event),
        .fetch_word         (ask_word),
        .fetch_is_empty     (ask_is_empty),
        .fetch_is_last      (ask_is_last),
        .fetch_row          (ask_row),
        .fetch_is_walked    (ask_is_walked),
        .fetch_ends_group   (ask_ends_group),
        .fetch_ends_place   (ask_ends_place),
        .walk_ends          (ask_ends),
        .pipeline_idle      (window_idle && scanner_idle && accumulator_idle && neurons_idle),
        .count_reached      (count_reached),
        .choose             (choose),
        .chosen             (chosen),
        .out_valid          (out_valid),
        .out_ready          (out_ready)
    );

    // ------------------------------------------------------------- which words: counted, or walked
    // Of a word: its address, the number by which the scanner knows its first input, and its row.
    localparam FETCH_BITS = WINDOWS != 0 ? ADDRESS_BITS : WALK_BITS;
    wire                  fetch_valid, fetch_ready;
    wire                  fetch_is_recurrent, fetch_is_event, fetch_is_empty, fetch_is_last, fetch_is_partial;
    wire [FETCH_BITS-1:0] fetch_word;
    wire [INDEX_BITS-1:0] fetch_index;
    wire [ROW_BITS-1:0]   fetch_row;

    generate
        if (WINDOWS != 0) begin : walked
            snn_window #(
                .LANES(LANES), .BEAT(BEAT), .STEP_BITS(STEP_BITS), .WALK_BITS(WALK_BITS),
                .COORDINATE_BITS(COORDINATE_BITS), .TAP_BITS(TAP_BITS), .JOINED_BITS(JOINED_BITS),
                .ADDRESS_BITS(ADDRESS_BITS), .ROW_BITS(ROW_BITS), .STEPS_INSIDE(STEP_OUTER == 0)
            ) window (
                .clk                    (clk),
                .reset                  (reset),
                .idle                   (window_idle),
                .ask_valid              (ask_valid),
                .ask_ready              (ask_ready),
                .ask_is_walked          (ask_is_walked),
                .ask_is_recurrent       (ask_is_recurrent),
                .ask_is_event           (ask_is_event),
                .ask_word               (ask_word),
                .ask_is_empty           (ask_is_empty),
                .ask_is_last            (ask_is_last),
                .ask_ends_group         (ask_ends_group),
                .ask_ends_place         (ask_ends_place),
                .ask_row                (ask_row),
                .ask_step               (step),
                .ask_ends               (ask_ends),
                .row                    (window_row),
                .column                 (window_column),
                .row_tap                (window_row_tap),
                .column_tap             (window_column_tap),
                .place_first_row_tap    (place_first_row_tap),
                .place_last_row_tap     (place_last_row_tap),
                .place_first_column_tap (place_first_column_tap),
                .place_last_column_tap  (place_last_column_tap),
                .row_tap_offset         (row_tap_offset),
                .row_tap_rows           (row_tap_rows),
                .row_tap_joined         (row_tap_joined),
                .column_tap_offset      (column_tap_offset),
                .column_tap_rows        (column_tap_rows),
                .column_tap_joined      (column_tap_joined),
                .last_column            (window_last_column),
                .row_step               (window_row_step),
                .column_step            (window_column_step),
                .row_apart              (window_row_apart),
                .column_apart           (window_column_apart),
                .word_step              (window_word_step),
                .last_word              (window_last_word),
                .block_step             (window_block_step),
                .first_input            (window_first_input),
                .first_output           (window_first_output),
                .joins                  (window_joins),
                .fetch_valid            (fetch_valid),
                .fetch_ready            (fetch_ready),
                .fetch_is_recurrent     (fetch_is_recurrent),
                .fetch_is_event         (fetch_is_event),
                .fetch_word             (fetch_word),
                .fetch_is_empty         (fetch_is_empty),
                .fetch_is_partial       (fetch_is_partial),
                .fetch_is_last          (fetch_is_last),
                .fetch_row              (fetch_row)
            );
            // The row says it all.
            assign fetch_index       = {INDEX_BITS{1'b0}};
            assign last_counted_word = {WALK_BITS{1'b0}};
            wire unused_words = &{layer_last_word, 1'b0};
        end else begin : counted
            assign fetch_valid        = ask_valid;
            assign ask_ready          = fetch_ready;
            assign fetch_is_recurrent = ask_is_recurrent;
            assign fetch_is_event     = ask_is_event;
            assign fetch_word         = ask_word;
            assign fetch_index        = ask_word;
            assign fetch_is_empty     = ask_is_empty;
            assign fetch_is_partial   = 1'b0;
            assign fetch_is_last      = ask_is_last;
            assign fetch_row          = ask_row;
            assign ask_ends           = 1'b0;
            assign window_idle        = 1'b1;
            assign last_counted_word  = layer_last_word;
            assign window_row         = {COORDINATE_BITS{1'b0}};
            assign window_column      = {COORDINATE_BITS{1'b0}};
            assign window_row_tap     = {TAP_BITS{1'b0}};
            assign window_column_tap  = {TAP_BITS{1'b0}};
            wire unused_windows = &{ask_is_walked, ask_ends_group, ask_ends_place,
                                    place_first_row_tap, place_last_row_tap, place_first_column_tap,
                                    place_last_column_tap, row_tap_offset, row_tap_rows, row_tap_joined,
                                    column_tap_offset, column_tap_rows, column_tap_joined,
                                    window_last_column, window_row_step, window_column_step,
                                    window_row_apart, window_column_apart, window_word_step,
                                    window_last_word, window_block_step, window_first_input,
                                    window_first_output, window_joins, 1'b0};
        end
    endgenerate

    // ------------------------------------------------------------- events, spikes and scanner
    wire                       memory_read;
    wire [EVENT_BITS-1:0]      event_index;
    wire [BEAT*INPUT_BITS-1:0] event_value;
    wire [BEAT-1:0]            event_active;
    wire [LANES-1:0]           spikes;

    // Beside the values of an event stands which of them are not zero: a memory's output is late in
    // the clock, too late to find out. Of a beat with one value, that one is not, unless every beat is
    // written. Then the address says which beat it is, and it does not stand in the memory.
    localparam BEAT_BITS   = WALKS_FRAME != 0 ? 0 : EVENT_BITS;
    localparam HAS_FLAGS   = BEAT > 1 || WALKS_FRAME != 0;
    localparam EVENT_WIDTH = (HAS_FLAGS ? BEAT : 0) + BEAT_BITS + BEAT*INPUT_BITS;
    wire [EVENT_WIDTH-1:0] event_written, event_read;
    assign event_written[BEAT*INPUT_BITS-1:0] = in_data;
    assign event_value                        = event_read[BEAT*INPUT_BITS-1:0];

    generate
        if (WALKS_FRAME != 0) begin : found
            assign event_index = {EVENT_BITS{1'b0}};
            wire unused_beat = &{event_beat, event_index, 1'b0};
        end else begin : listed
            assign event_written[BEAT*INPUT_BITS +: EVENT_BITS] = event_beat;
            assign event_index = event_read[BEAT*INPUT_BITS +: EVENT_BITS];
        end
    endgenerate

    genvar each;
    generate
        if (HAS_FLAGS) begin : several
            for (each = 0; each < BEAT; each = each + 1) begin : values
                localparam PLACE = BEAT_BITS + BEAT*INPUT_BITS + each;
                assign event_written[PLACE] = in_data[each*INPUT_BITS +: INPUT_BITS] != {INPUT_BITS{1'b0}};
                assign event_active[each]   = event_read[PLACE];
            end
        end else begin : one
            assign event_active = 1'b1;
        end
    endgenerate

    // Its width is that of the longer of two numbers.
    localparam FRAME_WIDE = FETCH_BITS > EVENT_BITS ? FETCH_BITS : EVENT_BITS;
    wire [FRAME_WIDE-1:0] wide_word  = {{(FRAME_WIDE-FETCH_BITS){1'b0}}, fetch_word};
    wire [EVENT_BITS-1:0] event_word = wide_word[EVENT_BITS-1:0];
    wire                  unused_bits = &{wide_word, 1'b0};  // of a number of spikes, the high ones

    snn_ram #(.WIDTH(EVENT_WIDTH), .ADDRESS_BITS(1 + EVENT_BITS)) events (
        .clk           (clk),
        .write         (event_write),
        .write_address ({event_bank, event_address}),
        .write_data    (event_written),
        .read          (memory_read && fetch_is_event),
        .read_address  ({frame_bank, event_word}),
        .read_data     (event_read)
    );

    wire                  token_ready, token_add, token_handover, token_is_recurrent;
    wire [ROW_BITS-1:0]   token_row;
    wire [INPUT_BITS-1:0] token_input;

    // Of what is walked the index is that inside of the word.
    localparam SCANNED_BITS = WALKS_FRAME != 0 ? 1 : EVENT_BITS;

    snn_scanner #(
        .LANES(LANES), .INPUT_BITS(INPUT_BITS), .BEAT(BEAT), .JOINS(JOINS), .INDEX_BITS(INDEX_BITS),
        .EVENT_BITS(SCANNED_BITS), .ROW_BITS(ROW_BITS)
    ) scanner (
        .clk                (clk),
        .reset              (reset),
        .idle               (scanner_idle),
        .fetch_valid        (fetch_valid),
        .fetch_ready        (fetch_ready),
        .fetch_is_event     (fetch_is_event),
        .fetch_word         (fetch_index),
        .fetch_is_empty     (fetch_is_empty),
        .fetch_is_last      (fetch_is_last),
        .fetch_row          (fetch_row),
        .fetch_is_recurrent (fetch_is_recurrent),
        .fetch_is_partial   (fetch_is_partial),
        .memory_read        (memory_read),
        .event_index        (event_index[SCANNED_BITS-1:0]),
        .event_value        (event_value),
        .event_active       (event_active),
        .spikes             (spikes),
        .token_ready        (token_ready),
        .token_add          (token_add),
        .token_handover     (token_handover),
        .token_row          (token_row),
        .token_value        (token_input),
        .token_is_recurrent (token_is_recurrent)
    );

    // ---------------------------------------------------------------------------- accumulator
    // A spike, which is a one, has no sign: an input that may have has a second bit.
    wire [VALUE_BITS-1:0] token_value = {{(VALUE_BITS-INPUT_BITS){SIGNED_INPUTS != 0 && token_input[INPUT_BITS-1]}},
                                         token_input}
                                     << (token_is_recurrent ? layer_recurrent_shift : layer_input_shift);
    wire                      job_valid, job_ready;
    wire [LANES*CURRENTS*SUM_BITS-1:0] job_sums;

    snn_accumulator #(
        .LANES(LANES*CURRENTS), .MULTIPLIERS(MULTIPLIERS), .WEIGHT_BITS(WEIGHT_BITS), .DELAY_BITS(DELAY_BITS),
        .VALUE_BITS(VALUE_BITS), .SIGNED_VALUES(SIGNED_INPUTS), .SUM_BITS(SUM_BITS), .ROW_BITS(ROW_BITS),
        .RING_BITS(RING_BITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS), .PART_BITS(PART_BITS),
        .STREAM_SHIFT(STREAM_SHIFT), .STREAM_FRACTION(STREAM_FRACTION), .STREAM_PLACES(STREAM_PLACES),
        .STREAM_LOWS(STREAM_LOWS), .WEIGHT_LOWS(WEIGHT_LOWS), .WEIGHT_SHIFT(WEIGHT_SHIFT)
    ) accumulator (
        .clk              (clk),
        .reset            (reset),
        .idle             (accumulator_idle),
        .clear            (clear),
        .clear_address    (clear_address),
        .step             (step),
        .layer_is_delayed (layer_is_delayed),
        .layer_first_ring (layer_first_ring),
        .layer_last_group (layer_last_group),
        .token_ready      (token_ready),
        .token_add        (token_add),
        .token_handover   (token_handover),
        .token_row        (token_row),
        .token_value      (token_value),
        .layer_has_values (layer_takes_frame),
        .weights_read     (weights_read),
        .weights_row      (weights_row),
        .weights          (weights),
        .job_valid        (job_valid),
        .job_ready        (job_ready),
        .job_sums         (job_sums)
    );

    // -------------------------------------------------------------------------------- neurons
    localparam ENTRY_BITS = PARAMETER_BITS + CURRENTS*BIAS_BITS;

    wire                        memory_word_read;
    wire [SLOT_BITS-1:0]        memory_slot;
    wire [UNITS*ENTRY_BITS-1:0] memory_word;

    snn_rom #(
        .WIDTH(UNITS*ENTRY_BITS), .DEPTH(SLOTS), .ADDRESS_BITS(SLOT_BITS), .CONTENTS(NEURONS_FILE)
    ) neuron_memory (
        .clk          (clk),
        .read         (memory_word_read),
        .read_address (memory_slot),
        .read_data    (memory_word)
    );

    wire                  update_turn, update_is_first, update_ends_word;
    wire [GROUP_BITS-1:0] update_group;
    wire [GROUP_BITS+LANE_BITS-1:0] result_neuron;

    snn_neurons #(
        .STEP_OUTER(STEP_OUTER), .WINDOWS(WINDOWS), .LANES(LANES), .UNITS(UNITS),
        .UNIT_LATENCY(UNIT_LATENCY), .PERIOD(PERIOD), .CURRENTS(CURRENTS), .SUM_BITS(SUM_BITS), .BIAS_BITS(BIAS_BITS),
        .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS), .CURRENT_BITS(CURRENT_BITS), .STATE_BITS(STATE_BITS),
        .PARAMETER_BITS(PARAMETER_BITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS),
        .SLOT_BITS(SLOT_BITS), .STATE_SLOT_BITS(STATE_SLOT_BITS), .STATE_WORDS(STATE_WORDS)
    ) neurons (
        .clk               (clk),
        .reset             (reset),
        .idle              (neurons_idle),
        .job_valid         (job_valid),
        .job_ready         (job_ready),
        .job_sums          (job_sums),
        .layer_takes_frame (layer_takes_frame),
        .layer_last_group  (layer_last_group),
        .layer_last_block  (layer_last_block),
        .layer_shares_slots (layer_shares_slots),
        .layer_last_lane   (layer_last_lane),
        .layer_first_slot  (layer_first_slot),
        .layer_first_state (layer_first_state),
        .layer_shift       (layer_shift),
        .layer_step        (step),
        .last_step         (last_step),
        .memory_read       (memory_word_read),
        .memory_slot       (memory_slot),
        .memory_word       (memory_word),
        .unit_initial      (unit_initial),
        .unit_state        (unit_state),
        .unit_current      (unit_current),
        .unit_parameters   (unit_parameters),
        .unit_next_state   (unit_next_state),
        .unit_spike        (unit_spike),
        .result_neuron     (result_neuron),
        .update_turn       (update_turn),
        .update_valid      (trace_valid),
        .update_is_first   (update_is_first),
        .update_ends_word  (update_ends_word),
        .update_group      (update_group),
        .update_neuron     (trace_neuron),
        .update_step       (trace_step),
        .update_state      (trace_state),
        .update_spike      (trace_spike)
    );

    assign trace_layer = layer;

    // --------------------------------------------------- where spikes go: next layer, readout
    localparam PLACE_BITS = STEP_OUTER != 0 ? LAYER_BITS : STEP_BITS;
    localparam STORE_BITS = WINDOWS == 0 ? 1 + PLACE_BITS + GROUP_BITS
                          : ADDRESS_BITS + (STEP_OUTER != 0 ? 1 : 0);
    localparam STORE      = WINDOWS == 0 ? 1 << STORE_BITS
                          : SPIKE_WORDS + (STEP_OUTER != 0 ? 1 << ADDRESS_BITS : 0);
    wire                  gather     = update_turn && (STEP_OUTER != 0 || !layer_is_last);
    wire                  reads_word = memory_read && !fetch_is_event;
    wire [STORE_BITS-1:0] gather_address, read_address;

    snn_places #(
        .STEP_OUTER(STEP_OUTER), .WINDOWS(WINDOWS), .LAYER_BITS(LAYER_BITS), .GROUP_BITS(GROUP_BITS),
        .STEP_BITS(STEP_BITS), .FETCH_BITS(FETCH_BITS), .ADDRESS_BITS(ADDRESS_BITS), .STORE_BITS(STORE_BITS)
    ) places (
        .clk               (clk),
        .layer             (layer),
        .step              (step),
        .first_word        (window_first_output),
        .gather            (gather),
        .gather_ends_word  (update_ends_word),
        .gather_step       (trace_step),
        .gather_group      (update_group),
        .gather_address    (gather_address),
        .read              (reads_word),
        .read_is_recurrent (fetch_is_recurrent),
        .read_word         (fetch_word),
        .read_address      (read_address)
    );

    snn_spikes #(
        .LANES(LANES), .UNITS(UNITS), .ADDRESS_BITS(STORE_BITS), .DEPTH(STORE)
    ) spike_store (
        .clk              (clk),
        .gather           (gather),
        .gather_ends_word (update_ends_word),
        .gather_spike     (trace_spike),
        .gather_address   (gather_address),
        .read             (reads_word),
        .read_address     (read_address),
        .read_word        (spikes)
    );

    // The high bits are zero in the output layer.
    wire unused = &{result_neuron, 1'b0};

    snn_readout #(
        .UNITS(UNITS), .STATE_BITS(STATE_BITS), .MEMBRANE_BITS(MEMBRANE_BITS),
        .MEMBRANE_LOW(MEMBRANE_LOW), .OUTPUT_BITS(OUTPUT_BITS), .SCORE_BITS(COUNT_BITS),
        .COUNT_THRESHOLD(COUNT_THRESHOLD)
    ) readout (
        .clk           (clk),
        .last_output   (last_output),
        .look          (result_neuron[OUTPUT_BITS-1:0]),
        .turn          (update_turn && layer_is_last && trace_valid[0]),
        .is_first      (update_is_first),
        .neuron        (trace_neuron[OUTPUT_BITS-1:0]),
        .spike         (trace_spike),
        .state         (trace_state),
        .count_reached (count_reached),
        .choose        (choose),
        .chosen        (chosen),
        .best_neuron   (out_class),
        .ask           (out_valid),
        .score_neuron  (count_address),
        .score         (count_value)
    );

endmodule

`default_nettype wire
