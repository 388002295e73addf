// SPDX-License-Identifier: Apache-2.0
// snn_neurons: UNITS neuron units that serve LANES neurons in turns.
//
// A job is the complete sums of LANES neurons (a group) for one step; or, with STEP_OUTER = 0 in a layer
// that takes the frame, those of every step. For each step of the job the lanes pass the units, UNITS in
// every turn: bias, requantisation into the current I, the neuron's equation, its new state. The equation
// itself is the module that the equation compiler made; it is plugged into the `unit_*` ports, and gives
// its results UNIT_LATENCY clocks after it was given its inputs (0: combinational).
//
// Sums stand in a rotating buffer that turns past the units; states stand in a small memory beside each unit.
// With STEP_OUTER = 0 the state of a group lives from its first to its last step, because all steps of
// a group come before the next group: the memory has one word per turn (a register where there is one
// turn). With STEP_OUTER = 1 it has a word for every turn of every group. The first step starts from
// `unit_initial` instead of what the memory holds.
//
// A neuron has CURRENTS currents, each with a sum and a bias of its own: one for each input of its equation.
//
// With WINDOWS a layer's groups stand at places, each place with all of its blocks of channels, of which the
// last may be padded. What neurons have of their own then is that of their block, or that of their group.
//
// Contract
//   - A job is taken in a clock with job_valid and job_ready, and takes PERIOD clocks per step; the next
//     may follow without a gap. Nothing stalls behind `job_ready`.
//   - Jobs come group by group, and with STEP_OUTER = 0 step by step for each group: so group and step
//     are counted here. A layer has a job for all of its groups and, with STEP_OUTER = 0, of its steps.
//   - `layer_*`, and with STEP_OUTER = 1 `layer_step`, change only while `idle`.
//   - PERIOD >= LANES / UNITS and, with STEP_OUTER = 0, PERIOD >= UNIT_LATENCY + 3: the state of a turn is
//     written before the turn comes round again. Turns beyond the lanes are idle. With STEP_OUTER = 1 a
//     neuron has one turn before the next step, which begins when this is `idle`; PERIOD >= 2.
//   - The neuron memory has one word per turn of every group (or block), UNITS neurons side by side: a bias for
//     each current, the first in the low BIAS_BITS, above them the parameters that differ from neuron to
//     neuron (one zero bit where none do).
//   - `update_turn` marks a turn whose updates leave. `update_valid` says which of its lanes are
//     neurons and not the padding of a last group; padding never spikes. A clock before, at the
//     latest, `result_neuron` says which turn it will be.
//
// Stages, each with its own flags:
//   issue      turn and step counters; the neuron memory is addressed
//   read       the memory's output register
//   fetched    the word once more: block RAM outputs are late in the clock; the states are addressed
//   biased     sums plus biases
//   drive      requantised to the currents, and the states; the units work from here
//   result     UNIT_LATENCY clocks later: new states, spikes
//   update     the same, registered
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     two turns, one step, UNIT_LATENCY = 0
//   job_valid      _/‾‾‾\___________________________
//   issue               t0  t1
//   read                    t0  t1
//   fetched                     t0  t1
//   biased                          t0  t1
//   drive, result                       t0  t1
//   update                                  t0  t1

