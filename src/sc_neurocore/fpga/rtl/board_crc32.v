// SPDX-License-Identifier: Apache-2.0
// board_crc32: the CRC-32 of Ethernet and zip files, one bit per clock.
//
// Contract
//   - `clear` begins anew. `load` takes a byte; the next `load` or `clear` may come 8 clocks later.
//   - `crc` is the checksum of the bytes since `clear`, from 9 clocks after the last `load` on:
//     the same number as zlib.crc32.
//   - `intact` is high if the last four of these bytes were the checksum of those before, lowest
//     byte first: then the register holds the same constant whatever the bytes were.
//
//   clear  _/‾\______________________________
//   load   _____/‾\________________/‾\_______
//   data         a                  b
//   busy   _______/‾‾‾‾‾‾‾‾‾‾‾‾‾‾‾\___/‾‾‾‾ ...

`default_nettype none

module board_crc32 (
    input  wire        clk,
    input  wire        clear,
    input  wire        load,
    input  wire [7:0]  data,
    output wire        busy,
    output wire        intact,
    output wire [31:0] crc
);

    localparam [31:0] POLYNOMIAL = 32'hedb88320;  // reflected: the lowest bit goes first
    localparam [31:0] RESIDUE    = 32'hdebb20e3;

    reg [31:0] register;
    reg [7:0]  byte_left;
    reg [3:0]  bits_left;

    assign busy   = bits_left != 4'd0;
    assign intact = register == RESIDUE;
    assign crc    = ~register;

    always @(posedge clk) begin
        if (busy) begin
            register  <= {1'b0, register[31:1]}
                       ^ (register[0] != byte_left[0] ? POLYNOMIAL : 32'd0);
            byte_left <= {1'b0, byte_left[7:1]};
            bits_left <= bits_left - 1'b1;
        end
        if (load) begin
            byte_left <= data;
            bits_left <= 4'd8;
        end
        if (clear) begin
            register  <= 32'hffffffff;
            bits_left <= 4'd0;
        end
    end

endmodule

`default_nettype wire
