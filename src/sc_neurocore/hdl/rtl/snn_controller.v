// snn_controller: the order of work. Control only: no memory, no arithmetic on data.
//
// One frame gives exactly one result:
//
//   IDLE    wait for a frame, and take it
//   SCAN    for each group of the layer, for each step, for each word of the layer's input:
//           ask the scanner to fetch that word
//   DRAIN   wait until every word has gone all the way to the spike store; the next layer reads it
//   CHOOSE  wait until the readout has compared the scores of the output neurons
//   RESULT  offer the result until it is taken
//
//           frame_take           last word            pipeline idle           chosen
//   IDLE ---------------> SCAN ------------> DRAIN ---------------> CHOOSE ----------> RESULT --.
//    ^                     ^                   |      last layer                `done`           |
//    |                     '-------------------'                                                 |
//    |                        idle, next layer                            taken by `out_ready`   |
//    '-------------------------------------------------------------------------------------------'
//
// A static layer has the same input at every step: it is scanned once per group, and the neuron
// units repeat the sums for all steps. Its input is the event list; all other layers read the spikes
// of the layer before, step by step.
//
// Contract
//   - out_valid/out_ready, fetch_valid/fetch_ready: a transfer happens in a clock in which both are
//     high; a `valid` once raised stays until then, its data unchanged.
//   - `frame_take` is high for one clock in which `frame_valid` is. What the frame_* said then is
//     kept: the loader may go on with the next frame.
//   - The inputs `layer_*` are a function of `layer` alone. Counts are given as their last index.
//   - `pipeline_idle` may be high only when every fetched word is done with; it is looked at in DRAIN.
//   - `choose` is high until `chosen`.
//   - verify/control.py proves, with `start` the taking of a frame's last beat and `done` the coming
//     of out_valid: `done` once and only once per `start`, in their order, and that `done` comes.
//   - INDEX_BITS >= EVENT_BITS and INDEX_BITS >= GROUP_BITS.
//
//   clk            _/‾\_/‾\_/‾\_ ... /‾\_/‾\_ ... /‾\_/‾\_
//   frame_take     _/‾‾‾\_________________________________
//   fetch_valid    _____/‾‾‾‾‾‾‾ ... \____________________
//   pipeline_idle  ‾‾‾‾‾‾‾‾‾\___ ... ____/‾‾‾ ... ‾‾‾‾‾‾‾‾
//   choose         _____________ ... ________/ ... ‾\_____
//   out_valid      _____________ ... _________ ... _/‾‾‾‾‾

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

    // The frame: its events lie in half `bank` of the event memory.
    input  wire                  frame_valid,
    output wire                  frame_take,
    input  wire                  frame_bank,
    input  wire [EVENT_BITS-1:0] frame_last_event,
    input  wire                  frame_is_blank,
    output reg                   bank,

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

    output wire                  choose,
    input  wire                  chosen,
    output wire                  out_valid,
    input  wire                  out_ready
);

    localparam [2:0] IDLE = 3'd0, SCAN = 3'd1, DRAIN = 3'd2, CHOOSE = 3'd3, RESULT = 3'd4;
    reg [2:0] state;

    // A blank frame has no event, and then the one word that a scan must have is marked empty.
    reg                  blank;
    reg [EVENT_BITS-1:0] last_event;

    // Position in the nest of loops: word fastest, then step, then group.
    wire [INDEX_BITS-1:0] last_word     = layer_is_static
                                        ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, last_event}
                                        : layer_last_word;
    wire                  at_last_word  = fetch_word == last_word;
    wire                  at_last_step  = layer_is_static || fetch_step == last_step;
    wire                  at_last_group = fetch_group == layer_last_group;
    wire                  fetch         = fetch_valid && fetch_ready;

    assign frame_take     = state == IDLE && frame_valid;
    assign fetch_valid    = state == SCAN;
    assign fetch_is_empty = layer_is_static && blank;
    assign fetch_is_last  = at_last_word;
    assign choose         = state == CHOOSE;
    assign out_valid      = state == RESULT;

    always @(posedge clk) begin
        case (state)
            IDLE:
                if (frame_valid) state <= SCAN;
            SCAN:
                if (fetch && at_last_word && at_last_step && at_last_group) state <= DRAIN;
            DRAIN:
                if (pipeline_idle) state <= layer_is_last ? CHOOSE : SCAN;
            CHOOSE:
                if (chosen) state <= RESULT;
            default:
                if (out_ready) state <= IDLE;
        endcase
        if (reset) state <= IDLE;
    end

    always @(posedge clk)
        if (frame_take) begin
            bank       <= frame_bank;
            last_event <= frame_last_event;
            blank      <= frame_is_blank;
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
        if (state == IDLE) begin
            layer       <= {LAYER_BITS{1'b0}};
            fetch_word  <= {INDEX_BITS{1'b0}};
            fetch_step  <= {STEP_BITS{1'b0}};
            fetch_group <= {GROUP_BITS{1'b0}};
            fetch_row   <= {ROW_BITS{1'b0}};
        end
    end

endmodule
