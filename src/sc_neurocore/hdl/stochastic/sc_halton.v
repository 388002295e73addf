// SPDX-License-Identifier: Apache-2.0
// sc_halton: numbers from one dimension of the Halton sequence; base 2 is van der Corput's.
//
// A counter of DIGITS digits in base BASE is read with its digits reversed, as a fraction: digit d
// of weight BASE**j is worth floor(65536 * d / BASE**(j+1)). The worths come from small tables and
// are added; in base 2 each is a bit of its own, and no adder is left.
//
// Contract
//   - While `run` is low all digits are 0, so that the number is SHIFT, which is the first point;
//     each clock with `run` is followed by the next one.
//   - Streams are at most BASE**DIGITS long, or BASE**DIGITS is 65536 or more, the whole period.
//   - DIGIT_BITS holds BASE - 1. Combinational from the digits to `number`, modulo 65536.
//
//   clk     _/‾\_/‾\_/‾\_/‾\_     BASE = 3
//   run     ____/‾‾‾‾‾‾‾‾‾‾‾
//   digits   00  00  01  02
//   number   0   0   1/3 2/3      (times 65536, plus SHIFT)

`default_nettype none

module sc_halton #(
    parameter        BASE       = 2,
    parameter        DIGITS     = 16,
    parameter        DIGIT_BITS = 1,
    parameter [15:0] SHIFT      = 16'h0000
) (
    input  wire        clk,
    input  wire        run,
    output wire [15:0] number
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (BASE < 2 || BASE > (1 << DIGIT_BITS)) digit_bits_must_hold_a_digit stop ();
    endgenerate

    localparam [31:0]           LAST_DIGIT = BASE - 1;
    localparam [DIGIT_BITS-1:0] LAST       = LAST_DIGIT[DIGIT_BITS-1:0];
    localparam [DIGIT_BITS-1:0] ZERO       = {DIGIT_BITS{1'b0}};
    localparam [DIGIT_BITS-1:0] ONE        = 1;

    // What digit `value` at place j is worth.
    /* verilator lint_off WIDTH */
    function [15:0] worth(input integer value, input integer j);
        worth = 65536 * value / BASE**(j+1);  // less than 65536
    endfunction
    /* verilator lint_on WIDTH */

    reg [DIGITS*DIGIT_BITS-1:0] digits, next_digits;
    reg [DIGIT_BITS-1:0]        digit;
    reg                         carry;
    reg [15:0]                  part, sum;

    integer j, value;
    always @* begin
        next_digits = digits;
        carry       = 1'b1;
        sum         = 16'h0000;
        for (j = 0; j < DIGITS; j = j + 1) begin
            digit = digits[j*DIGIT_BITS +: DIGIT_BITS];
            if (carry) next_digits[j*DIGIT_BITS +: DIGIT_BITS] = digit == LAST ? ZERO : digit + ONE;
            carry = carry && digit == LAST;

            part = 16'h0000;
            for (value = 1; value < BASE; value = value + 1)
                if ({{(32-DIGIT_BITS){1'b0}}, digit} == value) part = part | worth(value, j);
            sum = BASE == 2 ? sum | part : sum + part;
        end
    end

    assign number = sum + SHIFT;

    always @(posedge clk)
        digits <= run ? next_digits : {DIGITS*DIGIT_BITS{1'b0}};

endmodule

`default_nettype wire