`default_nettype none

module snn_neurons #(
    parameter STEP_OUTER     = 0,
    parameter WINDOWS        = 0,
    parameter LANES          = 8,
    parameter UNITS          = 1,     // a power of two, up to LANES
    parameter UNIT_LATENCY   = 0,
    parameter PERIOD         = 8,
    parameter CURRENTS       = 1,     // of a neuron
    parameter SUM_BITS       = 20,
    parameter BIAS_BITS      = 16,
    parameter LEFT_SHIFT     = 0,
    parameter SHIFT_BITS     = 4,
    parameter CURRENT_BITS   = 20,
    parameter STATE_BITS     = 16,
    parameter PARAMETER_BITS = 1,
    parameter GROUP_BITS     = 4,
    parameter STEP_BITS      = 5,
    parameter SLOT_BITS      = 8,
    parameter STATE_SLOT_BITS = 8,    // of a state's place, with STEP_OUTER = 1
    parameter STATE_WORDS    = 8,
    // Derived, and not to be set.
    parameter LANE_BITS      = LANES > 1 ? $clog2(LANES) : 1
) (
    input  wire                       clk,
    input  wire                       reset,
    output wire                       idle,

    input  wire                       job_valid,
    output wire                       job_ready,
    input  wire [LANES*CURRENTS*SUM_BITS-1:0] job_sums,

    // Of the layer at work.
    input  wire                       layer_takes_frame,
    input  wire [GROUP_BITS-1:0]      layer_last_group,
    input  wire [GROUP_BITS-1:0]      layer_last_block,
    input  wire                       layer_shares_slots,
    input  wire [LANE_BITS-1:0]       layer_last_lane,
    input  wire [SLOT_BITS-1:0]       layer_first_slot,
    input  wire [STATE_SLOT_BITS-1:0] layer_first_state,
    input  wire [SHIFT_BITS-1:0]      layer_shift,
    input  wire [STEP_BITS-1:0]       layer_step,
    input  wire [STEP_BITS-1:0]       last_step,

    output wire                       memory_read,
    output wire [SLOT_BITS-1:0]       memory_slot,
    input  wire [UNITS*(PARAMETER_BITS+CURRENTS*BIAS_BITS)-1:0] memory_word,

    // The neuron's equation, UNITS times.
    input  wire [STATE_BITS-1:0]           unit_initial,
    output wire [UNITS*STATE_BITS-1:0]     unit_state,
    output wire [UNITS*CURRENTS*CURRENT_BITS-1:0] unit_current,
    output wire [UNITS*PARAMETER_BITS-1:0] unit_parameters,
    input  wire [UNITS*STATE_BITS-1:0]     unit_next_state,
    input  wire [UNITS-1:0]                unit_spike,

    output wire [GROUP_BITS+LANE_BITS-1:0] result_neuron,

    output reg                        update_turn,
    output reg  [UNITS-1:0]           update_valid,
    output reg                        update_is_first,
    output reg                        update_ends_word,
    output reg  [GROUP_BITS-1:0]      update_group,
    output reg  [GROUP_BITS+LANE_BITS-1:0] update_neuron,   // of the first unit, like result_neuron
    output reg  [STEP_BITS-1:0]       update_step,
    output reg  [UNITS*STATE_BITS-1:0] update_state,
    output reg  [UNITS-1:0]           update_spike
);

    localparam LANE_SHIFT  = $clog2(LANES);
    localparam UNIT_SHIFT  = $clog2(UNITS);
    localparam TURNS       = LANES / UNITS;
    localparam TURN_BITS   = TURNS > 1 ? $clog2(TURNS) : 1;
    localparam PERIOD_BITS = PERIOD > 1 ? $clog2(PERIOD) : 1;

    // ---------------------------------------------------------------------------------- issue
    localparam LAST_OF_PERIOD = PERIOD - 1;
    localparam NEXT_TO_LAST   = LAST_OF_PERIOD - 1;
    localparam LAST_TURN      = TURNS - 1;

    reg                   busy;
    reg [GROUP_BITS-1:0]  group;
    reg [PERIOD_BITS-1:0] place;     // in the period: a turn, or idle behind the last one
    wire [STEP_BITS-1:0]  step;

    wire at_end       = place == LAST_OF_PERIOD[PERIOD_BITS-1:0];
    wire at_last_step = STEP_OUTER != 0 || step == last_step;
    wire accept       = job_valid && job_ready;
    // Whether the job ends with this clock: worked out in the clock before, because the whole
    // accumulator, and the scanner before it, wait for the answer.
    reg  ends_job;
    wire issue;

    generate
        if (PERIOD == TURNS) begin : no_idle_turns
            assign issue = busy;
        end else begin : idle_turns
            assign issue = busy && place <= LAST_TURN[PERIOD_BITS-1:0];
        end
    endgenerate

    assign job_ready = !busy || ends_job;

    always @(posedge clk) begin
        if (accept)    place <= {PERIOD_BITS{1'b0}};
        else if (busy) place <= at_end ? {PERIOD_BITS{1'b0}} : place + 1'b1;
        if (busy && at_end && at_last_step)
            group <= group == layer_last_group ? {GROUP_BITS{1'b0}} : group + 1'b1;
        busy     <= accept || (busy && !ends_job);
        ends_job <= busy && place == NEXT_TO_LAST[PERIOD_BITS-1:0]
                 && (STEP_OUTER != 0 || !layer_takes_frame || step == last_step);
        if (reset) begin
            busy     <= 1'b0;
            ends_job <= 1'b0;
            group    <= {GROUP_BITS{1'b0}};
        end
    end

    generate
        if (STEP_OUTER != 0) begin : step_by_step
            assign step = layer_step;
        end else begin : group_by_group
            reg [STEP_BITS-1:0] counted;
            always @(posedge clk)
                if (reset)               counted <= {STEP_BITS{1'b0}};
                else if (busy && at_end) counted <= at_last_step ? {STEP_BITS{1'b0}} : counted + 1'b1;
            assign step = counted;
            wire unused = &{layer_step, 1'b0};
        end
    endgenerate

    wire [TURN_BITS-1:0] turn = place[TURN_BITS-1:0];
    wire [LANE_BITS-1:0] lane = {{(LANE_BITS-TURN_BITS){1'b0}}, turn} << UNIT_SHIFT;

    // Which of the neuron memory's words are the group's, where its states are, and whether it is padded.
    localparam WIDER = (SLOT_BITS > GROUP_BITS ? SLOT_BITS : GROUP_BITS) > STATE_SLOT_BITS
                     ? (SLOT_BITS > GROUP_BITS ? SLOT_BITS : GROUP_BITS) : STATE_SLOT_BITS;
    wire [GROUP_BITS-1:0]      slot_group;
    wire                       is_padded;
    wire [GROUP_BITS-1:0]      block;       // the group's number among those of its place
    wire [WIDER-1:0]           wide_slot  = {{(WIDER-GROUP_BITS){1'b0}}, slot_group} << (LANE_SHIFT - UNIT_SHIFT);
    wire [WIDER-1:0]           wide_state = {{(WIDER-GROUP_BITS){1'b0}}, group} << (LANE_SHIFT - UNIT_SHIFT);
    wire [SLOT_BITS-1:0]       turn_slot  = {{(SLOT_BITS-TURN_BITS){1'b0}}, turn};
    wire [STATE_SLOT_BITS-1:0] state_slot;

    assign memory_read = issue;
    assign memory_slot = layer_first_slot + (wide_slot[SLOT_BITS-1:0] | turn_slot);

    generate
        if (WINDOWS != 0) begin : by_place
            reg [GROUP_BITS-1:0] counted;
            always @(posedge clk) begin
                if (busy && at_end && at_last_step)
                    counted <= counted == layer_last_block ? {GROUP_BITS{1'b0}} : counted + 1'b1;
                if (reset) counted <= {GROUP_BITS{1'b0}};
            end
            assign block      = counted;
            assign slot_group = layer_shares_slots ? block : group;
            assign is_padded  = block == layer_last_block;
            assign state_slot = layer_first_state + (wide_state[STATE_SLOT_BITS-1:0]
                              | {{(STATE_SLOT_BITS-TURN_BITS){1'b0}}, turn});
        end else begin : one_place
            assign block      = group;
            assign slot_group = block;
            assign is_padded  = block == layer_last_group;
            assign state_slot = memory_slot;
            wire unused_places = &{layer_last_block, layer_shares_slots, layer_first_state, 1'b0};
        end
    endgenerate
    wire unused_bits = &{wide_slot, wide_state, state_slot, 1'b0};  // the high ones; the states have registers

    // Which lanes of the turn are neurons.
    wire [UNITS-1:0] are_neurons;
    genvar unit, each;
    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : padding
            localparam [LANE_BITS-1:0] UNIT = unit;
            /* verilator lint_off UNSIGNED */
            // Lane 0 is never padding, which makes its comparison a constant.
            assign are_neurons[unit] = !is_padded || (lane | UNIT) <= layer_last_lane;
            /* verilator lint_on UNSIGNED */
        end
    endgenerate

    localparam ENTRY_BITS = PARAMETER_BITS + CURRENTS*BIAS_BITS;  // of a neuron in the memory
    localparam TURN_SUMS  = UNITS * CURRENTS;

    wire [TURN_SUMS*SUM_BITS-1:0] sums;
    snn_rotating_buffer #(.WIDTH(TURN_SUMS*SUM_BITS), .SLOTS(TURNS)) rotating_buffer (
        .clk        (clk),
        .load       (accept),
        .load_words (job_sums),
        .turn       (issue),
        .entering   (sums),
        .leaving    (sums)
    );

    // What the later stages must know about this turn, in one bundle that travels along: at its low
    // end what changes from turn to turn of the other order, the step or the slot.
    localparam OTHER_BITS = STEP_OUTER != 0 ? STATE_SLOT_BITS : STEP_BITS;
    localparam FLAGS_BITS = UNITS + GROUP_BITS + TURN_BITS + OTHER_BITS;
    wire [OTHER_BITS-1:0] other;
    generate
        if (STEP_OUTER != 0) begin : slot_travels
            assign other = state_slot;
        end else begin : step_travels
            assign other = step;
        end
    endgenerate
    wire [FLAGS_BITS-1:0] issue_flags = {are_neurons, group, turn, other};

    // --------------------------------------------------------------------- read, fetched, biased
    reg                      read_turn;
    reg [FLAGS_BITS-1:0]     read_flags;
    reg [TURN_SUMS*SUM_BITS-1:0] read_sums;

    reg                      fetched_turn;
    reg [FLAGS_BITS-1:0]     fetched_flags;
    reg [TURN_SUMS*SUM_BITS-1:0] fetched_sums;
    reg [UNITS*ENTRY_BITS-1:0] fetched_word;

    reg                      biased_turn;
    reg [FLAGS_BITS-1:0]     biased_flags;

    always @(posedge clk) begin
        read_turn     <= issue && !reset;
        read_flags    <= issue_flags;
        read_sums     <= sums;
        fetched_turn  <= read_turn && !reset;
        fetched_flags <= read_flags;
        fetched_sums  <= read_sums;
        fetched_word  <= memory_word;
        biased_turn   <= fetched_turn && !reset;
        biased_flags  <= fetched_flags;
    end

    // --------------------------------------------------------------------- drive ... result
    // The turn and its flags pass UNIT_LATENCY registers, as the numbers in the units do.
    localparam STAGE_BITS = 1 + FLAGS_BITS;
    reg  [STAGE_BITS-1:0] drive;
    wire [(UNIT_LATENCY+1)*STAGE_BITS-1:0] stages;
    wire [UNIT_LATENCY:0] under_way;

    always @(posedge clk) drive <= {biased_turn && !reset, biased_flags};
    assign stages[0 +: STAGE_BITS] = drive;
    assign under_way[0] = drive[FLAGS_BITS];

    genvar stage;
    generate
        for (stage = 1; stage <= UNIT_LATENCY; stage = stage + 1) begin : passing
            reg [STAGE_BITS-1:0] flags;
            always @(posedge clk) begin
                flags <= stages[(stage-1)*STAGE_BITS +: STAGE_BITS];
                if (reset) flags[FLAGS_BITS] <= 1'b0;
            end
            assign stages[stage*STAGE_BITS +: STAGE_BITS] = flags;
            assign under_way[stage] = flags[FLAGS_BITS];
        end
    endgenerate

    wire                  result_valid;
    wire [UNITS-1:0]      result_are_neurons;
    wire [GROUP_BITS-1:0] result_group;
    wire [TURN_BITS-1:0]  result_turn;
    wire [OTHER_BITS-1:0] result_other;
    assign {result_valid, result_are_neurons, result_group, result_turn, result_other} =
        stages[UNIT_LATENCY*STAGE_BITS +: STAGE_BITS];
    assign result_neuron = ({{LANE_BITS{1'b0}}, result_group} << LANE_SHIFT)
                         | ({{(GROUP_BITS+LANE_BITS-TURN_BITS){1'b0}}, result_turn} << UNIT_SHIFT);

    // Of which step a turn is, and where its states are.
    localparam ADDRESS_BITS = STEP_OUTER != 0 ? STATE_SLOT_BITS : TURN_BITS;
    wire                    biased_is_first;
    wire [STEP_BITS-1:0]    result_step;
    wire [ADDRESS_BITS-1:0] fetched_address, result_address;
    generate
        if (STEP_OUTER != 0) begin : by_slot
            assign biased_is_first = layer_step == {STEP_BITS{1'b0}};
            assign result_step     = layer_step;
            assign fetched_address = fetched_flags[STATE_SLOT_BITS-1:0];
            assign result_address  = result_other;
        end else begin : by_turn
            assign biased_is_first = biased_flags[STEP_BITS-1:0] == {STEP_BITS{1'b0}};
            assign result_step     = result_other;
            assign fetched_address = fetched_flags[STEP_BITS +: TURN_BITS];
            assign result_address  = result_turn;
        end
    endgenerate

    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : neuron_units
            wire [ENTRY_BITS-1:0]     entry = fetched_word[unit*ENTRY_BITS +: ENTRY_BITS];
            reg  [PARAMETER_BITS-1:0] biased_parameters, parameters;
            wire [STATE_BITS-1:0]     state;
            reg  [STATE_BITS-1:0]     driven_state;

            for (each = 0; each < CURRENTS; each = each + 1) begin : currents
                localparam PLACE = unit*CURRENTS + each;
                wire        [BIAS_BITS-1:0]    bias = entry[each*BIAS_BITS +: BIAS_BITS];
                reg         [SUM_BITS-1:0]     total;
                wire signed [CURRENT_BITS-1:0] current;
                reg  signed [CURRENT_BITS-1:0] driven;

                snn_requantize #(
                    .TOTAL_BITS(SUM_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
                    .CURRENT_BITS(CURRENT_BITS)
                ) requantize (
                    .total(total), .shift(layer_shift), .current(current)
                );

                always @(posedge clk) begin
                    total  <= fetched_sums[PLACE*SUM_BITS +: SUM_BITS]
                            + {{(SUM_BITS-BIAS_BITS){bias[BIAS_BITS-1]}}, bias};
                    driven <= current;
                end
                assign unit_current[PLACE*CURRENT_BITS +: CURRENT_BITS] = driven;
            end

            always @(posedge clk) begin
                biased_parameters <= entry[CURRENTS*BIAS_BITS +: PARAMETER_BITS];
                parameters        <= biased_parameters;
                driven_state      <= biased_is_first ? unit_initial : state;
            end

            if (TURNS == 1 && STEP_OUTER == 0) begin : one_state
                reg [STATE_BITS-1:0] kept;
                always @(posedge clk)
                    if (result_valid) kept <= unit_next_state[unit*STATE_BITS +: STATE_BITS];
                assign state = kept;
                wire unused = &{fetched_address, result_address, 1'b0};
            end else begin : several_states
                snn_ram #(.WIDTH(STATE_BITS), .ADDRESS_BITS(ADDRESS_BITS), .DEPTH(STATE_WORDS)) states (
                    .clk           (clk),
                    .write         (result_valid),
                    .write_address (result_address),
                    .write_data    (unit_next_state[unit*STATE_BITS +: STATE_BITS]),
                    .read          (fetched_turn),
                    .read_address  (fetched_address),
                    .read_data     (state)
                );
            end

            assign unit_state[unit*STATE_BITS +: STATE_BITS]             = driven_state;
            assign unit_parameters[unit*PARAMETER_BITS +: PARAMETER_BITS] = parameters;
        end
    endgenerate

    // --------------------------------------------------------------------------------- update
    always @(posedge clk) begin
        update_turn      <= result_valid && !reset;
        update_valid     <= result_are_neurons & {UNITS{result_valid && !reset}};
        update_is_first  <= result_step == {STEP_BITS{1'b0}};
        update_ends_word <= result_turn == LAST_TURN[TURN_BITS-1:0];
        update_group     <= result_group;
        update_neuron    <= result_neuron;
        update_step      <= result_step;
        update_state     <= unit_next_state;
        update_spike     <= result_are_neurons & unit_spike;
    end

    assign idle = !(busy || read_turn || fetched_turn || biased_turn
                    || under_way != {(UNIT_LATENCY+1){1'b0}} || update_turn);

`ifdef FORMAL
    // Jobs, counted here once more: a turn is issued in each of the first TURNS clocks of a period.
    reg                   served = 1'b0;
    reg [PERIOD_BITS-1:0] clocks;                             // of the period
    reg [GROUP_BITS-1:0]  group_now = {GROUP_BITS{1'b0}};
    reg [STEP_BITS-1:0]   counted_steps = {STEP_BITS{1'b0}};
    wire [STEP_BITS-1:0]  step_now = STEP_OUTER != 0 ? layer_step : counted_steps;
    wire ends_period = served && clocks == PERIOD - 1;
    wire ends_steps  = STEP_OUTER != 0 || step_now == last_step;
    wire ends_here   = ends_period && (STEP_OUTER != 0 || !layer_takes_frame || step_now == last_step);
    wire takes       = job_valid && (!served || ends_here);
    wire issues      = served && clocks <= TURNS - 1;
    wire [TURN_BITS-1:0]  turn_now  = clocks;
    wire [GROUP_BITS-1:0] group_after = !(ends_period && ends_steps) ? group_now
        : group_now == layer_last_group ? {GROUP_BITS{1'b0}} : group_now + 1'b1;
    wire [STEP_BITS-1:0]  steps_after = !ends_period ? counted_steps
                                      : ends_steps ? {STEP_BITS{1'b0}} : counted_steps + 1'b1;
    // The group's place among those of its layer, counted in blocks; which words and states are its own.
    reg  [GROUP_BITS-1:0] block_now = {GROUP_BITS{1'b0}};
    wire [GROUP_BITS-1:0] group_of_slot = WINDOWS != 0 && layer_shares_slots ? block_now : group_now;
    wire                  padded_now = WINDOWS != 0 ? block_now == layer_last_block : group_now == layer_last_group;
    wire [SLOT_BITS-1:0]  slot_now   = layer_first_slot + group_of_slot*TURNS + turn_now;
    wire [31:0]           first_state = WINDOWS != 0 ? layer_first_state : layer_first_slot;
    wire [31:0]           last_state  = first_state + layer_last_group*TURNS + TURNS - 1;
    wire [STATE_SLOT_BITS-1:0] state_now = first_state + group_now*TURNS + turn_now;
    always @(posedge clk) begin
        served    <= takes || (served && !ends_here);
        clocks    <= takes || ends_period ? {PERIOD_BITS{1'b0}} : clocks + served;
        group_now <= group_after;
        if (ends_period && ends_steps)
            block_now <= block_now == layer_last_block ? {GROUP_BITS{1'b0}} : block_now + 1'b1;
        counted_steps <= steps_after;
        if (reset) begin
            served        <= 1'b0;
            group_now     <= {GROUP_BITS{1'b0}};
            block_now     <= {GROUP_BITS{1'b0}};
            counted_steps <= {STEP_BITS{1'b0}};
        end
    end

    // The turns on their way, by the clocks since they were issued: age 1 in the low bits.
    localparam AGES = UNIT_LATENCY + 5;
    reg [AGES-1:0]            there = {AGES{1'b0}};
    reg [AGES*GROUP_BITS-1:0] groups;
    reg [AGES*TURN_BITS-1:0]  turns;
    reg [AGES*STEP_BITS-1:0]  steps;
    reg [AGES-1:0]            padded;
    reg [AGES*STATE_SLOT_BITS-1:0] slots;
    always @(posedge clk) begin
        there  <= reset ? {AGES{1'b0}} : {there, issues};
        groups <= {groups, group_now};
        turns  <= {turns, turn_now};
        steps  <= {steps, step_now};
        padded <= {padded, padded_now};
        slots  <= {slots, state_now};
    end
    wire nothing = !served && there == {AGES{1'b0}};

    // The clocks that the job takes still, and those behind it until all has left.
    localparam JOB_BITS = STEP_BITS + PERIOD_BITS + 1, BEHIND_BITS = $clog2(AGES + 1);
    reg  [BEHIND_BITS-1:0] clocks_behind;
    integer                youngest;
    wire [JOB_BITS-1:0]    job_clocks = !served ? 0 : PERIOD - clocks
                           + (STEP_OUTER == 0 && layer_takes_frame ? (last_step - step_now)*PERIOD : 0);
    always @* begin
        clocks_behind = 0;
        for (youngest = AGES - 1; youngest >= 0; youngest = youngest - 1)
            if (there[youngest]) clocks_behind = AGES - youngest;
    end

    // The world's side: what belongs to the layer, and its step, stays while anything is on its way and
    // until each group had its jobs; a layer begins when nothing is on its way.
    localparam LAYER_WIDTH = 2 + 2*GROUP_BITS + LANE_BITS + SLOT_BITS + STATE_SLOT_BITS + SHIFT_BITS
                           + STATE_BITS + (STEP_OUTER != 0 ? STEP_BITS : 0);
    reg begun = 1'b0, may_change = 1'b0;
    reg [LAYER_WIDTH-1:0] of_layer;
    reg [STEP_BITS-1:0]   last_step_before;
    wire [LAYER_WIDTH-1:0] of_layer_now;
    wire [LAYER_WIDTH+STEP_BITS-1:0] of_layer_and_step = {layer_step, layer_takes_frame, layer_shares_slots,
        layer_last_group, layer_last_block, layer_last_lane, layer_first_slot, layer_first_state, layer_shift,
        unit_initial};
    assign of_layer_now = of_layer_and_step;
    always @(posedge clk) begin
        begun            <= 1'b1;
        may_change       <= reset || (nothing && group_now == 0 && counted_steps == 0 && !takes);
        of_layer         <= of_layer_now;
        last_step_before <= last_step;
    end
    wire fair_now = begun
        ? (may_change || of_layer == of_layer_now) && last_step == last_step_before
          && group_now <= layer_last_group && (WINDOWS == 0 || group_now != 0 || block_now == 0)
          && (STEP_OUTER == 0 || last_state < STATE_WORDS) && step_now <= last_step
          && (STEP_OUTER != 0 || !layer_takes_frame || served || counted_steps == 0)
          && (!takes || group_after != 0 || steps_after != 0 || (nothing && !ends_period))
        : reset;
    reg  fair    = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;
    wire holds = begun && is_fair;

    // The turn that is to leave next, counted where they leave: {group, step, turn}, in the order of jobs.
    reg  [GROUP_BITS-1:0] due_group = {GROUP_BITS{1'b0}};
    reg  [STEP_BITS-1:0]  due_step  = {STEP_BITS{1'b0}};     // 0 with STEP_OUTER = 1
    reg  [TURN_BITS-1:0]  due_turn  = {TURN_BITS{1'b0}};
    localparam DUE_BITS = GROUP_BITS + STEP_BITS + TURN_BITS;
    wire [STEP_BITS-1:0] last_counted = STEP_OUTER != 0 ? {STEP_BITS{1'b0}} : last_step;
    wire [DUE_BITS-1:0]  due          = {due_group, due_step, due_turn};
    wire [DUE_BITS-1:0]  of_period    = {group_now, counted_steps, {TURN_BITS{1'b0}}};
    wire [DUE_BITS-1:0]  last_of_it   = {group_now, counted_steps, LAST_TURN[TURN_BITS-1:0]};
    // What comes behind a position: the next turn, step or group.
    wire [(AGES+2)*DUE_BITS-1:0] in_front, behind;
    genvar number;
    generate
        for (number = 0; number < AGES + 2; number = number + 1) begin : turns_behind
            wire [DUE_BITS-1:0]   position = in_front[number*DUE_BITS +: DUE_BITS];
            wire [TURN_BITS-1:0]  of_turn  = position[TURN_BITS-1:0];
            wire [STEP_BITS-1:0]  of_step  = position[TURN_BITS +: STEP_BITS];
            wire [GROUP_BITS-1:0] of_group = position[DUE_BITS-1 -: GROUP_BITS];
            assign behind[number*DUE_BITS +: DUE_BITS] =
                  of_turn  != TURNS - 1        ? {of_group, of_step, of_turn + 1'b1}
                : of_step  != last_counted     ? {of_group, of_step + 1'b1, {TURN_BITS{1'b0}}}
                : of_group != layer_last_group ? {of_group + 1'b1, {STEP_BITS{1'b0}}, {TURN_BITS{1'b0}}}
                : {DUE_BITS{1'b0}};
        end
    endgenerate
    always @(posedge clk)
        if (reset)               {due_group, due_step, due_turn} <= {DUE_BITS{1'b0}};
        else if (there[AGES-1])  {due_group, due_step, due_turn} <= behind[AGES*DUE_BITS +: DUE_BITS];
    // What is on its way follows from it, turn by turn, up to what is issued next.
    wire [AGES*DUE_BITS-1:0] positions;
    wire [(AGES+1)*DUE_BITS-1:0] expected;
    wire [AGES-1:0]          in_order;
    assign expected[AGES*DUE_BITS +: DUE_BITS] = due;
    // In front of the turns that are on their way: what is due, then what was expected behind each; and
    // the last turn of a period.
    assign in_front = {last_of_it, due, expected[(AGES+1)*DUE_BITS-1:DUE_BITS]};
    genvar old;
    generate
        for (old = 0; old < AGES; old = old + 1) begin : turns_in_order
            wire [DUE_BITS-1:0] from = expected[(old+1)*DUE_BITS +: DUE_BITS];
            assign positions[old*DUE_BITS +: DUE_BITS] = {groups[old*GROUP_BITS +: GROUP_BITS],
                STEP_OUTER != 0 ? {STEP_BITS{1'b0}} : steps[old*STEP_BITS +: STEP_BITS],
                turns[old*TURN_BITS +: TURN_BITS]};
            assign in_order[old] = !there[old] || positions[old*DUE_BITS +: DUE_BITS] == from;
            assign expected[old*DUE_BITS +: DUE_BITS] = there[old] ? behind[old*DUE_BITS +: DUE_BITS] : from;
        end
    endgenerate
    wire [DUE_BITS-1:0] next_issue = !served ? of_period : issues ? of_period | turn_now
                                   : behind[(AGES+1)*DUE_BITS +: DUE_BITS];

    // ------------------------------------------------------------ tags, and that no turn meets itself
    wire [(UNIT_LATENCY+4)*(1+FLAGS_BITS)-1:0] flags_there =
        {stages, biased_turn, biased_flags, fetched_turn, fetched_flags, read_turn, read_flags};
    integer age, older;
    always @(posedge clk)
        if (holds) begin
            assert (job_ready == (!served || ends_here));
            assert (memory_read == issues);
            if (issues) assert (memory_slot == slot_now);
            assert (idle == nothing);
            if (there[AGES-2]) assert (result_neuron == groups[(AGES-2)*GROUP_BITS +: GROUP_BITS]*LANES
                                                        + turns[(AGES-2)*TURN_BITS +: TURN_BITS]*UNITS);
            assert (update_turn == there[AGES-1]);
            // Turns leave in the order of jobs: every turn of a group and step once, and then the next one's.
            if (update_turn) assert (update_group == due_group && update_neuron == due_group*LANES + due_turn*UNITS
                                     && (STEP_OUTER != 0 || update_step == due_step));
            assert (&in_order && expected[0 +: DUE_BITS] == next_issue);
            assert (due_group <= layer_last_group || nothing);
            // They are of the layer that is at work: its first turn finds nothing on its way.
            if (served && issues)                                            assert (due <= next_issue);
            else if (served && there != {AGES{1'b0}})                        assert (due <= last_of_it);
            else if (!served && (group_now != 0 || counted_steps != 0))      assert (due <= of_period);
            if (nothing && group_now == 0 && counted_steps == 0) assert (due == 0);
            if (update_turn) begin
                assert (update_group == groups[(AGES-1)*GROUP_BITS +: GROUP_BITS]);
                assert (update_step == steps[(AGES-1)*STEP_BITS +: STEP_BITS]);
                assert (update_is_first == (steps[(AGES-1)*STEP_BITS +: STEP_BITS] == 0));
                assert (update_ends_word == (turns[(AGES-1)*TURN_BITS +: TURN_BITS] == TURNS - 1));
                assert (update_neuron == groups[(AGES-1)*GROUP_BITS +: GROUP_BITS]*LANES
                                         + turns[(AGES-1)*TURN_BITS +: TURN_BITS]*UNITS);
            end else
                assert (update_valid == 0);

            // Invariants.
            assert (busy == served && ends_job == ends_here && group == group_now);
            assert (WINDOWS == 0 || block == block_now);
            if (served) assert (place == clocks && clocks < PERIOD);
            assert (step == step_now && (STEP_OUTER == 0 || counted_steps == 0));
            for (age = 1; age < AGES; age = age + 1) begin
                assert (flags_there[(age-1)*(1+FLAGS_BITS) + FLAGS_BITS] == there[age-1]);
                if (there[age-1]) begin
                    assert (flags_there[(age-1)*(1+FLAGS_BITS) + OTHER_BITS +: GROUP_BITS + TURN_BITS]
                            == {groups[(age-1)*GROUP_BITS +: GROUP_BITS], turns[(age-1)*TURN_BITS +: TURN_BITS]});
                    assert (flags_there[(age-1)*(1+FLAGS_BITS) +: OTHER_BITS] == (STEP_OUTER != 0
                        ? slots[(age-1)*STATE_SLOT_BITS +: OTHER_BITS] : steps[(age-1)*STEP_BITS +: OTHER_BITS]));
                    if (STEP_OUTER != 0)
                        assert (slots[(age-1)*STATE_SLOT_BITS +: STATE_SLOT_BITS] == first_state
                            + groups[(age-1)*GROUP_BITS +: GROUP_BITS]*TURNS + turns[(age-1)*TURN_BITS +: TURN_BITS]);
                    assert (turns[(age-1)*TURN_BITS +: TURN_BITS] < TURNS);
                    assert (groups[(age-1)*GROUP_BITS +: GROUP_BITS] <= layer_last_group);
                    if (STEP_OUTER != 0) begin
                        // In a step every turn of every group comes once, one after the other.
                        assert (steps[(age-1)*STEP_BITS +: STEP_BITS] == layer_step);
                        if (served || group_now != 0)
                            assert ({1'b0, groups[(age-1)*GROUP_BITS +: GROUP_BITS]} < group_now
                                    || (served && groups[(age-1)*GROUP_BITS +: GROUP_BITS] == group_now
                                        && turns[(age-1)*TURN_BITS +: TURN_BITS] < clocks));
                        for (older = age + 1; older < AGES; older = older + 1)
                            if (there[older-1])
                                assert ({groups[(older-1)*GROUP_BITS +: GROUP_BITS],
                                         turns[(older-1)*TURN_BITS +: TURN_BITS]}
                                        < {groups[(age-1)*GROUP_BITS +: GROUP_BITS],
                                           turns[(age-1)*TURN_BITS +: TURN_BITS]});
                    end else begin
                        // It was issued so many clocks ago: in this period, or in one that has ended.
                        if (served) assert (clocks == age + turns[(age-1)*TURN_BITS +: TURN_BITS]
                                            || PERIOD + clocks <= age + turns[(age-1)*TURN_BITS +: TURN_BITS]);
                        else        assert (age + turns[(age-1)*TURN_BITS +: TURN_BITS] >= PERIOD);
                        for (older = age + 1; older < AGES; older = older + 1)
                            if (there[older-1] && older < age + PERIOD)
                                assert (turns[(older-1)*TURN_BITS +: TURN_BITS]
                                        != turns[(age-1)*TURN_BITS +: TURN_BITS]);
                    end
                end
            end
        end

    // Which lanes of a turn are neurons, and that padding does not spike.
    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : lanes_that_are_neurons
            wire [AGES-1:0] is_neuron;
            for (old = 0; old < AGES; old = old + 1) begin : of_each_age
                assign is_neuron[old] = !padded[old]
                                     || turns[old*TURN_BITS +: TURN_BITS]*UNITS + unit <= layer_last_lane;
                if (WINDOWS == 0) begin : one_place
                    always @(posedge clk)
                        if (holds && there[old])
                            assert (padded[old] == (groups[old*GROUP_BITS +: GROUP_BITS] == layer_last_group));
                end
                if (old < AGES - 1) begin : on_its_way
                    always @(posedge clk)
                        if (holds && there[old])
                            assert (flags_there[old*(1+FLAGS_BITS) + FLAGS_BITS - UNITS + unit] == is_neuron[old]);
                end
            end
            always @(posedge clk)
                if (holds && there[AGES-1]) begin
                    assert (update_valid[unit] == is_neuron[AGES-1]);
                    assert (is_neuron[AGES-1] || !update_spike[unit]);
                end
        end
    endgenerate

`endif

`ifdef FORMAL
    // Numbers: those of turn `which`, which may be any.
    // Of the units' memories, registers and requantisers, by the contracts of snn_ram.v and snn_requantize.v.
    localparam IS_ONE = TURNS == 1 && STEP_OUTER == 0;
    (* anyconst *) wire [TURN_BITS-1:0] which;
    wire [UNITS*ADDRESS_BITS-1:0]   all_watched;
    wire [UNITS-1:0]                all_inside;
    wire [UNITS*STATE_BITS-1:0]     all_kept, all_states;
    wire [TURN_SUMS*SUM_BITS-1:0]     all_totals;
    wire [UNITS*PARAMETER_BITS-1:0]   all_parameters;
    wire [TURN_SUMS*SHIFT_BITS-1:0]   all_shifts;
    wire [TURN_SUMS*CURRENT_BITS-1:0] all_currents;
    wire [TURNS*TURN_SUMS*SUM_BITS-1:0] standing;        // in the rotating buffer

    // The sums of that turn's neurons; where they stand in the rotating buffer.
    reg  [TURN_SUMS*SUM_BITS-1:0] sums_of_job, sums_1, sums_2, sums_there, sums_coming;
    wire [TURN_BITS-1:0]      slot_there = clocks <= TURNS - 1 ? which - clocks : which;
    integer one;
    always @* begin
        sums_there  = {(TURN_SUMS*SUM_BITS){1'b0}};
        sums_coming = {(TURN_SUMS*SUM_BITS){1'b0}};
        for (one = 0; one < TURNS; one = one + 1) begin
            sums_there  = sums_there
                | (standing[one*TURN_SUMS*SUM_BITS +: TURN_SUMS*SUM_BITS] & {(TURN_SUMS*SUM_BITS){slot_there == one}});
            sums_coming = sums_coming
                | (job_sums[one*TURN_SUMS*SUM_BITS +: TURN_SUMS*SUM_BITS] & {(TURN_SUMS*SUM_BITS){which == one}});
        end
    end
    wire mine_1 = there[0] && turns[0 +: TURN_BITS] == which;
    wire mine_2 = there[1] && turns[TURN_BITS +: TURN_BITS] == which;
    wire mine_3 = there[2] && turns[2*TURN_BITS +: TURN_BITS] == which;
    wire mine_4 = there[3] && turns[3*TURN_BITS +: TURN_BITS] == which;
    reg [UNITS*ENTRY_BITS-1:0] entry_2, entry_3, entry_4;
    reg [UNITS*STATE_BITS-1:0] next_state;
    reg [UNITS-1:0]            next_spike;
    always @(posedge clk) begin
        if (takes) sums_of_job <= sums_coming;
        sums_1     <= sums_of_job;
        sums_2     <= sums_1;
        entry_2    <= memory_word;
        entry_3    <= entry_2;
        entry_4    <= entry_3;
        next_state <= unit_next_state;
        next_spike <= unit_spike;
    end
    always @(posedge clk)
        if (holds && which < TURNS) begin
            if (served) assert (sums_there == sums_of_job);
            if (mine_1) assert (read_sums == sums_1);
            if (mine_2) assert (fetched_sums == sums_2);
            if (there[1]) assert (fetched_word == entry_2);
            if (there[AGES-1]) assert (update_state == next_state);   // what the units answered leaves
        end

    // Where each turn's state is, and where a result goes.
    wire [ADDRESS_BITS-1:0] address_3, address_4, address_of_result;
    wire [GROUP_BITS-1:0]   group_4 = groups[3*GROUP_BITS +: GROUP_BITS];
    wire [STEP_BITS-1:0]    step_4  = steps[3*STEP_BITS +: STEP_BITS];
    generate
        if (STEP_OUTER != 0) begin : addresses_are_slots
            assign address_3         = slots[2*STATE_SLOT_BITS +: STATE_SLOT_BITS];
            assign address_4         = slots[3*STATE_SLOT_BITS +: STATE_SLOT_BITS];
            assign address_of_result = slots[(AGES-2)*STATE_SLOT_BITS +: STATE_SLOT_BITS];
        end else begin : addresses_are_turns
            assign address_3         = turns[2*TURN_BITS +: TURN_BITS];
            assign address_4         = turns[3*TURN_BITS +: TURN_BITS];
            assign address_of_result = turns[(AGES-2)*TURN_BITS +: TURN_BITS];
        end
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : claims
            wire [ADDRESS_BITS-1:0] watched = IS_ONE ? 1'b0 : all_watched[unit*ADDRESS_BITS +: ADDRESS_BITS];
            wire [ENTRY_BITS-1:0]   entry_of_2 = fetched_word[unit*ENTRY_BITS +: ENTRY_BITS];
            reg  [STATE_BITS-1:0]   left;                     // by the last update
            reg                     written = 1'b0;
            wire                    is_neuron = !padded[AGES-1]
                                     || turns[(AGES-1)*TURN_BITS +: TURN_BITS]*UNITS + unit <= layer_last_lane;
            for (each = 0; each < CURRENTS; each = each + 1) begin : of_each_current
                localparam PLACE = unit*CURRENTS + each;
                wire [BIAS_BITS-1:0]    bias_2 = entry_of_2[each*BIAS_BITS +: BIAS_BITS];
                reg  [SUM_BITS-1:0]     total_3;
                reg  [CURRENT_BITS-1:0] current_4;
                always @(posedge clk) begin
                    // With the registers that are shown to hold sum and bias: no adder is shown equal to another.
                    total_3   <= fetched_sums[PLACE*SUM_BITS +: SUM_BITS]
                               + {{(SUM_BITS-BIAS_BITS){bias_2[BIAS_BITS-1]}}, bias_2};
                    current_4 <= all_currents[PLACE*CURRENT_BITS +: CURRENT_BITS];
                end
                // A unit gets the currents, each made of its own sum and bias,
                always @(posedge clk)
                    if (holds) begin
                        if (there[2]) assert (all_totals[PLACE*SUM_BITS +: SUM_BITS] == total_3
                                              && all_shifts[PLACE*SHIFT_BITS +: SHIFT_BITS] == layer_shift);
                        if (there[3]) assert (unit_current[PLACE*CURRENT_BITS +: CURRENT_BITS] == current_4);
                    end
            end
            always @(posedge clk) begin
                if (there[AGES-2] && address_of_result == watched) begin
                    left    <= unit_next_state[unit*STATE_BITS +: STATE_BITS];
                    written <= 1'b1;
                end
                if (reset) written <= 1'b0;
            end
            always @(posedge clk)
                if (holds) begin
                    if (!IS_ONE) assert (all_inside[unit]);   // its memory has the words that are asked for
                    // its neuron's own parameters,
                    if (there[3]) begin
                        assert (unit_parameters[unit*PARAMETER_BITS +: PARAMETER_BITS]
                                == entry_4[unit*ENTRY_BITS + CURRENTS*BIAS_BITS +: PARAMETER_BITS]);
                        // and the state that the last update left there, or at the first step that at rest.
                        if (step_4 == 0) assert (unit_state[unit*STATE_BITS +: STATE_BITS] == unit_initial);
                        else if (written && address_4 == watched)
                            assert (unit_state[unit*STATE_BITS +: STATE_BITS] == left);
                    end
                    if (there[AGES-1]) assert (update_spike[unit] == (is_neuron && next_spike[unit]));
                    // Invariants.
                    if (there[2]) assert (all_parameters[unit*PARAMETER_BITS +: PARAMETER_BITS]
                                          == entry_3[unit*ENTRY_BITS + CURRENTS*BIAS_BITS +: PARAMETER_BITS]);
                    if (written) assert (all_kept[unit*STATE_BITS +: STATE_BITS] == left);
                    if (written && there[2] && address_3 == watched)
                        assert (all_states[unit*STATE_BITS +: STATE_BITS] == left);
                end
        end
    endgenerate
    wire reached_an_update = holds && update_turn && !update_is_first;
    wire reached_a_state   = holds && mine_4 && step_4 != 0;
`endif

endmodule

`default_nettype wire
