"""Inputs with a sign in hardware: from the port through the multipliers; over a board's line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.host import Host
from sc_neurocore.fpga.simulated import simulated_board
from sc_neurocore.hdl.design import Design
from sc_neurocore.network import (
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    SumPool2d,
)
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

RequireTool = Callable[..., None]
Kind = Literal["static", "sequence"]
LAST = [Dense(weight=np.eye(3, 8) - 0.25), Population(neuron=LIF)]


def described(layers: list[Any], shape: tuple[int, ...], kind: Kind) -> NetworkDescription:
    coding = InputEncoding(kind=kind, shape=shape, bits=4, fraction_bits=2, signed=True)
    return NetworkDescription(name="signs", input=coding, steps=4, layers=[*layers, *LAST])


def dense(kind: Kind = "static") -> NetworkDescription:
    random = np.random.default_rng(0)
    first = Dense(weight=random.normal(0, 0.7, (8, 6)), bias=random.normal(0, 0.2, 8))
    return described([first, Population(neuron=LIF)], (6,), kind)


def recurrent() -> NetworkDescription:
    random = np.random.default_rng(1)
    late = random.integers(0, 3, (8, 6))
    first = DelayDense(weight=random.normal(0, 0.7, (8, 6)), delays=late)
    own = Recurrent(neuron=LIF, weight=random.normal(0, 0.4, (8, 8)))
    return described([first, own], (6,), "sequence")


def convolution(pooling: Any) -> NetworkDescription:
    random = np.random.default_rng(2)
    first = Conv2d(weight=random.normal(0, 0.5, (2, 2, 3, 3)))
    return described([pooling, first, Population(neuron=LIF), Flatten()], (2, 8, 8), "static")


def compiled(folder: Path, network: NetworkDescription, **options: Any) -> Design:
    return compile_design(network, folder, "Q4.8", 5, allow=["all"], **options).design


@pytest.mark.parametrize(
    ("network", "options"),
    [
        (dense(), {"lanes": 4, "units": 2, "multipliers": {"logic": 2}}),
        (dense("sequence"), {"lanes": 2, "inputs_per_beat": 4}),
        (dense(), {"lanes": 4, "schedule": "step-outer", "weights": "loaded"}),
        (recurrent(), {"lanes": 4, "pipeline": 1}),
        (convolution(SumPool2d(size=(2, 2))), {"lanes": 4, "units": 2}),
    ],
)
def test_every_state_is_that_of_the_integer_model(
    network: NetworkDescription, options: Any, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    design = compiled(tmp_path / "design", network, **options)
    inputs = extreme_inputs(design.network, 24)
    assert (inputs.min(), inputs.max()) == (-8, 7)
    assert 0.02 < np.mean([s.mean() for s in design.network.run(inputs, record=True).spikes]) < 0.9
    assert cosimulate(design.accelerator, design.network, inputs, "icarus").holds


def test_its_own_testbench_passes(require_command: Callable[[str], str], tmp_path: Path) -> None:
    require_command("iverilog")
    require_command("make")
    design = compiled(tmp_path / "design", dense("sequence"), lanes=2)
    command = ["make", "-C", design.accelerator.directory / "sim"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert "PASS" in done.stdout, done.stdout + done.stderr


def test_a_board_takes_them_as_frames_and_as_events(
    require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("verilator", "c++")
    design = compiled(tmp_path / "design", dense("sequence"), board="icebreaker", lanes=2)
    inputs = extreme_inputs(design.network, 12)
    inputs[:, 2:] *= np.random.default_rng(1).random(inputs[:, 2:].shape) < 0.2  # few: as events
    expected = design.network.run(inputs)
    own = design.network.content_hash
    with (
        simulated_board(design) as port,
        Host(port, network_hash=own) as host,
    ):
        assert host.identity.inputs_are_signed
        found = host.classify(np.moveaxis(inputs, 1, 0))
        with pytest.raises(DataError, match=r"from -9 to 0: expected -8 to 7 \(4 bits\)"):
            host.classify(np.full((1, 4, 6), -9) * np.eye(4, 6, dtype=int))
    np.testing.assert_array_equal(found.spike_counts, expected.spike_counts)
    np.testing.assert_array_equal(found.classes, expected.classes)


def test_numbers_with_a_sign_are_not_pooled_by_or(tmp_path: Path) -> None:
    network = convolution(MaxPool2d(size=(2, 2)))
    for bits in (2, 4):  # of 2 bits the largest is 1, as a spike's is; -2 is larger than that
        coding = network.input.model_copy(update={"bits": bits, "fraction_bits": 0})
        narrow = network.model_copy(update={"input": coding})
        with pytest.raises(UserError, match="max pooling of numbers up to"):
            compiled(tmp_path / "design", narrow)
