// A waveform from a file goes into the receiver, bytes from another into the transmitter; what comes
// out of each is printed. The waveform's times know nothing of the clock.

`timescale 1ns / 1ps

module uart_bench;
    parameter CLOCKS_PER_BIT = 16;

    reg clk = 0, reset = 1, line = 1;
    always #5 clk = !clk;

    wire       valid, broken;
    wire [7:0] data;
    board_uart_receiver #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) receiver (
        .clk(clk), .reset(reset), .line(line), .valid(valid), .broken(broken), .data(data)
    );

    reg        said = 0;
    wire       ready, spoken;
    reg  [7:0] saying = 0;
    board_uart_transmitter #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) transmitter (
        .clk(clk), .reset(reset), .valid(said), .ready(ready), .data(saying), .line(spoken)
    );

    always @(posedge clk) if (!reset) begin
        if (valid) $display("heard %h", data);
        if (broken) $display("broken");
        $display("line %b", spoken);
    end

    integer waveform, bytes, picoseconds, level;
    initial begin
        repeat (4) @(posedge clk);
        #1 reset = 0;
        waveform = $fopen("waveform", "r");
        while ($fscanf(waveform, "%d %d", level, picoseconds) == 2) begin
            line = level;
            #(picoseconds / 1000.0);
        end
        line = 1;
        #(200 * CLOCKS_PER_BIT);
        bytes = $fopen("bytes", "r");
        while ($fscanf(bytes, "%h", saying) == 1) begin
            said = 1;
            @(posedge clk);
            while (!ready) @(posedge clk);
            #1 said = 0;
        end
        repeat (12 * CLOCKS_PER_BIT) @(posedge clk);
        $finish;
    end
endmodule
