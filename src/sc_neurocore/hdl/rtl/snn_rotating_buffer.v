// SPDX-License-Identifier: Apache-2.0
// snn_rotating_buffer: a ring of SLOTS words that turns past one shared unit.
//
// A neuron unit serves SLOTS lanes in turn. Instead of a SLOTS-to-1 multiplexer in front of it and a
// decoder behind it, the words of the lanes stand in a ring: the word of the lane that is being
// served is always at the exit, its successor enters at the far end, and after SLOTS turns every
// word is back where it was. A lane therefore meets its own last result and nobody else's: a read
// before write cannot happen, whatever SLOTS is.
//
//   entering --> [SLOTS-1] --> ... --> [1] --> [0] --> leaving
//
// Contract
//   - `turn` moves every word one slot towards the exit and takes `entering` in.
//   - `load` replaces the whole ring by `load_words` (lane 0 in the low bits); it wins over `turn`.
//   - without either it stays.
//
//   clk       _/‾\_/‾\_/‾\_/‾\_      SLOTS = 2
//   load      _/‾‾‾\___________
//   turn      _____/‾‾‾‾‾‾‾\___
//   entering   X X X c X d X X
//   leaving    X X X a X b X c

`default_nettype none

module snn_rotating_buffer #(
    parameter WIDTH = 16,
    parameter SLOTS = 8
) (
    input  wire                   clk,
    input  wire                   load,
    input  wire [SLOTS*WIDTH-1:0] load_words,
    input  wire                   turn,
    input  wire [WIDTH-1:0]       entering,
    output wire [WIDTH-1:0]       leaving
);

    reg [SLOTS*WIDTH-1:0] ring;

    assign leaving = ring[0 +: WIDTH];

    genvar slot;
    generate
        for (slot = 0; slot < SLOTS; slot = slot + 1) begin : slots
            wire [WIDTH-1:0] following;
            if (slot == SLOTS - 1) begin : at_entry
                assign following = entering;
            end else begin : further_on
                assign following = ring[(slot+1)*WIDTH +: WIDTH];
            end
            always @(posedge clk)
                if (load)      ring[slot*WIDTH +: WIDTH] <= load_words[slot*WIDTH +: WIDTH];
                else if (turn) ring[slot*WIDTH +: WIDTH] <= following;
        end
    endgenerate

`ifdef FORMAL
    reg                   stays = 1'b0;
    reg [SLOTS*WIDTH-1:0] ring_before;
    always @(posedge clk) begin
        stays       <= !load && !turn;
        ring_before <= ring;
        if (stays) assert (ring == ring_before);
    end
`endif

endmodule

`default_nettype wire
