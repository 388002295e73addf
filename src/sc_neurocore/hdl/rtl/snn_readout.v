// SPDX-License-Identifier: Apache-2.0
// snn_readout: the scores of the output neurons, and the class: the neuron with the largest score.
//
// A neuron's score is its number of spikes or, with MEMBRANE_BITS > 0, the sum of its membrane over the
// steps: MEMBRANE_BITS of its state, from bit MEMBRANE_LOW up, signed, after the reset. Beside each unit
// lies a memory with the scores of the neurons that it serves. When the last step of the last group is through,
// `choose` lets the scores pass one by one; "strictly more than the best so far" leaves the lowest
// number among the largest. With ENOUGH > 0 it says, too, whether some neuron has had so many spikes.
//
// Contract
//   - `look` says which turn comes next on `turn`, a clock before it; `neuron` is its first neuron.
//     `look` and `neuron` agree, and the same turn does not come again in the clock after.
//   - The first turn of neuron 0 begins a sample. `enough` speaks of all turns since then, from the
//     clock after the last one on; each neuron's spikes are counted once per step. ENOUGH is for counts.
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
    parameter ENOUGH        = 0    // spikes that end a sample; 0: none do
) (
    input  wire                        clk,
    input  wire [OUTPUT_BITS-1:0]      last_output,

    input  wire [OUTPUT_BITS-1:0]      look,
    input  wire                        turn,
    input  wire                        is_first,
    input  wire [OUTPUT_BITS-1:0]      neuron,
    input  wire [UNITS-1:0]            spike,
    input  wire [UNITS*STATE_BITS-1:0] state,
    output wire                        enough,

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
            assign reaches[unit] = spike[unit] && now == ENOUGH[SCORE_BITS-1:0];
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
        if (ENOUGH > 0) begin : stops
            reg reached;
            always @(posedge clk)
                if (turn)
                    reached <= reaches != {UNITS{1'b0}}
                            || (reached && !(is_first && neuron == {OUTPUT_BITS{1'b0}}));
            assign enough = reached;
        end else begin : never_stops
            wire unused_reaches = &{reaches, 1'b0};
            assign enough = 1'b0;
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

endmodule

`default_nettype wire
