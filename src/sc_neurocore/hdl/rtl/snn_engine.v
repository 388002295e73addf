// snn_engine: a whole feed-forward spiking network, computed group by group.
//
// One frame of unsigned inputs goes in, one result comes out: the class, and the score of every
// output neuron. The work is split where the data narrows:
//
//    in ──> loader ──frames──> controller ──words──> scanner ──tokens──> accumulator ──jobs──> neurons
//             │                   ▲  idle             ▲                     ▲                  ▲  │
//             │ events            │                   │ events, spikes      │ weights          │  │
//             ▼                   │                   │                     │                  │  ▼
//           event memory ─────────│───────────────────┘               weight memory            │ spikes
//                                 │                               neuron memory, neuron units ─┘  │
//                                 └──────────────────────────────────────────────── readout ──────┘
//
// LANES weights are read at a time, one for each neuron of a group, so that an active input costs one
// clock for the whole group; an input that is silent costs none. While UNITS neuron units serve one
// group, the accumulator already sums up the next, and the loader takes the next frame.
//
// What belongs to one network comes from outside: the constants of each layer (`schedule_*`,
// `constants_*`, `shift`: combinational tables), the weight memory (`weights_*`: one row, a clock after
// it was asked for, and held until the next), and the neuron's equation (`unit_*`: UNITS times, each
// with its results UNIT_LATENCY clocks later).
//
// Contract
//   - One clock, synchronous reset (at least one clock, before the first frame).
//   - in_*, out_*: a transfer happens in a clock in which valid and ready are high. A frame has
//     last_beat + 1 beats of BEAT values, in the order of their index, the first in the low bits.
//     Each frame gives exactly one result, in their order. A frame is taken in while the one before is
//     worked on.
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

