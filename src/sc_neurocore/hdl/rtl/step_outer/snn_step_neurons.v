// snn_step_neurons: one pass of the neuron units over the LANES neurons of a group.
//
// A job is the complete sums of LANES neurons (a group) for one step. The lanes pass one per clock:
// bias, requantisation into the current I, the state from the state memory, the neuron's equation, the
// new state back into the memory. The equations themselves are combinational modules that the
// equation compiler made, chosen by the layer; they are plugged into the `unit_*` ports.
//
// Contract
//   - A job is taken in a clock with job_valid and job_ready, and takes LANES clocks; the next may
//     follow without a gap. Nothing stalls behind `job_ready`.
//   - `layer_*` and `is_first` belong to all jobs on their way: they change only while `idle`.
//   - A neuron has one job per step, and the next step begins only when this one is `idle`: a state is
//     never read while its successor is on its way to the memory (verify/step_control.py proves it).
//   - The neuron memory has one word per lane of every group: bias in the low BIAS_BITS, above it the
//     parameters that differ from neuron to neuron (one zero bit where none do).
//   - In the first step the state is `unit_initial`, whatever the memory holds.
//   - One update leaves per clock with `update_turn`. `update_valid` says that the lane is a neuron and
//     not the padding of a last group; padding never spikes. `ahead_neuron` is the neuron whose
//     update comes in the next clock.
//
// Stages, each with its own flags:
//   issue      lane counter; the neuron memory is addressed
//   read       the neuron memory's output register; the state memory is addressed
//   biased     sum plus bias; the state memory's output register
//   drive      requantised to the current; the unit works from here
//   update     new state, spike; the state is written
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_     LANES = 2
//   job_valid      _/‾‾‾\_______________________
//   issue               l0  l1
//   read                    l0  l1
//   state read              l0  l1
//   biased                      l0  l1
//   drive                           l0  l1
//   update                              l0  l1
//   state written                       l0  l1

