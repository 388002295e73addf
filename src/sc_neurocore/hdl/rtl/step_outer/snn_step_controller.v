// snn_step_controller: the order of work, step by step. Control only: no memory, no arithmetic on data.
//
//   CLEAR   empty the rings of delayed sums, where the network has delays
//   LOAD    take the values of a frame; those that are not zero are counted and become events
//   SCAN    for each group of the layer: ask the scanner to fetch every word of what comes in, then,
//           in a recurrent layer, every word of the layer's own spikes of the step before
//   DRAIN   wait until every word has gone all the way to the states and spikes in their memories
//   RESULT  offer the result until it is taken
//
//                                   idle, next layer
//               last input         .----------------.
//   LOAD -------------------> SCAN <                 DRAIN ------------------> RESULT
//    ^ ^                           '----------------'  |    last step, or       |
//    | |                             last word         |    enough spikes       |
//    | |                                               |                        |
//    | '-- next step, a frame per step ----------------'                        |
//    |     (a static frame stays, and the next step begins with SCAN)           |
//    '--------------------- CLEAR <---------------------------------------------'
//                                           taken by `out_ready`
//
// Contract
//   - in_valid/in_ready, out_valid/out_ready, fetch_valid/fetch_ready: a transfer happens in a clock
//     in which both are high; a `valid` once raised stays until then, its data unchanged.
//   - The inputs `layer_*` are a function of `layer` alone. Counts are given as their last index.
//   - `layer` and `step` change only in a clock in which `pipeline_idle` is high. So they need not travel
//     with the work: whatever is on its way belongs to this layer and this step.
//   - `pipeline_idle` may be high only when every fetched word is done with; it is looked at in DRAIN.
//     `enough` is looked at there too, behind the last layer.
//   - With IS_STATIC a result takes one frame, otherwise one per step, each asked for after the step
//     before it is done. Where `enough` ends a sample early, its later frames are never asked for:
//     the next value taken is the first one of the next sample.
//   - INDEX_BITS >= EVENT_BITS and INDEX_BITS >= GROUP_BITS.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_ ... /‾\_/‾\_/‾\_     one layer, one step
//   in_ready       ‾‾‾‾‾‾\____________________________
//   start          __/‾‾‾\____________________________
//   fetch_valid    ______/‾‾‾‾‾‾‾‾‾‾ ... \____________
//   pipeline_idle  ‾‾‾‾‾‾‾‾‾‾\______ ... ____/‾‾‾‾‾‾‾‾
//   out_valid      _________________ ... ________/‾‾‾‾

