// SPDX-License-Identifier: Apache-2.0
// snn_window: names the words that a group of neurons sees, and the rows of their weights.
//
// A convolution's neurons see a window of what comes in. It stands between controller and scanner: the
// controller goes from group to group, and for each of them this goes from word to word. Words lie place
// after place, row by row. The window is walked in five loops, the innermost last:
//
//    positions of the kernel from row to row          row_tap
//    positions of the kernel from column to column    column_tap
//    words of channels at a place                     word
//    inputs that are joined there, from row to row    joined_row
//    inputs that are joined, from column to column    joined_column
//
// Inputs are joined where there is pooling: those in front of one position of the kernel have the same row of
// weights. What lies outside of the image is in no list of taps, and so costs no clock. A dense layer has one
// place and sees all of the layer before; words that are not walked (a layer's own spikes, and the
// events of a frame) pass through with the number that the controller gives them.
//
// Tables (combinational, of the layer at work; widths wrap, and so steps may be negative):
//    a tap             offset, from where the group stands to its first word; rows, from the kernel's first
//                      row of weights; joined, the index of the last input that is joined there
//    a group's place   first and last of the taps that it sees, for its row and for its column
//    the layer         everything else
//
// Contract
//   - ask_valid/ask_ready: a word is taken in a clock in which both are high. `ask_ends` says then
//     whether it is the last one of the walk. Where ask_is_walked is low, nothing is walked.
//   - `ask_ends_group` marks the last word of a group, and ask_ends_place that of the last group of a
//     place: the next group is at the next place then. While ask_valid is low, the first place is next.
//   - ask_row is the row of the first weight of the part; it holds for all of its words.
//   - fetch_word is the address of the word; fetch_row the row of the weights of its first input.
//     fetch_is_partial: it is joined by OR with the word that comes next. Words leave in order; the
//     pipeline moves in every clock in which fetch_ready is high.
//   - ask_ready is low for a clock at each place, in which the lists of taps are looked up.
//
//   clk          _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_      windows of two words
//   ask_valid    _____/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//   ask_ready    _________/‾‾‾‾‾‾‾\___/‾‾‾‾‾‾
//   ask_ends     _____________/‾‾‾\_______/‾‾
//   fetch_valid  _________________/‾‾‾‾‾‾‾\__

