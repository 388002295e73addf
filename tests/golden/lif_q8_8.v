// lif_q8_8_step with registers: each clock with `enable` is one time step.
module lif_q8_8 (
    input  wire clk,
    input  wire reset,
    input  wire enable,
    input  wire signed [19:0] current,
    output reg  spike,
    output reg  signed [15:0] v
);
    wire spike_next;
    wire signed [15:0] v_next;

    lif_q8_8_step datapath (
        .v(v),
        .current(current),
        .spike(spike_next),
        .v_next(v_next)
    );

    always @(posedge clk) begin
        if (reset) begin
            spike <= 1'b0;
            v <= 16'sd0;
        end else if (enable) begin
            spike <= spike_next;
            v <= v_next;
        end
    end
endmodule