module snn_step_controller #(
    parameter IS_STATIC  = 1,
    parameter HAS_RINGS  = 0,
    parameter CLEAR_BITS = 1,
    parameter LAYER_BITS = 2,
    parameter GROUP_BITS = 4,
    parameter STEP_BITS  = 5,
    parameter INDEX_BITS = 7,
    parameter EVENT_BITS = 6,
    parameter ROW_BITS   = 11
) (
    input  wire                  clk,
    input  wire                  reset,

    // The rings.
    output wire                  clear,
    output reg  [CLEAR_BITS-1:0] clear_address,

    // The frame, and the events that it leaves in the event memory.
    input  wire                  in_valid,
    output wire                  in_ready,
    input  wire                  in_is_zero,
    input  wire [EVENT_BITS-1:0] last_input,
    output reg  [EVENT_BITS-1:0] input_index,
    output wire                  event_write,
    output reg  [EVENT_BITS-1:0] event_address,

    // Where the work stands, and what the current layer is like.
    output reg  [STEP_BITS-1:0]  step,
    input  wire [STEP_BITS-1:0]  last_step,
    output reg  [LAYER_BITS-1:0] layer,
    input  wire                  layer_is_last,
    input  wire                  layer_takes_frame,
    input  wire                  layer_is_recurrent,
    input  wire [INDEX_BITS-1:0] layer_last_word,
    input  wire [GROUP_BITS-1:0] layer_last_group,
    input  wire [ROW_BITS-1:0]   layer_inputs,
    input  wire [ROW_BITS-1:0]   layer_outputs,

    // Words for the scanner.
    output wire                  fetch_valid,
    input  wire                  fetch_ready,
    output reg                   fetch_is_own,
    output wire                  fetch_is_event,
    output reg  [INDEX_BITS-1:0] fetch_word,
    output wire                  fetch_is_empty,
    output wire                  fetch_is_last,
    output reg  [ROW_BITS-1:0]   fetch_row,
    output reg  [GROUP_BITS-1:0] fetch_group,
    input  wire                  pipeline_idle,

    input  wire                  enough,
    output wire                  out_valid,
    input  wire                  out_ready
);

    localparam [2:0] LOAD = 3'd0, SCAN = 3'd1, DRAIN = 3'd2, RESULT = 3'd3, CLEAR = 3'd4;
    localparam [2:0] BEGIN = HAS_RINGS != 0 ? CLEAR : LOAD;
    reg [2:0] state;

    // Events. `last_event` is the address of the last one; a blank frame has none, and then the one
    // word that a scan must have is marked empty. So is that of a layer's own spikes before the
    // first step.
    reg                  blank;
    reg [EVENT_BITS-1:0] last_event;

    assign in_ready    = state == LOAD;
    assign event_write = in_valid && in_ready && !in_is_zero;
    wire   start       = in_valid && in_ready && input_index == last_input;

    // Position in the nest of loops: word fastest, then part (incoming, own), then group.
    wire at_first_step = step == {STEP_BITS{1'b0}};
    wire [INDEX_BITS-1:0] last_own_word = at_first_step ? {INDEX_BITS{1'b0}}
                                        : {{(INDEX_BITS-GROUP_BITS){1'b0}}, layer_last_group};
    wire [INDEX_BITS-1:0] last_word     = fetch_is_own ? last_own_word
                                        : layer_takes_frame ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, last_event}
                                        : layer_last_word;
    wire at_last_word  = fetch_word == last_word;
    wire at_last_part  = fetch_is_own || !layer_is_recurrent;
    wire at_last_group = fetch_group == layer_last_group;
    wire fetch         = fetch_valid && fetch_ready;
    wire layer_done    = state == DRAIN && pipeline_idle;
    wire step_done     = layer_done && layer_is_last;
    wire sample_done   = step_done && (step == last_step || enough);

    assign clear          = state == CLEAR;
    assign fetch_valid    = state == SCAN;
    assign fetch_is_event = layer_takes_frame && !fetch_is_own;
    assign fetch_is_empty = fetch_is_own ? at_first_step : layer_takes_frame && blank;
    assign fetch_is_last  = at_last_word && at_last_part;

    assign out_valid = state == RESULT;

    always @(posedge clk) begin
        case (state)
            CLEAR:
                if (&clear_address) state <= LOAD;
            LOAD:
                if (start) state <= SCAN;
            SCAN:
                if (fetch && fetch_is_last && at_last_group) state <= DRAIN;
            DRAIN:
                if (sample_done)     state <= RESULT;
                else if (step_done)  state <= IS_STATIC != 0 ? SCAN : LOAD;
                else if (layer_done) state <= SCAN;
            default:  // RESULT
                if (out_ready) state <= BEGIN;
        endcase
        if (reset) state <= BEGIN;
    end

    always @(posedge clk)
        if (reset || !clear) clear_address <= {CLEAR_BITS{1'b0}};
        else                 clear_address <= clear_address + 1'b1;

    // The input side: counters run while loading, and return to zero for the next frame.
    wire frame_done = out_valid || (step_done && IS_STATIC == 0);
    always @(posedge clk) begin
        if (in_valid && in_ready) input_index <= input_index + 1'b1;
        if (event_write) begin
            blank         <= 1'b0;
            last_event    <= event_address;
            event_address <= event_address + 1'b1;
        end
        if (reset || frame_done) begin
            input_index   <= {EVENT_BITS{1'b0}};
            event_address <= {EVENT_BITS{1'b0}};
            last_event    <= {EVENT_BITS{1'b0}};
            blank         <= 1'b1;
        end
    end

    // The loops. `fetch_row` is where the weights begin: they lie in the weight memory in the order in
    // which they are needed, layer by layer, group by group, those of own spikes behind those of what
    // comes in, so that one running sum serves the whole network.
    always @(posedge clk) begin
        if (fetch) begin
            fetch_word <= at_last_word ? {INDEX_BITS{1'b0}} : fetch_word + 1'b1;
            if (at_last_word) begin
                fetch_is_own <= !at_last_part;
                fetch_row    <= fetch_row + (fetch_is_own ? layer_outputs : layer_inputs);
                if (at_last_part)
                    fetch_group <= at_last_group ? {GROUP_BITS{1'b0}} : fetch_group + 1'b1;
            end
        end
        if (reset || step_done || out_valid) begin
            fetch_word   <= {INDEX_BITS{1'b0}};
            fetch_is_own <= 1'b0;
            fetch_group  <= {GROUP_BITS{1'b0}};
            fetch_row    <= {ROW_BITS{1'b0}};
        end
    end

    always @(posedge clk) begin
        if (layer_done) layer <= layer_is_last ? {LAYER_BITS{1'b0}} : layer + 1'b1;
        if (step_done)  step  <= step + 1'b1;
        if (reset || out_valid) begin
            layer <= {LAYER_BITS{1'b0}};
            step  <= {STEP_BITS{1'b0}};
        end
    end

endmodule