`default_nettype none

module snn_window #(
    parameter LANES           = 8,
    parameter BEAT            = 1,
    parameter STEP_BITS       = 5,
    parameter WALK_BITS       = 6,     // of the number of a word that is not walked
    parameter COORDINATE_BITS = 1,     // of a row or column of places
    parameter TAP_BITS        = 1,     // of an entry of a table of taps
    parameter JOINED_BITS     = 1,
    parameter ADDRESS_BITS    = 6,     // of a word
    parameter ROW_BITS        = 11,
    parameter STEPS_INSIDE    = 1      // whether all steps lie at each word of spikes
) (
    input  wire                       clk,
    input  wire                       reset,
    output wire                       idle,

    // What the controller asks for.
    input  wire                       ask_valid,
    output wire                       ask_ready,
    input  wire                       ask_is_walked,
    input  wire                       ask_is_recurrent,
    input  wire                       ask_is_event,
    input  wire [WALK_BITS-1:0]       ask_word,
    input  wire                       ask_is_empty,
    input  wire                       ask_is_last,
    input  wire                       ask_ends_group,
    input  wire                       ask_ends_place,
    input  wire [ROW_BITS-1:0]        ask_row,
    input  wire [STEP_BITS-1:0]       ask_step,
    output wire                       ask_ends,

    // Tables.
    output reg  [COORDINATE_BITS-1:0] row,
    output reg  [COORDINATE_BITS-1:0] column,
    output reg  [TAP_BITS-1:0]        row_tap,
    output reg  [TAP_BITS-1:0]        column_tap,
    input  wire [TAP_BITS-1:0]        place_first_row_tap,
    input  wire [TAP_BITS-1:0]        place_last_row_tap,
    input  wire [TAP_BITS-1:0]        place_first_column_tap,
    input  wire [TAP_BITS-1:0]        place_last_column_tap,
    input  wire [ADDRESS_BITS-1:0]    row_tap_offset,
    input  wire [ROW_BITS-1:0]        row_tap_rows,
    input  wire [JOINED_BITS-1:0]     row_tap_joined,
    input  wire [ADDRESS_BITS-1:0]    column_tap_offset,
    input  wire [ROW_BITS-1:0]        column_tap_rows,
    input  wire [JOINED_BITS-1:0]     column_tap_joined,
    input  wire [COORDINATE_BITS-1:0] last_column,
    input  wire [ADDRESS_BITS-1:0]    row_step,
    input  wire [ADDRESS_BITS-1:0]    column_step,
    input  wire [ADDRESS_BITS-1:0]    row_apart,
    input  wire [ADDRESS_BITS-1:0]    column_apart,
    input  wire [ADDRESS_BITS-1:0]    word_step,
    input  wire [ADDRESS_BITS-1:0]    last_word,
    input  wire [ADDRESS_BITS-1:0]    block_step,
    input  wire [ADDRESS_BITS-1:0]    first_input,
    input  wire [ADDRESS_BITS-1:0]    first_output,
    input  wire                       joins,

    // Words for the scanner.
    output reg                        fetch_valid,
    input  wire                       fetch_ready,
    output reg                        fetch_is_recurrent,
    output reg                        fetch_is_event,
    output reg  [ADDRESS_BITS-1:0]    fetch_word,
    output reg                        fetch_is_empty,
    output reg                        fetch_is_partial,
    output reg                        fetch_is_last,
    output reg  [ROW_BITS-1:0]        fetch_row
);

    localparam LANE_SHIFT = $clog2(LANES);

    // -------------------------------------------------------------------------- where the group stands
    reg                    placed;      // the lists of taps are looked up
    reg [ADDRESS_BITS-1:0] at_row, at_column, at_block;
    reg [TAP_BITS-1:0]     first_row_tap, last_row_tap, first_column_tap, last_column_tap;

    assign ask_ready = fetch_ready && placed;
    wire take       = ask_valid && ask_ready;
    wire next_group = take && ask_ends_group;
    wire next_place = next_group && ask_ends_place;
    wire row_ends   = column == last_column;

    always @(posedge clk) begin
        if (ask_valid && !placed) placed <= 1'b1;
        if (!placed) begin
            first_row_tap    <= place_first_row_tap;
            last_row_tap     <= place_last_row_tap;
            first_column_tap <= place_first_column_tap;
            last_column_tap  <= place_last_column_tap;
        end
        if (next_group) at_block <= ask_ends_place ? {ADDRESS_BITS{1'b0}} : at_block + block_step;
        if (next_place) begin
            placed    <= 1'b0;
            column    <= row_ends ? {COORDINATE_BITS{1'b0}} : column + 1'b1;
            at_column <= row_ends ? {ADDRESS_BITS{1'b0}} : at_column + column_step;
            if (row_ends) begin
                row    <= row + 1'b1;
                at_row <= at_row + row_step;
            end
        end
        if (reset || !ask_valid) begin
            placed    <= 1'b0;
            row       <= {COORDINATE_BITS{1'b0}};
            column    <= {COORDINATE_BITS{1'b0}};
            at_row    <= {ADDRESS_BITS{1'b0}};
            at_column <= {ADDRESS_BITS{1'b0}};
            at_block  <= {ADDRESS_BITS{1'b0}};
        end
    end

    // ---------------------------------------------------------------------------------------- the walk
    reg [ADDRESS_BITS-1:0] word, word_at;                   // its index, and how far on it is
    reg [ROW_BITS-1:0]     word_rows;
    reg [JOINED_BITS-1:0]  joined_row, joined_column;
    reg [ADDRESS_BITS-1:0] joined_row_at, joined_column_at;

    wire walk         = take && ask_is_walked;
    wire columns_join = joined_column == column_tap_joined;
    wire rows_join    = columns_join && joined_row == row_tap_joined;
    wire words_end    = rows_join && word == last_word;
    wire columns_end  = words_end && column_tap == last_column_tap;
    wire walk_ends    = columns_end && row_tap == last_row_tap;

    assign ask_ends = walk_ends;

    localparam [ROW_BITS-1:0] ROWS_OF_SPIKES = LANES, ROWS_OF_BEAT = BEAT;

    always @(posedge clk) begin
        if (walk) begin
            joined_column    <= columns_join ? {JOINED_BITS{1'b0}} : joined_column + 1'b1;
            joined_column_at <= columns_join ? {ADDRESS_BITS{1'b0}} : joined_column_at + column_apart;
            if (columns_join) begin
                joined_row    <= rows_join ? {JOINED_BITS{1'b0}} : joined_row + 1'b1;
                joined_row_at <= rows_join ? {ADDRESS_BITS{1'b0}} : joined_row_at + row_apart;
            end
            if (rows_join) begin
                word      <= words_end ? {ADDRESS_BITS{1'b0}} : word + 1'b1;
                word_at   <= words_end ? {ADDRESS_BITS{1'b0}} : word_at + word_step;
                word_rows <= words_end ? {ROW_BITS{1'b0}}
                           : word_rows + (ask_is_event ? ROWS_OF_BEAT : ROWS_OF_SPIKES);
            end
            if (words_end) column_tap <= columns_end ? first_column_tap : column_tap + 1'b1;
            if (columns_end) row_tap  <= walk_ends ? first_row_tap : row_tap + 1'b1;
        end
        if (!placed) begin
            row_tap    <= place_first_row_tap;
            column_tap <= place_first_column_tap;
        end
        if (reset || !ask_valid) begin
            joined_column    <= {JOINED_BITS{1'b0}};
            joined_column_at <= {ADDRESS_BITS{1'b0}};
            joined_row       <= {JOINED_BITS{1'b0}};
            joined_row_at    <= {ADDRESS_BITS{1'b0}};
            word             <= {ADDRESS_BITS{1'b0}};
            word_at          <= {ADDRESS_BITS{1'b0}};
            word_rows        <= {ROW_BITS{1'b0}};
        end
    end

    // ---------------------------------------------------------- what is added up, a few at a time
    localparam WIDE = (ADDRESS_BITS > WALK_BITS ? ADDRESS_BITS : WALK_BITS) > STEP_BITS
                    ? (ADDRESS_BITS > WALK_BITS ? ADDRESS_BITS : WALK_BITS) : STEP_BITS;
    localparam BROAD = ROW_BITS > WALK_BITS ? ROW_BITS : WALK_BITS;
    wire [WIDE-1:0]  wide_word  = {{(WIDE-WALK_BITS){1'b0}}, ask_word};
    wire [WIDE-1:0]  wide_step  = STEPS_INSIDE != 0 && !ask_is_event ? {{(WIDE-STEP_BITS){1'b0}}, ask_step}
                                : {WIDE{1'b0}};
    wire [BROAD-1:0] broad_word = {{(BROAD-WALK_BITS){1'b0}}, ask_word};
    wire [ADDRESS_BITS-1:0] given = wide_word[ADDRESS_BITS-1:0];
    wire [ADDRESS_BITS-1:0] later = wide_step[ADDRESS_BITS-1:0];
    wire unused = &{wide_word, wide_step, broad_word, 1'b0};  // their high bits

    reg                    named_valid, named_is_recurrent, named_is_event, named_is_empty, named_is_partial;
    reg                    named_is_last;
    reg [ADDRESS_BITS-1:0] named_row, named_column, named_word;
    reg [ROW_BITS-1:0]     named_base, named_rows;

    assign idle = !named_valid && !fetch_valid;

    always @(posedge clk) begin
        if (fetch_ready) begin
            named_valid <= take;
            fetch_valid <= named_valid;
        end
        if (reset) begin
            named_valid <= 1'b0;
            fetch_valid <= 1'b0;
        end
    end

    // Addresses stay where nothing is asked for: no memory sees one that does not exist.
    always @(posedge clk) begin
        if (take) begin
            named_is_recurrent <= ask_is_recurrent;
            named_is_event     <= ask_is_event;
            named_is_empty     <= ask_is_empty;
            named_is_partial   <= ask_is_walked && joins && !rows_join;
            named_is_last      <= ask_is_last;
            named_row          <= ask_is_walked ? at_row + row_tap_offset + joined_row_at
                                : {ADDRESS_BITS{1'b0}};
            named_column       <= ask_is_walked ? at_column + column_tap_offset + joined_column_at
                                : {ADDRESS_BITS{1'b0}};
            named_word         <= ask_is_walked ? first_input + at_block + word_at + later
                                : ask_is_recurrent ? first_output + given : given;
            named_base         <= ask_row;
            named_rows         <= ask_is_walked ? row_tap_rows + column_tap_rows + word_rows
                                : ask_is_recurrent ? broad_word[ROW_BITS-1:0] << LANE_SHIFT : {ROW_BITS{1'b0}};
        end
        if (fetch_ready && named_valid) begin
            fetch_is_recurrent <= named_is_recurrent;
            fetch_is_event     <= named_is_event;
            fetch_is_empty     <= named_is_empty;
            fetch_is_partial   <= named_is_partial;
            fetch_is_last      <= named_is_last;
            fetch_word         <= named_row + named_column + named_word;
            fetch_row          <= named_base + named_rows;
        end
        if (reset) fetch_word <= {ADDRESS_BITS{1'b0}};
    end

`ifdef FORMAL
    // What is said of one input in front of a position of the kernel, which may be any: where in the five
    // loops it comes. So many inputs are joined at its taps, as their tables say.
    localparam PLACE_BITS = 2*TAP_BITS + ADDRESS_BITS + 2*JOINED_BITS;
    (* anyconst *) wire [TAP_BITS-1:0]     the_row_tap, the_column_tap;
    (* anyconst *) wire [ADDRESS_BITS-1:0] the_word;
    (* anyconst *) wire [JOINED_BITS-1:0]  the_joined_row, the_joined_column, rows_joined, columns_joined;
    wire [PLACE_BITS-1:0] the_place = {the_row_tap, the_column_tap, the_word, the_joined_row, the_joined_column};
    wire [PLACE_BITS-1:0] place_now = {row_tap, column_tap, word, joined_row, joined_column};
    wire [PLACE_BITS-1:0] place_one = {first_row_tap, first_column_tap, {(ADDRESS_BITS+2*JOINED_BITS){1'b0}}};
    wire hit    = walk && place_now == the_place;
    wire exists = first_row_tap <= the_row_tap && the_row_tap <= last_row_tap
               && first_column_tap <= the_column_tap && the_column_tap <= last_column_tap
               && the_word <= last_word && the_joined_row <= rows_joined && the_joined_column <= columns_joined;

    reg begun = 1'b0, unasked = 1'b0, seen, middle;  // it was named in this walk, which is under way
    always @(posedge clk) begin
        begun  <= 1'b1;
        unasked <= reset || (unasked && !(fetch_ready && named_valid));
        if (unasked) assert (fetch_word == {ADDRESS_BITS{1'b0}});  // a word that exists
        seen   <= !reset && ask_valid && (walk ? !walk_ends && (seen || hit) : seen);
        middle <= !reset && ask_valid && (walk ? !walk_ends : middle);
    end

    localparam [ADDRESS_BITS-1:0] HERE = 0;

    // The clock before.
    reg                    was_free, was_lookup, was_group, was_place, was_walk, was_row_ends, was_event;
    reg [4*TAP_BITS-1:0]   was_said, was_taps;
    reg [COORDINATE_BITS-1:0] was_row, was_column;
    reg [TAP_BITS-1:0]     was_row_tap, was_column_tap;
    reg [JOINED_BITS-1:0]  was_joined_row, was_joined_column, was_rows_joined, was_columns_joined;
    reg [ROW_BITS-1:0]     was_word_rows;
    reg [ADDRESS_BITS-1:0] was_word, was_last_word, was_at_row, was_at_column, was_at_block, was_word_at;
    reg [ADDRESS_BITS-1:0] was_joined_row_at, was_joined_column_at, was_row_step, was_column_step, was_block_step;
    reg [ADDRESS_BITS-1:0] was_word_step, was_row_apart, was_column_apart;
    wire [4*TAP_BITS-1:0]  taps_now = {first_row_tap, last_row_tap, first_column_tap, last_column_tap};
    wire [4*TAP_BITS-1:0]  said_now = {place_first_row_tap, place_last_row_tap,
                                       place_first_column_tap, place_last_column_tap};
    always @(posedge clk) begin
        was_free   <= reset || !ask_valid;
        was_lookup <= !placed;
        was_group  <= next_group;
        was_place  <= next_place;
        was_walk   <= walk;
        was_event  <= ask_is_event;
        was_said   <= said_now;
        was_taps   <= taps_now;
        {was_row_ends, was_row, was_column, was_last_word} <= {row_ends, row, column, last_word};
        {was_at_row, was_at_column, was_at_block} <= {at_row, at_column, at_block};
        {was_word, was_word_at, was_word_rows} <= {word, word_at, word_rows};
        {was_joined_row, was_joined_row_at} <= {joined_row, joined_row_at};
        {was_joined_column, was_joined_column_at} <= {joined_column, joined_column_at};
        {was_row_tap, was_rows_joined, was_column_tap, was_columns_joined}
            <= {row_tap, row_tap_joined, column_tap, column_tap_joined};
        {was_row_step, was_column_step, was_block_step} <= {row_step, column_step, block_step};
        {was_word_step, was_row_apart, was_column_apart} <= {word_step, row_apart, column_apart};
    end

    // The world's side: there was a reset; tables stay while words are asked for, and a group sees something;
    // a walk is not interrupted, and a group ends with it.
    wire fair_now = begun
        ? (was_free || (last_word == was_last_word
              && (row != was_row || column != was_column || said_now == was_said)
              && (row_tap != was_row_tap || row_tap_joined == was_rows_joined)
              && (column_tap != was_column_tap || column_tap_joined == was_columns_joined)))
          && (place_first_row_tap <= place_last_row_tap && place_first_column_tap <= place_last_column_tap)
          && (!take || (ask_is_walked ? !ask_ends_group || walk_ends : !middle))
        : reset;
    reg  fair    = 1'b1, about = 1'b1;
    wire is_fair = fair && fair_now;
    // The input that was chosen is of these tables.
    wire is_about = about && (row_tap != the_row_tap || row_tap_joined == rows_joined)
                 && (column_tap != the_column_tap || column_tap_joined == columns_joined);
    always @(posedge clk) {fair, about} <= {is_fair, is_about};
    wire holds = begun && is_fair && !reset;

    // What must leave, two transfers later: the sum of what each loop has come to.
    reg                    valid_1, valid_2;
    reg [ADDRESS_BITS-1:0] word_1, word_2;
    reg [ROW_BITS-1:0]     row_1, row_2;
    reg [4:0]              flags_1, flags_2;
    wire [ADDRESS_BITS-1:0] of_step = STEPS_INSIDE != 0 && !ask_is_event ? ask_step : {ADDRESS_BITS{1'b0}};
    always @(posedge clk) begin
        if (fetch_ready) {valid_2, valid_1} <= {valid_1, take};
        if (take) begin
            flags_1 <= {ask_is_recurrent, ask_is_event, ask_is_empty, ask_is_last,
                        ask_is_walked && joins
                        && !(joined_column == column_tap_joined && joined_row == row_tap_joined)};
            word_1  <= ask_is_walked ? (at_row + row_tap_offset + joined_row_at)
                                     + (at_column + column_tap_offset + joined_column_at)
                                     + (first_input + at_block + word_at + of_step)
                     : (ask_is_recurrent ? first_output : {ADDRESS_BITS{1'b0}}) + ask_word;
            row_1   <= ask_row + (ask_is_walked ? row_tap_rows + column_tap_rows + word_rows
                                  : ask_is_recurrent ? ask_word * ROWS_OF_SPIKES : {ROW_BITS{1'b0}});
        end
        if (fetch_ready && valid_1) {word_2, row_2, flags_2} <= {word_1, row_1, flags_1};
        if (reset) {valid_2, valid_1} <= 2'b00;
    end

    // Words on their way, of a frame and of spikes, the sums that end with them, and gaps between them (`gaps`:
    // in front of a word that may come, too). Of the loops of the walk, what is left of each.
    wire [1:0] events      = (named_valid && named_is_event) + (fetch_valid && fetch_is_event);
    wire [1:0] words       = (named_valid && !named_is_event) + (fetch_valid && !fetch_is_event);
    wire [1:0] ends        = (named_valid && named_is_last) + (fetch_valid && fetch_is_last);
    wire [1:0] gaps        = !named_valid + !fetch_valid;
    wire       gaps_inside = named_valid && !fetch_valid;
    wire       is_open     = named_valid ? !named_is_last : fetch_valid && !fetch_is_last;
    wire [TAP_BITS-1:0]     rest_of_row_taps       = last_row_tap - row_tap;
    wire [TAP_BITS-1:0]     rest_of_column_taps    = last_column_tap - column_tap;
    wire [ADDRESS_BITS-1:0] rest_of_words          = last_word - word;
    wire [JOINED_BITS-1:0]  rest_of_joined_rows    = row_tap_joined - joined_row;
    wire [JOINED_BITS-1:0]  rest_of_joined_columns = column_tap_joined - joined_column;

    always @(posedge clk)
        if (holds) begin
            // Each input is named once in a walk, and none that the group does not see.
            if (hit && is_about)               assert (exists && !seen);
            if (walk && walk_ends && is_about) assert (seen || hit || !exists);
            if (take)              assert (ask_ends == walk_ends && placed);
            assert (ask_ready == (fetch_ready && placed));
            // Words leave in order, with their rows of weights, as soon as they are taken.
            assert (fetch_valid == valid_2 && idle == !(valid_1 || valid_2));
            if (fetch_valid) begin
                assert (fetch_word == word_2 && fetch_row == row_2);
                assert ({fetch_is_recurrent, fetch_is_event, fetch_is_empty, fetch_is_last, fetch_is_partial}
                        == flags_2);
            end
            if (was_free) begin
                assert (!placed && row == 0 && column == 0 && at_row == 0 && at_column == 0 && at_block == 0);
            end else begin
                // Taps are looked up for a clock at each place, and stand until the next.
                if (was_lookup) assert (placed && taps_now == was_said);
                else            assert (taps_now == was_taps && placed == !was_place);
                // Places follow each other in rows, each with all of its blocks.
                assert (at_block == (was_place ? HERE : was_at_block + (was_group ? was_block_step : HERE)));
                if (!was_place)        assert ({column, at_column} == {was_column, was_at_column});
                else if (was_row_ends) assert (column == 0 && at_column == 0);
                else assert (column == was_column + 1'b1 && at_column == was_at_column + was_column_step);
                assert (row == was_row + (was_place && was_row_ends));
                assert (at_row == was_at_row + (was_place && was_row_ends ? was_row_step : HERE));
                // A loop that goes on is a step further, and one that begins again is where it began.
                if (word == was_word) assert (word_at == was_word_at && word_rows == was_word_rows);
                else if (word != 0)   assert (word_at == was_word_at + was_word_step && word_rows
                                              == was_word_rows + (was_event ? ROWS_OF_BEAT : ROWS_OF_SPIKES));
                if (joined_row == was_joined_row) assert (joined_row_at == was_joined_row_at);
                else if (joined_row != 0)         assert (joined_row_at == was_joined_row_at + was_row_apart);
                if (joined_column == was_joined_column) assert (joined_column_at == was_joined_column_at);
                else if (joined_column != 0) assert (joined_column_at == was_joined_column_at + was_column_apart);
                if (!was_walk) assert (was_lookup || {word, joined_row, joined_column}
                                                     == {was_word, was_joined_row, was_joined_column});
            end

            // Invariants.
            if (word == 0)          assert (word_at == 0 && word_rows == 0);
            if (joined_row == 0)    assert (joined_row_at == 0);
            if (joined_column == 0) assert (joined_column_at == 0);
            assert (named_valid == valid_1);
            if (valid_1) begin
                assert (named_row + named_column + named_word == word_1 && named_base + named_rows == row_1);
                assert ({named_is_recurrent, named_is_event, named_is_empty, named_is_last, named_is_partial}
                        == flags_1);
            end
            if (placed) begin
                assert (taps_now == said_now);
                assert (first_row_tap <= row_tap && row_tap <= last_row_tap);
                assert (first_column_tap <= column_tap && column_tap <= last_column_tap && word <= last_word);
                assert (joined_row <= row_tap_joined && joined_column <= column_tap_joined);
                assert (middle == (place_now != place_one));
                if (is_about) assert (seen == (exists && place_now > the_place));
            end else
                assert (!middle && !(seen && is_about) && word == 0 && joined_row == 0 && joined_column == 0);
        end
    wire reached_an_end  = holds && walk && ask_ends && middle;
    wire reached_a_place = holds && was_place && fetch_valid && row_tap != 0;
`endif

endmodule

`default_nettype wire
