// SPDX-License-Identifier: Apache-2.0
// snn_scanner: turns input words into one multiply-accumulate token per active input.
//
// Two kinds of words come in. A spike word holds the spikes of LANES neurons of the layer before;
// each set bit becomes a token of value 1, lowest bit first, one per clock. An event is a beat of
// the frame, (index, BEAT values), and each value that is not zero becomes a token, lowest first. A
// word without anything in it costs a clock and leaves no token. The last word of a scan puts
// `handover` on its last token (or on a token that adds nothing): the sums are then complete and go
// to the neuron unit.
//
// With JOINS a word may be partial: it is joined by OR with the words that come after it, up to one that
// is not, and taken apart with that one.
//
// Contract
//   - Tokens leave in the order of the fetches. Every token carries what later stages need to know
//     about it (weight address, value, whose spikes its word held): nothing is looked up in the
//     controller, which by then is ahead. Of which group and step a token is follows from the
//     handovers before it.
//   - While `token_ready` is low nothing changes and the token stands.
//   - INDEX_BITS >= EVENT_BITS + BEAT_SHIFT; ROW_BITS >= INDEX_BITS.
//   - LANES and BEAT are powers of two.
//   - The memories are read in the clock of the fetch and hold their output while `memory_read` is low.
//
// Stages, which move together, `move`, when the current word is done:
//   fetched    what travels beside the memories' output registers
//   arrived    the word in a register of its own: a memory's output is late in the clock
//   current    the word being taken apart: `lowest` is the input whose token stands at the exit,
//              `rest` are those behind it
// Whether `rest` is empty is worked out a clock ahead: `finished` is a register, and the way from it
// to the memories and the controller is short.
//
// LANES = 4, the word 0110 and then the word 0000, the last of its scan:
//
//   clk          _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   fetch         0110 0000
//   fetched            0110 0000
//   arrived                 0110 0000 0000
//   lowest, rest                 0010 0100 0000
//   finished     ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\____/‾‾‾‾‾‾‾‾
//   token_add                    i=1  i=2
//   token_handover                         yes

