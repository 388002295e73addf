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


def _with_fault(network: IntegerNetwork, change: Change, folder: Path) -> Accelerator:
    """Have the readout be asked for scores while they are added up."""
    accelerator = render_accelerator(network, 2).write(folder)
    ports = ".ask           (out_valid),", ".ask           (1'b1),"
    change(folder / "rtl/snn_engine.v", *ports)
    return accelerator


def test_with_a_fault_it_is_no_longer_proved(
    make_network: MakeNetwork, require_tool: RequireTool, change: Change, tmp_path: Path
) -> None:
    require_tool("yosys", "sby")
    accelerator = _with_fault(make_network([3, 5, 3], steps=3), change, tmp_path)
    assert prove_order(accelerator, depth=3, search=1).status in ("unknown", "refuted")


@pytest.mark.soak
def test_a_fault_is_refuted_from_the_reset_on(
    make_network: MakeNetwork, require_tool: RequireTool, change: Change, tmp_path: Path
) -> None:
    require_tool("yosys", "sby")
    accelerator = _with_fault(make_network([1, 2, 3], steps=2), change, tmp_path)
    found = prove_order(accelerator, depth=1, search=40)
    assert found.status == "refuted" and "is_fair" in found.detail
