// SPDX-License-Identifier: Apache-2.0
// snn_addresses: where words of spikes lie between two layers, when they are written and when they are read.
//
// STEP_OUTER = 1, step by step: there are two banks that take turns by step. A layer reads the layer before it
// in this step's bank, and itself in the other one. STEP_OUTER = 0, group by group: two banks take turns by
// layer; with windows there are none, and each layer has a region that its table names. In a bank or region words
// lie one after the other with WINDOWS, otherwise where layer or step, and group, say.
//
// With WINDOWS the word of a place (y, x) and a block of channels, group (y * columns + x) * blocks + block, lies so
// many words behind the layer's first; group by group all steps lie at each of them, one after the other.
//
// Contract
//   - `update_turn` and `update_ends_word`: a word is complete, of `update_group` and `update_step`. Words of a layer
//     come in order, and so do the steps of a group, group by group.
//   - gather_address is meant while they are high; read_address in every clock, of fetch_word. That of an event
//     is not used, and inside.
//
//   clk             _/‾\_/‾\_/‾\_/‾\_
//   update_turn      w0      w1  w2      words that end
//   gather_address   a       a+1 a+2     with WINDOWS; a: window_first_output

`default_nettype none

module snn_addresses #(
    parameter STEP_OUTER   = 0,
    parameter WINDOWS      = 0,
    parameter LAYER_BITS   = 1,
    parameter GROUP_BITS   = 4,
    parameter STEP_BITS    = 5,
    parameter ADDRESS_BITS = 1,    // of a word, with WINDOWS
    parameter FETCH_BITS   = 6,
    // Derived, and not to be set.
    parameter STORE_BITS   = WINDOWS == 0 ? 1 + (STEP_OUTER != 0 ? LAYER_BITS : STEP_BITS) + GROUP_BITS
                           : ADDRESS_BITS + (STEP_OUTER != 0 ? 1 : 0)
) (
    input  wire                    clk,
    input  wire [LAYER_BITS-1:0]   layer,
    input  wire [STEP_BITS-1:0]    step,
    input  wire [ADDRESS_BITS-1:0] window_first_output,

    input  wire                    update_turn,
    input  wire                    update_ends_word,
    input  wire [GROUP_BITS-1:0]   update_group,
    input  wire [STEP_BITS-1:0]    update_step,
    output wire [STORE_BITS-1:0]   gather_address,

    input  wire                    fetch_is_event,
    input  wire                    fetch_is_recurrent,
    input  wire [FETCH_BITS-1:0]   fetch_word,
    output wire [STORE_BITS-1:0]   read_address
);

    wire [ADDRESS_BITS-1:0] next_word;      // where the word behind the last one lies, with WINDOWS
    generate
        if (WINDOWS != 0) begin : words_in_a_row
            // Groups, and the steps of a group, come in order: so words do.
            reg  [ADDRESS_BITS-1:0] counted;
            wire                    is_first  = update_group == {GROUP_BITS{1'b0}}
                                              && (STEP_OUTER != 0 || update_step == {STEP_BITS{1'b0}});
            wire [ADDRESS_BITS-1:0] this_word = is_first ? window_first_output : next_word;
            // A beat of a frame may have a number that no word of spikes has.
            wire [ADDRESS_BITS-1:0] word      = fetch_is_event ? {ADDRESS_BITS{1'b0}} : fetch_word;
            always @(posedge clk)
                if (update_turn && update_ends_word) counted <= this_word + 1'b1;
            assign next_word = counted;
            if (STEP_OUTER != 0) begin : banks_by_step
                assign gather_address = {step[0], this_word};
                assign read_address   = {fetch_is_recurrent ? !step[0] : step[0], word};
            end else begin : regions_by_layer
                assign gather_address = this_word;
                assign read_address   = word;
                wire unused_part = &{fetch_is_recurrent, 1'b0};
            end
            wire unused = &{layer, step, 1'b0};
        end else if (STEP_OUTER != 0) begin : banks_by_step
            wire [LAYER_BITS-1:0] layer_before = layer - 1'b1;
            assign gather_address = {step[0], layer, update_group};
            assign read_address   = {fetch_is_recurrent ? !step[0] : step[0], fetch_is_recurrent ? layer
                                     : layer_before, fetch_word[GROUP_BITS-1:0]};
        end else begin : banks_by_layer
            assign gather_address = {layer[0], update_step, update_group};
            assign read_address   = {!layer[0], step, fetch_word[GROUP_BITS-1:0]};
        end
        if (WINDOWS == 0) begin : no_regions
            assign next_word = {ADDRESS_BITS{1'b0}};
            wire unused = &{clk, next_word, window_first_output, update_turn, update_ends_word, update_step,
                            fetch_is_event, fetch_is_recurrent, fetch_word, layer, step, 1'b0};
        end
    endgenerate

`ifdef FORMAL
    // Words of a layer, counted once more: group by group, each with as many steps as there are (which may be
    // any number), or with one. `base`: words before the group that comes next.
    (* anyconst *) wire [STEP_BITS-1:0] last_step;
    wire [ADDRESS_BITS-1:0] of_a_group = STEP_OUTER == 0 ? last_step + 1'b1 : 1;
    wire                    ends       = update_turn && update_ends_word;
    wire                    at_first   = update_group == 0 && (STEP_OUTER != 0 || update_step == 0);
    wire                    group_ends = STEP_OUTER != 0 || update_step == last_step;
    wire [STEP_BITS-1:0]    word_step  = STEP_OUTER != 0 ? {STEP_BITS{1'b0}} : update_step;
    reg                     in_layer = 1'b0;
    reg  [GROUP_BITS:0]     next_group;
    reg  [STEP_BITS-1:0]    next_step;
    reg  [ADDRESS_BITS-1:0] first, base;
    wire [ADDRESS_BITS-1:0] base_now = at_first ? {ADDRESS_BITS{1'b0}} : base;
    wire [ADDRESS_BITS-1:0] place    = gather_address;
    always @(posedge clk)
        if (ends) begin
            in_layer   <= 1'b1;
            first      <= window_first_output;
            next_group <= update_group + group_ends;
            next_step  <= group_ends ? {STEP_BITS{1'b0}} : word_step + 1'b1;
            base       <= base_now + (group_ends ? of_a_group : {ADDRESS_BITS{1'b0}});
        end

    // The world's side: a layer begins with its first word; behind a word comes the next step of its group, or the
    // first one of the next group; where the layer's words begin stays.
    wire fair_now = !update_turn || at_first
                 || (in_layer && update_group == next_group && word_step == next_step && update_step <= last_step
                     && window_first_output == first);
    reg  fair    = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;

    wire [LAYER_BITS-1:0]   before      = layer - 1'b1;
    wire [GROUP_BITS-1:0]   word_number = fetch_word;
    wire [ADDRESS_BITS-1:0] word_named  = fetch_word, word_read = read_address;
    always @(posedge clk) begin
        if (is_fair && update_turn) begin
            // A word lies behind the first one by the words of all groups before, and the steps before.
            if (WINDOWS != 0) assert (place == window_first_output + base_now + word_step);
            if (STEP_OUTER != 0) assert (gather_address >> (STORE_BITS - 1) == step[0]);
            if (WINDOWS == 0)
                assert (gather_address == (STEP_OUTER != 0 ? {step[0], layer, update_group}
                                                           : {layer[0], update_step, update_group}));
        end
        if (!fetch_is_event) begin
            if (WINDOWS != 0) assert (word_read == word_named);
            // Own spikes are those of the step before, what comes in is of this one.
            if (STEP_OUTER != 0) assert (read_address >> (STORE_BITS - 1) == (step[0] ^ fetch_is_recurrent));
            if (WINDOWS == 0)
                assert (read_address == (STEP_OUTER != 0
                    ? {step[0] ^ fetch_is_recurrent, fetch_is_recurrent ? layer : before, word_number}
                    : {layer[0] ^ 1'b1, step, word_number}));
        end
        // Invariants.
        if (WINDOWS != 0 && is_fair && in_layer) assert (next_word == first + base + next_step);
    end
    wire reached_a_word = is_fair && ends && in_layer && update_group > 1;
`endif

endmodule

`default_nettype wire
