// SPDX-License-Identifier: Apache-2.0
// snn_ram: memory with one write port and one read port.
//
// Contract
//   - Addresses are below DEPTH.
//   - A word written in one clock can be read from the next clock on.
//   - `read_data` is words[read_address], one clock after `read` was high; it holds while `read` is low.
//   - What is read from the address that is being written is meaningless, and nobody looks at it:
//     block RAMs differ here, and Yosys is told so (no_rw_check), or it would add a bypass.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_
//   write          _/‾‾‾\___________
//   write_address   a
//   write_data      d
//   read           _____/‾‾‾\_______
//   read_address        a
//   read_data               d   d
//
// Written so that every synthesiser infers block RAM.

`default_nettype none

module snn_ram #(
    parameter WIDTH        = 8,
    parameter ADDRESS_BITS = 8,
    parameter DEPTH        = 1 << ADDRESS_BITS
) (
    input  wire                    clk,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WIDTH-1:0]        write_data,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WIDTH-1:0]        read_data
);

    (* no_rw_check *)
    reg [WIDTH-1:0] words [0:DEPTH-1];

    always @(posedge clk) begin
        if (write) words[write_address] <= write_data;
        if (read) read_data <= words[read_address];
    end

`ifdef FORMAL
    // Of one word, `watched`, which may be any: `kept` is what was written there last, or stood there from
    // the first clock on, and what is read there is that. The output stays until something else is read.
    // A word that there is not may be written over any other: then nothing is promised any more.
    reg  fair = 1'b1;
    wire fair_now = fair && (!write || write_address < DEPTH);
    always @(posedge clk) fair <= fair_now;
    (* anyconst *) wire [ADDRESS_BITS-1:0] any_address;
    wire [ADDRESS_BITS-1:0] watched = any_address < DEPTH ? any_address : {ADDRESS_BITS{1'b0}};
    reg             begun = 1'b0, known = 1'b0, stays = 1'b0;
    reg [WIDTH-1:0] kept, answer, data_before;
    wire [WIDTH-1:0] there = begun ? kept : words[watched];
    wire             is_written = write && write_address == watched;
    always @(posedge clk) begin
        begun <= 1'b1;
        kept  <= is_written ? write_data : there;
        if (read) begin
            known  <= read_address == watched && !is_written;
            answer <= there;
        end
        stays  <= !read;
        data_before <= read_data;
    end
    always @(posedge clk)
        if (fair) begin
            if (begun) assert (words[watched] == kept);
            if (known) assert (read_data == answer);
            if (stays) assert (read_data == data_before);
        end
    wire reached_an_answer = fair && known && answer != kept;
`endif

endmodule

`default_nettype wire
