"""Both orders of work: which networks each takes, what is written, that tools accept it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.planning import plan
from sc_neurocore.network import (
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.tools import programs

MakeNetwork = Callable[..., IntegerNetwork]
MakeStepOuterNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]


@pytest.mark.parametrize("kind", ["recurrent", "delayed", "two neurons", "membrane", "first-to-2"])
@pytest.mark.parametrize("lanes", [1, 4])
def test_tools_have_nothing_to_say(
    kind: str,
    lanes: int,
    make_step_outer_network: MakeStepOuterNetwork,
    require_tool: RequireTool,
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("verilator", "iverilog")
    design = render_accelerator(make_step_outer_network(kind), lanes, "step-outer").write(tmp_path)
    lint_clean(tmp_path / "rtl", design.top, [path.name for path in design.verilog])


def test_yosys_finds_one_clock_and_no_latch(
    make_step_outer_network: MakeStepOuterNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    design = render_accelerator(make_step_outer_network("delayed"), 2, "step-outer").write(tmp_path)
    names = " ".join(path.name for path in design.verilog)
    script = (
        f"read_verilog -defer {names}; hierarchy -check -top {design.top}; proc; "
        f"select -assert-none t:$dlatch t:$adff t:$adffe; flatten; opt_clean; check -assert; "
        f"select -assert-none t:$dff %ci1:+[CLK] w:* %i w:clk %d"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")


@pytest.mark.parametrize(
    ("kind", "schedule"),
    [
        ("feed-forward", "group-stationary"),
        ("recurrent", "step-outer"),
        ("delayed", "step-outer"),
        ("spikes", "step-outer"),
        ("sequence", "step-outer"),
        ("two neurons", "step-outer"),
        ("membrane", "step-outer"),
        ("first-to-2", "step-outer"),
    ],
)
def test_the_schedule_is_the_first_that_fits(
    kind: str, schedule: str, make_step_outer_network: MakeStepOuterNetwork, tmp_path: Path
) -> None:
    network = make_step_outer_network(kind)
    design = render_accelerator(network, 2).write(tmp_path)
    assert design.schedule == schedule
    assert plan(network, 2, "step-outer").schedule == "step-outer"
    if schedule == "step-outer":
        with pytest.raises(UserError):
            plan(network, 2, "group-stationary")


def test_what_no_schedule_can_do_is_named() -> None:
    layers = [Conv2d(weight=np.ones((2, 1, 3, 3))), MaxPool2d(size=(2, 2)), Population(neuron=LIF)]
    image = InputEncoding(shape=(1, 4, 4), bits=5, fraction_bits=4)
    network = quantize(NetworkDescription(name="net", input=image, steps=2, layers=layers))
    with pytest.raises(
        UserError, match=r"layer 1 is made of conv2d, max-pool2d, population: a max-pool2d of sums"
    ):
        plan(network, 2)
    with pytest.raises(
        UserError, match=r"schedule 'inner': expected auto, group-stationary, step-"
    ):
        plan(network, 2, "inner")
    vector = InputEncoding(shape=(2,), bits=5, fraction_bits=4)
    late = DelayDense(weight=np.eye(2), delays=np.full((2, 2), 300))
    slow = NetworkDescription(
        name="net", input=vector, steps=2, layers=[late, Population(neuron=LIF)]
    )
    with pytest.raises(UserError, match="a delay of 300 steps"):
        plan(quantize(slow), 2)


def test_only_what_a_design_needs_is_written(
    make_step_outer_network: MakeStepOuterNetwork, tmp_path: Path
) -> None:
    for kind, has_rings in (("recurrent", False), ("delayed", True)):
        design = render_accelerator(make_step_outer_network(kind), 2, "step-outer").write(
            tmp_path / kind
        )
        names = {path.name for path in design.verilog}
        assert ("snn_ring.v" in names) == has_rings
        assert "snn_column.v" not in names
    loaded = render_accelerator(make_step_outer_network("recurrent"), 2, weights="loaded")
    assert "rtl/snn_column.v" in loaded.contents


def signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


def test_the_weight_memory_holds_weights_and_delays_in_the_order_of_the_work(
    tmp_path: Path,
) -> None:
    random = np.random.default_rng(0)
    delays = random.integers(0, 6, (3, 4))
    layers = [
        DelayDense(weight=random.normal(size=(3, 4)), delays=delays),
        Recurrent(neuron=LIF, weight=random.normal(size=(3, 3))),
    ]
    encoding = InputEncoding(kind="spikes", shape=(4,), bits=1, fraction_bits=0)
    network = quantize(NetworkDescription(name="n", input=encoding, steps=9, layers=layers))
    lanes, layer = 2, network.layers[0]
    assert layer.feedback is not None
    geometry = render_accelerator(network, lanes, "step-outer").write(tmp_path).geometry
    assert geometry.weight_bits == 8
    rows = [int(line, 16) for line in (tmp_path / "rtl/n_weights.hex").read_text().split()]
    row = 0
    for group in range(2):
        parts = [
            (layer.synapses[0].weight, delays),
            (layer.feedback.weight, np.zeros((3, 3), dtype=int)),
        ]
        for weight, late in parts:
            for source in range(weight.shape[1]):
                for lane in range(lanes):
                    word = rows[row] >> (11 * lane) & 0x7FF  # 8 bits of weight, 3 of delay
                    neuron = group * lanes + lane
                    expected = (
                        (weight[neuron, source], late[neuron, source]) if neuron < 3 else (0, 0)
                    )
                    assert (signed(word & 0xFF, 8), word >> 8) == expected
                row += 1
    assert row == 2 * (4 + 3)


def test_a_delay_of_the_inputs_goes_into_the_weights_behind_it() -> None:
    encoding = InputEncoding(kind="spikes", shape=(2, 1, 2), bits=1, fraction_bits=0)
    layers = [
        Delay(delays=np.array([1, 3])),
        Flatten(),
        Dense(weight=np.ones((3, 4))),
        Population(neuron=LIF),
    ]
    network = quantize(NetworkDescription(name="n", input=encoding, steps=4, layers=layers))
    assert plan(network, 2).delay_bits == 2
    assert plan(network, 2).schedule == "step-outer"


def test_neurons_that_share_a_name_have_units_of_their_own(tmp_path: Path) -> None:
    variants = [LIF, replace(LIF, update=CATALOGUE["IF"].update)]
    layers = [
        layer
        for neuron in variants
        for layer in (Dense(weight=np.eye(2)), Population(neuron=neuron))
    ]
    encoding = InputEncoding(shape=(2,), bits=5, fraction_bits=4)
    network = quantize(NetworkDescription(name="n", input=encoding, steps=4, layers=layers))
    design = render_accelerator(network, 2, "step-outer").write(tmp_path)
    assert design.neuron_modules == ("n_lif_q8_8_step", "n_lif_q8_8_2_step")


def test_a_summed_membrane_is_left_to_the_first_schedule(make_network: MakeNetwork) -> None:
    network = make_network([4, 3])
    assert plan(replace(network, readout="membrane"), 2).schedule == "group-stationary"
    early = replace(network, readout="first-to-2")
    assert plan(early, 2).schedule == "step-outer"
    with pytest.raises(UserError, match="cannot end a sample early"):
        plan(early, 2, "group-stationary")
