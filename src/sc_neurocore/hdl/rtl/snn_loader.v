// SPDX-License-Identifier: Apache-2.0
// snn_loader: takes the next frame while the engine works on the one before.
//
// A frame comes in beats of BEAT unsigned values. A beat with anything in it becomes an event,
// (index of the beat, its values), at the next free address of one half of the event memory; silent
// beats leave nothing. When the last beat is in, the frame is offered to the controller; when the
// controller takes it, the next frame goes to the other half. With EVERY_BEAT silent ones are written
// too: an event's address is that of its beat, and can be found.
//
// Contract
//   - in_valid/in_ready: a beat is taken in a clock in which both are high. in_ready is low from a
//     frame's last beat to the clock after its taking, and while `hold` is high.
//   - `frame_valid` stays until `frame_take`; the frame_* describe it meanwhile. A blank frame has no
//     event, and frame_last_event is then 0.
//   - Values beyond the end of a frame, in its last beat, must be zero.
//
//   clk          _/‾\_/‾\_/‾\_/‾\_/‾\_      frames of two beats
//   in_valid     _/‾‾‾‾‾‾‾\___________
//   in_ready     ‾‾‾‾‾‾‾‾‾\_______/‾‾‾
//   frame_valid  _________/‾‾‾‾‾‾‾\___
//   frame_take   _____________/‾‾‾\___

`default_nettype none

module snn_loader #(
    parameter INPUT_BITS = 8,
    parameter BEAT       = 1,
    parameter EVENT_BITS = 6,
    parameter EVERY_BEAT = 0
) (
    input  wire                       clk,
    input  wire                       reset,
    input  wire                       hold,

    input  wire                       in_valid,
    output wire                       in_ready,
    input  wire [BEAT*INPUT_BITS-1:0] in_data,
    input  wire [EVENT_BITS-1:0]      last_beat,

    output wire                       event_write,
    output reg                        event_bank,
    output reg  [EVENT_BITS-1:0]      event_address,
    output reg  [EVENT_BITS-1:0]      beat,

    output wire                       frame_valid,
    input  wire                       frame_take,
    output reg  [EVENT_BITS-1:0]      frame_last_event,
    output reg                        frame_is_blank
);

    reg full;

    wire take = in_valid && in_ready;

    assign in_ready    = !full && !hold;
    assign frame_valid = full;
    assign event_write = take && (EVERY_BEAT != 0 || in_data != {BEAT*INPUT_BITS{1'b0}});

    always @(posedge clk) begin
        if (take) begin
            beat <= beat + 1'b1;
            full <= beat == last_beat;
        end
        if (event_write) begin
            frame_is_blank   <= 1'b0;
            frame_last_event <= event_address;
            event_address    <= event_address + 1'b1;
        end
        if (frame_take) event_bank <= !event_bank;
        if (reset || frame_take) begin
            full             <= 1'b0;
            beat             <= {EVENT_BITS{1'b0}};
            event_address    <= {EVENT_BITS{1'b0}};
            frame_last_event <= {EVENT_BITS{1'b0}};
            frame_is_blank   <= 1'b1;
        end
        if (reset) event_bank <= 1'b0;
    end

`ifdef FORMAL
    // While a frame comes in, events are numbered in the order of their beats, and none is behind its
    // beat. `last_beat` stays, and there was a reset.
    reg begun = 1'b0;
    always @(posedge clk) begun <= 1'b1;
    always @(posedge clk)
        if (begun && !reset) begin
            if (!full) begin
                assert (beat <= last_beat && event_address <= beat && frame_last_event <= beat);
                assert (frame_is_blank == (event_address == 0));
                if (!frame_is_blank) assert (frame_last_event == event_address - 1'b1);
            end
            assert (frame_last_event <= last_beat);
            if (frame_is_blank) assert (frame_last_event == 0);
        end
`endif

endmodule

`default_nettype wire
