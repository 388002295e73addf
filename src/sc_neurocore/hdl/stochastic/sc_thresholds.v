// SPDX-License-Identifier: Apache-2.0
// sc_thresholds: from fractions to the thresholds of their streams. Combinational, and only wires.
//
// Contract
//   - Value x, BITS wide and unsigned, stands for x / 2**FRACTION_BITS, which is at most 1; bits
//     above that are not looked at.
//   - Its threshold is 65536 times it; with IS_BIPOLAR 65536 times (it + 1) / 2.
//   - FRACTION_BITS is at most 16, or 15 with IS_BIPOLAR, so that nothing is rounded.
//
//   values      x1 x0         (BITS each)
//   thresholds  t1 t0         (17 bits each)

`default_nettype none

module sc_thresholds #(
    parameter INPUTS        = 1,
    parameter BITS          = 5,
    parameter FRACTION_BITS = 4,
    parameter IS_BIPOLAR    = 0
) (
    /* verilator lint_off UNUSED */
    input  wire [INPUTS*BITS-1:0] values,
    /* verilator lint_on UNUSED */
    output wire [INPUTS*17-1:0]   thresholds
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (FRACTION_BITS > (IS_BIPOLAR != 0 ? 15 : 16))
            fractions_must_not_be_finer_than_thresholds stop ();
    endgenerate

    localparam LEFT = IS_BIPOLAR != 0 ? 15 - FRACTION_BITS : 16 - FRACTION_BITS;

    genvar j;
    generate
        for (j = 0; j < INPUTS; j = j + 1) begin : value
            wire [16:0] magnitude;
            if (BITS < 17) begin : extended
                assign magnitude = {{(17-BITS){1'b0}}, values[BITS*j +: BITS]} << LEFT;
            end else begin : whole
                assign magnitude = values[BITS*j +: 17] << LEFT;
            end
            assign thresholds[17*j +: 17] = IS_BIPOLAR != 0 ? magnitude + 17'h08000 : magnitude;
        end
    endgenerate

endmodule

`default_nettype wire
