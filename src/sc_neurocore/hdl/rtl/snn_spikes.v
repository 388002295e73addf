// SPDX-License-Identifier: Apache-2.0
// snn_spikes: the spikes between two layers.
//
// The spikes of one group and step arrive from UNITS lanes per clock and are gathered into a word of
// LANES bits, lane 0 in bit 0. With the last lanes the word is written. There are two banks, and in each a
// word for every place and group. Group by group, banks take turns by layer, and a place is a step. Step
// by step, banks take turns by step, and a place is a layer: it reads the layer before it in this step's
// bank, and itself in the other one.
//
// Contract
//   - `gather` marks lanes; those of a word come in order, and `gather_ends_word`
//     marks the last ones.
//   - A word can be read from the second clock after the last lanes' `gather` on; the controller waits
//     for the end of a layer (pipeline_idle) before the next one reads.
//
//   clk               _/‾\_/‾\_/‾\_/‾\_      LANES = 4, UNITS = 1
//   gather             s0  s1  s2  s3
//   gather_ends_word  ____________/‾‾‾\     the word s3 s2 s1 s0 is written at the end of this clock

`default_nettype none

module snn_spikes #(
    parameter LANES      = 8,
    parameter UNITS      = 1,
    parameter GROUP_BITS = 4,
    parameter PLACE_BITS = 5
) (
    input  wire                  clk,

    input  wire                  gather,
    input  wire                  gather_ends_word,
    input  wire [UNITS-1:0]      gather_spike,
    input  wire                  gather_bank,
    input  wire [PLACE_BITS-1:0] gather_place,
    input  wire [GROUP_BITS-1:0] gather_group,

    input  wire                  read,
    input  wire                  read_bank,
    input  wire [PLACE_BITS-1:0] read_place,
    input  wire [GROUP_BITS-1:0] read_group,
    output wire [LANES-1:0]      read_word
);

    reg  [LANES-1:0]       gathered;
    wire [LANES+UNITS-1:0] joined = {gather_spike, gathered};
    wire [LANES-1:0]       word   = joined[LANES+UNITS-1:UNITS];
    wire                   unused = &{joined[UNITS-1:0], 1'b0};

    always @(posedge clk)
        if (gather) gathered <= word;

    snn_ram #(.WIDTH(LANES), .ADDRESS_BITS(1 + PLACE_BITS + GROUP_BITS)) memory (
        .clk           (clk),
        .write         (gather && gather_ends_word),
        .write_address ({gather_bank, gather_place, gather_group}),
        .write_data    (word),
        .read          (read),
        .read_address  ({read_bank, read_place, read_group}),
        .read_data     (read_word)
    );

endmodule

`default_nettype wire
