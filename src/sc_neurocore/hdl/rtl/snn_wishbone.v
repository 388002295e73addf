// SPDX-License-Identifier: Apache-2.0
// snn_wishbone: Wishbone B4 in front of snn_registers.v, for masters that are classic, and for pipelined ones.
//
// Contract
//   - Wishbone B4, 32 bits, bytes selected by `sel`, addresses of words: an offset in bytes, by 4. A request
//     is taken in a clock in which cyc and stb are high and stall is low, and answered in the next by ack, or by err
//     for what snn_registers.v refuses: each one once, and nothing else is. Of a classic master, who holds stb until
//     then and does not know stall, nothing is taken twice.
//   - A master that takes cyc back in between takes back the answer, not the request.
//   - An access is high for a clock, and never in two that follow each other.
//
//   clk         _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   wb_stb_i    _/‾‾‾‾‾‾‾\___/‾‾‾‾‾‾‾\___       wb_cyc_i is high throughout
//   wb_stall_o  _____/‾‾‾\_______/‾‾‾\___
//   access      _/‾‾‾\_______/‾‾‾\_______
//   wb_ack_o    _____/‾‾‾\_______________
//   wb_err_o    _________________/‾‾‾\___

`default_nettype none

module snn_wishbone (
    input  wire        clk,
    input  wire        reset,

    input  wire        wb_cyc_i,
    input  wire        wb_stb_i,
    input  wire        wb_we_i,
    input  wire [4:0]  wb_adr_i,
    input  wire [31:0] wb_dat_i,
    input  wire [3:0]  wb_sel_i,
    output wire        wb_stall_o,
    output wire        wb_ack_o,
    output wire        wb_err_o,
    output wire [31:0] wb_dat_o,

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

    reg answers, wrote;

    wire is_error = wrote ? write_error : read_error;

    assign access     = wb_cyc_i && wb_stb_i && !answers && !reset;
    assign write      = wb_we_i;
    assign address    = wb_adr_i;
    assign write_data = wb_dat_i;
    assign strobe     = wb_sel_i;
    assign wb_stall_o = answers;
    assign wb_ack_o   = answers && wb_cyc_i && !is_error;
    assign wb_err_o   = answers && wb_cyc_i && is_error;
    assign wb_dat_o   = read_data;

    always @(posedge clk) begin
        answers <= access;
        if (access) wrote <= wb_we_i;
    end

`ifdef FORMAL
    reg        begun = 1'b0, was_taken, was_we, was_reset, was_access;
    wire taken = wb_cyc_i && wb_stb_i && !wb_stall_o;
    wire given = wb_ack_o || wb_err_o;
    always @(posedge clk) begin
        begun      <= 1'b1;
        was_taken  <= taken && !reset;
        was_access <= access && !reset;
        was_we     <= wb_we_i;
        was_reset  <= reset;
    end

    // The world's side: there was a reset. What a master does is not asked for.
    wire fair_now = begun || reset;
    reg  fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;
    wire holds = begun && fair && fair_now && !reset;

    always @(posedge clk)
        if (holds) begin
            // What was taken is answered in the next clock, unless it is taken back; nothing else is, and none twice.
            assert (given == (was_taken && wb_cyc_i) && !(wb_ack_o && wb_err_o));
            if (was_reset) assert (!given && !wb_stall_o);
            // The answer is the registers', of its own kind.
            if (given) assert (wb_err_o == (was_we ? write_error : read_error) && wb_dat_o == read_data);
            // Each is one access, of its own address and data, and there is no other.
            assert (access == taken && !(access && was_access));
            if (access)
                assert ({write, address, write_data, strobe} == {wb_we_i, wb_adr_i, wb_dat_i, wb_sel_i});
            // Nothing waits longer than a clock.
            if (wb_stall_o) assert (was_taken);
            assert (answers == was_taken);
        end
    wire reached_an_ack  = holds && wb_ack_o;
    wire reached_an_err  = holds && wb_err_o && was_we && !read_error;
`endif

endmodule

`default_nettype wire
