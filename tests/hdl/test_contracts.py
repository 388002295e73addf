"""Modules of the engine keep the contracts that stand beside their registers, each proved alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from sc_neurocore.verify.model_checking import induction_depth

Change = tuple[str, str]

LOADER = """
module alone (
    input clk, input reset, input hold, input in_valid, input [5:0] in_data, input frame_take
);
    reg begun = 1'b0;
    always @(posedge clk) begun <= 1'b1;
    always @* if (!begun) assume (reset);
    wire frame_valid;
    always @* assume (!frame_take || frame_valid);
    snn_loader #(.INPUT_BITS(3), .BEAT(2), .EVENT_BITS(3)) part (
        .clk(clk), .reset(reset), .hold(hold), .in_valid(in_valid), .in_ready(), .in_data(in_data),
        .last_beat(3'd5), .event_write(), .event_bank(), .event_address(), .beat(),
        .frame_valid(frame_valid), .frame_take(frame_take), .frame_last_event(), .frame_is_blank()
    );
endmodule
"""
SCANNER = """
module alone (
    input clk, input reset, input fetch_valid, input fetch_is_event, input [4:0] fetch_word,
    input fetch_is_empty, input fetch_is_last, input [6:0] fetch_row, input fetch_is_recurrent,
    input [2:0] event_index, input [5:0] event_value, input [1:0] event_active, input [3:0] spikes,
    input token_ready
);
    reg begun = 1'b0;
    always @(posedge clk) begun <= 1'b1;
    always @* if (!begun) assume (reset);
    snn_scanner #(
        .LANES(4), .INPUT_BITS(3), .BEAT(2), .INDEX_BITS(5), .EVENT_BITS(3), .ROW_BITS(7)
    ) part (
        .clk(clk), .reset(reset), .idle(), .fetch_valid(fetch_valid), .fetch_ready(),
        .fetch_is_event(fetch_is_event), .fetch_word(fetch_word), .fetch_is_empty(fetch_is_empty),
        .fetch_is_last(fetch_is_last), .fetch_row(fetch_row),
        .fetch_is_recurrent(fetch_is_recurrent),
        .memory_read(), .event_index(event_index), .event_value(event_value),
        .event_active(event_active), .spikes(spikes), .token_ready(token_ready), .token_add(),
        .token_handover(), .token_row(), .token_value(), .token_is_recurrent()
    );
endmodule
"""
REQUANTIZE = """
module alone (input clk, input signed [11:0] total, input [2:0] shift);
    snn_requantize #(
        .TOTAL_BITS(12), .LEFT_SHIFT(2), .SHIFT_BITS(3), .CURRENT_BITS(9)
    ) part (.total(total), .shift(shift), .current());
endmodule
"""


def depth(module: str, bench: str, folder: Path, change: Change | None = None) -> int | None:
    """Prove a module alone, with a change if one is given; return how deep the induction is."""
    text = (files("sc_neurocore.hdl") / "rtl" / f"{module}.v").read_text(encoding="utf-8")
    if change is not None:
        assert text.count(change[0]) == 1
        text = text.replace(*change)
    (folder / f"{module}.v").write_text(text, encoding="utf-8")
    (folder / "alone.v").write_text(bench, encoding="utf-8")
    return induction_depth(folder, "alone", ["alone.v", f"{module}.v"], 3, 100)


@pytest.mark.parametrize(
    ("module", "bench", "old", "new"),
    [
        ("snn_loader", LOADER, "event_address    <= event_address + 1'b1", "event_address <= beat"),
        ("snn_scanner", SCANNER, "finished  <= !several[1]", "finished  <= !any[1]"),
        ("snn_requantize", REQUANTIZE, "{(CURRENT_BITS-1){~sign}}", "{(CURRENT_BITS-1){1'b0}}"),
    ],
)
def test_a_contract_is_proved_alone_and_refuted_where_it_is_broken(
    module: str,
    bench: str,
    old: str,
    new: str,
    require_tool: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("yosys")
    assert depth(module, bench, tmp_path) is not None
    assert depth(module, bench, tmp_path, (old, new)) is None
