"""Choosing the order of work: which of the two engines computes a network."""

from __future__ import annotations

from typing import Unpack, get_args

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Rendered, render_stationary
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS, EngineOptions, check_supported, plan
from sc_neurocore.hdl.manifest import RamStyle, Schedule, WeightSource
from sc_neurocore.hdl.step_geometry import plan_steps
from sc_neurocore.hdl.step_outer import render_steps

AUTO = "auto"


def choose_schedule(
    network: IntegerNetwork,
    lanes: int,
    schedule: str = AUTO,
    *,
    weights: WeightSource = "rom",
    **options: Unpack[EngineOptions],
) -> Schedule:
    """Return the order of work; `auto` is group-stationary where that engine can.

    Raises:
        UserError: If no engine, or not the one asked for, has what the network needs or takes the
            options; or if there is no such schedule.
    """
    if schedule == AUTO:
        schedule = "group-stationary" if _is_group_stationary(network) else "step-outer"
    if schedule == "group-stationary":
        plan(network, lanes, **options)
        return "group-stationary"
    if schedule == "step-outer":
        plan_steps(network, lanes)
        _refuse(network, weights, options)
        return "step-outer"
    raise UserError(f"schedule {schedule!r}: expected {AUTO}, {', '.join(get_args(Schedule))}")


def render_accelerator(
    network: IntegerNetwork,
    lanes: int = 8,
    schedule: str = AUTO,
    *,
    weights: WeightSource = "rom",
    ram_style: RamStyle = "huge",
    **options: Unpack[EngineOptions],
) -> Rendered:
    """Make an accelerator with the order of work that fits.

    Args:
        network: The network.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.
        schedule: auto, group-stationary or step-outer.
        weights: See `hdl.accelerator.render_stationary`; group-stationary only.
        ram_style: Where loaded weights go.
        options: See `EngineOptions`; group-stationary only.

    Raises:
        UserError: If no engine has what the network needs, or it does not take an option.
    """
    chosen = choose_schedule(network, lanes, schedule, weights=weights, **options)
    if chosen == "group-stationary":
        return render_stationary(network, lanes, weights=weights, ram_style=ram_style, **options)
    return render_steps(network, lanes)


def _is_group_stationary(network: IntegerNetwork) -> bool:
    try:
        check_supported(network)
    except UserError:
        return False
    return True


def _refuse(network: IntegerNetwork, weights: WeightSource, options: EngineOptions) -> None:
    """Refuse what only the group-stationary engine has."""
    given = {"weights": weights, **options}
    usual = {"weights": "rom", **DEFAULT_OPTIONS}
    refused = [f"{name}={given[name]}" for name in given if given[name] != usual[name]]
    if refused:
        raise UserError(
            f"{network.name}: the step-outer schedule does not take {', '.join(refused)} so far"
        )
