// SPDX-License-Identifier: Apache-2.0
// snn_ring: one lane's rings of sums to come, where a network has delays.
//
// The sums of a neuron for this step and those after it stand in a ring, slot by slot; the rings of
// the lane's neurons stand one after the other. What is read is written back a clock later, changed:
//
//   ring of one neuron, step t     [t]  [t+1] [t+2] [t+3]      slot = (t + delay) mod the ring's size
//   token, delays 0, 2 and 3       +w0         +w1   +w2
//   handover                       out, 0
//
// Contract
//   - A clock with `advance` and `read` reads read_address. From the next one on `word` is what stands
//     there, until `advance`; in that clock, with `write`, write_word takes its place.
//   - Two reads that follow each other may be of one address: the second would read what the first is
//     just writing. So the last word that was written is kept with its address, and taken instead.
//   - `clear` writes zero to clear_address, while nothing else is done.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_      both of slot s
//   read            r0  r1
//   word                w0  w0'           r1 reads what is meaningless, and takes w0' instead
//   write               w0' w0''

`default_nettype none

module snn_ring #(
    parameter WIDTH        = 20,
    parameter ADDRESS_BITS = 4
) (
    input  wire                    clk,
    input  wire                    reset,

    input  wire                    clear,
    input  wire [ADDRESS_BITS-1:0] clear_address,

    input  wire                    advance,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output wire [WIDTH-1:0]        word,
    input  wire                    write,
    input  wire [WIDTH-1:0]        write_word
);

    reg  [ADDRESS_BITS-1:0] address, last_address;
    reg  [WIDTH-1:0]        last_word;
    reg                     last_valid;
    wire [WIDTH-1:0]        held;
    wire                    store = advance && write;

    assign word = last_valid && last_address == address ? last_word : held;

    always @(posedge clk) begin
        if (advance) address <= read_address;
        if (store) begin
            last_address <= address;
            last_word    <= write_word;
        end
        if (reset || clear) last_valid <= 1'b0;
        else if (store)     last_valid <= 1'b1;
    end

    snn_ram #(.WIDTH(WIDTH), .ADDRESS_BITS(ADDRESS_BITS)) memory (
        .clk           (clk),
        .write         (clear || store),
        .write_address (clear ? clear_address : address),
        .write_data    (clear ? {WIDTH{1'b0}} : write_word),
        .read          (advance && read),
        .read_address  (read_address),
        .read_data     (held)
    );

`ifdef FORMAL
    // What is said of one place, `watched`, which may be any: `must` is what was written there last, or
    // zero since it was cleared. `kept` is the memory's word there, by the contract of snn_ram.v.
    wire [ADDRESS_BITS-1:0] watched;
    wire [WIDTH-1:0]        kept;
    reg                     reading = 1'b0, begun = 1'b0;
    reg [WIDTH-1:0]         must;
    reg [ADDRESS_BITS-1:0]  place;
    always @(posedge clk) begin
        begun <= 1'b1;
        if (advance) begin
            place   <= read_address;
            reading <= read;
        end
        must <= clear && clear_address == watched    ? {WIDTH{1'b0}}
              : advance && write && place == watched ? write_word
              : begun                                ? must : kept;
        if (reset) reading <= 1'b0;
    end

    // The world's side: what is written was read before; while a ring is cleared, nothing else is done.
    wire fair_now = (begun || reset) && (!write || reading) && !(clear && (reading || read || write));
    reg  fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;

    always @(posedge clk)
        if (begun && fair && fair_now) begin
            if (reading && place == watched) assert (word == must);
            // Invariants.
            if (reading) assert (address == place);
            assert (kept == must);
            if (last_valid && last_address == watched) assert (last_word == must);
            if (reading && place == watched && !(last_valid && last_address == watched))
                assert (held == must);
        end
    wire reached_a_sum = begun && fair && fair_now && reading && place == watched && must != 0;
`endif

endmodule

`default_nettype wire
