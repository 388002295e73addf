// SPDX-License-Identifier: Apache-2.0
// snn_accumulator: LANES multiply-accumulate lanes that work on the same input at the same time.
//
// A token names one input of the layer. Its row of the weight memory holds one weight per lane; each
// lane multiplies its own weight by the token's value and adds the product to its sum. A token with
// `handover` closes the sums: they are offered to the neuron units, and the lanes start from zero.
// A token may add and hand over at once.
//
// With DELAY_BITS > 0 a delay in whole steps stands above each weight, and each lane keeps a ring of
// sums for every group of a delayed layer (snn_ring.v): what a token brings goes to the sum of the step
// that is so many steps ahead, and a handover takes out the sum of this step. Layers without delays
// share ring 0.
//
// With PART_BITS > 0 nothing is multiplied: lanes count streams (snn_product.v, snn_streams.v). A token of
// a layer that `layer_has_values` brings a value, and takes a clock for each part of its stream, in each of
// which the lanes add what weights and value have in common there; a token of another layer is a spike.
//
// Contract
//   - The pipeline moves as a whole: while complete sums wait for `job_ready`, every stage stands still
//     (`token_ready` is low, the weight memory holds its output).
//   - Sums are kept modulo 2**SUM_BITS; the generator chooses SUM_BITS so that no sum can wrap, and
//     larger than WEIGHT_BITS + VALUE_BITS, or with streams than WEIGHT_BITS and STREAM_SHIFT + 2.
//   - Every SHARED lanes have a register of their own for the value, which `keep` stops synthesis from
//     merging: a single one would stand far from most of the lanes that it feeds.
//   - A bare handover has the value zero at its multiplier, so that it adds nothing; it reads the row
//     of the token before it, or row 0. The registers around the multipliers have no reset: a DSP
//     block takes them in.
//   - With streams, a token that adds a value takes 2**PART_BITS clocks: `token_ready` is low in all but
//     the last, in which it hands over, if it does. Then there are no rings.
//   - With rings, a token that adds and hands over takes two clocks: `token_ready` is low in the first.
//     `layer_*` and `step` change only while `idle`. All rings are cleared before the first token of a
//     sample: `clear` with every `clear_address`, while `idle`.
//
// Stages, each with its own flags:
//   addressed    the weight address stands at the memory
//   read         the memory's output register holds the row
//   weighted     the row once more: block RAM outputs are late in the clock, multipliers need it whole;
//                rings are read; with streams the bits that weights and value share, taken from the
//                memory's output, stand in the multipliers' own registers
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

