// SPDX-License-Identifier: Apache-2.0
// snn_column: memory with one port, for weights that are loaded at run time.
//
// Contract
//   - A clock writes or reads, not both: while `write` is high nothing is read.
//   - `read_data` is words[address], one clock after `read` was high; it holds while `read` is low.
//   - `address` is below DEPTH.
//
//   clk        _/‾\_/‾\_/‾\_/‾\_
//   write      _/‾‾‾\___________
//   read       _____/‾‾‾\_______
//   address     a   a
//   read_data           d   d
//
// RAM_STYLE "huge" is the single-port RAM of the iCE40 UP5K, "block" the block RAM of every device.

`default_nettype none

module snn_column #(
    parameter WIDTH        = 16,
    parameter DEPTH        = 256,
    parameter ADDRESS_BITS = 8,
    /* verilator lint_off UNUSED */
    parameter RAM_STYLE    = "block"
    /* verilator lint_on UNUSED */
) (
    input  wire                    clk,
    input  wire                    write,
    input  wire [WIDTH-1:0]        write_data,
    input  wire                    read,
    input  wire [ADDRESS_BITS-1:0] address,
    output reg  [WIDTH-1:0]        read_data
);

    (* ram_style = RAM_STYLE *)
    reg [WIDTH-1:0] words [0:DEPTH-1];

    always @(posedge clk)
        if (write)     words[address] <= write_data;
        else if (read) read_data <= words[address];

`ifdef FORMAL
    // Of one word, `watched`, which may be any: `kept` is what was written there last, or stood there from
    // the first clock on, and what is read there is that. The output stays until something else is read.
    (* anyconst *) wire [ADDRESS_BITS-1:0] watched;
    reg             begun = 1'b0, known = 1'b0, stays = 1'b0;
    reg [WIDTH-1:0] kept, answer, data_before;
    wire [WIDTH-1:0] there = begun ? kept : words[watched];
    always @(posedge clk) begin
        begun <= 1'b1;
        kept  <= write && address == watched ? write_data : there;
        if (read && !write) begin
            known  <= address == watched;
            answer <= there;
        end
        stays  <= !read || write;
        data_before <= read_data;
    end
    always @(posedge clk)
        if (watched < DEPTH) begin
            if (begun) assert (words[watched] == kept);
            if (known) assert (read_data == answer);
            if (stays) assert (read_data == data_before);
        end
    wire reached_an_answer = known && watched < DEPTH && answer != kept;
`endif

endmodule

`default_nettype wire
