// SPDX-License-Identifier: Apache-2.0
// snn_controller: the order of work. Control only: no memory, no arithmetic on data.
//
//   CLEAR   empty the rings of delayed sums, where there are any
//   IDLE    wait for a frame, and take it
//   SCAN    for each group of the layer: ask the scanner to fetch every word of what comes in, then,
//           in a recurrent layer, every word of the layer's own spikes of the step before
//   DRAIN   wait until every word has gone all the way to the states and spikes in their memories
//   CHOOSE  wait until the readout has compared the scores of the output neurons
//   RESULT  offer the result until it is taken
//
//                                idle, next layer
//              frame_take       .----------------.
//   IDLE ------------------> SCAN               DRAIN -------------> CHOOSE -------> RESULT
//    ^ ^                        '--------------->^ |   sample done           chosen    |
//    | |                           last word       |                                   |
//    | '-- next step, a frame per step ------------'                                   |
//    |     (a static frame stays, and the next step begins with SCAN)                  |
//    '--------------------- CLEAR <----------------------------------------------------'
//                                           taken by `out_ready`
//
// There are two orders of the loops. With STEP_OUTER = 0 all steps of a group come before the next
// group, inside SCAN: word, then step, then group, then layer. A layer that takes the frame has the same
// input at every step then, and is scanned once per group; the neuron units repeat the sums. With
// STEP_OUTER = 1 all layers of a step come before the next step: word, then part, then group, then
// layer, then step. A sample may end early then, after a step in which there is `count_reached`.
//
// With WINDOWS the words of what comes in are named by snn_window.v, place after place: this gives it
// groups, and is told which word is the last of a walk. Places may share their weights: the rows of a
// layer's blocks of channels then come again at every place.
//
// Contract
//   - out_valid/out_ready, fetch_valid/fetch_ready: a transfer happens in a clock in which both are
//     high; a `valid` once raised stays until then, its data unchanged.
//   - `frame_take` is high for one clock in which `frame_valid` is. What the frame_* said then is
//     kept: the loader may go on with the next frame.
//   - With IS_STATIC a result takes one frame, otherwise one per step. `waits` is high where the next
//     frame is asked for.
//   - The inputs `layer_*` are a function of `layer` alone. Counts are given as their last index.
//   - `layer`, and with STEP_OUTER `step`, change only in a clock in which `pipeline_idle` is high: so
//     they need not travel with the work.
//   - `pipeline_idle` may be high only when every fetched word is done with; it is looked at in DRAIN,
//     and so is `count_reached`, behind the last layer.
//   - `choose` is high until `chosen`.
//
//   clk            _/‾\_/‾\_/‾\_ ... /‾\_/‾\_ ... /‾\_/‾\_
//   frame_take     _/‾‾‾\_________________________________
//   fetch_valid    _____/‾‾‾‾‾‾‾ ... \____________________
//   pipeline_idle  ‾‾‾‾‾‾‾‾‾\___ ... ____/‾‾‾ ... ‾‾‾‾‾‾‾‾
//   choose         _____________ ... ________/ ... ‾\_____
//   out_valid      _____________ ... _________ ... _/‾‾‾‾‾

