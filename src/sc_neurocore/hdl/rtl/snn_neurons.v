// snn_neurons: UNITS neuron units that serve LANES neurons in turns.
//
// A job is the complete sums of LANES neurons (a group) for one step; in a static layer the sums
// are those of every step. For each step of the job the lanes pass the units, UNITS in every turn:
// bias, requantisation into the current I, the neuron's equation, its new state. The equation itself
// is the module that the equation compiler made; it is plugged into the `unit_*` ports, and gives its
// results UNIT_LATENCY clocks after it was given its inputs (0: combinational).
//
// Sums stand in a carousel that turns past the units; states stand in a small memory beside each
// unit, one word per turn (in a register where there is one turn). The state of a group lives from
// its first to its last step, because all steps of a group come before the next group; the first
// step starts from INITIAL_STATE instead of what the memory holds.
//
// Contract
//   - A job is taken in a clock with job_valid and job_ready, and takes PERIOD clocks per step; the next
//     may follow without a gap. Nothing stalls behind `job_ready`.
//   - PERIOD >= LANES / UNITS and PERIOD >= UNIT_LATENCY + 3: the state of a turn is written before
//     the turn comes round again. Turns beyond the lanes are idle.
//   - Jobs of one group come in the order of their steps, without another group between.
//   - `constants_*` are functions of `constants_layer` alone, and shift of shift_layer.
//   - The neuron memory has one word per turn of every group, UNITS neurons side by side: bias in the
//     low BIAS_BITS, above it the parameters that differ from neuron to neuron (one zero bit where
//     none do).
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

