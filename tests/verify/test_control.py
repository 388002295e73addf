"""The control proof: it holds for the engine, and not for an engine that is broken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.control import prove_control

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


@pytest.mark.parametrize(
    ("sizes", "lanes", "steps", "engine"),
    [
        ([3, 2], 1, 1, {}),
        pytest.param(
            [64, 128, 40, 10],
            8,
            25,
            {"units": 2, "pipeline": 3, "inputs_per_beat": 4},
            marks=pytest.mark.soak,
        ),
    ],
)
def test_one_frame_gives_exactly_one_result(
    sizes: list[int],
    lanes: int,
    steps: int,
    engine: dict[str, int],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_network(sizes, steps=steps), lanes, **engine).write(
        tmp_path
    )
    result = prove_control(accelerator)
    assert (result.status, result.detail[:9]) == ("proved", "for every")
    assert "k-induction" in result.engine
    assert result.assumptions == ("reset is high in the first clock",)


# Two faults in CI; those that take longest are for the soak.
BROKEN = [
    ("scanner", "<= arrived_valid;", "<= 1'b1;", "assert"),
    ("accumulator", "_handover || job_ready;", "_handover && job_ready;", "assert"),
]
BROKEN_TOO = [
    ("controller", "fetch_word + 1'b1", "fetch_word", "assert"),
    ("loader", "beat == last_beat;", "beat != last_beat;", "assert"),
    ("controller", "if (out_ready) state <= BEGIN", "state <= BEGIN", "stays until it is taken"),
    ("controller", "if (out_ready) state", "if (!out_ready) state", "assert"),
    ("controller", "sample_ends ? CHOOSE :", "sample_ends ? IDLE :", "assert"),
    ("controller", "!layer_is_last ? SCAN", "layer_is_last ? SCAN", "assert"),
    ("controller", "state == IDLE && frame_valid;", "state != SCAN && frame_valid;", "assert"),
    ("loader", "event_bank <= !event_bank;", "event_bank <= event_bank;", "_bank"),
    ("readout", "<= choose && !chosen", "<= 1'b0", "assert"),
    ("scanner", "finished         <= 1'b1;", "finished         <= 1'b0;", "assert"),
    ("neurons", "(busy && !ends_job)", "busy", "assert"),
]


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("file", "old", "new", "claim"),
    [*BROKEN, *(pytest.param(*each, marks=pytest.mark.soak) for each in BROKEN_TOO)],
)
def test_a_broken_engine_is_refuted(
    file: str,
    old: str,
    new: str,
    claim: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_network([2, 1], steps=1), lanes=2).write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_control(accelerator, depth=28)
    assert result.status == "refuted"
    assert claim in result.detail


def test_a_state_that_is_read_too_early_is_refuted(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_network([2, 2], steps=2), lanes=2, pipeline=3).write(
        tmp_path
    )
    spacing = "LAST_OF_PERIOD = PERIOD - 1;"
    change(tmp_path / "rtl/snn_neurons.v", spacing, "LAST_OF_PERIOD = TURNS - 1;")
    result = prove_control(accelerator, depth=28)
    assert result.status == "refuted"
    assert "snn_neurons.v" in result.detail  # a promise of its contract


def test_what_an_edited_file_assumes_is_refused(
    make_network: MakeNetwork, tmp_path: Path, change: Change
) -> None:
    accelerator = render_accelerator(make_network([2, 1], steps=1), lanes=2).write(tmp_path)
    text = "`ifdef FORMAL\n    always @* assume (!frame_take);\n`endif\n\nendmodule"
    change(tmp_path / "rtl/snn_controller.v", "endmodule", text)
    with pytest.raises(CheckFailedError, match=r"snn_controller\.v assumes something"):
        prove_control(accelerator)