`default_nettype none

module snn_controller #(
    parameter STEP_OUTER = 0,
    parameter IS_STATIC  = 1,
    parameter HAS_RINGS  = 0,
    parameter WINDOWS    = 0,
    parameter WALKS_FRAME = 0,
    parameter CLEAR_BITS = 1,
    parameter LAYER_BITS = 2,
    parameter GROUP_BITS = 4,
    parameter STEP_BITS  = 5,
    parameter INDEX_BITS = 7,    // at least EVENT_BITS and GROUP_BITS
    parameter EVENT_BITS = 6,
    parameter ROW_BITS   = 11
) (
    input  wire                  clk,
    input  wire                  reset,

    // The rings.
    output wire                  clear,
    output reg  [CLEAR_BITS-1:0] clear_address,

    // The frame: its events lie in half `bank` of the event memory.
    output wire                  waits,
    input  wire                  frame_valid,
    output wire                  frame_take,
    input  wire                  frame_bank,
    input  wire [EVENT_BITS-1:0] frame_last_event,
    input  wire                  frame_is_blank,
    output reg                   bank,

    // Where the work stands, and what the current layer is like.
    output reg  [LAYER_BITS-1:0] layer,
    input  wire                  layer_is_last,
    input  wire                  layer_takes_frame,
    input  wire                  layer_is_recurrent,
    input  wire [INDEX_BITS-1:0] layer_last_word,
    input  wire [GROUP_BITS-1:0] layer_last_group,
    input  wire [ROW_BITS-1:0]   layer_inputs,
    input  wire [ROW_BITS-1:0]   layer_outputs,
    input  wire [GROUP_BITS-1:0] layer_last_block,
    input  wire [ROW_BITS-1:0]   layer_first_row,
    input  wire                  layer_shares_rows,
    output reg  [STEP_BITS-1:0]  step,
    input  wire [STEP_BITS-1:0]  last_step,

    // Words for the scanner, or for the window module.
    output wire                  fetch_valid,
    input  wire                  fetch_ready,
    output reg                   fetch_is_recurrent,
    output wire                  fetch_is_event,
    output reg  [INDEX_BITS-1:0] fetch_word,
    output wire                  fetch_is_empty,
    output wire                  fetch_is_last,
    output reg  [ROW_BITS-1:0]   fetch_row,
    output wire                  fetch_is_walked,
    output wire                  fetch_ends_group,
    output wire                  fetch_ends_place,
    input  wire                  walk_ends,
    input  wire                  pipeline_idle,

    input  wire                  count_reached,
    output wire                  choose,
    input  wire                  chosen,
    output wire                  out_valid,
    input  wire                  out_ready
);

    localparam [2:0] IDLE = 3'd0, SCAN = 3'd1, DRAIN = 3'd2, CHOOSE = 3'd3, RESULT = 3'd4, CLEAR = 3'd5;
    localparam [2:0] BEGIN = HAS_RINGS != 0 ? CLEAR : IDLE;
    reg [2:0] state;

    // A blank frame has no event, and then the one word that a scan must have is marked empty. So is
    // that of a layer's own spikes before the first step.
    reg                  blank;
    reg [EVENT_BITS-1:0] last_event;

    // Position in the nest of loops.
    reg  [GROUP_BITS-1:0] group;
    wire at_first_step = step == {STEP_BITS{1'b0}};
    wire [INDEX_BITS-1:0] last_recurrent_word = at_first_step ? {INDEX_BITS{1'b0}}
                                              : {{(INDEX_BITS-GROUP_BITS){1'b0}}, layer_last_group};
    wire [INDEX_BITS-1:0] last_word = fetch_is_recurrent ? last_recurrent_word
                                    : layer_takes_frame ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, last_event}
                                    : layer_last_word;
    wire at_last_word  = fetch_is_walked ? walk_ends : fetch_word == last_word;
    wire at_last_part  = STEP_OUTER == 0 || fetch_is_recurrent || !layer_is_recurrent;
    wire at_last_step  = STEP_OUTER != 0 || layer_takes_frame || step == last_step;
    wire at_last_group = group == layer_last_group;
    wire at_last_block;
    wire [GROUP_BITS-1:0] block;     // of the group among those of its place, with WINDOWS
    wire fetch         = fetch_valid && fetch_ready;
    wire layer_done    = state == DRAIN && pipeline_idle;
    wire step_done     = layer_done && layer_is_last;
    wire sample_ends   = STEP_OUTER == 0 || step == last_step || count_reached;

    assign clear            = state == CLEAR;
    assign waits            = state == IDLE;
    assign frame_take       = state == IDLE && frame_valid;
    assign fetch_valid      = state == SCAN;
    assign fetch_is_event   = layer_takes_frame && !fetch_is_recurrent;
    assign fetch_is_empty   = fetch_is_recurrent ? at_first_step : layer_takes_frame && blank;
    assign fetch_is_last    = at_last_word && at_last_part;
    assign fetch_is_walked  = WINDOWS != 0 && !fetch_is_recurrent && (WALKS_FRAME != 0 || !layer_takes_frame);
    assign fetch_ends_group = fetch_is_last && at_last_step;
    assign fetch_ends_place = at_last_block;
    assign choose           = state == CHOOSE;
    assign out_valid        = state == RESULT;

    always @(posedge clk) begin
        case (state)
            CLEAR:
                if (&clear_address) state <= IDLE;
            IDLE:
                if (frame_valid) state <= SCAN;
            SCAN:
                if (fetch && fetch_is_last && at_last_step && at_last_group) state <= DRAIN;
            DRAIN:
                if (pipeline_idle)
                    state <= !layer_is_last ? SCAN : sample_ends ? CHOOSE : IS_STATIC != 0 ? SCAN : IDLE;
            CHOOSE:
                if (chosen) state <= RESULT;
            default:
                if (out_ready) state <= BEGIN;
        endcase
        if (reset) state <= BEGIN;
    end

    always @(posedge clk)
        if (reset || !clear) clear_address <= {CLEAR_BITS{1'b0}};
        else                 clear_address <= clear_address + 1'b1;

    always @(posedge clk)
        if (frame_take) begin
            bank       <= frame_bank;
            last_event <= frame_last_event;
            blank      <= frame_is_blank;
        end

    // The loops. `fetch_row` is where the weights begin: they lie in the weight memory in the order in
    // which they are needed, layer by layer, group by group, those of own spikes behind those of what
    // comes in, so that one running sum serves the whole network.
    wire again;
    wire begins = state == IDLE || (STEP_OUTER != 0 && step_done);
    always @(posedge clk) begin
        if (fetch) begin
            fetch_word <= at_last_word ? {INDEX_BITS{1'b0}} : fetch_word + 1'b1;
            if (at_last_word) begin
                fetch_is_recurrent <= !at_last_part;
                if (at_last_part && at_last_step)
                    group <= at_last_group ? {GROUP_BITS{1'b0}} : group + 1'b1;
                if (at_last_step)
                    fetch_row <= again ? layer_first_row
                               : fetch_row + (fetch_is_recurrent ? layer_outputs : layer_inputs);
            end
        end
        if (layer_done) layer <= layer + 1'b1;
        if (begins) begin
            layer              <= {LAYER_BITS{1'b0}};
            group              <= {GROUP_BITS{1'b0}};
            fetch_word         <= {INDEX_BITS{1'b0}};
            fetch_is_recurrent <= 1'b0;
            fetch_row          <= {ROW_BITS{1'b0}};
        end
    end

    generate
        if (WINDOWS != 0) begin : by_place
            reg [GROUP_BITS-1:0] counted;
            always @(posedge clk)
                if (begins)                         counted <= {GROUP_BITS{1'b0}};
                else if (fetch && fetch_ends_group) counted <= at_last_block ? {GROUP_BITS{1'b0}} : counted + 1'b1;
            assign block         = counted;
            assign at_last_block = block == layer_last_block;
            assign again         = layer_shares_rows && at_last_part && at_last_block && !at_last_group;
        end else begin : one_place
            assign block         = {GROUP_BITS{1'b0}};
            assign at_last_block = 1'b0;
            assign again         = 1'b0;
            wire unused = &{layer_last_block, layer_first_row, layer_shares_rows, walk_ends, block, 1'b0};
        end
    endgenerate

    generate
        if (STEP_OUTER != 0) begin : step_by_step
            always @(posedge clk)
                if (reset)          step <= {STEP_BITS{1'b0}};
                else if (step_done) step <= sample_ends ? {STEP_BITS{1'b0}} : step + 1'b1;
        end else begin : group_by_group
            always @(posedge clk)
                if (state == IDLE)              step <= {STEP_BITS{1'b0}};
                else if (fetch && at_last_word) step <= at_last_step ? {STEP_BITS{1'b0}} : step + 1'b1;
        end
    endgenerate

`ifdef FORMAL
    // What is said of one word of a layer's work, which may be any: {group, step, part, word}. Where words
    // are walked, a walk is one word.
    localparam PLACE_BITS = GROUP_BITS + STEP_BITS + 1 + INDEX_BITS;
    (* anyconst *) wire [GROUP_BITS-1:0] the_group;
    (* anyconst *) wire [STEP_BITS-1:0]  any_step;
    (* anyconst *) wire                  the_part;
    (* anyconst *) wire [INDEX_BITS-1:0] any_word;
    (* anyconst *) wire [CLEAR_BITS-1:0] the_address;
    wire                  the_walk = WINDOWS != 0 && !the_part && (WALKS_FRAME != 0 || !layer_takes_frame);
    wire [STEP_BITS-1:0]  the_step = STEP_OUTER != 0 ? {STEP_BITS{1'b0}} : any_step;
    wire [INDEX_BITS-1:0] the_word = the_walk ? {INDEX_BITS{1'b0}} : any_word;
    wire [PLACE_BITS-1:0] chosen_place = {the_group, the_step, the_part, the_word};
    wire [PLACE_BITS-1:0] place_now = {group, STEP_OUTER != 0 ? {STEP_BITS{1'b0}} : step, fetch_is_recurrent,
                                       fetch_is_walked ? {INDEX_BITS{1'b0}} : fetch_word};
    wire [STEP_BITS-1:0]  last_scan = STEP_OUTER != 0 || layer_takes_frame ? {STEP_BITS{1'b0}} : last_step;
    wire hit = fetch && place_now == chosen_place && (!fetch_is_walked || walk_ends);
    wire at_work = state == SCAN || state == DRAIN;

    reg                   begun = 1'b0, seen, emptied, was_quiet, reached, kept_bank, kept_blank;
    reg  [EVENT_BITS-1:0] kept_last_event;
    reg  [STEP_BITS:0]    frames, passes;       // of the sample: taken in, and ended
    wire [INDEX_BITS-1:0] last_of_part = the_part ? last_recurrent_word : the_walk ? {INDEX_BITS{1'b0}}
                                       : layer_takes_frame ? kept_last_event : layer_last_word;
    wire exists = the_group <= layer_last_group && the_step <= last_scan && the_word <= last_of_part
               && (!the_part || (STEP_OUTER != 0 && layer_is_recurrent));
    wire quiet  = pipeline_idle || was_quiet;   // nothing was fetched since the pipeline was empty
    wire ends_sample = choose && chosen;
    reg  [GROUP_BITS-1:0] block_now;            // of the group among those of its place
    wire                  is_last_block = block_now == layer_last_block;
    always @(posedge clk) begin
        begun     <= 1'b1;
        was_quiet <= reset || (quiet && !fetch);
        seen      <= !reset && at_work && !layer_done && (seen || hit);
        emptied   <= !reset && !(out_valid && out_ready) && (emptied || (clear && clear_address == the_address));
        frames    <= reset || ends_sample ? {(STEP_BITS+1){1'b0}} : frames + frame_take;
        passes    <= reset || ends_sample ? {(STEP_BITS+1){1'b0}} : passes + step_done;
        if (begins)                         block_now <= {GROUP_BITS{1'b0}};
        else if (fetch && fetch_ends_group) block_now <= is_last_block ? {GROUP_BITS{1'b0}} : block_now + 1'b1;
        if (step_done)  reached <= count_reached;
        if (frame_take) {kept_bank, kept_last_event, kept_blank} <= {frame_bank, frame_last_event, frame_is_blank};
    end

    // The clock before, and what the outputs were in it.
    localparam ASKED_BITS = INDEX_BITS + ROW_BITS + 3;
    reg                   was_reset, was_waiting, was_choose, was_chosen, was_out, was_taken, was_part_end, was_again;
    reg                   was_recurrent, was_idle, was_begins, was_step_done;
    reg  [LAYER_BITS-1:0] was_layer;
    reg  [STEP_BITS-1:0]  was_step, was_last_step;
    reg  [ROW_BITS-1:0]   was_row, was_inputs, was_outputs, was_first_row;
    reg  [ASKED_BITS-1:0] was_asked;
    wire [ASKED_BITS-1:0] asked = {fetch_is_recurrent, fetch_is_event, fetch_is_empty, fetch_word, fetch_row};
    localparam TABLE_BITS = INDEX_BITS + 2*GROUP_BITS + 3*ROW_BITS + 4;
    reg  [TABLE_BITS-1:0] was_table;
    wire [TABLE_BITS-1:0] table_now = {layer_is_last, layer_takes_frame, layer_is_recurrent, layer_last_word,
        layer_last_group, layer_inputs, layer_outputs, layer_last_block, layer_first_row, layer_shares_rows};
    always @(posedge clk) begin
        was_reset     <= reset;
        was_waiting   <= fetch_valid && !fetch_ready;
        was_choose    <= choose;
        was_chosen    <= chosen;
        was_out       <= out_valid;
        was_taken     <= out_ready;
        was_part_end  <= fetch && at_last_word && at_last_step;
        was_again     <= layer_shares_rows && at_last_part && is_last_block && !at_last_group;
        was_recurrent <= fetch_is_recurrent;
        was_idle      <= quiet;
        was_begins    <= begins;
        was_step_done <= step_done;
        was_layer     <= layer;
        was_step      <= step;
        was_last_step <= last_step;
        was_row       <= fetch_row;
        was_inputs    <= layer_inputs;
        was_outputs   <= layer_outputs;
        was_first_row <= layer_first_row;
        was_asked     <= asked;
        was_table     <= table_now;
    end

    // The world's side: there was a reset; the layer's table and the number of steps stay; there is a last
    // layer, and places have all of their blocks.
    wire fair_now = begun
        ? (layer != was_layer || table_now == was_table) && last_step == was_last_step
          && (!(&layer) || layer_is_last) && (WINDOWS == 0 || !at_work || group != layer_last_group || is_last_block)
        : reset;
    reg  fair    = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;
    wire holds = begun && is_fair && !reset;

    always @(posedge clk)
        if (holds) begin
            // Each word of the layer is asked for once, and none that it has not.
            if (hit)        assert (exists && !seen);
            if (layer_done) assert (seen || !exists);
            if (fetch_valid) begin
                assert (fetch_is_event == (layer_takes_frame && !fetch_is_recurrent));
                assert (fetch_is_empty == (fetch_is_recurrent ? step == 0 : layer_takes_frame && kept_blank));
                if (fetch_is_walked) assert (fetch_is_last == (walk_ends && (STEP_OUTER == 0 || !layer_is_recurrent)));
                assert (fetch_ends_group == (fetch_is_last && (place_now[INDEX_BITS+1 +: STEP_BITS] == last_scan)));
                if (layer == 0 && place_now == 0) assert (fetch_row == 0);
                if (WINDOWS != 0) assert (fetch_ends_place == is_last_block);
            end
            // What is asked for stands until it is taken.
            if (was_waiting && !was_reset) assert (fetch_valid && asked == was_asked);
            // Rows of weights follow each other, part by part; places may have the same.
            if (!was_reset && at_work && was_part_end)
                assert (fetch_row == (WINDOWS != 0 && was_again ? was_first_row
                                      : was_row + (was_recurrent ? was_outputs : was_inputs)));
            if (!was_reset && at_work && !was_part_end && !(state == SCAN && layer == 0 && place_now == 0))
                assert (fetch_row == was_row);
            // Layers follow each other.
            if (!was_reset && layer != was_layer)
                assert (layer == (was_begins ? {LAYER_BITS{1'b0}} : was_layer + 1'b1));
            // Layer and step change when nothing is on its way.
            if (!was_reset && (layer != was_layer || (STEP_OUTER != 0 && step != was_step))) assert (was_idle);
            // A result follows the choice, behind all steps and frames of a sample; it stays until it is taken.
            if (choose) assert (passes == (STEP_OUTER == 0 ? 1 : last_step + 1'b1) || (STEP_OUTER != 0 && reached));
            // It comes where a number of spikes is reached, and not before the last step otherwise.
            if (!was_reset && was_step_done)
                assert (choose == (STEP_OUTER == 0 || was_step == was_last_step || reached));
            if (choose) assert (frames == (IS_STATIC != 0 ? 1 : passes));
            if (!was_reset && was_choose && !was_chosen) assert (choose);
            if (!was_reset && was_out && !was_taken)     assert (out_valid);
            if (!was_reset && out_valid && !was_out)     assert (was_choose && was_chosen);
            // The frame at work is the one that was taken; before it, the rings are empty.
            assert (frame_take == (waits && frame_valid));
            if (at_work) assert (bank == kept_bank);
            if (waits && HAS_RINGS != 0) assert (emptied);

            // Invariants.
            assert (state <= (HAS_RINGS != 0 ? CLEAR : RESULT));
            if (at_work) assert (last_event == kept_last_event && blank == kept_blank);
            else         assert (was_quiet);
            if (WINDOWS != 0 && at_work) assert (block == block_now);
            if (HAS_RINGS != 0) assert (emptied == (state != CLEAR || clear_address > the_address));
            if (state != CLEAR) assert (clear_address == 0);
            if (state == SCAN) begin
                assert (seen == (exists && place_now > chosen_place));
                assert (group <= layer_last_group && (fetch_is_walked || fetch_word <= last_word));
                assert (!fetch_is_recurrent || (STEP_OUTER != 0 && layer_is_recurrent));
                assert (step <= (STEP_OUTER != 0 ? last_step : last_scan));
            end else begin
                if (state == DRAIN) assert (seen == exists && group == 0 && fetch_word == 0 && !fetch_is_recurrent);
                else                assert (!seen);
                if (WINDOWS != 0 && at_work) assert (block_now == 0);
                if (STEP_OUTER == 0 && state == DRAIN) assert (step == 0);
            end
            if (STEP_OUTER != 0) begin
                assert (step <= last_step && passes == (choose ? passes : {1'b0, step}));
                if (!at_work && (IS_STATIC != 0 || state != IDLE)) assert (step == 0);
            end else
                assert (passes == choose);
            if (IS_STATIC != 0) assert (frames == (at_work || choose));
            else                assert (frames == passes + at_work);
        end
    wire reached_a_result = holds && out_valid && !was_out;
    wire reached_a_word   = holds && hit && state == SCAN && place_now != 0;
`endif

endmodule

`default_nettype wire
