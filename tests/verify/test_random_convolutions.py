"""Random small networks with convolutions and pooling, through compile and verify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.small_convolutions import draw_network

from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.verify.certificate import verify_design
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

RequireTool = Callable[..., None]

CASES, SIMULATED_IN_CI = 40, 8


def compile_case(seed: int, folder: Path) -> None:
    """Compile a network that is drawn, for an engine that is drawn."""
    random = np.random.default_rng(seed)
    lanes = 1 << int(random.integers(0, 5))
    options: dict[str, Any] = {
        "units": 1 << int(random.integers(0, lanes.bit_length())),
        "pipeline": int(random.integers(0, 3)),
        "weights": str(random.choice(["rom", "loaded"])),
    }
    schedule = "step-outer" if seed % 2 else "auto"
    compile_design(draw_network(seed), folder, "Q8.8", 6, lanes, schedule, allow=["all"], **options)


@pytest.mark.parametrize("seed", range(SIMULATED_IN_CI))
def test_they_compute_what_the_model_computes(
    seed: int, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    compile_case(seed, tmp_path)
    with opened(tmp_path) as design:
        network = design.network
        inputs = extreme_inputs(network, 6, seed)
        result = cosimulate(design.accelerator, network, inputs, "icarus", disturbed=0.5, seed=seed)
    assert result.first_mismatch is None
    assert result.updates == 6 * network.steps * sum(layer.outputs for layer in network.layers)


@pytest.mark.soak  # about a minute's work each; test_convolutions proves the claims of one network
@pytest.mark.parametrize("seed", range(CASES))
def test_the_certificate_holds(seed: int, require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("yosys", "z3", "iverilog")
    compile_case(seed, tmp_path)
    with opened(tmp_path) as design:
        inputs = extreme_inputs(design.network, 6, seed)
        certificate = verify_design(design, inputs, origin="drawn", simulator="icarus")
    assert certificate.holds, certificate.verdict
    assert not certificate.edited
    names = {each.name.split(":")[0] for each in certificate.proofs}
    assert names >= {"files", "window", "scanner", "controller", "accumulator", "neurons"}
    statuses = {each.status.split("(")[0] for each in certificate.proofs}
    assert statuses == {"proved", "bounded"}
