// SPDX-License-Identifier: Apache-2.0
// snn_rom: read-only memory, one word per clock.
//
// Contract
//   - `read_data` is words[read_address], one clock after `read` was high; it holds while `read` is low.
//   - The reader never asks for an address of DEPTH or more.
//   - CONTENTS is the path of a $readmemh file of DEPTH words, from where the tool works; the empty
//     name leaves the memory undefined.
//
//   clk          _/‾\_/‾\_/‾\_
//   read         _/‾‾‾\_______
//   read_address  X a X X X X
//   read_data     X X X words[a] ...
//
// A table of constants would be cheap in look-up tables by some synthesisers' prices; block RAMs are
// what an accelerator has left over, so they are asked for.

`default_nettype none

module snn_rom #(
    parameter WIDTH        = 8,
    parameter DEPTH        = 256,
    parameter ADDRESS_BITS = 8,
    parameter CONTENTS     = ""
) (
    input  wire                    clk,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WIDTH-1:0]        read_data
);

    (* rom_style = "block" *)
    reg [WIDTH-1:0] words [0:DEPTH-1];

    initial if (CONTENTS != "") $readmemh(CONTENTS, words);

    always @(posedge clk)
        if (read) read_data <= words[read_address];

`ifdef FORMAL
    // What is read is the word of the address that was asked for last; that there is such a word, is for
    // the reader to see to.
    reg [ADDRESS_BITS-1:0] address;
    reg                    asked = 1'b0;
    always @(posedge clk)
        if (read) begin
            address <= read_address;
            asked   <= 1'b1;
        end
    always @(posedge clk)
        if (asked && address < DEPTH) assert (read_data == words[address]);
    wire reached_an_answer = asked && address < DEPTH && read_data != 0 && !read;
`endif

endmodule

`default_nettype wire
