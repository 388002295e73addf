"""The step-outer engine against the integer model, and the proof of its control."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.control import most_clocks, prove_control
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs
from sc_neurocore.verify.simulators import SIMULATORS, SimulatorName

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]

KINDS = [
    "feed-forward",
    "recurrent",
    "delayed",
    "spikes",
    "sequence",
    "two neurons",
    "membrane",
    "first-to-2",
]


@pytest.mark.sample(12)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lanes", "options"),
    [
        (1, {}),
        (4, {"units": 2, "pipeline": 2, "inputs_per_beat": 2, "multipliers": {"logic": 1}}),
        (8, {"units": 8, "pipeline": 1, "inputs_per_beat": 4, "weights": "loaded"}),
    ],
)
def test_every_kind_computes_what_the_model_computes(
    kind: str,
    lanes: int,
    options: dict[str, Any],
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    network = make_step_outer_network(kind, seed=lanes)
    accelerator = render_accelerator(network, lanes, "step-outer", **options).write(tmp_path)
    inputs = extreme_inputs(network, 6)
    result = cosimulate(accelerator, network, inputs, "icarus", disturbed=1.0, seed=lanes)
    assert result.first_mismatch is None
    assert result.samples == 6
    steps = network.run(inputs).steps
    assert result.updates == steps.sum() * sum(layer.outputs for layer in network.layers)
    assert result.steps_per_sample == pytest.approx(steps.mean())


@pytest.mark.parametrize("simulator", ["verilator", "cxxrtl"])
def test_the_simulators_agree_to_the_clock(
    simulator: SimulatorName,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog", *SIMULATORS[simulator].tools)
    network = make_step_outer_network("delayed")
    accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    runs = [
        cosimulate(accelerator, network, extreme_inputs(network, 8), each)
        for each in ("icarus", simulator)
    ]
    assert all(run.holds for run in runs)
    assert runs[0].cycles_per_sample == runs[1].cycles_per_sample


def test_both_schedules_compute_the_same(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    network = make_network([16, 20, 10], per_channel=True, steps=5)
    for order in ("group-stationary", "step-outer"):
        accelerator = render_accelerator(network, 4, order).write(tmp_path / order)
        assert cosimulate(accelerator, network, extreme_inputs(network, 5), "icarus").holds


def test_an_early_end_saves_cycles(
    make_step_outer_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    runs = []
    for readout in ("sequence", "first-to-1"):
        network = make_step_outer_network(readout, steps=12)
        accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path / readout)
        runs.append(cosimulate(accelerator, network, extreme_inputs(network, 8), "icarus"))
    whole, early = runs
    assert whole.holds and early.holds
    assert whole.steps_per_sample == 12 > early.steps_per_sample
    assert whole.cycles_saved_per_sample == 0
    saved = whole.cycles_per_sample - early.cycles_per_sample
    assert early.cycles_saved_per_sample == pytest.approx(saved, rel=0.2)


BROKEN = [
    # A layer reads the spikes of this step where those of the last one are meant.
    ("recurrent", "places", "read_is_recurrent ? !step[0] : step[0],\n", "step[0],\n"),
    # The own spikes' unit is taken for that of what comes in.
    ("recurrent", "engine", "token_is_recurrent ? layer_recurrent_shift :", ""),
    # States of the first step are what the memory held.
    ("sequence", "neurons", "biased_is_first ? unit_initial : state", "state"),
    # A sum that has just been written is read too early.
    ("delayed", "ring", "last_valid && last_address == address ?", "1'b0 ?"),
    # Rings keep what arrives after the end of a sample.
    ("delayed", "engine", ".HAS_RINGS(DELAY_BITS)", ".HAS_RINGS(0)"),
    # Sums stay in the ring when they have been handed over.
    ("delayed", "accumulator", "multiplied_handover ? {SUM_BITS{1'b0}} : total", "total"),
    # The sum of the membrane goes on from sample to sample.
    ("membrane", "readout", "(is_first ? {SCORE_BITS{1'b0}} : earlier) + more", "earlier + more"),
    # One spike fewer ends the sample.
    ("first-to-2", "readout", "now == COUNT_THRESHOLD", "now + 1'b1 == COUNT_THRESHOLD"),
]  # fmt: skip


@pytest.mark.sample(4)
@pytest.mark.parametrize(("kind", "file", "old", "new"), BROKEN)
def test_a_broken_engine_is_found_out(
    kind: str,
    file: str,
    old: str,
    new: str,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("iverilog")
    network = make_step_outer_network(kind)
    accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    try:
        result = cosimulate(accelerator, network, extreme_inputs(network, 12), "icarus")
    except ToolFailedError as error:  # what was never written is unknown, and stops the core
        assert "failed: " in str(error)
    else:
        assert not result.holds and result.first_mismatch is not None


def test_inputs_need_the_axes_of_the_network(
    make_step_outer_network: MakeNetwork, tmp_path: Path
) -> None:
    network = make_step_outer_network("spikes")
    accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    with pytest.raises(UserError, match=r"expected \(10, batch, inputs\) with 7 inputs"):
        cosimulate(accelerator, network, np.zeros((4, 7), dtype=int), "icarus")


@pytest.mark.sample(1)
@pytest.mark.parametrize("kind", ["recurrent", "delayed"])
def test_the_control_is_proved(
    kind: str, make_step_outer_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("sby")
    accelerator = render_accelerator(make_step_outer_network(kind), 2, "step-outer").write(tmp_path)
    result = prove_control(accelerator)
    assert (result.status, result.detail[:9]) == ("proved", "for every")
    assert result.assumptions == ("reset is high in the first clock",)
    assert f"at most {result.figures['most_clocks']} clocks after" in result.detail


@pytest.mark.parametrize("kind", ["recurrent", "delayed"])
def test_no_sample_takes_longer_than_is_proved(
    kind: str, make_step_outer_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    network = make_step_outer_network(kind)
    accelerator = render_accelerator(network, 2, "step-outer").write(tmp_path)
    saturated = np.full_like(extreme_inputs(network, 1), (1 << network.input_bits) - 1)
    run = cosimulate(accelerator, network, saturated, "icarus")
    most = most_clocks(accelerator.geometry, network.steps)
    # Values come in while the engine works, but those of the first frame.
    assert 0.4 * most < run.cycles_per_sample <= most + accelerator.geometry.beats


@pytest.mark.parametrize(
    ("file", "old", "new", "claim"),
    [
        (
            "controller",
            "wire layer_done    = state == DRAIN && pipeline_idle;",
            "wire layer_done    = state == DRAIN;",
            "assert",
        ),
        (  # the last word of a layer is offered for ever, and no contract of a module speaks of it
            "engine",
            "assign ask_ready          = fetch_ready;",
            "assign ask_ready          = fetch_ready && !ask_is_last;",
            "MOST_BUSY",
        ),
        pytest.param(
            "controller",
            "if (out_ready) state <= BEGIN",
            "state <= BEGIN",
            "assert",
            marks=pytest.mark.soak,
        ),
    ],
)
def test_a_broken_control_is_refuted(
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
    accelerator = render_accelerator(make_network([2, 2, 2], steps=2), 2, "step-outer").write(
        tmp_path
    )
    change(tmp_path / f"rtl/snn_{file}.v", old, new)
    result = prove_control(accelerator, depth=24)
    assert result.status == "refuted"
    assert claim in result.detail
