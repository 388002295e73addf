// SPDX-License-Identifier: Apache-2.0
// Models of the block RAM of Gowin GW1N and GW2A, for the simulation of netlists: Yosys has none.
//
// What they do follows Gowin's guide to BSRAM (UG285), so far as Yosys makes use of it: no output registers,
// every block selected, a reset of the outputs that follows the clock.

`default_nettype none

// A block of 2048 bytes of UNIT bits, with two ports. A port that is narrower than a byte says by its lowest
// address bits which part of the byte it means; one of 2 or 4 bytes says by them which are written.
module gowin_block_ram #(
    parameter UNIT = 9,
    parameter WIDTH_A = 36,
    parameter WIDTH_B = 36,
    parameter [1:0] WRITE_MODE_A = 0,  // what a port shows that writes: 0 nothing new, 1 the new word, 2 the old one
    parameter [1:0] WRITE_MODE_B = 0,
    parameter [2048*UNIT-1:0] CONTENT = 0
) (
    input  wire clock_a, clock_b, enable_a, enable_b, write_a, write_b, reset_a, reset_b,
    input  wire [13:0] address_a, address_b,
    input  wire [4*UNIT-1:0] data_a, data_b,
    output wire [4*UNIT-1:0] read_a, read_b
);

    localparam BYTES_A = WIDTH_A < UNIT ? 1 : WIDTH_A / UNIT;
    localparam BYTES_B = WIDTH_B < UNIT ? 1 : WIDTH_B / UNIT;

    reg [UNIT-1:0] bytes [0:2047];
    integer position;
    initial for (position = 0; position < 2048; position = position + 1)
        bytes[position] = CONTENT[position*UNIT +: UNIT];

    wire [10:0] first_a = address_a[13:3] & ~(BYTES_A - 1);
    wire [10:0] first_b = address_b[13:3] & ~(BYTES_B - 1);
    wire [2:0] low_a = WIDTH_A < UNIT ? address_a[2:0] & ~(WIDTH_A - 1) : 3'd0;
    wire [2:0] low_b = WIDTH_B < UNIT ? address_b[2:0] & ~(WIDTH_B - 1) : 3'd0;
    wire [UNIT-1:0] mask_a = WIDTH_A < UNIT ? ((1 << WIDTH_A) - 1) << low_a : {UNIT{1'b1}};
    wire [UNIT-1:0] mask_b = WIDTH_B < UNIT ? ((1 << WIDTH_B) - 1) << low_b : {UNIT{1'b1}};

    genvar k;
    generate
        for (k = 0; k < 4; k = k + 1) begin : of_a
            if (k < BYTES_A) begin : used
                wire [UNIT-1:0] stored = bytes[first_a | k];
                wire [UNIT-1:0] changed = (stored & ~mask_a) | ((data_a[k*UNIT +: UNIT] << low_a) & mask_a);
                wire writes = enable_a && write_a && (BYTES_A == 1 || address_a[k]);
                reg [UNIT-1:0] shown;
                always @(posedge clock_a) if (writes) bytes[first_a | k] <= changed;
                always @(posedge clock_a)
                    if (reset_a) shown <= 0;
                    else if (enable_a && (!write_a || WRITE_MODE_A != 0))
                        shown <= (writes && WRITE_MODE_A == 1 ? changed & mask_a : stored & mask_a) >> low_a;
                assign read_a[k*UNIT +: UNIT] = shown;
            end else begin : unused
                assign read_a[k*UNIT +: UNIT] = 0;
            end
        end
        for (k = 0; k < 4; k = k + 1) begin : of_b
            if (k < BYTES_B) begin : used
                wire [UNIT-1:0] stored = bytes[first_b | k];
                wire [UNIT-1:0] changed = (stored & ~mask_b) | ((data_b[k*UNIT +: UNIT] << low_b) & mask_b);
                wire writes = enable_b && write_b && (BYTES_B == 1 || address_b[k]);
                reg [UNIT-1:0] shown;
                always @(posedge clock_b) if (writes) bytes[first_b | k] <= changed;
                always @(posedge clock_b)
                    if (reset_b) shown <= 0;
                    else if (enable_b && (!write_b || WRITE_MODE_B != 0))
                        shown <= (writes && WRITE_MODE_B == 1 ? changed & mask_b : stored & mask_b) >> low_b;
                assign read_b[k*UNIT +: UNIT] = shown;
            end else begin : unused
                assign read_b[k*UNIT +: UNIT] = 0;
            end
        end
    endgenerate

endmodule

`define INITIAL_PARAMETERS \
    parameter [BITS-1:0] INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0; \
    parameter [BITS-1:0] INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0; \
    parameter [BITS-1:0] INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0; \
    parameter [BITS-1:0] INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0; \
    parameter [BITS-1:0] INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0; \
    parameter [BITS-1:0] INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0; \
    parameter [BITS-1:0] INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0; \
    parameter [BITS-1:0] INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0; \
    parameter [BITS-1:0] INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0; \
    parameter [BITS-1:0] INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0; \
    parameter [BITS-1:0] INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B = 0; \
    parameter [BITS-1:0] INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0; \
    parameter [BITS-1:0] INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0; \
    parameter [BITS-1:0] INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0; \
    parameter [BITS-1:0] INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0; \
    parameter [BITS-1:0] INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0;

