// SPDX-License-Identifier: Apache-2.0
// A model of UP5K's single-port RAM, for the simulation of netlists: Yosys' own clears its words in a loop
// when the power goes, which it unrolls, word by word, when it reads that as hardware.
//
// What it does follows Lattice's guide to iCE40's SPRAM, with the power always on: 16,384 words of 16
// bits, a write enable for every four; what stands at the output after a write is not defined.

`default_nettype none

module SB_SPRAM256KA (
    input wire [13:0] ADDRESS,
    input wire [15:0] DATAIN,
    input wire [3:0]  MASKWREN,
    input wire WREN, CHIPSELECT, CLOCK, STANDBY, SLEEP, POWEROFF,
    output reg [15:0] DATAOUT
);

    reg [15:0] words [0:16383];
    wire [15:0] mask = {{4{MASKWREN[3]}}, {4{MASKWREN[2]}}, {4{MASKWREN[1]}}, {4{MASKWREN[0]}}};
    wire on = CHIPSELECT && !STANDBY && !SLEEP && POWEROFF;  // POWEROFF is low when it is off

    always @(posedge CLOCK)
        if (on) begin
            if (WREN) words[ADDRESS] <= (words[ADDRESS] & ~mask) | (DATAIN & mask);
            DATAOUT <= WREN ? 16'bx : words[ADDRESS];
        end

endmodule

`default_nettype wire
