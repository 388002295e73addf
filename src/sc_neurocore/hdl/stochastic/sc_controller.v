// SPDX-License-Identifier: Apache-2.0
// sc_controller: the order of events in a stochastic network with a static input.
//
//   load     INPUTS values come in, one per transfer
//   pass     the streams of a layer are counted (sc_pass)
//   turn     its neurons take a step, one per clock
//   finished the result waits to be taken
//
// The input is the same in all steps, so the first layer's streams are counted once, and its sums
// serve every step. The layers behind it have a pass in every step, over the spikes of the layer
// before.
//
// Contract
//   - A transfer happens in a clock in which valid and ready are both high.
//   - `pass_start` lasts one clock; `layer` says whose streams are counted, then whose neurons turn.
//   - LAST_NEURONS[NEURON_BITS*l +: NEURON_BITS] is the number of layer l's last neuron.
//   - Constants fit into their widths; LAST_STEP may be 0, and LAYERS 1.
//
//   clk         _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     a layer of two neurons
//   pass_start  /‾‾‾\____________________
//   pass_done   ________/‾‾‾\____________     (LENGTH + 3 clocks after pass_start)
//   turn        ____________/‾‾‾‾‾‾‾\____
//   neuron       0   0   0   0   1   0
//   layer        l   l   l   l   l   l+1

`default_nettype none

module sc_controller #(
    parameter                          INPUT_BITS   = 6,
    parameter [INPUT_BITS-1:0]         LAST_INPUT   = 6'd63,
    parameter                          STEP_BITS    = 5,
    parameter [STEP_BITS-1:0]          LAST_STEP    = 5'd24,
    parameter                          LAYERS       = 2,
    parameter                          LAYER_BITS   = 1,
    parameter                          NEURON_BITS  = 7,
    parameter [LAYERS*NEURON_BITS-1:0] LAST_NEURONS = {7'd9, 7'd127}
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   in_valid,
    output wire                   in_ready,
    output wire                   out_valid,
    input  wire                   out_ready,

    output wire                   pass_start,
    input  wire                   pass_done,

    output wire                   turn,
    output reg  [LAYER_BITS-1:0]  layer,
    output reg  [NEURON_BITS-1:0] neuron,
    output reg  [STEP_BITS-1:0]   step,
    output wire                   is_last_layer
);

    localparam [2:0] LOAD = 3'd0, START = 3'd1, PASS = 3'd2, TURN = 3'd3, FINISHED = 3'd4;

    localparam [31:0]            LAST_LAYER_NUMBER = LAYERS - 1;
    localparam [LAYER_BITS-1:0]  LAST_LAYER        = LAST_LAYER_NUMBER[LAYER_BITS-1:0];
    localparam [INPUT_BITS-1:0]  FIRST_INPUT       = 0, ONE_INPUT  = 1;
    localparam [LAYER_BITS-1:0]  FIRST_LAYER       = 0, ONE_LAYER  = 1;
    localparam [NEURON_BITS-1:0] FIRST_NEURON      = 0, ONE_NEURON = 1;
    localparam [STEP_BITS-1:0]   FIRST_STEP        = 0, ONE_STEP   = 1;

    reg [2:0]            phase;
    reg [INPUT_BITS-1:0] received;

    assign in_ready      = phase == LOAD;
    assign out_valid     = phase == FINISHED;
    assign pass_start    = phase == START;
    assign turn          = phase == TURN;
    assign is_last_layer = layer == LAST_LAYER;

    reg [NEURON_BITS-1:0] last_neuron;
    integer               l;
    always @* begin
        last_neuron = LAST_NEURONS[NEURON_BITS-1:0];
        for (l = 1; l < LAYERS; l = l + 1)
            if ({{(32-LAYER_BITS){1'b0}}, layer} == l)
                last_neuron = LAST_NEURONS[NEURON_BITS*l +: NEURON_BITS];
    end

    always @(posedge clk)
        if (reset) begin
            phase    <= LOAD;
            received <= FIRST_INPUT;
            layer    <= FIRST_LAYER;
            neuron   <= FIRST_NEURON;
            step     <= FIRST_STEP;
        end else
            case (phase)
                LOAD: if (in_valid) begin
                    received <= received == LAST_INPUT ? FIRST_INPUT : received + ONE_INPUT;
                    if (received == LAST_INPUT) phase <= START;
                end

                START: phase <= PASS;

                PASS: if (pass_done) phase <= TURN;

                TURN: if (neuron != last_neuron)
                    neuron <= neuron + ONE_NEURON;
                else begin
                    neuron <= FIRST_NEURON;
                    if (!is_last_layer) begin
                        layer <= layer + ONE_LAYER;
                        phase <= START;
                    end else begin
                        layer <= FIRST_LAYER;
                        step  <= step == LAST_STEP ? FIRST_STEP : step + ONE_STEP;
                        if (step == LAST_STEP) phase <= FINISHED;
                        // Otherwise the first layer's sums turn again; they have not changed.
                    end
                end

                default: if (out_ready) phase <= LOAD;
            endcase

endmodule

`default_nettype wire
