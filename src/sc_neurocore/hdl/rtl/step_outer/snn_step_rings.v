// snn_step_rings: LANES multiply-accumulate lanes whose sums stand in rings, one ring per neuron.
//
// It takes the place of snn_accumulator in networks with delays, and has its tokens and its jobs. In
// the weight memory, a delay in whole steps stands beside each weight. What a token brings to a
// neuron with delay d is added to the sum of the step that is d steps ahead:
//
//   ring of one neuron, step t     [t]  [t+1] [t+2] [t+3]      slot = (t + d) mod 2**DELAY_BITS
//   token, delays 0, 2 and 3       +w0         +w1   +w2
//   handover                       out, 0
//
// A handover takes the sum of this step out and leaves zero for the step that comes round next.
// Layers without delays have delay 0 everywhere, and share ring 0.
//
// Contract
//   - The pipeline moves as a whole: while complete sums wait for `job_ready`, every stage stands still.
//   - A token that adds and hands over takes two clocks: `token_ready` is low in the first.
//   - `phase` is the step, mod 2**DELAY_BITS; it changes only while `idle`. Delays are smaller
//     than 2**DELAY_BITS.
//   - All rings are cleared before the first token of a sample: `clear` with every `clear_address`,
//     while `idle`.
//   - Sums are kept modulo 2**SUM_BITS; the generator chooses SUM_BITS so that no sum can wrap (in each
//     slot an input is added at most once), and larger than WEIGHT_BITS + VALUE_BITS.
//
// Stages, each with its own flags:
//   addressed    the weight address stands at the memory
//   read         the memory's output register holds the row
//   weighted     the row once more; the rings are read
//   multiplied   products, and what the rings held; the sum is written back at the end of the stage
//
// Two tokens that follow each other may meet in one slot: the second would read what the first is
// just writing. So each lane keeps its last sum with its address, and takes that one instead.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_      both for slot s
//   token           t0  t1
//   weighted                    t0  t1
//   ring read                   s   s             t1 reads what is meaningless ...
//   multiplied                      t0  t1        ... and takes the last sum instead
//   ring written                    s   s

