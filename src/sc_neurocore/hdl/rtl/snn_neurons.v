// snn_neurons: one neuron unit that serves LANES neurons in turn.
//
// A job is the complete sums of LANES neurons (a group) for one step; in a static layer the sums
// are those of every step. For each step of the job the lanes pass the unit one per clock: bias,
// requantisation into the current I, the neuron's equation, its new state. The equation itself is
// the combinational module that the equation compiler made; it is plugged into the `unit_*` ports.
//
// Sums and states stand in carousels, so that lane and state meet by construction (snn_carousel.v).
// The state of a group lives from its first to its last step, because all steps of a group come before
// the next group; the first step starts from INITIAL_STATE instead of what the ring holds.
//
// Contract
//   - A job is taken in a clock with job_valid and job_ready, and takes LANES clocks per step; the next
//     may follow without a gap. Nothing stalls behind `job_ready`.
//   - Jobs of one group come in the order of their steps, without another group between.
//   - `constants_*` are functions of `constants_layer` alone.
//   - The neuron memory has one word per lane of every group: bias in the low BIAS_BITS, above it the
//     parameters that differ from neuron to neuron (one zero bit where none do).
//   - One update leaves per clock with `update_turn`. `update_valid` says that the lane is a neuron and
//     not the padding of a last group; padding never spikes.
//
// Stages, each with its own flags:
//   issue      lane and step counters; the neuron memory is addressed
//   read       the memory's output register
//   biased     sum plus bias
//   drive      requantised to the current; the unit works from here
//   update     new state, spike
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     LANES = 2, one step
//   job_valid      _/‾‾‾\_______________________
//   issue               l0  l1
//   read                    l0  l1
//   biased                      l0  l1
//   drive                           l0  l1
//   update                              l0  l1

