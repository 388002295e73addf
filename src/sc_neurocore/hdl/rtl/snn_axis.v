// SPDX-License-Identifier: Apache-2.0
// snn_axis: the core as a part of AXI4-Stream: a packet goes in for each sample, one comes out for each result.
//
// In: BEATS transfers, a beat of the core in the low IN_BITS bits of each; the bits above are not looked at.
// `tlast` comes with the last. Out: OUTPUTS + 1 transfers, the class and then the score of each output neuron,
// in their order, with zeros above, or the sign where scores are signed; `tlast` comes with the last.
//
// A packet whose `tlast` is not where it belongs gives no result, is reported, and disturbs no other:
//   too short   `error_short`; zeros are put in for what is missing, while the stream waits
//   too long    `error_long`; what is too much is swallowed, up to its `tlast`
// The core works on each of them, and what it answers is dropped: so it is never reset, and its answers belong
// to the packets in their order. `dropped` counts them since the reset, modulo 65536.
//
// Contract
//   - AXI4-Stream (ARM IHI 0051): a transfer happens in a clock in which valid and ready are both high; a `valid`
//     once raised stays until then, its data unchanged. m_axis_tvalid waits for no ready, s_axis_tready for no valid.
//   - The core keeps its own contract: out_valid, out_class and the scores stay until out_ready; a score comes a
//     clock after its address; there is no answer to what did not go in. At most two samples are in it whose
//     answers are not taken. A core that ENDS_EARLY may answer in mid-sample, and takes no more of that one:
//     the rest of the packet is swallowed, and the answer waits for its `tlast`; the next packet waits for the
//     answer to be taken.
//   - `reset` resets the core, too. A packet that it cuts in two is too short afterwards: nothing is known of
//     its first part.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_ ... /‾\_/‾\_/‾\_/‾\_/‾\_/‾\_      BEATS = 3, OUTPUTS = 1
//   s_axis_tvalid  _/‾‾‾‾‾‾‾‾‾‾‾\___ ... ________________________
//   s_axis_tready  ‾‾‾‾‾‾‾‾‾‾‾‾‾\___ ... ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾
//   s_axis_tlast   _________/‾‾‾\___ ... ________________________
//   out_valid      _________________ ... /‾‾‾‾‾‾‾‾‾‾‾\___________
//   m_axis_tvalid  _________________ ... ____/‾‾‾\___/‾‾‾‾‾‾‾\___
//   m_axis_tready  ‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾ ... ‾‾‾‾‾‾‾‾‾‾‾‾\___/‾‾‾‾‾‾‾
//   m_axis_tdata                         class       score
//   m_axis_tlast   _________________ ... ____________/‾‾‾‾‾‾‾\___

