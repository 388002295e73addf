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
    wire            is_partial;
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
                    if (fetched_valid) arrived_is_partial <= fetched_is_partial;
                end
                if (reset) arrived_is_partial <= 1'b0;
            end
            assign is_partial = arrived_is_partial;
        end else begin : whole_words
            assign is_partial = 1'b0;
            wire unused_partial = &{fetch_is_partial, 1'b0};
        end
    endgenerate

`ifdef FORMAL
    // One input of the word stands at the exit, the rest above it; where there is no word, nothing looks
    // like one. A token stands until it is taken. There was a reset.
    wire [WORD-1:0] behind = finished ? {WORD{1'b0}} : rest;
    reg             begun = 1'b0;
    reg             stands = 1'b0;
    reg [ROW_BITS+INPUT_BITS+2:0] stood;
    wire [ROW_BITS+INPUT_BITS+2:0] token =
        {token_add, token_handover, token_is_recurrent, token_row, token_value};
    always @(posedge clk) begin
        begun  <= 1'b1;
        stands <= begun && !reset && !token_ready;
        stood  <= token;
    end
    always @(posedge clk)
        if (begun && !reset) begin
            if (stands) assert (token == stood);
            assert (fetched_valid || fetched_is_empty);
            assert (arrived_valid || is_partial || arrived == 0);
            assert (current_valid || !token_add);
            assert (finished == (behind == 0) && (finished || current_valid));
            if (current_valid) begin
                assert ((lowest & (lowest - 1'b1)) == 0 && token_add == (lowest != 0));
                assert ((behind & (lowest | (lowest - 1'b1))) == 0);
            end
        end
`endif

endmodule

`default_nettype wire
