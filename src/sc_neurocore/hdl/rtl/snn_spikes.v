// SPDX-License-Identifier: Apache-2.0
// snn_spikes: the spikes between two layers.
//
// The spikes of one group and step arrive from UNITS lanes per clock and are gathered into a word of
// LANES bits, lane 0 in bit 0. With the last lanes the word is written, to gather_address.
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
    parameter LANES        = 8,
    parameter UNITS        = 1,
    parameter ADDRESS_BITS = 10,
    parameter DEPTH        = 1 << ADDRESS_BITS
) (
    input  wire                          clk,

    input  wire                          gather,
    input  wire                          gather_ends_word,
    input  wire [UNITS-1:0]              gather_spike,
    input  wire [ADDRESS_BITS-1:0]       gather_address,

    input  wire                          read,
    input  wire [ADDRESS_BITS-1:0]       read_address,
    output wire [LANES-1:0]              read_word
);

    reg  [LANES-1:0]       gathered;
    wire [LANES+UNITS-1:0] joined = {gather_spike, gathered};
    wire [LANES-1:0]       word   = joined[LANES+UNITS-1:UNITS];
    wire                   unused = &{joined[UNITS-1:0], 1'b0};

    always @(posedge clk)
        if (gather) gathered <= word;

    snn_ram #(.WIDTH(LANES), .ADDRESS_BITS(ADDRESS_BITS), .DEPTH(DEPTH)) memory (
        .clk           (clk),
        .write         (gather && gather_ends_word),
        .write_address (gather_address),
        .write_data    (word),
        .read          (read),
        .read_address  (read_address),
        .read_data     (read_word)
    );

endmodule

`default_nettype wire
