// A clock that is not steady at first, and a button; prints whether the reset is on, clock by clock.

`timescale 1ns / 1ps

module reset_bench;
    reg  clk = 0, locked = 0, button = 0;
    wire reset;
    always #5 clk = !clk;

    board_reset #(.LENGTH_BITS(4)) power_on (
        .clk(clk), .locked(locked), .button(button), .reset(reset)
    );

    always @(negedge clk) $write("%b", reset);

    initial begin
        repeat (5) @(posedge clk);
        #3 locked = 1;
        repeat (20) @(posedge clk);
        #3 button = 1;
        repeat (3) @(posedge clk);
        #3 button = 0;
        repeat (20) @(posedge clk);
        #3 locked = 0;
        repeat (5) @(posedge clk);
        $finish;
    end
endmodule
