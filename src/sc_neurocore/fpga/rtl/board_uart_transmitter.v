// SPDX-License-Identifier: Apache-2.0
// board_uart_transmitter: bytes to an asynchronous serial line, 8 data bits, no parity, 1 stop bit.
//
// Contract
//   - A byte is taken in a clock in which `valid` and `ready` are high. `ready` comes back after its
//     stop bit, 10 * CLOCKS_PER_BIT clocks later.
//   - CLOCKS_PER_BIT >= 2.
//
//   valid   _/‾‾‾\____________________________________
//   ready   ‾‾‾‾‾\______________________________/‾‾‾‾
//   line    ‾‾‾‾‾\_start_X__0__X ... X__7__/‾stop‾‾‾‾

`default_nettype none

module board_uart_transmitter #(
    parameter CLOCKS_PER_BIT = 24
) (
    input  wire       clk,
    input  wire       reset,
    input  wire       valid,
    output wire       ready,
    input  wire [7:0] data,
    output wire       line
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (CLOCKS_PER_BIT < 2) a_bit_must_last_2_clocks stop ();
    endgenerate

    localparam COUNT_BITS = $clog2(CLOCKS_PER_BIT);
    localparam [31:0] WHOLE_BIT = CLOCKS_PER_BIT - 1;

    reg [8:0]            shift;  // what is still to be sent, the next bit lowest
    reg [3:0]            bits;   // 0: idle
    reg [COUNT_BITS-1:0] clocks;

    assign ready = bits == 4'd0;
    assign line  = shift[0];

    always @(posedge clk) begin
        clocks <= clocks - 1'b1;
        if (ready) begin
            clocks <= WHOLE_BIT[COUNT_BITS-1:0];
            if (valid) begin
                shift <= {data, 1'b0};
                bits  <= 4'd10;
            end
        end else if (clocks == {COUNT_BITS{1'b0}}) begin
            clocks <= WHOLE_BIT[COUNT_BITS-1:0];
            shift  <= {1'b1, shift[8:1]};
            bits   <= bits - 1'b1;
        end
        if (reset) begin
            shift <= 9'h1ff;
            bits  <= 4'd0;
        end
    end

endmodule

`default_nettype wire
