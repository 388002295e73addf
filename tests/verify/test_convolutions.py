"""Convolutional networks on the engine against the integer model, in every spike and state."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.hdl.small_convolutions import draw_network, small_images

from sc_neurocore.equation import LIF
from sc_neurocore.errors import ToolFailedError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.network import (
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.tools.programs import run
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.contracts import prove_contract
from sc_neurocore.verify.control import prove_control
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate, extreme_inputs
from sc_neurocore.verify.memory_contracts import prove_memories
from sc_neurocore.verify.order import prove_order
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.simulators import SIMULATORS, SimulatorName
from sc_neurocore.verify.small_network import prove_small
from sc_neurocore.verify.taps import check_taps

RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


def _small() -> IntegerNetwork:
    return quantize(small_images(), "Q8.8", 8)


@pytest.fixture(scope="module")
def small() -> IntegerNetwork:
    return _small()


@pytest.mark.sample(2)
@pytest.mark.parametrize("simulator", ["verilator", "cxxrtl"])
@pytest.mark.parametrize("schedule", ["group-stationary", "step-outer"])
def test_the_simulators_agree_to_the_clock(
    simulator: SimulatorName,
    schedule: str,
    small: IntegerNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("iverilog", *SIMULATORS[simulator].tools)
    accelerator = render_accelerator(small, 4, schedule, units=2).write(tmp_path)
    runs = [
        cosimulate(accelerator, small, extreme_inputs(small, 8), each)
        for each in ("icarus", simulator)
    ]
    assert all(each.holds for each in runs)
    assert runs[0].cycles_per_sample == runs[1].cycles_per_sample


@pytest.mark.parametrize("lanes", [2, 4])
def test_neurons_behind_nothing_but_flatten_stand_in_its_order(
    lanes: int, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    random = np.random.default_rng(1)
    description = NetworkDescription(
        name="flat",
        input=InputEncoding(shape=(1, 3, 3), bits=4, fraction_bits=3),
        steps=3,
        layers=(
            Conv2d(weight=random.normal(0.3, 0.5, (3, 1, 2, 2))),
            Population(neuron=LIF),
            Flatten(),
            Population(neuron=LIF, parameters={"beta": 0.5}),
            Dense(weight=random.normal(0.2, 0.5, (2, 12))),
            Population(neuron=LIF),
        ),
    )
    network = quantize(description, "Q8.8", 8)
    accelerator = render_accelerator(network, lanes).write(tmp_path)
    result = _result(accelerator, network)
    assert result.first_mismatch is None and result.updates == 6 * 3 * (12 + 12 + 2)
    assert network.run(extreme_inputs(network, 6), record=True).spikes[1].any()


def test_verilator_and_icarus_have_nothing_to_say(
    small: IntegerNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog", "verilator")
    for number, schedule in enumerate(("group-stationary", "step-outer")):
        accelerator = render_accelerator(small, 4 << number, schedule, units=1 + number).write(
            tmp_path / schedule
        )
        names = [path.name for path in accelerator.verilog]
        folder = accelerator.directory / "rtl"
        run("verilator", ["--lint-only", "-Wall", "--top-module", accelerator.top, *names], folder)
        icarus = ["-g2005", "-Wall", "-s", accelerator.top, "-o", "linted", *names]
        done = run("iverilog", icarus, folder)
        assert not (done.stdout + done.stderr).strip()


FAULTS = {
    "a tap's words are elsewhere": (
        "small_images_windows.v",
        "column_step  = ",
        "column_step  = 1 + ",
    ),
    "a tap is left out": (
        "snn_window.v",
        "column_tap == last_column_tap;",
        "column_tap == first_column_tap;",
    ),
    "the rows of another tap": (
        "snn_window.v",
        "<= ask_is_walked ? row_tap_rows + column_tap_rows + word_rows",
        "<= ask_is_walked ? row_tap_rows + word_rows",
    ),
    "weights of the next block": (
        "snn_controller.v",
        "fetch_row <= again ? layer_first_row",
        "fetch_row <= 1'b0 ? layer_first_row",
    ),
    "padding is a neuron": (
        "snn_neurons.v",
        "assign is_padded  = block == layer_last_block;",
        "assign is_padded  = 1'b0;",
    ),
    "the bias of another block": (
        "snn_neurons.v",
        "layer_shares_slots ? block : group",
        "layer_shares_slots ? group : block",
    ),
    "a joined word is lost": (
        "snn_scanner.v",
        "wire [WORD-1:0] joined      = is_partial ? arrived : {WORD{1'b0}};",
        "wire [WORD-1:0] joined      = {WORD{1'b0}};",
    ),
    "a joined word is taken apart alone": (
        "snn_scanner.v",
        "wire [WORD-1:0] whole       = is_partial ? {WORD{1'b0}} : arrived;",
        "wire [WORD-1:0] whole       = arrived;",
    ),
    "silent beats are not written": (
        "snn_loader.v",
        "(EVERY_BEAT != 0 ||",
        "(EVERY_BEAT == 2 ||",
    ),
    "the words of another step": (
        "snn_window.v",
        "at_block + word_at + later",
        "at_block + word_at",
    ),
}


@pytest.mark.sample(4)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(
    fault: str, small: IntegerNetwork, change: Change, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    accelerator = render_accelerator(small, 4, units=2).write(tmp_path)
    assert _result(accelerator, small).holds
    file, old, new = FAULTS[fault]
    path = tmp_path / "rtl" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert not _still_holds(accelerator, small)


OF_STEPS = {
    "own spikes are those of this step": (
        "read_is_recurrent ? !step[0] : step[0], word}",
        "step[0], word}",
    ),
    "what comes in is of the step before": (
        "read_is_recurrent ? !step[0] : step[0], word}",
        "!step[0], word}",
    ),
    "all steps in one bank": (
        "assign gather_address = {step[0], this_word};",
        "assign gather_address = {1'b0, this_word};",
    ),
}


@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", OF_STEPS)
def test_faults_in_the_banks_of_steps_are_found(
    fault: str, change: Change, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    described = small_images()
    own = np.random.default_rng(4).normal(0, 0.4, (4, 4))
    layers = (*described.layers[:-1], Recurrent(neuron=LIF, weight=own))
    network = quantize(described.model_copy(update={"layers": layers}), "Q8.8", 8)
    accelerator = render_accelerator(network, 4, "step-outer", units=2).write(tmp_path)
    assert _result(accelerator, network).holds
    change(tmp_path / "rtl" / "snn_places.v", *OF_STEPS[fault])
    assert not _still_holds(accelerator, network)


def _still_holds(accelerator: Accelerator, network: IntegerNetwork) -> bool:
    try:
        return _result(accelerator, network).holds
    except ToolFailedError as error:  # it gets stuck, or something unknown is in what it says
        return "no result" not in str(error) and "unknown" not in str(error)


def _result(accelerator: Accelerator, network: IntegerNetwork) -> CosimulationResult:
    return cosimulate(accelerator, network, extreme_inputs(network, 6), "icarus", disturbed=0)


def prove_scanner(accelerator: Accelerator, depth: int = 4) -> ProofResult:
    """Prove the contract of the module that takes words apart."""
    return prove_contract(accelerator, replace(CONTRACTS["snn_scanner"], depth=depth))


def prove_window(accelerator: Accelerator, depth: int = 4) -> ProofResult:
    """Prove the contract of the module that names words."""
    return prove_contract(accelerator, replace(CONTRACTS["snn_window"], depth=depth))


def prove_controller(accelerator: Accelerator, depth: int = 4) -> ProofResult:
    """Prove the contract of the module that says which group is next."""
    return prove_contract(accelerator, replace(CONTRACTS["snn_controller"], depth=depth))


PROOFS: dict[str, Callable[..., ProofResult]] = {
    "control": prove_control,
    "order": prove_order,
    "window": prove_window,
    "scanner": prove_scanner,
    "controller": prove_controller,
}


@pytest.mark.parametrize(
    ("claim", "schedule"),
    [
        pytest.param(claim, schedule, marks=pytest.mark.soak if takes_long else ())
        for claim in PROOFS
        for schedule in ("group-stationary", "step-outer")
        for takes_long in [claim in ("control", "order") and schedule == "step-outer"]
    ],
)
def test_claims_about_windows_are_proved(
    claim: str, schedule: str, small: IntegerNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(small, 4, schedule, units=2).write(tmp_path)
    result = PROOFS[claim](accelerator)
    assert result.status == "proved" and result.engine.startswith("k-induction"), result
    if claim == "control":  # and no sample of them takes longer than was proved
        clocks = _result(accelerator, small).cycles_per_sample - accelerator.geometry.beats
        assert 0 < clocks <= result.figures["most_clocks"]


@pytest.mark.sample(1)
@pytest.mark.parametrize("seed", [4, 14], ids=["one row", "one place"])
def test_images_of_one_row_and_of_one_place_are_proved(
    seed: int, require_tool: RequireTool, tmp_path: Path
) -> None:
    """Their address is wider than some of their memories, and they have no second row."""
    require_tool("yosys")
    accelerator = compile_design(
        draw_network(seed), tmp_path, lanes=4, allow=["all"]
    ).design.accelerator
    assert {layer.layout.rows for layer in accelerator.geometry.layers} == {1}
    assert [prove_window(accelerator).status, prove_memories(accelerator).status] == ["proved"] * 2


UNTRUE = {
    "a tap is left out": "window",
    "the rows of another tap": "window",
    "the words of another step": "window",
    "weights of the next block": "controller",
    "a joined word is lost": "scanner",
    "a joined word is taken apart alone": "scanner",
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("fault", UNTRUE)
def test_claims_about_windows_are_refuted_where_they_are_wrong(
    fault: str, small: IntegerNetwork, change: Change, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(small, 4, units=2).write(tmp_path)
    file, old, new = FAULTS[fault]
    change(tmp_path / "rtl" / file, old, new)
    result = PROOFS[UNTRUE[fault]](accelerator, depth=12)
    assert result.status != "proved"


@pytest.mark.soak
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        FAULTS["a tap's words are elsewhere"],
        ("snn_window.v", "at_row <= at_row + row_step", "at_row <= at_row + row_apart"),
        ("snn_places.v", "is_first ? first_word : next_word", "next_word"),
    ],
    ids=["table", "window", "places"],
)
def test_words_that_are_not_there_are_noticed(
    file: str,
    old: str,
    new: str,
    small: IntegerNetwork,
    change: Change,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    """Whether “order” sees that a word is read, or gathered, where the layer has none."""
    require_tool("yosys")
    accelerator = render_accelerator(small, 4, units=2).write(tmp_path)
    path = tmp_path / "rtl" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    assert prove_order(accelerator, depth=3, search=1).status != "proved"


@pytest.mark.sample(1)
@pytest.mark.parametrize("is_broken", [False, True])
def test_a_result_comes_within_so_many_clocks(
    is_broken: bool, change: Change, require_tool: RequireTool, tmp_path: Path
) -> None:
    """Not where the taps of the second place are never looked up."""
    require_tool("yosys")
    description = NetworkDescription(
        name="two_places",
        input=InputEncoding(shape=(1, 1, 2), bits=1, fraction_bits=0),
        steps=1,
        layers=(
            Conv2d(weight=np.ones((2, 1, 1, 1))),
            Population(neuron=LIF),
            Flatten(),
            Dense(weight=np.ones((2, 4))),
            Population(neuron=LIF),
        ),
    )
    accelerator = render_accelerator(quantize(description, "Q8.8", 8), 2).write(tmp_path)
    if is_broken:
        looked_up = "if (ask_valid && !placed) placed"
        never = "if (ask_valid && !placed && column == 0) placed"
        change(tmp_path / "rtl" / "snn_window.v", looked_up, never)
    result = prove_control(accelerator)
    assert (result.status == "proved") is not is_broken
    assert 40 < result.figures["most_clocks"] < 120


def test_a_small_convolution_refutes_what_is_wrong(
    small: IntegerNetwork, change: Change, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator = render_accelerator(small, 4, units=2).write(tmp_path)
    file, old, new = FAULTS["the rows of another tap"]
    change(tmp_path / "rtl" / file, old, new)
    result = prove_small(accelerator)
    assert result.status == "refuted" and "differs" in result.detail
    assert "2x2 convolution" in result.bound and "nothing is pooled" in result.bound


@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", ["column_step  = ", "row_tap_rows   = ", "joins        = "])
def test_another_table_of_windows_is_refuted(
    fault: str, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    compile_design(small_images(), tmp_path, lanes=4, units=2, allow=["left-over"])
    path = tmp_path / "rtl" / "small_images_windows.v"
    with opened(tmp_path) as design:
        assert check_taps(design.accelerator, design.network).status == "proved"
    text = path.read_text()
    number = re.search(rf"{fault}(\d+)'d(\d+);", text)
    assert number is not None
    other = f"{fault}{number[1]}'d{int(number[2]) ^ 1};"
    path.write_text(text.replace(number[0], other, 1))
    with opened(tmp_path, allow_edited=True) as design:
        result = check_taps(design.accelerator, design.network)
    assert result.status == "refuted" and "table of windows says" in result.detail
