"""Stalls, noise and resets: right cores survive them, and find faults that nothing else finds."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.verify.comparison import Comparison
from sc_neurocore.verify.core_simulation import core_of, simulate_core
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs
from sc_neurocore.verify.simulators import SIMULATORS, SimulatorName

Integers = NDArray[np.int64]
MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]

RESULT_GIVES_UP = [
    (
        "reg [2:0] state;",
        "reg [2:0] state; reg [4:0] patience;\n"
        "    always @(posedge clk) patience <= state == RESULT ? patience + 1'b1 : 5'd0;",
    ),
    ("if (out_ready) state", "if (out_ready || &patience) state"),
]
RESULT_MISSES_ITS_FIRST_CLOCK = [
    (
        "reg [2:0] state;",
        "reg [2:0] state; reg was_result;\n"
        "    always @(posedge clk) was_result <= state == RESULT;",
    ),
    ("if (out_ready) state", "if (out_ready && was_result) state"),
]
READINESS_IS_REMEMBERED = [
    (
        "reg [2:0] state;",
        "reg [2:0] state; reg early;\n    always @(posedge clk) early <= out_ready;",
    ),
    ("if (out_ready) state", "if (out_ready || early) state"),
]
INPUTS_ARE_COUNTED_ON = "initial beat = {EVENT_BITS{1'b0}};"

FAULTS = {
    "groups": {
        "a result gives up": ("snn_controller.v", RESULT_GIVES_UP),
        "a result in its first clock": ("snn_controller.v", RESULT_MISSES_ITS_FIRST_CLOCK),
        "readiness before the result": ("snn_controller.v", READINESS_IS_REMEMBERED),
        "the readout's address": (
            "snn_readout.v",
            [("ask ? score_neuron : look", "ask || score_neuron == 1 ? score_neuron : look")],
        ),
        "banks of events": (
            "snn_loader.v",
            [("if (frame_take) event_bank", "if (frame_take && in_valid) event_bank")],
        ),
        "data without valid": (
            "snn_loader.v",
            [("event_write = take &&", "event_write = in_ready &&")],
        ),
        "a beat after a pause": (
            "snn_loader.v",
            [
                (
                    "wire take = in_valid && in_ready;",
                    "reg was_valid; always @(posedge clk) was_valid <= in_valid;\n"
                    "    wire take = in_valid && in_ready && (was_valid || beat == 0);",
                )
            ],
        ),
        "reset: beats are counted on": (
            "snn_loader.v",
            [
                ("    reg full;", f"    reg full;\n    {INPUTS_ARE_COUNTED_ON}"),
                (
                    "            beat             <= {EVENT_BITS{1'b0}};",
                    "            if (frame_take) beat <= {EVENT_BITS{1'b0}};",
                ),
            ],
        ),
        "reset: the controller drains first": (
            "snn_controller.v",
            [("if (reset) state <= BEGIN", "if (reset && state !== DRAIN) state <= BEGIN")],
        ),
        "reset: sums stay": (
            "snn_accumulator.v",
            [("if (reset || (advance", "if ((reset && sum === {SUM_BITS{1'bx}}) || (advance")],
        ),
        "reset: an update comes after": (
            "snn_neurons.v",
            [("{UNITS{result_valid && !reset}}", "{UNITS{result_valid}}")],
        ),
    },
    "delayed": {
        "a result gives up": ("snn_controller.v", RESULT_GIVES_UP),
        "a result in its first clock": ("snn_controller.v", RESULT_MISSES_ITS_FIRST_CLOCK),
        "readiness before the result": ("snn_controller.v", READINESS_IS_REMEMBERED),
        "the readout's address": (
            "snn_engine.v",
            [(".ask           (out_valid)", ".ask           (out_valid || count_address == 1)")],
        ),
        "data without valid": (
            "snn_loader.v",
            [("event_write = take &&", "event_write = in_ready &&")],
        ),
        "reset: the controller drains first": (
            "snn_controller.v",
            [("if (reset) state <= BEGIN", "if (reset && state !== DRAIN) state <= BEGIN")],
        ),
        "reset: rings are not cleared": (
            "snn_controller.v",
            [("(reset) state <= BEGIN", "(reset) state <= clear || state === 3'bx ? CLEAR : IDLE")],
        ),
        "reset: an update comes after": (
            "snn_neurons.v",
            [("{UNITS{result_valid && !reset}}", "{UNITS{result_valid}}")],
        ),
    },
}  # fmt: skip


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("kind", "fault"), [(kind, fault) for kind, faults in FAULTS.items() for fault in faults]
)
def test_only_disturbance_finds(
    kind: str,
    fault: str,
    make_network: MakeNetwork,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("iverilog")
    if kind == "groups":
        network = make_network([9, 10, 5], steps=5, scale=3.0, per_channel=True)
        accelerator = render_accelerator(network, 4).write(tmp_path)
    else:
        network = make_step_outer_network(kind)
        accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    file, changes = FAULTS[kind][fault]
    for old, new in changes:
        change(tmp_path / "rtl" / file, old, new)
    inputs = extreme_inputs(network, 40)
    assert cosimulate(accelerator, network, inputs, "icarus", disturbed=0).first_mismatch is None
    # What is wrong for a clock in a hundred needs more than one try.
    assert any(is_found(accelerator, network, inputs, seed) for seed in range(4))


def is_found(
    accelerator: Accelerator, network: IntegerNetwork, inputs: Integers, seed: int
) -> bool:
    try:
        result = cosimulate(accelerator, network, inputs, "icarus", disturbed=1.0, seed=seed)
    except ToolFailedError as error:  # the protocol is broken, or the core is stuck
        return "failed: " in str(error)
    first = result.first_mismatch
    return first is not None and first.startswith("with stalls and resets: ")


KINDS = ["feed-forward", "recurrent", "sequence", "delayed", "membrane", "first-to-2"]


@pytest.mark.sample(4)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 5])
def test_a_right_core_survives(
    kind: str,
    seed: int,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    network = make_step_outer_network(kind, seed=seed)
    accelerator = render_accelerator(network, 4, "step-outer").write(tmp_path)
    inputs = extreme_inputs(network, 24)
    result = cosimulate(accelerator, network, inputs, "icarus", disturbed=1.0, seed=seed)
    assert result.first_mismatch is None
    assert result.disturbed == 24
    assert result.disturbed_updates == result.updates
    assert min(result.input_stalls, result.output_stalls, result.resets) > 0
    words = f"24 of them again with {result.input_stalls} clocks without input, "
    assert result.disturbance.startswith(words)
    calm = cosimulate(accelerator, network, inputs, "icarus", disturbed=0)
    assert calm.disturbance == ""
    assert calm.cycles_per_sample == result.cycles_per_sample
    assert calm.interval_cycles == result.interval_cycles


@pytest.mark.sample(2)
@pytest.mark.parametrize("schedule", ["groups", "steps"])
@pytest.mark.parametrize("simulator", ["verilator", "cxxrtl"])
def test_the_simulators_see_the_same_signals(
    schedule: str,
    simulator: SimulatorName,
    make_network: MakeNetwork,
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    """So what one finds, all find: harnesses in C++ and in Verilog draw and do the same."""
    require_tool("iverilog", *SIMULATORS[simulator].tools)
    if schedule == "groups":
        network = make_network([9, 10, 5], steps=5, per_channel=True, readout="membrane")
        rendered = render_accelerator(network, 4, units=2, inputs_per_beat=2, weights="loaded")
    else:
        network = make_step_outer_network("first-to-2")
        rendered = render_accelerator(network, 4, "step-outer")
    core = core_of(rendered.write(tmp_path))
    values = np.moveaxis(extreme_inputs(network, 20), network.batch_axis, 0)
    samples = values.reshape(20, -1).astype(np.int64)
    for seed in (0, 1, 12345):
        here, there = (
            simulate_core(core, SIMULATORS[name]).run(samples, seed)
            for name in ("icarus", simulator)
        )
        assert_equal(vars(here) | vars(here.updates), vars(there) | vars(there.updates))
        assert (here.resets > 0) == (seed > 0)


def assert_equal(here: dict[str, Any], there: dict[str, Any]) -> None:
    assert here.keys() == there.keys()
    for name in here.keys() - {"updates"}:
        np.testing.assert_array_equal(here[name], there[name], err_msg=name)


def test_updates_of_an_aborted_sample_are_compared(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    """Each may be missing; none may be wrong, come twice, or come after the reset."""
    require_tool("iverilog")
    network = make_network([9, 10, 5], steps=5, per_channel=True)
    core = core_of(render_accelerator(network, 4).write(tmp_path))
    samples = extreme_inputs(network, 6)
    seen = simulate_core(core, SIMULATORS["icarus"]).run(samples, seed=1)
    updates = seen.updates
    of_first = np.flatnonzero(updates.aborted == updates.aborted.max())
    assert len(of_first) > 0 and updates.aborted.max() > 0

    def mismatches(**changes: Any) -> tuple[int, int]:
        recorded = replace(seen, updates=replace(updates, **changes))
        sizes = [10, 5]
        comparison = Comparison(network.content_hash, sizes, 5, network.readout, core.states)
        comparison.add(recorded, network.run(samples, record=True), np.arange(6))
        return comparison.spike_mismatches, comparison.state_mismatches

    assert mismatches() == (0, 0)
    kept = np.ones(len(updates.sample), dtype=bool)
    kept[of_first[0]] = False
    without = {name: array[kept] for name, array in vars(updates).items()}
    assert mismatches(**without) == (0, 0)
    states = updates.states.copy()
    states[of_first[0]] += 1
    assert mismatches(states=states) == (0, 1)
    twice = {
        name: np.concatenate([array, array[of_first[:1]]]) for name, array in vars(updates).items()
    }
    assert mismatches(**twice) == (1, 1)
    late = updates.aborted.copy()
    late[of_first[0]] = 0  # as if it had come after the reset
    assert mismatches(aborted=late) == (1, 1)


def test_a_share_is_a_share(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    network = make_network([4, 3])
    accelerator = render_accelerator(network, 1).write(tmp_path)
    inputs = extreme_inputs(network, 9)
    assert cosimulate(accelerator, network, inputs, "icarus").disturbed == 3  # a quarter at least
    assert cosimulate(accelerator, network, inputs[:1], "icarus").disturbed == 1
    with pytest.raises(UserError, match="a share of 2 disturbed inputs: expected 0 to 1"):
        cosimulate(accelerator, network, inputs, "icarus", disturbed=2)
