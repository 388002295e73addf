"""Co-simulation: a right core has no mismatch on any simulator; a wrong one is found out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sc_neurocore.errors import ToolFailedError, ToolMissingError, UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.progress import Progress
from sc_neurocore.tools import programs
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs
from sc_neurocore.verify.simulators import SIMULATORS, SimulatorName, choose_simulator

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]

SHAPES = [
    ([1, 1], 1, {"steps": 1}),
    ([2, 3], 2, {"steps": 1}),
    ([3, 2], 4, {}),
    ([7, 5, 3], 1, {}),
    ([7, 5, 3], 2, {"steps": 3}),
    ([9, 13, 11, 6], 4, {"per_channel": True}),
    ([16, 8, 8], 8, {"input_bits": 1, "steps": 8}),
    ([5, 17, 2], 16, {"input_bits": 8, "weight_bits": 24}),
    ([33, 9, 10], 64, {"input_bits": 16, "weight_bits": 16, "scale": 20.0}),
    ([4, 70, 5], 2, {"with_bias": False}),
    ([12, 12, 12, 12, 12], 4, {"per_channel": True, "steps": 7}),
    ([10, 10], 8, {"scale": 1e-3}),
    ([256, 4], 4, {"steps": 65}),
]


ENGINES: list[dict[str, int]] = [
    {},
    {"pipeline": 3, "multipliers": {"logic": 1}},
    {"units": 2, "inputs_per_beat": 2},
    {"units": 4, "pipeline": 1, "inputs_per_beat": 4, "weight_slices": 8},
]


@pytest.mark.parametrize(("number", "shape"), list(enumerate(SHAPES)))
def test_every_shape_computes_what_the_model_computes(
    number: int,
    shape: tuple[list[int], int, dict[str, int]],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    sizes, lanes, options = shape
    engine = ENGINES[number % len(ENGINES)]
    readout = "membrane" if number % 3 == 2 else "spike-count"
    network = make_network(sizes, readout=readout, **options)
    shared = {name: min(lanes, engine.get(name, 1)) for name in ("units", "weight_slices")}
    accelerator = render_accelerator(network, lanes, **(engine | shared)).write(tmp_path)
    result = cosimulate(accelerator, network, extreme_inputs(network, 6), "icarus", disturbed=1.0)
    assert result.first_mismatch is None
    assert result.holds
    assert (result.samples, result.steps) == (6, network.steps)
    assert result.updates == 6 * network.steps * sum(sizes[1:])


@pytest.mark.parametrize(("lanes", "weight_bits"), [(1, 6), (2, 8), (4, 9), (8, 6)])
def test_weights_can_come_through_the_write_port(
    lanes: int,
    weight_bits: int,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog", "verilator", "c++")
    network = make_network([7, 10, 3], weight_bits=weight_bits)
    accelerator = render_accelerator(network, lanes, weights="loaded").write(tmp_path)
    for simulator in ("icarus", "verilator"):
        assert (
            cosimulate(accelerator, network, extreme_inputs(network, 6), simulator).first_mismatch
            is None
        )


@pytest.mark.parametrize("simulator", list(SIMULATORS))
def test_the_simulators_agree_to_the_clock(
    simulator: SimulatorName,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool(*SIMULATORS[simulator].tools)
    network = make_network([20, 24, 10], per_channel=True, steps=9, scale=1.0)
    accelerator = render_accelerator(
        network, lanes=8, units=2, pipeline=3, inputs_per_beat=4
    ).write(tmp_path)
    inputs = extreme_inputs(network, 20)
    events: list[Progress] = []
    result = cosimulate(accelerator, network, inputs, simulator, progress=events.append)
    assert result.first_mismatch is None
    assert (result.simulator, result.samples) == (simulator, 20)
    assert result.version == SIMULATORS[simulator].version
    latency = expected_latency(network, inputs, lanes=8, period=6)
    assert result.latency_cycles == pytest.approx(latency)
    # A frame is loaded while the one before runs.
    assert result.interval_cycles == pytest.approx(latency, abs=30)
    assert result.cycles_per_sample == pytest.approx(5 + latency)
    assert events[-1].done == events[-1].total == 20 + 5
    assert result.disturbed == 5
    # The design's folder stays as it was.
    assert {path.name for path in tmp_path.iterdir()} == {"rtl"}


def expected_latency(
    network: IntegerNetwork, inputs: NDArray[np.int64], lanes: int, period: int
) -> float:
    """Mean clocks from the last input to the class by the schedule, computed without the engine."""
    spikes = network.run(inputs, record=True).spikes
    total = 0
    for sample, frame in enumerate(inputs):
        # The frame is taken, and at the end the scores pass one by one.
        total += 2 + network.layers[-1].outputs + 1
        for number, layer in enumerate(network.layers):
            if layer.is_static:
                scans, repeats = [max(1, np.count_nonzero(frame))], network.steps
            else:
                scans, repeats = scan_lengths(spikes[number - 1][:, sample], lanes), 1
            handed_over = served = 0
            for length in scans * -(-layer.outputs // lanes):
                # Sums wait until the neuron unit is free, and the next scan goes on meanwhile.
                handed_over = max(handed_over + length, served)
                served = handed_over + repeats * period
            # Filling and draining: three clocks to fetch, four to the sums, five from the first
            # look at the neuron memory to the update, the unit's own, one to see that the pipeline
            # is empty. The idle turns of the last period are not waited for.
            total += served - (period - lanes // 2) + 3 + 4 + 5 + 3 + 1
    return total / len(inputs)


def scan_lengths(spikes: NDArray[np.bool_], lanes: int) -> list[int]:
    """Clocks to scan (steps, neurons) at each step: one per spike, and one per empty word."""
    padded = np.pad(spikes, ((0, 0), (0, -spikes.shape[1] % lanes)))
    words = padded.reshape(len(spikes), -1, lanes).sum(axis=2)
    return np.maximum(words, 1).sum(axis=1).tolist()


BROKEN = [
    # Spikes are gathered into the wrong bits of a word.
    ("snn_spikes.v", "gathered <= word", "gathered <= word >> 1", "states"),
    # Sums are cleared only if the token that hands them over also added.
    (
        "snn_accumulator.v",
        "(advance && multiplied_handover)",
        "(advance && multiplied_add)",
        "states",
    ),
    # Groups after the first start from what the memory holds.
    (
        "snn_neurons.v",
        "biased_is_first ? unit",
        "biased_is_first && biased_flags[STEP_BITS+TURN_BITS +: GROUP_BITS] == 0 ? unit",
        "states",
    ),
    # Padding lanes spike.
    ("snn_neurons.v", "result_are_neurons & unit_spike", "unit_spike", "states"),
    # Ties go to the last neuron.
    ("snn_readout.v", ": score > best_score", ": score >= best_score", "classes"),
    # Counts go on where the group before stopped.
    ("snn_readout.v", "now = (is_first ?", "now = (is_first && neuron == 0 ?", "counts"),
    # The last update of each neuron never shows.
    (
        "snn_neurons.v",
        "update_valid     <= result_are_neurons &",
        "update_valid     <= {UNITS{result_step != last_step}} &",
        "updates",
    ),
    # Padding shows.
    ("snn_neurons.v", "update_valid     <= result_are_neurons &", "update_valid     <=", "updates"),
]


@pytest.mark.parametrize(("file", "old", "new", "kind"), BROKEN)
def test_a_broken_engine_is_found_out(
    file: str,
    old: str,
    new: str,
    kind: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    change: Change,
) -> None:
    require_tool("iverilog")
    network = make_network([6, 10, 7], steps=5, scale=3.0, per_channel=True)
    accelerator = render_accelerator(network, lanes=4).write(tmp_path)
    change(tmp_path / "rtl" / file, old, new)
    result = cosimulate(accelerator, network, extreme_inputs(network, 12), "icarus")
    assert not result.holds
    assert result.first_mismatch is not None
    found = {
        "states": result.state_mismatches,
        "updates": result.spike_mismatches,
        "classes": result.class_mismatches,
        "counts": result.count_mismatches,
    }
    assert found[kind] > 0
    if kind == "classes":
        assert result.state_mismatches == result.spike_mismatches == result.count_mismatches == 0
        assert "class is" in result.first_mismatch


def test_the_first_mismatch_says_where(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("iverilog")
    network = make_network([4, 3], steps=3, scale=0.1, with_bias=False)
    accelerator = render_accelerator(network, lanes=2).write(tmp_path)
    (step,) = (tmp_path / "rtl").glob("*_step.v")
    change(step, "assign v_next = ", "assign v_next = (v == 16'sd0) ? 16'sd7 : ")
    result = cosimulate(accelerator, network, np.zeros((2, 4), dtype=int), "icarus")
    assert result.state_mismatches == 2 * 3 * 3
    assert result.spike_mismatches == 0
    assert result.first_mismatch == (
        "input 0, layer 0, neuron 0, step 0: v is 7 (integer model 0), spike is 0 (integer model 0)"
    )


def test_a_core_that_gets_stuck_is_an_error(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path, change: Change
) -> None:
    require_tool("iverilog")
    network = make_network([4, 3])
    accelerator = render_accelerator(network, lanes=2).write(tmp_path)
    change(tmp_path / "rtl/snn_controller.v", "if (pipeline_idle)\n", "if (1'b0)\n")
    with pytest.raises(ToolFailedError, match="no result within the limit"):
        cosimulate(accelerator, network, extreme_inputs(network, 2), "icarus")


def test_a_design_of_another_network_is_refused(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network([2, 2])
    accelerator = render_accelerator(make_network([2, 2], seed=1), lanes=1).write(tmp_path)
    with pytest.raises(UserError, match="was compiled from network"):
        cosimulate(accelerator, network, extreme_inputs(network, 2))


def test_inputs_are_checked(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    network = make_network([2, 2])
    accelerator = render_accelerator(network, lanes=1).write(tmp_path)
    with pytest.raises(UserError, match="not empty"):
        cosimulate(accelerator, network, np.zeros((0, 2), dtype=int), "icarus")
    with pytest.raises(UserError, match="expected 0 to 31"):
        cosimulate(accelerator, network, [[0, 32]], "icarus")


def test_simulators_are_chosen_by_what_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = {"yosys", "c++", "iverilog", "vvp"}
    monkeypatch.setattr(programs, "is_available", lambda name: name in installed)
    assert choose_simulator("auto").name == "cxxrtl"
    assert choose_simulator("auto", inputs=10).name == "icarus"
    installed.remove("c++")
    assert choose_simulator("auto").name == "icarus"
    installed.clear()
    with pytest.raises(ToolMissingError, match="no simulator is installed"):
        choose_simulator("auto")
    with pytest.raises(UserError, match="'modelsim': expected auto, verilator, cxxrtl, icarus"):
        choose_simulator("modelsim")


def test_an_early_end_stops_the_simulations_that_run_ahead(
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They run in threads, and only the main thread hears of Ctrl-C."""
    require_tool("iverilog")
    network = make_network([32, 12, 4], steps=12)
    accelerator = render_accelerator(network, 1).write(tmp_path)
    ended, end_group = [], programs._end_group

    def spy(process: Any) -> None:
        ended.append(process)
        end_group(process)

    def interrupt(update: Progress) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(programs, "_end_group", spy)
    with pytest.raises(KeyboardInterrupt):
        cosimulate(accelerator, network, extreme_inputs(network, 640), "icarus", progress=interrupt)
    assert ended
    assert all(process.poll() is not None for process in ended)
    assert not programs._RUNNING
