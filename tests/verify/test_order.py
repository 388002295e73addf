"""Updates come in the order of the loops, and modules behind them may count on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.verify.order import prove_order

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]
Change = Callable[[Path, str, str], None]


@pytest.mark.parametrize(
    ("sizes", "options"),
    [
        ([3, 5, 3], {"units": 1}),
        pytest.param([3, 5, 3], {"schedule": "step-outer"}, marks=pytest.mark.soak),
        pytest.param([3, 5, 5, 3], {"units": 2, "pipeline": 1}, marks=pytest.mark.soak),
        pytest.param([3, 9, 6], {"units": 4, "weights": "loaded"}, marks=pytest.mark.soak),
    ],
)
def test_each_update_comes_once_in_its_order(
    sizes: list[int],
    options: dict[str, object],
    make_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("yosys", "sby")
    network = make_network(sizes, steps=3)
    lanes = 2 if options.get("units") == 1 else 4
    accelerator = render_accelerator(network, lanes, **options).write(tmp_path)  # type: ignore[arg-type]
    found = prove_order(accelerator)
    assert found.status == "proved" and not found.bound, found.detail


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (  # padding has turns, too
            "snn_engine",
            "(update_turn && layer_is_last && trace_valid[0])",
            "(update_turn && layer_is_last)",
            "readout_is_fair",
        ),
        pytest.param(
            "snn_engine",
            "(result_neuron[OUTPUT_BITS-1:0])",
            "(trace_neuron[OUTPUT_BITS-1:0])",
            "readout_is_fair",
            marks=pytest.mark.soak,
        ),
        pytest.param(
            "snn_engine", "(out_valid),", "(1'b1),", "readout_is_fair", marks=pytest.mark.soak
        ),
        pytest.param(
            "snn_controller", "if (pipeline_idle)", "if (1'b1)", "assert", marks=pytest.mark.soak
        ),
    ],
)
def test_a_fault_of_the_order_is_refuted(
    file: str,
    old: str,
    new: str,
    says: str,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    change: Change,
    tmp_path: Path,
) -> None:
    require_tool("yosys", "sby")
    accelerator = render_accelerator(make_network([3, 5, 3], steps=3), 2).write(tmp_path)
    path = tmp_path / f"rtl/{file}.v"
    if old == "(out_valid),":  # of the readout's port
        old, new = f".ask           {old}", f".ask           {new}"
    change(path, old, new)
    found = prove_order(accelerator, depth=24 if file == "snn_controller" else 16)
    assert found.status == "refuted" and says in found.detail
