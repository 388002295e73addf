// SPDX-License-Identifier: Apache-2.0
// sc_population: the neurons of a layer, which pass one neuron unit in turn.
//
// The sums of the layer's counters stand in a ring (sc_counter), and so do the states: with each `turn`
// the sum and the state of the next neuron are at the exit. The sum becomes the current, and the
// equation, the combinational module that the equation compiler made, is plugged into the `unit_*`
// ports. NEURONS turns are one time step.
//
// Contract
//   - With `is_first_step` the unit sees INITIAL_STATE instead of what the ring holds.
//   - `spikes` are those of the last NEURONS turns, neuron 0 in bit 0 once a step is complete: the
//     streams of the next layer, all ones or all zeros.
//   - Everything from `sum` to `unit_next_state` happens in the clock of the turn.
//
//   clk       _/‾\_/‾\_/‾\_      NEURONS = 2
//   turn      ____/‾‾‾‾‾‾‾\_
//   sum            n0  n1  n0
//   spikes    old  old  X   s1 s0

`default_nettype none

module sc_population #(
    parameter                  NEURONS       = 2,
    parameter                  SUM_BITS      = 16,
    parameter                  LEFT_SHIFT    = 0,
    parameter                  RIGHT_SHIFT   = 0,
    parameter                  SHIFT_BITS    = 4,
    parameter                  CURRENT_BITS  = 20,
    parameter                  STATE_BITS    = 16,
    parameter [STATE_BITS-1:0] INITIAL_STATE = {STATE_BITS{1'b0}}
) (
    input  wire                           clk,
    input  wire                           turn,
    input  wire                           is_first_step,
    input  wire signed [SUM_BITS-1:0]     sum,

    output wire signed [CURRENT_BITS-1:0] unit_current,
    output wire        [STATE_BITS-1:0]   unit_state,
    input  wire        [STATE_BITS-1:0]   unit_next_state,
    input  wire                           unit_spike,

    output reg         [NEURONS-1:0]      spikes
);

    localparam [31:0] SHIFT = RIGHT_SHIFT;

    snn_requantize #(
        .TOTAL_BITS(SUM_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
        .CURRENT_BITS(CURRENT_BITS)
    ) requantize (
        .total   (sum),
        .shift   (SHIFT[SHIFT_BITS-1:0]),
        .current (unit_current)
    );

    // The state at the exit is lowest; its successor enters at the top.
    reg  [NEURONS*STATE_BITS-1:0] states;
    wire [NEURONS*STATE_BITS-1:0] turned = states >> STATE_BITS;
    wire [NEURONS*STATE_BITS-1:0] entering;
    assign unit_state = is_first_step ? INITIAL_STATE : states[STATE_BITS-1:0];

    localparam TOP = (NEURONS - 1) * STATE_BITS;
    generate
        if (NEURONS == 1) begin : alone
            assign entering = unit_next_state;
        end else begin : round
            assign entering = {unit_next_state, {TOP{1'b0}}};
        end
    endgenerate

    localparam [NEURONS-1:0] LAST = {NEURONS{1'b1}} ^ ({NEURONS{1'b1}} >> 1);

    always @(posedge clk)
        if (turn) begin
            states <= turned | entering;
            spikes <= (spikes >> 1) | (unit_spike ? LAST : {NEURONS{1'b0}});
        end

endmodule

`default_nettype wire