`default_nettype none

module snn_scanner #(
    parameter LANES      = 8,
    parameter INPUT_BITS = 8,
    parameter BEAT       = 1,    // values in an event
    parameter JOINS      = 0,    // whether words may be partial; events with several bits per value are not
    parameter INDEX_BITS = 7,
    parameter EVENT_BITS = 6,
    parameter ROW_BITS   = 11
) (
    input  wire                  clk,
    input  wire                  reset,
    output wire                  idle,

    input  wire                  fetch_valid,
    output wire                  fetch_ready,
    input  wire                  fetch_is_event,
    input  wire [INDEX_BITS-1:0] fetch_word,
    input  wire                  fetch_is_empty,
    input  wire                  fetch_is_last,
    input  wire [ROW_BITS-1:0]   fetch_row,
    input  wire                  fetch_is_recurrent,
    input  wire                  fetch_is_partial,

    output wire                  memory_read,
    input  wire [EVENT_BITS-1:0] event_index,
    input  wire [BEAT*INPUT_BITS-1:0] event_value,
    input  wire [BEAT-1:0]       event_active,   // which of the values are not zero
    input  wire [LANES-1:0]      spikes,

    input  wire                  token_ready,
    output reg                   token_add,
    output wire                  token_handover,
    output wire [ROW_BITS-1:0]   token_row,
    output wire [INPUT_BITS-1:0] token_value,
    output reg                   token_is_recurrent
);

    localparam LANE_SHIFT = $clog2(LANES);
    localparam BEAT_SHIFT = $clog2(BEAT);
    localparam WORD       = LANES > BEAT ? LANES : BEAT;

    reg                  fetched_valid;
    reg                  fetched_is_event;
    reg [INDEX_BITS-1:0] fetched_word;
    reg                  fetched_is_empty;      // also where nothing was fetched
    reg                  fetched_is_last;
    reg [ROW_BITS-1:0]   fetched_row;
    reg                  fetched_is_recurrent;

    reg                  arrived_valid;
    reg [WORD-1:0]       arrived;
    reg                  arrived_is_last;
    reg [INDEX_BITS-1:0] arrived_index;         // of the word's first input
    reg [ROW_BITS-1:0]   arrived_row;
    reg [BEAT*INPUT_BITS-1:0] arrived_values;
    reg                  arrived_is_recurrent;

    reg                  current_valid;
    reg [WORD-1:0]       lowest, rest;
    reg                  finished;
    reg                  current_is_last;
    reg [ROW_BITS-1:0]   first_row;             // of the word's first input
    reg [BEAT*INPUT_BITS-1:0] values;

    localparam [INPUT_BITS-1:0] SPIKE = 1;

    wire move = finished && token_ready;

    assign fetch_ready = move;
    assign memory_read = fetch_valid && move;
    assign idle        = !fetched_valid && !arrived_valid && !current_valid;

    // What the current stage takes next: the bits behind the lowest, or the next word, if it is whole.
    wire            is_partial, next_is_partial;   // of the word that arrived, of the one behind it
    wire [WORD-1:0] whole       = is_partial ? {WORD{1'b0}} : arrived;
    wire [WORD-1:0] joined      = is_partial ? arrived : {WORD{1'b0}};
    wire [WORD-1:0] source      = finished ? whole : rest;
    wire [WORD-1:0] next_lowest = source & (~source + 1'b1);

    // Is there a bit in it; are there two? Pairs, then pairs of pairs, in a tree laid out in an array:
    // place n joins the places 2n and 2n + 1; the word's bits stand from WORD on.
    reg [2*WORD-1:0] any, several;
    integer node;
    always @* begin
        any     = {source, {WORD{1'b0}}};
        several = {2*WORD{1'b0}};
        for (node = WORD - 1; node > 0; node = node - 1) begin
            several[node] = several[2*node] || several[2*node + 1] || (any[2*node] && any[2*node + 1]);
            any[node]     = any[2*node] || any[2*node + 1];
        end
    end
    wire unused = &{any[0], several[0], 1'b0};

    // The position of the one bit in `lowest`.
    reg [INDEX_BITS-1:0] position;
    integer lane;
    always @* begin
        position = {INDEX_BITS{1'b0}};
        for (lane = 0; lane < WORD; lane = lane + 1)
            if (lowest[lane]) position = position | lane[INDEX_BITS-1:0];
    end

    // The value of the token: that of the lowest bit; a spike word has ones.
    reg [INPUT_BITS-1:0] value;
    integer place;
    always @* begin
        value = values[0 +: INPUT_BITS];
        for (place = 1; place < BEAT; place = place + 1)
            if (lowest[place]) value = values[place*INPUT_BITS +: INPUT_BITS];
    end

    assign token_handover = current_valid && current_is_last && finished;
    assign token_value    = value;
    assign token_row      = first_row + {{(ROW_BITS-INDEX_BITS){1'b0}}, position};

    always @(posedge clk) begin
        if (move) begin
            fetched_valid        <= fetch_valid;
            fetched_is_event     <= fetch_is_event;
            fetched_word         <= fetch_word;
            fetched_is_empty     <= fetch_is_empty || !fetch_valid;
            fetched_is_last      <= fetch_is_last;
            fetched_row          <= fetch_row;
            fetched_is_recurrent <= fetch_is_recurrent;

            arrived_valid        <= fetched_valid;
            arrived              <= joined | (fetched_is_empty ? {WORD{1'b0}}
                                  : fetched_is_event ? {{(WORD-BEAT){1'b0}}, event_active}
                                  : {{(WORD-LANES){1'b0}}, spikes});
            arrived_index        <= fetched_is_event
                                  ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, event_index} << BEAT_SHIFT
                                  : fetched_word << LANE_SHIFT;
            arrived_values       <= fetched_is_event && (JOINS == 0 || INPUT_BITS > 1) ? event_value : {BEAT{SPIKE}};
            arrived_is_last      <= fetched_is_last;
            arrived_row          <= fetched_row;
            arrived_is_recurrent <= fetched_is_recurrent;

            current_valid        <= arrived_valid;
            current_is_last      <= arrived_is_last;
            first_row            <= arrived_row + {{(ROW_BITS-INDEX_BITS){1'b0}}, arrived_index};
            values               <= arrived_values;
            token_is_recurrent   <= arrived_is_recurrent;
        end
        if (token_ready) begin
            lowest    <= next_lowest;
            rest      <= source & ~next_lowest;
            token_add <= any[1];
            finished  <= !several[1];
        end
        if (reset) begin
            fetched_valid    <= 1'b0;
            fetched_is_empty <= 1'b1;
            arrived_valid    <= 1'b0;
            arrived          <= {WORD{1'b0}};
            current_valid    <= 1'b0;
            token_add        <= 1'b0;
            finished         <= 1'b1;
        end
    end

    generate
        if (JOINS != 0) begin : partial_words
            reg fetched_is_partial, arrived_is_partial;
            always @(posedge clk) begin
                if (move) begin
                    fetched_is_partial <= fetch_is_partial;
                    if (fetched_valid) arrived_is_partial <= next_is_partial;
                end
                if (reset) arrived_is_partial <= 1'b0;
            end
            assign is_partial      = arrived_is_partial;
            assign next_is_partial = fetched_is_partial;
        end else begin : whole_words
            assign is_partial      = 1'b0;
            assign next_is_partial = 1'b0;
            wire unused_partial = &{fetch_is_partial, next_is_partial, 1'b0};
        end
    endgenerate

`ifdef FORMAL
    // Of its registers: one input of the word stands at the exit, the rest above it; where there is no word,
    // nothing looks like one. There was a reset.
    wire [WORD-1:0] behind = finished ? {WORD{1'b0}} : rest;
    reg             begun = 1'b0, fair = 1'b1;
    wire            fair_now = begun || reset;
    wire            is_fair  = fair && fair_now;
    always @(posedge clk) {begun, fair} <= {1'b1, is_fair};

    // The memories' side: they hold what they answered; words of numbers are not joined.
    localparam ALL_ONES = JOINS != 0 && INPUT_BITS == 1;
    localparam ANSWER_BITS = EVENT_BITS + BEAT*INPUT_BITS + BEAT + LANES;
    reg                    was_read = 1'b1, was_partial;
    reg  [ANSWER_BITS-1:0] was_answer;
    wire [ANSWER_BITS-1:0] answer = {event_index, event_value, event_active, spikes};
    always @(posedge clk) begin
        {was_read, was_answer} <= {memory_read, answer};
        if (reset)                           was_partial <= 1'b0;
        else if (fetch_valid && fetch_ready) was_partial <= JOINS != 0 && fetch_is_partial;
    end
    wire keeps_now = fair_now && (!begun || was_read || answer == was_answer)
                  && (JOINS == 0 || ALL_ONES || !fetch_valid || !fetch_is_event || !(was_partial || fetch_is_partial));
    reg  keeps = 1'b1;
    always @(posedge clk) keeps <= keeps && keeps_now;

    // How many sums end with its words, and the clocks that these take at most: one for each input that may
    // be active, and one for each gap between them (`gaps`: in front of a word that may come, too).
    localparam OF_EVENT = JOINS != 0 ? WORD : BEAT, OF_SPIKES = JOINS != 0 ? WORD : LANES;
    reg        arrived_is_event, current_is_event;
    reg [15:0] below;                           // bits of the word below that of the token: each next one has more
    integer    at_bit;
    wire [7:0] of_arrived = arrived_is_event ? OF_EVENT : OF_SPIKES;
    wire [7:0] of_current = current_is_event ? OF_EVENT : OF_SPIKES;
    wire [15:0] clocks_left = (fetched_valid ? (fetched_is_event ? OF_EVENT : OF_SPIKES) : 0)
                            + (arrived_valid ? of_arrived : 0) + (current_valid ? of_current - below : 0);
    wire [1:0] ends = (fetched_valid && fetched_is_last) + (arrived_valid && arrived_is_last)
                    + (current_valid && current_is_last);
    wire [1:0] gaps        = !fetched_valid + !arrived_valid + !current_valid;
    wire [1:0] gaps_inside = (fetched_valid && !arrived_valid)
                           + ((fetched_valid || arrived_valid) && !current_valid);
    wire       is_open     = fetched_valid ? !fetched_is_last : arrived_valid ? !arrived_is_last
                           : current_valid && !current_is_last;
    always @(posedge clk)
        if (move) {arrived_is_event, current_is_event} <= {fetched_is_event, arrived_is_event};
    always @* begin
        below = 16'd0;
        for (at_bit = WORD - 1; at_bit >= 0; at_bit = at_bit - 1)
            if (lowest[at_bit]) below = at_bit;
    end
    always @(posedge clk)
        if (begun && is_fair && !reset) begin
            assert (fetched_valid || fetched_is_empty);
            assert (arrived_valid || is_partial || arrived == 0);
            if (arrived_valid) assert (arrived >> of_arrived == 0);
            assert (current_valid || !token_add);
            assert (finished == (behind == 0) && (finished || current_valid));
            if (current_valid) begin
                assert ((lowest & (lowest - 1'b1)) == 0 && token_add == (lowest != 0));
                assert ((behind & (lowest | (lowest - 1'b1))) == 0);
                assert ((lowest | behind) >> of_current == 0);
            end
        end
`endif

`ifdef FORMAL
    // The contract: of each word, and of words that are joined, every input that is active leaves once, the
    // lowest first, with the row of its weights and its value; with the last one of a sum a handover. What
    // must leave stands here stage by stage; `left` are the inputs of the word that have not left yet.
    reg                  f_valid, f_event, f_empty, f_last, f_recurrent, f_partial;
    reg                  a_valid, a_event, a_last, a_recurrent, c_valid, c_event, c_last, c_recurrent;
    reg [INDEX_BITS-1:0] f_word;
    reg [ROW_BITS-1:0]   f_row, a_row, c_row;
    reg [WORD-1:0]       so_far, a_bits, left;                  // so_far: of words that are joined
    reg [BEAT*INPUT_BITS-1:0] a_values, c_values;
    wire [WORD-1:0]      first   = left & (~left + 1'b1);
    wire                 is_done = (left & ~first) == 0;
    wire                 moves   = is_done && token_ready;
    wire [WORD-1:0]      f_bits  = f_empty ? {WORD{1'b0}} : f_event ? event_active : spikes;
    wire [INDEX_BITS-1:0] f_index = f_event ? event_index << BEAT_SHIFT : f_word << LANE_SHIFT;
    always @(posedge clk) begin
        if (token_ready) left <= left & ~first;
        if (moves) begin
            f_valid <= fetch_valid;
            {f_event, f_empty, f_last, f_recurrent, f_partial, f_word, f_row} <= {fetch_is_event, fetch_is_empty,
                fetch_is_last, fetch_is_recurrent, JOINS != 0 && fetch_is_partial, fetch_word, fetch_row};
            a_valid <= f_valid;
            {a_event, a_last, a_recurrent, a_values} <= {f_event, f_last, f_recurrent, event_value};
            a_row   <= f_row + f_index;
            a_bits  <= !f_valid || f_partial ? {WORD{1'b0}} : so_far | f_bits;
            so_far  <= !f_valid ? so_far : f_partial ? so_far | f_bits : {WORD{1'b0}};
            c_valid <= a_valid;
            {c_event, c_last, c_recurrent, c_values, c_row} <= {a_event, a_last, a_recurrent, a_values, a_row};
            left    <= a_valid ? a_bits : {WORD{1'b0}};
        end
        if (reset) {f_valid, a_valid, c_valid, so_far, a_bits, left} <= {(3+3*WORD){1'b0}};
    end

    reg [ROW_BITS-1:0]   place_must;                            // of the lowest of them in the word
    reg [INPUT_BITS-1:0] value_must;
    integer bit_;
    always @* begin
        place_must = {ROW_BITS{1'b0}};
        value_must = SPIKE;
        for (bit_ = WORD - 1; bit_ >= 0; bit_ = bit_ - 1)
            if (left[bit_]) begin
                place_must = bit_;
                value_must = SPIKE;
                if (c_event && !ALL_ONES && bit_ < BEAT) value_must = c_values >> (bit_ * INPUT_BITS);
            end
    end

    wire holds = begun && is_fair && keeps && keeps_now && !reset;

    wire [BEAT*INPUT_BITS-1:0] ones = {BEAT{SPIKE}};
    reg  joining;                                               // the last word that arrived was partial
    always @(posedge clk)
        if (reset)                  joining <= 1'b0;
        else if (moves && f_valid)  joining <= f_partial;
    always @(posedge clk)
        if (holds) begin
            assert (fetch_ready == moves && memory_read == (fetch_valid && moves));
            assert (idle == !(f_valid || a_valid || c_valid));
            assert (token_add == (left != 0));                  // each active input, and no other
            assert (token_handover == (c_valid && c_last && is_done));
            if (token_add) assert ({token_row, token_value, token_is_recurrent}
                                   == {c_row + place_must, value_must, c_recurrent});

            // Invariants.
            assert ({fetched_valid, arrived_valid, current_valid} == {f_valid, a_valid, c_valid});
            if (f_valid) assert ({fetched_is_event, fetched_is_empty, fetched_is_last, fetched_is_recurrent,
                                  fetched_word, fetched_row}
                                 == {f_event, f_empty, f_last, f_recurrent, f_word, f_row});
            if (a_valid) begin
                assert ({arrived_is_last, arrived_is_recurrent} == {a_last, a_recurrent});
                assert (arrived_row + arrived_index == a_row);
                assert (arrived_values == (a_event && !ALL_ONES ? a_values : ones));
                if (a_event && !ALL_ONES) assert (a_bits >> BEAT == 0);
            end else
                assert (a_bits == 0);
            if (c_valid) begin
                assert (first_row == c_row && current_is_last == c_last && lowest == first);
                assert (values == (c_event && !ALL_ONES ? c_values : ones));
                if (c_event && !ALL_ONES) assert (left >> BEAT == 0);
            end else
                assert (left == 0);
            assert (behind == (left & ~first));
            assert (is_partial == joining && arrived == (joining ? so_far : a_bits));
            assert (joining ? a_bits == 0 : so_far == 0);
            assert (was_partial == (f_valid ? f_partial : joining));
            if (JOINS == 0)   assert (!joining && !was_partial && !(f_valid && f_partial));
            else if (f_valid) assert (next_is_partial == f_partial);
            if (f_valid && !ALL_ONES && (f_partial || joining)) assert (!f_event);
        end
    wire reached_a_token    = holds && token_add && token_ready && (WORD == 1 || left != first);
    wire reached_a_handover = holds && token_handover && token_add;
`endif

endmodule

`default_nettype wire