module snn_neurons #(
    parameter LANES          = 8,
    parameter LANE_BITS      = 3,
    parameter LANE_SHIFT     = 3,
    parameter UNITS          = 1,     // a power of two, up to LANES
    parameter UNIT_SHIFT     = 0,     // log2(UNITS)
    parameter UNIT_LATENCY   = 0,
    parameter TURN_BITS      = 3,     // of LANES / UNITS, at least 1
    parameter PERIOD         = 8,
    parameter PERIOD_BITS    = 3,     // at least TURN_BITS
    parameter SUM_BITS       = 20,
    parameter BIAS_BITS      = 16,
    parameter LEFT_SHIFT     = 0,
    parameter SHIFT_BITS     = 4,
    parameter CURRENT_BITS   = 20,
    parameter STATE_BITS     = 16,
    parameter INITIAL_STATE  = 0,
    parameter PARAMETER_BITS = 1,
    parameter LAYER_BITS     = 2,
    parameter GROUP_BITS     = 4,
    parameter STEP_BITS      = 5,
    parameter SLOT_BITS      = 8
) (
    input  wire                       clk,
    input  wire                       reset,
    output wire                       idle,

    input  wire                       job_valid,
    output wire                       job_ready,
    input  wire [LANES*SUM_BITS-1:0]  job_sums,
    input  wire [LAYER_BITS-1:0]      job_layer,
    input  wire [GROUP_BITS-1:0]      job_group,
    input  wire [STEP_BITS-1:0]       job_step,

    // Constants of the layer whose job is being issued.
    output wire [LAYER_BITS-1:0]      constants_layer,
    input  wire                       constants_is_static,
    input  wire                       constants_is_last,
    input  wire [GROUP_BITS-1:0]      constants_last_group,
    input  wire [LANE_BITS-1:0]       constants_last_lane,
    input  wire [SLOT_BITS-1:0]       constants_first_slot,
    output wire [LAYER_BITS-1:0]      shift_layer,
    input  wire [SHIFT_BITS-1:0]      shift,
    input  wire [STEP_BITS-1:0]       last_step,

    output wire                       memory_read,
    output wire [SLOT_BITS-1:0]       memory_slot,
    input  wire [UNITS*(PARAMETER_BITS+BIAS_BITS)-1:0] memory_word,

    // The neuron's equation, UNITS times.
    output wire [UNITS*STATE_BITS-1:0]     unit_state,
    output wire [UNITS*CURRENT_BITS-1:0]   unit_current,
    output wire [UNITS*PARAMETER_BITS-1:0] unit_parameters,
    input  wire [UNITS*STATE_BITS-1:0]     unit_next_state,
    input  wire [UNITS-1:0]                unit_spike,

    output wire [GROUP_BITS+LANE_BITS-1:0] result_neuron,

    output reg                        update_turn,
    output reg  [UNITS-1:0]           update_valid,
    output reg                        update_is_output,
    output reg                        update_is_first,
    output reg                        update_ends_word,
    output reg  [LAYER_BITS-1:0]      update_layer,
    output reg  [GROUP_BITS-1:0]      update_group,
    output reg  [GROUP_BITS+LANE_BITS-1:0] update_neuron,   // of the first unit, like result_neuron
    output reg  [STEP_BITS-1:0]       update_step,
    output reg  [UNITS*STATE_BITS-1:0] update_state,
    output reg  [UNITS-1:0]           update_spike
);

    localparam TURNS = LANES / UNITS;

    // ---------------------------------------------------------------------------------- issue
    localparam LAST_OF_PERIOD = PERIOD - 1;
    localparam NEXT_TO_LAST   = LAST_OF_PERIOD - 1;
    localparam LAST_TURN      = TURNS - 1;

    reg                   busy;
    reg [LAYER_BITS-1:0]  layer;
    reg [GROUP_BITS-1:0]  group;
    reg [STEP_BITS-1:0]   step;
    reg [PERIOD_BITS-1:0] place;     // in the period: a turn, or idle behind the last one

    wire at_end = place == LAST_OF_PERIOD[PERIOD_BITS-1:0];
    wire accept = job_valid && job_ready;
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

    assign job_ready       = !busy || ends_job;
    assign constants_layer = layer;

    always @(posedge clk) begin
        if (accept) begin
            layer <= job_layer;
            group <= job_group;
            step  <= job_step;
            place <= {PERIOD_BITS{1'b0}};
        end else if (busy) begin
            place <= at_end ? {PERIOD_BITS{1'b0}} : place + 1'b1;
            if (at_end) step <= step + 1'b1;
        end
        busy     <= accept || (busy && !ends_job);
        ends_job <= busy && place == NEXT_TO_LAST[PERIOD_BITS-1:0]
                 && (!constants_is_static || step == last_step);
        if (reset) begin
            busy     <= 1'b0;
            ends_job <= 1'b0;
        end
    end

    wire [TURN_BITS-1:0] turn = place[TURN_BITS-1:0];
    wire [LANE_BITS-1:0] lane = {{(LANE_BITS-TURN_BITS){1'b0}}, turn} << UNIT_SHIFT;

    wire [SLOT_BITS-1:0] group_slot = {{(SLOT_BITS-GROUP_BITS){1'b0}}, group} << (LANE_SHIFT - UNIT_SHIFT);
    wire [SLOT_BITS-1:0] turn_slot  = {{(SLOT_BITS-TURN_BITS){1'b0}}, turn};

    assign memory_read = issue;
    assign memory_slot = constants_first_slot + (group_slot | turn_slot);

    // Which lanes of the turn are neurons.
    wire             in_last_group = group == constants_last_group;
    wire [UNITS-1:0] are_neurons;
    genvar unit;
    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : padding
            localparam [LANE_BITS-1:0] UNIT = unit;
            /* verilator lint_off UNSIGNED */
            // Lane 0 is never padding, which makes its comparison a constant.
            assign are_neurons[unit] = !in_last_group || (lane | UNIT) <= constants_last_lane;
            /* verilator lint_on UNSIGNED */
        end
    endgenerate

    wire [UNITS*SUM_BITS-1:0] sums;
    snn_carousel #(.WIDTH(UNITS*SUM_BITS), .SLOTS(TURNS)) carousel (
        .clk        (clk),
        .load       (accept),
        .load_words (job_sums),
        .turn       (issue),
        .entering   (sums),
        .leaving    (sums)
    );

    // What the later stages must know about this turn, in one bundle that travels along.
    localparam FLAGS_BITS = UNITS + 1 + LAYER_BITS + GROUP_BITS + TURN_BITS + STEP_BITS;
    wire [FLAGS_BITS-1:0] issue_flags = {are_neurons, constants_is_last, layer, group, turn, step};

    // --------------------------------------------------------------------- read, fetched, biased
    reg                      read_turn;
    reg [FLAGS_BITS-1:0]     read_flags;
    reg [UNITS*SUM_BITS-1:0] read_sums;

    reg                      fetched_turn;
    reg [FLAGS_BITS-1:0]     fetched_flags;
    reg [UNITS*SUM_BITS-1:0] fetched_sums;
    reg [UNITS*(PARAMETER_BITS+BIAS_BITS)-1:0] fetched_word;

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

    wire biased_is_first = biased_flags[STEP_BITS-1:0] == {STEP_BITS{1'b0}};
    assign shift_layer = biased_flags[STEP_BITS + TURN_BITS + GROUP_BITS +: LAYER_BITS];

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

    wire                  result_valid, result_is_output;
    wire [UNITS-1:0]      result_are_neurons;
    wire [LAYER_BITS-1:0] result_layer;
    wire [GROUP_BITS-1:0] result_group;
    wire [TURN_BITS-1:0]  result_turn;
    wire [STEP_BITS-1:0]  result_step;
    assign {result_valid, result_are_neurons, result_is_output, result_layer, result_group,
            result_turn, result_step} = stages[UNIT_LATENCY*STAGE_BITS +: STAGE_BITS];
    assign result_neuron = ({{LANE_BITS{1'b0}}, result_group} << LANE_SHIFT)
                         | ({{(GROUP_BITS+LANE_BITS-TURN_BITS){1'b0}}, result_turn} << UNIT_SHIFT);

    generate
        for (unit = 0; unit < UNITS; unit = unit + 1) begin : units
            localparam [STATE_BITS-1:0] REST = INITIAL_STATE;

            wire [PARAMETER_BITS+BIAS_BITS-1:0] own =
                fetched_word[unit*(PARAMETER_BITS+BIAS_BITS) +: PARAMETER_BITS+BIAS_BITS];
            reg         [SUM_BITS-1:0]       total;
            reg         [PARAMETER_BITS-1:0] biased_parameters, parameters;
            wire signed [CURRENT_BITS-1:0]   current;
            reg  signed [CURRENT_BITS-1:0]   driven_current;
            wire        [STATE_BITS-1:0]     state;
            reg         [STATE_BITS-1:0]     driven_state;

            snn_requantize #(
                .TOTAL_BITS(SUM_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
                .CURRENT_BITS(CURRENT_BITS)
            ) requantize (
                .total(total), .shift(shift), .current(current)
            );

            always @(posedge clk) begin
                total <= fetched_sums[unit*SUM_BITS +: SUM_BITS]
                       + {{(SUM_BITS-BIAS_BITS){own[BIAS_BITS-1]}}, own[BIAS_BITS-1:0]};
                biased_parameters <= own[BIAS_BITS +: PARAMETER_BITS];
                parameters        <= biased_parameters;
                driven_current    <= current;
                driven_state      <= biased_is_first ? REST : state;
            end

            if (TURNS == 1) begin : one_state
                reg [STATE_BITS-1:0] kept;
                always @(posedge clk)
                    if (result_valid) kept <= unit_next_state[unit*STATE_BITS +: STATE_BITS];
                assign state = kept;
            end else begin : one_per_turn
                snn_ram #(.WIDTH(STATE_BITS), .ADDRESS_BITS(TURN_BITS)) states (
                    .clk           (clk),
                    .write         (result_valid),
                    .write_address (result_turn),
                    .write_data    (unit_next_state[unit*STATE_BITS +: STATE_BITS]),
                    .read          (fetched_turn),
                    .read_address  (fetched_flags[STEP_BITS +: TURN_BITS]),
                    .read_data     (state)
                );
            end

            assign unit_state[unit*STATE_BITS +: STATE_BITS]             = driven_state;
            assign unit_current[unit*CURRENT_BITS +: CURRENT_BITS]       = driven_current;
            assign unit_parameters[unit*PARAMETER_BITS +: PARAMETER_BITS] = parameters;
        end
    endgenerate

    // --------------------------------------------------------------------------------- update
    always @(posedge clk) begin
        update_turn      <= result_valid && !reset;
        update_valid     <= result_are_neurons & {UNITS{result_valid && !reset}};
        update_is_output <= result_is_output;
        update_is_first  <= result_step == {STEP_BITS{1'b0}};
        update_ends_word <= result_turn == LAST_TURN[TURN_BITS-1:0];
        update_layer     <= result_layer;
        update_group     <= result_group;
        update_neuron    <= result_neuron;
        update_step      <= result_step;
        update_state     <= unit_next_state;
        update_spike     <= result_are_neurons & unit_spike;
    end

    assign idle = !(busy || read_turn || fetched_turn || biased_turn || under_way != {(UNIT_LATENCY+1){1'b0}}
                    || update_turn);

endmodule