module snn_engine #(
    parameter LANES           = 8,                 // a power of two
    parameter LANE_SHIFT      = 3,                 // log2(LANES)
    parameter LANE_BITS       = 3,                 // the same, at least 1
    parameter SOFT_LANES      = 0,                 // lanes whose multiplier is made of logic
    parameter UNITS           = 1,                 // neuron units: a power of two, up to LANES
    parameter UNIT_SHIFT      = 0,                 // log2(UNITS)
    parameter UNIT_LATENCY    = 0,
    parameter TURN_BITS       = 3,                 // of LANES / UNITS, at least 1
    parameter PERIOD          = 8,                 // clocks for the lanes' turns, see snn_neurons.v
    parameter PERIOD_BITS     = 3,
    parameter LAYER_BITS      = 1,
    parameter GROUP_BITS      = 4,
    parameter STEP_BITS       = 5,
    parameter INDEX_BITS      = 7,                 // of an input of any layer
    parameter EVENT_BITS      = 6,                 // of a beat of the frame
    parameter BEAT            = 1,                 // values of a beat: a power of two
    parameter BEAT_SHIFT      = 0,                 // log2(BEAT)
    parameter INPUT_BITS      = 5,
    parameter WEIGHT_BITS     = 8,
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
    parameter INITIAL_STATE   = 0,
    parameter OUTPUT_BITS     = 4,                 // of the number of an output neuron
    parameter MEMBRANE_BITS   = 0,                 // of the state that scores sum up; 0: spikes instead
    parameter MEMBRANE_LOW    = 0,                 // where in the state
    parameter COUNT_BITS      = 5,                 // of a score
    parameter NEURONS_FILE    = ""
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

    output wire [LAYER_BITS-1:0]     schedule_layer,
    input  wire                      schedule_is_static,
    input  wire                      schedule_is_last,
    input  wire [INDEX_BITS-1:0]     schedule_last_word,
    input  wire [GROUP_BITS-1:0]     schedule_last_group,
    input  wire [ROW_BITS-1:0]       schedule_inputs,

    output wire [LAYER_BITS-1:0]     constants_layer,
    input  wire                      constants_is_static,
    input  wire                      constants_is_last,
    input  wire [GROUP_BITS-1:0]     constants_last_group,
    input  wire [LANE_BITS-1:0]      constants_last_lane,
    input  wire [SLOT_BITS-1:0]      constants_first_slot,
    output wire [LAYER_BITS-1:0]     shift_layer,
    input  wire [SHIFT_BITS-1:0]     shift,

    // The weight memory.
    output wire                           weights_read,
    output wire [ROW_BITS-1:0]            weights_row,
    input  wire [LANES*WEIGHT_BITS-1:0]   weights,

    // The neuron's equation, UNITS times.
    output wire [UNITS*STATE_BITS-1:0]     unit_state,
    output wire [UNITS*CURRENT_BITS-1:0]   unit_current,
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

    // --------------------------------------------------------------------- loader, controller
    wire                  event_write, event_bank;
    wire [EVENT_BITS-1:0] event_address, event_beat;
    wire                  frame_valid, frame_take, frame_is_blank, frame_bank;
    wire [EVENT_BITS-1:0] frame_last_event;

    snn_loader #(.INPUT_BITS(INPUT_BITS), .BEAT(BEAT), .EVENT_BITS(EVENT_BITS)) loader (
        .clk              (clk),
        .reset            (reset),
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

    wire                  fetch_valid, fetch_ready;
    wire [INDEX_BITS-1:0] fetch_word;
    wire                  fetch_is_empty, fetch_is_last;
    wire [ROW_BITS-1:0]   fetch_row;
    wire [GROUP_BITS-1:0] fetch_group;
    wire [STEP_BITS-1:0]  fetch_step;
    wire                  scanner_idle, accumulator_idle, neurons_idle;
    wire                  choose, chosen;

    snn_controller #(
        .LAYER_BITS(LAYER_BITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS),
        .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS), .ROW_BITS(ROW_BITS)
    ) controller (
        .clk              (clk),
        .reset            (reset),
        .frame_valid      (frame_valid),
        .frame_take       (frame_take),
        .frame_bank       (event_bank),
        .frame_last_event (frame_last_event),
        .frame_is_blank   (frame_is_blank),
        .bank             (frame_bank),
        .layer            (schedule_layer),
        .layer_is_static  (schedule_is_static),
        .layer_is_last    (schedule_is_last),
        .layer_last_word  (schedule_last_word),
        .layer_last_group (schedule_last_group),
        .layer_inputs     (schedule_inputs),
        .last_step        (last_step),
        .fetch_valid      (fetch_valid),
        .fetch_ready      (fetch_ready),
        .fetch_word       (fetch_word),
        .fetch_is_empty   (fetch_is_empty),
        .fetch_is_last    (fetch_is_last),
        .fetch_row        (fetch_row),
        .fetch_group      (fetch_group),
        .fetch_step       (fetch_step),
        .pipeline_idle    (scanner_idle && accumulator_idle && neurons_idle),
        .choose           (choose),
        .chosen           (chosen),
        .out_valid        (out_valid),
        .out_ready        (out_ready)
    );

    // ------------------------------------------------------------- events, spikes and scanner
    // What a token is of: layer, group and step.
    localparam TAG_BITS = LAYER_BITS + GROUP_BITS + STEP_BITS;

    wire                       memory_read;
    wire [EVENT_BITS-1:0]      event_index;
    wire [BEAT*INPUT_BITS-1:0] event_value;
    wire [BEAT-1:0]            event_active;
    wire [LANES-1:0]           spikes;

    // Beside the values of an event stands which of them are not zero: a memory's output is late in
    // the clock, too late to find out. Of a beat with one value, that one is not.
    localparam EVENT_WIDTH = (BEAT > 1 ? BEAT : 0) + EVENT_BITS + BEAT*INPUT_BITS;
    wire [EVENT_WIDTH-1:0] event_written, event_read;
    assign event_written[EVENT_BITS+BEAT*INPUT_BITS-1:0] = {event_beat, in_data};
    assign {event_index, event_value} = event_read[EVENT_BITS+BEAT*INPUT_BITS-1:0];

    genvar each;
    generate
        if (BEAT > 1) begin : several
            for (each = 0; each < BEAT; each = each + 1) begin : values
                localparam PLACE = EVENT_BITS + BEAT*INPUT_BITS + each;
                assign event_written[PLACE] = in_data[each*INPUT_BITS +: INPUT_BITS] != {INPUT_BITS{1'b0}};
                assign event_active[each]   = event_read[PLACE];
            end
        end else begin : one
            assign event_active = 1'b1;
        end
    endgenerate

    snn_ram #(.WIDTH(EVENT_WIDTH), .ADDRESS_BITS(1 + EVENT_BITS)) events (
        .clk           (clk),
        .write         (event_write),
        .write_address ({event_bank, event_address}),
        .write_data    (event_written),
        .read          (memory_read && schedule_is_static),
        .read_address  ({frame_bank, fetch_word[EVENT_BITS-1:0]}),
        .read_data     (event_read)
    );

    wire                  token_ready, token_add, token_handover;
    wire [ROW_BITS-1:0]   token_row;
    wire [INPUT_BITS-1:0] token_value;
    wire [TAG_BITS-1:0]   token_tag;

    snn_scanner #(
        .LANES(LANES), .LANE_SHIFT(LANE_SHIFT), .INPUT_BITS(INPUT_BITS), .BEAT(BEAT),
        .BEAT_SHIFT(BEAT_SHIFT), .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS),
        .ROW_BITS(ROW_BITS), .TAG_BITS(TAG_BITS)
    ) scanner (
        .clk            (clk),
        .reset          (reset),
        .idle           (scanner_idle),
        .fetch_valid    (fetch_valid),
        .fetch_ready    (fetch_ready),
        .fetch_is_event (schedule_is_static),
        .fetch_word     (fetch_word),
        .fetch_is_empty (fetch_is_empty),
        .fetch_is_last  (fetch_is_last),
        .fetch_row      (fetch_row),
        .fetch_tag      ({schedule_layer, fetch_group, fetch_step}),
        .memory_read    (memory_read),
        .event_index    (event_index),
        .event_value    (event_value),
        .event_active   (event_active),
        .spikes         (spikes),
        .token_ready    (token_ready),
        .token_add      (token_add),
        .token_handover (token_handover),
        .token_row      (token_row),
        .token_value    (token_value),
        .token_tag      (token_tag)
    );

    // ---------------------------------------------------------------------------- accumulator
    wire                      job_valid, job_ready;
    wire [LANES*SUM_BITS-1:0] job_sums;
    wire [LAYER_BITS-1:0]     job_layer;
    wire [GROUP_BITS-1:0]     job_group;
    wire [STEP_BITS-1:0]      job_step;

    snn_accumulator #(
        .LANES(LANES), .SOFT_LANES(SOFT_LANES), .WEIGHT_BITS(WEIGHT_BITS), .INPUT_BITS(INPUT_BITS),
        .SUM_BITS(SUM_BITS), .ROW_BITS(ROW_BITS), .TAG_BITS(TAG_BITS)
    ) accumulator (
        .clk            (clk),
        .reset          (reset),
        .idle           (accumulator_idle),
        .token_ready    (token_ready),
        .token_add      (token_add),
        .token_handover (token_handover),
        .token_row      (token_row),
        .token_value    (token_value),
        .token_tag      (token_tag),
        .weights_read   (weights_read),
        .weights_row    (weights_row),
        .weights        (weights),
        .job_valid      (job_valid),
        .job_ready      (job_ready),
        .job_sums       (job_sums),
        .job_tag        ({job_layer, job_group, job_step})
    );

    // -------------------------------------------------------------------------------- neurons
    localparam OWN_BITS = PARAMETER_BITS + BIAS_BITS;

    wire                      memory_word_read;
    wire [SLOT_BITS-1:0]      memory_slot;
    wire [UNITS*OWN_BITS-1:0] memory_word;

    snn_rom #(
        .WIDTH(UNITS*OWN_BITS), .DEPTH(SLOTS), .ADDRESS_BITS(SLOT_BITS), .CONTENTS(NEURONS_FILE)
    ) neuron_memory (
        .clk          (clk),
        .read         (memory_word_read),
        .read_address (memory_slot),
        .read_data    (memory_word)
    );

    wire                  update_turn, update_is_output, update_is_first, update_ends_word;
    wire [GROUP_BITS-1:0] update_group;
    wire [GROUP_BITS+LANE_BITS-1:0] result_neuron;

    snn_neurons #(
        .LANES(LANES), .LANE_BITS(LANE_BITS), .LANE_SHIFT(LANE_SHIFT), .UNITS(UNITS),
        .UNIT_SHIFT(UNIT_SHIFT), .UNIT_LATENCY(UNIT_LATENCY), .TURN_BITS(TURN_BITS), .PERIOD(PERIOD),
        .PERIOD_BITS(PERIOD_BITS), .SUM_BITS(SUM_BITS),
        .BIAS_BITS(BIAS_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
        .CURRENT_BITS(CURRENT_BITS), .STATE_BITS(STATE_BITS), .INITIAL_STATE(INITIAL_STATE),
        .PARAMETER_BITS(PARAMETER_BITS), .LAYER_BITS(LAYER_BITS), .GROUP_BITS(GROUP_BITS),
        .STEP_BITS(STEP_BITS), .SLOT_BITS(SLOT_BITS)
    ) neurons (
        .clk                  (clk),
        .reset                (reset),
        .idle                 (neurons_idle),
        .job_valid            (job_valid),
        .job_ready            (job_ready),
        .job_sums             (job_sums),
        .job_layer            (job_layer),
        .job_group            (job_group),
        .job_step             (job_step),
        .constants_layer      (constants_layer),
        .constants_is_static  (constants_is_static),
        .constants_is_last    (constants_is_last),
        .constants_last_group (constants_last_group),
        .constants_last_lane  (constants_last_lane),
        .constants_first_slot (constants_first_slot),
        .shift_layer          (shift_layer),
        .shift                (shift),
        .last_step            (last_step),
        .memory_read          (memory_word_read),
        .memory_slot          (memory_slot),
        .memory_word          (memory_word),
        .unit_state           (unit_state),
        .unit_current         (unit_current),
        .unit_parameters      (unit_parameters),
        .unit_next_state      (unit_next_state),
        .unit_spike           (unit_spike),
        .result_neuron        (result_neuron),
        .update_turn          (update_turn),
        .update_valid         (trace_valid),
        .update_is_output     (update_is_output),
        .update_is_first      (update_is_first),
        .update_ends_word     (update_ends_word),
        .update_layer         (trace_layer),
        .update_group         (update_group),
        .update_neuron        (trace_neuron),
        .update_step          (trace_step),
        .update_state         (trace_state),
        .update_spike         (trace_spike)
    );

    // --------------------------------------------------- where spikes go: next layer, readout
    snn_spikes #(
        .LANES(LANES), .UNITS(UNITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS)
    ) spike_store (
        .clk              (clk),
        .gather           (update_turn && !update_is_output),
        .gather_ends_word (update_ends_word),
        .gather_spike     (trace_spike),
        .gather_bank      (trace_layer[0]),
        .gather_step      (trace_step),
        .gather_group     (update_group),
        .read             (memory_read && !schedule_is_static),
        .read_bank        (!schedule_layer[0]),
        .read_step        (fetch_step),
        .read_group       (fetch_word[GROUP_BITS-1:0]),
        .read_word        (spikes)
    );

    // The high bits are zero in the output layer.
    wire unused = &{result_neuron, 1'b0};

    snn_readout #(
        .UNITS(UNITS), .UNIT_SHIFT(UNIT_SHIFT), .STATE_BITS(STATE_BITS),
        .MEMBRANE_BITS(MEMBRANE_BITS), .MEMBRANE_LOW(MEMBRANE_LOW), .OUTPUT_BITS(OUTPUT_BITS),
        .SCORE_BITS(COUNT_BITS)
    ) readout (
        .clk          (clk),
        .last_output  (last_output),
        .look         (result_neuron[OUTPUT_BITS-1:0]),
        .turn         (update_turn && update_is_output && trace_valid[0]),
        .is_first     (update_is_first),
        .neuron       (trace_neuron[OUTPUT_BITS-1:0]),
        .spike        (trace_spike),
        .state        (trace_state),
        .choose       (choose),
        .chosen       (chosen),
        .best_neuron  (out_class),
        .ask          (out_valid),
        .score_neuron (count_address),
        .score        (count_value)
    );

endmodule
