"""Neurons with several inputs on the engine: each current has sums, weights, a bias of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.more_inputs import with_more_inputs
from tests.hdl.small_convolutions import draw_network
from tests.verify.test_every_design import draw

from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

RequireTool = Callable[..., None]

CASES, IN_CI = 40, 10


def some(cases: int) -> Any:
    """The first of the seeds in every run, the rest in the soak."""
    marked = [pytest.param(i, marks=() if i < IN_CI else pytest.mark.soak) for i in range(cases)]
    return pytest.mark.parametrize("seed", marked)


def test_designs_are_lint_clean(
    lint_clean: Callable[..., None], require_tool: RequireTool, tmp_path: Path
) -> None:
    """Layers with one, two and three inputs, of which the engine has three everywhere."""
    require_tool("verilator", "iverilog")
    network = quantize(one_map_each(with_more_inputs(draw_network(2), 2)))
    assert {len(each.currents) for each in network.programs} == {1, 2, 3}
    design = render_accelerator(network, 4, units=2).write(tmp_path)
    lint_clean(tmp_path / "rtl", design.top, [path.name for path in design.verilog])


def check(accelerator: Accelerator, network: IntegerNetwork, seed: int) -> None:
    """Compare every spike, state and score, at full speed and disturbed."""
    result = cosimulate(
        accelerator, network, extreme_inputs(network, 5, seed), "icarus", disturbed=0.5, seed=seed
    )
    assert result.first_mismatch is None
    assert result.updates > 0


@some(CASES)
def test_random_networks_compute_what_the_model_computes(
    seed: int, require_tool: RequireTool, tmp_path: Path
) -> None:
    """Dense, delayed and recurrent layers, some of whose neurons have several inputs."""
    require_tool("iverilog")
    description, compiled, options = draw(seed)
    description = description.model_copy(update={"steps": min(description.steps, 25)})
    description = with_more_inputs(description, seed)
    network = quantize(description, compiled["format"], compiled["weight_bits"])
    engine = {name: compiled[name] for name in ("lanes", "schedule", "weights")}
    accelerator = render_accelerator(network, **engine, **options).write(tmp_path)
    assert accelerator.geometry.currents == max(len(each.currents) for each in network.programs) > 1
    check(accelerator, network, seed)


@some(CASES)
def test_random_convolutions_compute_what_the_model_computes(
    seed: int, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("iverilog")
    random = np.random.default_rng(seed)
    lanes = 1 << int(random.integers(0, 5))
    units = 1 << int(random.integers(0, lanes.bit_length()))
    network = quantize(one_map_each(with_more_inputs(draw_network(seed), seed)), "Q8.8", 6)
    schedule = "step-outer" if seed % 2 else "auto"
    accelerator = render_accelerator(network, lanes, schedule, units=units).write(tmp_path)
    check(accelerator, network, seed)
