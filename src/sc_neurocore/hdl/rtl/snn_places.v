// SPDX-License-Identifier: Apache-2.0
// snn_places: where the words of spikes lie between two layers.
//
// Step by step there are two banks that take turns by step: a layer reads the layer before it in this
// step's bank, and itself in the other one. Group by group two banks take turns by layer; with windows
// there are no banks, and each layer has a region that its table names. In a bank words lie one after the
// other with windows, otherwise where layer or step, and group, say.
//
// Contract
//   - A word is read where it was gathered: that of a layer, step and group by the layer behind it, at
//     the same step, and with STEP_OUTER = 1 by its own layer a step later. As long as it may be read,
//     no other word is gathered there.
//   - With WINDOWS the n-th word of a layer, counted from 0, is read as first_word + n: groups, and the
//     steps of a group, come in order. `gather_ends_word` marks the last turn of a word.

`default_nettype none

module snn_places #(
    parameter STEP_OUTER   = 0,
    parameter WINDOWS      = 0,
    parameter LAYER_BITS   = 1,
    parameter GROUP_BITS   = 4,
    parameter STEP_BITS    = 5,
    parameter FETCH_BITS   = 7,    // of a word that is read
    parameter ADDRESS_BITS = 1,    // the same, with WINDOWS
    parameter STORE_BITS   = 10    // of its place
) (
    input  wire                    clk,
    input  wire [LAYER_BITS-1:0]   layer,
    input  wire [STEP_BITS-1:0]    step,
    input  wire [ADDRESS_BITS-1:0] first_word,        // of the layer, with WINDOWS

    input  wire                    gather,
    input  wire                    gather_ends_word,
    input  wire [STEP_BITS-1:0]    gather_step,
    input  wire [GROUP_BITS-1:0]   gather_group,
    output wire [STORE_BITS-1:0]   gather_address,

    input  wire                    read,
    input  wire                    read_is_recurrent,
    input  wire [FETCH_BITS-1:0]   read_word,
    output wire [STORE_BITS-1:0]   read_address
);

    // Groups, and the steps of a group, come in order: so words do. Only with WINDOWS does anything hang on it.
    reg  [ADDRESS_BITS-1:0] next_word;
    wire                    is_first  = gather_group == {GROUP_BITS{1'b0}}
                                      && (STEP_OUTER != 0 || gather_step == {STEP_BITS{1'b0}});
    wire [ADDRESS_BITS-1:0] this_word = is_first ? first_word : next_word;
    always @(posedge clk)
        if (gather && gather_ends_word) next_word <= this_word + 1'b1;

    generate
        if (WINDOWS != 0) begin : words_in_a_row
            // A beat of a frame may have a number that no word of spikes has.
            wire [ADDRESS_BITS-1:0] word = read ? read_word[ADDRESS_BITS-1:0] : {ADDRESS_BITS{1'b0}};
            if (STEP_OUTER != 0) begin : banks_by_step
                assign gather_address = {step[0], this_word};
                assign read_address   = {read_is_recurrent ? !step[0] : step[0], word};
            end else begin : regions_by_layer
                assign gather_address = this_word;
                assign read_address   = word;
            end
            wire unused = &{layer, step, read_word, read_is_recurrent, 1'b0};
        end else if (STEP_OUTER != 0) begin : banks_by_step
            wire [LAYER_BITS-1:0] layer_before = layer - 1'b1;
            assign gather_address = {step[0], layer, gather_group};
            assign read_address   = {read_is_recurrent ? !step[0] : step[0],
                                     read_is_recurrent ? layer : layer_before, read_word[GROUP_BITS-1:0]};
            wire unused = &{step, gather_step, this_word, read, read_word, 1'b0};
        end else begin : banks_by_layer
            assign gather_address = {layer[0], gather_step, gather_group};
            assign read_address   = {!layer[0], step, read_word[GROUP_BITS-1:0]};
            wire unused = &{layer, this_word, read, read_word, read_is_recurrent, 1'b0};
        end
    endgenerate

`ifdef FORMAL
    // Words since the layer's first one, with windows, and that one's number in the table.
    reg  begun = 1'b0, counted = 1'b0, fair = 1'b1;
    reg  [ADDRESS_BITS-1:0] words, first = {ADDRESS_BITS{1'b0}};
    wire begins = gather_group == 0 && (STEP_OUTER != 0 || gather_step == 0);
    wire [ADDRESS_BITS-1:0] words_now = begins ? {ADDRESS_BITS{1'b0}} : words;
    always @(posedge clk)
        if (gather && gather_ends_word) begin
            words   <= words_now + 1'b1;
            first   <= first_word;
            counted <= begun;
        end

    // The world's side, behind the first clock: with windows a layer's first word is the same for all of its
    // words, and its first group's first step comes first; otherwise what is read is a group's number.
    wire fair_now = !begun || (WINDOWS != 0 ? !gather || begins || (counted && first_word == first)
                                            : !read || read_word >> GROUP_BITS == 0);
    wire is_fair  = fair && fair_now;
    always @(posedge clk) {begun, fair} <= {1'b1, is_fair};
    // For benches: a register that they look at would lose what it is at the start.
    wire                    has_counted   = counted;
    wire [ADDRESS_BITS-1:0] counted_first = first;
`endif

`ifdef FORMAL
    // What is said of one word, `the_word`, which may be any: it is named by layer, step and group, or with
    // windows by its number in the table's count and, step by step, its step. `place` is where it was
    // gathered last, and `stands` says that it was, and may still be read.
    localparam NAME_BITS = WINDOWS != 0 ? STEP_BITS + ADDRESS_BITS : LAYER_BITS + STEP_BITS + GROUP_BITS;
    localparam OWN_BITS  = WINDOWS != 0 ? ADDRESS_BITS : GROUP_BITS;     // of its number or group
    (* anyconst *) wire [NAME_BITS-1:0] the_word;
    wire [STEP_BITS-1:0]  step_of_word   = STEP_OUTER != 0 ? step : gather_step;
    wire [STEP_BITS-1:0]  step_of_read   = STEP_OUTER != 0 && read_is_recurrent ? step - 1'b1 : step;
    wire [LAYER_BITS-1:0] layer_of_read  = read_is_recurrent ? layer : layer - 1'b1;
    wire                  is_there       = read_is_recurrent ? STEP_OUTER != 0 && step != 0 : layer != 0;
    wire [NAME_BITS-1:0]  gathered_name, read_name, the_place;
    wire                  may_be_read, follows;

    wire [STEP_BITS-1:0] the_step;
    wire [STEP_BITS:0]   step_after_the  = the_step + 1'b1;
    wire                 is_near_in_time = step == the_step || {1'b0, step} == step_after_the;
    generate
        if (WINDOWS != 0) begin : named_by_number
            wire [STEP_BITS-1:0] step_there = STEP_OUTER != 0 ? step_of_word : {STEP_BITS{1'b0}};
            wire [STEP_BITS-1:0] step_asked = STEP_OUTER != 0 ? step_of_read : {STEP_BITS{1'b0}};
            wire [ADDRESS_BITS-1:0] number  = first_word + words_now;
            assign gathered_name = {step_there, number};
            assign read_name     = {step_asked, read_word[ADDRESS_BITS-1:0]};
            assign the_step      = the_word[ADDRESS_BITS +: STEP_BITS];
            assign may_be_read   = STEP_OUTER == 0 || is_near_in_time;
            assign the_place     = STEP_OUTER != 0 ? the_word[ADDRESS_BITS:0] : the_word;
            assign follows       = !counted || next_word == first + words;
        end else begin : named_by_layer
            wire [LAYER_BITS-1:0] the_layer   = the_word[STEP_BITS+GROUP_BITS +: LAYER_BITS];
            wire [GROUP_BITS-1:0] the_group   = the_word[GROUP_BITS-1:0];
            wire [LAYER_BITS:0]   layer_after = the_layer + 1'b1;
            wire [STORE_BITS-1:0] by_step     = {the_step[0], the_layer, the_group};
            wire [STORE_BITS-1:0] by_layer    = {the_layer[0], the_step, the_group};
            assign gathered_name = {layer, step_of_word, gather_group};
            assign read_name     = {layer_of_read, step_of_read, read_word[GROUP_BITS-1:0]};
            assign the_step      = the_word[GROUP_BITS +: STEP_BITS];
            assign may_be_read   = STEP_OUTER != 0 ? is_near_in_time
                                 : layer == the_layer || {1'b0, layer} == layer_after;
            assign the_place     = STEP_OUTER != 0 ? by_step : by_layer;
            assign follows       = 1'b1;
        end
    endgenerate
    wire [NAME_BITS-1:0] gathered_place = gather_address, asked_place = read_address;
    reg  [NAME_BITS-1:0] place;
    reg                  stood = 1'b0;
    wire                 stands = stood && may_be_read;
    wire                 is_the = gathered_name == the_word;
    always @(posedge clk) begin
        stood <= stands || (begun && gather && gather_ends_word && is_the);
        if (gather && gather_ends_word && is_the) place <= gathered_place;
    end

    always @(posedge clk)
        if (is_fair) begin
            if (read && (WINDOWS != 0 || is_there) && read_name == the_word && stands)
                assert (asked_place == place);
            if (gather && gather_ends_word && !is_the && stands) assert (gathered_place != place);
            // Invariants.
            if (stands) assert (place == the_place);
            assert (follows);
        end
    wire reached_a_word = is_fair && read && (WINDOWS != 0 || is_there) && read_name == the_word && stands;
`endif

endmodule

`default_nettype wire
