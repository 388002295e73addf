// SPDX-License-Identifier: Apache-2.0
// sc_ring: the numbers of a whole stream in a ring, so that each input can have another rotation.
//
// The ring is filled with constants while it rests, and needs no generator. Place m is m numbers
// ahead of place 0; after LENGTH turns everything is back where it was.
//
// Contract
//   - While `run` is low place m holds word m of WORDS; each clock with `run` moves all by one place
//     towards place 0, and the word of place 0 to the last one.
//
//   clk      _/‾\_/‾\_/‾\_/‾\_     LENGTH = 3
//   run      ____/‾‾‾‾‾‾‾‾‾‾‾
//   place 0   w0  w0  w1  w2
//   place 1   w1  w1  w2  w0

`default_nettype none

module sc_ring #(
    parameter                    LENGTH = 4,
    parameter                    WIDTH  = 16,
    parameter [LENGTH*WIDTH-1:0] WORDS  = {LENGTH*WIDTH{1'b0}}
) (
    input  wire                    clk,
    input  wire                    run,
    output wire [LENGTH*WIDTH-1:0] places
);

    // Held as the complement, which is what the comparators add (sc_comparators).
    reg  [LENGTH*WIDTH-1:0] inverted;
    wire [LENGTH*WIDTH-1:0] turned;
    assign places = ~inverted;

    generate
        if (LENGTH == 1) begin : alone
            assign turned = inverted;
        end else begin : round
            assign turned = {inverted[WIDTH-1:0], inverted[LENGTH*WIDTH-1:WIDTH]};
        end
    endgenerate

    always @(posedge clk)
        inverted <= run ? turned : ~WORDS;

endmodule

`default_nettype wire
