// SPDX-License-Identifier: Apache-2.0
// snn_events: frames of the core from events, one at a time, as sensors of spikes send them.
//
// An event names an input, which has one spike more in the frame that is gathered. `event_ends_frame` ends
// it instead: the frame goes to the core, beat by beat, and the next one begins with zeros. A network that
// takes a frame per step gets a step with each end; one that takes a frame for all steps a sample.
//
// Contract
//   - A transfer happens in a clock in which valid and ready are both high, for events as for beats. A beat
//     that is offered stays until it is taken. An event takes two clocks; the end of a frame as many as it
//     has beats, and what the core waits; after a reset the frame is cleared first, a beat per clock.
//   - A value of a beat is the number of its input's events since the end of the frame before, or since the
//     reset. Behind the last input, in the last beat, are zeros.
//   - An event of an input that there is not, or that has as many spikes as INPUT_BITS can say, changes
//     nothing: `error` is high for a clock, and `dropped` counts these since the reset, modulo 65536.
//   - `reset` resets the core, too.
//
//   clk               _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     BEATS = 2
//   event_valid       _/‾‾‾‾‾‾‾‾‾‾‾\_______________________/‾‾‾
//   event_ready       ‾‾‾‾‾\___/‾‾‾\___________________/‾‾‾‾‾‾‾
//   event_ends_frame  _________/‾‾‾\___________________________
//   in_valid          _________________/‾‾‾‾‾‾‾‾‾‾‾\___________
//   in_ready          _____________________/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//   in_data                             b0  b0  b1

