// snn_engine: a whole feed-forward spiking network, computed group by group.
//
// One frame of unsigned inputs goes in, one result comes out: the class, and the spike count of
// every output neuron. The work is split where the data narrows:
//
//    in ──> controller ──words──> scanner ──tokens──> accumulator ──jobs──> neurons ──> spikes
//             │  ▲                 ▲                     ▲                   ▲   │         │
//             │  │ idle            │ events, spikes      │ weights           │   └─> readout ──> out
//             ▼  │                 │                     │                   │
//           event memory ──────────┘                weight memory      neuron memory, neuron unit
//
// LANES weights are read at a time, one for each neuron of a group, so that an active input costs one
// clock for the whole group; an input that is silent costs none. While the neuron unit serves one
// group, the accumulator already sums up the next.
//
// What belongs to one network comes from outside: the constants of each layer (`schedule_*`,
// `constants_*`: combinational tables), the weight memory (`weights_*`: one row, a clock after it was
// asked for, and held until the next), and the neuron's equation (`unit_*`: combinational).
//
// Contract
//   - One clock, synchronous reset (at least one clock, before the first frame).
//   - in_*, out_*: a transfer happens in a clock in which valid and ready are high. A frame has
//     last_input + 1 values, in the order of their index. One frame gives exactly one result; the next
//     frame is taken after the result was.
//   - out_class is held while out_valid is high. count_value is the spike count of output
//     neuron count_address, one clock later, while out_valid is high.
//   - trace_*: every update of every neuron, once: its state after reset, and its spike. Leave open.
//
//   clk        _/‾\_/‾\_/‾\_ ... /‾\_/‾\_/‾\_/‾\_
//   in_valid   _/‾‾‾‾‾‾‾‾‾‾‾ ... \________________
//   in_ready   ‾‾‾‾‾‾‾‾‾‾‾‾‾ ... \____________/‾‾‾
//   out_valid  _____________ ... _________/‾‾‾\____
//   out_ready  _____________ ... _____/‾‾‾‾‾‾‾\____

