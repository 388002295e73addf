"""Whatever is chosen of a network and its engine, the certificate holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.more_inputs import with_more_inputs
from tests.hdl.small_convolutions import draw_network

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.network import (
    DelayDense,
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.verify.certificate import cosimulate_design, prove_design
from sc_neurocore.verify.elaborated import elaborate
from sc_neurocore.verify.verilog_reader import check_design

CASES = 60
IN_CI = (7,)
CONVOLUTIONAL_CASES = 40


def draw(seed: int) -> tuple[NetworkDescription, dict[str, Any], EngineOptions]:
    """Draw a network, what `compile_design` takes, and an engine."""
    random = np.random.default_rng(seed)

    def one_of(*choices: Any) -> Any:
        return choices[random.integers(len(choices))]

    sizes = [int(size) for size in random.integers(1, 14, one_of(2, 2, 3, 4))]
    layers: list[Any] = []
    only_dense = bool(random.random() < 0.6)
    neurons = [CATALOGUE[one_of("LIF", "LIF", "ALIF", "Synaptic", "ExpIF")] for _ in range(2)]
    for inputs, outputs in pairwise(sizes):
        weight = random.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))
        bias = one_of(None, random.normal(0, 0.2, outputs))
        neuron = one_of(*neurons, neurons[0])
        if only_dense or random.random() < 0.5:
            layers += [Dense(weight=weight, bias=bias), Population(neuron=neuron)]
            continue
        delays = random.integers(0, one_of(2, 5), weight.shape)
        own = random.normal(0, 1 / np.sqrt(outputs), (outputs, outputs))
        layers += [DelayDense(weight=weight, delays=delays, bias=bias)]
        layers += [one_of(Population(neuron=neuron), Recurrent(neuron=neuron, weight=own))]
    bits = int(one_of(1, 5, 8))
    description = NetworkDescription(
        name="drawn",
        input=InputEncoding(
            kind="static" if only_dense else one_of("static", "sequence"),
            shape=(sizes[0],),
            bits=bits,
            fraction_bits=max(0, bits - 1),
        ),
        steps=int(one_of(1, 2, 7, 40, 1200 if only_dense else 25)),
        layers=layers,
        readout=one_of("spike-count", "spike-count", "membrane", "first-to-2"),
    )
    lanes = int(one_of(1, 2, 4, 8, 16))
    compiled = {
        "format": one_of("Q8.8", "Q8.8", "Q4.12:nearest", "Q6.6"),
        "weight_bits": int(one_of(2, 5, 8, 16, 24)),
        "lanes": lanes,
        "schedule": one_of("auto", "auto", "step-outer"),
        "weights": one_of("rom", "loaded"),
    }
    options = EngineOptions(
        units=min(lanes, one_of(1, 1, 2, 4)),
        pipeline=one_of(0, 0, 1, 2, 5),
        inputs_per_beat=min(one_of(1, 1, 2, 4), 64 // bits),
        multipliers={"logic": one_of(0, 0, lanes, lanes // 2)},
        weight_slices=1 if compiled["weights"] == "loaded" else min(lanes, one_of(1, 1, 4)),
    )
    return description, compiled, options


def has_more_inputs(seed: int) -> bool:
    """Whether some of the drawn network's neurons get several inputs."""
    return seed % 4 == 3 and seed != 3


@pytest.mark.parametrize(
    "seed",
    [pytest.param(i, marks=() if i in IN_CI else pytest.mark.soak) for i in range(CASES)],
)
def test_the_certificate_holds(
    seed: int, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys", "z3", "sby", "iverilog")
    description, compiled, options = draw(seed)
    if has_more_inputs(seed):
        description = with_more_inputs(description, seed)
    check_certificate(description, compiled, options, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(CONVOLUTIONAL_CASES))
def test_the_certificate_of_convolutions_holds(
    seed: int, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("yosys", "z3", "sby", "iverilog")
    random = np.random.default_rng(seed)
    lanes = 1 << int(random.integers(0, 5))
    compiled = {
        "lanes": lanes,
        "weight_bits": int(random.choice([2, 5, 8])),
        "schedule": str(random.choice(["auto", "step-outer"])),
        "weights": str(random.choice(["rom", "rom", "loaded"])),
    }
    options = EngineOptions(
        units=1 << int(random.integers(0, lanes.bit_length())),
        pipeline=int(random.integers(0, 3)),
    )
    check_certificate(draw_network(seed), compiled, options, tmp_path)


def check_certificate(
    description: NetworkDescription,
    compiled: dict[str, Any],
    options: EngineOptions,
    folder: Path,
) -> None:
    """Compile a network, run it, and prove everything that a certificate says."""
    try:
        design = compile_design(description, folder, allow=["all"], **compiled, **options).design
    except UserError as error:
        pytest.fail(f"{compiled} {options}: {error}")
    sources = {path.name: path.read_bytes() for path in (folder / "rtl").iterdir()}
    verilog = {name: text for name, text in sources.items() if name.endswith(".v")}
    check_design(verilog, verilog.values())
    assert not elaborate(sources, description.name).faults
    network = design.network
    shape = (network.steps,) * network.batch_axis + (3, math.prod(description.input.shape))
    inputs = np.random.default_rng(0).integers(0, 1 << network.input_bits, shape)
    runs = cosimulate_design(design, inputs, "icarus")
    assert [run.first_mismatch for run in runs] == [None, None]
    proofs = {proof.name: (proof.status, proof.detail) for proof in prove_design(design)}
    wrong = {name: found for name, found in proofs.items() if found[0] in ("unknown", "refuted")}
    assert not wrong, f"{compiled} {options}"
