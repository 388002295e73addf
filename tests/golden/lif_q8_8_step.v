// The LIF neuron, generated from its equation:
//
//     neuron LIF
//     state v = 0
//     parameter beta = 0.9 in (0, 1)
//     parameter threshold = 1 in (0, inf)
//     input I
//     update v = beta*v + I
//     spike v >= threshold
//     reset v = v - threshold
//
// States are Q8.8, the current is Q12.8 (m.n: m bits before the
// point with the sign, n after it). A line is computed at full width; the result is
// rounded towards minus infinity and saturated once, where it is stored.
// beta = 0.9 is the constant 29491 / 2^15.
// threshold = 1 is the constant 32768 / 2^15.
//
// Where a result can lie outside its format:
//     v = beta*v + I: saturates below and above, computed in [-2163.199, 2163.191].
//     v = v - threshold, where it fired: saturates below, computed in [-129, 126.9961].

module lif_q8_8_step (
    input  wire signed [15:0] v,
    input  wire signed [19:0] current,
    output wire spike,
    output wire signed [15:0] v_next
);
    // v = beta*v + I
    wire signed [30:0] v_update_product = 16'sd29491 * v;  // Q8.23
    wire signed [34:0] v_update_aligned = {current, 15'd0};  // Q12.23
    wire signed [35:0] v_update_sum =  // Q13.23
        $signed({{5{v_update_product[30]}}, v_update_product})
        + v_update_aligned;
    wire signed [20:0] v_update_rounded = v_update_sum[35:15];  // Q13.8
    wire signed [15:0] v_update_saturated =  // Q8.8
        (v_update_rounded > 21'sd32767) ? 16'sd32767 :
        (v_update_rounded < -21'sd32768) ? 16'sh8000 :
        v_update_rounded[15:0];

    // v >= threshold
    wire spike_reached = v_update_saturated >= 16'sd256;

    // v = v - threshold, where it fired
    wire signed [16:0] v_reset_difference = v_update_saturated - 17'sd256;  // Q9.8
    wire signed [15:0] v_reset_saturated =  // Q8.8
        (v_reset_difference < -17'sd32768) ? 16'sh8000 :
        v_reset_difference[15:0];
    wire signed [15:0] v_reset_chosen =  // Q8.8
        spike_reached ? v_reset_saturated :
        v_update_saturated;

    assign spike = spike_reached;
    assign v_next = v_reset_chosen;

    // Inputs that the equation does not read, and bits that rounding leaves out.
    wire unused = &{
        v_update_sum[14:0],
        1'b0
    };
endmodule
