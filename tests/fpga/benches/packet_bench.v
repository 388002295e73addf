// What a line brings, from a file, goes into the packet receiver: "0 xx" is a byte, "1 0" a broken one,
// "2 n" a pause of n clocks. Packets that come out are printed with what is in the buffer, and sent back
// by the packet transmitter as answers, whose bytes are printed.

`timescale 1ns / 1ps

module packet_bench;
    localparam BUFFER_BITS = 5, TIMEOUT_BITS = 7, PACE = 24;

    reg clk = 0, reset = 1;
    always #5 clk = !clk;

    reg                    valid = 0, broken = 0, taken = 0, start = 0;
    reg  [7:0]             data = 0;
    wire                   store, whole, intact;
    wire [BUFFER_BITS-1:0] store_address;
    wire [7:0]             command, tag;
    wire [15:0]            length;
    board_packet_receiver #(.BUFFER_BITS(BUFFER_BITS), .TIMEOUT_BITS(TIMEOUT_BITS)) receiver (
        .clk(clk), .reset(reset), .byte_valid(valid), .byte_broken(broken), .byte_data(data),
        .store(store), .store_address(store_address), .valid(whole), .taken(taken),
        .intact(intact), .command(command), .tag(tag), .length(length)
    );

    reg [7:0] buffer [0:(1 << BUFFER_BITS)-1];
    always @(posedge clk) if (store) buffer[store_address] <= data;

    reg  [4:0]  pace = 0;
    wire        ready, byte_valid;
    wire [7:0]  byte_data;
    wire [15:0] index;
    wire        byte_ready = pace == PACE;
    board_packet_transmitter transmitter (
        .clk(clk), .reset(reset), .start(start), .ready(ready), .status(command), .tag(tag),
        .length(length), .payload_index(index), .payload_byte(buffer[index[BUFFER_BITS-1:0]]),
        .byte_valid(byte_valid), .byte_ready(byte_ready), .byte_data(byte_data)
    );
    always @(posedge clk) pace <= byte_ready ? (byte_valid ? 5'd0 : pace) : pace + 1'b1;
    always @(posedge clk) if (byte_valid && byte_ready) $display("answer %h", byte_data);

    // What a packet's taker does: look, answer if it was intact, let go.
    integer place;
    always @(posedge clk) begin
        taken <= 0;
        start <= 0;
        if (whole && !taken && ready && !start) begin
            $write("packet %b %h %h ", intact, command, tag);
            for (place = 0; place < length && place < (1 << BUFFER_BITS); place = place + 1)
                $write("%h", buffer[place]);
            $write(".\n");
            if (intact) start <= 1;
            taken <= 1;
        end
    end

    integer line, kind, value;
    initial begin
        repeat (4) @(posedge clk);
        #1 reset = 0;
        line = $fopen("line", "r");
        while ($fscanf(line, "%d %h", kind, value) == 2) begin
            if (kind == 2) begin
                repeat (value) @(posedge clk);
            end else begin
                valid  = kind == 0;
                broken = kind == 1;
                data   = value;
                @(posedge clk);
                #1 valid = 0;
                broken = 0;
                repeat (PACE - 1) @(posedge clk);
            end
            #1;
        end
        repeat (64 * PACE) @(posedge clk);
        $finish;
    end
endmodule
