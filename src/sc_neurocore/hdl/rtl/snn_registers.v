// SPDX-License-Identifier: Apache-2.0
// snn_registers: the core as registers of 32 bits, behind a bus: snn_axi_lite.v or snn_wishbone.v.
//
// A sample goes in by writing DATA, beat by beat, frame by frame, while STATUS says ready; its result shows in
// STATUS and, if CONTROL asks for it, in `irq`, and stays until it is taken by writing STATUS.result. The map
// is below; what each register holds stands in the documentation.
//
// Contract
//   - `access` is high for one clock, and never in two that follow each other. The answer is there a clock later,
//     and stays until the next of its kind: read_data and read_error, or write_error. None waits for the core.
//   - What cannot be is refused, changes nothing and sets STATUS.error: a register that there is not, or that can
//     not be read, or written; fewer than all four bytes of one; DATA while it is not ready; CLASS and SCORE
//     without a result; SCORE_ADDRESS of an output neuron that there is not; a word of weights too many.
//   - A sample is BEATS beats of each of PER_SAMPLE frames. The core keeps its own contract: in_ready waits for no
//     in_valid; out_valid, out_class and scores stay until out_ready; a score comes a clock after its address; no
//     answer to what did not go in. One that ENDS_EARLY may answer in mid-sample: nothing more goes in until that
//     is taken, and then the next sample begins.
//   - The core is not given values before the last word of weights, if they are loaded.
//   - `core_reset` is high with `reset`, and for a clock after CONTROL.clear or CONTROL.reload.
//
//   clk            _/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_/‾\_
//   access         _____/‾‾‾\___________/‾‾‾\_______
//   write          _____/‾‾‾\_______________________
//   write_error    xxxxxxxxx\_______________________
//   read_data      xxxxxxxxxxxxxxxxxxxxxxxxxx< data

