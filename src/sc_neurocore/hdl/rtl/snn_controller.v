// snn_controller: the order of work. Control only: no memory, no arithmetic on data.
//
// One frame of inputs gives exactly one result:
//
//   LOAD    take `inputs` values; those that are not zero are counted and become events
//   SCAN    for each group of the layer, for each step, for each word of the layer's input:
//           ask the scanner to fetch that word
//   DRAIN   wait until every word has gone all the way to the spike store; the next layer reads it
//   RESULT  offer the result until it is taken
//
//              last input              last word             pipeline idle
//   LOAD ---------------------> SCAN ------------> DRAIN ----------------------> RESULT --.
//     ^          `start`         ^                   |       last layer, `done`           |
//     |                          '-------------------'                                    |
//     |                            idle, next layer                 taken by `out_ready`  |
//     '-----------------------------------------------------------------------------------'
//
// A static layer has the same input at every step: it is scanned once per group, and the neuron
// unit repeats the sum for all steps. Its input is the event list; all other layers read the spikes
// of the layer before, step by step.
//
// Contract
//   - in_valid/in_ready, out_valid/out_ready, fetch_valid/fetch_ready: a transfer happens in a clock
//     in which both are high; a `valid` once raised stays until then, its data unchanged.
//   - The inputs `layer_*` are a function of `layer` alone. Counts are given as their last index.
//   - `pipeline_idle` may be high only when every fetched word is done with; it is looked at in DRAIN.
//   - verify/control.py proves, with `start` the taking of a frame's last input and `done` the
//     coming of out_valid: `done` once and only once per `start`, no input taken between `start` and
//     the taking of the result, and that `done` comes.
//   - INDEX_BITS >= EVENT_BITS and INDEX_BITS >= GROUP_BITS.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_ ... /‾\_/‾\_/‾\_
//   in_ready       ‾‾‾‾‾‾\____________________________
//   start          __/‾‾‾\____________________________
//   fetch_valid    ______/‾‾‾‾‾‾‾‾‾‾ ... \____________
//   pipeline_idle  ‾‾‾‾‾‾‾‾‾‾\______ ... ____/‾‾‾‾‾‾‾‾
//   done           _________________ ... ____/‾‾‾\____
//   out_valid      _________________ ... ________/‾‾‾‾

module snn_controller #(
    parameter LAYER_BITS = 2,
    parameter GROUP_BITS = 4,
    parameter STEP_BITS  = 5,
    parameter INDEX_BITS = 7,
    parameter EVENT_BITS = 6,
    parameter ROW_BITS   = 11
) (
    input  wire                  clk,
    input  wire                  reset,

    // The frame, and the events that it leaves in the event memory.
    input  wire                  in_valid,
    output wire                  in_ready,
    input  wire                  in_is_zero,
    input  wire [EVENT_BITS-1:0] last_input,
    output reg  [EVENT_BITS-1:0] input_index,
    output wire                  event_write,
    output reg  [EVENT_BITS-1:0] event_address,

    // The schedule of the current layer, and the number of steps.
    output reg  [LAYER_BITS-1:0] layer,
    input  wire                  layer_is_static,
    input  wire                  layer_is_last,
    input  wire [INDEX_BITS-1:0] layer_last_word,
    input  wire [GROUP_BITS-1:0] layer_last_group,
    input  wire [ROW_BITS-1:0]   layer_inputs,
    input  wire [STEP_BITS-1:0]  last_step,

    // Words for the scanner.
    output wire                  fetch_valid,
    input  wire                  fetch_ready,
    output reg  [INDEX_BITS-1:0] fetch_word,
    output wire                  fetch_is_empty,
    output wire                  fetch_is_last,
    output reg  [ROW_BITS-1:0]   fetch_row,
    output reg  [GROUP_BITS-1:0] fetch_group,
    output reg  [STEP_BITS-1:0]  fetch_step,
    input  wire                  pipeline_idle,

    output wire                  out_valid,
    input  wire                  out_ready
);

    localparam [1:0] LOAD = 2'd0, SCAN = 2'd1, DRAIN = 2'd2, RESULT = 2'd3;
    reg [1:0] state;

    // Events. `last_event` is the address of the last one; a blank frame has none, and then the one
    // word that a scan must have is marked empty.
    reg                   blank;
    reg  [EVENT_BITS-1:0] last_event;

    assign in_ready    = state == LOAD;
    assign event_write = in_valid && in_ready && !in_is_zero;
    wire   start       = in_valid && in_ready && input_index == last_input;

    // Position in the nest of loops: word fastest, then step, then group.
    wire [INDEX_BITS-1:0] last_word     = layer_is_static
                                        ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, last_event}
                                        : layer_last_word;
    wire                  at_last_word  = fetch_word == last_word;
    wire                  at_last_step  = layer_is_static || fetch_step == last_step;
    wire                  at_last_group = fetch_group == layer_last_group;
    wire                  fetch         = fetch_valid && fetch_ready;

    assign fetch_valid    = state == SCAN;
    assign fetch_is_empty = layer_is_static && blank;
    assign fetch_is_last  = at_last_word;

    assign out_valid = state == RESULT;

    always @(posedge clk) begin
        case (state)
            LOAD:
                if (start) state <= SCAN;
            SCAN:
                if (fetch && at_last_word && at_last_step && at_last_group) state <= DRAIN;
            DRAIN:
                if (pipeline_idle) state <= layer_is_last ? RESULT : SCAN;
            RESULT:
                if (out_ready) state <= LOAD;
        endcase
        if (reset) state <= LOAD;
    end

    // The input side: counters run while loading and return to zero when the result is taken.
    always @(posedge clk) begin
        if (in_valid && in_ready) input_index <= input_index + 1'b1;
        if (event_write) begin
            blank         <= 1'b0;
            last_event    <= event_address;
            event_address <= event_address + 1'b1;
        end
        if (reset || out_valid) begin
            input_index   <= {EVENT_BITS{1'b0}};
            event_address <= {EVENT_BITS{1'b0}};
            last_event    <= {EVENT_BITS{1'b0}};
            blank         <= 1'b1;
        end
    end

    // The loops. `fetch_row` is where the group's weights begin: groups lie one after the other in
    // the weight memory, layer after layer, so that one running sum serves the whole network.
    always @(posedge clk) begin
        if (fetch) begin
            fetch_word <= at_last_word ? {INDEX_BITS{1'b0}} : fetch_word + 1'b1;
            if (at_last_word) begin
                fetch_step <= at_last_step ? {STEP_BITS{1'b0}} : fetch_step + 1'b1;
                if (at_last_step) begin
                    fetch_group <= at_last_group ? {GROUP_BITS{1'b0}} : fetch_group + 1'b1;
                    fetch_row   <= fetch_row + layer_inputs;
                end
            end
        end
        if (state == DRAIN && pipeline_idle) layer <= layer + 1'b1;
        if (reset || in_ready) begin
            layer       <= {LAYER_BITS{1'b0}};
            fetch_word  <= {INDEX_BITS{1'b0}};
            fetch_step  <= {STEP_BITS{1'b0}};
            fetch_group <= {GROUP_BITS{1'b0}};
            fetch_row   <= {ROW_BITS{1'b0}};
        end
    end

endmodule
