"""Updates come in the order of the loops, and modules behind them may count on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
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


FAULTS = (
    (  # padding has turns, too
        "snn_engine",
        "(update_turn && layer_is_last && trace_valid[0])",
        "(update_turn && layer_is_last)",
    ),
    ("snn_engine", ".look          (result_neuron[", ".look          (trace_neuron["),
    ("snn_engine", ".ask           (out_valid),", ".ask           (1'b1),"),
    ("snn_neurons", "update_step      <= result_step;", "update_step      <= step;"),
)


def _with_fault(fault: int, network: IntegerNetwork, change: Change, folder: Path) -> Accelerator:
    accelerator = render_accelerator(network, 2).write(folder)
    file, old, new = FAULTS[fault]
    change(folder / f"rtl/{file}.v", old, new)
    return accelerator


@pytest.mark.parametrize(
    "fault", [2, *(pytest.param(each, marks=pytest.mark.soak) for each in (0, 1, 3))]
)
def test_with_a_fault_it_is_no_longer_proved(
    fault: int,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    change: Change,
    tmp_path: Path,
) -> None:
    require_tool("yosys", "sby")
    accelerator = _with_fault(fault, make_network([3, 5, 3], steps=3), change, tmp_path)
    assert prove_order(accelerator, depth=3, search=1).status in ("unknown", "refuted")


@pytest.mark.soak
@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_a_fault_is_refuted_from_the_reset_on(
    fault: int,
    make_network: MakeNetwork,
    require_tool: RequireTool,
    change: Change,
    tmp_path: Path,
) -> None:
    require_tool("yosys", "sby")
    accelerator = _with_fault(fault, make_network([1, 3, 2], steps=2), change, tmp_path)
    found = prove_order(accelerator, depth=1, search=40)
    assert found.status == "refuted" and "is_fair" in found.detail