`default_nettype none

module snn_registers #(
    parameter BEATS        = 64,   // of a frame
    parameter BEAT_BITS    = 6,    // enough for BEATS - 1
    parameter PER_SAMPLE   = 1,    // frames of a sample
    parameter FRAME_BITS   = 1,    // enough for PER_SAMPLE - 1
    parameter IN_BITS      = 5,
    parameter OUTPUTS      = 10,
    parameter OUTPUT_BITS  = 4,
    parameter SCORE_BITS   = 5,
    parameter IS_SIGNED    = 0,    // whether scores are
    parameter ENDS_EARLY   = 0,    // whether the core may answer before it has all of a sample
    parameter WEIGHT_WORDS = 0,    // that are loaded; 0: none are
    parameter WEIGHT_BITS  = 1     // enough for WEIGHT_WORDS - 1
) (
    input  wire                   clk,
    input  wire                   reset,

    input  wire                   access,
    input  wire                   write,
    input  wire [4:0]             address,       // of a word
    input  wire [31:0]            write_data,
    input  wire [3:0]             strobe,        // which bytes are written
    output reg  [31:0]            read_data,
    output reg                    read_error,
    output reg                    write_error,

    output wire                   irq,

    // The core.
    output wire                   core_reset,
    output wire                   in_valid,
    input  wire                   in_ready,
    output wire [IN_BITS-1:0]     in_data,
    input  wire                   out_valid,
    output wire                   out_ready,
    input  wire [OUTPUT_BITS-1:0] out_class,
    output reg  [OUTPUT_BITS-1:0] count_address,
    input  wire [SCORE_BITS-1:0]  count_value,
    output wire [2:0]             hash_address,
    input  wire [31:0]            hash_word,
    output wire                   weight_write,
    output wire [WEIGHT_BITS-1:0] weight_address,
    output wire [15:0]            weight_data
);

    // Where a condition does not hold, a module is missing that has its name.
    generate
        if (IN_BITS > 32 || SCORE_BITS > 32 || OUTPUT_BITS > 30 || WEIGHT_BITS > 31)
            a_register_has_32_bits stop ();
        if (BEATS < 1 || BEATS > (1 << BEAT_BITS) || PER_SAMPLE < 1 || PER_SAMPLE > (1 << FRAME_BITS)
                || OUTPUTS < 1 || OUTPUTS > (1 << OUTPUT_BITS) || WEIGHT_WORDS > (1 << WEIGHT_BITS))
            a_counter_is_too_narrow stop ();
    endgenerate

    localparam [4:0] HASH          = 5'd0,
                     VERSION       = 5'd8,
                     STATUS        = 5'd9,
                     CONTROL       = 5'd10,
                     CLASS         = 5'd11,
                     SCORE_ADDRESS = 5'd12,
                     DATA          = 5'd13,
                     WEIGHT        = 5'd14,
                     FRAMES        = 5'd15,
                     CYCLES        = 5'd16,
                     SCORE         = 5'd24;
    localparam [31:0] MAP = 1;   // which VERSION says
    localparam [31:0] LAST_BEAT = BEATS - 1, LAST_FRAME = PER_SAMPLE - 1, WORDS = WEIGHT_WORDS;
    localparam [OUTPUT_BITS:0] ALL_OUTPUTS = OUTPUTS;

    wire reads  = access && !write;
    wire writes = access && write && strobe == 4'hf;
    wire at_hash          = address[4:3] == HASH[4:3];
    wire at_status        = address == STATUS;
    wire at_control       = address == CONTROL;
    wire at_score_address = address == SCORE_ADDRESS;
    wire at_data          = address == DATA;
    wire at_weight        = address == WEIGHT && WEIGHT_WORDS != 0;

    // ------------------------------------------------------------------------------------ samples
    reg [BEAT_BITS-1:0]  beat;      // of the frame that goes in
    reg [FRAME_BITS-1:0] frame;     // of the sample that goes in
    reg [1:0]            waiting;   // samples that are in, and their answers not taken
    reg                  is_there;  // a result, and its scores
    reg                  error, interrupts, clear;
    reg [WEIGHT_BITS:0]  words;     // of weights, that are there

    wire is_loaded   = WEIGHT_WORDS == 0 || words == WORDS[WEIGHT_BITS:0];
    wire has_room    = ENDS_EARLY != 0 ? waiting == 2'd0 && !out_valid : !waiting[1];
    wire ready       = in_ready && has_room && is_loaded;
    wire busy        = waiting != 2'd0 || beat != {BEAT_BITS{1'b0}} || frame != {FRAME_BITS{1'b0}};
    wire frame_ends  = in_valid && beat == LAST_BEAT[BEAT_BITS-1:0];
    wire sample_ends = frame_ends && frame == LAST_FRAME[FRAME_BITS-1:0];
    wire take        = writes && at_status && write_data[2] && is_there;
    wire is_early    = ENDS_EARLY != 0 && take && waiting == 2'd0;

    assign core_reset     = reset || clear;
    assign in_valid       = writes && at_data && ready;
    assign in_data        = write_data[IN_BITS-1:0];
    assign out_ready      = take;
    assign hash_address   = address[2:0];
    assign weight_write   = writes && at_weight && !is_loaded;
    assign weight_address = words[WEIGHT_BITS-1:0];
    assign weight_data    = write_data[15:0];
    assign irq            = interrupts && is_there;

    always @(posedge clk) begin
        if (in_valid)   beat  <= frame_ends ? {BEAT_BITS{1'b0}} : beat + 1'b1;
        if (frame_ends) frame <= sample_ends ? {FRAME_BITS{1'b0}} : frame + 1'b1;
        waiting  <= waiting + {1'b0, sample_ends} - {1'b0, take && !is_early};
        is_there <= out_valid && !take;
        if (core_reset || is_early) begin
            beat  <= {BEAT_BITS{1'b0}};
            frame <= {FRAME_BITS{1'b0}};
        end
        if (core_reset) begin
            waiting  <= 2'd0;
            is_there <= 1'b0;
        end
    end

    // ----------------------------------------------------------------------------------- registers
    reg [31:0] cycles;
    reg [15:0] frames;

    wire is_output = write_data[31:OUTPUT_BITS] == {(32-OUTPUT_BITS){1'b0}}
                  && {1'b0, write_data[OUTPUT_BITS-1:0]} < ALL_OUTPUTS;
    wire can_read  = at_hash || address == VERSION || at_status || at_control || at_score_address || at_weight
                  || address == CYCLES || address == FRAMES
                  || (is_there && (address == CLASS || address == SCORE));
    wire can_write = writes && (at_status || at_control || (at_score_address && is_output) || in_valid || weight_write);
    wire refused   = access && !(write ? can_write : can_read);
    wire sign      = IS_SIGNED != 0 && count_value[SCORE_BITS-1];
    wire [32+SCORE_BITS-1:0] wide_score = {{32{sign}}, count_value};
    wire unused    = &{write_data, wide_score, 1'b0};   // high bits

    reg [31:0] few;   // of those that need few bits
    always @*
        case (address)
            VERSION:       few = MAP;
            STATUS:        few = {27'd0, is_loaded, error, is_there, busy, ready};
            CONTROL:       few = {30'd0, interrupts, 1'b0};
            CLASS:         few = {{(32-OUTPUT_BITS){1'b0}}, out_class};
            SCORE_ADDRESS: few = {{(32-OUTPUT_BITS){1'b0}}, count_address};
            WEIGHT:        few = {{(31-WEIGHT_BITS){1'b0}}, words};
            FRAMES:        few = {16'd0, frames};
            default:       few = 32'd0;
        endcase

    always @(posedge clk) begin
        clear <= writes && at_control && (write_data[0] || write_data[2]);
        if (writes && at_control) interrupts <= write_data[1];
        if (writes && at_score_address && is_output) count_address <= write_data[OUTPUT_BITS-1:0];
        if (weight_write) words <= words + 1'b1;
        if (busy && !is_there) cycles <= cycles + 1'b1;
        if (frame_ends) frames <= frames + 1'b1;
        if (refused) error <= 1'b1;
        else if (writes && at_status && write_data[3]) error <= 1'b0;
        if (writes && at_control && write_data[2]) words <= {(WEIGHT_BITS+1){1'b0}};
        if (core_reset) begin
            error  <= 1'b0;
            cycles <= 32'd0;
            frames <= 16'd0;
        end
        if (reset) begin
            clear         <= 1'b0;
            interrupts    <= 1'b0;
            count_address <= {OUTPUT_BITS{1'b0}};
            words         <= {(WEIGHT_BITS+1){1'b0}};
        end
    end

    always @(posedge clk) begin
        if (access && write) write_error <= refused;
        if (reads) begin
            read_error <= refused;
            case (address[4:3])
                HASH[4:3]:    read_data <= hash_word;
                VERSION[4:3]: read_data <= few;
                CYCLES[4:3]:  read_data <= cycles;
                default:      read_data <= wide_score[31:0];
            endcase
        end
    end

`ifdef FORMAL
    // A core, any: how far the sample is that goes in, and how many are whole and not answered. Of its answer, the
    // score of one neuron is known, which may be any.
    (* anyconst *) wire [OUTPUT_BITS-1:0] n;
    (* anyseq *)   wire [SCORE_BITS-1:0]  score_of_n;
    reg  [BEAT_BITS-1:0]  at_beat;
    reg  [FRAME_BITS-1:0] at_frame;
    reg  [1:0]            unanswered;
    wire fed         = in_valid && in_ready;
    wire taken       = out_valid && out_ready;
    wire whole_frame = fed && at_beat == BEATS - 1;
    wire whole_now   = whole_frame && at_frame == PER_SAMPLE - 1;
    wire is_partly   = at_beat != 0 || at_frame != 0;

    // What was written, and what there was, once more.
    reg                   begun = 1'b0, was_reset, was_access, was_out, is_asked, was_refused_once, was_clear;
    reg [OUTPUT_BITS-1:0] asked;
    reg [WEIGHT_BITS:0]   loaded;
    reg [31:0]            worked;
    reg [15:0]            gone_in;
    wire stores    = access && write && (&strobe);
    wire has_all   = loaded == WEIGHT_WORDS;
    wire has_space = ENDS_EARLY != 0 ? unanswered == 0 && !out_valid : unanswered < 2;
    wire can_take  = in_ready && has_space && has_all;
    wire is_busy   = unanswered != 0 || is_partly;
    wire sets      = stores && address == CONTROL;
    wire asks      = stores && address == SCORE_ADDRESS && write_data < OUTPUTS;
    wire loads     = stores && address == WEIGHT && !has_all;
    wire is_right  = write
        ? stores && (address == STATUS || address == CONTROL || asks || (address == DATA && can_take) || loads)
        : address <= CONTROL || address == SCORE_ADDRESS || address == CYCLES || address == FRAMES
          || (address == WEIGHT && WEIGHT_WORDS != 0) || (was_out && (address == CLASS || address == SCORE));
    wire [32+SCORE_BITS-1:0] wide_n = {{32{IS_SIGNED != 0 && score_of_n[SCORE_BITS-1]}}, score_of_n};
    wire [31:0] expected = address < VERSION       ? hash_word
                         : address == VERSION       ? 32'd1
                         : address == STATUS        ? {27'd0, has_all, was_refused_once, was_out, is_busy, can_take}
                         : address == CONTROL       ? {30'd0, is_asked, 1'b0}
                         : address == CLASS         ? out_class
                         : address == SCORE_ADDRESS ? asked
                         : address == SCORE         ? wide_n[31:0]
                         : address == WEIGHT        ? loaded
                         : address == CYCLES        ? worked
                         :                            gone_in;
    always @(posedge clk) begin
        begun <= 1'b1;
        if (fed) at_beat <= whole_frame ? 0 : at_beat + 1'b1;
        if (whole_frame) at_frame <= whole_now ? 0 : at_frame + 1'b1;
        unanswered <= unanswered + whole_now - (taken && unanswered != 0);
        if (core_reset || (taken && unanswered == 0)) {at_frame, at_beat} <= 0;
        if (core_reset) unanswered <= 2'd0;
        was_reset  <= reset;
        was_access <= access && !reset;
        was_out    <= out_valid && !taken && !core_reset;
        was_clear  <= sets && (write_data[0] || write_data[2]) && !reset;
        if (sets) is_asked <= write_data[1];
        if (asks) asked <= write_data;
        if (loads) loaded <= loaded + 1'b1;
        if (sets && write_data[2]) loaded <= 0;
        if (access && !is_right) was_refused_once <= 1'b1;
        else if (stores && address == STATUS && write_data[3]) was_refused_once <= 1'b0;
        if (is_busy && !was_out) worked <= worked + 1'b1;
        if (whole_frame) gone_in <= gone_in + 1'b1;
        if (core_reset) {was_refused_once, worked, gone_in} <= 0;
        if (reset) {is_asked, asked, loaded} <= 0;
    end

    // The clock before.
    reg                   was_read, was_write, was_right, was_of_n;
    reg [4:0]             was_at;
    reg [OUTPUT_BITS-1:0] was_class, was_address;
    reg [SCORE_BITS-1:0]  was_score;
    reg [31:0]            was_expected;
    reg [33:0]            was_answer;
    always @(posedge clk) begin
        was_read     <= access && !write && !reset;
        was_write    <= access && write && !reset;
        was_right    <= is_right;
        was_of_n     <= asked == n;
        was_at       <= address;
        was_class    <= out_class;
        was_address  <= count_address;
        was_score    <= score_of_n;
        was_expected <= expected;
        was_answer   <= {write_error, read_error, read_data};
    end

    // The world's side: there was a reset; accesses are no neighbours; the core answers what went in, and its answer
    // stays until it is taken.
    wire fair_now = begun
        ? (!out_valid || unanswered != 0 || (ENDS_EARLY != 0 && is_partly))
          && (!was_out || (out_valid && out_class == was_class && score_of_n == was_score))
          && (!was_out || was_address != n || count_value == score_of_n)
          && !(access && was_access)
        : reset;
    reg fair = 1'b1;
    always @(posedge clk) fair <= fair && fair_now;
    wire holds = begun && fair && fair_now && !reset;

    always @(posedge clk)
        if (holds) begin
            // Each access is answered in the next clock, and the answer stays: what a register holds is what was
            // written there, or what there was; what cannot be is refused.
            if (was_read)  assert (read_error == !was_right);
            if (was_write) assert (write_error == !was_right);
            if (was_read && was_right && (was_at != SCORE || was_of_n)) assert (read_data == was_expected);
            if (!was_read && !was_reset)  assert ({read_error, read_data} == was_answer[32:0]);
            if (!was_write && !was_reset) assert (write_error == was_answer[33]);
            if (access) assert (hash_address == address[2:0]);
            // A beat goes to the core for each write of DATA that is not refused, unchanged, and for nothing else.
            assert (in_valid == (stores && address == DATA && can_take));
            if (in_valid) assert (in_ready && in_data == write_data[IN_BITS-1:0]);
            // A result is taken by whom it was shown, and by nothing else: it is neither lost nor invented.
            assert (out_ready == (stores && address == STATUS && write_data[2] && was_out));
            if (out_ready) assert (out_valid);
            assert (irq == (is_asked && was_out));
            // Words of weights go where they belong, in their order, and none is too many.
            assert (weight_write == loads);
            if (weight_write) assert (weight_address == loaded && weight_data == write_data[15:0]);
            assert (core_reset == was_clear);

            // Invariants.
            assert (beat == at_beat && frame == at_frame && waiting == unanswered && is_there == was_out);
            assert (at_beat < BEATS && at_frame < PER_SAMPLE && unanswered <= (ENDS_EARLY != 0 ? 1 : 2));
            if (ENDS_EARLY != 0 && unanswered != 0) assert (!is_partly);
            assert (count_address == asked && asked < OUTPUTS && interrupts == is_asked);
            assert (words == loaded && loaded <= WEIGHT_WORDS && cycles == worked && frames == gone_in);
            assert (error == was_refused_once && clear == was_clear);
            if (was_clear) assert (was_access);
        end
    wire reached_a_score  = holds && was_read && was_right && was_at == SCORE && was_of_n;
    wire reached_a_taking = holds && taken;
    wire reached_two      = holds && (ENDS_EARLY != 0 || unanswered == 2);
    wire reached_early    = holds && (ENDS_EARLY == 0 || (out_valid && unanswered == 0));
    wire reached_words    = holds && (WEIGHT_WORDS == 0 || (fed && has_all));
    wire reached_refusal  = holds && was_write && write_error && was_at == DATA;
`endif
endmodule

`default_nettype wire
