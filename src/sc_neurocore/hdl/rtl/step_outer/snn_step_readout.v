// snn_step_readout: scores of the output neurons, the class, and whether there are spikes enough.
//
// After each step of the output layer every score is one step further, and so is the class: the
// lowest number among the largest scores. A score is the neuron's spike count, or the sum of its
// membrane over the steps. With ENOUGH above 0 the sample may end as soon as a neuron has that many
// spikes; within one step a count grows by one at most, so all that have reached ENOUGH are equal, and the
// class is the lowest of them.
//
// Contract
//   - `valid` comes once per output neuron and step, in the order of the neurons' numbers from 0, with
//     `neuron`; in the clock before it, `ahead_neuron` has that number, or (`valid` was low) the clock
//     is not one of a valid update.
//   - `best_neuron` and `enough` are those of the whole step from the clock on that follows the last update.
//   - With MEMBRANE_BITS > 0 the membrane is that many bits of `state` from bit MEMBRANE_LOW up, signed, and
//     scores are. SCORE_BITS hold a score after all steps. ENOUGH is for counts of spikes.
//   - `score` is that of neuron `score_neuron`, one clock later, while `ask` is high.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_      two output neurons
//   ahead_neuron    0   1
//   valid          _____/‾‾‾‾‾‾‾\___
//   neuron              0   1
//   best_neuron                  of both

module snn_step_readout #(
    parameter STATE_BITS    = 16,
    parameter MEMBRANE_BITS = 0,
    parameter MEMBRANE_LOW  = 0,
    parameter OUTPUT_BITS   = 4,
    parameter SCORE_BITS    = 5,
    parameter ENOUGH        = 0
) (
    input  wire                   clk,

    input  wire [OUTPUT_BITS-1:0] ahead_neuron,
    input  wire                   valid,
    input  wire                   is_first,
    input  wire [OUTPUT_BITS-1:0] neuron,
    input  wire [STATE_BITS-1:0]  state,
    input  wire                   spike,

    output reg  [OUTPUT_BITS-1:0] best_neuron,
    output wire                   enough,

    input  wire                   ask,
    input  wire [OUTPUT_BITS-1:0] score_neuron,
    output wire [SCORE_BITS-1:0]  score
);

    wire [SCORE_BITS-1:0] more;
    generate
        if (MEMBRANE_BITS > 0) begin : membrane
            wire [MEMBRANE_BITS-1:0] value = state[MEMBRANE_LOW +: MEMBRANE_BITS];
            assign more = {{(SCORE_BITS-MEMBRANE_BITS){value[MEMBRANE_BITS-1]}}, value};
        end else begin : spikes
            assign more = {{(SCORE_BITS-1){1'b0}}, spike};
        end
    endgenerate
    wire unused = &{spike, state, 1'b0};  // one of the two

    wire [SCORE_BITS-1:0] now = (is_first ? {SCORE_BITS{1'b0}} : score) + more;

    snn_ram #(.WIDTH(SCORE_BITS), .ADDRESS_BITS(OUTPUT_BITS)) scores (
        .clk           (clk),
        .write         (valid),
        .write_address (neuron),
        .write_data    (now),
        .read          (1'b1),
        .read_address  (ask ? score_neuron : ahead_neuron),
        .read_data     (score)
    );

    reg [SCORE_BITS-1:0] best_score;
    wire is_more = (MEMBRANE_BITS > 0) ? $signed(now) > $signed(best_score) : now > best_score;
    always @(posedge clk)
        if (valid && (neuron == {OUTPUT_BITS{1'b0}} || is_more)) begin
            best_neuron <= neuron;
            best_score  <= now;
        end

    generate
        if (ENOUGH > 0) begin : stops
            assign enough = best_score >= ENOUGH[SCORE_BITS-1:0];
        end else begin : never_stops
            assign enough = 1'b0;
        end
    endgenerate

endmodule
