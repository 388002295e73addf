// SPDX-License-Identifier: Apache-2.0
// snn_readout: the scores of the output neurons, and the class: the neuron with the largest score.
//
// A neuron's score is its number of spikes or, with MEMBRANE_BITS > 0, the sum of its membrane over the
// steps: MEMBRANE_BITS of its state, from bit MEMBRANE_LOW up, signed, after the reset. Beside each unit
// lies a memory with the scores of the neurons that it serves. When the last step of the last group is through,
// `choose` lets the scores pass one by one; "strictly more than the best so far" leaves the lowest
// number among the largest. With COUNT_THRESHOLD > 0 it says, too, whether some neuron has had so many
// spikes.
//
// Contract
//   - `look` says which turn comes next on `turn`, a clock before it; `neuron` is its first neuron.
//     `look` and `neuron` agree, and the same turn does not come again in the clock after.
//   - The first turn of neuron 0 begins a sample. `count_reached` speaks of all turns since then, from the
//     clock after the last one on; each neuron's spikes are counted once per step. COUNT_THRESHOLD is for
//     counts.
//   - `choose` is held until `chosen`; no turn comes meanwhile. `best_neuron` holds from then on.
//   - `score` is that of neuron `score_neuron`, one clock later, from `chosen` on until the next turn.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_      two output neurons
//   choose         _/‾‾‾‾‾‾‾‾‾‾‾\___
//   index            0   1   1
//   chosen         _________/‾‾‾\___
//   best_neuron                  b