`define INITIAL { \
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, \
    INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, \
    INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, \
    INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, \
    INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, \
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00}

module SP (
    output wire [31:0] DO,
    input  wire [31:0] DI,
    input  wire [2:0] BLKSEL,
    input  wire [13:0] AD,
    input  wire WRE, CLK, CE, OCE, RESET
);

    localparam BITS = 256;
    parameter READ_MODE = 1'b0;
    parameter [1:0] WRITE_MODE = 2'b00;
    parameter BIT_WIDTH = 32;
    parameter BLK_SEL = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    gowin_block_ram #(
        .UNIT(8), .WIDTH_A(BIT_WIDTH), .WRITE_MODE_A(WRITE_MODE), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLK), .enable_a(CE), .write_a(WRE), .reset_a(RESET), .address_a(AD), .data_a(DI), .read_a(DO),
        .clock_b(CLK), .enable_b(1'b0), .write_b(1'b0), .reset_b(1'b0), .address_b(14'd0), .data_b(32'd0), .read_b()
    );

endmodule

module SPX9 (
    output wire [35:0] DO,
    input  wire [35:0] DI,
    input  wire [2:0] BLKSEL,
    input  wire [13:0] AD,
    input  wire WRE, CLK, CE, OCE, RESET
);

    localparam BITS = 288;
    parameter READ_MODE = 1'b0;
    parameter [1:0] WRITE_MODE = 2'b00;
    parameter BIT_WIDTH = 36;
    parameter BLK_SEL = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    gowin_block_ram #(
        .UNIT(9), .WIDTH_A(BIT_WIDTH), .WRITE_MODE_A(WRITE_MODE), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLK), .enable_a(CE), .write_a(WRE), .reset_a(RESET), .address_a(AD), .data_a(DI), .read_a(DO),
        .clock_b(CLK), .enable_b(1'b0), .write_b(1'b0), .reset_b(1'b0), .address_b(14'd0), .data_b(36'd0), .read_b()
    );

endmodule

module SDPB (
    output wire [31:0] DO,
    input  wire [31:0] DI,
    input  wire [2:0] BLKSELA, BLKSELB,
    input  wire [13:0] ADA, ADB,
    input  wire CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB
);

    localparam BITS = 256;
    parameter READ_MODE = 1'b0;
    parameter BIT_WIDTH_0 = 32;
    parameter BIT_WIDTH_1 = 32;
    parameter BLK_SEL_0 = 3'b000;
    parameter BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    gowin_block_ram #(
        .UNIT(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLKA), .enable_a(CEA), .write_a(1'b1), .reset_a(RESETA), .address_a(ADA), .data_a(DI), .read_a(),
        .clock_b(CLKB), .enable_b(CEB), .write_b(1'b0), .reset_b(RESETB), .address_b(ADB), .data_b(32'd0), .read_b(DO)
    );

endmodule

module SDPX9B (
    output wire [35:0] DO,
    input  wire [35:0] DI,
    input  wire [2:0] BLKSELA, BLKSELB,
    input  wire [13:0] ADA, ADB,
    input  wire CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB
);

    localparam BITS = 288;
    parameter READ_MODE = 1'b0;
    parameter BIT_WIDTH_0 = 36;
    parameter BIT_WIDTH_1 = 36;
    parameter BLK_SEL_0 = 3'b000;
    parameter BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    gowin_block_ram #(
        .UNIT(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLKA), .enable_a(CEA), .write_a(1'b1), .reset_a(RESETA), .address_a(ADA), .data_a(DI), .read_a(),
        .clock_b(CLKB), .enable_b(CEB), .write_b(1'b0), .reset_b(RESETB), .address_b(ADB), .data_b(36'd0), .read_b(DO)
    );

endmodule

module DPB (
    output wire [15:0] DOA, DOB,
    input  wire [15:0] DIA, DIB,
    input  wire [2:0] BLKSELA, BLKSELB,
    input  wire [13:0] ADA, ADB,
    input  wire CLKA, CEA, OCEA, RESETA, WREA, CLKB, CEB, OCEB, RESETB, WREB
);

    localparam BITS = 256;
    parameter READ_MODE0 = 1'b0;
    parameter READ_MODE1 = 1'b0;
    parameter [1:0] WRITE_MODE0 = 2'b00;
    parameter [1:0] WRITE_MODE1 = 2'b00;
    parameter BIT_WIDTH_0 = 16;
    parameter BIT_WIDTH_1 = 16;
    parameter BLK_SEL_0 = 3'b000;
    parameter BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    wire [15:0] high_a, high_b;
    gowin_block_ram #(
        .UNIT(8), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WRITE_MODE_A(WRITE_MODE0),
        .WRITE_MODE_B(WRITE_MODE1), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLKA), .enable_a(CEA), .write_a(WREA), .reset_a(RESETA), .address_a(ADA),
        .data_a({16'd0, DIA}), .read_a({high_a, DOA}),
        .clock_b(CLKB), .enable_b(CEB), .write_b(WREB), .reset_b(RESETB), .address_b(ADB),
        .data_b({16'd0, DIB}), .read_b({high_b, DOB})
    );

endmodule

module DPX9B (
    output wire [17:0] DOA, DOB,
    input  wire [17:0] DIA, DIB,
    input  wire [2:0] BLKSELA, BLKSELB,
    input  wire [13:0] ADA, ADB,
    input  wire CLKA, CEA, OCEA, RESETA, WREA, CLKB, CEB, OCEB, RESETB, WREB
);

    localparam BITS = 288;
    parameter READ_MODE0 = 1'b0;
    parameter READ_MODE1 = 1'b0;
    parameter [1:0] WRITE_MODE0 = 2'b00;
    parameter [1:0] WRITE_MODE1 = 2'b00;
    parameter BIT_WIDTH_0 = 18;
    parameter BIT_WIDTH_1 = 18;
    parameter BLK_SEL_0 = 3'b000;
    parameter BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    `INITIAL_PARAMETERS

    wire [17:0] high_a, high_b;
    gowin_block_ram #(
        .UNIT(9), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .WRITE_MODE_A(WRITE_MODE0),
        .WRITE_MODE_B(WRITE_MODE1), .CONTENT(`INITIAL)
    ) block (
        .clock_a(CLKA), .enable_a(CEA), .write_a(WREA), .reset_a(RESETA), .address_a(ADA),
        .data_a({18'd0, DIA}), .read_a({high_a, DOA}),
        .clock_b(CLKB), .enable_b(CEB), .write_b(WREB), .reset_b(RESETB), .address_b(ADB),
        .data_b({18'd0, DIB}), .read_b({high_b, DOB})
    );

endmodule

`default_nettype wire
