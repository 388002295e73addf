// SPDX-License-Identifier: Apache-2.0
// snn_axi_lite: AXI4-Lite in front of snn_registers.v.
//
// Contract
//   - AXI4-Lite (ARM IHI 0022), 32 bits: a transfer happens in a clock in which valid and ready are both high. None of
//     the bus's outputs depends on an input in the same clock. A master keeps what it offers until it is taken.
//   - An address and its data are taken together. Each write that was taken has one answer, each read too, and there
//     is none to anything else; an answer stays, unchanged, until it is taken. Reads do not wait for a write's answer
//     to be taken, nor writes for a read's; where both can go on they take turns. So a request is taken in the fourth
//     clock at the latest in which nothing is there of its own kind's answers.
//   - SLVERR for what snn_registers.v refuses. The two low bits of an address are not looked at, nor is `prot`.
//   - An access is high for a clock, and never in two that follow each other.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   s_axi_arvalid  _/‾‾‾‾‾‾‾\_______________
//   s_axi_arready  _____/‾‾‾\_______________
//   access         _____/‾‾‾\_______________
//   s_axi_rvalid   _________/‾‾‾‾‾‾‾\_______
//   s_axi_rready   _____________/‾‾‾‾‾‾‾‾‾‾‾

`default_nettype none

module snn_axi_lite (
    input  wire        clk,
    input  wire        reset,

    input  wire        s_axi_awvalid,
    output wire        s_axi_awready,
    input  wire [6:0]  s_axi_awaddr,
    input  wire        s_axi_wvalid,
    output wire        s_axi_wready,
    input  wire [31:0] s_axi_wdata,
    input  wire [3:0]  s_axi_wstrb,
    output reg         s_axi_bvalid,
    input  wire        s_axi_bready,
    output wire [1:0]  s_axi_bresp,

    input  wire        s_axi_arvalid,
    output wire        s_axi_arready,
    input  wire [6:0]  s_axi_araddr,
    output reg         s_axi_rvalid,
    input  wire        s_axi_rready,
    output wire [31:0] s_axi_rdata,
    output wire [1:0]  s_axi_rresp,

    // snn_registers.v
    output wire        access,
    output wire        write,
    output wire [4:0]  address,
    output wire [31:0] write_data,
    output wire [3:0]  strobe,
    input  wire [31:0] read_data,
    input  wire        read_error,
    input  wire        write_error
);

    reg writing, reading;   // a request is taken
    reg wrote;              // the last one was a write

    wire is_free   = !writing && !reading;
    wire can_write = is_free && s_axi_awvalid && s_axi_wvalid && (!s_axi_bvalid || s_axi_bready);
    wire can_read  = is_free && s_axi_arvalid && (!s_axi_rvalid || s_axi_rready);
    wire unused    = &{s_axi_awaddr[1:0], s_axi_araddr[1:0], 1'b0};

    assign s_axi_awready = writing;
    assign s_axi_wready  = writing;
    assign s_axi_arready = reading;
    assign s_axi_bresp   = {write_error, 1'b0};
    assign s_axi_rresp   = {read_error, 1'b0};
    assign s_axi_rdata   = read_data;
    assign access        = writing || reading;
    assign write         = writing;
    assign address       = writing ? s_axi_awaddr[6:2] : s_axi_araddr[6:2];
    assign write_data    = s_axi_wdata;
    assign strobe        = s_axi_wstrb;

    always @(posedge clk) begin
        writing <= can_write && !(can_read && wrote);
        reading <= can_read && !(can_write && !wrote);
        if (access) wrote <= writing;
        s_axi_bvalid <= writing || (s_axi_bvalid && !s_axi_bready);
        s_axi_rvalid <= reading || (s_axi_rvalid && !s_axi_rready);
        if (reset) begin
            writing      <= 1'b0;
            reading      <= 1'b0;
            wrote        <= 1'b0;
            s_axi_bvalid <= 1'b0;
            s_axi_rvalid <= 1'b0;
        end
    end

`ifdef FORMAL
    // What was asked for and not answered, by the transfers alone.
    reg        begun = 1'b0, was_reset, was_access, was_write, was_read, was_held_b, was_held_r, was_error;
    reg        owed_address, owed_data, owed_read;   // taken, and their answers not
    reg [34:0] was_r;
    reg [2:0]  was_b;
    reg [33:0] was_answer;
    reg        wants_aw, wants_w, wants_ar;
    reg [6:0]  was_awaddr, was_araddr;
    reg [35:0] was_w;
    reg [2:0]  waited_to_write, waited_to_read;
    wire sent_aw = s_axi_awvalid && s_axi_awready;
    wire sent_w  = s_axi_wvalid && s_axi_wready;
    wire sent_ar = s_axi_arvalid && s_axi_arready;
    wire got_b   = s_axi_bvalid && s_axi_bready;
    wire got_r   = s_axi_rvalid && s_axi_rready;
    wire held_b  = s_axi_bvalid && !s_axi_bready;
    wire held_r  = s_axi_rvalid && !s_axi_rready;
    always @(posedge clk) begin
        begun      <= 1'b1;
        was_reset  <= reset;
        was_access <= access && !reset;
        was_write  <= sent_w && !reset;
        was_read   <= sent_ar && !reset;
        was_held_b <= held_b && !reset;
        was_held_r <= held_r && !reset;
        was_b      <= {s_axi_bvalid, s_axi_bresp};
        was_r      <= {s_axi_rvalid, s_axi_rresp, s_axi_rdata};
        owed_address <= (owed_address && !got_b) || sent_aw;
        owed_data    <= (owed_data && !got_b) || sent_w;
        owed_read    <= (owed_read && !got_r) || sent_ar;
        wants_aw   <= s_axi_awvalid && !s_axi_awready && !reset;
        wants_w    <= s_axi_wvalid && !s_axi_wready && !reset;
        wants_ar   <= s_axi_arvalid && !s_axi_arready && !reset;
        was_awaddr <= s_axi_awaddr;
        was_w      <= {s_axi_wdata, s_axi_wstrb};
        was_araddr <= s_axi_araddr;
        was_answer <= {write_error, read_error, read_data};
        waited_to_write <= s_axi_awvalid && s_axi_wvalid && !sent_w && !held_b ? waited_to_write + 1'b1 : 3'd0;
        waited_to_read  <= s_axi_arvalid && !sent_ar && !held_r ? waited_to_read + 1'b1 : 3'd0;
        if (reset) {owed_address, owed_data, owed_read, waited_to_write, waited_to_read} <= 9'd0;
    end

    // The world's side: there was a reset; a master keeps what it offers; the registers' answers stay until the next
    // access of their kind.
    wire fair_now = begun
        ? (!wants_aw || (s_axi_awvalid && s_axi_awaddr == was_awaddr))
          && (!wants_w || (s_axi_wvalid && {s_axi_wdata, s_axi_wstrb} == was_w))
          && (!wants_ar || (s_axi_arvalid && s_axi_araddr == was_araddr))
          && (was_read || {read_error, read_data} == was_answer[32:0])
          && (was_write || write_error == was_answer[33])
        : reset;
    reg fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;
    wire holds = begun && fair && fair_now && !reset;

    always @(posedge clk)
        if (holds) begin
            // An answer stays until it is taken; none comes in a reset.
            if (was_held_b) assert ({s_axi_bvalid, s_axi_bresp} == was_b);
            if (was_held_r) assert ({s_axi_rvalid, s_axi_rresp, s_axi_rdata} == was_r);
            if (was_reset)  assert ({s_axi_bvalid, s_axi_rvalid, s_axi_awready, s_axi_wready, s_axi_arready} == 5'd0);
            // An answer is there if and only if one is owed: to an address with its data, or to a read. So each has
            // one, in the clock after it was taken.
            assert (owed_address == owed_data);
            assert (s_axi_bvalid == owed_data && s_axi_rvalid == owed_read);
            if (sent_aw || sent_w) assert (sent_aw && sent_w && !owed_data);
            if (sent_ar)           assert (!owed_read);
            // Each is one access, of its own address and data, and there is no other; the answer is the registers'.
            assert (access == (sent_w || sent_ar) && !(sent_w && sent_ar) && !(access && was_access));
            if (sent_w)  assert (write && {address, write_data, strobe} == {s_axi_awaddr[6:2], was_w});
            if (sent_ar) assert (!write && address == s_axi_araddr[6:2]);
            assert (s_axi_rdata == read_data && s_axi_rresp == (read_error ? 2'b10 : 2'b00));
            assert (s_axi_bresp == (write_error ? 2'b10 : 2'b00));
            // Nothing waits without need.
            assert (waited_to_write <= 3 && waited_to_read <= 3);

            // Invariants.
            assert (!(writing && reading));
            if (writing) assert (wants_aw && wants_w && !s_axi_bvalid);
            if (reading) assert (wants_ar && !s_axi_rvalid);
            if (was_access) assert (is_free && wrote == was_write);
            if (waited_to_write != 0) assert (wants_aw && wants_w && !s_axi_bvalid);
            if (waited_to_write == 1) assert (access || !wrote);
            if (waited_to_write == 2) assert (writing || (is_free && !wrote));
            if (waited_to_write == 3) assert (writing);
            if (waited_to_read != 0)  assert (wants_ar && !s_axi_rvalid);
            if (waited_to_read == 1)  assert (access || wrote);
            if (waited_to_read == 2)  assert (reading || (is_free && wrote));
            if (waited_to_read == 3)  assert (reading);
        end
    wire reached_both    = holds && s_axi_bvalid && s_axi_rvalid && read_error;
    wire reached_turns   = holds && waited_to_read == 3 && waited_to_write != 0;
`endif

endmodule

`default_nettype wire