module snn_engine #(
    parameter LANES           = 8,                 // a power of two
    parameter LANE_SHIFT      = 3,                 // log2(LANES)
    parameter LANE_BITS       = 3,                 // the same, at least 1
    parameter LAYER_BITS      = 1,
    parameter GROUP_BITS      = 4,
    parameter STEP_BITS       = 5,
    parameter INDEX_BITS      = 7,                 // of an input of any layer
    parameter EVENT_BITS      = 6,                 // of an input of the frame
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
    parameter COUNT_BITS      = 5,                 // of a spike count
    parameter NEURONS_FILE    = ""
) (
    input  wire                      clk,
    input  wire                      reset,

    input  wire                      in_valid,
    output wire                      in_ready,
    input  wire [INPUT_BITS-1:0]     in_data,

    output wire                      out_valid,
    input  wire                      out_ready,
    output wire [OUTPUT_BITS-1:0]    out_class,
    input  wire [OUTPUT_BITS-1:0]    count_address,
    output wire [COUNT_BITS-1:0]     count_value,

    // Tables of the network.
    input  wire [EVENT_BITS-1:0]     last_input,
    input  wire [STEP_BITS-1:0]      last_step,

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
    input  wire [SHIFT_BITS-1:0]     constants_shift,

    // The weight memory.
    output wire                           weights_read,
    output wire [ROW_BITS-1:0]            weights_row,
    input  wire [LANES*WEIGHT_BITS-1:0]   weights,

    // The neuron's equation.
    output wire [STATE_BITS-1:0]          unit_state,
    output wire signed [CURRENT_BITS-1:0] unit_current,
    output wire [PARAMETER_BITS-1:0]      unit_parameters,
    input  wire [STATE_BITS-1:0]          unit_next_state,
    input  wire                           unit_spike,

    output wire                            trace_valid,
    output wire [LAYER_BITS-1:0]           trace_layer,
    output wire [GROUP_BITS+LANE_BITS-1:0] trace_neuron,
    output wire [STEP_BITS-1:0]            trace_step,
    output wire [STATE_BITS-1:0]           trace_state,
    output wire                            trace_spike
);

    // ----------------------------------------------------------------------------- controller
    wire                  event_write;
    wire [EVENT_BITS-1:0] event_address;
    wire [EVENT_BITS-1:0] input_index;
    wire                  fetch_valid, fetch_ready;
    wire [INDEX_BITS-1:0] fetch_word;
    wire                  fetch_is_empty, fetch_is_last;
    wire [ROW_BITS-1:0]   fetch_row;
    wire [GROUP_BITS-1:0] fetch_group;
    wire [STEP_BITS-1:0]  fetch_step;
    wire                  scanner_idle, accumulator_idle, neurons_idle;

    snn_controller #(
        .LAYER_BITS(LAYER_BITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS),
        .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS), .ROW_BITS(ROW_BITS)
    ) controller (
        .clk              (clk),
        .reset            (reset),
        .in_valid         (in_valid),
        .in_ready         (in_ready),
        .in_is_zero       (in_data == {INPUT_BITS{1'b0}}),
        .last_input       (last_input),
        .input_index      (input_index),
        .event_write      (event_write),
        .event_address    (event_address),
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
        .out_valid        (out_valid),
        .out_ready        (out_ready)
    );

    // ------------------------------------------------------------- events, spikes and scanner
    wire                  memory_read;
    wire [EVENT_BITS-1:0] event_index;
    wire [INPUT_BITS-1:0] event_value;
    wire [LANES-1:0]      spikes;

    snn_ram #(.WIDTH(EVENT_BITS + INPUT_BITS), .ADDRESS_BITS(EVENT_BITS)) events (
        .clk           (clk),
        .write         (event_write),
        .write_address (event_address),
        .write_data    ({input_index, in_data}),
        .read          (memory_read && schedule_is_static),
        .read_address  (fetch_word[EVENT_BITS-1:0]),
        .read_data     ({event_index, event_value})
    );

    wire                  token_ready, token_add, token_handover;
    wire [ROW_BITS-1:0]   token_row;
    wire [INPUT_BITS-1:0] token_value;
    wire [LAYER_BITS-1:0] token_layer;
    wire [GROUP_BITS-1:0] token_group;
    wire [STEP_BITS-1:0]  token_step;

    snn_scanner #(
        .LANES(LANES), .LANE_SHIFT(LANE_SHIFT), .INPUT_BITS(INPUT_BITS), .LAYER_BITS(LAYER_BITS),
        .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS), .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS),
        .ROW_BITS(ROW_BITS)
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
        .fetch_layer    (schedule_layer),
        .fetch_group    (fetch_group),
        .fetch_step     (fetch_step),
        .memory_read    (memory_read),
        .event_index    (event_index),
        .event_value    (event_value),
        .spikes         (spikes),
        .token_ready    (token_ready),
        .token_add      (token_add),
        .token_handover (token_handover),
        .token_row      (token_row),
        .token_value    (token_value),
        .token_layer    (token_layer),
        .token_group    (token_group),
        .token_step     (token_step)
    );

    // ---------------------------------------------------------------------------- accumulator
    wire                      job_valid, job_ready;
    wire [LANES*SUM_BITS-1:0] job_sums;
    wire [LAYER_BITS-1:0]     job_layer;
    wire [GROUP_BITS-1:0]     job_group;
    wire [STEP_BITS-1:0]      job_step;

    snn_accumulator #(
        .LANES(LANES), .WEIGHT_BITS(WEIGHT_BITS), .INPUT_BITS(INPUT_BITS), .SUM_BITS(SUM_BITS),
        .ROW_BITS(ROW_BITS), .TAG_BITS(LAYER_BITS + GROUP_BITS + STEP_BITS)
    ) accumulator (
        .clk            (clk),
        .reset          (reset),
        .idle           (accumulator_idle),
        .token_ready    (token_ready),
        .token_add      (token_add),
        .token_handover (token_handover),
        .token_row      (token_row),
        .token_value    (token_value),
        .token_tag      ({token_layer, token_group, token_step}),
        .weights_read   (weights_read),
        .weights_row    (weights_row),
        .weights        (weights),
        .job_valid      (job_valid),
        .job_ready      (job_ready),
        .job_sums       (job_sums),
        .job_tag        ({job_layer, job_group, job_step})
    );

    // -------------------------------------------------------------------------------- neurons
    wire                                memory_word_read;
    wire [SLOT_BITS-1:0]                memory_slot;
    wire [PARAMETER_BITS+BIAS_BITS-1:0] memory_word;

    snn_rom #(
        .WIDTH(PARAMETER_BITS + BIAS_BITS), .DEPTH(SLOTS), .ADDRESS_BITS(SLOT_BITS),
        .CONTENTS(NEURONS_FILE)
    ) neuron_memory (
        .clk          (clk),
        .read         (memory_word_read),
        .read_address (memory_slot),
        .read_data    (memory_word)
    );

    wire                  update_turn, update_is_output, update_is_first, update_is_final;
    wire                  update_ends_word;
    wire [GROUP_BITS-1:0] update_group;

    snn_neurons #(
        .LANES(LANES), .LANE_BITS(LANE_BITS), .LANE_SHIFT(LANE_SHIFT), .SUM_BITS(SUM_BITS),
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
        .constants_shift      (constants_shift),
        .last_step            (last_step),
        .memory_read          (memory_word_read),
        .memory_slot          (memory_slot),
        .memory_word          (memory_word),
        .unit_state           (unit_state),
        .unit_current         (unit_current),
        .unit_parameters      (unit_parameters),
        .unit_next_state      (unit_next_state),
        .unit_spike           (unit_spike),
        .update_turn          (update_turn),
        .update_valid         (trace_valid),
        .update_is_output     (update_is_output),
        .update_is_first      (update_is_first),
        .update_is_final      (update_is_final),
        .update_ends_word     (update_ends_word),
        .update_layer         (trace_layer),
        .update_group         (update_group),
        .update_neuron        (trace_neuron),
        .update_step          (trace_step),
        .update_state         (trace_state),
        .update_spike         (trace_spike)
    );

    // --------------------------------------------------- where spikes go: next layer, readout
    snn_spikes #(.LANES(LANES), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS)) spike_store (
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

    snn_readout #(
        .LANES(LANES), .OUTPUT_BITS(OUTPUT_BITS), .COUNT_BITS(COUNT_BITS)
    ) readout (
        .clk           (clk),
        .turn          (update_turn && update_is_output),
        .valid         (trace_valid),
        .is_first      (update_is_first),
        .is_final      (update_is_final),
        .neuron        (trace_neuron[OUTPUT_BITS-1:0]),
        .spike         (trace_spike),
        .best_neuron   (out_class),
        .count_address (count_address),
        .count_value   (count_value)
    );

endmodule
