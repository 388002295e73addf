// snn_step_engine: a whole spiking network, computed step by step.
//
// Where snn_engine finishes a group of neurons before it begins the next, this one finishes a step: for
// each step, for each layer, for each group of LANES neurons. States live in a memory. So a layer may
// read its own spikes of the step before, delayed sums may wait in rings, inputs may be different in
// every step, and a sample may end as soon as the answer is clear.
//
//    in ──> controller ──words──> scanner ──tokens──> sums ──jobs──> neurons ──> spikes, this step's and
//             │  ▲                 ▲                   ▲             ▲  │  ▲          │  the last one's
//             │  │ idle            │ events, spikes    │ weights     │  │  │          │
//             ▼  │                 │                   │ and delays  │  ▼  │          └─> readout ──> out
//           event memory ──────────┘            weight memory        │ states         "enough" ──> controller
//                                                         neuron memory, neuron units
//
// LANES weights are read at a time, one for each neuron of a group, so that an active input costs one
// clock for the whole group; an input that is silent costs none. While the neuron units serve one
// group, the sums of the next are already being formed.
//
// What comes in and the layer's own spikes meet in one sum. Where their weights have different units,
// the input's value is shifted left by `layer_gain` or `layer_own_gain`, which brings the product to the
// finer unit.
//
// What belongs to one network comes from outside: what each layer is like (`layer_*`: a combinational
// table), the contents of the memories, and the neurons' equations (`unit_*`: combinational; which
// one is meant follows from `layer`).
//
// Contract
//   - One clock, synchronous reset (at least one clock, before the first frame).
//   - in_*, out_*: a transfer happens in a clock in which valid and ready are high. A frame has
//     last_input + 1 values, in the order of their index. With IS_STATIC one frame gives one result.
//     Otherwise last_step + 1 frames do, one per step; if `enough` ends the sample early, fewer: then
//     out_valid rises where the next frame would be asked for, and the next value taken is the
//     first of the next sample.
//   - out_class is held while out_valid is high. count_value is the score of output
//     neuron count_address (spike count, or summed membrane), one clock later, while out_valid is high.
//   - trace_*: every update of every neuron, once: its state after reset, and its spike. Leave open.
//
//   clk        _/‾\_/‾\_/‾\_ ... /‾\_/‾\_ ... /‾\_/‾\_/‾\_    a frame per step, two steps
//   in_valid   _/‾‾‾‾‾‾‾‾‾‾‾ ... ‾‾‾‾‾‾‾‾‾ ... \___________
//   in_ready   ‾‾‾‾‾‾‾\_____ ... __/‾‾‾‾‾\ ... ________/‾‾‾
//   out_valid  _____________ ... _________ ... ____/‾‾‾\___
//   out_ready  _____________ ... _________ ... ____/‾‾‾\___

