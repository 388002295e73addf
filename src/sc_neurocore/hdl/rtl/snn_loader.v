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
    // The frame that comes in, counted once more. The world's side: there was a reset, `last_beat` stays, and
    // no frame is taken that is not there.
    reg                  begun = 1'b0, all_in, bank_now;
    reg [EVENT_BITS-1:0] taken, was_last_beat;
    reg [EVENT_BITS:0]   events;
    wire                 is_event = EVERY_BEAT != 0 || in_data != {BEAT*INPUT_BITS{1'b0}};
    always @(posedge clk) begin
        begun         <= 1'b1;
        was_last_beat <= last_beat;
        if (in_valid && in_ready) begin
            taken  <= taken + 1'b1;
            all_in <= taken == last_beat;
            events <= events + is_event;
        end
        if (reset || frame_take) {all_in, taken, events} <= {(2*EVENT_BITS+2){1'b0}};
        if (frame_take)          bank_now <= !bank_now;
        if (reset)               bank_now <= 1'b0;
    end
    wire fair_now = begun ? last_beat == was_last_beat && (!frame_take || frame_valid) : reset;
    reg  fair = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;

    always @(posedge clk)
        if (begun && is_fair && !reset) begin
            // A frame is offered when all of its beats are in, until it is taken; events go to the other half then.
            assert (frame_valid == all_in && in_ready == (!all_in && !hold) && event_bank == bank_now);
            // Each beat with anything in it is written, behind the one before, with its index.
            assert (event_write == (in_valid && in_ready && is_event));
            if (event_write) assert (event_address == events && beat == taken && events <= taken);
            // What is offered is described.
            assert (frame_is_blank == (events == 0));
            assert (frame_last_event == (events == 0 ? {EVENT_BITS{1'b0}} : events[EVENT_BITS-1:0] - 1'b1));
            assert (frame_last_event <= last_beat);
            // Invariants.
            if (!full) assert (beat == taken && event_address == events && taken <= last_beat && events <= taken);
            else       assert (events <= last_beat + 1'b1);
        end
    wire reached_a_frame = begun && is_fair && !reset && frame_valid && events > 1;
`endif

endmodule

`default_nettype wire