`default_nettype none

module snn_axis #(
    parameter BEATS       = 64,
    parameter BEAT_BITS   = 6,     // enough for BEATS - 1
    parameter IN_BITS     = 5,
    parameter S_BITS      = 8,     // whole bytes with room for IN_BITS
    parameter OUTPUTS     = 10,
    parameter OUTPUT_BITS = 4,
    parameter SCORE_BITS  = 5,
    parameter IS_SIGNED   = 0,     // whether scores are
    parameter M_BITS      = 8,     // whole bytes with room for a class, and for a score
    parameter ENDS_EARLY  = 0      // whether the core may answer before it has all of a sample
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   s_axis_tvalid,
    output wire                   s_axis_tready,
    input  wire [S_BITS-1:0]      s_axis_tdata,
    input  wire                   s_axis_tlast,

    output reg                    m_axis_tvalid,
    input  wire                   m_axis_tready,
    output reg  [M_BITS-1:0]      m_axis_tdata,
    output reg                    m_axis_tlast,

    output reg                    error_short,   // for one clock, as the next
    output reg                    error_long,
    output reg  [15:0]            dropped,

    // The core.
    output wire                   in_valid,
    input  wire                   in_ready,
    output wire [IN_BITS-1:0]     in_data,
    input  wire                   out_valid,
    output wire                   out_ready,
    input  wire [OUTPUT_BITS-1:0] out_class,
    output reg  [OUTPUT_BITS-1:0] count_address,
    input  wire [SCORE_BITS-1:0]  count_value
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (S_BITS % 8 != 0 || M_BITS % 8 != 0)
            tdata_must_be_whole_bytes stop ();
        if (S_BITS < IN_BITS || M_BITS < OUTPUT_BITS || M_BITS < SCORE_BITS)
            tdata_is_too_narrow stop ();
        if (BEATS < 1 || BEATS > (1 << BEAT_BITS) || OUTPUTS < 1 || OUTPUTS > (1 << OUTPUT_BITS))
            a_counter_is_too_narrow stop ();
    endgenerate

    localparam [31:0] LAST_BEAT = BEATS - 1, LAST_OUTPUT = OUTPUTS - 1;

    // ------------------------------------------------------------------------------------ samples
    reg [BEAT_BITS-1:0] beat;         // of the sample that goes in
    reg                 filling;      // it was too short
    reg                 swallowing;   // the one before was too long
    reg [1:0]           waiting;      // samples that are in, and their answers not taken
    reg [1:0]           is_bad;       // which of them are not answered, the eldest lowest

    wire at_last  = beat == LAST_BEAT[BEAT_BITS-1:0];
    wire has_room = ENDS_EARLY != 0 ? waiting == 2'd0 : !waiting[1];
    wire answered = ENDS_EARLY != 0 && out_valid && waiting == 2'd0;   // in mid-sample
    wire goes_on  = has_room && (in_ready || answered);
    wire advance  = goes_on && !swallowing && (filling || s_axis_tvalid);
    wire ends     = advance && at_last;
    wire is_short = advance && !filling && s_axis_tlast && !at_last;
    wire is_long  = ends && !filling && !s_axis_tlast;
    wire take     = out_valid && out_ready;
    wire unused   = &{s_axis_tdata, 1'b0};   // its high bits

    assign s_axis_tready = swallowing || (goes_on && !filling);
    assign in_valid      = has_room && !answered && !swallowing && (filling || s_axis_tvalid);
    assign in_data       = filling ? {IN_BITS{1'b0}} : s_axis_tdata[IN_BITS-1:0];

    always @(posedge clk) begin
        if (advance) beat <= at_last ? {BEAT_BITS{1'b0}} : beat + 1'b1;
        if (is_short)  filling <= 1'b1;
        else if (ends) filling <= 1'b0;
        if (is_long)                            swallowing <= 1'b1;
        else if (s_axis_tvalid && s_axis_tlast) swallowing <= 1'b0;
        waiting <= waiting + {1'b0, ends} - {1'b0, take};
        if (take) is_bad[0] <= is_bad[1];
        if (ends) begin
            if (waiting == {1'b0, take}) is_bad[0] <= filling || !s_axis_tlast;
            else                         is_bad[1] <= filling || !s_axis_tlast;
        end
        error_short <= is_short;
        error_long  <= is_long;
        if (is_short || is_long) dropped <= dropped + 1'b1;
        if (reset) begin
            beat        <= {BEAT_BITS{1'b0}};
            filling     <= 1'b0;
            swallowing  <= 1'b0;
            waiting     <= 2'd0;
            error_short <= 1'b0;
            error_long  <= 1'b0;
            dropped     <= 16'd0;
        end
    end

    // ------------------------------------------------------------------------------------ results
    // A score is there when its address has stood for a clock.
    reg scoring, settled;

    wire at_last_score = scoring && count_address == LAST_OUTPUT[OUTPUT_BITS-1:0];
    wire load = out_valid && waiting != 2'd0 && !is_bad[0] && (!m_axis_tvalid || m_axis_tready)
             && (!scoring || settled);
    wire sign = IS_SIGNED != 0 && count_value[SCORE_BITS-1];
    wire [M_BITS+OUTPUT_BITS-1:0] wide_class = {{M_BITS{1'b0}}, out_class};
    wire [M_BITS+SCORE_BITS-1:0]  wide_score = {{M_BITS{sign}}, count_value};
    wire unused_sign = &{wide_class, wide_score, 1'b0};   // high bits

    assign out_ready = waiting != 2'd0 && (is_bad[0] || (load && at_last_score));

    always @(posedge clk) begin
        settled <= !load;
        if (m_axis_tready) m_axis_tvalid <= 1'b0;
        if (load) begin
            m_axis_tvalid <= 1'b1;
            m_axis_tdata  <= scoring ? wide_score[M_BITS-1:0] : wide_class[M_BITS-1:0];
            m_axis_tlast  <= at_last_score;
            scoring       <= !at_last_score;
            if (scoring) count_address <= at_last_score ? {OUTPUT_BITS{1'b0}} : count_address + 1'b1;
        end
        if (reset) begin
            m_axis_tvalid <= 1'b0;
            scoring       <= 1'b0;
            count_address <= {OUTPUT_BITS{1'b0}};
        end
    end

`ifdef FORMAL
    // The packets that come in, counted once more, and what is known of them: `known` have had their verdict, and
    // their answers are not taken yet, the eldest lowest.
    reg  [BEAT_BITS:0] seen;                  // transfers of the packet, as far as a sample goes
    reg  [2:0]         good;
    reg  [1:0]         known;
    wire sent      = s_axis_tvalid && s_axis_tready;
    wire is_over   = seen == BEATS;
    wire good_now  = sent && s_axis_tlast && seen == BEATS - 1;
    wire short_now = sent && s_axis_tlast && seen < BEATS - 1;
    wire long_now  = sent && !s_axis_tlast && seen == BEATS - 1;
    wire verdict   = good_now || short_now || long_now;
    wire [2:0] good_left  = take ? good >> 1 : good;
    wire [1:0] known_left = known - take;
    wire [1:0] whole      = known - filling;  // without the one that zeros are put in for
    wire has_good  = out_valid && whole != 0 && good[0];
    wire has_bad   = out_valid && whole != 0 && !good[0];

    // A core, any: how far the sample is that goes in, how many are whole and not answered, and whether it shows
    // the answer to one that is not whole. Of its answer, the score of one neuron is known, which may be any.
    (* anyconst *) wire [OUTPUT_BITS-1:0] n;
    (* anyseq *)   wire [SCORE_BITS-1:0]  score_of_n;
    reg  [BEAT_BITS-1:0] at_core;
    reg  [1:0]           unanswered;
    reg                  is_early;
    wire fed   = in_valid && in_ready;
    wire whole_now = fed && at_core == BEATS - 1;

    // The packets that go out: how far the one is that is under way, and how many must still come.
    reg  [OUTPUT_BITS:0] number;
    reg  [2:0]           owed;
    reg  [15:0]          malformed;
    wire received = m_axis_tvalid && m_axis_tready;

    reg begun = 1'b0;
    always @(posedge clk) begin
        begun <= 1'b1;
        if (sent) seen <= s_axis_tlast ? {(BEAT_BITS+1){1'b0}} : is_over ? seen : seen + 1'b1;
        good  <= (good_left & ~(3'd1 << known_left)) | ({2'd0, good_now} << known_left);
        known <= known_left + verdict;
        if (fed) at_core <= whole_now ? {BEAT_BITS{1'b0}} : at_core + 1'b1;
        unanswered <= unanswered + whole_now - (take && unanswered != 0);
        is_early   <= ENDS_EARLY != 0 && out_valid && unanswered == 0 && !take;
        if (take && ENDS_EARLY != 0) at_core <= {BEAT_BITS{1'b0}};
        if (received) number <= m_axis_tlast ? {(OUTPUT_BITS+1){1'b0}} : number + 1'b1;
        owed      <= owed + good_now - (received && m_axis_tlast);
        malformed <= malformed + (short_now || long_now);
        if (reset) begin
            {seen, good, known, at_core, unanswered, is_early} <= {(2*BEAT_BITS+9){1'b0}};
            {number, owed, malformed} <= {(OUTPUT_BITS+20){1'b0}};
        end
    end

    // The clock before.
    reg                   was_reset, was_waiting, was_free, was_out, was_good, was_take, was_short, was_long;
    reg                   was_hungry, was_skipping;
    reg [OUTPUT_BITS-1:0] was_class, was_address;
    reg [SCORE_BITS-1:0]  was_score;
    reg [M_BITS:0]        was_sent;
    reg [BEAT_BITS-1:0]   was_beat;
    always @(posedge clk) begin
        was_reset    <= reset;
        was_waiting  <= m_axis_tvalid && !m_axis_tready && !reset;
        was_free     <= (!m_axis_tvalid || m_axis_tready) && !reset;
        was_out      <= out_valid && !take && !reset;
        was_good     <= has_good && !reset;
        was_take     <= take && !reset;
        was_short    <= short_now && !reset;
        was_long     <= long_now && !reset;
        was_hungry   <= has_good && !m_axis_tvalid && !reset;
        was_skipping <= ENDS_EARLY != 0 && filling && out_valid && !reset;
        was_class    <= out_class;
        was_address  <= count_address;
        was_score    <= score_of_n;
        was_sent     <= {m_axis_tlast, m_axis_tdata};
        was_beat     <= beat;
    end

    // The world's side: there was a reset; the core answers what went in, and its answer stays until it is taken.
    wire fair_now = begun
        ? (!out_valid || unanswered != 0 || (ENDS_EARLY != 0 && at_core != 0))
          && (!was_out || (out_valid && out_class == was_class && score_of_n == was_score))
          && (!was_out || was_address != n || count_value == score_of_n)
        : reset;
    reg fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;
    wire holds = begun && fair && fair_now && !reset;

    wire [M_BITS+SCORE_BITS-1:0] extended = {{M_BITS{IS_SIGNED != 0 && was_score[SCORE_BITS-1]}}, was_score};
    always @(posedge clk)
        if (holds) begin
            // AXI4-Stream: what is offered stays until it is taken, with its data; nothing is offered in a reset.
            if (was_waiting) assert (m_axis_tvalid && {m_axis_tlast, m_axis_tdata} == was_sent);
            if (was_reset)   assert (!m_axis_tvalid);
            // Each beat of a packet goes to the core, in order and unchanged, but for what is too much, and for
            // what comes after the answer; and behind a packet that was too short, zeros.
            if (fed && !filling)  assert (sent && !is_over && seen == at_core && in_data == s_axis_tdata[IN_BITS-1:0]);
            if (fed && filling)   assert (!sent && in_data == 0);
            if (sent && !is_over) assert (fed || (ENDS_EARLY != 0 && out_valid && known == 0));
            // What is in the core are those packets whose verdict is known, but for the one that is filled.
            if (ENDS_EARLY == 0) assert (unanswered == whole);
            else                 assert (unanswered <= whole);
            if (take) assert (whole != 0);
            // A transfer goes out of the answer to a good packet: first the class, then each score, and no more.
            if (was_free && m_axis_tvalid) begin
                assert (was_good);
                if (number == 0)       assert (m_axis_tdata == was_class);
                if (number == n + 1'b1) assert (m_axis_tdata == extended[M_BITS-1:0]);
            end
            if (m_axis_tvalid) assert (m_axis_tlast == (number == OUTPUTS));
            // An answer to a good packet is taken with its last score, and only then; nothing is lost or invented.
            assert ((was_take && was_good) == (was_free && m_axis_tvalid && m_axis_tlast));
            assert (owed == {2'd0, good[0]} + {2'd0, good[1]} + {2'd0, good[2]}
                           + {2'd0, m_axis_tvalid && m_axis_tlast});
            if (m_axis_tvalid) assert (owed != 0);
            // Nothing waits without need: neither for a ready to come, nor for a valid.
            if (has_bad)    assert (out_ready);
            if (was_hungry) assert (m_axis_tvalid);
            assert (s_axis_tready == (is_over || (!filling && (ENDS_EARLY != 0 ? known == 0 : known < 2)
                                                  && (in_ready || (ENDS_EARLY != 0 && out_valid)))));
            if (filling)      assert (in_valid || (ENDS_EARLY != 0 && out_valid));
            if (was_skipping) assert (!filling || beat == was_beat + 1'b1);
            // What is malformed is reported.
            assert (error_short == was_short && error_long == was_long && dropped == malformed);

            // Invariants.
            assert (waiting == whole && known >= filling && waiting <= (ENDS_EARLY != 0 ? 1 : 2));
            assert (swallowing == is_over && seen <= BEATS && beat < BEATS && !(filling && swallowing));
            if (filling)          assert (seen == 0 && beat != 0);
            else if (!swallowing) assert (beat == seen);
            else                  assert (beat == 0);
            assert (good >> known == 0 && good == ({known > 2, known > 1, known > 0} & good));
            if (waiting > 0) assert (is_bad[0] == !good[0]);
            if (waiting > 1) assert (is_bad[1] == !good[1]);
            if (filling)     assert (!good[waiting]);
            if (ENDS_EARLY == 0) assert (at_core == beat);
            else if (waiting == 0) assert (is_early ? at_core != 0 && at_core <= beat : at_core == beat);
            else assert (beat == 0 && !filling && (unanswered != 0 ? at_core == 0 : is_early));
            if (filling) assert (!waiting[1]);
            if (is_early) assert (was_out && unanswered == 0);
            assert (scoring ? number + m_axis_tvalid == count_address + 1'b1
                            : number == (m_axis_tvalid ? OUTPUTS : 0) && count_address == 0);
            if (scoring) assert (was_out && was_good && good[0] && count_address < OUTPUTS);
            if (scoring && settled) assert (was_address == count_address);
            if (!settled && !was_reset) assert (m_axis_tvalid);
        end
    wire reached_a_result = holds && received && m_axis_tlast && malformed != 0;
    wire reached_a_short  = holds && (BEATS == 1 || error_short);
    wire reached_a_long   = holds && error_long;
    wire reached_two      = holds && (ENDS_EARLY != 0 || known == 2);
    wire reached_early    = holds && (ENDS_EARLY == 0 || BEATS == 1 || (is_early && good[0]));
`endif

endmodule

`default_nettype wire
