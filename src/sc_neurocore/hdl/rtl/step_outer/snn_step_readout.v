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
//   - SCORE_IS_MEMBRANE: the membrane is bits MEMBRANE_LOW and up of `state`, signed, MEMBRANE_BITS wide;
//     SCORE_BITS hold its sum over all steps. Otherwise SCORE_BITS > COUNT_BITS.
//   - `count_value` is the spike count of neuron `count_address`, one clock later, while `host` is high.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_      two output neurons
//   ahead_neuron    0   1
//   valid          _____/‾‾‾‾‾‾‾\___
//   neuron              0   1
//   best_neuron                  of both

module snn_step_readout #(
    parameter SCORE_IS_MEMBRANE = 0,
    parameter ENOUGH            = 0,
    parameter OUTPUT_BITS       = 4,
    parameter COUNT_BITS        = 5,
    parameter STATE_BITS        = 16,
    parameter MEMBRANE_LOW      = 0,
    parameter MEMBRANE_BITS     = 16,
    parameter SCORE_BITS        = 6
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

    input  wire                   host,
    input  wire [OUTPUT_BITS-1:0] count_address,
    output wire [COUNT_BITS-1:0]  count_value
);

    wire [COUNT_BITS-1:0] count_before;
    wire [COUNT_BITS-1:0] count = (is_first ? {COUNT_BITS{1'b0}} : count_before)
                                + {{(COUNT_BITS-1){1'b0}}, spike};
    assign count_value = count_before;

    snn_ram #(.WIDTH(COUNT_BITS), .ADDRESS_BITS(OUTPUT_BITS)) counts (
        .clk           (clk),
        .write         (valid),
        .write_address (neuron),
        .write_data    (count),
        .read          (1'b1),
        .read_address  (host ? count_address : ahead_neuron),
        .read_data     (count_before)
    );

    wire signed [SCORE_BITS-1:0] score;
    generate
        if (SCORE_IS_MEMBRANE != 0) begin : sums_of_membranes
            wire [MEMBRANE_BITS-1:0]     membrane = state[MEMBRANE_LOW +: MEMBRANE_BITS];
            wire signed [SCORE_BITS-1:0] added =
                {{(SCORE_BITS-MEMBRANE_BITS){membrane[MEMBRANE_BITS-1]}}, membrane};
            wire signed [SCORE_BITS-1:0] score_before;
            assign score = (is_first ? {SCORE_BITS{1'b0}} : score_before) + added;
            snn_ram #(.WIDTH(SCORE_BITS), .ADDRESS_BITS(OUTPUT_BITS)) sums (
                .clk           (clk),
                .write         (valid),
                .write_address (neuron),
                .write_data    (score),
                .read          (1'b1),
                .read_address  (ahead_neuron),
                .read_data     (score_before)
            );
        end else begin : counts_of_spikes
            assign score = {{(SCORE_BITS-COUNT_BITS){1'b0}}, count};
        end
        if (SCORE_IS_MEMBRANE != 0 && MEMBRANE_BITS < STATE_BITS || SCORE_IS_MEMBRANE == 0) begin : rest
            wire unused = &{state, 1'b0};
        end
    endgenerate

    reg signed [SCORE_BITS-1:0] best_score;
    always @(posedge clk)
        if (valid && (neuron == {OUTPUT_BITS{1'b0}} || score > best_score)) begin
            best_neuron <= neuron;
            best_score  <= score;
        end

    generate
        if (ENOUGH > 0) begin : stops
            wire signed [SCORE_BITS-1:0] needed = ENOUGH[SCORE_BITS-1:0];
            assign enough = best_score >= needed;
        end else begin : never_stops
            assign enough = 1'b0;
        end
    endgenerate

endmodule