module snn_neurons #(
    parameter LANES          = 8,
    parameter LANE_BITS      = 3,
    parameter LANE_SHIFT     = 3,
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
    input  wire [SHIFT_BITS-1:0]      constants_shift,
    input  wire [STEP_BITS-1:0]       last_step,

    output wire                       memory_read,
    output wire [SLOT_BITS-1:0]       memory_slot,
    input  wire [PARAMETER_BITS+BIAS_BITS-1:0] memory_word,

    // The neuron's equation, combinational.
    output wire [STATE_BITS-1:0]          unit_state,
    output reg  signed [CURRENT_BITS-1:0] unit_current,
    output reg  [PARAMETER_BITS-1:0]      unit_parameters,
    input  wire [STATE_BITS-1:0]          unit_next_state,
    input  wire                           unit_spike,

    output reg                        update_turn,
    output reg                        update_valid,
    output reg                        update_is_output,
    output reg                        update_is_first,
    output reg                        update_is_final,
    output reg                        update_ends_word,
    output reg  [LAYER_BITS-1:0]      update_layer,
    output reg  [GROUP_BITS-1:0]      update_group,
    output reg  [GROUP_BITS+LANE_BITS-1:0] update_neuron,
    output reg  [STEP_BITS-1:0]       update_step,
    output reg  [STATE_BITS-1:0]      update_state,
    output reg                        update_spike
);

    // ---------------------------------------------------------------------------------- issue
    localparam LAST_LANE = LANES - 1;

    reg                  busy;
    reg [LAYER_BITS-1:0] layer;
    reg [GROUP_BITS-1:0] group;
    reg [STEP_BITS-1:0]  step;
    reg [LANE_BITS-1:0]  lane;

    wire at_last_lane = lane == LAST_LANE[LANE_BITS-1:0];
    wire ends_job     = at_last_lane && (!constants_is_static || step == last_step);
    wire accept       = job_valid && job_ready;

    assign job_ready       = !busy || ends_job;
    assign constants_layer = layer;

    always @(posedge clk) begin
        if (accept) begin
            layer <= job_layer;
            group <= job_group;
            step  <= job_step;
            lane  <= {LANE_BITS{1'b0}};
        end else if (busy) begin
            lane <= at_last_lane ? {LANE_BITS{1'b0}} : lane + 1'b1;
            if (at_last_lane) step <= step + 1'b1;
        end
        busy <= accept || (busy && !ends_job);
        if (reset) busy <= 1'b0;
    end

    wire [SLOT_BITS-1:0] group_slot = {{(SLOT_BITS-GROUP_BITS){1'b0}}, group} << LANE_SHIFT;
    wire [SLOT_BITS-1:0] lane_slot  = {{(SLOT_BITS-LANE_BITS){1'b0}}, lane};

    assign memory_read = busy;
    assign memory_slot = constants_first_slot + (group_slot | lane_slot);

    wire [SUM_BITS-1:0] sum;
    snn_carousel #(.WIDTH(SUM_BITS), .SLOTS(LANES)) sums (
        .clk        (clk),
        .load       (accept),
        .load_words (job_sums),
        .turn       (busy),
        .entering   (sum),
        .leaving    (sum)
    );

    // What the later stages must know about this lane's turn, in one bundle that travels along.
    localparam FLAGS_BITS = 5 + LAYER_BITS + GROUP_BITS + LANE_BITS + STEP_BITS;
    wire is_neuron = group != constants_last_group || lane <= constants_last_lane;
    wire is_first  = step == {STEP_BITS{1'b0}};
    wire is_final  = step == last_step;
    wire [FLAGS_BITS-1:0] issue_flags = {is_neuron, constants_is_last, is_first, is_final,
                                         at_last_lane, layer, group, lane, step};

    // ----------------------------------------------------------------------------------- read
    reg                  read_turn;
    reg [FLAGS_BITS-1:0] read_flags;
    reg [SUM_BITS-1:0]   read_sum;
    reg [SHIFT_BITS-1:0] read_shift;

    always @(posedge clk) begin
        read_turn  <= busy && !reset;
        read_flags <= issue_flags;
        read_sum   <= sum;
        read_shift <= constants_shift;
    end

    // --------------------------------------------------------------------------------- biased
    reg                   biased_turn;
    reg [FLAGS_BITS-1:0]  biased_flags;
    reg [SUM_BITS-1:0]    biased_total;
    reg [SHIFT_BITS-1:0]  biased_shift;
    reg [PARAMETER_BITS-1:0] biased_parameters;

    wire [SUM_BITS-1:0] bias = {{(SUM_BITS-BIAS_BITS){memory_word[BIAS_BITS-1]}},
                                memory_word[BIAS_BITS-1:0]};

    always @(posedge clk) begin
        biased_turn  <= read_turn && !reset;
        biased_flags <= read_flags;
        biased_total <= read_sum + bias;
        biased_shift <= read_shift;
        biased_parameters <= memory_word[BIAS_BITS +: PARAMETER_BITS];
    end

    // ---------------------------------------------------------------------------------- drive
    reg                  drive_turn;
    reg [FLAGS_BITS-1:0] drive_flags;

    wire signed [CURRENT_BITS-1:0] current;
    snn_requantize #(
        .TOTAL_BITS(SUM_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
        .CURRENT_BITS(CURRENT_BITS)
    ) requantize (
        .total(biased_total), .shift(biased_shift), .current(current)
    );

    always @(posedge clk) begin
        drive_turn   <= biased_turn && !reset;
        drive_flags  <= biased_flags;
        unit_current <= current;
        unit_parameters <= biased_parameters;
    end

    wire                  drive_is_neuron, drive_is_output, drive_is_first, drive_is_final;
    wire                  drive_ends_word;
    wire [LAYER_BITS-1:0] drive_layer;
    wire [GROUP_BITS-1:0] drive_group;
    wire [LANE_BITS-1:0]  drive_lane;
    wire [STEP_BITS-1:0]  drive_step;
    assign {drive_is_neuron, drive_is_output, drive_is_first, drive_is_final, drive_ends_word,
            drive_layer, drive_group, drive_lane, drive_step} = drive_flags;

    localparam [STATE_BITS-1:0] REST = INITIAL_STATE;
    wire [STATE_BITS-1:0] state;
    assign unit_state = drive_is_first ? REST : state;

    snn_carousel #(.WIDTH(STATE_BITS), .SLOTS(LANES)) states (
        .clk        (clk),
        .load       (1'b0),
        .load_words ({LANES*STATE_BITS{1'b0}}),
        .turn       (drive_turn),
        .entering   (unit_next_state),
        .leaving    (state)
    );

    // --------------------------------------------------------------------------------- update
    always @(posedge clk) begin
        update_turn      <= drive_turn && !reset;
        update_valid     <= drive_turn && drive_is_neuron && !reset;
        update_is_output <= drive_is_output;
        update_is_first  <= drive_is_first;
        update_is_final  <= drive_is_final;
        update_ends_word <= drive_ends_word;
        update_layer     <= drive_layer;
        update_group     <= drive_group;
        update_neuron    <= ({{LANE_BITS{1'b0}}, drive_group} << LANE_SHIFT)
                          | {{GROUP_BITS{1'b0}}, drive_lane};
        update_step      <= drive_step;
        update_state     <= unit_next_state;
        update_spike     <= drive_is_neuron && unit_spike;
    end

    assign idle = !(busy || read_turn || biased_turn || drive_turn || update_turn);

endmodule