module snn_step_engine #(
    parameter IS_STATIC         = 1,
    parameter LANES             = 8,                 // a power of two
    parameter LANE_SHIFT        = 3,                 // log2(LANES)
    parameter LANE_BITS         = 3,                 // the same, at least 1
    parameter LAYER_BITS        = 1,
    parameter GROUP_BITS        = 4,
    parameter STEP_BITS         = 5,
    parameter INDEX_BITS        = 7,                 // of an input of any layer
    parameter EVENT_BITS        = 6,                 // of an input of the frame
    parameter INPUT_BITS        = 5,
    parameter GAIN_BITS         = 1,
    parameter VALUE_BITS        = 5,                 // of an input after its gain
    parameter WEIGHT_BITS       = 8,
    parameter DELAY_BITS        = 0,                 // of a delay beside a weight; 0: no rings
    parameter RING_BITS         = 1,                 // of a ring's number
    parameter ROWS              = 1280,              // of the weight memory
    parameter ROW_BITS          = 11,
    parameter SUM_BITS          = 20,
    parameter SLOTS             = 144,               // words of the neuron memory
    parameter SLOT_BITS         = 8,
    parameter BIAS_BITS         = 16,
    parameter LEFT_SHIFT        = 0,
    parameter SHIFT_BITS        = 4,
    parameter CURRENT_BITS      = 20,
    parameter PARAMETER_BITS    = 1,
    parameter STATE_BITS        = 16,
    parameter OUTPUT_BITS       = 4,                 // of the number of an output neuron
    parameter MEMBRANE_BITS     = 0,                 // of a membrane that is summed; 0: spikes are counted
    parameter MEMBRANE_LOW      = 0,
    parameter COUNT_BITS        = 5,                 // of such a sum or count
    parameter ENOUGH            = 0,                 // spikes that end a sample; 0: none do
    parameter WEIGHTS_FILE      = "",
    parameter NEURONS_FILE      = ""
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

    output wire [LAYER_BITS-1:0]     layer,
    input  wire                      layer_is_last,
    input  wire                      layer_takes_frame,
    input  wire                      layer_is_recurrent,
    input  wire [INDEX_BITS-1:0]     layer_last_word,
    input  wire [GROUP_BITS-1:0]     layer_last_group,
    input  wire [LANE_BITS-1:0]      layer_last_lane,
    input  wire [ROW_BITS-1:0]       layer_inputs,
    input  wire [ROW_BITS-1:0]       layer_outputs,
    input  wire [GAIN_BITS-1:0]      layer_gain,
    input  wire [GAIN_BITS-1:0]      layer_own_gain,
    input  wire                      layer_is_delayed,
    input  wire [RING_BITS-1:0]      layer_first_ring,
    input  wire [SLOT_BITS-1:0]      layer_first_slot,
    input  wire [SHIFT_BITS-1:0]     layer_shift,

    // The neuron's equation.
    input  wire [STATE_BITS-1:0]          unit_initial,
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

    localparam CLEAR_BITS = RING_BITS + DELAY_BITS;
    localparam WORD_BITS  = DELAY_BITS + WEIGHT_BITS;

    // ----------------------------------------------------------------------------- controller
    wire                  clear;
    wire [CLEAR_BITS-1:0] clear_address;
    wire                  event_write;
    wire [EVENT_BITS-1:0] event_address;
    wire [EVENT_BITS-1:0] input_index;
    wire [STEP_BITS-1:0]  step;
    wire                  fetch_valid, fetch_ready;
    wire                  fetch_is_own, fetch_is_event, fetch_is_empty, fetch_is_last;
    wire [INDEX_BITS-1:0] fetch_word;
    wire [ROW_BITS-1:0]   fetch_row;
    wire [GROUP_BITS-1:0] fetch_group;
    wire                  scanner_idle, sums_idle, neurons_idle;
    wire                  enough;

    snn_step_controller #(
        .IS_STATIC(IS_STATIC), .HAS_RINGS(DELAY_BITS), .CLEAR_BITS(CLEAR_BITS),
        .LAYER_BITS(LAYER_BITS), .GROUP_BITS(GROUP_BITS), .STEP_BITS(STEP_BITS),
        .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS), .ROW_BITS(ROW_BITS)
    ) controller (
        .clk                (clk),
        .reset              (reset),
        .clear              (clear),
        .clear_address      (clear_address),
        .in_valid           (in_valid),
        .in_ready           (in_ready),
        .in_is_zero         (in_data == {INPUT_BITS{1'b0}}),
        .last_input         (last_input),
        .input_index        (input_index),
        .event_write        (event_write),
        .event_address      (event_address),
        .step               (step),
        .last_step          (last_step),
        .layer              (layer),
        .layer_is_last      (layer_is_last),
        .layer_takes_frame  (layer_takes_frame),
        .layer_is_recurrent (layer_is_recurrent),
        .layer_last_word    (layer_last_word),
        .layer_last_group   (layer_last_group),
        .layer_inputs       (layer_inputs),
        .layer_outputs      (layer_outputs),
        .fetch_valid        (fetch_valid),
        .fetch_ready        (fetch_ready),
        .fetch_is_own       (fetch_is_own),
        .fetch_is_event     (fetch_is_event),
        .fetch_word         (fetch_word),
        .fetch_is_empty     (fetch_is_empty),
        .fetch_is_last      (fetch_is_last),
        .fetch_row          (fetch_row),
        .fetch_group        (fetch_group),
        .pipeline_idle      (scanner_idle && sums_idle && neurons_idle),
        .enough             (enough),
        .out_valid          (out_valid),
        .out_ready          (out_ready)
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
        .read          (memory_read && fetch_is_event),
        .read_address  (fetch_word[EVENT_BITS-1:0]),
        .read_data     ({event_index, event_value})
    );

    // The scanner hands on the group, and whose spikes a token is made of.
    wire                  token_ready, token_add, token_handover, token_is_own;
    wire [ROW_BITS-1:0]   token_row;
    wire [INPUT_BITS-1:0] token_input;
    wire [GROUP_BITS-1:0] token_group;

    snn_scanner #(
        .LANES(LANES), .LANE_SHIFT(LANE_SHIFT), .INPUT_BITS(INPUT_BITS),
        .INDEX_BITS(INDEX_BITS), .EVENT_BITS(EVENT_BITS), .ROW_BITS(ROW_BITS), .TAG_BITS(1 + GROUP_BITS)
    ) scanner (
        .clk            (clk),
        .reset          (reset),
        .idle           (scanner_idle),
        .fetch_valid    (fetch_valid),
        .fetch_ready    (fetch_ready),
        .fetch_is_event (fetch_is_event),
        .fetch_word     (fetch_word),
        .fetch_is_empty (fetch_is_empty),
        .fetch_is_last  (fetch_is_last),
        .fetch_row      (fetch_row),
        .fetch_tag      ({fetch_is_own, fetch_group}),
        .memory_read    (memory_read),
        .event_index    (event_index),
        .event_value    (event_value),
        .event_active   (1'b1),
        .spikes         (spikes),
        .token_ready    (token_ready),
        .token_add      (token_add),
        .token_handover (token_handover),
        .token_row      (token_row),
        .token_value    (token_input),
        .token_tag      ({token_is_own, token_group})
    );

    wire [VALUE_BITS-1:0] token_value =
        {{(VALUE_BITS-INPUT_BITS){1'b0}}, token_input} << (token_is_own ? layer_own_gain : layer_gain);

    // ------------------------------------------------------------------------ weights and sums
    wire                       weights_read;
    wire [ROW_BITS-1:0]        weights_row;
    wire [LANES*WORD_BITS-1:0] weights;

    snn_rom #(
        .WIDTH(LANES*WORD_BITS), .DEPTH(ROWS), .ADDRESS_BITS(ROW_BITS), .CONTENTS(WEIGHTS_FILE)
    ) weight_memory (
        .clk          (clk),
        .read         (weights_read),
        .read_address (weights_row),
        .read_data    (weights)
    );

    wire                      job_valid, job_ready;
    wire [LANES*SUM_BITS-1:0] job_sums;
    wire [GROUP_BITS-1:0]     job_group;

    generate
        if (DELAY_BITS == 0) begin : direct
            snn_accumulator #(
                .LANES(LANES), .WEIGHT_BITS(WEIGHT_BITS), .INPUT_BITS(VALUE_BITS), .SUM_BITS(SUM_BITS),
                .ROW_BITS(ROW_BITS), .TAG_BITS(GROUP_BITS)
            ) accumulator (
                .clk            (clk),
                .reset          (reset),
                .idle           (sums_idle),
                .token_ready    (token_ready),
                .token_add      (token_add),
                .token_handover (token_handover),
                .token_row      (token_row),
                .token_value    (token_value),
                .token_tag      (token_group),
                .weights_read   (weights_read),
                .weights_row    (weights_row),
                .weights        (weights),
                .job_valid      (job_valid),
                .job_ready      (job_ready),
                .job_sums       (job_sums),
                .job_tag        (job_group)
            );
            wire unused = &{clear, clear_address, layer_is_delayed, layer_first_ring, 1'b0};
        end else begin : delayed
            // The step, as far as it says which slot of a ring is due.
            localparam WIDER = STEP_BITS > DELAY_BITS ? STEP_BITS : DELAY_BITS;
            wire [WIDER-1:0]     wide_step  = {{(WIDER-STEP_BITS){1'b0}}, step};
            // A layer's groups have rings that follow each other, so that a group's number fits where
            // it is needed.
            localparam BROAD = RING_BITS > GROUP_BITS ? RING_BITS : GROUP_BITS;
            wire [BROAD-1:0] wide_group = {{(BROAD-GROUP_BITS){1'b0}}, token_group};
            wire unused = &{wide_step, wide_group, 1'b0};  // their high bits

            snn_step_rings #(
                .LANES(LANES), .WEIGHT_BITS(WEIGHT_BITS), .DELAY_BITS(DELAY_BITS), .VALUE_BITS(VALUE_BITS),
                .SUM_BITS(SUM_BITS), .ROW_BITS(ROW_BITS), .TAG_BITS(GROUP_BITS), .RING_BITS(RING_BITS)
            ) rings (
                .clk            (clk),
                .reset          (reset),
                .idle           (sums_idle),
                .clear          (clear),
                .clear_address  (clear_address),
                .phase          (wide_step[DELAY_BITS-1:0]),
                .token_ready    (token_ready),
                .token_add      (token_add),
                .token_handover (token_handover),
                .token_row      (token_row),
                .token_value    (token_value),
                .token_tag      (token_group),
                .token_ring     (layer_is_delayed ? layer_first_ring + wide_group[RING_BITS-1:0] : {RING_BITS{1'b0}}),
                .weights_read   (weights_read),
                .weights_row    (weights_row),
                .weights        (weights),
                .job_valid      (job_valid),
                .job_ready      (job_ready),
                .job_sums       (job_sums),
                .job_tag        (job_group)
            );
        end
    endgenerate

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

    wire                            is_first = step == {STEP_BITS{1'b0}};
    wire                            update_turn, update_ends_word;
    wire [GROUP_BITS-1:0]           update_group;
    wire [GROUP_BITS+LANE_BITS-1:0] ahead_neuron;
    wire                            unused_ahead = &{ahead_neuron, 1'b0};  // its high bits

    snn_step_neurons #(
        .LANES(LANES), .LANE_BITS(LANE_BITS), .LANE_SHIFT(LANE_SHIFT), .SUM_BITS(SUM_BITS),
        .BIAS_BITS(BIAS_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
        .CURRENT_BITS(CURRENT_BITS), .STATE_BITS(STATE_BITS), .PARAMETER_BITS(PARAMETER_BITS),
        .GROUP_BITS(GROUP_BITS), .SLOT_BITS(SLOT_BITS)
    ) neurons (
        .clk              (clk),
        .reset            (reset),
        .idle             (neurons_idle),
        .job_valid        (job_valid),
        .job_ready        (job_ready),
        .job_sums         (job_sums),
        .job_group        (job_group),
        .is_first         (is_first),
        .layer_last_group (layer_last_group),
        .layer_last_lane  (layer_last_lane),
        .layer_first_slot (layer_first_slot),
        .layer_shift      (layer_shift),
        .memory_read      (memory_word_read),
        .memory_slot      (memory_slot),
        .memory_word      (memory_word),
        .unit_initial     (unit_initial),
        .unit_state       (unit_state),
        .unit_current     (unit_current),
        .unit_parameters  (unit_parameters),
        .unit_next_state  (unit_next_state),
        .unit_spike       (unit_spike),
        .update_turn      (update_turn),
        .update_valid     (trace_valid),
        .update_ends_word (update_ends_word),
        .update_group     (update_group),
        .ahead_neuron     (ahead_neuron),
        .update_neuron    (trace_neuron),
        .update_state     (trace_state),
        .update_spike     (trace_spike)
    );

    assign trace_layer = layer;
    assign trace_step  = step;

    // ----------------------- where spikes go: next layer, the same layer one step later, readout
    // Two banks take turns by step. A layer has its place in both: it reads the layer before it in this
    // step's bank, and itself in the other one.
    wire [LAYER_BITS-1:0] layer_before = layer - 1'b1;

    snn_spikes #(.LANES(LANES), .GROUP_BITS(GROUP_BITS), .STEP_BITS(LAYER_BITS)) spike_store (
        .clk              (clk),
        .gather           (update_turn),
        .gather_ends_word (update_ends_word),
        .gather_spike     (trace_spike),
        .gather_bank      (step[0]),
        .gather_step      (layer),
        .gather_group     (update_group),
        .read             (memory_read && !fetch_is_event),
        .read_bank        (fetch_is_own ? !step[0] : step[0]),
        .read_step        (fetch_is_own ? layer : layer_before),
        .read_group       (fetch_word[GROUP_BITS-1:0]),
        .read_word        (spikes)
    );

    snn_step_readout #(
        .STATE_BITS(STATE_BITS), .MEMBRANE_BITS(MEMBRANE_BITS), .MEMBRANE_LOW(MEMBRANE_LOW),
        .OUTPUT_BITS(OUTPUT_BITS), .SCORE_BITS(COUNT_BITS), .ENOUGH(ENOUGH)
    ) readout (
        .clk          (clk),
        .ahead_neuron (ahead_neuron[OUTPUT_BITS-1:0]),
        .valid        (trace_valid && layer_is_last),
        .is_first     (is_first),
        .neuron       (trace_neuron[OUTPUT_BITS-1:0]),
        .state        (trace_state),
        .spike        (trace_spike),
        .best_neuron  (out_class),
        .enough       (enough),
        .ask          (out_valid),
        .score_neuron (count_address),
        .score        (count_value)
    );

endmodule
