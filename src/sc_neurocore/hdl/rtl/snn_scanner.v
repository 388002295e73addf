// snn_scanner: turns input words into one multiply-accumulate token per active input.
//
// Two kinds of words come in. A spike word holds the spikes of LANES neurons of the layer before;
// each set bit becomes a token of value 1, lowest bit first, one per clock. An event is a beat of
// the frame, (index, BEAT values), and each value that is not zero becomes a token, lowest first. A
// word without anything in it costs a clock and leaves no token. The last word of a scan puts `handover` on its last token (or on a token that
// adds nothing): the sums are then complete and go to the neuron unit.
//
// Contract
//   - Tokens leave in the order of the fetches. Every token carries all that later stages need
//     to know about it (weight address, value, group, step, ...): nothing is looked up in the
//     controller, which by then is ahead.
//   - While `token_ready` is low nothing changes and the token stands.
//   - INDEX_BITS >= EVENT_BITS + BEAT_SHIFT; ROW_BITS >= INDEX_BITS.
//   - LANES and BEAT are powers of two.
//   - The memories are read in the clock of the fetch and hold their output while `memory_read` is low.
//
// Stages: fetched (the memories' output registers) and current (the word being taken apart).
// LANES = 4, the word 0110 and then the word 0000, the last of its scan:
//
//   clk          _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   fetch         0110 0000
//   fetched            0110 0000 0000
//   current                 0110 0100 0000
//   token_add               i=1  i=2
//   token_handover                    yes

module snn_scanner #(
    parameter LANES      = 8,
    parameter LANE_SHIFT = 3,
    parameter INPUT_BITS = 8,
    parameter BEAT       = 1,    // values in an event
    parameter BEAT_SHIFT = 0,    // log2(BEAT)
    parameter LAYER_BITS = 2,
    parameter GROUP_BITS = 4,
    parameter STEP_BITS  = 5,
    parameter INDEX_BITS = 7,
    parameter EVENT_BITS = 6,
    parameter ROW_BITS   = 11
) (
    input  wire                  clk,
    input  wire                  reset,
    output wire                  idle,

    input  wire                  fetch_valid,
    output wire                  fetch_ready,
    input  wire                  fetch_is_event,
    input  wire [INDEX_BITS-1:0] fetch_word,
    input  wire                  fetch_is_empty,
    input  wire                  fetch_is_last,
    input  wire [ROW_BITS-1:0]   fetch_row,
    input  wire [LAYER_BITS-1:0] fetch_layer,
    input  wire [GROUP_BITS-1:0] fetch_group,
    input  wire [STEP_BITS-1:0]  fetch_step,

    output wire                  memory_read,
    input  wire [EVENT_BITS-1:0] event_index,
    input  wire [BEAT*INPUT_BITS-1:0] event_value,
    input  wire [LANES-1:0]      spikes,

    input  wire                  token_ready,
    output wire                  token_add,
    output wire                  token_handover,
    output wire [ROW_BITS-1:0]   token_row,
    output wire [INPUT_BITS-1:0] token_value,
    output reg  [LAYER_BITS-1:0] token_layer,
    output reg  [GROUP_BITS-1:0] token_group,
    output reg  [STEP_BITS-1:0]  token_step
);

    // Stage "fetched": what travels beside the memories' output registers.
    reg                  fetched_valid;
    reg                  fetched_is_event;
    reg [INDEX_BITS-1:0] fetched_word;
    reg                  fetched_is_empty;
    reg                  fetched_is_last;
    reg [ROW_BITS-1:0]   fetched_row;
    reg [LAYER_BITS-1:0] fetched_layer;
    reg [GROUP_BITS-1:0] fetched_group;
    reg [STEP_BITS-1:0]  fetched_step;

    // Stage "current": `pending` are the inputs that still have no token.
    localparam WORD = LANES > BEAT ? LANES : BEAT;

    reg                  current_valid;
    reg [WORD-1:0]       pending;
    reg                  current_is_last;
    reg [INDEX_BITS-1:0] first_index;
    reg [ROW_BITS-1:0]   row;
    reg [BEAT*INPUT_BITS-1:0] values;

    localparam [INPUT_BITS-1:0] SPIKE = 1;

    wire [WORD-1:0] lowest    = pending & (~pending + 1'b1);
    wire [WORD-1:0] remaining = pending & ~lowest;
    wire            finished  = remaining == {WORD{1'b0}};

    wire take = fetched_valid && (!current_valid || (finished && token_ready));

    assign fetch_ready = !fetched_valid || take;
    assign memory_read = fetch_valid && fetch_ready;
    assign idle        = !fetched_valid && !current_valid;

    // The position of the one bit in `lowest`.
    reg [INDEX_BITS-1:0] position;
    integer lane;
    always @* begin
        position = {INDEX_BITS{1'b0}};
        for (lane = 0; lane < WORD; lane = lane + 1)
            if (lowest[lane]) position = position | lane[INDEX_BITS-1:0];
    end

    // Which values of an event are not zero; of a beat with one value, that one is not.
    wire [WORD-1:0] active;
    genvar each;
    generate
        for (each = 0; each < WORD; each = each + 1) begin : actives
            if (each >= BEAT) begin : beyond
                assign active[each] = 1'b0;
            end else if (BEAT == 1) begin : only
                assign active[each] = 1'b1;
            end else begin : one_of_several
                assign active[each] = event_value[each*INPUT_BITS +: INPUT_BITS] != {INPUT_BITS{1'b0}};
            end
        end
    endgenerate

    // The value of the token: that of the lowest bit; a spike word has ones.
    reg [INPUT_BITS-1:0] value;
    integer place;
    always @* begin
        value = values[0 +: INPUT_BITS];
        for (place = 1; place < BEAT; place = place + 1)
            if (lowest[place]) value = values[place*INPUT_BITS +: INPUT_BITS];
    end

    assign token_add      = current_valid && pending != {WORD{1'b0}};
    assign token_handover = current_valid && current_is_last && finished;
    assign token_value    = value;

    // The low bits of a spike word's first index are zero, so that OR adds.
    assign token_row = row + {{(ROW_BITS-INDEX_BITS){1'b0}}, first_index | position};

    always @(posedge clk) begin
        if (memory_read) begin
            fetched_is_event <= fetch_is_event;
            fetched_word     <= fetch_word;
            fetched_is_empty <= fetch_is_empty;
            fetched_is_last  <= fetch_is_last;
            fetched_row      <= fetch_row;
            fetched_layer    <= fetch_layer;
            fetched_group    <= fetch_group;
            fetched_step     <= fetch_step;
        end
        fetched_valid <= memory_read || (fetched_valid && !take);
        if (reset) fetched_valid <= 1'b0;
    end

    always @(posedge clk) begin
        if (take) begin
            pending         <= fetched_is_empty ? {WORD{1'b0}}
                             : fetched_is_event ? active
                             : {{(WORD-LANES){1'b0}}, spikes};
            first_index     <= fetched_is_event
                             ? {{(INDEX_BITS-EVENT_BITS){1'b0}}, event_index} << BEAT_SHIFT
                             : fetched_word << LANE_SHIFT;
            values          <= fetched_is_event ? event_value : {BEAT{SPIKE}};
            current_is_last <= fetched_is_last;
            row             <= fetched_row;
            token_layer     <= fetched_layer;
            token_group     <= fetched_group;
            token_step      <= fetched_step;
        end else if (token_ready)
            pending <= remaining;
        current_valid <= take || (current_valid && !(finished && token_ready));
        if (reset) current_valid <= 1'b0;
    end

endmodule