module snn_step_neurons #(
    parameter LANES          = 8,
    parameter LANE_BITS      = 3,
    parameter LANE_SHIFT     = 3,
    parameter SUM_BITS       = 20,
    parameter BIAS_BITS      = 16,
    parameter LEFT_SHIFT     = 0,
    parameter SHIFT_BITS     = 4,
    parameter CURRENT_BITS   = 20,
    parameter STATE_BITS     = 16,
    parameter PARAMETER_BITS = 1,
    parameter GROUP_BITS     = 4,
    parameter SLOT_BITS      = 8
) (
    input  wire                       clk,
    input  wire                       reset,
    output wire                       idle,

    input  wire                       job_valid,
    output wire                       job_ready,
    input  wire [LANES*SUM_BITS-1:0]  job_sums,
    input  wire [GROUP_BITS-1:0]      job_group,

    input  wire                       is_first,
    input  wire [GROUP_BITS-1:0]      layer_last_group,
    input  wire [LANE_BITS-1:0]       layer_last_lane,
    input  wire [SLOT_BITS-1:0]       layer_first_slot,
    input  wire [SHIFT_BITS-1:0]      layer_shift,

    output wire                       memory_read,
    output wire [SLOT_BITS-1:0]       memory_slot,
    input  wire [PARAMETER_BITS+BIAS_BITS-1:0] memory_word,

    // The neuron's equation, combinational.
    input  wire [STATE_BITS-1:0]          unit_initial,
    output wire [STATE_BITS-1:0]          unit_state,
    output reg  signed [CURRENT_BITS-1:0] unit_current,
    output reg  [PARAMETER_BITS-1:0]      unit_parameters,
    input  wire [STATE_BITS-1:0]          unit_next_state,
    input  wire                           unit_spike,

    output reg                        update_turn,
    output reg                        update_valid,
    output reg                        update_ends_word,
    output reg  [GROUP_BITS-1:0]      update_group,
    output wire [GROUP_BITS+LANE_BITS-1:0] ahead_neuron,
    output reg  [GROUP_BITS+LANE_BITS-1:0] update_neuron,
    output reg  [STATE_BITS-1:0]      update_state,
    output reg                        update_spike
);

    // ---------------------------------------------------------------------------------- issue
    localparam LAST_LANE = LANES - 1;

    reg                  busy;
    reg [GROUP_BITS-1:0] group;
    reg [LANE_BITS-1:0]  lane;
    reg [SLOT_BITS-1:0]  first_slot;  // of the group; kept, so that no address is ever beyond the end

    wire at_last_lane = lane == LAST_LANE[LANE_BITS-1:0];
    wire accept       = job_valid && job_ready;

    assign job_ready = !busy || at_last_lane;

    always @(posedge clk) begin
        if (accept) begin
            group      <= job_group;
            first_slot <= layer_first_slot + ({{(SLOT_BITS-GROUP_BITS){1'b0}}, job_group} << LANE_SHIFT);
            lane       <= {LANE_BITS{1'b0}};
        end else if (busy)
            lane <= lane + 1'b1;
        busy <= accept || (busy && !at_last_lane);
        if (reset) busy <= 1'b0;
    end

    assign memory_read = busy;
    assign memory_slot = first_slot + {{(SLOT_BITS-LANE_BITS){1'b0}}, lane};

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
    localparam FLAGS_BITS = 2 + GROUP_BITS + LANE_BITS + SLOT_BITS;
    wire is_neuron = group != layer_last_group || lane <= layer_last_lane;
    wire [FLAGS_BITS-1:0] issue_flags = {is_neuron, at_last_lane, group, lane, memory_slot};

    // ----------------------------------------------------------------------------------- read
    reg                  read_turn;
    reg [FLAGS_BITS-1:0] read_flags;
    reg [SUM_BITS-1:0]   read_sum;

    always @(posedge clk) begin
        read_turn  <= busy && !reset;
        read_flags <= issue_flags;
        read_sum   <= sum;
    end

    // --------------------------------------------------------------------------------- biased
    reg                      biased_turn;
    reg [FLAGS_BITS-1:0]     biased_flags;
    reg [SUM_BITS-1:0]       biased_total;
    reg [PARAMETER_BITS-1:0] biased_parameters;

    wire [SUM_BITS-1:0] bias = {{(SUM_BITS-BIAS_BITS){memory_word[BIAS_BITS-1]}},
                                memory_word[BIAS_BITS-1:0]};

    always @(posedge clk) begin
        biased_turn       <= read_turn && !reset;
        biased_flags      <= read_flags;
        biased_total      <= read_sum + bias;
        biased_parameters <= memory_word[BIAS_BITS +: PARAMETER_BITS];
    end

    // ---------------------------------------------------------------------------------- drive
    reg                  drive_turn;
    reg [FLAGS_BITS-1:0] drive_flags;
    reg [STATE_BITS-1:0] drive_state;

    wire signed [CURRENT_BITS-1:0] current;
    snn_requantize #(
        .TOTAL_BITS(SUM_BITS), .LEFT_SHIFT(LEFT_SHIFT), .SHIFT_BITS(SHIFT_BITS),
        .CURRENT_BITS(CURRENT_BITS)
    ) requantize (
        .total(biased_total), .shift(layer_shift), .current(current)
    );

    wire [STATE_BITS-1:0] stored;
    always @(posedge clk) begin
        drive_turn      <= biased_turn && !reset;
        drive_flags     <= biased_flags;
        drive_state     <= stored;
        unit_current    <= current;
        unit_parameters <= biased_parameters;
    end

    assign unit_state = is_first ? unit_initial : drive_state;

    wire                  drive_is_neuron, drive_ends_word;
    wire [GROUP_BITS-1:0] drive_group;
    wire [LANE_BITS-1:0]  drive_lane;
    wire [SLOT_BITS-1:0]  drive_slot;
    assign {drive_is_neuron, drive_ends_word, drive_group, drive_lane, drive_slot} = drive_flags;
    assign ahead_neuron = ({{LANE_BITS{1'b0}}, drive_group} << LANE_SHIFT)
                        | {{GROUP_BITS{1'b0}}, drive_lane};

    // --------------------------------------------------------------------------------- update
    reg [SLOT_BITS-1:0] update_slot;
    always @(posedge clk) begin
        update_turn      <= drive_turn && !reset;
        update_valid     <= drive_turn && drive_is_neuron && !reset;
        update_ends_word <= drive_ends_word;
        update_group     <= drive_group;
        update_neuron    <= ahead_neuron;
        update_slot      <= drive_slot;
        update_state     <= unit_next_state;
        update_spike     <= drive_is_neuron && unit_spike;
    end

    // The slot of the lane in stage `read` is in the low bits of its flags.
    wire [SLOT_BITS-1:0] read_slot = read_flags[SLOT_BITS-1:0];
    snn_ram #(.WIDTH(STATE_BITS), .ADDRESS_BITS(SLOT_BITS)) states (
        .clk           (clk),
        .write         (update_turn),
        .write_address (update_slot),
        .write_data    (update_state),
        .read          (read_turn),
        .read_address  (read_slot),
        .read_data     (stored)
    );

    assign idle = !(busy || read_turn || biased_turn || drive_turn || update_turn);

endmodule