`default_nettype none

module snn_accumulator #(
    parameter LANES       = 8,
    parameter WEIGHT_BITS = 8,
    parameter DELAY_BITS  = 0,   // of a delay above a weight; 0: no rings
    parameter VALUE_BITS  = 8,
    parameter SIGNED_VALUES = 0,
    parameter SUM_BITS    = 20,
    parameter ROW_BITS    = 11,
    parameter RING_BITS   = 1,   // of a ring's number
    parameter GROUP_BITS  = 4,
    parameter STEP_BITS   = 5,
    parameter [4*LANES-1:0] MULTIPLIERS = 0, // of each lane, the kind of snn_product.v
    parameter PART_BITS   = 0,   // of the number of a part of a stream; 0: no streams
    parameter STREAM_SHIFT    = 1,   // these and the next as snn_streams.v has them
    parameter STREAM_FRACTION = 1,
    parameter [(STREAM_SHIFT << (PART_BITS+STREAM_SHIFT))-1:0] STREAM_PLACES = 0,
    parameter [((STREAM_FRACTION > STREAM_SHIFT ? STREAM_FRACTION-STREAM_SHIFT : 1) << PART_BITS)-1:0] STREAM_LOWS = 0,
    parameter [((PART_BITS > 0 ? PART_BITS : 1) << PART_BITS)-1:0] WEIGHT_LOWS = 0,
    parameter WEIGHT_SHIFT    = 0    // as snn_product.v has it
) (
    input  wire                         clk,
    input  wire                         reset,
    output wire                         idle,

    // For rings alone.
    input  wire                         clear,
    input  wire [RING_BITS+DELAY_BITS-1:0] clear_address,
    input  wire [STEP_BITS-1:0]         step,
    input  wire                         layer_is_delayed,
    input  wire [RING_BITS-1:0]         layer_first_ring,
    input  wire [GROUP_BITS-1:0]        layer_last_group,

    output wire                         token_ready,
    input  wire                         token_add,
    input  wire                         token_handover,
    input  wire [ROW_BITS-1:0]          token_row,
    input  wire [VALUE_BITS-1:0]        token_value,
    input  wire                         layer_has_values,  // for streams alone

    output wire                         weights_read,
    output reg  [ROW_BITS-1:0]          weights_row,
    input  wire [LANES*(DELAY_BITS+WEIGHT_BITS)-1:0] weights,

    output wire                         job_valid,
    input  wire                         job_ready,
    output wire [LANES*SUM_BITS-1:0]    job_sums
);

    localparam WORD_BITS    = DELAY_BITS + WEIGHT_BITS;
    // What the lanes' multipliers take: the value, or {whole, low, bits} of its stream.
    localparam FACTOR_BITS  = PART_BITS > 0 ? 1 + PART_BITS + (1 << STREAM_SHIFT) : VALUE_BITS;
    localparam PRODUCT_BITS = PART_BITS == 0 ? WEIGHT_BITS + VALUE_BITS
                            : WEIGHT_BITS > STREAM_SHIFT + 2 ? WEIGHT_BITS : STREAM_SHIFT + 2;
    localparam SHARED       = 16;
    localparam COPIES       = (LANES + SHARED - 1) / SHARED;

    reg                  addressed_add, addressed_handover;
    reg [VALUE_BITS-1:0] addressed_value;

    reg                  read_add, read_handover;
    reg [VALUE_BITS-1:0] read_value;

    reg                          weighted_add, weighted_handover;
    wire [COPIES*FACTOR_BITS-1:0] weighted_values;
    reg [LANES*WORD_BITS-1:0]    weighted_row;

    reg multiplied_add, multiplied_handover;

    generate
        if (PART_BITS > 0 && DELAY_BITS > 0)
            there_are_no_rings_with_streams stop ();
    endgenerate

    // With rings, `added` says that the first half of the token at the door is in; with streams,
    // `is_part` that another part of its stream comes behind this one.
    wire added, is_part;
    wire advance        = !multiplied_handover || job_ready;
    wire split          = is_part || (DELAY_BITS != 0 && token_add && token_handover && !added);
    wire enter_add      = token_add && !added;
    wire enter_handover = token_handover && !split;

    assign token_ready  = advance && !split;
    assign weights_read = advance && (addressed_add || addressed_handover);
    assign job_valid    = multiplied_handover;
    assign idle         = !(addressed_add || addressed_handover || read_add || read_handover
                            || weighted_add || weighted_handover
                            || multiplied_add || multiplied_handover);

    always @(posedge clk) begin
        if (advance) begin
            addressed_add       <= enter_add;
            addressed_handover  <= enter_handover;
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
            read_value      <= addressed_value;
            weighted_row    <= weights;
        end

    // An address is kept until the next one that counts: the memory is never asked for a row that
    // does not exist.
    always @(posedge clk)
        if (reset) weights_row <= {ROW_BITS{1'b0}};
        else if (advance && enter_add) weights_row <= token_row;

    // Which ring: that of the group, which is counted by its handovers; and which sum of it is due.
    localparam DUE_BITS = DELAY_BITS > 0 ? DELAY_BITS : 1;
    wire [RING_BITS-1:0] ring;
    wire [GROUP_BITS-1:0] ring_group;
    wire [DUE_BITS-1:0]  due;
    generate
        if (DELAY_BITS == 0) begin : no_rings
            assign added = 1'b0;
            assign ring  = {RING_BITS{1'b0}};
            assign due   = 1'b0;
            assign ring_group = {GROUP_BITS{1'b0}};
            wire unused = &{clear, clear_address, step, layer_is_delayed, layer_first_ring, layer_last_group,
                            ring, due, ring_group, 1'b0};
        end else begin : with_rings
            localparam WIDER = STEP_BITS > DELAY_BITS ? STEP_BITS : DELAY_BITS;
            localparam BROAD = RING_BITS > GROUP_BITS ? RING_BITS : GROUP_BITS;
            reg                  first_half_is_in;
            reg [GROUP_BITS-1:0] group;
            wire [BROAD-1:0]     wide_group = {{(BROAD-GROUP_BITS){1'b0}}, group};
            wire [WIDER-1:0]     wide_step  = {{(WIDER-STEP_BITS){1'b0}}, step};
            wire                 unused = &{wide_group, wide_step, ring_group, 1'b0};  // high bits
            assign added = first_half_is_in;
            assign ring_group = group;
            assign ring  = layer_is_delayed ? layer_first_ring + wide_group[RING_BITS-1:0] : {RING_BITS{1'b0}};
            assign due   = wide_step[DELAY_BITS-1:0];
            always @(posedge clk) begin
                if (advance) first_half_is_in <= split;
                if (advance && weighted_handover)
                    group <= group == layer_last_group ? {GROUP_BITS{1'b0}} : group + 1'b1;
                if (reset) begin
                    first_half_is_in <= 1'b0;
                    group            <= {GROUP_BITS{1'b0}};
                end
            end
        end
    endgenerate

    // What a token is to the multipliers: a value, which they get when its row has been read once more, or
    // bits of its stream, which they get when its row is read, since they take a clock themselves.
    wire [FACTOR_BITS-1:0] coming_factor;
    wire                   coming_add;
    localparam COUNTED = PART_BITS > 0 ? PART_BITS : 1;
    // Which part of its stream the token at the door is at, and the one behind it, or whether that is a spike.
    wire [COUNTED-1:0] part_at_door, part_behind;
    wire               is_whole_behind;
    wire               unused_parts = &{part_at_door, part_behind, is_whole_behind, 1'b0};
    generate
        if (PART_BITS == 0) begin : values
            assign is_part       = 1'b0;
            assign coming_factor = read_value;
            assign coming_add    = read_add;
            assign {part_at_door, part_behind, is_whole_behind} = {(2*COUNTED+1){1'b0}};
            wire unused_values = &{layer_has_values, STREAM_PLACES[0], STREAM_LOWS[0], WEIGHT_LOWS[0], 1'b0};
        end else begin : streams
            reg [PART_BITS-1:0] part, addressed_part;
            reg                 addressed_whole;
            assign {part_at_door, part_behind, is_whole_behind} = {part, addressed_part, addressed_whole};
            assign is_part = token_add && layer_has_values && part != {PART_BITS{1'b1}};
            always @(posedge clk)
                if (reset)        part <= {PART_BITS{1'b0}};
                else if (advance) part <= is_part ? part + 1'b1 : {PART_BITS{1'b0}};
            always @(posedge clk)
                if (advance) begin
                    addressed_part  <= part;
                    addressed_whole <= !layer_has_values;
                end
            wire [(1<<STREAM_SHIFT)-1:0] bits;
            wire [PART_BITS-1:0]         low;
            snn_streams #(
                .VALUE_BITS(VALUE_BITS), .PART_BITS(PART_BITS), .STREAM_SHIFT(STREAM_SHIFT),
                .STREAM_FRACTION(STREAM_FRACTION), .STREAM_PLACES(STREAM_PLACES), .STREAM_LOWS(STREAM_LOWS),
                .WEIGHT_LOWS(WEIGHT_LOWS)
            ) stream (
                .value      (addressed_value),
                .part       (addressed_part),
                .bits       (bits),
                .weight_low (low)
            );
            assign coming_factor = {addressed_whole, low, bits};
            assign coming_add    = addressed_add;
        end
    endgenerate

    genvar copy, lane;
    generate
        for (copy = 0; copy < COPIES; copy = copy + 1) begin : copies
            // Copies stay copies: Vivado reads the register's attribute, Yosys that of what drives it.
            (* keep = "true" *) reg [FACTOR_BITS-1:0] value;
            (* keep *) always @(posedge clk)
                if (advance) value <= coming_add ? coming_factor : {FACTOR_BITS{1'b0}};
            assign weighted_values[copy*FACTOR_BITS +: FACTOR_BITS] = value;
        end

        for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
            reg  signed [PRODUCT_BITS-1:0] product;
            wire signed [PRODUCT_BITS-1:0] times;

            snn_product #(
                .WEIGHT_BITS(WEIGHT_BITS), .VALUE_BITS(FACTOR_BITS), .SIGNED_VALUE(SIGNED_VALUES),
                .KIND(MULTIPLIERS[4*lane +: 4]), .PART_BITS(PART_BITS), .STREAM_SHIFT(STREAM_SHIFT),
                .WEIGHT_SHIFT(WEIGHT_SHIFT)
            ) multiplier (
                .clk     (clk),
                .advance (advance),
                .weight  (PART_BITS > 0 ? weights[lane*WORD_BITS +: WEIGHT_BITS]
                                        : weighted_row[lane*WORD_BITS +: WEIGHT_BITS]),
                .value   (weighted_values[(lane/SHARED)*FACTOR_BITS +: FACTOR_BITS]),
                .times   (times)
            );

            always @(posedge clk)
                if (advance) product <= times;

            wire [SUM_BITS-1:0] earlier;
            wire [SUM_BITS-1:0] total =
                earlier + {{(SUM_BITS-PRODUCT_BITS){product[PRODUCT_BITS-1]}}, product};
            assign job_sums[lane*SUM_BITS +: SUM_BITS] = total;

            if (DELAY_BITS == 0) begin : kept
                reg [SUM_BITS-1:0] sum;
                always @(posedge clk)
                    if (reset || (advance && multiplied_handover)) sum <= {SUM_BITS{1'b0}};
                    else if (advance && multiplied_add)            sum <= total;
                assign earlier = sum;
            end else begin : delayed
                wire [DELAY_BITS-1:0] delay = weighted_row[lane*WORD_BITS + WEIGHT_BITS +: DELAY_BITS];
                snn_ring #(.WIDTH(SUM_BITS), .ADDRESS_BITS(RING_BITS + DELAY_BITS)) sums (
                    .clk           (clk),
                    .reset         (reset),
                    .clear         (clear),
                    .clear_address (clear_address),
                    .advance       (advance),
                    .read          (weighted_add || weighted_handover),
                    .read_address  ({ring, weighted_handover ? due : due + delay}),
                    .word          (earlier),
                    .write         (multiplied_add || multiplied_handover),
                    .write_word    (multiplied_handover ? {SUM_BITS{1'b0}} : total)
                );
            end
        end
    endgenerate

`ifdef FORMAL
    // A handover hands over, in every lane, the sum of what its multiplier made of each token since the
    // last one, weight and value of that token; with rings, since the sum of that step was taken out.
    // Tokens on their way, clock by clock. With rings one that adds and hands over comes as two, with
    // streams one that adds a value as one for each part of its stream, in their order.
    reg half = 1'b0, add_1 = 1'b0, add_2 = 1'b0, add_3 = 1'b0, add_4 = 1'b0;
    reg handover_1 = 1'b0, handover_2 = 1'b0, handover_3 = 1'b0, handover_4 = 1'b0;
    reg [VALUE_BITS-1:0]    value_1, value_2;
    reg [FACTOR_BITS-1:0]   value_3;
    reg [COUNTED-1:0]       part_0 = {COUNTED{1'b0}}, part_1;
    reg                     whole_1;
    reg  [FACTOR_BITS-1:0]  factor_2;
    // What snn_streams.v answers, for that value and part.
    wire [FACTOR_BITS-1:0]  factor_1     = PART_BITS == 0 ? value_1 : coming_factor;
    wire                    is_at_part_0 = PART_BITS == 0 || part_at_door == part_0;
    wire                    is_at_part_1 = PART_BITS == 0 || (part_behind == part_1 && is_whole_behind == whole_1);
    reg [ROW_BITS-1:0]      row_1, row_2, row_read;
    reg [GROUP_BITS-1:0]    group_0 = {GROUP_BITS{1'b0}}, group_1, group_2, group_3;
    wire moves          = !handover_4 || job_ready;
    wire is_two         = DELAY_BITS != 0 && token_add && token_handover && !half;
    wire is_more        = PART_BITS != 0 && token_add && layer_has_values && part_0 != {COUNTED{1'b1}};
    wire comes_add      = token_add && !half;
    wire comes_handover = token_handover && !is_two && !is_more;
    always @(posedge clk) begin
        if (moves) begin
            half <= is_two;
            {add_1, add_2, add_3, add_4} <= {comes_add, add_1, add_2, add_3};
            {handover_1, handover_2, handover_3, handover_4} <= {comes_handover, handover_1, handover_2, handover_3};
            {value_1, value_2}   <= {token_value, value_1};
            {factor_2, value_3}  <= {factor_1, factor_2};
            {part_1, whole_1}    <= {part_0, !layer_has_values};
            part_0 <= is_more ? part_0 + 1'b1 : {COUNTED{1'b0}};
            {row_1, row_2} <= {token_row, row_1};
            {group_1, group_2, group_3} <= {group_0, group_1, group_2};
            if (comes_handover) group_0 <= group_0 == layer_last_group ? {GROUP_BITS{1'b0}} : group_0 + 1'b1;
        end
        if (weights_read) row_read <= weights_row;
        if (reset) begin
            half    <= 1'b0;
            part_0  <= {COUNTED{1'b0}};
            group_0 <= {GROUP_BITS{1'b0}};
            {add_1, add_2, add_3, add_4}                     <= 4'd0;
            {handover_1, handover_2, handover_3, handover_4} <= 4'd0;
        end
    end

    // Behind a handover comes the next group.
    localparam [GROUP_BITS-1:0] FIRST = 0;
    wire [GROUP_BITS-1:0] last = layer_last_group;
    wire [GROUP_BITS-1:0] after_1 = !handover_1 ? group_1 : group_1 == last ? FIRST : group_1 + 1'b1;
    wire [GROUP_BITS-1:0] after_2 = !handover_2 ? group_2 : group_2 == last ? FIRST : group_2 + 1'b1;
    wire [GROUP_BITS-1:0] after_3 = !handover_3 ? group_3 : group_3 == last ? FIRST : group_3 + 1'b1;
    // What is the oldest on its way, behind each place.
    wire [GROUP_BITS-1:0] behind_1 = add_1 || handover_1 ? group_1 : group_0;
    wire [GROUP_BITS-1:0] behind_2 = add_2 || handover_2 ? group_2 : behind_1;
    wire [GROUP_BITS-1:0] behind_3 = add_3 || handover_3 ? group_3 : behind_2;

    // The world's side of the contract. A token stands until it is taken; what belongs to the layer and
    // the step stays while anything is on its way or a layer is half done; rings are cleared while idle.
    reg begun = 1'b0, stands;
    reg [ROW_BITS+VALUE_BITS+2:0] stood;
    wire [ROW_BITS+VALUE_BITS+2:0] at_the_door =
        {PART_BITS != 0 && layer_has_values, token_add, token_handover, token_row, token_value};
    reg [STEP_BITS+RING_BITS+GROUP_BITS:0] of_layer;
    wire under_way = {add_1, add_2, add_3, add_4, handover_1, handover_2, handover_3, handover_4} != 8'd0;
    always @(posedge clk) begin
        begun    <= 1'b1;
        stands   <= (token_add || token_handover) && !token_ready && !reset;
        stood    <= at_the_door;
        of_layer <= {step, layer_is_delayed, layer_first_ring, layer_last_group};
    end
    wire fair_now = begun
        ? (!stands || stood == at_the_door)
          && (DELAY_BITS == 0 || (!(clear && (under_way || token_add || token_handover))
              && ((!under_way && group_0 == 0 && !half)
                  || of_layer == {step, layer_is_delayed, layer_first_ring, layer_last_group})
              && group_0 <= layer_last_group))
        : reset;
    reg  fair    = 1'b1;
    wire is_fair = fair && fair_now;
    always @(posedge clk) fair <= is_fair;
    wire holds = begun && is_fair;

    // Sums that are on their way, the clocks until all is handed over, and whether what is the youngest adds to
    // a sum that is still to be handed over.
    wire [2:0] ends        = handover_1 + handover_2 + handover_3 + handover_4;
    wire [2:0] clocks_left = add_1 || handover_1 ? 3'd4 : add_2 || handover_2 ? 3'd3 : add_3 || handover_3 ? 3'd2
                           : {2'd0, add_4 || handover_4};
    wire       is_open     = add_1 || handover_1 ? !handover_1 : add_2 || handover_2 ? !handover_2
                           : add_3 || handover_3 ? !handover_3 : add_4 && !handover_4;

    always @(posedge clk)
        if (holds) begin
            assert (token_ready == (moves && !is_two && !is_more));
            assert (job_valid == handover_4);
            assert (idle == !under_way);
            if (add_1 && weights_read) assert (weights_row == row_1);
            if (add_2) assert (row_read == row_2);  // the weights that come are of the token's row
            // Invariants.
            assert ({addressed_add, read_add, weighted_add, multiplied_add} == {add_1, add_2, add_3, add_4});
            assert ({addressed_handover, read_handover, weighted_handover, multiplied_handover}
                    == {handover_1, handover_2, handover_3, handover_4});
            if (add_1) assert (weights_row == row_1 && addressed_value == value_1 && is_at_part_1);
            if (add_2) assert (read_value == value_2 && (PART_BITS != 0 || factor_2 == value_2));
            assert (added == half && is_at_part_0 && is_part == is_more);
            if (DELAY_BITS != 0) begin
                assert (({add_1, add_2, add_3, add_4} & {handover_1, handover_2, handover_3, handover_4}) == 0);
                assert (ring_group == behind_3);
                if (add_3 || handover_3) assert (after_3 == behind_2);
                if (add_2 || handover_2) assert (after_2 == behind_1);
                if (add_1 || handover_1) assert (after_1 == group_0);
            end
        end

`endif

`ifdef FORMAL
    // Lane by lane; with rings of one place of them, which may be any.
    // Of the lanes' multipliers, sums and rings, by the contracts of snn_product.v and snn_ring.v:
    localparam PLACE_BITS = RING_BITS + DELAY_BITS;
    wire [LANES*WEIGHT_BITS-1:0]  all_weights;
    wire [LANES*FACTOR_BITS-1:0]  all_values;
    wire [LANES*PRODUCT_BITS-1:0] all_times, all_products;
    wire [LANES*SUM_BITS-1:0]     all_sums;
    wire [LANES*PLACE_BITS-1:0]   all_watched, all_places;
    wire [LANES-1:0]              all_reading, all_used_fairly, all_nothing;
    // Of what makes streams, by the contract of snn_streams.v: it gets the value and the part.
    wire [VALUE_BITS-1:0]        stream_value;
    wire [COUNTED-1:0]           stream_part, stream_low;
    wire [(1<<STREAM_SHIFT)-1:0] stream_bits;
    always @(posedge clk)
        if (holds && PART_BITS != 0 && add_1) begin
            assert (stream_value == value_1 && stream_part == part_1);
            assert (coming_factor == {whole_1, stream_low, stream_bits});
        end
    localparam DUE = DELAY_BITS > 0 ? DELAY_BITS : 1;
    wire [RING_BITS-1:0] ring_3 = layer_is_delayed ? layer_first_ring + group_3 : {RING_BITS{1'b0}};
    wire [LANES-1:0]     is_sum_of_lane;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : claims
            wire [WEIGHT_BITS-1:0]         weight  = all_weights[lane*WEIGHT_BITS +: WEIGHT_BITS];
            wire [FACTOR_BITS-1:0]         value   = all_values[lane*FACTOR_BITS +: FACTOR_BITS];
            wire signed [PRODUCT_BITS-1:0] product = all_products[lane*PRODUCT_BITS +: PRODUCT_BITS];
            wire [PLACE_BITS-1:0]          watched = all_watched[lane*PLACE_BITS +: PLACE_BITS];
            wire [SUM_BITS-1:0]            out     = job_sums[lane*SUM_BITS +: SUM_BITS];
            reg  [WORD_BITS-1:0]           word_3;
            reg  signed [PRODUCT_BITS-1:0] product_4;
            reg  [PLACE_BITS-1:0]          place;
            reg                            known = 1'b0;
            reg  [SUM_BITS-1:0]            sum;
            wire [DUE-1:0]      due_3  = handover_3 ? step : step + (word_3 >> WEIGHT_BITS);
            wire                here   = DELAY_BITS == 0 || place == watched;
            wire                clears = DELAY_BITS == 0 ? reset : clear && clear_address == watched;
            // With the registers of the lane, which are shown to be those of this block: a solver that had
            // to show two adders equal would take a while.
            wire [SUM_BITS-1:0] so_far = all_sums[lane*SUM_BITS +: SUM_BITS];
            wire [SUM_BITS-1:0] whole  = so_far + {{(SUM_BITS-PRODUCT_BITS){product[PRODUCT_BITS-1]}}, product};
            always @(posedge clk) begin
                if (moves) begin
                    word_3    <= weights[lane*WORD_BITS +: WORD_BITS];
                    product_4 <= all_times[lane*PRODUCT_BITS +: PRODUCT_BITS];
                    place     <= {ring_3, due_3};
                end
                if (clears)                                      sum <= {SUM_BITS{1'b0}};
                else if (moves && here && (add_4 || handover_4)) sum <= handover_4 ? {SUM_BITS{1'b0}} : whole;
                if (clears)                        known <= 1'b1;
                else if (reset && DELAY_BITS != 0) known <= 1'b0;
            end
            always @(posedge clk)
                if (holds) begin
                    if (handover_4 && here && known) assert (out == whole);
                    if (PART_BITS == 0) begin
                        if (add_3) assert (weight == word_3[WEIGHT_BITS-1:0] && value == value_3);
                    end else if (add_2)
                        assert (weight == weights[lane*WORD_BITS +: WEIGHT_BITS] && value == factor_2);
                    // Invariants.
                    if (add_3) assert (weighted_row[lane*WORD_BITS +: WORD_BITS] == word_3);
                    if (PART_BITS == 0) begin
                        if (handover_3 && !add_3) assert (value == 0);
                    end else begin
                        if (handover_2 && !add_2) assert (value == 0);
                        if (handover_3 && !add_3) assert (all_nothing[lane]);
                    end
                    if (add_4) assert (product == product_4);
                    if (handover_4 && !add_4) assert (product == 0);
                    if (known) assert (so_far == sum);
                    if (DELAY_BITS != 0) begin
                        assert (all_used_fairly[lane]);     // what the ring's own contract counts on
                        assert (all_reading[lane] == (add_4 || handover_4));
                        if (add_4 || handover_4) assert (all_places[lane*PLACE_BITS +: PLACE_BITS] == place);
                    end
                end
            assign is_sum_of_lane[lane] = holds && known && here && handover_4 && add_3 && out != 0;
        end
    endgenerate
    wire reached_a_sum = is_sum_of_lane[LANES-1];
`endif

endmodule

`default_nettype wire
