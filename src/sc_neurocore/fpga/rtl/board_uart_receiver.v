// SPDX-License-Identifier: Apache-2.0
// board_uart_receiver: bytes from an asynchronous serial line, 8 data bits, no parity, 1 stop bit.
//
// The line is brought into the clock by two flip-flops. A start bit is believed if the line is still
// low in its middle; then the data bits and the stop bit are looked at in theirs. So sender and
// receiver may differ in speed by 4 % together, at CLOCKS_PER_BIT of 16 and more.
//
// Contract
//   - `valid` is high for one clock per byte, with `data`; whoever wants the byte takes it then.
//   - A stop bit that is low makes `broken` high for one clock, in place of `valid`: the byte is lost.
//     The next start bit is looked for after the line was high again.
//   - CLOCKS_PER_BIT >= 4.
//
//   line    ‾‾\_start_X__0__X__1__X ... X__7__/‾stop‾‾‾‾
//   valid   ______________________ ... _________/‾\______   one clock, in the middle of the stop bit

`default_nettype none

module board_uart_receiver #(
    parameter CLOCKS_PER_BIT = 24
) (
    input  wire       clk,
    input  wire       reset,
    input  wire       line,
    output reg        valid,
    output reg        broken,
    output reg  [7:0] data
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (CLOCKS_PER_BIT < 4) a_bit_must_last_4_clocks stop ();
    endgenerate

    localparam COUNT_BITS = $clog2(CLOCKS_PER_BIT);
    localparam [31:0] WHOLE_BIT = CLOCKS_PER_BIT - 1;
    localparam [31:0] HALF_BIT  = CLOCKS_PER_BIT / 2 - 1;

    localparam [1:0] IDLE = 2'd0, START = 2'd1, BITS = 2'd2, BREAK = 2'd3;

    reg [1:0]            settled;
    reg [1:0]            state;
    reg [COUNT_BITS-1:0] clocks;
    reg [3:0]            bits;

    wire level = settled[1];

    always @(posedge clk) begin
        settled <= {settled[0], line};
        valid   <= 1'b0;
        broken  <= 1'b0;
        clocks  <= clocks - 1'b1;
        case (state)
            IDLE: begin
                clocks <= HALF_BIT[COUNT_BITS-1:0];
                if (!level) state <= START;
            end
            START:
                if (clocks == {COUNT_BITS{1'b0}}) begin
                    clocks <= WHOLE_BIT[COUNT_BITS-1:0];
                    bits   <= 4'd8;
                    state  <= level ? IDLE : BITS;
                end
            BITS:
                if (clocks == {COUNT_BITS{1'b0}}) begin
                    clocks <= WHOLE_BIT[COUNT_BITS-1:0];
                    bits   <= bits - 1'b1;
                    if (bits != 4'd0) begin
                        data <= {level, data[7:1]};
                    end else begin
                        valid  <= level;
                        broken <= !level;
                        state  <= level ? IDLE : BREAK;
                    end
                end
            default:  // BREAK
                if (level) state <= IDLE;
        endcase
        if (reset) begin
            settled <= 2'b11;
            state   <= IDLE;
            valid   <= 1'b0;
            broken  <= 1'b0;
        end
    end

endmodule

`default_nettype wire