`default_nettype none

module snn_readout #(
    parameter UNITS         = 1,
    parameter STATE_BITS    = 16,
    parameter MEMBRANE_BITS = 0,
    parameter MEMBRANE_LOW  = 0,
    parameter OUTPUT_BITS   = 4,   // more than log2(UNITS)
    parameter SCORE_BITS    = 5,
    parameter COUNT_THRESHOLD = 0    // spikes that end a sample; 0: none do
) (
    input  wire                        clk,
    input  wire [OUTPUT_BITS-1:0]      last_output,

    input  wire [OUTPUT_BITS-1:0]      look,
    input  wire                        turn,
    input  wire                        is_first,
    input  wire [OUTPUT_BITS-1:0]      neuron,
    input  wire [UNITS-1:0]            spike,
    input  wire [UNITS*STATE_BITS-1:0] state,
    output wire                        count_reached,

    input  wire                        choose,
    output wire                        chosen,
    output reg  [OUTPUT_BITS-1:0]      best_neuron,

    input  wire                        ask,
    input  wire [OUTPUT_BITS-1:0]      score_neuron,
    output wire [SCORE_BITS-1:0]       score
);

    localparam UNIT_SHIFT   = $clog2(UNITS);
    localparam ADDRESS_BITS = OUTPUT_BITS - UNIT_SHIFT;

    // One read port for three purposes, which never meet.
    reg  [OUTPUT_BITS-1:0] index;
    wire [OUTPUT_BITS-1:0] place = choose ? index : ask ? score_neuron : look;
    wire [UNITS*SCORE_BITS-1:0] scores;
    wire [UNITS-1:0]            reaches;

    genvar unit;
    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : neuron_units
            wire [SCORE_BITS-1:0] earlier = scores[unit*SCORE_BITS +: SCORE_BITS];
            wire [SCORE_BITS-1:0] more;
            if (MEMBRANE_BITS > 0) begin : membrane
                wire [MEMBRANE_BITS-1:0] value = state[unit*STATE_BITS + MEMBRANE_LOW +: MEMBRANE_BITS];
                assign more = {{(SCORE_BITS-MEMBRANE_BITS){value[MEMBRANE_BITS-1]}}, value};
            end else begin : spikes
                assign more = {{(SCORE_BITS-1){1'b0}}, spike[unit]};
            end
            wire [SCORE_BITS-1:0] now = (is_first ? {SCORE_BITS{1'b0}} : earlier) + more;
            assign reaches[unit] = spike[unit] && now == COUNT_THRESHOLD[SCORE_BITS-1:0];
            snn_ram #(.WIDTH(SCORE_BITS), .ADDRESS_BITS(ADDRESS_BITS)) memory (
                .clk           (clk),
                .write         (turn),
                .write_address (neuron[OUTPUT_BITS-1:UNIT_SHIFT]),
                .write_data    (now),
                .read          (1'b1),
                .read_address  (place[OUTPUT_BITS-1:UNIT_SHIFT]),
                .read_data     (scores[unit*SCORE_BITS +: SCORE_BITS])
            );
        end
    endgenerate

    wire unused = &{spike, state, neuron, 1'b0};  // one of two, and the low bits of the last

    generate
        if (COUNT_THRESHOLD > 0) begin : stops
            reg reached;
            always @(posedge clk)
                if (turn)
                    reached <= reaches != {UNITS{1'b0}}
                            || (reached && !(is_first && neuron == {OUTPUT_BITS{1'b0}}));
            assign count_reached = reached;
        end else begin : never_stops
            wire unused_reaches = &{reaches, 1'b0};
            assign count_reached = 1'b0;
        end
    endgenerate

    // The unit's number is the low part of the neuron's.
    reg [OUTPUT_BITS-1:0] asked;
    always @(posedge clk) asked <= place;
    generate
        if (UNITS > 1) begin : several
            assign score = scores[asked[UNIT_SHIFT-1:0]*SCORE_BITS +: SCORE_BITS];
        end else begin : one
            assign score = scores;
        end
    endgenerate

    // `asked` is the index of the clock before; `compare` says that there was one.
    reg                  compare;
    reg [SCORE_BITS-1:0] best_score;
    wire is_more = (MEMBRANE_BITS > 0) ? $signed(score) > $signed(best_score) : score > best_score;

    assign chosen = compare && asked == last_output;

    always @(posedge clk) begin
        compare <= choose && !chosen;
        index   <= !choose ? {OUTPUT_BITS{1'b0}} : index == last_output ? index : index + 1'b1;
        if (compare && (asked == {OUTPUT_BITS{1'b0}} || is_more)) begin
            best_neuron <= asked;
            best_score  <= score;
        end
    end

`ifdef FORMAL
    // The world's side of the contract, for output neuron n, which may be any. Behind the first clock, in which
    // there is a reset, nothing comes; a choice ends when it is made, or with a reset. A turn is the one that
    // `look` named the clock before, while nothing else was read; a sample begins with the first turn of
    // neuron 0, and every neuron's first turn comes before its others; padding does not spike. Where a number
    // of spikes may end a sample, first turns come before all others.
    (* anyconst *) wire [OUTPUT_BITS-1:0] n;
    wire [OUTPUT_BITS-1:0] unit_of_n  = n & (UNITS - 1);
    wire [OUTPUT_BITS-1:0] first_of_n = n & ~(UNITS - 1);
    wire                   turn_of_n  = turn && neuron == first_of_n;
    reg                    begun = 1'b0, ready = 1'b0, in_sample = 1'b0, begins = 1'b0;
    reg                    was_look, was_turn, was_choose, was_chosen;
    reg [OUTPUT_BITS-1:0]  looked, turned, last;
    always @(posedge clk)
        if (begun) begin
            if (turn_of_n)                                              in_sample <= is_first || in_sample;
            else if (turn && is_first && neuron == {OUTPUT_BITS{1'b0}}) in_sample <= 1'b0;
        end
    always @(posedge clk) begin
        {begun, ready} <= {1'b1, begun};
        was_look   <= !choose && !ask;
        was_turn   <= turn;
        was_choose <= choose;
        was_chosen <= chosen && choose;
        looked     <= look;
        turned     <= neuron;
        last       <= last_output;
        if (!begun || choose || (COUNT_THRESHOLD > 0 && turn && !is_first)) begins <= 1'b0;
        else if (turn && is_first && neuron == {OUTPUT_BITS{1'b0}}) begins <= 1'b1;
    end
    wire fair_now = !ready ? !begun || (!turn && !choose) :
        last_output == last
        && !(choose && (turn || ask)) && !(turn && ask)
        && (!turn || (was_look && neuron == looked && neuron <= last_output && (neuron & (UNITS - 1)) == 0))
        && (!turn || (spike >> (last_output - neuron)) >> 1 == 0)  // no neuron behind the last
        && (!turn || !was_turn || neuron != turned)
        && (!turn || !is_first || neuron == 0 || begins)
        && (!turn_of_n || neuron == 0 || is_first != in_sample) && (!turn_of_n || is_first || in_sample)
        && !(was_choose && was_chosen && choose);
    reg  fair    = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;
    // For benches: a register that they look at would lose what it is at the start.
    wire [1:0] clocks_behind_reset = {begun && ready, begun && !ready};
    wire       n_was_first = in_sample, sample_began = begins;
`endif

`ifdef FORMAL
    // Of that neuron: its score is the sum of what it had since its first turn; the class has the largest
    // score, and no lower neuron has as much: so it is the lowest among the largest. `kept` is the word of n
    // in its unit's memory, by the contract of snn_ram.v.
    wire [UNITS*ADDRESS_BITS-1:0] watched;
    wire [UNITS*SCORE_BITS-1:0]   kept;
    wire [ADDRESS_BITS-1:0] watched_n  = watched >> (unit_of_n*ADDRESS_BITS);
    wire [SCORE_BITS-1:0]   kept_n     = kept >> (unit_of_n*SCORE_BITS);
    wire [SCORE_BITS-1:0]   read_n     = scores >> (unit_of_n*SCORE_BITS);
    wire                    spike_of_n = (spike >> unit_of_n) & 1'b1;
    wire [STATE_BITS-1:0]   state_of_n = state >> (unit_of_n*STATE_BITS);
    wire [SCORE_BITS-1:0]   more_of_n;
    generate
        if (MEMBRANE_BITS > 0) begin : sums_of_states
            wire signed [MEMBRANE_BITS-1:0] membrane = state_of_n[MEMBRANE_LOW +: MEMBRANE_BITS];
            wire signed [SCORE_BITS-1:0]    wider    = membrane;
            assign more_of_n = wider;
        end else begin : counts
            assign more_of_n = spike_of_n;
        end
    endgenerate

    // The score that n must have, once its first turn was, and that it has room for.
    reg                  known = 1'b0, fits = 1'b1;
    reg [SCORE_BITS-1:0] must;
    always @(posedge clk)
        if (begun && turn_of_n && (is_first || known)) begin
            must  <= (is_first ? {SCORE_BITS{1'b0}} : must) + more_of_n;
            known <= 1'b1;
        end
    wire fits_now = MEMBRANE_BITS > 0 || !begun || !turn_of_n || is_first || !(&must);
    always @(posedge clk) fits <= fits && fits_now;
    wire holds = is_fair && fits && fits_now && watched_n == n >> UNIT_SHIFT && n <= last_output;

    // From a choice to the next turn there is a result.
    reg is_result = 1'b0, was_asked = 1'b0;
    reg [OUTPUT_BITS-1:0] port;
    always @(posedge clk) begin
        is_result <= begun && (is_result || (choose && chosen)) && !turn && !(choose && !chosen);
        was_asked <= ask;
        port      <= score_neuron;
    end
    wire is_less = MEMBRANE_BITS > 0 ? $signed(must) < $signed(best_score) : must < best_score;

    always @(posedge clk)
        if (holds && ready && known) begin
            if (is_result && !turn && !choose) begin
                assert (best_neuron <= last_output);
                assert (n < best_neuron ? is_less : n == best_neuron ? must == best_score
                                        : is_less || must == best_score);
                if (was_asked && port == n) assert (score == must);
            end
            // Invariants.
            assert (kept_n == must);
            if (was_look && looked == first_of_n && !(was_turn && turned == first_of_n)) assert (read_n == must);
            if (was_choose && compare && asked == n) assert (score == must);
            if (was_choose && compare && asked > n)
                assert (n < best_neuron ? is_less : n == best_neuron ? must == best_score
                                        : is_less || must == best_score);
        end
    always @(posedge clk)
        if (holds && ready) begin
            if (was_asked) assert (asked == port);
            if (was_choose && !was_chosen) begin
                assert (compare && asked <= last_output && index <= last_output);
                assert (asked == index ? index == last_output : asked + 1'b1 == index);
                assert (asked == 0 || best_neuron < asked);
            end else
                assert (!compare && (was_choose || index == 0));
            assert (known || !in_sample);
            if (is_result) assert (!compare && best_neuron <= last_output);
        end

    // Whether some neuron has had so many spikes, and who it was.
    generate
        if (COUNT_THRESHOLD > 0) begin : some_reach_the_threshold
            reg [OUTPUT_BITS-1:0] who, lowest;
            integer               which_unit;
            always @* begin
                lowest = {OUTPUT_BITS{1'b0}};
                for (which_unit = UNITS - 1; which_unit >= 0; which_unit = which_unit - 1)
                    if (reaches[which_unit]) lowest = which_unit;
            end
            reg ever = 1'b0;   // a sample began
            always @(posedge clk) begin
                if (turn && reaches != {UNITS{1'b0}}) who <= neuron | lowest;
                if (begun && turn && is_first && neuron == {OUTPUT_BITS{1'b0}}) ever <= 1'b1;
            end
            always @(posedge clk)
                if (holds && ready && ever) begin
                    if (known && in_sample && must >= COUNT_THRESHOLD) assert (count_reached);
                    if (count_reached && who == n) assert (known && in_sample && must >= COUNT_THRESHOLD);
                    if (count_reached)             assert (who <= last_output);
                end
            wire reached_count_threshold = holds && known && count_reached;
        end
    endgenerate
    wire reached_a_result = holds && known && is_result && was_asked && port == n && n != best_neuron;
`endif

endmodule

`default_nettype wire
