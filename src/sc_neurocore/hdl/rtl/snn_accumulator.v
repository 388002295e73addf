// snn_accumulator: LANES multiply-accumulate lanes that work on the same input at the same time.
//
// A token names one input of the layer. Its row of the weight memory holds one weight per lane; each
// lane multiplies its own weight by the token's value and adds the product to its sum. A token with
// `handover` closes the sums: they are offered to the neuron unit, and the lanes start from zero.
// A token may add and hand over at once.
//
// Contract
//   - The pipeline moves as a whole: while complete sums wait for `job_ready`, every stage stands still
//     (`token_ready` is low, the weight memory holds its output).
//   - Sums are kept modulo 2**SUM_BITS; the generator chooses SUM_BITS so that no sum can wrap, and
//     larger than WEIGHT_BITS + INPUT_BITS.
//   - Every SHARED lanes have a register of their own for the value, which `keep` stops synthesis from
//     merging: a single one would stand far from most of the lanes that it feeds.
//   - A bare handover has the value zero at its multiplier, so that it adds nothing; it reads the row
//     of the token before it, or row 0. The registers around the multipliers have no reset: a DSP
//     block takes them in.
//
// Stages, each with its own flags:
//   addressed    the weight address stands at the memory
//   read         the memory's output register holds the row
//   weighted     the row once more: block RAM outputs are late in the clock, multipliers need it whole
//   multiplied   products; the sums take them in at the end of this stage
//
//   clk              _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   token             t0 t1H
//   addressed             t0 t1H
//   read                      t0 t1H
//   weighted                      t0 t1H
//   multiplied                        t0 t1H
//   sums               0   0   0   0   0  w0  0
//   job_valid        ____________________/‾‾‾\    job_sums = w0 + w1

module snn_accumulator #(
    parameter LANES       = 8,
    parameter SOFT_LANES  = 0,   // lanes whose multiplier is made of logic, where DSP blocks are few
    parameter WEIGHT_BITS = 8,
    parameter INPUT_BITS  = 8,
    parameter SUM_BITS    = 20,
    parameter ROW_BITS    = 11,
    parameter TAG_BITS    = 11
) (
    input  wire                         clk,
    input  wire                         reset,
    output wire                         idle,

    output wire                         token_ready,
    input  wire                         token_add,
    input  wire                         token_handover,
    input  wire [ROW_BITS-1:0]          token_row,
    input  wire [INPUT_BITS-1:0]        token_value,
    input  wire [TAG_BITS-1:0]          token_tag,

    output wire                         weights_read,
    output reg  [ROW_BITS-1:0]          weights_row,
    input  wire [LANES*WEIGHT_BITS-1:0] weights,

    output wire                         job_valid,
    input  wire                         job_ready,
    output wire [LANES*SUM_BITS-1:0]    job_sums,
    output reg  [TAG_BITS-1:0]          job_tag
);

    localparam PRODUCT_BITS = WEIGHT_BITS + INPUT_BITS;
    localparam SHARED       = 16;
    localparam COPIES       = (LANES + SHARED - 1) / SHARED;

    reg                  addressed_add, addressed_handover;
    reg [INPUT_BITS-1:0] addressed_value;
    reg [TAG_BITS-1:0]   addressed_tag;

    reg                  read_add, read_handover;
    reg [INPUT_BITS-1:0] read_value;
    reg [TAG_BITS-1:0]   read_tag;

    reg                          weighted_add, weighted_handover;
    wire [COPIES*INPUT_BITS-1:0] weighted_values;
    reg [TAG_BITS-1:0]           weighted_tag;
    reg [LANES*WEIGHT_BITS-1:0]  weighted_row;

    reg multiplied_add, multiplied_handover;

    wire advance = !multiplied_handover || job_ready;

    assign token_ready  = advance;
    assign weights_read = advance && (addressed_add || addressed_handover);
    assign job_valid    = multiplied_handover;
    assign idle         = !(addressed_add || addressed_handover || read_add || read_handover
                            || weighted_add || weighted_handover
                            || multiplied_add || multiplied_handover);

    always @(posedge clk) begin
        if (advance) begin
            addressed_add       <= token_add;
            addressed_handover  <= token_handover;
            read_add            <= addressed_add;
            read_handover       <= addressed_handover;
            weighted_add        <= read_add;
            weighted_handover   <= read_handover;
            multiplied_add      <= weighted_add;
            multiplied_handover <= weighted_handover;
        end
        if (reset) begin
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
            read_value      <= addressed_value;
            read_tag        <= addressed_tag;
            weighted_row    <= weights;
            weighted_tag    <= read_tag;
            job_tag         <= weighted_tag;
        end

    // An address is kept until the next one that counts: the memory is never asked for a row that
    // does not exist.
    always @(posedge clk)
        if (reset) weights_row <= {ROW_BITS{1'b0}};
        else if (advance && token_add) weights_row <= token_row;

    genvar copy, lane;
    generate
        for (copy = 0; copy < COPIES; copy = copy + 1) begin : copies
            reg [INPUT_BITS-1:0] value;
            (* keep *) always @(posedge clk)
                if (advance) value <= read_add ? read_value : {INPUT_BITS{1'b0}};
            assign weighted_values[copy*INPUT_BITS +: INPUT_BITS] = value;
        end

        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            wire signed [WEIGHT_BITS-1:0]  weight = weighted_row[lane*WEIGHT_BITS +: WEIGHT_BITS];
            wire signed [INPUT_BITS:0]     factor =
                {1'b0, weighted_values[(lane/SHARED)*INPUT_BITS +: INPUT_BITS]};
            reg  signed [PRODUCT_BITS-1:0] product;
            wire signed [PRODUCT_BITS-1:0] times;

            if (lane < SOFT_LANES) begin : in_logic
                // One addition per bit of the value: nothing that synthesis takes for a multiplier.
                wire [PRODUCT_BITS-1:0] wide = {{INPUT_BITS{weight[WEIGHT_BITS-1]}}, weight};
                reg  [PRODUCT_BITS-1:0] partial;
                integer                 place;
                always @* begin
                    partial = {PRODUCT_BITS{1'b0}};
                    for (place = 0; place < INPUT_BITS; place = place + 1)
                        partial = partial + (factor[place] ? wide << place : {PRODUCT_BITS{1'b0}});
                end
                assign times = partial;
            end else begin : block
                assign times = weight * factor;
            end
            reg         [SUM_BITS-1:0]     sum;

            wire [SUM_BITS-1:0] total =
                sum + {{(SUM_BITS-PRODUCT_BITS){product[PRODUCT_BITS-1]}}, product};
            assign job_sums[lane*SUM_BITS +: SUM_BITS] = total;

            always @(posedge clk)
                if (advance) product <= times;

            always @(posedge clk)
                if (reset || (advance && multiplied_handover)) sum <= {SUM_BITS{1'b0}};
                else if (advance && multiplied_add)            sum <= total;
        end
    endgenerate

endmodule
