// SPDX-License-Identifier: Apache-2.0
// sc_pass: one pass of a stream: LENGTH bits through comparators and counters.
//
// Contract
//   - `start` begins a pass, and is given only while none is under way. `load` follows it at once.
//   - `run` is high for LENGTH clocks, the numbers b0, b1, ... of the stream; their bits are there
//     one clock later, their counts two: then `add` is high.
//   - `done` is high for the one clock in which the sums are complete, LENGTH + 3 after `start`.
//   - LENGTH is at most 2**LENGTH_BITS.
//
//   clk     _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     LENGTH = 2
//   start   /‾‾‾\____________________
//   load    /‾‾‾\____________________
//   run     ____/‾‾‾‾‾‾‾\____________
//   number       b0  b1
//   bits             b0  b1
//   add     ____________/‾‾‾‾‾‾‾\____
//   done    ____________________/‾‾‾\

`default_nettype none

module sc_pass #(
    parameter LENGTH      = 256,
    parameter LENGTH_BITS = 8
) (
    input  wire clk,
    input  wire reset,
    input  wire start,
    output wire load,
    output reg  run,
    output reg  add,
    output reg  done
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (LENGTH < 1 || LENGTH > (1 << LENGTH_BITS)) length_bits_must_hold_the_length stop ();
    endgenerate

    localparam [31:0]            LAST_NUMBER = LENGTH - 1;
    localparam [LENGTH_BITS-1:0] LAST        = LAST_NUMBER[LENGTH_BITS-1:0];

    localparam [LENGTH_BITS-1:0] ZERO        = {LENGTH_BITS{1'b0}};
    localparam [LENGTH_BITS-1:0] ONE         = 1;

    reg [LENGTH_BITS-1:0] position;
    reg                   are_bits;

    assign load = start;

    always @(posedge clk) begin
        position <= run ? position + ONE : ZERO;
        if (reset) begin
            run      <= 1'b0;
            are_bits <= 1'b0;
            add      <= 1'b0;
            done     <= 1'b0;
        end else begin
            if (start)                 run <= 1'b1;
            else if (position == LAST) run <= 1'b0;
            are_bits <= run;
            add      <= are_bits;
            done     <= add && !are_bits;
        end
    end

endmodule

`default_nettype wire
