// SPDX-License-Identifier: Apache-2.0
// A clock for the SoC, and a terminal: what its UART sends is printed, until an end of transmission (4).

`timescale 1ns / 1ps
`default_nettype none

module bench;
    reg        clock = 1'b0;
    wire       valid;
    wire [7:0] character;
    integer    clocks = 0;

    always #5 clock = !clock;

    soc soc (
        .sys_clk             (clock),
        .serial_source_valid (valid),
        .serial_source_ready (1'b1),
        .serial_source_data  (character),
        .serial_sink_valid   (1'b0),
        .serial_sink_ready   (),
        .serial_sink_data    (8'd0)
    );

    always @(posedge clock) begin
        clocks <= clocks + 1;
        if (valid && character == 8'd4) begin
            $display("%0d clocks", clocks);
            $finish;
        end else if (valid) $write("%c", character);
        if (clocks == 2_000_000) begin
            $display("nothing more in %0d clocks", clocks);
            $finish;
        end
    end
endmodule

`default_nettype wire