`default_nettype none

module snn_events #(
    parameter BEATS       = 64,
    parameter BEAT_BITS   = 6,     // enough for BEATS - 1
    parameter BEAT        = 1,     // values of a beat: a power of two
    parameter INPUT_BITS  = 1,
    parameter INPUTS      = 64,
    parameter NUMBER_BITS = 6      // enough for INPUTS - 1
) (
    input  wire                       clk,
    input  wire                       reset,

    input  wire                       event_valid,
    output wire                       event_ready,
    input  wire                       event_ends_frame,
    input  wire [NUMBER_BITS-1:0]     event_input,     // not looked at when the frame ends

    output reg                        error,           // for one clock
    output reg  [15:0]                dropped,

    // The core.
    output wire                       in_valid,
    input  wire                       in_ready,
    output wire [BEAT*INPUT_BITS-1:0] in_data
);

    localparam [BEAT_BITS-1:0] LAST_BEAT  = BEATS - 1;
    localparam                 SLOT_BITS  = BEAT > 1 ? $clog2(BEAT) : 0;
    localparam [NUMBER_BITS:0] ALL_INPUTS = INPUTS;

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (BEATS < 1 || BEATS > (1 << BEAT_BITS) || INPUTS > (1 << NUMBER_BITS))
            a_number_is_too_narrow stop ();
        if (BEAT != (1 << SLOT_BITS) || INPUTS > BEATS * BEAT)
            beats_must_hold_the_inputs stop ();
    endgenerate

    localparam [2:0] CLEAR = 3'd0, GATHER = 3'd1, ADD = 3'd2, FETCH = 3'd3, SEND = 3'd4;
    reg [2:0]           state;
    reg [BEAT_BITS-1:0] beat;          // that is cleared, added to, or sent
    reg [NUMBER_BITS-1:0] number;      // of the event's input

    wire                       takes    = event_valid && event_ready;
    wire                       is_there = {1'b0, event_input} < ALL_INPUTS;
    wire                       begins   = takes && !event_ends_frame && is_there;
    wire                       sent     = in_valid && in_ready;
    wire                       at_last  = beat == LAST_BEAT;
    wire [BEAT*INPUT_BITS-1:0] word, more;
    wire [BEAT-1:0]            is_full;   // at the event's value, whether it can have no more
    wire [NUMBER_BITS+BEAT_BITS+SLOT_BITS-1:0] wide_input = {{(BEAT_BITS+SLOT_BITS){1'b0}}, event_input};
    wire [BEAT_BITS-1:0]       event_beat = wide_input[SLOT_BITS +: BEAT_BITS];
    wire                       unused   = &{wide_input, number, 1'b0};

    assign event_ready = state == GATHER;
    assign in_valid    = state == SEND;
    assign in_data     = word;

    genvar slot;
    generate
        for (slot = 0; slot < BEAT; slot = slot + 1) begin : values
            wire [INPUT_BITS-1:0] value = word[slot*INPUT_BITS +: INPUT_BITS];
            wire                  is_it = number % BEAT == slot;
            assign is_full[slot] = is_it && (&value);
            assign more[slot*INPUT_BITS +: INPUT_BITS] = is_it ? value + 1'b1 : value;
        end
    endgenerate

    wire adds = state == ADD && is_full == {BEAT{1'b0}};

    snn_ram #(.WIDTH(BEAT*INPUT_BITS), .ADDRESS_BITS(BEAT_BITS), .DEPTH(BEATS)) frame (
        .clk           (clk),
        .write         (state == CLEAR || adds || sent),
        .write_address (beat),
        .write_data    (state == ADD ? more : {(BEAT*INPUT_BITS){1'b0}}),
        .read          (begins || state == FETCH || (sent && !at_last)),
        .read_address  (state == GATHER ? event_beat : state == SEND ? beat + 1'b1 : beat),
        .read_data     (word)
    );

    always @(posedge clk) begin
        case (state)
            CLEAR:   state <= at_last ? GATHER : CLEAR;
            GATHER:  state <= begins ? ADD : takes && event_ends_frame ? FETCH : GATHER;
            ADD:     state <= GATHER;
            FETCH:   state <= SEND;
            default: state <= sent && at_last ? GATHER : SEND;
        endcase
        if (state == CLEAR || sent) beat <= at_last ? {BEAT_BITS{1'b0}} : beat + 1'b1;
        if (begins)                 beat <= event_beat;
        if (state == ADD)           beat <= {BEAT_BITS{1'b0}};
        if (begins)                 number <= event_input;
        error <= (takes && !event_ends_frame && !is_there) || (state == ADD && !adds);
        if (error) dropped <= dropped + 1'b1;
        if (reset) begin
            state   <= CLEAR;
            beat    <= {BEAT_BITS{1'b0}};
            error   <= 1'b0;
            dropped <= 16'd0;
        end
    end

`ifdef FORMAL
    // What is said of one value, which may be any: that of `the_slot` in the beat `watched`. `kept` is what the
    // memory has in that beat, by the contract of snn_ram.v.
    localparam SLOT = BEAT > 1 ? SLOT_BITS : 1;
    localparam [INPUT_BITS-1:0] MOST = {INPUT_BITS{1'b1}};
    (* anyconst *) wire [SLOT-1:0]  any_slot;
    wire [BEAT_BITS-1:0]            watched;
    wire [BEAT*INPUT_BITS-1:0]      kept;
    wire                            is_inside;    // the memory has the words that are asked for
    wire                            is_beat   = watched <= LAST_BEAT;
    wire [SLOT-1:0]                 the_slot  = BEAT > 1 ? any_slot : {SLOT{1'b0}};
    wire [BEAT_BITS+SLOT:0]         the_input = watched * BEAT + the_slot;
    wire [INPUT_BITS-1:0]           of_kept   = kept >> (the_slot * INPUT_BITS);
    wire [INPUT_BITS-1:0]           of_word   = in_data >> (the_slot * INPUT_BITS);

    reg                  begun = 1'b0, was_offered, was_bad, was_full, is_counted;
    reg [INPUT_BITS-1:0] must;          // events of the value in this frame
    reg [INPUT_BITS-1:0] earlier;       // the one that is on its way left out
    reg [BEAT_BITS:0]    beats_sent;    // of the frame that is sent
    reg                  is_sending;    // a frame has ended, and is not sent
    reg [BEAT*INPUT_BITS-1:0] was_data;
    wire hits = takes && !event_ends_frame && event_input == the_input && the_input < INPUTS;
    always @(posedge clk) begin
        begun       <= 1'b1;
        was_offered <= in_valid && !in_ready && !reset;
        was_data    <= in_data;
        was_bad     <= takes && !event_ends_frame && event_input >= INPUTS && !reset;
        was_full    <= hits && must == MOST && !reset;
        is_counted  <= takes && !event_ends_frame && event_input < INPUTS && !reset;
        earlier      <= must;
        if (reset || (in_valid && in_ready && beats_sent == watched)) must <= {INPUT_BITS{1'b0}};
        else if (hits && must != MOST)                                must <= must + 1'b1;
        if (takes && event_ends_frame)                                     is_sending <= 1'b1;
        else if (in_valid && in_ready && beats_sent == BEATS - 1'b1)       is_sending <= 1'b0;
        if (takes && event_ends_frame) beats_sent <= {(BEAT_BITS+1){1'b0}};
        else if (in_valid && in_ready) beats_sent <= beats_sent + 1'b1;
        if (reset) is_sending <= 1'b0;
    end
    reg  fair     = 1'b1;
    wire fair_now = begun || reset;
    always @(posedge clk) fair <= fair && fair_now;
    wire holds = begun && fair;

    always @(posedge clk)
        if (holds) begin
            // A beat that is offered has the value's number of events, and stays until it is taken.
            if (in_valid && beats_sent == watched) assert (of_word == must);
            if (in_valid) assert (is_sending && beats_sent < BEATS);
            if (was_offered) assert (in_valid && in_data == was_data);
            // While a frame is sent no event is taken; nothing waits without need.
            if (is_sending) assert (!event_ready);
            assert (event_ready || in_valid || is_counted || state == CLEAR || state == FETCH);
            // What changes nothing is reported.
            if (was_bad) assert (error);
            assert (is_inside);
            // Invariants.
            assert (state <= SEND && beat <= LAST_BEAT);
            assert (is_sending == (state == FETCH || state == SEND));
            assert (is_counted == (state == ADD));
            if (state == CLEAR) begin
                assert (must == 0);
                if (is_beat && beat > watched) assert (of_kept == 0);
            end
            if (the_input >= INPUTS) assert (must == 0);
            if (state == GATHER || state == FETCH) assert (beat == 0 && (!is_beat || of_kept == must));
            if (state == FETCH) assert (beats_sent == 0);
            if (state == SEND) begin
                assert (beats_sent == beat && (!is_beat || of_kept == must));
                if (beat == watched) assert (in_data == kept);
            end
            if (state == ADD) begin
                assert (number < INPUTS && beat == number / BEAT);
                if (beat == watched) assert (in_data == kept);
                if (number == the_input) begin
                    assert (of_kept == earlier && was_full == (earlier == MOST));
                    assert (must == (was_full ? earlier : earlier + 1'b1));
                end else
                    assert (!was_full && (!is_beat || of_kept == must));
            end
        end
    reg was_full_2;
    always @(posedge clk) begin
        was_full_2 <= was_full && !reset;
        if (holds && was_full_2) assert (error);
    end
    wire reached_a_value = holds && in_valid && beats_sent == watched && must != 0;
    wire reached_an_error = holds && error && was_full_2;
`endif

endmodule

`default_nettype wire
