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

`ifdef FORMAL
    // What is said of lane `which` in one word, `watched`, which may both be any: the bit that is read is
    // the spike that was gathered. `kept` is the memory's word there, by the contract of snn_ram.v.
    localparam LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;
    localparam TURNS     = LANES / UNITS;
    (* anyconst *) wire [LANE_BITS-1:0] any_lane;
    wire [LANE_BITS-1:0] which = any_lane < LANES ? any_lane : {LANE_BITS{1'b0}};
    wire [ADDRESS_BITS-1:0] watched;
    wire [LANES-1:0]        kept;

    reg [LANE_BITS:0] turn = {(LANE_BITS+1){1'b0}};   // turns of the word that are gathered
    reg               spiked, must, answer, known = 1'b0, is_answer = 1'b0;
    wire [LANE_BITS:0] turn_of_which = which / UNITS;
    wire               spikes_now    = (gather_spike >> (which % UNITS)) & 1'b1;
    wire               is_turn       = turn == turn_of_which;
    wire               writes        = gather && turn == TURNS - 1
                                     && gather_address == watched;
    always @(posedge clk) begin
        if (gather) begin
            turn <= turn == TURNS - 1 ? {(LANE_BITS+1){1'b0}} : turn + 1'b1;
            if (is_turn) spiked <= spikes_now;
        end
        if (writes) begin
            must  <= is_turn ? spikes_now : spiked;
            known <= 1'b1;
        end
        if (read) begin
            answer    <= must;
            is_answer <= known && read_address == watched && !writes;
        end
    end

    // The world's side: the lanes come in their order, and the last ones are marked; there are the words.
    wire fair_now = (!gather || (gather_ends_word == (turn == TURNS - 1) && gather_address < DEPTH))
                 && (!read || read_address < DEPTH);
    reg  fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;

    always @(posedge clk)
        if (fair && fair_now) begin
            if (is_answer) assert ((read_word >> which) % 2 == answer);
            // Invariants.
            if (known) assert ((kept >> which) % 2 == must);
            if (turn > turn_of_which)
                assert ((gathered >> (LANES - UNITS*(turn - turn_of_which) + which % UNITS)) % 2 == spiked);
            assert (turn < TURNS);
        end
    wire reached_an_answer = fair && fair_now && is_answer && answer && !must;
`endif

endmodule

`default_nettype wire
