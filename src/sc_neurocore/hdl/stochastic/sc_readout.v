// SPDX-License-Identifier: Apache-2.0
// sc_readout: spike counts of the output neurons, and the class: the neuron with most spikes.
//
// The counts of the group that is being served turn in a rotating buffer like the states. With a neuron's
// final step its count is complete: it goes to the count memory and into the comparison. Neurons
// finish in the order of their numbers, so "strictly more than the best so far" leaves the lowest
// number among the largest counts.
//
// Contract
//   - `turn` comes once per lane and step, padding lanes (`valid` low) included.
//   - `best_neuron` is the class once the last neuron has had its final step.
//   - `count_value` is the count of neuron `count_address`, one clock later; counts stay until the
//     output layer of the next frame overwrites them.
//
//   clk            _/‾\_/‾\_/‾\_
//   count_address   a
//   count_value         n[a]

`default_nettype none

module sc_readout #(
    parameter LANES       = 8,
    parameter OUTPUT_BITS = 4,
    parameter COUNT_BITS  = 5
) (
    input  wire                   clk,

    input  wire                   turn,
    input  wire                   valid,
    input  wire                   is_first,
    input  wire                   is_final,
    input  wire [OUTPUT_BITS-1:0] neuron,
    input  wire                   spike,

    output reg  [OUTPUT_BITS-1:0] best_neuron,
    input  wire [OUTPUT_BITS-1:0] count_address,
    output wire [COUNT_BITS-1:0]  count_value
);

    wire [COUNT_BITS-1:0] count_before;
    wire [COUNT_BITS-1:0] count = (is_first ? {COUNT_BITS{1'b0}} : count_before)
                                + {{(COUNT_BITS-1){1'b0}}, spike};

    snn_rotating_buffer #(.WIDTH(COUNT_BITS), .SLOTS(LANES)) counts (
        .clk        (clk),
        .load       (1'b0),
        .load_words ({LANES*COUNT_BITS{1'b0}}),
        .turn       (turn),
        .entering   (count),
        .leaving    (count_before)
    );

    wire complete = turn && valid && is_final;

    reg [COUNT_BITS-1:0] best_count;
    always @(posedge clk)
        if (complete && (neuron == {OUTPUT_BITS{1'b0}} || count > best_count)) begin
            best_neuron <= neuron;
            best_count  <= count;
        end

    snn_ram #(.WIDTH(COUNT_BITS), .ADDRESS_BITS(OUTPUT_BITS)) memory (
        .clk           (clk),
        .write         (complete),
        .write_address (neuron),
        .write_data    (count),
        .read          (1'b1),
        .read_address  (count_address),
        .read_data     (count_value)
    );

endmodule

`default_nettype wire