module snn_step_rings #(
    parameter LANES       = 8,
    parameter WEIGHT_BITS = 8,
    parameter DELAY_BITS  = 3,
    parameter VALUE_BITS  = 1,
    parameter SUM_BITS    = 20,
    parameter ROW_BITS    = 11,
    parameter TAG_BITS    = 4,
    parameter RING_BITS   = 1
) (
    input  wire                         clk,
    input  wire                         reset,
    output wire                         idle,

    input  wire                         clear,
    input  wire [RING_BITS+DELAY_BITS-1:0] clear_address,
    input  wire [DELAY_BITS-1:0]        phase,

    output wire                         token_ready,
    input  wire                         token_add,
    input  wire                         token_handover,
    input  wire [ROW_BITS-1:0]          token_row,
    input  wire [VALUE_BITS-1:0]        token_value,
    input  wire [TAG_BITS-1:0]          token_tag,
    input  wire [RING_BITS-1:0]         token_ring,

    output wire                         weights_read,
    output reg  [ROW_BITS-1:0]          weights_row,
    input  wire [LANES*(DELAY_BITS+WEIGHT_BITS)-1:0] weights,

    output wire                         job_valid,
    input  wire                         job_ready,
    output wire [LANES*SUM_BITS-1:0]    job_sums,
    output reg  [TAG_BITS-1:0]          job_tag
);

    localparam WORD_BITS    = DELAY_BITS + WEIGHT_BITS;
    localparam PRODUCT_BITS = WEIGHT_BITS + VALUE_BITS;

    reg                  addressed_add, addressed_handover;
    reg [VALUE_BITS-1:0] addressed_value;
    reg [TAG_BITS-1:0]   addressed_tag;
    reg [RING_BITS-1:0]  addressed_ring;

    reg                  read_add, read_handover;
    reg [VALUE_BITS-1:0] read_value;
    reg [TAG_BITS-1:0]   read_tag;
    reg [RING_BITS-1:0]  read_ring;

    reg                       weighted_add, weighted_handover;
    reg [VALUE_BITS-1:0]      weighted_value;
    reg [TAG_BITS-1:0]        weighted_tag;
    reg [RING_BITS-1:0]       weighted_ring;
    reg [LANES*WORD_BITS-1:0] weighted_row;

    reg                 multiplied_add, multiplied_handover;
    reg [RING_BITS-1:0] multiplied_ring;

    // `added` says that the first half of the token at the door is in.
    reg  added;
    wire advance    = !multiplied_handover || job_ready;
    wire split      = token_add && token_handover && !added;
    wire enter_add  = token_add && !added;
    wire enter_over = token_handover && !split;

    assign token_ready  = advance && !split;
    assign weights_read = advance && addressed_add;
    assign job_valid    = multiplied_handover;
    assign idle         = !(addressed_add || addressed_handover || read_add || read_handover
                            || weighted_add || weighted_handover
                            || multiplied_add || multiplied_handover);

    always @(posedge clk) begin
        if (advance) begin
            added               <= split;
            addressed_add       <= enter_add;
            addressed_handover  <= enter_over;
            read_add            <= addressed_add;
            read_handover       <= addressed_handover;
            weighted_add        <= read_add;
            weighted_handover   <= read_handover;
            multiplied_add      <= weighted_add;
            multiplied_handover <= weighted_handover;
        end
        if (reset) begin
            added               <= 1'b0;
            addressed_add       <= 1'b0;
            addressed_handover  <= 1'b0;
            read_add            <= 1'b0;
            read_handover       <= 1'b0;
            weighted_add        <= 1'b0;
            weighted_handover   <= 1'b0;
            multiplied_add      <= 1'b0;
            multiplied_handover <= 1'b0;
        end
    end

    always @(posedge clk)
        if (advance) begin
            addressed_value <= token_value;
            addressed_tag   <= token_tag;
            addressed_ring  <= token_ring;
            read_value      <= addressed_value;
            read_tag        <= addressed_tag;
            read_ring       <= addressed_ring;
            weighted_row    <= weights;
            weighted_value  <= read_value;
            weighted_tag    <= read_tag;
            weighted_ring   <= read_ring;
            job_tag         <= weighted_tag;
            multiplied_ring <= weighted_ring;
        end

    // An address is kept until the next one that counts: the memory is never asked for a row that
    // does not exist.
    always @(posedge clk)
        if (reset) weights_row <= {ROW_BITS{1'b0}};
        else if (advance && enter_add) weights_row <= token_row;

    wire store = advance && (multiplied_add || multiplied_handover);

    genvar lane;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            wire [WORD_BITS-1:0]           word   = weighted_row[lane*WORD_BITS +: WORD_BITS];
            wire signed [WEIGHT_BITS-1:0]  weight = word[WEIGHT_BITS-1:0];
            wire signed [VALUE_BITS:0]     factor = {1'b0, weighted_value};
            wire [DELAY_BITS-1:0]          delay  = word[WEIGHT_BITS +: DELAY_BITS];
            wire [DELAY_BITS-1:0]          slot   = weighted_handover ? phase : phase + delay;
            reg  signed [PRODUCT_BITS-1:0] product;
            reg  [DELAY_BITS-1:0]          multiplied_slot;

            wire [RING_BITS+DELAY_BITS-1:0] address = {multiplied_ring, multiplied_slot};
            wire [SUM_BITS-1:0]             held;
            reg                             last_valid;
            reg  [RING_BITS+DELAY_BITS-1:0] last_address;
            reg  [SUM_BITS-1:0]             last_sum;

            wire [SUM_BITS-1:0] present = last_valid && last_address == address ? last_sum : held;
            wire [SUM_BITS-1:0] total =
                present + {{(SUM_BITS-PRODUCT_BITS){product[PRODUCT_BITS-1]}}, product};
            wire [SUM_BITS-1:0] left = multiplied_handover ? {SUM_BITS{1'b0}} : total;
            assign job_sums[lane*SUM_BITS +: SUM_BITS] = total;

            always @(posedge clk)
                if (advance) begin
                    multiplied_slot <= slot;
                    if (weighted_add) product <= weight * factor;
                    else              product <= {PRODUCT_BITS{1'b0}};
                end

            always @(posedge clk) begin
                if (store) begin
                    last_address <= address;
                    last_sum     <= left;
                end
                if (reset || clear) last_valid <= 1'b0;
                else if (store)     last_valid <= 1'b1;
            end

            snn_ram #(.WIDTH(SUM_BITS), .ADDRESS_BITS(RING_BITS + DELAY_BITS)) rings (
                .clk           (clk),
                .write         (clear || store),
                .write_address (clear ? clear_address : address),
                .write_data    (clear ? {SUM_BITS{1'b0}} : left),
                .read          (advance && (weighted_add || weighted_handover)),
                .read_address  ({weighted_ring, slot}),
                .read_data     (held)
            );
        end
    endgenerate

endmodule
