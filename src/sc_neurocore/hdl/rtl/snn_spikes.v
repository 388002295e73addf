// SPDX-License-Identifier: Apache-2.0
// snn_spikes: the spikes between two layers.
//
// The spikes of one group and step arrive from UNITS lanes per clock and are gathered into a word of
// LANES bits, lane 0 in bit 0. With the last lanes the word is written, to gather_address.
//
// Contract
//   - `gather` marks lanes; those of a word come in order, and `gather_ends_word`
//     marks the last ones. What came before them, of a word that a reset cut short, leaves no trace.
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
    // The world's side: behind the first clock there are the words.
    reg  begun = 1'b0, fair = 1'b1;
    wire fair_now = !begun || ((!gather || gather_address < DEPTH) && (!read || read_address < DEPTH));
    wire is_fair  = fair && fair_now;
    always @(posedge clk) {begun, fair} <= {1'b1, is_fair};
`endif

`ifdef FORMAL
    // What is said of lane `which` in one word, `watched`, which may both be any: the bit that is read is the
    // spike that came for it, so many gathers before the word's last one as there are turns behind the lane's.
    // `kept` is the memory's word there, by the contract of snn_ram.v.
    localparam LANE_BITS = LANES > 1 ? $clog2(LANES) : 1;
    localparam TURNS     = LANES / UNITS;
    (* anyconst *) wire [LANE_BITS-1:0] any_lane;
    wire [LANE_BITS-1:0] which = any_lane < LANES ? any_lane : {LANE_BITS{1'b0}};
    wire [ADDRESS_BITS-1:0] watched;
    wire [LANES-1:0]        kept;
    wire                    is_inside;    // its memory has the words that are asked for

    reg [TURNS-1:0] earlier, came;                    // spikes of its unit, the youngest in bit 0; and whether any came
    reg             must, answer, known = 1'b0, is_answer = 1'b0;
    wire [TURNS:0]  spikes_now   = {earlier, 1'b0} | ((gather_spike >> (which % UNITS)) & 1'b1);
    wire [LANE_BITS:0] turns_behind = TURNS - 1 - which / UNITS;
    wire            writes       = gather && gather_ends_word && gather_address == watched;
    initial came = {TURNS{1'b0}};
    always @(posedge clk) begin
        if (gather) {earlier, came} <= {spikes_now[TURNS-1:0], came << 1 | 1'b1};
        if (writes) begin
            must  <= spikes_now >> turns_behind;
            known <= begun && (turns_behind == 0 || came[turns_behind - 1'b1]);
        end
        if (read) begin
            answer    <= must;
            is_answer <= known && read_address == watched && !writes;
        end
    end

    integer age;
    always @(posedge clk)
        if (is_fair) begin
            if (begun) assert (is_inside);
            if (is_answer) assert ((read_word >> which) % 2 == answer);
            // Invariants.
            if (known) assert ((kept >> which) % 2 == must);
            for (age = 0; age < TURNS; age = age + 1)
                if (came[age]) assert ((gathered >> (LANES - UNITS*(age + 1) + which % UNITS)) % 2 == earlier[age]);
        end
    wire reached_an_answer = is_fair && is_answer && answer && !must;
`endif

endmodule

`default_nettype wire
